/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/offer.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cmd_orbit.h"
#include "cli/interrupt.h"
#include "cli/prompt.h"
#include "cli/say.h"
#include "cli/sign.h"
#include "cli/upload.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/str.h"

#include "util/banned.h"

#define URL_SECONDS ((int64_t)24 * 3600) /* imports may have to queue */

/* choose_name: the same for the same version of a file, so that a repeated command goes on, and
 * another for any other, so that none is replaced while it is imported. */
static int choose_name(const char *file, char **ret, struct dr_err *err)
{
	const char *slash = strrchr(file, '/');
	const char *base = slash ? slash + 1 : file;
	dr_autobuf struct buf name = BUF_INIT;
	uint64_t noise;
	struct stat st;

	if (dr_streq(file, "-")) {
		dr_random(&noise, sizeof noise);
		buf_printf(&name, "%lld-%llx", (long long)dr_wall(), (unsigned long long)noise);
	} else {
		if (stat(file, &st) != 0)
			return dr_fail_errno(err, "look at %s", file);
		buf_printf(&name, "%lld-%lld-%s", (long long)st.st_mtim.tv_sec,
			   (long long)st.st_size,
			   dr_utf8_valid(base, strlen(base)) ? base : "disk");
	}
	*ret = buf_steal(&name);
	return *ret ? 0 : dr_fail_nomem(err);
}

static int send(struct offer *o, const char *file, struct dr_err *err)
{
	const struct upload_request req = {
		.file = file, .container = o->container, .name = o->name, .whole = true};
	struct upload_facts facts;
	struct interrupt in;
	int rc;

	if (interrupt_hold(&in, err) < 0)
		return -1;
	rc = upload_run(o->remote, &in, &req, &facts, err);
	if (rc < 0 && err->code == DR_CANCELLED && !dr_streq(file, "-"))
		say("Stopped. What is there is kept: repeat the command to go on from there");
	interrupt_release(&in);
	dr_copy(o->sha256, sizeof o->sha256, facts.sha256);
	return rc;
}

static int get_key(struct offer *o, char **ret, struct dr_err *err)
{
	bool made;

	if (sign_key(o->remote, ret, &made, err) < 0)
		return -1;
	if (made)
		say("The account had no key for temporary URLs: a random one was set");
	return 0;
}

static int make_url(struct offer *o, const char *key, struct dr_err *err)
{
	const struct sign_url url = {.method = "GET",
				     .container = o->container,
				     .name = o->name,
				     .expires = dr_wall() + URL_SECONDS};
	dr_autobuf struct buf text = BUF_INIT;

	if (sign_make(remote_origin(o->remote), remote_path(o->remote), key, &url, &text, err) < 0)
		return -1;
	o->url = buf_steal(&text);
	return o->url ? 0 : dr_fail_nomem(err);
}

int offer_make(struct offer *o, struct cli *cli, const char *file, const char *container,
	       struct dr_err *err)
{
	secret_auto char *key = NULL;

	*o = (struct offer){.container = container};
	/* Without a key there is no import: better known before the upload than behind it. */
	if (choose_name(file, &o->name, err) < 0 || remote_open(&o->remote, cli, err) < 0 ||
	    get_key(o, &key, err) < 0 || send(o, file, err) < 0)
		return -1;
	return make_url(o, key, err);
}

/* remove_empty: a container that has nothing in it (409: it has), and that nobody asked for. */
static void remove_empty(struct offer *o, const char *container)
{
	const struct remote_call call = {.method = "DELETE", .container = container};
	dr_autobuf struct buf reply = BUF_INIT;
	struct dr_err ignored = DR_ERR_INIT;

	(void)!remote_call(o->remote, remote_web(o->remote), &call, &reply, &ignored);
}

void offer_remove(struct offer *o)
{
	struct dr_err err = DR_ERR_INIT;

	if (orbit_remove(o->remote, o->container, o->name, &err) < 0) {
		say_warn("the upload could not be removed: %s", err.msg);
		offer_keep(o);
	} else if (dr_streq(o->container, OFFER_CONTAINER)) {
		remove_empty(o, OFFER_CONTAINER);
		remove_empty(o, OFFER_CONTAINER "_segments");
	}
}

void offer_keep(const struct offer *o)
{
	say("The upload is kept; to remove it: brightbox orbit rm '%s/%s'", o->container, o->name);
}

void offer_done(struct offer *o)
{
	remote_close(o->remote);
	free(o->name);
	secret_free(o->url);
}
