/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/login.h"
#include "cli/prompt.h"
#include "cli/say.h"
#include "cli/text.h"
#include "util/str.h"

#include "util/banned.h"

/* is_id: the prefix and exactly five more characters. */
static bool is_id(const char *s, const char *prefix)
{
	return dr_starts(s, prefix) && text_length(s + strlen(prefix)) == 5;
}

static const char *word(const struct args *args, size_t n)
{
	return n < args->count ? args->words[n] : NULL;
}

/* A section as client_add and user_add write it. */
struct entry {
	const char *alias;
	const char *client_id;
	const char *username; /* "" for an API client */
	const char *secret;
	const char *api_url;
	const char *auth_url;
};

static int write_entry(struct config *c, const struct entry *e, struct dr_err *err)
{
	dr_autofree char *origin = NULL;
	dr_autofree char *auth_origin = NULL;

	if (web_origin(e->api_url, &origin, err) < 0 ||
	    web_origin(e->auth_url, &auth_origin, err) < 0)
		return -1;
	if (config_set(c, "alias", e->alias, err) < 0 ||
	    config_set(c, "client_id", e->client_id, err) < 0 ||
	    config_set(c, "username", e->username, err) < 0 ||
	    config_set(c, "secret", e->secret, err) < 0 ||
	    config_set(c, "api_url", e->api_url, err) < 0 ||
	    config_set(c, "auth_url", e->auth_url, err) < 0)
		return -1;
	return 0;
}

/* add: a new section, under another name when its own is taken, and a first log-in. */
static int add(struct cli *cli, const struct entry *wanted, const char *password,
	       struct dr_err *err)
{
	struct config *c = cli->config;
	dr_autofree char *alias = NULL;
	struct entry e = *wanted;

	if (config_free_name(c, e.alias, &alias, err) < 0)
		return -1;
	if (dr_streq(alias, e.alias))
		say("Creating new client config %s", alias);
	else
		say("A client config named %s already exists using %s instead", e.alias, alias);
	e.alias = alias;
	if (config_select(c, alias, err) < 0 || write_entry(c, &e, err) < 0)
		return -1;
	config_token_forget(c);
	return login_try(cli, password, err);
}

static int client_add(struct cli *cli, const struct args *args, struct dr_err *err)
{
	const char *alias = args_get(args, "alias");
	const char *auth_url = args_get(args, "auth-url");
	struct entry e = {
		.alias = alias ? alias : word(args, 0),
		.client_id = word(args, 0),
		.username = "",
		.secret = word(args, 1),
		.api_url = args->count > 2 ? word(args, 2) : login_api_url(),
		.auth_url = args->count > 3 ? word(args, 3) : auth_url,
	};

	say("Using config file %s", cli->config->path);
	if (!e.client_id)
		return dr_fail(err, DR_INVALID, "You must specify the client-id");
	if (!is_id(e.client_id, "cli-"))
		return dr_fail(err, DR_INVALID,
			       "The client-id '%.80s' must match the format cli-xxxxx",
			       e.client_id);
	if (!e.secret)
		return dr_fail(err, DR_INVALID, "You must specify the client secret");
	e.auth_url = e.auth_url ? e.auth_url : e.api_url;
	return add(cli, &e, NULL, err);
}

static int user_add(struct cli *cli, const struct args *args, struct dr_err *err)
{
	const char *alias = args_get(args, "alias");
	const char *password = args_get(args, "password");
	secret_auto char *asked = NULL;
	struct entry e = {
		.alias = alias ? alias : word(args, 0),
		.client_id = word(args, 1),
		.username = word(args, 0),
		.secret = word(args, 2),
		.api_url = args->count > 3 ? word(args, 3) : login_api_url(),
		.auth_url = word(args, 4),
	};

	say("Using config file %s", cli->config->path);
	if (!e.username)
		return dr_fail(err, DR_INVALID, "You must specify your user's email address");
	if (!e.client_id)
		return dr_fail(err, DR_INVALID, "You must specify the client-id");
	if (!is_id(e.client_id, "app-"))
		return dr_fail(err, DR_INVALID,
			       "The client-id '%.80s' must match the format app-xxxxx",
			       e.client_id);
	if (!e.secret)
		return dr_fail(err, DR_INVALID, "You must specify the client secret");
	if (!password || !*password) {
		if (prompt_line("Enter your password : ", true, &asked, err) < 0)
			return -1;
		password = asked;
	}
	if (!*password)
		return dr_fail(err, DR_INVALID, "You must specify your Brightbox password.");
	e.auth_url = e.auth_url ? e.auth_url : e.api_url;
	return add(cli, &e, password, err);
}

static const struct field columns[] = {
	{"alias", NULL, false},   {"client_id", NULL, false}, {"secret", NULL, false},
	{"api_url", NULL, false}, {"auth_url", NULL, false},
};

static const struct field_list column_list = FIELDS(columns);

/* row: a section as client_list shows it; the default one is starred when there are several. */
static json_t *row(const struct config *c, const char *section)
{
	dr_autobuf struct buf alias = BUF_INIT;
	const char *named = ini_get(c->ini, section, "alias");
	const char *id = ini_get(c->ini, section, "client_id");
	const char *secret = ini_get(c->ini, section, "secret");
	const char *api_url = ini_get(c->ini, section, "api_url");
	const char *auth_url = ini_get(c->ini, section, "auth_url");
	bool starred = config_client(c, 1) && dr_streq(config_default_client(c), section);

	buf_printf(&alias, "%s%s", starred ? "*" : "", named ? named : section);
	return json_pack("{ss, ss, ss, ss?, ss?}", "alias", buf_str(&alias), "client_id",
			 id ? id : SESSION_APP_ID, "secret", secret ? secret : SESSION_APP_SECRET,
			 "api_url", api_url, "auth_url", auth_url ? auth_url : api_url);
}

static int client_list(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *rows = json_array();
	const char *section = NULL;

	(void)args;
	say("Using config file %s", cli->config->path);
	for (size_t i = 0; (section = config_client(cli->config, i)); i++)
		if (json_array_append_new(rows, row(cli->config, section)) < 0)
			return dr_fail(err, DR_INVALID, "section %.80s is not UTF-8", section);
	return view_list(cli, column_list, rows, err);
}

/* find: the section the first word names. */
static int find(struct cli *cli, const struct args *args, const char *purpose, const char **ret,
		struct dr_err *err)
{
	const char *alias = word(args, 0);

	say("Using config file %s", cli->config->path);
	if (!alias)
		return dr_fail(err, DR_INVALID, "You must specify the api alias you want to %s",
			       purpose);
	*ret = config_find(cli->config, alias);
	if (!*ret)
		return dr_fail(err, DR_NOT_FOUND,
			       "An api client with the alias %.80s does not exist in the config",
			       alias);
	return 0;
}

static int client_default(struct cli *cli, const struct args *args, struct dr_err *err)
{
	const char *section = NULL;

	if (find(cli, args, "set as the default", &section, err) < 0)
		return -1;
	say("Setting %s as default api client", word(args, 0));
	if (ini_set(cli->config->ini, "core", "default_client", section, err) < 0)
		return -1;
	return config_save(cli->config, err);
}

static int client_remove(struct cli *cli, const struct args *args, struct dr_err *err)
{
	struct config *c = cli->config;
	const char *section = NULL;

	if (find(cli, args, "remove", &section, err) < 0)
		return -1;
	say("Removing api client %s", word(args, 0));
	if (config_select(c, section, err) < 0)
		return -1;
	if (dr_streq(config_default_client(c), c->client))
		ini_unset(c->ini, "core", "default_client");
	ini_remove(c->ini, c->client);
	if (config_save(c, err) < 0)
		return -1;
	config_token_forget(c);
	return 0;
}

static const struct option client_options[] = {
	{'a', "alias", "ALIAS", "Name of the section; default: the client-id"},
	{'t', "auth-url", "URL", "Where tokens are got; default: the API"},
};

static const struct option user_options[] = {
	{'a', "alias", "ALIAS", "Name of the section; default: the email"},
	{'p', "password", "PASSWORD", "Password; asked for when not given"},
};

static const char url_details[] =
	"Without api-url it is $BRIGHTBOX_API_URL, and without that\n" LOGIN_API_URL ".\n";

static const struct subcommand subs[] = {
	{"client_add", "client-id secret [api-url [auth-url]]",
	 "Add new API client details to config", url_details, OPTIONS(client_options), client_add},
	{"client_default",
	 "alias",
	 "Set the default API client in the config",
	 NULL,
	 {NULL, 0},
	 client_default},
	{"client_list", "", "List API clients defined in the config", NULL, {NULL, 0}, client_list},
	{"client_remove",
	 "alias",
	 "Remove an API client from config",
	 NULL,
	 {NULL, 0},
	 client_remove},
	{"user_add", "email client-id secret [api-url [auth-url]]",
	 "Add new user credentials to config", url_details, OPTIONS(user_options), user_add},
};

const struct command command_config = {
	.name = "config",
	.summary = "Manage CLI configuration settings and credentials",
	.subs = subs,
	.sub_count = sizeof subs / sizeof *subs,
	.sub_default = "client_list",
	.without_client = true,
};
