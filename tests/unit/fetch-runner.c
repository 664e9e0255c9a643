/* SPDX-License-Identifier: Apache-2.0
 *
 * fetch-runner FETCH [SLOTS [SLOT_BYTES [MS_PER_ITEM [ITEMS]]]]: runs the program FETCH the way the
 * daemon does, with the work order from standard input and as the consumer of its ring. What comes
 * through the ring goes to standard output, the report to standard error, followed by the ring's
 * own verdict and facts. MS_PER_ITEM slows the consumer; after ITEMS items it gives up. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring/ring.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/num.h"

#include "util/banned.h"

#define DIE_AFTER_S 60

static int die(const char *what)
{
	fprintf(stderr, "fetch-runner: %s\n", what);
	return 3;
}

static pid_t start(const char *program, int order, int report, int ring)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	/* Out of the way of the numbers that the program expects. */
	order = fcntl(order, F_DUPFD, 10);
	report = fcntl(report, F_DUPFD, 10);
	ring = fcntl(ring, F_DUPFD, 10);
	if (dup2(order, 3) < 0 || dup2(report, 4) < 0 || dup2(ring, 5) < 0)
		_exit(127);
	execl(program, program, (char *)NULL);
	_exit(127);
}

static uint64_t argument(int argc, char **argv, int n, uint64_t fallback)
{
	uint64_t v = fallback;

	if (n < argc && !dr_parse_u64(argv[n], 0, UINT64_MAX, &v))
		exit(die("not a number"));
	return v;
}

static void consume(struct ring *r, uint64_t ms_per_item, uint64_t items)
{
	struct dr_err err = DR_ERR_INIT;
	struct ring_item item;
	int rc = 1;

	while (items-- > 0 && (rc = ring_take(r, &item, &err)) > 0) {
		if (dr_write_all(STDOUT_FILENO, item.data, (size_t)item.len, &err) < 0)
			exit(die(err.msg));
		dr_sleep_ms(ms_per_item);
		ring_release(r);
	}
	if (rc > 0)
		ring_abandon(r);
	if (dr_err_is_set(&err))
		fprintf(stderr, "ring fail code=%s reason=%s msg=%s\n", dr_code_name(err.code),
			err.reason, err.msg);
	else
		fprintf(stderr, "ring %s\n", rc > 0 ? "abandoned" : "end");
	fprintf(stderr, "facts total=%lld done=%lld proven=%lld\n",
		(long long)ring_get_fact(r, RING_FACT_SOURCE_TOTAL),
		(long long)ring_get_fact(r, RING_FACT_SOURCE_DONE),
		(long long)ring_get_fact(r, RING_FACT_LENGTH_PROVEN));
}

int main(int argc, char **argv)
{
	DR_CLEANUP(ring_detachp) struct ring *ring = NULL;
	dr_autobuf struct buf text = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	unsigned slots = (unsigned)argument(argc, argv, 2, 4);
	int fd, order[2], report[2], status = 0;
	pid_t pid;

	alarm(DIE_AFTER_S);
	if (argc < 2 || pipe2(order, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0)
		return die("usage: fetch-runner FETCH [SLOTS [SLOT_BYTES [MS_PER_ITEM [ITEMS]]]]");
	fd = ring_create(slots, (size_t)argument(argc, argv, 3, 65536), &err);
	if (fd < 0 || ring_attach(&ring, fd, &err) < 0 ||
	    dr_read_all(STDIN_FILENO, &text, &err) < 0)
		return die(err.msg);
	pid = start(argv[1], order[0], report[1], fd);
	close(order[0]);
	close(report[1]);
	if (pid < 0 || dr_write_all(order[1], text.p, text.len, &err) < 0)
		return die("cannot start the program");
	close(order[1]);
	consume(ring, argument(argc, argv, 4, 0), argument(argc, argv, 5, UINT64_MAX));
	buf_clear(&text);
	if (dr_read_all(report[0], &text, &err) < 0)
		return die(err.msg);
	fputs(buf_str(&text), stderr);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : die("the program was killed");
}
