/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue: every SQL statement of the project, behind typed functions.
 *
 * The driver underneath is thin (catalogue/db.h): SQL is written once in the common subset of SQLite
 * and PostgreSQL with $1 parameters. Users see structs and never a handle. Any thread; each call
 * borrows a connection from a small pool. Writes run in one transaction each and are durable when
 * the function returns. BUSY after a bounded wait (5 s).
 * Times are seconds since 1970 UTC. Sizes are bytes. Texts are valid UTF-8. Structs that are filled
 * own nothing (fixed-size members) unless said otherwise. */
#ifndef DR_CATALOGUE_CATALOGUE_H
#define DR_CATALOGUE_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest/digest.h"
#include "util/cleanup.h"
#include "util/err.h"

struct catalogue;

#define ID_TEXT 16         /* "img-8yeen", room for longer ones on input */
#define NAME_TEXT 1024     /* 255 characters of up to 4 bytes */
#define EMAIL_TEXT 256
#define DESCRIPTION_TEXT 4097
#define REASON_TEXT 512
#define SECRET_HASH_BYTES 32

/* catalogue_create: a new, migrated database file. catalogue_open: refuses (with the reason) a file
 * that is truncated, foreign or of a newer version; migrates older ones forward. */
int catalogue_create_sqlite(const char *path, struct dr_err *err) DR_MUST_CHECK;
int catalogue_open_sqlite(struct catalogue **ret, const char *path, struct dr_err *err) DR_MUST_CHECK;
void catalogue_close(struct catalogue *c);
DR_DEFINE_CLEANUP(struct catalogue, catalogue_close);

/* ---- accounts, users, clients, applications ---- */

struct account_limits { /* 0 = the configured default */
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
int catalogue_account_create(struct catalogue *c, struct account *a, struct dr_err *err) DR_MUST_CHECK;
int catalogue_account_get(struct catalogue *c, const char *id, struct account *ret, struct dr_err *err) DR_MUST_CHECK;
int catalogue_account_set_limits(struct catalogue *c, const char *id, const struct account_limits *l, struct dr_err *err) DR_MUST_CHECK;
int catalogue_account_list(struct catalogue *c, struct account **ret, size_t *ret_n, struct dr_err *err) DR_MUST_CHECK; /* [owned] */
/* accounts a user belongs to, default first, then by id. [owned] */
int catalogue_account_list_for_user(struct catalogue *c, const char *user, struct account **ret, size_t *ret_n, struct dr_err *err) DR_MUST_CHECK;
int catalogue_account_has_user(struct catalogue *c, const char *account, const char *user, bool *ret, struct dr_err *err) DR_MUST_CHECK;
/* owner of an account: its first user; NOT_FOUND when it has none. */
int catalogue_account_owner(struct catalogue *c, const char *account, struct user *ret, struct dr_err *err) DR_MUST_CHECK;

/* password_hash: an Argon2id string made by auth. CONFLICT when the e-mail is taken. */
int catalogue_user_create(struct catalogue *c, struct user *u, const char *password_hash, const char *account, struct dr_err *err) DR_MUST_CHECK;
int catalogue_user_get(struct catalogue *c, const char *id, struct user *ret, struct dr_err *err) DR_MUST_CHECK;
/* login: e-mail (case-insensitively) or user id; also the password hash. */
int catalogue_user_for_login(struct catalogue *c, const char *login, struct user *ret, char ret_hash[static 160], struct dr_err *err) DR_MUST_CHECK;
int catalogue_user_update(struct catalogue *c, const struct user *u, struct dr_err *err) DR_MUST_CHECK; /* name, email, ssh_key */
int catalogue_user_set_password(struct catalogue *c, const char *id, const char *password_hash, struct dr_err *err) DR_MUST_CHECK;
int catalogue_user_list(struct catalogue *c, const char *account, struct user **ret, size_t *ret_n, struct dr_err *err) DR_MUST_CHECK; /* account NULL = all; [owned] */

int catalogue_client_create(struct catalogue *c, struct api_client *cl, const uint8_t secret_hash[static SECRET_HASH_BYTES], struct dr_err *err) DR_MUST_CHECK;
int catalogue_client_get(struct catalogue *c, const char *id, struct api_client *ret, uint8_t ret_hash[static SECRET_HASH_BYTES], struct dr_err *err) DR_MUST_CHECK;
int catalogue_client_list(struct catalogue *c, const char *account, struct api_client **ret, size_t *ret_n, struct dr_err *err) DR_MUST_CHECK;
int catalogue_client_update(struct catalogue *c, const struct api_client *cl, struct dr_err *err) DR_MUST_CHECK; /* name, description, group, revoked_at */
int catalogue_client_set_secret(struct catalogue *c, const char *id, const uint8_t secret_hash[static SECRET_HASH_BYTES], struct dr_err *err) DR_MUST_CHECK;

/* ---- tokens: only their SHA-256 is stored ---- */

struct token {
	char account[ID_TEXT]; /* of a client; "" for a user's token */
	char client[ID_TEXT];  /* cli-… or "" */
	char user[ID_TEXT];    /* usr-… or "" */
	bool scope_infrastructure;
	bool scope_orbit;
	int64_t expires_at;
};

int catalogue_token_create(struct catalogue *c, const struct digest *token, const struct digest *refresh /* NULL = none */, const struct token *t, struct dr_err *err) DR_MUST_CHECK;
int catalogue_token_get(struct catalogue *c, const struct digest *token, struct token *ret, struct dr_err *err) DR_MUST_CHECK; /* also expired ones, while kept */
/* catalogue_token_use_refresh: the refresh token is spent by this call. NOT_FOUND when unknown, spent or expired. */
int catalogue_token_use_refresh(struct catalogue *c, const struct digest *refresh, struct token *ret, struct dr_err *err) DR_MUST_CHECK;
int catalogue_token_prune(struct catalogue *c, int64_t now, struct dr_err *err) DR_MUST_CHECK;

/* ---- images ---- */

enum image_status { /* wire names in api.md section 4 */
	IMAGE_CREATING, IMAGE_AVAILABLE, IMAGE_DEPRECATED, IMAGE_UNAVAILABLE, IMAGE_DELETING, IMAGE_DELETED, IMAGE_FAILED,
};

struct image {
	char id[ID_TEXT];
	char account[ID_TEXT];
	char name[NAME_TEXT];
	char username[256];    /* "" = null on the wire */
	char description[DESCRIPTION_TEXT];
	char arch[16];         /* "x86_64" "i686" */
	char source[64];       /* opaque token or server id; never the URL */
	char source_type[16];  /* "upload" "snapshot" */
	char source_trigger[16];
	char ancestor[ID_TEXT];
	char licence_name[256];
	enum image_status status;
	bool locked, public, official, compatibility_mode;
	uint64_t min_ram;      /* MiB; 0 = none */
	int64_t created_at;
	int64_t deleted_at;    /* 0 */
	uint64_t virtual_bytes;
	uint64_t data_bytes;   /* plain bytes of non-zero chunks */
	uint64_t stored_bytes; /* encoded */
	char domain[32];       /* where the manifest blob lives */
	struct digest manifest; /* key of the manifest blob; zeros until available */
	struct digest digest;   /* content digest; zeros until available */
	char status_reason[REASON_TEXT]; /* "code: sentence"; "" */
	char source_format[64];  /* "qcow2", "raw", "qcow2+xz" …; "" until known */
	char checksum[160];      /* of the source: "sha256:<hex>"; "" until known */
	uint64_t source_bytes;
	char warnings[1024];     /* "code: sentence" lines */
	/* progress of the import; meaningful while creating */
	char phase[16];          /* "queued" "download" "decode" "store" */
	uint64_t progress_done, progress_total /* UINT64_MAX unknown */, progress_rate;
};

/* What to run for it. */
enum job_kind { JOB_IMPORT };
enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED };
struct job {
	int64_t id;              /* also the store's lease: "job-<id>" */
	enum job_kind kind;
	enum job_state state;
	char image[ID_TEXT];
	char account[ID_TEXT];
	char url[2049];          /* a secret: never shown but to the owner, cut at '?' for operators */
	char checksum[160];      /* expected, "" */
	char owner[64];          /* process that runs it */
	int64_t lease_until;
	unsigned attempts;
	int64_t created_at, not_before, finished_at;
	char last_error[REASON_TEXT];
};

/* catalogue_image_register: image row and its job in one transaction. Fills img->id, job->id. */
int catalogue_image_register(struct catalogue *c, struct image *img, struct job *job, struct dr_err *err) DR_MUST_CHECK;
int catalogue_image_get(struct catalogue *c, const char *id, struct image *ret, struct dr_err *err) DR_MUST_CHECK; /* any status, tombstones too */
/* catalogue_image_update: the owner-settable members (name username description arch public
 * compatibility_mode min_ram), status between available and deprecated, locked, official, licence. 
 * Fails with CONFLICT when the row's status is no longer `expect`. */
int catalogue_image_update(struct catalogue *c, const struct image *img, enum image_status expect, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_delete: to `deleting` (and its job cancelled) unless locked (CONFLICT); the bytes
 * are unreferenced from then on. catalogue_image_deleted: the tombstone. */
int catalogue_image_delete(struct catalogue *c, const char *id, struct dr_err *err) DR_MUST_CHECK;
int catalogue_image_deleted(struct catalogue *c, const char *id, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_publish: creating -> available in one transaction with the job's end: sizes,
 * digests, format, warnings, checksum from `img`. CONFLICT when it is no longer creating, or the
 * job is not owned by `owner` any more. */
int catalogue_image_publish(struct catalogue *c, const struct image *img, int64_t job, const char *owner, struct dr_err *err) DR_MUST_CHECK;
int catalogue_image_fail(struct catalogue *c, const char *id, int64_t job, const char *reason, struct dr_err *err) DR_MUST_CHECK;
int catalogue_image_progress(struct catalogue *c, const struct image *img, struct dr_err *err) DR_MUST_CHECK; /* phase, progress_*, virtual_bytes, data_bytes, source_format; only while creating */

struct image_query {
	const char *account;   /* the asking account: its own rows … */
	bool with_public;      /* … and other accounts' public available ones */
	const char *marker;    /* rows after this id in listing order; "" or NULL = start */
	size_t limit;          /* 0 = all */
	const char *name;      /* exact; NULL */
	const char *status;    /* wire status, or derived "private"/"public"; NULL */
	bool own_deleted;      /* include the account's tombstones */
};
/* Listing order: created_at, id ascending. [owned by caller] */
int catalogue_image_list(struct catalogue *c, const struct image_query *q, struct image **ret, size_t *ret_n, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_version: a text that changes whenever anything such a listing shows may have
 * changed: the listing's ETag. */
int catalogue_image_version(struct catalogue *c, const struct image_query *q, char ret[static 64], struct dr_err *err) DR_MUST_CHECK;
/* catalogue_image_each_stored: every image whose manifest must be kept (available, deprecated,
 * unavailable), for collection and check. The callback returns 0 to go on. */
int catalogue_image_each_stored(struct catalogue *c, int (*fn)(void *arg, const struct image *img, struct dr_err *err), void *arg, struct dr_err *err) DR_MUST_CHECK;
/* sums over an account's images that count against its quota */
int catalogue_account_usage(struct catalogue *c, const char *account, uint64_t *ret_images, uint64_t *ret_data_bytes, uint64_t *ret_stored_bytes, struct dr_err *err) DR_MUST_CHECK;

/* ---- jobs ---- */

/* catalogue_job_claim: the next job to run, leased to `owner` until `now + lease_seconds`. Fair:
 * queued jobs of the account with the fewest running imports first, then oldest; never above
 * per_account running for one account (an account's own limit wins). Also jobs whose lease ran out.
 * 1 and *ret, 0 when there is none. */
int catalogue_job_claim(struct catalogue *c, const char *owner, int64_t now, int64_t lease_seconds, uint64_t per_account, struct job *ret, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_job_renew: 1, or 0 when the job is no longer ours (cancelled or taken over). */
int catalogue_job_renew(struct catalogue *c, int64_t id, const char *owner, int64_t until, struct dr_err *err) DR_MUST_CHECK;
/* catalogue_job_release: back to the queue (shutdown, or retry at not_before). */
int catalogue_job_release(struct catalogue *c, int64_t id, const char *owner, int64_t not_before, const char *why, struct dr_err *err) DR_MUST_CHECK;
int catalogue_job_get(struct catalogue *c, int64_t id, struct job *ret, struct dr_err *err) DR_MUST_CHECK;
int catalogue_job_list(struct catalogue *c, struct job **ret, size_t *ret_n, struct dr_err *err) DR_MUST_CHECK; /* newest first, at most 1000; [owned] */
int catalogue_job_cancel(struct catalogue *c, int64_t id, struct dr_err *err) DR_MUST_CHECK; /* image -> failed "cancelled: …" */
int catalogue_job_retry(struct catalogue *c, int64_t id, struct dr_err *err) DR_MUST_CHECK;  /* failed image -> creating, new attempt */
/* catalogue_job_finished: whether a job (by lease name "job-<id>") is over, for stale leases. */
int catalogue_job_finished(struct catalogue *c, int64_t id, bool *ret, struct dr_err *err) DR_MUST_CHECK;

const char *image_status_name(enum image_status s);
bool image_status_parse(const char *name, enum image_status *ret);
const char *job_state_name(enum job_state s);

#endif
