/* SPDX-License-Identifier: Apache-2.0
 *
 * From a request to its handler: who asks, for which account, may they at all. What exists is only
 * looked at after that. */
#include "api/api.h"

#include <string.h>

#include "api/api_internal.h"
#include "util/str.h"

#include "util/banned.h"

bool api_handles(const struct http_request *rq)
{
	const char *first = http_segment(rq, 0);

	return first && (strcmp(first, "token") == 0 || strcmp(first, "1.0") == 0);
}

/* The answer to a token that is missing, unknown or expired (api.md section 1.3). */
static void unauthenticated(struct http_response *rs, const struct dr_err *err)
{
	const char *error = err->reason[0] ? err->reason : "invalid_token";

	http_addf(rs, "WWW-Authenticate", "OAuth error=\"%s\"", error);
	api_oauth_error(rs, 401, error, err->msg);
}

static int authenticate(struct api_call *c, struct dr_err *err)
{
	const char *token = http_bearer(c->rq), *account = http_query(c->rq, "account_id");

	if (!token || !*token)
		return dr_refuse(err, DR_UNAUTHENTICATED, "invalid_token",
				 "The OAuth token can not be found");
	return auth_bearer(c->library->catalogue, token, account && *account ? account : NULL,
			   &c->who, err);
}

static int authorise(const struct api_call *c, struct dr_err *err)
{
	if (c->who.storage_only)
		return dr_fail(err, DR_DENIED,
			       "Storage-only API clients have no access to the API");
	if (!c->who.scope_infrastructure)
		return dr_fail(err, DR_DENIED, "The token lacks the infrastructure scope");
	return 0;
}

static void add_scopes(struct api_call *c)
{
	http_addf(c->rs, "X-Oauth-Scopes", "infrastructure%s", c->who.scope_orbit ? ", orbit" : "");
}

static int run(struct api_call *c, const struct api_route *route, struct dr_err *err)
{
	size_t len;
	const void *p = http_body(c->rq, &len);

	if (authorise(c, err) < 0)
		return -1;
	add_scopes(c);
	if (route->writes && api_body_parse(&c->body, p, len, err) < 0)
		return -1;
	return route->handle(c, err);
}

static void call_done(struct api_call *c)
{
	json_decref(c->body);
}

void api_handle(struct library *l, struct http_request *rq, struct http_response *rs)
{
	DR_CLEANUP(call_done) struct api_call c = {.library = l, .rq = rq, .rs = rs};
	struct dr_err err = DR_ERR_INIT;
	const struct api_route *route;
	char allow[64];

	route = api_route_find(rq, &c.id, allow, sizeof allow);
	if (route && route->scope == API_SCOPE_PUBLIC) {
		api_token(l, rq, rs);
		return;
	}
	/* Nobody learns which paths exist before saying who they are; but /token is public. */
	if (strcmp(http_segment(rq, 0), "1.0") == 0 && authenticate(&c, &err) < 0) {
		if (err.code == DR_UNAUTHENTICATED)
			unauthenticated(rs, &err);
		else
			api_fail(rq, rs, &err, NULL);
		return;
	}
	if (!route && allow[0]) {
		http_add(rs, "Allow", allow);
		api_error(rs, 405, "method_not_allowed", "This resource does not have that method");
	} else if (!route) {
		api_error(rs, 404, "missing_resource", "Resource not found");
	} else if (run(&c, route, &err) < 0) {
		api_fail(rq, rs, &err, &c.problems);
	}
}
