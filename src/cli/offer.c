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
			   (long long)st.st_size, slash ? slash + 1 : file);
	}
	*ret = buf_steal(&name);
	return *ret ? 0 : dr_fail_nomem(err);
}

static int send(struct offer *o, const char *file, struct dr_err *err)
{
	const struct upload_request req = {file, o->container, o->name, 0};
	struct upload_facts facts;
	struct interrupt in;
	int rc;

	if (interrupt_hold(&in, err) < 0)
		return -1;
	rc = upload_run(o->remote, &in, &req, &facts, err);
	if (rc < 0 && err->code == DR_CANCELLED && !dr_streq(file, "-"))
		say("Stopped. What is there is kept: repeat the command to go on from there");
	interrupt_release(&in);
	return rc;
}

static int make_url(struct offer *o, struct dr_err *err)
{
	const struct sign_url url = {.method = "GET",
				     .container = o->container,
				     .name = o->name,
				     .expires = dr_wall() + URL_SECONDS};
	secret_auto char *key = NULL;
	dr_autobuf struct buf text = BUF_INIT;
	bool made;

	if (sign_key(o->remote, &key, &made, err) < 0)
		return -1;
	if (made)
		say("The account had no key for temporary URLs: a random one was set");
	if (sign_make(remote_origin(o->remote), remote_path(o->remote), key, &url, &text, err) < 0)
		return -1;
	o->url = buf_steal(&text);
	return o->url ? 0 : dr_fail_nomem(err);
}

int offer_make(struct offer *o, struct cli *cli, const char *file, const char *container,
	       struct dr_err *err)
{
	*o = (struct offer){.container = container};
	if (choose_name(file, &o->name, err) < 0 || remote_open(&o->remote, cli, err) < 0 ||
	    send(o, file, err) < 0)
		return -1;
	return make_url(o, err);
}

void offer_remove(struct offer *o)
{
	struct dr_err err = DR_ERR_INIT;

	if (orbit_remove(o->remote, o->container, o->name, &err) < 0) {
		say_warn("the upload could not be removed: %s", err.msg);
		offer_keep(o);
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
