/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/input: a codec's reading end: a large buffer over the stream below, so that headers can be
 * looked at as contiguous bytes and the stream is asked for much at a time. One thread. */
#ifndef DR_CODEC_INPUT_H
#define DR_CODEC_INPUT_H

#include "stream/stream.h"

#define INPUT_BYTES ((size_t)256 << 10)

struct input {
	struct stream *s; /* owned */
	uint8_t *buf;     /* owned, INPUT_BYTES */
	size_t pos;       /* the unread bytes are [pos, end) */
	size_t end;
	uint64_t taken; /* bytes consumed so far, for sentences */
};

/* input_init: owns `s` from the call on, also on failure. */
int input_init(struct input *in, struct stream *s, struct dr_err *err) DR_MUST_CHECK;
void input_done(struct input *in);

static inline const uint8_t *input_bytes(const struct input *in)
{
	return in->buf + in->pos;
}

static inline size_t input_left(const struct input *in)
{
	return in->end - in->pos;
}

static inline void input_skip(struct input *in, size_t n)
{
	in->pos += n;
	in->taken += n;
}

/* input_fill: make at least `want` (1..INPUT_BYTES) unread bytes contiguous, unless the input ends
 * first. The number of unread bytes, or -1. */
ssize_t input_fill(struct input *in, size_t want, struct dr_err *err) DR_MUST_CHECK;
/* input_take: consume exactly n bytes into dst, unless the input ends first. The count, or -1. */
ssize_t input_take(struct input *in, void *dst, size_t n, struct dr_err *err) DR_MUST_CHECK;

#endif
