/* SPDX-License-Identifier: Apache-2.0
 *
 * What is particular to the directory driver: its layout, strange files, full disks, failed
 * barriers, and several processes at once. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../conform/store-temp.h"
#include "store/collect.h"
#include "strange.h"
#include "unit.h"
#include "util/io.h"

struct fixture {
	struct temp_store t;
	struct store *st;
	struct dr_err err;
	bool sync_fails;
	unsigned syncs;
	bool reads_fail;
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

static struct fixture fixture;

/* The driver's syncfs() comes here (-Wl,--wrap). */
int __real_syncfs(int fd);
int __wrap_syncfs(int fd);
int __wrap_syncfs(int fd)
{
	fixture.syncs++;
	if (!fixture.sync_fails)
		return __real_syncfs(fd);
	errno = EIO;
	return -1;
}

/* And its pread(), which is this with 64-bit offsets. */
ssize_t __real_pread64(int fd, void *p, size_t len, off64_t off);
ssize_t __wrap_pread64(int fd, void *p, size_t len, off64_t off);
ssize_t __wrap_pread64(int fd, void *p, size_t len, off64_t off)
{
	if (!fixture.reads_fail)
		return __real_pread64(fd, p, len, off);
	errno = EIO;
	return -1;
}

static int setup(void **state)
{
	fixture = (struct fixture){.sync_fails = false};
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

static void fill(uint8_t *p, size_t len, uint64_t seed)
{
	uint64_t x = seed * 0x9E3779B97F4A7C15u + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)x;
	}
}

static int put(struct store_txn *tx, uint64_t seed, struct digest *ret, bool *ret_found,
	       struct dr_err *err)
{
	struct store_chunk_info info = {.found = false};
	uint8_t plain[5000];
	int rc;

	fill(plain, sizeof plain, seed);
	rc = store_put_chunk(tx, "acc-aaaaa", plain, sizeof plain, ret, &info, err);
	*ret_found = info.found;
	return rc;
}

static struct digest kept(struct fixture *f, uint64_t seed, bool *ret_found)
{
	struct store_txn *tx = NULL;
	struct digest id;

	OK(store_begin(f->st, "job-kept", &tx, &f->err));
	OK(put(tx, seed, &id, ret_found, &f->err));
	OK(store_commit(tx, &f->err));
	OK(store_unlease(f->st, "job-kept", &f->err));
	return id;
}

static unsigned entries(const struct fixture *f, const char *subdir)
{
	char path[128];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "%s/%s", f->t.path, subdir);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

static void a_store_is_found_again_after_it_was_closed(void **state)
{
	struct fixture *f = *state;
	dr_autobuf struct buf got = BUF_INIT;
	bool found;
	struct digest id = kept(f, 1, &found);

	store_close(f->st);
	f->t.st = NULL;
	OK(store_dir_open(&f->t.st, f->t.path, &f->err));
	f->st = f->t.st;
	OK(store_get_chunk(f->st, "acc-aaaaa", &id, 5000, &got, &f->err));
	assert_int_equal(entries(f, "tmp"), 0);
}

static void create_makes_no_store_over_anything_else(void **state)
{
	struct fixture *f = *state;
	char path[128];

	FAILS(store_dir_create(f->t.path, &f->err), DR_CONFLICT);
	FAILS(store_dir_create(f->t.dir, &f->err), DR_CONFLICT);
	snprintf(path, sizeof path, "%s/no/such", f->t.dir);
	FAILS(store_dir_create(path, &f->err), DR_IO);
	/* One that was interrupted before its last step is completed. */
	snprintf(path, sizeof path, "%s/format", f->t.path);
	assert_int_equal(unlink(path), 0);
	dr_err_clear(&f->err);
	OK(store_dir_create(f->t.path, &f->err));
	assert_int_equal(access(path, R_OK), 0);
}

static void open_refuses_what_is_no_store_or_a_newer_one(void **state)
{
	static const struct {
		const char *text;
		enum dr_code code;
	} formats[] = {
		{"darkroom-store 2\n", DR_UNSUPPORTED}, {"darkroom-store 1x\n", DR_CORRUPT},
		{"darkroom-store \n", DR_CORRUPT},      {"", DR_CORRUPT},
		{"something else", DR_CORRUPT},
	};
	struct fixture *f = *state;
	struct store *st = NULL;
	char path[128];
	int root = open(f->t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		dr_err_clear(&f->err);
		OK(dr_write_file(root, "format", formats[i].text, strlen(formats[i].text), 0600,
				 &f->err));
		FAILS(store_dir_open(&st, f->t.path, &f->err), formats[i].code);
		assert_null(st);
	}
	close(root);
	FAILS(store_dir_open(&st, f->t.dir, &f->err), DR_NOT_FOUND);
	snprintf(path, sizeof path, "%s/nothing", f->t.dir);
	FAILS(store_dir_open(&st, path, &f->err), DR_NOT_FOUND);
}

static void what_is_no_plain_file_is_damage_and_healed(void **state)
{
	struct fixture *f = *state;
	dr_autobuf struct buf got = BUF_INIT;
	struct store_chunk_info info;
	unsigned aside = 0;
	char path[256];
	bool found;

	for (unsigned i = 0; i < 2 * STRANGE; i++) {
		enum strange what = i % STRANGE;
		enum dr_code code = what == GONE ? DR_NOT_FOUND : DR_CORRUPT;
		struct digest id = kept(f, 1, &found);

		temp_store_item(&f->t, "acc-aaaaa", false, &id, path);
		make_strange(f->t.dir, path, what);
		FAILS(store_probe_chunk(f->st, "acc-aaaaa", &id, &info, &f->err), code);
		/* The first time a reader notices, the second time nobody does before the put. */
		if (i < STRANGE) {
			FAILS(store_get_chunk(f->st, "acc-aaaaa", &id, 5000, &got, &f->err), code);
			FAILS(store_get_chunk(f->st, "acc-aaaaa", &id, 5000, &got, &f->err),
			      DR_NOT_FOUND);
		}
		aside += what != GONE;
		dr_err_clear(&f->err);
		kept(f, 1, &found);
		assert_false(found);
		assert_int_equal(entries(f, "quarantine"), aside);
		OK(store_get_chunk(f->st, "acc-aaaaa", &id, 5000, &got, &f->err));
	}
}

static bool nothing_is_live(void *arg, const struct store_item *item)
{
	(void)arg;
	(void)item;
	return false;
}

static struct store_sweep_stats sweep(struct fixture *f)
{
	struct store_sweep_stats stats = {{0}, {0}, {0}, {0}};
	struct store_sweep *sw = NULL;

	OK(store_sweep_begin(f->st, false, &sw, &f->err));
	for (unsigned i = 0; i < 256; i++)
		OK(store_sweep_shard(sw, i, nothing_is_live, NULL, 0, &stats, &f->err));
	store_sweep_end(sw);
	return stats;
}

static void a_sweep_tidies_old_temporary_files_and_minds_its_own_business(void **state)
{
	struct fixture *f = *state;
	struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	int root = open(f->t.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const char *const notes[] = {"tmp/old", "tmp/young", "chunks/README",
					    "leases/README", "quarantine/README"};

	for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
		OK(dr_write_file(root, notes[i], "x", 1, 0600, &f->err));
	assert_int_equal(utimensat(root, "tmp/old", old, 0), 0);
	(void)sweep(f);
	assert_int_equal(faccessat(root, "tmp/old", F_OK, 0), -1);
	for (size_t i = 1; i < sizeof notes / sizeof *notes; i++)
		assert_int_equal(faccessat(root, notes[i], F_OK, 0), 0);
	close(root);
}

static void a_failed_barrier_takes_out_what_was_added_and_only_that(void **state)
{
	struct fixture *f = *state;
	dr_autobuf struct buf got = BUF_INIT;
	struct store_txn *tx = NULL;
	bool found;
	struct digest old = kept(f, 1, &found), fresh, blob;

	OK(store_begin(f->st, "job-1", &tx, &f->err));
	OK(put(tx, 1, &old, &found, &f->err));
	assert_true(found);
	OK(put(tx, 2, &fresh, &found, &f->err));
	OK(store_put_blob(tx, "acc-aaaaa", "manifest", 8, &blob, &f->err));
	f->sync_fails = true;
	FAILS(store_commit(tx, &f->err), DR_IO);
	f->sync_fails = false;
	FAILS(store_get_chunk(f->st, "acc-aaaaa", &fresh, 5000, &got, &f->err), DR_NOT_FOUND);
	FAILS(store_get_blob(f->st, "acc-aaaaa", &blob, 5000, &got, &f->err), DR_NOT_FOUND);
	dr_err_clear(&f->err);
	OK(store_get_chunk(f->st, "acc-aaaaa", &old, 5000, &got, &f->err));
}

static void a_commit_is_a_barrier_also_for_what_was_found(void **state)
{
	struct fixture *f = *state;
	bool found;

	kept(f, 1, &found);
	assert_int_equal(f->syncs, 1);
	kept(f, 1, &found);
	assert_true(found);
	assert_int_equal(f->syncs, 2);
}

static void what_the_disk_cannot_read_is_an_error_and_healed_by_a_put(void **state)
{
	struct fixture *f = *state;
	dr_autobuf struct buf got = BUF_INIT;
	struct store_txn *tx = NULL;
	bool found;
	struct digest id = kept(f, 1, &found);

	/* A reader leaves it where it is: the next attempt may succeed. */
	f->reads_fail = true;
	FAILS(store_get_chunk(f->st, "acc-aaaaa", &id, 5000, &got, &f->err), DR_IO);
	f->reads_fail = false;
	dr_err_clear(&f->err);
	OK(store_get_chunk(f->st, "acc-aaaaa", &id, 5000, &got, &f->err));
	/* A writer has the bytes, and does not build on what cannot be read. */
	OK(store_begin(f->st, "job-1", &tx, &f->err));
	f->reads_fail = true;
	OK(put(tx, 1, &id, &found, &f->err));
	f->reads_fail = false;
	assert_false(found);
	OK(store_commit(tx, &f->err));
	assert_int_equal(entries(f, "quarantine"), 1);
	OK(store_get_chunk(f->st, "acc-aaaaa", &id, 5000, &got, &f->err));
}

/* limit_files: no file may grow past `bytes`, which is what a full disk looks like to a writer. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_fails_the_put_and_leaves_nothing_half_done(void **state)
{
	struct fixture *f = *state;
	dr_autobuf struct buf got = BUF_INIT;
	struct store_txn *tx = NULL;
	bool found;
	struct digest old = kept(f, 1, &found), fresh;

	OK(store_begin(f->st, "job-1", &tx, &f->err));
	limit_files(4096);
	FAILS(put(tx, 2, &fresh, &found, &f->err), DR_LIMIT);
	assert_string_equal(f->err.reason, "no-space");
	dr_err_clear(&f->err);
	OK(store_get_chunk(f->st, "acc-aaaaa", &old, 5000, &got, &f->err));
	limit_files(RLIM_INFINITY);
	assert_int_equal(entries(f, "tmp"), 0);
	OK(put(tx, 2, &fresh, &found, &f->err));
	assert_false(found);
	OK(store_commit(tx, &f->err));
}

static void a_lease_that_was_cut_short_takes_no_more(void **state)
{
	struct fixture *f = *state;
	struct store_txn *tx = NULL, *again = NULL;
	struct digest id;
	bool found;

	OK(store_begin(f->st, "job-1", &tx, &f->err));
	limit_files(64 + 32);
	FAILS(put(tx, 1, &id, &found, &f->err), DR_LIMIT);
	limit_files(RLIM_INFINITY);
	FAILS(put(tx, 1, &id, &found, &f->err), DR_IO);
	FAILS(store_commit(tx, &f->err), DR_IO);
	/* Nor does a disk without space keep a lease from being made, or from ending. */
	limit_files(0);
	FAILS(store_begin(f->st, "job-2", &again, &f->err), DR_LIMIT);
	limit_files(1);
	dr_err_clear(&f->err);
	OK(store_unlease(f->st, "job-1", &f->err));
	limit_files(RLIM_INFINITY);
	(void)sweep(f);
	assert_int_equal(entries(f, "leases"), 0);
}

static void the_lease_of_a_killed_writer_still_counts(void **state)
{
	struct fixture *f = *state;
	struct store_sweep_stats stats;
	struct digest id;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct store_txn *tx = NULL;
		bool found;

		if (store_begin(f->st, "job-1", &tx, &f->err) == 0 &&
		    put(tx, 1, &id, &found, &f->err) == 0)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	stats = sweep(f);
	assert_int_equal(stats.leased.chunks, 1);
	assert_int_equal(stats.freed.chunks, 0);
	OK(store_unlease(f->st, "job-1", &f->err));
	stats = sweep(f);
	assert_int_equal(stats.freed.chunks, 1);
}

/* Processes that put, write a "row", end their lease, read and delete the row, beside a sweeper
 * without grace. The rows are counters in shared memory. */
#define WRITERS 3
#define CONTENDED 5
#define ROUNDS 60        /* at least, and until something has been swept */
#define ROUNDS_MAX 20000 /* so that a test that finds nothing ends */

struct rows {
	atomic_uint live[CONTENDED];
	atomic_uint writers;
	atomic_uint freed;
	struct digest ids[CONTENDED];
};

static int write_once(struct store *st, struct rows *rows, unsigned writer, unsigned round)
{
	unsigned which = (round * 3 + writer) % CONTENDED;
	dr_autobuf struct buf got = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;
	char lease[32];
	struct digest id;
	bool found;
	int rc;

	snprintf(lease, sizeof lease, "job-%u-%u", writer, round);
	if (store_begin(st, lease, &tx, &err) < 0)
		return -1;
	rc = put(tx, which, &id, &found, &err);
	/* No barrier: durability is not at stake here, and the disk is everybody's. */
	store_abandon(tx);
	if (rc < 0)
		return -1;
	atomic_fetch_add(&rows->live[which], 1);
	rc = store_unlease(st, lease, &err);
	if (rc == 0)
		rc = store_get_chunk(st, "acc-aaaaa", &id, 5000, &got, &err);
	atomic_fetch_sub(&rows->live[which], 1);
	return rc;
}

static void write_many(const char *path, struct rows *rows, unsigned writer)
{
	struct dr_err err = DR_ERR_INIT;
	struct store *st = NULL;
	int rc = store_dir_open(&st, path, &err);

	for (unsigned round = 0; rc == 0 && round < ROUNDS_MAX; round++) {
		if (round >= ROUNDS && atomic_load(&rows->freed) > 0)
			break;
		rc = write_once(st, rows, writer, round);
	}
	atomic_fetch_sub(&rows->writers, 1);
	_exit(rc == 0 ? 0 : 1);
}

struct marked {
	struct digest ids[CONTENDED];
	size_t count;
};

static bool is_marked(void *arg, const struct store_item *item)
{
	const struct marked *m = arg;

	for (size_t i = 0; i < m->count; i++)
		if (digest_equal(&m->ids[i], item->id))
			return true;
	return false;
}

static void mark_and_sweep(struct fixture *f, struct rows *rows)
{
	struct store_sweep_stats stats = {{0}, {0}, {0}, {0}};
	struct marked marked = {.count = 0};
	struct store_sweep *sw = NULL;

	OK(store_sweep_begin(f->st, false, &sw, &f->err));
	for (size_t i = 0; i < CONTENDED; i++)
		if (atomic_load(&rows->live[i]) > 0)
			marked.ids[marked.count++] = rows->ids[i];
	for (size_t i = 0; i < CONTENDED; i++)
		OK(store_sweep_shard(sw, rows->ids[i].b[0], is_marked, &marked, 0, &stats,
				     &f->err));
	store_sweep_end(sw);
	atomic_fetch_add(&rows->freed, (unsigned)stats.freed.chunks);
}

static void processes_never_lose_a_chunk_to_a_running_sweep(void **state)
{
	struct fixture *f = *state;
	struct rows *rows =
		mmap(NULL, sizeof *rows, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[WRITERS];
	uint8_t plain[5000];
	int status, wrong = 0;
	unsigned freed;

	assert_true(rows != MAP_FAILED);
	for (unsigned i = 0; i < CONTENDED; i++) {
		fill(plain, sizeof plain, i);
		digest_of(plain, sizeof plain, &rows->ids[i]);
	}
	atomic_store(&rows->writers, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			write_many(f->t.path, rows, i);
	}
	while (atomic_load(&rows->writers) > 0)
		mark_and_sweep(f, rows);
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		wrong += status != 0;
	}
	freed = atomic_load(&rows->freed);
	munmap(rows, sizeof *rows);
	assert_int_equal(wrong, 0);
	assert_true(freed > 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_store_is_found_again_after_it_was_closed),
		CASE(create_makes_no_store_over_anything_else),
		CASE(open_refuses_what_is_no_store_or_a_newer_one),
		CASE(what_is_no_plain_file_is_damage_and_healed),
		CASE(a_sweep_tidies_old_temporary_files_and_minds_its_own_business),
		CASE(a_failed_barrier_takes_out_what_was_added_and_only_that),
		CASE(a_commit_is_a_barrier_also_for_what_was_found),
		CASE(what_the_disk_cannot_read_is_an_error_and_healed_by_a_put),
		CASE(a_full_disk_fails_the_put_and_leaves_nothing_half_done),
		CASE(a_lease_that_was_cut_short_takes_no_more),
		CASE(the_lease_of_a_killed_writer_still_counts),
		CASE(processes_never_lose_a_chunk_to_a_running_sweep),
	};

	/* A file size limit is to be an error, not a signal. */
	signal(SIGXFSZ, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
