/* SPDX-License-Identifier: Apache-2.0
 *
 * transport/request: one GET on one new connection. Internal to the module: the only file that
 * drives libcurl (url.c uses its parser).
 *
 * Nothing of the environment or of an earlier request has influence: no proxy, netrc, cookies,
 * HSTS, Alt-Svc, credentials, kept connections or cached names (hardening.md sections 2.1, 2.3). */
#ifndef DR_TRANSPORT_REQUEST_H
#define DR_TRANSPORT_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "transport/http.h"
#include "transport/response.h"
#include "transport/url.h"
#include "util/cleanup.h"
#include "util/err.h"

struct transport_request; /* reusable, so that TLS sessions and memory are */

struct transport_ask {
	const struct transport_url *url; /* already permitted */
	uint64_t from;                   /* 0: all of it; otherwise Range from this byte on */
	const char *etag;                /* with from: a strong validator for If-Range */
	uint64_t deadline_ms;            /* on the clock of dr_now_ms() */
};

/* Who gets the answer. */
struct transport_taker {
	void *arg;
	/* headers: 0 to get the body; 1 to end the request here (TRANSPORT_STOPPED); -1. */
	int (*headers)(void *arg, const struct transport_response *r, struct dr_err *err);
	int (*body)(void *arg, const void *p, size_t len, struct dr_err *err);
};

enum transport_end {
	TRANSPORT_DONE,    /* the body ended as it should; by the close of the connection if it
			    * has neither length nor chunks */
	TRANSPORT_STOPPED, /* as the taker wished; `err` is what it left there */
	TRANSPORT_RETRY,   /* failed; another attempt may help */
	TRANSPORT_FAILED,
};

/* transport_request_new: `order` is borrowed for the request's life. */
int transport_request_new(struct transport_request **ret, const struct transport_order *order,
			  struct dr_err *err) DR_MUST_CHECK;
void transport_request_free(struct transport_request *q);
/* transport_request_run: `err` is filled for RETRY and FAILED. */
enum transport_end transport_request_run(struct transport_request *q,
					 const struct transport_ask *ask,
					 const struct transport_taker *taker, struct dr_err *err)
	DR_MUST_CHECK;
/* transport_request_response: of the last run; borrowed until the next one. */
const struct transport_response *transport_request_response(const struct transport_request *q);
/* transport_request_retry_after_s: what the last response asked for; 0 without a wish. */
uint64_t transport_request_retry_after_s(const struct transport_request *q);

DR_DEFINE_CLEANUP(struct transport_request, transport_request_free);

#endif
