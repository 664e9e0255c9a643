/* SPDX-License-Identifier: Apache-2.0
 *
 * orbit/tempurl: temporary URLs (api.md section 7.7, hardening.md section 3.3). */
#ifndef DR_ORBIT_TEMPURL_H
#define DR_ORBIT_TEMPURL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define TEMPURL_KEYS 2

/* What a URL says; borrowed texts, NULL = absent, percent-decoded. Of a parameter given twice the
 * first counts. */
struct tempurl {
	const char *signature, *expires, *prefix, *ip_range;
};

struct tempurl_rules {
	bool sha1;        /* accept SHA-1 signatures (fog's only ones) */
	int64_t farthest; /* seconds an expiry may lie ahead; 0 = any */
};

enum tempurl_verdict {
	TEMPURL_NONE,       /* no parameter of one */
	TEMPURL_BAD,        /* 401: malformed, expired, not signed with one of the keys … */
	TEMPURL_BY_ACCOUNT, /* signed with a key of the account */
	TEMPURL_BY_CONTAINER,
};

/* tempurl_present: a signature or an expiry is there; as in Swift, a request without both is no
 * temporary URL whatever else its query holds. */
bool tempurl_present(const struct tempurl *t);
/* tempurl_expires: an expiry as it stands in a URL: decimal seconds, or a date as the swift CLI
 * writes it ("2023-01-03T13:08:05Z"; signed is the number all the same). False: malformed. */
bool tempurl_expires(const char *text, int64_t *ret);
/* tempurl_verify: constant in time over all keys, whichever matches.
 *   method  "GET" …; HEAD is also allowed by a GET, PUT or POST signature
 *   path    percent-decoded, "/v1/acc-…/container/object", exactly as sent (no normalisation)
 *   fog_path  the variant fog signs (container part still escaped), or NULL
 *   peer    numeric address of the client, for ip_range; NULL = unknown, matches no range
 *   keys    "" = not set
 *   now     seconds since 1970
 *   ret_expires  seconds; filled when the verdict is good */
enum tempurl_verdict tempurl_verify(const struct tempurl *t, const struct tempurl_rules *rules,
				    const char *method, const char *path, const char *fog_path,
				    const char *peer, const char *account_key[static TEMPURL_KEYS],
				    const char *container_key[static TEMPURL_KEYS], int64_t now,
				    int64_t *ret_expires);

#endif
