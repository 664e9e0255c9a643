/* SPDX-License-Identifier: Apache-2.0
 *
 * codec: streams that decompress the stream below (hardening.md section 1.3).
 *
 *   lifecycle: detect_head_class() names the codec; codec_open() wraps; stream_read() yields the
 *   decoded bytes; 0 only when the end is proven (the decoder is between frames and the input has
 *   ended); every integrity field of the format has been verified by then.
 *
 * Several frames, streams or members of one format are one disk, in order. Refusals use the codes
 * truncated, corrupt, trailing-data, needs-memory, needs-dictionary, unsupported-check,
 * unsupported-filter, format-unsupported, length-unknown, empty. At most 64 skippable frames with
 * 64 MiB in all may stand in a row. Bytes may have been handed out before a refusal.
 *
 * No codec creates a thread: independent parts (xz blocks with sizes in their headers, lz4 blocks
 * that are not linked) go to the crew given. All memory is allocated by the reading thread.
 * First-use initialisation happens in codec_open(), so that no file or device is needed later. */
#ifndef DR_CODEC_CODEC_H
#define DR_CODEC_CODEC_H

#include "detect/detect.h"
#include "stream/stream.h"
#include "util/workers.h"

enum codec_kind {
	CODEC_LZ4,
	CODEC_XZ,
	CODEC_GZIP,
	CODEC_ZSTD,
	CODEC_BZIP2,
	CODEC_SKIPPABLE, /* lz4 or zstd, whichever follows the skippable frames */
};

struct codec_limits {
	uint64_t memory_bytes;   /* a decoder may need (xz dictionary, zstd window): 128 MiB (D) */
	uint64_t parallel_bytes; /* all blocks in flight together may hold: 192 MiB (D) */
	bool length_proven;      /* the source's length or digest is known (lz4 legacy needs it) */
};

/* What the decoder noticed; valid after the end. */
struct codec_facts {
	bool no_checksum;  /* xz check id none: warning "no-checksum" */
	uint64_t frames;   /* frames, streams or members */
	uint64_t parallel; /* blocks that were decoded by the crew */
};

/* codec_for_class: the codec that decodes a class; false for raw and qcow2. */
bool codec_for_class(enum detect_class c, enum codec_kind *ret);

/* codec_open: wrap `in`, which is owned by the result from the call on, also on failure.
 *   crew   borrowed; NULL = decode on the calling thread
 *   facts  borrowed, filled while reading; may be NULL */
int codec_open(struct stream **ret, enum codec_kind kind, struct stream *in,
	       const struct codec_limits *lim, struct workers *crew, struct codec_facts *facts,
	       struct dr_err *err) DR_MUST_CHECK;
const char *codec_name(enum codec_kind kind); /* "lz4" "xz" "gzip" "zstd" "bzip2" "skippable" */
/* codec_warm_up: decode a few bytes with each library before the sandbox closes. A library that
 * does not give back what is known is an IO failure: nothing may be imported with it. */
int codec_warm_up(struct dr_err *err) DR_MUST_CHECK;

#endif
