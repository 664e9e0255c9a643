/* SPDX-License-Identifier: Apache-2.0 */
#include "store/chunk.h"

#include <assert.h>
#include <lz4.h>
#include <string.h>
#include <xxhash.h>

#include "util/rd.h"

#include "util/banned.h"

#define WORD_PLAIN 0x80000000u

static uint32_t le32(const uint8_t *p)
{
	struct rd r = rd_init(p, 4);

	return rd_le32(&r);
}

static void put_le32(uint8_t *p, uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* seal: word and check word around the `n` data bytes at b->p + 4, in memory already reserved. */
static void seal(struct buf *b, size_t n, uint32_t flag)
{
	put_le32(b->p, (uint32_t)n | flag);
	put_le32(b->p + 4 + n, XXH32(b->p + 4, n, 0));
	b->len = n + CHUNK_OVERHEAD_BYTES;
	b->p[b->len] = 0;
}

int chunk_encode(const void *p, size_t len, unsigned hurry, struct buf *ret, struct dr_err *err)
{
	/* LZ4's acceleration. Measured on a Debian system, beside 1: 4 is a fifth faster and 10 %
	 * larger, 8 is half as fast again and 19 % larger. */
	static const int acceleration[STORE_HURRY_MAX + 1] = {1, 4, 8};
	uint8_t *to;
	int n;

	assert(len >= 1 && len <= STORE_CHUNK_BYTES && hurry <= STORE_HURRY_MAX);
	buf_clear(ret);
	/* With room for the worst case LZ4 need not look for the end of its output: 5 % faster. */
	to = buf_reserve(ret, LZ4_COMPRESSBOUND(len) + CHUNK_OVERHEAD_BYTES);
	if (!to)
		return buf_check(ret, err);
	n = LZ4_compress_fast(p, (char *)to + 4, (int)len, (int)LZ4_COMPRESSBOUND(len),
			      acceleration[hurry]);
	/* What does not shrink is stored plain, which no reader has to expand. */
	if (n > 0 && (size_t)n < len) {
		seal(ret, (size_t)n, 0);
	} else {
		memcpy(to + 4, p, len);
		seal(ret, len, WORD_PLAIN);
	}
	return 0;
}

/* LZ4 block format: a sequence is a token (high nibble: literals, low nibble: match length - 4, 15
 * meaning "plus the bytes that follow, up to one that is not 255"), literals, a 2-byte offset. The
 * last five bytes are always literals, and the last match starts at least 12 bytes before the end;
 * so: one zero as a literal, a match at offset 1 over all but the last five, five zeros. */
int chunk_encode_zeros(size_t len, struct buf *ret, struct dr_err *err)
{
	size_t rest = len - 1 - 5 - 4 - 15;

	assert(len >= 512 && len <= STORE_CHUNK_BYTES);
	buf_clear(ret);
	buf_le(ret, 0, 4);
	buf_le(ret, 0x1F, 1);
	buf_le(ret, 0, 1);
	buf_le(ret, 1, 2);
	for (; rest >= 255; rest -= 255)
		buf_le(ret, 255, 1);
	buf_le(ret, rest, 1);
	buf_le(ret, 0x50, 1);
	buf_le(ret, 0, 5);
	buf_le(ret, 0, 4);
	if (buf_check(ret, err) < 0)
		return -1;
	seal(ret, ret->len - CHUNK_OVERHEAD_BYTES, 0);
	return 0;
}

bool chunk_sane(uint64_t bytes, const uint8_t head[static 4], const uint8_t tail[static 4],
		struct store_chunk_info *ret)
{
	if (bytes < CHUNK_STORED_MIN || bytes > CHUNK_STORED_MAX)
		return false;
	if ((le32(head) & ~WORD_PLAIN) != bytes - CHUNK_OVERHEAD_BYTES)
		return false;
	ret->stored_bytes = (uint32_t)bytes;
	ret->check = le32(tail);
	return true;
}

bool chunk_verify(const void *stored, size_t len, struct store_chunk_info *ret)
{
	const uint8_t *p = stored;

	if (len < CHUNK_STORED_MIN || !chunk_sane(len, p, p + len - 4, ret))
		return false;
	return XXH32(p + 4, len - CHUNK_OVERHEAD_BYTES, 0) == ret->check;
}

int chunk_decode(const void *stored, size_t len, struct buf *ret, struct dr_err *err)
{
	const uint8_t *p = stored;
	struct store_chunk_info info;
	uint8_t *to;
	int n;

	buf_clear(ret);
	if (!chunk_verify(stored, len, &info))
		return dr_fail(err, DR_CORRUPT, "its length or check word is wrong");
	if (le32(p) & WORD_PLAIN) {
		buf_append(ret, p + 4, len - CHUNK_OVERHEAD_BYTES);
		return buf_check(ret, err);
	}
	to = buf_reserve(ret, STORE_CHUNK_BYTES);
	if (!to)
		return buf_check(ret, err);
	n = LZ4_decompress_safe((const char *)p + 4, (char *)to, (int)(len - CHUNK_OVERHEAD_BYTES),
				(int)STORE_CHUNK_BYTES);
	if (n <= 0)
		return dr_fail(err, DR_CORRUPT, "its data is not an LZ4 block");
	ret->len = (size_t)n;
	ret->p[ret->len] = 0;
	return 0;
}
