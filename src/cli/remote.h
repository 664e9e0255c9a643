/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/remote: the account's object store (Orbit, api.md section 7), as the selected section sees
 * it.
 *
 *   remote_open -> remote_call / remote_list …, on as many connections as wanted -> remote_close
 *
 * Where it is: BRIGHTBOX_ORBIT_URL, else the section's orbit_url, else where the API is. The
 * account is that of the configuration, else the one of the credentials. The API's access token
 * opens it (section 7.2); a new one is got when it is refused. Any thread, each with a connection
 * of its own, while the session is used by nobody else. */
#ifndef DR_CLI_REMOTE_H
#define DR_CLI_REMOTE_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/web.h"

#define REMOTE_HEADERS 6 /* of one call */

struct remote;

/* remote_open: [owned by caller] borrows cli's session. */
int remote_open(struct remote **ret, struct cli *cli, struct dr_err *err) DR_MUST_CHECK;
void remote_close(struct remote *r);
/* remote_origin: "https://orbit.example"; remote_path: "/v1/acc-xxxxx". Borrowed. */
const char *remote_origin(const struct remote *r);
const char *remote_path(const struct remote *r);
/* remote_origin_of: where Orbit is, for whoever wants no more than that. [owned by caller] */
int remote_origin_of(const struct config *config, const char *api_origin, char **ret,
		     struct dr_err *err) DR_MUST_CHECK;
/* remote_web: the connection for the thread that opened it; remote_connect: one more. */
struct web *remote_web(const struct remote *r);
int remote_connect(const struct remote *r, struct web **ret, struct dr_err *err) DR_MUST_CHECK;

struct remote_call {
	const char *method;
	const char *container;      /* NULL: the account itself */
	const char *name;           /* NULL: the container itself */
	const char *query;          /* "format=json", encoded; NULL: none */
	const char *const *headers; /* at most REMOTE_HEADERS, NULL-terminated; NULL: none */
	const char *body;
	const struct web_source *source;
	const struct web_sink *sink; /* gets the body of a 2xx answer; NULL: the reply does */
};

/* remote_call: the status, whatever it is; the body of the answer in `reply`, which is emptied
 * before. -1 as web_perform, or UNAUTHENTICATED. */
int remote_call(struct remote *r, struct web *web, const struct remote_call *call,
		struct buf *reply, struct dr_err *err) DR_MUST_CHECK;
/* remote_done: as remote_call, but any status other than 2xx is a failure, as remote_fail. */
int remote_done(struct remote *r, struct web *web, const struct remote_call *call,
		struct buf *reply, struct dr_err *err) DR_MUST_CHECK;
/* remote_fail: what a status says, about what was called. DENIED 403, NOT_FOUND 404, CONFLICT 409
 * and 412, LIMIT 413 and 507, CORRUPT 422, BUSY 503, REMOTE. Returns -1. */
int remote_fail(const struct remote_call *call, int status, struct dr_err *err);

struct remote_listing {
	const char *container; /* NULL: the containers */
	const char *prefix;    /* NULL: all */
	const char *delimiter; /* NULL: none */
	/* page: a part of the listing, in order, borrowed. */
	int (*page)(void *arg, const json_t *rows, struct dr_err *err);
	void *arg;
};
/* remote_list: until an empty page. NOT_FOUND: no such container. */
int remote_list(struct remote *r, struct web *web, const struct remote_listing *listing,
		struct dr_err *err) DR_MUST_CHECK;
/* remote_make: a container; fine when it is there. */
int remote_make(struct remote *r, struct web *web, const char *container, struct dr_err *err)
	DR_MUST_CHECK;
/* remote_remove_bulk: objects by their names ("/container/name", percent-encoded, a line each), or
 * what of them is there. */
int remote_remove_bulk(struct remote *r, struct web *web, const char *lines, struct dr_err *err)
	DR_MUST_CHECK;

/* remote_encode: append a name as it stands in a URL; '/' stays. */
void remote_encode(struct buf *out, const char *name);

/* What a word "CONTAINER[/NAME]" means. */
struct place {
	char *container; /* owned */
	char *name;      /* owned; NULL: none. May end in '/' */
};
/* place_parse: INVALID: no container, more bytes than names have, or not UTF-8. */
int place_parse(struct place *p, const char *word, struct dr_err *err) DR_MUST_CHECK;
void place_done(struct place *p);

#define place_auto DR_CLEANUP(place_done)
DR_DEFINE_CLEANUP(struct remote, remote_close);

#endif
