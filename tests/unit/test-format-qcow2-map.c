/* SPDX-License-Identifier: Apache-2.0
 *
 * The rows of hardening.md section 1.4 about mapping tables and clusters: one entry at a time, the
 * exact code word. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "qcow2img.h"

#include "util/banned.h"

#define COPIED ((uint64_t)1 << 63)
#define PACKED ((uint64_t)1 << 62)
#define COUNT(a) (sizeof(a) / sizeof *(a))

static uint8_t *guest(const struct img *m, unsigned cluster)
{
	return m->disk + ((size_t)cluster << m->bits);
}

/* The disk is to have zeros there. */
static void forget(struct img *m, unsigned cluster)
{
	memset(guest(m, cluster), 0, (size_t)1 << m->bits);
}

static void put_l2(struct img *m, unsigned cluster, uint64_t entry)
{
	img_put(m, img_l2(m, cluster), 8, entry);
}

static void resize(struct img *m, size_t len)
{
	m->p = realloc(m->p, len);
	assert_non_null(m->p);
	if (len > m->len)
		memset(m->p + m->len, 0, len - m->len);
	m->len = len;
}

static void bits_give(unsigned version, unsigned bits, size_t off, uint64_t entry,
		      const char *reason)
{
	struct img m = img_make(version, bits, false, false);
	char what[64];

	snprintf(what, sizeof what, "v%u, entry %llx at %zu", version, (unsigned long long)entry,
		 off);
	img_put(&m, off, 8, entry);
	assert_true(img_gives(&m, reason, what));
	img_free(&m);
}

static void reserved_bits_are_refused(void **state)
{
	struct img m = img_make(3, 12, false, false);
	size_t l1 = img_l1(&m, 0), l2 = img_l2(&m, IMG_GUEST_PLAIN);
	uint64_t l1_entry = img_get(&m, l1, 8), l2_entry = img_get(&m, l2, 8);

	(void)state;
	img_free(&m);
	for (unsigned bit = 0; bit < 63; bit++) {
		uint64_t set = (uint64_t)1 << bit;

		if (bit < 9 || bit >= 56)
			bits_give(3, 12, l1, l1_entry | set, "qcow2-l1");
		if ((bit >= 1 && bit < 9) || (bit >= 56 && bit < 62))
			bits_give(3, 12, l2, l2_entry | set, "qcow2-l2");
		if (bit >= 9 && bit < 12) {
			bits_give(3, 12, l1, l1_entry | set, "qcow2-l1");
			bits_give(3, 12, l2, l2_entry | set, "qcow2-l2");
		}
	}
	bits_give(3, 12, l1, l1_entry & ~COPIED, "");
	bits_give(3, 12, l2, l2_entry & ~COPIED, "");
}

static void l1_entries_lead_to_tables_of_their_own(void **state)
{
	struct img m = img_make(3, 9, false, false);

	(void)state;
	img_put(&m, img_l1(&m, 0), 8, COPIED);
	assert_true(img_gives(&m, "qcow2-l1", "in use, but nowhere"));
	img_put(&m, img_l1(&m, 0), 8, COPIED | img_host(&m, IMG_HOST_L1));
	assert_true(img_gives(&m, "qcow2-overlap", "the L1 table"));
	img_put(&m, img_l1(&m, 0), 8, COPIED | img_host(&m, IMG_HOST_REFCOUNTS));
	assert_true(img_gives(&m, "qcow2-overlap", "the refcount table"));
	img_put(&m, img_l1(&m, 0), 8, COPIED | img_host(&m, IMG_HOST_CLUSTERS));
	assert_true(img_gives(&m, "truncated", "behind the end"));
	img_put(&m, img_l1(&m, 0), 8, COPIED | (uint64_t)1 << 55);
	assert_true(img_gives(&m, "truncated", "far behind the end"));
	img_put(&m, img_l1(&m, 0), 8, ((uint64_t)1 << 56) - 512);
	assert_true(img_gives(&m, "truncated", "the last offset there is"));
	img_put(&m, img_l1(&m, 0), 8, COPIED | img_host(&m, IMG_HOST_L2));
	img_put(&m, img_l1(&m, 1), 8, COPIED | img_host(&m, IMG_HOST_L2));
	assert_true(img_gives(&m, "qcow2-overlap", "the other entry's table"));
	img_put(&m, img_l1(&m, 1), 8, COPIED | img_host(&m, IMG_HOST_PLAIN));
	assert_true(img_gives(&m, "qcow2-overlap", "a data cluster"));
	img_put(&m, img_l1(&m, 1), 8, COPIED | img_host(&m, IMG_HOST_PACKED));
	assert_true(img_gives(&m, "qcow2-overlap", "compressed data"));
	img_put(&m, img_l1(&m, 1), 8, 0);
	img_put(&m, IMG_SNAPSHOTS, 4, 1);
	img_put(&m, IMG_SNAPSHOTS_OFFSET, 8, img_host(&m, IMG_HOST_CLUSTERS));
	resize(&m, m.len + 512);
	assert_true(img_gives(&m, "", "a snapshot table that nobody points at"));
	img_put(&m, img_l1(&m, 1), 8, img_host(&m, IMG_HOST_CLUSTERS));
	assert_true(img_gives(&m, "qcow2-overlap", "the snapshot table"));
	img_free(&m);
}

static void no_l1_entries_are_one_hole(void **state)
{
	struct img m = img_make(3, 9, false, false);
	struct img_outcome o;

	(void)state;
	img_put(&m, img_l1(&m, 0), 8, 0);
	memset(m.disk, 0, m.size);
	assert_true(img_gives(&m, "", "no tables"));
	o = img_decode(m.p, m.len, &(struct img_run){0});
	assert_int_equal(o.extents, 1);
	img_outcome_free(&o);
	img_free(&m);
}

static void neighbouring_clusters_are_one_extent(void **state)
{
	struct img m = img_make(3, 9, false, false);
	struct img_outcome o = img_decode(m.p, m.len, &(struct img_run){0});

	(void)state;
	/* data; zero; two compressed; a hole; data; zeros of two tables */
	assert_int_equal(o.extents, 6);
	img_outcome_free(&o);
	img_free(&m);
}

static void a_table_cut_off_is_truncated(void **state)
{
	struct img m = img_make(3, 12, false, false);

	(void)state;
	/* A second table in the last cluster, empty. */
	resize(&m, m.len + 4096);
	img_put(&m, img_l1(&m, 1), 8, img_host(&m, IMG_HOST_CLUSTERS));
	assert_true(img_gives(&m, "", "a table in the last cluster"));
	resize(&m, m.len - 1);
	assert_true(img_gives(&m, "truncated", "one byte less"));
	img_free(&m);
}

static void standard_entries(void **state)
{
	struct img m = img_make(3, 12, false, false);

	(void)state;
	put_l2(&m, IMG_GUEST_NONE, COPIED);
	assert_true(img_gives(&m, "qcow2-l2", "in use, but nowhere"));
	put_l2(&m, IMG_GUEST_NONE, COPIED | 1);
	assert_true(img_gives(&m, "", "zeros without a place"));
	put_l2(&m, IMG_GUEST_NONE, 4096 * 100 + 1);
	assert_true(img_gives(&m, "", "zeros whose place is never read"));
	put_l2(&m, IMG_GUEST_NONE, ((uint64_t)1 << 56) - 4096 + 1);
	assert_true(img_gives(&m, "", "zeros whose place is nowhere"));
	put_l2(&m, IMG_GUEST_NONE, 4096 * 100 + 512 + 1);
	assert_true(img_gives(&m, "qcow2-l2", "zeros whose place is unaligned"));
	put_l2(&m, IMG_GUEST_NONE, img_host(&m, IMG_HOST_PLAIN) + 1);
	assert_true(img_gives(&m, "qcow2-overlap", "zeros in another's place"));
	put_l2(&m, IMG_GUEST_NONE, img_host(&m, IMG_HOST_CLUSTERS));
	assert_true(img_gives(&m, "truncated", "behind the end"));
	put_l2(&m, IMG_GUEST_NONE, ((uint64_t)1 << 56) - 4096);
	assert_true(img_gives(&m, "truncated", "at the last offset there is"));
	put_l2(&m, IMG_GUEST_NONE, img_host(&m, IMG_HOST_PLAIN));
	assert_true(img_gives(&m, "qcow2-overlap", "another's data"));
	for (unsigned host = IMG_HOST_REFCOUNTS; host <= IMG_HOST_L2; host++) {
		put_l2(&m, IMG_GUEST_NONE, img_host(&m, host));
		assert_true(img_gives(&m, "qcow2-overlap", "metadata"));
	}
	put_l2(&m, IMG_GUEST_NONE, img_host(&m, IMG_HOST_PACKED));
	assert_true(img_gives(&m, "qcow2-overlap", "compressed data"));
	img_free(&m);
}

static void version_2_knows_no_zero_flag(void **state)
{
	struct img m = img_make(2, 12, false, false);

	(void)state;
	put_l2(&m, IMG_GUEST_ZERO, 1);
	assert_true(img_gives(&m, "qcow2-l2", "alone"));
	put_l2(&m, IMG_GUEST_ZERO, img_host(&m, IMG_HOST_CLUSTERS) | 1);
	assert_true(img_gives(&m, "qcow2-l2", "with an offset"));
	img_free(&m);
}

/* The last cluster of the disk needs its sectors only. */
static void needed_bytes_must_be_in_the_file(void **state)
{
	struct img m = img_make(3, 12, false, false);
	size_t all = m.len;

	(void)state;
	resize(&m, all - 1);
	assert_true(img_gives(&m, "truncated", "one byte of a whole cluster is missing"));
	img_put(&m, IMG_SIZE, 8, IMG_GUEST_PLAIN2 * 4096 + 1536);
	assert_true(img_gives(&m, "", "not needed"));
	resize(&m, all - 4096 + 1536);
	assert_true(img_gives(&m, "", "just what is needed"));
	assert_true(img_bytes_give(m.p, m.len - 1, &(struct img_run){.skip = true}, "truncated",
				   "one byte less, although nobody reads it"));
	resize(&m, m.len - 1);
	assert_true(img_gives(&m, "truncated", "one byte less"));
	img_free(&m);
}

static void bytes_behind_the_last_cluster_do_not_matter(void **state)
{
	struct img m = img_make(3, 9, false, false);

	(void)state;
	resize(&m, m.len + 12345);
	assert_true(img_gives(&m, "", "surplus"));
	img_free(&m);
}

static void one_table_for_a_huge_disk_is_refused(void **state)
{
	struct img m = img_make(3, 16, false, false);
	const struct img_run run = {.cap = (uint64_t)1 << 40};

	(void)state;
	img_put(&m, IMG_SIZE, 8, (uint64_t)1 << 39);
	img_put(&m, IMG_L1_SIZE, 4, 1024);
	for (unsigned i = 0; i < 1024; i++)
		img_put(&m, img_l1(&m, i), 8, img_host(&m, IMG_HOST_L2));
	assert_true(
		img_bytes_give(m.p, m.len, &run, "qcow2-overlap", "448 KiB that read as 512 GiB"));
	img_free(&m);
}

/* ---- compressed clusters ---- */

static void packed_places(void **state)
{
	struct img m = img_make(3, 9, false, false);
	uint64_t entry = img_get(&m, img_l2(&m, IMG_GUEST_PACKED), 8);

	(void)state;
	for (unsigned bit = 56; bit < 61; bit++) {
		put_l2(&m, IMG_GUEST_PACKED, entry | (uint64_t)1 << bit);
		assert_true(img_gives(&m, "qcow2-l2", "reserved offset bits"));
	}
	put_l2(&m, IMG_GUEST_PACKED, entry | COPIED);
	assert_true(img_gives(&m, "", "bit 63 does not matter"));
	put_l2(&m, IMG_GUEST_PACKED, PACKED);
	assert_true(img_gives(&m, "qcow2-overlap", "the header"));
	for (unsigned host = IMG_HOST_REFCOUNTS; host <= IMG_HOST_PLAIN; host++) {
		put_l2(&m, IMG_GUEST_PACKED, PACKED | (img_host(&m, host) + 3));
		assert_true(img_gives(&m, "qcow2-overlap", "in use for something else"));
	}
	put_l2(&m, IMG_GUEST_PACKED, PACKED | m.len);
	assert_true(img_gives(&m, "truncated", "at the end"));
	put_l2(&m, IMG_GUEST_PACKED, PACKED | (((uint64_t)1 << 56) - 1));
	assert_true(img_gives(&m, "truncated", "at the last offset there is"));
	img_free(&m);
}

/* Guest cluster IMG_GUEST_PACKED becomes `stream`, at the end of the file. */
static void append_packed(struct img *m, const uint8_t *stream, size_t len, uint64_t more_sectors)
{
	size_t off = img_host(m, IMG_HOST_CLUSTERS);

	resize(m, off + len);
	memcpy(m->p + off, stream, len);
	put_l2(m, IMG_GUEST_PACKED,
	       img_packed_entry(m, off, len) + (more_sectors << (62 - (m->bits - 8))));
}

static size_t deflate_with(uint8_t *out, size_t room, const uint8_t *in, size_t len, int level,
			   int flush)
{
	z_stream z = {0};

	assert_int_equal(deflateInit2(&z, level, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (z_const Bytef *)(uintptr_t)in;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	deflate(&z, flush);
	assert_int_equal(z.avail_in, 0);
	deflateEnd(&z);
	return room - z.avail_out;
}

/* A sector may be shared, and so a short stream; bytes cannot be used more often than there are. */
static void streams_that_share_their_bytes(void **state)
{
	static uint8_t in[65536], out[2 << 16];
	struct img m = img_make(3, 16, false, false);
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i >> 6);
	memcpy(guest(&m, IMG_GUEST_PACKED), in, sizeof in);
	memcpy(guest(&m, IMG_GUEST_NONE), in, sizeof in);
	n = deflate_with(out, sizeof out, in, sizeof in, 9, Z_FINISH);
	assert_true(n < 32000);
	append_packed(&m, out, n, 0);
	put_l2(&m, IMG_GUEST_NONE, img_get(&m, img_l2(&m, IMG_GUEST_PACKED), 8));
	assert_true(img_gives(&m, "", "a short stream for two clusters"));
	n = deflate_with(out, sizeof out, in, sizeof in, 0, Z_FINISH);
	append_packed(&m, out, n, 0);
	put_l2(&m, IMG_GUEST_NONE, img_get(&m, img_l2(&m, IMG_GUEST_PACKED), 8));
	assert_true(img_gives(&m, "qcow2-overlap", "a long stream for two clusters"));
	img_free(&m);
}

static void deflate_streams(void **state)
{
	struct img m = img_make(3, 16, false, false);
	static uint8_t in[3 << 15], out[2 << 16];
	uint8_t *disk = guest(&m, IMG_GUEST_PACKED);
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * i >> 9);
	memcpy(in + 50000, in, 10000); /* a distance that a 12-bit window does not have */
	memcpy(disk, in, 65536);
	n = deflate_with(out, sizeof out, in, 65536, 9, Z_FINISH);
	append_packed(&m, out, n, 0);
	assert_true(img_gives(&m, "", "a window of 15 bits"));
	append_packed(&m, out, n, 7);
	assert_true(img_gives(&m, "", "more sectors than the file has"));
	append_packed(&m, out, n / 2, 0);
	assert_true(img_gives(&m, "corrupt", "cut short"));
	out[0] |= 0x06;
	append_packed(&m, out, n, 0);
	assert_true(img_gives(&m, "corrupt", "a block of the reserved type"));
	n = deflate_with(out, sizeof out, in, 65535, 9, Z_FINISH);
	append_packed(&m, out, n, 0);
	assert_true(img_gives(&m, "corrupt", "a byte less than a cluster"));
	n = deflate_with(out, sizeof out, in, sizeof in, 9, Z_FINISH);
	append_packed(&m, out, n, 0);
	assert_true(img_gives(&m, "", "more than a cluster"));
	n = deflate_with(out, sizeof out, in, 65536, 9, Z_SYNC_FLUSH);
	append_packed(&m, out, n, 0);
	assert_true(img_gives(&m, "", "a whole cluster, but no last block"));
	n = deflate_with(out, sizeof out, in, 65536, 0, Z_FINISH);
	append_packed(&m, out, n, 0);
	assert_true(img_gives(&m, "", "stored, larger than the cluster"));
	memset(out, 0xff, 1000);
	append_packed(&m, out, 1000, 0);
	assert_true(img_gives(&m, "corrupt", "nonsense"));
	img_free(&m);
}

static void damage_is_named_and_found_unread(void **state)
{
	struct img m = img_make(3, 9, false, false);
	struct img_outcome o;

	(void)state;
	m.p[img_host(&m, IMG_HOST_PACKED)] = 0xff;
	o = img_decode(m.p, m.len, &(struct img_run){.skip = true});
	assert_string_equal(o.err.reason, "corrupt");
	assert_non_null(strstr(o.err.msg, "compressed cluster 2"));
	img_outcome_free(&o);
	img_free(&m);
}

static void a_stream_may_not_run_into_plain_data(void **state)
{
	struct img m = img_make(3, 12, false, false);
	uint64_t off = img_host(&m, IMG_HOST_PLAIN2) - 100;
	uint8_t out[8192], in[4096];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * i >> 4);
	n = deflate_with(out, sizeof out, in, sizeof in, 9, Z_FINISH);
	assert_true(n > 100);
	memcpy(m.p + off, out, n);
	put_l2(&m, IMG_GUEST_PACKED, img_packed_entry(&m, off, n));
	assert_true(img_gives(&m, "qcow2-overlap", "running into plain data"));
	/* Claiming its sectors without using them does no harm. */
	put_l2(&m, IMG_GUEST_PLAIN2, 0);
	forget(&m, IMG_GUEST_PLAIN2);
	memcpy(guest(&m, IMG_GUEST_PACKED), in, sizeof in);
	assert_true(img_gives(&m, "", "nothing there"));
	img_free(&m);
}

static void zstd_streams(void **state)
{
	struct img m = img_make(3, 16, false, true);
	static uint8_t in[3 << 15], out[2 << 16];
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t n, n2;

	(void)state;
	assert_non_null(c);
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * i >> 9);
	memcpy(guest(&m, IMG_GUEST_PACKED), in, 65536);
	n = ZSTD_compress(out, sizeof out, in, 1000, 3);
	n2 = ZSTD_compress(out + n, sizeof out - n, in + 1000, 65536 - 1000, 3);
	append_packed(&m, out, n + n2, 0);
	assert_true(img_gives(&m, "", "two frames"));
	append_packed(&m, out, n, 0);
	assert_true(img_gives(&m, "corrupt", "the first of two"));
	append_packed(&m, out, n + n2 - 9, 0);
	assert_true(img_gives(&m, "corrupt", "cut short"));
	n = ZSTD_compress(out, sizeof out, in, sizeof in, 3);
	append_packed(&m, out, n, 0);
	assert_true(img_gives(&m, "", "more than a cluster"));
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	n = ZSTD_compress2(c, out, sizeof out, in, 65536);
	append_packed(&m, out, n, 0);
	assert_true(img_gives(&m, "", "a checksum"));
	out[n - 1] ^= 1;
	append_packed(&m, out, n, 0);
	assert_true(img_gives(&m, "corrupt", "a wrong checksum"));
	ZSTD_freeCCtx(c);
	img_free(&m);
}

static void zstd_windows_have_a_limit(void **state)
{
	/* RFC 8878 section 3.1.1: magic, no flags, a window of 2^27 or 2^28 bytes; then a last
	 * block that repeats one byte 65536 times. */
	uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0, (27 - 10) << 3, 0x03, 0, 0x08, 'z'};
	struct img m = img_make(3, 16, false, true);

	(void)state;
	memset(guest(&m, IMG_GUEST_PACKED), 'z', 65536);
	append_packed(&m, frame, sizeof frame, 0);
	assert_true(img_gives(&m, "", "128 MiB"));
	assert_true(img_bytes_give(m.p, m.len, &(struct img_run){.memory_bytes = 64 << 20},
				   "needs-memory", "more than allowed here"));
	frame[5] = (28 - 10) << 3;
	append_packed(&m, frame, sizeof frame, 0);
	assert_true(img_gives(&m, "needs-memory", "256 MiB"));
	img_free(&m);
}

/* ---- extended L2 entries ---- */

static void extended_entries(void **state)
{
	struct img m = img_make(3, 14, true, false);
	size_t bitmap = img_l2(&m, IMG_GUEST_NONE) + 8;

	(void)state;
	put_l2(&m, IMG_GUEST_NONE, 1);
	assert_true(img_gives(&m, "qcow2-l2", "the zero flag of standard entries"));
	put_l2(&m, IMG_GUEST_NONE, COPIED);
	assert_true(img_gives(&m, "qcow2-l2", "in use, but nowhere"));
	put_l2(&m, IMG_GUEST_NONE, 0);
	img_put(&m, bitmap, 8, 1);
	assert_true(img_gives(&m, "qcow2-l2", "a subcluster with data nowhere"));
	img_put(&m, bitmap, 8, (uint64_t)1 << 32);
	assert_true(img_gives(&m, "", "one subcluster of zeros, the others nowhere"));
	put_l2(&m, IMG_GUEST_NONE, (uint64_t)100 << 14);
	assert_true(img_gives(&m, "", "a place reserved, nothing there"));
	img_put(&m, bitmap, 8, 1);
	assert_true(img_gives(&m, "truncated", "data behind the end"));
	put_l2(&m, IMG_GUEST_NONE, (uint64_t)100 << 14 | 512);
	assert_true(img_gives(&m, "qcow2-l2", "unaligned"));
	put_l2(&m, IMG_GUEST_NONE, 0);
	img_put(&m, bitmap, 8, 0);
	for (unsigned i = 0; i < 32; i += 31) {
		img_put(&m, img_l2(&m, IMG_GUEST_PLAIN) + 8, 8, (uint64_t)0x100000001 << i);
		assert_true(img_gives(&m, "qcow2-l2", "a subcluster with data that is also zero"));
	}
	img_free(&m);
}

static void extended_packed_has_no_bitmap(void **state)
{
	struct img m = img_make(3, 14, true, false);

	(void)state;
	img_put(&m, img_l2(&m, IMG_GUEST_PACKED) + 8, 8, (uint64_t)1 << 63);
	assert_true(img_gives(&m, "qcow2-l2", "zeros in a compressed cluster"));
	img_put(&m, img_l2(&m, IMG_GUEST_PACKED) + 8, 8, 1);
	assert_true(img_gives(&m, "qcow2-l2", "data in a compressed cluster"));
	img_free(&m);
}

static void extended_needs_up_to_the_last_subcluster(void **state)
{
	struct img m = img_make(3, 14, true, false);
	size_t start = img_host(&m, IMG_HOST_PLAIN2);

	(void)state;
	img_put(&m, img_l2(&m, IMG_GUEST_PLAIN2) + 8, 8, 0x3);
	memset(guest(&m, IMG_GUEST_PLAIN2) + 1024, 0, 16384 - 1024);
	resize(&m, start + 1024);
	assert_true(img_gives(&m, "", "two subclusters"));
	resize(&m, start + 1023);
	assert_true(img_gives(&m, "truncated", "one byte less"));
	/* The disk ends in the middle of the first; the last, beyond it, needs nothing. */
	resize(&m, start + 512);
	img_put(&m, img_l2(&m, IMG_GUEST_PLAIN2) + 8, 8, 0x80000001);
	img_put(&m, IMG_SIZE, 8, IMG_GUEST_PLAIN2 * 16384 + 512);
	assert_true(img_gives(&m, "", "a subcluster beyond the disk"));
	img_put(&m, img_l2(&m, IMG_GUEST_PLAIN2) + 8, 8, 0x80000000);
	resize(&m, start);
	forget(&m, IMG_GUEST_PLAIN2);
	assert_true(img_gives(&m, "", "nothing but that"));
	img_free(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reserved_bits_are_refused),
		cmocka_unit_test(l1_entries_lead_to_tables_of_their_own),
		cmocka_unit_test(no_l1_entries_are_one_hole),
		cmocka_unit_test(neighbouring_clusters_are_one_extent),
		cmocka_unit_test(a_table_cut_off_is_truncated),
		cmocka_unit_test(standard_entries),
		cmocka_unit_test(version_2_knows_no_zero_flag),
		cmocka_unit_test(needed_bytes_must_be_in_the_file),
		cmocka_unit_test(bytes_behind_the_last_cluster_do_not_matter),
		cmocka_unit_test(one_table_for_a_huge_disk_is_refused),
		cmocka_unit_test(packed_places),
		cmocka_unit_test(streams_that_share_their_bytes),
		cmocka_unit_test(deflate_streams),
		cmocka_unit_test(damage_is_named_and_found_unread),
		cmocka_unit_test(a_stream_may_not_run_into_plain_data),
		cmocka_unit_test(zstd_streams),
		cmocka_unit_test(zstd_windows_have_a_limit),
		cmocka_unit_test(extended_entries),
		cmocka_unit_test(extended_packed_has_no_bitmap),
		cmocka_unit_test(extended_needs_up_to_the_last_subcluster),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
