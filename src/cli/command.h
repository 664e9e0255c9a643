/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/command: what the command line can say (api.md section 6.1): commands, their subcommands, and
 * how words find them. All of it is constant data; the help is written from it. */
#ifndef DR_CLI_COMMAND_H
#define DR_CLI_COMMAND_H

#include "cli/args.h"
#include "cli/cli.h"

struct subcommand {
	const char *name;  /* NULL: the command itself is the only one (`login`) */
	const char *words; /* its arguments, for the help; "" for none */
	const char *summary;
	const char *details; /* more help, lines ending in \n; NULL: none */
	struct option_list options;
	int (*run)(struct cli *cli, const struct args *args, struct dr_err *err);
};

struct command {
	const char *name;
	const char *alias; /* NULL: none */
	const char *summary;
	const struct subcommand *subs; /* NULL: known, but not part of this version */
	size_t sub_count;
	const char *sub_default; /* what a word that is no subcommand, or none, goes to */
	const char *sub_local;   /* the one that needs neither configuration nor service */
	bool without_client;     /* works before a client is configured */
};

/* command_at: the nth command in alphabetical order, or NULL. */
const struct command *command_at(size_t n);
/* command_find: by name, alias, or an unambiguous beginning of one. INVALID: "Unknown command 'x'",
 * "Ambiguous command 's'. It matches servers,sql". */
int command_find(const char *word, const struct command **ret, struct dr_err *err) DR_MUST_CHECK;
/* command_sub: the subcommand a word names, or the default one: then *used is 0 and the word is an
 * argument. `word` NULL: none given, or an option. */
int command_sub(const struct command *c, const char *word, const struct subcommand **ret,
		size_t *used, struct dr_err *err) DR_MUST_CHECK;

extern const struct option_list command_globals;

/* help_*: the texts of `--help`, to stdout. */
void help_program(void);
void help_command(const struct command *c);
void help_sub(const struct command *c, const struct subcommand *sub);

#define OPTIONS(array)                                   \
	{                                                \
		(array), sizeof(array) / sizeof *(array) \
	}

extern const struct command command_accounts;
extern const struct command command_config;
extern const struct command command_images;
extern const struct command command_login;
extern const struct command command_orbit;
extern const struct command command_token;
extern const struct command command_types;
extern const struct command command_users;
extern const struct command command_zones;

#endif
