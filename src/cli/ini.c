/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/ini.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "util/str.h"

#include "util/banned.h"

enum line_kind { LINE_OTHER, LINE_SECTION, LINE_KEY }; /* OTHER: blank or comment */

struct line {
	enum line_kind kind;
	char *raw;   /* the line as it will be written, without its newline */
	char *name;  /* section or key; NULL for OTHER */
	char *value; /* KEY only */
};

struct ini {
	struct line *lines; /* owned */
	size_t count;
	size_t cap;
};

static void line_done(struct line *l)
{
	free(l->raw);
	free(l->name);
	free(l->value);
}

void ini_free(struct ini *ini)
{
	if (!ini)
		return;
	for (size_t i = 0; i < ini->count; i++)
		line_done(&ini->lines[i]);
	free(ini->lines);
	free(ini);
}

/* trimmed: an owned copy of s[0 .. len) without the blanks around it. */
static char *trimmed(const char *s, size_t len)
{
	while (len > 0 && isspace((unsigned char)s[0])) {
		s++;
		len--;
	}
	while (len > 0 && isspace((unsigned char)s[len - 1]))
		len--;
	return strndup(s, len);
}

/* insert: a line before position `at`; its strings are owned by `ini` from the call on. */
static int insert(struct ini *ini, size_t at, struct line l, struct dr_err *err)
{
	struct line *more;

	if (!l.raw || (l.kind != LINE_OTHER && !l.name) || (l.kind == LINE_KEY && !l.value)) {
		line_done(&l);
		return dr_fail_nomem(err);
	}
	if (ini->count == ini->cap) {
		more = reallocarray(ini->lines, ini->cap ? 2 * ini->cap : 16, sizeof *more);
		if (!more) {
			line_done(&l);
			return dr_fail_nomem(err);
		}
		ini->lines = more;
		ini->cap = ini->cap ? 2 * ini->cap : 16;
	}
	memmove(ini->lines + at + 1, ini->lines + at, (ini->count - at) * sizeof l);
	ini->lines[at] = l;
	ini->count++;
	return 0;
}

static void drop(struct ini *ini, size_t at)
{
	line_done(&ini->lines[at]);
	ini->count--;
	memmove(ini->lines + at, ini->lines + at + 1, (ini->count - at) * sizeof *ini->lines);
}

static int parse_line(struct ini *ini, const char *s, size_t len, bool *in_section,
		      struct dr_err *err)
{
	struct line l = {.raw = strndup(s, len)};
	size_t blanks = 0;
	const char *end;

	while (blanks < len && isspace((unsigned char)s[blanks]))
		blanks++;
	if (blanks == len || s[blanks] == ';')
		return insert(ini, ini->count, l, err);
	end = memchr(s + blanks, ']', len - blanks);
	if (s[blanks] == '[' && end && end > s + blanks + 1) {
		l.kind = LINE_SECTION;
		l.name = trimmed(s + blanks + 1, (size_t)(end - s) - blanks - 1);
		*in_section = true;
		return insert(ini, ini->count, l, err);
	}
	end = memchr(s, '=', len);
	if (!end || end == s || !*in_section) {
		free(l.raw);
		return dr_fail(err, DR_INVALID, "%s '%.*s'",
			       end && end != s ? "a setting before the first section:"
					       : "could not parse line",
			       len > 80 ? 80 : (int)len, s);
	}
	l.kind = LINE_KEY;
	l.name = trimmed(s, (size_t)(end - s));
	l.value = trimmed(end + 1, len - (size_t)(end - s) - 1);
	return insert(ini, ini->count, l, err);
}

int ini_parse(struct ini **ret, const char *text, size_t len, struct dr_err *err)
{
	DR_CLEANUP(ini_freep) struct ini *ini = calloc(1, sizeof *ini);
	bool in_section = false;
	const char *end;
	size_t n;

	if (!ini)
		return dr_fail_nomem(err);
	if (memchr(text, 0, len))
		return dr_fail(err, DR_INVALID, "it is not a text file");
	for (; len > 0; text += n, len -= n) {
		end = memchr(text, '\n', len);
		n = end ? (size_t)(end - text) : len;
		if (parse_line(ini, text, n, &in_section, err) < 0)
			return -1;
		n += end ? 1 : 0;
	}
	*ret = DR_STEAL(ini);
	return 0;
}

void ini_write(const struct ini *ini, struct buf *out)
{
	for (size_t i = 0; i < ini->count; i++) {
		buf_puts(out, ini->lines[i].raw);
		buf_putc(out, '\n');
	}
}

/* next_in: the next line at or behind `at` that belongs to the section (its header too); count when
 * there is none. */
static size_t next_in(const struct ini *ini, const char *section, size_t at)
{
	bool inside = false;

	for (size_t i = 0; i < ini->count; i++) {
		if (ini->lines[i].kind == LINE_SECTION)
			inside = dr_streq(ini->lines[i].name, section);
		if (inside && i >= at)
			return i;
	}
	return ini->count;
}

/* find: the line that holds the key's value; count when there is none. */
static size_t find(const struct ini *ini, const char *section, const char *key)
{
	size_t found = ini->count;

	for (size_t i = next_in(ini, section, 0); i < ini->count; i = next_in(ini, section, i + 1))
		if (ini->lines[i].kind == LINE_KEY && dr_streq(ini->lines[i].name, key))
			found = i;
	return found;
}

const char *ini_get(const struct ini *ini, const char *section, const char *key)
{
	size_t i = find(ini, section, key);

	return i < ini->count ? ini->lines[i].value : NULL;
}

bool ini_has(const struct ini *ini, const char *section)
{
	return next_in(ini, section, 0) < ini->count;
}

const char *ini_section(const struct ini *ini, size_t n)
{
	for (size_t i = 0; i < ini->count; i++) {
		const char *name = ini->lines[i].name;

		if (ini->lines[i].kind == LINE_SECTION && next_in(ini, name, 0) == i && n-- == 0)
			return name;
	}
	return NULL;
}

static char *joined(const char *a, const char *b, const char *c)
{
	dr_autobuf struct buf text = BUF_INIT;

	buf_printf(&text, "%s%s%s", a, b, c);
	return buf_steal(&text);
}

static bool is_blank(const struct line *l)
{
	return l->kind == LINE_OTHER && l->raw[strspn(l->raw, " \t\r")] == 0;
}

/* add_section: a header with a blank line between it and the other sections. */
static int add_section(struct ini *ini, const char *section, struct dr_err *err)
{
	bool first = dr_streq(section, "core");
	size_t at = first ? 0 : ini->count;
	bool blank = ini->count > 0 && (first || !is_blank(&ini->lines[ini->count - 1]));
	struct line header = {
		.kind = LINE_SECTION, .raw = joined("[", section, "]"), .name = strdup(section)};

	if (insert(ini, at, header, err) < 0)
		return -1;
	if (!blank)
		return 0;
	return insert(ini, first ? 1 : at, (struct line){.raw = strdup("")}, err);
}

/* key_place: where a new key of the section goes: behind its last key, or its header. */
static size_t key_place(const struct ini *ini, const char *section)
{
	size_t place = ini->count;

	for (size_t i = next_in(ini, section, 0); i < ini->count; i = next_in(ini, section, i + 1))
		if (ini->lines[i].kind != LINE_OTHER)
			place = i + 1;
	return place;
}

/* writable: survives being written and read again. */
static bool writable(const char *s, const char *without)
{
	size_t len = strlen(s);

	if (strcspn(s, without) != len || strpbrk(s, "\r\n"))
		return false;
	return len == 0 || (!isspace((unsigned char)s[0]) && !isspace((unsigned char)s[len - 1]));
}

int ini_set(struct ini *ini, const char *section, const char *key, const char *value,
	    struct dr_err *err)
{
	struct line l = {.kind = LINE_KEY};
	size_t at;

	if (!*section || !*key || !writable(section, "]") || !writable(key, "=[];") ||
	    !writable(value, ""))
		return dr_fail(err, DR_INVALID, "%s of [%s] cannot be written to the config file",
			       key, section);
	at = find(ini, section, key);
	if (at < ini->count) {
		drop(ini, at);
	} else {
		if (!ini_has(ini, section) && add_section(ini, section, err) < 0)
			return -1;
		at = key_place(ini, section);
	}
	l.raw = joined(key, " = ", value);
	l.name = strdup(key);
	l.value = strdup(value);
	return insert(ini, at, l, err);
}

void ini_unset(struct ini *ini, const char *section, const char *key)
{
	size_t i;

	while ((i = find(ini, section, key)) < ini->count)
		drop(ini, i);
}

void ini_remove(struct ini *ini, const char *section)
{
	size_t start, end, keep;

	while ((start = next_in(ini, section, 0)) < ini->count) {
		for (end = start + 1; end < ini->count; end++)
			if (ini->lines[end].kind == LINE_SECTION)
				break;
		for (keep = end; end < ini->count && keep > start + 1; keep--)
			if (ini->lines[keep - 1].kind != LINE_OTHER ||
			    is_blank(&ini->lines[keep - 1]))
				break;
		for (; keep > start; keep--)
			drop(ini, start);
	}
}
