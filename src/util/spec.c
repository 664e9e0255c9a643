/* SPDX-License-Identifier: Apache-2.0 */
#include "util/spec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "util/io.h"
#include "util/num.h"

#include "util/banned.h"

#define SPEC_MAX_BYTES ((size_t)1 << 20)
#define SPEC_MAX_LINES 4096

struct spec {
	char *text; /* owned; keys and values point into it */
	size_t count;
	struct {
		const char *key;
		const char *value;
	} lines[];
};

void spec_put(struct buf *out, const char *key, const char *value)
{
	buf_puts(out, key);
	buf_putc(out, '=');
	for (; *value; value++) {
		if (*value == '\n')
			buf_puts(out, "\\n");
		else if (*value == '\r')
			buf_puts(out, "\\r");
		else if (*value == '\\')
			buf_puts(out, "\\\\");
		else
			buf_putc(out, *value);
	}
	buf_putc(out, '\n');
}

void spec_put_u64(struct buf *out, const char *key, uint64_t value)
{
	buf_printf(out, "%s=%llu\n", key, (unsigned long long)value);
}

/* unescape: in place; false on a backslash that means nothing. */
static bool unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s != '\\') {
			*to++ = *s;
			continue;
		}
		s++;
		if (*s == 'n')
			*to++ = '\n';
		else if (*s == 'r')
			*to++ = '\r';
		else if (*s == '\\')
			*to++ = '\\';
		else
			return false;
	}
	*to = 0;
	return true;
}

int spec_parse(struct spec **ret, const char *text, size_t len, struct dr_err *err)
{
	DR_CLEANUP(spec_freep) struct spec *s = NULL;
	size_t lines = 0;
	char *at, *eol, *eq;

	if (memchr(text, 0, len) || (len && text[len - 1] != '\n'))
		return dr_fail(err, DR_INVALID, "work order is not whole lines of text");
	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	if (lines > SPEC_MAX_LINES)
		return dr_fail(err, DR_LIMIT, "work order of %zu lines", lines);
	s = calloc(1, sizeof *s + lines * sizeof s->lines[0]);
	if (!s || !(s->text = malloc(len + 1)))
		return dr_fail_nomem(err);
	if (len)
		memcpy(s->text, text, len);
	s->text[len] = 0;
	for (at = s->text; *at; at = eol + 1) {
		eol = strchr(at, '\n');
		assert(eol);
		*eol = 0;
		eq = strchr(at, '=');
		if (!eq || eq == at || !unescape(eq + 1))
			return dr_fail(err, DR_INVALID, "work order has a malformed line");
		*eq = 0;
		s->lines[s->count].key = at;
		s->lines[s->count++].value = eq + 1;
	}
	*ret = DR_STEAL(s);
	return 0;
}

int spec_read_fd(struct spec **ret, int fd, struct dr_err *err)
{
	dr_autobuf struct buf b = BUF_INIT_MAX(SPEC_MAX_BYTES);

	if (dr_read_all(fd, &b, err) < 0)
		return -1;
	return spec_parse(ret, buf_str(&b), b.len, err);
}

void spec_free(struct spec *s)
{
	if (!s)
		return;
	free(s->text);
	free(s);
}

bool spec_line(const struct spec *s, size_t n, const char **ret_key, const char **ret_value)
{
	if (n >= s->count)
		return false;
	*ret_key = s->lines[n].key;
	*ret_value = s->lines[n].value;
	return true;
}

const char *spec_nth(const struct spec *s, const char *key, size_t n)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->lines[i].key, key) == 0 && n-- == 0)
			return s->lines[i].value;
	return NULL;
}

const char *spec_get(const struct spec *s, const char *key, const char *fallback)
{
	const char *v = spec_nth(s, key, 0);

	return v ? v : fallback;
}

uint64_t spec_get_u64(const struct spec *s, const char *key, uint64_t fallback)
{
	const char *v = spec_nth(s, key, 0);
	uint64_t n;

	return v && dr_parse_u64(v, 0, UINT64_MAX, &n) ? n : fallback;
}
