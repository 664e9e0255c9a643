/* SPDX-License-Identifier: Apache-2.0
 *
 * stream/spool: makes a stream seekable while it is read.
 *
 *   in --(spool thread: stream_read)--> window in memory --(what is not released in time)-->
 * scratch watermark ---------^ pread by the format decoder -----------------------^ file
 *
 * The spool has one thread of its own, made by spool_open() before the sandbox closes; it pulls
 * from the stream given to spool_start() until the end. stream_pread() waits for the watermark;
 * past the end of the input it is "truncated". Nothing is reread from the input. What has landed
 * stays readable when the input fails later. Any thread but the spool's own may wait; work that
 * the spool thread may be asked to run (a crew shared with a codec below) must not.
 *
 * A reader that will not need some bytes again says so by spool_release(). Pages of the window that
 * are wholly released are never written; the others are, once the reader has gone past them or
 * waits for something further on. Until then the spool stops pulling, so that a file whose order is
 * that of the disk passes through memory at the reader's pace. */
#ifndef DR_STREAM_SPOOL_H
#define DR_STREAM_SPOOL_H

#include "stream/stream.h"

#define SPOOL_PAGE_BYTES ((size_t)256 << 10)
#define SPOOL_PAGES 32U /* of the window */

struct spool;

/* spool_open: over scratch file `fd` (borrowed, empty, read-write); starts the thread, idle.
 *   max_bytes  the input may not be longer: LIMIT "too-large". */
int spool_open(struct spool **ret, int fd, uint64_t max_bytes, struct dr_err *err) DR_MUST_CHECK;
/* spool_start: begin pulling from `in` (owned from here on). Once. */
void spool_start(struct spool *sp, struct stream *in);
/* spool_stream: the seekable view; borrowed, lives as long as the spool. pread from any thread. */
struct stream *spool_stream(struct spool *sp);
/* spool_length: waits for the end of the input. The length, or -1 with the input's failure. */
int64_t spool_length(struct spool *sp, struct dr_err *err) DR_MUST_CHECK;
/* spool_landed: bytes written so far;
 *   ret_ended  the input has ended well, and the value is its length. */
uint64_t spool_landed(struct spool *sp, bool *ret_ended);
/* spool_await: waits until `end` bytes have landed or the input has ended.
 *   ret  the bytes that have landed; below `end` only when the input is that short.
 * 0, or -1 with the input's failure. */
int spool_await(struct spool *sp, uint64_t end, uint64_t *ret, struct dr_err *err) DR_MUST_CHECK;
/* spool_release: nobody will read [off, off + len) again; all of it has landed. Reading it again is
 * CONFLICT, or still works. */
void spool_release(struct spool *sp, uint64_t off, uint64_t len);
/* spool_held: how many of the `len` bytes at `off`, which have landed, can be read from `off` on:
 * up to the first that was released and dropped. */
uint64_t spool_held(struct spool *sp, uint64_t off, uint64_t len);
/* spool_written: bytes that went to the scratch file so far. */
uint64_t spool_written(struct spool *sp);
/* spool_max_bytes: as given to spool_open: no offset at or beyond it can ever be read. */
uint64_t spool_max_bytes(const struct spool *sp);
/* spool_close: stops pulling at the next read, ends the thread, closes `in`. NULL is fine. */
void spool_close(struct spool *sp);

DR_DEFINE_CLEANUP(struct spool, spool_close);

#endif
