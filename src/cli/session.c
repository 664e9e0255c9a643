/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/session.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/prompt.h"
#include "cli/session_internal.h"
#include "cli/text.h"
#include "util/str.h"

#include "util/banned.h"

#define MAX_HEADERS 4 /* beside the token's */
#define ERROR_BODY_MAX ((size_t)64 << 10)

/* need: a key the section cannot do without. */
static const char *need(const struct config *c, const char *key, struct dr_err *err)
{
	const char *value = config_value(c, key);

	if (!value)
		dr_fail(err, DR_INVALID, "%s option missing from config in section %s", key,
			c->client);
	return value;
}

static int set_up(struct session *s, struct dr_err *err)
{
	const struct config *c = s->config;
	const char *client_id = config_value(c, "client_id");
	const char *auth_url = config_value(c, "auth_url");
	const char *api_url;

	if (!c->client || !ini_has(c->ini, c->client))
		return dr_fail(err, DR_INVALID, "client id or alias \"%s\" not defined in config",
			       c->client ? c->client : "");
	/* client_add leaves an empty `username` behind, so its presence decides nothing here. */
	s->is_user = !client_id || !dr_starts(client_id, "cli-");
	api_url = need(c, "api_url", err);
	if (!api_url || !need(c, s->is_user ? "username" : "secret", err))
		return -1;
	if (web_origin(api_url, &s->api, err) < 0)
		return dr_while(err, "api_url of section %s", c->client);
	if (web_origin(auth_url ? auth_url : api_url, &s->auth, err) < 0)
		return dr_while(err, "auth_url of section %s", c->client);
	if (config_token_load(c, CONFIG_ACCESS_TOKEN, &s->access, err) < 0)
		return -1;
	return s->is_user ? config_token_load(c, CONFIG_REFRESH_TOKEN, &s->refresh, err) : 0;
}

int session_open(struct session **ret, struct config *config, const struct web_options *options,
		 struct dr_err *err)
{
	DR_CLEANUP(session_closep) struct session *s = calloc(1, sizeof *s);

	if (!s)
		return dr_fail_nomem(err);
	s->config = config;
	s->options = *options;
	s->options.persistent = !dr_streq(config_value(config, "persistent"), "false");
	if (set_up(s, err) < 0 || session_connect(s, &s->web, err) < 0)
		return -1;
	*ret = DR_STEAL(s);
	return 0;
}

void session_close(struct session *s)
{
	if (!s)
		return;
	web_close(s->web);
	free(s->api);
	free(s->auth);
	secret_free(s->access);
	secret_free(s->refresh);
	buf_done(&s->reply);
	buf_done(&s->error);
	free(s);
}

/* api_sentences: "errors" joined by blanks, or "error" (api.md section 5). */
static void api_sentences(struct buf *out, const struct buf *body)
{
	json_auto json_t *j = json_loadb(buf_str(body), body->len, 0, NULL);
	const json_t *errors = json_object_get(j, "errors");
	const char *one = json_string_value(json_object_get(j, "error"));

	buf_clear(out);
	for (size_t i = 0; i < json_array_size(errors); i++) {
		const char *text = json_string_value(json_array_get(errors, i));

		if (text)
			buf_printf(out, "%s%s", out->len ? " " : "", text);
	}
	if (out->len == 0 && json_is_string(errors))
		buf_puts(out, json_string_value(errors));
	if (out->len == 0 && one)
		buf_puts(out, one);
}

int session_fail(struct session *s, long status, const char *what, struct dr_err *err)
{
	enum dr_code code = DR_REMOTE;

	if (status == 503)
		return dr_refuse(err, DR_BUSY, SESSION_UNAVAILABLE, "Api currently unavailable");
	if (status == 400 || status == 422)
		code = DR_INVALID;
	else if (status == 401)
		code = DR_UNAUTHENTICATED;
	else if (status == 403)
		code = DR_DENIED;
	else if (status == 404)
		code = DR_NOT_FOUND;
	else if (status == 409)
		code = DR_CONFLICT;
	api_sentences(&s->error, &s->reply);
	if (s->error.len > 0)
		return dr_refuse(err, code, SESSION_ERROR, "%s", buf_str(&s->error));
	return dr_fail(err, code, "%s was answered with HTTP status %ld", what, status);
}

/* authorized: perform with a token, and once more with a new one after a 401. The status. */
static int authorized(struct session *s, const char *token_header, const struct web_request *asked,
		      struct dr_err *err)
{
	const char *headers[MAX_HEADERS + 2] = {NULL};
	struct web_request req = *asked;
	int got;

	for (size_t i = 0; asked->headers && asked->headers[i]; i++) {
		assert(i < MAX_HEADERS);
		headers[i + 1] = asked->headers[i];
	}
	req.headers = headers;
	for (int attempt = 0;; attempt++) {
		dr_autobuf struct buf auth = BUF_INIT;

		if (!s->access || attempt > 0) {
			got = session_acquire(s, err);
			if (got < 0)
				return -1;
			if (got == 0)
				return dr_fail(err, DR_UNAUTHENTICATED, "not logged in");
		}
		buf_printf(&auth, "%s%s", token_header, s->access);
		headers[0] = buf_str(&auth);
		buf_clear(&s->reply);
		got = web_perform(s->web, &req, &s->reply, err);
		if (got != 401 || attempt > 0)
			return got;
	}
}

static int make_url(const struct session *s, const char *path, unsigned flags, struct buf *url,
		    struct dr_err *err)
{
	const char *account = flags & SESSION_ACCOUNT ? config_account(s->config) : NULL;

	if (account && !text_id(account))
		return dr_fail(err, DR_INVALID, "'%.80s' is not an account id", account);
	buf_printf(url, "%s%s", s->api, path);
	if (account)
		buf_printf(url, "?account_id=%s", account);
	if (flags & SESSION_FLAT)
		buf_printf(url, "%snested=false", account ? "&" : "?");
	return buf_check(url, err);
}

int session_call(struct session *s, const char *method, const char *path, unsigned flags,
		 const json_t *body, json_t **ret, struct dr_err *err)
{
	static const char *const headers[] = {"Content-Type: application/json",
					      "Accept: application/json", NULL};
	dr_autobuf struct buf url = BUF_INIT;
	secret_auto char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct web_request req = {
		.method = method, .body = text, .headers = headers, .sink = &s->watch};
	int status;

	if (body && !text)
		return dr_fail_nomem(err);
	if (make_url(s, path, flags, &url, err) < 0)
		return -1;
	req.url = buf_str(&url);
	status = authorized(s, "Authorization: Bearer ", &req, err);
	if (status < 0)
		return -1;
	if (status < 200 || status > 299) {
		buf_clear(&url);
		buf_printf(&url, "%s %s", method, path);
		return session_fail(s, status, buf_str(&url), err);
	}
	if (!ret)
		return 0;
	*ret = json_loadb(buf_str(&s->reply), s->reply.len, 0, NULL);
	if (!*ret)
		return dr_fail(err, DR_REMOTE, "the answer to %s %s is not JSON", method, path);
	return 0;
}

static void remember(const struct session *s, const json_t *object)
{
	const char *id = json_string_value(json_object_get(object, "id"));

	if (id)
		config_remember(s->config, id);
}

int session_find(struct session *s, const char *collection, const char *id, unsigned flags,
		 json_t **ret, struct dr_err *err)
{
	dr_autobuf struct buf path = BUF_INIT;
	struct dr_err why = DR_ERR_INIT;

	if (!text_id(id))
		return 0;
	buf_printf(&path, "%s/%s", collection, id);
	if (session_call(s, "GET", buf_str(&path), flags, NULL, ret, &why) < 0) {
		if (why.code == DR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	remember(s, *ret);
	return 1;
}

int session_list(struct session *s, const char *path, unsigned flags, json_t **ret,
		 struct dr_err *err)
{
	if (session_call(s, "GET", path, flags, NULL, ret, err) < 0)
		return -1;
	if (!json_is_array(*ret)) {
		json_decref(*ret);
		*ret = NULL;
		return dr_fail(err, DR_REMOTE, "the answer to GET %s is not a list", path);
	}
	for (size_t i = 0; i < json_array_size(*ret); i++)
		remember(s, json_array_get(*ret, i));
	return 0;
}

struct divert {
	struct session *s;
	const struct web_sink *sink;
};

/* divert_take: the caller gets the bytes it asked for; an error's text is ours to read. */
static int divert_take(void *arg, const void *p, size_t len, struct dr_err *err)
{
	struct divert *d = arg;
	long status = web_status(d->s->web);

	if (status >= 200 && status <= 299)
		return d->sink->take(d->sink->arg, p, len, err);
	if (d->s->reply.len + len <= ERROR_BODY_MAX)
		buf_append(&d->s->reply, p, len);
	return 0;
}

static bool divert_tick(void *arg)
{
	struct divert *d = arg;

	return d->sink->tick && d->sink->tick(d->sink->arg);
}

int session_download(struct session *s, const char *url, const char *const *headers,
		     const struct web_sink *sink, struct dr_err *err)
{
	struct divert d = {s, sink};
	struct web_sink wrapped = {divert_take, divert_tick, &d};
	struct web_request req = {
		.method = "GET", .url = url, .headers = headers, .sink = &wrapped};
	int status = authorized(s, "X-Auth-Token: ", &req, err);

	if (status < 0 || (status >= 200 && status <= 299) || status == 416)
		return status;
	return session_fail(s, status, "the download", err);
}

int session_connect(const struct session *s, struct web **ret, struct dr_err *err)
{
	return web_open(ret, &s->options, err);
}

const struct web *session_web(const struct session *s)
{
	return s->web;
}

void session_set_tick(struct session *s, bool (*tick)(void *arg), void *arg)
{
	s->watch = (struct web_sink){.tick = tick, .arg = arg};
}

const char *session_api_origin(const struct session *s)
{
	return s->api;
}

const char *session_access_token(const struct session *s)
{
	return s->access;
}

const char *session_refresh_token(const struct session *s)
{
	return s->refresh;
}

const char *session_error(const struct session *s)
{
	return buf_str(&s->error);
}
