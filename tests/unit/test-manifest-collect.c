/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "manifest-disk.h"
#include "manifest/collect.h"
#include "manifest/mark_internal.h"
#include "store/mem.h"
#include "unit.h"

#define OTHER_DOMAIN "acc-bbbbb"

/* The "catalogue": what is live. */
struct root {
	const char *domain;
	struct digest id;
};

struct fixture {
	struct store *st;
	struct root roots[8];
	size_t count;
	unsigned listed; /* how often */
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct dr_err err = DR_ERR_INIT;

	if (!f || store_mem_open(&f->st, &err) < 0)
		return -1;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->st);
	free(f);
	return 0;
}

static int each_root(void *arg, collect_fn fn, void *fn_arg, struct dr_err *err)
{
	struct fixture *f = arg;

	f->listed++;
	for (size_t i = 0; i < f->count; i++)
		if (fn(fn_arg, f->roots[i].domain, &f->roots[i].id, err) < 0)
			return -1;
	return 0;
}

static int collect(struct fixture *f, size_t memory, bool dry, struct store_sweep_stats *ret,
		   struct dr_err *err)
{
	struct collect_roots roots = {.each = each_root, .arg = f};
	struct collect_options opt = {.memory_bytes = memory, .dry = dry};

	f->listed = 0;
	return manifest_collect(f->st, &roots, &opt, ret, err);
}

/* put_blob: under an ended lease, so that only roots keep it. */
static struct digest put_blob(struct fixture *f, const char *domain, const void *p, size_t len)
{
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;
	struct digest id;

	assert_int_equal(store_begin(f->st, "job-1", &tx, &err), 0);
	assert_int_equal(store_put_blob(tx, domain, p, len, &id, &err), 0);
	assert_int_equal(store_commit(tx, &err), 0);
	assert_int_equal(store_unlease(f->st, "job-1", &err), 0);
	return id;
}

static struct digest put_manifest(struct fixture *f, const char *domain, const struct manifest *m)
{
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(manifest_encode(m, &b, &err), 0);
	return put_blob(f, domain, b.p, b.len);
}

/* add_image: a live image of these chunks. Its manifest's id. */
static struct digest add_image(struct fixture *f, const struct disk *d)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = disk_put(f->st, d);
	struct digest id = put_manifest(f, DISK_DOMAIN, m);

	f->roots[f->count++] = (struct root){DISK_DOMAIN, id};
	return id;
}

static const struct disk first = {"", 10 * MIB, {0, 1, 2, END}};
static const struct disk second = {"", 10 * MIB, {2, 3, 4, END}};

static void what_images_share_stays_while_one_of_them_lives(void **state)
{
	struct fixture *f = *state;
	struct store_sweep_stats stats;
	struct dr_err err = DR_ERR_INIT;

	add_image(f, &first);
	add_image(f, &second);
	put_blob(f, OTHER_DOMAIN, "no image's manifest", 19);
	assert_int_equal(collect(f, 0, false, &stats, &err), 0);
	assert_int_equal(stats.kept.chunks, 5);
	assert_int_equal(stats.kept.blobs, 2);
	assert_int_equal(stats.freed.blobs, 1);
	/* The first image is deleted: its two own chunks and its manifest go. */
	f->roots[0] = f->roots[--f->count];
	assert_int_equal(collect(f, 0, true, &stats, &err), 0);
	assert_int_equal(stats.freed.chunks, 2);
	assert_int_equal(collect(f, 0, false, &stats, &err), 0);
	assert_int_equal(stats.freed.chunks, 2);
	assert_int_equal(stats.freed.blobs, 1);
	assert_int_equal(stats.kept.chunks, 3);
	f->count = 0;
	assert_int_equal(collect(f, 0, false, &stats, &err), 0);
	assert_int_equal(stats.freed.chunks, 3);
	assert_int_equal(stats.freed.blobs, 1);
	assert_int_equal(stats.kept.chunks + stats.kept.blobs, 0);
}

static bool stop_when_asked_again(void *arg)
{
	unsigned *asked = arg;

	return ++*asked > 2;
}

static void a_collection_stops_when_it_is_told_to(void **state)
{
	struct fixture *f = *state;
	struct collect_roots roots = {.each = each_root, .arg = f};
	unsigned asked = 0;
	struct collect_options opt = {.stop = stop_when_asked_again, .stop_arg = &asked};
	struct store_sweep_stats stats;
	struct dr_err err = DR_ERR_INIT;

	add_image(f, &first);
	assert_int_equal(manifest_collect(f->st, &roots, &opt, &stats, &err), -1);
	assert_int_equal(err.code, DR_CANCELLED);
	assert_int_equal(asked, 3); /* the image's manifest, one shard, and no more */
	dr_err_clear(&err);
	assert_int_equal(collect(f, 0, false, &stats, &err), 0);
	assert_int_equal(stats.kept.chunks, 3);
}

static void the_same_bytes_in_another_domain_are_another_chunk(void **state)
{
	struct fixture *f = *state;
	struct store_sweep_stats stats;
	struct store_chunk_info info;
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;
	dr_autofree uint8_t *plain = malloc(MIB);
	struct digest id;

	add_image(f, &first);
	assert_int_equal(store_begin(f->st, "job-2", &tx, &err), 0);
	disk_fill(plain, MIB, 0);
	assert_int_equal(store_put_chunk(tx, OTHER_DOMAIN, plain, MIB, &id, &info, &err), 0);
	assert_false(info.found);
	store_abandon(tx);
	assert_int_equal(store_unlease(f->st, "job-2", &err), 0);
	assert_int_equal(collect(f, 0, false, &stats, &err), 0);
	assert_int_equal(stats.kept.chunks, 3);
	assert_int_equal(stats.freed.chunks, 1);
}

static void nothing_is_removed_while_a_live_manifest_cannot_be_read(void **state)
{
	struct fixture *f = *state;
	struct store_sweep_stats stats;
	struct dr_err err = DR_ERR_INIT;
	struct digest id = add_image(f, &first);
	struct buf *b = store_mem_item(f->st, DISK_DOMAIN, true, &id);

	put_blob(f, OTHER_DOMAIN, "garbage", 7);
	b->p[50] ^= 1;
	for (int again = 0; again < 2; again++) {
		assert_int_equal(collect(f, 0, false, &stats, &err), -1);
		assert_int_equal(err.code, again ? DR_NOT_FOUND : DR_CORRUPT);
		assert_non_null(strstr(err.msg, "collection stopped"));
		assert_int_equal(stats.freed.chunks + stats.freed.blobs, 0);
		dr_err_clear(&err);
	}
	/* The image imported again, the collection goes on. */
	f->count = 0;
	add_image(f, &first);
	assert_int_equal(collect(f, 0, false, &stats, &err), 0);
	assert_int_equal(stats.freed.blobs, 1);
	assert_int_equal(stats.kept.chunks, 3);
}

static void a_held_manifest_keeps_its_chunks(void **state)
{
	struct fixture *f = *state;
	struct store_sweep_stats stats;
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;
	struct digest id = add_image(f, &first);

	assert_int_equal(store_begin(f->st, "job-2", &tx, &err), 0);
	assert_int_equal(store_hold(tx, DISK_DOMAIN, &id, &err), 0);
	assert_int_equal(store_commit(tx, &err), 0);
	f->count = 0;
	assert_int_equal(collect(f, 0, false, &stats, &err), 0);
	assert_int_equal(stats.kept.chunks, 3);
	assert_int_equal(stats.freed.chunks + stats.freed.blobs, 0);
	assert_int_equal(store_unlease(f->st, "job-2", &err), 0);
	assert_int_equal(collect(f, 0, false, &stats, &err), 0);
	assert_int_equal(stats.freed.chunks, 3);
}

#define MANY 4000

/* many: an image of many small chunks; every second one is left out of its manifest. */
static void many(struct fixture *f)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = manifest_new(MANY * MIB);
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;
	struct digest id;

	assert_int_equal(manifest_domain(m, DISK_DOMAIN, &err), 0);
	assert_int_equal(store_begin(f->st, "job-1", &tx, &err), 0);
	for (uint32_t i = 0; i < MANY; i++) {
		struct manifest_entry e = {.index = i};
		struct store_chunk_info info;

		assert_int_equal(store_put_chunk(tx, DISK_DOMAIN, &i, sizeof i, &e.id, &info, &err),
				 0);
		e.stored_bytes = info.stored_bytes;
		if (i % 2)
			assert_int_equal(manifest_add(m, &e, &err), 0);
	}
	assert_int_equal(store_commit(tx, &err), 0);
	id = put_manifest(f, DISK_DOMAIN, m);
	f->roots[f->count++] = (struct root){DISK_DOMAIN, id};
}

static void little_memory_takes_more_passes_to_the_same_end(void **state)
{
	struct fixture *f = *state;
	struct store_sweep_stats roomy, tight;
	struct dr_err err = DR_ERR_INIT;

	many(f);
	assert_int_equal(collect(f, 0, true, &roomy, &err), 0);
	assert_int_equal(f->listed, 1);
	assert_int_equal(collect(f, 1, true, &tight, &err), 0);
	assert_in_range(f->listed, 3, 16);
	assert_memory_equal(&tight, &roomy, sizeof tight);
	assert_int_equal(collect(f, 1, false, &tight, &err), 0);
	assert_int_equal(tight.kept.chunks, MANY / 2);
	assert_int_equal(tight.kept.blobs, 1);
	assert_int_equal(tight.freed.chunks, MANY / 2);
	assert_int_equal(collect(f, 1, false, &tight, &err), 0);
	assert_int_equal(tight.freed.chunks, 0);
}

static void marks_are_exact_within_their_shards(void **state)
{
	struct mark m = {.max_bytes = 64 << 10, .lo = 16, .hi = 256};
	struct dr_err err = DR_ERR_INIT;
	struct digest id;
	unsigned in = 0;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++) {
		digest_of(&i, sizeof i, &id);
		assert_int_equal(mark_add(&m, mark_print("global", i % 2, &id, 0), &err), 0);
	}
	assert_int_equal(m.lo, 16);
	assert_in_range(m.hi, 17, 255);
	assert_true(m.cap * sizeof *m.slots <= 64 << 10);
	for (uint32_t i = 0; i < 20000; i++) {
		bool has;

		digest_of(&i, sizeof i, &id);
		has = mark_has(&m, mark_print("global", i % 2, &id, 0));
		assert_int_equal(has, id.b[0] >= m.lo && id.b[0] < m.hi);
		in += has;
		assert_false(mark_has(&m, mark_print("global", !(i % 2), &id, 0)));
		assert_false(mark_has(&m, mark_print("acc-aaaaa", i % 2, &id, 0)));
		assert_false(mark_has(&m, mark_print("global", i % 2, &id, 1)));
	}
	assert_int_equal(in, m.count);
	mark_reset(&m, 0, 256);
	assert_int_equal(m.count, 0);
	mark_done(&m);
}

static void one_crowded_shard_may_take_more_memory(void **state)
{
	struct mark m = {.max_bytes = 1, .hi = 256};
	struct dr_err err = DR_ERR_INIT;
	struct digest id;

	(void)state;
	for (uint32_t i = 0; i < 3000; i++) {
		digest_of(&i, sizeof i, &id);
		id.b[0] = 0;
		assert_int_equal(mark_add(&m, mark_print("global", false, &id, 0), &err), 0);
	}
	assert_int_equal(m.hi, 1);
	assert_int_equal(m.count, 3000);
	mark_done(&m);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_images_share_stays_while_one_of_them_lives),
		CASE(a_collection_stops_when_it_is_told_to),
		CASE(the_same_bytes_in_another_domain_are_another_chunk),
		CASE(nothing_is_removed_while_a_live_manifest_cannot_be_read),
		CASE(a_held_manifest_keeps_its_chunks),
		CASE(little_memory_takes_more_passes_to_the_same_end),
		cmocka_unit_test(marks_are_exact_within_their_shards),
		cmocka_unit_test(one_crowded_shard_may_take_more_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
