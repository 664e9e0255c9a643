/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of swift/ share. Private. */
#ifndef DR_SWIFT_SWIFT_INTERNAL_H
#define DR_SWIFT_SWIFT_INTERNAL_H

#include "swift/swift.h"
#include "swift/text.h"

/* One request below /v1/{account}. Texts are borrowed from the request. */
struct swift_call {
	struct orbit *orbit;
	struct http_request *rq;
	struct http_response *rs;
	struct orbit_caller caller;
	const char *account, *container, *object; /* "" when the path ends before it */
	bool tempurl;
	int64_t tempurl_expires;
	bool cors; /* the origin of the request may see the answer */
};

static inline bool swift_is_anonymous(const struct swift_call *c)
{
	return c->caller.who.kind == PRINCIPAL_NONE && !c->tempurl;
}

/* ---- answers (answer.c) ---- */

/* swift_error: status with Swift's sentence for it as an HTML page. */
void swift_error(struct http_response *rs, unsigned status);
/* swift_error_text: with a sentence of its own. */
void swift_error_text(struct http_response *rs, unsigned status, const char *message);
void swift_fail(const struct http_request *rq, struct http_response *rs, const struct dr_err *err);
/* swift_not_allowed: 405. */
void swift_not_allowed(struct http_response *rs, const char *allow);
/* swift_done: what was asked is done: 201, 202, 204 … without content. */
void swift_done(struct http_response *rs, unsigned status);

/* ---- headers (header.c) ---- */

const char *swift_query(const struct http_request *rq, const char *name); /* "" when absent */
/* swift_is_true: what Swift takes for "yes". */
bool swift_is_true(const char *value);
/* swift_query_is: a parameter has a value. */
bool swift_query_is(const struct http_request *rq, const char *name, const char *value);
void swift_add_timestamp(struct http_response *rs, int64_t us); /* X-Timestamp */
int64_t swift_whole_seconds(int64_t us);                        /* rounded up, as Swift's dates */
void swift_add_date(struct http_response *rs, const char *name, int64_t us);
/* swift_add_meta: every line of metadata whose name `shown` does not refuse (NULL: all). */
void swift_add_meta(struct swift_call *c, const char *meta, bool (*shown)(const char *name));
/* swift_gather: the request's metadata headers as lines "Name: value". `kind` is "Account",
 * "Container" or "Object": X-{kind}-Meta-…; X-Remove-{kind}-… gives the name without a value;
 * `others`, ended by NULL, are taken under their own name. INVALID, reason "metadata". */
int swift_gather(const struct http_request *rq, const char *kind, const char *const *others,
		 struct buf *ret, struct dr_err *err) DR_MUST_CHECK;

/* ---- cross-origin requests (cors.c; W3C CORS as Swift has it) ---- */

int swift_options(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
/* swift_add_cors: to any answer, when the container allows the request's origin. */
void swift_add_cors(struct swift_call *c);

/* ---- listings (listing.c; section 7.5) ---- */

enum swift_format { SWIFT_PLAIN, SWIFT_JSON, SWIFT_XML, SWIFT_TEXT_XML };

struct swift_listing {
	enum swift_format format;
	bool of_account;  /* of containers */
	const char *name; /* of what is listed */
	struct listing_query query;
	char path[1026];
	struct text_clock clock;
	size_t count;
	struct buf text;
};

/* swift_listing_open: from the query and Accept; true, or false when it answered (400, 406, 412).
 */
bool swift_listing_open(struct swift_listing *l, struct swift_call *c);
int swift_listing_line(void *arg, const struct listing_line *line, struct dr_err *err);
/* swift_listing_send: 200, or 204 for an empty plain one. */
int swift_listing_send(struct swift_listing *l, struct swift_call *c, struct dr_err *err)
	DR_MUST_CHECK;
void swift_listing_done(struct swift_listing *l);
/* swift_accepts: the best of the types for the request's Accept; -1: none; -2: malformed. */
int swift_accepts(const struct http_request *rq, const char *const *types, int count);

/* ---- uploads (upload.c) ---- */

/* What a PUT, POST or COPY says of the object it makes. */
struct swift_put {
	struct orbit_put put; /* borrows from the rest and from the request */
	struct buf meta;
	char md5[64];
};
/* swift_put_open: 1, or 0 when it answered. To be closed in any case. */
int swift_put_open(struct swift_put *p, struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
void swift_put_done(struct swift_put *p);
/* swift_stored: 201 with Etag and Last-Modified. */
void swift_stored(struct swift_call *c, const struct orbit_object *o);
/* swift_format_etag: as this object's is sent. */
void swift_format_etag(const struct orbit_object *o, char ret[static 132]);

/* ---- static web pages (web.c) ---- */

/* For those who carry no token, as in Swift; any other request is answered as if there were no
 * sites. swift_web_container: 1 it answered, 0 this is to be answered as any other.
 * swift_web_object: GET and HEAD of an object: it, or in its place a page. */
int swift_web_container(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
int swift_web_object(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;

/* ---- by file: each answers (0), or returns -1 ---- */

/* swift_authenticate: the v1 handshake; account "" = the user's own. */
int swift_authenticate(struct library *l, struct http_request *rq, struct http_response *rs,
		       const char *account, struct dr_err *err) DR_MUST_CHECK;
bool swift_authenticates(const struct http_request *rq); /* it carries user and key */
int swift_info(const struct orbit *o, const struct http_request *rq, struct http_response *rs,
	       struct dr_err *err) DR_MUST_CHECK;
int swift_account(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
int swift_bulk_delete(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
int swift_manifest_delete(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
int swift_container(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
int swift_object(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
int swift_object_read(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
int swift_object_upload(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;
int swift_object_copy(struct swift_call *c, struct dr_err *err) DR_MUST_CHECK;

#endif
