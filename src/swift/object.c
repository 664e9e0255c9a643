/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/{account}/images/{image}: an image's bytes, as the .lz4 file they are stored as, or as a raw
 * or qcow2 disk. */
#include <stdlib.h>
#include <string.h>

#include "swift/swift_internal.h"
#include "util/checked.h"

#include "util/banned.h"

static const struct form {
	enum view_kind kind;
	const char *content_type, *extension;
} forms[] = {
	{VIEW_LZ4, "application/x-lz4", ".raw.lz4"},
	{VIEW_RAW, "application/octet-stream", ".raw"},
	{VIEW_QCOW2, "application/x-qemu-disk", ".qcow2"},
};

/* ?format=; the words clients use for listings mean nothing here. */
static const struct form *wanted_form(const struct http_request *rq)
{
	static const char *const of_listings[] = {"", "json", "plain", "xml"};
	const char *name = http_query(rq, "format");
	enum view_kind kind;

	for (size_t i = 0; name && i < sizeof of_listings / sizeof *of_listings; i++) {
		if (strcmp(name, of_listings[i]) == 0)
			name = NULL;
	}
	if (!name)
		return &forms[0];
	if (!view_kind_parse(name, &kind))
		return NULL;
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (forms[i].kind == kind)
			return &forms[i];
	}
	return NULL;
}

static ssize_t read_view(void *arg, uint64_t pos, void *buf, size_t len, struct dr_err *err)
{
	return view_read(arg, buf, len, pos, err);
}

static void close_view(void *arg)
{
	if (arg)
		view_close(arg);
}

/* HEAD of the plain object costs one row; nothing is opened. */
static int stat_object(struct swift_call *c, struct image_object *ret, struct dr_err *err)
{
	dr_autofree struct image_object *found = NULL;
	size_t n = 0;

	if (library_objects(c->library, &c->who, c->account, "", "", c->object, 1, &found, &n,
			    err) < 0)
		return -1;
	if (n == 0 || strcmp(found->name, c->object) != 0)
		return dr_fail(err, DR_NOT_FOUND, "no such object");
	*ret = *found;
	return 0;
}

static void send_form(struct swift_call *c, const struct form *form, const struct image_object *o,
		      const struct http_stream *content)
{
	char etag[sizeof o->etag + 2];

	/* Quoted, and said to be a large object's: no client takes it for an MD5 of the content. */
	snprintf(etag, sizeof etag, "\"%s\"", o->etag);
	http_add(c->rs, "X-Static-Large-Object", "True");
	http_addf(c->rs, "Content-Disposition", "attachment; filename=\"%s%s\"", o->name,
		  form->extension);
	swift_timestamp(c->rs, o->modified_at);
	http_send_object(c->rq, c->rs,
			 &(struct http_object){form->content_type, etag, o->modified_at, *content});
}

/* send_parts: what a large object is made of (?multipart-manifest=get): here of itself. Clients ask
 * for it to compare a local file piece by piece. */
static int send_parts(struct swift_call *c, const struct image_object *o, struct dr_err *err)
{
	dr_autobuf struct buf name = BUF_INIT;
	char when[SWIFT_TIME_TEXT];
	json_t *parts;
	char *text;

	swift_time(o->modified_at, when);
	buf_printf(&name, "/%s/%s", SWIFT_CONTAINER, o->name);
	parts = json_pack("[{s:s, s:I, s:s, s:s, s:s}]", "name", buf_str(&name), "bytes",
			  (json_int_t)o->bytes, "hash", o->etag, "content_type",
			  "application/octet-stream", "last_modified", when);
	text = parts ? json_dumps(parts, JSON_COMPACT) : NULL;
	json_decref(parts);
	if (!text)
		return dr_fail_nomem(err);
	http_status(c->rs, 200);
	http_add(c->rs, "X-Static-Large-Object", "True");
	http_send(c->rs, "application/json; charset=utf-8", text, strlen(text));
	free(text);
	return 0;
}

static int read_object(struct swift_call *c, struct dr_err *err)
{
	const char *multipart = http_query(c->rq, "multipart-manifest");
	const struct form *form = wanted_form(c->rq);
	struct http_stream content = {.read = read_view, .close = close_view};
	struct image_object o;
	struct view *view = NULL;

	if (!form)
		return dr_fail(err, DR_INVALID, "unknown format");
	if (multipart && strcmp(multipart, "get") == 0 && http_method(c->rq) == HTTP_GET)
		return stat_object(c, &o, err) < 0 ? -1 : send_parts(c, &o, err);
	if (http_method(c->rq) == HTTP_HEAD && form->kind == VIEW_LZ4) {
		if (stat_object(c, &o, err) < 0)
			return -1;
		content.length = o.bytes;
	} else {
		if (library_object_open(c->library, &c->who, c->account, c->object, form->kind, &o,
					&view, err) < 0)
			return -1;
		content.length = view_size(view);
		content.arg = view;
	}
	send_form(c, form, &o, &content);
	return 0;
}

int swift_object(struct swift_call *c, struct dr_err *err)
{
	uint64_t count, bytes;

	if (strcmp(c->container, SWIFT_CONTAINER) == 0 &&
	    (http_method(c->rq) == HTTP_GET || http_method(c->rq) == HTTP_HEAD))
		return read_object(c, err);
	/* Policy first, as in container.c. */
	if (library_objects_stat(c->library, &c->who, c->account, &count, &bytes, err) < 0)
		return -1;
	if (strcmp(c->container, SWIFT_CONTAINER) != 0)
		return dr_fail(err, DR_NOT_FOUND, "no such container");
	return dr_fail(err, DR_DENIED, "the container is read-only");
}
