/* SPDX-License-Identifier: Apache-2.0
 *
 * The v1 handshake (api.md section 7.2): user and key in, a token and the account's URL out. */
#include <string.h>

#include "swift/swift_internal.h"

#include "util/banned.h"

/* The older spelling is still sent by some. */
static const char *either(const struct http_request *rq, const char *name, const char *older)
{
	const char *v = http_header(rq, name);

	return v ? v : http_header(rq, older);
}

bool swift_authenticates(const struct http_request *rq)
{
	return either(rq, "X-Auth-User", "X-Storage-User") && !http_header(rq, "X-Auth-Token");
}

int swift_authenticate(struct library *l, struct http_request *rq, struct http_response *rs,
		       const char *account, struct dr_err *err)
{
	const char *user = either(rq, "X-Auth-User", "X-Storage-User");
	const char *key = either(rq, "X-Auth-Key", "X-Storage-Pass");
	struct token_grant grant;
	struct principal who;

	if (http_method(rq) != HTTP_GET && http_method(rq) != HTTP_HEAD) {
		swift_not_allowed(rs, "GET, HEAD");
		return 0;
	}
	if (!user || !key)
		return dr_fail(err, DR_UNAUTHENTICATED, "no user or no key");
	if (!*user)
		return dr_refuse(err, DR_INVALID, "precondition", "the user is empty");
	if (auth_v1(l->catalogue, user, key, *account ? account : NULL, &grant, &who, err) < 0) {
		/* Bad credentials, and also somebody else's account or none of that name. */
		if (err->code == DR_NOT_FOUND || err->code == DR_DENIED ||
		    err->code == DR_INVALID) {
			dr_err_clear(err);
			dr_fail(err, DR_UNAUTHENTICATED, "not with these credentials");
		}
		return -1;
	}
	http_addf(rs, "X-Storage-Url", "%s/v1/%s", http_base_url(rq), who.account);
	http_add(rs, "X-Auth-Token", grant.access_token);
	http_add(rs, "X-Storage-Token", grant.access_token);
	http_addf(rs, "X-Auth-Token-Expires", "%lld", (long long)grant.expires_in);
	http_add(rs, "Cache-Control", "no-store");
	explicit_bzero(&grant, sizeof grant);
	http_status(rs, 200);
	http_send(rs, "text/plain; charset=utf-8", "", 0);
	return 0;
}
