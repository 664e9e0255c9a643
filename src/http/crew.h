/* SPDX-License-Identifier: Apache-2.0
 *
 * A fixed crew of threads for tasks nobody waits for: unlike util/workers, a task may free itself
 * (a resumed connection can be over before the thread that resumed it has returned). Private to
 * http/. Any thread. */
#ifndef DR_HTTP_CREW_H
#define DR_HTTP_CREW_H

#include "util/cleanup.h"
#include "util/err.h"

struct crew;

struct task {
	void (*run)(struct task *t); /* embedded in its owner; not touched after run() began */
	struct task *next;           /* ours */
};

int crew_new(struct crew **ret, unsigned threads, struct dr_err *err) DR_MUST_CHECK;
/* crew_submit: first come, first served. False once the crew has stopped: the task will not run. */
bool crew_submit(struct crew *c, struct task *t) DR_MUST_CHECK;
/* crew_stop: runs what is queued, takes nothing more, ends the threads. */
void crew_stop(struct crew *c);
void crew_free(struct crew *c); /* stops too; NULL is fine */

DR_DEFINE_CLEANUP(struct crew, crew_free);

#endif
