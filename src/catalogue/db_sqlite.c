/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "catalogue/db.h"
#include "util/buf.h"
#include "util/io.h"
#include "util/rd.h"

#include "util/banned.h"

/* "Drkm" in the file's header (SQLite file format, section 1.3.16) tells our files from others'. */
#define APPLICATION_ID 0x44726b6d
/* The database header (file format, section 1.3): magic 0, page size 16, change counter 24, size in
 * pages 28, the change counter for which that size holds 92. */
#define HEADER_BYTES 100
static const char header_magic[] = "SQLite format 3";

/* Of statements that are finished so many are kept for the next who prepares the same text: parsing
 * and planning take several times as long as finding one row. */
#define IDLE_MAX 64U

struct sqlite_stmt {
	struct db_stmt base;
	sqlite3_stmt *handle;
	struct sqlite_stmt *next; /* idle, the latest first */
};

struct sqlite_db {
	struct db base;
	sqlite3 *handle;
	struct sqlite_stmt *idle;
	unsigned idle_count;
};

static sqlite3 *handle_of(struct db *db)
{
	return ((struct sqlite_db *)db)->handle;
}

static sqlite3_stmt *stmt_of(struct db_stmt *st)
{
	return ((struct sqlite_stmt *)st)->handle;
}

static int sqlite_fail(sqlite3 *h, int rc, struct dr_err *err)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return dr_fail(err, DR_BUSY, "the catalogue is busy; try again");
	case SQLITE_CONSTRAINT:
		return dr_fail(err, DR_CONFLICT, "catalogue: %s", sqlite3_errmsg(h));
	case SQLITE_NOMEM:
		return dr_fail_nomem(err);
	case SQLITE_FULL:
		return dr_refuse(err, DR_LIMIT, "no-space", "no space left for the catalogue");
	case SQLITE_CORRUPT:
		return dr_fail(err, DR_CORRUPT, "the catalogue is damaged or cut short");
	case SQLITE_NOTADB:
		return dr_fail(err, DR_CORRUPT, "the catalogue file is not a database");
	default:
		break;
	}
	if (rc == SQLITE_IOERR_NOMEM)
		return dr_fail_nomem(err);
	/* SQLite says "full" only when the system's word was ENOSPC. */
	if (h && (sqlite3_system_errno(h) == EFBIG || sqlite3_system_errno(h) == EDQUOT))
		return dr_refuse(err, DR_LIMIT, "no-space", "no space left for the catalogue");
	return dr_fail(err, DR_IO, "catalogue: %s", h ? sqlite3_errmsg(h) : sqlite3_errstr(rc));
}

static int sqlite_exec(sqlite3 *h, const char *sql, struct dr_err *err)
{
	int rc = sqlite3_exec(h, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : sqlite_fail(h, rc, err);
}

/* take_idle: a kept statement of this text, or NULL. */
static struct sqlite_stmt *take_idle(struct sqlite_db *sq, const char *sql)
{
	for (struct sqlite_stmt **at = &sq->idle; *at; at = &(*at)->next) {
		struct sqlite_stmt *st = *at;

		if (strcmp(sqlite3_sql(st->handle), sql) == 0) {
			*at = st->next;
			sq->idle_count--;
			return st;
		}
	}
	return NULL;
}

static void forget_stmt(struct sqlite_stmt *st)
{
	sqlite3_finalize(st->handle);
	free(st);
}

static int op_prepare(struct db *db, const char *sql, struct db_stmt **ret, struct dr_err *err)
{
	struct sqlite_stmt *st = take_idle((struct sqlite_db *)db, sql);
	int rc;

	if (!st) {
		st = calloc(1, sizeof(*st));
		if (!st)
			return dr_fail_nomem(err);
		rc = sqlite3_prepare_v3(handle_of(db), sql, -1, SQLITE_PREPARE_PERSISTENT,
					&st->handle, NULL);
		if (rc != SQLITE_OK) {
			free(st);
			return sqlite_fail(handle_of(db), rc, err);
		}
	}
	st->base.db = db;
	*ret = &st->base;
	return 0;
}

static int op_bind(struct db_stmt *st, int pos, struct db_value v, struct dr_err *err)
{
	sqlite3_stmt *h = stmt_of(st);
	char name[16];
	int index;
	int rc = SQLITE_OK;

	/* to SQLite $1 is a name like any other, numbered in the order of appearance */
	snprintf(name, sizeof(name), "$%d", pos);
	index = sqlite3_bind_parameter_index(h, name);
	assert(index > 0);
	switch (v.type) {
	case DB_NULL:
		rc = sqlite3_bind_null(h, index);
		break;
	case DB_INT:
		rc = sqlite3_bind_int64(h, index, v.i);
		break;
	case DB_TEXT:
		rc = sqlite3_bind_text(h, index, v.text, -1, SQLITE_TRANSIENT);
		break;
	}
	return rc == SQLITE_OK ? 0 : sqlite_fail(handle_of(st->db), rc, err);
}

static int op_step(struct db_stmt *st, struct dr_err *err)
{
	int rc = sqlite3_step(stmt_of(st));

	if (rc == SQLITE_ROW)
		return 1;
	return rc == SQLITE_DONE ? 0 : sqlite_fail(handle_of(st->db), rc, err);
}

static struct db_value op_column(struct db_stmt *st, int pos)
{
	sqlite3_stmt *h = stmt_of(st);

	switch (sqlite3_column_type(h, pos)) {
	case SQLITE_NULL:
		return db_text(NULL);
	case SQLITE_INTEGER:
		return db_int(sqlite3_column_int64(h, pos));
	default:
		return (struct db_value){.type = DB_TEXT,
					 .text = (const char *)sqlite3_column_text(h, pos)};
	}
}

static void op_finish(struct db_stmt *base)
{
	struct sqlite_stmt *st = (struct sqlite_stmt *)base, **last = &st->next;
	struct sqlite_db *sq = (struct sqlite_db *)base->db;

	/* What reset returns is what step has told already. */
	sqlite3_reset(st->handle);
	sqlite3_clear_bindings(st->handle);
	st->next = sq->idle;
	sq->idle = st;
	if (++sq->idle_count <= IDLE_MAX)
		return;
	while ((*last)->next)
		last = &(*last)->next;
	forget_stmt(*last);
	*last = NULL;
	sq->idle_count--;
}

static int op_script(struct db *db, const char *sql, struct dr_err *err)
{
	return sqlite_exec(handle_of(db), sql, err);
}

static int op_begin(struct db *db, struct dr_err *err)
{
	/* IMMEDIATE: waits for the write lock here; a read that turns into a write later could
	 * only fail */
	return sqlite_exec(handle_of(db), "BEGIN IMMEDIATE", err);
}

static int op_commit(struct db *db, struct dr_err *err)
{
	return sqlite_exec(handle_of(db), "COMMIT", err);
}

static void op_rollback(struct db *db)
{
	/* after some failures SQLite has rolled back by itself and this one fails: no matter */
	sqlite3_exec(handle_of(db), "ROLLBACK", NULL, NULL, NULL);
}

static void op_close(struct db *db)
{
	struct sqlite_db *sq = (struct sqlite_db *)db;
	int rc;

	while (sq->idle) {
		struct sqlite_stmt *st = sq->idle;

		sq->idle = st->next;
		forget_stmt(st);
	}
	rc = sqlite3_close(sq->handle);
	assert(rc == SQLITE_OK);
	(void)rc;
	free(db);
}

static const struct db_ops sqlite_ops = {
	.name = "sqlite",
	.prepare = op_prepare,
	.bind = op_bind,
	.step = op_step,
	.column = op_column,
	.finish = op_finish,
	.script = op_script,
	.begin = op_begin,
	.commit = op_commit,
	.rollback = op_rollback,
	.close = op_close,
};

/* is_cut: the file is shorter than its header says. SQLite itself looks only whether the last page
 * has begun. */
static bool is_cut(const uint8_t header[static HEADER_BYTES], uint64_t bytes)
{
	struct rd at16 = rd_init(header + 16, 2);
	struct rd at24 = rd_init(header + 24, 8);
	struct rd at92 = rd_init(header + 92, 4);
	uint64_t page = rd_be16(&at16);
	uint64_t changes = rd_be32(&at24);
	uint64_t pages = rd_be32(&at24);

	if (page == 1)
		page = 65536;
	return rd_be32(&at92) == changes && bytes < pages * page;
}

/* has_log: a write-ahead log goes with the file, and may hold what the file lacks. */
static bool has_log(const char *path)
{
	dr_autobuf struct buf name = BUF_INIT;
	struct stat st;

	buf_printf(&name, "%s-wal", path);
	return buf_ok(&name) && stat(buf_str(&name), &st) == 0 && st.st_size > 0;
}

/* check_path: SQLite would make what is missing, and might wait for what is no file. */
static int check_path(const char *path, struct dr_err *err)
{
	struct stat st;

	if (stat(path, &st) < 0 && errno == ENOENT)
		return dr_fail(err, DR_NOT_FOUND, "there is no catalogue; create one first");
	if (stat(path, &st) < 0)
		return dr_fail_errno(err, "open the catalogue");
	if (!S_ISREG(st.st_mode))
		return dr_fail(err, DR_INVALID, "the catalogue is not a regular file");
	return 0;
}

/* check_file: what SQLite would not tell: it takes an empty file for a new database. The file is
 * read through the connection's own descriptor: closing another one would drop the locks that this
 * process's connections hold (POSIX), and a second process would then take itself for the last
 * user and remove the log under us. */
static int check_file(sqlite3 *handle, const char *path, struct dr_err *err)
{
	sqlite3_file *file = NULL;
	uint8_t header[HEADER_BYTES];
	sqlite3_int64 bytes = 0;
	int rc = sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);

	if (rc == SQLITE_OK && file && file->pMethods)
		rc = file->pMethods->xFileSize(file, &bytes);
	if (rc != SQLITE_OK || !file || !file->pMethods)
		return dr_fail(err, DR_IO, "the catalogue cannot be read (%d)", rc);
	if (bytes < HEADER_BYTES)
		return dr_fail(err, DR_CORRUPT, "the catalogue is cut short: %lld bytes",
			       (long long)bytes);
	rc = file->pMethods->xRead(file, header, HEADER_BYTES, 0);
	if (rc != SQLITE_OK)
		return dr_fail(err, DR_IO, "the catalogue cannot be read (%d)", rc);
	if (memcmp(header, header_magic, sizeof(header_magic)) != 0)
		return dr_fail(err, DR_CORRUPT, "the catalogue file is not a database");
	if (is_cut(header, (uint64_t)bytes) && !has_log(path))
		return dr_fail(err, DR_CORRUPT, "the catalogue is cut short: %lld bytes",
			       (long long)bytes);
	return 0;
}

/* connect_sqlite: `check`: refuse what is no whole database before SQLite touches it. */
static int connect_sqlite(struct db **ret, const char *path, unsigned busy_ms, bool check,
			  struct dr_err *err)
{
	DR_CLEANUP(db_closep) struct db *db = NULL;
	struct sqlite_db *sq = calloc(1, sizeof(*sq));
	int rc;

	if (!sq)
		return dr_fail_nomem(err);
	sq->base.ops = &sqlite_ops;
	db = &sq->base;
	rc = sqlite3_open_v2(path, &sq->handle,
			     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			     NULL);
	if (rc != SQLITE_OK)
		return sqlite_fail(sq->handle, rc, err);
	if (check && check_file(sq->handle, path, err) < 0)
		return -1;
	sqlite3_busy_timeout(sq->handle, (int)busy_ms);
	sqlite3_db_config(sq->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(sq->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	/* synchronous=FULL: in WAL mode every commit is synced before it returns */
	if (sqlite_exec(sq->handle,
			"PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;"
			"PRAGMA cache_size = -1024; PRAGMA temp_store = MEMORY;"
			"PRAGMA cell_size_check = ON",
			err) < 0)
		return -1;
	*ret = DR_STEAL(db);
	return 0;
}

int db_sqlite_create(const char *path, struct dr_err *err)
{
	DR_CLEANUP(db_closep) struct db *db = NULL;
	dr_autofd int fd = -1;
	char sql[64];

	/* made here, not by SQLite: exclusively, and for nobody else's eyes */
	fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return dr_fail(err, DR_CONFLICT, "the file exists already");
	if (fd < 0)
		return dr_fail_errno(err, "create the catalogue");
	close(DR_STEAL_FD(fd));
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d", APPLICATION_ID);
	if (connect_sqlite(&db, path, 0, false, err) < 0)
		return -1;
	if (db_script(db, "PRAGMA journal_mode = WAL", err) < 0)
		return -1;
	return db_script(db, sql, err);
}

int db_sqlite_open(struct db **ret, const char *path, unsigned busy_ms, struct dr_err *err)
{
	DR_CLEANUP(db_closep) struct db *db = NULL;
	bool memory = strcmp(path, ":memory:") == 0;
	int64_t id = 0;

	if (!memory && check_path(path, err) < 0)
		return -1;
	if (connect_sqlite(&db, path, busy_ms, !memory, err) < 0)
		return -1;
	/* the first read of the file, and of the log */
	if (!memory && db_number(db, "PRAGMA application_id", NULL, 0, &id, err) < 0)
		return -1;
	if (!memory && id != APPLICATION_ID)
		return dr_fail(err, DR_UNSUPPORTED,
			       "the file is a database of another program, not a catalogue");
	*ret = DR_STEAL(db);
	return 0;
}
