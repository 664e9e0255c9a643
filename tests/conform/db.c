/* SPDX-License-Identifier: Apache-2.0
 *
 * What the catalogue relies on in every database driver. One executable, each case once per driver.
 */
#include "catalogue/db.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/must.h"

#include "util/banned.h"

#define BUSY_MS 20

struct place {
	char dir[64];
	char path[96]; /* or ":memory:" */
	struct db *db;
};

static void open_tables(struct place *p)
{
	must(db_sqlite_open(&p->db, p->path, BUSY_MS, &err));
	must(db_script(p->db,
		       "CREATE TABLE parents (id TEXT NOT NULL PRIMARY KEY);"
		       "CREATE TABLE t (id TEXT NOT NULL PRIMARY KEY, n BIGINT,"
		       " parent TEXT REFERENCES parents (id))",
		       &err));
}

static int set_up_file(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	snprintf(p->dir, sizeof(p->dir), "/tmp/conform-db-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/file.db", p->dir);
	must(db_sqlite_create(p->path, &err));
	open_tables(p);
	*state = p;
	return 0;
}

static int set_up_memory(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	snprintf(p->path, sizeof(p->path), ":memory:");
	open_tables(p);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = (struct place *)*state;

	db_close(p->db);
	if (p->dir[0]) {
		unlink(p->path);
		assert_int_equal(rmdir(p->dir), 0); /* nothing else is left behind */
	}
	free(p);
	return 0;
}

static int64_t count(struct db *db)
{
	int64_t n = -1;

	must(db_number(db, "SELECT COUNT(*) FROM t", NULL, 0, &n, &err));
	return n;
}

static void insert(struct db *db, const char *id, int64_t n)
{
	must(db_run(db, "INSERT INTO t (id, n) VALUES ($1, $2)", DB_ARGS(db_text(id), db_int(n)),
		    &err));
}

static void values_come_back_as_they_went_in(void **state)
{
	struct db *db = ((struct place *)*state)->db;
	const struct db_value values[] = {
		db_int(0),
		db_int(-1),
		db_int(INT64_MAX),
		db_int(INT64_MIN),
		db_text(""),
		db_text("12"),
		db_text("Zürich 東京 \xF0\x9F\x92\xBE"),
		db_text(NULL),
		db_size(UINT64_MAX),
	};

	must(db_script(db, "CREATE TABLE v (i BIGINT, s TEXT)", &err));
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
		bool number = values[i].type == DB_INT;
		struct db_value v;

		must(db_run(db, "DELETE FROM v", NULL, 0, &err));
		must(db_run(db,
			    number ? "INSERT INTO v (i) VALUES ($1)"
				   : "INSERT INTO v (s) VALUES ($1)",
			    &values[i], 1, &err));
		must(db_query(db, number ? "SELECT i FROM v" : "SELECT s FROM v", NULL, 0, &st,
			      &err));
		must(db_step(st, &err));
		v = db_column(st, 0);
		assert_int_equal(v.type, values[i].type);
		assert_int_equal(v.i, values[i].i);
		if (v.type == DB_TEXT)
			assert_string_equal(v.text, values[i].text);
	}
}

static void parameters_go_by_number_not_by_place(void **state)
{
	struct db *db = ((struct place *)*state)->db;
	int64_t n = 0;

	must(db_number(db, "SELECT $3 * 100 + $1 * 10 + $2 + $1 * 0",
		       DB_ARGS(db_int(2), db_int(3), db_int(1)), &n, &err));
	assert_int_equal(n, 123);
}

static void a_parameter_never_bound_is_null(void **state)
{
	struct db *db = ((struct place *)*state)->db;

	assert_int_equal(db_run(db, "SELECT 1 WHERE $2 IS NULL AND $1 = 7", DB_ARGS(db_int(7)),
				&(struct dr_err)DR_ERR_INIT),
			 1);
}

static void texts_are_data_whatever_they_say(void **state)
{
	struct db *db = ((struct place *)*state)->db;

	insert(db, "'); DROP TABLE t; --", 1);
	assert_int_equal(count(db), 1);
}

static void rows_come_in_order_and_end(void **state)
{
	struct db *db = ((struct place *)*state)->db;
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct dr_err e = DR_ERR_INIT;
	char id[8];

	insert(db, "b", 2);
	insert(db, "B", 3);
	insert(db, "a", 1);
	must(db_query(db, "SELECT id, n FROM t ORDER BY id", NULL, 0, &st, &err));
	for (int i = 0; i < 3; i++) {
		struct row row = row_of(st);

		assert_int_equal(db_step(st, &e), 1);
		row_text(&row, id, sizeof(id));
		assert_string_equal(id, i == 0 ? "B" : i == 1 ? "a" : "b"); /* bytes, not letters */
		must(row_check(&row, &err));
	}
	assert_int_equal(db_step(st, &e), 0);
}

static void a_row_that_does_not_fit_is_corrupt(void **state)
{
	struct db *db = ((struct place *)*state)->db;
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	uint8_t two[2];
	char small[4];
	struct row row;

	insert(db, "abcd", 1);
	must(db_query(db, "SELECT id, n FROM t", NULL, 0, &st, &err));
	must(db_step(st, &err));
	row = row_of(st);
	row_text(&row, small, sizeof(small));
	must_fail(DR_CORRUPT, row_check(&row, &err));
	row = row_of(st);
	row_i64(&row); /* a text where a number belongs */
	must_fail(DR_CORRUPT, row_check(&row, &err));
	row = row_of(st);
	row_hex(&row, two, sizeof(two));
	must(row_check(&row, &err));
	assert_int_equal(two[0] << 8 | two[1], 0xabcd);
	row_hex(&row, two, sizeof(two)); /* a number where hex belongs */
	must_fail(DR_CORRUPT, row_check(&row, &err));
}

static void returning_tells_whether_a_row_was_met(void **state)
{
	struct db *db = ((struct place *)*state)->db;
	struct dr_err e = DR_ERR_INIT;
	int64_t n = 0;

	insert(db, "a", 1);
	assert_int_equal(db_run(db, "UPDATE t SET n = n + 1 WHERE id = $1 RETURNING id",
				DB_ARGS(db_text("a")), &e),
			 1);
	assert_int_equal(db_run(db, "UPDATE t SET n = n + 1 WHERE id = $1 RETURNING id",
				DB_ARGS(db_text("b")), &e),
			 0);
	assert_int_equal(db_number(db, "UPDATE t SET n = n + 1 RETURNING n", NULL, 0, &n, &e), 1);
	assert_int_equal(n, 3);
	assert_int_equal(db_number(db, "SELECT n FROM t WHERE id = 'b'", NULL, 0, &n, &e), 0);
}

static void on_conflict_do_nothing_returns_no_row(void **state)
{
	struct db *db = ((struct place *)*state)->db;
	struct dr_err e = DR_ERR_INIT;
	static const char sql[] = "INSERT INTO t (id) VALUES ($1)"
				  " ON CONFLICT (id) DO NOTHING RETURNING id";

	assert_int_equal(db_run(db, sql, DB_ARGS(db_text("a")), &e), 1);
	assert_int_equal(db_run(db, sql, DB_ARGS(db_text("a")), &e), 0);
}

static void constraints_are_conflicts(void **state)
{
	struct db *db = ((struct place *)*state)->db;

	insert(db, "a", 1);
	must_fail(DR_CONFLICT,
		  db_run(db, "INSERT INTO t (id) VALUES ($1)", DB_ARGS(db_text("a")), &err));
	must_fail(DR_CONFLICT,
		  db_run(db, "INSERT INTO t (id, parent) VALUES ('b', 'nobody')", NULL, 0, &err));
	assert_int_equal(count(db), 1);
}

static void row_values_compare_left_to_right(void **state)
{
	struct db *db = ((struct place *)*state)->db;
	int64_t n = 0;

	insert(db, "a", 1);
	insert(db, "b", 1);
	insert(db, "a2", 2);
	must(db_number(db, "SELECT COUNT(*) FROM t WHERE (n, id) > ($1, $2)",
		       DB_ARGS(db_int(1), db_text("a")), &n, &err));
	assert_int_equal(n, 2);
}

static void rollback_undoes_and_commit_keeps(void **state)
{
	struct db *db = ((struct place *)*state)->db;

	must(db_begin(db, &err));
	insert(db, "a", 1);
	db_rollback(db);
	assert_int_equal(count(db), 0);
	must(db_begin(db, &err));
	insert(db, "b", 1);
	must(db_commit(db, &err));
	db_rollback(db);
	assert_int_equal(count(db), 1);
}

static void a_failed_statement_leaves_the_transaction_usable_or_undone(void **state)
{
	struct db *db = ((struct place *)*state)->db;

	must(db_begin(db, &err));
	insert(db, "a", 1);
	must_fail(DR_CONFLICT, db_run(db, "INSERT INTO t (id) VALUES ('a')", NULL, 0, &err));
	db_rollback(db);
	assert_int_equal(count(db), 0);
	must(db_begin(db, &err));
	db_rollback(db);
}

static void nonsense_is_an_error_and_not_a_crash(void **state)
{
	struct db *db = ((struct place *)*state)->db;

	must_fail(DR_IO, db_run(db, "SELEKT 1", NULL, 0, &err));
	must_fail(DR_IO, db_run(db, "SELECT x FROM nowhere", NULL, 0, &err));
}

static void closing_forgets_what_was_not_committed(void **state)
{
	struct place *p = (struct place *)*state;

	must(db_begin(p->db, &err));
	insert(p->db, "a", 1);
	db_close(p->db);
	p->db = NULL;
	must(db_sqlite_open(&p->db, p->path, BUSY_MS, &err));
	assert_int_equal(count(p->db), 0);
}

static void a_second_connection_sees_commits_and_waits_for_nobody_to_read(void **state)
{
	struct place *p = (struct place *)*state;
	DR_CLEANUP(db_closep) struct db *other = NULL;

	must(db_sqlite_open(&other, p->path, BUSY_MS, &err));
	must(db_begin(p->db, &err));
	insert(p->db, "a", 1);
	assert_int_equal(count(other), 0);
	must(db_commit(p->db, &err));
	assert_int_equal(count(other), 1);
}

static void a_second_writer_is_told_busy_after_its_wait(void **state)
{
	struct place *p = (struct place *)*state;
	DR_CLEANUP(db_closep) struct db *other = NULL;

	must(db_sqlite_open(&other, p->path, BUSY_MS, &err));
	must(db_begin(p->db, &err));
	must_fail(DR_BUSY, db_begin(other, &err));
	must_fail(DR_BUSY, db_run(other, "DELETE FROM t", NULL, 0, &err));
	db_rollback(p->db);
	must(db_begin(other, &err));
	db_rollback(other);
}

#define IN_FILE(test) cmocka_unit_test_setup_teardown(test, set_up_file, tear_down)
#define ON_BOTH(test)                                                   \
	IN_FILE(test),                                                  \
	{                                                               \
#test " (memory)", test, set_up_memory, tear_down, NULL \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BOTH(values_come_back_as_they_went_in),
		ON_BOTH(parameters_go_by_number_not_by_place),
		ON_BOTH(a_parameter_never_bound_is_null),
		ON_BOTH(texts_are_data_whatever_they_say),
		ON_BOTH(rows_come_in_order_and_end),
		ON_BOTH(a_row_that_does_not_fit_is_corrupt),
		ON_BOTH(returning_tells_whether_a_row_was_met),
		ON_BOTH(on_conflict_do_nothing_returns_no_row),
		ON_BOTH(constraints_are_conflicts),
		ON_BOTH(row_values_compare_left_to_right),
		ON_BOTH(rollback_undoes_and_commit_keeps),
		ON_BOTH(a_failed_statement_leaves_the_transaction_usable_or_undone),
		ON_BOTH(nonsense_is_an_error_and_not_a_crash),
		IN_FILE(closing_forgets_what_was_not_committed),
		IN_FILE(a_second_connection_sees_commits_and_waits_for_nobody_to_read),
		IN_FILE(a_second_writer_is_told_busy_after_its_wait),
	};

	return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
