/* SPDX-License-Identifier: Apache-2.0
 *
 * The header rows of hardening.md section 1.4: one field at a time, the exact code word. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <string.h>

#include "qcow2img.h"

#include "util/banned.h"

struct field_case {
	const char *what;
	size_t off;
	size_t width;
	uint64_t value;
	const char *reason; /* "": accepted */
};

static void run_cases(unsigned version, unsigned bits, const struct field_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct img m = img_make(version, bits, false, false);

		img_put(&m, cases[i].off, cases[i].width, cases[i].value);
		assert_true(img_gives(&m, cases[i].reason, cases[i].what));
		img_free(&m);
	}
}

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void good_images_decode_to_their_disk(void **state)
{
	static const struct {
		unsigned version, bits;
		bool extended, zstd;
	} kinds[] = {{2, 9, 0, 0},  {2, 16, 0, 0}, {3, 9, 0, 0},  {3, 12, 0, 1},
		     {3, 16, 0, 0}, {3, 14, 1, 0}, {3, 16, 1, 1}, {3, 21, 0, 0}};

	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct img m =
			img_make(kinds[i].version, kinds[i].bits, kinds[i].extended, kinds[i].zstd);

		for (size_t threads = 0; threads <= 2; threads++) {
			struct img_run run = {.threads = (unsigned)threads,
					      .fragment = threads * 333,
					      .cap = UINT64_MAX};
			struct img_outcome o = img_decode(m.p, m.len, &run);

			assert_string_equal(o.err.msg, "");
			assert_int_equal(o.size, m.size);
			assert_int_equal(o.warning_count, 0);
			if (o.disk)
				assert_memory_equal(o.disk, m.disk, m.size);
			img_outcome_free(&o);
		}
		img_free(&m);
	}
}

static void what_the_image_depends_on_is_refused(void **state)
{
	static const struct field_case cases[] = {
		{"version 0", IMG_VERSION, 4, 0, "qcow2-version"},
		{"version 1", IMG_VERSION, 4, 1, "qcow2-version"},
		{"version 4", IMG_VERSION, 4, 4, "qcow2-version"},
		{"no magic", 0, 4, 0x514649fa, "qcow2-header"},
		{"backing file without a name", IMG_BACKING_OFFSET, 8, 8, "qcow2-backing"},
		{"backing file nowhere", IMG_BACKING_OFFSET, 8, UINT64_MAX, "qcow2-backing"},
		{"name length alone", IMG_BACKING_SIZE, 4, 17, ""},
		{"AES", IMG_CRYPT, 4, 1, "qcow2-encrypted"},
		{"LUKS", IMG_CRYPT, 4, 2, "qcow2-encrypted"},
		{"unknown encryption", IMG_CRYPT, 4, UINT32_MAX, "qcow2-encrypted"},
		{"dirty", IMG_INCOMPATIBLE, 8, 1, ""},
		{"corrupt", IMG_INCOMPATIBLE, 8, 2, "qcow2-corrupt"},
		{"data file", IMG_INCOMPATIBLE, 8, 4, "qcow2-data-file"},
		{"zstd bit, zlib type", IMG_INCOMPATIBLE, 8, 8, "qcow2-compression"},
		{"zstd type, no bit", IMG_COMPRESSION, 1, 1, "qcow2-compression"},
		{"unknown type, no bit", IMG_COMPRESSION, 1, 2, "qcow2-compression"},
		{"small clusters with subclusters", IMG_INCOMPATIBLE, 8, 16, "qcow2-cluster-size"},
		{"unknown compatible bits", IMG_COMPATIBLE, 8, UINT64_MAX, ""},
		{"autoclear: bitmaps", IMG_AUTOCLEAR, 8, 1, ""},
		{"autoclear: raw external data", IMG_AUTOCLEAR, 8, 2, "qcow2-data-file"},
		{"autoclear: unknown", IMG_AUTOCLEAR, 8, ~(uint64_t)2, ""},
	};

	(void)state;
	run_cases(3, 9, cases, COUNT(cases));
	run_cases(2, 9, cases, 10);
}

static void unknown_incompatible_bits_are_refused_by_number(void **state)
{
	(void)state;
	for (unsigned bit = 5; bit < 64; bit++) {
		struct img m = img_make(3, 9, false, false);
		struct img_outcome o;
		char word[16];

		img_put(&m, IMG_INCOMPATIBLE, 8, (uint64_t)1 << bit);
		o = img_decode(m.p, m.len, &(struct img_run){0});
		assert_string_equal(o.err.reason, "qcow2-feature");
		snprintf(word, sizeof word, "(bit %u)", bit);
		assert_non_null(strstr(o.err.msg, word));
		img_outcome_free(&o);
		img_free(&m);
	}
}

static void compression_type_must_fit_its_bit(void **state)
{
	struct img m = img_make(3, 12, false, true);

	(void)state;
	img_put(&m, IMG_COMPRESSION, 1, 2);
	assert_true(img_gives(&m, "qcow2-compression", "type 2 with the bit"));
	img_put(&m, IMG_COMPRESSION, 1, 1);
	img_put(&m, IMG_HEADER_LENGTH, 4, 104);
	memset(m.p + 104, 0, 8);
	assert_true(img_gives(&m, "qcow2-compression", "the bit in a header without the byte"));
	img_free(&m);
}

static void impossible_geometry_is_refused(void **state)
{
	static const struct field_case cases[] = {
		{"cluster_bits 0", IMG_CLUSTER_BITS, 4, 0, "qcow2-cluster-size"},
		{"cluster_bits 8", IMG_CLUSTER_BITS, 4, 8, "qcow2-cluster-size"},
		{"cluster_bits 22", IMG_CLUSTER_BITS, 4, 22, "qcow2-cluster-size"},
		{"cluster_bits 32", IMG_CLUSTER_BITS, 4, 32, "qcow2-cluster-size"},
		{"cluster_bits 63", IMG_CLUSTER_BITS, 4, 63, "qcow2-cluster-size"},
		{"cluster_bits 64", IMG_CLUSTER_BITS, 4, 64, "qcow2-cluster-size"},
		{"cluster_bits max", IMG_CLUSTER_BITS, 4, UINT32_MAX, "qcow2-cluster-size"},
		{"size 0", IMG_SIZE, 8, 0, "empty"},
		{"size 1", IMG_SIZE, 8, 1, "not-whole-sectors"},
		{"size 513", IMG_SIZE, 8, 513, "not-whole-sectors"},
		{"size over the cap", IMG_SIZE, 8, ((uint64_t)1 << 30) + 512, "too-large"},
		{"size 2^63", IMG_SIZE, 8, (uint64_t)1 << 63, "too-large"},
		{"size 2^64-1", IMG_SIZE, 8, UINT64_MAX, "too-large"},
		{"size 2^64-512", IMG_SIZE, 8, UINT64_MAX - 511, "too-large"},
		{"size over the L1 table", IMG_SIZE, 8, 129 * 512, "qcow2-l1"},
		{"size just within it", IMG_SIZE, 8, 128 * 512, ""},
		{"smaller than its tables", IMG_SIZE, 8, 512, ""},
	};

	(void)state;
	run_cases(3, 9, cases, COUNT(cases));
	run_cases(2, 9, cases, COUNT(cases));
}

static void no_cap_leaves_the_arithmetic_safe(void **state)
{
	static const uint64_t sizes[] = {(uint64_t)1 << 63, UINT64_MAX - 511, (uint64_t)1 << 56};

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++)
		for (unsigned bits = 9; bits <= 21; bits += 6) {
			struct img m = img_make(3, bits, false, false);

			img_put(&m, IMG_SIZE, 8, sizes[i]);
			assert_true(img_bytes_give(m.p, m.len, &(struct img_run){.cap = UINT64_MAX},
						   "qcow2-l1", "huge"));
			img_put(&m, IMG_L1_SIZE, 4, (uint64_t)4 << 20);
			assert_true(img_bytes_give(
				m.p, m.len, &(struct img_run){.cap = UINT64_MAX, .skip = true},
				"qcow2-l1", "huge, L1 cut off"));
			img_free(&m);
		}
}

static void tables_must_be_possible(void **state)
{
	static const struct field_case cases[] = {
		{"l1_size 0", IMG_L1_SIZE, 4, 0, "qcow2-l1"},
		{"l1_size too small", IMG_L1_SIZE, 4, 1, "qcow2-l1"},
		{"l1_size larger than needed", IMG_L1_SIZE, 4, 3, ""},
		{"l1_size past the end", IMG_L1_SIZE, 4, 512, "qcow2-l1"},
		{"l1_size over its neighbours", IMG_L1_SIZE, 4, 100, "qcow2-overlap"},
		{"l1_size 4 Mi", IMG_L1_SIZE, 4, 4 << 20, "qcow2-l1"},
		{"l1_size over 4 Mi", IMG_L1_SIZE, 4, (4 << 20) + 1, "qcow2-l1"},
		{"l1_size 2^31-1", IMG_L1_SIZE, 4, INT32_MAX, "qcow2-l1"},
		{"l1_size 2^32-1", IMG_L1_SIZE, 4, UINT32_MAX, "qcow2-l1"},
		{"L1 at 0", IMG_L1_OFFSET, 8, 0, "qcow2-l1"},
		{"L1 unaligned", IMG_L1_OFFSET, 8, 2 * 512 + 8, "qcow2-l1"},
		{"L1 outside", IMG_L1_OFFSET, 8, 512 * 1024, "qcow2-l1"},
		{"L1 wraps", IMG_L1_OFFSET, 8, UINT64_MAX - 511, "qcow2-l1"},
		{"L1 on the refcount table", IMG_L1_OFFSET, 8, 512, "qcow2-overlap"},
		{"refcount_order 0", IMG_REFCOUNT_ORDER, 4, 0, ""},
		{"refcount_order 6", IMG_REFCOUNT_ORDER, 4, 6, ""},
		{"refcount_order 7", IMG_REFCOUNT_ORDER, 4, 7, "qcow2-refcounts"},
		{"refcount_order 64", IMG_REFCOUNT_ORDER, 4, 64, "qcow2-refcounts"},
		{"refcounts at 0", IMG_REFCOUNT_OFFSET, 8, 0, "qcow2-refcounts"},
		{"refcounts unaligned", IMG_REFCOUNT_OFFSET, 8, 520, "qcow2-refcounts"},
		{"refcounts outside", IMG_REFCOUNT_OFFSET, 8, 512 * 1024, "qcow2-refcounts"},
		{"refcounts wrap", IMG_REFCOUNT_OFFSET, 8, UINT64_MAX - 511, "qcow2-refcounts"},
		{"no refcounts", IMG_REFCOUNT_CLUSTERS, 4, 0, "qcow2-refcounts"},
		{"refcounts over 8 MiB", IMG_REFCOUNT_CLUSTERS, 4, 16385, "qcow2-refcounts"},
		{"refcounts 2^32-1", IMG_REFCOUNT_CLUSTERS, 4, UINT32_MAX, "qcow2-refcounts"},
		{"refcounts past the end", IMG_REFCOUNT_CLUSTERS, 4, 7, "qcow2-refcounts"},
		{"refcounts over L1", IMG_REFCOUNT_CLUSTERS, 4, 2, "qcow2-overlap"},
		{"nonsense in the refcount table", 512, 8, UINT64_MAX, ""},
		{"snapshots at 0", IMG_SNAPSHOTS, 4, 1, "qcow2-snapshots"},
		{"too many snapshots", IMG_SNAPSHOTS, 4, 65537, "qcow2-snapshots"},
		{"a place for no snapshots", IMG_SNAPSHOTS_OFFSET, 8, 3, ""},
	};

	(void)state;
	run_cases(3, 9, cases, COUNT(cases));
}

/* In a row behind everything else, so that nothing but the end of the file is wrong. */
static void tables_must_end_inside_the_file(void **state)
{
	struct img m = img_make(3, 9, false, false);
	uint64_t end = img_host(&m, IMG_HOST_CLUSTERS);

	(void)state;
	m.p = realloc(m.p, m.len + 512);
	assert_non_null(m.p);
	memset(m.p + m.len, 0, 512);
	memcpy(m.p + m.len, m.p + img_l1(&m, 0), 16);
	m.len += 512;
	img_put(&m, IMG_L1_OFFSET, 8, end);
	assert_true(img_gives(&m, "", "the L1 table in the last cluster"));
	img_put(&m, IMG_L1_SIZE, 4, 64);
	assert_true(img_gives(&m, "", "as large as it can be"));
	img_put(&m, IMG_L1_SIZE, 4, 65);
	assert_true(img_gives(&m, "qcow2-l1", "one entry more"));
	img_put(&m, IMG_L1_SIZE, 4, 4 << 20);
	assert_true(img_gives(&m, "qcow2-l1", "32 MiB"));
	img_put(&m, IMG_L1_SIZE, 4, 2);
	img_put(&m, IMG_L1_OFFSET, 8, img_host(&m, IMG_HOST_L1));
	img_put(&m, IMG_REFCOUNT_OFFSET, 8, end);
	assert_true(img_gives(&m, "", "refcount table in the last cluster"));
	img_put(&m, IMG_REFCOUNT_CLUSTERS, 4, 2);
	assert_true(img_gives(&m, "qcow2-refcounts", "one cluster more"));
	img_put(&m, IMG_REFCOUNT_CLUSTERS, 4, 16384);
	assert_true(img_gives(&m, "qcow2-refcounts", "8 MiB"));
	img_put(&m, IMG_REFCOUNT_CLUSTERS, 4, 1);
	img_put(&m, IMG_REFCOUNT_OFFSET, 8, img_host(&m, IMG_HOST_REFCOUNTS));
	img_put(&m, IMG_SNAPSHOTS_OFFSET, 8, end);
	img_put(&m, IMG_SNAPSHOTS, 4, 12);
	assert_true(img_gives(&m, "", "12 entries of at least 40 bytes"));
	img_put(&m, IMG_SNAPSHOTS, 4, 13);
	assert_true(img_gives(&m, "qcow2-snapshots", "13 entries"));
	img_put(&m, IMG_SNAPSHOTS, 4, 1);
	img_put(&m, IMG_SNAPSHOTS_OFFSET, 8, end + 8);
	assert_true(img_gives(&m, "qcow2-snapshots", "unaligned"));
	img_put(&m, IMG_SNAPSHOTS_OFFSET, 8, end + 512);
	assert_true(img_gives(&m, "qcow2-snapshots", "outside"));
	img_put(&m, IMG_SNAPSHOTS_OFFSET, 8, UINT64_MAX - 511);
	assert_true(img_gives(&m, "qcow2-snapshots", "wraps"));
	img_put(&m, IMG_SNAPSHOTS_OFFSET, 8, img_host(&m, IMG_HOST_L1));
	assert_true(img_gives(&m, "qcow2-overlap", "on the L1 table"));
	img_free(&m);
}

static void header_length_must_be_possible(void **state)
{
	static const struct field_case cases[] = {
		{"0", IMG_HEADER_LENGTH, 4, 0, "qcow2-header"},
		{"96", IMG_HEADER_LENGTH, 4, 96, "qcow2-header"},
		{"103", IMG_HEADER_LENGTH, 4, 103, "qcow2-header"},
		{"104", IMG_HEADER_LENGTH, 4, 104, ""},
		{"108", IMG_HEADER_LENGTH, 4, 108, "qcow2-header"},
		{"a cluster", IMG_HEADER_LENGTH, 4, 512, ""},
		{"more than a cluster", IMG_HEADER_LENGTH, 4, 520, "qcow2-header"},
		{"2^32-8", IMG_HEADER_LENGTH, 4, UINT32_MAX - 7, "qcow2-header"},
	};

	(void)state;
	run_cases(3, 9, cases, COUNT(cases));
}

static void extensions_are_walked_inside_the_first_cluster(void **state)
{
	static const struct field_case cases[] = {
		{"feature names", IMG_EXTENSIONS, 8, 0x6803f85700000030, ""},
		{"bitmaps", IMG_EXTENSIONS, 8, 0x2385287500000018, ""},
		{"backing format name", IMG_EXTENSIONS, 8, 0xe2792aca00000005, ""},
		{"unknown", IMG_EXTENSIONS, 8, 0x1234567800000003, ""},
		{"up to the end of the cluster", IMG_EXTENSIONS, 8, 0x1234567800000188, ""},
		{"one byte further", IMG_EXTENSIONS, 8, 0x1234567800000189, "qcow2-header"},
		{"length 2^32-1", IMG_EXTENSIONS, 8, 0x12345678ffffffff, "qcow2-header"},
		{"data file name", IMG_EXTENSIONS, 8, 0x4441544100000003, "qcow2-data-file"},
		{"encryption header", IMG_EXTENSIONS, 8, 0x0537be7700000010, "qcow2-encrypted"},
	};

	(void)state;
	run_cases(3, 9, cases, COUNT(cases));
}

static void extensions_are_counted(void **state)
{
	struct img m = img_make(3, 12, false, false);

	(void)state;
	for (size_t i = 0; i < 64; i++)
		img_put(&m, IMG_EXTENSIONS + 8 * i, 8, 0x1234567800000000);
	assert_true(img_gives(&m, "", "64 extensions"));
	img_put(&m, IMG_EXTENSIONS + (size_t)8 * 64, 8, 0x1234567800000000);
	assert_true(img_gives(&m, "qcow2-header", "65 extensions"));
	img_free(&m);
}

static void version_2_ends_at_byte_72(void **state)
{
	struct img m = img_make(2, 9, false, false);

	(void)state;
	memset(m.p + 72, 0xff, 512 - 72);
	assert_true(img_gives(&m, "", "bytes from 72 on mean nothing"));
	img_free(&m);
}

static void a_cut_header_is_truncated(void **state)
{
	(void)state;
	for (unsigned version = 2; version <= 3; version++) {
		struct img m = img_make(version, 9, false, false);

		for (size_t len = 0; len < (version == 2 ? 72U : 104U); len++)
			assert_true(img_bytes_give(m.p, len, &(struct img_run){0}, "truncated",
						   "cut header"));
		img_free(&m);
	}
}

/* Cutting a file anywhere never yields a wrong disk. */
static void a_cut_file_is_never_accepted(void **state)
{
	static const unsigned versions[] = {2, 3};

	(void)state;
	for (size_t v = 0; v < COUNT(versions); v++) {
		struct img m = img_make(versions[v], 9, false, false);

		for (size_t len = 0; len < m.len; len++) {
			struct img_outcome o = img_decode(m.p, len, &(struct img_run){0});

			/* "corrupt": inside a compressed stream, which does not say how long it is
			 */
			if (strcmp(o.err.reason, "truncated") != 0 &&
			    strcmp(o.err.reason, "qcow2-l1") != 0 &&
			    (strcmp(o.err.reason, "corrupt") != 0 || len / 512 != IMG_HOST_PACKED))
				fail_msg("cut at %zu: \"%s\" %s", len, o.err.reason, o.err.msg);
			img_outcome_free(&o);
		}
		img_free(&m);
	}
}

static void warnings_say_what_was_left_out(void **state)
{
	struct img m = img_make(3, 9, false, false);
	struct img_outcome o;

	(void)state;
	img_put(&m, IMG_INCOMPATIBLE, 8, 1);
	img_put(&m, IMG_SNAPSHOTS, 4, 2);
	img_put(&m, IMG_SNAPSHOTS_OFFSET, 8, img_host(&m, IMG_HOST_CLUSTERS) - 512);
	/* the snapshot table takes the place of a data cluster that nobody uses then */
	img_put(&m, img_l2(&m, IMG_GUEST_PLAIN2), 8, 0);
	o = img_decode(m.p, m.len, &(struct img_run){0});
	assert_string_equal(o.err.msg, "");
	assert_int_equal(o.warning_count, 2);
	assert_int_equal(strncmp(o.warnings[0], "qcow2-dirty: ", 13), 0);
	assert_int_equal(strncmp(o.warnings[1], "snapshots-ignored: 2 ", 21), 0);
	img_outcome_free(&o);
	img_free(&m);
}

static void the_cap_names_both_numbers(void **state)
{
	struct img m = img_make(3, 9, false, false);
	struct img_outcome o = img_decode(m.p, m.len, &(struct img_run){.cap = 4096});

	(void)state;
	assert_int_equal(o.err.code, DR_LIMIT);
	assert_string_equal(o.err.msg, "virtual size 53248, allowed 4096");
	img_outcome_free(&o);
	assert_true(
		img_bytes_give(m.p, m.len, &(struct img_run){.cap = 53248}, "", "exactly the cap"));
	assert_true(img_bytes_give(m.p, 3000, &(struct img_run){.max_upload = 3000}, "truncated",
				   "places beyond what an upload may have"));
	assert_true(img_bytes_give(m.p, m.len, &(struct img_run){.max_upload = 3583}, "too-large",
				   "an upload over its limit"));
	img_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_images_decode_to_their_disk),
		cmocka_unit_test(what_the_image_depends_on_is_refused),
		cmocka_unit_test(unknown_incompatible_bits_are_refused_by_number),
		cmocka_unit_test(compression_type_must_fit_its_bit),
		cmocka_unit_test(impossible_geometry_is_refused),
		cmocka_unit_test(no_cap_leaves_the_arithmetic_safe),
		cmocka_unit_test(tables_must_be_possible),
		cmocka_unit_test(tables_must_end_inside_the_file),
		cmocka_unit_test(header_length_must_be_possible),
		cmocka_unit_test(extensions_are_walked_inside_the_first_cluster),
		cmocka_unit_test(extensions_are_counted),
		cmocka_unit_test(version_2_ends_at_byte_72),
		cmocka_unit_test(a_cut_header_is_truncated),
		cmocka_unit_test(a_cut_file_is_never_accepted),
		cmocka_unit_test(warnings_say_what_was_left_out),
		cmocka_unit_test(the_cap_names_both_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
