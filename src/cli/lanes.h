/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/lanes: one transfer over several connections: threads that share the work, while the calling
 * thread shows how far it is and looks at Ctrl-C. */
#ifndef DR_CLI_LANES_H
#define DR_CLI_LANES_H

#include <stdatomic.h>

#include "cli/interrupt.h"
#include "cli/remote.h"

#define LANES 4U

struct lanes;

struct lanes_job {
	unsigned count; /* 1 to LANES */
	/* run: on a thread of its own with a connection of its own, until there is nothing left to
	 * do, or lanes_stopped(). The first failure stops the others. */
	int (*run)(void *arg, struct lanes *l, struct web *web, struct dr_err *err);
	/* show: on the calling thread, now and then. */
	void (*show)(void *arg);
	/* wake: after `lanes_stopped` has become true, for those who wait; NULL: nobody does. */
	void (*wake)(void *arg);
	void *arg;
};

/* lanes_run: `in` is held by the caller, and a signal ends it with CANCELLED; or its descriptor is
 * -1, and signals do as they do. */
int lanes_run(struct remote *r, const struct interrupt *in, const struct lanes_job *job,
	      struct dr_err *err) DR_MUST_CHECK;
bool lanes_stopped(const struct lanes *l);

/* lanes_again: whether a failed transfer is worth another try: it waits a little, longer each
 * time, and clears the error. `try` counts from 1; `l` NULL: not in a lane. */
bool lanes_again(const struct lanes *l, unsigned try, struct dr_err *err);

#endif
