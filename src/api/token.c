/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /token (api.md section 1.1): four combinations of path and encoding, one answer. */
#include <string.h>
#include <strings.h>

#include "api/api_internal.h"
#include "util/str.h"

#include "util/banned.h"

#define FIELD_TEXT 1024

/* The members of a request, whichever way it was encoded. */
struct fields {
	char grant_type[32], client_id[64], client_secret[FIELD_TEXT], username[FIELD_TEXT],
		password[FIELD_TEXT], refresh_token[FIELD_TEXT], scope[FIELD_TEXT];
	bool has_username, has_password, has_refresh_token, has_scope;
};

static void fields_done(struct fields *f)
{
	explicit_bzero(f, sizeof *f);
}

/* Where members come from: a JSON object, or form text. */
struct source {
	json_t *json;
	const char *form;
	size_t form_len;
};

static void source_done(struct source *s)
{
	json_decref(s->json);
}

static int malformed(struct dr_err *err, const char *what)
{
	return dr_refuse(err, DR_INVALID, "invalid_request", "%s", what);
}

static int take(const struct source *s, const char *name, char *ret, size_t size, bool *ret_has,
		struct dr_err *err)
{
	const json_t *v;
	int found;

	*ret_has = false;
	if (!s->json) {
		found = http_form(s->form, s->form_len, name, ret, size);
	} else {
		v = json_object_get(s->json, name);
		found = v && !json_is_null(v);
		if (found && (!json_is_string(v) || !dr_copy(ret, size, json_string_value(v))))
			found = -1;
	}
	*ret_has = found > 0;
	return found < 0 ? malformed(err, "A member of the request is malformed") : 0;
}

/* fog sends JSON, go a form; without a Content-Type the first byte tells. */
static int open_source(struct source *s, const struct http_request *rq, struct dr_err *err)
{
	const char *type = http_header(rq, "Content-Type");
	const char *text = http_body(rq, &s->form_len);
	size_t blanks = strspn(text, " \t\r\n");

	s->form = text;
	if (type ? strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0
		 : text[blanks] != '{')
		return 0;
	if (api_body_parse(&s->json, text, s->form_len, err) < 0) {
		dr_err_clear(err);
		return malformed(err, "The request body is not valid JSON");
	}
	return 0;
}

static int read_fields(struct fields *f, const struct http_request *rq, struct dr_err *err)
{
	DR_CLEANUP(source_done) struct source s = {0};
	bool has_grant, has_id, has_secret;

	if (open_source(&s, rq, err) < 0 ||
	    take(&s, "grant_type", f->grant_type, sizeof f->grant_type, &has_grant, err) < 0 ||
	    take(&s, "client_id", f->client_id, sizeof f->client_id, &has_id, err) < 0 ||
	    take(&s, "client_secret", f->client_secret, FIELD_TEXT, &has_secret, err) < 0 ||
	    take(&s, "username", f->username, FIELD_TEXT, &f->has_username, err) < 0 ||
	    take(&s, "password", f->password, FIELD_TEXT, &f->has_password, err) < 0 ||
	    take(&s, "refresh_token", f->refresh_token, FIELD_TEXT, &f->has_refresh_token, err) <
		    0 ||
	    take(&s, "scope", f->scope, FIELD_TEXT, &f->has_scope, err) < 0)
		return -1;
	if (!has_grant)
		return malformed(err, "The grant_type is missing");
	/* The header wins: RFC 6749 section 2.3.1 makes it the form every server supports. */
	if (http_header(rq, "Authorization") &&
	    !http_basic(rq, f->client_id, sizeof f->client_id, f->client_secret, FIELD_TEXT))
		f->client_id[0] = 0;
	return 0;
}

static int choose_grant(struct token_request *ask, const struct fields *f, struct dr_err *err)
{
	ask->client_id = f->client_id;
	ask->client_secret = f->client_secret;
	ask->scope = f->has_scope && f->scope[0] ? f->scope : NULL;
	if (strcmp(f->grant_type, "client_credentials") == 0) {
		ask->grant = GRANT_CLIENT_CREDENTIALS;
		return 0;
	}
	if (strcmp(f->grant_type, "password") == 0) {
		ask->grant = GRANT_PASSWORD;
		ask->username = f->username;
		ask->password = f->password;
		return f->has_username && f->has_password
			       ? 0
			       : malformed(err, "The username or password is missing");
	}
	if (strcmp(f->grant_type, "refresh_token") == 0) {
		ask->grant = GRANT_REFRESH;
		ask->refresh_token = f->refresh_token;
		return f->has_refresh_token ? 0 : malformed(err, "The refresh_token is missing");
	}
	return dr_refuse(err, DR_INVALID, "unsupported_grant_type",
			 "The grant type is not supported");
}

static json_t *grant_json(const struct token_grant *g)
{
	const char *scope = !g->scope_orbit            ? "infrastructure"
			    : !g->scope_infrastructure ? "orbit"
						       : "infrastructure, orbit";
	json_t *body =
		json_pack("{s:s, s:s}", "access_token", g->access_token, "token_type", "Bearer");

	if (g->refresh_token[0])
		json_object_set_new(body, "refresh_token", json_string(g->refresh_token));
	json_object_set_new(body, "scope", json_string(scope));
	json_object_set_new(body, "expires_in", json_integer(g->expires_in));
	return body;
}

static void refuse(const struct http_request *rq, struct http_response *rs,
		   const struct dr_err *err)
{
	const char *reason = err->reason[0] ? err->reason : "invalid_request";

	switch ((int)err->code) {
	case DR_UNAUTHENTICATED:
		http_add(rs, "WWW-Authenticate", "Basic realm=\"Darkroom\"");
		api_oauth_error(rs, 401, err->reason[0] ? err->reason : "invalid_client", err->msg);
		return;
	case DR_INVALID:
	case DR_DENIED: /* never 403: it would crash the clients */
	case DR_NOT_FOUND:
		api_oauth_error(rs, 400, reason, err->msg);
		return;
	default:
		api_fail(rq, rs, err, NULL);
	}
}

void api_token(struct library *l, struct http_request *rq, struct http_response *rs)
{
	DR_CLEANUP(fields_done) struct fields f = {0};
	struct token_request ask = {0};
	struct token_grant grant;
	struct dr_err err = DR_ERR_INIT;

	http_add(rs, "Cache-Control", "no-store");
	if (read_fields(&f, rq, &err) < 0 || choose_grant(&ask, &f, &err) < 0 ||
	    auth_token(l->catalogue, &ask, &grant, &err) < 0) {
		refuse(rq, rs, &err);
		return;
	}
	if (api_respond(rs, 200, grant_json(&grant), &err) < 0)
		refuse(rq, rs, &err);
	explicit_bzero(&grant, sizeof grant);
}
