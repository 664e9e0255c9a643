/* SPDX-License-Identifier: Apache-2.0
 *
 * format: disk formats as ordered extents (hardening.md sections 1.2 and 1.4).
 *
 *   lifecycle: open -> { next -> [read …] } until 0 -> close
 *
 * Extents ascend, abut and cover [0, virtual size) exactly; the wrappers assert it. An extent's
 * data is read completely or not at all (the rest is skipped by the next format_next()). Holes are
 * never materialised. One thread; parallel work inside goes to the crew. */
#ifndef DR_FORMAT_FORMAT_H
#define DR_FORMAT_FORMAT_H

#include "stream/spool.h"
#include "stream/stream.h"
#include "util/workers.h"

#define FORMAT_SIZE_UNKNOWN UINT64_MAX
#define FORMAT_MAX_WARNINGS 8

struct extent {
	uint64_t off; /* bytes of disk */
	uint64_t len; /* > 0 */
	enum extent_kind { EXTENT_DATA, EXTENT_ZERO } kind;
};

struct format_limits {
	uint64_t virtual_bytes; /* the cap: too-large beyond */
	uint64_t memory_bytes;  /* for zstd windows of compressed clusters: 128 MiB (D) */
	bool length_proven;     /* the source's length or digest is known, or a codec proved the end */
};

struct format;

struct format_ops {
	const char *name;
	int (*next)(struct format *f, struct extent *ret, struct dr_err *err); /* 1, 0 end, -1 */
	int (*read)(struct format *f, void *buf, size_t len, struct dr_err *err);
	void (*close)(struct format *f);
};

struct format {
	const struct format_ops *ops;
	uint64_t virtual_bytes;  /* FORMAT_SIZE_UNKNOWN while it is (raw of unknown length) */
	uint64_t pos;            /* end of the extents handed out */
	struct extent current;
	uint64_t left;           /* unread bytes of the current data extent */
	char warnings[FORMAT_MAX_WARNINGS][160]; /* "code: sentence" */
	unsigned warning_count;
	bool ended;
};

/* format_raw_open: every byte of `in` is disk. `in` borrowed. Emits DATA extents of at most
 * 1 MiB aligned to 1 MiB (all-zero pieces may be emitted as ZERO).
 *   declared  the length announced by the source, or FORMAT_SIZE_UNKNOWN */
int format_raw_open(struct format **ret, struct stream *in, uint64_t declared,
		    const struct format_limits *lim, struct dr_err *err) DR_MUST_CHECK;
/* format_qcow2_open: `spool` borrowed and started; clusters are decoded as they land. All rules of
 * section 1.4; format_next() returns 0 only after the rules that need the whole file have passed. */
int format_qcow2_open(struct format **ret, struct spool *spool, const struct format_limits *lim,
		      struct workers *crew, struct dr_err *err) DR_MUST_CHECK;

int format_next(struct format *f, struct extent *ret, struct dr_err *err) DR_MUST_CHECK;
/* format_read: exactly len bytes of the current data extent, in order. */
int format_read(struct format *f, void *buf, size_t len, struct dr_err *err) DR_MUST_CHECK;
void format_close(struct format *f);
void format_warn(struct format *f, const char *fmt, ...) DR_PRINTF(2, 3);

DR_DEFINE_CLEANUP(struct format, format_close);

#endif
