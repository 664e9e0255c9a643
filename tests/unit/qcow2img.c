/* SPDX-License-Identifier: Apache-2.0 */
#include "qcow2img.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "util/checked.h"

#include "util/banned.h"

#define MAX_DISK ((uint64_t)64 << 20)

static void *must_calloc(size_t n)
{
	void *p = calloc(1, n ? n : 1);

	if (!p)
		abort();
	return p;
}

void img_put(struct img *m, size_t off, size_t width, uint64_t v)
{
	assert(off + width <= m->len);
	for (size_t i = width; i > 0; i--, v >>= 8)
		m->p[off + i - 1] = (uint8_t)v;
}

uint64_t img_get(const struct img *m, size_t off, size_t width)
{
	uint64_t v = 0;

	assert(off + width <= m->len);
	for (size_t i = 0; i < width; i++)
		v = v << 8 | m->p[off + i];
	return v;
}

uint64_t img_host(const struct img *m, unsigned host_cluster)
{
	return (uint64_t)host_cluster << m->bits;
}

size_t img_l1(const struct img *m, unsigned i)
{
	return img_host(m, IMG_HOST_L1) + i * 8;
}

size_t img_l2(const struct img *m, unsigned guest_cluster)
{
	return img_host(m, IMG_HOST_L2) + guest_cluster * (m->extended ? 16U : 8U);
}

uint64_t img_packed_entry(const struct img *m, uint64_t off, uint64_t len)
{
	uint64_t sectors = (off + len - 1) / 512 - off / 512;

	return (uint64_t)1 << 62 | sectors << (62 - (m->bits - 8)) | off;
}

static size_t deflate_raw(uint8_t *out, size_t room, const uint8_t *in, size_t len)
{
	z_stream z = {0};

	if (deflateInit2(&z, 9, Z_DEFLATED, -12, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	z.next_in = (z_const Bytef *)(uintptr_t)in;
	z.avail_in = (uInt)len;
	z.next_out = out;
	z.avail_out = (uInt)room;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return room - z.avail_out;
}

static size_t put_packed(struct img *m, unsigned guest, uint64_t off, size_t room)
{
	size_t cluster = (size_t)1 << m->bits;
	const uint8_t *in = m->disk + guest * cluster;
	size_t n;

	if (m->zstd) {
		n = ZSTD_compress(m->p + off, room, in, cluster, 3);
		if (ZSTD_isError(n))
			abort();
	} else {
		n = deflate_raw(m->p + off, room, in, cluster);
	}
	img_put(m, img_l2(m, guest), 8, img_packed_entry(m, off, n));
	return n;
}

static void put_plain(struct img *m, unsigned guest, unsigned host, uint32_t subclusters)
{
	size_t cluster = (size_t)1 << m->bits, sub = cluster / 32;
	uint64_t off = img_host(m, host);

	img_put(m, img_l2(m, guest), 8, (uint64_t)1 << 63 | off);
	if (m->extended)
		img_put(m, img_l2(m, guest) + 8, 8, subclusters | (uint64_t)1 << 34);
	for (unsigned i = 0; i < 32; i++) {
		uint8_t *d = m->disk + guest * cluster + i * sub;

		/* what is not to be read differs from zeros */
		memset(m->p + off + i * sub, 0xee, sub);
		if (subclusters >> i & 1)
			memcpy(m->p + off + i * sub, d, sub);
		else
			memset(d, 0, sub);
	}
}

static void put_header(struct img *m)
{
	img_put(m, 0, 4, 0x514649fb);
	img_put(m, IMG_VERSION, 4, m->version);
	img_put(m, IMG_CLUSTER_BITS, 4, m->bits);
	img_put(m, IMG_SIZE, 8, m->size);
	img_put(m, IMG_L1_SIZE, 4, 2);
	img_put(m, IMG_L1_OFFSET, 8, img_host(m, IMG_HOST_L1));
	img_put(m, IMG_REFCOUNT_OFFSET, 8, img_host(m, IMG_HOST_REFCOUNTS));
	img_put(m, IMG_REFCOUNT_CLUSTERS, 4, 1);
	if (m->version < 3)
		return;
	img_put(m, IMG_INCOMPATIBLE, 8, (m->zstd ? 8U : 0U) | (m->extended ? 16U : 0U));
	img_put(m, IMG_REFCOUNT_ORDER, 4, 4);
	img_put(m, IMG_HEADER_LENGTH, 4, IMG_EXTENSIONS);
	img_put(m, IMG_COMPRESSION, 1, m->zstd);
}

struct img img_make(unsigned version, unsigned bits, bool extended, bool zstd)
{
	struct img m = {.version = version, .bits = bits, .extended = extended, .zstd = zstd};
	size_t cluster = (size_t)1 << bits;
	uint32_t subclusters = extended ? 0x80000023U : UINT32_MAX;
	size_t n;

	m.len = IMG_HOST_CLUSTERS * cluster;
	m.p = must_calloc(m.len);
	m.size = 40 * cluster - (bits > 9 ? 512 : 0);
	if (bits <= 14)
		m.size += cluster / (extended ? 16 : 8) * cluster;
	m.disk = must_calloc(m.size);
	put_header(&m);
	img_put(&m, img_l1(&m, 0), 8, (uint64_t)1 << 63 | img_host(&m, IMG_HOST_L2));
	for (size_t i = 0; i < cluster; i++) {
		m.disk[IMG_GUEST_PLAIN * cluster + i] = (uint8_t)(i * 7 + i / 256 + 1);
		m.disk[IMG_GUEST_PLAIN2 * cluster + i] = (uint8_t)(i * 3 + i / 256 + 2);
		m.disk[IMG_GUEST_PACKED * cluster + i] = (uint8_t)("packed"[i % 6]);
		m.disk[IMG_GUEST_PACKED2 * cluster + i] = (uint8_t)("too"[i % 3]);
	}
	put_plain(&m, IMG_GUEST_PLAIN, IMG_HOST_PLAIN, subclusters);
	put_plain(&m, IMG_GUEST_PLAIN2, IMG_HOST_PLAIN2, UINT32_MAX);
	if (extended) {
		img_put(&m, img_l2(&m, IMG_GUEST_PLAIN2) + 8, 8, UINT32_MAX);
		img_put(&m, img_l2(&m, IMG_GUEST_ZERO) + 8, 8, (uint64_t)UINT32_MAX << 32);
	} else if (version >= 3) {
		img_put(&m, img_l2(&m, IMG_GUEST_ZERO), 8, 1);
	}
	n = put_packed(&m, IMG_GUEST_PACKED, img_host(&m, IMG_HOST_PACKED), cluster);
	put_packed(&m, IMG_GUEST_PACKED2, img_host(&m, IMG_HOST_PACKED) + n, cluster - n);
	return m;
}

void img_free(struct img *m)
{
	free(m->p);
	free(m->disk);
}

/* Reads everything; the contract of extents is asserted by the wrappers and here. */
static int drain(struct format *f, bool skip, struct img_outcome *o)
{
	dr_autofree uint8_t *piece = must_calloc(FORMAT_PIECE_BYTES);
	struct extent e;
	int rc;

	o->size = f->virtual_bytes;
	if (o->size <= MAX_DISK)
		o->disk = must_calloc(o->size);
	while ((rc = format_next(f, &e, &o->err)) > 0) {
		o->extents++;
		if (e.kind == EXTENT_ZERO || skip)
			continue;
		if (format_read(f, piece, e.len / 3, &o->err) < 0 ||
		    format_read(f, piece + e.len / 3, e.len - e.len / 3, &o->err) < 0)
			return -1;
		if (o->disk)
			memcpy(o->disk + e.off, piece, e.len);
	}
	memcpy(o->warnings, f->warnings, sizeof o->warnings);
	o->warning_count = f->warning_count;
	return rc;
}

static int decode(struct img_outcome *o, const uint8_t *p, size_t len, const struct img_run *run)
{
	const struct format_limits lim = {.virtual_bytes = run->cap ? run->cap : (uint64_t)1 << 30,
					  .memory_bytes = run->memory_bytes ? run->memory_bytes
									    : (uint64_t)128 << 20};
	dr_autofd int scratch = memfd_create("spool", MFD_CLOEXEC);
	DR_CLEANUP(spool_closep) struct spool *spool = NULL;
	struct workers *crew = NULL;
	struct stream *in = NULL;
	struct format *f = NULL;
	int rc = -1;

	if (scratch < 0 ||
	    spool_open(&spool, scratch, run->max_upload ? run->max_upload : (uint64_t)1 << 30,
		       &o->err) < 0 ||
	    stream_mem_open(&in, p, len, &o->err) < 0 ||
	    workers_new(&crew, run->threads, &o->err) < 0)
		abort();
	in->fragment = run->fragment;
	spool_start(spool, in);
	if (format_qcow2_open(&f, spool, &lim, crew, &o->err) == 0)
		rc = drain(f, run->skip, o);
	format_close(f);
	workers_free(crew);
	return rc;
}

struct img_outcome img_decode(const uint8_t *p, size_t len, const struct img_run *run)
{
	struct img_outcome o = {0};
	int rc = decode(&o, p, len, run);

	if ((rc < 0) != dr_err_is_set(&o.err))
		abort();
	if (rc < 0) {
		free(o.disk);
		o.disk = NULL;
	}
	return o;
}

void img_outcome_free(struct img_outcome *o)
{
	free(o->disk);
}

static bool check_outcome(const struct img_outcome *o, const char *reason, const char *what)
{
	if (strcmp(o->err.reason, reason) == 0 && (reason[0] == 0) == (o->err.code == DR_OK))
		return true;
	fprintf(stderr, "%s: expected \"%s\", got \"%s\" (%s: %s)\n", what, reason, o->err.reason,
		dr_code_name(o->err.code), o->err.msg);
	return false;
}

bool img_bytes_give(const uint8_t *p, size_t len, const struct img_run *run, const char *reason,
		    const char *what)
{
	struct img_outcome o = img_decode(p, len, run);
	bool ok = check_outcome(&o, reason, what);

	img_outcome_free(&o);
	return ok;
}

bool img_gives(const struct img *m, const char *reason, const char *what)
{
	static const struct img_run runs[] = {{0}, {.fragment = 61}, {.threads = 2}};
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof runs / sizeof *runs; i++) {
		struct img_outcome o = img_decode(m->p, m->len, &runs[i]);

		ok = check_outcome(&o, reason, what);
		if (ok && o.disk && memcmp(o.disk, m->disk, dr_min_u64(o.size, m->size)) != 0) {
			fprintf(stderr, "%s: a wrong disk\n", what);
			ok = false;
		}
		img_outcome_free(&o);
	}
	return ok;
}
