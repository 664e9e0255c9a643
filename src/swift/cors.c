/* SPDX-License-Identifier: Apache-2.0
 *
 * Cross-origin requests (fetch.spec.whatwg.org section 3.2): what the owner of a container allows
 * browsers, by metadata of the container. A preflight carries no credentials by definition, so this
 * metadata is looked at without asking who wants it; nothing else is. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "swift/swift_internal.h"

#include "util/banned.h"

#define OBJECT_METHODS "COPY, DELETE, GET, HEAD, OPTIONS, POST, PUT"
#define CONTAINER_METHODS "DELETE, GET, HEAD, OPTIONS, POST, PUT"
#define ACCOUNT_METHODS "GET, HEAD, OPTIONS, POST"

struct cors {
	char origins[1024], max_age[32], expose[1024];
};

/* False without such a container, too. */
static bool cors_of(const struct swift_call *c, struct cors *ret)
{
	dr_autofree struct container *k = malloc(sizeof *k);
	struct dr_err err = DR_ERR_INIT;

	*ret = (struct cors){0};
	if (!k || !*c->container ||
	    catalogue_container_get(c->orbit->library->catalogue, c->account, c->container, k,
				    &err) < 0)
		return false;
	meta_get(k->meta, "X-Container-Meta-Access-Control-Max-Age", ret->max_age,
		 sizeof ret->max_age);
	meta_get(k->meta, "X-Container-Meta-Access-Control-Expose-Headers", ret->expose,
		 sizeof ret->expose);
	return meta_get(k->meta, "X-Container-Meta-Access-Control-Allow-Origin", ret->origins,
			sizeof ret->origins);
}

/* One of a list, separated by blanks; "*" is every origin. */
static bool allows(const struct cors *k, const char *origin)
{
	size_t len = strlen(origin), n;

	for (const char *p = k->origins; *p; p += n) {
		p += strspn(p, " ");
		n = strcspn(p, " ");
		if ((n == 1 && *p == '*') || (n == len && len > 0 && memcmp(p, origin, n) == 0))
			return true;
	}
	return false;
}

static void add_origin(struct http_response *rs, const struct cors *k, const char *origin)
{
	if (strcmp(k->origins, "*") == 0) {
		http_add(rs, "Access-Control-Allow-Origin", "*");
		return;
	}
	http_add(rs, "Access-Control-Allow-Origin", origin);
	http_add(rs, "Vary", "Origin");
}

static bool is_method(const char *list, const char *method)
{
	size_t len = method ? strlen(method) : 0;

	for (const char *p = list; len > 0 && *p; p += strcspn(p, ",")) {
		p += strspn(p, ", ");
		if (strncmp(p, method, len) == 0 && (p[len] == ',' || !p[len]))
			return true;
	}
	return false;
}

int swift_options(struct swift_call *c, struct dr_err *err)
{
	const char *origin = http_header(c->rq, "Origin");
	const char *headers = http_header(c->rq, "Access-Control-Request-Headers");
	const char *methods = !*c->container ? ACCOUNT_METHODS
			      : !*c->object  ? CONTAINER_METHODS
					     : OBJECT_METHODS;
	struct cors k;

	(void)err;
	http_add(c->rs, "Allow", methods);
	if (!origin || !*c->container) {
		swift_done(c->rs, 200);
		return 0;
	}
	if (!cors_of(c, &k) || !allows(&k, origin) ||
	    !is_method(methods, http_header(c->rq, "Access-Control-Request-Method"))) {
		swift_error(c->rs, 401);
		return 0;
	}
	add_origin(c->rs, &k, origin);
	if (k.max_age[0])
		http_add(c->rs, "Access-Control-Max-Age", k.max_age);
	http_add(c->rs, "Access-Control-Allow-Methods", methods);
	if (headers && *headers) {
		http_add(c->rs, "Access-Control-Allow-Headers", headers);
		http_add(c->rs, "Vary", "Access-Control-Request-Headers");
	}
	swift_done(c->rs, 200);
	return 0;
}

/* What scripts may see of the answer: what Swift shows and what the owner adds; the names of
 * metadata follow with it (swift_add_meta). */
void swift_add_cors(struct swift_call *c)
{
	const char *origin = http_header(c->rq, "Origin");
	dr_autobuf struct buf expose = BUF_INIT;
	struct cors k;
	size_t n;

	if (!origin || !*c->container || http_method(c->rq) == HTTP_OPTIONS || !cors_of(c, &k) ||
	    !allows(&k, origin))
		return;
	buf_puts(&expose, "cache-control, content-language, content-type, expires, last-modified, "
			  "pragma, etag, x-timestamp, x-trans-id");
	for (const char *p = k.expose; *p; p += n) {
		p += strspn(p, " ");
		n = strcspn(p, " ");
		if (n > 0)
			buf_printf(&expose, ", %.*s", (int)n, p);
	}
	http_add(c->rs, "Access-Control-Expose-Headers", buf_str(&expose));
	add_origin(c->rs, &k, origin);
	c->cors = true;
}
