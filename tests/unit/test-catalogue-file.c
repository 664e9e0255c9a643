/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "catalogue-fixture.h"
#include "catalogue/catalogue_internal.h"
#include "catalogue/db.h"
#include "catalogue/migrate.h"
#include "util/buf.h"
#include "util/io.h"

#include "util/banned.h"

static int set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	fixture_dir(&f);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	fixture_done((struct fixture *)*state);
	return 0;
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static size_t files_in(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void file_put(const char *path, const void *p, size_t len)
{
	must(dr_write_file(AT_FDCWD, path, p, len, 0600, &err));
}

/* refuses: with this code and these words, and the file is as it was. */
static void refuses(const struct fixture *f, enum dr_code code, const char *words)
{
	struct buf before = BUF_INIT;
	struct buf after = BUF_INIT;
	struct dr_err e = DR_ERR_INIT;
	struct catalogue *c = NULL;

	must(dr_read_file(AT_FDCWD, f->path, &before, &err));
	assert_int_equal(catalogue_open_sqlite(&c, f->path, &e), -1);
	if (e.code != code || !strstr(e.msg, words))
		fail_msg("%zu bytes: %s: %s", before.len, dr_code_name(e.code), e.msg);
	assert_null(c);
	must(dr_read_file(AT_FDCWD, f->path, &after, &err));
	assert_int_equal(before.len, after.len);
	if (before.len)
		assert_memory_equal(before.p, after.p, before.len);
	buf_done(&before);
	buf_done(&after);
}

static void a_new_catalogue_is_whole_private_and_alone_in_its_directory(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct stat st;

	must(catalogue_create_sqlite(f->path, &err));
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(files_in(f->dir), 1);
	must(catalogue_open_sqlite(&f->c, f->path, &err));
}

static void creating_never_replaces_a_file(void **state)
{
	struct fixture *f = (struct fixture *)*state;

	file_put(f->path, "precious", 8);
	must_fail(DR_CONFLICT, catalogue_create_sqlite(f->path, &err));
	assert_int_equal(size_of(f->path), 8);
	assert_int_equal(files_in(f->dir), 1);
}

static void a_missing_file_is_not_found_and_not_made(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct catalogue *c = NULL;

	must_fail(DR_NOT_FOUND, catalogue_open_sqlite(&c, f->path, &err));
	assert_int_equal(files_in(f->dir), 0);
}

static void a_file_cut_short_anywhere_is_refused(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	off_t whole;

	must(catalogue_create_sqlite(f->path, &err));
	whole = size_of(f->path);
	assert_true(whole > 16384);
	for (off_t len = whole - 1; len > 0; len = len > 8192 ? len - 4096 : len / 2) {
		assert_int_equal(truncate(f->path, len), 0);
		refuses(f, DR_CORRUPT, len < 512 ? "cut short" : "");
	}
	assert_int_equal(truncate(f->path, 0), 0);
	refuses(f, DR_CORRUPT, "cut short");
}

static void what_is_no_database_is_refused(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	char text[5000];

	memset(text, 'x', sizeof(text));
	file_put(f->path, text, sizeof(text));
	refuses(f, DR_CORRUPT, "not a database");
}

static void another_programs_database_is_refused(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	sqlite3 *h = NULL;

	assert_int_equal(sqlite3_open(f->path, &h), SQLITE_OK);
	assert_int_equal(sqlite3_exec(h, "CREATE TABLE songs (id)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(h), SQLITE_OK);
	refuses(f, DR_UNSUPPORTED, "another program");
}

static void a_newer_schema_is_refused(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct db *db = NULL;

	must(catalogue_create_sqlite(f->path, &err));
	must(db_sqlite_open(&db, f->path, 0, &err));
	must(db_run(db, "INSERT INTO schema_migrations VALUES ($1, 'later', 0)",
		    DB_ARGS(db_int((int64_t)migration_count + 1)), &err));
	db_close(db);
	refuses(f, DR_UNSUPPORTED, "newer version");
}

static void a_schema_without_a_version_is_refused(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct db *db = NULL;

	must(db_sqlite_create(f->path, &err));
	refuses(f, DR_IO, "schema's version");
	must(db_sqlite_open(&db, f->path, 0, &err));
	must(migrate_new(db, 1, &err));
	must(db_run(db, "DELETE FROM schema_migrations", NULL, 0, &err));
	db_close(db);
	refuses(f, DR_CORRUPT, "no version");
}

static void an_older_schema_moves_forward_and_keeps_its_rows(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	uint8_t hash[SECRET_HASH_BYTES];
	struct api_client app;
	struct account *accounts = NULL;
	struct db *db = NULL;
	int64_t version = 0;
	size_t n = 0;

	assert_true(migration_count >= 2);
	must(db_sqlite_create(f->path, &err));
	must(db_sqlite_open(&db, f->path, 0, &err));
	must(migrate_new(db, 1, &err));
	must(db_run(db,
		    "INSERT INTO accounts VALUES ('acc-00000', 'old', 'active', 1, 0, 0, 0, 0, 0)",
		    NULL, 0, &err));
	must(catalogue_open_sqlite(&f->c, f->path, &err));
	must(db_number(db, "SELECT MAX(version) FROM schema_migrations", NULL, 0, &version, &err));
	db_close(db);
	assert_int_equal(version, migration_count);
	must(catalogue_client_get(f->c, "app-12345", &app, hash, &err));
	must(catalogue_account_list(f->c, &accounts, &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(accounts[0].name, "old");
	free(accounts);
}

static void two_handles_on_one_file_see_each_others_writes(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct catalogue *other = NULL;
	struct account a;
	struct account b;

	must(catalogue_create_sqlite(f->path, &err));
	must(catalogue_open_sqlite(&f->c, f->path, &err));
	must(catalogue_open_sqlite(&other, f->path, &err));
	a = new_account(f->c, "one");
	must(catalogue_account_get(other, a.id, &b, &err));
	a = new_account(other, "two");
	must(catalogue_account_get(f->c, a.id, &b, &err));
	assert_string_equal(b.name, "two");
	catalogue_close(other);
}

/* other_process: opens, writes and closes a catalogue each time it is asked, and tells the id. */
static void other_process(const char *path, int ask, int answer)
{
	struct catalogue *c = NULL;
	char go;

	while (read(ask, &go, 1) == 1) {
		struct dr_err e = DR_ERR_INIT;
		struct account a = {.name = "made elsewhere"};

		if (catalogue_open_sqlite(&c, path, &e) < 0 ||
		    catalogue_account_create(c, &a, &e) < 0)
			_exit(1);
		catalogue_close(c);
		if (write(answer, a.id, sizeof(a.id)) != sizeof(a.id))
			_exit(1);
	}
	_exit(0);
}

static void processes_that_come_and_go_are_seen_and_do_no_harm(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct account mine;
	struct account got;
	char id[sizeof(mine.id)];
	int ask[2], answer[2], status = 0;
	pid_t child;

	must(catalogue_create_sqlite(f->path, &err));
	assert_int_equal(pipe(ask), 0);
	assert_int_equal(pipe(answer), 0);
	child = fork();
	if (child == 0) {
		close(ask[1]);
		other_process(f->path, ask[0], answer[1]);
	}
	close(ask[0]);
	must(catalogue_open_sqlite(&f->c, f->path, &err));
	for (int i = 0; i < 4; i++) {
		mine = new_account(f->c, "mine");
		must(catalogue_account_get(f->c, mine.id, &got, &err));
		assert_int_equal(write(ask[1], "g", 1), 1);
		assert_int_equal(read(answer[0], id, sizeof(id)), sizeof(id));
		must(catalogue_account_get(f->c, id, &got, &err));
		assert_string_equal(got.name, "made elsewhere");
	}
	close(ask[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(answer[0]);
	close(answer[1]);
}

static void what_was_written_survives_closing(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct account a;
	struct account b;

	must(catalogue_create_sqlite(f->path, &err));
	must(catalogue_open_sqlite(&f->c, f->path, &err));
	a = new_account(f->c, "kept");
	catalogue_close(f->c);
	f->c = NULL;
	assert_int_equal(files_in(f->dir), 1);
	must(catalogue_open_sqlite(&f->c, f->path, &err));
	must(catalogue_account_get(f->c, a.id, &b, &err));
	assert_string_equal(b.name, "kept");
}

/* ---- pressure ---- */

static void whoever_waits_too_long_for_a_turn_is_told_busy(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct session readers[CATALOGUE_READERS] = {{0}};
	dr_session writer = {0};
	struct account a = {.name = "x"};
	struct account *list = NULL;
	size_t n = 0;

	must(catalogue_create_sqlite(f->path, &err));
	must(catalogue_open_sqlite(&f->c, f->path, &err));
	f->c->busy_ms = 20;
	must(session_write(&writer, f->c, &err));
	must_fail(DR_BUSY, catalogue_account_create(f->c, &a, &err));
	must(catalogue_account_list(f->c, &list, &n, &err)); /* reading goes on */
	free(list);
	session_end(&writer);
	must(catalogue_account_create(f->c, &a, &err));
	for (size_t i = 0; i < CATALOGUE_READERS; i++)
		must(session_read(&readers[i], f->c, &err));
	must_fail(DR_BUSY, catalogue_account_get(f->c, a.id, &a, &err));
	for (size_t i = 0; i < CATALOGUE_READERS; i++)
		session_end(&readers[i]);
	must(catalogue_account_get(f->c, a.id, &a, &err));
}

static void a_full_disk_is_a_limit_that_passes(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct account first;
	struct account a = {.name = "x"};
	struct dr_err e = DR_ERR_INIT;
	size_t made = 0;

	must(catalogue_create_sqlite(f->path, &err));
	must(catalogue_open_sqlite(&f->c, f->path, &err));
	first = new_account(f->c, "first");
	/* what SQLite makes of ENOSPC, without a full disk */
	must(db_script(f->c->writer, "PRAGMA max_page_count = 1", &err)); /* no more than it has */
	while (made < 1000 && catalogue_account_create(f->c, &a, &e) == 0)
		made++;
	assert_int_equal(e.code, DR_LIMIT);
	assert_string_equal(e.reason, "no-space");
	must(catalogue_account_get(f->c, first.id, &a, &err));
	must(db_script(f->c->writer, "PRAGMA max_page_count = 1000000", &err));
	must(catalogue_account_create(f->c, &a, &err));
	must(catalogue_account_get(f->c, a.id, &a, &err));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_new_catalogue_is_whole_private_and_alone_in_its_directory),
		CASE(creating_never_replaces_a_file),
		CASE(a_missing_file_is_not_found_and_not_made),
		CASE(a_file_cut_short_anywhere_is_refused),
		CASE(what_is_no_database_is_refused),
		CASE(another_programs_database_is_refused),
		CASE(a_newer_schema_is_refused),
		CASE(a_schema_without_a_version_is_refused),
		CASE(an_older_schema_moves_forward_and_keeps_its_rows),
		CASE(two_handles_on_one_file_see_each_others_writes),
		CASE(processes_that_come_and_go_are_seen_and_do_no_harm),
		CASE(what_was_written_survives_closing),
		CASE(whoever_waits_too_long_for_a_turn_is_told_busy),
		CASE(a_full_disk_is_a_limit_that_passes),
	};

	return cmocka_run_group_tests_name("catalogue-file", tests, NULL, NULL);
}
