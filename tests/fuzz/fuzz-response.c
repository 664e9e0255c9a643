/* SPDX-License-Identifier: Apache-2.0
 *
 * The header section of a source's answer, line by line as libcurl gives it, and where it redirects
 * to. What is believed is consistent; a redirect leads to a URL in its one canonical form. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "transport/response.h"
#include "transport/url.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct transport_response *r)
{
	assert(r->header_bytes <= TRANSPORT_HEADERS_MAX);
	assert(r->status == 0 || (r->status >= 100 && r->status <= 599 && r->status != 101));
	assert(!r->has_length || r->length <= INT64_MAX);
	if (r->has_range) {
		assert(r->range_first <= r->range_last);
		assert(r->range_total == UINT64_MAX || r->range_last < r->range_total);
	}
	assert(strlen(r->etag) < sizeof r->etag);
	assert(!r->etag[0] || (r->etag[0] == '"' && r->etag[strlen(r->etag) - 1] == '"'));
	assert(!strpbrk(r->etag, "\r\n") && !strpbrk(r->last_modified, "\r\n"));
	if (r->complete)
		assert(r->status >= 200 && !(r->chunked && r->has_length));
}

static void follow(const struct transport_response *r)
{
	struct transport_url base, to, again;
	struct dr_err err = DR_ERR_INIT;

	assert(transport_url_parse(&base, "https://mirror.example.org/a/b.img?c=d", &err) == 0);
	if (transport_url_resolve(&to, &base, r->location, &err) < 0) {
		assert(dr_err_is_set(&err));
		return;
	}
	assert(!strpbrk(to.text, "\r\n \t#\\"));
	assert(transport_url_parse(&again, to.text, &err) == 0);
	assert(strcmp(again.text, to.text) == 0 && strcmp(again.host, to.host) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transport_response r;
	struct dr_err err = DR_ERR_INIT;
	size_t at = 0;

	transport_response_init(&r);
	while (at < size) {
		const uint8_t *eol = memchr(data + at, '\n', size - at);
		size_t n = eol ? (size_t)(eol - data) + 1 - at : size - at;
		/* A copy of exactly this size, so that a step past its end is seen. */
		char *line = malloc(n);
		int rc;

		if (!line)
			abort();
		memcpy(line, data + at, n);
		rc = transport_response_line(&r, line, n, &err);
		free(line);
		if (rc < 0) {
			assert(err.code == DR_REMOTE);
			assert(strcmp(err.reason, TRANSPORT_REASON_PROTOCOL) == 0);
			return 0;
		}
		check(&r);
		at += n;
	}
	if (r.complete && r.has_location)
		follow(&r);
	return 0;
}
