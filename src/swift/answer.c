/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as Swift words them. */
#include <string.h>

#include "swift/swift_internal.h"
#include "util/log.h"

#include "util/banned.h"

/* Sentences are fixed: what a path named, and whether it exists, is not repeated. */
static const struct {
	unsigned status;
	const char *title, *sentence;
} sentences[] = {
	{202, "Accepted", "The request is accepted for processing."},
	{301, "Moved Permanently", "The resource has moved permanently."},
	{400, "Bad Request",
	 "The server could not comply with the request since it is either malformed or otherwise "
	 "incorrect."},
	{401, "Unauthorized",
	 "This server could not verify that you are authorized to access the document you "
	 "requested."},
	{403, "Forbidden", "Access was denied to this resource."},
	{404, "Not Found", "The resource could not be found."},
	{405, "Method Not Allowed", "The method is not allowed for this resource."},
	{406, "Not Acceptable",
	 "The resource is not available in a format acceptable to your browser."},
	{409, "Conflict", "There was a conflict when trying to complete your request."},
	{411, "Length Required", "Content-Length header required."},
	{412, "Precondition Failed", "A precondition for this request was not met."},
	{413, "Request Entity Too Large",
	 "The body of your request was too large for this server."},
	{416, "Requested Range Not Satisfiable", "The Range requested is not available."},
	{422, "Unprocessable Entity", "Unable to process the contained instructions"},
	{500, "Internal Error",
	 "The server has either erred or is incapable of performing the requested operation."},
	{503, "Service Unavailable",
	 "The server is currently unavailable. Please try again at a "
	 "later time."},
	{507, "Insufficient Storage", "There was not enough space to save the resource."},
};

void swift_error(struct http_response *rs, unsigned status)
{
	dr_autobuf struct buf text = BUF_INIT;

	for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++) {
		if (sentences[i].status == status)
			buf_printf(&text, "<html><h1>%s</h1><p>%s</p></html>", sentences[i].title,
				   sentences[i].sentence);
	}
	http_status(rs, status);
	http_send(rs, "text/html; charset=UTF-8", buf_str(&text), text.len);
}

void swift_error_text(struct http_response *rs, unsigned status, const char *message)
{
	http_status(rs, status);
	http_send(rs, "text/plain; charset=UTF-8", message, strlen(message));
}

/* A verdict on what was sent, in its own words where there are some. */
static void refuse(struct http_response *rs, const struct dr_err *err)
{
	if (strcmp(err->reason, "precondition") == 0)
		swift_error_text(rs, 412, err->msg);
	else if (strcmp(err->reason, "etag") == 0)
		swift_error(rs, 422);
	else if (err->reason[0])
		swift_error_text(rs, 400, err->msg);
	else
		swift_error(rs, 400);
}

static void over_limit(struct http_response *rs, const struct dr_err *err)
{
	if (strcmp(err->reason, "no-space") == 0)
		swift_error(rs, 507);
	else if (strcmp(err->reason, "quota") == 0)
		swift_error_text(rs, 413, "Upload exceeds quota.");
	else
		swift_error_text(rs, 413, "Your request is too large.");
}

void swift_fail(const struct http_request *rq, struct http_response *rs, const struct dr_err *err)
{
	switch (err->code) {
	case DR_UNAUTHENTICATED:
		http_add(rs, "Www-Authenticate", "Swift realm=\"Orbit\"");
		if (strcmp(err->reason, "tempurl") == 0)
			swift_error_text(rs, 401, "401 Unauthorized: Temp URL invalid\n");
		else
			swift_error(rs, 401);
		return;
	case DR_DENIED:
		if (strcmp(err->reason, "read-only") == 0)
			swift_error_text(rs, 403, err->msg);
		else
			swift_error(rs, 403);
		return;
	case DR_LIMIT:
		over_limit(rs, err);
		return;
	case DR_NOT_FOUND:
		swift_error(rs, 404);
		return;
	case DR_INVALID:
	case DR_UNSUPPORTED:
		refuse(rs, err);
		return;
	case DR_CONFLICT:
		swift_error(rs, strcmp(err->reason, "precondition") == 0 ? 412 : 409);
		return;
	case DR_BUSY:
	case DR_NO_MEMORY:
	case DR_CANCELLED:
		http_add(rs, "Retry-After", "5");
		swift_error(rs, 503);
		return;
	case DR_OK:
	case DR_CORRUPT:
	case DR_REMOTE:
	case DR_IO:
		break;
	}
	dr_log(DR_ERROR, "what=orbit request=%s code=%s error=\"%s\"", http_request_id(rq),
	       dr_code_name(err->code), err->msg);
	swift_error(rs, 500);
}

void swift_not_allowed(struct http_response *rs, const char *allow)
{
	http_add(rs, "Allow", allow);
	swift_error(rs, 405);
}

void swift_done(struct http_response *rs, unsigned status)
{
	if (status == 202) {
		swift_error(rs, status);
		return;
	}
	http_status(rs, status);
	http_send(rs, "text/html; charset=UTF-8", "", 0);
}
