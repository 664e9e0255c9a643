/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include <assert.h>
#include <string.h>

#include "util/str.h"

#include "util/banned.h"

/* Known to the seed's command, so that its prefixes mean here what they mean there. */
static const struct command account_access = {.name = "account-access"};
static const struct command cloudips = {.name = "cloudips"};
static const struct command collaborators = {.name = "collaborators"};
static const struct command configmaps = {.name = "configmaps"};
static const struct command firewall_policies = {.name = "firewall-policies",
						 .alias = "firewall-policy"};
static const struct command firewall_rules = {.name = "firewall-rules"};
static const struct command groups = {.name = "groups"};
static const struct command lbs = {.name = "lbs"};
static const struct command servers = {.name = "servers"};
static const struct command sql = {.name = "sql"};
static const struct command volumes = {.name = "volumes"};

/* cli_main answers it; it stands here to take part in the prefix rule. */
static const struct command help = {.name = "help", .summary = "Show help for a command"};

static const struct command *const commands[] = {
	&account_access,
	&command_accounts,
	&cloudips,
	&collaborators,
	&command_config,
	&configmaps,
	&firewall_policies,
	&firewall_rules,
	&groups,
	&help,
	&command_images,
	&lbs,
	&command_login,
	&command_orbit,
	&servers,
	&sql,
	&command_token,
	&command_types,
	&command_users,
	&volumes,
	&command_zones,
};

static const struct option globals[] = {
	{'s', "simple", NULL, "Simple output: tab separated, nothing cut, no header"},
	{0, "json", NULL, "Print the API's answers as JSON"},
	{'c', "client", "ALIAS", "Use this client of the config file"},
	{0, "account", "ACCOUNT", "Use this account"},
	{'k', "insecure", NULL, "Do not verify the servers' certificates"},
	{'v', "version", NULL, "Print the version"},
};

const struct option_list command_globals = OPTIONS(globals);

const struct command *command_at(size_t n)
{
	return n < sizeof commands / sizeof *commands ? commands[n] : NULL;
}

static bool begins(const struct command *c, const char *word)
{
	return dr_starts(c->name, word) || (c->alias && dr_starts(c->alias, word));
}

int command_find(const char *word, const struct command **ret, struct dr_err *err)
{
	dr_autobuf struct buf names = BUF_INIT;
	const struct command *c;
	size_t found = 0;

	for (size_t i = 0; (c = command_at(i)); i++) {
		if (dr_streq(c->name, word) || dr_streq(c->alias, word)) {
			*ret = c;
			return 0;
		}
		if (*word && begins(c, word)) {
			*ret = c;
			buf_printf(&names, "%s%s", found++ ? "," : "", c->name);
		}
	}
	if (found == 0)
		return dr_fail(err, DR_INVALID, "Unknown command '%.80s'", word);
	if (found > 1)
		return dr_fail(err, DR_INVALID, "Ambiguous command '%.80s'. It matches %s", word,
			       buf_str(&names));
	return 0;
}

int command_sub(const struct command *c, const char *word, const struct subcommand **ret,
		size_t *used, struct dr_err *err)
{
	dr_autobuf struct buf names = BUF_INIT;
	const struct subcommand *match = NULL;
	size_t found = 0;

	*used = 0;
	*ret = &c->subs[0];
	if (!c->subs[0].name)
		return 0;
	for (size_t i = 0; i < c->sub_count; i++) {
		const struct subcommand *sub = &c->subs[i];

		if (dr_streq(sub->name, c->sub_default))
			*ret = sub;
		if (!word || !*word || !dr_starts(sub->name, word))
			continue;
		if (dr_streq(sub->name, word)) {
			match = sub;
			found = 1;
			break;
		}
		match = sub;
		buf_printf(&names, "%s%s", found++ ? "," : "", sub->name);
	}
	if (found > 1)
		return dr_fail(err, DR_INVALID, "Ambiguous command '%.80s'. It matches %s", word,
			       buf_str(&names));
	if (found == 1) {
		*ret = match;
		*used = 1;
	}
	return 0;
}
