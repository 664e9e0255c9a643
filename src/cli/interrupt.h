/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/interrupt: hold back Ctrl-C (and TERM, HUP) for a while, without a handler: what is held is
 * seen by interrupt_seen(), and takes its usual effect at interrupt_release() unless it was taken.
 */
#ifndef DR_CLI_INTERRUPT_H
#define DR_CLI_INTERRUPT_H

#include <signal.h>
#include <stdbool.h>

#include "util/err.h"

struct interrupt {
	int fd;
	sigset_t before;
};

int interrupt_hold(struct interrupt *in, struct dr_err *err) DR_MUST_CHECK;
/* interrupt_seen: true when a signal is held. Waits for one, or until `fd` (-1: none) can be read,
 * at most `timeout_ms` (-1: without end). */
bool interrupt_seen(const struct interrupt *in, int fd, int timeout_ms);
/* interrupt_take: forget a held Ctrl-C: true when there was one. */
bool interrupt_take(void);
void interrupt_release(struct interrupt *in);

#endif
