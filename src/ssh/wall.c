/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/wall.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/filter.h"
#include "util/sanitized.h"

#include "util/banned.h"

#define DESCRIPTORS 128                    /* PROTOCOL_HANDLES and some */
#define MEMORY_BYTES ((uint64_t)256 << 20) /* a busy session has about 20 MiB */

/* Besides what every walled process does. */
static const int allowed[] = {
	/* the connection, the gate, and files that came through it */
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockopt),
	SCMP_SYS(getpeername),
	SCMP_SYS(pwrite64),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fsync),
	SCMP_SYS(sync_file_range),
	/* time */
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(alarm),
	/* threads */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
};

static const int sanitizer[] = {
	SCMP_SYS(sigaltstack), SCMP_SYS(mprotect),  SCMP_SYS(tgkill),     SCMP_SYS(rt_sigaction),
	SCMP_SYS(openat),      SCMP_SYS(readlink),  SCMP_SYS(prctl),      SCMP_SYS(clone),
	SCMP_SYS(getrlimit),   SCMP_SYS(prlimit64), SCMP_SYS(newfstatat),
};

/* What pthread_create() asks for; a new process would have CLONE_VM or CLONE_THREAD missing. */
#define THREAD_FLAGS                                                                        \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static int add_rules(scmp_filter_ctx ctx)
{
	int rc = 0;

	/* Of a descriptor only its flags. */
	for (int cmd = F_GETFD; cmd <= F_SETFL && rc == 0; cmd++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
				      SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)cmd, 0));
	/* The newer call keeps its flags where no filter can look: without it, the older is used.
	 */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0 && !DR_SANITIZED)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)THREAD_FLAGS, 0));
	return rc;
}

static int set_limit(__rlimit_resource_t what, uint64_t most, struct dr_err *err)
{
	const struct rlimit l = {most, most};

	if (setrlimit(what, &l) != 0)
		return dr_fail_errno(err, "cannot set a resource limit");
	return 0;
}

int wall_lower(int last_fd, uint64_t file_bytes, struct dr_err *err)
{
	const struct filter_calls calls = {allowed, sizeof allowed / sizeof *allowed, sanitizer,
					   sizeof sanitizer / sizeof *sanitizer};
	scmp_filter_ctx ctx;

	/* Told by the failing call, not by a signal. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR || signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return dr_fail_errno(err, "signal");
	if (close_range((unsigned)last_fd + 1, ~0U, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0) != 0)
		return dr_fail_errno(err, "cannot give up privileges");
	if (set_limit(RLIMIT_FSIZE, file_bytes, err) < 0 || set_limit(RLIMIT_CORE, 0, err) < 0 ||
	    set_limit(RLIMIT_MEMLOCK, 0, err) < 0 || set_limit(RLIMIT_NOFILE, DESCRIPTORS, err) < 0)
		return -1;
	/* The sanitizers' shadow would count. */
	if (!DR_SANITIZED && set_limit(RLIMIT_DATA, MEMORY_BYTES, err) < 0)
		return -1;
	return filter_begin(&ctx, &calls, err) < 0 ? -1 : filter_load(ctx, add_rules(ctx), err);
}
