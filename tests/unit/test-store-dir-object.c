/* SPDX-License-Identifier: Apache-2.0
 *
 * What is particular to users' objects in the directory driver: writers that die, strange files,
 * full disks, failed syncs, stores from before there were any. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../conform/store-temp.h"
#include "store/collect.h"
#include "store/object.h"
#include "strange.h"
#include "unit.h"
#include "util/io.h"

struct fixture {
	struct temp_store t;
	struct store *st;
	struct dr_err err;
	unsigned syncs;
	unsigned failing; /* the sync that fails: 1 is the first; 0 none */
	bool no_room;     /* for names */
};

#define OK(call)                                               \
	do {                                                   \
		if ((call) < 0)                                \
			fail_msg("%s: %s", #call, f->err.msg); \
	} while (0)
#define FAILS(call, want)                                                           \
	do {                                                                        \
		dr_err_clear(&f->err);                                              \
		assert_int_equal((call), -1);                                       \
		assert_string_equal(dr_code_name(f->err.code), dr_code_name(want)); \
	} while (0)

#define ACCOUNT "acc-aaaaa"

static struct fixture fixture;

/* The driver's syncs come here, and its linkat() (-Wl,--wrap). */
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __real_linkat(int fromdir, const char *from, int todir, const char *to, int flags);
int __wrap_linkat(int fromdir, const char *from, int todir, const char *to, int flags);

int __wrap_fsync(int fd)
{
	if (++fixture.syncs != fixture.failing)
		return __real_fsync(fd);
	errno = EIO;
	return -1;
}

int __wrap_fdatasync(int fd)
{
	return __wrap_fsync(fd);
}

int __wrap_linkat(int fromdir, const char *from, int todir, const char *to, int flags)
{
	if (!fixture.no_room)
		return __real_linkat(fromdir, from, todir, to, flags);
	errno = ENOSPC;
	return -1;
}

static int setup(void **state)
{
	fixture = (struct fixture){.syncs = 0};
	if (!temp_store_open(&fixture.t))
		return -1;
	fixture.st = fixture.t.st;
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	temp_store_done(&fixture.t);
	return 0;
}

/* committed: an upload that waits for its row. NULL, with fixture's err. */
static struct store_upload *committed(struct fixture *f, const char *text, struct digest *ret)
{
	DR_CLEANUP(store_upload_abandonp) struct store_upload *u = NULL;
	uint64_t bytes;

	if (store_upload_begin(f->st, ACCOUNT, &u, &f->err) < 0 ||
	    store_upload_write(u, text, strlen(text), 0, &f->err) < 0 ||
	    store_upload_commit(u, ret, &bytes, &f->err) < 0)
		return NULL;
	return DR_STEAL(u);
}

static struct digest kept(struct fixture *f, const char *text)
{
	struct digest key = {{0}};
	struct store_upload *u = committed(f, text, &key);

	if (!u)
		fail_msg("%s", f->err.msg);
	store_upload_close(u, true);
	return key;
}

static void path_of(const struct fixture *f, const struct digest *key, char ret[static 256])
{
	char hex[DIGEST_HEX];

	digest_hex(key, hex);
	snprintf(ret, 256, "%s/objects/" ACCOUNT "/%.2s/%s", f->t.path, hex, hex);
}

struct found {
	struct digest key;
	unsigned count;
};

static int find(void *arg, const char *domain, const struct digest *key, uint64_t bytes,
		struct dr_err *err)
{
	struct found *found = arg;

	(void)domain;
	(void)bytes;
	(void)err;
	found->key = *key;
	found->count++;
	return 0;
}

static struct found find_all(struct fixture *f)
{
	struct found found = {.count = 0};

	for (unsigned i = 0; i < 256; i++)
		OK(store_object_each(f->st, i, find, &found, &f->err));
	return found;
}

static int nobody_wants(void *arg, const struct digest *key, struct dr_err *err)
{
	(void)arg;
	(void)key;
	(void)err;
	return 0;
}

static int reap(struct fixture *f, const struct digest *key)
{
	return store_object_reap(f->st, ACCOUNT, key, nobody_wants, NULL, &f->err);
}

static int count_file(const char *path, const struct stat *s, int flag, struct FTW *w)
{
	(void)path;
	(void)s;
	(void)w;
	if (flag == FTW_F)
		fixture.syncs++;
	return 0;
}

/* files: all plain files of the store; format and lock are always there. */
static unsigned files(struct fixture *f)
{
	f->syncs = 0;
	nftw(f->t.path, count_file, 16, FTW_PHYS);
	return f->syncs - 2;
}

enum dies_at { WRITING, COMMITTED, WAITING };

/* writer: a process that dies there, or waits to be killed; when it returns, it is there. */
static pid_t writer(struct fixture *f, enum dies_at where)
{
	struct store_upload *u = NULL;
	struct digest key;
	int ready[2];
	char one = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (where != WRITING)
			u = committed(f, "text", &key);
		else if (store_upload_begin(f->st, ACCOUNT, &u, &f->err) == 0 &&
			 store_upload_write(u, "text", 4, 0, &f->err) < 0)
			_exit(1);
		if (!u || write(ready[1], "x", 1) != 1)
			_exit(1);
		if (where != WAITING)
			kill(getpid(), SIGKILL);
		for (;;)
			pause();
	}
	assert_int_equal(read(ready[0], &one, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void gone(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void a_writer_that_dies_before_commit_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	gone(writer(f, WRITING));
	assert_int_equal(find_all(f).count, 0);
	assert_int_equal(files(f), 0);
}

static void a_writer_that_dies_after_commit_leaves_it_to_the_sweeper(void **state)
{
	struct fixture *f = *state;
	struct found found;

	gone(writer(f, COMMITTED));
	found = find_all(f);
	assert_int_equal(found.count, 1);
	assert_int_equal(reap(f, &found.key), 1);
	assert_int_equal(files(f), 0);
}

static void what_another_process_holds_is_left_to_it(void **state)
{
	struct fixture *f = *state;
	const pid_t pid = writer(f, WAITING);
	const struct found found = find_all(f);

	assert_int_equal(found.count, 1);
	assert_int_equal(reap(f, &found.key), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	gone(pid);
	assert_int_equal(reap(f, &found.key), 1);
}

static void what_is_no_plain_file_is_refused_and_left_alone(void **state)
{
	struct fixture *f = *state;
	struct store_object *o = NULL;
	struct stat s;
	char path[256];
	uint64_t bytes;

	for (enum strange what = LINK; what < STRANGE; what++) {
		const struct digest key = kept(f, "text");

		path_of(f, &key, path);
		make_strange(f->t.dir, path, what);
		FAILS(store_object_open(f->st, ACCOUNT, &key, &o, &bytes, &f->err), DR_CORRUPT);
		assert_int_equal(find_all(f).count, 0);
		assert_int_equal(reap(f, &key), 0);
		assert_int_equal(lstat(path, &s), 0);
		assert_int_equal(store_object_set_aside(f->st, ACCOUNT, &key, &f->err), 1);
		assert_int_equal(lstat(path, &s), -1);
	}
}

/* What is set aside is the user's: nothing removes it, however old it is. */
static void what_is_set_aside_waits_for_a_person(void **state)
{
	static const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct fixture *f = *state;
	const struct digest key = kept(f, "text");
	struct store_sweep *sweep = NULL;
	char path[256], hex[DIGEST_HEX];
	const struct dirent *e;
	bool there = false;
	DIR *dir;

	path_of(f, &key, path);
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
	assert_int_equal(store_object_set_aside(f->st, ACCOUNT, &key, &f->err), 1);
	OK(store_sweep_begin(f->st, false, &sweep, &f->err));
	store_sweep_end(sweep);
	snprintf(path, sizeof path, "%s/quarantine", f->t.path);
	dir = opendir(path);
	assert_non_null(dir);
	digest_hex(&key, hex);
	while ((e = readdir(dir)))
		there |= strncmp(e->d_name, "object~" ACCOUNT "~", 17) == 0 &&
			 strncmp(e->d_name + 17, hex, 64) == 0;
	closedir(dir);
	assert_true(there);
}

/* limit_files: no file may grow past `bytes`, which is what a full disk looks like to a writer. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_fails_the_upload_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct store_upload *u = NULL;
	struct digest key;

	OK(store_upload_begin(f->st, ACCOUNT, &u, &f->err));
	limit_files(4096);
	FAILS(store_upload_write(u, "text", 4, 4095, &f->err), DR_LIMIT);
	limit_files(RLIM_INFINITY);
	assert_string_equal(f->err.reason, "no-space");
	store_upload_close(u, false);
	dr_err_clear(&f->err);
	f->no_room = true;
	assert_null(committed(f, "text", &key));
	assert_int_equal(f->err.code, DR_LIMIT);
	assert_string_equal(f->err.reason, "no-space");
	f->no_room = false;
	assert_int_equal(files(f), 0);
	(void)kept(f, "text");
}

/* File, directory, and for the first object in it the two directories above. */
static void an_object_whose_sync_fails_is_none(void **state)
{
	struct fixture *f = *state;
	struct digest key;

	for (unsigned failing = 1; failing <= 4; failing++) {
		dr_err_clear(&f->err);
		f->syncs = 0;
		f->failing = failing;
		assert_null(committed(f, "text", &key));
		assert_int_equal(f->err.code, DR_IO);
		assert_int_equal(f->syncs, failing);
		f->failing = 0;
		assert_int_equal(files(f), 0);
	}
	f->syncs = 0;
	(void)kept(f, "text");
	assert_int_equal(f->syncs, 4);
}

static void directories_that_are_on_disk_are_not_synced_again(void **state)
{
	struct fixture *f = *state;
	bool seen[256] = {false};

	for (unsigned i = 0; i < 600; i++) {
		struct digest key;

		f->syncs = 0;
		key = kept(f, "");
		assert_int_equal(f->syncs, seen[key.b[0]] ? 2 : 4);
		seen[key.b[0]] = true;
	}
}

static void a_store_from_before_has_room_for_objects(void **state)
{
	struct fixture *f = *state;
	char path[128];

	store_close(f->st);
	f->t.st = NULL;
	snprintf(path, sizeof path, "%s/objects", f->t.path);
	assert_int_equal(rmdir(path), 0);
	OK(store_dir_open(&f->t.st, f->t.path, &f->err));
	f->st = f->t.st;
	(void)kept(f, "text");
	assert_int_equal(find_all(f).count, 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_writer_that_dies_before_commit_leaves_nothing),
		CASE(a_writer_that_dies_after_commit_leaves_it_to_the_sweeper),
		CASE(what_another_process_holds_is_left_to_it),
		CASE(what_is_no_plain_file_is_refused_and_left_alone),
		CASE(what_is_set_aside_waits_for_a_person),
		CASE(a_full_disk_fails_the_upload_and_leaves_nothing),
		CASE(an_object_whose_sync_fails_is_none),
		CASE(directories_that_are_on_disk_are_not_synced_again),
		CASE(a_store_from_before_has_room_for_objects),
	};

	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
