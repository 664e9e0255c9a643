/* SPDX-License-Identifier: Apache-2.0 */
#include "util/filter.h"

#include <linux/futex.h>
#include <sys/mman.h>

#include "util/sanitized.h"

#include "util/banned.h"

/* The last two are what a thread does first: one that was made before the filter may get to it
 * after. */
static const int every[] = {
	SCMP_SYS(read),          SCMP_SYS(pread64),
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

/* What a lock or a condition variable asks of the kernel; its other, more intricate services have
 * been a way into it (CVE-2014-3153). The high half of the argument is not looked at by it. */
#define FUTEX_LOW ((scmp_datum_t)(uint32_t)FUTEX_CMD_MASK)
static const unsigned waits[] = {FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_WAKE_BITSET};

static int allow(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return rc;
}

static int add_rules(scmp_filter_ctx ctx, const struct filter_calls *more)
{
	/* A call by another convention (i386, x32) would end only its thread, and leave a process
	 * that waits for it for ever. */
	int rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (rc == 0)
		rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = allow(ctx, every, sizeof every / sizeof *every);
	if (rc == 0)
		rc = allow(ctx, more->calls, more->count);
	if (rc == 0 && DR_SANITIZED)
		rc = allow(ctx, more->sanitizer, more->sanitizer_count);
	for (size_t i = 0; i < sizeof waits / sizeof *waits && rc == 0; i++)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(futex), 1,
				      SCMP_A1(SCMP_CMP_MASKED_EQ, FUTEX_LOW, waits[i]));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				      SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));
	if (rc == 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				      SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return rc;
}

int filter_begin(scmp_filter_ctx *ret, const struct filter_calls *more, struct dr_err *err)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int rc;

	if (!ctx)
		return dr_fail(err, DR_IO, "cannot make a system-call filter");
	rc = add_rules(ctx, more);
	if (rc < 0) {
		seccomp_release(ctx);
		return dr_fail(err, DR_IO, "cannot make a system-call filter (%d)", -rc);
	}
	*ret = ctx;
	return 0;
}

int filter_load(scmp_filter_ctx ctx, int rc, struct dr_err *err)
{
	if (rc == 0)
		rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc == 0 ? 0 : dr_fail(err, DR_IO, "cannot load the system-call filter (%d)", -rc);
}
