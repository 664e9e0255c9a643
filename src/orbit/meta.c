/* SPDX-License-Identifier: Apache-2.0 */
#include "orbit/meta.h"

#include <string.h>
#include <strings.h>

#include "util/str.h"

#include "util/banned.h"

/* One line; borrowed. */
struct line {
	const char *name, *value;
	size_t name_len, value_len;
	const char *next; /* the line after it */
};

/* line_at: false at the end, and where there is no line. */
static bool line_at(const char *p, struct line *ret)
{
	const char *end = strchr(p, '\n');
	const char *colon = end ? memchr(p, ':', (size_t)(end - p)) : NULL;

	if (!colon)
		return false;
	ret->name = p;
	ret->name_len = (size_t)(colon - p);
	ret->value = colon + 1;
	if (*ret->value == ' ')
		ret->value++;
	ret->value_len = (size_t)(end - ret->value);
	ret->next = end + 1;
	return true;
}

/* Not toupper(), which would ask a locale. */
static char spelled(char c, bool after_letter)
{
	bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';

	if (lower && !after_letter)
		return (char)(c - 'a' + 'A');
	if (upper && after_letter)
		return (char)(c - 'A' + 'a');
	return c;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int d = strncasecmp(a, b, a_len < b_len ? a_len : b_len);

	return d != 0 ? d : (a_len > b_len) - (a_len < b_len);
}

static bool find(const char *text, const char *name, struct line *ret)
{
	for (const char *p = text; line_at(p, ret); p = ret->next) {
		if (compare_names(ret->name, ret->name_len, name, strlen(name)) == 0)
			return true;
	}
	return false;
}

static void copy_cut(char *to, size_t size, const char *from, size_t len)
{
	if (size == 0)
		return;
	if (len >= size)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = 0;
}

void meta_done(struct meta *m)
{
	buf_done(&m->text);
}

const char *meta_text(const struct meta *m)
{
	return buf_str(&m->text);
}

bool meta_get(const char *text, const char *name, char *ret, size_t size)
{
	struct line line;

	if (!find(text, name, &line))
		return false;
	copy_cut(ret, size, line.value, line.value_len);
	return true;
}

bool meta_next(const char *text, size_t *pos, char *name, size_t name_size, char *value,
	       size_t value_size)
{
	struct line line;

	if (!line_at(text + *pos, &line))
		return false;
	copy_cut(name, name_size, line.name, line.name_len);
	copy_cut(value, value_size, line.value, line.value_len);
	*pos = (size_t)(line.next - text);
	return true;
}

/* RFC 9110 section 5.6.2: token. */
static bool is_token(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_letter(s[i]) && !(s[i] >= '0' && s[i] <= '9') &&
		    (!s[i] || !strchr("!#$%&'*+-.^_`|~", s[i])))
			return false;
	}
	return len > 0;
}

static int check_line(const char *name, size_t name_len, const char *value, size_t value_len,
		      struct dr_err *err)
{
	if (!is_token(name, name_len))
		return dr_refuse(err, DR_INVALID, "metadata",
				 "A metadata name has a character that names cannot have");
	if (!dr_text_valid(value, value_len))
		return dr_refuse(err, DR_INVALID, "metadata",
				 "Metadata must be valid UTF-8 without control characters");
	return 0;
}

static void put_line(struct buf *b, const char *name, size_t name_len, const char *value,
		     size_t value_len)
{
	bool after_letter = false;

	for (size_t i = 0; i < name_len; i++) {
		buf_putc(b, spelled(name[i], after_letter));
		after_letter = is_letter(name[i]);
	}
	buf_puts(b, ": ");
	buf_append(b, value, value_len);
	buf_putc(b, '\n');
}

/* replace: the text without the name, and with it when there is a value. */
static int replace(struct meta *m, const char *name, size_t name_len, const char *value,
		   size_t value_len, struct dr_err *err)
{
	dr_autobuf struct buf b = BUF_INIT;
	struct line line;
	const char *p = buf_str(&m->text), *rest = p;

	while (line_at(p, &line) && compare_names(line.name, line.name_len, name, name_len) < 0)
		p = line.next;
	buf_append(&b, rest, (size_t)(p - rest));
	if (value_len > 0)
		put_line(&b, name, name_len, value, value_len);
	if (line_at(p, &line) && compare_names(line.name, line.name_len, name, name_len) == 0)
		p = line.next;
	buf_puts(&b, p);
	if (buf_check(&b, err) < 0)
		return -1;
	buf_done(&m->text);
	m->text = b;
	b = (struct buf)BUF_INIT;
	return 0;
}

int meta_set(struct meta *m, const char *name, const char *value, struct dr_err *err)
{
	size_t value_len = value ? strlen(value) : 0;

	if (check_line(name, strlen(name), value ? value : "", value_len, err) < 0)
		return -1;
	return replace(m, name, strlen(name), value, value_len, err);
}

int meta_parse(struct meta *m, const char *text, struct dr_err *err)
{
	dr_meta parsed = META_INIT;
	struct line line, other;
	const char *p;

	for (p = text; line_at(p, &line); p = line.next) {
		if (check_line(line.name, line.name_len, line.value, line.value_len, err) < 0)
			return -1;
		for (const char *q = meta_text(&parsed); line_at(q, &other); q = other.next) {
			if (compare_names(line.name, line.name_len, other.name, other.name_len) ==
			    0)
				return dr_fail(err, DR_INVALID, "a metadata name is there twice");
		}
		if (line.value_len == 0)
			return dr_fail(err, DR_INVALID, "metadata without a value");
		if (replace(&parsed, line.name, line.name_len, line.value, line.value_len, err) < 0)
			return -1;
	}
	if (*p)
		return dr_fail(err, DR_INVALID, "this is no metadata");
	meta_done(m);
	*m = parsed;
	parsed = (struct meta)META_INIT;
	return 0;
}

void meta_drop(struct meta *m, const char *prefix)
{
	size_t len = strlen(prefix), kept = 0;
	char *text = (char *)m->text.p;
	struct line line;

	if (!text)
		return;
	for (const char *p = text; line_at(p, &line);) {
		size_t line_len = (size_t)(line.next - p);

		/* What is kept moves down over what is not. */
		if (line.name_len < len || strncasecmp(line.name, prefix, len) != 0) {
			memmove(text + kept, p, line_len);
			kept += line_len;
		}
		p = line.next;
	}
	m->text.len = kept;
	text[kept] = 0;
}

int meta_check(const char *text, const char *user_prefix, struct dr_err *err)
{
	size_t items = 0, bytes = 0, prefix_len = strlen(user_prefix);
	struct line line;

	for (const char *p = text; line_at(p, &line); p = line.next) {
		size_t name_len;

		if (line.name_len < prefix_len ||
		    strncasecmp(line.name, user_prefix, prefix_len) != 0)
			continue;
		name_len = line.name_len - prefix_len;
		if (name_len == 0)
			return dr_refuse(err, DR_INVALID, "metadata",
					 "Metadata name cannot be empty");
		if (name_len > META_MAX_NAME)
			return dr_refuse(err, DR_INVALID, "metadata",
					 "Metadata name longer than %d", META_MAX_NAME);
		if (line.value_len > META_MAX_VALUE)
			return dr_refuse(err, DR_INVALID, "metadata",
					 "Metadata value longer than %d", META_MAX_VALUE);
		items++;
		bytes += name_len + line.value_len;
	}
	if (items > META_MAX_ITEMS)
		return dr_refuse(err, DR_INVALID, "metadata", "Too many metadata items; max %d",
				 META_MAX_ITEMS);
	if (bytes > META_MAX_BYTES)
		return dr_refuse(err, DR_INVALID, "metadata", "Total metadata too large; max %d",
				 META_MAX_BYTES);
	return 0;
}
