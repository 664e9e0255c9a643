/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/text.h"
#include "util/io.h"
#include "util/str.h"

#include "util/banned.h"

#define COLLECTION "/1.0/users"
#define SSH_KEY_MAX ((size_t)64 << 10)

static void put_accounts(const json_t *user, struct buf *out)
{
	buf_printf(out, "%zu", json_array_size(json_object_get(user, "accounts")));
}

static const struct field columns[] = {
	{"id", NULL, false},
	{"name", NULL, false},
	{"email_address", NULL, false},
	{"accounts", put_accounts, false},
};

static const struct field show_fields[] = {
	{"id", NULL, false},
	{"name", NULL, false},
	{"email_address", NULL, false},
	{"accounts", put_accounts, false},
	{"ssh_key", NULL, false},
};

static const struct field update_fields[] = {
	{"id", NULL, false},
	{"name", NULL, false},
	{"email_address", NULL, false},
	{"ssh_key", NULL, false},
};

static const struct field_list column_list = FIELDS(columns);
static const struct field_list show_list = FIELDS(show_fields);
static const struct field_list update_list = FIELDS(update_fields);

static int list(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *users = NULL;
	struct session *s;

	if (args->count > 0) {
		if (resource_find_known(cli, COLLECTION, SESSION_PLAIN, args,
					"Could not find anything with ID ", &users, err) < 0)
			return -1;
	} else if (cli_session(cli, &s, err) < 0 ||
		   session_list(s, COLLECTION, SESSION_PLAIN, &users, err) < 0 ||
		   resource_sort_by_age(&users, err) < 0) {
		return -1;
	}
	return view_list(cli, column_list, users, err);
}

static int show(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *users = NULL;

	if (args->count == 0)
		return dr_fail(err, DR_INVALID, "You must specify user IDs to show");
	if (resource_find_all(cli, COLLECTION, SESSION_PLAIN, args, "Couldn't find a user with ID ",
			      &users, err) < 0)
		return -1;
	return view_show(cli, show_list, users, err);
}

/* read_key: the public key from a file, or from standard input for "-". */
static int read_key(const char *file, struct buf *key, struct dr_err *err)
{
	if (dr_streq(file, "-"))
		return dr_read_all(STDIN_FILENO, key, err);
	return dr_read_file(AT_FDCWD, file, key, err);
}

static int member_or_null(json_t *body, const json_t *user, const char *name, struct dr_err *err)
{
	json_t *value = json_object_get(user, name);

	if ((value ? json_object_set(body, name, value)
		   : json_object_set_new(body, name, json_null())) < 0)
		return dr_fail_nomem(err);
	return 0;
}

/* update_body: all three members are sent, the new values in the place of the old ones. */
static int update_body(const struct args *args, const json_t *user, json_t *body,
		       struct dr_err *err)
{
	dr_autobuf struct buf key = BUF_INIT_MAX(SSH_KEY_MAX);
	const char *file = args_get(args, "ssh-key");
	const char *name = args_get(args, "name");

	if (file && read_key(file, &key, err) < 0)
		return -1;
	if (member_or_null(body, user, "email_address", err) < 0 ||
	    member_or_null(body, user, "ssh_key", err) < 0 ||
	    member_or_null(body, user, "name", err) < 0)
		return -1;
	if (file && json_object_set_new(body, "ssh_key", json_stringn(buf_str(&key), key.len)) < 0)
		return dr_fail(err, DR_INVALID, "%s holds no SSH key", file);
	if (name && json_object_set_new(body, "name", json_string(name)) < 0)
		return dr_fail(err, DR_INVALID, "the name is not UTF-8");
	return 0;
}

static int update(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *users = NULL;
	json_auto json_t *body = json_object();
	json_auto json_t *after = NULL;
	json_auto json_t *rows = NULL;
	dr_autobuf struct buf path = BUF_INIT;
	struct args first = {.count = 1, .words = args->words};
	struct session *s;

	if (!body)
		return dr_fail_nomem(err);
	if (args->count == 0)
		return dr_fail(err, DR_INVALID,
			       "You must specify the user id as the first argument");
	if (cli_session(cli, &s, err) < 0 ||
	    resource_find_all(cli, COLLECTION, SESSION_PLAIN, &first,
			      "Couldn't find a user with ID ", &users, err) < 0 ||
	    update_body(args, json_array_get(users, 0), body, err) < 0)
		return -1;
	buf_printf(&path, "%s/%s", COLLECTION, args->words[0]);
	if (session_call(s, "PUT", buf_str(&path), SESSION_PLAIN, body, &after, err) < 0)
		return -1;
	rows = resource_alone(after);
	return rows ? view_show(cli, update_list, rows, err) : dr_fail_nomem(err);
}

static const struct option update_options[] = {
	{'f', "ssh-key", "FILE", "Public SSH key for new servers; - reads standard input"},
	{'n', "name", "NAME", "Name"},
};

static const struct subcommand subs[] = {
	{"list", "[user-id...]", "List users", NULL, {NULL, 0}, list},
	{"show", "user-id...", "Show users", NULL, {NULL, 0}, show},
	{"update", "user-id", "Update a user", NULL, OPTIONS(update_options), update},
};

const struct command command_users = {
	.name = "users",
	.summary = "List the users associated with an account",
	.subs = subs,
	.sub_count = sizeof subs / sizeof *subs,
	.sub_default = "list",
};
