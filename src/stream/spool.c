/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/spool.h"

#include <assert.h>
#include <stdlib.h>

#include "util/checked.h"
#include "util/io.h"
#include "util/mutex.h"

#include "util/banned.h"

#define STEP_BYTES ((size_t)256 << 10)

struct spool {
	struct stream view; /* spool_stream(); first, so that the view is its spool */
	uint64_t view_pos;  /* of stream_read on the view */
	int fd;             /* borrowed */
	uint64_t max_bytes;
	pthread_t thread;
	struct dr_mutex lock;
	struct dr_cond changed; /* any of the fields below */
	struct stream *in;      /* lock; owned; NULL until spool_start */
	uint64_t landed;        /* lock; written by the spool thread only */
	struct dr_err failure;  /* lock; the input failed, or writing it did */
	bool ended;             /* lock; the input has ended well */
	bool stop;              /* lock */
	uint8_t step[STEP_BYTES];
};

/* Moves one piece from the input to the scratch file; false when there is nothing more to do. */
static bool pull(struct spool *sp)
{
	struct dr_err err = DR_ERR_INIT;
	uint64_t at = sp->landed;
	ssize_t n = stream_read(sp->in, sp->step, sizeof sp->step, &err);
	bool more;

	if (n > 0 && (uint64_t)n > sp->max_bytes - at)
		n = dr_refuse(&err, DR_LIMIT, "too-large",
			      "the upload is larger than the %llu bytes allowed",
			      (unsigned long long)sp->max_bytes);
	if (n > 0 && dr_pwrite_all(sp->fd, sp->step, (size_t)n, at, &err) < 0)
		n = -1;
	dr_lock(&sp->lock);
	if (n < 0)
		sp->failure = err;
	else if (n == 0)
		sp->ended = true;
	else
		sp->landed += (uint64_t)n;
	more = n > 0 && !sp->stop;
	dr_cond_broadcast(&sp->changed);
	dr_unlock(&sp->lock);
	return more;
}

static void *spool_main(void *arg)
{
	struct spool *sp = arg;
	bool go;

	dr_lock(&sp->lock);
	while (!sp->in && !sp->stop)
		dr_cond_wait(&sp->changed, &sp->lock);
	go = !sp->stop;
	dr_unlock(&sp->lock);
	while (go)
		go = pull(sp);
	return NULL;
}

int spool_await(struct spool *sp, uint64_t end, uint64_t *ret, struct dr_err *err)
{
	int rc = 0;

	dr_lock(&sp->lock);
	while (sp->landed < end && !sp->ended && !dr_err_is_set(&sp->failure))
		dr_cond_wait(&sp->changed, &sp->lock);
	*ret = sp->landed;
	if (sp->landed < end && !sp->ended) {
		*err = sp->failure;
		rc = -1;
	}
	dr_unlock(&sp->lock);
	return rc;
}

static ssize_t view_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct spool *sp = (struct spool *)s;
	uint64_t landed;
	ssize_t n;

	if (spool_await(sp, sp->view_pos + 1, &landed, err) < 0)
		return -1;
	len = (size_t)dr_min_u64(len, landed - sp->view_pos);
	n = dr_pread_full(sp->fd, buf, len, sp->view_pos, err);
	if (n > 0)
		sp->view_pos += (uint64_t)n;
	return n;
}

static int view_pread(struct stream *s, void *buf, size_t len, uint64_t off, struct dr_err *err)
{
	struct spool *sp = (struct spool *)s;
	uint64_t end, landed;
	ssize_t n;

	if (!dr_add_u64(off, len, &end))
		end = UINT64_MAX; /* past any end, see below */
	if (spool_await(sp, end, &landed, err) < 0)
		return -1;
	if (!dr_range_within(off, len, landed))
		return dr_refuse(err, DR_CORRUPT, "truncated",
				 "the file ends at byte %llu; %zu bytes at %llu are missing",
				 (unsigned long long)landed, len, (unsigned long long)off);
	n = dr_pread_full(sp->fd, buf, len, off, err);
	if (n >= 0 && (size_t)n < len)
		return dr_fail(err, DR_IO, "the scratch file has lost bytes");
	return n < 0 ? -1 : 0;
}

/* The view is part of the spool and goes with it. */
static void view_close(struct stream *s)
{
	(void)s;
}

static const struct stream_ops view_ops = {
	.name = "spool", .read = view_read, .pread = view_pread, .close = view_close};

int spool_open(struct spool **ret, int fd, uint64_t max_bytes, struct dr_err *err)
{
	struct spool *sp = calloc(1, sizeof *sp);

	if (!sp)
		return dr_fail_nomem(err);
	stream_init(&sp->view, &view_ops);
	sp->fd = fd;
	sp->max_bytes = max_bytes;
	dr_mutex_init(&sp->lock);
	dr_cond_init(&sp->changed);
	if (pthread_create(&sp->thread, NULL, spool_main, sp) != 0) {
		dr_cond_done(&sp->changed);
		dr_mutex_done(&sp->lock);
		free(sp);
		return dr_fail(err, DR_NO_MEMORY, "cannot start the spool's thread");
	}
	*ret = sp;
	return 0;
}

void spool_start(struct spool *sp, struct stream *in)
{
	dr_lock(&sp->lock);
	assert(!sp->in);
	sp->in = in;
	dr_cond_broadcast(&sp->changed);
	dr_unlock(&sp->lock);
}

struct stream *spool_stream(struct spool *sp)
{
	return &sp->view;
}

int64_t spool_length(struct spool *sp, struct dr_err *err)
{
	uint64_t landed;

	if (spool_await(sp, UINT64_MAX, &landed, err) < 0)
		return -1;
	return (int64_t)landed;
}

uint64_t spool_landed(struct spool *sp, bool *ret_ended)
{
	uint64_t landed;

	dr_lock(&sp->lock);
	landed = sp->landed;
	*ret_ended = sp->ended;
	dr_unlock(&sp->lock);
	return landed;
}

uint64_t spool_max_bytes(const struct spool *sp)
{
	return sp->max_bytes;
}

void spool_close(struct spool *sp)
{
	if (!sp)
		return;
	dr_lock(&sp->lock);
	sp->stop = true;
	dr_cond_broadcast(&sp->changed);
	dr_unlock(&sp->lock);
	pthread_join(sp->thread, NULL);
	stream_close(sp->in);
	dr_cond_done(&sp->changed);
	dr_mutex_done(&sp->lock);
	free(sp);
}
