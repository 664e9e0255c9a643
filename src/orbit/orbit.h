/* SPDX-License-Identifier: Apache-2.0
 *
 * orbit: the object store: every verb on accounts, containers and objects, and the only policy over
 * them (orbit/policy.h, a table that a test walks: hardening.md sections 3.3 and 3.4). Free of any
 * protocol: swift, sftp and the importer are translations.
 *
 * Answers keep secrets: a container or object the caller may not see is DENIED (logged in) or
 * UNAUTHENTICATED (not), whether or not it exists. NOT_FOUND is said to those who may look.
 * The container "images" is made of the account's images (library), read-only for everybody.
 * Any thread; a reader or an upload is used by one thread at a time. */
#ifndef DR_ORBIT_ORBIT_H
#define DR_ORBIT_ORBIT_H

#include <stdatomic.h>
#include <sys/types.h>

#include "catalogue/orbit.h"
#include "library/library.h"
#include "orbit/meta.h"
#include "orbit/tempurl.h"
#include "store/object.h"

#define ORBIT_IMAGES "images"
#define ORBIT_LISTING_LIMIT 10000
#define ORBIT_SEGMENTS 1000 /* of a static large object */
#define ORBIT_PIECES 32768  /* that one large object may be read from, nested ones included */
#define ORBIT_MANIFEST_BYTES ((size_t)8 << 20)

struct orbit {                   /* the daemon's root object owns it; fields are borrowed */
	struct library *library; /* catalogue and store are its */
	uint64_t object_bytes;   /* largest single object; 5 GiB */
	uint64_t account_bytes;  /* default quota of user objects; 0 = none */
	struct tempurl_rules tempurls;
	const char *public_url; /* origin of our own temporary URLs; "" = none is recognised */
	/* so many large uploads at once have a thread that hashes; what is beyond is hashed by the
	 * thread that writes it */
	unsigned lanes;
	atomic_uint lanes_taken;
};

/* Who asks, and by what right. */
struct orbit_caller {
	struct principal who; /* kind NONE: anonymous */
	const char *referer;  /* NULL or "" */
	/* by a verified temporary URL: then this is the only right */
	enum tempurl_verdict grant; /* NONE: without */
	/* nothing is reached outside the account, nor, BY_CONTAINER, outside the container */
	const char *grant_account, *grant_container;
	/* what the signature covers; get: also HEAD, for which GET, PUT and POST signatures do */
	bool grant_get, grant_put, grant_post, grant_delete;
};

/* ---- accounts and containers ---- */

/* orbit_account_show: sums with "images"; keys are in meta, for whom may see them. */
int orbit_account_show(struct orbit *o, const struct orbit_caller *c, const char *account,
		       struct orbit_account *ret, struct dr_err *err) DR_MUST_CHECK;
/* orbit_account_post: changes is a text of lines "Name: value", an empty value removes. */
int orbit_account_post(struct orbit *o, const struct orbit_caller *c, const char *account,
		       const char *changes, struct dr_err *err) DR_MUST_CHECK;
/* orbit_account_quota, _set_quota: the operator's verbs: what the account's own objects may hold;
 * 0: what the configuration says. Tenants see it as X-Account-Meta-Quota-Bytes, as Swift shows it,
 * and are DENIED when they set that themselves. */
int orbit_account_quota(struct catalogue *c, const char *account, uint64_t *ret, struct dr_err *err)
	DR_MUST_CHECK;
int orbit_account_set_quota(struct catalogue *c, const char *account, uint64_t bytes,
			    struct dr_err *err) DR_MUST_CHECK;
/* orbit_account_list: the containers, "images" among them; q->limit at most ORBIT_LISTING_LIMIT. */
int orbit_account_list(struct orbit *o, const struct orbit_caller *c, const char *account,
		       const struct listing_query *q, listing_fn fn, void *arg, struct dr_err *err)
	DR_MUST_CHECK;

/* orbit_container_show: to whoever may do anything in it: then a front that shows its sums asks for
 * may_list, without which they are 0. */
struct orbit_container {
	struct container row; /* meta without what the caller may not see (ACLs, keys) */
	bool owner, may_list, may_read, may_write, images;
};
int orbit_container_show(struct orbit *o, const struct orbit_caller *c, const char *account,
			 const char *name, struct orbit_container *ret, struct dr_err *err)
	DR_MUST_CHECK;
/* orbit_container_list: may_list; objects of the container. */
int orbit_container_list(struct orbit *o, const struct orbit_caller *c, const char *account,
			 const char *name, const struct listing_query *q, listing_fn fn, void *arg,
			 struct dr_err *err) DR_MUST_CHECK;
/* orbit_container_put: 1 made, 0 it was there and has the changes now. orbit_container_post: the
 * changes. ACLs and metadata are validated: INVALID with reasons "acl", "metadata", "name". */
int orbit_container_put(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *name, const char *changes, struct dr_err *err) DR_MUST_CHECK;
int orbit_container_post(struct orbit *o, const struct orbit_caller *c, const char *account,
			 const char *name, const char *changes, struct dr_err *err) DR_MUST_CHECK;
int orbit_container_delete(struct orbit *o, const struct orbit_caller *c, const char *account,
			   const char *name, struct dr_err *err) DR_MUST_CHECK;
int orbit_container_rename(struct orbit *o, const struct orbit_caller *c, const char *account,
			   const char *name, const char *new_name, struct dr_err *err)
	DR_MUST_CHECK;

/* ---- reading objects ---- */

struct orbit_object {
	struct object row; /* of an image: made up from it */
	uint64_t bytes;    /* of what is read: large objects summed up */
	char etag[128];    /* without quotes; */
	bool etag_quoted;  /* … with which it is to be sent: large objects and images */
	bool image;
};
struct orbit_reader;
enum orbit_form {
	ORBIT_CONTENT,  /* large objects assembled; images as .lz4 */
	ORBIT_MANIFEST, /* of a large object what is stored, of anything else its content */
	ORBIT_RAW,
	ORBIT_QCOW2, /* images only; anything else is NOT_FOUND */
};
/* orbit_object_open: with ret_reader NULL it is only looked at (a static large object's segments
 * are then taken at its word). Segments of large objects are read with the caller's right on each,
 * settled now: UNAUTHENTICATED, DENIED, or CONFLICT (reason "segment": one is missing or was
 * changed, they are more than ORBIT_PIECES, or nested too deeply). What was opened is read to its
 * end even when it is deleted meanwhile; of a large object this holds for the segment that is being
 * read, and a later one that is gone when its turn comes is a CONFLICT then. */
int orbit_object_open(struct orbit *o, const struct orbit_caller *c, const char *account,
		      const char *container, const char *name, enum orbit_form form,
		      struct orbit_object *ret, struct orbit_reader **ret_reader,
		      struct dr_err *err) DR_MUST_CHECK;
/* orbit_reader_read: 1..len bytes at pos < bytes; CORRUPT when they are not what was stored. */
ssize_t orbit_reader_read(struct orbit_reader *r, void *buf, size_t len, uint64_t pos,
			  struct dr_err *err) DR_MUST_CHECK;
/* orbit_reader_file: the plain file (descriptor borrowed until the reader's next call) that holds
 * *ret_len bytes of the content from `pos` on, at *ret_at in it; false when the bytes are in none,
 * or reading them would fail. */
bool orbit_reader_file(struct orbit_reader *r, uint64_t pos, int *ret_fd, uint64_t *ret_at,
		       uint64_t *ret_len);
void orbit_reader_close(struct orbit_reader *r); /* NULL is fine */
DR_DEFINE_CLEANUP(struct orbit_reader, orbit_reader_close);

/* ---- writing objects ---- */

struct orbit_put { /* texts borrowed until orbit_upload_begin returns */
	const char *account, *container, *name;
	uint64_t length;          /* announced; UINT64_MAX = unknown */
	const char *md5;          /* that the content must have (hex); NULL = any */
	const char *content_type; /* NULL or "" = by the name's extension */
	const char *meta;         /* lines "Name: value": X-Object-Meta-…, Content-Encoding … */
	int64_t delete_at;        /* seconds; 0 = never */
	bool only_new;            /* If-None-Match: * */
};
struct orbit_upload;
/* orbit_upload_begin: rights, quotas as far as announced, and names are settled now; a token that
 * expires later does not end it. LIMIT "quota" (413) or "too-large"; INVALID; DENIED;
 * CONFLICT "precondition". */
int orbit_upload_begin(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
		       struct orbit_upload **ret, struct dr_err *err) DR_MUST_CHECK;
/* orbit_upload_write: the next len bytes. orbit_upload_write_at: anywhere (SFTP): hashed again at
 * the end unless it came in order. When the store has failed one, every later one and the finish
 * are IO. */
int orbit_upload_write(struct orbit_upload *u, const void *p, size_t len, struct dr_err *err)
	DR_MUST_CHECK;
int orbit_upload_write_at(struct orbit_upload *u, const void *p, size_t len, uint64_t pos,
			  struct dr_err *err) DR_MUST_CHECK;
/* orbit_upload_most: no more bytes than this will be taken (object size and quotas). */
uint64_t orbit_upload_most(const struct orbit_upload *u);
/* orbit_upload_fd: for a process that writes by itself; see store_upload_fd. */
int orbit_upload_fd(struct orbit_upload *u);
/* orbit_upload_written: that process is done; md5: the hex MD5 of all bytes it wrote, or NULL: to
 * be computed here. */
int orbit_upload_written(struct orbit_upload *u, const char *md5, struct dr_err *err) DR_MUST_CHECK;
/* orbit_upload_finish: the object is durable and visible when this returns 0; before, the old one
 * was whole. INVALID reason "etag" (422): other bytes than promised; LIMIT "quota". Frees u either
 * way. orbit_upload_abandon: nothing is left. NULL is fine. */
int orbit_upload_finish(struct orbit_upload *u, struct orbit_object *ret, struct dr_err *err)
	DR_MUST_CHECK;
void orbit_upload_abandon(struct orbit_upload *u);
DR_DEFINE_CLEANUP(struct orbit_upload, orbit_upload_abandon);

/* orbit_static_put: ?multipart-manifest=put: `body` is the JSON list of segments. INVALID reason
 * "manifest"; *ret_errors gets one line "name: what is wrong" per bad segment. */
int orbit_static_put(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
		     const void *body, size_t len, struct orbit_object *ret, struct buf *ret_errors,
		     struct dr_err *err) DR_MUST_CHECK;
/* orbit_object_post: metadata and content type anew, of all but what the content implies. */
int orbit_object_post(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
		      struct dr_err *err) DR_MUST_CHECK;
/* orbit_object_delete: `segments`: of a static large object the segments too, when the caller may
 * delete all of them (?multipart-manifest=delete); deleted and not found ones are counted, and
 * INVALID reason "manifest" when it is none. Without it NOT_FOUND. */
struct orbit_deleted {
	uint64_t deleted, not_found;
};
int orbit_object_delete(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *container, const char *name, bool segments,
			struct orbit_deleted *ret, struct dr_err *err) DR_MUST_CHECK;
/* orbit_object_copy: put->… is the target; from_…: the source, whose metadata and type it gets
 * unless `fresh`; put->meta is laid over it. `manifest`: of a large object the manifest is copied,
 * not what it assembles. */
struct orbit_copy {
	const char *account, *container, *name; /* source */
	bool fresh, manifest;
};
int orbit_object_copy(struct orbit *o, const struct orbit_caller *c, const struct orbit_copy *from,
		      const struct orbit_put *put, struct orbit_object *ret, struct dr_err *err)
	DR_MUST_CHECK;
/* orbit_object_rename: SFTP's: to another name, possibly in another container, replacing what has
 * it when `replace`. orbit_prefix_rename: every object below one prefix ("a/" to "b/"). */
int orbit_object_rename(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *container, const char *name, const char *to_container,
			const char *to_name, bool replace, struct dr_err *err) DR_MUST_CHECK;
int orbit_prefix_rename(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *container, const char *prefix, const char *to_prefix,
			struct dr_err *err) DR_MUST_CHECK;

/* ---- temporary URLs ---- */

/* orbit_tempurl: the caller a temporary URL makes: kind NONE with its grant (which borrows account
 * and container), or UNAUTHENTICATED (reason "tempurl"). Arguments as of tempurl_verify. */
int orbit_tempurl(struct orbit *o, const struct tempurl *t, const char *method, const char *account,
		  const char *container, const char *object, const char *path, const char *fog_path,
		  const char *peer, struct orbit_caller *ret, struct dr_err *err) DR_MUST_CHECK;
/* orbit_open_url: a source URL of this Orbit (hardening.md section 2.4). 1 opened, 0 it is none of
 * ours; -1: ours, but it grants nothing, or there is nothing: reason "source-http-status", as a
 * request from outside would have ended. */
int orbit_open_url(struct orbit *o, const char *url, struct orbit_object *ret,
		   struct orbit_reader **ret_reader, struct dr_err *err) DR_MUST_CHECK;

#endif
