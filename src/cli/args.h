/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/args: the options and words of one level of the command line (api.md section 6.1).
 *
 * `--name value`, `--name=value`, any unambiguous beginning of a long name, `-n value`, `-nvalue`,
 * several switches in one (`-sk`). A letter that is nobody's short option stands for the one long
 * option it begins. `--` ends the options. `-h` and `--help` are understood on every level. */
#ifndef DR_CLI_ARGS_H
#define DR_CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"
#include "util/err.h"

#define ARGS_MAX_OPTIONS 16

struct option {
	char letter;       /* 0: none */
	const char *name;  /* without the dashes */
	const char *value; /* what the help calls its value; NULL: a switch */
	const char *help;
};

struct option_list {
	const struct option *items; /* at most ARGS_MAX_OPTIONS */
	size_t count;
};

struct args {
	struct option_list list;
	const char *values[ARGS_MAX_OPTIONS]; /* per option; NULL: not given; "" for a switch */
	bool help;
	size_t used; /* elements of argv taken */
	size_t count;
	const char **words; /* owned array, borrowed strings */
};

/* How a level treats words. */
enum args_words {
	ARGS_STOP_AT_WORD, /* the rest belongs to a command: `used` says where it begins */
	ARGS_ALL_WORDS,    /* words and options in any order */
};

/* args_parse: argv[0 .. argc) by `list`. What is no option of `list` may, by its long name, be one
 * of `outer` (NULL: none), and is then set there: so `images list --json` works like
 * `--json images list`. INVALID on an unknown or ambiguous option or a missing value. */
int args_parse(struct args *ret, struct option_list list, struct args *outer, enum args_words words,
	       size_t argc, char **argv, struct dr_err *err) DR_MUST_CHECK;
void args_done(struct args *a);

/* args_get: the value of an option of this level by its long name, NULL when not given. */
const char *args_get(const struct args *a, const char *name);

#define args_auto DR_CLEANUP(args_done)

#endif
