/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of swift/ share. Private. */
#ifndef DR_SWIFT_SWIFT_INTERNAL_H
#define DR_SWIFT_SWIFT_INTERNAL_H

#include <jansson.h>

#include "swift/swift.h"

#define SWIFT_LISTING_LIMIT 10000
#define SWIFT_CONTAINER "images"

/* One authenticated request below /v1/{account}. */
struct swift_call {
	struct library *library;
	struct http_request *rq;
	struct http_response *rs;
	struct principal who;
	const char *account, *container, *object; /* "" when the path ends before it; borrowed */
};

/* ---- answers ---- */

/* swift_error: status with a sentence in the body, as Swift has it. */
void swift_error(struct http_response *rs, unsigned status, const char *message);
void swift_fail(const struct http_request *rq, struct http_response *rs, const struct dr_err *err);
/* swift_empty: an answer without content. */
void swift_empty(struct http_response *rs, unsigned status);
/* swift_timestamp: X-Timestamp. */
void swift_timestamp(struct http_response *rs, int64_t t);

/* ---- listings (section 7.5) ---- */

struct swift_listing {
	bool json;
	size_t limit;
	const char *marker, *end_marker, *prefix, *delimiter; /* borrowed; "" = none */
	bool subdirs; /* show what the delimiter cuts off; not with `path` */
	char path_prefix[1100];
	char last_subdir[1100];
	struct buf text; /* plain form */
	json_t *items;   /* JSON form */
	size_t count;
};

/* swift_listing_open: from the query and Accept. INVALID with reason "precondition". */
int swift_listing_open(struct swift_listing *l, const struct http_request *rq, struct dr_err *err)
	DR_MUST_CHECK;
/* swift_listing_add: a name, unless prefix, markers or delimiter leave it out; `item` (taken) is
 * its JSON. False when the listing is full. */
bool swift_listing_add(struct swift_listing *l, const char *name, json_t *item);
/* swift_listing_send: 200, or 204 for an empty plain one. */
int swift_listing_send(struct swift_listing *l, struct http_response *rs, struct dr_err *err)
	DR_MUST_CHECK;
void swift_listing_done(struct swift_listing *l);

/* swift_time: "2023-01-03T13:08:05.000000". */
#define SWIFT_TIME_TEXT 100
void swift_time(int64_t t, char ret[static SWIFT_TIME_TEXT]);

/* ---- by file: each answers, or returns -1 ---- */

/* swift_authenticate: the v1 handshake; account "" = the user's own. */
int swift_authenticate(struct library *l, struct http_request *rq, struct http_response *rs,
		       const char *account, struct dr_err *err) DR_MUST_CHECK;
bool swift_authenticates(const struct http_request *rq); /* it carries user and key */
int swift_account(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
int swift_container(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
int swift_object(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;

#endif
