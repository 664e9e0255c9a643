/* SPDX-License-Identifier: Apache-2.0
 *
 * An image as JSON (api.md section 3.1), with members of ours after those of the contract. */
#include <string.h>

#include "api/api_internal.h"
#include "util/checked.h"

#include "util/banned.h"

/* Sizes are MiB, rounded up. */
static json_int_t mib(uint64_t bytes)
{
	return (json_int_t)dr_div_up(bytes, (uint64_t)1 << 20);
}

static const char *null_if_empty(const char *s)
{
	return *s ? s : NULL;
}

/* The image this one derives from: nested, null when there is none or it is nobody's business. */
static int ancestor(json_t **ret, struct api_call *c, const struct image *img, struct dr_err *err)
{
	struct image from;
	struct dr_err why = DR_ERR_INIT;

	*ret = json_null();
	if (!img->ancestor[0])
		return 0;
	if (library_image_show(c->library, &c->who, img->ancestor, &from, &why) == 0) {
		*ret = api_image_json(c, &from, API_NESTED, err);
		return *ret ? 0 : -1;
	}
	if (why.code == DR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

static json_t *progress(const struct image *img)
{
	static const char *const waits[] = {[WAIT_NONE] = NULL,
					    [WAIT_SLOT] = "slot",
					    [WAIT_ACCOUNT] = "account",
					    [WAIT_RETRY] = "retry"};
	json_t *total = img->progress_total == UINT64_MAX
				? json_null()
				: json_integer((json_int_t)img->progress_total);

	if (img->status != IMAGE_CREATING) {
		json_decref(total);
		return json_null();
	}
	return json_pack(
		"{s:s, s:I, s:o, s:I, s:o, s:s?}", "phase", img->phase[0] ? img->phase : "queued",
		"bytes_done", (json_int_t)img->progress_done, "bytes_total", total, "rate",
		(json_int_t)img->progress_rate, "position",
		img->queue_position ? json_integer((json_int_t)img->queue_position) : json_null(),
		"waits_for", waits[img->waits_for]);
}

static json_t *warnings(const struct image *img)
{
	json_t *list = json_array();

	for (const char *line = img->warnings; *line;) {
		size_t len = strcspn(line, "\n");

		if (len > 0)
			json_array_append_new(list, json_stringn(line, len));
		line += len + (line[len] == '\n');
	}
	return list;
}

static json_t *content_digest(const struct image *img)
{
	static const struct digest none = {{0}};
	char hex[DIGEST_HEX];

	if (digest_equal(&img->digest, &none))
		return json_null();
	digest_hex(&img->digest, hex);
	return json_sprintf("sha256:%s", hex);
}

/* In the order of the contract's example. */
static json_t *contract_members(struct api_call *c, const struct image *img)
{
	char url[API_URL_TEXT];
	json_t *min_ram = img->min_ram ? json_integer((json_int_t)img->min_ram) : json_null();

	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:b, s:s?, s:s, s:s, s:s, s:o,"
		" s:b, s:b, s:b, s:s, s:s, s:I, s:I, s:o, s:s, s:s?}",
		"id", img->id, "resource_type", "image", "url", api_url(c, "images", img->id, url),
		"name", img->name, "status", image_status_name(img->status), "locked", img->locked,
		"username", null_if_empty(img->username), "description", img->description, "source",
		img->source, "arch", img->arch, "created_at", api_time(img->created_at), "official",
		img->official, "public", img->public, "compatibility_mode", img->compatibility_mode,
		"source_type", img->source_type, "source_trigger", img->source_trigger, "disk_size",
		mib(img->data_bytes), "virtual_size", mib(img->virtual_bytes), "min_ram", min_ram,
		"owner", img->account, "licence_name", null_if_empty(img->licence_name));
}

static json_t *own_members(const struct image *img)
{
	return json_pack("{s:s?, s:o, s:s?, s:o, s:s?, s:o}", "status_reason",
			 null_if_empty(img->status_reason), "progress", progress(img), "checksum",
			 null_if_empty(img->checksum), "digest", content_digest(img),
			 "source_format", null_if_empty(img->source_format), "warnings",
			 warnings(img));
}

json_t *api_image_json(struct api_call *c, const struct image *img, enum api_form form,
		       struct dr_err *err)
{
	static const char *const not_nested[] = {
		"compatibility_mode", "source_type", "disk_size",
		"virtual_size",       "min_ram",     "licence_name"};
	json_t *body = contract_members(c, img), *own, *from;

	if (!body) {
		dr_fail_nomem(err);
		return NULL;
	}
	if (form == API_NESTED) {
		for (size_t i = 0; i < sizeof not_nested / sizeof *not_nested; i++)
			(void)json_object_del(body, not_nested[i]);
		return body;
	}
	if (form == API_COLLECTION)
		(void)json_object_del(body, "licence_name");
	if (ancestor(&from, c, img, err) < 0) {
		json_decref(body);
		return NULL;
	}
	own = own_members(img);
	if (json_object_set_new(body, "ancestor", from) < 0 || !own ||
	    json_object_update(body, own) < 0) {
		json_decref(body);
		body = NULL;
		dr_fail_nomem(err);
	}
	json_decref(own);
	return body;
}
