/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd_images.h"

#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/image.h"
#include "cli/say.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define MISSING "Couldn't find image "

/* scoped_account: the id of the account the section works in. */
static int scoped_account(struct session *s, json_t **ret, struct dr_err *err)
{
	return session_call(s, "GET", "/1.0/account", SESSION_ACCOUNT | SESSION_FLAT, NULL, ret,
			    err);
}

static int list(struct cli *cli, const struct args *args, struct dr_err *err)
{
	struct image_filter filter = {.type = args_get(args, "type"),
				      .status = args_get(args, "status"),
				      .owner = args_get(args, "account")};
	json_auto json_t *images = NULL;
	json_auto json_t *account = NULL;
	json_auto json_t *shown = json_array();
	struct session *s;

	if (!shown)
		return dr_fail_nomem(err);
	if (cli_session(cli, &s, err) < 0)
		return -1;
	if (args->count > 0) {
		if (resource_find_known(cli, IMAGE_COLLECTION, SESSION_ACCOUNT, args,
					"Could not find anything with ID ", &images, err) < 0)
			return -1;
	} else if (session_list(s, IMAGE_COLLECTION, SESSION_ACCOUNT, &images, err) < 0) {
		return -1;
	}
	if (!args_get(args, "show-all")) {
		if (scoped_account(s, &account, err) < 0)
			return -1;
		filter.account = view_text(account, "id");
	}
	for (size_t i = 0; i < json_array_size(images); i++) {
		json_t *image = json_array_get(images, i);

		if (image_matches(image, &filter) && json_array_append(shown, image) < 0)
			return dr_fail_nomem(err);
	}
	if (resource_sort(&shown, image_compare, err) < 0)
		return -1;
	return view_list(cli, image_columns, shown, err);
}

static int show(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *images = NULL;

	if (args->count == 0)
		return dr_fail(err, DR_INVALID, "You must specify the images you want to show");
	if (resource_find_all(cli, IMAGE_COLLECTION, SESSION_ACCOUNT, args, MISSING, &images, err) <
	    0)
		return -1;
	return view_show(cli, image_fields, images, err);
}

/* put_text: "" on the command line takes the value away (null). */
static int put_text(json_t *body, const struct args *args, const char *option, struct dr_err *err)
{
	const char *value = args_get(args, option);

	if (!value)
		return 0;
	if (json_object_set_new(body, option, *value ? json_string(value) : json_null()) < 0)
		return dr_fail(err, DR_INVALID, "the %s is not UTF-8", option);
	return 0;
}

static int put_switch(json_t *body, const struct args *args, const char *option, const char *member,
		      const char *yes, struct dr_err *err)
{
	const char *value = args_get(args, option);

	if (value && json_object_set_new(body, member, json_boolean(dr_streq(value, yes))) < 0)
		return dr_fail_nomem(err);
	return 0;
}

int images_check_mode(const char *mode, struct dr_err *err)
{
	if (mode && !dr_streq(mode, "virtio") && !dr_streq(mode, "compatibility"))
		return dr_fail(err, DR_INVALID, "Mode must be 'virtio' or 'compatibility'");
	return 0;
}

int images_check_flag(const char *name, const char *value, struct dr_err *err)
{
	if (value && !dr_streq(value, "true") && !dr_streq(value, "false"))
		return dr_fail(err, DR_INVALID, "%s must be true or false", name);
	return 0;
}

int images_check_ram(const char *value, json_int_t *ret, struct dr_err *err)
{
	uint64_t mib = 0;

	if (value && !dr_parse_u64(value, 0, INT32_MAX, &mib))
		return dr_fail(err, DR_INVALID, "The minimum RAM must be a number of MB");
	*ret = (json_int_t)mib;
	return 0;
}

static int update_body(const struct args *args, json_t *body, struct dr_err *err)
{
	static const char *const texts[] = {"name", "arch", "description", "username"};
	const char *deprecated = args_get(args, "deprecated");
	json_int_t ram = 0;

	if (images_check_mode(args_get(args, "mode"), err) < 0 ||
	    images_check_flag("Public", args_get(args, "public"), err) < 0 ||
	    images_check_flag("Deprecated", deprecated, err) < 0 ||
	    images_check_ram(args_get(args, "min-ram"), &ram, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (put_text(body, args, texts[i], err) < 0)
			return -1;
	if (put_switch(body, args, "mode", "compatibility_mode", "compatibility", err) < 0 ||
	    put_switch(body, args, "public", "public", "true", err) < 0)
		return -1;
	if (args_get(args, "min-ram") &&
	    json_object_set_new(body, "min_ram", json_integer(ram)) < 0)
		return dr_fail_nomem(err);
	if (deprecated &&
	    json_object_set_new(
		    body, "status",
		    json_string(dr_streq(deprecated, "true") ? "deprecated" : "available")) < 0)
		return dr_fail_nomem(err);
	return 0;
}

static int update(struct cli *cli, const struct args *args, struct dr_err *err)
{
	const char *id = args->count > 0 ? args->words[0] : "";
	json_auto json_t *body = json_object();
	json_auto json_t *before = NULL;
	json_auto json_t *after = NULL;
	json_auto json_t *rows = NULL;
	dr_autobuf struct buf path = BUF_INIT;
	struct args first = {.count = 1, .words = &id};
	struct session *s;

	if (!body)
		return dr_fail_nomem(err);
	if (!dr_starts(id, "img-"))
		return dr_fail(err, DR_INVALID,
			       "You must specify the image to update as the first argument");
	if (update_body(args, body, err) < 0 || cli_session(cli, &s, err) < 0)
		return -1;
	if (resource_find_all(cli, IMAGE_COLLECTION, SESSION_ACCOUNT, &first, MISSING, &before,
			      err) < 0)
		return -1;
	say("Updating image %s", id);
	buf_printf(&path, "%s/%s", IMAGE_COLLECTION, id);
	if (json_object_size(body) > 0 &&
	    session_call(s, "PUT", buf_str(&path), SESSION_ACCOUNT, body, NULL, err) < 0)
		return -1;
	if (session_call(s, "GET", buf_str(&path), SESSION_ACCOUNT, NULL, &after, err) < 0)
		return -1;
	rows = resource_alone(after);
	return rows ? view_rows(cli, image_columns, rows, err) : dr_fail_nomem(err);
}

static int destroy(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *images = NULL;
	struct session *s;

	if (args->count == 0)
		return dr_fail(err, DR_INVALID, "You must specify the images you want to destroy");
	if (resource_find_all(cli, IMAGE_COLLECTION, SESSION_ACCOUNT, args, MISSING, &images, err) <
		    0 ||
	    cli_session(cli, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < args->count; i++) {
		const char *id = args->words[i];
		json_t *after = NULL;
		int found;

		say("Destroying image %s", id);
		if (resource_act(s, "DELETE", IMAGE_COLLECTION, id, NULL, SESSION_ACCOUNT, NULL,
				 err) < 0)
			return -1;
		found = session_find(s, IMAGE_COLLECTION, id, SESSION_ACCOUNT, &after, err);
		if (found < 0)
			return -1;
		if (found > 0 && json_array_set_new(images, i, after) < 0)
			return dr_fail_nomem(err);
	}
	return view_rows(cli, image_columns, images, err);
}

static int set_lock(struct cli *cli, const struct args *args, const char *verb, const char *doing,
		    struct dr_err *err)
{
	json_auto json_t *images = NULL;
	struct session *s;

	if (args->count == 0)
		return dr_fail(err, DR_INVALID, "You must specify images as arguments");
	if (resource_find_all(cli, IMAGE_COLLECTION, SESSION_ACCOUNT, args, "Couldn't find ",
			      &images, err) < 0 ||
	    cli_session(cli, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < args->count; i++) {
		say("%s %s", doing, args->words[i]);
		if (resource_act(s, "PUT", IMAGE_COLLECTION, args->words[i], verb, SESSION_ACCOUNT,
				 NULL, err) < 0)
			return -1;
	}
	return 0;
}

static int lock(struct cli *cli, const struct args *args, struct dr_err *err)
{
	return set_lock(cli, args, "lock_resource", "Locking", err);
}

static int unlock(struct cli *cli, const struct args *args, struct dr_err *err)
{
	return set_lock(cli, args, "unlock_resource", "Unlocking", err);
}

static const struct option list_options[] = {
	{'a', "show-all", NULL, "Show the public images of all accounts too"},
	{'t', "type", "TYPE", "Show only this type: official, upload or snapshot"},
	{'s', "status", "STATUS", "Show only this status: public, private, deprecated, creating …"},
	{'l', "account", "ACCOUNT", "Show only this account's images; 'brightbox': official ones"},
};

static const struct option register_options[] = {
	{'n', "name", "NAME", "Name"},
	{'d', "description", "TEXT", "Description"},
	{'u', "username", "NAME", "Login account of servers built from it"},
	{'a', "arch", "ARCH", "Architecture: x86_64 or i686 (required)"},
	{0, "file", "FILE", "Upload this file and import it; - is standard input"},
	{0, "container", "NAME", "Orbit's container for the upload; uploads by default"},
	{0, "url", "URL", "Import from this http or https URL"},
	{0, "server", "SERVER", "Take a snapshot of this server"},
	{0, "volume", "VOLUME", "Take a snapshot of this volume"},
	{'m', "mode", "MODE", "virtio (default) or compatibility"},
	{'p', "public", "BOOL", "Visible to all accounts: true or false (default)"},
	{0, "min-ram", "MB", "RAM a server needs at least"},
	{0, "checksum", "ALG:HEX", "Refuse a source that does not match: sha256, sha512 or md5"},
	{'w', "wait", NULL, "Wait until it is available, showing how far it is"},
};

static const struct option update_options[] = {
	{'n', "name", "NAME", "Name"},
	{'d', "description", "TEXT", "Description"},
	{'u', "username", "NAME", "Login account of servers built from it"},
	{'a', "arch", "ARCH", "Architecture: x86_64 or i686"},
	{'m', "mode", "MODE", "virtio or compatibility"},
	{'p', "public", "BOOL", "Visible to all accounts: true or false"},
	{0, "min-ram", "MB", "RAM a server needs at least"},
	{0, "deprecated", "BOOL", "Hide it from other accounts' lists: true or false"},
};

static const struct option download_options[] = {
	{'f', "format", "FORMAT", "lz4 (default), raw or qcow2"},
};

static const struct option prepare_options[] = {
	{'f', "format", "FORMAT", "lz4, xz or zst; by default what DST ends in, lz4 for -"},
	{'l', "level", "LEVEL", "Level of compression, as the tool of the format has it"},
	{0, "threads", "COUNT", "Threads that compress; by default one per processor"},
};

static const struct subcommand subs[] = {
	{"destroy", "image-id...", "Destroy images", NULL, {NULL, 0}, destroy},
	{"download", "image-id [FILE]", "Download an image's disk",
	 "FILE defaults to the id with the format as its suffix; - is standard output.\n"
	 "An interrupted download goes on where it stopped when the command is repeated.\n"
	 "The result is compared with the image's digest before FILE appears.\n",
	 OPTIONS(download_options), images_download},
	{"list", "[image-id...]", "List images", NULL, OPTIONS(list_options), list},
	{"lock", "image-id...", "Lock images: they cannot be destroyed", NULL, {NULL, 0}, lock},
	{"prepare", "SRC DST", "Compress a disk for a fast upload and import",
	 "SRC is a raw or qcow2 disk, compressed or not; DST ends in .lz4, .xz or .zst. - is "
	 "standard\n"
	 "input or output. lz4 is the fastest, xz the smallest; the result is the compressed raw "
	 "disk.\n",
	 OPTIONS(prepare_options), images_prepare},
	{"register", "", "Register an image in the image library",
	 "Give exactly one of --file, --url, --server and --volume.\n"
	 "--file waits until the image is available and removes the upload then.\n",
	 OPTIONS(register_options), images_register},
	{"show", "image-id...", "Show images", NULL, {NULL, 0}, show},
	{"unlock", "image-id...", "Unlock images", NULL, {NULL, 0}, unlock},
	{"update", "image-id", "Update an image",
	 "An empty value ('') takes name, description, username or arch away.\n",
	 OPTIONS(update_options), update},
};

const struct command command_images = {
	.name = "images",
	.summary = "See official and public images and manage an account's images",
	.subs = subs,
	.sub_count = sizeof subs / sizeof *subs,
	.sub_default = "list",
	.sub_local = "prepare",
};
