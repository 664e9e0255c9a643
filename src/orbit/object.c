/* SPDX-License-Identifier: Apache-2.0
 *
 * What objects are besides their bytes; changing and deleting them. */
#include <string.h>
#include <strings.h>

#include "orbit/orbit_internal.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define TRIES 10 /* of a change that others keep getting ahead of */

/* ---- metadata ---- */

bool unquote(char *s, bool plus)
{
	char *to = s;

	for (; *s; s++) {
		uint8_t byte = (uint8_t)*s;

		if (byte == '%') {
			const char hex[3] = {s[1], s[1] ? s[2] : '\0', '\0'};

			if (!hex_decode(hex, &byte, 1) || byte == 0)
				return false;
			s += 2;
		} else if (byte == '+' && plus) {
			byte = ' ';
		}
		*to++ = (char)byte;
	}
	*to = 0;
	return true;
}

/* As Swift's dlo middleware has it: the value is split before it is stored, and after it was
 * decoded. */
int manifest_split(const char *value, char container[static CONTAINER_TEXT],
		   char prefix[static OBJECT_TEXT], struct dr_err *err)
{
	dr_autofree char *text = strdup(value);
	const char *slash = strchr(value, '/');
	char *cut;

	if (!text)
		return dr_fail_nomem(err);
	if (slash && slash != value && slash[1] != 0 && slash[1] != '/' && !strpbrk(value, "?&") &&
	    unquote(text, false) && dr_utf8_valid(text, strlen(text)) &&
	    (cut = strchr(text, '/'))) {
		*cut = 0;
		if (*text && cut[1] && dr_copy(container, CONTAINER_TEXT, text) &&
		    dr_copy(prefix, OBJECT_TEXT, cut + 1))
			return 0;
	}
	return dr_refuse(err, DR_INVALID, "manifest",
			 "X-Object-Manifest must be in the format container/prefix");
}

static int allow_plain(const char *name, char value[static META_VALUE_TEXT], struct dr_err *err)
{
	static const char *const names[] = {"Content-Encoding", "Content-Disposition",
					    "Content-Language", "Cache-Control",
					    "Expires",          "X-Robots-Tag"};

	(void)value;
	if (strncasecmp(name, OBJECT_META, strlen(OBJECT_META)) == 0)
		return 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcasecmp(name, names[i]) == 0)
			return 0;
	}
	if (strcasecmp(name, OBJECT_MANIFEST) == 0)
		return dr_refuse(err, DR_INVALID, "manifest", "X-Object-Manifest is not for here");
	return dr_refuse(err, DR_INVALID, "metadata", "That is no metadata of an object");
}

static int allow_manifest(const char *name, char value[static META_VALUE_TEXT], struct dr_err *err)
{
	char container[CONTAINER_TEXT], prefix[OBJECT_TEXT];

	if (strcasecmp(name, OBJECT_MANIFEST) != 0)
		return allow_plain(name, value, err);
	return *value ? manifest_split(value, container, prefix, err) : 0;
}

int object_meta(const char *changes, bool manifest, char ret[static META_TEXT], struct dr_err *err)
{
	dr_autobuf struct buf meta = BUF_INIT;

	if (meta_change("", changes, manifest ? allow_manifest : allow_plain, OBJECT_META, &meta,
			err) < 0)
		return -1;
	(void)dr_copy(ret, META_TEXT, buf_str(&meta));
	return 0;
}

void object_describe(const struct object *row, struct orbit_object *ret)
{
	*ret = (struct orbit_object){.row = *row, .bytes = row->bytes};
	ret->etag_quoted = row->kind == OBJECT_STATIC;
	(void)dr_copy(ret->etag, sizeof ret->etag, ret->etag_quoted ? row->etag : row->md5);
}

/* ---- changing it ---- */

/* A dynamic large object stays one: Swift would make an empty object of it. */
static int keep_manifest(const char *old, char meta[static META_TEXT], struct dr_err *err)
{
	dr_meta m = META_INIT;
	char value[META_VALUE_TEXT];

	if (meta_get(meta, OBJECT_MANIFEST, value, sizeof value) ||
	    !meta_get(old, OBJECT_MANIFEST, value, sizeof value))
		return 0;
	if (meta_parse(&m, meta, err) < 0 || meta_set(&m, OBJECT_MANIFEST, value, err) < 0)
		return -1;
	if (!dr_copy(meta, META_TEXT, meta_text(&m)))
		return dr_refuse(err, DR_INVALID, "metadata", "The metadata is too long");
	return 0;
}

/* post: CONFLICT when somebody else changed the object meanwhile. */
static int post(struct orbit *o, int64_t container, const struct orbit_put *put, bool manifest,
		struct dr_err *err)
{
	dr_autofree struct object *row = malloc(sizeof *row);
	dr_autofree char *old = NULL;

	if (!row)
		return dr_fail_nomem(err);
	if (catalogue_object_get(o->library->catalogue, container, put->name, dr_wall(), row, err) <
	    0)
		return -1;
	old = strdup(row->meta);
	if (!old)
		return dr_fail_nomem(err);
	if (object_meta(put->meta, manifest && row->kind == OBJECT_DYNAMIC, row->meta, err) < 0 ||
	    keep_manifest(old, row->meta, err) < 0)
		return -1;
	if (put->content_type && *put->content_type &&
	    object_type(put->content_type, put->name, row->content_type, err) < 0)
		return -1;
	row->delete_at = put->delete_at;
	return catalogue_object_set(o->library->catalogue, row, dr_wall_us(), err);
}

int orbit_object_post(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
		      struct dr_err *err)
{
	dr_autofree struct place *p = NULL;
	struct dr_err e = DR_ERR_INIT;
	int rc = -1;

	if (place_enter(o, c, put->account, put->container, VERB_OBJECT_POST, &p, err) < 0)
		return -1;
	for (int i = 0; i < TRIES && rc < 0; i++) {
		e = (struct dr_err)DR_ERR_INIT;
		rc = post(o, p->row.id, put, c->grant == TEMPURL_NONE, &e);
		if (rc < 0 && e.code != DR_CONFLICT)
			break;
	}
	if (rc < 0)
		*err = e;
	return rc;
}

/* ---- deleting it ---- */

void blob_drop(struct orbit *o, const char *account, const struct object *row)
{
	struct dr_err ignored = DR_ERR_INIT;

	if (row->has_blob &&
	    store_object_remove(o->library->store, account, &row->blob, &ignored) < 0)
		return;
}

int object_delete(struct orbit *o, const struct place *p, const char *name, struct dr_err *err)
{
	dr_autofree struct object *old = malloc(sizeof *old);

	if (!old)
		return dr_fail_nomem(err);
	if (catalogue_object_delete(o->library->catalogue, p->row.id, name, old, err) < 0)
		return -1;
	blob_drop(o, p->row.account, old);
	if (old->delete_at != 0 && old->delete_at <= dr_wall()) /* the expirer is late */
		return dr_fail(err, DR_NOT_FOUND, "There is no such object");
	return 0;
}

int orbit_object_delete(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *container, const char *name, bool segments,
			struct orbit_deleted *ret, struct dr_err *err)
{
	dr_autofree struct place *p = NULL;

	*ret = (struct orbit_deleted){0};
	if (place_enter(o, c, account, container, VERB_OBJECT_DELETE, &p, err) < 0)
		return -1;
	if (segments)
		return static_delete(o, c, p, name, ret, err);
	if (object_delete(o, p, name, err) < 0)
		return -1;
	ret->deleted = 1;
	return 0;
}
