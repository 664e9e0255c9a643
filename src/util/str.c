/* SPDX-License-Identifier: Apache-2.0 */
#include "util/str.h"

#include <stdint.h>
#include <string.h>

#include "util/banned.h"

bool dr_copy(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);
	bool fits = len < size;

	if (size == 0)
		return false;
	if (!fits)
		len = size - 1;
	memcpy(to, from, len);
	to[len] = 0;
	return fits;
}

/* utf8_next: the length of the sequence at s (0: malformed) and its code point. RFC 3629 section 4.
 */
static size_t utf8_next(const uint8_t *s, size_t left, uint32_t *ret)
{
	size_t n = s[0] < 0x80 ? 1 : s[0] < 0xC2 ? 0 : s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
	uint32_t c;

	if (n == 0 || n > left || s[0] > 0xF4)
		return 0;
	if (n == 1) {
		*ret = s[0];
		return 1;
	}
	c = s[0] & (0x7Fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3Fu);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && c < 0x10000) || c > 0x10FFFF ||
	    (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	*ret = c;
	return n;
}

static bool text_check(const char *s, size_t len, bool controls)
{
	const uint8_t *p = (const uint8_t *)s;
	uint32_t c;
	size_t n;

	for (size_t i = 0; i < len; i += n) {
		n = utf8_next(p + i, len - i, &c);
		if (n == 0 || c == 0)
			return false;
		if (!controls && (c < 0x20 || (c >= 0x7F && c < 0xA0)))
			return false;
	}
	return true;
}

bool dr_utf8_valid(const char *s, size_t len)
{
	return text_check(s, len, true);
}

bool dr_text_valid(const char *s, size_t len)
{
	return text_check(s, len, false);
}

void dr_quote(struct buf *b, const char *s, size_t max)
{
	size_t i;

	buf_putc(b, '"');
	for (i = 0; s[i] && i < max; i++) {
		if (s[i] >= 0x20 && s[i] < 0x7F && s[i] != '"' && s[i] != '\\')
			buf_putc(b, s[i]);
		else
			buf_printf(b, "\\x%02x", (unsigned)(uint8_t)s[i]);
	}
	buf_puts(b, s[i] ? "...\"" : "\"");
}

bool dr_starts(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool dr_streq(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}
