/* SPDX-License-Identifier: Apache-2.0 */
#include "http/crew.h"

#include <stdlib.h>

#include "util/mutex.h"

#include "util/banned.h"

struct crew {
	struct dr_mutex lock;
	struct dr_cond queued; /* a task was queued, or stopping was set */
	struct task *head;     /* lock */
	struct task **tail;    /* lock */
	bool stopping;         /* lock */
	unsigned count;
	pthread_t threads[];
};

static void *crew_main(void *arg)
{
	struct crew *c = arg;
	struct task *t;

	for (;;) {
		dr_lock(&c->lock);
		while (!c->head && !c->stopping)
			dr_cond_wait(&c->queued, &c->lock);
		t = c->head;
		if (t) {
			c->head = t->next;
			if (!c->head)
				c->tail = &c->head;
		}
		dr_unlock(&c->lock);
		if (!t)
			return NULL;
		t->run(t);
	}
}

int crew_new(struct crew **ret, unsigned threads, struct dr_err *err)
{
	struct crew *c = calloc(1, sizeof *c + threads * sizeof *c->threads);

	if (!c)
		return dr_fail_nomem(err);
	dr_mutex_init(&c->lock);
	dr_cond_init(&c->queued);
	c->tail = &c->head;
	for (; c->count < threads; c->count++) {
		if (pthread_create(&c->threads[c->count], NULL, crew_main, c) != 0) {
			crew_free(c);
			return dr_fail(err, DR_NO_MEMORY, "cannot start an HTTP worker thread");
		}
	}
	*ret = c;
	return 0;
}

bool crew_submit(struct crew *c, struct task *t)
{
	bool taken;

	t->next = NULL;
	dr_lock(&c->lock);
	taken = !c->stopping;
	if (taken) {
		*c->tail = t;
		c->tail = &t->next;
		dr_cond_signal(&c->queued);
	}
	dr_unlock(&c->lock);
	return taken;
}

void crew_stop(struct crew *c)
{
	dr_lock(&c->lock);
	c->stopping = true;
	dr_cond_broadcast(&c->queued);
	dr_unlock(&c->lock);
	for (; c->count > 0; c->count--)
		pthread_join(c->threads[c->count - 1], NULL);
}

void crew_free(struct crew *c)
{
	if (!c)
		return;
	crew_stop(c);
	dr_cond_done(&c->queued);
	dr_mutex_done(&c->lock);
	free(c);
}
