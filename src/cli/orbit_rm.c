/* SPDX-License-Identifier: Apache-2.0
 *
 * orbit rm: objects with their segments, containers. */
#include <stdlib.h>
#include <string.h>

#include "cli/cmd_orbit.h"
#include "cli/large.h"
#include "cli/remote.h"
#include "cli/say.h"
#include "util/str.h"

#include "util/banned.h"

#define BULK_NAMES 1000U /* in one request; services take 10000 */

struct removal {
	struct remote *remote;
	const char *container;
	struct buf lines; /* names that wait for the next request */
	unsigned names;
	uint64_t removed;
};

static int flush(struct removal *m, struct dr_err *err)
{
	if (m->names == 0)
		return 0;
	if (buf_check(&m->lines, err) < 0 ||
	    remote_remove_bulk(m->remote, remote_web(m->remote), buf_str(&m->lines), err) < 0)
		return -1;
	m->removed += m->names;
	m->names = 0;
	buf_clear(&m->lines);
	return 0;
}

static int add(struct removal *m, const char *container, const char *name, struct dr_err *err)
{
	buf_putc(&m->lines, '/');
	remote_encode(&m->lines, container);
	buf_putc(&m->lines, '/');
	remote_encode(&m->lines, name);
	buf_putc(&m->lines, '\n');
	return ++m->names < BULK_NAMES ? 0 : flush(m, err);
}

/* remove_static: a static large object and its segments; the service counts on its own. */
static int remove_static(struct removal *m, const char *name, struct dr_err *err)
{
	static const char *const headers[] = {"Accept: application/json", NULL};
	const struct remote_call call = {.method = "DELETE",
					 .container = m->container,
					 .name = name,
					 .query = "multipart-manifest=delete",
					 .headers = headers};
	dr_autobuf struct buf reply = BUF_INIT;
	json_auto json_t *answer = NULL;

	if (remote_done(m->remote, remote_web(m->remote), &call, &reply, err) < 0)
		return -1;
	answer = json_loadb(buf_str(&reply), reply.len, 0, NULL);
	if (!dr_starts(view_text(answer, "Response Status"), "200"))
		return dr_fail(err, DR_REMOTE, "%.200s and its segments were not removed: %.80s",
			       name, view_text(answer, "Response Status"));
	m->removed++;
	return 0;
}

struct segments {
	struct removal *removal;
	const char *container;
};

static int add_page(void *arg, const json_t *rows, struct dr_err *err)
{
	const struct segments *s = arg;

	for (size_t i = 0; i < json_array_size(rows); i++)
		if (add(s->removal, s->container, view_text(json_array_get(rows, i), "name"), err) <
		    0)
			return -1;
	return 0;
}

/* decode: the text of a percent-encoded one, in place; false when it would end early. */
static bool decode(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		char hex[3] = {from[0] == '%' ? from[1] : 0, 0, 0};

		if (hex[0] && strspn(from + 1, "0123456789abcdefABCDEF") >= 2) {
			hex[1] = from[2];
			*to = (char)strtoul(hex, NULL, 16);
			if (!*to++)
				return false;
			from += 2;
		} else {
			*to++ = *from;
		}
	}
	*to = 0;
	return true;
}

/* remove_dynamic: first the object, so that nobody reads half of it; then all its prefix names. */
static int remove_dynamic(struct removal *m, const char *name, char *manifest, struct dr_err *err)
{
	place_auto struct place p = {NULL, NULL};
	struct segments s = {.removal = m};
	struct remote_listing listing = {.page = add_page, .arg = &s};
	struct dr_err why = DR_ERR_INIT;

	if (!decode(manifest))
		return dr_fail(err, DR_REMOTE, "the manifest of %.200s cannot be read", name);
	if (add(m, m->container, name, err) < 0 || flush(m, err) < 0 ||
	    place_parse(&p, manifest, err) < 0)
		return -1;
	listing.container = s.container = p.container;
	listing.prefix = p.name;
	if (!p.name) /* "container/": everything in it; that is nobody's large object alone */
		return 0;
	if (remote_list(m->remote, remote_web(m->remote), &listing, &why) < 0 &&
	    why.code != DR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	return flush(m, err);
}

static int remove_object(struct removal *m, const char *name, struct dr_err *err)
{
	struct remote_call call = {.method = "HEAD", .container = m->container, .name = name};
	large_auto struct large object = {.bytes = 0};
	dr_autobuf struct buf reply = BUF_INIT;

	if (large_look(m->remote, remote_web(m->remote), call.container, name, &object, err) < 0)
		return -1;
	if (!object.found)
		return remote_fail(&call, 404, err);
	if (object.segments)
		return remove_static(m, name, err);
	if (object.dynamic)
		return remove_dynamic(m, name, object.dynamic, err);
	call.method = "DELETE";
	if (remote_done(m->remote, remote_web(m->remote), &call, &reply, err) < 0)
		return -1;
	m->removed++;
	return 0;
}

int orbit_remove(struct remote *r, const char *container, const char *name, struct dr_err *err)
{
	struct removal m = {.remote = r, .container = container};
	int rc = remove_object(&m, name, err);

	buf_done(&m.lines);
	return rc;
}

/* collect: of a listing, what can be removed in bulk joins the next request; large objects have
 * segments: static ones are marked, dynamic ones are empty in listings. */
static int collect(void *arg, const json_t *rows, struct dr_err *err)
{
	struct removal *m = arg;

	for (size_t i = 0; i < json_array_size(rows); i++) {
		const json_t *row = json_array_get(rows, i);
		const char *name = view_text(row, "name");
		bool large = json_object_get(row, "slo_etag") || view_number(row, "bytes") == 0;

		if ((large ? remove_object(m, name, err) : add(m, m->container, name, err)) < 0)
			return -1;
	}
	return 0;
}

static int remove_container(struct removal *m, struct dr_err *err)
{
	const struct remote_call call = {.method = "DELETE", .container = m->container};
	dr_autobuf struct buf reply = BUF_INIT;

	if (remote_done(m->remote, remote_web(m->remote), &call, &reply, err) < 0) {
		if (err->code == DR_CONFLICT) {
			dr_err_clear(err);
			return dr_fail(err, DR_CONFLICT,
				       "%.200s is not empty; -r removes what is in it, too",
				       m->container);
		}
		return -1;
	}
	return 0;
}

static int remove_place(struct removal *m, const struct place *p, bool recursive,
			struct dr_err *err)
{
	const struct remote_listing listing = {
		.container = p->container, .prefix = p->name, .page = collect, .arg = m};

	m->container = p->container;
	if (p->name && !recursive)
		return remove_object(m, p->name, err);
	if (recursive &&
	    (remote_list(m->remote, remote_web(m->remote), &listing, err) < 0 || flush(m, err) < 0))
		return -1;
	return p->name ? 0 : remove_container(m, err);
}

int orbit_rm(struct cli *cli, const struct args *args, struct dr_err *err)
{
	DR_CLEANUP(remote_closep) struct remote *r = NULL;
	bool recursive = args_get(args, "recursive") != NULL;
	int rc = 0;

	if (args->count == 0)
		return dr_fail(err, DR_INVALID, "You must specify what to remove");
	for (size_t i = 0; i < args->count; i++) {
		place_auto struct place p = {NULL, NULL};

		if (place_parse(&p, args->words[i], err) < 0)
			return -1;
	}
	if (remote_open(&r, cli, err) < 0)
		return -1;
	for (size_t i = 0; i < args->count && rc == 0; i++) {
		place_auto struct place p = {NULL, NULL};
		struct removal m = {.remote = r};

		rc = place_parse(&p, args->words[i], err);
		if (rc == 0)
			rc = remove_place(&m, &p, recursive, err);
		buf_done(&m.lines);
		if (rc == 0)
			say("Removed %s", args->words[i]);
	}
	return rc;
}
