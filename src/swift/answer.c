/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as Swift words them. */
#include <string.h>

#include "swift/swift_internal.h"
#include "util/clock.h"
#include "util/log.h"

#include "util/banned.h"

void swift_error(struct http_response *rs, unsigned status, const char *message)
{
	dr_autobuf struct buf text = BUF_INIT;

	buf_printf(&text, "<html><h1>%u</h1><p>%s</p></html>", status, message);
	http_status(rs, status);
	http_send(rs, "text/html; charset=UTF-8", buf_str(&text), text.len);
}

/* Sentences are fixed: what a path named, and whether it exists, is not repeated. */
void swift_fail(const struct http_request *rq, struct http_response *rs, const struct dr_err *err)
{
	switch (err->code) {
	case DR_UNAUTHENTICATED:
		http_add(rs, "Www-Authenticate", "Swift realm=\"Orbit\"");
		swift_error(rs, 401,
			    "This server could not verify that you are authorized to access the "
			    "document you requested.");
		return;
	case DR_DENIED:
	case DR_LIMIT:
		swift_error(rs, 403, "Access was denied to this resource.");
		return;
	case DR_NOT_FOUND:
		swift_error(rs, 404, "The resource could not be found.");
		return;
	case DR_INVALID:
	case DR_UNSUPPORTED:
		swift_error(rs, strcmp(err->reason, "precondition") == 0 ? 412 : 400,
			    "The request is not one that this resource can answer.");
		return;
	case DR_CONFLICT:
		swift_error(rs, 409, "There was a conflict when trying to complete your request.");
		return;
	case DR_BUSY:
	case DR_NO_MEMORY:
	case DR_CANCELLED:
		http_add(rs, "Retry-After", "5");
		swift_error(rs, 503, "The server is currently unavailable. Please try again.");
		return;
	case DR_OK:
	case DR_CORRUPT:
	case DR_REMOTE:
	case DR_IO:
		break;
	}
	dr_log(DR_ERROR, "what=orbit request=%s code=%s error=\"%s\"", http_request_id(rq),
	       dr_code_name(err->code), err->msg);
	swift_error(rs, 500, "The server has encountered an internal error.");
}

void swift_empty(struct http_response *rs, unsigned status)
{
	http_status(rs, status);
	http_send(rs, "text/plain; charset=utf-8", "", 0);
}

void swift_timestamp(struct http_response *rs, int64_t t)
{
	http_addf(rs, "X-Timestamp", "%lld.00000", (long long)t);
}

void swift_time(int64_t t, char ret[static SWIFT_TIME_TEXT])
{
	char text[DR_TIME_TEXT];

	dr_time_iso(t, text);
	text[strcspn(text, "Z")] = 0;
	snprintf(ret, SWIFT_TIME_TEXT, "%s.000000", text);
}
