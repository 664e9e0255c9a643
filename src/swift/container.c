/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/{account}/{container}: its sums, its metadata and its objects. */
#include <stdlib.h>

#include "swift/swift_internal.h"

#include "util/banned.h"

/* Whoever may read objects but not list them is shown no sums either. */
static int show(struct swift_call *c, struct dr_err *err)
{
	dr_autofree struct orbit_container *k = malloc(sizeof *k);

	if (!k)
		return dr_fail_nomem(err);
	if (orbit_container_show(c->orbit, &c->caller, c->account, c->container, k, err) < 0)
		return -1;
	if (!k->may_list)
		return dr_fail(err, swift_is_anonymous(c) ? DR_UNAUTHENTICATED : DR_DENIED,
			       "may not be listed");
	http_addf(c->rs, "X-Container-Object-Count", "%llu", (unsigned long long)k->row.objects);
	http_addf(c->rs, "X-Container-Bytes-Used", "%llu", (unsigned long long)k->row.bytes);
	http_add(c->rs, "X-Storage-Policy", "Policy-0");
	http_add(c->rs, "Accept-Ranges", "bytes");
	swift_add_timestamp(c->rs, k->row.created_at);
	swift_add_date(c->rs, "Last-Modified", k->row.modified_at);
	swift_add_meta(c, k->row.meta, NULL);
	return 0;
}

static int list(struct swift_call *c, struct dr_err *err)
{
	DR_CLEANUP(swift_listing_done) struct swift_listing l = {0};
	int web = swift_web_container(c, err);

	if (web != 0)
		return web < 0 ? -1 : 0;
	if (!swift_listing_open(&l, c))
		return 0;
	if (orbit_container_list(c->orbit, &c->caller, c->account, c->container, &l.query,
				 swift_listing_line, &l, err) < 0 ||
	    show(c, err) < 0)
		return -1;
	return swift_listing_send(&l, c, err);
}

static int look(struct swift_call *c, struct dr_err *err)
{
	int web = swift_web_container(c, err);

	if (web != 0)
		return web < 0 ? -1 : 0;
	if (show(c, err) < 0)
		return -1;
	http_status(c->rs, 204);
	http_send(c->rs, "text/plain; charset=utf-8", "", 0);
	return 0;
}

static int change(struct swift_call *c, bool create, struct dr_err *err)
{
	static const char *const others[] = {"X-Container-Read", "X-Container-Write", NULL};
	dr_autobuf struct buf changes = BUF_INIT;
	int rc;

	if (swift_gather(c->rq, "Container", others, &changes, err) < 0)
		return -1;
	rc = create ? orbit_container_put(c->orbit, &c->caller, c->account, c->container,
					  buf_str(&changes), err)
		    : orbit_container_post(c->orbit, &c->caller, c->account, c->container,
					   buf_str(&changes), err);
	if (rc < 0)
		return -1;
	swift_done(c->rs, !create ? 204 : rc > 0 ? 201 : 202);
	return 0;
}

static int remove_container(struct swift_call *c, struct dr_err *err)
{
	if (orbit_container_delete(c->orbit, &c->caller, c->account, c->container, err) < 0)
		return -1;
	swift_done(c->rs, 204);
	return 0;
}

int swift_container(struct swift_call *c, struct dr_err *err)
{
	switch (http_method(c->rq)) {
	case HTTP_GET:
		return list(c, err);
	case HTTP_HEAD:
		return look(c, err);
	case HTTP_PUT:
		return change(c, true, err);
	case HTTP_POST:
		return change(c, false, err);
	case HTTP_DELETE:
		return remove_container(c, err);
	case HTTP_COPY:
	case HTTP_OPTIONS:
	case HTTP_OTHER:
		break;
	}
	swift_not_allowed(c->rs, "DELETE, GET, HEAD, OPTIONS, POST, PUT");
	return 0;
}
