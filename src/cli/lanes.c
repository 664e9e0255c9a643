/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/lanes.h"

#include <assert.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "util/clock.h"

#include "util/banned.h"

#define SHOW_MS 100
#define TRIES 5U
#define PAUSE_MS 500U

struct lane {
	struct lanes *lanes;
	struct web *web; /* owned */
	pthread_t thread;
	struct dr_err fail;
	int rc;
};

struct lanes {
	const struct lanes_job *job;
	atomic_bool stopped;
	int ends; /* a byte for every lane that has ended */
	struct lane lane[LANES];
};

bool lanes_stopped(const struct lanes *l)
{
	return atomic_load(&l->stopped);
}

static void stop(struct lanes *l)
{
	atomic_store(&l->stopped, true);
	if (l->job->wake)
		l->job->wake(l->job->arg);
}

static void *run(void *arg)
{
	struct lane *lane = arg;
	struct lanes *l = lane->lanes;
	ssize_t n;

	lane->rc = l->job->run(l->job->arg, l, lane->web, &lane->fail);
	if (lane->rc < 0)
		stop(l);
	n = write(l->ends, "", 1);
	assert(n == 1); /* an empty pipe takes a byte of every lane */
	return NULL;
}

/* attend: until `count` lanes have ended, or a signal was seen. */
static void attend(struct lanes *l, const struct interrupt *in, int ends, unsigned count)
{
	char byte;

	while (count > 0) {
		bool seen = interrupt_seen(in, ends, SHOW_MS);

		if (seen && !lanes_stopped(l))
			stop(l);
		if (seen)
			return;
		if (read(ends, &byte, 1) == 1)
			count--;
		l->job->show(l->job->arg);
	}
}

/* start: as many lanes as could be. */
static unsigned start(struct lanes *l, struct remote *r, struct dr_err *err)
{
	for (unsigned i = 0; i < l->job->count; i++) {
		struct lane *lane = &l->lane[i];
		int rc;

		lane->lanes = l;
		if (remote_connect(r, &lane->web, err) < 0)
			return i;
		rc = pthread_create(&lane->thread, NULL, run, lane);
		if (rc != 0) {
			dr_fail(err, DR_NO_MEMORY, "no thread can be started");
			return i;
		}
	}
	return l->job->count;
}

int lanes_run(struct remote *r, const struct interrupt *in, const struct lanes_job *job,
	      struct dr_err *err)
{
	struct lanes l = {.job = job};
	int ends[2];
	unsigned count;

	assert(job->count >= 1 && job->count <= LANES);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return dr_fail_errno(err, "pipe");
	l.ends = ends[1];
	count = start(&l, r, err);
	if (count < job->count)
		stop(&l);
	attend(&l, in, ends[0], count);
	for (unsigned i = 0; i < count; i++)
		pthread_join(l.lane[i].thread, NULL);
	for (unsigned i = 0; i < job->count; i++) {
		web_close(l.lane[i].web);
		/* Those that were stopped say so, too: the reason matters. */
		if (l.lane[i].rc < 0 && l.lane[i].fail.code != DR_CANCELLED && !dr_err_is_set(err))
			*err = l.lane[i].fail;
	}
	close(ends[0]);
	close(ends[1]);
	if (!dr_err_is_set(err) && interrupt_seen(in, -1, 0))
		return dr_fail(err, DR_CANCELLED, "interrupted");
	return dr_err_is_set(err) ? -1 : 0;
}

bool lanes_again(const struct lanes *l, unsigned try, struct dr_err *err)
{
	uint64_t until = dr_now_ms() + (uint64_t)try * PAUSE_MS;

	if ((err->code != DR_REMOTE && err->code != DR_BUSY) || try >= TRIES)
		return false;
	while (!(l && lanes_stopped(l)) && dr_now_ms() < until)
		dr_sleep_ms(50);
	dr_err_clear(err);
	return true;
}
