/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue: every SQL statement of the project, behind typed functions.
 *
 * The driver underneath is thin (catalogue/db.h): SQL is written once in the common subset of
 * SQLite and PostgreSQL with $1 parameters. Users see structs and never a handle. Any thread; each
 * call borrows a connection from a small pool. Writes run in one transaction each and are durable
 * when the function returns. BUSY after a bounded wait (5 s). Times are seconds since 1970 UTC.
 * Sizes are bytes. Texts are valid UTF-8. Structs that are filled own nothing (fixed-size members)
 * unless said otherwise.
 *
 * NOT_FOUND: no such row. CONFLICT: the row is not in the state the call needs, or a unique value
 * is taken. CORRUPT: the file, or a row that no version of ours can have written. IO, NO_MEMORY,
 * LIMIT "no-space" as usual. Several processes may have the same file open. */
#ifndef DR_CATALOGUE_CATALOGUE_H
#define DR_CATALOGUE_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest/digest.h"
#include "util/cleanup.h"
#include "util/err.h"

struct catalogue;

#define ID_TEXT 16     /* "img-8yeen", room for longer ones on input */
#define NAME_TEXT 1024 /* 255 characters of up to 4 bytes */
#define EMAIL_TEXT 256
#define DESCRIPTION_TEXT 4097
#define REASON_TEXT 512
#define SECRET_HASH_BYTES 32
/* Above every real size and count, far below what sums of them could overflow: more is INVALID. */
#define CATALOGUE_MAX_BYTES ((uint64_t)1 << 50)

/* catalogue_create: a new, migrated database file. catalogue_open: refuses (with the reason) a file
 * that is truncated, foreign or of a newer version; migrates older ones forward. */
int catalogue_create_sqlite(const char *path, struct dr_err *err) DR_MUST_CHECK;
int catalogue_open_sqlite(struct catalogue **ret, const char *path, struct dr_err *err)
	DR_MUST_CHECK;
void catalogue_close(struct catalogue *c);
DR_DEFINE_CLEANUP(struct catalogue, catalogue_close);

/* ---- accounts, users, clients, applications ---- */

struct account_limits {         /* 0 = the configured default */
	uint64_t virtual_bytes; /* largest disk */
	uint64_t upload_bytes;  /* largest source */
	uint64_t stored_bytes;  /* sum of non-zero bytes of all images */
	uint64_t imports;       /* running at once */
};

struct account {
	char id[ID_TEXT];
	char name[NAME_TEXT];
	char status[16]; /* "active" … (api.md 3.3) */
	int64_t created_at;
	struct account_limits limits;
};

struct user {
	char id[ID_TEXT];
	char name[NAME_TEXT];
	char email[EMAIL_TEXT];
	char ssh_key[8192];
	char default_account[ID_TEXT]; /* "" = none */
	int64_t created_at;
};

struct api_client {
	char id[ID_TEXT];
	char account[ID_TEXT];
	char name[NAME_TEXT];
	char description[DESCRIPTION_TEXT];
	bool storage_only; /* permissions_group "storage" instead of "full" */
	int64_t created_at;
	int64_t revoked_at; /* 0 = not revoked */
};

/* Creating functions fill `id` (retried on collision; ids are never used again). */
int catalogue_account_create(struct catalogue *c, struct account *a, struct dr_err *err)
	DR_MUST_CHECK;
int catalogue_account_get(struct catalogue *c, const char *id, struct account *ret,
			  struct dr_err *err) DR_MUST_CHECK;
int catalogue_account_set_name(struct catalogue *c, const char *id, const char *name,
			       struct dr_err *err) DR_MUST_CHECK;
int catalogue_account_set_limits(struct catalogue *c, const char *id,
				 const struct account_limits *l, struct dr_err *err) DR_MUST_CHECK;
int catalogue_account_list(struct catalogue *c, struct account **ret, size_t *ret_n,
			   struct dr_err *err) DR_MUST_CHECK; /* [owned] */
/* accounts a user belongs to, default first, then by id. [owned] */
int catalogue_account_list_for_user(struct catalogue *c, const char *user, struct account **ret,
				    size_t *ret_n, struct dr_err *err) DR_MUST_CHECK;
int catalogue_account_has_user(struct catalogue *c, const char *account, const char *user,
			       bool *ret, struct dr_err *err) DR_MUST_CHECK;
int catalogue_account_add_user(struct catalogue *c, const char *account, const char *user,
			       struct dr_err *err) DR_MUST_CHECK; /* already in: fine */
/* owner of an account: its first user; NOT_FOUND when it has none. */
int catalogue_account_owner(struct catalogue *c, const char *account, struct user *ret,
			    struct dr_err *err) DR_MUST_CHECK;

/* password_hash: an Argon2id string made by auth. CONFLICT when the e-mail is taken. */
int catalogue_user_create(struct catalogue *c, struct user *u, const char *password_hash,
			  const char *account, struct dr_err *err) DR_MUST_CHECK;
int catalogue_user_get(struct catalogue *c, const char *id, struct user *ret, struct dr_err *err)
	DR_MUST_CHECK;
/* login: e-mail (case-insensitively) or user id; also the password hash. */
int catalogue_user_for_login(struct catalogue *c, const char *login, struct user *ret,
			     char ret_hash[static 160], struct dr_err *err) DR_MUST_CHECK;
int catalogue_user_update(struct catalogue *c, const struct user *u, struct dr_err *err)
	DR_MUST_CHECK; /* name, email, ssh_key */
/* catalogue_user_set_password: and forgets the user's tokens. */
int catalogue_user_set_password(struct catalogue *c, const char *id, const char *password_hash,
				struct dr_err *err) DR_MUST_CHECK;
int catalogue_user_list(struct catalogue *c, const char *account, struct user **ret, size_t *ret_n,
			struct dr_err *err) DR_MUST_CHECK; /* account NULL = all; [owned] */

int catalogue_client_create(struct catalogue *c, struct api_client *cl,
			    const uint8_t secret_hash[static SECRET_HASH_BYTES], struct dr_err *err)
	DR_MUST_CHECK;
int catalogue_client_get(struct catalogue *c, const char *id, struct api_client *ret,
			 uint8_t ret_hash[static SECRET_HASH_BYTES], struct dr_err *err)
	DR_MUST_CHECK;
int catalogue_client_list(struct catalogue *c, const char *account, struct api_client **ret,
			  size_t *ret_n, struct dr_err *err) DR_MUST_CHECK;
int catalogue_client_update(struct catalogue *c, const struct api_client *cl, struct dr_err *err)
	DR_MUST_CHECK; /* name, description, group, revoked_at */
int catalogue_client_set_secret(struct catalogue *c, const char *id,
				const uint8_t secret_hash[static SECRET_HASH_BYTES],
				struct dr_err *err) DR_MUST_CHECK;

/* ---- tokens: only their SHA-256 is stored ---- */

struct token {
	char account[ID_TEXT]; /* of a client; "" for a user's token */
	char client[ID_TEXT];  /* cli-…; the application (app-…) of a user's token, or "" */
	char user[ID_TEXT];    /* usr-… or "" */
	bool scope_infrastructure;
	bool scope_orbit;
	int64_t expires_at;
	int64_t refresh_expires_at; /* of the refresh token made or spent with it; 0 = none */
};

int catalogue_token_create(struct catalogue *c, const struct digest *token,
			   const struct digest *refresh /* NULL = none */, const struct token *t,
			   struct dr_err *err) DR_MUST_CHECK;
int catalogue_token_get(struct catalogue *c, const struct digest *token, struct token *ret,
			struct dr_err *err) DR_MUST_CHECK; /* also expired ones, while kept */
/* catalogue_token_use_refresh: the refresh token is spent by this call. NOT_FOUND when unknown,
 * spent or expired. */
int catalogue_token_use_refresh(struct catalogue *c, const struct digest *refresh,
				struct token *ret, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_token_prune: forget what expired more than a day before `now`; until then its bearer is
 * told that it has expired. To be called about every hour. */
int catalogue_token_prune(struct catalogue *c, int64_t now, struct dr_err *err) DR_MUST_CHECK;

/* ---- images ---- */

enum image_status { /* wire names in api.md section 4 */
		    IMAGE_CREATING,
		    IMAGE_AVAILABLE,
		    IMAGE_DEPRECATED,
		    IMAGE_UNAVAILABLE,
		    IMAGE_DELETING,
		    IMAGE_DELETED,
		    IMAGE_FAILED,
};

/* What a queued import waits for. */
enum job_wait {
	WAIT_NONE,    /* it is not queued */
	WAIT_SLOT,    /* one of the imports running in all must end */
	WAIT_ACCOUNT, /* one of the account's own must end */
	WAIT_RETRY,   /* the last attempt failed; the next one's time has not come */
};

struct image {
	char id[ID_TEXT];
	char account[ID_TEXT];
	char name[NAME_TEXT];
	char username[256]; /* "" = null on the wire */
	char description[DESCRIPTION_TEXT];
	char arch[16];        /* "x86_64" "i686" */
	char source[64];      /* opaque token or server id; never the URL */
	char source_type[16]; /* "upload" "snapshot" */
	char source_trigger[16];
	char ancestor[ID_TEXT];
	char licence_name[256];
	enum image_status status;
	bool locked, public, official, compatibility_mode;
	uint64_t min_ram; /* MiB; 0 = none */
	int64_t created_at;
	int64_t available_at; /* 0 until available */
	int64_t deleted_at;   /* 0 */
	uint64_t virtual_bytes;
	uint64_t data_bytes;    /* in 4 KiB blocks that are not all zero */
	uint64_t stored_bytes;  /* encoded */
	uint64_t object_bytes;  /* size of the lz4 view; the publisher fills it from view_size() */
	uint64_t chunk_count;   /* entries of the manifest; filled by the publisher too */
	char domain[32];        /* where the manifest blob lives */
	struct digest manifest; /* key of the manifest blob; zeros until available */
	struct digest digest;   /* content digest; zeros until available */
	char status_reason[REASON_TEXT]; /* "code: sentence"; "" */
	char source_format[64];          /* "qcow2", "raw", "qcow2+xz" …; "" until known */
	char checksum[160];              /* of the source: "sha256:<hex>"; "" until known */
	uint64_t source_bytes;
	char warnings[1024]; /* "code: sentence" lines */
	/* progress of the import; meaningful while creating */
	char phase[16]; /* "queued" "download" "decode" "store" */
	uint64_t progress_done, progress_total /* UINT64_MAX unknown */, progress_rate;
	enum job_wait
		waits_for; /* by catalogue_job_place(), for whoever shows it; else WAIT_NONE */
	uint64_t queue_position; /* likewise */
	int64_t revision;        /* ours: changes with every owner's or operator's change */
};

/* What to run for it. */
enum job_kind { JOB_IMPORT };
enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED };
struct job {
	int64_t id; /* and attempts: the store's lease, "job-<id>-<attempts>" */
	enum job_kind kind;
	enum job_state state;
	char image[ID_TEXT];
	char account[ID_TEXT];
	char url[2049];     /* a secret: never shown but to the owner, cut at '?' for operators */
	char checksum[160]; /* expected, "" */
	char owner[64];     /* process that runs it */
	int64_t lease_until;
	unsigned attempts; /* claims; all that are neither … */
	unsigned failures; /* … failed by themselves … */
	unsigned stops;    /* … nor given back by a stopping daemon were lost with their daemon */
	int64_t created_at, not_before, finished_at;
	char last_error[REASON_TEXT];
};

/* catalogue_image_register_within: image row (creating) and its job (queued) in one transaction,
 * unless the account's quota is used up: its own stored_bytes limit or, when that is 0,
 * `stored_limit` (0 = unlimited). Fills img->id, job->id, and created_at where 0. NOT_FOUND without
 * such an account; LIMIT with reason "account_limit_reached".
 * catalogue_image_register: the same, only the account's own limit counts. */
int catalogue_image_register(struct catalogue *c, struct image *img, struct job *job,
			     struct dr_err *err) DR_MUST_CHECK;
int catalogue_image_register_within(struct catalogue *c, struct image *img, struct job *job,
				    uint64_t stored_limit, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_reserve: quota for an image that is being imported, before its bytes are stored
 * (hardening.md sections 1.5, 3.1). Two imports of one account cannot both get the last bytes.
 *   need          non-zero bytes the image is about to have
 *   stored_limit  as for register_within
 *   ret_granted   it may grow to this many before the next call: `need` rounded up to a whole
 *                 GiB as far as the quota allows; UINT64_MAX when there is no quota
 * LIMIT "account_limit_reached"; CONFLICT when it is no longer creating. The reservation ends with
 * publish, fail or delete. */
int catalogue_image_reserve(struct catalogue *c, const char *id, uint64_t need,
			    uint64_t stored_limit, uint64_t *ret_granted, struct dr_err *err)
	DR_MUST_CHECK;
int catalogue_image_get(struct catalogue *c, const char *id, struct image *ret, struct dr_err *err)
	DR_MUST_CHECK; /* any status, tombstones too */
/* catalogue_image_update: the owner-settable members (name username description arch public
 * compatibility_mode min_ram), status between available and deprecated, locked, official, licence.
 * `img` is what catalogue_image_get() gave, changed. CONFLICT when the row's status is no longer
 * `expect` or somebody else updated the row since (img->revision): read again, decide again. */
int catalogue_image_update(struct catalogue *c, const struct image *img, enum image_status expect,
			   struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_delete: unless locked (CONFLICT, reason "resource_locked"). The bytes are
 * unreferenced from then on. With no job running the row is a tombstone (`deleted`) at once. Else
 * the job is cancelled, the image is `deleting` and goes on counting against the quota until its
 * runner, told so by catalogue_job_renew(), has stopped and calls catalogue_image_deleted(); if
 * that runner is dead, catalogue_job_claim() does it when the lease has run out.
 * catalogue_image_deleted: deleting -> deleted; fine when it is deleted already. */
int catalogue_image_delete(struct catalogue *c, const char *id, struct dr_err *err) DR_MUST_CHECK;
int catalogue_image_deleted(struct catalogue *c, const char *id, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_publish: creating -> available in one transaction with the job's end: sizes,
 * digests, format, warnings, checksum from `img`. CONFLICT when it is no longer creating, or the
 * job is not owned by `owner` any more. */
int catalogue_image_publish(struct catalogue *c, const struct image *img, int64_t job,
			    const char *owner, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_recode: an image with bytes has another manifest of the same disk from now on,
 * instead of `old`. CONFLICT when it has not `old`, or no bytes any more. */
int catalogue_image_recode(struct catalogue *c, const char *id, const struct digest *old,
			   const struct digest *manifest, uint64_t stored_bytes,
			   uint64_t object_bytes, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_fail: creating -> failed, with the job's end; CONFLICT when it is no longer
 * creating. For callers that know the job is nobody's; a runner calls catalogue_job_fail(). */
int catalogue_image_fail(struct catalogue *c, const char *id, int64_t job, const char *reason,
			 struct dr_err *err) DR_MUST_CHECK;
int catalogue_image_progress(struct catalogue *c, const struct image *img, struct dr_err *err)
	DR_MUST_CHECK; /* phase, progress_*, virtual_bytes, data_bytes, source_format; only while
			  creating */

struct image_query {
	const char
		*account; /* the asking account: its own rows …; NULL = everybody's (operators) */
	bool with_public; /* … and other accounts' public available ones */
	const char *marker; /* rows after this id in listing order; "" or NULL = start; an id the
			       account may not list is NOT_FOUND */
	size_t limit;       /* 0 = all */
	const char *name;   /* exact; NULL */
	const char *status; /* wire status, or derived "private"/"public"; NULL */
	bool own_deleted;   /* include the account's tombstones */
};
/* Listing order: created_at, id ascending. A row takes some 8 KiB: page through what may be long.
 * [owned by caller] */
int catalogue_image_list(struct catalogue *c, const struct image_query *q, struct image **ret,
			 size_t *ret_n, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_version: a text that changes whenever anything such a listing shows may have
 * changed: the listing's ETag. */
int catalogue_image_version(struct catalogue *c, const struct image_query *q, char ret[static 64],
			    struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_each_stored: every image whose manifest must be kept (available, deprecated,
 * unavailable), for collection and check, by id. The callback returns 0 to go on, -1 with err set
 * to stop. No connection is held while it runs. An image that becomes available meanwhile may be
 * missed: a collector must have read the leases before it calls this. */
int catalogue_image_each_stored(struct catalogue *c,
				int (*fn)(void *arg, const struct image *img, struct dr_err *err),
				void *arg, struct dr_err *err) DR_MUST_CHECK;
/* Sums over the images that count against an account's quota: all but failed and deleted ones. An
 * image being created counts with what it has reserved or stored, whichever is more. */
int catalogue_account_usage(struct catalogue *c, const char *account, uint64_t *ret_images,
			    uint64_t *ret_data_bytes, uint64_t *ret_stored_bytes,
			    struct dr_err *err) DR_MUST_CHECK;

/* What a container "images" holds: an account's images with bytes (available, deprecated,
 * unavailable), by id. */
struct stored_object {
	char image[ID_TEXT];
	uint64_t object_bytes, chunk_count;
	struct digest manifest;
	int64_t available_at;
};

struct object_query {
	const char *account;
	const char *marker, *end_marker; /* after, before these names; "" or NULL = none */
	const char *prefix;              /* "" or NULL = none */
	size_t limit;
};

int catalogue_object_list(struct catalogue *c, const struct object_query *q,
			  struct stored_object **ret, size_t *ret_n, struct dr_err *err)
	DR_MUST_CHECK; /* [owned] */
int catalogue_object_stat(struct catalogue *c, const char *account, uint64_t *ret_count,
			  uint64_t *ret_bytes, struct dr_err *err) DR_MUST_CHECK;

/* ---- jobs ---- */

/* catalogue_job_claim: the next job to run, leased to `owner` until `now + lease_seconds`. Fair:
 * the account with the fewest running imports first, of those the one that was served least
 * recently (in the catalogue: a restart forgets nobody's turn); within an account first come, first
 * served. Never above per_account running for one account (an account's own limit wins). Also jobs
 * whose lease ran out. 1 and *ret, 0 when there is none. */
int catalogue_job_claim(struct catalogue *c, const char *owner, int64_t now, int64_t lease_seconds,
			uint64_t per_account, struct job *ret, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_job_renew: 1, or 0 when the job is no longer ours (cancelled or taken over). */
int catalogue_job_renew(struct catalogue *c, int64_t id, const char *owner, int64_t until,
			struct dr_err *err) DR_MUST_CHECK;
/* Why an attempt ends without an end of its job. */
enum job_return {
	RETURN_FAILED,   /* it failed by itself; counted in `failures` */
	RETURN_STOPPING, /* its daemon stops; counted in `stops` */
	RETURN_DIED,     /* its daemon is gone */
};
/* catalogue_job_release: back to the queue, not to be claimed before not_before; its image's
 * progress begins anew. CONFLICT when the job is no longer ours.
 *   why  what failed; "" */
int catalogue_job_release(struct catalogue *c, int64_t id, const char *owner, enum job_return how,
			  int64_t not_before, const char *why, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_job_fail: the job and its image failed. CONFLICT when the job is no longer ours.
 *   reason  "code: sentence" */
int catalogue_job_fail(struct catalogue *c, int64_t id, const char *owner, const char *reason,
		       struct dr_err *err) DR_MUST_CHECK;
int catalogue_job_get(struct catalogue *c, int64_t id, struct job *ret, struct dr_err *err)
	DR_MUST_CHECK;
int catalogue_job_list(struct catalogue *c, struct job **ret, size_t *ret_n, struct dr_err *err)
	DR_MUST_CHECK; /* newest first, at most 1000; [owned] */
int catalogue_job_cancel(struct catalogue *c, int64_t id, struct dr_err *err)
	DR_MUST_CHECK; /* image -> failed "cancelled: …"; CONFLICT when it is over */
/* catalogue_job_retry: the failed image of this job -> creating, with a new job of the same source
 * (a new id, so that a lease of the old attempt cannot be taken for the new one's). */
int catalogue_job_retry(struct catalogue *c, int64_t id, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_job_place: what an image's import waits for, and its place in the queue.
 *   per_account   as for claim
 *   ret_position  1 = the next; as things stand, and by turns: who comes later may be served
 *                 earlier; 0 with WAIT_NONE */
int catalogue_job_place(struct catalogue *c, const char *image, int64_t now, uint64_t per_account,
			enum job_wait *ret, uint64_t *ret_position, struct dr_err *err)
	DR_MUST_CHECK;
/* catalogue_job_finished: whether a job (by the id in a lease's name) is over, for stale leases. A
 * job cancelled while it ran is over when its runner's lease has run out or was given back. Unknown
 * jobs are over. */
int catalogue_job_finished(struct catalogue *c, int64_t id, bool *ret, struct dr_err *err)
	DR_MUST_CHECK;

const char *image_status_name(enum image_status s);
bool image_status_parse(const char *name, enum image_status *ret);
const char *job_state_name(enum job_state s);

#endif
