/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/cleanup.h"
#include "util/filter.h"
#include "util/num.h"

#include "util/banned.h"

/* Landlock's interface, of which the system's headers may know an older version (landlock(7)). The
 * kernel takes a larger structure than its own as long as what it does not know is zero. */
struct landlock_ruleset {
	uint64_t handled_fs;
	uint64_t handled_net; /* from version 4 on */
	uint64_t scoped;      /* from version 6 on */
};

#define LANDLOCK_VERSION_FLAG 1U

/* landlock_version: that this kernel offers, 0 = none. */
static int landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);

	return version > 0 ? (int)version : 0;
}

/* bar_landlock: every access that the kernel can handle, and no rule that allows one. */
static void bar_landlock(void)
{
	/* Kinds of file access by version: 13, then refer, truncate, and ioctl on devices. */
	static const unsigned char fs_bits[] = {0, 13, 14, 15, 15, 16};
	const int version = landlock_version();
	const int known = version < (int)sizeof fs_bits ? version : (int)sizeof fs_bits - 1;
	struct landlock_ruleset all = {
		.handled_fs = ((uint64_t)1 << fs_bits[known]) - 1,
		.handled_net = version >= 4 ? 3 : 0, /* bind and connect by TCP */
		.scoped = version >= 6 ? 3 : 0,      /* abstract sockets, and signals */
	};
	dr_autofd int fd = -1;

	if (version == 0)
		return;
	fd = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
	if (fd >= 0)
		syscall(SYS_landlock_restrict_self, fd, 0);
}

/* empty_root: the directory of a process that is no more is empty for ever, and nothing can be made
 * in it; with CLONE_FS the child's root is ours. */
static void empty_root(void)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(chroot("/proc/self/fdinfo") != 0 || chdir("/") != 0);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* leave_the_host: best effort. A host that forbids user namespaces takes nothing from what the
 * filter enforces. Not a pid namespace: its first process is exempt from signals, that of the
 * processor limit among them, and there is no call left that could name another process. */
static void leave_the_host(void)
{
	const struct __user_cap_data_struct none[2] = {0};
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) == 0)
		empty_root();
	bar_landlock();
	/* What it had in the namespace of its own was for empty_root(). */
	syscall(SYS_capset, &head, none);
}

int sandbox_prepare(struct sandbox *ret, int last_fd, struct dr_err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return dr_fail_errno(err, "cannot give up privileges");
	if (close_range((unsigned)last_fd + 1, ~0U, 0) != 0)
		return dr_fail_errno(err, "cannot close descriptors");
	ret->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (ret->statm < 0)
		return dr_fail_errno(err, "cannot open /proc/self/statm");
	leave_the_host();
	/* Last, because a change of credentials takes both back. */
	if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
		return dr_fail_errno(err, "cannot give up privileges");
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
static int mapped_bytes(int statm, uint64_t *ret, struct dr_err *err)
{
	char text[128] = "";
	uint64_t pages;
	ssize_t n = pread(statm, text, sizeof text - 1, 0);

	text[n > 0 ? strcspn(text, " ") : 0] = 0;
	if (!dr_parse_u64(text, 1, UINT32_MAX, &pages))
		return dr_fail(err, DR_IO, "cannot read /proc/self/statm");
	*ret = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}

static int limit_resources(int statm, const struct sandbox_limits *lim, struct dr_err *err)
{
	uint64_t mapped, space;

	if (lim->memory_bytes) {
		if (mapped_bytes(statm, &mapped, err) < 0)
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

/* What the decoder calls after its set-up besides what every walled process does. Nothing opens,
 * connects, runs or signals. */
static const int allowed[] = {SCMP_SYS(preadv)};

static const int sanitizer[] = {
	SCMP_SYS(sigaltstack), SCMP_SYS(gettid), SCMP_SYS(getpid),       SCMP_SYS(write),
	SCMP_SYS(mprotect),    SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction),
};

int sandbox_close(struct sandbox *s, const struct sandbox_limits *lim, struct dr_err *err)
{
	const struct filter_calls calls = {allowed, sizeof allowed / sizeof *allowed, sanitizer,
					   sizeof sanitizer / sizeof *sanitizer};
	scmp_filter_ctx ctx;
	int rc = 0;

	/* RLIMIT_FSIZE would be told by a signal: be told by the failing call instead. */
	if (signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		return dr_fail_errno(err, "signal");
	if (filter_begin(&ctx, &calls, err) < 0)
		return -1;
	/* Writing: only the job's own unnamed scratch file. */
	if (lim->scratch_fd >= 0)
		rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(pwrite64), 1,
				      SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)lim->scratch_fd, 0));
	if (limit_resources(s->statm, lim, err) < 0) {
		seccomp_release(ctx);
		return -1;
	}
	close(s->statm);
	s->statm = -1;
	return filter_load(ctx, rc, err);
}
