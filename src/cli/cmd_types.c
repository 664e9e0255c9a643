/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands `types` and `zones`: what servers can be built from. */
#include <stdlib.h>

#include "cli/command.h"

#include "util/banned.h"

#define TYPES "/1.0/server_types"
#define ZONES "/1.0/zones"

static void put_disk(const json_t *type, struct buf *out)
{
	view_member(type, "disk_size", out);
}

static const struct field type_columns[] = {
	{"id", NULL, false},  {"name", NULL, false},     {"handle", NULL, false},
	{"ram", NULL, false}, {"disk", put_disk, false}, {"cores", NULL, false},
};

static const struct field type_fields[] = {
	{"id", NULL, false},    {"handle", NULL, false}, {"status", NULL, false},
	{"name", NULL, false},  {"ram", NULL, false},    {"disk", put_disk, false},
	{"cores", NULL, false},
};

static const struct field zone_columns[] = {
	{"id", NULL, false},
	{"handle", NULL, false},
};

static const struct field_list type_list = FIELDS(type_columns);
static const struct field_list type_show = FIELDS(type_fields);
static const struct field_list zone_list = FIELDS(zone_columns);

static int by_ram(const json_t *a, const json_t *b)
{
	json_int_t x = view_number(a, "ram"), y = view_number(b, "ram");

	return (x > y) - (x < y);
}

/* some_or_all: those that are named, or the whole collection. */
static int some_or_all(struct cli *cli, const char *collection, const struct args *args,
		       const char *complaint, json_t **ret, struct dr_err *err)
{
	struct session *s;

	if (args->count > 0)
		return resource_find_known(cli, collection, SESSION_ACCOUNT, args, complaint, ret,
					   err);
	if (cli_session(cli, &s, err) < 0)
		return -1;
	return session_list(s, collection, SESSION_ACCOUNT, ret, err);
}

static int list_types(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *types = NULL;

	if (some_or_all(cli, TYPES, args, "WARN: Couldn't find type ", &types, err) < 0 ||
	    resource_sort(&types, by_ram, err) < 0)
		return -1;
	return view_list(cli, type_list, types, err);
}

static int show_types(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *types = NULL;

	if (args->count == 0)
		return dr_fail(err, DR_INVALID, "You must specify the types you want to show");
	if (some_or_all(cli, TYPES, args, "WARN: Couldn't find type ", &types, err) < 0)
		return -1;
	return view_show(cli, type_show, types, err);
}

static int list_zones(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *zones = NULL;

	if (some_or_all(cli, ZONES, args, "WARN: Couldn't find zone ", &zones, err) < 0)
		return -1;
	return view_list(cli, zone_list, zones, err);
}

static const struct subcommand type_subs[] = {
	{"list", "[type-id...]", "List types", NULL, {NULL, 0}, list_types},
	{"show", "type-id...", "Show detailed type info", NULL, {NULL, 0}, show_types},
};

static const struct subcommand zone_subs[] = {
	{"list", "[zone-id...]", "List zones", NULL, {NULL, 0}, list_zones},
};

const struct command command_types = {
	.name = "types",
	.summary = "List the types of servers",
	.subs = type_subs,
	.sub_count = sizeof type_subs / sizeof *type_subs,
	.sub_default = "list",
};

const struct command command_zones = {
	.name = "zones",
	.summary = "List the zones servers can run in",
	.subs = zone_subs,
	.sub_count = sizeof zone_subs / sizeof *zone_subs,
	.sub_default = "list",
};
