/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "catalogue/catalogue_internal.h"
#include "catalogue/orbit.h"

#include "util/banned.h"

#define EACH_BATCH 64

/* ---- whose bytes ---- */

int catalogue_object_has_blob(struct catalogue *c, const struct digest *blob, struct dr_err *err)
{
	dr_session s = {0};
	char hex[DIGEST_HEX];

	digest_hex(blob, hex);
	if (session_read(&s, c, err) < 0)
		return -1;
	return db_run(s.db, "SELECT 1 FROM objects WHERE blob = $1 AND blob <> ''",
		      DB_ARGS(db_text(hex)), err);
}

static void read_blob(struct row *r, void *ret)
{
	struct stored_blob *b = (struct stored_blob *)ret;

	row_text(r, b->account, sizeof(b->account));
	row_text(r, b->container, sizeof(b->container));
	row_text(r, b->object, sizeof(b->object));
	row_hex(r, b->blob.b, sizeof(b->blob.b));
	b->stored_bytes = row_u64(r);
	row_text(r, b->md5, sizeof(b->md5));
}

const char object_blobs_sql[] =
	"SELECT k.account, k.name, o.name, o.blob, o.stored_bytes, o.md5"
	" FROM objects o JOIN containers k ON k.id = o.container"
	" WHERE o.blob <> '' AND o.blob > $1 AND o.blob < $2 ORDER BY o.blob LIMIT $3";

static int next_blobs(struct catalogue *c, const char *after, const char *end,
		      struct stored_blob **ret, size_t *ret_n, struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, object_blobs_sql,
		     DB_ARGS(db_text(after), db_text(end), db_int(EACH_BATCH)), &st, err) < 0)
		return -1;
	return rows_collect(st, sizeof(**ret), read_blob, (void **)ret, ret_n, err);
}

int catalogue_object_each_blob(struct catalogue *c, unsigned shard,
			       int (*fn)(void *arg, const struct stored_blob *b,
					 struct dr_err *err),
			       void *arg, struct dr_err *err)
{
	char after[DIGEST_HEX];
	char end[4];
	size_t n = 0;

	/* keys are longer than two digits, and no digit is above 'f' */
	snprintf(after, sizeof(after), "%02x", shard & 0xff);
	snprintf(end, sizeof(end), "%02xg", shard & 0xff);
	do {
		dr_autofree struct stored_blob *batch = NULL;

		if (next_blobs(c, after, end, &batch, &n, err) < 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			if (fn(arg, &batch[i], err) < 0)
				return -1;
		}
		if (n > 0)
			digest_hex(&batch[n - 1].blob, after);
	} while (n == EACH_BATCH);
	return 0;
}

/* ---- sums ---- */

struct count {
	struct container k;
	uint64_t objects, bytes; /* of the rows */
};

static bool differs(const struct count *n)
{
	return n->k.objects != n->objects || n->k.bytes != n->bytes;
}

static void read_count(struct row *r, void *ret)
{
	struct count *n = (struct count *)ret;

	read_container(r, &n->k);
	n->objects = row_u64(r);
	n->bytes = row_u64(r);
}

/* count_next: the first container whose id is not below `from`, counted. 1, 0 there is none. */
static int count_next(struct db *db, int64_t from, struct count *ret, struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;
	int rc;

	if (db_query(db,
		     "SELECT " CONTAINER_COLUMNS ","
		     " (SELECT COUNT(*) FROM objects o WHERE o.container = k.id),"
		     " (SELECT CAST(COALESCE(SUM(o.stored_bytes), 0) AS BIGINT) FROM objects o"
		     " WHERE o.container = k.id)"
		     " FROM containers k WHERE id >= $1 ORDER BY id LIMIT 1",
		     DB_ARGS(db_int(from)), &st, err) < 0)
		return -1;
	rc = db_step(st, err);
	if (rc <= 0)
		return rc;
	row = row_of(st);
	read_count(&row, ret);
	return row_check(&row, err) < 0 ? -1 : 1;
}

static int look(struct catalogue *c, int64_t from, struct count *ret, struct dr_err *err)
{
	dr_session s = {0};

	if (session_read(&s, c, err) < 0)
		return -1;
	return count_next(s.db, from, ret, err);
}

/* mend_one: counted again while nobody else writes. */
static int mend_one(struct catalogue *c, struct count *n, struct dr_err *err)
{
	dr_session s = {0};
	int64_t id = n->k.id;
	int rc;

	if (session_write(&s, c, err) < 0)
		return -1;
	rc = count_next(s.db, id, n, err);
	if (rc <= 0 || n->k.id != id || !differs(n))
		return rc < 0 ? -1 : 0;
	if (db_run(s.db, "UPDATE containers SET objects = $2, bytes = $3 WHERE id = $1",
		   DB_ARGS(db_int(id), db_size(n->objects), db_size(n->bytes)), err) < 0)
		return -1;
	return session_commit(&s, err);
}

/* What an account's sums are to be: those of its containers. */
#define OF_CONTAINERS(what) \
	"(SELECT CAST(COALESCE(" what ", 0) AS BIGINT) FROM containers k WHERE k.account = a.id)"
#define CONTAINERS OF_CONTAINERS("COUNT(*)")
#define OBJECTS OF_CONTAINERS("SUM(k.objects)")
#define BYTES OF_CONTAINERS("SUM(k.bytes)")
#define WRONG                                                                    \
	"orbit_containers <> " CONTAINERS " OR orbit_objects <> " OBJECTS " OR " \
	"orbit_bytes <> " BYTES

static void read_account(struct row *r, void *ret)
{
	struct count *n = (struct count *)ret;

	row_text(r, n->k.account, sizeof(n->k.account));
	n->k.objects = row_u64(r);
	n->k.bytes = row_u64(r);
	n->objects = row_u64(r);
	n->bytes = row_u64(r);
}

static int wrong_accounts(struct catalogue *c, struct count **ret, size_t *ret_n,
			  struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db,
		     "SELECT id, orbit_objects, orbit_bytes, " OBJECTS ", " BYTES
		     " FROM accounts a WHERE " WRONG " ORDER BY id",
		     NULL, 0, &st, err) < 0)
		return -1;
	return rows_collect(st, sizeof(**ret), read_account, (void **)ret, ret_n, err);
}

static int mend_accounts(struct catalogue *c, struct dr_err *err)
{
	dr_session s = {0};

	if (session_write(&s, c, err) < 0 ||
	    db_run(s.db,
		   "UPDATE accounts AS a SET orbit_containers = " CONTAINERS
		   ", orbit_objects = " OBJECTS ", orbit_bytes = " BYTES " WHERE " WRONG,
		   NULL, 0, err) < 0)
		return -1;
	return session_commit(&s, err);
}

static int recount_accounts(struct catalogue *c, bool mend, recount_fn fn, void *arg,
			    struct dr_err *err)
{
	dr_autofree struct count *wrong = NULL;
	size_t n = 0;

	if (wrong_accounts(c, &wrong, &n, err) < 0)
		return -1;
	if (n > 0 && mend && mend_accounts(c, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (fn(arg, &wrong[i].k, wrong[i].objects, wrong[i].bytes, err) < 0)
			return -1;
	}
	return 0;
}

int catalogue_orbit_recount(struct catalogue *c, bool mend, recount_fn fn, void *arg,
			    struct dr_err *err)
{
	dr_autofree struct count *n = malloc(sizeof(*n));
	int64_t from = 0;
	bool wrong = false;
	int rc;

	if (!n)
		return dr_fail_nomem(err);
	while ((rc = look(c, from, n, err)) > 0) {
		from = n->k.id + 1;
		if (differs(n) && mend && mend_one(c, n, err) < 0)
			return -1;
		wrong |= differs(n);
		if (differs(n) && fn(arg, &n->k, n->objects, n->bytes, err) < 0)
			return -1;
	}
	if (rc < 0)
		return -1;
	/* Against containers whose own sums are wrong, an account's say nothing. */
	return wrong && !mend ? 0 : recount_accounts(c, mend, fn, arg, err);
}
