/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/command.h"
#include "cli/say.h"
#include "cli/text.h"
#include "util/str.h"

#include "util/banned.h"

#define COLLECTION "/1.0/accounts"
#define CURRENT "/1.0/account"

/* An entry of an invitation carries the role it stands for (accounts_of_user). */
#define ROLE "role"

static void put_load_balancers(const json_t *account, struct buf *out)
{
	view_member(account, "load_balancers_limit", out);
}

static void put_cloud_ips(const json_t *account, struct buf *out)
{
	view_member(account, "cloud_ips_limit", out);
}

static void put_ram_free(const json_t *account, struct buf *out)
{
	json_int_t left = view_number(account, "ram_limit") - view_number(account, "ram_used");

	if (json_object_get(account, "ram_limit"))
		buf_printf(out, "%" JSON_INTEGER_FORMAT, left > 0 ? left : 0);
}

static const struct field own_columns[] = {
	{"id", NULL, false},
	{"name", NULL, false},
	{"cloud_ips_limit", NULL, false},
	{"lb_limit", put_load_balancers, false},
	{"ram_limit", NULL, false},
	{"ram_used", NULL, false},
	{"ram_free", put_ram_free, false},
};

static const struct field user_columns[] = {
	{"id", NULL, false},
	{"cloud_ips_limit", NULL, false},
	{"lb_limit", put_load_balancers, false},
	{"ram_limit", NULL, false},
	{"ram_used", NULL, false},
	{"ram_free", put_ram_free, false},
	{ROLE, NULL, false},
	{"name", NULL, false},
};

static const struct field show_fields[] = {
	{"id", NULL, false},
	{"name", NULL, false},
	{"cloud_ip_limit", put_cloud_ips, false},
	{"ram_limit", NULL, false},
	{"ram_used", NULL, false},
	{"lb_limit", put_load_balancers, false},
	{"ram_free", put_ram_free, false},
};

static const struct field_list own_list = FIELDS(own_columns);
static const struct field_list user_list = FIELDS(user_columns);
static const struct field_list show_list = FIELDS(show_fields);

/* several: the section may see more than one account. Its `username` says so, even when empty, as
 * `config client_add` writes it (api.md section 6.2). */
static bool several(const struct cli *cli)
{
	return config_get(cli->config, "username") != NULL;
}

/* current: the one account of an API client, as an array. */
static int current(struct cli *cli, json_t **ret, struct dr_err *err)
{
	json_auto json_t *account = NULL;
	struct session *s;

	if (cli_session(cli, &s, err) < 0 ||
	    session_call(s, "GET", CURRENT, SESSION_PLAIN, NULL, &account, err) < 0)
		return -1;
	config_remember(cli->config, view_text(account, "id"));
	*ret = resource_alone(account);
	return *ret ? 0 : dr_fail_nomem(err);
}

static const json_t *collaboration_on(const json_t *all, const char *account, const char *status)
{
	for (size_t i = 0; i < json_array_size(all); i++) {
		const json_t *c = json_array_get(all, i);

		if (dr_streq(view_text(c, "status"), status) &&
		    dr_streq(view_text(json_object_get(c, "account"), "id"), account))
			return c;
	}
	return NULL;
}

/* add_roles: tell owned accounts from those worked on with, and add those one is invited to. */
static int add_roles(json_t *accounts, const json_t *collaborations, struct dr_err *err)
{
	for (size_t i = 0; i < json_array_size(accounts); i++) {
		json_t *account = json_array_get(accounts, i);
		bool guest = collaboration_on(collaborations, view_text(account, "id"), "accepted");

		if (json_object_set_new(account, ROLE,
					json_string(guest ? "collaborator" : "owner")) < 0)
			return dr_fail_nomem(err);
	}
	for (size_t i = 0; i < json_array_size(collaborations); i++) {
		const json_t *c = json_array_get(collaborations, i);
		const json_t *account = json_object_get(c, "account");

		if (!dr_streq(view_text(c, "status"), "pending"))
			continue;
		if (json_array_append_new(accounts,
					  json_pack("{ss, ss, ss}", "id", view_text(account, "id"),
						    "name", view_text(account, "name"), ROLE,
						    "(invited)")) < 0)
			return dr_fail_nomem(err);
	}
	return 0;
}

static int accounts_of_user(struct cli *cli, json_t **ret, struct dr_err *err)
{
	json_auto json_t *accounts = NULL;
	json_auto json_t *collaborations = NULL;
	struct session *s;

	if (cli_session(cli, &s, err) < 0 ||
	    session_list(s, COLLECTION, SESSION_FLAT, &accounts, err) < 0 ||
	    session_list(s, "/1.0/user/collaborations", SESSION_PLAIN, &collaborations, err) < 0)
		return -1;
	if (!cli->json && add_roles(accounts, collaborations, err) < 0)
		return -1;
	*ret = DR_STEAL(accounts);
	return 0;
}

/* pick: only the accounts that are named, when any are. */
static int pick(const struct args *args, json_t **accounts, struct dr_err *err)
{
	json_auto json_t *picked = json_array();

	if (args->count == 0)
		return 0;
	if (!picked)
		return dr_fail_nomem(err);
	for (size_t w = 0; w < args->count; w++) {
		size_t before = json_array_size(picked);

		for (size_t i = 0; i < json_array_size(*accounts); i++) {
			json_t *account = json_array_get(*accounts, i);

			if (dr_streq(view_text(account, "id"), args->words[w]) &&
			    json_array_append(picked, account) < 0)
				return dr_fail_nomem(err);
		}
		if (json_array_size(picked) == before)
			say_warn("Couldn't find account %s", args->words[w]);
	}
	json_decref(*accounts);
	*accounts = DR_STEAL(picked);
	return 0;
}

static int list(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *accounts = NULL;

	if ((several(cli) ? accounts_of_user(cli, &accounts, err) : current(cli, &accounts, err)) <
		    0 ||
	    pick(args, &accounts, err) < 0)
		return -1;
	return view_list(cli, several(cli) ? user_list : own_list, accounts, err);
}

static int show(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *accounts = NULL;

	if (args->count == 0)
		return dr_fail(err, DR_INVALID, "You must specify the accounts to show");
	if (several(cli)) {
		if (resource_find_known(cli, COLLECTION, SESSION_PLAIN, args,
					"WARN: Couldn't find account ", &accounts, err) < 0)
			return -1;
	} else if (current(cli, &accounts, err) < 0 || pick(args, &accounts, err) < 0) {
		return -1;
	}
	return view_show(cli, show_list, accounts, err);
}

static int set_default(struct cli *cli, const struct args *args, struct dr_err *err)
{
	const char *id = args->count > 0 ? args->words[0] : NULL;
	json_auto json_t *account = NULL;
	json_auto json_t *mine = NULL;
	struct session *s;
	bool known;

	if (!id)
		return dr_fail(err, DR_INVALID,
			       "You must specify the account-id to set as default.");
	if (cli_session(cli, &s, err) < 0)
		return -1;
	if (several(cli)) {
		int found = session_find(s, COLLECTION, id, SESSION_PLAIN, &account, err);

		if (found < 0)
			return -1;
		known = found > 0;
	} else {
		if (current(cli, &mine, err) < 0)
			return -1;
		known = dr_streq(view_text(json_array_get(mine, 0), "id"), id);
	}
	if (!known)
		return dr_fail(err, DR_NOT_FOUND, "Couldn't find account %.80s", id);
	if (dr_streq(config_value(cli->config, "default_account"), id))
		return 0;
	if (config_set(cli->config, "default_account", id, err) < 0)
		return -1;
	return config_save(cli->config, err);
}

static const struct subcommand subs[] = {
	{"default", "account-id", "Set a default account", NULL, {NULL, 0}, set_default},
	{"list", "[account-id...]", "List accounts", NULL, {NULL, 0}, list},
	{"show", "account-id...", "Show accounts", NULL, {NULL, 0}, show},
};

const struct command command_accounts = {
	.name = "accounts",
	.summary = "Manage accounts",
	.subs = subs,
	.sub_count = sizeof subs / sizeof *subs,
	.sub_default = "list",
};
