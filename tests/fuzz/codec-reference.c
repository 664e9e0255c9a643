/* SPDX-License-Identifier: Apache-2.0 */
#include "codec-reference.h"

#include <bzlib.h>
#include <lz4.h>
#include <lz4frame.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>

#include "util/banned.h"

#define PIECE ((size_t)64 << 10)
#define LEGACY_MAGIC 0x184C2102U
#define LEGACY_BLOCK ((size_t)8 << 20)

struct reader {
	const uint8_t *p;
	size_t left;
	XXH64_state_t *hash;
	uint8_t *out; /* owned: PIECE bytes */
};

static void take(struct reader *r, size_t n)
{
	r->p += n;
	r->left -= n;
}

static void give(struct reader *r, const void *p, size_t n)
{
	if (n > 0)
		XXH64_update(r->hash, p, n);
}

static uint32_t word(const struct reader *r)
{
	uint32_t v = 0;

	for (size_t i = 0; i < 4 && i < r->left; i++)
		v |= (uint32_t)r->p[i] << (8 * i);
	return v;
}

static bool is_magic(uint32_t v)
{
	return v == LEGACY_MAGIC || v == LZ4F_MAGICNUMBER || (v & ~15U) == 0x184D2A50U;
}

/* A legacy frame has no end: it stops where the file does, or at another magic number. */
static bool lz4_legacy(struct reader *r)
{
	uint8_t *block = malloc(LEGACY_BLOCK);
	bool ok = block != NULL;

	take(r, 4);
	while (ok && r->left > 0 && !is_magic(word(r))) {
		size_t size = word(r);
		int n = -1;

		if (r->left >= 4 && size <= r->left - 4)
			n = LZ4_decompress_safe((const char *)r->p + 4, (char *)block, (int)size,
						(int)LEGACY_BLOCK);
		ok = n >= 0;
		if (ok) {
			give(r, block, (size_t)n);
			take(r, 4 + size);
		}
	}
	free(block);
	return ok;
}

static bool lz4_frame(struct reader *r)
{
	LZ4F_dctx *ctx = NULL;
	size_t hint = 1;

	if (LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
		abort();
	while (hint > 0) {
		size_t in = r->left, out = PIECE;

		hint = LZ4F_decompress(ctx, r->out, &out, r->p, &in, NULL);
		if (LZ4F_isError(hint) || (in == 0 && out == 0))
			break;
		give(r, r->out, out);
		take(r, in);
	}
	LZ4F_freeDecompressionContext(ctx);
	return hint == 0;
}

static bool lz4(struct reader *r)
{
	bool ok = true;

	while (ok && r->left > 0)
		ok = word(r) == LEGACY_MAGIC ? lz4_legacy(r) : lz4_frame(r);
	return ok;
}

static bool xz(struct reader *r)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_ret rc = LZMA_OK;

	if (lzma_stream_decoder(&s, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK)
		abort();
	s.next_in = r->p;
	s.avail_in = r->left;
	while (rc == LZMA_OK) {
		s.next_out = r->out;
		s.avail_out = PIECE;
		rc = lzma_code(&s, LZMA_FINISH);
		give(r, r->out, PIECE - s.avail_out);
	}
	lzma_end(&s);
	return rc == LZMA_STREAM_END;
}

/* Zeros may follow the last member. */
static bool gzip(struct reader *r)
{
	bool inside = false;
	z_stream z = {0};
	int rc = Z_OK;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		abort();
	while (rc == Z_OK && r->left > 0 && (inside || r->p[0] != 0)) {
		z.next_in = (z_const Bytef *)(uintptr_t)r->p;
		z.avail_in = (uInt)r->left;
		z.next_out = r->out;
		z.avail_out = PIECE;
		rc = inflate(&z, Z_NO_FLUSH);
		give(r, r->out, PIECE - z.avail_out);
		take(r, r->left - z.avail_in);
		inside = rc != Z_STREAM_END;
		if (!inside)
			rc = inflateReset(&z);
	}
	inflateEnd(&z);
	return rc == Z_OK && !inside;
}

static bool zstd(struct reader *r)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	size_t rc = 0;

	if (!z || ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, 31)))
		abort();
	do {
		ZSTD_inBuffer in = {r->p, r->left, 0};
		ZSTD_outBuffer out = {r->out, PIECE, 0};

		rc = ZSTD_decompressStream(z, &out, &in);
		if (ZSTD_isError(rc) || (in.pos == 0 && out.pos == 0))
			break;
		give(r, r->out, out.pos);
		take(r, in.pos);
	} while (r->left > 0 || rc > 0);
	ZSTD_freeDStream(z);
	return rc == 0;
}

static bool bzip2(struct reader *r)
{
	bool ok = true;

	while (ok && r->left > 0) {
		bz_stream bz = {0};
		int rc = BZ_OK;

		if (BZ2_bzDecompressInit(&bz, 0, 0) != BZ_OK)
			abort();
		while (rc == BZ_OK) {
			size_t before = r->left;

			bz.next_in = (char *)(uintptr_t)r->p;
			bz.avail_in = (unsigned)r->left;
			bz.next_out = (char *)r->out;
			bz.avail_out = PIECE;
			rc = BZ2_bzDecompress(&bz);
			give(r, r->out, PIECE - bz.avail_out);
			take(r, r->left - bz.avail_in);
			if (before == r->left && bz.avail_out == PIECE)
				break;
		}
		BZ2_bzDecompressEnd(&bz);
		ok = rc == BZ_STREAM_END;
	}
	return ok;
}

/* lz4 or zstd, whichever follows. */
static bool skippable(struct reader *r)
{
	struct reader ahead = *r;

	while (ahead.left >= 8 && (word(&ahead) & ~15U) == 0x184D2A50U) {
		size_t size;

		take(&ahead, 4);
		size = word(&ahead);
		take(&ahead, 4);
		if (size > ahead.left)
			return false;
		take(&ahead, size);
	}
	return word(&ahead) == ZSTD_MAGICNUMBER ? zstd(r) : lz4(r);
}

bool reference_agrees(enum codec_kind kind, const uint8_t *p, size_t len, uint64_t hash)
{
	static bool (*const decoders[])(struct reader *) = {
		[CODEC_LZ4] = lz4,   [CODEC_XZ] = xz,       [CODEC_GZIP] = gzip,
		[CODEC_ZSTD] = zstd, [CODEC_BZIP2] = bzip2, [CODEC_SKIPPABLE] = skippable,
	};
	struct reader r = {.p = p, .left = len, .hash = XXH64_createState(), .out = malloc(PIECE)};
	bool ok;

	if (!r.hash || !r.out)
		abort();
	XXH64_reset(r.hash, 0);
	ok = decoders[kind](&r) && XXH64_digest(r.hash) == hash;
	XXH64_freeState(r.hash);
	free(r.out);
	return ok;
}
