/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue/db: a database connection, thin. SQL is written once, in the common subset of SQLite
 * and PostgreSQL:
 *
 *   db_prepare("SELECT … WHERE id = $1") -> db_bind(1, …) -> { db_step -> db_column… }… ->
 * db_finish db_begin -> statements -> db_commit | db_rollback
 *
 * Parameters are $1, $2 … and may repeat. Values are whole numbers, texts and null; digests and
 * hashes are stored as hex texts. Whether an UPDATE met a row is asked with RETURNING. Texts
 * compare byte by byte.
 *
 * The functions are the only callers of the ops. A connection and its statements belong to one
 * thread at a time. Failures: BUSY (another connection or process writes; try the transaction
 * again); CONFLICT (a constraint); CORRUPT; NO_MEMORY; LIMIT "no-space"; IO. */
#ifndef DR_CATALOGUE_DB_H
#define DR_CATALOGUE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest/digest.h"
#include "util/cleanup.h"
#include "util/err.h"

struct db;
struct db_stmt;

enum db_type { DB_NULL, DB_INT, DB_TEXT };

struct db_value {
	enum db_type type;
	int64_t i;
	const char *text; /* borrowed; a column's DB_TEXT is NULL when there was no memory for it */
};

struct db_ops {
	const char *name;
	/* prepare: one statement. */
	int (*prepare)(struct db *db, const char *sql, struct db_stmt **ret, struct dr_err *err);
	/* bind: pos from 1; the text is copied. A parameter never bound is null. */
	int (*bind)(struct db_stmt *st, int pos, struct db_value v, struct dr_err *err);
	/* step: 1 row, 0 done, -1. */
	int (*step)(struct db_stmt *st, struct dr_err *err);
	/* column: pos from 0; borrowed until the next step. After a row only. */
	struct db_value (*column)(struct db_stmt *st, int pos);
	void (*finish)(struct db_stmt *st);
	/* script: several statements without parameters. */
	int (*script)(struct db *db, const char *sql, struct dr_err *err);
	/* begin: a transaction that sees and does everything as if it were alone. Not nested. */
	int (*begin)(struct db *db, struct dr_err *err);
	/* commit: durable on return. On failure the transaction is still to be rolled back. */
	int (*commit)(struct db *db, struct dr_err *err);
	void (*rollback)(struct db *db);
	void (*close)(struct db *db);
};

/* Concrete connections and statements embed these as their first member. */
struct db {
	const struct db_ops *ops;
	bool in_transaction;
	unsigned statements; /* not finished */
};

struct db_stmt {
	struct db *db;
};

int db_prepare(struct db *db, const char *sql, struct db_stmt **ret, struct dr_err *err)
	DR_MUST_CHECK;
int db_bind(struct db_stmt *st, int pos, struct db_value v, struct dr_err *err) DR_MUST_CHECK;
int db_step(struct db_stmt *st, struct dr_err *err) DR_MUST_CHECK;
struct db_value db_column(struct db_stmt *st, int pos);
void db_finish(struct db_stmt *st); /* NULL is fine */
int db_script(struct db *db, const char *sql, struct dr_err *err) DR_MUST_CHECK;
int db_begin(struct db *db, struct dr_err *err) DR_MUST_CHECK;
int db_commit(struct db *db, struct dr_err *err) DR_MUST_CHECK;
void db_rollback(struct db *db); /* without a transaction: nothing */
void db_close(struct db *db);    /* NULL is fine; every statement must be finished */

DR_DEFINE_CLEANUP(struct db, db_close);
DR_DEFINE_CLEANUP(struct db_stmt, db_finish);

/* ---- values ---- */

#define DB_ARGS(...)                            \
	(const struct db_value[]){__VA_ARGS__}, \
		sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)

static inline struct db_value db_int(int64_t i)
{
	return (struct db_value){.type = DB_INT, .i = i};
}

/* db_size: a number above INT64_MAX comes back unchanged, but compares and sums as negative. */
static inline struct db_value db_size(uint64_t u)
{
	return db_int((int64_t)u);
}

static inline struct db_value db_text(const char *text)
{
	return (struct db_value){.type = text ? DB_TEXT : DB_NULL, .text = text};
}

/* db_ref: a reference to another row; "" refers to none. */
static inline struct db_value db_ref(const char *id)
{
	return db_text(id[0] ? id : NULL);
}

/* ---- whole statements ---- */

/* db_query: prepare and bind; the first step is the caller's. */
int db_query(struct db *db, const char *sql, const struct db_value *args, size_t n,
	     struct db_stmt **ret, struct dr_err *err) DR_MUST_CHECK;
/* db_run: all of a statement: 1 when it returned a row (RETURNING: it met one), else 0. */
int db_run(struct db *db, const char *sql, const struct db_value *args, size_t n,
	   struct dr_err *err) DR_MUST_CHECK;
/* db_number: the one number a statement returns. 1, 0 when it returned no row. */
int db_number(struct db *db, const char *sql, const struct db_value *args, size_t n, int64_t *ret,
	      struct dr_err *err) DR_MUST_CHECK;

/* ---- reading a row, left to right; fails closed like util/rd ---- */

struct row {
	struct db_stmt *st;
	int next;
	bool bad;
};

static inline struct row row_of(struct db_stmt *st)
{
	return (struct row){.st = st};
}

int64_t row_i64(struct row *r); /* null: 0 */
uint64_t row_u64(struct row *r);
bool row_bool(struct row *r);
void row_text(struct row *r, char *ret, size_t size);  /* null: "" */
void row_hex(struct row *r, uint8_t *ret, size_t len); /* "": zeros */
/* row_check: CORRUPT when a value was of the wrong kind or did not fit. */
int row_check(const struct row *r, struct dr_err *err) DR_MUST_CHECK;

/* ---- drivers ---- */

/* db_sqlite_create: a new, empty file in our dialect (WAL, our application id); CONFLICT when the
 * path exists. db_sqlite_open: such a file, or ":memory:" (private to the connection). Refuses
 * what is missing (NOT_FOUND), truncated or no database (CORRUPT), another program's (UNSUPPORTED).
 *   busy_ms  how long to wait for another writer before BUSY */
int db_sqlite_create(const char *path, struct dr_err *err) DR_MUST_CHECK;
int db_sqlite_open(struct db **ret, const char *path, unsigned busy_ms, struct dr_err *err)
	DR_MUST_CHECK;

#endif
