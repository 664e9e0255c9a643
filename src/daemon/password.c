/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "daemon/admin.h"
#include "util/str.h"

#include "util/banned.h"

#define LEAST_CHARACTERS 8

/* read_line: byte by byte: nothing behind the line is taken, and no copy stays in a buffer. */
static int read_line(char ret[static ADMIN_PASSWORD_TEXT], struct dr_err *err)
{
	size_t len = 0;
	ssize_t n = 1;

	while (len < ADMIN_PASSWORD_TEXT && (n = read(STDIN_FILENO, ret + len, 1)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return dr_fail_errno(err, "cannot read a password");
		if (ret[len] == '\n')
			break;
		len++;
	}
	if (len == ADMIN_PASSWORD_TEXT)
		return dr_fail(err, DR_INVALID, "a password has at most %d bytes",
			       ADMIN_PASSWORD_TEXT - 1);
	ret[len] = 0;
	return 0;
}

/* ask: one line from the terminal, not shown. Signals wait until the terminal shows again what is
 * typed. */
static int ask(const char *question, char ret[static ADMIN_PASSWORD_TEXT], struct dr_err *err)
{
	struct termios before, quiet;
	sigset_t all, mask;
	int rc;

	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return dr_fail_errno(err, "terminal");
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
	fputs(question, stderr);
	rc = read_line(ret, err);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
	fputc('\n', stderr);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	return rc;
}

static int ask_twice(char ret[static ADMIN_PASSWORD_TEXT], struct dr_err *err)
{
	char again[ADMIN_PASSWORD_TEXT];
	bool same;

	if (ask("New password: ", ret, err) < 0 || ask("Once more: ", again, err) < 0)
		return -1;
	same = strcmp(ret, again) == 0;
	explicit_bzero(again, sizeof again);
	return same ? 0 : dr_fail(err, DR_INVALID, "those were two different passwords");
}

int admin_read_password(char ret[static ADMIN_PASSWORD_TEXT], struct dr_err *err)
{
	int rc = isatty(STDIN_FILENO) ? ask_twice(ret, err) : read_line(ret, err);

	if (rc < 0)
		return -1;
	if (!dr_text_valid(ret, strlen(ret)) || strlen(ret) < LEAST_CHARACTERS)
		return dr_fail(err, DR_INVALID,
			       "a password is a line of %d or more bytes of UTF-8 text on standard "
			       "input",
			       LEAST_CHARACTERS);
	return 0;
}
