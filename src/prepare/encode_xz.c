/* SPDX-License-Identifier: Apache-2.0
 *
 * One xz stream (The .xz File Format 1.2.0) whose blocks carry both their sizes (section 3.1.3 and
 * 3.1.4), which is what lets a decoder take them apart before it decodes them. */
#include <lzma.h>
#include <stdlib.h>

#include "prepare/encode.h"

#include "util/banned.h"

#define BLOCK_BYTES ((size_t)8 << 20)
#define CHECK LZMA_CHECK_CRC64

struct xz_state {
	lzma_options_lzma options;
	lzma_index *index; /* owned */
};

static int xz_fail(lzma_ret rc, struct dr_err *err)
{
	if (rc == LZMA_MEM_ERROR)
		return dr_fail_nomem(err);
	return dr_fail(err, DR_IO, "liblzma fails with code %d", (int)rc);
}

static size_t out_bytes(size_t len)
{
	return lzma_block_buffer_bound(len);
}

static int xz_open(struct encoder *e, struct dr_err *err)
{
	struct xz_state *x = calloc(1, sizeof *x);

	e->state = x;
	if (!x)
		return dr_fail_nomem(err);
	if (lzma_lzma_preset(&x->options, (uint32_t)e->level))
		return dr_fail(err, DR_IO, "liblzma refuses preset %d", e->level);
	if (x->options.dict_size > BLOCK_BYTES)
		x->options.dict_size = BLOCK_BYTES;
	x->index = lzma_index_init(NULL);
	return x->index ? 0 : dr_fail_nomem(err);
}

static void xz_close(struct encoder *e)
{
	struct xz_state *x = e->state;

	if (x)
		lzma_index_end(x->index, NULL);
	free(x);
}

static int head(struct encoder *e, uint64_t disk_bytes, struct buf *out, struct dr_err *err)
{
	lzma_stream_flags flags = {.check = CHECK};
	uint8_t *to = buf_reserve(out, LZMA_STREAM_HEADER_SIZE);
	lzma_ret rc;

	(void)e;
	(void)disk_bytes;
	if (!to)
		return buf_check(out, err);
	rc = lzma_stream_header_encode(&flags, to);
	out->len += LZMA_STREAM_HEADER_SIZE;
	return rc == LZMA_OK ? 0 : xz_fail(rc, err);
}

static int block(const struct encoder *e, void **ctx, const uint8_t *p, size_t len,
		 struct encoded *ret, struct dr_err *err)
{
	lzma_options_lzma options = ((const struct xz_state *)e->state)->options;
	lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &options}, {LZMA_VLI_UNKNOWN, NULL}};
	lzma_block b = {.check = CHECK, .filters = filters};
	lzma_ret rc;

	(void)ctx;
	ret->len = 0;
	rc = lzma_block_buffer_encode(&b, NULL, p, len, ret->p, &ret->len, out_bytes(len));
	if (rc != LZMA_OK)
		return xz_fail(rc, err);
	ret->note = lzma_block_unpadded_size(&b);
	return 0;
}

/* Section 4: the index has the unpadded size and the length of every block. */
static int wrote(struct encoder *e, const struct encoded *b, size_t len, struct dr_err *err)
{
	struct xz_state *x = e->state;
	lzma_ret rc = lzma_index_append(x->index, NULL, b->note, len);

	return rc == LZMA_OK ? 0 : xz_fail(rc, err);
}

/* Sections 4 and 2.1.2: index, footer. */
static int tail(struct encoder *e, struct buf *out, struct dr_err *err)
{
	struct xz_state *x = e->state;
	size_t size = (size_t)lzma_index_size(x->index), len = 0;
	lzma_stream_flags flags = {.check = CHECK, .backward_size = size};
	uint8_t *to = buf_reserve(out, size + LZMA_STREAM_HEADER_SIZE);
	lzma_ret rc;

	if (!to)
		return buf_check(out, err);
	rc = lzma_index_buffer_encode(x->index, to, &len, size);
	if (rc == LZMA_OK)
		rc = lzma_stream_footer_encode(&flags, to + len);
	out->len += len + LZMA_STREAM_HEADER_SIZE;
	return rc == LZMA_OK ? 0 : xz_fail(rc, err);
}

const struct encoder_ops encode_xz = {
	.name = "xz",
	.level_min = 0,
	.level_max = 9,
	.level_default = 2, /* the tool's own 6 takes a multiple of the time */
	.block_bytes = BLOCK_BYTES,
	.out_bytes = out_bytes,
	.open = xz_open,
	.close = xz_close,
	.head = head,
	.block = block,
	.wrote = wrote,
	.tail = tail,
};
