/* SPDX-License-Identifier: Apache-2.0
 *
 * orbit/acl: container ACLs (api.md section 7.4, hardening.md section 3.3). Pure functions. */
#ifndef DR_ORBIT_ACL_H
#define DR_ORBIT_ACL_H

#include "auth/auth.h"
#include "util/buf.h"

enum acl_kind { ACL_READ, ACL_WRITE };

/* acl_clean: the normal form of a header's value ("" clears), appended to ret: no blanks, no empty
 * elements, `.ref:`, `.referer:` and `.referrer:` written `.r:`, `*.domain` written `.domain`.
 * INVALID, reason "acl", naming the element: unknown designators, referrer elements in a write ACL,
 * an element that is neither .r:…, .rlistings, acc-…, acc-…:cli-…, acc-…:usr-…, acc-…:* nor *:*. */
int acl_clean(enum acl_kind kind, const char *value, struct buf *ret, struct dr_err *err)
	DR_MUST_CHECK;

/* What one ACL grants to one caller. */
struct acl_grant {
	bool objects; /* read: GET and HEAD of objects; write: PUT, POST, DELETE */
	bool listing; /* list the container */
};
/* acl_grants: by identity or by referrer. `.r:` grants objects, and listings only together with
 * `.rlistings`; identity grants both. Of referrer elements the last that matches decides, as in
 * Swift; a referrer's denial never takes what an identity grants.
 *   acl      in normal form; NULL or "" grants nothing
 *   who      kind NONE: anonymous
 *   referer  the header's value; NULL or "": its host is "unknown", as in Swift */
struct acl_grant acl_grants(const char *acl, const struct principal *who, const char *referer);

#endif
