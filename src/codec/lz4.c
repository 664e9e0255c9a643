/* SPDX-License-Identifier: Apache-2.0
 *
 * lz4 frames, current and legacy (lz4 repository, doc/lz4_Frame_format.md, version 1.6.2), over
 * the library's block decoder. The library's own frame decoder knows neither legacy frames nor
 * parallel blocks, and its words for what is wrong are not part of its interface.
 *
 * A piece is one or more whole blocks of one frame as they stand in the file, of about PIECE_BYTES
 * of disk or one larger block. Pieces of independent blocks go to the crew; linked blocks need the
 * 64 KiB before them and are decoded by the reader. What concerns a whole frame, content checksum
 * and content size, is checked while the pieces are handed out in order. */
#include <assert.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "codec/internal.h"
#include "codec/pieces.h"
#include "util/checked.h"
#include "util/rd.h"

#include "util/banned.h"

#define PIECE_BYTES ((size_t)1 << 20)
#define LEGACY_BLOCK_BYTES ((size_t)8 << 20)
#define LINK_BYTES ((size_t)64 << 10) /* how far a linked block looks back */
#define HEADER_MIN ((size_t)7)
#define STORED 0x80000000U /* in a block's size: the block is not compressed */

struct lz4_frame {
	uint64_t number; /* 1, 2, … for sentences */
	size_t block_max;
	bool legacy;
	bool linked;
	bool block_sums;
	bool has_sum;
	bool has_size;
	uint64_t size; /* of the content, with has_size */
};

struct lz4_piece {
	struct piece p;
	struct lz4_frame frame;
	size_t bound;  /* of disk bytes in it */
	size_t prefix; /* bytes in front of the output that linked blocks may refer to */
	unsigned blocks;
	bool zeros; /* nothing but zeros so far: `zero_bytes` of them, never expanded */
	size_t zero_bytes;
	bool first; /* of its frame */
	bool last;
	uint32_t sum; /* the content checksum, with last and frame.has_sum */
	bool ready;   /* decoded, and waited for */
};

struct lz4 {
	struct codec c;
	struct pieces pieces;
	/* The file, as far as it has been read. */
	struct lz4_frame frame;
	bool in_frame;
	bool frame_begins;
	bool at_end;
	/* The frame that is handed out. */
	XXH32_state_t *sum; /* owned */
	uint64_t produced;
	bool short_block; /* legacy: nothing may follow */
	uint8_t link[LINK_BYTES];
	size_t link_len;
};

static int lz4_corrupt(uint64_t frame, const char *what, struct dr_err *err)
{
	return dr_refuse(err, DR_CORRUPT, "corrupt", "lz4 frame %llu: %s",
			 (unsigned long long)frame, what);
}

/* Frame descriptor: FLG, BD, optional content size and dictionary id, header checksum. The bytes
 * after the magic are at p; `len` of them, which is what FLG says. */
static int parse_descriptor(struct lz4_frame *f, const uint8_t *p, size_t len, struct dr_err *err)
{
	unsigned flg = p[0], bd = p[1], code = bd >> 4 & 7;
	struct rd r = rd_init(p + 2, len - 2);

	if (flg >> 6 != 1)
		return lz4_corrupt(f->number, "the version bits are not 01", err);
	if ((flg & 0x02) || (bd & 0x8F))
		return lz4_corrupt(f->number, "a reserved bit is set", err);
	if (code < 4)
		return lz4_corrupt(f->number, "the block maximum code is not 4 to 7", err);
	if ((XXH32(p, len - 1, 0) >> 8 & 0xff) != p[len - 1])
		return lz4_corrupt(f->number, "the header checksum is wrong", err);
	f->block_max = (size_t)1 << (8 + 2 * code);
	f->linked = !(flg & 0x20);
	f->block_sums = flg & 0x10;
	f->has_size = flg & 0x08;
	f->has_sum = flg & 0x04;
	if (f->has_size)
		f->size = rd_le64(&r);
	if (flg & 0x01)
		return dr_refuse(err, DR_UNSUPPORTED, "needs-dictionary",
				 "lz4 frame %llu was compressed with dictionary %u, which is not "
				 "part of it",
				 (unsigned long long)f->number, rd_le32(&r));
	return 0;
}

static int read_descriptor(struct lz4 *z, struct dr_err *err)
{
	struct input *in = &z->c.in;
	ssize_t n = input_fill(in, HEADER_MIN, err);
	unsigned flg;
	size_t len;

	if (n < 0)
		return -1;
	if ((size_t)n < HEADER_MIN)
		return codec_truncated(&z->c, "inside a frame header", err);
	flg = input_bytes(in)[4];
	len = HEADER_MIN + (flg & 0x08 ? 8 : 0) + (flg & 0x01 ? 4 : 0);
	n = input_fill(in, len, err);
	if (n < 0)
		return -1;
	if ((size_t)n < len)
		return codec_truncated(&z->c, "inside a frame header", err);
	if (parse_descriptor(&z->frame, input_bytes(in) + 4, len - 4, err) < 0)
		return -1;
	input_skip(in, len);
	return 0;
}

/* Between frames: the next one, or the end of the file. */
static int begin_frame(struct lz4 *z, struct dr_err *err)
{
	static const uint32_t magics[] = {DETECT_MAGIC_LZ4, DETECT_MAGIC_LZ4_LEGACY};
	uint32_t magic = 0;
	int n = codec_next_magic(&z->c, magics, 2, &magic, err);

	if (n < 0)
		return -1;
	z->at_end = n == 0;
	if (n == 0)
		return 0;
	codec_frame_begins(&z->c);
	z->frame = (struct lz4_frame){.number = z->c.facts->frames};
	if (magic == DETECT_MAGIC_LZ4_LEGACY) {
		if (!z->c.lim.length_proven)
			return dr_refuse(err, DR_INVALID, "length-unknown",
					 "a legacy lz4 frame does not say where it ends, and the "
					 "source does not say how long the file is; give its size "
					 "or sha256");
		z->frame.legacy = true;
		z->frame.block_max = LEGACY_BLOCK_BYTES;
		input_skip(&z->c.in, 4);
	} else if (read_descriptor(z, err) < 0) {
		return -1;
	}
	z->in_frame = z->frame_begins = true;
	return 0;
}

/* The end mark has been consumed. */
static int end_frame(struct lz4 *z, struct lz4_piece *p, struct dr_err *err)
{
	uint8_t sum[4] = {0};

	if (z->frame.has_sum) {
		struct rd r = rd_init(sum, sizeof sum);
		ssize_t n = input_take(&z->c.in, sum, sizeof sum, err);

		if (n < 0)
			return -1;
		if (n < (ssize_t)sizeof sum)
			return codec_truncated(&z->c, "inside a content checksum", err);
		p->sum = rd_le32(&r);
	}
	p->last = true;
	z->in_frame = false;
	return 0;
}

/* The size word at the front of a block, also as it stands into `copy`. 1: the block follows; 0:
 * the frame is over. */
static int read_block_word(struct lz4 *z, uint8_t *copy, uint32_t *ret, struct dr_err *err)
{
	ssize_t n = input_fill(&z->c.in, 4, err);
	struct rd r;

	if (n < 0)
		return -1;
	if (n == 0 && z->frame.legacy)
		return 0;
	if (n < 4)
		return codec_truncated(&z->c, "where the size of a block is due", err);
	r = rd_init(input_bytes(&z->c.in), 4);
	*ret = rd_le32(&r);
	if (z->frame.legacy && (*ret == DETECT_MAGIC_LZ4 || *ret == DETECT_MAGIC_LZ4_LEGACY ||
				detect_magic_skippable(*ret)))
		return 0;
	memcpy(copy, input_bytes(&z->c.in), 4);
	input_skip(&z->c.in, 4);
	return *ret != 0 || z->frame.legacy;
}

static size_t payload_max(const struct lz4_frame *f)
{
	return f->legacy ? (size_t)LZ4_COMPRESSBOUND(LEGACY_BLOCK_BYTES) : f->block_max;
}

/* How every compressor writes a block of zeros: one literal, a match with offset 1 for all but the
 * last five bytes, and these as literals. The number of zeros, or 0 for any other block. Nearly
 * empty disks are the normal case, and such a block is 255 times as small as what it holds. */
static size_t count_zeros(const uint8_t *p, size_t len)
{
	static const uint8_t begin[] = {0x1F, 0, 1, 0}, end[] = {0x50, 0, 0, 0, 0, 0};
	size_t more; /* bytes that lengthen the match: 255 each but the last */

	if (len <= sizeof begin + sizeof end || memcmp(p, begin, sizeof begin) != 0 ||
	    memcmp(p + len - sizeof end, end, sizeof end) != 0)
		return 0;
	more = len - sizeof begin - sizeof end;
	p += sizeof begin;
	if (p[more - 1] == 0xFF || (more > 1 && (p[0] != 0xFF || memcmp(p, p + 1, more - 2) != 0)))
		return 0;
	return 1 + (4 + 15) + 255 * (more - 1) + p[more - 1] + 5;
}

/* A block of zeros need not be decoded; one that is wrong in any way is, and refused then. */
static void note_zeros(struct lz4_piece *p, const uint8_t *data, size_t size)
{
	size_t n = p->frame.linked ? 0 : count_zeros(data, size);

	if (n > 0 && p->frame.block_sums) {
		struct rd r = rd_init(data + size, 4);

		if (XXH32(data, size, 0) != rd_le32(&r))
			n = 0;
	}
	if (n > p->frame.block_max)
		n = 0;
	p->zeros = n > 0 && (p->zeros || p->blocks == 0);
	p->zero_bytes += n;
}

/* One block as it stands: size word, data, checksum. 1; 0 when the frame is over. */
static int read_block(struct lz4 *z, struct lz4_piece *p, struct dr_err *err)
{
	uint8_t *to = p->p.in + p->p.in_len;
	uint32_t word = 0;
	size_t size, sum;
	ssize_t n = read_block_word(z, to, &word, err);

	if (n < 0)
		return -1;
	if (n == 0)
		return end_frame(z, p, err);
	size = z->frame.legacy ? word : word & ~STORED;
	if (size > payload_max(&z->frame))
		return codec_corrupt(
			&z->c, err, "a block of frame %llu has %zu bytes, more than %zu",
			(unsigned long long)z->frame.number, size, payload_max(&z->frame));
	sum = z->frame.block_sums ? 4 : 0;
	n = input_take(&z->c.in, to + sizeof word, size + sum, err);
	if (n < 0)
		return -1;
	if ((size_t)n < size + sum)
		return codec_truncated(&z->c, "inside a block", err);
	note_zeros(p, to + sizeof word, size == word ? size : 0);
	p->p.in_len += sizeof word + size + sum;
	p->blocks++;
	return 1;
}

static ssize_t decode_block(const struct lz4_frame *f, struct rd *r, uint8_t *out, size_t before,
			    struct dr_err *err)
{
	uint32_t word = rd_le32(r);
	bool stored = !f->legacy && word & STORED;
	size_t size = stored ? word & ~STORED : word;
	const uint8_t *data = rd_bytes(r, size);
	int n;

	assert(data); /* read_block() put whole blocks there */
	if (f->block_sums && XXH32(data, size, 0) != rd_le32(r))
		return lz4_corrupt(f->number, "a block checksum is wrong", err);
	if (stored) {
		memcpy(out, data, size);
		return (ssize_t)size;
	}
	n = LZ4_decompress_safe_usingDict((const char *)data, (char *)out, (int)size,
					  (int)f->block_max, (const char *)out - before,
					  (int)before);
	return n < 0 ? lz4_corrupt(f->number, "a block does not decode", err) : n;
}

/* All blocks of a piece into `out`, which has room for p->bound bytes. */
static int decode_blocks(const struct lz4_piece *p, uint8_t *out, size_t *ret_len,
			 struct dr_err *err)
{
	struct rd r = rd_init(p->p.in, p->p.in_len);
	size_t len = 0;

	while (rd_left(&r) > 0) {
		size_t before = p->frame.linked ? dr_min_size(p->prefix + len, LINK_BYTES) : 0;
		ssize_t n = decode_block(&p->frame, &r, out + len, before, err);

		if (n < 0)
			return -1;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

static int decode_piece(struct piece *p, struct dr_err *err)
{
	const struct lz4_piece *lp = (const struct lz4_piece *)p;

	return decode_blocks(lp, p->out + lp->prefix, &p->out_len, err);
}

/* The next blocks of the frame. 1; 0 when no piece is free; -1. */
static int read_piece(struct lz4 *z, struct dr_err *err)
{
	size_t block_max = z->frame.block_max;
	size_t blocks = block_max < PIECE_BYTES ? PIECE_BYTES / block_max : 1;
	struct piece *piece = NULL;
	struct lz4_piece *p;
	int n = pieces_take(&z->pieces, blocks * (payload_max(&z->frame) + 8),
			    blocks * block_max + (z->frame.linked ? LINK_BYTES : 0), 0, &piece,
			    err);

	if (n <= 0)
		return n;
	p = (struct lz4_piece *)piece;
	*p = (struct lz4_piece){.p = p->p, .frame = z->frame, .first = z->frame_begins};
	p->p.decode = decode_piece;
	p->bound = blocks * block_max;
	z->frame_begins = false;
	while (p->blocks < blocks && !p->last) {
		if (read_block(z, p, err) < 0)
			return -1;
	}
	pieces_push(&z->pieces, z->pieces.crew && !p->frame.linked && !p->zeros && p->blocks > 0);
	return 1;
}

static int read_ahead(struct lz4 *z, struct dr_err *err)
{
	int n = 1;

	while (n > 0 && !z->at_end) {
		if (z->in_frame)
			n = read_piece(z, err);
		else if (begin_frame(z, err) < 0)
			n = -1;
	}
	return n;
}

/* Only the last block of a legacy frame may be short. */
static int check_legacy(struct lz4 *z, const struct lz4_piece *p, struct dr_err *err)
{
	if (!p->frame.legacy || p->blocks == 0)
		return 0;
	if (z->short_block)
		return lz4_corrupt(p->frame.number,
				   "a legacy block before the last holds less than 8 MiB", err);
	z->short_block = p->p.out_len < LEGACY_BLOCK_BYTES;
	return 0;
}

/* Decode on the calling thread. A direct piece goes straight to the reader's buffer. */
static int decode_here(struct lz4 *z, struct lz4_piece *p, uint8_t *direct, struct dr_err *err)
{
	size_t whole;

	if (p->zeros) {
		p->p.out_len = p->zero_bytes;
		return 0;
	}
	if (direct)
		return decode_blocks(p, direct, &p->p.out_len, err);
	if (!p->frame.linked)
		return decode_piece(&p->p, err);
	p->prefix = z->link_len;
	memcpy(p->p.out, z->link, z->link_len);
	if (decode_piece(&p->p, err) < 0)
		return -1;
	whole = p->prefix + p->p.out_len;
	z->link_len = dr_min_size(whole, LINK_BYTES);
	memcpy(z->link, p->p.out + whole - z->link_len, z->link_len);
	return 0;
}

static int make_ready(struct lz4 *z, struct lz4_piece *p, uint8_t *direct, struct dr_err *err)
{
	if (p->first) {
		XXH32_reset(z->sum, 0);
		z->produced = 0;
		z->short_block = false;
		z->link_len = 0;
	}
	if (p->p.to_crew) {
		if (pieces_wait(&z->pieces, err) < 0)
			return -1;
		z->c.facts->parallel += p->blocks;
	} else if (decode_here(z, p, direct, err) < 0) {
		return -1;
	}
	p->ready = true;
	return check_legacy(z, p, err);
}

/* The piece has been handed out; with it, perhaps, its frame. */
static int finish_piece(struct lz4 *z, const struct lz4_piece *p, struct dr_err *err)
{
	if (p->last && p->frame.has_sum && XXH32_digest(z->sum) != p->sum)
		return lz4_corrupt(p->frame.number, "the content checksum is wrong", err);
	if (p->last && p->frame.has_size && z->produced != p->frame.size)
		return dr_refuse(err, DR_CORRUPT, "corrupt",
				 "lz4 frame %llu: it announces %llu bytes and holds %llu",
				 (unsigned long long)p->frame.number,
				 (unsigned long long)p->frame.size,
				 (unsigned long long)z->produced);
	pieces_drop(&z->pieces);
	return 0;
}

/* Some bytes of the oldest piece; 0 when it has none left. */
static ssize_t hand_out(struct lz4 *z, struct lz4_piece *p, uint8_t *buf, size_t len,
			struct dr_err *err)
{
	bool direct = !p->ready && !p->p.to_crew && !p->frame.linked && len >= p->bound;
	size_t n;

	if (!p->ready && make_ready(z, p, direct ? buf : NULL, err) < 0)
		return -1;
	n = dr_min_size(len, p->p.out_len - p->p.out_pos);
	if (p->zeros)
		memset(buf, 0, n);
	else if (!direct)
		memcpy(buf, p->p.out + p->prefix + p->p.out_pos, n);
	p->p.out_pos += n;
	z->produced += n;
	if (p->frame.has_sum)
		XXH32_update(z->sum, buf, n);
	if (p->p.out_pos == p->p.out_len && finish_piece(z, p, err) < 0)
		return -1;
	return (ssize_t)n;
}

static ssize_t lz4_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct lz4 *z = (struct lz4 *)s;
	struct piece *p;
	ssize_t n = 0;

	while (n == 0) {
		if (read_ahead(z, err) < 0)
			return -1;
		p = pieces_first(&z->pieces);
		if (!p)
			return codec_end(&z->c, err);
		n = hand_out(z, (struct lz4_piece *)p, buf, len, err);
	}
	return n;
}

static void lz4_close(struct stream *s)
{
	struct lz4 *z = (struct lz4 *)s;

	pieces_done(&z->pieces);
	XXH32_freeState(z->sum);
	codec_done(&z->c);
	free(z);
}

static int lz4_init(struct codec *c, struct dr_err *err)
{
	struct lz4 *z = (struct lz4 *)c;

	z->sum = XXH32_createState();
	if (!z->sum)
		return dr_fail_nomem(err);
	return pieces_init(&z->pieces, c->crew, sizeof(struct lz4_piece), c->lim.parallel_bytes,
			   err);
}

const struct codec_class codec_lz4 = {
	.bytes = sizeof(struct lz4),
	.ops = {.name = "lz4", .read = lz4_read, .close = lz4_close},
	.init = lz4_init,
};
