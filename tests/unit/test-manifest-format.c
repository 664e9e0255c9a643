/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "manifest-disk.h"
#include "manifest/manifest.h"
#include "unit.h"

static struct manifest *example(void)
{
	struct manifest *m = manifest_new(10 * MIB + 512);
	struct manifest_entry e = {.stored_bytes = 600, .check = 0xA1B2C3D4};
	struct dr_err err = DR_ERR_INIT;

	assert_non_null(m);
	assert_int_equal(manifest_domain(m, "acc-aaaaa", &err), 0);
	assert_int_equal(manifest_domain(m, "global", &err), 1);
	assert_int_equal(manifest_domain(m, "acc-aaaaa", &err), 0);
	for (uint32_t i = 1; i < 10; i += 4) {
		e.index = i;
		e.domain = i % 8 / 4;
		digest_of(&i, sizeof i, &e.id);
		assert_int_equal(manifest_add(m, &e, &err), 0);
	}
	e.index = 10;
	e.stored_bytes = 520;
	assert_int_equal(manifest_add(m, &e, &err), 0);
	return m;
}

static void what_was_encoded_is_decoded(void **state)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = example();
	DR_CLEANUP(manifest_freep) struct manifest *got = NULL;
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(manifest_encode(m, &b, &err), 0);
	assert_int_equal(b.len, 40 + 2 * 32 + 4 * 48);
	assert_int_equal(manifest_decode(&got, b.p, b.len, &err), 0);
	assert_true(got->virtual_bytes == m->virtual_bytes);
	assert_int_equal(got->domain_count, 2);
	assert_string_equal(got->domains[1], "global");
	assert_int_equal(got->count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_memory_equal(&got->entries[i], &m->entries[i], sizeof *got->entries);
	assert_int_equal(manifest_stored_bytes(got), 3 * 600 + 520);
	assert_int_equal(manifest_chunks(got), 11);
	assert_int_equal(manifest_chunk_len(got, 9), MIB);
	assert_int_equal(manifest_chunk_len(got, 10), 512);
}

static void entries_are_found_by_chunk_number(void **state)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = example();

	(void)state;
	for (uint32_t i = 0; i < 11; i++) {
		const struct manifest_entry *e = manifest_find(m, i);

		if (i == 10 || i % 4 == 1)
			assert_int_equal(e->index, i);
		else
			assert_null(e);
	}
	assert_int_equal(manifest_seek(m, 0), 0);
	assert_int_equal(manifest_seek(m, 2), 1);
	assert_int_equal(manifest_seek(m, 11), 4);
}

/* The example of docs/formats/manifest.md section 5, computed there with sha256sum. */
static void the_content_digest_is_what_the_document_says(void **state)
{
	struct manifest *m = manifest_new(2 * MIB + 512);
	struct manifest_entry e = {.index = 2, .stored_bytes = 20};
	struct dr_err err = DR_ERR_INIT;
	char hex[DIGEST_HEX];
	uint8_t sector[512];
	struct digest d;

	(void)state;
	memset(sector, 'A', sizeof sector);
	digest_of(sector, sizeof sector, &e.id);
	assert_int_equal(manifest_domain(m, "global", &err), 0);
	assert_int_equal(manifest_add(m, &e, &err), 0);
	manifest_content_digest(m, &d);
	digest_hex(&d, hex);
	assert_string_equal(hex,
			    "ab466d013e8d6da7ab98a48835b0c52ebc064ff620803a7b16099e59ff57744b");
	/* It does not depend on how and where the chunk is kept. */
	m->entries[0].stored_bytes = 30;
	m->entries[0].check = 7;
	memcpy(m->domains[0], "acc-aaaaa", 10);
	manifest_content_digest(m, &d);
	digest_hex(&d, hex);
	assert_string_equal(hex,
			    "ab466d013e8d6da7ab98a48835b0c52ebc064ff620803a7b16099e59ff57744b");
	manifest_free(m);
}

static void add_refuses_what_breaks_the_order_or_the_disk(void **state)
{
	static const struct manifest_entry wrong[] = {
		{.index = 9, .stored_bytes = 600},
		{.index = 10, .stored_bytes = 100},
		{.index = 11, .stored_bytes = 100},
		{.index = UINT32_MAX, .stored_bytes = 100},
		{.index = 12, .stored_bytes = 8},
		{.index = 12, .stored_bytes = MIB + 9},
		{.index = 12, .stored_bytes = UINT32_MAX},
		{.index = 12, .stored_bytes = 9, .domain = 2},
		{.index = 20, .stored_bytes = 521},
	};
	DR_CLEANUP(manifest_freep) struct manifest *m = example();
	struct manifest_entry good = {.index = 12, .stored_bytes = MIB + 8, .domain = 1};
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(manifest_add(m, &wrong[i], &err), -1);
		assert_int_equal(err.code, DR_INVALID);
		dr_err_clear(&err);
	}
	m->virtual_bytes = 20 * MIB + 512;
	for (size_t i = 4; i < sizeof wrong / sizeof *wrong; i++)
		assert_int_equal(manifest_add(m, &wrong[i], &err), -1);
	assert_int_equal(m->count, 4);
	dr_err_clear(&err);
	assert_int_equal(manifest_add(m, &good, &err), 0);
	good.index = 20;
	good.stored_bytes = 520;
	assert_int_equal(manifest_add(m, &good, &err), 0);
}

static void domains_are_names_and_not_too_many(void **state)
{
	struct manifest *m = manifest_new(MIB);
	struct dr_err err = DR_ERR_INIT;
	char name[STORE_DOMAIN_TEXT];

	(void)state;
	assert_int_equal(manifest_domain(m, "../etc", &err), -1);
	assert_int_equal(err.code, DR_INVALID);
	dr_err_clear(&err);
	for (int i = 0; i < MANIFEST_MAX_DOMAINS; i++) {
		snprintf(name, sizeof name, "acc-%d", i);
		assert_int_equal(manifest_domain(m, name, &err), i);
	}
	assert_int_equal(manifest_domain(m, "one-more", &err), -1);
	assert_int_equal(err.code, DR_LIMIT);
	manifest_free(m);
}

static void sizes_that_no_disk_has_are_refused(void **state)
{
	static const uint64_t sizes[] = {0,
					 1,
					 511,
					 513,
					 MIB + 1,
					 UINT64_MAX,
					 UINT64_MAX - 511,
					 MANIFEST_MAX_CHUNKS * MIB + 512};
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		DR_CLEANUP(manifest_freep) struct manifest *m = manifest_new(sizes[i]);
		struct view *v = NULL;

		assert_int_equal(manifest_encode(m, &b, &err), -1);
		assert_int_equal(err.code, DR_INVALID);
		dr_err_clear(&err);
		assert_int_equal(view_open(&v, NULL, DR_STEAL(m), VIEW_LZ4, &err), -1);
		assert_int_equal(err.code, DR_INVALID);
		dr_err_clear(&err);
	}
	assert_true(manifest_size_valid(MANIFEST_MAX_CHUNKS * MIB));
}

/* One field at a time: offset, width, value, and what must come of it. */
static void every_field_is_checked(void **state)
{
	static const struct {
		size_t at, bytes;
		uint64_t value;
		enum dr_code code;
	} edits[] = {
		{0, 1, 'd', DR_CORRUPT},                /* magic */
		{7, 1, '\r', DR_CORRUPT},               /* as a text transfer would spoil it */
		{8, 4, 2, DR_UNSUPPORTED},              /* version */
		{8, 4, 0, DR_CORRUPT},                  /* */
		{12, 4, 65536, DR_CORRUPT},             /* chunk bytes */
		{12, 4, 0, DR_CORRUPT},                 /* */
		{16, 8, 0, DR_CORRUPT},                 /* virtual bytes */
		{16, 8, 10 * MIB + 511, DR_CORRUPT},    /* */
		{16, 8, 10 * MIB, DR_CORRUPT},          /* the last entry is outside */
		{16, 8, UINT64_MAX - 511, DR_CORRUPT},  /* */
		{24, 8, 3, DR_CORRUPT},                 /* count */
		{24, 8, 5, DR_CORRUPT},                 /* */
		{24, 8, UINT64_MAX, DR_CORRUPT},        /* */
		{24, 8, UINT64_C(1) << 60, DR_CORRUPT}, /* times 48 wraps to 0 */
		{32, 4, 1, DR_CORRUPT},                 /* domains */
		{32, 4, 65, DR_CORRUPT},                /* */
		{32, 4, UINT32_MAX, DR_CORRUPT},        /* */
		{36, 4, 1, DR_CORRUPT},                 /* reserved */
		{40, 1, 0, DR_CORRUPT},                 /* a domain without a name */
		{40, 1, '/', DR_CORRUPT},               /* */
		{40, 1, 'A', DR_CORRUPT},               /* */
		{71, 1, 'x', DR_CORRUPT},               /* bytes behind the name */
		{104, 4, 5, DR_CORRUPT},                /* index: not ascending */
		{104, 4, 11, DR_CORRUPT},               /* */
		{108, 4, 8, DR_CORRUPT},                /* stored bytes */
		{108, 4, MIB + 9, DR_CORRUPT},          /* */
		{108, 4, UINT32_MAX, DR_CORRUPT},       /* */
		{116, 4, 2, DR_CORRUPT},                /* domain */
		{104 + 3 * 48 + 4, 4, 521, DR_CORRUPT}, /* longer than the short last chunk */
		{112, 4, 0, DR_OK},                     /* check: any value */
		{120, 8, 0, DR_OK},                     /* id: any value */
	};
	DR_CLEANUP(manifest_freep) struct manifest *m = example();
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
		DR_CLEANUP(manifest_freep) struct manifest *got = NULL;

		dr_err_clear(&err);
		assert_int_equal(manifest_encode(m, &b, &err), 0);
		for (size_t j = 0; j < edits[i].bytes; j++)
			b.p[edits[i].at + j] = (uint8_t)(edits[i].value >> (8 * j));
		(void)!manifest_decode(&got, b.p, b.len, &err);
		if (err.code != edits[i].code)
			fail_msg("edit %zu at %zu: %s, %s", i, edits[i].at, dr_code_name(err.code),
				 err.msg);
		assert_int_equal(!!got, edits[i].code == DR_OK);
	}
}

static void every_other_length_is_refused(void **state)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = example();
	DR_CLEANUP(manifest_freep) struct manifest *got = NULL;
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	size_t whole;

	(void)state;
	assert_int_equal(manifest_encode(m, &b, &err), 0);
	whole = b.len;
	buf_putc(&b, 0);
	for (size_t n = 0; n <= b.len; n++) {
		/* A block of exactly n bytes, so that reading past it is seen by the sanitizer. */
		dr_autofree uint8_t *cut = malloc(n ? n : 1);

		if (n == whole)
			continue;
		memcpy(cut, b.p, n);
		assert_int_equal(manifest_decode(&got, cut, n, &err), -1);
		assert_int_equal(err.code, DR_CORRUPT);
		dr_err_clear(&err);
	}
}

static void a_manifest_is_loaded_and_a_damaged_one_is_not(void **state)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = example();
	DR_CLEANUP(manifest_freep) struct manifest *got = NULL;
	DR_CLEANUP(store_closep) struct store *st = NULL;
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;
	struct digest id, other;

	(void)state;
	assert_int_equal(store_mem_open(&st, &err), 0);
	assert_int_equal(manifest_encode(m, &b, &err), 0);
	assert_int_equal(store_begin(st, "job-1", &tx, &err), 0);
	assert_int_equal(store_put_blob(tx, "global", b.p, b.len, &id, &err), 0);
	assert_int_equal(store_put_blob(tx, "global", b.p, b.len - 1, &other, &err), 0);
	assert_int_equal(store_commit(tx, &err), 0);
	assert_int_equal(manifest_load(&got, st, "global", &id, &err), 0);
	assert_int_equal(got->count, 4);
	manifest_free(DR_STEAL(got));
	assert_int_equal(manifest_load(&got, st, "global", &other, &err), -1);
	assert_int_equal(err.code, DR_CORRUPT);
	dr_err_clear(&err);
	assert_int_equal(manifest_load(&got, st, "acc-aaaaa", &id, &err), -1);
	assert_int_equal(err.code, DR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_encoded_is_decoded),
		cmocka_unit_test(entries_are_found_by_chunk_number),
		cmocka_unit_test(the_content_digest_is_what_the_document_says),
		cmocka_unit_test(add_refuses_what_breaks_the_order_or_the_disk),
		cmocka_unit_test(domains_are_names_and_not_too_many),
		cmocka_unit_test(sizes_that_no_disk_has_are_refused),
		cmocka_unit_test(every_field_is_checked),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(a_manifest_is_loaded_and_a_damaged_one_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
