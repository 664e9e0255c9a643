/* SPDX-License-Identifier: Apache-2.0
 *
 * Temporary URLs: whom they make of a request, and those that lead back here. */
#include "transport/url.h"

#include <string.h>
#include <strings.h>

#include "orbit/orbit_internal.h"
#include "transport/response.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

/* ---- the caller ---- */

#define KEY_TEXT 257 /* META_MAX_VALUE and the NUL */

/* The keys that may have signed; "" = none. */
struct keys {
	char account[TEMPURL_KEYS][KEY_TEXT], container[TEMPURL_KEYS][KEY_TEXT];
};

static void take_keys(const char *meta, const char *const names[static TEMPURL_KEYS],
		      char ret[static TEMPURL_KEYS][KEY_TEXT])
{
	for (size_t i = 0; i < TEMPURL_KEYS; i++) {
		if (!meta_get(meta, names[i], ret[i], KEY_TEXT))
			ret[i][0] = 0;
	}
}

static int account_keys(struct orbit *o, const char *account, struct keys *k, struct dr_err *err)
{
	static const char *const names[TEMPURL_KEYS] = {"X-Account-Meta-Temp-Url-Key",
							"X-Account-Meta-Temp-Url-Key-2"};
	struct orbit_account a = {0};
	struct dr_err e = DR_ERR_INIT;

	if (catalogue_orbit_account(o->library->catalogue, account, &a, &e) < 0 &&
	    e.code != DR_NOT_FOUND) {
		*err = e;
		return -1;
	}
	take_keys(a.meta, names, k->account);
	return 0;
}

static int container_keys(struct orbit *o, const char *account, const char *container,
			  struct keys *k, struct dr_err *err)
{
	static const char *const names[TEMPURL_KEYS] = {"X-Container-Meta-Temp-Url-Key",
							"X-Container-Meta-Temp-Url-Key-2"};
	struct container row = {0};
	struct dr_err e = DR_ERR_INIT;

	if (catalogue_container_get(o->library->catalogue, account, container, &row, &e) < 0 &&
	    e.code != DR_NOT_FOUND) {
		*err = e;
		return -1;
	}
	take_keys(row.meta, names, k->container);
	return 0;
}

static enum tempurl_verdict verify(struct orbit *o, const struct tempurl *t, const char *method,
				   const char *path, const char *fog_path, const char *peer,
				   const struct keys *k)
{
	const char *account[TEMPURL_KEYS] = {k->account[0], k->account[1]};
	const char *container[TEMPURL_KEYS] = {k->container[0], k->container[1]};
	int64_t expires;

	return tempurl_verify(t, &o->tempurls, method, path, fog_path, peer, account, container,
			      dr_wall(), &expires);
}

int orbit_tempurl(struct orbit *o, const struct tempurl *t, const char *method, const char *account,
		  const char *container, const char *object, const char *path, const char *fog_path,
		  const char *peer, struct orbit_caller *ret, struct dr_err *err)
{
	struct keys k;
	enum tempurl_verdict verdict = TEMPURL_BAD;

	if (account_keys(o, account, &k, err) < 0 ||
	    container_keys(o, account, container, &k, err) < 0)
		return -1;
	if (*object)
		verdict = verify(o, t, method, path, fog_path, peer, &k);
	explicit_bzero(&k, sizeof k);
	if (verdict != TEMPURL_BY_ACCOUNT && verdict != TEMPURL_BY_CONTAINER)
		return dr_refuse(err, DR_UNAUTHENTICATED, "tempurl",
				 "The temporary URL is not valid");
	*ret = (struct orbit_caller){
		.grant = verdict,
		.grant_account = account,
		.grant_container = container,
		.grant_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0,
		.grant_put = strcmp(method, "PUT") == 0,
		.grant_post = strcmp(method, "POST") == 0,
		.grant_delete = strcmp(method, "DELETE") == 0,
	};
	return 0;
}

/* ---- URLs of our own ---- */

/* A URL taken apart as a request for it would be (http/message.c). */
struct target {
	char path[TRANSPORT_URL_MAX + 1];     /* decoded as a whole */
	char fog_path[TRANSPORT_URL_MAX + 1]; /* the container as it was sent */
	char parts[TRANSPORT_URL_MAX + 1];    /* what the pointers point into */
	const char *account, *container, *object;
	struct tempurl t;
};

/* split_path: /v1/account/container/object; false when it is no such path. `text` is consumed. */
static bool split_path(struct target *t, char *text)
{
	char *version, *account, *container, *raw = NULL;

	if (*text++ != '/')
		return false;
	version = strsep(&text, "/");
	account = strsep(&text, "/");
	container = text ? strsep(&text, "/") : NULL;
	if (!container || !text || !*text || strcmp(version, "v1") != 0)
		return false;
	raw = strdup(container);
	if (!raw || !unquote(account, false) || !unquote(container, false) ||
	    !unquote(text, false) || !*account || !*container) {
		free(raw);
		return false;
	}
	t->account = account;
	t->container = container;
	t->object = text;
	snprintf(t->path, sizeof t->path, "/v1/%s/%s/%s", account, container, text);
	snprintf(t->fog_path, sizeof t->fog_path, "/v1/%s/%s/%s", account, raw, text);
	free(raw);
	return true;
}

/* split_query: of a parameter given twice the first counts. False when it is malformed. */
static bool split_query(struct target *t, char *text)
{
	const struct {
		const char *name;
		const char **value;
	} known[] = {
		{"temp_url_sig", &t->t.signature},
		{"temp_url_expires", &t->t.expires},
		{"temp_url_prefix", &t->t.prefix},
		{"temp_url_ip_range", &t->t.ip_range},
	};
	char *item, *value;

	while ((item = strsep(&text, "&"))) {
		value = strchr(item, '=');
		if (value)
			*value++ = 0;
		if (!unquote(item, true) || (value && !unquote(value, true)))
			return false;
		for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
			if (strcmp(item, known[i].name) == 0 && !*known[i].value)
				*known[i].value = value ? value : "";
		}
	}
	return true;
}

static bool take_apart(struct target *t, const char *url)
{
	const char *path = strchr(strstr(url, "://") + 3, '/');
	char *query;

	if (!path)
		return false;
	snprintf(t->parts, sizeof t->parts, "%s", path);
	query = strchr(t->parts, '?');
	if (query)
		*query++ = 0;
	return split_path(t, t->parts) && (!query || split_query(t, query));
}

/* answered: as the fetcher says it of a request from outside. */
static int answered(const struct dr_err *why, struct dr_err *err)
{
	static const unsigned statuses[] = {
		[DR_DENIED] = 403,
		[DR_NOT_FOUND] = 404,
		[DR_CONFLICT] = 409,
		[DR_UNAUTHENTICATED] = 401,
	};
	const size_t n = sizeof statuses / sizeof *statuses;
	const unsigned status = (size_t)why->code < n ? statuses[why->code] : 0;

	if (status == 0) { /* not the URL's fault */
		*err = *why;
		return -1;
	}
	return transport_status_refuse(status, err);
}

static int open_target(struct orbit *o, const char *url, struct orbit_object *ret,
		       struct orbit_reader **ret_reader, struct dr_err *err)
{
	dr_autofree struct target *t = calloc(1, sizeof *t);
	struct orbit_caller caller;

	if (!t)
		return dr_fail_nomem(err);
	if (!take_apart(t, url))
		return dr_fail(err, DR_NOT_FOUND, "no object's path");
	if (orbit_tempurl(o, &t->t, "GET", t->account, t->container, t->object, t->path,
			  t->fog_path, NULL, &caller, err) < 0)
		return -1;
	return orbit_object_open(o, &caller, t->account, t->container, t->object, ORBIT_CONTENT,
				 ret, ret_reader, err);
}

int orbit_open_url(struct orbit *o, const char *url, struct orbit_object *ret,
		   struct orbit_reader **ret_reader, struct dr_err *err)
{
	dr_autofree struct transport_url *u = malloc(sizeof *u);
	struct dr_err e = DR_ERR_INIT;

	if (!u)
		return dr_fail_nomem(err);
	/* What is no URL is none of ours; whoever fetches it says what is wrong with it. */
	if (transport_url_parse(u, url, &e) < 0 || !transport_url_within(u, o->public_url, "/v1/"))
		return 0;
	return open_target(o, u->text, ret, ret_reader, &e) < 0 ? answered(&e, err) : 1;
}
