/* SPDX-License-Identifier: Apache-2.0
 *
 * store: content-addressed chunks and named blobs, durable at commit, protected by leases.
 *
 *   writer:  store_begin(lease) -> { store_put_chunk | store_put_blob }… -> store_commit
 *            -> (the catalogue row is written) -> store_unlease
 *   reader:  store_get_chunk, store_get_blob: verified, or CORRUPT
 *   sweeper: store_sweep(live)  (store/collect.h)
 *
 * A chunk is at most STORE_CHUNK_BYTES of plain disk; its id is the SHA-256 of the plain bytes; it
 * lives in a deduplication domain (an account id, or "global"). At rest it is exactly one block of
 * an LZ4 frame with block checksum: size word (4 bytes LE; bit 31 = stored plain), data, XXH32 of
 * the data (4 bytes LE). That encoding is part of the interface (store/chunk.h): views splice it.
 * A blob is named by the SHA-256 of its bytes, likewise within a domain.
 *
 * "put" is put-if-absent. From the put on, the item, new or found, is leased under the
 * transaction's lease name (the job id); leases outlive the process and are dropped by
 * store_unlease() once the catalogue row exists or the job has failed. Nothing is visible to
 * readers as durable before store_commit() returns (one durability barrier per commit).
 * Drivers know keys and bytes, nothing of images. All functions: any thread; store_txn: puts may
 * come from several threads at once, commit/abandon from one after all puts have returned.
 * Spec: doc/formats/store.md. */
#ifndef DR_STORE_STORE_H
#define DR_STORE_STORE_H

#include "digest/digest.h"
#include "util/buf.h"

#define STORE_CHUNK_BYTES ((size_t)1 << 20)
#define STORE_DOMAIN_TEXT 32 /* [a-z0-9-]{1,31} */

struct store;
struct store_txn;

/* What the store holds for one chunk. */
struct store_chunk_info {
	uint32_t stored_bytes; /* whole encoded block: 4 + data + 4 */
	uint32_t check;        /* its XXH32 */
	bool found;            /* it was there before this put */
};

struct store_ops {
	const char *name;
	int (*get)(struct store *st, const char *domain, bool blob, const struct digest *id,
		   struct buf *ret, struct dr_err *err); /* stored bytes, unverified; NOT_FOUND */
	int (*begin)(struct store *st, const char *lease, struct store_txn **ret,
		     struct dr_err *err);
	/* put: 1 new, 0 there already (then *ret_stored gets the stored bytes' head and tail). */
	int (*put)(struct store_txn *tx, const char *domain, bool blob, const struct digest *id,
		   const void *p, size_t len, struct store_chunk_info *ret, struct dr_err *err);
	int (*commit)(struct store_txn *tx, struct dr_err *err);
	void (*abandon)(struct store_txn *tx);
	int (*unlease)(struct store *st, const char *lease, struct dr_err *err);
	int (*quarantine)(struct store *st, const char *domain, bool blob, const struct digest *id,
			  struct dr_err *err);
	void (*close)(struct store *st);
	/* the sweeper's part is in store/collect.h's own table */
};

/* store_get_chunk: plain bytes of a chunk, verified against its id; a chunk that fails is moved
 * aside (quarantined) so that the next import of the same bytes heals it.
 *   max  refuse above this many plain bytes      ret  [caller's buffer, replaced]
 * 0, or -1: NOT_FOUND; CORRUPT; LIMIT; IO. Blocks. */
int store_get_chunk(struct store *st, const char *domain, const struct digest *id, size_t max,
		    struct buf *ret, struct dr_err *err) DR_MUST_CHECK;
/* store_get_stored: the encoded block as it is at rest, verified against length and check word as
 * the manifest recorded them (and so against itself), without decompressing. */
int store_get_stored(struct store *st, const char *domain, const struct digest *id,
		     uint32_t stored_bytes, uint32_t check, struct buf *ret, struct dr_err *err)
	DR_MUST_CHECK;
int store_get_blob(struct store *st, const char *domain, const struct digest *id, size_t max,
		   struct buf *ret, struct dr_err *err) DR_MUST_CHECK;

int store_begin(struct store *st, const char *lease, struct store_txn **ret, struct dr_err *err)
	DR_MUST_CHECK;
/* store_put_chunk: plain bytes in (1..STORE_CHUNK_BYTES, private memory: hashed and encoded here),
 * id and facts out. Skips the encoding when the chunk is there already. */
int store_put_chunk(struct store_txn *tx, const char *domain, const void *p, size_t len,
		    struct digest *ret_id, struct store_chunk_info *ret, struct dr_err *err)
	DR_MUST_CHECK;
int store_put_blob(struct store_txn *tx, const char *domain, const void *p, size_t len,
		   struct digest *ret_id, struct dr_err *err) DR_MUST_CHECK;
int store_commit(struct store_txn *tx, struct dr_err *err) DR_MUST_CHECK; /* frees tx either way */
void store_abandon(struct store_txn *tx); /* NULL is fine */
int store_unlease(struct store *st, const char *lease, struct dr_err *err) DR_MUST_CHECK;
void store_close(struct store *st);

DR_DEFINE_CLEANUP(struct store, store_close);
DR_DEFINE_CLEANUP(struct store_txn, store_abandon);

/* Drivers; named only by daemon/wire.c and tests. */
int store_dir_create(const char *path, struct dr_err *err) DR_MUST_CHECK;
int store_dir_open(struct store **ret, const char *path, struct dr_err *err) DR_MUST_CHECK;
int store_mem_open(struct store **ret, struct dr_err *err) DR_MUST_CHECK;

#endif
