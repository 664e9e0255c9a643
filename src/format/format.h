/* SPDX-License-Identifier: Apache-2.0
 *
 * format: disk formats as ordered extents (hardening.md sections 1.2 and 1.4).
 *
 *   lifecycle: open -> { next -> [read …] } until 0 -> close
 *
 * Extents ascend, abut and cover [0, virtual size) exactly; the wrappers assert it. A data extent
 * is at most FORMAT_PIECE_BYTES long and does not cross a multiple of that. Its data is read from
 * its beginning; what is left unread is skipped by the next format_next(). Holes are never
 * materialised. The first failure is final: every later call repeats it. One thread; parallel work
 * inside goes to the crew. No threads, files or other descriptors are made after open. */
#ifndef DR_FORMAT_FORMAT_H
#define DR_FORMAT_FORMAT_H

#include "stream/spool.h"
#include "stream/stream.h"
#include "util/workers.h"

#define FORMAT_SIZE_UNKNOWN UINT64_MAX
#define FORMAT_MAX_WARNINGS 8
#define FORMAT_PIECE_BYTES ((uint64_t)1 << 20)

struct extent {
	uint64_t off; /* bytes of disk */
	uint64_t len; /* > 0 */
	enum extent_kind { EXTENT_DATA, EXTENT_ZERO } kind;
};

struct format_limits {
	uint64_t virtual_bytes; /* the cap: too-large beyond */
	uint64_t memory_bytes;  /* for zstd windows of compressed clusters: 128 MiB (D) */
	bool length_proven; /* the source's length or digest is known, or a codec proved the end */
};

struct format;

struct format_ops {
	const char *name;
	/* next: the extent at f->pos; must do without read having been called for the last one. */
	int (*next)(struct format *f, struct extent *ret, struct dr_err *err); /* 1, 0 end, -1 */
	/* read: the bytes of disk at format_at(f); 0 < len <= f->left. 0, or -1. */
	int (*read)(struct format *f, void *buf, size_t len, struct dr_err *err);
	/* close: frees everything, also a half-built format; never fails. */
	void (*close)(struct format *f);
};

struct format {
	const struct format_ops *ops;
	uint64_t virtual_bytes; /* FORMAT_SIZE_UNKNOWN while it is (raw of unknown length) */
	uint64_t pos;           /* end of the extents handed out */
	struct extent current;
	uint64_t left;                           /* unread bytes of the current data extent */
	char warnings[FORMAT_MAX_WARNINGS][160]; /* "code: sentence" */
	unsigned warning_count;
	bool ended;
	struct dr_err failure; /* the first one */
};

/* format_init: for concrete formats, which embed a struct format as their first member. */
void format_init(struct format *f, const struct format_ops *ops, uint64_t virtual_bytes);

/* format_raw_open: every byte of `in` is disk. `in` borrowed.
 *   declared  the length announced by the source, or FORMAT_SIZE_UNKNOWN. When it is known, data is
 *             read straight into the caller's buffer; when not, a piece is read ahead to learn that
 *             it exists, and a piece of zeros is ZERO.
 * Refusals: length-unknown empty not-whole-sectors too-large truncated trailing-data. */
int format_raw_open(struct format **ret, struct stream *in, uint64_t declared,
		    const struct format_limits *lim, struct dr_err *err) DR_MUST_CHECK;
/* format_qcow2_open: `spool` borrowed and started; clusters are decoded as they land, so open and
 * next block while what they need has not arrived. All rules of section 1.4; format_next() returns
 * 0 only after the rules that need the whole file have passed. `crew` borrowed; a crew shared with
 * a codec below the spool is fine.
 * Refusals: truncated empty not-whole-sectors too-large corrupt needs-memory, and qcow2-version
 * -header -feature -backing -data-file -encrypted -corrupt -compression -cluster-size -l1 -l2
 * -refcounts -snapshots -overlap. Warnings: qcow2-dirty, snapshots-ignored. */
int format_qcow2_open(struct format **ret, struct spool *spool, const struct format_limits *lim,
		      struct workers *crew, struct dr_err *err) DR_MUST_CHECK;

int format_next(struct format *f, struct extent *ret, struct dr_err *err) DR_MUST_CHECK;
/* format_read: exactly len bytes of the current data extent, in order. */
int format_read(struct format *f, void *buf, size_t len, struct dr_err *err) DR_MUST_CHECK;
/* format_at: where in the disk the next format_read() begins. */
uint64_t format_at(const struct format *f);
void format_close(struct format *f);
void format_warn(struct format *f, const char *fmt, ...) DR_PRINTF(2, 3);

DR_DEFINE_CLEANUP(struct format, format_close);

#endif
