/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/web: requests over one kept-alive connection. One thread at a time. Redirects are not
 * followed. */
#ifndef DR_CLI_WEB_H
#define DR_CLI_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/buf.h"

struct web;

struct web_options {
	bool insecure;   /* do not verify certificates */
	bool persistent; /* keep the connection between requests */
	bool debug;      /* one line per request on stderr, without secrets */
};

/* Where the pieces of an answer's body go, instead of into the reply. -1 stops the transfer with
 * the error filled. web_header() and web_status() tell about the answer already. */
struct web_sink {
	int (*take)(void *arg, const void *p, size_t len, struct dr_err *err);
	/* tick: called about once a second and more often; true stops the transfer (CANCELLED). */
	bool (*tick)(void *arg);
	void *arg;
};

/* Where a long body comes from. */
struct web_source {
	/* read: 1..len bytes at `pos`, which goes on from the last piece or back to 0; 0 at the
	 * end. */
	ssize_t (*read)(void *arg, void *p, size_t len, uint64_t pos, struct dr_err *err);
	void *arg;
	uint64_t bytes; /* exactly as many */
};

struct web_request {
	const char *method;
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	const char *user;           /* Basic authentication; NULL: none */
	const char *password;
	const char *body;                /* NULL: none; POST and PUT then say Content-Length: 0 */
	const struct web_source *source; /* instead of `body`; NULL: none */
	const struct web_sink *sink; /* take and tick may be NULL each; NULL: the reply's buffer */
};

/* web_open: [owned by caller] */
int web_open(struct web **ret, const struct web_options *options, struct dr_err *err) DR_MUST_CHECK;
void web_close(struct web *h);

/* web_perform: the status of the answer, whatever it is; its body is appended to `body` when there
 * is no sink. -1: REMOTE (no answer, or it broke off), CANCELLED, or the sink's error. */
int web_perform(struct web *h, const struct web_request *req, struct buf *body, struct dr_err *err)
	DR_MUST_CHECK;
/* web_status, web_header: of the answer that is arriving or was received last; the header is NULL
 * when absent, and borrowed until the next request or header. */
long web_status(const struct web *h);
const char *web_header(const struct web *h, const char *name);

/* web_origin: scheme, host and port of a URL ("https://api.example:8443"); the rest is dropped, as
 * the other clients of this API do (api.md section 0). [owned by caller] INVALID: not http or
 * https, or with credentials. */
int web_origin(const char *url, char **ret, struct dr_err *err) DR_MUST_CHECK;

DR_DEFINE_CLEANUP(struct web, web_close);

#endif
