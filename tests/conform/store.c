/* SPDX-License-Identifier: Apache-2.0 */
#include "store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/unit.h"
#include "store/chunk.h"
#include "store/collect.h"

#define MIB STORE_CHUNK_BYTES

/* What every test has in its hands. */
struct bench {
	const struct store_driver *driver;
	struct store_fixture f;
	struct store *st;
	struct dr_err err;
	uint8_t *plain; /* MIB bytes */
};

#define OK(call)                                               \
	do {                                                   \
		if ((call) < 0)                                \
			fail_msg("%s: %s", #call, b->err.msg); \
	} while (0)
#define FAILS(call, want)                                                           \
	do {                                                                        \
		dr_err_clear(&b->err);                                              \
		assert_int_equal((call), -1);                                       \
		assert_string_equal(dr_code_name(b->err.code), dr_code_name(want)); \
		dr_err_clear(&b->err);                                              \
	} while (0)

/* Every other 64-byte line random, so that it compresses to about a half; or all of it. */
static void fill(uint8_t *p, size_t len, uint32_t seed, bool random)
{
	uint64_t x = seed * 0x9E3779B97F4A7C15u + 1;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = random || i / 64 % 2 ? (uint8_t)x : (uint8_t)seed;
	}
}

static struct store_txn *begin(struct bench *b, const char *lease)
{
	struct store_txn *tx = NULL;

	OK(store_begin(b->st, lease, &tx, &b->err));
	return tx;
}

static struct digest put(struct bench *b, struct store_txn *tx, uint32_t seed, size_t len,
			 struct store_chunk_info *ret)
{
	struct digest id;

	fill(b->plain, len, seed, false);
	OK(store_put_chunk(tx, "acc-aaaaa", b->plain, len, &id, ret, &b->err));
	return id;
}

/* kept: a chunk put, committed, its lease ended. */
static struct digest kept(struct bench *b, uint32_t seed, size_t len)
{
	struct store_txn *tx = begin(b, "job-kept");
	struct store_chunk_info info;
	struct digest id = put(b, tx, seed, len, &info);

	OK(store_commit(tx, &b->err));
	OK(store_unlease(b->st, "job-kept", &b->err));
	return id;
}

static bool there(struct bench *b, const struct digest *id)
{
	struct dr_err err = DR_ERR_INIT;
	struct store_chunk_info info;

	return store_probe_chunk(b->st, "acc-aaaaa", id, &info, &err) == 0;
}

static void a_chunk_comes_back_and_a_second_put_finds_it(void **state)
{
	static const size_t sizes[] = {1, 5, 511, 512, 65536, MIB - 512, MIB};
	struct bench *b = *state;
	struct store_txn *tx = begin(b, "job-1");
	dr_autobuf struct buf got = BUF_INIT;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (int random = 0; random < 2; random++) {
			struct store_chunk_info first, second, probed;
			struct digest id, again, want;
			const uint8_t *plain = b->plain;

			fill(b->plain, sizes[i], (uint32_t)i, random);
			digest_of(plain, sizes[i], &want);
			OK(store_put_chunk(tx, "acc-aaaaa", plain, sizes[i], &id, &first, &b->err));
			assert_true(digest_equal(&id, &want));
			assert_false(first.found);
			OK(store_put_chunk(tx, "acc-aaaaa", plain, sizes[i], &again, &second,
					   &b->err));
			assert_true(second.found);
			OK(store_probe_chunk(b->st, "acc-aaaaa", &id, &probed, &b->err));
			assert_int_equal(first.stored_bytes, second.stored_bytes);
			assert_int_equal(first.stored_bytes, probed.stored_bytes);
			assert_int_equal(first.check, second.check);
			assert_int_equal(first.check, probed.check);
			assert_in_range(first.stored_bytes, CHUNK_STORED_MIN, sizes[i] + 8);
			OK(store_get_chunk(b->st, "acc-aaaaa", &id, MIB, &got, &b->err));
			assert_int_equal(got.len, sizes[i]);
			assert_memory_equal(got.p, plain, sizes[i]);
			OK(store_get_stored(b->st, "acc-aaaaa", &id, first.stored_bytes,
					    first.check, &got, &b->err));
			assert_int_equal(got.len, first.stored_bytes);
		}
	}
	OK(store_commit(tx, &b->err));
}

static void a_blob_comes_back_whatever_its_length(void **state)
{
	static const size_t sizes[] = {0, 1, 100, MIB};
	struct bench *b = *state;
	struct store_txn *tx = begin(b, "job-1");
	dr_autobuf struct buf got = BUF_INIT;
	struct digest id, again;

	fill(b->plain, MIB, 7, true);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		OK(store_put_blob(tx, "acc-aaaaa", b->plain, sizes[i], &id, &b->err));
		OK(store_put_blob(tx, "acc-aaaaa", b->plain, sizes[i], &again, &b->err));
		assert_true(digest_equal(&id, &again));
		OK(store_get_blob(b->st, "acc-aaaaa", &id, sizes[i], &got, &b->err));
		assert_int_equal(got.len, sizes[i]);
		if (sizes[i] > 0)
			assert_memory_equal(got.p, b->plain, sizes[i]);
	}
	FAILS(store_get_blob(b->st, "acc-aaaaa", &id, MIB - 1, &got, &b->err), DR_LIMIT);
	OK(store_get_blob(b->st, "acc-aaaaa", &id, MIB, &got, &b->err));
	OK(store_commit(tx, &b->err));
}

static void what_is_unknown_is_not_found(void **state)
{
	struct bench *b = *state;
	dr_autobuf struct buf got = BUF_INIT;
	struct store_chunk_info info;
	struct digest id;
	struct store_txn *tx;

	digest_of("nothing", 7, &id);
	FAILS(store_get_chunk(b->st, "acc-aaaaa", &id, MIB, &got, &b->err), DR_NOT_FOUND);
	FAILS(store_get_stored(b->st, "acc-aaaaa", &id, 9, 9, &got, &b->err), DR_NOT_FOUND);
	FAILS(store_get_blob(b->st, "acc-aaaaa", &id, MIB, &got, &b->err), DR_NOT_FOUND);
	FAILS(store_probe_chunk(b->st, "acc-aaaaa", &id, &info, &b->err), DR_NOT_FOUND);
	tx = begin(b, "job-1");
	FAILS(store_hold(tx, "acc-aaaaa", &id, &b->err), DR_NOT_FOUND);
	store_abandon(tx);
}

static void domains_and_kinds_are_kept_apart(void **state)
{
	struct bench *b = *state;
	struct store_txn *tx = begin(b, "job-1");
	dr_autobuf struct buf got = BUF_INIT;
	struct store_chunk_info info;
	struct digest id = put(b, tx, 3, 4096, &info), blob;

	FAILS(store_get_chunk(b->st, "acc-bbbbb", &id, MIB, &got, &b->err), DR_NOT_FOUND);
	FAILS(store_get_blob(b->st, "acc-aaaaa", &id, MIB, &got, &b->err), DR_NOT_FOUND);
	OK(store_put_blob(tx, "acc-aaaaa", b->plain, 4096, &blob, &b->err));
	assert_true(digest_equal(&id, &blob));
	OK(store_get_blob(b->st, "acc-aaaaa", &id, MIB, &got, &b->err));
	assert_int_equal(got.len, 4096);
	OK(store_commit(tx, &b->err));
}

static void a_reader_refuses_more_than_it_asked_for(void **state)
{
	struct bench *b = *state;
	struct digest id = kept(b, 1, 4096);
	dr_autobuf struct buf got = BUF_INIT;

	FAILS(store_get_chunk(b->st, "acc-aaaaa", &id, 4095, &got, &b->err), DR_LIMIT);
	OK(store_get_chunk(b->st, "acc-aaaaa", &id, 4096, &got, &b->err));
}

static void names_are_checked(void **state)
{
	static const char *const bad[] = {"", "a/b", "..", "job 1", "job~1", "jöb"};
	struct bench *b = *state;
	char longest[STORE_LEASE_TEXT + 1];
	struct store_txn *tx = NULL;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		FAILS(store_begin(b->st, bad[i], &tx, &b->err), DR_INVALID);
		FAILS(store_unlease(b->st, bad[i], &b->err), DR_INVALID);
		assert_false(store_domain_valid(bad[i]));
	}
	memset(longest, 'x', sizeof longest);
	longest[STORE_LEASE_TEXT] = 0;
	FAILS(store_begin(b->st, longest, &tx, &b->err), DR_INVALID);
	longest[STORE_LEASE_TEXT - 1] = 0;
	store_abandon(begin(b, longest));
	assert_true(store_domain_valid("acc-12345"));
	assert_false(store_domain_valid("acc-12345678901234567890123456789"));
}

/* The damages of hardening.md section 4 that leave a plain item. */
enum damage { BIT_FLIP, EMPTIED, CUT, LONGER, SWAPPED, TOO_LONG, DAMAGES };

static void spoil(struct bench *b, bool blob, const struct digest *id, enum damage damage,
		  size_t where, const struct buf *other)
{
	dr_autobuf struct buf bytes = BUF_INIT;

	assert_true(b->driver->at_rest(&b->f, "acc-aaaaa", blob, id, &bytes));
	switch (damage) {
	case BIT_FLIP:
		bytes.p[where % bytes.len] ^= (uint8_t)(1u << where % 8);
		break;
	case EMPTIED:
		bytes.len = 0;
		break;
	case CUT:
		bytes.len -= 1 + where % (bytes.len - 1);
		break;
	case LONGER:
		buf_append(&bytes, "x", 1);
		break;
	case SWAPPED:
		bytes.len = 0;
		buf_append(&bytes, other->p, other->len);
		break;
	case TOO_LONG:
		while (bytes.len <= 2 * MIB)
			buf_append(&bytes, "0123456789", 10);
		break;
	case DAMAGES:
		break;
	}
	b->driver->overwrite(&b->f, "acc-aaaaa", blob, id, &bytes);
}

static void a_damaged_chunk_is_an_error_and_the_next_put_heals_it(void **state)
{
	struct bench *b = *state;
	struct digest id = kept(b, 1, 40000), second = kept(b, 2, 40000);
	dr_autobuf struct buf got = BUF_INIT;
	dr_autobuf struct buf other = BUF_INIT;
	struct store_chunk_info info;

	OK(store_probe_chunk(b->st, "acc-aaaaa", &id, &info, &b->err));
	assert_true(b->driver->at_rest(&b->f, "acc-aaaaa", false, &second, &other));
	for (unsigned i = 0; i < 64; i++) {
		/* First the size word and the first token, then anywhere; the last is the check
		 * word. */
		size_t where = i == 63 ? info.stored_bytes - 1 : i < 6 ? i : i * 7919;

		spoil(b, false, &id, i % DAMAGES, where, &other);
		/* Once through each reader, and once through nobody: the put looks for itself. */
		if (i / DAMAGES % 3 == 0)
			FAILS(store_get_chunk(b->st, "acc-aaaaa", &id, MIB, &got, &b->err),
			      DR_CORRUPT);
		if (i / DAMAGES % 3 == 1)
			FAILS(store_get_stored(b->st, "acc-aaaaa", &id, info.stored_bytes,
					       info.check, &got, &b->err),
			      DR_CORRUPT);
		if (i / DAMAGES % 3 < 2)
			FAILS(store_get_chunk(b->st, "acc-aaaaa", &id, MIB, &got, &b->err),
			      DR_NOT_FOUND);
		kept(b, 1, 40000);
		OK(store_get_chunk(b->st, "acc-aaaaa", &id, MIB, &got, &b->err));
		fill(b->plain, 40000, 1, false);
		assert_memory_equal(got.p, b->plain, 40000);
	}
}

static void a_damaged_blob_is_an_error_and_the_next_put_heals_it(void **state)
{
	struct bench *b = *state;
	dr_autobuf struct buf got = BUF_INIT;
	dr_autobuf struct buf other = BUF_INIT;
	struct store_txn *tx;
	struct digest id;

	buf_puts(&other, "the bytes of another blob");
	for (unsigned i = 0; i < 5 * DAMAGES; i++) {
		tx = begin(b, "job-1");
		fill(b->plain, 5000, 9, false);
		OK(store_put_blob(tx, "acc-aaaaa", b->plain, 5000, &id, &b->err));
		OK(store_commit(tx, &b->err));
		OK(store_get_blob(b->st, "acc-aaaaa", &id, MIB, &got, &b->err));
		assert_memory_equal(got.p, b->plain, 5000);
		spoil(b, true, &id, i % DAMAGES, i * 7919, &other);
		/* How long a blob may be is the reader's word, so a longer one is its LIMIT. */
		if (i / DAMAGES % 2 == 0)
			FAILS(store_get_blob(b->st, "acc-aaaaa", &id, MIB, &got, &b->err),
			      i % DAMAGES == TOO_LONG ? DR_LIMIT : DR_CORRUPT);
	}
}

static void a_stored_block_must_be_the_recorded_one(void **state)
{
	struct bench *b = *state;
	struct digest id = kept(b, 1, 40000);
	dr_autobuf struct buf got = BUF_INIT;
	dr_autobuf struct buf plain = BUF_INIT;
	struct store_chunk_info info, healed;

	OK(store_probe_chunk(b->st, "acc-aaaaa", &id, &info, &b->err));
	FAILS(store_get_stored(b->st, "acc-aaaaa", &id, info.stored_bytes, info.check ^ 1, &got,
			       &b->err),
	      DR_CONFLICT);
	FAILS(store_get_stored(b->st, "acc-aaaaa", &id, info.stored_bytes + 1, info.check, &got,
			       &b->err),
	      DR_CONFLICT);
	/* It is the record that is wrong: the chunk stays. */
	OK(store_get_chunk(b->st, "acc-aaaaa", &id, MIB, &plain, &b->err));
	/* The same bytes encoded otherwise are the same chunk, and found. */
	fill(b->plain, 40000, 1, false);
	buf_clear(&got);
	buf_le(&got, 40000 | 0x80000000u, 4);
	buf_append(&got, b->plain, 40000);
	buf_le(&got, 0, 4);
	b->driver->overwrite(&b->f, "acc-aaaaa", false, &id, &got);
	FAILS(store_get_chunk(b->st, "acc-aaaaa", &id, MIB, &plain, &b->err), DR_CORRUPT);
	kept(b, 1, 40000);
	OK(store_probe_chunk(b->st, "acc-aaaaa", &id, &healed, &b->err));
	assert_int_equal(healed.stored_bytes, info.stored_bytes);
	assert_int_equal(healed.check, info.check);
}

/* Text with repetitions that a hurried encoder misses, so that the encodings differ. */
static void fill_text(uint8_t *p, size_t len)
{
	uint32_t x = 12345;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)("etaoinsh"[x >> 29]);
	}
}

static void what_was_encoded_in_a_hurry_heals_as_it_was_recorded(void **state)
{
	struct bench *b = *state;
	dr_autobuf struct buf was = BUF_INIT, got = BUF_INIT;
	struct store_chunk_info infos[STORE_HURRY_MAX + 1], again;
	struct store_txn *tx;
	struct digest id;

	fill_text(b->plain, 300000);
	for (unsigned hurry = 0; hurry <= STORE_HURRY_MAX; hurry++) {
		tx = begin(b, "job-1");
		store_hurry(tx, hurry);
		OK(store_put_chunk(tx, "acc-aaaaa", b->plain, 300000, &id, &infos[hurry], &b->err));
		OK(store_commit(tx, &b->err));
		assert_false(infos[hurry].found);
		assert_true(hurry == 0 ||
			    infos[hurry].stored_bytes > infos[hurry - 1].stored_bytes);
		OK(store_get_stored(b->st, "acc-aaaaa", &id, infos[hurry].stored_bytes,
				    infos[hurry].check, &was, &b->err));
		/* Damage it, and let the next round put it in its own encoding. */
		spoil(b, false, &id, BIT_FLIP, 77, NULL);
		FAILS(store_get_stored(b->st, "acc-aaaaa", &id, infos[hurry].stored_bytes,
				       infos[hurry].check, &got, &b->err),
		      DR_CORRUPT);
	}
	tx = begin(b, "job-1");
	OK(store_put_chunk(tx, "acc-aaaaa", b->plain, 300000, &id, &again, &b->err));
	OK(store_commit(tx, &b->err));
	assert_int_equal(again.stored_bytes, infos[0].stored_bytes);
	OK(store_get_stored(b->st, "acc-aaaaa", &id, infos[STORE_HURRY_MAX].stored_bytes,
			    infos[STORE_HURRY_MAX].check, &got, &b->err));
	assert_int_equal(got.len, was.len);
	assert_memory_equal(got.p, was.p, was.len);
}

struct live_set {
	const struct digest *ids;
	size_t count;
};

static bool is_live(void *arg, const struct store_item *item)
{
	const struct live_set *set = arg;

	for (size_t i = 0; i < set->count; i++)
		if (digest_equal(&set->ids[i], item->id))
			return true;
	return false;
}

/* sweep: one whole sweep with these live ids. */
static struct store_sweep_stats sweep(struct bench *b, const struct digest *live, size_t count,
				      bool dry, uint64_t grace)
{
	struct live_set set = {live, count};
	struct store_sweep_stats stats = {{0}, {0}, {0}, {0}};
	struct store_sweep *sw = NULL;

	OK(store_sweep_begin(b->st, dry, &sw, &b->err));
	for (unsigned i = 0; i < 256; i++)
		OK(store_sweep_shard(sw, i, is_live, &set, grace, &stats, &b->err));
	store_sweep_end(sw);
	return stats;
}

static void a_sweep_takes_what_nothing_refers_to(void **state)
{
	struct bench *b = *state;
	struct digest live = kept(b, 1, 5000), dead = kept(b, 2, 5000);
	struct store_txn *tx = begin(b, "job-kept");
	struct store_sweep_stats stats;
	struct digest blob;

	OK(store_put_blob(tx, "acc-aaaaa", "old manifest", 12, &blob, &b->err));
	OK(store_commit(tx, &b->err));
	OK(store_unlease(b->st, "job-kept", &b->err));
	stats = sweep(b, &live, 1, true, 0);
	assert_int_equal(stats.freed.chunks, 1);
	assert_true(there(b, &dead));
	stats = sweep(b, &live, 1, false, 0);
	assert_int_equal(stats.kept.chunks, 1);
	assert_int_equal(stats.freed.chunks, 1);
	assert_int_equal(stats.freed.blobs, 1);
	assert_true(stats.freed.bytes > 12 + CHUNK_OVERHEAD_BYTES);
	assert_true(there(b, &live));
	assert_false(there(b, &dead));
	stats = sweep(b, &live, 1, false, 0);
	assert_int_equal(stats.freed.chunks + stats.freed.blobs, 0);
}

static void a_sweep_spares_the_young(void **state)
{
	struct bench *b = *state;
	struct digest young = kept(b, 1, 5000), old = kept(b, 2, 5000);
	struct store_sweep_stats stats;

	b->driver->age(&b->f, "acc-aaaaa", false, &old, 7200);
	stats = sweep(b, NULL, 0, false, 3600);
	assert_int_equal(stats.young.chunks, 1);
	assert_int_equal(stats.freed.chunks, 1);
	assert_true(there(b, &young));
	assert_false(there(b, &old));
}

static void a_sweep_spares_what_a_job_put_or_found_or_left_behind(void **state)
{
	struct bench *b = *state;
	struct digest found = kept(b, 1, 5000), fresh, blob;
	struct store_txn *tx = begin(b, "job-1");
	struct store_chunk_info info;
	struct store_sweep_stats stats;

	put(b, tx, 1, 5000, &info);
	assert_true(info.found);
	fresh = put(b, tx, 2, 5000, &info);
	assert_false(info.found);
	OK(store_put_blob(tx, "acc-aaaaa", "manifest", 8, &blob, &b->err));
	stats = sweep(b, NULL, 0, false, 0);
	assert_int_equal(stats.leased.chunks, 2);
	assert_int_equal(stats.leased.blobs, 1);
	OK(store_commit(tx, &b->err));
	stats = sweep(b, NULL, 0, false, 0);
	assert_int_equal(stats.leased.chunks, 2);
	/* A second transaction of the job, given up; and another job with a longer name. */
	tx = begin(b, "job-1");
	store_abandon(tx);
	tx = begin(b, "job-10");
	put(b, tx, 2, 5000, &info);
	store_abandon(tx);
	OK(store_unlease(b->st, "job-1", &b->err));
	stats = sweep(b, NULL, 0, false, 0);
	assert_int_equal(stats.leased.chunks, 1);
	assert_int_equal(stats.freed.chunks, 1);
	assert_true(there(b, &fresh));
	assert_false(there(b, &found));
	OK(store_unlease(b->st, "job-10", &b->err));
	stats = sweep(b, NULL, 0, false, 0);
	assert_int_equal(stats.freed.chunks, 1);
	OK(store_unlease(b->st, "job-10", &b->err));
}

static void a_lease_ended_while_a_sweep_runs_counts_until_the_next(void **state)
{
	struct bench *b = *state;
	struct store_txn *tx = begin(b, "job-1");
	struct store_chunk_info info;
	struct digest id = put(b, tx, 1, 5000, &info);
	struct store_sweep_stats stats = {{0}, {0}, {0}, {0}};
	struct live_set nothing = {NULL, 0};
	struct store_sweep *sw = NULL, *second = NULL;

	OK(store_commit(tx, &b->err));
	OK(store_sweep_begin(b->st, false, &sw, &b->err));
	/* The sweeper has listed the rows. Only now the job writes its row and ends its lease. */
	OK(store_unlease(b->st, "job-1", &b->err));
	OK(store_sweep_shard(sw, id.b[0], is_live, &nothing, 0, &stats, &b->err));
	assert_int_equal(stats.leased.chunks, 1);
	FAILS(store_sweep_begin(b->st, false, &second, &b->err), DR_BUSY);
	store_sweep_end(sw);
	assert_true(there(b, &id));
	stats = sweep(b, NULL, 0, false, 0);
	assert_int_equal(stats.freed.chunks, 1);
}

static int count_held(void *arg, const char *domain, const struct digest *id, struct dr_err *err)
{
	unsigned *n = arg;

	(void)err;
	(void)id;
	assert_string_equal(domain, "acc-aaaaa");
	++*n;
	return 0;
}

static void a_held_manifest_is_shown_to_the_sweeper_and_stays(void **state)
{
	struct bench *b = *state;
	struct store_txn *tx = begin(b, "job-1"), *holder;
	struct store_sweep_stats stats;
	struct store_sweep *sw = NULL;
	struct digest id;
	unsigned held = 0;

	OK(store_put_blob(tx, "acc-aaaaa", "manifest", 8, &id, &b->err));
	OK(store_commit(tx, &b->err));
	OK(store_unlease(b->st, "job-1", &b->err));
	holder = begin(b, "read-1");
	OK(store_hold(holder, "acc-aaaaa", &id, &b->err));
	OK(store_commit(holder, &b->err));
	OK(store_sweep_begin(b->st, false, &sw, &b->err));
	OK(store_sweep_held(sw, count_held, &held, &b->err));
	store_sweep_end(sw);
	assert_int_equal(held, 1);
	stats = sweep(b, NULL, 0, false, 0);
	assert_int_equal(stats.leased.blobs, 1);
	OK(store_unlease(b->st, "read-1", &b->err));
	stats = sweep(b, NULL, 0, false, 0);
	assert_int_equal(stats.freed.blobs, 1);
}

static int list_lease(void *arg, const char *lease, bool ended, struct dr_err *err)
{
	struct buf *b = arg;

	(void)err;
	buf_printf(b, "%s%s ", lease, ended ? "!" : "");
	return 0;
}

static void leases_can_be_listed_until_a_sweep_forgets_the_ended(void **state)
{
	struct bench *b = *state;
	dr_autobuf struct buf text = BUF_INIT;

	store_abandon(begin(b, "job-1"));
	OK(store_each_lease(b->st, list_lease, &text, &b->err));
	assert_string_equal(buf_str(&text), "job-1 ");
	OK(store_unlease(b->st, "job-1", &b->err));
	buf_clear(&text);
	OK(store_each_lease(b->st, list_lease, &text, &b->err));
	assert_string_equal(buf_str(&text), "job-1! ");
	(void)sweep(b, NULL, 0, true, 0);
	buf_clear(&text);
	OK(store_each_lease(b->st, list_lease, &text, &b->err));
	assert_string_equal(buf_str(&text), "job-1! ");
	(void)sweep(b, NULL, 0, false, 0);
	buf_clear(&text);
	OK(store_each_lease(b->st, list_lease, &text, &b->err));
	assert_string_equal(buf_str(&text), "");
}

/* Threads. cmocka's assertions belong to the main thread, so workers count what went wrong. */
#define THREADS 4
#define SHARED 24

struct crew {
	struct store *st;
	struct store_txn *tx;
	atomic_uint added;
	atomic_uint wrong;
};

static void *put_shared(void *arg)
{
	struct crew *crew = arg;
	uint8_t plain[3000];
	struct dr_err err = DR_ERR_INIT;
	struct store_chunk_info info;
	struct digest id;

	for (uint32_t i = 0; i < SHARED; i++) {
		fill(plain, sizeof plain, i, false);
		if (store_put_chunk(crew->tx, "acc-aaaaa", plain, sizeof plain, &id, &info, &err) <
		    0)
			atomic_fetch_add(&crew->wrong, 1);
		else if (!info.found)
			atomic_fetch_add(&crew->added, 1);
	}
	return NULL;
}

static void threads_that_put_the_same_chunk_agree_who_added_it(void **state)
{
	struct bench *b = *state;
	struct crew crew = {.st = b->st, .tx = begin(b, "job-1")};
	pthread_t threads[THREADS];

	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, put_shared, &crew), 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	OK(store_commit(crew.tx, &b->err));
	assert_int_equal(crew.wrong, 0);
	assert_int_equal(crew.added, SHARED);
}

/* Jobs that put one of a few chunks, write their "row", end their lease, read, and delete the row,
 * while a sweeper without grace runs all the time. */
#define CONTENDED 6

struct rows {
	struct store *st;
	atomic_uint live[CONTENDED]; /* rows that refer to the chunk */
	atomic_uint jobs;            /* still running */
	atomic_uint wrong;
	struct digest ids[CONTENDED];
};

struct one_job {
	struct rows *rows;
	unsigned number;
};

static void run_job(struct rows *rows, const char *lease, unsigned which, struct buf *got)
{
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;
	struct store_chunk_info info;
	uint8_t plain[2000];
	struct digest id;

	fill(plain, sizeof plain, which, false);
	if (store_begin(rows->st, lease, &tx, &err) < 0 ||
	    store_put_chunk(tx, "acc-aaaaa", plain, sizeof plain, &id, &info, &err) < 0) {
		store_abandon(tx);
		atomic_fetch_add(&rows->wrong, 1);
		return;
	}
	/* No barrier: durability is not at stake here, and the disk is everybody's. */
	store_abandon(tx);
	atomic_fetch_add(&rows->live[which], 1);
	if (store_unlease(rows->st, lease, &err) < 0 ||
	    store_get_chunk(rows->st, "acc-aaaaa", &id, sizeof plain, got, &err) < 0)
		atomic_fetch_add(&rows->wrong, 1);
	atomic_fetch_sub(&rows->live[which], 1);
}

static void *run_jobs(void *arg)
{
	const struct one_job *job = arg;
	dr_autobuf struct buf got = BUF_INIT;
	char lease[32];

	for (unsigned i = 0; i < 60; i++) {
		snprintf(lease, sizeof lease, "job-%u-%u", job->number, i);
		run_job(job->rows, lease, (i * 5 + job->number) % CONTENDED, &got);
	}
	atomic_fetch_sub(&job->rows->jobs, 1);
	return NULL;
}

static void jobs_never_lose_a_chunk_to_a_running_sweep(void **state)
{
	struct bench *b = *state;
	struct rows rows = {.st = b->st, .jobs = THREADS};
	struct one_job jobs[THREADS];
	pthread_t threads[THREADS];
	uint8_t plain[2000];

	for (uint32_t i = 0; i < CONTENDED; i++) {
		fill(plain, sizeof plain, i, false);
		digest_of(plain, sizeof plain, &rows.ids[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		jobs[i] = (struct one_job){&rows, i};
		assert_int_equal(pthread_create(&threads[i], NULL, run_jobs, &jobs[i]), 0);
	}
	do {
		struct store_sweep_stats stats = {{0}, {0}, {0}, {0}};
		struct digest marked[CONTENDED];
		struct live_set set = {marked, 0};
		struct store_sweep *sw = NULL;

		OK(store_sweep_begin(b->st, false, &sw, &b->err));
		for (size_t i = 0; i < CONTENDED; i++)
			if (atomic_load(&rows.live[i]) > 0)
				marked[set.count++] = rows.ids[i];
		for (size_t i = 0; i < CONTENDED; i++)
			OK(store_sweep_shard(sw, rows.ids[i].b[0], is_live, &set, 0, &stats,
					     &b->err));
		store_sweep_end(sw);
	} while (atomic_load(&rows.jobs) > 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(rows.wrong, 0);
}

static struct bench bench;

static int setup(void **state)
{
	const struct store_driver *driver = bench.driver;

	bench = (struct bench){.driver = driver, .plain = malloc(MIB)};
	if (!bench.plain || !driver->open(&bench.f))
		return -1;
	bench.st = bench.f.st;
	*state = &bench;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bench.driver->close(&bench.f);
	free(bench.plain);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int store_conform(const struct store_driver *driver)
{
	const struct CMUnitTest tests[] = {
		CASE(a_chunk_comes_back_and_a_second_put_finds_it),
		CASE(a_blob_comes_back_whatever_its_length),
		CASE(what_is_unknown_is_not_found),
		CASE(domains_and_kinds_are_kept_apart),
		CASE(a_reader_refuses_more_than_it_asked_for),
		CASE(names_are_checked),
		CASE(a_damaged_chunk_is_an_error_and_the_next_put_heals_it),
		CASE(a_damaged_blob_is_an_error_and_the_next_put_heals_it),
		CASE(a_stored_block_must_be_the_recorded_one),
		CASE(what_was_encoded_in_a_hurry_heals_as_it_was_recorded),
		CASE(a_sweep_takes_what_nothing_refers_to),
		CASE(a_sweep_spares_the_young),
		CASE(a_sweep_spares_what_a_job_put_or_found_or_left_behind),
		CASE(a_lease_ended_while_a_sweep_runs_counts_until_the_next),
		CASE(a_held_manifest_is_shown_to_the_sweeper_and_stays),
		CASE(leases_can_be_listed_until_a_sweep_forgets_the_ended),
		CASE(threads_that_put_the_same_chunk_agree_who_added_it),
		CASE(jobs_never_lose_a_chunk_to_a_running_sweep),
	};

	bench.driver = driver;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
