/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue_internal: what the files of this folder (and its tests) share.
 *
 *   session_read | session_write -> statements -> session_commit (writes) -> session_end
 *
 * A session borrows a connection: one of a few for reading, which see the last commit while
 * somebody writes, or the one for writing, inside a transaction. Statements must be finished before
 * the session ends: declare them after it. What a session writes is all there or not at all.
 *
 * Writers that queue share a commit, as waiting for the disk is what a small change costs: whoever
 * commits while others wait for their turn leaves the transaction open to the next of them, and
 * waits. The last, or the GROUP_MAXth, commits for all. Each is a savepoint of its own: one that
 * fails takes nothing of the others with it. */
#ifndef DR_CATALOGUE_CATALOGUE_INTERNAL_H
#define DR_CATALOGUE_CATALOGUE_INTERNAL_H

#include "catalogue/catalogue.h"
#include "catalogue/db.h"
#include "catalogue/orbit.h"
#include "util/buf.h"
#include "util/mutex.h"

#define CATALOGUE_READERS 4
#define CATALOGUE_BUSY_MS 5000
#define GROUP_MAX 64

struct catalogue {
	struct dr_mutex lock;
	struct dr_cond writer_free;
	struct dr_cond reader_free;
	struct dr_cond group_settled;
	struct db *writer;
	bool writer_busy;       /* lock: it is somebody's turn */
	size_t writers_waiting; /* lock: for their turn */
	/* of whose turn it is: the sessions that wait for the open transaction's commit */
	struct session *group;
	size_t group_size;
	struct db *readers[CATALOGUE_READERS]; /* whose reader_busy is set; opened at first use */
	bool reader_busy[CATALOGUE_READERS];   /* lock */
	char *where;
	int (*connect)(struct db **ret, const char *where, unsigned busy_ms, struct dr_err *err);
	/* as they are but in tests: */
	uint64_t busy_ms;                    /* CATALOGUE_BUSY_MS: how long to wait for a turn */
	void (*random)(void *p, size_t len); /* dr_random: what ids are drawn from */
};

struct session {
	struct catalogue *c;
	struct db *db;
	int reader; /* index, or -1 for the writer */
	/* while it waits in a group: */
	struct session *next;
	struct dr_err *err; /* where to tell why the commit failed */
	bool settled;       /* lock */
	bool failed;
};

int session_read(struct session *s, struct catalogue *c, struct dr_err *err) DR_MUST_CHECK;
int session_write(struct session *s, struct catalogue *c, struct dr_err *err) DR_MUST_CHECK;
/* session_commit: durable on return. The session is over: every statement must be finished. */
int session_commit(struct session *s, struct dr_err *err) DR_MUST_CHECK;
/* session_end: for DR_CLEANUP; rolls back what was not committed. A zeroed session is fine. */
void session_end(struct session *s);

#define dr_session DR_CLEANUP(session_end) struct session

/* new_id: runs `insert`, a statement "INSERT … VALUES ($1, …) ON CONFLICT (id) DO NOTHING RETURNING
 * id", with random ids as $1 (args[0] is ours to fill) until one is free. */
int new_id(struct session *s, const char *prefix, const char *insert, struct db_value *args,
	   size_t n, char ret[static ID_TEXT], struct dr_err *err) DR_MUST_CHECK;

/* one_row: the first row of a statement that must have one: NOT_FOUND "no such <what>". */
int one_row(struct db_stmt *st, const char *what, struct dr_err *err) DR_MUST_CHECK;
/* must_meet: verdict of db_run() on a statement that must have met a row, likewise. */
int must_meet(int rc, const char *what, struct dr_err *err) DR_MUST_CHECK;

/* write_one: a transaction of one statement that must meet a row (RETURNING). */
int write_one(struct catalogue *c, const char *what, const char *sql, const struct db_value *args,
	      size_t n, struct dr_err *err) DR_MUST_CHECK;

/* rows_collect: every row of a statement into an array. `read` fills one element of `size` bytes.
 */
int rows_collect(struct db_stmt *st, size_t size, void (*read)(struct row *r, void *ret),
		 void **ret, size_t *ret_n, struct dr_err *err) DR_MUST_CHECK;

/* What a change does to the listings' ETags: the account's own always, everybody's when the image
 * was or is public and available. */
int touch_listings(struct db *db, const char *account, bool published, struct dr_err *err)
	DR_MUST_CHECK;

/* ---- images and jobs ---- */

#define IMAGE_COLUMNS                                                                          \
	"id, account, name, username, description, arch, source, source_type, source_trigger," \
	" ancestor, licence_name, status, locked, is_public, official, compatibility_mode,"    \
	" min_ram, created_at, available_at, deleted_at, virtual_bytes, data_bytes,"           \
	" stored_bytes, object_bytes, chunk_count, domain, manifest, digest, status_reason,"   \
	" source_format, checksum, source_bytes, warnings, phase, progress_done,"              \
	" progress_total, progress_rate, revision"
void read_image(struct row *r, void *ret);

/* job_insert: a queued job for job->image; fills job->id and created_at. */
int job_insert(struct db *db, struct job *job, struct dr_err *err) DR_MUST_CHECK;
/* image_fail_locked: what catalogue_image_fail() does to the image's row. */
int image_fail_locked(struct db *db, const char *id, const char *reason, struct dr_err *err)
	DR_MUST_CHECK;
/* image_bury_locked: images being deleted that no live process works on become tombstones. */
int image_bury_locked(struct db *db, int64_t now, struct dr_err *err) DR_MUST_CHECK;

/* ---- Orbit ---- */

#define CONTAINER_COLUMNS "id, account, name, created_at, modified_at, objects, bytes, meta"
void read_container(struct row *r, void *ret);
bool object_kind_parse(const char *word, enum object_kind *ret);
/* orbit_page_sql: a page of objects, or of containers. Parameters: container or account, the first
 * name, for objects the time, if bounded the name to stop before. Reverse: from there down. */
const char *orbit_page_sql(bool objects, bool reverse, bool bounded);

/* orbit_behind_prefix: the least name above all that begin with the prefix; false when there is
 * none. */
bool orbit_behind_prefix(struct buf *b, const char *prefix) DR_MUST_CHECK;

/* The statements whose plans a test looks at. image_list_sql: for one shape of query. */
void image_list_sql(const struct image_query *q, struct buf *ret);
extern const char object_list_sql[];
extern const char object_expired_sql[];
extern const char object_blobs_sql[];
extern const char account_usage_sql[];
extern const char job_claim_sql[];

#endif
