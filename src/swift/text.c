/* SPDX-License-Identifier: Apache-2.0 */
#include "swift/text.h"

#include <string.h>
#include <time.h>

#include "util/banned.h"

static size_t plain_json(const uint8_t *p)
{
	size_t n = 0;

	/* 0xE2 begins the line separators. */
	while (p[n] >= 0x20 && p[n] != '"' && p[n] != '\\' && p[n] != 0x7F && p[n] != 0xE2)
		n++;
	return n;
}

void text_json(struct buf *b, const char *s)
{
	const uint8_t *p = (const uint8_t *)s;

	buf_putc(b, '"');
	for (;;) {
		size_t n = plain_json(p);

		buf_append(b, p, n);
		p += n;
		if (!*p)
			break;
		if (*p == '"' || *p == '\\') {
			buf_putc(b, '\\');
			buf_putc(b, (char)*p++);
		} else if (*p != 0xE2) {
			buf_printf(b, "\\u%04x", *p++);
		} else if (p[1] == 0x80 && (p[2] == 0xA8 || p[2] == 0xA9)) {
			buf_puts(b, p[2] == 0xA8 ? "\\u2028" : "\\u2029");
			p += 3;
		} else {
			buf_putc(b, (char)*p++);
		}
	}
	buf_putc(b, '"');
}

static const char *markup(uint8_t c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#x27;";
	default:
		return NULL;
	}
}

/* U+FFFE and U+FFFF in UTF-8. */
static bool is_no_character(const uint8_t *p)
{
	return p[0] == 0xEF && p[1] == 0xBF && (p[2] == 0xBE || p[2] == 0xBF);
}

void text_xml(struct buf *b, const char *s)
{
	static const char replacement[] = "\xEF\xBF\xBD";

	for (const uint8_t *p = (const uint8_t *)s; *p; p++) {
		const char *escaped = markup(*p);

		if (escaped) {
			buf_puts(b, escaped);
		} else if (*p == '\t' || *p == '\n' || *p == '\r') {
			/* As they are they would be normalised away (sections 2.11, 3.3.3). */
			buf_printf(b, "&#%u;", *p);
		} else if (*p < 0x20) {
			buf_puts(b, replacement);
		} else if (is_no_character(p)) {
			buf_puts(b, replacement);
			p += 2;
		} else {
			buf_putc(b, (char)*p);
		}
	}
}

void text_html(struct buf *b, const char *s)
{
	for (; *s; s++) {
		const char *escaped = markup((uint8_t)*s);

		if (escaped)
			buf_puts(b, escaped);
		else
			buf_putc(b, *s);
	}
}

void text_line(struct buf *b, const char *s)
{
	size_t n = strcspn(s, "\r\n");

	for (; s[n]; n = strcspn(s, "\r\n")) {
		buf_append(b, s, n);
		buf_puts(b, s[n] == '\r' ? "%0D" : "%0A");
		s += n + 1;
	}
	buf_append(b, s, n);
	buf_putc(b, '\n');
}

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-' || c == '~';
}

void text_url(struct buf *b, const char *s, const char *safe)
{
	for (; *s; s++) {
		if (is_unreserved(*s) || strchr(safe, *s))
			buf_putc(b, *s);
		else
			buf_printf(b, "%%%02X", (unsigned)(uint8_t)*s);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool text_unquote(const char *s, char *ret, size_t size)
{
	size_t n = 0;

	for (; *s; s++) {
		char c = *s;

		if (c == '%') {
			int high = hex_digit(s[1]), low = high < 0 ? -1 : hex_digit(s[2]);

			if (low < 0 || (high | low) == 0)
				return false;
			c = (char)(high << 4 | low);
			s += 2;
		}
		if (n + 1 >= size)
			return false;
		ret[n++] = c;
	}
	ret[n] = 0;
	return true;
}

void text_number(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t n = sizeof digits;

	do
		digits[--n] = (char)('0' + v % 10);
	while ((v /= 10) > 0);
	buf_append(b, digits + n, sizeof digits - n);
}

void text_time(struct buf *b, struct text_clock *clock, int64_t us)
{
	int64_t second = us / 1000000;
	uint64_t rest = (uint64_t)(us % 1000000);
	char fraction[7] = ".000000";

	if (!clock->text[0] || clock->second != second) {
		time_t t = (time_t)second;
		struct tm tm = {0};

		gmtime_r(&t, &tm);
		if (strftime(clock->text, sizeof clock->text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
			clock->text[0] = 0;
		clock->second = second;
	}
	buf_puts(b, clock->text);
	for (size_t i = 6; i > 0; i--, rest /= 10)
		fraction[i] = (char)('0' + rest % 10);
	buf_append(b, fraction, sizeof fraction);
}
