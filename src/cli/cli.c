/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/env.h"
#include "cli/say.h"
#include "util/str.h"

#include "util/banned.h"

int cli_session(struct cli *cli, struct session **ret, struct dr_err *err)
{
	struct web_options options = {.insecure = cli->insecure, .debug = env_get("DEBUG") != NULL};

	if (!cli->session && session_open(&cli->session, cli->config, &options, err) < 0)
		return -1;
	*ret = cli->session;
	return 0;
}

void cli_refuse(struct cli *cli)
{
	say("Unable to authenticate with supplied details");
	cli->exit = CLI_REFUSED;
}

/* complain: the one line about a failure. */
static void complain(const struct cli *cli, const struct dr_err *err)
{
	if (dr_streq(err->reason, SESSION_UNAVAILABLE))
		say("%s", err->msg);
	else if (cli->session && dr_streq(err->reason, SESSION_ERROR))
		say_error("%s", session_error(cli->session));
	else
		say_error("%s", err->msg);
}

/* reauthenticate: the way out of a final 401 (api.md section 1.3). */
static void reauthenticate(struct cli *cli)
{
	struct dr_err err = DR_ERR_INIT;
	int got = session_renew(cli->session, NULL, &err);

	cli->exit = CLI_FAILED;
	if (got < 0) {
		complain(cli, &err);
	} else if (got == 0) {
		cli_refuse(cli);
	} else {
		say("Your API credentials have been updated, please re-run your command.");
		cli->exit = CLI_RENEWED;
	}
}

/* open_config: the environment wins over the option (api.md section 6.2). */
static int open_config(struct cli *cli, const struct args *globals, const struct command *c,
		       struct dr_err *err)
{
	const char *client = env_get("CLIENT");
	const char *account = env_get("ACCOUNT");

	client = client ? client : args_get(globals, "client");
	account = account ? account : args_get(globals, "account");
	if (config_open(&cli->config, client, account, err) < 0)
		return -1;
	if (!config_client(cli->config, 0) && !c->without_client)
		return dr_fail(err, DR_INVALID,
			       "No client is configured. Add one: brightbox config client_add "
			       "CLIENT-ID SECRET API-URL");
	if (!cli->config->client && !c->without_client)
		return dr_fail(err, DR_INVALID,
			       "You must specify a default client using brightbox config "
			       "client_default");
	return 0;
}

static int show_version(void)
{
	printf("brightbox version %s\n", DR_VERSION);
	return 0;
}

static int run(struct cli *cli, struct args *globals, const struct command *c, int argc,
	       char **argv, struct dr_err *err)
{
	args_auto struct args args = {.words = NULL};
	const char *word = argc > 0 && argv[0][0] != '-' ? argv[0] : NULL;
	const struct subcommand *sub;
	size_t used;

	if (argc > 0 && (dr_streq(argv[0], "--help") || dr_streq(argv[0], "-h"))) {
		help_command(c);
		return 0;
	}
	if (command_sub(c, word, &sub, &used, err) < 0 ||
	    args_parse(&args, sub->options, globals, ARGS_ALL_WORDS, (size_t)argc - used,
		       argv + used, err) < 0)
		return -1;
	if (args.help) {
		help_sub(c, sub);
		return 0;
	}
	if (args_get(globals, "version"))
		return show_version();
	cli->simple = args_get(globals, "simple") != NULL;
	cli->json = args_get(globals, "json") != NULL;
	cli->insecure = args_get(globals, "insecure") || env_get("INSECURE");
	if (!(sub->name && dr_streq(sub->name, c->sub_local)) &&
	    open_config(cli, globals, c, err) < 0)
		return -1;
	return sub->run(cli, &args, err);
}

static int missing(const struct command *c, struct dr_err *err)
{
	return dr_fail(err, DR_UNSUPPORTED, "'%s' is not available in this version", c->name);
}

/* show_help: `help [command [subcommand]]`. */
static int show_help(int argc, char **argv, struct dr_err *err)
{
	const struct subcommand *sub;
	const struct command *c;
	size_t used;

	if (argc == 0) {
		help_program();
		return 0;
	}
	if (command_find(argv[0], &c, err) < 0)
		return -1;
	if (!c->subs && dr_streq(c->name, "help")) {
		help_program();
		return 0;
	}
	if (!c->subs)
		return missing(c, err);
	if (command_sub(c, argc > 1 ? argv[1] : NULL, &sub, &used, err) < 0)
		return -1;
	if (argc > 1 && used == 0)
		return dr_fail(err, DR_INVALID, "Unknown command '%s %.80s'", c->name, argv[1]);
	if (used)
		help_sub(c, sub);
	else
		help_command(c);
	return 0;
}

static int dispatch(struct cli *cli, int argc, char **argv, struct dr_err *err)
{
	args_auto struct args globals = {.words = NULL};
	const struct command *c;

	if (args_parse(&globals, command_globals, NULL, ARGS_STOP_AT_WORD, (size_t)argc, argv,
		       err) < 0)
		return -1;
	argc -= (int)globals.used;
	argv += globals.used;
	if (args_get(&globals, "version"))
		return show_version();
	if (globals.help || argc == 0)
		return show_help(argc, argv, err);
	if (command_find(argv[0], &c, err) < 0)
		return -1;
	if (!c->subs && dr_streq(c->name, "help"))
		return show_help(argc - 1, argv + 1, err);
	if (!c->subs)
		return missing(c, err);
	return run(cli, &globals, c, argc - 1, argv + 1, err);
}

int cli_main(int argc, char **argv)
{
	struct cli cli = {.exit = CLI_OK};
	struct dr_err err = DR_ERR_INIT;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		say_error("libcurl cannot be started");
		return CLI_FAILED;
	}
	if (dispatch(&cli, argc - 1, argv + 1, &err) < 0) {
		cli.exit = CLI_FAILED;
		if (err.code == DR_UNAUTHENTICATED && cli.session)
			reauthenticate(&cli);
		else
			complain(&cli, &err);
	}
	if ((fflush(stdout) != 0 || ferror(stdout)) && cli.exit == CLI_OK) {
		say_error("the output could not be written");
		cli.exit = CLI_FAILED;
	}
	session_close(cli.session);
	config_free(cli.config);
	curl_global_cleanup();
	return cli.exit;
}
