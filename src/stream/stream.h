/* SPDX-License-Identifier: Apache-2.0
 *
 * stream: the spine. Pull streams: the sink asks, each stage asks the one below.
 *
 *   stream_read() --> ops->read --> the stream below --> … --> the source
 *
 * The public functions are the only callers of the ops: they make end and failure sticky (a stream
 * that ended stays at its end, one that failed repeats its first error), count bytes, enforce the
 * byte budget, look at the cancel flag and, in tests, cut reads short (the fragment knob).
 * One thread at a time unless a concrete stream says otherwise. A concrete stream embeds
 * `struct stream` as its first member; a stage owns the stream below it and closes it. */
#ifndef DR_STREAM_STREAM_H
#define DR_STREAM_STREAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/buf.h"
#include "util/cleanup.h"
#include "util/err.h"

struct stream;

struct stream_ops {
	const char *name;
	/* read: 1..len bytes; 0 at the end; -1. Short reads are normal. len > 0. */
	ssize_t (*read)(struct stream *s, void *buf, size_t len, struct dr_err *err);
	/* pread: exactly len bytes at off, or -1 (also past the end). NULL: not seekable. */
	int (*pread)(struct stream *s, void *buf, size_t len, uint64_t off, struct dr_err *err);
	/* close: frees everything, also a half-built stream; never fails. */
	void (*close)(struct stream *s);
};

#define STREAM_UNLIMITED UINT64_MAX

struct stream {
	const struct stream_ops *ops;
	uint64_t bytes;            /* handed out by stream_read so far */
	uint64_t budget;           /* stream_read fails with LIMIT beyond; STREAM_UNLIMITED */
	size_t fragment;           /* tests: at most this many bytes a read; 0 = off */
	const atomic_bool *cancel; /* borrowed; NULL = none */
	bool ended;
	struct dr_err failure; /* the first one */
};

/* stream_init: for concrete streams. */
void stream_init(struct stream *s, const struct stream_ops *ops);
ssize_t stream_read(struct stream *s, void *buf, size_t len, struct dr_err *err) DR_MUST_CHECK;
/* stream_read_full: len bytes unless the end comes first. The count, or -1. */
ssize_t stream_read_full(struct stream *s, void *buf, size_t len, struct dr_err *err) DR_MUST_CHECK;
bool stream_seekable(const struct stream *s);
int stream_pread(struct stream *s, void *buf, size_t len, uint64_t off, struct dr_err *err)
	DR_MUST_CHECK;
/* stream_close: NULL is fine. */
void stream_close(struct stream *s);

DR_DEFINE_CLEANUP(struct stream, stream_close);

/* stream_mem_open: over borrowed memory; seekable. */
int stream_mem_open(struct stream **ret, const void *p, size_t len, struct dr_err *err)
	DR_MUST_CHECK;
/* stream_fd_open: over a descriptor, which it owns; seekable when the file is regular. */
int stream_fd_open(struct stream **ret, int fd, struct dr_err *err) DR_MUST_CHECK;

/* stream_head_open: reads up to `want` bytes of `in` ahead and replays them: the head can be looked
 * at before anything is consumed. Owns `in` from the call on, also on failure.
 *   ret_head  borrowed until close; ret_len < want only when the stream ended there. */
int stream_head_open(struct stream **ret, struct stream *in, size_t want, const uint8_t **ret_head,
		     size_t *ret_len, struct dr_err *err) DR_MUST_CHECK;

#endif
