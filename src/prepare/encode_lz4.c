/* SPDX-License-Identifier: Apache-2.0
 *
 * One LZ4 frame (lz4 repository, doc/lz4_Frame_format.md, version 1.6.2), laid out as Orbit's own
 * images are (docs/formats/manifest.md section 6): independent blocks of 1 MiB with checksums, the
 * content size when it is known beforehand, no content checksum: it would bind the decoder to one
 * thread, and blocks that are missing are shown by size and end mark. */
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "detect/detect.h"
#include "prepare/encode.h"

#include "util/banned.h"

#define BLOCK_BYTES ((size_t)1 << 20)
#define FLG 0x70U /* version 01, independent blocks, block checksums */
#define FLG_SIZE 0x08U
#define BD 0x60U           /* blocks of at most 1 MiB */
#define STORED 0x80000000U /* in a block's size: not compressed */
#define AROUND ((size_t)8) /* size before, checksum behind a block */
#define LEVEL_HC 3         /* from here on, as the lz4 tool has it */

static size_t out_bytes(size_t len)
{
	return (size_t)LZ4_compressBound((int)len) + AROUND;
}

static int head(struct encoder *e, uint64_t disk_bytes, struct buf *out, struct dr_err *err)
{
	bool known = disk_bytes != PREPARE_UNKNOWN;
	size_t at = out->len + 4;

	(void)e;
	buf_le(out, DETECT_MAGIC_LZ4, 4);
	buf_le(out, known ? FLG | FLG_SIZE : FLG, 1);
	buf_le(out, BD, 1);
	if (known)
		buf_le(out, disk_bytes, 8);
	if (buf_check(out, err) < 0)
		return -1;
	buf_le(out, XXH32(out->p + at, out->len - at, 0) >> 8 & 0xff, 1);
	return buf_check(out, err);
}

static void put_le32(uint8_t *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static int block(const struct encoder *e, void **ctx, const uint8_t *p, size_t len,
		 struct encoded *ret, struct dr_err *err)
{
	char *to = (char *)ret->p + 4;
	int room = (int)(out_bytes(len) - AROUND);
	int n = e->level < LEVEL_HC
			? LZ4_compress_default((const char *)p, to, (int)len, room)
			: LZ4_compress_HC((const char *)p, to, (int)len, room, e->level);
	size_t stored = (size_t)n;
	uint32_t size = (uint32_t)n;

	(void)ctx;
	if (n <= 0)
		return dr_fail_nomem(err);
	if (stored >= len) {
		memcpy(to, p, len);
		stored = len;
		size = (uint32_t)len | STORED;
	}
	put_le32(ret->p, size);
	put_le32(ret->p + 4 + stored, XXH32(to, stored, 0));
	ret->len = stored + AROUND;
	return 0;
}

static int tail(struct encoder *e, struct buf *out, struct dr_err *err)
{
	(void)e;
	buf_le(out, 0, 4);
	return buf_check(out, err);
}

const struct encoder_ops encode_lz4 = {
	.name = "lz4",
	.level_min = 1,
	.level_max = LZ4HC_CLEVEL_MAX,
	.level_default = 1,
	.block_bytes = BLOCK_BYTES,
	.out_bytes = out_bytes,
	.head = head,
	.block = block,
	.tail = tail,
};
