/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/env.h"
#include "cli/login.h"
#include "cli/prompt.h"
#include "cli/say.h"
#include "cli/text.h"
#include "util/str.h"

#include "util/banned.h"

const char *login_api_url(void)
{
	const char *url = env_get("BRIGHTBOX_API_URL");

	return url ? url : LOGIN_API_URL;
}

/* usable: the first account that is pending or active (api.md section 1.4). */
static const char *usable(const json_t *accounts)
{
	for (size_t i = 0; i < json_array_size(accounts); i++) {
		const json_t *account = json_array_get(accounts, i);
		const char *status = view_text(account, "status");

		if ((dr_streq(status, "pending") || dr_streq(status, "active")) &&
		    text_id(view_text(account, "id")))
			return view_text(account, "id");
	}
	return NULL;
}

static int choose_account(struct cli *cli, struct session *s, struct dr_err *err)
{
	json_auto json_t *accounts = NULL;
	const char *id;

	if (config_value(cli->config, "default_account"))
		return 0;
	if (session_list(s, "/1.0/accounts", SESSION_FLAT, &accounts, err) < 0)
		return -1;
	id = usable(accounts);
	if (!id)
		return 0;
	if (config_set(cli->config, "default_account", id, err) < 0)
		return -1;
	say("The default account of %s has been selected", id);
	return 0;
}

static int with_service(struct cli *cli, const char *password, struct dr_err *err)
{
	struct session *s;
	int got;

	if (cli_session(cli, &s, err) < 0)
		return -1;
	got = session_renew(s, password, err);
	if (got < 0)
		return -1;
	if (got == 0)
		return dr_fail(err, DR_UNAUTHENTICATED, "Invalid credentials");
	if (choose_account(cli, s, err) < 0)
		return -1;
	if (config_default_client(cli->config))
		return 0;
	return ini_set(cli->config->ini, "core", "default_client", cli->config->client, err);
}

int login_try(struct cli *cli, const char *password, struct dr_err *err)
{
	struct dr_err why = DR_ERR_INIT;

	if (with_service(cli, password, &why) < 0)
		say("Something went wrong trying to refresh new tokens: %s", why.msg);
	return config_save(cli->config, err);
}

/* name_url: the section's `key`: as asked for, else as it is, else `otherwise`. */
static int name_url(struct config *c, const char *key, const char *asked, const char *otherwise,
		    struct dr_err *err)
{
	dr_autofree char *origin = NULL;

	if (!asked && config_value(c, key))
		return 0;
	asked = asked ? asked : otherwise;
	if (web_origin(asked, &origin, err) < 0)
		return -1;
	return config_set(c, key, asked, err);
}

static int set_given(struct config *c, const char *key, const char *value, struct dr_err *err)
{
	return value ? config_set(c, key, value, err) : 0;
}

/* write_section: the name may carry a suffix, "me@example.com/work", to have several of one user.
 */
static int write_section(struct config *c, const struct args *args, const char *name,
			 struct dr_err *err)
{
	dr_autofree char *email = strndup(name, strcspn(name, "/"));

	if (!email)
		return dr_fail_nomem(err);
	if (!config_get(c, "username") && config_set(c, "username", email, err) < 0)
		return -1;
	if (name_url(c, "api_url", args_get(args, "api-url"), login_api_url(), err) < 0 ||
	    name_url(c, "auth_url", args_get(args, "auth-url"), config_value(c, "api_url"), err) <
		    0 ||
	    set_given(c, "default_account", args_get(args, "default-account"), err) < 0 ||
	    set_given(c, "client_id", args_get(args, "application-id"), err) < 0 ||
	    set_given(c, "secret", args_get(args, "application-secret"), err) < 0)
		return -1;
	return 0;
}

static int login(struct cli *cli, const struct args *args, struct dr_err *err)
{
	const char *name = args->count > 0 ? args->words[0] : NULL;
	const char *password = args_get(args, "password");
	secret_auto char *asked = NULL;
	struct config *c = cli->config;

	if (!name)
		return dr_fail(err, DR_INVALID, "You must specify your email address");
	if (config_select(c, name, err) < 0)
		return -1;
	if (!password) {
		if (session_ask_password(c, false, &asked, err) < 0)
			return -1;
		password = asked;
	}
	if (!*password)
		return dr_fail(err, DR_INVALID, "You must specify your Brightbox password.");
	if (!ini_has(c->ini, name))
		say("Creating new client config %s", name);
	if (write_section(c, args, name, err) < 0)
		return -1;
	config_token_forget(c);
	return login_try(cli, password, err);
}

static const struct option options[] = {
	{'p', "password", "PASSWORD", "Password; asked for when not given"},
	{0, "default-account", "ACCOUNT", "Account to work in when none is named"},
	{0, "application-id", "APP", "OAuth application to log in with"},
	{0, "application-secret", "SECRET", "Its secret"},
	{0, "api-url", "URL", "The API; default: $BRIGHTBOX_API_URL"},
	{0, "auth-url", "URL", "Where tokens are got; default: the API"},
};

static const struct subcommand subs[] = {
	{NULL, "email", "Authenticate using an email address", NULL, OPTIONS(options), login},
};

const struct command command_login = {
	.name = "login",
	.summary = "Authenticate using an email address",
	.subs = subs,
	.sub_count = 1,
	.without_client = true,
};
