/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue/catalogue.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "catalogue/catalogue_internal.h"
#include "catalogue/migrate.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/io.h"

#include "util/banned.h"

#define ID_SUFFIX 5 /* api.md section 0 */
#define ID_ATTEMPTS 100

/* ---- the file ---- */

static void remove_database(const char *path)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		dr_autobuf struct buf b = BUF_INIT;

		buf_printf(&b, "%s%s", path, suffixes[i]);
		if (buf_ok(&b))
			unlink(buf_str(&b));
	}
}

static int sync_directory_of(const char *path, struct dr_err *err)
{
	dr_autofree char *dir = strdup(path);
	dr_autofd int fd = -1;
	char *slash;

	if (!dir)
		return dr_fail_nomem(err);
	slash = strrchr(dir, '/');
	if (slash)
		slash[1] = 0;
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return dr_fail_errno(err, "sync the catalogue's directory");
	return 0;
}

static int fill_new(const char *path, struct dr_err *err)
{
	DR_CLEANUP(db_closep) struct db *db = NULL;

	int64_t busy = 0;

	if (db_sqlite_create(path, err) < 0 || db_sqlite_open(&db, path, 0, err) < 0 ||
	    migrate_new(db, migration_count, err) < 0)
		return -1;
	/* out of the log into the file, which is all that gets its name: closing would do that too,
	 * and tell nobody when it failed */
	if (db_number(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, 0, &busy, err) < 0)
		return -1;
	return busy ? dr_fail(err, DR_BUSY, "the new catalogue is in use") : 0;
}

int catalogue_create_sqlite(const char *path, struct dr_err *err)
{
	dr_autobuf struct buf temporary = BUF_INIT;
	uint64_t random;
	int rc;

	/* under another name until it is whole: a crash leaves no half-made catalogue behind */
	dr_random(&random, sizeof(random));
	buf_printf(&temporary, "%s.new-%016" PRIx64, path, random);
	if (buf_check(&temporary, err) < 0)
		return -1;
	rc = fill_new(buf_str(&temporary), err);
	if (rc == 0 && link(buf_str(&temporary), path) < 0) {
		if (errno == EEXIST)
			rc = dr_fail(err, DR_CONFLICT, "there is a file of that name already");
		else
			rc = dr_fail_errno(err, "name the new catalogue");
	}
	remove_database(buf_str(&temporary));
	return rc < 0 ? -1 : sync_directory_of(path, err);
}

int catalogue_open_sqlite(struct catalogue **ret, const char *path, struct dr_err *err)
{
	DR_CLEANUP(catalogue_closep) struct catalogue *c = calloc(1, sizeof(*c));

	if (!c)
		return dr_fail_nomem(err);
	dr_mutex_init(&c->lock);
	dr_cond_init(&c->writer_free);
	dr_cond_init(&c->reader_free);
	dr_cond_init(&c->group_settled);
	c->connect = db_sqlite_open;
	c->random = dr_random;
	c->busy_ms = CATALOGUE_BUSY_MS;
	c->where = strdup(path);
	if (!c->where)
		return dr_fail_nomem(err);
	if (c->connect(&c->writer, c->where, CATALOGUE_BUSY_MS, err) < 0)
		return -1;
	if (migrate_forward(c->writer, err) < 0)
		return -1;
	*ret = DR_STEAL(c);
	return 0;
}

void catalogue_close(struct catalogue *c)
{
	if (!c)
		return;
	assert(!c->writer_busy);
	for (size_t i = 0; i < CATALOGUE_READERS; i++) {
		assert(!c->reader_busy[i]);
		db_close(c->readers[i]);
	}
	db_close(c->writer); /* the last: it folds the write-ahead log into the file */
	dr_cond_done(&c->group_settled);
	dr_cond_done(&c->reader_free);
	dr_cond_done(&c->writer_free);
	dr_mutex_done(&c->lock);
	free(c->where);
	free(c);
}

/* ---- sessions ---- */

static int busy(struct dr_err *err)
{
	return dr_fail(err, DR_BUSY, "the catalogue is busy; try again");
}

static int free_reader_locked(const struct catalogue *c)
{
	dr_assert_held(&c->lock);
	for (int i = 0; i < CATALOGUE_READERS; i++) {
		if (!c->reader_busy[i])
			return i;
	}
	return -1;
}

int session_read(struct session *s, struct catalogue *c, struct dr_err *err)
{
	uint64_t until = dr_now_ms() + c->busy_ms;
	uint64_t now;
	int i;

	dr_lock(&c->lock);
	while ((i = free_reader_locked(c)) < 0 && (now = dr_now_ms()) < until)
		dr_cond_wait_ms(&c->reader_free, &c->lock, until - now);
	if (i >= 0)
		c->reader_busy[i] = true;
	dr_unlock(&c->lock);
	if (i < 0)
		return busy(err);
	*s = (struct session){.c = c, .reader = i};
	if (!c->readers[i] && c->connect(&c->readers[i], c->where, CATALOGUE_BUSY_MS, err) < 0)
		return -1;
	s->db = c->readers[i];
	return 0;
}

/* ---- writing ---- */

static int run_in_group(struct session *s, const char *sql, struct dr_err *err)
{
	return db_run(s->db, sql, NULL, 0, err);
}

int session_write(struct session *s, struct catalogue *c, struct dr_err *err)
{
	uint64_t until = dr_now_ms() + c->busy_ms;
	uint64_t now;
	bool ours;

	dr_lock(&c->lock);
	c->writers_waiting++;
	while (c->writer_busy && (now = dr_now_ms()) < until)
		dr_cond_wait_ms(&c->writer_free, &c->lock, until - now);
	c->writers_waiting--;
	ours = !c->writer_busy;
	c->writer_busy = true;
	dr_unlock(&c->lock);
	if (!ours)
		return busy(err);
	*s = (struct session){.c = c, .db = c->writer, .reader = -1};
	return c->group ? run_in_group(s, "SAVEPOINT turn", err) : db_begin(s->db, err);
}

/* end_turn_locked: the next writer's turn, who goes on with the group's transaction if there is
 * one.
 */
static void end_turn_locked(struct catalogue *c)
{
	dr_assert_held(&c->lock);
	c->writer_busy = false;
	dr_cond_signal(&c->writer_free);
}

/* settle: the group's transaction is over; `why` it failed, or NULL. */
static void settle(struct catalogue *c, const struct dr_err *why)
{
	struct session *next;

	dr_lock(&c->lock);
	for (struct session *s = c->group; s; s = next) {
		next = s->next; /* a settled session is its owner's again */
		s->failed = why != NULL;
		if (why)
			*s->err = *why;
		s->settled = true;
	}
	c->group = NULL;
	c->group_size = 0;
	dr_cond_broadcast(&c->group_settled);
	dr_unlock(&c->lock);
}

static int commit_group(struct catalogue *c, struct dr_err *err)
{
	int rc = db_commit(c->writer, err);

	db_rollback(c->writer);
	if (c->group)
		settle(c, rc < 0 ? err : NULL);
	return rc;
}

/* join: leave the commit to whoever waits for a turn; false when nobody does. Who waits takes it
 * even if its time is up: it looks at writer_busy once more. */
static bool join(struct session *s, struct dr_err *err)
{
	struct catalogue *c = s->c;
	bool joined;

	dr_lock(&c->lock);
	joined = c->writers_waiting > 0 && c->group_size + 1 < GROUP_MAX;
	if (joined) {
		s->err = err;
		s->next = c->group;
		c->group = s;
		c->group_size++;
		end_turn_locked(c);
		while (!s->settled)
			dr_cond_wait(&c->group_settled, &c->lock);
	}
	dr_unlock(&c->lock);
	return joined;
}

int session_commit(struct session *s, struct dr_err *err)
{
	int rc;

	assert(s->reader < 0 && s->db->statements == 0);
	if (s->c->group && run_in_group(s, "RELEASE SAVEPOINT turn", err) < 0)
		return -1;
	if (!join(s, err))
		return commit_group(s->c, err);
	rc = s->failed ? -1 : 0;
	*s = (struct session){0}; /* the turn is somebody else's */
	return rc;
}

/* undo: what this session has changed. Some failures (no memory, no space left) make SQLite roll
 * back all of the transaction: then the group's changes are gone too. */
static void undo(struct session *s)
{
	struct dr_err err = DR_ERR_INIT;
	struct dr_err why = DR_ERR_INIT;

	if (s->c->group && run_in_group(s, "ROLLBACK TO SAVEPOINT turn", &err) == 0 &&
	    run_in_group(s, "RELEASE SAVEPOINT turn", &err) == 0)
		return;
	db_rollback(s->db);
	busy(&why);
	if (s->c->group)
		settle(s->c, &why);
}

/* end_write: a group waits for the next writer, or is committed here. */
static void end_write(struct session *s)
{
	struct catalogue *c = s->c;
	struct dr_err err = DR_ERR_INIT;
	bool alone;

	undo(s);
	dr_lock(&c->lock);
	alone = c->group && c->writers_waiting == 0;
	if (!alone)
		end_turn_locked(c);
	dr_unlock(&c->lock);
	if (!alone)
		return;
	commit_group(c, &err);
	dr_lock(&c->lock);
	end_turn_locked(c);
	dr_unlock(&c->lock);
}

void session_end(struct session *s)
{
	struct catalogue *c = s->c;

	if (!c)
		return;
	if (s->reader < 0) {
		end_write(s);
	} else {
		dr_lock(&c->lock);
		c->reader_busy[s->reader] = false;
		dr_cond_signal(&c->reader_free);
		dr_unlock(&c->lock);
	}
	*s = (struct session){0};
}

/* ---- what every file here needs ---- */

static void random_id(struct catalogue *c, const char *prefix, char ret[static ID_TEXT])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	size_t n = strlen(prefix);
	uint8_t r;

	assert(n + 1 + ID_SUFFIX < ID_TEXT);
	memset(ret, 0, ID_TEXT);
	memcpy(ret, prefix, n);
	ret[n++] = '-';
	for (size_t i = 0; i < ID_SUFFIX; i++) {
		do /* 252 is the last multiple of 36: every digit as likely as any other */
			c->random(&r, 1);
		while (r >= 252);
		ret[n++] = digits[r % 36];
	}
}

int new_id(struct session *s, const char *prefix, const char *insert, struct db_value *args,
	   size_t n, char ret[static ID_TEXT], struct dr_err *err)
{
	char id[ID_TEXT];
	int rc;

	for (int i = 0; i < ID_ATTEMPTS; i++) {
		random_id(s->c, prefix, id);
		args[0] = db_text(id);
		rc = db_run(s->db, insert, args, n, err);
		if (rc < 0)
			return -1;
		if (rc > 0) {
			memcpy(ret, id, sizeof(id));
			return 0;
		}
	}
	return dr_fail(err, DR_LIMIT, "no free id of the form %s-xxxxx was found", prefix);
}

int one_row(struct db_stmt *st, const char *what, struct dr_err *err)
{
	return must_meet(db_step(st, err), what, err);
}

int must_meet(int rc, const char *what, struct dr_err *err)
{
	if (rc == 0)
		return dr_fail(err, DR_NOT_FOUND, "no such %s", what);
	return rc < 0 ? -1 : 0;
}

int write_one(struct catalogue *c, const char *what, const char *sql, const struct db_value *args,
	      size_t n, struct dr_err *err)
{
	dr_session s = {0};

	if (session_write(&s, c, err) < 0 ||
	    must_meet(db_run(s.db, sql, args, n, err), what, err) < 0)
		return -1;
	return session_commit(&s, err);
}

int rows_collect(struct db_stmt *st, size_t size, void (*read)(struct row *r, void *ret),
		 void **ret, size_t *ret_n, struct dr_err *err)
{
	dr_autofree char *rows = NULL;
	size_t n = 0;
	size_t room = 0;
	size_t bytes;
	int rc;

	while ((rc = db_step(st, err)) > 0) {
		struct row row = row_of(st);

		if (n == room) {
			char *more = NULL;

			room = room ? room * 2 : 16;
			if (dr_mul_size(room, size, &bytes))
				more = realloc(rows, bytes);
			if (!more)
				return dr_fail_nomem(err);
			rows = more;
		}
		memset(rows + n * size, 0, size);
		read(&row, rows + n * size);
		if (row_check(&row, err) < 0)
			return -1;
		n++;
	}
	if (rc < 0)
		return -1;
	*ret = DR_STEAL(rows);
	*ret_n = n;
	return 0;
}

int touch_listings(struct db *db, const char *account, bool published, struct dr_err *err)
{
	if (db_run(db, "UPDATE accounts SET changes = changes + 1 WHERE id = $1",
		   DB_ARGS(db_text(account)), err) < 0)
		return -1;
	if (!published)
		return 0;
	return db_run(db, "UPDATE counters SET value = value + 1 WHERE name = 'public_changes'",
		      NULL, 0, err);
}
