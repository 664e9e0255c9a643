/* SPDX-License-Identifier: Apache-2.0
 *
 * xz (The .xz File Format 1.2.0) over liblzma's single-stream parts.
 *
 *   BETWEEN --stream header--> BLOCKS --block header--> HEADER --> a piece for the crew --> BLOCKS
 *      ^ padding, end             |                        '-----> SERIAL --end of block--> BLOCKS
 *      '----- index, footer ------'
 *
 * A block that carries both its sizes, as "xz -T" writes them, is decoded whole by the crew while
 * the next ones are read; any other on the calling thread, straight into the reader's buffer.
 * liblzma's own threads are not used: they would have to be created behind the sandbox, and their
 * decoder once had a use after free (CVE-2025-31115). */
#include <assert.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "codec/internal.h"
#include "codec/pieces.h"
#include "util/checked.h"

#include "util/banned.h"

#define BLOCK_FLAGS_RESERVED 0x3CU /* section 3.1.2 */

enum xz_state {
	XZ_BETWEEN, /* at a stream, padding or the end */
	XZ_BLOCKS,  /* at a block or the index */
	XZ_HEADER,  /* a block header has been read; `block` and `filters` are set */
	XZ_SERIAL,  /* inside a block that `strm` decodes */
	XZ_END,
};

struct xz_piece {
	struct piece p;
	lzma_stream strm;
	lzma_block block;
	uint64_t stream; /* its number, for sentences */
};

struct xz {
	struct codec c;
	struct pieces pieces;
	enum xz_state state;
	lzma_stream_flags header;
	lzma_index_hash *hash; /* owned; what the index must say */
	lzma_block block;
	lzma_filter filters[LZMA_FILTERS_MAX + 1]; /* their options are owned */
	uint64_t memory;                           /* the decoder of `block` needs */
	lzma_stream strm;                          /* owned; decodes serial blocks */
};

static int fail_block(uint64_t stream, lzma_ret rc, struct dr_err *err)
{
	if (rc == LZMA_MEM_ERROR)
		return dr_fail_nomem(err);
	if (rc == LZMA_OPTIONS_ERROR)
		return dr_refuse(err, DR_UNSUPPORTED, "unsupported-filter",
				 "xz stream %llu uses a filter that is not known",
				 (unsigned long long)stream);
	return dr_refuse(err, DR_CORRUPT, "corrupt",
			 "xz stream %llu: a block does not decode, or its check is wrong",
			 (unsigned long long)stream);
}

/* Flags without a meaning yet, in a header whose checksum is right. */
static int refuse_future(const struct xz *x, const char *where, struct dr_err *err)
{
	return dr_refuse(err, DR_UNSUPPORTED, "format-unsupported",
			 "%s of xz stream %llu has flags from a later version of the format", where,
			 (unsigned long long)x->c.facts->frames);
}

/* Section 2.1.1: magic, check id, CRC32. */
static int begin_stream(struct xz *x, struct dr_err *err)
{
	ssize_t n = input_fill(&x->c.in, LZMA_STREAM_HEADER_SIZE, err);
	lzma_ret rc;

	if (n < 0)
		return -1;
	if (n < LZMA_STREAM_HEADER_SIZE)
		return codec_truncated(&x->c, "inside a stream header", err);
	codec_frame_begins(&x->c);
	rc = lzma_stream_header_decode(&x->header, input_bytes(&x->c.in));
	if (rc == LZMA_OPTIONS_ERROR)
		return refuse_future(x, "the header", err);
	if (rc != LZMA_OK)
		return codec_corrupt(&x->c, err, "the checksum of a stream header is wrong");
	if (!lzma_check_is_supported(x->header.check))
		return dr_refuse(err, DR_UNSUPPORTED, "unsupported-check",
				 "xz stream %llu uses check id %u, which cannot be verified",
				 (unsigned long long)x->c.facts->frames, (unsigned)x->header.check);
	if (x->header.check == LZMA_CHECK_NONE)
		x->c.facts->no_checksum = true;
	x->hash = lzma_index_hash_init(x->hash, NULL);
	if (!x->hash)
		return dr_fail_nomem(err);
	input_skip(&x->c.in, LZMA_STREAM_HEADER_SIZE);
	x->state = XZ_BLOCKS;
	return 0;
}

/* Zero bytes from here on. Their number, or -1. */
static int64_t pass_zeros(struct input *in, struct dr_err *err)
{
	int64_t zeros = 0;
	ssize_t n;

	while ((n = input_fill(in, 1, err)) > 0) {
		if (input_bytes(in)[0] != 0)
			break;
		input_skip(in, 1);
		zeros++;
	}
	return n < 0 ? -1 : zeros;
}

/* Section 2.2: stream padding is a multiple of four zero bytes, after a stream. */
static int next_stream(struct xz *x, struct dr_err *err)
{
	static const uint8_t magic[6] = {0xFD, '7', 'z', 'X', 'Z', 0};
	struct input *in = &x->c.in;
	int64_t zeros = x->c.facts->frames > 0 ? pass_zeros(in, err) : 0;
	ssize_t n = zeros < 0 ? -1 : input_fill(in, sizeof magic, err);

	if (n < 0)
		return -1;
	if (zeros % 4 != 0)
		return codec_corrupt(&x->c, err, "%lld bytes of padding are no multiple of four",
				     (long long)zeros);
	if (n == 0) {
		x->state = XZ_END;
		return 0;
	}
	if (memcmp(input_bytes(in), magic, dr_min_size((size_t)n, sizeof magic)) != 0)
		return codec_trailing(&x->c, err);
	return begin_stream(x, err);
}

/* Section 2.1.2: what the header said again, and the size of the index. */
static int end_stream(struct xz *x, struct dr_err *err)
{
	ssize_t n = input_fill(&x->c.in, LZMA_STREAM_HEADER_SIZE, err);
	lzma_stream_flags footer;

	if (n < 0)
		return -1;
	if (n < LZMA_STREAM_HEADER_SIZE)
		return codec_truncated(&x->c, "inside a stream footer", err);
	if (lzma_stream_footer_decode(&footer, input_bytes(&x->c.in)) != LZMA_OK ||
	    lzma_stream_flags_compare(&x->header, &footer) != LZMA_OK ||
	    footer.backward_size != lzma_index_hash_size(x->hash))
		return codec_corrupt(&x->c, err, "the footer of stream %llu is wrong",
				     (unsigned long long)x->c.facts->frames);
	input_skip(&x->c.in, LZMA_STREAM_HEADER_SIZE);
	x->state = XZ_BETWEEN;
	return 0;
}

/* Section 4: the index must list exactly the blocks that were there. */
static int read_index(struct xz *x, struct dr_err *err)
{
	lzma_ret rc = LZMA_OK;

	while (rc == LZMA_OK) {
		ssize_t n = input_fill(&x->c.in, 1, err);
		size_t pos = 0;

		if (n < 0)
			return -1;
		if (n == 0)
			return codec_truncated(&x->c, "inside an index", err);
		rc = lzma_index_hash_decode(x->hash, input_bytes(&x->c.in), &pos, (size_t)n);
		input_skip(&x->c.in, pos);
	}
	if (rc != LZMA_STREAM_END)
		return codec_corrupt(&x->c, err,
				     "the index of stream %llu does not match its blocks",
				     (unsigned long long)x->c.facts->frames);
	return end_stream(x, err);
}

/* Section 3.1. */
static int read_block_header(struct xz *x, size_t size, struct dr_err *err)
{
	ssize_t n = input_fill(&x->c.in, size, err);
	lzma_ret rc;

	if (n < 0)
		return -1;
	if ((size_t)n < size)
		return codec_truncated(&x->c, "inside a block header", err);
	x->block = (lzma_block){.version = 1,
				.header_size = (uint32_t)size,
				.check = x->header.check,
				.filters = x->filters};
	rc = lzma_block_header_decode(&x->block, NULL, input_bytes(&x->c.in));
	if (rc == LZMA_OPTIONS_ERROR && input_bytes(&x->c.in)[1] & BLOCK_FLAGS_RESERVED)
		return refuse_future(x, "a block", err);
	if (rc == LZMA_MEM_ERROR || rc == LZMA_OPTIONS_ERROR)
		return fail_block(x->c.facts->frames, rc, err);
	if (rc != LZMA_OK)
		return codec_corrupt(&x->c, err, "a block header of stream %llu is wrong",
				     (unsigned long long)x->c.facts->frames);
	input_skip(&x->c.in, size);
	x->state = XZ_HEADER;
	x->memory = lzma_raw_decoder_memusage(x->filters);
	if (x->memory == UINT64_MAX)
		return fail_block(x->c.facts->frames, LZMA_OPTIONS_ERROR, err);
	if (x->memory > x->c.lim.memory_bytes)
		return dr_refuse(err, DR_LIMIT, "needs-memory",
				 "a block of xz stream %llu needs %llu bytes of memory to decode; "
				 "%llu are allowed",
				 (unsigned long long)x->c.facts->frames,
				 (unsigned long long)x->memory,
				 (unsigned long long)x->c.lim.memory_bytes);
	return 0;
}

static int next_block(struct xz *x, struct dr_err *err)
{
	ssize_t n = input_fill(&x->c.in, 1, err);
	uint8_t first;

	if (n < 0)
		return -1;
	if (n == 0)
		return codec_truncated(&x->c, "where a block or the index is due", err);
	first = input_bytes(&x->c.in)[0];
	if (first == 0)
		return read_index(x, err);
	return read_block_header(x, lzma_block_header_size_decode(first), err);
}

static int note_block(struct xz *x, const lzma_block *b, struct dr_err *err)
{
	if (lzma_index_hash_append(x->hash, lzma_block_unpadded_size(b), b->uncompressed_size) !=
	    LZMA_OK)
		return codec_corrupt(&x->c, err, "the blocks of stream %llu are too large",
				     (unsigned long long)x->c.facts->frames);
	return 0;
}

static int decode_piece(struct piece *p, struct dr_err *err)
{
	struct xz_piece *xp = (struct xz_piece *)p;
	lzma_stream *strm = &xp->strm;
	lzma_ret rc = LZMA_OK;

	strm->next_in = p->in;
	strm->avail_in = p->in_len;
	strm->next_out = p->out;
	strm->avail_out = (size_t)xp->block.uncompressed_size;
	while (rc == LZMA_OK)
		rc = lzma_code(strm, LZMA_FINISH);
	if (rc != LZMA_STREAM_END || strm->avail_in > 0 || strm->avail_out > 0)
		return fail_block(xp->stream, rc, err);
	p->out_len = (size_t)xp->block.uncompressed_size;
	return 0;
}

/* Prepare a decoder; the options of the filters are needed no longer. */
static int begin_block(struct xz *x, lzma_stream *strm, lzma_block *block, struct dr_err *err)
{
	lzma_ret rc;

	*block = x->block;
	rc = lzma_block_decoder(strm, block);
	block->filters = NULL;
	lzma_filters_free(x->filters, NULL);
	return rc == LZMA_OK ? 0 : fail_block(x->c.facts->frames, rc, err);
}

/* What a whole block in memory takes, when its header tells and two of that size are allowed: one
 * alone would be decoded while everybody waits. */
static bool fits_piece(const struct xz *x, size_t *ret_in, size_t *ret_out)
{
	uint64_t total = lzma_block_total_size(&x->block), sum;

	return x->pieces.crew && x->block.compressed_size != LZMA_VLI_UNKNOWN &&
	       x->block.uncompressed_size != LZMA_VLI_UNKNOWN && total > x->block.header_size &&
	       dr_add_u64(total, x->block.uncompressed_size, &sum) &&
	       dr_add_u64(sum, x->memory, &sum) && sum <= x->c.lim.parallel_bytes / 2 &&
	       dr_to_size(total - x->block.header_size, ret_in) &&
	       dr_to_size(x->block.uncompressed_size, ret_out);
}

/* 1; 0 when no piece is free; -1. */
static int read_piece(struct xz *x, size_t in_bytes, size_t out_bytes, struct dr_err *err)
{
	struct piece *p = NULL;
	struct xz_piece *xp;
	ssize_t got;
	int n = pieces_take(&x->pieces, in_bytes, out_bytes, x->memory, &p, err);

	if (n <= 0)
		return n;
	got = input_take(&x->c.in, p->in, in_bytes, err);
	if (got < 0)
		return -1;
	if ((size_t)got < in_bytes)
		return codec_truncated(&x->c, "inside a block", err);
	p->in_len = in_bytes;
	p->decode = decode_piece;
	xp = (struct xz_piece *)p;
	xp->stream = x->c.facts->frames;
	if (begin_block(x, &xp->strm, &xp->block, err) < 0 || note_block(x, &xp->block, err) < 0)
		return -1;
	pieces_push(&x->pieces, true);
	x->state = XZ_BLOCKS;
	return 1;
}

/* The block whose header was read: to the crew, or to the calling thread after what is ahead. */
static int take_block(struct xz *x, struct dr_err *err)
{
	size_t in_bytes, out_bytes;

	if (fits_piece(x, &in_bytes, &out_bytes))
		return read_piece(x, in_bytes, out_bytes, err);
	if (begin_block(x, &x->strm, &x->block, err) < 0)
		return -1;
	x->state = XZ_SERIAL;
	return 0;
}

/* Read the file as far as possible before bytes must be handed out. */
static int read_ahead(struct xz *x, struct dr_err *err)
{
	int n = 1;

	while (n > 0) {
		switch (x->state) {
		case XZ_BETWEEN:
			n = next_stream(x, err) < 0 ? -1 : 1;
			break;
		case XZ_BLOCKS:
			n = next_block(x, err) < 0 ? -1 : 1;
			break;
		case XZ_HEADER:
			n = take_block(x, err);
			break;
		case XZ_SERIAL:
		case XZ_END:
			return 0;
		}
	}
	return n;
}

/* One step inside a serial block: the bytes produced, perhaps none. */
static ssize_t decode_some(struct xz *x, void *buf, size_t len, struct dr_err *err)
{
	ssize_t have = input_fill(&x->c.in, 1, err);
	lzma_ret rc;

	if (have < 0)
		return -1;
	x->strm.next_in = input_bytes(&x->c.in);
	x->strm.avail_in = (size_t)have;
	x->strm.next_out = buf;
	x->strm.avail_out = len;
	rc = lzma_code(&x->strm, LZMA_RUN);
	input_skip(&x->c.in, (size_t)have - x->strm.avail_in);
	if (rc == LZMA_STREAM_END) {
		if (note_block(x, &x->block, err) < 0)
			return -1;
		x->state = XZ_BLOCKS;
	} else if (rc != LZMA_OK && rc != LZMA_BUF_ERROR) {
		return fail_block(x->c.facts->frames, rc, err);
	} else if (have == 0 && x->strm.avail_out == len) {
		return codec_truncated(&x->c, "inside a block", err);
	}
	return (ssize_t)(len - x->strm.avail_out);
}

/* Some bytes of the oldest piece; 0 when it has none left. */
static ssize_t hand_out(struct xz *x, struct piece *p, void *buf, size_t len, struct dr_err *err)
{
	if (pieces_wait(&x->pieces, err) < 0)
		return -1;
	if (len > p->out_len - p->out_pos)
		len = p->out_len - p->out_pos;
	if (len > 0)
		memcpy(buf, p->out + p->out_pos, len);
	p->out_pos += len;
	if (p->out_pos == p->out_len) {
		pieces_drop(&x->pieces);
		x->c.facts->parallel++;
	}
	return (ssize_t)len;
}

static ssize_t xz_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct xz *x = (struct xz *)s;
	struct piece *p;
	ssize_t n = 0;

	while (n == 0) {
		if (read_ahead(x, err) < 0)
			return -1;
		p = pieces_first(&x->pieces);
		if (p)
			n = hand_out(x, p, buf, len, err);
		else if (x->state == XZ_SERIAL)
			n = decode_some(x, buf, len, err);
		else
			return codec_end(&x->c, err);
	}
	return n;
}

static void xz_release(struct piece *p)
{
	struct xz_piece *xp = (struct xz_piece *)p;

	lzma_end(&xp->strm);
}

static void xz_close(struct stream *s)
{
	struct xz *x = (struct xz *)s;

	pieces_done(&x->pieces);
	lzma_end(&x->strm);
	lzma_index_hash_end(x->hash, NULL);
	lzma_filters_free(x->filters, NULL);
	codec_done(&x->c);
	free(x);
}

static int xz_init(struct codec *c, struct dr_err *err)
{
	struct xz *x = (struct xz *)c;

	for (size_t i = 0; i <= LZMA_FILTERS_MAX; i++)
		x->filters[i].id = LZMA_VLI_UNKNOWN;
	if (pieces_init(&x->pieces, c->crew, sizeof(struct xz_piece), c->lim.parallel_bytes, err) <
	    0)
		return -1;
	x->pieces.release = xz_release;
	return 0;
}

const struct codec_class codec_xz = {
	.bytes = sizeof(struct xz),
	.ops = {.name = "xz", .read = xz_read, .close = xz_close},
	.init = xz_init,
};
