/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/{account}/{container}/{object}: reading. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "swift/swift_internal.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

/* ?multipart-manifest=get, and ?format= for images; the words clients use for listings mean nothing
 * here. */
static bool wanted_form(const struct swift_call *c, enum orbit_form *ret)
{
	static const char *const of_listings[] = {"", "json", "plain", "xml"};
	const char *format = swift_query(c->rq, "format");

	*ret = ORBIT_CONTENT;
	if (swift_query_is(c->rq, "multipart-manifest", "get")) {
		*ret = ORBIT_MANIFEST;
		return true;
	}
	if (strcmp(c->container, ORBIT_IMAGES) != 0)
		return true;
	for (size_t i = 0; i < sizeof of_listings / sizeof *of_listings; i++) {
		if (strcmp(format, of_listings[i]) == 0)
			return true;
	}
	if (strcmp(format, "lz4") == 0)
		return true;
	*ret = strcmp(format, "raw") == 0 ? ORBIT_RAW : ORBIT_QCOW2;
	return *ret == ORBIT_RAW || strcmp(format, "qcow2") == 0;
}

/* ---- what is said of it ---- */

void swift_format_etag(const struct orbit_object *o, char ret[static 132])
{
	snprintf(ret, 132, o->etag_quoted ? "\"%s\"" : "%s", o->etag);
}

/* Whoever has but a temporary URL is not shown the owner's metadata, unless it says it is public;
 * and two headers are the URL's own. */
static bool shown_by_tempurl(const char *name)
{
	if (strncasecmp(name, "X-Object-Meta-", 14) == 0)
		return strncasecmp(name, "X-Object-Meta-Public-", 21) == 0;
	return strcasecmp(name, "Content-Disposition") != 0 && strcasecmp(name, "Expires") != 0;
}

/* disposition: RFC 6266: the name twice, in both forms percent-encoded: nothing in it can end the
 * quoted string or the line. */
static void disposition(struct buf *b, const char *type, const char *name)
{
	buf_printf(b, "%s; filename=\"", type);
	text_url(b, name, " /");
	buf_puts(b, "\"; filename*=UTF-8''");
	text_url(b, name, "/");
}

static const char *last_part(const char *name, char ret[static OBJECT_TEXT])
{
	size_t len;

	(void)dr_copy(ret, OBJECT_TEXT, name);
	for (len = strlen(ret); len > 0 && ret[len - 1] == '/'; len--)
		ret[len - 1] = 0;
	name = strrchr(ret, '/');
	return name ? name + 1 : ret;
}

/* As Swift: what the URL says, then what the object says, then the object's name. */
static void add_disposition(struct swift_call *c, const char *meta)
{
	dr_autobuf struct buf b = BUF_INIT;
	const char *filename = swift_query(c->rq, "filename");
	char own[1024], name[OBJECT_TEXT];

	if (!dr_utf8_valid(filename, strlen(filename)))
		filename = "";
	if (http_query(c->rq, "inline") && *filename)
		disposition(&b, "inline", filename);
	else if (http_query(c->rq, "inline"))
		buf_puts(&b, "inline");
	else if (*filename)
		disposition(&b, "attachment", filename);
	else if (meta_get(meta, "Content-Disposition", own, sizeof own))
		buf_puts(&b, own);
	else
		disposition(&b, "attachment", last_part(c->object, name));
	http_add(c->rs, "Content-Disposition", buf_str(&b));
}

static void add_image_name(struct swift_call *c, enum orbit_form form)
{
	http_addf(c->rs, "Content-Disposition", "attachment; filename=\"%s%s\"", c->object,
		  form == ORBIT_RAW     ? ".raw"
		  : form == ORBIT_QCOW2 ? ".qcow2"
					: ".raw.lz4");
}

static void add_headers(struct swift_call *c, const struct orbit_object *o, enum orbit_form form)
{
	bool chosen = c->tempurl && (http_query(c->rq, "filename") || http_query(c->rq, "inline"));
	char date[DR_TIME_TEXT];

	swift_add_timestamp(c->rs, o->row.modified_at);
	if (o->row.kind == OBJECT_STATIC || o->image)
		http_add(c->rs, "X-Static-Large-Object", "True");
	if (o->row.kind == OBJECT_STATIC && form != ORBIT_MANIFEST)
		http_add(c->rs, "X-Manifest-Etag", o->row.md5);
	if (o->row.delete_at)
		http_addf(c->rs, "X-Delete-At", "%lld", (long long)o->row.delete_at);
	swift_add_meta(c, o->row.meta, c->tempurl ? shown_by_tempurl : NULL);
	if (o->image && !chosen)
		add_image_name(c, form);
	else if (c->tempurl)
		add_disposition(c, o->row.meta);
	if (c->tempurl) {
		dr_time_http(c->tempurl_expires, date);
		http_add(c->rs, "Expires", date);
	}
}

/* ---- the answer ---- */

static ssize_t read_content(void *arg, uint64_t pos, void *buf, size_t len, struct dr_err *err)
{
	return orbit_reader_read(arg, buf, len, pos, err);
}

static bool content_file(void *arg, uint64_t pos, int *ret_fd, uint64_t *ret_at, uint64_t *ret_len)
{
	return orbit_reader_file(arg, pos, ret_fd, ret_at, ret_len);
}

static void close_content(void *arg)
{
	orbit_reader_close(arg);
}

static void send_content(struct swift_call *c, enum orbit_form form, const struct orbit_object *o,
			 struct orbit_reader *reader)
{
	const char *type = form == ORBIT_MANIFEST && o->row.kind == OBJECT_STATIC
				   ? "application/json; charset=utf-8"
				   : o->row.content_type;
	char etag[132];

	swift_format_etag(o, etag);
	add_headers(c, o, form);
	http_send_object(c->rq, c->rs,
			 &(struct http_object){type,
					       etag,
					       swift_whole_seconds(o->row.modified_at),
					       {.length = o->bytes,
						.read = read_content,
						.file = content_file,
						.close = close_content,
						.arg = reader}});
}

/* send_image_manifest: what a large object is made of; an image's, of itself. Clients ask for it to
 * compare a local file piece by piece. */
static int send_image_manifest(struct swift_call *c, const struct orbit_object *o,
			       struct dr_err *err)
{
	dr_autobuf struct buf b = BUF_INIT;
	struct text_clock clock = {0};

	buf_printf(&b, "[{\"name\":\"/" ORBIT_IMAGES "/%s\",\"bytes\":", c->object);
	text_number(&b, o->bytes);
	buf_printf(&b,
		   ",\"hash\":\"%s\",\"content_type\":\"application/octet-stream\","
		   "\"last_modified\":\"",
		   o->etag);
	text_time(&b, &clock, o->row.modified_at);
	buf_puts(&b, "\"}]");
	if (buf_check(&b, err) < 0)
		return -1;
	http_status(c->rs, 200);
	http_add(c->rs, "X-Static-Large-Object", "True");
	http_send(c->rs, "application/json; charset=utf-8", b.p, b.len);
	return 0;
}

/* To a web site's visitors, what clients put in the place of directories is not there. */
static bool is_directory_marker(const struct orbit_object *o)
{
	return o->bytes <= 1 && strcmp(o->row.content_type, "application/directory") == 0;
}

int swift_object_read(struct swift_call *c, struct dr_err *err)
{
	dr_autofree struct orbit_object *o = malloc(sizeof *o);
	struct orbit_reader *reader = NULL;
	enum orbit_form form;
	bool get = http_method(c->rq) == HTTP_GET;

	if (!o)
		return dr_fail_nomem(err);
	if (!wanted_form(c, &form))
		return dr_refuse(err, DR_INVALID, "format",
				 "Objects of images have the formats lz4, raw and qcow2");
	if (orbit_object_open(c->orbit, &c->caller, c->account, c->container, c->object, form, o,
			      get ? &reader : NULL, err) < 0)
		return -1;
	if (swift_is_anonymous(c) && is_directory_marker(o)) {
		orbit_reader_close(reader);
		return dr_fail(err, DR_NOT_FOUND, "a directory has no content");
	}
	if (o->image && get && form == ORBIT_MANIFEST) {
		orbit_reader_close(reader);
		return send_image_manifest(c, o, err);
	}
	send_content(c, form, o, reader);
	return 0;
}

static int post(struct swift_call *c, struct dr_err *err)
{
	DR_CLEANUP(swift_put_done) struct swift_put p;
	int rc = swift_put_open(&p, c, err);

	if (rc <= 0)
		return rc;
	if (orbit_object_post(c->orbit, &c->caller, &p.put, err) < 0)
		return -1;
	swift_done(c->rs, 202);
	return 0;
}

static int remove_object(struct swift_call *c, struct dr_err *err)
{
	struct orbit_deleted deleted;

	if (swift_query_is(c->rq, "multipart-manifest", "delete"))
		return swift_manifest_delete(c, err);
	if (orbit_object_delete(c->orbit, &c->caller, c->account, c->container, c->object, false,
				&deleted, err) < 0)
		return -1;
	swift_done(c->rs, 204);
	return 0;
}

int swift_object(struct swift_call *c, struct dr_err *err)
{
	switch (http_method(c->rq)) {
	case HTTP_GET:
	case HTTP_HEAD:
		return swift_web_object(c, err);
	case HTTP_PUT:
		return swift_object_upload(c, err);
	case HTTP_POST:
		return post(c, err);
	case HTTP_DELETE:
		return remove_object(c, err);
	case HTTP_COPY:
		return swift_object_copy(c, err);
	case HTTP_OPTIONS:
	case HTTP_OTHER:
		break;
	}
	swift_not_allowed(c->rs, "COPY, DELETE, GET, HEAD, OPTIONS, POST, PUT");
	return 0;
}
