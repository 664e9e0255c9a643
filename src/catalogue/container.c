/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "catalogue/catalogue_internal.h"
#include "catalogue/orbit.h"

#include "util/banned.h"

#define MICROSECONDS 1000000

/* ---- accounts ---- */

int catalogue_orbit_account(struct catalogue *c, const char *account, struct orbit_account *ret,
			    struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db,
		     "SELECT orbit_containers, orbit_objects, orbit_bytes, created_at, orbit_meta"
		     " FROM accounts WHERE id = $1",
		     DB_ARGS(db_text(account)), &st, err) < 0 ||
	    one_row(st, "account", err) < 0)
		return -1;
	row = row_of(st);
	ret->containers = row_u64(&row);
	ret->objects = row_u64(&row);
	ret->bytes = row_u64(&row);
	ret->created_at = row_i64(&row) * MICROSECONDS;
	row_text(&row, ret->meta, sizeof(ret->meta));
	return row_check(&row, err);
}

/* set_meta: `update` meets the row while it has the metadata the caller has seen; `find` meets it
 * anyway. */
static int set_meta(struct catalogue *c, const char *update, const char *find, const char *what,
		    const struct db_value *args, size_t n, struct dr_err *err)
{
	dr_session s = {0};
	int rc;

	if (session_write(&s, c, err) < 0)
		return -1;
	rc = db_run(s.db, update, args, n, err);
	if (rc < 0)
		return -1;
	if (rc > 0)
		return session_commit(&s, err);
	if (must_meet(db_run(s.db, find, args, 1, err), what, err) < 0)
		return -1;
	return dr_fail(err, DR_CONFLICT, "the %s's metadata has been changed meanwhile", what);
}

int catalogue_orbit_account_set_meta(struct catalogue *c, const char *account, const char *old,
				     const char *meta, struct dr_err *err)
{
	return set_meta(c,
			"UPDATE accounts SET orbit_meta = $3 WHERE id = $1 AND orbit_meta = $2"
			" RETURNING id",
			"SELECT id FROM accounts WHERE id = $1", "account",
			DB_ARGS(db_text(account), db_text(old), db_text(meta)), err);
}

/* ---- containers ---- */

void read_container(struct row *r, void *ret)
{
	struct container *k = (struct container *)ret;

	k->id = row_i64(r);
	row_text(r, k->account, sizeof(k->account));
	row_text(r, k->name, sizeof(k->name));
	k->created_at = row_i64(r);
	k->modified_at = row_i64(r);
	k->objects = row_u64(r);
	k->bytes = row_u64(r);
	row_text(r, k->meta, sizeof(k->meta));
}

/* find: 1 *ret is filled, 0 there is none. */
static int find(struct db *db, const char *account, const char *name, struct container *ret,
		struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;
	int rc;

	if (db_query(db,
		     "SELECT " CONTAINER_COLUMNS
		     " FROM containers WHERE account = $1 AND name = $2",
		     DB_ARGS(db_text(account), db_text(name)), &st, err) < 0)
		return -1;
	rc = db_step(st, err);
	if (rc <= 0)
		return rc;
	row = row_of(st);
	read_container(&row, ret);
	return row_check(&row, err) < 0 ? -1 : 1;
}

static int find_committed(struct catalogue *c, const char *account, const char *name,
			  struct container *ret, struct dr_err *err)
{
	dr_session s = {0};

	if (session_read(&s, c, err) < 0)
		return -1;
	return find(s.db, account, name, ret, err);
}

static int insert(struct db *db, const char *account, const char *name, const char *meta,
		  int64_t now, struct dr_err *err)
{
	int64_t id = 0;

	if (must_meet(db_run(db,
			     "UPDATE accounts SET orbit_containers = orbit_containers + 1"
			     " WHERE id = $1 RETURNING id",
			     DB_ARGS(db_text(account)), err),
		      "account", err) < 0 ||
	    must_meet(db_number(db,
				"UPDATE counters SET value = value + 1 WHERE name = 'container'"
				" RETURNING value",
				NULL, 0, &id, err),
		      "counter", err) < 0)
		return -1;
	return db_run(
		db,
		"INSERT INTO containers (id, account, name, created_at, modified_at,"
		" objects, bytes, meta) VALUES ($1, $2, $3, $4, $4, 0, 0, $5)",
		DB_ARGS(db_int(id), db_text(account), db_text(name), db_int(now), db_text(meta)),
		err);
}

int catalogue_container_create(struct catalogue *c, const char *account, const char *name,
			       const char *meta, int64_t now, struct container *ret,
			       struct dr_err *err)
{
	dr_session s = {0};
	int rc;

	/* most are there already: clients create before every upload */
	rc = find_committed(c, account, name, ret, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (session_write(&s, c, err) < 0)
		return -1;
	rc = find(s.db, account, name, ret, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (insert(s.db, account, name, meta, now, err) < 0 ||
	    find(s.db, account, name, ret, err) < 0 || session_commit(&s, err) < 0)
		return -1;
	return 1;
}

int catalogue_container_get(struct catalogue *c, const char *account, const char *name,
			    struct container *ret, struct dr_err *err)
{
	return must_meet(find_committed(c, account, name, ret, err), "container", err);
}

int catalogue_container_set_meta(struct catalogue *c, int64_t id, const char *old, const char *meta,
				 int64_t now, struct dr_err *err)
{
	return set_meta(c,
			"UPDATE containers SET meta = $3, modified_at = CASE"
			" WHEN modified_at < $4 THEN $4 ELSE modified_at END"
			" WHERE id = $1 AND meta = $2 RETURNING id",
			"SELECT id FROM containers WHERE id = $1", "container",
			DB_ARGS(db_int(id), db_text(old), db_text(meta), db_int(now)), err);
}

static int check_exists(struct db *db, int64_t id, struct dr_err *err)
{
	return must_meet(
		db_run(db, "SELECT id FROM containers WHERE id = $1", DB_ARGS(db_int(id)), err),
		"container", err);
}

int catalogue_container_delete(struct catalogue *c, int64_t id, struct dr_err *err)
{
	dr_session s = {0};
	int rc;

	if (session_write(&s, c, err) < 0 || check_exists(s.db, id, err) < 0 ||
	    db_run(s.db,
		   "UPDATE accounts SET orbit_containers = orbit_containers - 1"
		   " WHERE id = (SELECT account FROM containers WHERE id = $1)",
		   DB_ARGS(db_int(id)), err) < 0)
		return -1;
	rc = db_run(s.db, "DELETE FROM containers WHERE id = $1 AND objects = 0 RETURNING id",
		    DB_ARGS(db_int(id)), err);
	if (rc == 0)
		return dr_fail(err, DR_CONFLICT, "the container is not empty");
	return rc < 0 ? -1 : session_commit(&s, err);
}

int catalogue_container_rename(struct catalogue *c, int64_t id, const char *name,
			       struct dr_err *err)
{
	dr_session s = {0};
	int rc;

	if (session_write(&s, c, err) < 0 || check_exists(s.db, id, err) < 0)
		return -1;
	rc = db_run(s.db,
		    "SELECT t.id FROM containers k, containers t WHERE k.id = $1"
		    " AND t.account = k.account AND t.name = $2 AND t.id <> $1",
		    DB_ARGS(db_int(id), db_text(name)), err);
	if (rc > 0)
		return dr_fail(err, DR_CONFLICT, "there is a container of that name already");
	if (rc < 0 || db_run(s.db, "UPDATE containers SET name = $2 WHERE id = $1",
			     DB_ARGS(db_int(id), db_text(name)), err) < 0)
		return -1;
	return session_commit(&s, err);
}
