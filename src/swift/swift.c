/* SPDX-License-Identifier: Apache-2.0
 *
 * From a path to the account, container or object it names, after asking who wants it. */
#include "swift/swift.h"

#include <string.h>

#include "swift/swift_internal.h"
#include "util/str.h"

#include "util/banned.h"

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

bool swift_handles(const struct http_request *rq)
{
	const char *first = http_segment(rq, 0);

	return first && (strcmp(first, "v1") == 0 || strcmp(first, "auth") == 0 ||
			 strcmp(first, "info") == 0);
}

static bool is_bulk_delete(const struct http_request *rq)
{
	return http_query(rq, "bulk-delete") &&
	       (http_method(rq) == HTTP_POST || http_method(rq) == HTTP_DELETE);
}

bool swift_receives(const struct http_request *rq)
{
	if (strcmp(or_empty(http_segment(rq, 0)), "v1") != 0)
		return false;
	return is_bulk_delete(rq) || (http_method(rq) == HTTP_PUT && *or_empty(http_rest(rq, 3)));
}

/* ---- who wants it ---- */

/* fog signs with the object as it is, and of the container all but letters, digits and "_.-"
 * percent-escaped (section 7.7). Empty when that is the path itself. */
static void fog_variant(const struct swift_call *c, struct buf *ret)
{
	dr_autobuf struct buf container = BUF_INIT;

	for (const char *p = c->container; *p; p++) {
		if (*p == '~')
			buf_puts(&container, "%7E");
		else
			text_url(&container, (const char[]){*p, 0}, "");
	}
	if (strcmp(buf_str(&container), c->container) != 0)
		buf_printf(ret, "/v1/%s/%s/%s", c->account, buf_str(&container), c->object);
}

static int by_tempurl(struct swift_call *c, const struct tempurl *t, struct dr_err *err)
{
	dr_autobuf struct buf path = BUF_INIT, fog = BUF_INIT;

	if (!*c->object)
		return dr_refuse(err, DR_UNAUTHENTICATED, "tempurl",
				 "a temporary URL is of an object");
	buf_printf(&path, "/%s", or_empty(http_rest(c->rq, 0)));
	fog_variant(c, &fog);
	if (buf_check(&path, err) < 0 || buf_check(&fog, err) < 0 ||
	    orbit_tempurl(c->orbit, t, http_method_name(c->rq), c->account, c->container, c->object,
			  buf_str(&path), fog.len > 0 ? buf_str(&fog) : NULL, http_peer(c->rq),
			  &c->caller, err) < 0)
		return -1;
	c->tempurl = true;
	(void)tempurl_expires(t->expires, &c->tempurl_expires);
	return 0;
}

static int by_token(struct swift_call *c, const char *token, struct dr_err *err)
{
	struct catalogue *catalogue = c->orbit->library->catalogue;
	int rc = auth_bearer(catalogue, token, c->account, &c->caller.who, err);

	/* Of another account, or of none of that name: then as whoever it is at home, and what the
	 * containers' ACLs say of strangers decides; without, both are denied (hardening.md 3.3).
	 */
	if (rc < 0 && err->code == DR_NOT_FOUND) {
		dr_err_clear(err);
		rc = auth_bearer(catalogue, token, NULL, &c->caller.who, err);
	}
	if (rc == 0 && !c->caller.who.scope_orbit)
		return dr_fail(err, DR_DENIED, "the token lacks the orbit scope");
	return rc;
}

static int identify(struct swift_call *c, struct dr_err *err)
{
	const struct tempurl t = {
		.signature = http_query(c->rq, "temp_url_sig"),
		.expires = http_query(c->rq, "temp_url_expires"),
		.prefix = http_query(c->rq, "temp_url_prefix"),
		.ip_range = http_query(c->rq, "temp_url_ip_range"),
	};
	const char *token = http_header(c->rq, "X-Auth-Token");

	c->caller.referer = http_header(c->rq, "Referer");
	if (tempurl_present(&t))
		return by_tempurl(c, &t, err);
	if (!token)
		token = http_header(c->rq, "X-Storage-Token");
	return token && *token ? by_token(c, token, err) : 0;
}

/* ---- what is wanted ---- */

static int below_account(struct swift_call *c, struct dr_err *err)
{
	const char *rest = or_empty(http_rest(c->rq, 1));

	if (!dr_utf8_valid(rest, strlen(rest)))
		return dr_refuse(err, DR_INVALID, "precondition", "Invalid UTF8 or contains NULL");
	/* "/v1/acc-…//object", and a container's name with a slash in it (section 7.1). */
	if ((!*c->container && *c->object) || strchr(c->container, '/') || strchr(c->account, '/'))
		return dr_refuse(err, DR_INVALID, "precondition", "Bad URL");
	if (http_method(c->rq) == HTTP_OPTIONS)
		return swift_options(c, err);
	swift_add_cors(c);
	if (identify(c, err) < 0)
		return -1;
	if (is_bulk_delete(c->rq) && !*c->object)
		return swift_bulk_delete(c, err);
	if (!*c->container)
		return swift_account(c, err);
	return *c->object ? swift_object(c, err) : swift_container(c, err);
}

static int answer(struct orbit *o, struct http_request *rq, struct http_response *rs,
		  struct dr_err *err)
{
	struct swift_call c = {
		.orbit = o,
		.rq = rq,
		.rs = rs,
		.account = or_empty(http_segment(rq, 1)),
		.container = or_empty(http_segment(rq, 2)),
		.object = or_empty(http_rest(rq, 3)),
	};
	const char *first = http_segment(rq, 0);

	if (strcmp(first, "info") == 0 && http_segments(rq) == 1)
		return swift_info(o, rq, rs, err);
	if (strcmp(first, "auth") == 0)
		return strcmp(c.account, "v1.0") == 0 && !*c.container
			       ? swift_authenticate(o->library, rq, rs, "", err)
			       : dr_fail(err, DR_NOT_FOUND, "no such path");
	if (strcmp(first, "v1") != 0)
		return dr_fail(err, DR_NOT_FOUND, "no such path");
	if (!*c.account || (!*c.container && swift_authenticates(rq)))
		return swift_authenticate(o->library, rq, rs, c.account, err);
	return below_account(&c, err);
}

void swift_handle(struct orbit *o, struct http_request *rq, struct http_response *rs)
{
	struct dr_err err = DR_ERR_INIT;

	http_addf(rs, "X-Trans-Id", "tx%s", http_request_id(rq));
	if (answer(o, rq, rs, &err) < 0)
		swift_fail(rq, rs, &err);
}
