/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/probe.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ingest/helper.h"

#include "util/banned.h"

#define ALLOCATION ((size_t)1 << 30)
#define EXIT_BASE 40 /* beyond what a decoder, or a program put in its place, ends with */

/* Raw calls throughout: libc would make others first, and be ended for those. */

static int nothing(uint64_t file_bytes)
{
	(void)file_bytes;
	return 0;
}

static int opens(uint64_t file_bytes)
{
	(void)file_bytes;
	return syscall(SYS_openat, AT_FDCWD, "/", O_RDONLY | O_CLOEXEC, 0) < 0 ? -1 : 0;
}

static int creates(uint64_t file_bytes)
{
	(void)file_bytes;
	return syscall(SYS_openat, AT_FDCWD, "/tmp", O_TMPFILE | O_RDWR, 0600) < 0 ? -1 : 0;
}

static int makes_a_socket(uint64_t file_bytes)
{
	(void)file_bytes;
	return syscall(SYS_socket, AF_INET, SOCK_STREAM, 0) < 0 ? -1 : 0;
}

static int connects(uint64_t file_bytes)
{
	const struct sockaddr_in to = {.sin_family = AF_INET};

	(void)file_bytes;
	return syscall(SYS_connect, HELPER_FD_REPORT, &to, sizeof to) < 0 ? -1 : 0;
}

static int execs(uint64_t file_bytes)
{
	char *const argv[] = {(char *)(uintptr_t) "true", NULL};

	(void)file_bytes;
	return syscall(SYS_execve, "/bin/true", argv, argv + 1) < 0 ? -1 : 0;
}

static int forks(uint64_t file_bytes)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	(void)file_bytes;
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : 0;
}

static int signals_another(uint64_t file_bytes)
{
	(void)file_bytes;
	return syscall(SYS_kill, 1, 0) < 0 ? -1 : 0;
}

static int traces(uint64_t file_bytes)
{
	(void)file_bytes;
	return syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0) < 0 ? -1 : 0;
}

static int writes_another_descriptor(uint64_t file_bytes)
{
	(void)file_bytes;
	return syscall(SYS_pwrite64, HELPER_FD_REPORT, "x", (size_t)1, (off_t)0) < 0 ? -1 : 0;
}

static int writes_a_ring(uint64_t file_bytes)
{
	(void)file_bytes;
	return syscall(SYS_pwrite64, HELPER_FD_RING_OUT, "x", (size_t)0, (off_t)0) < 0 ? -1 : 0;
}

static int writes_beyond_the_limit(uint64_t file_bytes)
{
	return syscall(SYS_pwrite64, HELPER_FD_SCRATCH, "x", (size_t)1, (off_t)file_bytes) < 0 ? -1
											       : 0;
}

static int maps_code(uint64_t file_bytes)
{
	(void)file_bytes;
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? -1
		       : 0;
}

static int takes_memory(uint64_t file_bytes)
{
	(void)file_bytes;
	return mmap(NULL, ALLOCATION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? -1
		       : 0;
}

const struct probe probes[PROBE_COUNT] = {
	{"nothing", PROBE_HARMLESS, nothing},
	{"open", PROBE_KILLED, opens},
	{"create", PROBE_KILLED, creates},
	{"socket", PROBE_KILLED, makes_a_socket},
	{"connect", PROBE_KILLED, connects},
	{"exec", PROBE_KILLED, execs},
	{"fork", PROBE_KILLED, forks},
	{"kill", PROBE_KILLED, signals_another},
	{"ptrace", PROBE_KILLED, traces},
	{"write", PROBE_KILLED, writes_another_descriptor},
	{"write-ring", PROBE_KILLED, writes_a_ring},
	{"write-beyond", PROBE_REFUSED, writes_beyond_the_limit},
	{"map-code", PROBE_KILLED, maps_code},
	{"memory", PROBE_REFUSED, takes_memory},
};

int probe_run(const char *name, uint64_t file_bytes)
{
	for (size_t i = 0; i < PROBE_COUNT; i++) {
		const struct probe *p = &probes[i];

		if (strcmp(p->name, name) != 0)
			continue;
		if (p->attempt(file_bytes) < 0)
			return EXIT_BASE + PROBE_REFUSED;
		return EXIT_BASE + (p->expected == PROBE_HARMLESS ? PROBE_HARMLESS : PROBE_THROUGH);
	}
	return -1;
}

bool probe_end_of(int code, int status, enum probe_end *ret)
{
	if (code == CLD_EXITED && status >= EXIT_BASE && status <= EXIT_BASE + PROBE_THROUGH) {
		*ret = (enum probe_end)(status - EXIT_BASE);
		return true;
	}
	*ret = PROBE_KILLED;
	return code != CLD_EXITED && status == SIGSYS;
}
