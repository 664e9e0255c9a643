/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "catalogue/catalogue_internal.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define LIST_MAX 1000
#define NOT_BEFORE_MAX                                                             \
	3600 /* seconds ahead; what is beyond was written before the clock was set \
	      */

#define JOB_COLUMNS                                                                     \
	"id, kind, state, image, account, url, checksum, owner, lease_until, attempts," \
	" failures, stops, created_at, not_before, finished_at, last_error"

static const char *const state_names[] = {
	[JOB_QUEUED] = "queued", [JOB_RUNNING] = "running",     [JOB_DONE] = "done",
	[JOB_FAILED] = "failed", [JOB_CANCELLED] = "cancelled",
};

static const char *const kind_names[] = {[JOB_IMPORT] = "import"};

const char *job_state_name(enum job_state s)
{
	return state_names[s];
}

/* read_word: one of a list of names. */
static unsigned read_word(struct row *r, const char *const *names, size_t n)
{
	char word[16];

	row_text(r, word, sizeof(word));
	for (size_t i = 0; i < n; i++) {
		if (strcmp(word, names[i]) == 0)
			return (unsigned)i;
	}
	r->bad = true;
	return 0;
}

static void read_job(struct row *r, void *ret)
{
	struct job *j = (struct job *)ret;

	j->id = row_i64(r);
	j->kind =
		(enum job_kind)read_word(r, kind_names, sizeof(kind_names) / sizeof(kind_names[0]));
	j->state = (enum job_state)read_word(r, state_names,
					     sizeof(state_names) / sizeof(state_names[0]));
	row_text(r, j->image, sizeof(j->image));
	row_text(r, j->account, sizeof(j->account));
	row_text(r, j->url, sizeof(j->url));
	row_text(r, j->checksum, sizeof(j->checksum));
	row_text(r, j->owner, sizeof(j->owner));
	j->lease_until = row_i64(r);
	j->attempts = (unsigned)row_u64(r);
	j->failures = (unsigned)row_u64(r);
	j->stops = (unsigned)row_u64(r);
	j->created_at = row_i64(r);
	j->not_before = row_i64(r);
	j->finished_at = row_i64(r);
	row_text(r, j->last_error, sizeof(j->last_error));
}

static int read_one(struct db *db, const char *sql, const struct db_value *args, size_t n,
		    struct job *ret, struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;
	int rc;

	if (db_query(db, sql, args, n, &st, err) < 0)
		return -1;
	rc = db_step(st, err);
	if (rc <= 0)
		return rc;
	row = row_of(st);
	read_job(&row, ret);
	return row_check(&row, err) < 0 ? -1 : 1;
}

static int read_by_id(struct db *db, int64_t id, struct job *ret, struct dr_err *err)
{
	return must_meet(read_one(db, "SELECT " JOB_COLUMNS " FROM jobs WHERE id = $1",
				  DB_ARGS(db_int(id)), ret, err),
			 "job", err);
}

int job_insert(struct db *db, struct job *job, struct dr_err *err)
{
	if (!job->created_at)
		job->created_at = dr_wall();
	job->state = JOB_QUEUED;
	if (must_meet(db_number(db,
				"UPDATE counters SET value = value + 1 WHERE name = 'job'"
				" RETURNING value",
				NULL, 0, &job->id, err),
		      "counter", err) < 0)
		return -1;
	return db_run(db,
		      "INSERT INTO jobs (" JOB_COLUMNS ") VALUES ($1, $2, 'queued', $3, $4, $5, $6,"
		      " '', 0, 0, 0, 0, $7, $8, 0, '')",
		      DB_ARGS(db_int(job->id), db_text(kind_names[job->kind]), db_text(job->image),
			      db_text(job->account), db_text(job->url), db_text(job->checksum),
			      db_int(job->created_at), db_int(job->not_before)),
		      err);
}

/* One statement inside a transaction of its own. SQLite runs one writer at a time, in every
 * process; on PostgreSQL the inner select gets FOR UPDATE OF j SKIP LOCKED. $1 owner  $2 lease
 * until  $3 now  $4 running per account at most  $5 how far ahead not_before can be meant */
const char job_claim_sql[] =
	"UPDATE jobs SET state = 'running', owner = $1, lease_until = $2, attempts = attempts + 1"
	" WHERE id = (SELECT j.id FROM jobs j JOIN accounts a ON a.id = j.account"
	" LEFT JOIN (SELECT account, COUNT(*) AS running FROM jobs WHERE finished_at = 0"
	"  AND state = 'running' AND lease_until > $3 GROUP BY account) r ON r.account = j.account"
	" WHERE j.finished_at = 0"
	" AND ((j.state = 'queued' AND (j.not_before <= $3 OR j.not_before > $3 + $5))"
	"  OR (j.state = 'running' AND j.lease_until <= $3))"
	" AND COALESCE(r.running, 0) <"
	"  CASE WHEN a.limit_imports > 0 THEN a.limit_imports ELSE $4 END"
	" ORDER BY COALESCE(r.running, 0), a.served, j.id LIMIT 1)"
	" RETURNING " JOB_COLUMNS;

/* note_turn: the account goes behind those that have waited longer. */
static int note_turn(struct db *db, const char *account, struct dr_err *err)
{
	int64_t number = 0;

	if (must_meet(db_number(db,
				"UPDATE counters SET value = value + 1 WHERE name = 'claim'"
				" RETURNING value",
				NULL, 0, &number, err),
		      "counter", err) < 0)
		return -1;
	return db_run(db, "UPDATE accounts SET served = $2 WHERE id = $1",
		      DB_ARGS(db_text(account), db_int(number)), err);
}

/* note_start: the image is no longer queued. */
static int note_start(struct db *db, const struct job *job, struct dr_err *err)
{
	if (db_run(db, "UPDATE images SET phase = 'download' WHERE id = $1 AND status = 'creating'",
		   DB_ARGS(db_text(job->image)), err) < 0)
		return -1;
	return touch_listings(db, job->account, false, err);
}

int catalogue_job_claim(struct catalogue *c, const char *owner, int64_t now, int64_t lease_seconds,
			uint64_t per_account, struct job *ret, struct dr_err *err)
{
	dr_session s = {0};
	int rc;

	assert(owner[0]);
	if (per_account > INT64_MAX)
		per_account = INT64_MAX;
	if (session_write(&s, c, err) < 0 || image_bury_locked(s.db, now, err) < 0)
		return -1;
	rc = read_one(s.db, job_claim_sql,
		      DB_ARGS(db_text(owner), db_int(now + lease_seconds), db_int(now),
			      db_size(per_account), db_int(NOT_BEFORE_MAX)),
		      ret, err);
	if (rc < 0 ||
	    (rc > 0 &&
	     (note_turn(s.db, ret->account, err) < 0 || note_start(s.db, ret, err) < 0)) ||
	    session_commit(&s, err) < 0)
		return -1;
	return rc;
}

#define OURS " WHERE id = $1 AND owner = $2 AND state = 'running' RETURNING id"

int catalogue_job_renew(struct catalogue *c, int64_t id, const char *owner, int64_t until,
			struct dr_err *err)
{
	dr_session s = {0};
	int rc;

	if (session_write(&s, c, err) < 0)
		return -1;
	rc = db_run(s.db, "UPDATE jobs SET lease_until = $3" OURS,
		    DB_ARGS(db_int(id), db_text(owner), db_int(until)), err);
	if (rc < 0 || session_commit(&s, err) < 0)
		return -1;
	return rc;
}

static int not_ours(int rc, struct dr_err *err)
{
	return rc == 0 ? dr_fail(err, DR_CONFLICT, "the job is no longer ours") : rc;
}

int catalogue_job_release(struct catalogue *c, int64_t id, const char *owner, enum job_return how,
			  int64_t not_before, const char *why, struct dr_err *err)
{
	dr_session s = {0};
	struct job job = {0};

	if (session_write(&s, c, err) < 0 ||
	    not_ours(db_run(s.db,
			    "UPDATE jobs SET state = 'queued', owner = '', lease_until = 0,"
			    " not_before = $3, last_error = $4, failures = failures + $5,"
			    " stops = stops + $6" OURS,
			    DB_ARGS(db_int(id), db_text(owner), db_int(not_before), db_text(why),
				    db_int(how == RETURN_FAILED), db_int(how == RETURN_STOPPING)),
			    err),
		     err) < 0 ||
	    read_by_id(s.db, id, &job, err) < 0 ||
	    db_run(s.db,
		   "UPDATE images SET phase = 'queued', progress_done = 0, progress_total = -1,"
		   " progress_rate = 0 WHERE id = $1 AND status = 'creating'",
		   DB_ARGS(db_text(job.image)), err) < 0 ||
	    touch_listings(s.db, job.account, false, err) < 0)
		return -1;
	return session_commit(&s, err);
}

int catalogue_job_fail(struct catalogue *c, int64_t id, const char *owner, const char *reason,
		       struct dr_err *err)
{
	dr_session s = {0};
	struct job job;

	if (session_write(&s, c, err) < 0 ||
	    not_ours(db_run(s.db,
			    "UPDATE jobs SET state = 'failed', finished_at = $3, lease_until = 0,"
			    " last_error = $4" OURS,
			    DB_ARGS(db_int(id), db_text(owner), db_int(dr_wall()), db_text(reason)),
			    err),
		     err) < 0 ||
	    read_by_id(s.db, id, &job, err) < 0 ||
	    image_fail_locked(s.db, job.image, reason, err) < 0)
		return -1;
	return session_commit(&s, err);
}

int catalogue_job_get(struct catalogue *c, int64_t id, struct job *ret, struct dr_err *err)
{
	dr_session s = {0};

	if (session_read(&s, c, err) < 0)
		return -1;
	return read_by_id(s.db, id, ret, err);
}

int catalogue_job_list(struct catalogue *c, struct job **ret, size_t *ret_n, struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, "SELECT " JOB_COLUMNS " FROM jobs ORDER BY id DESC LIMIT $1",
		     DB_ARGS(db_int(LIST_MAX)), &st, err) < 0)
		return -1;
	return rows_collect(st, sizeof(**ret), read_job, (void **)ret, ret_n, err);
}

int catalogue_job_cancel(struct catalogue *c, int64_t id, struct dr_err *err)
{
	static const char reason[] = "cancelled: the import was cancelled by an operator";
	dr_session s = {0};
	struct job job = {0};

	if (session_write(&s, c, err) < 0 || read_by_id(s.db, id, &job, err) < 0)
		return -1;
	if (job.finished_at)
		return dr_fail(err, DR_CONFLICT, "the job is over: %s", job_state_name(job.state));
	/* owner and lease stay: until the lease runs out its process may still be writing */
	if (db_run(s.db,
		   "UPDATE jobs SET state = 'cancelled', finished_at = $2, last_error = $3"
		   " WHERE id = $1",
		   DB_ARGS(db_int(id), db_int(dr_wall()), db_text(reason)), err) < 0 ||
	    image_fail_locked(s.db, job.image, reason, err) < 0)
		return -1;
	return session_commit(&s, err);
}

int catalogue_job_retry(struct catalogue *c, int64_t id, struct dr_err *err)
{
	dr_session s = {0};
	struct job old = {0};
	struct job job = {0};
	int rc;

	if (session_write(&s, c, err) < 0 || read_by_id(s.db, id, &old, err) < 0)
		return -1;
	rc = db_run(s.db,
		    "UPDATE images SET status = 'creating', status_reason = '', phase = 'queued',"
		    " progress_done = 0, progress_total = -1, progress_rate = 0,"
		    " virtual_bytes = 0, revision = revision + 1"
		    " WHERE id = $1 AND status = 'failed' RETURNING id",
		    DB_ARGS(db_text(old.image)), err);
	if (rc == 0)
		return dr_fail(err, DR_CONFLICT, "the job's image has not failed");
	job.kind = old.kind;
	memcpy(job.image, old.image, sizeof(job.image));
	memcpy(job.account, old.account, sizeof(job.account));
	memcpy(job.url, old.url, sizeof(job.url));
	memcpy(job.checksum, old.checksum, sizeof(job.checksum));
	if (rc < 0 || job_insert(s.db, &job, err) < 0 ||
	    touch_listings(s.db, job.account, false, err) < 0)
		return -1;
	return session_commit(&s, err);
}

/* Taking turns, every account starts as many imports before this one as this one's own account
 * does, and one more when its turn comes earlier. $1 image  $2 now  $3 running per account at most
 */
static const char job_place_sql[] =
	"WITH me AS (SELECT j.id, j.account, j.not_before, a.served,"
	"  CASE WHEN a.limit_imports > 0 THEN a.limit_imports ELSE $3 END AS allowed"
	"  FROM jobs j JOIN accounts a ON a.id = j.account"
	"  WHERE j.image = $1 AND j.finished_at = 0 AND j.state = 'queued'),"
	" own AS (SELECT SUM(CASE WHEN j.id < me.id THEN 1 ELSE 0 END) AS earlier,"
	"  MIN(j.id) AS first FROM jobs j JOIN me ON me.account = j.account"
	"  WHERE j.finished_at = 0 AND j.state = 'queued'),"
	" others AS (SELECT COUNT(*) AS waiting, a.served, MIN(j.id) AS first"
	"  FROM jobs j JOIN accounts a ON a.id = j.account"
	"  WHERE j.finished_at = 0 AND j.state = 'queued'"
	"  AND j.account <> (SELECT account FROM me) GROUP BY a.id, a.served),"
	" turns AS (SELECT o.waiting, own.earlier + CASE WHEN o.served < me.served"
	"  OR (o.served = me.served AND o.first < own.first) THEN 1 ELSE 0 END AS most"
	"  FROM others o, own, me)"
	" SELECT me.not_before, me.allowed,"
	" (SELECT COUNT(*) FROM jobs j WHERE j.account = me.account AND j.finished_at = 0"
	"  AND j.state = 'running' AND j.lease_until > $2),"
	" CAST(1 + own.earlier + COALESCE((SELECT SUM(CASE WHEN waiting < most THEN waiting"
	"  ELSE most END) FROM turns), 0) AS BIGINT)"
	" FROM me, own";

int catalogue_job_place(struct catalogue *c, const char *image, int64_t now, uint64_t per_account,
			enum job_wait *ret, uint64_t *ret_position, struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;
	int64_t not_before;
	uint64_t allowed;
	int rc;

	*ret = WAIT_NONE;
	*ret_position = 0;
	if (per_account > INT64_MAX)
		per_account = INT64_MAX;
	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, job_place_sql,
		     DB_ARGS(db_text(image), db_int(now), db_size(per_account)), &st, err) < 0)
		return -1;
	rc = db_step(st, err);
	if (rc <= 0)
		return rc;
	row = row_of(st);
	not_before = row_i64(&row);
	allowed = row_u64(&row);
	*ret = row_u64(&row) >= allowed ? WAIT_ACCOUNT : WAIT_SLOT;
	*ret_position = row_u64(&row);
	if (not_before > now)
		*ret = WAIT_RETRY;
	return row_check(&row, err);
}

int catalogue_job_finished(struct catalogue *c, int64_t id, bool *ret, struct dr_err *err)
{
	dr_session s = {0};
	int rc;

	if (session_read(&s, c, err) < 0)
		return -1;
	rc = db_run(s.db,
		    "SELECT 1 FROM jobs WHERE id = $1 AND (finished_at = 0"
		    " OR (owner <> '' AND lease_until > $2))",
		    DB_ARGS(db_int(id), db_int(dr_wall())), err);
	if (rc < 0)
		return -1;
	*ret = rc == 0;
	return 0;
}
