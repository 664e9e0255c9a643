/* SPDX-License-Identifier: Apache-2.0
 *
 * PUT of an object: its content, piece by piece as it arrives, or the manifest of a static large
 * object. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "swift/swift_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

/* ---- what the request says ---- */

/* False when it answered. X-Delete-After counts from now. */
static bool parse_expiry(struct swift_put *p, struct swift_call *c)
{
	const char *at = http_header(c->rq, "X-Delete-At");
	const char *after = http_header(c->rq, "X-Delete-After");
	const char *name = after ? "X-Delete-After" : "X-Delete-At";
	const char *text = after ? after : at;
	int64_t now = dr_wall(), t;
	char message[64];

	if (!text || !*text)
		return true;
	if (!dr_parse_i64(text, INT64_MIN / 2, INT64_MAX / 2, &t)) {
		snprintf(message, sizeof message, "Non-integer %s", name);
		swift_error_text(c->rs, 400, message);
		return false;
	}
	if (after)
		t += now;
	if (t <= now) {
		snprintf(message, sizeof message, "%s in past", name);
		swift_error_text(c->rs, 400, message);
		return false;
	}
	p->put.delete_at = t;
	return true;
}

/* An ETag to verify is an MD5, perhaps in quotes. */
static void parse_md5(struct swift_put *p, const struct http_request *rq)
{
	const char *etag = http_header(rq, "Etag");
	size_t len = etag ? strlen(etag) : 0;

	if (len > 1 && etag[0] == '"' && etag[len - 1] == '"') {
		etag++;
		len -= 2;
	}
	if (len == 0)
		return;
	/* Cut, what is longer matches as little. */
	snprintf(p->md5, sizeof p->md5, "%.*s", (int)dr_min_size(len, sizeof p->md5 - 1), etag);
	p->put.md5 = p->md5;
}

/* False when it answered: Swift has a use of its own for parameters named swift_…. */
static bool parse_type(struct swift_put *p, struct swift_call *c)
{
	const char *type = http_header(c->rq, "Content-Type");
	const char *semicolon = type ? strchr(type, ';') : NULL;

	while (semicolon) {
		semicolon += 1 + strspn(semicolon + 1, " \t");
		if (strncasecmp(semicolon, "swift_", 6) == 0) {
			swift_error_text(c->rs, 400,
					 "Invalid Content-Type, swift_* is not a valid parameter "
					 "name.");
			return false;
		}
		semicolon = strchr(semicolon, ';');
	}
	if (!swift_is_true(http_header(c->rq, "X-Detect-Content-Type")))
		p->put.content_type = type;
	return true;
}

/* False when it answered. */
static bool parse_condition(struct swift_put *p, struct swift_call *c)
{
	const char *none = http_header(c->rq, "If-None-Match");

	if (!none || http_method(c->rq) == HTTP_POST)
		return true;
	p->put.only_new = strcmp(none, "*") == 0;
	if (!p->put.only_new)
		swift_error_text(c->rs, 400, "If-None-Match only supports *");
	return p->put.only_new;
}

/* A temporary URL is no way to plant a manifest that reads with its owner's rights (CVE-2015-5223),
 * nor to copy. False when it answered. */
static bool check_tempurl(struct swift_call *c)
{
	static const char *const names[] = {"X-Object-Manifest", "X-Symlink-Target", "X-Copy-From"};
	char message[80];

	for (size_t i = 0; c->tempurl && i < sizeof names / sizeof *names; i++) {
		if (!http_header(c->rq, names[i]))
			continue;
		snprintf(message, sizeof message, "The header '%s' is not allowed in this tempurl",
			 names[i]);
		swift_error_text(c->rs, 400, message);
		return false;
	}
	if (c->tempurl && swift_query_is(c->rq, "multipart-manifest", "put")) {
		swift_error_text(c->rs, 400, "A manifest is not allowed in this tempurl");
		return false;
	}
	return true;
}

int swift_put_open(struct swift_put *p, struct swift_call *c, struct dr_err *err)
{
	static const char *const others[] = {
		"Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language",
		"Expires",       "X-Object-Manifest",   "X-Robots-Tag",     NULL};

	*p = (struct swift_put){.put = {.account = c->account,
					.container = c->container,
					.name = c->object,
					.length = http_content_length(c->rq)}};
	if (!check_tempurl(c) || !parse_type(p, c) || !parse_condition(p, c) || !parse_expiry(p, c))
		return 0;
	parse_md5(p, c->rq);
	if (swift_gather(c->rq, "Object", others, &p->meta, err) < 0)
		return -1;
	p->put.meta = buf_str(&p->meta);
	return 1;
}

void swift_put_done(struct swift_put *p)
{
	buf_done(&p->meta);
}

/* ---- a body that is content ---- */

/* One upload; lives until the body is over. */
struct upload {
	struct swift_call call;
	struct swift_put put;
	struct orbit_upload *orbit;
	struct buf manifest;
	struct dr_err err;
};

static void answer(struct upload *u, struct http_response *rs, int rc, const struct orbit_object *o)
{
	u->call.rs = rs;
	if (rc < 0)
		swift_fail(u->call.rq, rs, &u->err);
	else
		swift_stored(&u->call, o);
}

static int write_content(void *arg, const void *p, size_t len)
{
	struct upload *u = arg;

	return orbit_upload_write(u->orbit, p, len, &u->err);
}

static void finish_content(void *arg, struct http_request *rq, struct http_response *rs)
{
	struct upload *u = arg;
	dr_autofree struct orbit_object *o = malloc(sizeof *o);
	int rc = dr_err_is_set(&u->err) ? -1 : 0;

	(void)rq;
	if (rc == 0 && !o)
		rc = dr_fail_nomem(&u->err);
	if (rc == 0)
		rc = orbit_upload_finish(DR_STEAL(u->orbit), o, &u->err);
	answer(u, rs, rc, o);
}

static void close_upload(void *arg)
{
	struct upload *u = arg;

	orbit_upload_abandon(u->orbit);
	swift_put_done(&u->put);
	buf_done(&u->manifest);
	free(u);
}

/* ---- a body that is a manifest ---- */

static int write_manifest(void *arg, const void *p, size_t len)
{
	struct upload *u = arg;

	buf_append(&u->manifest, p, len);
	return buf_check(&u->manifest, &u->err);
}

/* One error: "container/object: what is wrong with it". */
static void put_error(struct buf *b, char *line, bool json, bool first)
{
	char *colon = strrchr(line, ':');
	dr_autobuf struct buf path = BUF_INIT;

	if (colon)
		*colon = 0;
	buf_printf(&path, "/%s", line);
	if (!json) {
		buf_printf(b, "%s,%s\n", buf_str(&path), colon ? colon + 1 : "");
		return;
	}
	buf_puts(b, first ? "[" : ",[");
	text_json(b, buf_str(&path));
	buf_putc(b, ',');
	text_json(b, colon ? colon + 1 + (colon[1] == ' ') : "");
	buf_putc(b, ']');
}

/* What is wrong with the manifest, or with the segments it names, line by line. */
static void send_errors(struct swift_call *c, struct buf *errors)
{
	static const char *const types[] = {"text/plain", "application/json"};
	dr_autobuf struct buf b = BUF_INIT;
	dr_autofree char *text = buf_steal(errors);
	char *rest = text, *line;
	bool json = swift_accepts(c->rq, types, 2) == 1, first = true;

	/* "Index 0: …" is about no segment: a segment has a slash in its name. */
	if (!text || !memchr(text, '/', strcspn(text, ":\n"))) {
		swift_error_text(c->rs, 400, text ? text : "");
		return;
	}
	buf_puts(&b, json ? "{\"Errors\":[" : "Errors:\n");
	while ((line = strsep(&rest, "\n")) && *line) {
		put_error(&b, line, json, first);
		first = false;
	}
	if (json)
		buf_puts(&b, "]}");
	http_status(c->rs, 400);
	http_send(c->rs, types[json], buf_str(&b), b.len);
}

static void finish_manifest(void *arg, struct http_request *rq, struct http_response *rs)
{
	struct upload *u = arg;
	dr_autofree struct orbit_object *o = malloc(sizeof *o);
	dr_autobuf struct buf errors = BUF_INIT;
	int rc = dr_err_is_set(&u->err) ? -1 : 0;

	(void)rq;
	u->call.rs = rs;
	if (rc == 0 && !o)
		rc = dr_fail_nomem(&u->err);
	if (rc == 0)
		rc = orbit_static_put(u->call.orbit, &u->call.caller, &u->put.put,
				      buf_str(&u->manifest), u->manifest.len, o, &errors, &u->err);
	if (rc < 0 && errors.len > 0)
		send_errors(&u->call, &errors);
	else
		answer(u, rs, rc, o);
}

/* ---- PUT ---- */

/* may_write: asked before the manifest is collected; the rights on its segments come with it. */
static int may_write(struct swift_call *c, struct dr_err *err)
{
	dr_autofree struct orbit_container *k = malloc(sizeof *k);

	if (!k)
		return dr_fail_nomem(err);
	if (orbit_container_show(c->orbit, &c->caller, c->account, c->container, k, err) < 0)
		return -1;
	if (k->may_write)
		return 0;
	return dr_fail(err, swift_is_anonymous(c) ? DR_UNAUTHENTICATED : DR_DENIED,
		       "may not be written to");
}

/* begin: 1 when the body is wanted, 0 when it answered. */
static int begin(struct upload *u, bool manifest, struct dr_err *err)
{
	struct swift_call *c = &u->call;
	uint64_t length = http_content_length(c->rq);
	int rc = swift_put_open(&u->put, c, err);

	if (rc <= 0)
		return rc;
	/* Rights first: whether the rest is right is nobody's business without. */
	if (manifest ? may_write(c, err) < 0
		     : orbit_upload_begin(c->orbit, &c->caller, &u->put.put, &u->orbit, err) < 0)
		return -1;
	if (!http_header(c->rq, "Content-Length") && !http_header(c->rq, "Transfer-Encoding")) {
		swift_error_text(c->rs, 411, "Missing Content-Length header.");
		return 0;
	}
	if (manifest && length != UINT64_MAX && length > ORBIT_MANIFEST_BYTES) {
		swift_error_text(c->rs, 413, "Manifest is too large.");
		return 0;
	}
	u->manifest.max = ORBIT_MANIFEST_BYTES;
	return 1;
}

int swift_object_upload(struct swift_call *c, struct dr_err *err)
{
	const bool manifest = swift_query_is(c->rq, "multipart-manifest", "put");
	struct upload *u;
	int rc;

	if (http_header(c->rq, "X-Copy-From"))
		return swift_object_copy(c, err);
	u = calloc(1, sizeof *u);
	if (!u)
		return dr_fail_nomem(err);
	u->call = *c;
	rc = begin(u, manifest, err);
	if (rc <= 0) {
		close_upload(u);
		return rc;
	}
	http_receive(c->rs,
		     &(struct http_sink){.write = manifest ? write_manifest : write_content,
					 .finish = manifest ? finish_manifest : finish_content,
					 .close = close_upload,
					 .arg = u});
	return 0;
}

void swift_stored(struct swift_call *c, const struct orbit_object *o)
{
	char etag[132];

	swift_format_etag(o, etag);
	http_add(c->rs, "Etag", etag);
	swift_add_date(c->rs, "Last-Modified", o->row.modified_at);
	swift_done(c->rs, 201);
}
