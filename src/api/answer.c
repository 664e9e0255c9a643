/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers, and errors in the shape every client expects (api.md section 5). */
#include <string.h>

#include "api/api_internal.h"
#include "util/log.h"

#include "util/banned.h"

int api_respond(struct http_response *rs, unsigned status, json_t *body, struct dr_err *err)
{
	dr_autofree char *text = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	json_decref(body);
	if (!text)
		return dr_err_is_set(err) ? -1 : dr_fail_nomem(err);
	http_status(rs, status);
	http_send(rs, API_JSON_TYPE, text, strlen(text));
	return 0;
}

int api_send(struct api_call *c, unsigned status, json_t *body, struct dr_err *err)
{
	return api_respond(c->rs, status, body, err);
}

int api_append(json_t *list, json_t *item, struct dr_err *err)
{
	if (json_array_append_new(list, item) == 0)
		return 0;
	return dr_err_is_set(err) ? -1 : dr_fail_nomem(err);
}

/* For bodies of errors: what cannot even be said is an empty answer with the right status. */
static void respond_error(struct http_response *rs, unsigned status, json_t *body)
{
	struct dr_err err = DR_ERR_INIT;

	if (api_respond(rs, status, body, &err) < 0)
		http_refuse(rs, 503, "unavailable", "Out of memory, try again");
}

void api_error(struct http_response *rs, unsigned status, const char *name, const char *message)
{
	respond_error(rs, status, json_pack("{s:s, s:[s]}", "error_name", name, "errors", message));
}

void api_oauth_error(struct http_response *rs, unsigned status, const char *error,
		     const char *description)
{
	respond_error(rs, status,
		      json_pack("{s:s, s:s}", "error", error, "error_description", description));
}

static void invalid(struct http_response *rs, const struct dr_err *err,
		    const struct problems *problems)
{
	json_t *errors = json_array();

	for (unsigned i = 0; problems && i < problems->count; i++)
		json_array_append_new(errors, json_string(problems->text[i]));
	if (json_array_size(errors) == 0)
		json_array_append_new(errors, json_string(err->msg));
	respond_error(
		rs, 422,
		json_pack("{s:s, s:o}", "error_name", "unprocessable_entity", "errors", errors));
}

static void unavailable(struct http_response *rs, const char *message)
{
	http_add(rs, "Retry-After", "5");
	api_error(rs, 503, "unavailable", message);
}

void api_fail(const struct http_request *rq, struct http_response *rs, const struct dr_err *err,
	      const struct problems *problems)
{
	const char *reason = err->reason;

	switch (err->code) {
	case DR_INVALID:
	case DR_UNSUPPORTED:
		if (strcmp(reason, "bad_request") == 0)
			api_error(rs, 400, "bad_request", err->msg);
		else
			invalid(rs, err, problems);
		return;
	case DR_DENIED:
		api_error(rs, 403, "forbidden", err->msg);
		return;
	case DR_NOT_FOUND:
		/* Always the same words: what is hidden must look like what does not exist. */
		api_error(rs, 404, "missing_resource", "Resource not found");
		return;
	case DR_CONFLICT:
		api_error(rs, 409,
			  strcmp(reason, "resource_locked") == 0 ? reason : "resource_conflict",
			  err->msg);
		return;
	case DR_LIMIT:
		if (strcmp(reason, "no-space") == 0)
			unavailable(rs, "The service has no space left, try again later");
		else
			api_error(rs, 403, "account_limit_reached", err->msg);
		return;
	case DR_UNAUTHENTICATED:
		api_oauth_error(rs, 401, *reason ? reason : "invalid_token", err->msg);
		return;
	case DR_BUSY:
	case DR_NO_MEMORY:
	case DR_CANCELLED:
		unavailable(rs, "The service is busy, try again");
		return;
	case DR_OK:
	case DR_CORRUPT:
	case DR_REMOTE:
	case DR_IO:
		break;
	}
	/* Ours, not theirs: the log says what, the client only that. */
	dr_log(DR_ERROR, "what=api request=%s code=%s error=\"%s\"", http_request_id(rq),
	       dr_code_name(err->code), err->msg);
	api_error(rs, 500, "internal_error", "Internal error");
}
