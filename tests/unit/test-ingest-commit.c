/* SPDX-License-Identifier: Apache-2.0
 *
 * The committing half in-process, over the in-memory store: whatever pieces a disk comes in, the
 * manifest is the same, and the disk comes back. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingest/commit.h"
#include "manifest/view.h"
#include "unit.h"

#define CHUNK STORE_CHUNK_BYTES
#define DISK (5 * CHUNK + 1536)

struct piece_plan {
	size_t piece; /* bytes a record */
	bool zeros_as_runs;
};

struct feeder {
	struct ring *ring;
	const uint8_t *disk;
	size_t len;
	struct piece_plan plan;
	bool fail;
};

static bool is_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

static void *feed(void *arg)
{
	struct feeder *f = arg;
	struct dr_err err = DR_ERR_INIT;
	uint8_t *slot;
	size_t n;

	for (size_t at = 0; at < f->len; at += n) {
		n = f->len - at < f->plan.piece ? f->len - at : f->plan.piece;
		if (f->plan.zeros_as_runs && is_zero(f->disk + at, n)) {
			if (ring_publish_zero(f->ring, n, &err) < 0)
				return NULL;
			continue;
		}
		if (ring_reserve(f->ring, &slot, &err) < 0)
			return NULL;
		memcpy(slot, f->disk + at, n);
		ring_publish(f->ring, n);
	}
	if (f->fail)
		dr_refuse(&err, DR_CORRUPT, "truncated", "cut short");
	ring_finish(f->ring, &err, NULL);
	return NULL;
}

static uint8_t *make_disk(void)
{
	uint8_t *disk = calloc(1, DISK);
	uint32_t x = 7;

	assert_non_null(disk);
	for (size_t i = 0; i < DISK; i++)
		if (i < CHUNK / 2 || (i > 3 * CHUNK + 77 && i < 4 * CHUNK + 5) || i >= DISK - 100)
			disk[i] = (uint8_t)(x = x * 1664525 + 1013904223, x >> 24);
	return disk;
}

static int run(struct store *st, const uint8_t *disk, size_t len, struct piece_plan plan,
	       bool fails, uint64_t cap, struct commit_result *ret, struct dr_err *err)
{
	int fd = ring_create(4, CHUNK, err);
	struct ring *in = NULL, *out = NULL;
	struct workers *crew = NULL;
	struct feeder f = {.disk = disk, .len = len, .plan = plan, .fail = fails};
	struct commit_job job = {.store = st,
				 .domain = "acc-aaaaa",
				 .lease = "job-1",
				 .virtual_bytes = cap,
				 .stored_bytes = UINT64_MAX};
	pthread_t t;
	int rc;

	assert_true(fd >= 0);
	assert_int_equal(ring_attach(&in, fd, err), 0);
	assert_int_equal(ring_attach(&out, fd, err), 0);
	assert_int_equal(workers_new(&crew, 2, err), 0);
	close(fd);
	f.ring = in;
	job.ring = out;
	job.crew = crew;
	assert_int_equal(pthread_create(&t, NULL, feed, &f), 0);
	rc = commit_run(&job, ret, err);
	pthread_join(t, NULL);
	workers_free(crew);
	ring_detach(in);
	ring_detach(out);
	return rc;
}

static void the_pieces_do_not_matter(void **state)
{
	static const struct piece_plan plans[] = {{CHUNK, true}, {CHUNK, false}, {512, true},
						  {65536, true}, {77777, false}, {CHUNK - 1, true}};
	uint8_t *disk = make_disk();
	struct commit_result first = {0};

	(void)state;
	for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
		struct dr_err err = DR_ERR_INIT;
		struct store *st = NULL;
		struct commit_result r;
		struct manifest *m = NULL;
		struct view *v = NULL;
		uint8_t *back = malloc(DISK);
		ssize_t n;

		assert_int_equal(store_mem_open(&st, &err), 0);
		if (run(st, disk, DISK, plans[i], false, DISK, &r, &err) < 0)
			fail_msg("plan %zu: %s", i, err.msg);
		assert_int_equal(r.virtual_bytes, DISK);
		assert_int_equal(r.chunks, 4);
		if (i == 0)
			first = r;
		assert_true(digest_equal(&r.content, &first.content));
		assert_true(digest_equal(&r.manifest, &first.manifest));
		assert_int_equal(r.data_bytes, first.data_bytes);
		assert_int_equal(manifest_load(&m, st, "acc-aaaaa", &r.manifest, &err), 0);
		assert_int_equal(view_open(&v, st, m, VIEW_RAW, &err), 0);
		assert_int_equal(view_size(v), DISK);
		for (size_t at = 0; at < DISK; at += (size_t)n) {
			n = view_read(v, back + at, DISK - at, at, &err);
			assert_true(n > 0);
		}
		assert_memory_equal(back, disk, DISK);
		view_close(v);
		store_close(st);
		free(back);
	}
	free(disk);
}

static void the_same_disk_again_is_new_in_nothing(void **state)
{
	uint8_t *disk = make_disk();
	struct dr_err err = DR_ERR_INIT;
	struct store *st = NULL;
	struct commit_result a, b;

	(void)state;
	assert_int_equal(store_mem_open(&st, &err), 0);
	assert_int_equal(
		run(st, disk, DISK, (struct piece_plan){CHUNK, true}, false, DISK, &a, &err), 0);
	assert_int_equal(
		run(st, disk, DISK, (struct piece_plan){4096, true}, false, DISK, &b, &err), 0);
	assert_int_equal(a.new_chunks, 4);
	assert_int_equal(b.new_chunks, 0);
	assert_int_equal(b.new_bytes, 0);
	assert_true(digest_equal(&a.manifest, &b.manifest));
	store_close(st);
	free(disk);
}

static void the_decoders_failure_is_ours(void **state)
{
	uint8_t *disk = make_disk();
	struct dr_err err = DR_ERR_INIT;
	struct store *st = NULL;
	struct commit_result r;

	(void)state;
	assert_int_equal(store_mem_open(&st, &err), 0);
	assert_int_equal(
		run(st, disk, DISK, (struct piece_plan){CHUNK, true}, true, DISK, &r, &err), -1);
	assert_string_equal(err.reason, "truncated");
	store_close(st);
	free(disk);
}

static void the_cap_is_our_own_sum(void **state)
{
	uint8_t *disk = make_disk();
	struct dr_err err = DR_ERR_INIT;
	struct store *st = NULL;
	struct commit_result r;

	(void)state;
	assert_int_equal(store_mem_open(&st, &err), 0);
	assert_int_equal(
		run(st, disk, DISK, (struct piece_plan){CHUNK, true}, false, DISK - 1, &r, &err),
		-1);
	assert_string_equal(err.reason, "too-large");
	dr_err_clear(&err);
	assert_int_equal(run(st, disk, 0, (struct piece_plan){CHUNK, true}, false, DISK, &r, &err),
			 -1);
	assert_string_equal(err.reason, "empty");
	store_close(st);
	free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pieces_do_not_matter),
		cmocka_unit_test(the_same_disk_again_is_new_in_nothing),
		cmocka_unit_test(the_decoders_failure_is_ours),
		cmocka_unit_test(the_cap_is_our_own_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
