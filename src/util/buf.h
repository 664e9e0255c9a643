/* SPDX-License-Identifier: Apache-2.0
 *
 * util/buf: a growing byte buffer with a hard maximum. Append freely, test once with buf_ok():
 * after the first append that does not fit (or finds no memory) the buffer stays failed.
 * The content is always followed by a NUL that does not count. */
#ifndef DR_UTIL_BUF_H
#define DR_UTIL_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/err.h"

struct buf {
	uint8_t *p; /* NULL while empty */
	size_t len;
	size_t cap;
	size_t max; /* 0: BUF_MAX_DEFAULT */
	bool failed;
};

#define BUF_MAX_DEFAULT ((size_t)64 << 20)
#define BUF_INIT  \
	{         \
		0 \
	}
#define BUF_INIT_MAX(m)    \
	{                  \
		.max = (m) \
	}

void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* empty, not failed, memory kept */
void buf_append(struct buf *b, const void *p, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) DR_PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_le(struct buf *b, uint64_t v, size_t bytes); /* little-endian integer of 1..8 bytes */
void buf_be(struct buf *b, uint64_t v, size_t bytes);
/* buf_reserve: room for len more bytes; the write position, or NULL (failed). Then add to len. */
uint8_t *buf_reserve(struct buf *b, size_t len);
static inline bool buf_ok(const struct buf *b)
{
	return !b->failed;
}
/* buf_check: 0, or -1 with NO_MEMORY/LIMIT when the buffer failed. */
int buf_check(const struct buf *b, struct dr_err *err) DR_MUST_CHECK;
/* buf_str: the content as a C string, "" while empty; borrowed until the next change. */
const char *buf_str(const struct buf *b);
/* buf_steal: the content as an owned C string; NULL when failed. The buffer becomes empty. */
char *buf_steal(struct buf *b);

#define dr_autobuf DR_CLEANUP(buf_done)

#endif
