/* SPDX-License-Identifier: Apache-2.0
 *
 * zstd frames (RFC 8878) through libzstd's streaming decoder, which verifies content size and
 * checksum. The frame header is read here first: magics of older formats and dictionaries never
 * reach the library, and a window over the limit is refused with its numbers. */
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "codec/internal.h"
#include "util/checked.h"
#include "util/rd.h"

#include "util/banned.h"

#define HEADER_MAX 18 /* magic 4, descriptor 1, window 1, dictionary id 4, content size 8 */

struct zstd {
	struct codec c;
	ZSTD_DCtx *ctx; /* owned */
	bool in_frame;
};

/* The part of a frame header that decides: RFC 8878 section 3.1.1.1. */
struct zstd_header {
	uint32_t dictionary;
	uint64_t window;
};

static bool parse_header(const uint8_t *p, size_t len, struct zstd_header *ret)
{
	static const uint8_t dictionary_bytes[] = {0, 1, 2, 4};
	struct rd r = rd_init(p, len);
	unsigned flags, window, size_code;
	bool single;

	(void)rd_le32(&r);
	flags = rd_u8(&r);
	single = flags & 0x20;
	size_code = flags >> 6;
	*ret = (struct zstd_header){0};
	if (!single) {
		window = rd_u8(&r);
		ret->window = (uint64_t)1 << (10 + (window >> 3));
		ret->window += ret->window / 8 * (window & 7);
	}
	ret->dictionary = (uint32_t)rd_le(&r, dictionary_bytes[flags & 3]);
	/* A single segment is its own window. */
	if (single && size_code == 0)
		ret->window = rd_u8(&r);
	else if (single)
		ret->window = rd_le(&r, (size_t)1 << size_code) + (size_code == 1 ? 256 : 0);
	return rd_ok(&r);
}

static int begin_frame(struct zstd *z, struct dr_err *err)
{
	struct zstd_header h;
	ssize_t n = input_fill(&z->c.in, HEADER_MAX, err);

	if (n < 0)
		return -1;
	codec_frame_begins(&z->c);
	if (!parse_header(input_bytes(&z->c.in), (size_t)n, &h))
		return codec_truncated(&z->c, "inside a frame header", err);
	if (h.dictionary != 0)
		return dr_refuse(err, DR_UNSUPPORTED, "needs-dictionary",
				 "zstd frame %llu was compressed with dictionary %u, which is not "
				 "part of it",
				 (unsigned long long)z->c.facts->frames, h.dictionary);
	if (h.window > z->c.lim.memory_bytes)
		return dr_refuse(err, DR_LIMIT, "needs-memory",
				 "zstd frame %llu needs a window of %llu bytes; %llu are allowed",
				 (unsigned long long)z->c.facts->frames,
				 (unsigned long long)h.window,
				 (unsigned long long)z->c.lim.memory_bytes);
	z->in_frame = true;
	return 0;
}

static int fail_zstd(const struct zstd *z, size_t code, struct dr_err *err)
{
	if (ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation)
		return dr_fail_nomem(err);
	return codec_corrupt(&z->c, err, "frame %llu: %s", (unsigned long long)z->c.facts->frames,
			     ZSTD_getErrorName(code));
}

/* One step inside a frame: the bytes produced, perhaps none. */
static ssize_t decode_some(struct zstd *z, void *buf, size_t len, struct dr_err *err)
{
	struct input *in = &z->c.in;
	ZSTD_outBuffer out = {.dst = buf, .size = len};
	ZSTD_inBuffer src;
	ssize_t have = input_fill(in, 1, err);
	size_t rest;

	if (have < 0)
		return -1;
	src = (ZSTD_inBuffer){.src = input_bytes(in), .size = (size_t)have};
	rest = ZSTD_decompressStream(z->ctx, &out, &src);
	input_skip(in, src.pos);
	if (ZSTD_isError(rest))
		return fail_zstd(z, rest, err);
	z->in_frame = rest != 0;
	if (have == 0 && out.pos == 0 && z->in_frame)
		return codec_truncated(&z->c, "inside a frame", err);
	return (ssize_t)out.pos;
}

static ssize_t zstd_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	static const uint32_t magics[] = {DETECT_MAGIC_ZSTD};
	struct zstd *z = (struct zstd *)s;
	uint32_t magic = 0;
	ssize_t n = 0;

	while (n == 0) {
		if (!z->in_frame) {
			int more = codec_next_magic(&z->c, magics, 1, &magic, err);

			if (more < 0)
				return -1;
			if (more == 0)
				return codec_end(&z->c, err);
			if (begin_frame(z, err) < 0)
				return -1;
		}
		n = decode_some(z, buf, len, err);
	}
	return n;
}

static void zstd_close(struct stream *s)
{
	struct zstd *z = (struct zstd *)s;

	ZSTD_freeDCtx(z->ctx);
	codec_done(&z->c);
	free(z);
}

static int zstd_init(struct codec *c, struct dr_err *err)
{
	struct zstd *z = (struct zstd *)c;
	ZSTD_bounds bounds = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
	int log = bounds.lowerBound;

	z->ctx = ZSTD_createDCtx();
	if (!z->ctx)
		return dr_fail_nomem(err);
	/* The library's own limit is a power of two, so begin_frame() judges the exact number. */
	while (log < bounds.upperBound && (uint64_t)1 << log < c->lim.memory_bytes)
		log++;
	if (ZSTD_isError(ZSTD_DCtx_setParameter(z->ctx, ZSTD_d_windowLogMax, log)))
		return dr_fail(err, DR_IO, "libzstd refuses a window limit of 2^%d", log);
	return 0;
}

const struct codec_class codec_zstd = {
	.bytes = sizeof(struct zstd),
	.ops = {.name = "zstd", .read = zstd_read, .close = zstd_close},
	.init = zstd_init,
};
