/* SPDX-License-Identifier: Apache-2.0
 *
 * Accounts, and how metadata changes. */
#include <string.h>
#include <strings.h>

#include "orbit/orbit_internal.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define ACCOUNT_META "X-Account-Meta-"
#define TRIES 10 /* of a change that others keep getting ahead of */

/* ---- metadata ---- */

static int change_one(struct meta *m, const char *name, char *value, meta_rule allow,
		      struct dr_err *err)
{
	if (strlen(value) == META_VALUE_TEXT - 1)
		return dr_refuse(err, DR_INVALID, "metadata", "A value is too long");
	if (allow(name, value, err) < 0)
		return -1;
	return meta_set(m, name, value, err);
}

int meta_change(const char *text, const char *changes, meta_rule allow, const char *user_prefix,
		struct buf *ret, struct dr_err *err)
{
	dr_meta m = META_INIT;
	char name[256], value[META_VALUE_TEXT];
	size_t pos = 0;

	if (meta_parse(&m, text, err) < 0)
		return -1;
	while (changes && meta_next(changes, &pos, name, sizeof name, value, sizeof value)) {
		if (change_one(&m, name, value, allow, err) < 0)
			return -1;
	}
	if (meta_check(meta_text(&m), user_prefix, err) < 0)
		return -1;
	if (strlen(meta_text(&m)) >= META_TEXT)
		return dr_refuse(err, DR_INVALID, "metadata", "The metadata is more than %d bytes",
				 META_TEXT - 1);
	buf_puts(ret, meta_text(&m));
	return buf_check(ret, err);
}

uint64_t meta_number(const char *text, const char *name)
{
	char value[32];
	uint64_t n;

	if (meta_get(text, name, value, sizeof value) && dr_parse_u64(value, 0, UINT64_MAX, &n))
		return n;
	return UINT64_MAX;
}

/* ---- accounts ---- */

static int allow_account(const char *name, char value[static META_VALUE_TEXT], struct dr_err *err)
{
	(void)value;
	if (strcasecmp(name, ACCOUNT_QUOTA) == 0)
		return dr_fail(err, DR_DENIED, "An account's quota is the operator's to set");
	if (strncasecmp(name, ACCOUNT_META, strlen(ACCOUNT_META)) != 0)
		return dr_refuse(err, DR_INVALID, "metadata", "That is no metadata of an account");
	return 0;
}

static int allow_quota(const char *name, char value[static META_VALUE_TEXT], struct dr_err *err)
{
	(void)name, (void)value, (void)err;
	return 0;
}

static int change_account(struct catalogue *catalogue, const char *account, const char *changes,
			  meta_rule allow, struct dr_err *err)
{
	struct orbit_account before;
	struct dr_err e;
	int rc = -1;

	for (int i = 0; i < TRIES && rc < 0; i++) {
		dr_autobuf struct buf meta = BUF_INIT;

		e = (struct dr_err)DR_ERR_INIT;
		if (catalogue_orbit_account(catalogue, account, &before, err) < 0 ||
		    meta_change(before.meta, changes, allow, ACCOUNT_META, &meta, err) < 0)
			return -1;
		rc = catalogue_orbit_account_set_meta(catalogue, account, before.meta,
						      buf_str(&meta), &e);
		if (rc < 0 && e.code != DR_CONFLICT)
			break;
	}
	if (rc < 0)
		*err = e;
	return rc;
}

int orbit_account_show(struct orbit *o, const struct orbit_caller *c, const char *account,
		       struct orbit_account *ret, struct dr_err *err)
{
	uint64_t count, bytes;

	if (account_enter(c, account, VERB_ACCOUNT_SHOW, err) < 0 ||
	    catalogue_orbit_account(o->library->catalogue, account, ret, err) < 0 ||
	    images_stat(o, account, &count, &bytes, err) < 0)
		return -1;
	ret->containers++;
	ret->objects += count;
	ret->bytes += bytes;
	return 0;
}

int orbit_account_post(struct orbit *o, const struct orbit_caller *c, const char *account,
		       const char *changes, struct dr_err *err)
{
	if (account_enter(c, account, VERB_ACCOUNT_POST, err) < 0)
		return -1;
	return change_account(o->library->catalogue, account, changes, allow_account, err);
}

int orbit_account_quota(struct catalogue *c, const char *account, uint64_t *ret, struct dr_err *err)
{
	struct orbit_account a;

	if (catalogue_orbit_account(c, account, &a, err) < 0)
		return -1;
	*ret = meta_number(a.meta, ACCOUNT_QUOTA);
	if (*ret == UINT64_MAX)
		*ret = 0;
	return 0;
}

int orbit_account_set_quota(struct catalogue *c, const char *account, uint64_t bytes,
			    struct dr_err *err)
{
	char number[24] = "", change[80];

	if (bytes > 0)
		snprintf(number, sizeof number, "%llu", (unsigned long long)bytes);
	snprintf(change, sizeof change, ACCOUNT_QUOTA ": %s\n", number);
	return change_account(c, account, change, allow_quota, err);
}

/* ---- the account's containers, with "images" in its place among them ---- */

struct merge {
	const struct listing_query *q;
	listing_fn fn;
	void *arg;
	struct listing_line images;
	char shown[CONTAINER_TEXT]; /* "images", or what a delimiter leaves of it */
	bool due;                   /* it has not been shown yet, and is to be */
	size_t count;
};

static int show_line(struct merge *m, const struct listing_line *line, struct dr_err *err)
{
	if (m->count >= m->q->limit)
		return 0;
	m->count++;
	return m->fn(m->arg, line, err);
}

static int merge_line(void *arg, const struct listing_line *line, struct dr_err *err)
{
	struct merge *m = arg;
	const int order = strcmp(m->shown, line->name);

	if (m->due && (m->q->reverse ? order > 0 : order < 0)) {
		m->due = false;
		if (show_line(m, &m->images, err) < 0)
			return -1;
	}
	if (order == 0) /* both are cut off at the same place */
		m->due = false;
	return show_line(m, line, err);
}

int orbit_account_list(struct orbit *o, const struct orbit_caller *c, const char *account,
		       const struct listing_query *q, listing_fn fn, void *arg, struct dr_err *err)
{
	struct merge m = {.q = q, .fn = fn, .arg = arg};
	struct account a;
	int cut;

	if (account_enter(c, account, VERB_ACCOUNT_LIST, err) < 0 ||
	    catalogue_account_get(o->library->catalogue, account, &a, err) < 0 ||
	    images_stat(o, account, &m.images.objects, &m.images.bytes, err) < 0)
		return -1;
	cut = listing_cut(q, ORBIT_IMAGES, m.shown, sizeof m.shown);
	m.images.name = m.shown;
	m.images.subdir = cut == 1;
	m.images.modified_at = a.created_at * 1000000;
	m.due = cut >= 0 && listing_within(q, m.shown);
	if (catalogue_container_page(o->library->catalogue, account, q, merge_line, &m, err) < 0)
		return -1;
	return m.due ? show_line(&m, &m.images, err) : 0;
}
