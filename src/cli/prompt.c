/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cli/interrupt.h"

#include "util/banned.h"

#define SECRET_MAX 4096
#define HELPER_WORDS 32

void secret_free(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
}

/* read_line: byte by byte, so that nothing behind the line is taken from the input. 0 at its end.
 */
static int read_line(int fd, char line[static SECRET_MAX], struct dr_err *err)
{
	size_t len = 0;
	ssize_t n;
	char c;

	while (len < SECRET_MAX - 1) {
		n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return dr_fail_errno(err, "read");
		if (n == 0 && len == 0)
			return 0;
		if (n == 0 || c == '\n')
			break;
		line[len++] = c;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	line[len] = 0;
	return 1;
}

static void ask(const char *question)
{
	fputs(question, stdout);
	fflush(stdout);
}

/* read_hidden: as read_line from the terminal, without echo. The echo is off before the question
 * is seen; a signal that ends the program waits until it is back. */
static int read_hidden(const char *question, char line[static SECRET_MAX], struct dr_err *err)
{
	struct termios before, quiet;
	struct interrupt in;
	int got = 0;

	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return dr_fail_errno(err, "terminal");
	if (interrupt_hold(&in, err) < 0)
		return -1;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	ask(question);
	if (!interrupt_seen(&in, STDIN_FILENO, -1))
		got = read_line(STDIN_FILENO, line, err);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	ask("\n");
	interrupt_release(&in);
	return got;
}

int prompt_line(const char *question, bool hidden, char **ret, struct dr_err *err)
{
	char line[SECRET_MAX];
	int got;

	if (hidden && isatty(STDIN_FILENO)) {
		got = read_hidden(question, line, err);
	} else {
		ask(question);
		got = read_line(STDIN_FILENO, line, err);
	}
	if (got > 0)
		*ret = strdup(line);
	explicit_bzero(line, sizeof line);
	if (got == 0)
		return dr_fail(err, DR_IO, "nothing was entered: end of input");
	if (got > 0 && !*ret)
		return dr_fail_nomem(err);
	return got < 0 ? -1 : 0;
}

static pid_t start(const char *const *argv, int out)
{
	pid_t pid = fork();

	if (pid == 0) {
		dup2(out, STDOUT_FILENO);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	return pid;
}

/* drain: let the program finish what it prints. */
static void drain(int fd)
{
	char rest[512];
	ssize_t n;

	do
		n = read(fd, rest, sizeof rest);
	while (n > 0 || (n < 0 && errno == EINTR));
}

int prompt_command(const char *const *argv, char **ret, struct dr_err *err)
{
	char line[SECRET_MAX];
	int ends[2], status = 0, got;
	pid_t pid;

	*ret = NULL;
	fflush(NULL);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return dr_fail_errno(err, "pipe");
	pid = start(argv, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return dr_fail_errno(err, "start %s", argv[0]);
	}
	got = read_line(ends[0], line, err);
	drain(ends[0]);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (got > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		*ret = strdup(line);
	explicit_bzero(line, sizeof line);
	return got < 0 ? -1 : 0;
}

int prompt_helper(const char *command, char **ret, struct dr_err *err)
{
	dr_autofree char *text = strdup(command);
	const char *argv[HELPER_WORDS + 1] = {NULL};
	char *rest = text, *word;
	size_t n = 0;

	if (!text)
		return dr_fail_nomem(err);
	while ((word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		if (n == HELPER_WORDS)
			return dr_fail(err, DR_INVALID, "the helper command has too many words");
		argv[n++] = word;
	}
	*ret = NULL;
	return n == 0 ? 0 : prompt_command(argv, ret, err);
}
