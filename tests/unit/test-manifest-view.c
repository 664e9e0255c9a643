/* SPDX-License-Identifier: Apache-2.0
 *
 * Views without other programs: any range is a slice of the whole, damage is an error, and size
 * costs nothing. test-manifest-tools.c has lz4 and qemu-img judge the whole. */
#include <stdlib.h>
#include <string.h>

#include "manifest-disk.h"
#include "manifest/view.h"
#include "store/chunk.h"
#include "store/mem.h"
#include "unit.h"
#include "util/rd.h"

static const enum view_kind kinds[] = {VIEW_LZ4, VIEW_RAW, VIEW_QCOW2};

#define KINDS (sizeof kinds / sizeof *kinds)

struct random {
	uint64_t x;
};

static uint64_t below(struct random *r, uint64_t n)
{
	r->x ^= r->x << 13;
	r->x ^= r->x >> 7;
	r->x ^= r->x << 17;
	return r->x % n;
}

static int setup(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct store *st = NULL;

	if (store_mem_open(&st, &err) < 0)
		return -1;
	*state = st;
	return 0;
}

static int teardown(void **state)
{
	store_close(*state);
	return 0;
}

static void read_exactly(struct view *v, uint8_t *to, size_t len, uint64_t off)
{
	struct dr_err err = DR_ERR_INIT;
	ssize_t n;

	for (size_t done = 0; done < len; done += (size_t)n) {
		n = view_read(v, to + done, len - done, off + done, &err);
		if (n <= 0)
			fail_msg("read at %llu: %s", (unsigned long long)(off + done), err.msg);
	}
}

static void raw_is_the_disk(void **state)
{
	dr_autofree uint8_t *got = malloc(3 * MIB);
	dr_autofree uint8_t *want = malloc(3 * MIB);

	for (size_t i = 0; i < DISKS; i++) {
		DR_CLEANUP(view_closep) struct view *v = disk_view(*state, &disks[i], VIEW_RAW);

		assert_true(view_size(v) == disks[i].bytes);
		for (uint64_t off = 0; off < disks[i].bytes;) {
			size_t n = (size_t)(disks[i].bytes - off < 3 * MIB ? disks[i].bytes - off
									   : 3 * MIB);

			read_exactly(v, got, n, off);
			disk_read(&disks[i], want, n, off);
			assert_memory_equal(got, want, n);
			/* The big one is looked at where something begins or ends. */
			off += disks[i].bytes > 64 * MIB && off == 3 * MIB ? 504 * MIB : n;
			if (off > 516 * MIB && off < 1020 * MIB)
				off = 1020 * MIB;
		}
	}
}

/* whole: every byte of a view, read in one direction. Owned by the caller. */
static uint8_t *whole(struct view *v)
{
	uint8_t *p = malloc(view_size(v));

	assert_non_null(p);
	read_exactly(v, p, view_size(v), 0);
	return p;
}

static void any_range_is_a_slice_of_the_whole(void **state)
{
	struct random r = {88172645463325252u};
	uint8_t got[9000];

	for (size_t i = 0; i < DISKS * KINDS; i++) {
		const struct disk *d = &disks[i / KINDS];
		DR_CLEANUP(view_closep) struct view *v = NULL;
		dr_autofree uint8_t *all = NULL;
		uint64_t size;

		if (d->bytes > 64 * MIB && kinds[i % KINDS] == VIEW_RAW)
			continue;
		v = disk_view(*state, d, kinds[i % KINDS]);
		size = view_size(v);
		all = whole(v);
		for (unsigned j = 0; j < 150; j++) {
			/* Near a boundary of chunks or blocks as often as anywhere. */
			uint64_t off = j % 3 ? below(&r, size) : below(&r, size / MIB + 1) * MIB;
			size_t len;

			off = off > 5 && j % 2 ? off - below(&r, 5) : off;
			if (off >= size)
				off = size - 1;
			len = 1 + below(&r, sizeof got < size - off ? sizeof got : size - off);
			read_exactly(v, got, len, off);
			assert_memory_equal(got, all + off, len);
		}
	}
}

/* le24: the length in a size word. */
static uint32_t le24(const uint8_t *p)
{
	struct rd r = rd_init(p, 3);

	return (uint32_t)rd_le(&r, 3);
}

/* The lz4 view, walked as a frame by the rules of the format. */
static void lz4_is_a_frame_whose_blocks_are_the_chunks(void **state)
{
	dr_autobuf struct buf plain = BUF_INIT;
	dr_autofree uint8_t *want = malloc(MIB);
	struct dr_err err = DR_ERR_INIT;

	for (size_t i = 0; i < DISKS; i++) {
		DR_CLEANUP(view_closep) struct view *v = disk_view(*state, &disks[i], VIEW_LZ4);
		dr_autofree uint8_t *all = whole(v);
		uint64_t at = 15, off = 0, size = view_size(v);

		assert_memory_equal(all, "\x04\x22\x4D\x18\x78\x60", 6);
		while (at + 4 < size) {
			size_t n = le24(all + at) + CHUNK_OVERHEAD_BYTES;

			assert_true(n <= size - 4 - at);
			assert_int_equal(chunk_decode(all + at, n, &plain, &err), 0);
			assert_true(plain.len == MIB || off + plain.len == disks[i].bytes);
			disk_read(&disks[i], want, plain.len, off);
			assert_memory_equal(plain.p, want, plain.len);
			at += n;
			off += plain.len;
		}
		assert_true(off == disks[i].bytes);
		assert_memory_equal(all + at, "\0\0\0\0", 4);
	}
}

static const struct disk huge = {"2 TiB", UINT64_C(2) << 40, {0, 777777, (2 << 20) - 1, END}};

static void a_huge_sparse_disk_costs_no_more_than_its_chunks(void **state)
{
	dr_autofree uint8_t *want = malloc(MIB);
	dr_autofree uint8_t *got = malloc(MIB);
	uint64_t zeros = (huge.bytes / MIB - 3) * (4122 + 8);

	for (size_t i = 0; i < KINDS; i++) {
		DR_CLEANUP(view_closep) struct view *v = disk_view(*state, &huge, kinds[i]);
		DR_CLEANUP(manifest_freep) struct manifest *m = disk_put(*state, &huge);
		uint64_t size = view_size(v);

		assert_true(size == view_size_of(m, kinds[i]));
		if (kinds[i] == VIEW_RAW) {
			assert_true(size == huge.bytes);
			read_exactly(v, got, MIB, 777777 * MIB);
			disk_read(&huge, want, MIB, 777777 * MIB);
			assert_memory_equal(got, want, MIB);
			read_exactly(v, got, MIB, 777776 * MIB + 1);
			disk_read(&huge, want, MIB, 777776 * MIB + 1);
			assert_memory_equal(got, want, MIB);
		} else if (kinds[i] == VIEW_LZ4) {
			assert_true(size == 15 + manifest_stored_bytes(m) + zeros + 4);
			read_exactly(v, got, 4, size - 4);
			assert_memory_equal(got, "\0\0\0\0", 4);
			/* The last zero block before the last chunk, and that chunk's size word. */
			read_exactly(v, got, 4134, size - 4 - m->entries[2].stored_bytes - 4130);
			assert_memory_equal(got, "\x1A\x10\0\0\x1F\0\1\0\xFF", 9);
			assert_int_equal(le24(got + 4130), m->entries[2].stored_bytes - 8);
		} else {
			/* header, refcounts (2), L1, three L2 tables, three chunks */
			assert_true(size == (1 + 2 + 1 + 3) * 65536 + 3 * MIB);
		}
	}
}

/* damage_chunk: one bit of the second entry of the disk. */
static void damage_chunk(struct store *st, const struct manifest *m)
{
	struct buf *b = store_mem_item(st, DISK_DOMAIN, false, &m->entries[1].id);

	assert_non_null(b);
	b->p[b->len / 2] ^= 1;
}

static void a_damaged_chunk_is_an_error_and_never_wrong_bytes(void **state)
{
	const struct disk *d = &disks[9];
	struct dr_err err = DR_ERR_INIT;

	for (size_t i = 0; i < KINDS; i++) {
		DR_CLEANUP(view_closep) struct view *v = disk_view(*state, d, kinds[i]);
		DR_CLEANUP(manifest_freep) struct manifest *m = disk_put(*state, d);
		dr_autofree uint8_t *all = whole(v);
		dr_autofree uint8_t *got = malloc(view_size(v));
		uint64_t size = view_size(v);
		size_t good;
		ssize_t n;

		damage_chunk(*state, m);
		view_close(DR_STEAL(v));
		v = NULL;
		assert_int_equal(view_open(&v, *state, DR_STEAL(m), kinds[i], &err), 0);
		n = view_read(v, got, size, 0, &err);
		assert_true(n > 0 && (uint64_t)n < size);
		good = (size_t)n;
		assert_memory_equal(got, all, good);
		/* At the damage: an error, again (now it is missing), and always the same code. */
		for (int again = 0; again < 2; again++) {
			assert_int_equal(view_read(v, got, size, good, &err), -1);
			assert_int_equal(err.code, DR_CORRUPT);
			assert_non_null(strstr(err.msg, "the disk at 2 MiB"));
			dr_err_clear(&err);
		}
		/* What lies behind can still be read, and after a put of the same bytes all can. */
		assert_int_equal(view_read(v, got, 1, size - 1, &err), 1);
		manifest_free(disk_put(*state, d));
		read_exactly(v, got, size, 0);
		assert_memory_equal(got, all, size);
	}
}

/* A manifest whose digest is right but which says something else about a chunk. */
static void a_chunk_of_another_length_is_refused(void **state)
{
	struct disk longer = {"", 3 * MIB, {2, END}};

	for (size_t i = 0; i < KINDS; i++) {
		DR_CLEANUP(view_closep) struct view *v = NULL;
		struct manifest *m = disk_put(*state, &longer);
		struct dr_err err = DR_ERR_INIT;
		dr_autofree uint8_t *got = NULL;
		ssize_t n;

		if (kinds[i] == VIEW_LZ4) {
			m->entries[0].check ^= 1;
		} else {
			m->virtual_bytes -= 512;
			m->entries[0].stored_bytes -= 512;
		}
		assert_int_equal(view_open(&v, *state, m, kinds[i], &err), 0);
		got = malloc(view_size(v));
		n = view_read(v, got, view_size(v), 0, &err);
		assert_true(n > 0 && (uint64_t)n < view_size(v));
		assert_int_equal(view_read(v, got, view_size(v), (uint64_t)n, &err), -1);
		assert_int_equal(err.code, DR_CORRUPT);
	}
}

static void kinds_have_names(void **state)
{
	enum view_kind kind;

	(void)state;
	assert_true(view_kind_parse("lz4", &kind) && kind == VIEW_LZ4);
	assert_true(view_kind_parse("raw", &kind) && kind == VIEW_RAW);
	assert_true(view_kind_parse("qcow2", &kind) && kind == VIEW_QCOW2);
	assert_false(view_kind_parse("vmdk", &kind));
	assert_false(view_kind_parse("", &kind));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(raw_is_the_disk),
		CASE(any_range_is_a_slice_of_the_whole),
		CASE(lz4_is_a_frame_whose_blocks_are_the_chunks),
		CASE(a_huge_sparse_disk_costs_no_more_than_its_chunks),
		CASE(a_damaged_chunk_is_an_error_and_never_wrong_bytes),
		CASE(a_chunk_of_another_length_is_refused),
		CASE(kinds_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
