/* SPDX-License-Identifier: Apache-2.0
 *
 * Mutates a qcow2 image (behind one byte of fuzz-qcow2's own) one field at a time, so that most of
 * what it makes is valid but for that field: header fields, extensions, L1 and L2 entries,
 * subcluster bitmaps, compressed descriptors and their data, the length of the file. Values are
 * those at which checks may fail: limits, neighbours, other clusters of the file, single bits. */
#include <string.h>

#include "mutate.h"

#include "util/banned.h"

struct edit {
	uint8_t *p; /* the image */
	size_t len;
	size_t max;
	uint64_t rng;
};

struct place {
	size_t off;
	unsigned width;
};

static uint64_t pick(struct edit *e, uint64_t n)
{
	return mutate_random(&e->rng, n);
}

static uint64_t get(const struct edit *e, struct place at)
{
	uint64_t v = 0;

	for (size_t i = 0; i < at.width && at.off + i < e->len; i++)
		v = v << 8 | e->p[at.off + i];
	return v;
}

static void put(struct edit *e, struct place at, uint64_t v)
{
	for (size_t i = at.width; i > 0; i--, v >>= 8)
		if (at.off + i - 1 < e->len)
			e->p[at.off + i - 1] = (uint8_t)v;
}

static unsigned cluster_bits(const struct edit *e)
{
	uint64_t bits = get(e, (struct place){20, 4});

	return bits >= 9 && bits <= 21 ? (unsigned)bits : 9;
}

static uint64_t some_cluster(struct edit *e)
{
	unsigned bits = cluster_bits(e);

	return pick(e, (e->len >> bits) + 2) << bits;
}

/* A value for a field that holds `old`. */
static uint64_t some_value(struct edit *e, uint64_t old)
{
	static const uint64_t limits[] = {
		0,
		1,
		2,
		3,
		4,
		6,
		7,
		8,
		9,
		21,
		22,
		72,
		104,
		112,
		512,
		0x7fffffff,
		0x80000000,
		0xffffffff,
		65536,
		65537,
		1 << 9,
		4 << 20,
		(4 << 20) + 1,
		0x100000000,
	};

	switch (pick(e, 8)) {
	case 0:
		return limits[pick(e, sizeof limits / sizeof *limits)];
	case 1:
		return old + 1;
	case 2:
		return old - 1;
	case 3:
		return some_cluster(e);
	case 4:
		return e->len + pick(e, 3) - 1;
	case 5:
		return (old & ~(uint64_t)0x00fffffffffffe00) | some_cluster(e);
	case 6:
		return UINT64_MAX << pick(e, 64);
	default:
		return old ^ (uint64_t)1 << pick(e, 64);
	}
}

static void edit_value(struct edit *e, struct place at)
{
	uint64_t old = get(e, at);

	/* Bits above the field would be lost, so narrow fields get narrow flips. */
	if (pick(e, 4) == 0)
		put(e, at, old ^ (uint64_t)1 << pick(e, 8 * at.width));
	else
		put(e, at, some_value(e, old));
}

/* spec, "Header" */
static void edit_header(struct edit *e)
{
	static const struct place fields[] = {
		{4, 4},  {8, 8},  {16, 4}, {20, 4}, {24, 8}, {32, 4}, {36, 4}, {40, 8},  {48, 8},
		{56, 4}, {60, 4}, {64, 8}, {72, 8}, {80, 8}, {88, 8}, {96, 4}, {100, 4}, {104, 1}};

	edit_value(e, fields[pick(e, sizeof fields / sizeof *fields)]);
}

/* spec, "Header extensions" */
static void edit_extension(struct edit *e)
{
	static const uint32_t types[] = {0,          0xe2792aca, 0x6803f857, 0x23852875,
					 0x0537be77, 0x44415441, 0x12345678};
	size_t at = (size_t)get(e, (struct place){100, 4});

	if (get(e, (struct place){4, 4}) < 3 || at > e->len)
		at = 104;
	while (pick(e, 3) > 0 && get(e, (struct place){at, 4}) != 0 && at < e->len)
		at += 8 + ((size_t)get(e, (struct place){at + 4, 4}) + 7) / 8 * 8;
	put(e, (struct place){at, 4}, types[pick(e, sizeof types / sizeof *types)]);
	put(e, (struct place){at + 4, 4}, pick(e, 4) ? pick(e, 40) : some_value(e, 0));
}

static struct place l1_entry(struct edit *e)
{
	uint64_t count = get(e, (struct place){36, 4});

	return (struct place){(size_t)(get(e, (struct place){40, 8}) + 8 * pick(e, count % 64 + 1)),
			      8};
}

/* An entry of an L2 table that exists, most often one in use. */
static struct place l2_entry(struct edit *e)
{
	unsigned width = get(e, (struct place){72, 8}) & 16 ? 16 : 8;
	uint64_t table = 0, entries = (1U << cluster_bits(e)) / width;
	struct place at = {0, 8};

	for (unsigned tries = 0; tries < 8 && table == 0; tries++)
		table = get(e, l1_entry(e)) & 0x00fffffffffffe00;
	for (unsigned tries = 0; tries < 8; tries++) {
		at.off = (size_t)(table + width * pick(e, tries < 6 ? 8 : entries));
		if (get(e, at) != 0)
			break;
	}
	return at;
}

static void edit_l2(struct edit *e)
{
	struct place at = l2_entry(e), other = l2_entry(e);

	switch (pick(e, 4)) {
	case 0: /* two guest clusters, one host cluster */
		put(e, at, get(e, other));
		break;
	case 1: /* another kind of cluster at the same place */
		put(e, at, get(e, at) ^ (uint64_t)1 << (pick(e, 2) ? 62 : 0));
		break;
	default:
		edit_value(e, at);
	}
}

static void edit_bitmap(struct edit *e)
{
	struct place at = l2_entry(e);
	uint64_t bits = get(e, (struct place){at.off + 8, 8});

	at.off += 8;
	bits ^= UINT64_MAX >> pick(e, 64) << pick(e, 64);
	put(e, at, pick(e, 2) ? bits & ~(bits << 32) : bits);
}

/* spec, "Compressed Clusters Descriptor": place and number of sectors, or the stream itself. */
static void edit_packed(struct edit *e)
{
	unsigned x = 62 - (cluster_bits(e) - 8);
	uint64_t entry = 0, off;
	struct place at = {0, 8};

	for (unsigned tries = 0; tries < 16 && !(entry >> 62 & 1); tries++) {
		at = l2_entry(e);
		entry = get(e, at);
	}
	if (!(entry >> 62 & 1))
		return;
	off = entry & (((uint64_t)1 << x) - 1);
	if (pick(e, 2) && off < e->len) {
		size_t room = e->len - (size_t)off, n = room < 64 ? room : 64;

		LLVMFuzzerMutate(e->p + off, n, n);
		return;
	}
	if (pick(e, 2))
		entry += (pick(e, 5) - 2) << x;
	else
		entry += pick(e, 1025) - 512;
	put(e, at, entry);
}

static void edit_length(struct edit *e)
{
	size_t len = pick(e, 2) ? (size_t)some_cluster(e) : (size_t)pick(e, e->max + 1);

	if (pick(e, 3) == 0)
		len = e->len - (size_t)pick(e, e->len < 16 ? e->len + 1 : 16);
	if (len > e->max)
		len = e->max;
	if (len > e->len)
		memset(e->p + e->len, 0, len - e->len);
	e->len = len;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static void (*const edits[])(struct edit *) = {
		edit_header, edit_l2,     edit_l2,        edit_packed,
		edit_packed, edit_bitmap, edit_extension,
	};
	struct edit e = {.rng = seed};

	if (size < 105 || pick(&e, 6) == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	if (pick(&e, 8) == 0)
		data[0] ^= (uint8_t)(1U << pick(&e, 5));
	e.p = data + 1;
	e.len = size - 1;
	e.max = max_size - 1;
	for (uint64_t n = pick(&e, 3) + 1; n > 0; n--) {
		uint64_t kind = pick(&e, 10);

		if (kind < sizeof edits / sizeof *edits)
			edits[kind](&e);
		else if (kind == 7)
			edit_value(&e, l1_entry(&e));
		else if (kind == 8)
			edit_length(&e);
		else
			edit_value(&e, (struct place){(size_t)pick(&e, e.len + 1), 8});
	}
	return e.len + 1;
}
