/* SPDX-License-Identifier: Apache-2.0 */
#include "qcow2-reference.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "util/banned.h"

#define OFFSET_MASK 0x00fffffffffffe00U
#define CLUSTER_MAX ((size_t)2 << 20)

struct span {
	uint64_t off;
	uint64_t end;
};

struct file {
	const uint8_t *p;
	size_t len;
	unsigned bits;
	uint64_t cluster;
	bool extended;
	bool zstd;
	bool undefined; /* see inflate_whole() */
	uint64_t size;  /* of the disk */
	uint64_t l1;
	struct span *packed; /* owned: what compressed clusters are made of */
	size_t packed_count;
};

static bool inside(const struct file *f, uint64_t off, uint64_t len)
{
	return off <= f->len && len <= f->len - off;
}

static bool get(const struct file *f, uint64_t off, unsigned width, uint64_t *ret)
{
	if (!inside(f, off, width))
		return false;
	*ret = 0;
	for (unsigned i = 0; i < width; i++)
		*ret = *ret << 8 | f->p[off + i];
	return true;
}

/* In a block that defines one distance code or none (RFC 1951 section 3.2.7) libdeflate also takes
 * a code that is not defined, zlib does not. What follows such a code is not compared. */
static bool inflate_whole(struct file *f, uint64_t off, size_t n, uint8_t *out, size_t *used)
{
	z_stream z = {0};
	bool ok;

	if (inflateInit2(&z, -15) != Z_OK)
		abort();
	z.next_in = (z_const Bytef *)(uintptr_t)(f->p + off);
	z.avail_in = (uInt)n;
	z.next_out = out;
	z.avail_out = (uInt)f->cluster;
	inflate(&z, Z_SYNC_FLUSH);
	f->undefined = z.msg && strcmp(z.msg, "invalid distance code") == 0;
	ok = z.avail_out == 0 || f->undefined;
	*used = n - z.avail_in;
	inflateEnd(&z);
	return ok;
}

static bool unzstd_whole(const struct file *f, uint64_t off, size_t n, uint8_t *out, size_t *used)
{
	ZSTD_DStream *z = ZSTD_createDStream();
	ZSTD_inBuffer in = {f->p + off, n, 0};
	ZSTD_outBuffer to = {out, f->cluster, 0};
	size_t before, rc = 0;

	if (!z)
		abort();
	do {
		before = in.pos + to.pos;
		rc = ZSTD_decompressStream(z, &to, &in);
	} while (!ZSTD_isError(rc) && to.pos < to.size && in.pos + to.pos > before);
	ZSTD_freeDStream(z);
	*used = in.pos;
	return to.pos == to.size;
}

/* "Compressed Clusters Descriptor" */
static bool packed(struct file *f, uint64_t entry, uint8_t *out)
{
	unsigned x = 62 - (f->bits - 8);
	uint64_t off = entry & (((uint64_t)1 << x) - 1);
	uint64_t sectors = (entry & (((uint64_t)1 << 62) - 1)) >> x;
	uint64_t end = off / 512 * 512 + (sectors + 1) * 512;
	size_t used = 0;
	bool ok;

	if (off >= f->len)
		return false;
	if (end > f->len)
		end = f->len;
	ok = f->zstd ? unzstd_whole(f, off, (size_t)(end - off), out, &used)
		     : inflate_whole(f, off, (size_t)(end - off), out, &used);
	f->packed[f->packed_count++] = (struct span){off, off + used};
	return ok;
}

/* The first `want` bytes of one guest cluster, over zeros. */
static bool cluster(struct file *f, uint64_t entry, uint64_t bitmap, size_t want, uint8_t *out)
{
	uint64_t host = entry & OFFSET_MASK, sub = f->cluster / 32;

	if (entry >> 62 & 1)
		return packed(f, entry, out);
	if (!f->extended)
		bitmap = host != 0 && !(entry & 1) ? UINT32_MAX : 0;
	for (unsigned i = 0; i < 32 && i * sub < want; i++) {
		uint64_t n = want - i * sub < sub ? want - i * sub : sub;

		if (!(bitmap >> i & 1))
			continue;
		if (!inside(f, host + i * sub, n))
			return false;
		memcpy(out + i * sub, f->p + host + i * sub, n);
	}
	return true;
}

static bool lookup(const struct file *f, uint64_t guest, uint64_t *entry, uint64_t *bitmap)
{
	unsigned width = f->extended ? 16 : 8;
	uint64_t per_table = f->cluster / width, l1 = 0, at;

	*entry = *bitmap = 0;
	if (!get(f, f->l1 + guest / per_table * 8, 8, &l1))
		return false;
	if ((l1 & OFFSET_MASK) == 0)
		return true;
	at = (l1 & OFFSET_MASK) + guest % per_table * width;
	return get(f, at, 8, entry) && (!f->extended || get(f, at + 8, 8, bitmap));
}

static bool file_open(struct file *f, const uint8_t *p, size_t len)
{
	uint64_t version = 0, bits = 0, features = 0;

	*f = (struct file){.p = p, .len = len};
	if (!get(f, 4, 4, &version) || !get(f, 20, 4, &bits) || !get(f, 24, 8, &f->size) ||
	    !get(f, 40, 8, &f->l1) || (version == 3 && !get(f, 72, 8, &features)))
		return false;
	f->bits = (unsigned)bits;
	f->cluster = (uint64_t)1 << bits;
	f->extended = features & 16;
	f->zstd = features & 8;
	f->packed = calloc((f->size >> bits) + 1, sizeof *f->packed);
	return f->packed != NULL;
}

/* Every cluster; compared with `disk` unless that is NULL. */
static bool walk(struct file *f, const uint8_t *disk)
{
	uint8_t *out = malloc(CLUSTER_MAX);
	bool ok = out != NULL;

	for (uint64_t off = 0; ok && off < f->size; off += f->cluster) {
		uint64_t want = f->size - off < f->cluster ? f->size - off : f->cluster;
		uint64_t entry, bitmap;

		ok = lookup(f, off >> f->bits, &entry, &bitmap);
		if (!ok)
			break;
		memset(out, 0, f->cluster);
		f->undefined = false;
		ok = cluster(f, entry, bitmap, want, out) &&
		     (!disk || f->undefined || memcmp(out, disk + off, want) == 0);
	}
	free(out);
	return ok;
}

bool reference_agrees(const uint8_t *p, size_t len, const uint8_t *disk, uint64_t disk_bytes)
{
	struct file f;
	bool ok = file_open(&f, p, len) && f.size == disk_bytes && walk(&f, disk);

	free(f.packed);
	return ok;
}

static int by_offset(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->off > y->off) - (x->off < y->off);
}

bool reference_shares(const uint8_t *p, size_t len)
{
	struct file f;
	bool shares = false;

	if (file_open(&f, p, len) && walk(&f, NULL)) {
		qsort(f.packed, f.packed_count, sizeof *f.packed, by_offset);
		for (size_t i = 1; i < f.packed_count; i++)
			shares |= f.packed[i].off < f.packed[i - 1].end;
	}
	free(f.packed);
	return shares;
}
