/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_images.h"
#include "cli/image.h"
#include "cli/offer.h"
#include "digest/digest.h"
#include "util/str.h"

#include "util/banned.h"

/* check_checksum: "sha256:<64 hex digits>" and its like. */
static int check_checksum(const char *text, struct dr_err *err)
{
	const char *colon = text ? strchr(text, ':') : NULL;
	uint8_t value[HASH_MAX_BYTES];
	char name[16] = "";
	enum hash_kind kind;

	if (!text)
		return 0;
	if (colon && (size_t)(colon - text) < sizeof name)
		memcpy(name, text, (size_t)(colon - text));
	if (!hash_kind_parse(name, &kind) || !hex_decode(colon + 1, value, hash_bytes(kind)))
		return dr_fail(
			err, DR_INVALID,
			"The checksum must be sha256:, sha512: or md5: and all its hex digits");
	return 0;
}

/* check: the conditions of api.md section 6.1, in their order. */
static int check(const struct args *args, struct dr_err *err)
{
	static const char *const sources[] = {"server", "url", "volume", "file"};
	const char *public = args_get(args, "public");
	const char *arch = args_get(args, "arch");
	size_t given = 0;

	if (!arch)
		return dr_fail(err, DR_INVALID, "You must specify the architecture");
	/* The service says so, too, but of a file only when it has been uploaded. */
	if (args_get(args, "file") && !dr_streq(arch, "x86_64") && !dr_streq(arch, "i686"))
		return dr_fail(err, DR_INVALID, "arch must be x86_64 or i686");
	if (images_check_mode(args_get(args, "mode"), err) < 0 ||
	    images_check_flag("Public", public, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		given += args_get(args, sources[i]) != NULL;
	if (given == 0)
		return dr_fail(err, DR_INVALID,
			       "You must specify one of 'server', 'url', or 'volume'");
	if (given > 1)
		return dr_fail(err, DR_INVALID,
			       "You cannot register from multiple sources. "
			       "Use either 'server', 'url', or 'volume'");
	if (args->count > 0)
		return dr_fail(err, DR_INVALID, "'%.80s' is no option of images register",
			       args->words[0]);
	return check_checksum(args_get(args, "checksum"), err);
}

/* make_body: every member is sent, null for what was not given (api.md section 2.1). */
static int make_body(const struct args *args, json_t **ret, struct dr_err *err)
{
	const char *url = args_get(args, "file") ? "" : args_get(args, "url"); /* not known yet */
	const char *server = args_get(args, "server");
	const char *checksum = args_get(args, "checksum");
	json_auto json_t *body = NULL;
	json_int_t ram = 0;

	if (images_check_ram(args_get(args, "min-ram"), &ram, err) < 0)
		return -1;
	body = json_pack("{ss, sb, ss?, sI, ss?, sb, ss?, ss}", "arch", args_get(args, "arch"),
			 "compatibility_mode", dr_streq(args_get(args, "mode"), "compatibility"),
			 "description", args_get(args, "description"), "min_ram", ram, "name",
			 args_get(args, "name"), "public",
			 dr_streq(args_get(args, "public"), "true"), "username",
			 args_get(args, "username"),
			 url      ? "http_url"
			 : server ? "server"
				  : "volume",
			 url      ? url
			 : server ? server
				  : args_get(args, "volume"));
	if (!body || (checksum && json_object_set_new(body, "checksum", json_string(checksum)) < 0))
		return dr_fail(err, DR_INVALID, "the options are not UTF-8");
	*ret = DR_STEAL(body);
	return 0;
}

/* follow: as images_wait, but Ctrl-C is the end of the command: 1. */
static int follow(struct cli *cli, struct session *s, const char *id, json_t **ret,
		  struct dr_err *err)
{
	int got = images_wait(s, id, ret, err);

	if (got > 0)
		cli->exit = CLI_INTERRUPTED;
	return got;
}

/* register_url: as images_wait; what was made when nobody waits for it. */
static int register_url(struct cli *cli, const struct args *args, const json_t *body, json_t **ret,
			struct dr_err *err)
{
	json_auto json_t *made = NULL;
	struct session *s;
	const char *id;
	int got;

	if (cli_session(cli, &s, err) < 0 ||
	    session_call(s, "POST", IMAGE_COLLECTION, SESSION_ACCOUNT, body, &made, err) < 0)
		return -1;
	id = view_text(made, "id");
	if (args_get(args, "wait"))
		return follow(cli, s, id, ret, err);
	got = session_find(s, IMAGE_COLLECTION, id, SESSION_ACCOUNT, ret, err);
	if (got == 0)
		return dr_fail(err, DR_NOT_FOUND, "Couldn't find image %.80s", id);
	return got < 0 ? -1 : 0;
}

/* complete: what is known of a file only when it is uploaded. Who gave a checksum has said which
 * bytes are meant; otherwise it is those that were read here. */
static int complete(json_t *body, const struct offer *o, struct dr_err *err)
{
	dr_autobuf struct buf sum = BUF_INIT;

	buf_printf(&sum, "sha256:%s", o->sha256);
	if (buf_check(&sum, err) < 0 ||
	    json_object_set_new(body, "http_url", json_string(o->url)) < 0 ||
	    (!json_object_get(body, "checksum") &&
	     json_object_set_new(body, "checksum", json_string(buf_str(&sum))) < 0))
		return dr_fail_nomem(err);
	return 0;
}

/* register_file: as images_wait. The upload goes when the import is over, however it ended, and
 * stays when that is not known, or when nothing was imported yet. */
static int register_file(struct cli *cli, const struct args *args, json_t *body, json_t **ret,
			 struct dr_err *err)
{
	const char *container = args_get(args, "container");
	offer_auto struct offer offer = {.remote = NULL};
	json_auto json_t *made = NULL;
	struct session *s;
	int got;

	if (cli_session(cli, &s, err) < 0 ||
	    offer_make(&offer, cli, args_get(args, "file"), container ? container : OFFER_CONTAINER,
		       err) < 0)
		return -1;
	if (complete(body, &offer, err) < 0)
		return -1;
	if (session_call(s, "POST", IMAGE_COLLECTION, SESSION_ACCOUNT, body, &made, err) < 0) {
		offer_keep(&offer);
		return -1;
	}
	got = follow(cli, s, view_text(made, "id"), ret, err);
	if (got == 0 || (got < 0 && (err->code == DR_INVALID || err->code == DR_NOT_FOUND)))
		offer_remove(&offer);
	else
		offer_keep(&offer);
	return got;
}

int images_register(struct cli *cli, const struct args *args, struct dr_err *err)
{
	json_auto json_t *body = NULL;
	json_auto json_t *image = NULL;
	json_auto json_t *rows = NULL;
	int got;

	if (check(args, err) < 0 || make_body(args, &body, err) < 0)
		return -1;
	got = args_get(args, "file") ? register_file(cli, args, body, &image, err)
				     : register_url(cli, args, body, &image, err);
	if (got != 0)
		return got < 0 ? -1 : 0;
	rows = resource_alone(image);
	return rows ? view_rows(cli, image_columns, rows, err) : dr_fail_nomem(err);
}
