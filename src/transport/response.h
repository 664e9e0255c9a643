/* SPDX-License-Identifier: Apache-2.0
 *
 * transport/response: what the header section of a response says about its body.
 *
 * libcurl takes the first of two lengths, numbers too large for 64 bits and other contradictions
 * without a word (hardening.md section 2.1), so the headers that frame or identify the body are
 * read again here, strictly. What is wrong with them is REMOTE "source-protocol". Pure; one thread.
 */
#ifndef DR_TRANSPORT_RESPONSE_H
#define DR_TRANSPORT_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/url.h"
#include "util/err.h"

#define TRANSPORT_HEADERS_MAX ((size_t)64 << 10) /* bytes in answer to one request */
#define TRANSPORT_TAG_MAX 256
#define TRANSPORT_REASON_PROTOCOL "source-protocol"

struct transport_response {
	unsigned status; /* 0 until the status line */
	bool complete;   /* the header section has ended, and this is the final response */
	size_t header_bytes;
	bool has_length;
	uint64_t length; /* Content-Length */
	bool chunked;
	bool has_range; /* Content-Range: bytes range_first-range_last/range_total */
	uint64_t range_first;
	uint64_t range_last;
	uint64_t range_total; /* UINT64_MAX for "*" */
	bool accepts_ranges;
	bool has_etag;
	char etag[TRANSPORT_TAG_MAX]; /* with its quotes; "" unless strong */
	char last_modified[TRANSPORT_TAG_MAX];
	bool has_location;
	char location[TRANSPORT_URL_MAX + 1];
};

void transport_response_init(struct transport_response *r);
/* transport_response_line: one line as libcurl's header callback gets it, line end included: a
 * status line, a header, the empty line, a trailer. Interim (1xx) responses are forgotten. */
int transport_response_line(struct transport_response *r, const char *line, size_t len,
			    struct dr_err *err) DR_MUST_CHECK;
/* transport_status_refuse: what a status means that is neither the thing nor a way to it: REMOTE
 * "source-http-status". */
int transport_status_refuse(unsigned status, struct dr_err *err);

#endif
