/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "library/library_internal.h"
#include "library/policy.h"

#include "util/banned.h"

/* enter: who may ask for the container of `account`: those of the account, with full rights. Of any
 * other account, there or not, it is the same refusal (hardening.md section 3.3). */
static int enter(const struct principal *p, const char *account, struct dr_err *err)
{
	if (policy_enter_orbit(p, err) < 0)
		return -1;
	if (policy_actor(p, account) != ACTOR_OWNER)
		return dr_fail(err, DR_DENIED, "That account's objects are not for you");
	return 0;
}

/* make_etag: of the large-object form, with a hyphen, so that nobody takes it for an MD5. */
static void make_etag(const struct digest *manifest, uint64_t chunks, enum view_kind kind,
		      char ret[static 96])
{
	static const char *const suffixes[] = {
		[VIEW_LZ4] = "", [VIEW_RAW] = "-raw", [VIEW_QCOW2] = "-qcow2"};
	char hex[DIGEST_HEX];

	digest_hex(manifest, hex);
	snprintf(ret, 96, "%s-%" PRIu64 "%s", hex, chunks, suffixes[kind]);
}

int library_objects(struct library *l, const struct principal *p, const char *account,
		    const char *marker, const char *end_marker, const char *prefix, size_t limit,
		    struct image_object **ret, size_t *ret_n, struct dr_err *err)
{
	const struct object_query q = {.account = account,
				       .marker = marker,
				       .end_marker = end_marker,
				       .prefix = prefix,
				       .limit = limit};
	dr_autofree struct stored_object *rows = NULL;
	dr_autofree struct image_object *objects = NULL;
	size_t n = 0;

	if (enter(p, account, err) < 0 ||
	    catalogue_object_list(l->catalogue, &q, &rows, &n, err) < 0)
		return -1;
	objects = calloc(n + 1, sizeof(*objects));
	if (!objects)
		return dr_fail_nomem(err);
	for (size_t i = 0; i < n; i++) {
		memcpy(objects[i].name, rows[i].image, sizeof(objects[i].name));
		objects[i].bytes = rows[i].object_bytes;
		objects[i].modified_at = rows[i].available_at;
		make_etag(&rows[i].manifest, rows[i].chunk_count, VIEW_LZ4, objects[i].etag);
	}
	*ret = DR_STEAL(objects);
	*ret_n = n;
	return 0;
}

int library_objects_stat(struct library *l, const struct principal *p, const char *account,
			 uint64_t *ret_count, uint64_t *ret_bytes, struct dr_err *err)
{
	if (enter(p, account, err) < 0)
		return -1;
	return catalogue_object_stat(l->catalogue, account, ret_count, ret_bytes, err);
}

/* find_object: the image behind an object, judged. */
static int find_object(struct library *l, const struct principal *p, const char *object,
		       struct image *ret, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;

	if (catalogue_image_get(l->catalogue, object, ret, &e) == 0)
		return policy_decide(p, VERB_DOWNLOAD, ret, err);
	if (e.code == DR_NOT_FOUND)
		return policy_decide(p, VERB_DOWNLOAD, NULL, err);
	*err = e;
	return -1;
}

static int open_view(struct library *l, const struct image *img, enum view_kind kind,
		     struct view **ret, struct dr_err *err)
{
	struct manifest *m = NULL;
	struct dr_err e = DR_ERR_INIT;

	if (manifest_load(&m, l->store, img->domain, &img->manifest, &e) < 0) {
		/* the object is there; what is lost is ours */
		if (e.code == DR_NOT_FOUND)
			return dr_fail(err, DR_CORRUPT, "the manifest of %s is lost", img->id);
		*err = e;
		return -1;
	}
	return view_open(ret, l->store, m, kind, err);
}

int library_object_open(struct library *l, const struct principal *p, const char *account,
			const char *object, enum view_kind kind, struct image_object *ret,
			struct view **ret_view, struct dr_err *err)
{
	DR_CLEANUP(view_closep) struct view *view = NULL;
	struct image img;

	if (enter(p, account, err) < 0 || find_object(l, p, object, &img, err) < 0 ||
	    open_view(l, &img, kind, &view, err) < 0)
		return -1;
	*ret = (struct image_object){.bytes = view_size(view), .modified_at = img.available_at};
	memcpy(ret->name, img.id, sizeof(ret->name));
	make_etag(&img.manifest, img.chunk_count, kind, ret->etag);
	*ret_view = DR_STEAL(view);
	return 0;
}
