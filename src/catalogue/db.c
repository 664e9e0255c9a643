/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue/db.h"

#include <assert.h>
#include <string.h>

#include "util/str.h"

#include "util/banned.h"

int db_prepare(struct db *db, const char *sql, struct db_stmt **ret, struct dr_err *err)
{
	if (db->ops->prepare(db, sql, ret, err) < 0)
		return -1;
	db->statements++;
	return 0;
}

int db_bind(struct db_stmt *st, int pos, struct db_value v, struct dr_err *err)
{
	assert(pos >= 1);
	return st->db->ops->bind(st, pos, v, err);
}

int db_step(struct db_stmt *st, struct dr_err *err)
{
	return st->db->ops->step(st, err);
}

struct db_value db_column(struct db_stmt *st, int pos)
{
	assert(pos >= 0);
	return st->db->ops->column(st, pos);
}

void db_finish(struct db_stmt *st)
{
	if (!st)
		return;
	st->db->statements--;
	st->db->ops->finish(st);
}

int db_script(struct db *db, const char *sql, struct dr_err *err)
{
	return db->ops->script(db, sql, err);
}

int db_begin(struct db *db, struct dr_err *err)
{
	assert(!db->in_transaction);
	if (db->ops->begin(db, err) < 0)
		return -1;
	db->in_transaction = true;
	return 0;
}

int db_commit(struct db *db, struct dr_err *err)
{
	assert(db->in_transaction);
	if (db->ops->commit(db, err) < 0)
		return -1;
	db->in_transaction = false;
	return 0;
}

void db_rollback(struct db *db)
{
	if (db->in_transaction)
		db->ops->rollback(db);
	db->in_transaction = false;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	db_rollback(db);
	db->ops->close(db);
}

int db_query(struct db *db, const char *sql, const struct db_value *args, size_t n,
	     struct db_stmt **ret, struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;

	if (db_prepare(db, sql, &st, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (db_bind(st, (int)i + 1, args[i], err) < 0)
			return -1;
	}
	*ret = DR_STEAL(st);
	return 0;
}

int db_run(struct db *db, const char *sql, const struct db_value *args, size_t n,
	   struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	int rows = 0;
	int rc;

	if (db_query(db, sql, args, n, &st, err) < 0)
		return -1;
	while ((rc = db_step(st, err)) > 0)
		rows = 1;
	return rc < 0 ? -1 : rows;
}

int db_number(struct db *db, const char *sql, const struct db_value *args, size_t n, int64_t *ret,
	      struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;
	int64_t v;
	int rc;

	if (db_query(db, sql, args, n, &st, err) < 0)
		return -1;
	rc = db_step(st, err);
	if (rc <= 0)
		return rc;
	row = row_of(st);
	v = row_i64(&row);
	if (row_check(&row, err) < 0)
		return -1;
	/* a statement that writes is over only when it has been stepped to its end */
	while ((rc = db_step(st, err)) > 0)
		continue;
	if (rc < 0)
		return -1;
	*ret = v;
	return 1;
}

int64_t row_i64(struct row *r)
{
	struct db_value v = db_column(r->st, r->next++);

	if (v.type == DB_TEXT)
		r->bad = true;
	return v.type == DB_INT ? v.i : 0;
}

uint64_t row_u64(struct row *r)
{
	return (uint64_t)row_i64(r);
}

bool row_bool(struct row *r)
{
	return row_i64(r) != 0;
}

void row_text(struct row *r, char *ret, size_t size)
{
	struct db_value v = db_column(r->st, r->next++);

	if (v.type == DB_NULL)
		dr_copy(ret, size, "");
	else if (v.type != DB_TEXT || !v.text || !dr_copy(ret, size, v.text))
		r->bad = true;
}

void row_hex(struct row *r, uint8_t *ret, size_t len)
{
	struct db_value v = db_column(r->st, r->next++);

	memset(ret, 0, len);
	if (v.type == DB_NULL || (v.text && !v.text[0]))
		return;
	if (v.type != DB_TEXT || !v.text || !hex_decode(v.text, ret, len))
		r->bad = true;
}

int row_check(const struct row *r, struct dr_err *err)
{
	if (r->bad)
		return dr_fail(err, DR_CORRUPT, "a row of the catalogue holds what nobody stored");
	return 0;
}
