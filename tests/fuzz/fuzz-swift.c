/* SPDX-License-Identifier: Apache-2.0
 *
 * A request to the Swift front: "METHOD TARGET", header lines, an empty line, a text. The text is
 * the body that is sent, and it is what tenants have stored before: names (its lines,
 * percent-encoded), metadata, content. Whatever they are: what reaches Orbit is well-formed and is
 * what the path says, there is always one answer, nothing in it ends a header, and JSON, XML and
 * HTML stay what they are. Orbit is played by this file. */
#include <assert.h>
#include <jansson.h>

#include "auth/auth.h"
#include "http-message.h"
#include "orbit/orbit.h"
#include "swift/swift.h"
#include "swift/text.h"
#include "util/checked.h"
#include "util/str.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MD5 "d41d8cd98f00b204e9800998ecf8427e"
#define MODIFIED_US 1700000000000001

struct world {
	struct orbit orbit; /* its first member: the front gives it back */
	struct library library;
	const char *text;
	const char *meta; /* the text, when it is metadata */
	const char *account, *container, *object;
	size_t lines; /* of the listing that was asked for */
	unsigned readers, uploads;
};

struct orbit_reader {
	struct world *world;
};

struct orbit_upload {
	struct world *world;
};

static struct world *world_of(struct orbit *o)
{
	return (struct world *)o;
}

/* ---- what reaches Orbit ---- */

static void check_container(const char *account, const char *container)
{
	assert(account[0] && !strchr(account, '/'));
	assert(!strchr(container, '/') && dr_utf8_valid(container, strlen(container)));
}

static void check_object(const char *account, const char *container, const char *object)
{
	check_container(account, container);
	assert(object[0] && dr_utf8_valid(object, strlen(object)));
}

/* Whole lines of a name and a value. */
static void check_changes(const char *lines)
{
	for (const char *end; *lines; lines = end + 1) {
		end = strchr(lines, '\n');
		assert(end && !memchr(lines, '\r', (size_t)(end - lines)));
		assert(memmem(lines, (size_t)(end - lines), ": ", 2) > (const void *)lines);
	}
}

static void check_put(const struct orbit_put *put)
{
	check_object(put->account, put->container, put->name);
	check_changes(put->meta);
	assert(!put->md5 || strlen(put->md5) < 64);
	assert(put->delete_at >= 0);
}

static bool names_manifest(const char *meta)
{
	static const char name[] = "X-Object-Manifest: ";
	const char *line = strcasestr(meta, name);

	return line && line[strlen(name)] != '\n';
}

/* How it ends is said by the name. */
static int verdict(const char *name, struct dr_err *err)
{
	if (strlen(name) >= OBJECT_TEXT)
		return dr_refuse(err, DR_INVALID, "name", "A name is too long");
	switch (name[0]) {
	case '\0':
	case '4':
		return dr_fail(err, DR_NOT_FOUND, "There is no such object");
	case '1':
		return dr_fail(err, DR_UNAUTHENTICATED, "That is not open to everybody");
	case '3':
		return dr_fail(err, DR_DENIED, "That is not for you");
	case '9':
		return dr_fail(err, DR_CONFLICT, "It was changed");
	case '5':
		return dr_fail(err, DR_LIMIT, "Too much");
	default:
		return 0;
	}
}

/* ---- Orbit ---- */

int auth_bearer(struct catalogue *c, const char *token, const char *account, struct principal *ret,
		struct dr_err *err)
{
	(void)c;
	assert(token[0]);
	*ret = (struct principal){.kind = PRINCIPAL_CLIENT,
				  .account = "acc-abcde",
				  .client = "cli-abcde",
				  .scope_orbit = strcmp(token, "scopeless") != 0};
	if (strcmp(token, "wrong") == 0)
		return dr_fail(err, DR_UNAUTHENTICATED, "wrong");
	return account && strcmp(account, ret->account) != 0
		       ? dr_fail(err, DR_NOT_FOUND, RESOURCE_NOT_FOUND)
		       : 0;
}

int auth_v1(struct catalogue *c, const char *user, const char *key, const char *account,
	    struct token_grant *ret, struct principal *ret_principal, struct dr_err *err)
{
	assert(user[0] && (!account || account[0]));
	*ret = (struct token_grant){.access_token = "t0k3n", .expires_in = 7200};
	return auth_bearer(c, key[0] ? key : "wrong", account, ret_principal, err);
}

int orbit_tempurl(struct orbit *o, const struct tempurl *t, const char *method, const char *account,
		  const char *container, const char *object, const char *path, const char *fog_path,
		  const char *peer, struct orbit_caller *ret, struct dr_err *err)
{
	dr_autobuf struct buf want = BUF_INIT;
	int64_t expires;

	(void)o, (void)peer;
	check_object(account, container, object);
	buf_printf(&want, "/v1/%s/%s/%s", account, container, object);
	assert(strcmp(buf_str(&want), path) == 0);
	assert(!fog_path || (dr_starts(fog_path, "/v1/") && strcmp(fog_path, path) != 0));
	assert(method[0] && tempurl_present(t));
	if (!t->signature || strcmp(t->signature, "good") != 0 || !t->expires ||
	    !tempurl_expires(t->expires, &expires) || expires > UINT32_MAX)
		return dr_fail(err, DR_UNAUTHENTICATED, "not signed");
	ret->grant = TEMPURL_BY_ACCOUNT;
	return 0;
}

int orbit_account_show(struct orbit *o, const struct orbit_caller *c, const char *account,
		       struct orbit_account *ret, struct dr_err *err)
{
	(void)c;
	check_container(account, "");
	*ret = (struct orbit_account){.objects = UINT64_MAX, .created_at = MODIFIED_US};
	(void)dr_copy(ret->meta, sizeof ret->meta, world_of(o)->meta);
	return verdict(account, err);
}

int orbit_account_post(struct orbit *o, const struct orbit_caller *c, const char *account,
		       const char *changes, struct dr_err *err)
{
	(void)o, (void)c;
	check_container(account, "");
	check_changes(changes);
	return verdict(account, err);
}

/* one_line: false when a tenant could not have chosen that name. */
static bool one_line(const char *text, const struct listing_query *q, struct listing_line *line,
		     char name[static OBJECT_TEXT])
{
	size_t at = strlen(q->prefix);

	if (!dr_copy(name, OBJECT_TEXT, q->prefix) ||
	    !text_unquote(text, name + at, OBJECT_TEXT - at) || !name[0] ||
	    !dr_utf8_valid(name, strlen(name)))
		return false;
	line->name = name;
	line->subdir = name[strlen(name) - 1] == '/';
	line->content_type = strlen(text) < CONTENT_TYPE_TEXT && dr_text_valid(text, strlen(text))
				     ? text
				     : "x/y";
	line->etag = line->subdir ? "" : MD5;
	return true;
}

static int list(struct world *w, const struct listing_query *q, listing_fn fn, void *arg,
		struct dr_err *err)
{
	dr_autofree char *text = strdup(w->text);
	struct listing_line line = {.md5 = MD5, .bytes = 1, .modified_at = MODIFIED_US};
	char *rest = text, *one, name[OBJECT_TEXT];

	assert(text && q->limit <= ORBIT_LISTING_LIMIT);
	assert(dr_utf8_valid(q->prefix, strlen(q->prefix)));
	w->lines = 0;
	while (w->lines < q->limit && (one = strsep(&rest, "\n"))) {
		if (!one_line(one, q, &line, name))
			continue;
		if (fn(arg, &line, err) < 0)
			return -1;
		w->lines++;
	}
	return (int)w->lines;
}

int orbit_account_list(struct orbit *o, const struct orbit_caller *c, const char *account,
		       const struct listing_query *q, listing_fn fn, void *arg, struct dr_err *err)
{
	(void)c;
	check_container(account, "");
	return verdict(account, err) < 0 ? -1 : list(world_of(o), q, fn, arg, err);
}

int orbit_container_list(struct orbit *o, const struct orbit_caller *c, const char *account,
			 const char *name, const struct listing_query *q, listing_fn fn, void *arg,
			 struct dr_err *err)
{
	(void)c;
	check_container(account, name);
	return verdict(name, err) < 0 ? -1 : list(world_of(o), q, fn, arg, err);
}

static int container(struct world *w, const char *account, const char *name, struct container *ret,
		     struct dr_err *err)
{
	check_container(account, name);
	*ret = (struct container){.created_at = MODIFIED_US, .modified_at = MODIFIED_US};
	(void)dr_copy(ret->meta, sizeof ret->meta, w->meta);
	if (strlen(name) >= CONTAINER_TEXT)
		return dr_fail(err, DR_NOT_FOUND, "There is no such container");
	return verdict(name, err);
}

int catalogue_container_get(struct catalogue *c, const char *account, const char *name,
			    struct container *ret, struct dr_err *err)
{
	return container((struct world *)c, account, name, ret, err);
}

int orbit_container_show(struct orbit *o, const struct orbit_caller *c, const char *account,
			 const char *name, struct orbit_container *ret, struct dr_err *err)
{
	*ret = (struct orbit_container){.may_list = name[0] != '2', .may_write = true};
	if (c->grant != TEMPURL_NONE)
		return dr_fail(err, DR_UNAUTHENTICATED, "a temporary URL is of an object");
	return container(world_of(o), account, name, &ret->row, err);
}

int orbit_container_put(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *name, const char *changes, struct dr_err *err)
{
	(void)o, (void)c;
	check_container(account, name);
	check_changes(changes);
	return verdict(name, err) < 0 ? -1 : name[0] == 'n';
}

int orbit_container_post(struct orbit *o, const struct orbit_caller *c, const char *account,
			 const char *name, const char *changes, struct dr_err *err)
{
	return orbit_container_put(o, c, account, name, changes, err) < 0 ? -1 : 0;
}

int orbit_container_delete(struct orbit *o, const struct orbit_caller *c, const char *account,
			   const char *name, struct dr_err *err)
{
	(void)o;
	assert(c->who.kind != PRINCIPAL_NONE || c->grant == TEMPURL_NONE);
	check_container(account, name);
	return verdict(name, err);
}

static void describe(struct world *w, const char *container_name, const char *name,
		     struct orbit_object *ret)
{
	*ret = (struct orbit_object){.row = {.md5 = MD5,
					     .etag = MD5,
					     .content_type = "text/plain",
					     .kind = name[0] == 's' ? OBJECT_STATIC : OBJECT_PLAIN,
					     .delete_at = name[0] == 'x',
					     .modified_at = MODIFIED_US},
				     .bytes = strlen(w->text),
				     .etag = MD5,
				     .etag_quoted = name[0] == 's'};
	ret->image = strcmp(container_name, ORBIT_IMAGES) == 0 && strcmp(name, "img-abcde") == 0;
	(void)dr_copy(ret->row.meta, sizeof ret->row.meta, w->meta);
	if (name[0] == 'd')
		(void)dr_copy(ret->row.content_type, sizeof ret->row.content_type,
			      "application/directory");
}

int orbit_object_open(struct orbit *o, const struct orbit_caller *c, const char *account,
		      const char *container_name, const char *name, enum orbit_form form,
		      struct orbit_object *ret, struct orbit_reader **ret_reader,
		      struct dr_err *err)
{
	struct world *w = world_of(o);

	(void)form;
	check_object(account, container_name, name);
	/* A temporary URL opens what it was made for, and nothing beside it. */
	assert(c->grant == TEMPURL_NONE ||
	       (strcmp(container_name, w->container) == 0 && strcmp(name, w->object) == 0));
	if (verdict(name, err) < 0)
		return -1;
	describe(w, container_name, name, ret);
	if (!ret_reader)
		return 0;
	*ret_reader = calloc(1, sizeof **ret_reader);
	assert(*ret_reader);
	(*ret_reader)->world = w;
	w->readers++;
	return 0;
}

ssize_t orbit_reader_read(struct orbit_reader *r, void *buf, size_t len, uint64_t pos,
			  struct dr_err *err)
{
	(void)err;
	assert(len > 0 && dr_range_within(pos, len, strlen(r->world->text)));
	memcpy(buf, r->world->text + pos, len);
	return (ssize_t)len;
}

bool orbit_reader_file(struct orbit_reader *r, uint64_t pos, int *ret_fd, uint64_t *ret_at,
		       uint64_t *ret_len)
{
	(void)r, (void)pos, (void)ret_fd, (void)ret_at, (void)ret_len;
	return false;
}

void orbit_reader_close(struct orbit_reader *r)
{
	if (r)
		r->world->readers--;
	free(r);
}

int orbit_upload_begin(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
		       struct orbit_upload **ret, struct dr_err *err)
{
	check_put(put);
	assert(c->grant == TEMPURL_NONE || !names_manifest(put->meta));
	if (verdict(put->name, err) < 0)
		return -1;
	*ret = calloc(1, sizeof **ret);
	assert(*ret);
	(*ret)->world = world_of(o);
	world_of(o)->uploads++;
	return 0;
}

int orbit_upload_write(struct orbit_upload *u, const void *p, size_t len, struct dr_err *err)
{
	(void)u;
	assert(len > 0);
	return memchr(p, '!', len) ? dr_fail(err, DR_IO, "the disk is broken") : 0;
}

int orbit_upload_finish(struct orbit_upload *u, struct orbit_object *ret, struct dr_err *err)
{
	(void)err;
	describe(u->world, "c", "o", ret);
	orbit_upload_abandon(u);
	return 0;
}

void orbit_upload_abandon(struct orbit_upload *u)
{
	if (u)
		u->world->uploads--;
	free(u);
}

int orbit_static_put(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
		     const void *body, size_t len, struct orbit_object *ret, struct buf *ret_errors,
		     struct dr_err *err)
{
	struct world *w = world_of(o);

	check_put(put);
	assert(c->grant == TEMPURL_NONE && !memcmp(body, w->text, len));
	describe(w, put->container, put->name, ret);
	if (w->text[0] == '[')
		return verdict(put->name, err);
	/* Lines that may name anything a tenant can name. */
	if (dr_text_valid(w->text, strcspn(w->text, "\n")))
		buf_printf(ret_errors, "%.*s: 404 Not Found\n", (int)strcspn(w->text, "\n"),
			   w->text);
	return dr_refuse(err, DR_INVALID, "manifest", "That is no manifest");
}

int orbit_object_post(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
		      struct dr_err *err)
{
	(void)o, (void)c;
	check_put(put);
	return verdict(put->name, err);
}

int orbit_object_delete(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *container_name, const char *name, bool segments,
			struct orbit_deleted *ret, struct dr_err *err)
{
	(void)o, (void)c;
	check_object(account, container_name, name);
	*ret = (struct orbit_deleted){.deleted = 1};
	return segments && name[0] == 'p'
		       ? dr_refuse(err, DR_INVALID, "manifest", "It is no manifest")
		       : verdict(name, err);
}

int orbit_object_copy(struct orbit *o, const struct orbit_caller *c, const struct orbit_copy *from,
		      const struct orbit_put *put, struct orbit_object *ret, struct dr_err *err)
{
	assert(c->grant == TEMPURL_NONE);
	check_object(from->account, from->container, from->name);
	assert(from->container[0] && put->container[0]);
	check_put(put);
	describe(world_of(o), put->container, put->name, ret);
	return verdict(put->name, err);
}

/* ---- what is answered ---- */

static size_t count(const char *s, const char *what)
{
	size_t n = 0;

	for (; (s = strstr(s, what)); s += strlen(what))
		n++;
	return n;
}

/* An element's name; borrowed. */
struct element {
	const char *p;
	size_t len;
};

/* check_tag: what is between < and >; the >. */
static const char *check_tag(const char *s, struct element *open, size_t *depth)
{
	const bool closes = *s == '/';
	const struct element x = {s + closes, strcspn(s + closes, " >")};

	for (s = x.p + x.len; *s != '>'; s++) {
		assert(*s && *s != '<');
		if (*s == '"') {
			s += 1 + strcspn(s + 1, "\"<>");
			assert(*s == '"');
		}
	}
	if (closes) {
		assert(*depth > 0 && open[*depth - 1].len == x.len);
		assert(memcmp(open[--*depth].p, x.p, x.len) == 0);
	} else if (s[-1] != '/' && s[-1] != '?' && x.p[0] != '!') {
		assert(*depth < 16);
		open[(*depth)++] = x;
	}
	return s;
}

/* check_markup: elements are closed in their order, and what is between them and in their
 * attributes ends none of them. */
static void check_markup(const char *s, bool xml)
{
	struct element open[16];
	size_t depth = 0;

	for (; *s; s++) {
		if (*s == '&') {
			s += 1 + strspn(s + 1, "#abcdefghijklmnopqrstuvwxyz0123456789");
			assert(*s == ';');
		} else if (*s == '<') {
			s = check_tag(s + 1, open, &depth);
		} else {
			assert(*s != '>' && (!xml || (uint8_t)*s >= 0x20 || *s == '\n'));
		}
	}
	assert(depth == 0);
}

static void check_json(const char *s, size_t len, size_t lines, bool listing)
{
	json_t *j = json_loadb(s, len, 0, NULL);

	assert(j);
	assert(!listing || (json_is_array(j) && json_array_size(j) == lines));
	json_decref(j);
}

static void check_body(const struct world *w, const struct http_response *rs, bool listing)
{
	const char *type = response_field(rs, "Content-Type");
	const char *s = buf_str(&rs->body);
	bool page = strstr(s, "id=\"listing\"");

	if (rs->body.len == 0)
		return;
	listing = listing && rs->status == 200;
	assert(strlen(s) == rs->body.len);
	if (dr_starts(type, "application/json")) {
		check_json(s, rs->body.len, w->lines, listing && s[0] == '[');
	} else if (dr_starts(type, "application/xml") || dr_starts(type, "text/xml")) {
		check_markup(s, true);
		assert(!listing || count(s, "<name>") == w->lines || strstr(s, "<account"));
	} else if (dr_starts(type, "text/html")) {
		check_markup(s, false);
		assert(!page || count(s, "<a href=") <= w->lines + 1);
	} else if (listing && dr_starts(type, "text/plain;")) {
		assert(count(s, "\n") == w->lines);
	}
}

static void check_answer(const struct world *w, const struct http_request *rq,
			 const struct http_response *rs)
{
	const bool listing = rq->method == HTTP_GET && !w->object[0] &&
			     !dr_starts(http_path(rq), "/info") && !http_query(rq, "bulk-delete");
	struct http_field f;
	struct dr_err err = DR_ERR_INIT;
	uint8_t c;
	size_t pos = 0;

	assert(rs->status >= 200 && rs->status < 600 && !rs->broken && buf_ok(&rs->body));
	while (response_next(rs, &pos, &f))
		assert(!strpbrk(f.name, "\r\n: ") && !strpbrk(f.value, "\r\n"));
	if (!rs->streamed)
		check_body(w, rs, listing);
	else if (rq->method != HTTP_HEAD && rs->stream.length > 0)
		assert(rs->stream.read(rs->stream.arg, rs->stream.length - 1, &c, 1, &err) == 1);
}

/* The body in pieces of all sizes; cut off before its end when the request says so. */
static void send_body(struct http_request *rq, struct http_response *rs)
{
	const struct http_sink sink = rs->sink;
	const char *s = buf_str(&rq->body);
	size_t len = rq->body.len, n;

	rs->received = false;
	for (size_t at = 0, i = 1; at < len; at += n, i = i % 97 * 3 + 1) {
		n = dr_min_size(i, len - at);
		if (sink.write(sink.arg, s + at, n) < 0)
			break;
	}
	if (http_header(rq, "X-Cut"))
		http_status(rs, 499);
	else
		sink.finish(sink.arg, rq, rs);
	sink.close(sink.arg);
}

static void ask(struct http_request *rq, const char *text)
{
	dr_meta meta = META_INIT;
	struct dr_err err = DR_ERR_INIT;
	struct http_response rs = {0};
	struct world w = {
		.text = text, .container = http_segment(rq, 2), .object = http_rest(rq, 3)};

	if (meta_parse(&meta, text, &err) < 0 ||
	    meta_check(meta_text(&meta), "X-Container-Meta-", &err) < 0 ||
	    meta.text.len >= META_TEXT)
		meta_done(&meta);
	w.meta = meta_text(&meta);
	w.container = w.container ? w.container : "";
	w.object = w.object ? w.object : "";
	w.library.catalogue = (struct catalogue *)&w;
	w.orbit.library = &w.library;
	swift_handle(&w.orbit, rq, &rs);
	if (rs.received) {
		assert(swift_receives(rq) && rs.status == 0);
		send_body(rq, &rs);
	}
	check_answer(&w, rq, &rs);
	response_done(&rs);
	assert(w.readers == 0 && w.uploads == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dr_autofree char *all = malloc(size + 1);
	char *text, *target, *headers;
	struct http_request *rq;

	assert(all);
	memcpy(all, data, size);
	all[size] = 0;
	text = memmem(all, size, "\n\n", 2);
	if (text)
		text[1] = 0;
	text = text ? text + 2 : all + size;
	headers = all;
	target = strsep(&headers, "\n");
	(void)strsep(&target, " ");
	rq = request_new(all, target ? target : "/", headers ? headers : "", NULL);
	if (rq && swift_handles(rq)) {
		buf_append(&rq->body, text, (size_t)(all + size - text));
		ask(rq, text);
	}
	request_free(rq);
	return 0;
}
