/* SPDX-License-Identifier: Apache-2.0
 *
 * hardening.md section 1.2, and the contract of extents. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "util/checked.h"

#include "util/banned.h"

#define MIB ((size_t)1 << 20)

/* A MiB of bytes, two of zeros, and a sector. */
#define DISK_BYTES (3 * MIB + 512)

struct raw_case {
	size_t len; /* of the input, up to DISK_BYTES */
	uint64_t declared;
	size_t fragment;
	uint64_t cap; /* 0: none */
	bool unproven;
	bool skip; /* read only the first bytes of every extent */
};

struct raw_outcome {
	struct dr_err err;
	uint64_t size;
	uint64_t data_bytes;
	unsigned extents;
	uint8_t *disk;
};

static uint8_t *make_disk(void)
{
	uint8_t *disk = calloc(1, DISK_BYTES);

	assert_non_null(disk);
	for (size_t i = 0; i < MIB; i++)
		disk[i] = (uint8_t)(i * 13 + 1);
	memset(disk + 3 * MIB, 0x5a, 512);
	return disk;
}

static int drain(struct format *f, const struct raw_case *c, struct raw_outcome *o)
{
	struct extent e;
	int rc;

	while ((rc = format_next(f, &e, &o->err)) > 0) {
		o->extents++;
		if (e.kind == EXTENT_ZERO)
			continue;
		o->data_bytes += e.len;
		if (c->skip)
			e.len = 100;
		if (format_read(f, o->disk + e.off, e.len / 3, &o->err) < 0 ||
		    format_read(f, o->disk + e.off + e.len / 3, e.len - e.len / 3, &o->err) < 0)
			return -1;
	}
	o->size = f->virtual_bytes;
	return rc;
}

static struct raw_outcome decode(const struct raw_case *c)
{
	const struct format_limits lim = {.virtual_bytes = c->cap ? c->cap : UINT64_MAX,
					  .length_proven = !c->unproven};
	struct raw_outcome o = {.disk = calloc(1, DISK_BYTES)};
	dr_autofree uint8_t *disk = make_disk();
	DR_CLEANUP(stream_closep) struct stream *in = NULL;
	DR_CLEANUP(format_closep) struct format *f = NULL;

	assert_non_null(o.disk);
	assert_int_equal(stream_mem_open(&in, disk, c->len, &o.err), 0);
	in->fragment = c->fragment;
	if (format_raw_open(&f, in, c->declared, &lim, &o.err) < 0)
		return o;
	if (drain(f, c, &o) == 0)
		return o;
	/* the first failure is final */
	struct dr_err again = DR_ERR_INIT;
	struct extent e;

	assert_int_equal(format_next(f, &e, &again), -1);
	assert_string_equal(again.msg, o.err.msg);
	return o;
}

static void gives(const struct raw_case *c, enum dr_code code, const char *reason)
{
	struct raw_outcome o = decode(c);

	assert_string_equal(o.err.reason, reason);
	assert_int_equal(o.err.code, code);
	free(o.disk);
}

static void a_disk_comes_out_as_it_went_in(void **state)
{
	static const uint64_t lengths[] = {DISK_BYTES, FORMAT_SIZE_UNKNOWN};
	static const size_t fragments[] = {0, 1, 4095};
	uint8_t *disk = make_disk();

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 3; k++) {
			struct raw_outcome o = decode(&(struct raw_case){.len = DISK_BYTES,
									 .declared = lengths[i],
									 .fragment = fragments[k]});

			assert_string_equal(o.err.msg, "");
			assert_int_equal(o.size, DISK_BYTES);
			assert_int_equal(o.extents, 4);
			assert_memory_equal(o.disk, disk, DISK_BYTES);
			free(o.disk);
		}
	free(disk);
}

static void zeros_read_ahead_are_zero_extents(void **state)
{
	struct raw_outcome o =
		decode(&(struct raw_case){.len = DISK_BYTES, .declared = FORMAT_SIZE_UNKNOWN});

	(void)state;
	assert_int_equal(o.data_bytes, MIB + 512);
	free(o.disk);
}

static void what_is_not_read_is_skipped(void **state)
{
	uint8_t *disk = make_disk();

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct raw_outcome o =
			decode(&(struct raw_case){.len = DISK_BYTES,
						  .declared = i ? DISK_BYTES : FORMAT_SIZE_UNKNOWN,
						  .skip = true});

		assert_string_equal(o.err.msg, "");
		assert_memory_equal(o.disk + 3 * MIB, disk + 3 * MIB, 100);
		free(o.disk);
	}
	free(disk);
}

static void lengths_that_no_disk_has(void **state)
{
	const uint64_t unknown = FORMAT_SIZE_UNKNOWN;

	(void)state;
	gives(&(struct raw_case){.len = 0, .declared = 0}, DR_INVALID, "empty");
	gives(&(struct raw_case){.len = 0, .declared = unknown}, DR_INVALID, "empty");
	gives(&(struct raw_case){.len = 513, .declared = 513}, DR_INVALID, "not-whole-sectors");
	gives(&(struct raw_case){.len = 513, .declared = unknown}, DR_INVALID, "not-whole-sectors");
	gives(&(struct raw_case){.len = MIB + 511, .declared = unknown}, DR_INVALID,
	      "not-whole-sectors");
	gives(&(struct raw_case){.len = 512, .declared = unknown}, DR_OK, "");
	gives(&(struct raw_case){.len = 512, .declared = 512}, DR_OK, "");
}

static void the_cap_holds_for_announced_and_counted_bytes(void **state)
{
	const uint64_t unknown = FORMAT_SIZE_UNKNOWN;

	(void)state;
	gives(&(struct raw_case){.len = 512, .declared = 4096, .cap = 2048}, DR_LIMIT, "too-large");
	gives(&(struct raw_case){.len = 4096, .declared = unknown, .cap = 2048}, DR_LIMIT,
	      "too-large");
	gives(&(struct raw_case){.len = 3 * MIB, .declared = unknown, .cap = 2 * MIB}, DR_LIMIT,
	      "too-large");
	gives(&(struct raw_case){.len = 2 * MIB, .declared = unknown, .cap = 2 * MIB}, DR_OK, "");
	gives(&(struct raw_case){.len = 2 * MIB, .declared = 2 * MIB, .cap = 2 * MIB}, DR_OK, "");
	/* that it is no whole number of sectors either does not matter */
	gives(&(struct raw_case){.len = 512, .declared = UINT64_MAX - 1, .cap = MIB}, DR_LIMIT,
	      "too-large");
}

static void the_announced_length_is_exact(void **state)
{
	(void)state;
	gives(&(struct raw_case){.len = MIB, .declared = MIB + 512}, DR_CORRUPT, "truncated");
	gives(&(struct raw_case){.len = 0, .declared = 512}, DR_CORRUPT, "truncated");
	gives(&(struct raw_case){.len = MIB + 512, .declared = MIB}, DR_CORRUPT, "trailing-data");
	gives(&(struct raw_case){.len = MIB, .declared = 2 * MIB, .skip = true}, DR_CORRUPT,
	      "truncated");
}

static void a_length_that_nobody_vouches_for_is_refused(void **state)
{
	struct raw_case c = {.len = 512, .declared = FORMAT_SIZE_UNKNOWN, .unproven = true};

	(void)state;
	gives(&c, DR_INVALID, "length-unknown");
	c.declared = 512;
	gives(&c, DR_OK, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_disk_comes_out_as_it_went_in),
		cmocka_unit_test(zeros_read_ahead_are_zero_extents),
		cmocka_unit_test(what_is_not_read_is_skipped),
		cmocka_unit_test(lengths_that_no_disk_has),
		cmocka_unit_test(the_cap_holds_for_announced_and_counted_bytes),
		cmocka_unit_test(the_announced_length_is_exact),
		cmocka_unit_test(a_length_that_nobody_vouches_for_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
