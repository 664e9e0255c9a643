/* SPDX-License-Identifier: Apache-2.0
 *
 * codec-samples: disks, ways to read them through a codec, and the laws every codec obeys. For
 * tests/unit/test-codec-*.c. Compressed samples are made by the tests with the formats' libraries.
 */
#ifndef DR_TESTS_CODEC_SAMPLES_H
#define DR_TESTS_CODEC_SAMPLES_H

#include "codec/codec.h"
#include "unit.h"
#include "util/buf.h"

#define MIB ((size_t)1 << 20)

/* How a file is read. Zeroed: large reads, no crew, length known, default limits. */
struct reading {
	size_t fragment; /* the input arrives in pieces of at most this many bytes; 0 = whole */
	size_t read;     /* the output is asked for in pieces of this many bytes; 0 = 1 MiB */
	unsigned threads;
	bool length_unknown;
	uint64_t memory_bytes;   /* 0: 128 MiB */
	uint64_t parallel_bytes; /* 0: 192 MiB */
};

/* sample_disk: `len` bytes like a disk: runs of zeros, of text and of noise. [owned by caller] */
void sample_disk(struct buf *ret, size_t len, unsigned seed);
/* sample_text: one sector that compresses well, for laws that try every bit or byte. */
void sample_text(struct buf *ret);
/* decode: 0 with the disk in `ret`, or -1. */
int decode(enum codec_kind kind, const void *p, size_t len, const struct reading *how,
	   struct buf *ret, struct codec_facts *facts, struct dr_err *err);

/* The laws. `file` is the compressed sample. */

/* law_round_trip: the file decodes to `disk` however it is cut, with and without a crew; large ones
 * are spared the smallest cuts. */
void law_round_trip(enum codec_kind kind, const struct buf *file, const struct buf *disk);
/* law_truncation: no prefix of the file decodes, but those of the lengths in `whole` (ascending,
 * ended by 0), which decode; the others are refused as truncated (or empty for nothing). */
void law_truncation(enum codec_kind kind, const struct buf *file, const size_t *whole);
/* law_flips: whatever bit is flipped, the file is refused or decodes to the same disk.
 *   the number of flips refused */
size_t law_flips(enum codec_kind kind, const struct buf *file, const struct buf *disk);
/* law_refused: with this word, however the file is cut, with and without a crew. */
void law_refused(enum codec_kind kind, const struct buf *file, const char *reason);

#endif
