/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "orbit/acl.h"
#include "orbit/orbit_internal.h"
#include "util/clock.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define ACL_READ_NAME "X-Container-Read"
#define ACL_WRITE_NAME "X-Container-Write"
#define TRIES 10 /* of a change that others keep getting ahead of */

static int clean_acl(enum acl_kind kind, char value[static META_VALUE_TEXT], struct dr_err *err)
{
	dr_autobuf struct buf clean = BUF_INIT;

	if (acl_clean(kind, value, &clean, err) < 0 || buf_check(&clean, err) < 0)
		return -1;
	if (!dr_copy(value, META_VALUE_TEXT, buf_str(&clean)))
		return dr_refuse(err, DR_INVALID, "acl", "The ACL is too long");
	return 0;
}

static int allow_container(const char *name, char value[static META_VALUE_TEXT], struct dr_err *err)
{
	uint64_t n;

	if (strcasecmp(name, ACL_READ_NAME) == 0)
		return clean_acl(ACL_READ, value, err);
	if (strcasecmp(name, ACL_WRITE_NAME) == 0)
		return clean_acl(ACL_WRITE, value, err);
	if (strncasecmp(name, CONTAINER_META, strlen(CONTAINER_META)) != 0)
		return dr_refuse(err, DR_INVALID, "metadata", "That is no metadata of a container");
	if ((strcasecmp(name, CONTAINER_QUOTA_BYTES) == 0 ||
	     strcasecmp(name, CONTAINER_QUOTA_COUNT) == 0) &&
	    *value && !dr_parse_u64(value, 0, UINT64_MAX, &n))
		return dr_refuse(err, DR_INVALID, "metadata", "A quota is a number");
	return 0;
}

/* redact: what only those see who may change it (as Swift's swift_owner_headers). */
static int redact(struct container *row, struct dr_err *err)
{
	dr_meta m = META_INIT;

	if (meta_parse(&m, row->meta, err) < 0)
		return -1;
	meta_drop(&m, ACL_READ_NAME);
	meta_drop(&m, ACL_WRITE_NAME);
	meta_drop(&m, "X-Container-Meta-Temp-Url-Key");
	(void)dr_copy(row->meta, sizeof row->meta, meta_text(&m));
	return 0;
}

static int images_row(struct orbit *o, struct container *row, struct dr_err *err)
{
	struct account a;

	if (catalogue_account_get(o->library->catalogue, row->account, &a, err) < 0)
		return -1;
	row->created_at = row->modified_at = a.created_at * 1000000;
	return images_stat(o, row->account, &row->objects, &row->bytes, err);
}

int orbit_container_show(struct orbit *o, const struct orbit_caller *c, const char *account,
			 const char *name, struct orbit_container *ret, struct dr_err *err)
{
	dr_autofree struct place *p = NULL;

	if (place_enter(o, c, account, name, VERB_CONTAINER_SHOW, &p, err) < 0)
		return -1;
	if (p->state == STATE_IMAGES && images_row(o, &p->row, err) < 0)
		return -1;
	*ret = (struct orbit_container){.row = p->row,
					.owner = p->actor == ORBIT_OWNER,
					.may_list = place_may(p, VERB_CONTAINER_LIST),
					.may_read = place_may(p, VERB_OBJECT_READ),
					.may_write = place_may(p, VERB_OBJECT_PUT),
					.images = p->state == STATE_IMAGES};
	if (!ret->may_list)
		ret->row.objects = ret->row.bytes = 0;
	return ret->owner ? 0 : redact(&ret->row, err);
}

int orbit_container_list(struct orbit *o, const struct orbit_caller *c, const char *account,
			 const char *name, const struct listing_query *q, listing_fn fn, void *arg,
			 struct dr_err *err)
{
	dr_autofree struct place *p = NULL;

	if (place_enter(o, c, account, name, VERB_CONTAINER_LIST, &p, err) < 0)
		return -1;
	if (p->state == STATE_IMAGES)
		return images_list(o, account, q, fn, arg, err);
	return catalogue_object_page(o->library->catalogue, p->row.id, q, fn, arg, err) < 0 ? -1
											    : 0;
}

/* change: to what `row` says the metadata is; CONFLICT when it is not so any more. */
static int change(struct orbit *o, const struct container *row, const char *changes,
		  struct dr_err *err)
{
	dr_autobuf struct buf meta = BUF_INIT;

	if (meta_change(row->meta, changes, allow_container, CONTAINER_META, &meta, err) < 0)
		return -1;
	if (strcmp(buf_str(&meta), row->meta) == 0)
		return 0;
	return catalogue_container_set_meta(o->library->catalogue, row->id, row->meta,
					    buf_str(&meta), dr_wall_us(), err);
}

/* create: 1 made; 0 there was one meanwhile, which *row is now. */
static int create(struct orbit *o, struct container *row, const char *changes, struct dr_err *err)
{
	dr_autobuf struct buf meta = BUF_INIT;
	char account[ID_TEXT], name[CONTAINER_TEXT];

	memcpy(account, row->account, sizeof account);
	memcpy(name, row->name, sizeof name);
	if (meta_change("", changes, allow_container, CONTAINER_META, &meta, err) < 0)
		return -1;
	return catalogue_container_create(o->library->catalogue, account, name, buf_str(&meta),
					  dr_wall_us(), row, err);
}

static int put(struct orbit *o, struct place *p, const char *changes, struct dr_err *err)
{
	int made = 0;

	if (p->state == STATE_ABSENT)
		made = create(o, &p->row, changes, err);
	return made == 0 ? change(o, &p->row, changes, err) : made;
}

int orbit_container_put(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *name, const char *changes, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	int rc = -1;

	for (int i = 0; i < TRIES && rc < 0; i++) {
		dr_autofree struct place *p = NULL;

		e = (struct dr_err)DR_ERR_INIT;
		if (place_enter(o, c, account, name, VERB_CONTAINER_PUT, &p, err) < 0 ||
		    check_container_name(name, err) < 0)
			return -1;
		rc = put(o, p, changes, &e);
		if (rc < 0 && e.code != DR_CONFLICT && e.code != DR_NOT_FOUND)
			break;
	}
	if (rc < 0)
		*err = e;
	return rc;
}

int orbit_container_post(struct orbit *o, const struct orbit_caller *c, const char *account,
			 const char *name, const char *changes, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	int rc = -1;

	for (int i = 0; i < TRIES && rc < 0; i++) {
		dr_autofree struct place *p = NULL;

		e = (struct dr_err)DR_ERR_INIT;
		if (place_enter(o, c, account, name, VERB_CONTAINER_POST, &p, err) < 0)
			return -1;
		rc = change(o, &p->row, changes, &e);
		if (rc < 0 && e.code != DR_CONFLICT)
			break;
	}
	if (rc < 0)
		*err = e;
	return rc;
}

int orbit_container_delete(struct orbit *o, const struct orbit_caller *c, const char *account,
			   const char *name, struct dr_err *err)
{
	dr_autofree struct place *p = NULL;

	if (place_enter(o, c, account, name, VERB_CONTAINER_DELETE, &p, err) < 0)
		return -1;
	return catalogue_container_delete(o->library->catalogue, p->row.id, err);
}

int orbit_container_rename(struct orbit *o, const struct orbit_caller *c, const char *account,
			   const char *name, const char *new_name, struct dr_err *err)
{
	dr_autofree struct place *p = NULL;

	if (place_enter(o, c, account, name, VERB_CONTAINER_DELETE, &p, err) < 0 ||
	    check_container_name(new_name, err) < 0)
		return -1;
	if (is_images(new_name))
		return orbit_decide(p->actor, VERB_CONTAINER_PUT, STATE_IMAGES, err);
	return catalogue_container_rename(o->library->catalogue, p->row.id, new_name, err);
}
