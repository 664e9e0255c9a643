/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/interrupt.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "util/banned.h"

int interrupt_hold(struct interrupt *in, struct dr_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	in->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (in->fd < 0 || sigprocmask(SIG_BLOCK, &set, &in->before) != 0)
		return dr_fail_errno(err, "hold signals");
	return 0;
}

bool interrupt_seen(const struct interrupt *in, int fd, int timeout_ms)
{
	struct pollfd set[] = {
		{.fd = in->fd, .events = POLLIN},
		{.fd = fd, .events = POLLIN},
	};

	return poll(set, 2, timeout_ms) > 0 && set[0].revents != 0;
}

bool interrupt_take(void)
{
	struct timespec now = {0};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	return sigtimedwait(&set, NULL, &now) == SIGINT;
}

void interrupt_release(struct interrupt *in)
{
	close(in->fd);
	sigprocmask(SIG_SETMASK, &in->before, NULL);
}
