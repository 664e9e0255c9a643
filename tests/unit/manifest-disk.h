/* SPDX-License-Identifier: Apache-2.0
 *
 * A disk made of chunks with known bytes, in an in-memory store, for the tests of manifests. */
#ifndef DR_TESTS_UNIT_MANIFEST_DISK_H
#define DR_TESTS_UNIT_MANIFEST_DISK_H

#include <string.h>

#include "manifest/view.h"
#include "unit.h"

#define MIB ((uint64_t)STORE_CHUNK_BYTES)
#define DISK_DOMAIN "acc-aaaaa"

/* A disk: its size, and which chunks are not zero (ascending; UINT32_MAX ends the list). */
struct disk {
	const char *name;
	uint64_t bytes;
	uint32_t chunks[12];
};

#define END UINT32_MAX

/* The shapes of disks that the views must get right. */
static const struct disk disks[] = {
	{"one sector", 512, {0, END}},
	{"one zero sector", 512, {END}},
	{"one sector short of a chunk", MIB - 512, {0, END}},
	{"one zero sector short of a chunk", MIB - 512, {END}},
	{"one chunk", MIB, {0, END}},
	{"one zero chunk", MIB, {END}},
	{"one chunk and a sector", MIB + 512, {0, 1, END}},
	{"one chunk and a zero sector", MIB + 512, {0, END}},
	{"one zero chunk and a sector", MIB + 512, {1, END}},
	{"five chunks and some sectors", 5 * MIB + 7 * 512, {0, 2, 3, 5, END}},
	{"the middle only", 5 * MIB + 7 * 512, {2, END}},
	{"all zero", 7 * MIB + 65536, {END}},
	{"all but the first and last", 7 * MIB + 65536, {1, 2, 3, 4, 5, 6, END}},
	{"two regions of a qcow2", 1025 * MIB + 512, {0, 511, 512, 1024, 1025, END}},
};

#define DISKS (sizeof disks / sizeof *disks)

/* disk_byte: what a chunk's byte is: half of it compresses, and none of it is zero for long. */
static inline void disk_fill(uint8_t *p, size_t len, uint32_t chunk)
{
	uint64_t x = (chunk + 1) * 0x9E3779B97F4A7C15u;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = i / 1024 % 2 || chunk % 3 == 2 ? (uint8_t)x : (uint8_t)(chunk + 1);
	}
}

/* disk_read: bytes of the disk as they should be. */
static inline void disk_read(const struct disk *d, uint8_t *to, size_t len, uint64_t off)
{
	uint8_t *chunk = malloc(MIB);

	assert_non_null(chunk);
	memset(to, 0, len);
	for (size_t i = 0; d->chunks[i] != END; i++) {
		uint64_t start = d->chunks[i] * MIB;
		uint64_t from = off > start ? off : start;
		uint64_t until = off + len < start + MIB ? off + len : start + MIB;

		if (from >= until)
			continue;
		disk_fill(chunk, MIB, d->chunks[i]);
		memcpy(to + (from - off), chunk + (from - start), until - from);
	}
	free(chunk);
}

/* disk_put: the disk's chunks go into the store. Its manifest, owned by the caller. */
static inline struct manifest *disk_put(struct store *st, const struct disk *d)
{
	struct manifest *m = manifest_new(d->bytes);
	uint8_t *plain = malloc(MIB);
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;

	assert_true(m && plain);
	assert_int_equal(store_begin(st, "job-1", &tx, &err), 0);
	assert_int_equal(manifest_domain(m, DISK_DOMAIN, &err), 0);
	for (size_t i = 0; d->chunks[i] != END; i++) {
		struct manifest_entry e = {.index = d->chunks[i]};
		struct store_chunk_info info;

		disk_fill(plain, MIB, e.index);
		assert_int_equal(store_put_chunk(tx, DISK_DOMAIN, plain,
						 manifest_chunk_len(m, e.index), &e.id, &info,
						 &err),
				 0);
		e.stored_bytes = info.stored_bytes;
		e.check = info.check;
		assert_int_equal(manifest_add(m, &e, &err), 0);
	}
	assert_int_equal(store_commit(tx, &err), 0);
	free(plain);
	return m;
}

static inline struct view *disk_view(struct store *st, const struct disk *d, enum view_kind kind)
{
	struct dr_err err = DR_ERR_INIT;
	struct view *v = NULL;

	assert_int_equal(view_open(&v, st, disk_put(st, d), kind, &err), 0);
	return v;
}

#endif
