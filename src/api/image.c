/* SPDX-License-Identifier: Apache-2.0
 *
 * /1.0/images (api.md sections 2.1, 4). */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "util/checked.h"
#include "util/num.h"

#include "util/banned.h"

#define LIST_PAGE ((size_t)256)

static int send_image(struct api_call *c, unsigned status, const struct image *img,
		      struct dr_err *err)
{
	return api_send(c, status, api_image_json(c, img, API_FULL, err), err);
}

/* ---- list and show ---- */

static int list_query(struct api_call *c, struct image_query *q, struct dr_err *err)
{
	const char *limit = http_query(c->rq, "limit");
	uint64_t n = 0;

	*q = (struct image_query){
		.account = c->who.account,
		.with_public = true,
		.marker = http_query(c->rq, "marker"),
		.name = http_query(c->rq, "name"),
		.status = http_query(c->rq, "status"),
	};
	if (limit && !dr_parse_u64(limit, 1, 10000, &n))
		return dr_fail(err, DR_INVALID, "limit must be a number from 1 to 10000");
	q->limit = (size_t)n;
	q->own_deleted = q->status && strcmp(q->status, "deleted") == 0;
	return 0;
}

static void add_validator(struct api_call *c, const char *etag)
{
	http_add(c->rs, "ETag", etag);
	http_add(c->rs, "Cache-Control", "private, no-cache");
}

static int append(const char *p, size_t len, void *out)
{
	buf_append(out, p, len);
	return 0;
}

/* One page of the list, as text at once: a long list is never a tree in memory. */
static int add_page(struct api_call *c, const struct image_query *q, struct buf *out,
		    char last[static ID_TEXT], size_t *ret_n, struct dr_err *err)
{
	dr_autofree struct image *images = NULL;
	size_t n = 0;

	if (library_image_list(c->library, &c->who, q, &images, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		json_auto_t *item = api_image_json(c, &images[i], API_COLLECTION, err);

		if (!item)
			return -1;
		buf_puts(out, out->len > 1 ? "," : "");
		if (json_dump_callback(item, append, out, JSON_COMPACT) < 0)
			return dr_fail_nomem(err);
		memcpy(last, images[i].id, ID_TEXT);
	}
	*ret_n = n;
	return buf_check(out, err);
}

static int add_pages(struct api_call *c, struct image_query *q, struct buf *out, struct dr_err *err)
{
	size_t left = q->limit ? q->limit : SIZE_MAX, n;
	char last[ID_TEXT];

	buf_puts(out, "[");
	do {
		q->limit = dr_min_size(left, LIST_PAGE);
		if (add_page(c, q, out, last, &n, err) < 0) {
			/* Of a marker that was ours: somebody withdrew that image just now. */
			if (err->code == DR_NOT_FOUND && q->marker == last)
				err->code = DR_BUSY;
			return -1;
		}
		left -= n;
		q->marker = last;
	} while (n == LIST_PAGE && left > 0);
	buf_puts(out, "]");
	return buf_check(out, err);
}

int api_image_list(struct api_call *c, struct dr_err *err)
{
	dr_autobuf struct buf text = BUF_INIT;
	struct image_query q;
	char version[64], etag[160];

	/* The version is read first: at worst it is older than the list, and the next poll asks
	 * again; never the other way round. */
	if (list_query(c, &q, err) < 0 ||
	    library_image_list_version(c->library, &c->who, &q, version, err) < 0)
		return -1;
	snprintf(etag, sizeof etag, "W/\"%s-%s\"", c->who.account, version);
	if (http_conditions(c->rq, etag + strlen("W/"), 0) == HTTP_NOT_MODIFIED) {
		add_validator(c, etag);
		http_status(c->rs, 304);
		return 0;
	}
	if (add_pages(c, &q, &text, err) < 0)
		return -1;
	add_validator(c, etag);
	http_status(c->rs, 200);
	http_send(c->rs, API_JSON_TYPE, buf_str(&text), text.len);
	return 0;
}

int api_image_show(struct api_call *c, struct dr_err *err)
{
	struct image img;

	if (library_image_show(c->library, &c->who, c->id, &img, err) < 0)
		return -1;
	return send_image(c, 200, &img, err);
}

/* ---- members clients may and may not set ---- */

/* A member that is only ours to write may be sent back as it was. */
static void check_read_only(struct api_call *c, json_t *is, const char *const *names)
{
	for (; *names; names++) {
		json_t *sent = json_object_get(c->body, *names);

		if (sent && !json_equal(sent, json_object_get(is, *names)))
			api_problem(c, "%s cannot be changed", *names);
	}
}

static void read_text(struct api_call *c, struct image_request *ask, const char *name,
		      enum image_member bit, const char **ret)
{
	if (api_text(c, name, ret))
		ask->given |= (unsigned)bit;
}

/* What register and update have in common. Strings are borrowed from c->body. */
static void read_members(struct api_call *c, struct image_request *ask)
{
	const json_t *v;

	read_text(c, ask, "name", IMG_NAME, &ask->name);
	read_text(c, ask, "description", IMG_DESCRIPTION, &ask->description);
	read_text(c, ask, "username", IMG_USERNAME, &ask->username);
	read_text(c, ask, "arch", IMG_ARCH, &ask->arch);
	if (api_u64(c, "min_ram", &ask->min_ram))
		ask->given |= IMG_MIN_RAM;
	/* A null flag says nothing. */
	v = json_object_get(c->body, "compatibility_mode");
	if (!json_is_null(v) && api_bool(c, "compatibility_mode", &ask->compatibility_mode))
		ask->given |= IMG_MODE;
	v = json_object_get(c->body, "public");
	if (!json_is_null(v) && api_bool(c, "public", &ask->public))
		ask->given |= IMG_PUBLIC;
}

/* ---- register ---- */

/* On a new image, read-only members may only have the value it will have. */
static int check_new(struct api_call *c, struct dr_err *err)
{
	static const char *const names[] = {"owner",     "official",     "locked",
					    "status",    "source_type",  "source_trigger",
					    "disk_size", "virtual_size", "licence_name",
					    "ancestor",  "digest",       NULL};
	json_t *is = json_pack("{s:s, s:b, s:b, s:s, s:s, s:s, s:i, s:i, s:n, s:n, s:n}", "owner",
			       c->who.account, "official", 0, "locked", 0, "status", "creating",
			       "source_type", "upload", "source_trigger", "manual", "disk_size", 0,
			       "virtual_size", 0, "licence_name", "ancestor", "digest");

	if (!is)
		return dr_fail_nomem(err);
	check_read_only(c, is, names);
	json_decref(is);
	return 0;
}

static void drop_null(struct image_request *ask, enum image_member bit, const char *value)
{
	if (!value)
		ask->given &= ~(unsigned)bit;
}

int api_image_register(struct api_call *c, struct dr_err *err)
{
	struct image_request ask = {0};
	struct image img;
	char url[API_URL_TEXT];

	read_members(c, &ask);
	/* Null means "not given" here (api.md section 2.1). */
	drop_null(&ask, IMG_NAME, ask.name);
	drop_null(&ask, IMG_DESCRIPTION, ask.description);
	drop_null(&ask, IMG_USERNAME, ask.username);
	drop_null(&ask, IMG_ARCH, ask.arch);
	(void)api_text(c, "http_url", &ask.http_url);
	(void)api_text(c, "server", &ask.server);
	(void)api_text(c, "volume", &ask.volume);
	(void)api_text(c, "source", &ask.legacy_source);
	(void)api_text(c, "checksum", &ask.checksum);
	if (check_new(c, err) < 0 || api_problems(c, err) < 0 ||
	    library_image_register(c->library, &c->who, &ask, &img, &c->problems, err) < 0)
		return -1;
	http_add(c->rs, "Location", api_url(c, "images", img.id, url));
	return send_image(c, 201, &img, err);
}

/* ---- change ---- */

/* The owner may send members back as they were; what is wrong for anybody else library says. */
static int check_update(struct api_call *c, struct image_request *ask, const struct image *was,
			struct dr_err *err)
{
	/* Not `progress`, `status_reason`, `warnings`: they change by themselves between a client's
	 * GET and its PUT. Nor sizes while they grow. */
	static const char *const names[] = {
		"id",           "resource_type", "url",         "locked", "created_at",
		"official",     "source",        "source_type", "owner",  "source_trigger",
		"licence_name", "ancestor",      "checksum",    "digest", NULL};
	static const char *const sizes[] = {"disk_size", "virtual_size", NULL};
	json_t *is = api_image_json(c, was, API_FULL, err);

	if (!is)
		return -1;
	check_read_only(c, is, names);
	if (was->status != IMAGE_CREATING)
		check_read_only(c, is, sizes);
	json_decref(is);
	/* The status it has anyway is no change, whatever it is. */
	if (api_text(c, "status", &ask->status) && ask->status &&
	    strcmp(ask->status, image_status_name(was->status)) != 0)
		ask->given |= IMG_STATUS;
	return api_problems(c, err);
}

int api_image_update(struct api_call *c, struct dr_err *err)
{
	struct image_request ask = {0};
	struct image img;

	if (library_image_show(c->library, &c->who, c->id, &img, err) < 0)
		return -1;
	read_members(c, &ask);
	if (strcmp(img.account, c->who.account) == 0 && check_update(c, &ask, &img, err) < 0)
		return -1;
	if (library_image_update(c->library, &c->who, c->id, &ask, &img, &c->problems, err) < 0)
		return -1;
	return send_image(c, 200, &img, err);
}

static int set_lock(struct api_call *c, bool locked, struct dr_err *err)
{
	struct image img;

	if (library_image_lock(c->library, &c->who, c->id, locked, &img, err) < 0)
		return -1;
	return send_image(c, 200, &img, err);
}

int api_image_lock(struct api_call *c, struct dr_err *err)
{
	return set_lock(c, true, err);
}

int api_image_unlock(struct api_call *c, struct dr_err *err)
{
	return set_lock(c, false, err);
}

int api_image_destroy(struct api_call *c, struct dr_err *err)
{
	struct image img;

	if (library_image_destroy(c->library, &c->who, c->id, &img, err) < 0)
		return -1;
	return send_image(c, 202, &img, err);
}
