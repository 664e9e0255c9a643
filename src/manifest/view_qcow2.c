/* SPDX-License-Identifier: Apache-2.0
 *
 * The file, in clusters of 64 KiB (qemu's docs/interop/qcow2.txt, "Q" below):
 *
 *   header | refcount table | refcount blocks | L1 table | L2 tables | data
 *
 * An L2 table covers 512 chunks and exists where one of them is not zero; a chunk's clusters lie
 * together, chunks in the manifest's order. Every cluster of the file is used exactly once, so
 * every refcount is 1 and nothing has to be kept but which L2 tables exist. */
#include <stdlib.h>

#include "manifest/view_internal.h"
#include "util/checked.h"

#include "util/banned.h"

#define CLUSTER_BITS 16
#define CLUSTER ((uint64_t)1 << CLUSTER_BITS)
#define TABLE_ENTRIES (CLUSTER / 8) /* of L1, L2 and refcount tables */
#define BLOCK_ENTRIES (CLUSTER / 2) /* of a refcount block: 16-bit refcounts */
#define CHUNK_CLUSTERS (STORE_CHUNK_BYTES / CLUSTER)
#define REGION_CHUNKS (TABLE_ENTRIES / CHUNK_CLUSTERS) /* chunks that an L2 table covers */
#define COPIED ((uint64_t)1 << 63)                     /* Q "L1/L2 table entry": refcount is 1 */
#define HEADER_BYTES 104

/* Where things are, in clusters. */
struct layout {
	uint64_t table; /* refcount table */
	uint64_t blocks;
	uint64_t l1;
	uint64_t l2;
	uint64_t data;
	uint64_t end;
	uint64_t l1_entries;
};

struct qcow2 {
	struct layout at;
	uint32_t *regions; /* of which there are at.data - at.l2, ascending: each has an L2 table */
};

static uint64_t count_regions(const struct manifest *m)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < m->count; i++)
		n += i == 0 ||
		     m->entries[i].index / REGION_CHUNKS != m->entries[i - 1].index / REGION_CHUNKS;
	return n;
}

static uint64_t data_clusters(const struct manifest *m)
{
	const struct manifest_entry *last = m->count > 0 ? &m->entries[m->count - 1] : NULL;

	if (!last)
		return 0;
	return (m->count - 1) * CHUNK_CLUSTERS +
	       dr_div_up(manifest_chunk_len(m, last->index), CLUSTER);
}

static struct layout layout_of(const struct manifest *m)
{
	uint64_t l1_entries = dr_div_up(manifest_chunks(m), REGION_CHUNKS);
	uint64_t l1 = dr_div_up(l1_entries, TABLE_ENTRIES), l2 = count_regions(m);
	uint64_t data = data_clusters(m), table = 0, blocks = 0, before, all;
	struct layout at;

	/* Refcounts count themselves: add until they cover what they have become. */
	do {
		before = table + blocks;
		all = 1 + before + l1 + l2 + data;
		blocks = dr_div_up(all, BLOCK_ENTRIES);
		table = dr_div_up(blocks, TABLE_ENTRIES);
	} while (table + blocks != before);
	at.table = 1;
	at.blocks = at.table + table;
	at.l1 = at.blocks + blocks;
	at.l2 = at.l1 + l1;
	at.data = at.l2 + l2;
	at.end = at.data + data;
	at.l1_entries = l1_entries;
	return at;
}

static uint64_t qcow2_size(const struct manifest *m)
{
	return layout_of(m).end * CLUSTER;
}

static int qcow2_open(struct view *v, struct dr_err *err)
{
	struct qcow2 *q = calloc(1, sizeof *q);
	const struct manifest *m = v->m;
	uint64_t n = 0;

	if (!q)
		return dr_fail_nomem(err);
	v->kind = q;
	q->at = layout_of(m);
	q->regions = calloc(q->at.data - q->at.l2 + 1, sizeof *q->regions);
	if (!q->regions)
		return dr_fail_nomem(err);
	for (uint64_t i = 0; i < m->count; i++) {
		uint32_t region = m->entries[i].index / (uint32_t)REGION_CHUNKS;

		if (n == 0 || q->regions[n - 1] != region)
			q->regions[n++] = region;
	}
	return 0;
}

static void qcow2_close(struct view *v)
{
	struct qcow2 *q = v->kind;

	free(q->regions);
	free(q);
}

/* Q "Header". */
static void make_header(struct buf *b, const struct manifest *m, const struct layout *at)
{
	buf_be(b, 0x514649FBu, 4);
	buf_be(b, 3, 4);
	buf_be(b, 0, 8); /* no backing file */
	buf_be(b, 0, 4);
	buf_be(b, CLUSTER_BITS, 4);
	buf_be(b, m->virtual_bytes, 8);
	buf_be(b, 0, 4); /* not encrypted */
	buf_be(b, at->l1_entries, 4);
	buf_be(b, at->l1 * CLUSTER, 8);
	buf_be(b, at->table * CLUSTER, 8);
	buf_be(b, at->blocks - at->table, 4);
	buf_be(b, 0, 4); /* no snapshots */
	buf_be(b, 0, 8);
	buf_be(b, 0, 8); /* no incompatible, compatible or autoclear features */
	buf_be(b, 0, 8);
	buf_be(b, 0, 8);
	buf_be(b, 4, 4); /* refcounts of 16 bits */
	buf_be(b, HEADER_BYTES, 4);
	/* The extensions end at once: type 0, which the padding provides. */
}

/* make_run: entries first..first + TABLE_ENTRIES of a table whose first `count` entries point to
 * consecutive clusters from `at` on. */
static void make_run(struct buf *b, uint64_t first, uint64_t count, uint64_t at)
{
	for (uint64_t i = first; i < count && i < first + TABLE_ENTRIES; i++)
		buf_be(b, (at + i) * CLUSTER, 8);
}

static void make_refcounts(struct buf *b, uint64_t first, uint64_t clusters)
{
	for (uint64_t i = first; i < clusters && i < first + BLOCK_ENTRIES; i++)
		buf_be(b, 1, 2);
}

static void make_l1(struct buf *b, const struct qcow2 *q, uint64_t first)
{
	uint64_t tables = q->at.data - q->at.l2;

	for (uint64_t i = 0; i < tables; i++) {
		uint64_t region = q->regions[i];

		if (region < first || region >= first + TABLE_ENTRIES)
			continue;
		while (b->len < (region - first) * 8)
			buf_be(b, 0, 8);
		buf_be(b, (q->at.l2 + i) * CLUSTER | COPIED, 8);
	}
}

static void make_l2(struct buf *b, const struct manifest *m, const struct qcow2 *q, uint64_t region)
{
	uint64_t first = region * REGION_CHUNKS;

	for (uint64_t i = manifest_seek(m, first); i < m->count; i++) {
		const struct manifest_entry *e = &m->entries[i];
		uint64_t clusters = dr_div_up(manifest_chunk_len(m, e->index), CLUSTER);

		if (e->index >= first + REGION_CHUNKS)
			break;
		while (b->len < (e->index - first) * CHUNK_CLUSTERS * 8)
			buf_be(b, 0, 8);
		for (uint64_t c = 0; c < clusters; c++)
			buf_be(b, (q->at.data + i * CHUNK_CLUSTERS + c) * CLUSTER | COPIED, 8);
	}
}

/* pad: with zeros to whole clusters. */
static int pad(struct buf *b, struct dr_err *err)
{
	static const uint8_t zeros[4096];

	while (b->len % CLUSTER != 0)
		buf_append(b, zeros, dr_min_size(sizeof zeros, CLUSTER - b->len % CLUSTER));
	return buf_check(b, err);
}

static int load_data(struct view *v, uint64_t off, struct dr_err *err)
{
	const struct qcow2 *q = v->kind;
	uint64_t data = q->at.data * CLUSTER, i = (off - data) / STORE_CHUNK_BYTES;

	if (view_plain(v, &v->m->entries[i], err) < 0 || pad(&v->block, err) < 0)
		return -1;
	view_set(v, data + i * STORE_CHUNK_BYTES, v->block.len, v->block.p);
	return 0;
}

static int qcow2_load(struct view *v, uint64_t off, struct dr_err *err)
{
	const struct qcow2 *q = v->kind;
	const struct layout *at = &q->at;
	uint64_t cluster = off / CLUSTER;
	struct buf *b = &v->block;

	if (cluster >= at->data)
		return load_data(v, off, err);
	buf_clear(b);
	if (cluster >= at->l2)
		make_l2(b, v->m, q, q->regions[cluster - at->l2]);
	else if (cluster >= at->l1)
		make_l1(b, q, (cluster - at->l1) * TABLE_ENTRIES);
	else if (cluster >= at->blocks)
		make_refcounts(b, (cluster - at->blocks) * BLOCK_ENTRIES, at->end);
	else if (cluster >= at->table)
		make_run(b, (cluster - at->table) * TABLE_ENTRIES, at->l1 - at->blocks, at->blocks);
	else
		make_header(b, v->m, at);
	if (b->len == 0)
		buf_be(b, 0, 8); /* an L1 table without entries is still a cluster of zeros */
	if (pad(b, err) < 0)
		return -1;
	view_set(v, cluster * CLUSTER, CLUSTER, b->p);
	return 0;
}

const struct view_ops view_qcow2_ops = {
	.name = "qcow2",
	.size = qcow2_size,
	.open = qcow2_open,
	.load = qcow2_load,
	.close = qcow2_close,
};
