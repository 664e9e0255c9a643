/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests made by hand, for tests of what answers them. */
#ifndef DR_TESTS_HTTP_MESSAGE_H
#define DR_TESTS_HTTP_MESSAGE_H

#include <stdlib.h>
#include <string.h>

#include "http/http_internal.h"

/* request_new: `headers` is "Name: value" lines, each ended by \n. NULL when refused; then the
 * status is in *ret_refused. */
static __attribute__((noinline, unused)) struct http_request *
request_new(const char *method, const char *target, const char *headers, unsigned *ret_refused)
{
	struct http_request *rq = calloc(1, sizeof *rq);
	struct http_field field[HTTP_MAX_HEADERS + 1];
	size_t n = 0;
	char *text = strdup(headers), *next = text, *line;
	unsigned refused;

	while ((line = strsep(&next, "\n")) && *line && n <= HTTP_MAX_HEADERS) {
		char *colon = strchr(line, ':');

		if (colon)
			*colon++ = 0;
		field[n++] = (struct http_field){line, colon ? colon : ""};
	}
	refused = message_method(rq, method);
	if (!refused)
		refused = message_headers(rq, field, n, 1);
	if (!refused)
		refused = message_target(rq, target);
	free(text);
	strcpy(rq->id, "0123456789abcdef0123456789abcdef");
	strcpy(rq->base_url, "http://api.test");
	if (ret_refused)
		*ret_refused = refused;
	if (!refused)
		return rq;
	message_done(rq);
	free(rq);
	return NULL;
}

static inline void request_free(struct http_request *rq)
{
	if (!rq)
		return;
	message_done(rq);
	free(rq);
}

#endif
