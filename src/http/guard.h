/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps slow clients from holding every connection: one that has not completed a request for too
 * long is shut down, and when there are nearly as many connections as allowed, the one that has
 * waited longest makes room for the newcomer. libmicrohttpd's own timeout only sees silence, so a
 * byte now and then would defeat it. Clients that have left are noticed within seconds. Also takes
 * the cork off those whose answer is long.
 * Private to http/. Any thread. */
#ifndef DR_HTTP_GUARD_H
#define DR_HTTP_GUARD_H

#include <stdint.h>

#include "util/cleanup.h"
#include "util/err.h"

struct guard;
struct guest; /* one connection */

/*   patience_ms  from the last answer (or the start, or the last sign of progress) to the next
 *                complete request
 *   crowd        connections above which the longest waiting one has to go */
int guard_new(struct guard **ret, uint64_t patience_ms, unsigned crowd, struct dr_err *err)
	DR_MUST_CHECK;
void guard_free(struct guard *g); /* when no guest is left; NULL is fine */

/* guard_enter: a connection that waits for its first request; NULL: no memory (then unguarded,
 * and NULL is fine for the others). The descriptor stays open until guard_leave(). */
struct guest *guard_enter(struct guard *g, int fd);
void guard_leave(struct guard *g, struct guest *guest);
void guard_busy(struct guard *g, struct guest *guest); /* its request is complete */
/* guard_waiting: its answer is over, or a good part of its body has come */
void guard_waiting(struct guard *g, struct guest *guest);
/* guard_uncork: a long body is about to be sent to it from a file. libmicrohttpd sets TCP_CORK for
 * the time of it, which makes it half as fast where BBR paces; soon after it is set it is taken
 * back. */
void guard_uncork(struct guard *g, struct guest *guest);

DR_DEFINE_CLEANUP(struct guard, guard_free);

#endif
