/* SPDX-License-Identifier: Apache-2.0
 *
 * util/rd: a bounded cursor over foreign bytes that fails closed: after the first read past the
 * end every read yields 0 and rd_ok() is false for good. Borrows the bytes. */
#ifndef DR_UTIL_RD_H
#define DR_UTIL_RD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rd {
	const uint8_t *p;
	size_t len;
	size_t pos;
	bool failed;
};

static inline struct rd rd_init(const void *p, size_t len)
{
	return (struct rd){.p = (const uint8_t *)p, .len = len};
}

static inline bool rd_ok(const struct rd *r)
{
	return !r->failed;
}

static inline size_t rd_left(const struct rd *r)
{
	return r->failed ? 0 : r->len - r->pos;
}

/* rd_bytes: borrow the next n bytes; NULL when fewer are left. */
static inline const uint8_t *rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *p;

	if (n > rd_left(r)) {
		r->failed = true;
		return NULL;
	}
	p = r->p + r->pos;
	r->pos += n;
	return p;
}

static inline uint64_t rd_be(struct rd *r, size_t n)
{
	const uint8_t *p = rd_bytes(r, n);
	uint64_t v = 0;

	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

static inline uint64_t rd_le(struct rd *r, size_t n)
{
	const uint8_t *p = rd_bytes(r, n);
	uint64_t v = 0;

	for (size_t i = n; p && i > 0; i--)
		v = v << 8 | p[i - 1];
	return v;
}

static inline uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)rd_be(r, 1);
}
static inline uint16_t rd_be16(struct rd *r)
{
	return (uint16_t)rd_be(r, 2);
}
static inline uint32_t rd_be32(struct rd *r)
{
	return (uint32_t)rd_be(r, 4);
}
static inline uint64_t rd_be64(struct rd *r)
{
	return rd_be(r, 8);
}
static inline uint16_t rd_le16(struct rd *r)
{
	return (uint16_t)rd_le(r, 2);
}
static inline uint32_t rd_le32(struct rd *r)
{
	return (uint32_t)rd_le(r, 4);
}
static inline uint64_t rd_le64(struct rd *r)
{
	return rd_le(r, 8);
}

#endif
