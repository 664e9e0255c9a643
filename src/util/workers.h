/* SPDX-License-Identifier: Apache-2.0
 *
 * util/workers: a fixed crew of threads that runs tasks in the order given.
 *
 * The decoder makes its crew before the sandbox closes and creates no thread afterwards, so the
 * system-call filter needs no clone. A task is caller-owned memory that must stay put until it is
 * done. With a crew of zero threads every task runs inside workers_submit(). */
#ifndef DR_UTIL_WORKERS_H
#define DR_UTIL_WORKERS_H

#include <stdbool.h>

#include "util/err.h"

struct workers;

struct work {
	void (*run)(struct work *w); /* set by the caller, with its own fields around this struct */
	struct work *next;           /* ours */
	bool done;                   /* ours, under the crew's lock */
};

/* workers_new: `threads` threads (0..64). [owned by caller] */
int workers_new(struct workers **ret, unsigned threads, struct dr_err *err) DR_MUST_CHECK;
/* workers_free: waits for submitted tasks, ends the threads. NULL is fine. */
void workers_free(struct workers *c);
unsigned workers_count(const struct workers *c);
/* workers_submit: queue a task; never fails. */
void workers_submit(struct workers *c, struct work *w);
/* workers_done: whether this task is done. */
bool workers_done(struct workers *c, struct work *w);
/* workers_wait: until this task is done; the waiting thread helps with queued tasks meanwhile. */
void workers_wait(struct workers *c, struct work *w);

#endif
