/* SPDX-License-Identifier: Apache-2.0
 *
 * libFuzzer's mutations of a compressed file (behind one byte of fuzz-codec's own), and then most
 * often the checksums put right again: behind a wrong one nothing is reached. */
#include <lz4.h>
#include <xxhash.h>
#include <zlib.h>

#include "mutate.h"

#include "util/banned.h"

static uint32_t get(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Header and block checksums of the first frame. */
static void repair_lz4(uint8_t *p, size_t len)
{
	size_t head, at;
	unsigned flg;

	if (len < 7 || get(p) != 0x184D2204)
		return;
	flg = p[4];
	head = 7 + (flg & 8 ? 8U : 0U) + (flg & 1 ? 4U : 0U);
	if (len < head)
		return;
	p[head - 1] = (uint8_t)(XXH32(p + 4, head - 5, 0) >> 8);
	for (at = head; flg & 16 && len - at >= 8;) {
		size_t size = get(p + at) & 0x7fffffff;

		if (size == 0 || size > len - at - 8)
			return;
		put(p + at + 4 + size, XXH32(p + at + 4, size, 0));
		at += 8 + size;
	}
}

static uint32_t crc(const uint8_t *p, size_t len)
{
	return (uint32_t)crc32(0, p, (uInt)len);
}

/* Stream header, first block header, index and footer. */
static void repair_xz(uint8_t *p, size_t len)
{
	size_t block, index;

	if (len < 32)
		return;
	put(p + 8, crc(p + 6, 2));
	block = (p[12] + (size_t)1) * 4;
	if (p[12] != 0 && block <= len - 12)
		put(p + 12 + block - 4, crc(p + 12, block - 4));
	put(p + len - 12, crc(p + len - 8, 6));
	index = ((size_t)get(p + len - 8) + 1) * 4;
	if (index >= 8 && index <= len - 24)
		put(p + len - 16, crc(p + len - 12 - index, index - 4));
}

/* The trailer of the first member, if its header is plain. */
static void repair_gzip(uint8_t *p, size_t len)
{
	size_t at = 10;
	uint32_t sum = 0, size = 0;
	uint8_t out[4096];
	z_stream z = {0};
	int rc = Z_OK;

	if (len < 18 || (p[3] & ~8U) != 0)
		return;
	while (p[3] & 8 && at < len && p[at++] != 0)
		;
	if (inflateInit2(&z, -15) != Z_OK)
		return;
	z.next_in = p + at;
	z.avail_in = (uInt)(len - at);
	while (rc == Z_OK && size < 1 << 20) {
		uint32_t n;

		z.next_out = out;
		z.avail_out = sizeof out;
		rc = inflate(&z, Z_NO_FLUSH);
		n = (uint32_t)(sizeof out - z.avail_out);
		sum = (uint32_t)crc32(sum, out, n);
		size += n;
	}
	if (rc == Z_STREAM_END && z.avail_in >= 8) {
		at = len - z.avail_in;
		put(p + at, sum);
		put(p + at + 4, size);
	}
	inflateEnd(&z);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	uint64_t rng = seed;

	size = LLVMFuzzerMutate(data, size, max_size);
	if (size < 2 || mutate_random(&rng, 8) == 0)
		return size;
	switch (data[0] & 7) {
	case 0:
		repair_lz4(data + 1, size - 1);
		break;
	case 1:
		repair_xz(data + 1, size - 1);
		break;
	case 2:
		repair_gzip(data + 1, size - 1);
		break;
	default:
		break;
	}
	return size;
}
