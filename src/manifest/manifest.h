/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest: a disk as an ordered list of its non-zero chunks.
 *
 *   manifest_builder: add chunks in ascending index -> encode -> store_put_blob
 *   manifest_decode:  bytes of a blob (untrusted: a parser of stored bytes fails closed)
 *
 * The blob's own SHA-256 is its key. The content digest is independent of encoding and domain:
 * SHA-256 over  u64le virtual size, u32le chunk size, then for every non-zero chunk u64le index,
 * 32 bytes id.  It is what the API shows as `digest` ("sha256:<hex>") and what a client can
 * recompute from the raw disk alone; hence a chunk of zeros only must never be added.
 * One thread at a time; a manifest that is no longer changed may be read by many.
 * Spec: docs/formats/manifest.md. */
#ifndef DR_MANIFEST_MANIFEST_H
#define DR_MANIFEST_MANIFEST_H

#include "store/store.h"

#define MANIFEST_MAX_DOMAINS 64
#define MANIFEST_MAX_CHUNKS ((uint64_t)1 << 24) /* 16 TiB of 1 MiB chunks */
#define MANIFEST_SECTOR_BYTES 512               /* the virtual size is a multiple, not zero */

struct manifest_entry {
	uint32_t index;        /* chunk number: offset / chunk size */
	uint32_t stored_bytes; /* of the encoded block */
	uint32_t check;        /* XXH32 of the stored data */
	uint32_t domain;       /* index into domains */
	struct digest id;
};

struct manifest {
	uint64_t virtual_bytes;
	uint32_t chunk_bytes; /* STORE_CHUNK_BYTES */
	unsigned domain_count;
	char domains[MANIFEST_MAX_DOMAINS][STORE_DOMAIN_TEXT];
	uint64_t count;
	struct manifest_entry *entries; /* owned, ascending */
	uint64_t room;                  /* entries allocated; ours */
};

/* manifest_size_valid: a disk can have this many bytes: whole sectors, not none, not too many. */
bool manifest_size_valid(uint64_t virtual_bytes);
struct manifest *manifest_new(uint64_t virtual_bytes); /* NULL: no memory */
void manifest_free(struct manifest *m);
/* manifest_domain: the number of a domain, added when new. The number, or -1: INVALID (not a
 * domain's name); LIMIT. */
int manifest_domain(struct manifest *m, const char *domain, struct dr_err *err) DR_MUST_CHECK;
/* manifest_add: ascending indexes inside the disk; INVALID otherwise. */
int manifest_add(struct manifest *m, const struct manifest_entry *e, struct dr_err *err)
	DR_MUST_CHECK;
/* manifest_encode: `ret` is replaced, its maximum raised to what this manifest needs. INVALID when
 * the virtual size is not a disk's. */
int manifest_encode(const struct manifest *m, struct buf *ret, struct dr_err *err) DR_MUST_CHECK;
/* manifest_decode: CORRUPT (any byte out of place); UNSUPPORTED (a newer version); NO_MEMORY. */
int manifest_decode(struct manifest **ret, const void *p, size_t len, struct dr_err *err)
	DR_MUST_CHECK;
/* manifest_content_digest: never fails (aborts when OpenSSL has no memory, as digest_of). */
void manifest_content_digest(const struct manifest *m, struct digest *ret);
uint64_t manifest_stored_bytes(const struct manifest *m); /* sum of encoded blocks */
/* manifest_chunks: how many chunks the disk has, zero ones included. */
uint64_t manifest_chunks(const struct manifest *m);
/* manifest_chunk_len: plain bytes of chunk `index`: only the last may be short. */
size_t manifest_chunk_len(const struct manifest *m, uint64_t index);
/* manifest_seek: the position in entries of the first one with this index or a later; count when
 * there is none. */
uint64_t manifest_seek(const struct manifest *m, uint64_t index);
/* manifest_find: the entry of a chunk number, or NULL (a zero chunk). */
const struct manifest_entry *manifest_find(const struct manifest *m, uint64_t index);
/* manifest_load: get the blob, decode it. NOT_FOUND; CORRUPT; UNSUPPORTED; IO; NO_MEMORY. */
int manifest_load(struct manifest **ret, struct store *st, const char *domain,
		  const struct digest *id, struct dr_err *err) DR_MUST_CHECK;

DR_DEFINE_CLEANUP(struct manifest, manifest_free);

#endif
