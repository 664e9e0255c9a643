/* SPDX-License-Identifier: Apache-2.0 */
#include "util/workers.h"

#include <assert.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/mutex.h"

#include "util/banned.h"

struct workers {
	struct dr_mutex lock;
	struct dr_cond queued;   /* a task was queued, or stop was set */
	struct dr_cond finished; /* a task is done */
	struct work *head;       /* lock */
	struct work **tail;      /* lock */
	bool stop;               /* lock */
	unsigned count;
	pthread_t threads[64];
};

static struct work *pop_locked(struct workers *c)
{
	struct work *w = c->head;

	dr_assert_held(&c->lock);
	if (w) {
		c->head = w->next;
		if (!c->head)
			c->tail = &c->head;
	}
	return w;
}

static void run_one(struct workers *c, struct work *w)
{
	w->run(w);
	dr_lock(&c->lock);
	w->done = true;
	dr_cond_broadcast(&c->finished);
	dr_unlock(&c->lock);
}

static void *worker_main(void *arg)
{
	struct workers *c = arg;
	struct work *w;

	for (;;) {
		dr_lock(&c->lock);
		while (!c->head && !c->stop)
			dr_cond_wait(&c->queued, &c->lock);
		w = pop_locked(c);
		dr_unlock(&c->lock);
		if (!w)
			return NULL;
		run_one(c, w);
	}
}

int workers_new(struct workers **ret, unsigned threads, struct dr_err *err)
{
	struct workers *c = calloc(1, sizeof *c);

	assert(threads <= 64);
	if (!c)
		return dr_fail_nomem(err);
	dr_mutex_init(&c->lock);
	dr_cond_init(&c->queued);
	dr_cond_init(&c->finished);
	c->tail = &c->head;
	for (; c->count < threads; c->count++) {
		if (pthread_create(&c->threads[c->count], NULL, worker_main, c) != 0) {
			workers_free(c);
			return dr_fail(err, DR_NO_MEMORY, "cannot start a worker thread");
		}
	}
	*ret = c;
	return 0;
}

void workers_free(struct workers *c)
{
	if (!c)
		return;
	dr_lock(&c->lock);
	c->stop = true;
	dr_cond_broadcast(&c->queued);
	dr_unlock(&c->lock);
	for (unsigned i = 0; i < c->count; i++)
		pthread_join(c->threads[i], NULL);
	assert(!c->head);
	dr_cond_done(&c->queued);
	dr_cond_done(&c->finished);
	dr_mutex_done(&c->lock);
	free(c);
}

unsigned workers_count(const struct workers *c)
{
	return c->count;
}

void workers_submit(struct workers *c, struct work *w)
{
	w->next = NULL;
	w->done = false;
	if (c->count == 0) {
		w->run(w);
		w->done = true;
		return;
	}
	dr_lock(&c->lock);
	*c->tail = w;
	c->tail = &w->next;
	dr_cond_signal(&c->queued);
	dr_unlock(&c->lock);
}

bool workers_done(struct workers *c, struct work *w)
{
	bool ret;

	dr_lock(&c->lock);
	ret = w->done;
	dr_unlock(&c->lock);
	return ret;
}

void workers_wait(struct workers *c, struct work *w)
{
	struct work *other;

	if (c->count == 0)
		return;
	for (;;) {
		dr_lock(&c->lock);
		if (w->done) {
			dr_unlock(&c->lock);
			return;
		}
		other = pop_locked(c);
		if (!other)
			dr_cond_wait(&c->finished, &c->lock);
		dr_unlock(&c->lock);
		if (other)
			run_one(c, other);
	}
}
