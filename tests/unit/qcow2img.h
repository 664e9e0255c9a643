/* SPDX-License-Identifier: Apache-2.0
 *
 * Small qcow2 images made in memory, to be damaged one field at a time, and their decoding. */
#ifndef DR_TESTS_QCOW2IMG_H
#define DR_TESTS_QCOW2IMG_H

#include "format/format.h"

/* Guest clusters of every image: plain, zero, two compressed ones that share a sector, nothing,
 * plain, and nothing more; the second L1 entry is 0 (and needed when clusters are small). Host
 * clusters: header, refcount table, L1, L2, and the three below. */
enum {
	IMG_GUEST_PLAIN,
	IMG_GUEST_ZERO,
	IMG_GUEST_PACKED,
	IMG_GUEST_PACKED2,
	IMG_GUEST_NONE,
	IMG_GUEST_PLAIN2
};
enum {
	IMG_HOST_HEADER,
	IMG_HOST_REFCOUNTS,
	IMG_HOST_L1,
	IMG_HOST_L2,
	IMG_HOST_PLAIN,
	IMG_HOST_PACKED,
	IMG_HOST_PLAIN2,
	IMG_HOST_CLUSTERS
};

/* Header fields: spec, "Header". */
enum {
	IMG_VERSION = 4,
	IMG_BACKING_OFFSET = 8,
	IMG_BACKING_SIZE = 16,
	IMG_CLUSTER_BITS = 20,
	IMG_SIZE = 24,
	IMG_CRYPT = 32,
	IMG_L1_SIZE = 36,
	IMG_L1_OFFSET = 40,
	IMG_REFCOUNT_OFFSET = 48,
	IMG_REFCOUNT_CLUSTERS = 56,
	IMG_SNAPSHOTS = 60,
	IMG_SNAPSHOTS_OFFSET = 64,
	IMG_INCOMPATIBLE = 72,
	IMG_COMPATIBLE = 80,
	IMG_AUTOCLEAR = 88,
	IMG_REFCOUNT_ORDER = 96,
	IMG_HEADER_LENGTH = 100,
	IMG_COMPRESSION = 104,
	IMG_EXTENSIONS = 112
};

struct img {
	unsigned version;
	unsigned bits;
	bool extended;
	bool zstd;
	uint8_t *p; /* the file */
	size_t len;
	uint8_t *disk; /* what it decodes to */
	uint64_t size;
};

/* img_make: bits >= 14 when extended. Aborts without memory. */
struct img img_make(unsigned version, unsigned bits, bool extended, bool zstd);
void img_free(struct img *m);
/* img_put, img_get: a big-endian number of `width` bytes. */
void img_put(struct img *m, size_t off, size_t width, uint64_t v);
uint64_t img_get(const struct img *m, size_t off, size_t width);
uint64_t img_host(const struct img *m, unsigned host_cluster);
size_t img_l1(const struct img *m, unsigned i);
size_t img_l2(const struct img *m, unsigned guest_cluster);
/* img_packed_entry: the L2 entry of a compressed stream of `len` bytes at `off`. */
uint64_t img_packed_entry(const struct img *m, uint64_t off, uint64_t len);

struct img_run {
	size_t fragment;       /* of the stream into the spool; 0: whole reads */
	unsigned threads;      /* of the crew */
	uint64_t cap;          /* virtual bytes; 0: 1 GiB */
	uint64_t max_upload;   /* 0: 1 GiB */
	uint64_t memory_bytes; /* 0: 128 MiB */
	bool skip;             /* read no data */
};

struct img_outcome {
	struct dr_err err;
	uint8_t *disk; /* NULL: refused, or larger than 64 MiB */
	uint64_t size;
	uint64_t extents;
	char warnings[FORMAT_MAX_WARNINGS][160];
	unsigned warning_count;
};

/* img_decode: the way an import does it. Aborts when the extents break their contract. */
struct img_outcome img_decode(const uint8_t *p, size_t len, const struct img_run *run);
void img_outcome_free(struct img_outcome *o);
/* img_bytes_give: decoding is refused with the code word `reason`, or succeeds for "". Otherwise
 * says on stderr, about `what`, what happened. */
bool img_bytes_give(const uint8_t *p, size_t len, const struct img_run *run, const char *reason,
		    const char *what);
/* img_gives: the same whether the file arrives whole or in pieces, with and without a crew. For ""
 * the disk must be m->disk too, as far as m->size reaches. */
bool img_gives(const struct img *m, const char *reason, const char *what);

#endif
