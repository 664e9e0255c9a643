/* SPDX-License-Identifier: Apache-2.0
 *
 * Zstandard frames (RFC 8878), one per block, each with its content size and checksum. Several
 * frames are one file to every decoder (section 3.1). */
#include <zstd.h>

#include "prepare/encode.h"

#include "util/banned.h"

#define BLOCK_BYTES ((size_t)4 << 20)
#define LEVEL_MAX 19 /* those above need windows that decoders refuse by default */

static size_t out_bytes(size_t len)
{
	return ZSTD_compressBound(len);
}

static int head(struct encoder *e, uint64_t disk_bytes, struct buf *out, struct dr_err *err)
{
	(void)e;
	(void)disk_bytes;
	return buf_check(out, err);
}

static int block(const struct encoder *e, void **ctx, const uint8_t *p, size_t len,
		 struct encoded *ret, struct dr_err *err)
{
	ZSTD_CCtx *c = *ctx ? *ctx : ZSTD_createCCtx();
	size_t n;

	*ctx = c;
	if (!c)
		return dr_fail_nomem(err);
	if (ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, e->level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1)))
		return dr_fail(err, DR_IO, "libzstd refuses level %d", e->level);
	n = ZSTD_compress2(c, ret->p, out_bytes(len), p, len);
	if (ZSTD_isError(n))
		return dr_fail(err, DR_NO_MEMORY, "zstd: %s", ZSTD_getErrorName(n));
	ret->len = n;
	return 0;
}

static void free_ctx(void *ctx)
{
	ZSTD_freeCCtx(ctx);
}

const struct encoder_ops encode_zstd = {
	.name = "zst",
	.level_min = 1,
	.level_max = LEVEL_MAX,
	.level_default = 3,
	.block_bytes = BLOCK_BYTES,
	.out_bytes = out_bytes,
	.head = head,
	.block = block,
	.free_ctx = free_ctx,
};
