/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/feed: a source that is not fetched, because this process can read it itself: a thread
 * writes its bytes into a pipe, at whose other end darkroom-read is.
 *
 * The process must ignore SIGPIPE: readers go away when an import fails or is cancelled. */
#ifndef DR_INGEST_FEED_H
#define DR_INGEST_FEED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

struct import_source {
	uint64_t bytes;
	/* read: 1..len bytes at pos < bytes */
	ssize_t (*read)(void *arg, void *buf, size_t len, uint64_t pos, struct dr_err *err);
	/* file: the plain file (borrowed) that holds *ret_len bytes from pos on, at *ret_at in it;
	 * false: in none; may be NULL */
	bool (*file)(void *arg, uint64_t pos, int *ret_fd, uint64_t *ret_at, uint64_t *ret_len);
	void (*close)(void *arg); /* called by whoever opened it, after its import */
	void *arg;
};

struct feed;

/* feed_start: [owned] `s` is borrowed until feed_end, `out` is owned from the call on. */
int feed_start(struct feed **ret, const struct import_source *s, int out, struct dr_err *err)
	DR_MUST_CHECK;
/* feed_end: when the pipe has no reader any more. 0, or -1: what reading the source has failed of.
 * Readers that went away early are no failure. NULL is fine. */
int feed_end(struct feed *f, struct dr_err *err) DR_MUST_CHECK;

#endif
