/* SPDX-License-Identifier: Apache-2.0
 *
 * Request bodies: what a client sent, member by member. Unknown members are ignored, for real
 * clients send some. */
#include <stdarg.h>
#include <string.h>

#include "api/api_internal.h"
#include "util/clock.h"

#include "util/banned.h"

int api_body_parse(json_t **ret, const void *p, size_t len, struct dr_err *err)
{
	json_error_t problem;
	json_t *body;

	if (len == 0)
		body = json_object();
	else
		body = json_loadb(p, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
	if (json_is_null(body))
		body = json_object();
	if (!body && len == 0)
		return dr_fail_nomem(err);
	if (!body)
		return dr_refuse(err, DR_INVALID, "bad_request",
				 "The request body is not valid JSON (line %d, column %d)",
				 problem.line, problem.column);
	if (!json_is_object(body)) {
		json_decref(body);
		return dr_refuse(err, DR_INVALID, "bad_request",
				 "The request body is not a JSON object");
	}
	*ret = body;
	return 0;
}

void api_problem(struct api_call *c, const char *fmt, ...)
{
	size_t room = sizeof c->problems.text / sizeof *c->problems.text;
	va_list ap;

	if (c->problems.count == room)
		return;
	va_start(ap, fmt);
	vsnprintf(c->problems.text[c->problems.count++], sizeof *c->problems.text, fmt, ap);
	va_end(ap);
}

int api_problems(const struct api_call *c, struct dr_err *err)
{
	if (c->problems.count == 0)
		return 0;
	return dr_fail(err, DR_INVALID, "%s", c->problems.text[0]);
}

/* A member of one of two types, or null. */
static json_t *member(struct api_call *c, const char *name, json_type type, json_type other,
		      const char *type_name)
{
	json_t *v = json_object_get(c->body, name);

	if (!v || json_is_null(v) || json_typeof(v) == type || json_typeof(v) == other)
		return v;
	api_problem(c, "%s must be %s", name, type_name);
	return NULL;
}

bool api_text(struct api_call *c, const char *name, const char **ret)
{
	json_t *v = member(c, name, JSON_STRING, JSON_STRING, "a string");

	if (v)
		*ret = json_string_value(v);
	return v != NULL;
}

bool api_bool(struct api_call *c, const char *name, bool *ret)
{
	json_t *v = member(c, name, JSON_TRUE, JSON_FALSE, "true or false");

	if (v && !json_is_null(v))
		*ret = json_is_true(v);
	return v != NULL;
}

bool api_u64(struct api_call *c, const char *name, uint64_t *ret)
{
	json_t *v = member(c, name, JSON_INTEGER, JSON_INTEGER, "an integer");

	if (v && !json_is_null(v)) {
		if (json_integer_value(v) < 0) {
			api_problem(c, "%s must not be negative", name);
			return false;
		}
		*ret = (uint64_t)json_integer_value(v);
	}
	return v != NULL;
}

const char *api_url(const struct api_call *c, const char *collection, const char *id,
		    char ret[static API_URL_TEXT])
{
	snprintf(ret, API_URL_TEXT, "%s/1.0/%s/%s", http_base_url(c->rq), collection, id);
	return ret;
}

json_t *api_time(int64_t t)
{
	char text[DR_TIME_TEXT];

	if (t == 0)
		return json_null();
	dr_time_iso(t, text);
	return json_string(text);
}

json_t *api_text_or_null(const char *s)
{
	return *s ? json_string(s) : json_null();
}
