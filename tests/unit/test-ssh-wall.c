/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session process that was taken over may not do (hardening.md section 5.3). */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ssh/wall.h"
#include "unit.h"
#include "util/sanitized.h"

#define FILE_BYTES 4096

/* behind: how a process ends that tries this behind the wall: its signal, or its status + 1000. */
static int behind(void (*act)(int fd))
{
	FILE *file = tmpfile();
	int status = 0;
	pid_t pid;

	assert_non_null(file);
	pid = fork();
	if (pid == 0) {
		struct dr_err err = DR_ERR_INIT;
		int fd = dup2(fileno(file), 3);

		if (wall_lower(3, FILE_BYTES, &err) < 0)
			_exit(99);
		act(fd);
		_exit(0);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
	fclose(file);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 1000 + WEXITSTATUS(status);
}

static void do_open(int fd)
{
	(void)fd;
	_exit(open("/etc/passwd", O_RDONLY) >= 0);
}

static void do_socket(int fd)
{
	(void)fd;
	_exit(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}

static void do_exec(int fd)
{
	(void)fd;
	execl("/bin/true", "true", (char *)NULL);
}

static void do_fork(int fd)
{
	(void)fd;
	_exit(fork() >= 0);
}

static void do_kill(int fd)
{
	(void)fd;
	_exit(kill(1, 0) == 0);
}

static void do_trace(int fd)
{
	(void)fd;
	_exit(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL) == 0);
}

static void do_map_file(int fd)
{
	_exit(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
}

static void do_map_code(int fd)
{
	(void)fd;
	_exit(mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0) != MAP_FAILED);
}

static void what_it_must_not_do_kills_it(void **state)
{
	static void (*const acts[])(int fd) = {do_open, do_socket, do_exec,     do_fork,
					       do_kill, do_trace,  do_map_file, do_map_code};

	(void)state;
	if (DR_SANITIZED)
		skip(); /* their run-time needs some of it */
	for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
		assert_int_equal(behind(acts[i]), SIGSYS);
}

static void *set_true(void *arg)
{
	*(bool *)arg = true;
	return NULL;
}

static void do_its_work(int fd)
{
	pthread_t t;
	bool ran = false;
	char byte;

	if (pwrite(fd, "x", 1, 0) != 1 || pread(fd, &byte, 1, 0) != 1 || byte != 'x')
		_exit(1);
	if (ftruncate(fd, 5) != 0 || fsync(fd) != 0)
		_exit(2);
	if (pthread_create(&t, NULL, set_true, &ran) != 0 || pthread_join(t, NULL) != 0 || !ran)
		_exit(3);
}

static void do_grow_a_file(int fd)
{
	/* Told by the call, not by a signal. */
	_exit(pwrite(fd, "x", 1, FILE_BYTES) != -1);
}

static void do_take_memory(int fd)
{
	void *p = NULL;

	(void)fd;
	for (int i = 0; i < 1024 && p != MAP_FAILED; i++)
		p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	_exit(p != MAP_FAILED);
}

static void its_memory_has_an_end(void **state)
{
	(void)state;
	if (DR_SANITIZED)
		skip(); /* as it is set up, the shadow would count */
	assert_int_equal(behind(do_take_memory), 1000);
}

static void its_work_goes_on(void **state)
{
	(void)state;
	assert_int_equal(behind(do_its_work), 1000);
	assert_int_equal(behind(do_grow_a_file), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_must_not_do_kills_it),
		cmocka_unit_test(its_memory_has_an_end),
		cmocka_unit_test(its_work_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
