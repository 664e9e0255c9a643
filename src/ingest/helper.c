/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/io.h"

#include "util/banned.h"

#define NOBODY 65534

int helper_path(const char *program, char ret[static 4096], struct dr_err *err)
{
	static const char *const places[] = {"", "../libexec/darkroom/"};
	const char *given = getenv("DARKROOM_LIBEXEC");
	char self[2048];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	if (given) {
		snprintf(ret, 4096, "%s/%s", given, program);
		if (access(ret, X_OK) == 0)
			return 0;
	}
	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (slash) {
		slash[1] = 0;
		for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
			snprintf(ret, 4096, "%s%s%s", self, places[i], program);
			if (access(ret, X_OK) == 0)
				return 0;
		}
	}
	return dr_fail(err, DR_IO,
		       "cannot find %s beside this program or in ../libexec/darkroom "
		       "(DARKROOM_LIBEXEC names another place)",
		       program);
}

int helper_decoder_death(const siginfo_t *info, struct dr_err *err)
{
	const int sig = info->si_code == CLD_EXITED ? 0 : info->si_status;

	if (sig == SIGXCPU)
		return dr_refuse(err, DR_LIMIT, "decoder-timeout",
				 "decoding this file took more processor time than is allowed");
	if (sig == SIGKILL)
		return dr_refuse(err, DR_LIMIT, "needs-memory",
				 "the decoder was stopped by the system, most likely for want of "
				 "memory");
	if (sig == SIGSYS)
		return dr_refuse(err, DR_CORRUPT, "decoder-crashed",
				 "the decoder was stopped at this file: it tried what it must not "
				 "do");
	return dr_refuse(err, DR_CORRUPT, "decoder-crashed",
			 "the decoder broke down on this file (%s %d)", sig ? "signal" : "status",
			 info->si_status);
}

int helper_scratch(const char *dir, struct dr_err *err)
{
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return dr_fail_errno(err, "cannot make a scratch file");
	return fd;
}

/* spec_fd: the work order as a sealed memory file: never blocks, whatever its length. */
static int spec_fd(const char *spec, struct dr_err *err)
{
	dr_autofd int fd = memfd_create("spec", MFD_CLOEXEC);

	if (fd < 0)
		return dr_fail_errno(err, "cannot make a work order");
	if (dr_write_all(fd, spec, strlen(spec), err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) != 0)
		return dr_fail_errno(err, "lseek");
	return DR_STEAL_FD(fd);
}

/* place: move descriptors to their agreed numbers. All are first moved out of the way. */
static bool place(const int from[static HELPER_FD_LAST + 1])
{
	int high[HELPER_FD_LAST + 1];

	for (int i = 0; i <= HELPER_FD_LAST; i++) {
		high[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD, 64);
		if (from[i] >= 0 && high[i] < 0)
			return false;
	}
	for (int i = 0; i <= HELPER_FD_LAST; i++)
		if (high[i] >= 0 && dup2(high[i], i) < 0)
			return false;
	return close_range(HELPER_FD_LAST + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool drop_user(void)
{
	if (geteuid() != 0)
		return true;
	return setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
	       setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* child_main: between fork and exec, single-threaded; only system calls. The binary was opened
 * before the user changed, so it need not be reachable for `nobody` by path. */
static _Noreturn void child_main(const struct helper_start *hs, int exe,
				 const int fds[static HELPER_FD_LAST + 1], pid_t parent)
{
	char *const argv[] = {(char *)(uintptr_t)hs->program, NULL};
	char *const envp[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin",
			      (char *)(uintptr_t) "ASAN_OPTIONS=detect_leaks=0",
			      (char *)(uintptr_t)hs->environment, NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (dup2(exe, 63) < 0 || !place(fds) || fcntl(63, F_GETFD) < 0 ||
	    (hs->drop_user && !drop_user()) || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
	    getppid() != parent)
		_exit(126);
	syscall(SYS_execveat, 63, "", argv, envp, AT_EMPTY_PATH);
	_exit(127);
}

pid_t helper_spawn(const struct helper_start *hs, struct dr_err *err)
{
	char path[4096];
	dr_autofd int exe = -1;
	dr_autofd int spec = -1;
	dr_autofd int null = -1;
	int fds[HELPER_FD_LAST + 1];
	pid_t parent = getpid();
	pid_t pid;

	if (helper_path(hs->program, path, err) < 0)
		return -1;
	exe = open(path, O_PATH | O_CLOEXEC);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	spec = spec_fd(hs->spec, err);
	if (exe < 0 || null < 0)
		return dr_fail_errno(err, "cannot open %s", hs->program);
	if (spec < 0)
		return -1;
	fds[0] = fds[1] = null;
	fds[2] = STDERR_FILENO;
	fds[HELPER_FD_SPEC] = spec;
	fds[HELPER_FD_REPORT] = hs->report < 0 ? null : hs->report;
	fds[HELPER_FD_RING_IN] = hs->ring_in < 0 ? null : hs->ring_in;
	fds[HELPER_FD_RING_OUT] = hs->ring_out < 0 ? null : hs->ring_out;
	fds[HELPER_FD_SCRATCH] = hs->scratch < 0 ? null : hs->scratch;
	pid = fork();
	if (pid < 0)
		return dr_fail_errno(err, "cannot start %s", hs->program);
	if (pid == 0)
		child_main(hs, exe, fds, parent);
	return pid;
}
