/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/prompt: secrets from the person at the terminal or from a command of theirs. */
#ifndef DR_CLI_PROMPT_H
#define DR_CLI_PROMPT_H

#include "util/cleanup.h"
#include "util/err.h"

/* prompt_line: print `question` to stdout and read one line from stdin; without echo when stdin is
 * a terminal and `hidden`. [owned by caller; free with secret_free] IO at end of input. */
int prompt_line(const char *question, bool hidden, char **ret, struct dr_err *err) DR_MUST_CHECK;
/* prompt_command: the first line a program prints; argv NULL-terminated, no shell. *ret NULL when
 * it cannot be run, prints nothing or fails. */
int prompt_command(const char *const *argv, char **ret, struct dr_err *err) DR_MUST_CHECK;
/* prompt_helper: as prompt_command, from a configured command line, split at blanks. */
int prompt_helper(const char *command, char **ret, struct dr_err *err) DR_MUST_CHECK;

/* secret_free: wipe, then free. */
void secret_free(char *s);

DR_DEFINE_CLEANUP(char, secret_free);
#define secret_auto DR_CLEANUP(secret_freep)

#endif
