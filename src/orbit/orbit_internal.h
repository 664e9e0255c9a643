/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of orbit/ share. Private. */
#ifndef DR_ORBIT_ORBIT_INTERNAL_H
#define DR_ORBIT_ORBIT_INTERNAL_H

#include "orbit/orbit.h"
#include "orbit/policy.h"
#include "orbit/slo.h"

/* ---- places (place.c) ---- */

/* A container as its caller meets it. */
struct place {
	struct container row; /* of "images": only account and name */
	enum orbit_actor actor;
	enum orbit_state state;
};
/* place_enter: look up and decide. [owned, free()] With verb CONTAINER_PUT the state may be ABSENT;
 * otherwise the container is there. */
int place_enter(struct orbit *o, const struct orbit_caller *c, const char *account,
		const char *container, enum orbit_verb verb, struct place **ret, struct dr_err *err)
	DR_MUST_CHECK;
/* place_may: what else the caller may do there. */
bool place_may(const struct place *p, enum orbit_verb verb);
/* account_enter: the same for what concerns the account itself. */
int account_enter(const struct orbit_caller *c, const char *account, enum orbit_verb verb,
		  struct dr_err *err) DR_MUST_CHECK;

/* INVALID, reason "name". */
int check_container_name(const char *name, struct dr_err *err) DR_MUST_CHECK;
int check_object_name(const char *name, struct dr_err *err) DR_MUST_CHECK;

/* ---- metadata (account.c) ---- */

/* meta_change: lay lines of changes over `text`; an empty value removes. allow() says which names
 * there are, and may clean the value; `user_prefix` as of meta_check. */
#define META_VALUE_TEXT 8192
typedef int (*meta_rule)(const char *name, char value[static META_VALUE_TEXT], struct dr_err *err);
int meta_change(const char *text, const char *changes, meta_rule allow, const char *user_prefix,
		struct buf *ret, struct dr_err *err) DR_MUST_CHECK;
/* meta_number: a quota in metadata; UINT64_MAX when there is none. */
uint64_t meta_number(const char *text, const char *name);

/* ---- names of metadata that mean something here ---- */

#define ACCOUNT_QUOTA "X-Account-Meta-Quota-Bytes"
#define CONTAINER_META "X-Container-Meta-"
#define CONTAINER_QUOTA_BYTES "X-Container-Meta-Quota-Bytes"
#define CONTAINER_QUOTA_COUNT "X-Container-Meta-Quota-Count"
#define OBJECT_META "X-Object-Meta-"
#define OBJECT_META_PUBLIC "X-Object-Meta-Public-"
#define OBJECT_MANIFEST "X-Object-Manifest"

/* ---- objects ---- */

/* object_meta: an object's metadata from what came with it; `manifest`: X-Object-Manifest may be
 * among it. */
int object_meta(const char *changes, bool manifest, char ret[static META_TEXT], struct dr_err *err)
	DR_MUST_CHECK;
/* object_type: the type that was given, or the one of the name's extension. */
int object_type(const char *given, const char *name, char ret[static CONTENT_TYPE_TEXT],
		struct dr_err *err) DR_MUST_CHECK;
/* object_describe: what a row says of its object; of a dynamic one as if it had no segments. */
void object_describe(const struct object *row, struct orbit_object *ret);
/* unquote: percent-decoding in place; '+' is a blank when `plus`. False for a malformed escape or a
 * NUL. */
bool unquote(char *s, bool plus);
/* manifest_split: X-Object-Manifest ("container/prefix", percent-encoded). INVALID, reason
 * "manifest". */
int manifest_split(const char *value, char container[static CONTAINER_TEXT],
		   char prefix[static OBJECT_TEXT], struct dr_err *err) DR_MUST_CHECK;
/* blob_drop: no row names it any more. What cannot be removed now, the sweeper finds. */
void blob_drop(struct orbit *o, const char *account, const struct object *row);
/* limits_of: the quotas that hold in a container; ret_used: what its account holds now. */
int limits_of(struct orbit *o, const struct container *row, struct object_limits *ret,
	      uint64_t *ret_used, struct dr_err *err) DR_MUST_CHECK;
/* object_delete: row and bytes. */
int object_delete(struct orbit *o, const struct place *p, const char *name, struct dr_err *err)
	DR_MUST_CHECK;
/* static_put: the last steps of orbit_static_put, of segments as a client puts them. */
int static_put(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
	       struct slo *slo, struct orbit_object *ret, struct buf *ret_errors,
	       struct dr_err *err) DR_MUST_CHECK;
/* static_delete: a static large object with its segments. */
int static_delete(struct orbit *o, const struct orbit_caller *c, const struct place *p,
		  const char *name, struct orbit_deleted *ret, struct dr_err *err) DR_MUST_CHECK;
/* upload_static: what is being uploaded is the manifest of a static large object. */
void upload_static(struct orbit_upload *u, uint64_t bytes, const char *etag);

/* ---- readers (read.c) and what large objects are read from (segment.c) ---- */

int reader_new(struct orbit *o, const char *account, struct orbit_reader **ret, struct dr_err *err)
	DR_MUST_CHECK;
/* reader_add: the next `len` bytes of the content, which stand in a blob at `at`. CONFLICT
 * "segment" when there are too many pieces. */
int reader_add(struct orbit_reader *r, const struct digest *blob, uint64_t at, uint64_t len,
	       struct dr_err *err) DR_MUST_CHECK;
/* reader_look: a manifest of so many segments is to be gone through. CONFLICT "segment" when they
 * are too many by now: of nested objects' parts, far more than what is read of them. */
int reader_look(struct orbit_reader *r, size_t segments, struct dr_err *err) DR_MUST_CHECK;
uint64_t reader_bytes(const struct orbit_reader *r);

/* One reading of a large object by one caller. */
struct walk {
	struct orbit *orbit;
	const struct orbit_caller *caller;
	const char *account;
	struct orbit_reader *reader; /* dynamic_pieces: NULL: only sum up */
};
int static_pieces(const struct walk *w, const struct object *row, struct dr_err *err) DR_MUST_CHECK;
/* dynamic_pieces: also fills bytes, etag and, with the newest segment's, modified_at. */
int dynamic_pieces(const struct walk *w, struct orbit_object *ret, struct dr_err *err)
	DR_MUST_CHECK;
/* static_load: the stored manifest of a static large object. */
int static_load(struct orbit *o, const char *account, const struct object *row, struct slo *ret,
		struct dr_err *err) DR_MUST_CHECK;

/* ---- the container images (images.c); its readers have been through place_enter ---- */

bool is_images(const char *container);
int images_stat(struct orbit *o, const char *account, uint64_t *ret_count, uint64_t *ret_bytes,
		struct dr_err *err) DR_MUST_CHECK;
int images_list(struct orbit *o, const char *account, const struct listing_query *q, listing_fn fn,
		void *arg, struct dr_err *err) DR_MUST_CHECK;
/* images_open: ret_view NULL: only look. */
int images_open(struct orbit *o, const char *account, const char *name, enum orbit_form form,
		struct orbit_object *ret, struct view **ret_view, struct dr_err *err) DR_MUST_CHECK;

/* listing_cut: how a name is shown: whole, or up to its first delimiter after the prefix (1, or -1
 * when it is not to be shown at all). */
int listing_cut(const struct listing_query *q, const char *name, char *ret, size_t size);
/* listing_within: a line so named is inside the markers. */
bool listing_within(const struct listing_query *q, const char *line);

#endif
