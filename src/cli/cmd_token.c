/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/text.h"
#include "util/str.h"

#include "util/banned.h"

static int check_format(const char *format, struct dr_err *err)
{
	if (format && !dr_streq(format, "text") && !dr_streq(format, "token") &&
	    !dr_streq(format, "json") && !dr_streq(format, "curl"))
		return dr_fail(err, DR_INVALID, "The format must be text, token, json or curl");
	return 0;
}

static void print_line(const char *key, const char *value)
{
	printf("%16s: %s\n", key, value);
}

/* print: the tokens held, keys in alphabetical order. */
static int print(const struct cli *cli, const struct session *s, const char *format,
		 struct dr_err *err)
{
	const char *access = session_access_token(s) ? session_access_token(s) : "";
	const char *refresh = session_refresh_token(s);
	json_auto json_t *all = NULL;

	if (dr_streq(format, "curl")) {
		printf("curl -H 'Authorization: Bearer %s' %s/1.0/\n", access,
		       session_api_origin(s));
	} else if (dr_streq(format, "token")) {
		printf("%s\n", access);
	} else if (dr_streq(format, "json") || cli->json) {
		all = json_pack("{ss, ss*, ss}", "access_token", access, "refresh_token", refresh,
				"token_type", "Bearer");
		if (!all || json_dumpf(all, stdout, cli->json ? JSON_INDENT(2) : JSON_COMPACT) < 0)
			return dr_fail_nomem(err);
		fputc('\n', stdout);
	} else {
		print_line("access_token", access);
		if (refresh)
			print_line("refresh_token", refresh);
		print_line("token_type", "Bearer");
	}
	return 0;
}

static int show(struct cli *cli, const struct args *args, struct dr_err *err)
{
	const char *format = args_get(args, "format");
	struct session *s;

	if (check_format(format, err) < 0 || cli_session(cli, &s, err) < 0)
		return -1;
	return print(cli, s, format, err);
}

static int create(struct cli *cli, const struct args *args, struct dr_err *err)
{
	const char *format = args_get(args, "format");
	struct session *s;
	int got;

	if (check_format(format, err) < 0 || cli_session(cli, &s, err) < 0)
		return -1;
	got = session_renew(s, NULL, err);
	if (got < 0)
		return -1;
	if (got == 0) {
		cli_refuse(cli);
		return 0;
	}
	return print(cli, s, format, err);
}

static const struct option format_options[] = {
	{0, "format", "FORMAT", "text (default), token, json or curl"},
};

static const struct subcommand subs[] = {
	{"create", "", "Create new OAuth2 Bearer token", NULL, OPTIONS(format_options), create},
	{"show", "", "Show currently cached OAuth2 Bearer token", NULL, OPTIONS(format_options),
	 show},
};

const struct command command_token = {
	.name = "token",
	.summary = "Authentication token management",
	.subs = subs,
	.sub_count = sizeof subs / sizeof *subs,
	.sub_default = "show",
};
