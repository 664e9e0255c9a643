/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame is described in lz4's doc/lz4_Frame_format.md ("LZ4F" below). */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "manifest/view_internal.h"
#include "store/chunk.h"

#include "util/banned.h"

#define HEAD_BYTES 15 /* magic, FLG, BD, content size, header checksum */
#define TAIL_BYTES 4  /* end mark: a block size of zero */
/* LZ4F "FLG byte": version 01, independent blocks, block checksums, content size. */
#define FLG (1u << 6 | 1u << 5 | 1u << 4 | 1u << 3)
/* LZ4F "BD byte": blocks of at most 1 MiB. */
#define BD (6u << 4)

/* Lengths of the block of a whole zero chunk, and of a zero chunk of n bytes (chunk_encode_zeros):
 * token, literal, offset, the match length in units of 255, token, five literals. */
static uint64_t zero_block_bytes(uint64_t n)
{
	return CHUNK_OVERHEAD_BYTES + 4 + (n - 25) / 255 + 1 + 6;
}

struct lz4 {
	uint8_t head[HEAD_BYTES];
	struct buf zeros;      /* the block of a whole zero chunk */
	struct buf last_zeros; /* that of a zero chunk at the end, when it is short */
	uint64_t *starts;      /* where the block of each entry begins; made at the first read */
};

/* A disk of zeros but for the entries: their blocks, and one block for each chunk between. */
static uint64_t lz4_size(const struct manifest *m)
{
	uint64_t chunks = manifest_chunks(m), zeros = chunks - m->count, size;
	size_t last = manifest_chunk_len(m, chunks - 1);

	size = HEAD_BYTES + manifest_stored_bytes(m) + TAIL_BYTES;
	if (last < m->chunk_bytes && !manifest_find(m, chunks - 1)) {
		size += zero_block_bytes(last);
		zeros--;
	}
	return size + zeros * zero_block_bytes(m->chunk_bytes);
}

static void put_le(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static int lz4_open(struct view *v, struct dr_err *err)
{
	size_t last = manifest_chunk_len(v->m, manifest_chunks(v->m) - 1);
	struct lz4 *z = calloc(1, sizeof *z);

	if (!z)
		return dr_fail_nomem(err);
	v->kind = z;
	put_le(z->head, 0x184D2204u, 4);
	z->head[4] = FLG;
	z->head[5] = BD;
	put_le(z->head + 6, v->m->virtual_bytes, 8);
	/* LZ4F "Header Checksum": second byte of XXH32 of the descriptor. */
	z->head[14] = (uint8_t)(XXH32(z->head + 4, 10, 0) >> 8);
	if (chunk_encode_zeros(v->m->chunk_bytes, &z->zeros, err) < 0)
		return -1;
	return chunk_encode_zeros(last, &z->last_zeros, err);
}

static void lz4_close(struct view *v)
{
	struct lz4 *z = v->kind;

	buf_done(&z->zeros);
	buf_done(&z->last_zeros);
	free(z->starts);
	free(z);
}

/* make_starts: one number per entry, none per zero chunk, so a sparse disk of any size is cheap. */
static int make_starts(struct lz4 *z, const struct manifest *m, struct dr_err *err)
{
	uint64_t at = HEAD_BYTES, next = 0;

	z->starts = calloc(m->count + 1, sizeof *z->starts);
	if (!z->starts)
		return dr_fail_nomem(err);
	for (uint64_t i = 0; i < m->count; i++) {
		at += (m->entries[i].index - next) * z->zeros.len;
		z->starts[i] = at;
		at += m->entries[i].stored_bytes;
		next = m->entries[i].index + (uint64_t)1;
	}
	return 0;
}

/* entries_until: how many entries' blocks begin at or before `off`. */
static uint64_t entries_until(const struct lz4 *z, const struct manifest *m, uint64_t off)
{
	uint64_t lo = 0, hi = m->count;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (z->starts[mid] <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int lz4_load(struct view *v, uint64_t off, struct dr_err *err)
{
	static const uint8_t end_mark[TAIL_BYTES];
	const struct manifest *m = v->m;
	const struct buf *block;
	struct lz4 *z = v->kind;
	uint64_t n, run = HEAD_BYTES, index = 0;

	if (off < HEAD_BYTES) {
		view_set(v, 0, HEAD_BYTES, z->head);
		return 0;
	}
	if (off >= v->size - TAIL_BYTES) {
		view_set(v, v->size - TAIL_BYTES, TAIL_BYTES, end_mark);
		return 0;
	}
	if (!z->starts && make_starts(z, m, err) < 0)
		return -1;
	n = entries_until(z, m, off);
	if (n > 0) {
		const struct manifest_entry *e = &m->entries[n - 1];

		run = z->starts[n - 1] + e->stored_bytes;
		index = e->index + (uint64_t)1;
		if (off < run) {
			if (view_stored(v, e, err) < 0)
				return -1;
			view_set(v, z->starts[n - 1], v->block.len, v->block.p);
			return 0;
		}
	}
	/* In a run of zero chunks that begins at `run` with chunk `index`. */
	n = (off - run) / z->zeros.len;
	block = index + n == manifest_chunks(m) - 1 ? &z->last_zeros : &z->zeros;
	view_set(v, run + n * z->zeros.len, block->len, block->p);
	return 0;
}

const struct view_ops view_lz4_ops = {
	.name = "lz4",
	.size = lz4_size,
	.open = lz4_open,
	.load = lz4_load,
	.close = lz4_close,
};
