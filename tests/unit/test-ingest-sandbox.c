/* SPDX-License-Identifier: Apache-2.0
 *
 * The walls around darkroom-decode, tried from inside: every attempt is a process of its own that
 * goes through the decoder's start and then does one thing. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ingest/sandbox.h"
#include "unit.h"
#include "util/sanitized.h"

#define MEMORY ((size_t)64 << 20)
#define FD_SOURCE 3  /* a file with text in it */
#define FD_OTHER 4   /* a writable file that is not the scratch file */
#define FD_SCRATCH 5 /* the scratch file */
#define FILE_BYTES 8192
#define TEXT "twelve bytes"

/* An attempt: 0 when what it does went well, 1 when it was refused. */
typedef int attempt(void);

struct outcome {
	int status; /* waitpid's */
	char other[sizeof TEXT];
	char scratch[sizeof TEXT];
};

static int memory_file(void)
{
	int fd = memfd_create("test", 0);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, TEXT, sizeof TEXT, 0), sizeof TEXT);
	return fd;
}

static int enter(void)
{
	struct sandbox walls;
	const struct sandbox_limits lim = {.memory_bytes = DR_SANITIZED ? 0 : MEMORY,
					   .cpu_seconds = 20,
					   .file_bytes = FILE_BYTES,
					   .scratch_fd = FD_SCRATCH};
	struct dr_err err = DR_ERR_INIT;

	return sandbox_prepare(&walls, FD_SCRATCH, &err) < 0 ||
	       sandbox_close(&walls, &lim, &err) < 0;
}

/* try: in a child that has the three files and whatever else the test runner had open. */
static struct outcome try_out(attempt *what)
{
	struct outcome out = {0};
	int source = fcntl(memory_file(), F_DUPFD, 64);
	int other = fcntl(memory_file(), F_DUPFD, 64);
	int scratch = fcntl(memory_file(), F_DUPFD, 64);
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(source, FD_SOURCE) < 0 || dup2(other, FD_OTHER) < 0 ||
		    dup2(scratch, FD_SCRATCH) < 0 || enter() != 0)
			_exit(99);
		_exit(what());
	}
	assert_int_equal(waitpid(pid, &out.status, 0), pid);
	assert_int_equal(pread(other, out.other, sizeof out.other, 0), sizeof TEXT);
	assert_int_equal(pread(scratch, out.scratch, sizeof out.scratch, 0), sizeof TEXT);
	close_range(3, ~0U, 0);
	return out;
}

static void assert_killed(attempt *what)
{
	struct outcome out = try_out(what);

	assert_true(WIFSIGNALED(out.status));
	assert_int_equal(WTERMSIG(out.status), SIGSYS);
	assert_string_equal(out.other, TEXT);
	assert_string_equal(out.scratch, TEXT);
}

static void assert_exits(int status, attempt *what)
{
	struct outcome out = try_out(what);

	assert_true(WIFEXITED(out.status));
	assert_int_equal(WEXITSTATUS(out.status), status);
}

/* ---- what must be stopped ---- */

static int opens(void)
{
	return open("/etc/passwd", O_RDONLY) < 0;
}

static int connects(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0;
}

static int runs(void)
{
	char *const argv[] = {(char *)(uintptr_t) "/bin/true", NULL};

	return execve(argv[0], argv, argv + 1);
}

static int forks(void)
{
	return fork() < 0;
}

static int signals_another(void)
{
	return kill(getppid(), 0) < 0;
}

static int signals_by_raw_call(void)
{
	return syscall(SYS_kill, 1, 0) != 0;
}

/* Requeueing and inheritance of priority are the intricate part of futexes. */
static int requeues_waiters(void)
{
	uint32_t words[2] = {0};

	return syscall(SYS_futex, words, FUTEX_CMP_REQUEUE_PI, 1, 1, words + 1, 0) != 0;
}

static int traces(void)
{
	return syscall(SYS_ptrace, 0, 0, 0, 0) != 0;
}

static int prints(void)
{
	return write(STDOUT_FILENO, "", 0) < 0;
}

static int writes_another_file(void)
{
	return pwrite(FD_OTHER, "changed", 7, 0) < 0;
}

static int writes_the_source(void)
{
	return pwrite(FD_SOURCE, "changed", 7, 0) < 0;
}

/* The kernel looks at the low half of a descriptor only. */
static int writes_another_file_by_a_long_number(void)
{
	return syscall(SYS_pwrite64, 0x100000000L | FD_OTHER, "changed", 7L, 0L) < 0;
}

static int maps_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static int makes_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC) != 0;
}

static int maps_a_file(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, FD_OTHER, 0) == MAP_FAILED;
}

static int copies_a_descriptor(void)
{
	return dup2(FD_OTHER, FD_SCRATCH) < 0;
}

static void nothing_but_memory_and_reading_is_left(void **state)
{
	static attempt *const forbidden[] = {opens,
					     connects,
					     runs,
					     forks,
					     signals_by_raw_call,
					     traces,
					     requeues_waiters,
					     writes_another_file,
					     writes_the_source,
					     writes_another_file_by_a_long_number,
					     maps_code,
					     maps_a_file,
					     copies_a_descriptor};

	(void)state;
	for (size_t i = 0; i < sizeof forbidden / sizeof *forbidden; i++)
		assert_killed(forbidden[i]);
	/* These the sanitizers' run-time needs. */
	if (!DR_SANITIZED) {
		assert_killed(signals_another);
		assert_killed(prints);
		assert_killed(makes_code);
	}
}

/* ---- calls under other numbers ---- */

#ifdef __x86_64__
#define X32_BIT 0x40000000L

static int opens_as_x32(void)
{
	return syscall(X32_BIT | SYS_open, "/etc/passwd", O_RDONLY) < 0;
}

static int asks_as_i386(void)
{
	long rc;

	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20L) : "memory"); /* getpid */
	return rc < 0;
}

static void *ask_in_a_thread(void *arg)
{
	volatile int *go = arg;

	while (!*go)
		sched_yield();
	asks_as_i386();
	return NULL;
}

/* A thread that is made before the walls close, as the decoder's are. */
static int a_thread_asks_as_i386(void)
{
	static volatile int go;
	struct sandbox walls;
	const struct sandbox_limits lim = {.file_bytes = FILE_BYTES, .scratch_fd = FD_SCRATCH};
	struct dr_err err = DR_ERR_INIT;
	pthread_t thread;

	if (sandbox_prepare(&walls, FD_SCRATCH, &err) < 0 ||
	    pthread_create(&thread, NULL, ask_in_a_thread, (void *)(uintptr_t)&go) != 0 ||
	    sandbox_close(&walls, &lim, &err) < 0)
		return 99;
	go = 1;
	pthread_join(thread, NULL);
	return 0;
}

static void other_call_conventions_end_the_whole_process(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	assert_killed(opens_as_x32);
	assert_killed(asks_as_i386);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(a_thread_asks_as_i386());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}
#endif

/* ---- limits ---- */

static int takes_too_much_memory(void)
{
	return mmap(NULL, 2 * MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
	       MAP_FAILED;
}

static int takes_too_much_at_once(void)
{
	return malloc((size_t)1 << 30) == NULL;
}

static int fills_the_disk(void)
{
	return pwrite(FD_SCRATCH, "x", 1, FILE_BYTES) < 0 && errno == EFBIG;
}

static void more_than_the_limits_is_refused(void **state)
{
	(void)state;
	if (!DR_SANITIZED) {
		assert_exits(1, takes_too_much_memory);
		assert_exits(1, takes_too_much_at_once);
	}
	assert_exits(1, fills_the_disk);
}

/* ---- what must go on working ---- */

static int reads(void)
{
	char text[sizeof TEXT];

	if (read(FD_SOURCE, text, 0) != 0 || pread(FD_SOURCE, text, sizeof text, 0) != sizeof text)
		return 1;
	return strcmp(text, TEXT) != 0;
}

static int writes_the_scratch_file(void)
{
	return pwrite(FD_SCRATCH, "Twelve", 6, 0) != 6;
}

static int takes_and_returns_memory(void)
{
	for (size_t size = 16; size <= MEMORY / 2; size *= 2) {
		char *p = malloc(size);

		if (!p)
			return 1;
		memset(p, 1, size);
		free(p);
	}
	return 0;
}

static void a_decoder_can_do_its_work(void **state)
{
	struct outcome out;

	(void)state;
	assert_exits(0, reads);
	assert_exits(0, takes_and_returns_memory);
	out = try_out(writes_the_scratch_file);
	assert_true(WIFEXITED(out.status) && WEXITSTATUS(out.status) == 0);
	assert_string_equal(out.scratch, "Twelve bytes");
}

/* ---- what sandbox_prepare() leaves ---- */

static int prepared(void)
{
	struct dr_err err = DR_ERR_INIT;
	struct sandbox walls;
	int signal_at_death = 0;

	/* A change of credentials, as a new user namespace is, may take both back. */
	return sandbox_prepare(&walls, FD_SCRATCH, &err) < 0 || prctl(PR_GET_DUMPABLE) != 0 ||
	       prctl(PR_GET_PDEATHSIG, &signal_at_death) != 0 || signal_at_death != SIGKILL ||
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || fcntl(64, F_GETFD) >= 0;
}

static void a_decoder_dies_with_its_launcher_and_cannot_be_looked_into(void **state)
{
	int spare = fcntl(STDERR_FILENO, F_DUPFD, 64);
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(spare >= 0 && pid >= 0);
	if (pid == 0)
		_exit(prepared());
	close(spare);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* in_child: the exit status of a function in a process of its own. */
static int in_child(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(what());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int has_namespaces(void)
{
	return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

static int finds_a_file(void)
{
	struct dr_err err = DR_ERR_INIT;
	struct sandbox walls;

	return sandbox_prepare(&walls, FD_SCRATCH, &err) == 0 &&
	       (open("/etc/passwd", O_RDONLY) >= 0 || access("/", W_OK) == 0 ||
		open("..", O_RDONLY | O_DIRECTORY) >= 0);
}

static int finds_a_network(void)
{
	const struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr = {htonl(0x7F000001)}};
	struct dr_err err = DR_ERR_INIT;
	struct sandbox walls;
	int fd;

	if (sandbox_prepare(&walls, FD_SCRATCH, &err) < 0)
		return 1;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	return fd >= 0 && connect(fd, (const struct sockaddr *)&self, sizeof self) == 0;
}

/* Without the filter, which would end the process before any of these answered. */
static void behind_the_filter_there_is_nothing_to_find(void **state)
{
	const bool landlock = syscall(SYS_landlock_create_ruleset, NULL, 0, 1) > 0;
	const bool namespaces = in_child(has_namespaces) == 1;

	(void)state;
	if (!landlock && !namespaces)
		skip();
	assert_int_equal(in_child(finds_a_file), 0);
	if (namespaces)
		assert_int_equal(in_child(finds_a_network), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_but_memory_and_reading_is_left),
#ifdef __x86_64__
		cmocka_unit_test(other_call_conventions_end_the_whole_process),
#endif
		cmocka_unit_test(more_than_the_limits_is_refused),
		cmocka_unit_test(behind_the_filter_there_is_nothing_to_find),
		cmocka_unit_test(a_decoder_can_do_its_work),
		cmocka_unit_test(a_decoder_dies_with_its_launcher_and_cannot_be_looked_into),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
