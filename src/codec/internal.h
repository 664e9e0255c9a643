/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/internal: what the codecs share. Each codec is a `struct codec_class`; its state embeds
 * `struct codec` as the first member. */
#ifndef DR_CODEC_INTERNAL_H
#define DR_CODEC_INTERNAL_H

#include "codec/codec.h"
#include "codec/input.h"

struct codec {
	struct stream base;
	struct input in;
	struct codec_limits lim;
	struct workers *crew;      /* borrowed; NULL: decode on the calling thread */
	struct codec_facts *facts; /* borrowed, or own_facts */
	struct codec_facts own_facts;
	unsigned skipped_frames; /* in a row */
	uint64_t skipped_bytes;  /* in them */
};

struct codec_class {
	size_t bytes; /* of the codec's state, which starts zeroed */
	struct stream_ops ops;
	/* init: first-use initialisation; on failure ops.close() follows. */
	int (*init)(struct codec *c, struct dr_err *err);
};

extern const struct codec_class codec_lz4;
extern const struct codec_class codec_xz;
extern const struct codec_class codec_gzip;
extern const struct codec_class codec_zstd;
extern const struct codec_class codec_bzip2;
extern const struct codec_class codec_skippable;

/* codec_new: a codec over `in`, whose content it takes, also on failure. */
int codec_new(struct stream **ret, const struct codec_class *class, struct input *in,
	      const struct codec_limits *lim, struct workers *crew, struct codec_facts *facts,
	      struct dr_err *err) DR_MUST_CHECK;
/* codec_done: frees what is in `struct codec`, not the state itself. */
void codec_done(struct codec *c);

/* The refusals all codecs know. Each returns -1. */
int codec_truncated(const struct codec *c, const char *where, struct dr_err *err);
int codec_corrupt(const struct codec *c, struct dr_err *err, const char *fmt, ...) DR_PRINTF(3, 4);
int codec_trailing(const struct codec *c, struct dr_err *err);
/* codec_end: the input ended between frames: 0, or -1 "empty" when there was no data. */
int codec_end(const struct codec *c, struct dr_err *err) DR_MUST_CHECK;

/* codec_next_magic: skip skippable frames and look at the four bytes that follow, leaving them.
 * They must be one of the n `magics`; anything else is trailing data.
 *   1; 0 at the end of the input; -1. */
int codec_next_magic(struct codec *c, const uint32_t *magics, size_t n, uint32_t *ret,
		     struct dr_err *err) DR_MUST_CHECK;
/* codec_frame_begins: a real frame: counts it, and skippable frames are counted anew. */
void codec_frame_begins(struct codec *c);

#endif
