/* SPDX-License-Identifier: Apache-2.0 */
#include "http/intake.h"

#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "util/mutex.h"

#include "util/banned.h"

/* A buffer belongs to the event loop until it is full, then to the worker until it is written. */
struct side {
	uint8_t *p;
	size_t len;
	bool full; /* lock */
};

struct intake {
	struct task task;
	struct http_sink sink;
	struct crew *crew;
	struct MHD_Connection *connection;
	size_t buffer;
	struct dr_mutex lock;
	struct side side[2];
	unsigned in;  /* the side to fill next; the event loop's */
	unsigned out; /* lock; the side to write next */
	bool writing; /* lock; a worker is at it */
	bool waiting; /* lock; the connection is suspended until a side was written */
	bool failed;  /* lock */
	bool dropped; /* lock; the exchange is gone: the worker frees */
};

static void run_close(struct task *t)
{
	struct intake *in = (struct intake *)t; /* its first member */

	in->sink.close(in->sink.arg);
	dr_mutex_done(&in->lock);
	free(in->side[0].p);
	free(in->side[1].p);
	free(in);
}

/* Hands the next side to a worker, when it is full and nobody is at it. */
static void ask_locked(struct intake *in)
{
	dr_assert_held(&in->lock);
	if (in->writing || in->failed || !in->side[in->out].full)
		return;
	in->writing = true;
	if (!crew_submit(in->crew, &in->task)) {
		in->writing = false;
		in->failed = true;
	}
}

static void written_locked(struct intake *in)
{
	struct side *s = &in->side[in->out];

	dr_assert_held(&in->lock);
	s->full = false;
	s->len = 0;
	in->out ^= 1;
}

static void run_write(struct task *t)
{
	struct intake *in = (struct intake *)t; /* its first member */
	struct side *s = &in->side[in->out];    /* nobody else moves it meanwhile */
	int rc = in->sink.write(in->sink.arg, s->p, s->len);
	bool wake, dropped;

	dr_lock(&in->lock);
	in->writing = false;
	if (rc < 0)
		in->failed = true;
	else
		written_locked(in);
	wake = in->waiting;
	in->waiting = false;
	dropped = in->dropped;
	if (!dropped)
		ask_locked(in);
	dr_unlock(&in->lock);
	if (dropped)
		run_close(t);
	else if (wake)
		MHD_resume_connection(in->connection);
}

int intake_new(struct intake **ret, const struct http_sink *sink, size_t buffer, struct crew *crew,
	       struct MHD_Connection *connection, struct dr_err *err)
{
	struct intake *in = calloc(1, sizeof *in);

	if (!in) {
		sink->close(sink->arg);
		return dr_fail_nomem(err);
	}
	in->task.run = run_write;
	in->sink = *sink;
	in->buffer = buffer;
	in->crew = crew;
	in->connection = connection;
	dr_mutex_init(&in->lock);
	*ret = in;
	return 0;
}

/* What the event loop finds. A full side that nobody writes is not left behind (ask_locked), so
 * whoever is at it will resume the connection. */
static enum intake_verdict look(struct intake *in, bool settle)
{
	enum intake_verdict verdict = INTAKE_GO_ON;

	dr_lock(&in->lock);
	if (in->writing && (settle || in->failed || in->side[in->in].full)) {
		MHD_suspend_connection(in->connection);
		in->waiting = true;
		verdict = INTAKE_WAIT;
	} else if (in->failed) {
		verdict = INTAKE_FAILED;
	}
	dr_unlock(&in->lock);
	return verdict;
}

static void fail(struct intake *in)
{
	dr_lock(&in->lock);
	in->failed = true;
	dr_unlock(&in->lock);
}

static void pass_on(struct intake *in)
{
	dr_lock(&in->lock);
	in->side[in->in].full = true;
	in->in ^= 1;
	ask_locked(in);
	dr_unlock(&in->lock);
}

enum intake_verdict intake_take(struct intake *in, const char *p, size_t *len)
{
	while (*len > 0) {
		enum intake_verdict verdict = look(in, false);
		struct side *s = &in->side[in->in];
		size_t n;

		if (verdict != INTAKE_GO_ON)
			return verdict;
		if (!s->p)
			s->p = malloc(in->buffer);
		if (!s->p) {
			fail(in);
			continue;
		}
		n = dr_min_size(*len, in->buffer - s->len);
		memcpy(s->p + s->len, p, n);
		s->len += n;
		p += n;
		*len -= n;
		if (s->len == in->buffer)
			pass_on(in);
	}
	return INTAKE_GO_ON;
}

enum intake_verdict intake_settle(struct intake *in)
{
	return look(in, true);
}

void intake_finish(struct intake *in, struct http_request *rq, struct http_response *rs)
{
	struct side *s = &in->side[in->out];
	bool failed;

	dr_lock(&in->lock);
	failed = in->failed;
	dr_unlock(&in->lock);
	/* What the sink thinks of its last write it will say itself. */
	if (!failed && s->len > 0)
		(void)in->sink.write(in->sink.arg, s->p, s->len);
	in->sink.finish(in->sink.arg, rq, rs);
	run_close(&in->task);
}

void intake_free(struct intake *in)
{
	bool writing;

	if (!in)
		return;
	dr_lock(&in->lock);
	in->dropped = true;
	writing = in->writing;
	dr_unlock(&in->lock);
	if (writing)
		return;
	in->task.run = run_close;
	if (!crew_submit(in->crew, &in->task))
		run_close(&in->task);
}
