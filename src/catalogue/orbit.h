/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue/orbit: containers and objects of Orbit: rows, listings, sums. Rules are orbit's, bytes
 * are the store's. As catalogue.h says of errors, threads and transactions.
 *
 * Times are microseconds since 1970. Metadata is a text of lines "Name: value\n" (orbit/meta.h), of
 * which the catalogue knows nothing. Names compare byte by byte. The container "images" is none of
 * these: it is made of image rows. */
#ifndef DR_CATALOGUE_ORBIT_H
#define DR_CATALOGUE_ORBIT_H

#include "catalogue/catalogue.h"

#define CONTAINER_TEXT 256 /* 1..255 bytes of UTF-8 without '/' */
#define OBJECT_TEXT 1025   /* 1..1024 bytes of UTF-8 */
#define META_TEXT 16385    /* all metadata of one thing, its ACLs included */
#define CONTENT_TYPE_TEXT 256
#define MD5_TEXT 33

/* ---- accounts ---- */

struct orbit_account {
	uint64_t containers, objects, bytes; /* of the user's own; without "images" */
	int64_t created_at;                  /* microseconds */
	char meta[META_TEXT];
};
int catalogue_orbit_account(struct catalogue *c, const char *account, struct orbit_account *ret,
			    struct dr_err *err) DR_MUST_CHECK;
/* …_set_meta: replaces `old` (what catalogue_orbit_account() gave). CONFLICT when it was changed
 * meanwhile: read again, change again. */
int catalogue_orbit_account_set_meta(struct catalogue *c, const char *account, const char *old,
				     const char *meta, struct dr_err *err) DR_MUST_CHECK;

/* ---- containers ---- */

struct container {
	int64_t id;
	char account[ID_TEXT];
	char name[CONTAINER_TEXT];
	int64_t created_at, modified_at; /* modified: also by every change of its objects */
	uint64_t objects, bytes;
	char meta[META_TEXT]; /* X-Container-Read and -Write among it */
};
/* catalogue_container_create: 1 made, 0 there was one. *ret is filled in both cases. NOT_FOUND
 * without such an account. */
int catalogue_container_create(struct catalogue *c, const char *account, const char *name,
			       const char *meta, int64_t now, struct container *ret,
			       struct dr_err *err) DR_MUST_CHECK;
int catalogue_container_get(struct catalogue *c, const char *account, const char *name,
			    struct container *ret, struct dr_err *err) DR_MUST_CHECK;
int catalogue_container_set_meta(struct catalogue *c, int64_t id, const char *old, const char *meta,
				 int64_t now, struct dr_err *err)
	DR_MUST_CHECK; /* CONFLICT as above
			*/
/* CONFLICT while it has objects (expired ones count until the expirer has been by). */
int catalogue_container_delete(struct catalogue *c, int64_t id, struct dr_err *err) DR_MUST_CHECK;
int catalogue_container_rename(struct catalogue *c, int64_t id, const char *name,
			       struct dr_err *err) DR_MUST_CHECK; /* CONFLICT: the name is taken */

/* ---- objects ---- */

enum object_kind {
	OBJECT_PLAIN,
	OBJECT_STATIC, /* a static large object: the stored bytes are its manifest */
	OBJECT_DYNAMIC /* a dynamic large object: meta has X-Object-Manifest */
};

struct object {
	int64_t container;
	char name[OBJECT_TEXT];
	enum object_kind kind;
	bool has_blob;         /* false: nothing is stored, it is empty */
	struct digest blob;    /* key in the store; the domain is the account */
	uint64_t bytes;        /* of what a reader gets (static: the sum); dynamic: as stored, 0 */
	uint64_t stored_bytes; /* of the blob: what quotas and sums count */
	char md5[MD5_TEXT];    /* of the stored bytes: the hash in listings */
	char etag[MD5_TEXT];   /* of a static large object: MD5 of its segments' etags; else "" */
	char content_type[CONTENT_TYPE_TEXT];
	int64_t modified_at;
	int64_t delete_at; /* seconds since 1970; 0 = never */
	char meta[META_TEXT];
};

struct object_limits { /* UINT64_MAX = none */
	uint64_t container_bytes, container_objects, account_bytes;
};

/* catalogue_object_put: the row, replacing one of that name, the sums, and the quotas in one
 * transaction.
 *   o->container  NOT_FOUND when it has been deleted
 *   only_new      CONFLICT reason "precondition" when there is one already that has not expired
 *   ret_old       what was replaced (1 returned); untouched when there was none (0)
 * LIMIT reason "quota": only what grows is refused. A put never goes back behind one that was put
 * later: modified_at is raised above the replaced row's. */
int catalogue_object_put(struct catalogue *c, struct object *o, const struct object_limits *limits,
			 bool only_new, struct object *ret_old, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_object_get: an expired one is NOT_FOUND (`now`: seconds). */
int catalogue_object_get(struct catalogue *c, int64_t container, const char *name, int64_t now,
			 struct object *ret, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_object_set: content_type, delete_at and meta of a row whose blob and modified_at are
 * still those of `o` (else CONFLICT); o->modified_at becomes `now` (raised above the old one). */
int catalogue_object_set(struct catalogue *c, struct object *o, int64_t now, struct dr_err *err)
	DR_MUST_CHECK;
int catalogue_object_delete(struct catalogue *c, int64_t container, const char *name,
			    struct object *ret_old, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_object_rename: within one account, to a name that may be taken: then that row's object
 * is *ret_old (1 returned), or, with ret_old NULL, it is a CONFLICT, reason "exists". The quotas of
 * the target container hold, unless it is the same one.
 * modified_at becomes `now` (raised above both). INVALID between accounts. */
int catalogue_object_rename(struct catalogue *c, int64_t from, const char *name, int64_t to,
			    const char *new_name, const struct object_limits *limits, int64_t now,
			    struct object *ret_old, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_object_rename_prefix: every object whose name begins with `prefix` gets `new_prefix`
 * instead, in one transaction; at most `most` of them (LIMIT). CONFLICT when one of the new names
 * is taken; INVALID when one would be too long, or one prefix begins with the other. The count. */
int catalogue_object_rename_prefix(struct catalogue *c, int64_t container, const char *prefix,
				   const char *new_prefix, size_t most, int64_t now,
				   struct dr_err *err) DR_MUST_CHECK;

/* catalogue_object_expired: some that were to be deleted by `now` (seconds), at most `limit`. */
struct expired_object {
	char account[ID_TEXT];
	int64_t container;
	char name[OBJECT_TEXT];
	int64_t delete_at;
};
int catalogue_object_expired(struct catalogue *c, int64_t now, size_t limit,
			     struct expired_object **ret, size_t *ret_n, struct dr_err *err)
	DR_MUST_CHECK;
/* catalogue_object_expire: delete it if it still is to be deleted by then. 1 and *ret_old, or 0. */
int catalogue_object_expire(struct catalogue *c, const struct expired_object *e,
			    struct object *ret_old, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_object_has_blob: 1 some row names it, 0 none. */
int catalogue_object_has_blob(struct catalogue *c, const struct digest *blob, struct dr_err *err)
	DR_MUST_CHECK;
/* catalogue_object_each_blob: every blob of an object whose key begins with the byte `shard`, for
 * collection and check. No connection is held while fn runs. */
struct stored_blob {
	char account[ID_TEXT], container[CONTAINER_TEXT], object[OBJECT_TEXT];
	struct digest blob;
	uint64_t stored_bytes;
	char md5[MD5_TEXT];
};
int catalogue_object_each_blob(struct catalogue *c, unsigned shard,
			       int (*fn)(void *arg, const struct stored_blob *b,
					 struct dr_err *err),
			       void *arg, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_orbit_recount: for check: containers whose sums are not those of their rows, and
 * accounts (the container's name is "") whose sums are not those of their containers. fn is told
 * and, with `mend`, they are put right; nothing is written when nothing is wrong. */
typedef int (*recount_fn)(void *arg, const struct container *was, uint64_t objects, uint64_t bytes,
			  struct dr_err *err);
int catalogue_orbit_recount(struct catalogue *c, bool mend, recount_fn fn, void *arg,
			    struct dr_err *err) DR_MUST_CHECK;

/* ---- listings ---- */

struct listing_query {
	const char *marker, *end_marker; /* exclusive; "" or NULL = none. In reverse: from marker
					    down to end_marker */
	const char *prefix;              /* "" or NULL = none */
	const char *delimiter;           /* "" or NULL = none */
	bool no_subdirs;                 /* `path`: what a delimiter cuts off is left out */
	bool reverse;
	size_t limit; /* lines, at most INT32_MAX */
	int64_t now;  /* seconds: what has expired is left out; 0 = show all */
};
/* One line: an object (or container), or, with name ending in the delimiter, what it cuts off.
 * Borrowed while fn runs; so is a connection: fn waits for nobody. */
struct listing_line {
	const char *name;
	bool subdir;
	const char *md5, *etag, *content_type; /* objects */
	enum object_kind kind;
	uint64_t objects; /* containers */
	uint64_t bytes;   /* objects: of what a reader gets */
	int64_t modified_at;
};
typedef int (*listing_fn)(void *arg, const struct listing_line *line, struct dr_err *err);
/* catalogue_object_page: costs what is shown, whatever else the container holds: a cut-off subtree
 * is stepped over by seeking behind it, not by reading it; with `path`, where subtrees are not
 * shown, a seek for each of them. The count of lines. */
int catalogue_object_page(struct catalogue *c, int64_t container, const struct listing_query *q,
			  listing_fn fn, void *arg, struct dr_err *err) DR_MUST_CHECK;
int catalogue_container_page(struct catalogue *c, const char *account,
			     const struct listing_query *q, listing_fn fn, void *arg,
			     struct dr_err *err) DR_MUST_CHECK;

#endif
