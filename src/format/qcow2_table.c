/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/qcow2_internal.h"
#include "util/checked.h"
#include "util/rd.h"

#include "util/banned.h"

/* spec, "Cluster mapping": where the bits of L1 and L2 entries are. */
#define ENTRY_COPIED ((uint64_t)1 << 63)
#define ENTRY_PACKED ((uint64_t)1 << 62)
#define ENTRY_OFFSET ((((uint64_t)1 << 56) - 1) & ~(uint64_t)0x1ff)
#define L1_RESERVED ((uint64_t)0x7f << 56 | 0x1ff)
#define L2_RESERVED ((uint64_t)0x3f << 56 | 0x1fe)
#define L2_ZERO ((uint64_t)1)
#define NO_TABLE UINT64_MAX
#define PACKED_SECTOR_BYTES 512U
#define PACKED_OFFSET_BITS 56U

/* ---- who uses which host cluster ---- */

static bool bit_get(const uint8_t *bits, uint64_t i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

static void bit_set(uint8_t *bits, uint64_t i)
{
	bits[i / 8] |= (uint8_t)(1U << (i % 8));
}

/* A table that claims more than the file has is at fault, and not the neighbour it seems to
 * overlap. Only this verdict is worth waiting for the end of the tables. */
static int refuse_overlap(const struct qcow2_table *t, uint64_t cluster, struct dr_err *err)
{
	uint64_t have;

	if (spool_await(t->spool, qcow2_header_tables_end(t->h), &have, err) < 0 ||
	    qcow2_header_check_end(t->h, have, err) < 0)
		return -1;
	return dr_refuse(err, DR_CORRUPT, "qcow2-overlap",
			 "the cluster at byte %" PRIu64 " of the file is used twice",
			 cluster << t->h->cluster_bits);
}

/* track: used[] reaches up to `group`. */
static int track(struct qcow2_table *t, uint64_t group, struct dr_err *err)
{
	uint64_t groups = 2 * group + 64;
	uint32_t *more;

	if (group < t->groups)
		return 0;
	/* Not realloc(): what is never used is never touched and costs nothing. */
	more = calloc(groups, sizeof *more);
	if (!more)
		return dr_fail_nomem(err);
	if (t->groups > 0)
		memcpy(more, t->used, t->groups * sizeof *more);
	free(t->used);
	t->used = more;
	t->groups = groups;
	return 0;
}

/* speak_for: compressed streams may share a cluster but no byte. Bits for every byte would be too
 * much, but no group of the file may be used for more bytes than it has. That is exactly what it
 * takes for the spool never to have dropped a byte that an accepted file uses again, so that the
 * verdict does not depend on what has been dropped when. */
static int speak_for(struct qcow2_table *t, uint64_t off, uint64_t len, struct dr_err *err)
{
	while (len > 0) {
		uint64_t group = off / QCOW2_GROUP_BYTES;
		uint64_t n = dr_min_u64(len, QCOW2_GROUP_BYTES - off % QCOW2_GROUP_BYTES);

		if (track(t, group, err) < 0)
			return -1;
		if (t->used[group] + n > QCOW2_GROUP_BYTES)
			return refuse_overlap(t, off >> t->h->cluster_bits, err);
		t->used[group] += (uint32_t)n;
		off += n;
		len -= n;
	}
	return 0;
}

/* own: clusters of at least a group share none with compressed data. */
static int own(struct qcow2_table *t, uint64_t cluster, struct dr_err *err)
{
	const uint64_t bytes = t->h->cluster_bytes;

	bit_set(t->owned, cluster);
	return bytes < QCOW2_GROUP_BYTES ? speak_for(t, cluster * bytes, bytes, err) : 0;
}

/* One bit per host cluster is also what stops a small file from reading as a huge disk. */
static int mark(struct qcow2_table *t, uint64_t off, uint64_t len, bool packed, struct dr_err *err)
{
	uint64_t first = off >> t->h->cluster_bits;
	uint64_t last = (off + (len - 1)) >> t->h->cluster_bits;

	for (uint64_t c = first; c <= last; c++) {
		if (bit_get(t->owned, c) || (!packed && bit_get(t->packed, c)))
			return refuse_overlap(t, c, err);
		if (packed)
			bit_set(t->packed, c);
		else if (own(t, c, err) < 0)
			return -1;
	}
	return 0;
}

/* Whether [off, off + len) can be in the file, and be tracked. len > 0. */
static int check_place(const struct qcow2_table *t, uint64_t off, uint64_t len, struct dr_err *err)
{
	if (!dr_range_within(off, len, spool_max_bytes(t->spool)))
		return dr_refuse(err, DR_CORRUPT, "truncated", "lies beyond the end of the file");
	if ((off + (len - 1)) >> t->h->cluster_bits >= t->tracked)
		return dr_refuse(err, DR_LIMIT, "needs-memory",
				 "the file has more than %" PRIu64 " clusters of %" PRIu64 " bytes",
				 t->tracked, t->h->cluster_bytes);
	return 0;
}

/* spec, "General": the header, L1 table, refcount table and snapshot table own their clusters. */
static int mark_metadata(struct qcow2_table *t, struct dr_err *err)
{
	const struct {
		const char *name;
		uint64_t off, len;
	} parts[] = {
		{"header", 0, 1},
		{"L1 table", t->h->l1_offset, (uint64_t)t->h->l1_entries * 8},
		{"refcount table", t->h->refcount_offset, t->h->refcount_bytes},
		{"snapshot table", t->h->snapshots_offset, qcow2_header_snapshot_bytes(t->h)},
	};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		if (parts[i].len == 0)
			continue;
		if (check_place(t, parts[i].off, parts[i].len, err) < 0 ||
		    mark(t, parts[i].off, parts[i].len, false, err) < 0)
			return dr_while(err, "%s", parts[i].name);
	}
	return 0;
}

int qcow2_table_mark_packed(struct qcow2_table *t, uint64_t cluster, uint64_t off, uint64_t len,
			    struct dr_err *err)
{
	if (check_place(t, off, len, err) < 0 || mark(t, off, len, true, err) < 0 ||
	    speak_for(t, off, len, err) < 0)
		return dr_while(err, "compressed cluster %" PRIu64, cluster);
	return 0;
}

/* The rule is settled by qcow2_table_check_end(), or earlier by reading. */
static void need(struct qcow2_table *t, uint64_t cluster, uint64_t end)
{
	if (end > t->need_end) {
		t->need_end = end;
		t->need_cluster = cluster;
	}
}

int qcow2_table_check_end(const struct qcow2_table *t, uint64_t file_bytes, struct dr_err *err)
{
	if (t->need_end > file_bytes)
		return dr_refuse(err, DR_CORRUPT, "truncated",
				 "cluster %" PRIu64 " lies beyond the end of the file",
				 t->need_cluster);
	return 0;
}

/* ---- the tables themselves ---- */

int qcow2_table_init(struct qcow2_table *t, const struct qcow2_header *h, struct spool *spool,
		     struct dr_err *err)
{
	uint64_t possible = dr_div_up(spool_max_bytes(spool), h->cluster_bytes);

	t->h = h;
	t->spool = spool;
	t->entry_bytes = h->extended_l2 ? 16 : 8;
	t->l2_entries = h->cluster_bytes / t->entry_bytes;
	t->l2_index = NO_TABLE;
	t->tracked = dr_min_u64(possible, QCOW2_MAX_TRACKED);
	t->l2 = malloc(h->cluster_bytes);
	/* Fresh pages of the kernel: what is never marked is never touched and costs nothing. */
	t->owned = calloc(t->tracked / 8 + 1, 1);
	t->packed = calloc(t->tracked / 8 + 1, 1);
	if (!t->l2 || !t->owned || !t->packed)
		return dr_fail_nomem(err);
	return mark_metadata(t, err);
}

void qcow2_table_done(struct qcow2_table *t)
{
	free(t->l2);
	free(t->owned);
	free(t->packed);
	free(t->used);
}

static bool landed(const struct qcow2_table *t, uint64_t end)
{
	bool ended;

	return spool_landed(t->spool, &ended) >= end || ended;
}

static int l1_load(struct qcow2_table *t, uint64_t index, struct dr_err *err)
{
	uint64_t count = dr_min_u64(QCOW2_L1_PIECE, t->h->l1_entries - index);
	/* inside [0, spool_max_bytes), like the whole table */
	int rc = qcow2_file_read(t->spool, t->l1, count * 8, t->h->l1_offset + index * 8, err);

	if (rc == 0)
		return dr_refuse(err, DR_CORRUPT, "qcow2-l1",
				 "the L1 table lies beyond the end of the file");
	if (rc < 0)
		return -1;
	t->l1_first = index;
	t->l1_count = count;
	return 0;
}

/* 1; 0 not landed; -1. */
static int l1_entry(struct qcow2_table *t, uint64_t index, bool may_wait, uint64_t *ret,
		    struct dr_err *err)
{
	struct rd r;

	if (!(index >= t->l1_first && index - t->l1_first < t->l1_count)) {
		uint64_t last = dr_min_u64(index + QCOW2_L1_PIECE, t->h->l1_entries);

		if (!may_wait && !landed(t, t->h->l1_offset + last * 8))
			return 0;
		if (l1_load(t, index, err) < 0)
			return -1;
	}
	r = rd_init(t->l1 + (index - t->l1_first) * 8, 8);
	*ret = rd_be64(&r);
	return 1;
}

/* spec, "L1 table entry". *ret: where the L2 table is; 0: there is none. */
static int l1_check(const struct qcow2_table *t, uint64_t index, uint64_t entry, uint64_t *ret,
		    struct dr_err *err)
{
	uint64_t off = entry & ENTRY_OFFSET;

	if (entry & L1_RESERVED)
		return dr_refuse(err, DR_CORRUPT, "qcow2-l1",
				 "L1 entry %" PRIu64 " has reserved bits set", index);
	if (off % t->h->cluster_bytes)
		return dr_refuse(err, DR_CORRUPT, "qcow2-l1",
				 "L1 entry %" PRIu64 " is not aligned to a cluster", index);
	if (off == 0 && entry != 0)
		return dr_refuse(err, DR_CORRUPT, "qcow2-l1",
				 "L1 entry %" PRIu64 " contradicts itself: in use, but nowhere",
				 index);
	*ret = off;
	return 0;
}

static int l2_load(struct qcow2_table *t, uint64_t index, uint64_t off, struct dr_err *err)
{
	int rc;

	if (check_place(t, off, t->h->cluster_bytes, err) < 0 ||
	    mark(t, off, t->h->cluster_bytes, false, err) < 0)
		return dr_while(err, "L2 table %" PRIu64, index);
	rc = qcow2_file_read(t->spool, t->l2, t->h->cluster_bytes, off, err);
	if (rc == 0)
		return dr_refuse(err, DR_CORRUPT, "truncated",
				 "L2 table %" PRIu64 " lies beyond the end of the file", index);
	if (rc < 0)
		return -1;
	t->l2_index = index;
	return 0;
}

/* ---- one guest cluster ---- */

static int refuse_l2(uint64_t cluster, const char *what, struct dr_err *err)
{
	return dr_refuse(err, DR_CORRUPT, "qcow2-l2", "the L2 entry of cluster %" PRIu64 " %s",
			 cluster, what);
}

/* spec, "Compressed Clusters Descriptor": x = 62 - (cluster_bits - 8); bits 0 to x-1 are the
 * offset, bits x to 61 the number of sectors after the first. */
static int map_packed(struct qcow2_table *t, uint64_t cluster, uint64_t entry,
		      struct qcow2_mapping *ret, struct dr_err *err)
{
	unsigned x = 62 - (t->h->cluster_bits - 8);
	uint64_t off = entry & (((uint64_t)1 << x) - 1);
	uint64_t sectors = (entry & (ENTRY_PACKED - 1)) >> x;

	if (off >> PACKED_OFFSET_BITS)
		return refuse_l2(cluster, "has reserved bits set", err);
	ret->kind = QCOW2_PACKED;
	ret->host = off;
	/* at most 2^13 sectors of 512 bytes */
	ret->host_len = (uint32_t)(sectors + 1) * PACKED_SECTOR_BYTES -
			(uint32_t)(off % PACKED_SECTOR_BYTES);
	/* The rest is marked when it is known how long the stream really is; the count of sectors
	 * may run past the end of the file. */
	if (check_place(t, off, 1, err) < 0 || mark(t, off, 1, true, err) < 0)
		return dr_while(err, "compressed cluster %" PRIu64, cluster);
	need(t, cluster, off + 1);
	return 0;
}

/* The subclusters that begin inside the disk. */
static uint32_t inside_disk(const struct qcow2_table *t, uint64_t cluster)
{
	uint64_t left = t->h->size - (cluster << t->h->cluster_bits);
	uint64_t count = dr_div_up(left, t->h->cluster_bytes / QCOW2_SUBCLUSTERS);

	return count >= QCOW2_SUBCLUSTERS ? UINT32_MAX : ((uint32_t)1 << count) - 1;
}

/* Bytes of the host cluster that are needed: up to the last subcluster with data, or to the end
 * of the disk. */
static uint64_t needed_bytes(const struct qcow2_table *t, uint64_t cluster, uint32_t subclusters)
{
	unsigned last = 31U - (unsigned)__builtin_clz(subclusters);
	uint64_t bytes = (t->h->cluster_bytes / QCOW2_SUBCLUSTERS) * (last + 1);

	return dr_min_u64(bytes, t->h->size - (cluster << t->h->cluster_bits));
}

static int map_plain(struct qcow2_table *t, uint64_t cluster, uint64_t off, uint32_t subclusters,
		     struct qcow2_mapping *ret, struct dr_err *err)
{
	uint64_t bytes = needed_bytes(t, cluster, subclusters);

	if (check_place(t, off, bytes, err) < 0 || mark(t, off, bytes, false, err) < 0)
		return dr_while(err, "cluster %" PRIu64, cluster);
	ret->kind = QCOW2_PLAIN;
	ret->host = off;
	ret->subclusters = subclusters;
	need(t, cluster, off + bytes);
	return 0;
}

/* Zeros whose host cluster is reserved: never read, so it may lie anywhere, but nobody else may
 * use it. */
static int mark_reserved(struct qcow2_table *t, uint64_t cluster, uint64_t off, struct dr_err *err)
{
	if (off == 0 || off >> t->h->cluster_bits >= t->tracked)
		return 0;
	if (mark(t, off, 1, false, err) < 0)
		return dr_while(err, "cluster %" PRIu64, cluster);
	return 0;
}

/* spec, "Standard Cluster Descriptor" */
static int map_standard(struct qcow2_table *t, uint64_t cluster, uint64_t entry,
			struct qcow2_mapping *ret, struct dr_err *err)
{
	uint64_t off = entry & ENTRY_OFFSET;
	bool zero = entry & L2_ZERO;

	if (entry == 0)
		return 0;
	if (entry & L2_RESERVED)
		return refuse_l2(cluster, "has reserved bits set", err);
	if (zero && t->h->version < 3)
		return refuse_l2(cluster, "has the zero flag, which version 2 does not know", err);
	if (off % t->h->cluster_bytes)
		return refuse_l2(cluster, "is not aligned to a cluster", err);
	if (zero)
		return mark_reserved(t, cluster, off, err);
	if (off == 0)
		return refuse_l2(cluster, "contradicts itself: in use, but nowhere", err);
	return map_plain(t, cluster, off, UINT32_MAX, ret, err);
}

/* spec, "Extended L2 Entries": bits 0 to 31 of the bitmap: the subcluster has data; bits 32 to
 * 63: it reads as zeros. Neither: it is unallocated, which is zeros without a backing file. */
static int map_extended(struct qcow2_table *t, uint64_t cluster, uint64_t entry, uint64_t bitmap,
			struct qcow2_mapping *ret, struct dr_err *err)
{
	uint64_t off = entry & ENTRY_OFFSET;
	uint32_t allocated = (uint32_t)bitmap, zeros = (uint32_t)(bitmap >> 32);

	if (entry & L2_ZERO)
		return refuse_l2(cluster, "has the zero flag of standard entries", err);
	if (entry & L2_RESERVED)
		return refuse_l2(cluster, "has reserved bits set", err);
	if (off % t->h->cluster_bytes)
		return refuse_l2(cluster, "is not aligned to a cluster", err);
	if (allocated & zeros)
		return refuse_l2(cluster, "has a subcluster with data that is also zero", err);
	if (off == 0 && (allocated || (entry & ENTRY_COPIED && !zeros)))
		return refuse_l2(cluster, "contradicts itself: in use, but nowhere", err);
	allocated &= inside_disk(t, cluster);
	if (!allocated)
		return mark_reserved(t, cluster, off, err);
	return map_plain(t, cluster, off, allocated, ret, err);
}

static int map_entry(struct qcow2_table *t, uint64_t cluster, struct qcow2_mapping *ret,
		     struct dr_err *err)
{
	uint64_t i = cluster % t->l2_entries;
	struct rd r = rd_init(t->l2 + i * t->entry_bytes, t->entry_bytes);
	uint64_t entry = rd_be64(&r);
	uint64_t bitmap = t->h->extended_l2 ? rd_be64(&r) : 0;

	if (entry & ENTRY_PACKED && bitmap != 0)
		return refuse_l2(cluster, "is compressed and has a subcluster bitmap", err);
	if (entry & ENTRY_PACKED)
		return map_packed(t, cluster, entry, ret, err);
	if (t->h->extended_l2)
		return map_extended(t, cluster, entry, bitmap, ret, err);
	return map_standard(t, cluster, entry, ret, err);
}

int qcow2_table_map(struct qcow2_table *t, uint64_t cluster, bool may_wait,
		    struct qcow2_mapping *ret, struct dr_err *err)
{
	uint64_t index = cluster / t->l2_entries;
	uint64_t entry = 0, off = 0;
	int rc;

	*ret = (struct qcow2_mapping){.kind = QCOW2_ZERO, .clusters = 1};
	if (t->l2_index != index) {
		rc = l1_entry(t, index, may_wait, &entry, err);
		if (rc <= 0)
			return rc;
		if (l1_check(t, index, entry, &off, err) < 0)
			return -1;
		if (off == 0) {
			ret->clusters = t->l2_entries - cluster % t->l2_entries;
			return 1;
		}
		/* A wrapping sum only makes the wait pointless: l2_load() refuses the place. */
		if (!may_wait && !landed(t, off + t->h->cluster_bytes))
			return 0;
		if (l2_load(t, index, off, err) < 0)
			return -1;
	}
	return map_entry(t, cluster, ret, err) < 0 ? -1 : 1;
}
