/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/wall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/sanitized.h"

#include "util/banned.h"

#define DESCRIPTORS 128                    /* PROTOCOL_HANDLES and some */
#define MEMORY_BYTES ((uint64_t)256 << 20) /* a busy session has about 20 MiB */

static const int allowed[] = {
	/* the connection, the gate, and files that came through it */
	SCMP_SYS(read),
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
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fsync),
	SCMP_SYS(sync_file_range),
	SCMP_SYS(close),
	/* memory and time */
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(getrandom),
	SCMP_SYS(alarm),
	/* threads and the end */
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(rseq),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
};

/* What the sanitizers' own run-time asks for, in builds for tests. */
static const int sanitizer[] = {
	SCMP_SYS(sigaltstack), SCMP_SYS(mprotect),  SCMP_SYS(tgkill),     SCMP_SYS(rt_sigaction),
	SCMP_SYS(openat),      SCMP_SYS(readlink),  SCMP_SYS(prctl),      SCMP_SYS(clone),
	SCMP_SYS(getrlimit),   SCMP_SYS(prlimit64), SCMP_SYS(newfstatat),
};

/* What pthread_create() asks for; a new process would have CLONE_VM or CLONE_THREAD missing. */
#define THREAD_FLAGS                                                                        \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | \
	 CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

static const unsigned waits[] = {FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET};

static int add_rules(scmp_filter_ctx ctx)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof allowed / sizeof *allowed && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; DR_SANITIZED && i < sizeof sanitizer / sizeof *sanitizer && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, sanitizer[i], 0);
	for (size_t i = 0; i < sizeof waits / sizeof *waits && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(futex), 1,
				      SCMP_A1(SCMP_CMP_MASKED_EQ,
					      (scmp_datum_t)(uint32_t)FUTEX_CMD_MASK, waits[i]));
	/* Memory: anonymous and never executable. */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				      SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
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
	scmp_filter_ctx ctx;
	int rc;

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
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return dr_fail(err, DR_IO, "cannot make a system-call filter");
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = add_rules(ctx);
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc == 0 ? 0 : dr_fail(err, DR_IO, "cannot load the system-call filter (%d)", -rc);
}
