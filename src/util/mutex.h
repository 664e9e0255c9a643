/* SPDX-License-Identifier: Apache-2.0
 *
 * util/mutex: a mutex that knows its holder, and a condition variable with a monotonic clock.
 * Lock and unlock visibly in one function. */
#ifndef DR_UTIL_MUTEX_H
#define DR_UTIL_MUTEX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct dr_mutex {
	pthread_mutex_t m;
	pthread_t holder;
	bool held;
};

struct dr_cond {
	pthread_cond_t c;
};

void dr_mutex_init(struct dr_mutex *m);
void dr_mutex_done(struct dr_mutex *m);
void dr_lock(struct dr_mutex *m);
void dr_unlock(struct dr_mutex *m);
/* dr_assert_held: this thread holds m; aborts otherwise (our bug, never input). */
void dr_assert_held(const struct dr_mutex *m);
void dr_cond_init(struct dr_cond *c);
void dr_cond_done(struct dr_cond *c);
void dr_cond_wait(struct dr_cond *c, struct dr_mutex *m);
/* dr_cond_wait_ms: false when ms milliseconds passed first. */
bool dr_cond_wait_ms(struct dr_cond *c, struct dr_mutex *m, uint64_t ms);
void dr_cond_signal(struct dr_cond *c);
void dr_cond_broadcast(struct dr_cond *c);

#endif
