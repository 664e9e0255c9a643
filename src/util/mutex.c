/* SPDX-License-Identifier: Apache-2.0 */
#include "util/mutex.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

#include "util/banned.h"

static void must(int rc)
{
	assert(rc == 0);
	(void)rc;
}

void dr_mutex_init(struct dr_mutex *m)
{
	must(pthread_mutex_init(&m->m, NULL));
	m->held = false;
}

void dr_mutex_done(struct dr_mutex *m)
{
	assert(!m->held);
	must(pthread_mutex_destroy(&m->m));
}

void dr_lock(struct dr_mutex *m)
{
	must(pthread_mutex_lock(&m->m));
	m->holder = pthread_self();
	m->held = true;
}

void dr_unlock(struct dr_mutex *m)
{
	dr_assert_held(m);
	m->held = false;
	must(pthread_mutex_unlock(&m->m));
}

void dr_assert_held(const struct dr_mutex *m)
{
	assert(m->held && pthread_equal(m->holder, pthread_self()));
	(void)m;
}

void dr_cond_init(struct dr_cond *c)
{
	pthread_condattr_t attr;

	must(pthread_condattr_init(&attr));
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
	must(pthread_cond_init(&c->c, &attr));
	must(pthread_condattr_destroy(&attr));
}

void dr_cond_done(struct dr_cond *c)
{
	must(pthread_cond_destroy(&c->c));
}

void dr_cond_wait(struct dr_cond *c, struct dr_mutex *m)
{
	dr_assert_held(m);
	m->held = false;
	must(pthread_cond_wait(&c->c, &m->m));
	m->holder = pthread_self();
	m->held = true;
}

bool dr_cond_wait_ms(struct dr_cond *c, struct dr_mutex *m, uint64_t ms)
{
	struct timespec t;
	int rc;

	dr_assert_held(m);
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += (time_t)(ms / 1000);
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	m->held = false;
	rc = pthread_cond_timedwait(&c->c, &m->m, &t);
	m->holder = pthread_self();
	m->held = true;
	assert(rc == 0 || rc == ETIMEDOUT);
	return rc == 0;
}

void dr_cond_signal(struct dr_cond *c)
{
	must(pthread_cond_signal(&c->c));
}

void dr_cond_broadcast(struct dr_cond *c)
{
	must(pthread_cond_broadcast(&c->c));
}
