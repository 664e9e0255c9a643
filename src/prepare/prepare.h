/* SPDX-License-Identifier: Apache-2.0
 *
 * prepare: a local disk as the compressed raw file that is imported fastest.
 *
 *   file --> ingest/decode (a raw file: its holes are skipped) --> pack: blocks on a crew --> file
 *
 * What is accepted is what an import accepts, by the same code, and refused with the same words.
 * The output consists of independent blocks, so that it is made and decoded in parallel, and it is
 * an ordinary file: lz4, xz and zstd decode it to the exact disk. Zeros cost next to nothing. */
#ifndef DR_PREPARE_PREPARE_H
#define DR_PREPARE_PREPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define PREPARE_UNKNOWN UINT64_MAX
#define PREPARE_LEVEL_DEFAULT (-1)
#define PREPARE_WARNINGS 12

enum prepare_kind {
	PREPARE_LZ4,  /* one frame of 1 MiB blocks with checksums, as Orbit's own images are */
	PREPARE_XZ,   /* blocks of 8 MiB with their sizes */
	PREPARE_ZSTD, /* frames of 4 MiB with sizes and checksums */
};

/* prepare_kind_of: by a name's end: ".lz4", ".xz", ".zst"; or such an end alone, without the dot.
 */
bool prepare_kind_of(const char *name, enum prepare_kind *ret);
const char *prepare_kind_name(enum prepare_kind kind); /* "lz4", "xz", "zst" */
/* prepare_levels: the levels of compression a kind has, and its default. */
void prepare_levels(enum prepare_kind kind, int *ret_min, int *ret_max, int *ret_default);

struct prepare_facts {
	char format[32];       /* of the source: "raw", "qcow2", "qcow2+xz"; "" at first */
	uint64_t disk_bytes;   /* PREPARE_UNKNOWN at first, for some sources until the end */
	uint64_t packed_bytes; /* of the disk, so far */
	uint64_t out_bytes;    /* of the output, so far */
	unsigned warning_count;
	char warnings[PREPARE_WARNINGS][160]; /* "code: sentence", as the image would show them */
};

struct prepare_job {
	int in;  /* borrowed, at its beginning: a file, a block device or a pipe */
	int out; /* borrowed: anything that takes bytes in order */
	enum prepare_kind kind;
	int level;        /* PREPARE_LEVEL_DEFAULT, or one that the kind has */
	unsigned threads; /* 1 to PREPARE_THREADS; memory grows with them */
	const char
		*scratch; /* directory for an unnamed file: qcow2 that is not in the disk's order */
	/* tick: now and then, on the calling thread; true ends it (CANCELLED). NULL is fine. */
	bool (*tick)(void *arg, const struct prepare_facts *facts);
	void *arg;
};

#define PREPARE_THREADS 16U

/* prepare_run: the whole disk, or -1: refusals of hardening.md sections 1.1 to 1.6 (with a reason);
 * IO; CANCELLED; NO_MEMORY. Facts are filled as far as they are known also on failure. */
int prepare_run(const struct prepare_job *job, struct prepare_facts *facts, struct dr_err *err)
	DR_MUST_CHECK;

#endif
