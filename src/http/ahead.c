/* SPDX-License-Identifier: Apache-2.0 */
#include "http/ahead.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "util/mutex.h"

#include "util/banned.h"

/* A buffer belongs to the worker while `full` is false and a fill is under way, else to the reader.
 */
struct side {
	uint8_t *p;
	size_t len, at;
	bool full; /* lock */
};

struct ahead {
	struct task task;
	struct http_stream stream;
	struct crew *crew;
	struct MHD_Connection *connection;
	uint64_t *sent;
	size_t buffer;
	struct dr_mutex lock;
	struct side side[2];
	unsigned in, out; /* lock; the side to fill next, the side to read next */
	uint64_t filled;  /* lock; bytes of the stream read so far */
	bool filling;     /* lock; a worker is at it */
	bool waiting;     /* lock; the connection is suspended until a side is full */
	bool failed;      /* lock */
	bool dropped;     /* lock; the connection is gone: the worker frees */
};

static void destroy(struct ahead *a)
{
	a->stream.close(a->stream.arg);
	dr_mutex_done(&a->lock);
	free(a->side[0].p);
	free(a->side[1].p);
	free(a);
}

/* Fills the side `in`; no lock needed, it is the filler's. */
static int fill(struct ahead *a, struct dr_err *err)
{
	struct side *s = &a->side[a->in];
	size_t want = (size_t)dr_min_u64(a->buffer, a->stream.length - a->filled);
	ssize_t n;

	if (!s->p)
		s->p = malloc(want ? want : 1);
	if (!s->p)
		return dr_fail_nomem(err);
	s->at = 0;
	for (s->len = 0; s->len < want; s->len += (size_t)n) {
		n = a->stream.read(a->stream.arg, a->filled + s->len, s->p + s->len, want - s->len,
				   err);
		if (n <= 0)
			return -1;
	}
	return 0;
}

static void filled_locked(struct ahead *a)
{
	dr_assert_held(&a->lock);
	a->side[a->in].full = true;
	a->filled += a->side[a->in].len;
	a->in ^= 1;
}

/* Asks a worker for the next buffer when there is a side to fill and something to fill it with. */
static void ask_locked(struct ahead *a)
{
	dr_assert_held(&a->lock);
	if (a->filling || a->failed || a->side[a->in].full || a->filled == a->stream.length)
		return;
	a->filling = true;
	if (!crew_submit(a->crew, &a->task)) {
		a->filling = false;
		a->failed = true;
	}
}

static void run_fill(struct task *t)
{
	struct ahead *a = (struct ahead *)t; /* its first member */
	struct dr_err err = DR_ERR_INIT;
	int rc = fill(a, &err);
	bool wake, dropped;

	dr_lock(&a->lock);
	a->filling = false;
	if (rc < 0)
		a->failed = true;
	else
		filled_locked(a);
	wake = a->waiting;
	a->waiting = false;
	dropped = a->dropped;
	if (!dropped)
		ask_locked(a);
	dr_unlock(&a->lock);
	if (dropped)
		destroy(a);
	else if (wake)
		MHD_resume_connection(a->connection);
}

int ahead_new(struct ahead **ret, const struct http_stream *stream, size_t buffer,
	      struct crew *crew, struct MHD_Connection *connection, uint64_t *ret_sent,
	      struct dr_err *err)
{
	struct ahead *a = calloc(1, sizeof *a);

	if (!a) {
		stream->close(stream->arg);
		return dr_fail_nomem(err);
	}
	a->task.run = run_fill;
	a->stream = *stream;
	a->crew = crew;
	a->connection = connection;
	a->sent = ret_sent;
	a->buffer = buffer;
	dr_mutex_init(&a->lock);
	if (fill(a, err) < 0) {
		destroy(a);
		return -1;
	}
	dr_lock(&a->lock);
	filled_locked(a);
	ask_locked(a);
	dr_unlock(&a->lock);
	*ret = a;
	return 0;
}

ssize_t ahead_read(void *ahead, uint64_t pos, char *buf, size_t max)
{
	struct ahead *a = ahead;
	struct side *s = &a->side[a->out];
	size_t n;
	ssize_t verdict = 0;

	dr_lock(&a->lock);
	if (!s->full) {
		if (a->failed) {
			verdict = MHD_CONTENT_READER_END_WITH_ERROR;
		} else {
			MHD_suspend_connection(a->connection);
			a->waiting = true;
		}
		dr_unlock(&a->lock);
		return verdict;
	}
	dr_unlock(&a->lock);

	assert(pos == *a->sent);
	n = dr_min_size(max, s->len - s->at);
	memcpy(buf, s->p + s->at, n);
	s->at += n;
	*a->sent += n;
	if (s->at == s->len) {
		dr_lock(&a->lock);
		s->full = false;
		a->out ^= 1;
		ask_locked(a);
		dr_unlock(&a->lock);
	}
	return (ssize_t)n;
}

void ahead_free(void *ahead)
{
	struct ahead *a = ahead;
	bool filling;

	dr_lock(&a->lock);
	a->dropped = true;
	filling = a->filling;
	dr_unlock(&a->lock);
	if (!filling)
		destroy(a);
}
