/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/http: requests over one kept-alive connection. One thread. Redirects are not followed. */
#ifndef DR_CLI_HTTP_H
#define DR_CLI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

struct http;

struct http_options {
	bool insecure;   /* do not verify certificates */
	bool persistent; /* keep the connection between requests */
	bool debug;      /* one line per request on stderr, without secrets */
};

/* Where the pieces of an answer's body go, instead of into the reply. -1 stops the transfer with
 * the error filled. http_header() and http_status() tell about the answer already. */
struct http_sink {
	int (*take)(void *arg, const void *p, size_t len, struct dr_err *err);
	/* tick: called about once a second and more often; true stops the transfer (CANCELLED). */
	bool (*tick)(void *arg);
	void *arg;
};

struct http_request {
	const char *method;
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
	const char *user;           /* Basic authentication; NULL: none */
	const char *password;
	const char *body;             /* NULL: none; POST and PUT then say Content-Length: 0 */
	const struct http_sink *sink; /* take and tick may be NULL each; NULL: the reply's buffer */
};

/* http_open: [owned by caller] */
int http_open(struct http **ret, const struct http_options *options, struct dr_err *err)
	DR_MUST_CHECK;
void http_close(struct http *h);

/* http_perform: the status of the answer, whatever it is; its body is appended to `body` when there
 * is no sink. -1: REMOTE (no answer, or it broke off), CANCELLED, or the sink's error. */
int http_perform(struct http *h, const struct http_request *req, struct buf *body,
		 struct dr_err *err) DR_MUST_CHECK;
/* http_status, http_header: of the answer that is arriving or was received last; the header is NULL
 * when absent, and borrowed until the next request. */
long http_status(const struct http *h);
const char *http_header(const struct http *h, const char *name);

/* http_origin: scheme, host and port of a URL ("https://api.example:8443"); the rest is dropped, as
 * the other clients of this API do (api.md section 0). [owned by caller] INVALID: not http or
 * https, or with credentials. */
int http_origin(const char *url, char **ret, struct dr_err *err) DR_MUST_CHECK;

DR_DEFINE_CLEANUP(struct http, http_close);

#endif
