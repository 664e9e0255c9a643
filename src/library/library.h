/* SPDX-License-Identifier: Apache-2.0
 *
 * library: every verb a front may ask for, and the only policy.
 *
 * API, Orbit, SFTP, console and CLI are translations of these functions. "Who may do what" is one
 * table (library/policy.h) that a test walks: actor x image state x verb. What the actor may not
 * see is NOT_FOUND in exactly the words of what does not exist; visible but refused is DENIED; not
 * logged in is UNAUTHENTICATED; impossible in this state is CONFLICT; validation is INVALID.
 * Any thread. */
#ifndef DR_LIBRARY_LIBRARY_H
#define DR_LIBRARY_LIBRARY_H

#include "auth/auth.h"
#include "manifest/view.h"

struct library_limits {               /* defaults of configuration (hardening.md section 1.5) */
	uint64_t virtual_bytes;       /* 2 TiB */
	uint64_t upload_bytes;        /* 256 GiB */
	uint64_t stored_bytes;        /* per account; 0 = unlimited */
	uint64_t imports_per_account; /* 2 */
};

struct library { /* the daemon's root object owns it; fields are borrowed */
	struct catalogue *catalogue;
	struct store *store;
	struct library_limits limits;
	bool dedup_global;
	const char *const *import_allow; /* NULL-terminated "CIDR" or "CIDR:port" */
	const char *const *import_deny;
	const char *import_ports; /* "80,443,8080,8443" */
	bool import_nat64;        /* 64:ff9b::/96 leads to IPv4 */
	/* origin of our own Orbit, whose URLs (below /v1/) are read without a connection, so that
	 * no rule on addresses and ports applies to them (hardening.md section 2.4); NULL or "" =
	 * none
	 */
	const char *public_url;
	void (*wake_jobs)(void *arg); /* a job was queued or cancelled; may be NULL */
	void *wake_arg;
};

/* ---- images ---- */

enum image_member { /* bits of `given` */
		    IMG_NAME = 1,
		    IMG_DESCRIPTION = 2,
		    IMG_USERNAME = 4,
		    IMG_ARCH = 8,
		    IMG_MODE = 16,
		    IMG_PUBLIC = 32,
		    IMG_MIN_RAM = 64,
		    IMG_STATUS = 128,
};

struct image_request {  /* register and update; strings borrowed, NULL = JSON null */
	unsigned given; /* members present */
	const char *name, *description, *username, *arch, *status;
	bool compatibility_mode, public;
	uint64_t min_ram;
	/* register only: exactly one source */
	const char *http_url, *server, *volume, *legacy_source;
	const char *checksum; /* ours: "sha256:…", "sha512:…", "md5:…" */
};

/* problems: one sentence per validation problem, for the API's `errors` array. */
struct problems {
	unsigned count;
	char text[8][256];
};

int library_image_register(struct library *l, const struct principal *p,
			   const struct image_request *rq, struct image *ret, struct problems *pr,
			   struct dr_err *err) DR_MUST_CHECK;
/* library_image_show: for strangers of a public image the private members are blanked (redacted).
 */
int library_image_show(struct library *l, const struct principal *p, const char *id,
		       struct image *ret, struct dr_err *err) DR_MUST_CHECK;
int library_image_list(struct library *l, const struct principal *p,
		       const struct image_query *filter, struct image **ret, size_t *ret_n,
		       struct dr_err *err)
	DR_MUST_CHECK; /* filter: marker limit name status own_deleted; [owned] */
int library_image_list_version(struct library *l, const struct principal *p,
			       const struct image_query *filter, char ret[static 64],
			       struct dr_err *err) DR_MUST_CHECK;
int library_image_update(struct library *l, const struct principal *p, const char *id,
			 const struct image_request *rq, struct image *ret, struct problems *pr,
			 struct dr_err *err) DR_MUST_CHECK;
int library_image_lock(struct library *l, const struct principal *p, const char *id, bool locked,
		       struct image *ret, struct dr_err *err) DR_MUST_CHECK;
int library_image_destroy(struct library *l, const struct principal *p, const char *id,
			  struct image *ret, struct dr_err *err) DR_MUST_CHECK;
/* operator verbs */
int library_image_set_official(struct library *l, const char *id, bool official, struct dr_err *err)
	DR_MUST_CHECK;
int library_image_set_licence(struct library *l, const char *id, const char *name,
			      struct dr_err *err) DR_MUST_CHECK;

/* ---- the object images/img-xxxxx (api.md 7.8) ---- */

struct image_object {
	char name[ID_TEXT];
	uint64_t bytes; /* of the lz4 view */
	char etag[96];  /* without quotes */
	int64_t modified_at;
};
/* library_objects: the objects of an account's images container, by name, after `marker` with
 * `prefix`, at most `limit`. DENIED for storage-only clients. [owned] */
int library_objects(struct library *l, const struct principal *p, const char *account,
		    const char *marker, const char *end_marker, const char *prefix, size_t limit,
		    struct image_object **ret, size_t *ret_n, struct dr_err *err) DR_MUST_CHECK;
/* count and bytes of the container */
int library_objects_stat(struct library *l, const struct principal *p, const char *account,
			 uint64_t *ret_count, uint64_t *ret_bytes, struct dr_err *err)
	DR_MUST_CHECK;
/* library_object_open: one object as a view of the asked kind. */
int library_object_open(struct library *l, const struct principal *p, const char *account,
			const char *object, enum view_kind kind, struct image_object *ret,
			struct view **ret_view, struct dr_err *err) DR_MUST_CHECK;

/* ---- accounts, users, clients ---- */

int library_account_list(struct library *l, const struct principal *p, struct account **ret,
			 size_t *ret_n, struct dr_err *err) DR_MUST_CHECK; /* a client: its own */
int library_account_show(struct library *l, const struct principal *p,
			 const char *id /* NULL = the scoped one */, struct account *ret,
			 struct dr_err *err) DR_MUST_CHECK;
int library_account_update(struct library *l, const struct principal *p, const char *id,
			   const char *name, struct account *ret, struct dr_err *err) DR_MUST_CHECK;
int library_user_list(struct library *l, const struct principal *p, struct user **ret,
		      size_t *ret_n, struct dr_err *err) DR_MUST_CHECK;
int library_user_show(struct library *l, const struct principal *p,
		      const char *id /* NULL = oneself */, struct user *ret, struct dr_err *err)
	DR_MUST_CHECK;
int library_user_update(struct library *l, const struct principal *p, const char *id,
			const char *name, const char *email, const char *ssh_key /* NULL = keep */,
			struct user *ret, struct problems *pr, struct dr_err *err) DR_MUST_CHECK;
int library_client_list(struct library *l, const struct principal *p, struct api_client **ret,
			size_t *ret_n, struct dr_err *err) DR_MUST_CHECK;
int library_client_show(struct library *l, const struct principal *p, const char *id,
			struct api_client *ret, struct dr_err *err) DR_MUST_CHECK;
int library_client_create(struct library *l, const struct principal *p, const char *name,
			  const char *description, const char *group, struct api_client *ret,
			  char ret_secret[static SECRET_TEXT], struct problems *pr,
			  struct dr_err *err) DR_MUST_CHECK;
int library_client_update(struct library *l, const struct principal *p, const char *id,
			  const char *name, const char *description, const char *group,
			  struct api_client *ret, struct problems *pr, struct dr_err *err)
	DR_MUST_CHECK; /* NULL = keep */
int library_client_delete(struct library *l, const struct principal *p, const char *id,
			  struct api_client *ret, struct dr_err *err) DR_MUST_CHECK; /* revokes */
int library_client_reset_secret(struct library *l, const struct principal *p, const char *id,
				struct api_client *ret, char ret_secret[static SECRET_TEXT],
				struct dr_err *err) DR_MUST_CHECK;

#endif
