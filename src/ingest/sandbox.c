/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/sandbox.h"

#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/cleanup.h"
#include "util/sanitized.h"

#include "util/banned.h"

int sandbox_prepare(int last_fd, struct dr_err *err)
{
	if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return dr_fail_errno(err, "cannot give up privileges");
	if (close_range((unsigned)last_fd + 1, ~0U, 0) != 0)
		return dr_fail_errno(err, "cannot close descriptors");
	/* Namespaces come on top of the filter where the host allows them: an empty network, no
	 * other process, no shared memory of others. A host that forbids them changes nothing of
	 * what the filter enforces. */
	if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0 &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
		errno = 0;
	/* One arena: every thread's own would reserve 64 MiB of address space, which is limited. */
	mallopt(M_ARENA_MAX, 1);
	return 0;
}

static int set_limit(__rlimit_resource_t what, uint64_t soft, uint64_t hard, struct dr_err *err)
{
	const struct rlimit l = {soft, hard};

	if (setrlimit(what, &l) != 0)
		return dr_fail_errno(err, "cannot set a resource limit");
	return 0;
}

/* mapped_bytes: the address space in use (statm's first field, in pages). */
static int mapped_bytes(uint64_t *ret, struct dr_err *err)
{
	dr_autofile FILE *f = fopen("/proc/self/statm", "re");
	unsigned long pages;

	if (!f || fscanf(f, "%lu", &pages) != 1)
		return dr_fail(err, DR_IO, "cannot read /proc/self/statm");
	*ret = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

static int limit_resources(const struct sandbox_limits *lim, struct dr_err *err)
{
	uint64_t mapped, space;

	if (lim->memory_bytes) {
		if (mapped_bytes(&mapped, err) < 0)
			return -1;
		if (!dr_add_u64(mapped, lim->memory_bytes, &space))
			return dr_fail(err, DR_INVALID, "memory limit out of range");
		if (set_limit(RLIMIT_AS, space, space, err) < 0)
			return -1;
	}
	/* One second between the catchable and the fatal signal; neither is caught. */
	if (lim->cpu_seconds &&
	    set_limit(RLIMIT_CPU, lim->cpu_seconds, lim->cpu_seconds + 1, err) < 0)
		return -1;
	if (set_limit(RLIMIT_FSIZE, lim->file_bytes, lim->file_bytes, err) < 0 ||
	    set_limit(RLIMIT_CORE, 0, 0, err) < 0 || set_limit(RLIMIT_MEMLOCK, 0, 0, err) < 0 ||
	    set_limit(RLIMIT_NPROC, 0, 0, err) < 0 || set_limit(RLIMIT_NOFILE, 0, 0, err) < 0)
		return -1;
	return 0;
}

/* The calls the decoder makes after its set-up. Nothing opens, connects, runs or signals. The last
 * two are what a thread does first: one that was made before the filter may get to it after. */
static const int allowed[] = {
	SCMP_SYS(read),          SCMP_SYS(pread64),
	SCMP_SYS(preadv),        SCMP_SYS(futex),
	SCMP_SYS(munmap),        SCMP_SYS(mremap),
	SCMP_SYS(brk),           SCMP_SYS(madvise),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),     SCMP_SYS(gettimeofday),
	SCMP_SYS(exit),          SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigreturn),  SCMP_SYS(restart_syscall),
	SCMP_SYS(sched_yield),   SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(close),         SCMP_SYS(sched_getaffinity),
	SCMP_SYS(rseq),          SCMP_SYS(set_robust_list),
};

/* What the sanitizers' own run-time asks for, in builds for tests. */
static const int sanitizer[] = {
	SCMP_SYS(sigaltstack), SCMP_SYS(gettid), SCMP_SYS(getpid),       SCMP_SYS(write),
	SCMP_SYS(mprotect),    SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction),
};

static int add_rules(scmp_filter_ctx ctx, int scratch_fd)
{
	int rc = 0;

	for (size_t i = 0; i < sizeof allowed / sizeof *allowed && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; DR_SANITIZED && i < sizeof sanitizer / sizeof *sanitizer && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, sanitizer[i], 0);
	/* Memory: anonymous and never executable. */
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				      SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* Writing: only the job's own unnamed scratch file. */
	if (rc == 0 && scratch_fd >= 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(pwrite64), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)scratch_fd, 0));
	return rc;
}

int sandbox_close(const struct sandbox_limits *lim, struct dr_err *err)
{
	scmp_filter_ctx ctx;
	int rc;

	/* RLIMIT_FSIZE would be told by a signal: be told by the failing call instead. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return dr_fail_errno(err, "signal");
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return dr_fail(err, DR_IO, "cannot make a system-call filter");
	rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	/* A call by another convention (i386, x32) would end only its thread, and leave a process
	 * that waits for it for ever. */
	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (rc == 0)
		rc = add_rules(ctx, lim->scratch_fd);
	if (rc == 0 && limit_resources(lim, err) < 0) {
		seccomp_release(ctx);
		return -1;
	}
	if (rc == 0)
		rc = seccomp_load(ctx);
	if (rc == 0)
		seccomp_release(ctx);
	return rc == 0 ? 0 : dr_fail(err, DR_IO, "cannot load the system-call filter (%d)", -rc);
}
