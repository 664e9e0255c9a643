/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/remote.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/env.h"
#include "cli/prompt.h"
#include "cli/session_internal.h"
#include "cli/text.h"
#include "util/mutex.h"
#include "util/str.h"

#include "util/banned.h"

#define REPLY_MAX ((size_t)32 << 20) /* a page of a listing, a manifest */
#define ERROR_BODY_MAX ((size_t)64 << 10)
#define CONTAINER_BYTES 255 /* api.md section 7.1 */
#define NAME_BYTES 1024

struct remote {
	struct session *session; /* borrowed; its tokens under `lock` */
	struct dr_mutex lock;
	struct web *web; /* owned */
	char *origin;    /* owned */
	char *path;      /* owned */
};

int remote_origin_of(const struct config *config, const char *api_origin, char **ret,
		     struct dr_err *err)
{
	const char *url = env_get("BRIGHTBOX_ORBIT_URL");

	if (!url)
		url = config_value(config, "orbit_url");
	if (web_origin(url ? url : api_origin, ret, err) < 0)
		return dr_while(err, "the URL of Orbit");
	return 0;
}

/* choose_account: as configured, else whose the credentials are. */
static int choose_account(struct remote *r, const struct config *config, struct dr_err *err)
{
	const char *id = config_account(config);
	json_auto json_t *account = NULL;
	dr_autobuf struct buf path = BUF_INIT;

	if (!id) {
		if (session_call(r->session, "GET", "/1.0/account", SESSION_FLAT, NULL, &account,
				 err) < 0)
			return dr_while(err, "which account is meant (--account tells)");
		id = view_text(account, "id");
	}
	if (!text_id(id))
		return dr_fail(err, DR_INVALID, "'%.80s' is not an account id", id);
	buf_printf(&path, "/v1/%s", id);
	r->path = buf_steal(&path);
	return r->path ? 0 : dr_fail_nomem(err);
}

int remote_open(struct remote **ret, struct cli *cli, struct dr_err *err)
{
	DR_CLEANUP(remote_closep) struct remote *r = calloc(1, sizeof *r);

	if (!r)
		return dr_fail_nomem(err);
	dr_mutex_init(&r->lock);
	if (cli_session(cli, &r->session, err) < 0 ||
	    remote_origin_of(cli->config, session_api_origin(r->session), &r->origin, err) < 0 ||
	    choose_account(r, cli->config, err) < 0 || remote_connect(r, &r->web, err) < 0)
		return -1;
	*ret = DR_STEAL(r);
	return 0;
}

void remote_close(struct remote *r)
{
	if (!r)
		return;
	web_close(r->web);
	dr_mutex_done(&r->lock);
	free(r->origin);
	free(r->path);
	free(r);
}

const char *remote_origin(const struct remote *r)
{
	return r->origin;
}

const char *remote_path(const struct remote *r)
{
	return r->path;
}

struct web *remote_web(const struct remote *r)
{
	return r->web;
}

int remote_connect(const struct remote *r, struct web **ret, struct dr_err *err)
{
	return session_connect(r->session, ret, err);
}

/* get_token: one that is not `stale` (NULL: any). 1, or 0: there is none to be had. */
static int get_token(struct remote *r, const char *stale, char **ret, struct dr_err *err)
{
	struct session *s = r->session;
	int got = 1;

	dr_lock(&r->lock);
	if (!s->access || dr_streq(s->access, stale))
		got = session_acquire(s, err);
	if (got > 0) {
		*ret = strdup(s->access);
		got = *ret ? 1 : dr_fail_nomem(err);
	}
	dr_unlock(&r->lock);
	return got;
}

/* What the caller's sink gets of an answer, and what of it is ours. */
struct reply {
	const struct web_sink *sink; /* NULL: none */
	struct web *web;
	struct buf *text;
};

static int take(void *arg, const void *p, size_t len, struct dr_err *err)
{
	struct reply *reply = arg;
	long status = web_status(reply->web);

	if (reply->sink && reply->sink->take && status >= 200 && status <= 299)
		return reply->sink->take(reply->sink->arg, p, len, err);
	if (reply->text->len + len <= (status > 299 ? ERROR_BODY_MAX : REPLY_MAX))
		buf_append(reply->text, p, len);
	else if (status <= 299)
		return dr_fail(err, DR_REMOTE, "the answer is too long");
	return buf_check(reply->text, err);
}

static bool tick(void *arg)
{
	const struct reply *reply = arg;

	return reply->sink && reply->sink->tick && reply->sink->tick(reply->sink->arg);
}

/* perform: one try with one token. */
static int perform(struct web *web, const struct web_request *req, const char *token,
		   const struct remote_call *call, struct dr_err *err)
{
	const char *headers[REMOTE_HEADERS + 4] = {NULL};
	struct web_request mine = *req;
	dr_autobuf struct buf auth = BUF_INIT;
	size_t n = 0;

	buf_printf(&auth, "X-Auth-Token: %s", token);
	headers[n++] = buf_str(&auth);
	if (!call->sink && !call->body && !call->source)
		headers[n++] = "Accept: application/json";
	for (size_t i = 0; call->headers && call->headers[i]; i++) {
		assert(i < REMOTE_HEADERS);
		headers[n++] = call->headers[i];
	}
	mine.headers = headers;
	return web_perform(web, &mine, NULL, err);
}

int remote_call(struct remote *r, struct web *web, const struct remote_call *call,
		struct buf *reply, struct dr_err *err)
{
	struct reply mine = {.sink = call->sink, .web = web, .text = reply};
	struct web_sink sink = {take, tick, &mine};
	dr_autobuf struct buf url = BUF_INIT;
	struct web_request req = {
		.method = call->method, .body = call->body, .source = call->source, .sink = &sink};
	secret_auto char *token = NULL;
	secret_auto char *fresh = NULL;
	int status;

	buf_printf(&url, "%s%s", r->origin, r->path);
	for (int i = 0; i < 2; i++) {
		const char *part = i == 0 ? call->container : call->name;

		if (part) {
			buf_putc(&url, '/');
			remote_encode(&url, part);
		}
	}
	if (call->query)
		buf_printf(&url, "?%s", call->query);
	if (buf_check(&url, err) < 0)
		return -1;
	req.url = buf_str(&url);
	status = get_token(r, NULL, &token, err);
	if (status < 0)
		return -1;
	if (status == 0)
		return dr_fail(err, DR_UNAUTHENTICATED, "not logged in");
	buf_clear(reply);
	status = perform(web, &req, token, call, err);
	if (status != 401)
		return status;
	status = get_token(r, token, &fresh, err);
	if (status <= 0)
		return status < 0 ? -1 : dr_fail(err, DR_UNAUTHENTICATED, "not logged in");
	buf_clear(reply);
	status = perform(web, &req, fresh, call, err);
	return status == 401 ? dr_fail(err, DR_UNAUTHENTICATED, "not logged in") : status;
}

int remote_fail(const struct remote_call *call, int status, struct dr_err *err)
{
	dr_autobuf struct buf what = BUF_INIT;
	const char *c = call->container ? call->container : "the account";

	buf_printf(&what, "%.200s%s%.150s", c, call->name ? "/" : "", call->name ? call->name : "");
	switch (status) {
	case 403:
		return dr_fail(err, DR_DENIED, "%s: this is not allowed%s", buf_str(&what),
			       dr_streq(call->container, "images")
				       ? "; images are changed by brightbox images"
				       : "");
	case 404:
		return dr_fail(err, DR_NOT_FOUND, "%s: there is none", buf_str(&what));
	case 409:
		return dr_fail(err, DR_CONFLICT, "%s: it is in use or not empty", buf_str(&what));
	case 412:
		return dr_fail(err, DR_CONFLICT, "%s: it was changed meanwhile", buf_str(&what));
	case 413:
		return dr_fail(
			err, DR_LIMIT,
			"%s: it is larger than an object may be, or over the quota of "
			"the container or the account: remove something, or ask the operator",
			buf_str(&what));
	case 422:
		return dr_fail(err, DR_CORRUPT, "%s: it arrived with other bytes", buf_str(&what));
	case 503:
		return dr_fail(err, DR_BUSY, "%s: the service is busy", buf_str(&what));
	case 507:
		return dr_fail(err, DR_LIMIT, "%s: the service has no room", buf_str(&what));
	default:
		return dr_fail(err, DR_REMOTE, "%s %s was answered with HTTP status %d",
			       call->method, buf_str(&what), status);
	}
}

int remote_done(struct remote *r, struct web *web, const struct remote_call *call,
		struct buf *reply, struct dr_err *err)
{
	int status = remote_call(r, web, call, reply, err);

	if (status < 0)
		return -1;
	return status >= 200 && status <= 299 ? status : remote_fail(call, status, err);
}

static void put_parameter(struct buf *query, const char *name, const char *value)
{
	if (!value)
		return;
	buf_printf(query, "&%s=", name);
	remote_encode(query, value);
}

/* name_of: what a row is listed by. */
static const char *name_of(const json_t *row)
{
	const char *name = view_text(row, "name");

	return *name ? name : view_text(row, "subdir");
}

int remote_list(struct remote *r, struct web *web, const struct remote_listing *listing,
		struct dr_err *err)
{
	dr_autobuf struct buf query = BUF_INIT;
	dr_autobuf struct buf reply = BUF_INIT_MAX(REPLY_MAX);
	dr_autobuf struct buf marker = BUF_INIT;
	size_t rows;

	do {
		struct remote_call call = {.method = "GET", .container = listing->container};
		json_auto json_t *page = NULL;

		buf_clear(&query);
		buf_puts(&query, "format=json");
		put_parameter(&query, "prefix", listing->prefix);
		put_parameter(&query, "delimiter", listing->delimiter);
		put_parameter(&query, "marker", marker.len ? buf_str(&marker) : NULL);
		if (buf_check(&query, err) < 0)
			return -1;
		call.query = buf_str(&query);
		if (remote_done(r, web, &call, &reply, err) < 0)
			return -1;
		page = json_loadb(buf_str(&reply), reply.len, 0, NULL);
		rows = json_array_size(page);
		if (!json_is_array(page))
			return dr_fail(err, DR_REMOTE, "the listing is not JSON");
		if (rows == 0)
			break;
		buf_clear(&marker);
		buf_puts(&marker, name_of(json_array_get(page, rows - 1)));
		if (marker.len == 0)
			return dr_fail(err, DR_REMOTE, "the listing has a row without a name");
		if (listing->page(listing->arg, page, err) < 0)
			return -1;
	} while (rows > 0);
	return 0;
}

int remote_make(struct remote *r, struct web *web, const char *container, struct dr_err *err)
{
	struct remote_call call = {.method = "PUT", .container = container};
	dr_autobuf struct buf reply = BUF_INIT;

	return remote_done(r, web, &call, &reply, err) < 0 ? -1 : 0;
}

int remote_remove_bulk(struct remote *r, struct web *web, const char *lines, struct dr_err *err)
{
	static const char *const headers[] = {"Content-Type: text/plain",
					      "Accept: application/json", NULL};
	struct remote_call call = {
		.method = "POST", .query = "bulk-delete", .headers = headers, .body = lines};
	dr_autobuf struct buf reply = BUF_INIT;
	json_auto json_t *answer = NULL;
	const json_t *first;

	if (remote_done(r, web, &call, &reply, err) < 0)
		return -1;
	answer = json_loadb(buf_str(&reply), reply.len, 0, NULL);
	first = json_array_get(json_object_get(answer, "Errors"), 0);
	if (first)
		return dr_fail(err, DR_REMOTE, "%.200s was not removed: %.80s",
			       json_string_value(json_array_get(first, 0)),
			       json_string_value(json_array_get(first, 1)));
	if (!dr_starts(view_text(answer, "Response Status"), "200"))
		return dr_fail(err, DR_REMOTE, "the objects were not removed: %.80s",
			       view_text(answer, "Response Status"));
	return 0;
}

void remote_encode(struct buf *out, const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~/"; /* RFC 3986 section 2.3, and the slash */

	for (; *name; name++) {
		if (strchr(plain, *name))
			buf_putc(out, *name);
		else
			buf_printf(out, "%%%02X", (unsigned char)*name);
	}
}

int place_parse(struct place *p, const char *word, struct dr_err *err)
{
	size_t len = strcspn(word, "/");
	const char *name = word[len] ? word + len + 1 : "";

	*p = (struct place){NULL, NULL};
	if (len == 0 || len > CONTAINER_BYTES || strlen(name) > NAME_BYTES ||
	    !dr_utf8_valid(word, strlen(word)))
		return dr_fail(err, DR_INVALID,
			       "'%.80s' is no container or container/name: they have up to %d and "
			       "%d bytes of UTF-8",
			       word, CONTAINER_BYTES, NAME_BYTES);
	p->container = strndup(word, len);
	p->name = *name ? strdup(name) : NULL;
	return p->container && (!*name || p->name) ? 0 : dr_fail_nomem(err);
}

void place_done(struct place *p)
{
	free(p->container);
	free(p->name);
}
