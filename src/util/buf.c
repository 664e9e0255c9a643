/* SPDX-License-Identifier: Apache-2.0 */
#include "util/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"

#include "util/banned.h"

void buf_done(struct buf *b)
{
	free(b->p);
	*b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->p)
		b->p[0] = 0;
}

uint8_t *buf_reserve(struct buf *b, size_t len)
{
	size_t max = b->max ? b->max : BUF_MAX_DEFAULT;
	size_t need, cap;
	uint8_t *p;

	if (b->failed)
		return NULL;
	if (!dr_add_size(b->len, len, &need) || need > max) {
		b->failed = true;
		return NULL;
	}
	if (need + 1 > b->cap) {
		cap = b->cap ? b->cap : 64;
		while (cap < need + 1)
			cap *= 2;
		p = realloc(b->p, cap);
		if (!p) {
			b->failed = true;
			return NULL;
		}
		b->p = p;
		b->cap = cap;
	}
	return b->p + b->len;
}

void buf_append(struct buf *b, const void *p, size_t len)
{
	uint8_t *to = buf_reserve(b, len);

	if (!to)
		return;
	if (len)
		memcpy(to, p, len);
	b->len += len;
	b->p[b->len] = 0;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	uint8_t *to;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	to = n < 0 ? NULL : buf_reserve(b, (size_t)n);
	if (to) {
		vsnprintf((char *)to, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	} else {
		b->failed = true;
	}
	va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_le(struct buf *b, uint64_t v, size_t bytes)
{
	uint8_t t[8];

	for (size_t i = 0; i < 8; i++)
		t[i] = (uint8_t)(v >> (8 * i));
	buf_append(b, t, bytes <= 8 ? bytes : 8);
}

void buf_be(struct buf *b, uint64_t v, size_t bytes)
{
	uint8_t t[8];

	for (size_t i = 0; i < 8; i++)
		t[i] = (uint8_t)(v >> (8 * (7 - i)));
	buf_append(b, t + (bytes <= 8 ? 8 - bytes : 0), bytes <= 8 ? bytes : 8);
}

int buf_check(const struct buf *b, struct dr_err *err)
{
	if (!b->failed)
		return 0;
	return dr_fail(err, DR_LIMIT, "a text of more than %zu bytes, or no memory for it",
		       b->max ? b->max : BUF_MAX_DEFAULT);
}

const char *buf_str(const struct buf *b)
{
	return b->p ? (const char *)b->p : "";
}

char *buf_steal(struct buf *b)
{
	char *s;

	if (!b->p)
		buf_append(b, "", 0);
	if (b->failed)
		return NULL;
	b->p[b->len] = 0;
	s = (char *)b->p;
	b->p = NULL;
	b->len = b->cap = 0;
	return s;
}
