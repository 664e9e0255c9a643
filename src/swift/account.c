/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/{account}: its sums, its metadata and its containers. */
#include <stdlib.h>

#include "swift/swift_internal.h"

#include "util/banned.h"

static int add_sums(struct swift_call *c, struct dr_err *err)
{
	dr_autofree struct orbit_account *a = malloc(sizeof *a);

	if (!a)
		return dr_fail_nomem(err);
	if (orbit_account_show(c->orbit, &c->caller, c->account, a, err) < 0)
		return -1;
	http_addf(c->rs, "X-Account-Container-Count", "%llu", (unsigned long long)a->containers);
	http_addf(c->rs, "X-Account-Object-Count", "%llu", (unsigned long long)a->objects);
	http_addf(c->rs, "X-Account-Bytes-Used", "%llu", (unsigned long long)a->bytes);
	http_add(c->rs, "Accept-Ranges", "bytes");
	swift_add_timestamp(c->rs, a->created_at);
	swift_add_meta(c, a->meta, NULL);
	return 0;
}

static int list(struct swift_call *c, struct dr_err *err)
{
	DR_CLEANUP(swift_listing_done) struct swift_listing l;

	if (!swift_listing_open(&l, c))
		return 0;
	if (orbit_account_list(c->orbit, &c->caller, c->account, &l.query, swift_listing_line, &l,
			       err) < 0 ||
	    add_sums(c, err) < 0)
		return -1;
	return swift_listing_send(&l, c, err);
}

static int look(struct swift_call *c, struct dr_err *err)
{
	if (add_sums(c, err) < 0)
		return -1;
	http_status(c->rs, 204);
	http_send(c->rs, "text/plain; charset=utf-8", "", 0);
	return 0;
}

static int post(struct swift_call *c, struct dr_err *err)
{
	static const char *const others[] = {NULL};
	dr_autobuf struct buf changes = BUF_INIT;

	if (swift_gather(c->rq, "Account", others, &changes, err) < 0 ||
	    orbit_account_post(c->orbit, &c->caller, c->account, buf_str(&changes), err) < 0)
		return -1;
	swift_done(c->rs, 204);
	return 0;
}

int swift_account(struct swift_call *c, struct dr_err *err)
{
	switch (http_method(c->rq)) {
	case HTTP_GET:
		return list(c, err);
	case HTTP_HEAD:
		return look(c, err);
	case HTTP_POST:
		return post(c, err);
	case HTTP_PUT:
	case HTTP_DELETE:
	case HTTP_COPY:
	case HTTP_OPTIONS:
	case HTTP_OTHER:
		break;
	}
	swift_not_allowed(c->rs, "GET, HEAD, OPTIONS, POST");
	return 0;
}
