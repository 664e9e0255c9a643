/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "format/qcow2_internal.h"
#include "util/checked.h"
#include "util/rd.h"

#include "util/banned.h"

#define MAGIC 0x514649fbU
#define V2_BYTES 72U
#define V3_BYTES 104U
#define MAX_L1_ENTRIES ((uint32_t)4 << 20)
#define MAX_REFCOUNT_TABLE_BYTES ((uint64_t)8 << 20)
#define MAX_SNAPSHOTS 65536U
#define MIN_SNAPSHOT_ENTRY_BYTES 40U /* spec, "Snapshots": the fixed part of an entry */
#define MAX_EXTENSIONS 64U
#define SECTOR_BYTES 512U

/* spec, "Header": incompatible_features, autoclear_features */
#define INCOMPAT_DIRTY ((uint64_t)1 << 0)
#define INCOMPAT_CORRUPT ((uint64_t)1 << 1)
#define INCOMPAT_DATA_FILE ((uint64_t)1 << 2)
#define INCOMPAT_COMPRESSION ((uint64_t)1 << 3)
#define INCOMPAT_EXTENDED_L2 ((uint64_t)1 << 4)
#define INCOMPAT_KNOWN ((uint64_t)0x1f)
#define AUTOCLEAR_RAW_EXTERNAL ((uint64_t)1 << 1)
#define COMPRESSION_ZLIB 0U
#define COMPRESSION_ZSTD 1U

/* spec, "Header extensions" */
#define EXT_END 0U
#define EXT_DATA_FILE 0x44415441U
#define EXT_ENCRYPTION 0x0537be77U

/* Every field of both versions, as it stands; those a v2 header lacks have their defined default.
 */
struct fields {
	uint32_t version;
	uint64_t backing_offset;
	uint32_t cluster_bits;
	uint64_t size;
	uint32_t crypt_method;
	uint32_t l1_entries;
	uint64_t l1_offset;
	uint64_t refcount_offset;
	uint32_t refcount_clusters;
	uint32_t snapshots;
	uint64_t snapshots_offset;
	uint64_t incompatible;
	uint64_t autoclear;
	uint32_t refcount_order;
	uint32_t header_bytes;
	uint8_t compression;
};

int qcow2_file_read(struct spool *spool, void *buf, size_t len, uint64_t off, struct dr_err *err)
{
	uint64_t have;

	if (spool_await(spool, off + len, &have, err) < 0)
		return -1;
	if (have < off + len)
		return 0;
	if (stream_pread(spool_stream(spool), buf, len, off, err) == 0)
		return 1;
	return err->code == DR_CONFLICT ? qcow2_refuse_twice(err) : -1;
}

int qcow2_refuse_twice(struct dr_err *err)
{
	dr_err_clear(err);
	return dr_refuse(err, DR_CORRUPT, "qcow2-overlap",
			 "the same bytes of the file are used for two clusters");
}

static int read_header(struct spool *spool, void *buf, size_t len, uint64_t off, struct dr_err *err)
{
	int rc = qcow2_file_read(spool, buf, len, off, err);

	if (rc == 0)
		return dr_refuse(err, DR_CORRUPT, "truncated",
				 "the file ends inside the qcow2 header");
	return rc < 0 ? -1 : 0;
}

static void parse_fields(struct rd r, struct fields *ret)
{
	rd_be32(&r); /* magic and version have been looked at */
	rd_be32(&r);
	ret->backing_offset = rd_be64(&r);
	rd_be32(&r); /* the length of its name means nothing without it */
	ret->cluster_bits = rd_be32(&r);
	ret->size = rd_be64(&r);
	ret->crypt_method = rd_be32(&r);
	ret->l1_entries = rd_be32(&r);
	ret->l1_offset = rd_be64(&r);
	ret->refcount_offset = rd_be64(&r);
	ret->refcount_clusters = rd_be32(&r);
	ret->snapshots = rd_be32(&r);
	ret->snapshots_offset = rd_be64(&r);
	if (ret->version < 3) {
		/* spec: a version 2 header ends here and has these values. */
		ret->refcount_order = 4;
		ret->header_bytes = V2_BYTES;
		return;
	}
	ret->incompatible = rd_be64(&r);
	rd_be64(&r); /* compatible features: may be ignored by definition */
	ret->autoclear = rd_be64(&r);
	ret->refcount_order = rd_be32(&r);
	ret->header_bytes = rd_be32(&r);
}

static int read_fields(struct spool *spool, struct fields *ret, struct dr_err *err)
{
	uint8_t p[V3_BYTES] = {0};
	struct rd r = rd_init(p, 8);

	*ret = (struct fields){0};
	if (read_header(spool, p, 8, 0, err) < 0)
		return -1;
	if (rd_be32(&r) != MAGIC)
		return dr_refuse(err, DR_CORRUPT, "qcow2-header", "not a qcow2 image");
	ret->version = rd_be32(&r);
	if (ret->version != 2 && ret->version != 3)
		return dr_refuse(err, DR_UNSUPPORTED, "qcow2-version",
				 "qcow2 version %u; only 2 and 3 are known", ret->version);
	if (read_header(spool, p, ret->version == 2 ? V2_BYTES : V3_BYTES, 0, err) < 0)
		return -1;
	parse_fields(rd_init(p, sizeof p), ret);
	/* spec: the compression type byte exists when the header reaches that far. */
	if (ret->header_bytes > V3_BYTES &&
	    read_header(spool, &ret->compression, 1, V3_BYTES, err) < 0)
		return -1;
	return 0;
}

/* What the image would need besides its own bytes. */
static int check_independence(const struct fields *f, struct dr_err *err)
{
	if (f->backing_offset != 0)
		return dr_refuse(err, DR_UNSUPPORTED, "qcow2-backing",
				 "the image depends on another file (backing file); flatten it "
				 "first");
	if (f->crypt_method != 0)
		return dr_refuse(err, DR_UNSUPPORTED, "qcow2-encrypted",
				 "the image is encrypted (method %u); decrypt it first",
				 f->crypt_method);
	if (f->incompatible & INCOMPAT_DATA_FILE || f->autoclear & AUTOCLEAR_RAW_EXTERNAL)
		return dr_refuse(err, DR_UNSUPPORTED, "qcow2-data-file",
				 "the image keeps its data in another file");
	return 0;
}

static int check_features(const struct fields *f, struct dr_err *err)
{
	uint64_t unknown = f->incompatible & ~INCOMPAT_KNOWN;
	bool announced = f->incompatible & INCOMPAT_COMPRESSION;

	if (unknown)
		return dr_refuse(err, DR_UNSUPPORTED, "qcow2-feature",
				 "the image needs a feature this library does not know (bit %d)",
				 __builtin_ctzll(unknown));
	if (f->incompatible & INCOMPAT_CORRUPT)
		return dr_refuse(err, DR_CORRUPT, "qcow2-corrupt",
				 "the image is marked as corrupt by the program that wrote it");
	/* spec, "compression type": the bit is set exactly when the type is not zlib. */
	if (f->compression > COMPRESSION_ZSTD || announced != (f->compression != COMPRESSION_ZLIB))
		return dr_refuse(err, DR_UNSUPPORTED, "qcow2-compression",
				 "compression type %u %s its feature bit is not supported",
				 f->compression, announced ? "with" : "without");
	return 0;
}

static int check_geometry(const struct fields *f, const struct format_limits *lim,
			  struct dr_err *err)
{
	bool extended = f->incompatible & INCOMPAT_EXTENDED_L2;

	if (f->cluster_bits < 9 || f->cluster_bits > 21)
		return dr_refuse(err, DR_CORRUPT, "qcow2-cluster-size",
				 "cluster_bits is %u; 9 to 21 (512 bytes to 2 MiB) are possible",
				 f->cluster_bits);
	/* spec, "Extended L2 Entries": a subcluster is at least one sector. */
	if (extended && f->cluster_bits < 14)
		return dr_refuse(err, DR_CORRUPT, "qcow2-cluster-size",
				 "extended L2 entries need clusters of 16 KiB; these have %u bytes",
				 1U << f->cluster_bits);
	if (f->version >= 3 && (f->header_bytes < V3_BYTES || f->header_bytes % 8 != 0 ||
				f->header_bytes > 1U << f->cluster_bits))
		return dr_refuse(err, DR_CORRUPT, "qcow2-header",
				 "a header of %u bytes is impossible", f->header_bytes);
	if (f->size == 0)
		return dr_refuse(err, DR_INVALID, "empty", "the disk in the image is empty");
	if (f->size > lim->virtual_bytes)
		return dr_refuse(err, DR_LIMIT, "too-large",
				 "virtual size %" PRIu64 ", allowed %" PRIu64, f->size,
				 lim->virtual_bytes);
	if (f->size % SECTOR_BYTES)
		return dr_refuse(err, DR_INVALID, "not-whole-sectors",
				 "a disk of %" PRIu64
				 " bytes is not a whole number of 512-byte sectors",
				 f->size);
	return 0;
}

/* A table's place, as far as it can be judged before the end of the file is known. */
static bool place_possible(uint64_t off, uint64_t len, uint64_t cluster_bytes, uint64_t max_bytes)
{
	return off != 0 && off % cluster_bytes == 0 && dr_range_within(off, len, max_bytes);
}

static int check_tables(const struct fields *f, uint64_t max_bytes, struct dr_err *err)
{
	uint64_t cluster = (uint64_t)1 << f->cluster_bits;
	uint64_t entry_bytes = f->incompatible & INCOMPAT_EXTENDED_L2 ? 16 : 8;
	uint64_t l2_covers = cluster / entry_bytes * cluster; /* at most 2^18 * 2^21 */
	uint64_t l1_needed = dr_div_up(f->size, l2_covers);

	if (f->l1_entries > MAX_L1_ENTRIES || f->l1_entries < l1_needed)
		return dr_refuse(err, DR_CORRUPT, "qcow2-l1",
				 "an L1 table of %u entries; the disk needs %" PRIu64
				 ", %u are allowed",
				 f->l1_entries, l1_needed, MAX_L1_ENTRIES);
	if (!place_possible(f->l1_offset, (uint64_t)f->l1_entries * 8, cluster, max_bytes))
		return dr_refuse(err, DR_CORRUPT, "qcow2-l1",
				 "the L1 table cannot be at byte %" PRIu64, f->l1_offset);
	if (f->refcount_order > 6)
		return dr_refuse(err, DR_CORRUPT, "qcow2-refcounts",
				 "refcount_order is %u; at most 6 is possible", f->refcount_order);
	if (f->refcount_clusters == 0 || f->refcount_clusters > MAX_REFCOUNT_TABLE_BYTES / cluster)
		return dr_refuse(err, DR_CORRUPT, "qcow2-refcounts",
				 "a refcount table of %u clusters is impossible",
				 f->refcount_clusters);
	if (!place_possible(f->refcount_offset, f->refcount_clusters * cluster, cluster, max_bytes))
		return dr_refuse(err, DR_CORRUPT, "qcow2-refcounts",
				 "the refcount table cannot be at byte %" PRIu64,
				 f->refcount_offset);
	if (f->snapshots > MAX_SNAPSHOTS)
		return dr_refuse(err, DR_CORRUPT, "qcow2-snapshots",
				 "%u internal snapshots; at most %u are possible", f->snapshots,
				 MAX_SNAPSHOTS);
	if (f->snapshots > 0 &&
	    !place_possible(f->snapshots_offset, (uint64_t)f->snapshots * MIN_SNAPSHOT_ENTRY_BYTES,
			    cluster, max_bytes))
		return dr_refuse(err, DR_CORRUPT, "qcow2-snapshots",
				 "the snapshot table cannot be at byte %" PRIu64,
				 f->snapshots_offset);
	return 0;
}

static int check_extension(uint32_t type, struct dr_err *err)
{
	if (type == EXT_DATA_FILE)
		return dr_refuse(err, DR_UNSUPPORTED, "qcow2-data-file",
				 "the image names another file for its data");
	if (type == EXT_ENCRYPTION)
		return dr_refuse(err, DR_UNSUPPORTED, "qcow2-encrypted",
				 "the image has an encryption header; decrypt it first");
	return 0;
}

/* spec, "Header extensions": type, length, data padded to 8 bytes, inside the first cluster. All
 * but the refused ones are optional knowledge. */
static int check_extensions(struct spool *spool, uint64_t off, uint64_t cluster, struct dr_err *err)
{
	for (unsigned n = 0; cluster - off >= 8; n++) {
		uint8_t p[8];
		struct rd r = rd_init(p, sizeof p);
		uint32_t type, len;

		if (read_header(spool, p, sizeof p, off, err) < 0)
			return -1;
		type = rd_be32(&r);
		len = rd_be32(&r);
		if (type == EXT_END)
			return 0;
		if (n == MAX_EXTENSIONS)
			return dr_refuse(err, DR_CORRUPT, "qcow2-header",
					 "more than %u header extensions", MAX_EXTENSIONS);
		if (check_extension(type, err) < 0)
			return -1;
		off += 8;
		if (len > cluster - off)
			return dr_refuse(err, DR_CORRUPT, "qcow2-header",
					 "a header extension runs past the first cluster");
		/* cluster and off are multiples of 8, so the padding still fits */
		off += dr_div_up(len, 8) * 8;
	}
	return 0;
}

int qcow2_header_read(struct qcow2_header *ret, struct spool *spool,
		      const struct format_limits *lim, struct dr_err *err)
{
	struct fields f;
	uint64_t cluster;

	if (read_fields(spool, &f, err) < 0 || check_independence(&f, err) < 0 ||
	    check_features(&f, err) < 0 || check_geometry(&f, lim, err) < 0 ||
	    check_tables(&f, spool_max_bytes(spool), err) < 0)
		return -1;
	cluster = (uint64_t)1 << f.cluster_bits;
	/* Version 2: bytes from 72 on mean nothing (hardening.md section 1.4). */
	if (f.version >= 3 && check_extensions(spool, f.header_bytes, cluster, err) < 0)
		return -1;
	*ret = (struct qcow2_header){
		.version = f.version,
		.cluster_bits = f.cluster_bits,
		.cluster_bytes = cluster,
		.size = f.size,
		.l1_offset = f.l1_offset,
		.l1_entries = f.l1_entries,
		.refcount_offset = f.refcount_offset,
		.refcount_bytes = f.refcount_clusters * cluster,
		.snapshots_offset = f.snapshots_offset,
		.snapshots = f.snapshots,
		.zstd = f.compression == COMPRESSION_ZSTD,
		.extended_l2 = f.incompatible & INCOMPAT_EXTENDED_L2,
		.dirty = f.incompatible & INCOMPAT_DIRTY,
	};
	return 0;
}

uint64_t qcow2_header_snapshot_bytes(const struct qcow2_header *h)
{
	return (uint64_t)h->snapshots * MIN_SNAPSHOT_ENTRY_BYTES;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

uint64_t qcow2_header_tables_end(const struct qcow2_header *h)
{
	uint64_t end = max_u64(h->l1_offset + (uint64_t)h->l1_entries * 8,
			       h->refcount_offset + h->refcount_bytes);

	if (h->snapshots > 0)
		end = max_u64(end, h->snapshots_offset + qcow2_header_snapshot_bytes(h));
	return end;
}

int qcow2_header_check_end(const struct qcow2_header *h, uint64_t file_bytes, struct dr_err *err)
{
	if (!dr_range_within(h->l1_offset, (uint64_t)h->l1_entries * 8, file_bytes))
		return dr_refuse(err, DR_CORRUPT, "qcow2-l1",
				 "the L1 table lies beyond the end of the file");
	if (!dr_range_within(h->refcount_offset, h->refcount_bytes, file_bytes))
		return dr_refuse(err, DR_CORRUPT, "qcow2-refcounts",
				 "the refcount table lies beyond the end of the file");
	if (h->snapshots > 0 &&
	    !dr_range_within(h->snapshots_offset, qcow2_header_snapshot_bytes(h), file_bytes))
		return dr_refuse(err, DR_CORRUPT, "qcow2-snapshots",
				 "the snapshot table lies beyond the end of the file");
	return 0;
}
