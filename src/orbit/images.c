/* SPDX-License-Identifier: Apache-2.0
 *
 * The container "images": the account's images, as files (api.md section 7.8). */
#include <string.h>

#include "orbit/orbit_internal.h"
#include "util/str.h"

#include "util/banned.h"

#define PAGE 1000

static const struct form {
	enum view_kind kind;
	const char *content_type;
} forms[] = {
	[ORBIT_CONTENT] = {VIEW_LZ4, "application/x-lz4"},
	[ORBIT_MANIFEST] = {VIEW_LZ4, "application/x-lz4"},
	[ORBIT_RAW] = {VIEW_RAW, "application/octet-stream"},
	[ORBIT_QCOW2] = {VIEW_QCOW2, "application/x-qemu-disk"},
};

bool is_images(const char *container)
{
	return strcmp(container, ORBIT_IMAGES) == 0;
}

/* reader: whom the library takes for the account's own. The policy here has let the caller in,
 * perhaps by a temporary URL, of which the library knows nothing. */
static struct principal reader(const char *account)
{
	struct principal p = {.kind = PRINCIPAL_CLIENT, .scope_orbit = true};

	(void)dr_copy(p.account, sizeof p.account, account);
	return p;
}

int images_stat(struct orbit *o, const char *account, uint64_t *ret_count, uint64_t *ret_bytes,
		struct dr_err *err)
{
	const struct principal p = reader(account);

	return library_objects_stat(o->library, &p, account, ret_count, ret_bytes, err);
}

/* ---- listings ---- */

int listing_cut(const struct listing_query *q, const char *name, char *ret, size_t size)
{
	const size_t skip = q->prefix ? strlen(q->prefix) : 0;
	const char *end = NULL;
	bool cut;

	if (skip > 0 && !dr_starts(name, q->prefix))
		return -1;
	if (q->delimiter && *q->delimiter)
		end = strstr(name + skip, q->delimiter);
	cut = end != NULL;
	if (cut && q->no_subdirs)
		return -1;
	if (cut)
		end += strlen(q->delimiter);
	snprintf(ret, size, "%.*s", cut ? (int)(end - name) : (int)strlen(name), name);
	return cut;
}

bool listing_within(const struct listing_query *q, const char *line)
{
	const char *low = q->reverse ? q->end_marker : q->marker;
	const char *high = q->reverse ? q->marker : q->end_marker;

	return (!low || !*low || strcmp(line, low) > 0) &&
	       (!high || !*high || strcmp(line, high) < 0);
}

/* all_images: those with the prefix, in order. [owned] */
static int all_images(struct orbit *o, const char *account, const char *prefix,
		      struct image_object **ret, size_t *ret_n, struct dr_err *err)
{
	const struct principal p = reader(account);
	dr_autofree struct image_object *all = NULL;
	size_t n = 0, got;

	do {
		dr_autofree struct image_object *page = NULL;
		struct image_object *more;

		if (library_objects(o->library, &p, account, n > 0 ? all[n - 1].name : "", "",
				    prefix ? prefix : "", PAGE, &page, &got, err) < 0)
			return -1;
		more = reallocarray(all, n + got + 1, sizeof *all);
		if (!more)
			return dr_fail_nomem(err);
		all = more;
		memcpy(all + n, page, got * sizeof *all);
		n += got;
	} while (got == PAGE);
	*ret = DR_STEAL(all);
	*ret_n = n;
	return 0;
}

int images_list(struct orbit *o, const char *account, const struct listing_query *q, listing_fn fn,
		void *arg, struct dr_err *err)
{
	dr_autofree struct image_object *all = NULL;
	char shown[OBJECT_TEXT], last[OBJECT_TEXT] = "";
	size_t n = 0, count = 0;

	if (all_images(o, account, q->prefix, &all, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n && count < q->limit; i++) {
		const struct image_object *img = &all[q->reverse ? n - 1 - i : i];
		const int cut = listing_cut(q, img->name, shown, sizeof shown);

		if (cut < 0 || !listing_within(q, shown) || strcmp(shown, last) == 0)
			continue;
		memcpy(last, shown, sizeof last);
		count++;
		if (fn(arg,
		       &(struct listing_line){.name = shown,
					      .subdir = cut == 1,
					      .md5 = img->etag,
					      .etag = img->etag,
					      .content_type = forms[ORBIT_CONTENT].content_type,
					      .kind = OBJECT_STATIC,
					      .bytes = img->bytes,
					      .modified_at = img->modified_at * 1000000},
		       err) < 0)
			return -1;
	}
	return 0;
}

/* ---- one image ---- */

static void describe(const struct image_object *img, enum orbit_form form, struct orbit_object *ret)
{
	*ret = (struct orbit_object){.image = true, .bytes = img->bytes, .etag_quoted = true};
	ret->row.kind = OBJECT_STATIC;
	ret->row.bytes = img->bytes;
	ret->row.stored_bytes = img->bytes;
	ret->row.modified_at = img->modified_at * 1000000;
	(void)dr_copy(ret->row.name, sizeof ret->row.name, img->name);
	(void)dr_copy(ret->row.content_type, sizeof ret->row.content_type,
		      forms[form].content_type);
	(void)dr_copy(ret->etag, sizeof ret->etag, img->etag);
}

static int no_such_object(struct dr_err *err)
{
	return dr_fail(err, DR_NOT_FOUND, "There is no such object");
}

/* look: of what a listing knows, without opening anything. */
static int look(struct orbit *o, const char *account, const char *name, struct image_object *ret,
		struct dr_err *err)
{
	const struct principal p = reader(account);
	dr_autofree struct image_object *found = NULL;
	size_t n = 0;

	if (library_objects(o->library, &p, account, "", "", name, 1, &found, &n, err) < 0)
		return -1;
	if (n == 0 || strcmp(found->name, name) != 0)
		return no_such_object(err);
	*ret = *found;
	return 0;
}

int images_open(struct orbit *o, const char *account, const char *name, enum orbit_form form,
		struct orbit_object *ret, struct view **ret_view, struct dr_err *err)
{
	const struct principal p = reader(account);
	DR_CLEANUP(view_closep) struct view *view = NULL;
	struct dr_err e = DR_ERR_INIT;
	struct image_object img;

	if (!ret_view && forms[form].kind == VIEW_LZ4) {
		if (look(o, account, name, &img, err) < 0)
			return -1;
	} else if (library_object_open(o->library, &p, account, name, forms[form].kind, &img, &view,
				       &e) < 0) {
		/* Another account's image that everybody may use is no object here, to GET as to
		 * HEAD and to listings. */
		if (e.code == DR_DENIED)
			return no_such_object(err);
		*err = e;
		return -1;
	}
	describe(&img, form, ret);
	if (ret_view)
		*ret_view = DR_STEAL(view);
	return 0;
}
