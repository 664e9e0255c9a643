/* SPDX-License-Identifier: Apache-2.0
 *
 * format/qcow2: the parts of the qcow2 decoder ("spec" is qemu's docs/interop/qcow2.txt; verdicts
 * are hardening.md section 1.4).
 *
 *   qcow2_header.c   fields -> struct qcow2_header, or a refusal
 *   qcow2_table.c    guest cluster -> where its bytes are; who uses which host cluster
 *   qcow2_cluster.c  compressed clusters -> plain bytes, by the crew
 *   qcow2.c          windows of disk planned and decoded ahead -> extents
 *
 * Everything runs on the caller's thread but qcow2_task_run(). Bytes are waited for with
 * spool_await() on the caller's thread only: a task must never wait for the spool, because the
 * spool's own thread may be the one that runs it. */
#ifndef DR_FORMAT_QCOW2_INTERNAL_H
#define DR_FORMAT_QCOW2_INTERNAL_H

#include "format/format.h"
#include "util/mutex.h"

#define QCOW2_SUBCLUSTERS 32U
#define QCOW2_L1_PIECE 512U                    /* L1 entries read at a time */
#define QCOW2_GROUP_BYTES ((uint64_t)64 << 10) /* divides the spool's pages */
#define QCOW2_MAX_TRACKED ((uint64_t)1 << 29)  /* host clusters: 64 MiB of bits */

/* qcow2_file_read: waits for the bytes; off + len does not overflow.
 * 1; 0 when the file ends before; -1. */
int qcow2_file_read(struct spool *spool, void *buf, size_t len, uint64_t off, struct dr_err *err)
	DR_MUST_CHECK;
/* qcow2_refuse_twice: bytes that were released are asked for again. */
int qcow2_refuse_twice(struct dr_err *err);

struct qcow2_header {
	uint32_t version;
	uint32_t cluster_bits;
	uint64_t cluster_bytes;
	uint64_t size; /* bytes of disk */
	uint64_t l1_offset;
	uint32_t l1_entries;
	uint64_t refcount_offset;
	uint64_t refcount_bytes; /* of the refcount table */
	uint64_t snapshots_offset;
	uint32_t snapshots;
	bool zstd;
	bool extended_l2;
	bool dirty;
};

/* qcow2_header_read: everything about the header that can be said without the end of the file. */
int qcow2_header_read(struct qcow2_header *ret, struct spool *spool,
		      const struct format_limits *lim, struct dr_err *err) DR_MUST_CHECK;
/* qcow2_header_check_end: the rest, once the length of the file is known (or is known to be at
 * least qcow2_header_tables_end()). */
int qcow2_header_check_end(const struct qcow2_header *h, uint64_t file_bytes, struct dr_err *err)
	DR_MUST_CHECK;
/* qcow2_header_tables_end: the end of the last of the tables that the header names. */
uint64_t qcow2_header_tables_end(const struct qcow2_header *h);
/* qcow2_header_snapshot_bytes: at least so long is the snapshot table. */
uint64_t qcow2_header_snapshot_bytes(const struct qcow2_header *h);

enum qcow2_kind { QCOW2_ZERO, QCOW2_PLAIN, QCOW2_PACKED };

/* Where the bytes of `clusters` guest clusters are (more than one for QCOW2_ZERO only). */
struct qcow2_mapping {
	enum qcow2_kind kind;
	uint64_t clusters;
	uint64_t host;        /* bytes into the file */
	uint32_t host_len;    /* PACKED: the compressed stream is not longer */
	uint32_t subclusters; /* PLAIN: bit n: the n-th of 32 has data; the others are zeros */
};

struct qcow2_table {
	const struct qcow2_header *h; /* borrowed */
	struct spool *spool;          /* borrowed */
	uint64_t l2_entries;          /* of one table */
	uint32_t entry_bytes;         /* 8, or 16 when extended */
	uint64_t l1_first;            /* l1[] holds entries l1_first .. l1_first + l1_count - 1 */
	uint64_t l1_count;
	uint8_t *l2;           /* the one table in memory */
	uint64_t l2_index;     /* its number; UINT64_MAX: none */
	uint64_t tracked;      /* host clusters with bits below */
	uint8_t *owned;        /* one bit per host cluster: metadata or plain data */
	uint8_t *packed;       /* one bit per host cluster: compressed data */
	uint32_t *used;        /* owned; bytes of each group of the file that are spoken for */
	uint64_t groups;       /* of used[] */
	uint64_t need_end;     /* the file must be at least this long … */
	uint64_t need_cluster; /* … for this guest cluster */
	uint8_t l1[QCOW2_L1_PIECE * 8];
};

int qcow2_table_init(struct qcow2_table *t, const struct qcow2_header *h, struct spool *spool,
		     struct dr_err *err) DR_MUST_CHECK;
void qcow2_table_done(struct qcow2_table *t);
/* qcow2_table_map: checks and marks what `cluster` refers to; so each cluster once, ascending.
 *   may_wait  false: return 0 rather than wait for a table that has not landed
 * 1; 0 not landed; -1. */
int qcow2_table_map(struct qcow2_table *t, uint64_t cluster, bool may_wait,
		    struct qcow2_mapping *ret, struct dr_err *err) DR_MUST_CHECK;
/* qcow2_table_mark_packed: compressed data of guest cluster `cluster` is at [off, off + len). */
int qcow2_table_mark_packed(struct qcow2_table *t, uint64_t cluster, uint64_t off, uint64_t len,
			    struct dr_err *err) DR_MUST_CHECK;
/* qcow2_table_check_end: everything mapped lies inside the file. */
int qcow2_table_check_end(const struct qcow2_table *t, uint64_t file_bytes, struct dr_err *err)
	DR_MUST_CHECK;

/* What one run of a window is made of. */
struct qcow2_seg {
	enum qcow2_kind kind;
	uint32_t host_len; /* PACKED: the compressed stream is not longer */
	uint32_t used;     /* PACKED: how long it was, once decoded */
	uint64_t off;      /* bytes of disk */
	uint64_t len;
	uint64_t host; /* bytes into the file */
};

/* Decompressors; a running task borrows one. */
struct qcow2_tool;
struct qcow2_tools {
	struct dr_mutex lock;
	struct dr_cond returned;
	struct qcow2_tool *idle; /* lock */
	struct spool *spool;     /* borrowed */
	uint32_t cluster_bytes;
	size_t in_bytes;
	unsigned window_log; /* zstd: the largest window */
	bool zstd;
};

int qcow2_tools_init(struct qcow2_tools *ts, const struct qcow2_header *h, struct spool *spool,
		     unsigned count, uint64_t memory_bytes, struct dr_err *err) DR_MUST_CHECK;
void qcow2_tools_done(struct qcow2_tools *ts);

/* Some compressed segments of one window, decoded by one thread. */
struct qcow2_task {
	struct work work;
	struct qcow2_tools *tools;
	struct qcow2_seg *segs;
	unsigned count;
	uint64_t file_bytes; /* that have landed; it ends there if a segment claims more */
	uint8_t *out;        /* for the byte of disk `base`; room up to the next whole cluster */
	uint64_t base;
	struct dr_err err;
};

/* qcow2_task_run: for workers_submit(). Any thread. Reads only what has landed. */
void qcow2_task_run(struct work *w);

#endif
