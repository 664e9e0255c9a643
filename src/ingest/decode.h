/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/decode: untrusted bytes in, the extents of a disk out. The heart of darkroom-decode, and
 * plain enough to run in-process in tests and fuzzers.
 *
 *   source --head--> detect --> [codec --head--> detect] --> format --> inspect --> sink
 *                                                 (qcow2: through the spool)
 *
 * Everything is decided by content. What is accepted is exactly hardening.md sections 1.1 to 1.6.
 */
#ifndef DR_INGEST_DECODE_H
#define DR_INGEST_DECODE_H

#include "stream/spool.h"
#include "stream/stream.h"
#include "util/workers.h"

struct decode_limits {
	uint64_t virtual_bytes; /* the cap on the disk */
	uint64_t memory_bytes;  /* one codec's windows and dictionaries */
	uint64_t parallel_bytes;
};

/* Where the disk goes: pieces in order, abutting, of at most `slot_bytes`. */
struct decode_sink {
	/* reserve: borrow room for one piece of at most slot_bytes; publish: its first len bytes.
	 */
	int (*reserve)(struct decode_sink *s, uint8_t **ret, struct dr_err *err);
	void (*publish)(struct decode_sink *s, size_t len);
	int (*zero)(struct decode_sink *s, uint64_t len, struct dr_err *err);
	/* size: the virtual size, as soon as it is known; may be NULL. */
	void (*size)(struct decode_sink *s, uint64_t bytes);
	size_t slot_bytes;
};

struct decode_facts {
	char format[32]; /* "raw", "qcow2", "qcow2+xz", "raw+lz4" */
	uint64_t virtual_bytes;
	uint64_t data_bytes; /* in data extents */
	unsigned warning_count;
	char warnings[12][160]; /* "code: sentence" */
};

struct decode_job {
	struct stream *in;       /* owned by decode_run from the call on */
	uint64_t declared_bytes; /* announced length of the source, or UINT64_MAX */
	bool length_proven;      /* announced, or a digest of the source is checked elsewhere */
	struct spool *spool;     /* borrowed, idle; used when the format must seek */
	struct workers *crew;    /* borrowed */
	const struct decode_limits *limits;
};

/* decode_run: 0 when the whole disk went to the sink and every rule held; facts filled as far as
 * they are known also on failure. */
int decode_run(struct decode_job *job, struct decode_sink *sink, struct decode_facts *facts,
	       struct dr_err *err) DR_MUST_CHECK;

#endif
