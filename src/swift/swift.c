/* SPDX-License-Identifier: Apache-2.0
 *
 * From a path to the account, container or object it names, after asking who wants it. */
#include "swift/swift.h"

#include <string.h>

#include "swift/swift_internal.h"
#include "util/str.h"

#include "util/banned.h"

bool swift_handles(const struct http_request *rq)
{
	const char *first = http_segment(rq, 0);

	return first && (strcmp(first, "v1") == 0 || strcmp(first, "auth") == 0 ||
			 strcmp(first, "info") == 0);
}

static bool reading(const struct http_request *rq)
{
	return http_method(rq) == HTTP_GET || http_method(rq) == HTTP_HEAD;
}

static void not_allowed(struct http_response *rs)
{
	http_add(rs, "Allow", "GET, HEAD");
	swift_error(rs, 405, "The method is not allowed for this resource.");
}

/* What a client may rely on (section 7.2); no authentication. */
static int info(const struct http_request *rq, struct http_response *rs, struct dr_err *err)
{
	json_auto_t *body = json_pack(
		"{s:{s:s, s:i, s:i, s:i, s:i, s:[{s:s, s:b}]}}", "swift", "version",
		"Darkroom " DR_VERSION, "account_listing_limit", SWIFT_LISTING_LIMIT,
		"container_listing_limit", SWIFT_LISTING_LIMIT, "max_container_name_length", 255,
		"max_object_name_length", 1024, "policies", "name", "Policy-0", "default", 1);
	dr_autofree char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;

	if (!reading(rq)) {
		not_allowed(rs);
		return 0;
	}
	if (!text)
		return dr_fail_nomem(err);
	http_status(rs, 200);
	http_send(rs, "application/json; charset=utf-8", text, strlen(text));
	return 0;
}

static int identify(struct swift_call *c, struct dr_err *err)
{
	const char *token = http_header(c->rq, "X-Auth-Token");
	int rc;

	if (!token)
		token = http_header(c->rq, "X-Storage-Token");
	if (!token || !*token)
		return dr_fail(err, DR_UNAUTHENTICATED, "no token");
	rc = auth_bearer(c->library->catalogue, token, c->account, &c->who, err);
	/* Another account, or none of that name: one answer for both (hardening.md 3.3). */
	if (rc < 0 && err->code == DR_NOT_FOUND) {
		dr_err_clear(err);
		return dr_fail(err, DR_DENIED, "not your account");
	}
	if (rc == 0 && !c->who.scope_orbit)
		return dr_fail(err, DR_DENIED, "the token lacks the orbit scope");
	return rc;
}

static int below_account(struct swift_call *c, struct dr_err *err)
{
	const char *rest = http_rest(c->rq, 2);

	if (rest && !dr_utf8_valid(rest, strlen(rest)))
		return dr_refuse(err, DR_INVALID, "precondition", "Invalid UTF8 or contains NULL");
	if (!*c->container)
		return swift_account(c, err);
	return *c->object ? swift_object(c, err) : swift_container(c, err);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static int answer(struct library *l, struct http_request *rq, struct http_response *rs,
		  struct dr_err *err)
{
	struct swift_call c = {
		.library = l,
		.rq = rq,
		.rs = rs,
		.account = or_empty(http_segment(rq, 1)),
		.container = or_empty(http_segment(rq, 2)),
		.object = or_empty(http_rest(rq, 3)),
	};
	const char *first = http_segment(rq, 0);

	if (strcmp(first, "info") == 0 && http_segments(rq) == 1)
		return info(rq, rs, err);
	if (strcmp(first, "auth") == 0)
		return strcmp(c.account, "v1.0") == 0 && !*c.container
			       ? swift_authenticate(l, rq, rs, "", err)
			       : dr_fail(err, DR_NOT_FOUND, "no such path");
	if (strcmp(first, "v1") != 0)
		return dr_fail(err, DR_NOT_FOUND, "no such path");
	if (!*c.account || (!*c.container && swift_authenticates(rq)))
		return swift_authenticate(l, rq, rs, c.account, err);
	if (identify(&c, err) < 0)
		return -1;
	return below_account(&c, err);
}

void swift_handle(struct library *l, struct http_request *rq, struct http_response *rs)
{
	struct dr_err err = DR_ERR_INIT;

	http_addf(rs, "X-Trans-Id", "tx%s", http_request_id(rq));
	if (answer(l, rq, rs, &err) < 0)
		swift_fail(rq, rs, &err);
}
