/* SPDX-License-Identifier: Apache-2.0
 *
 * store: content-addressed chunks and named blobs, durable at commit, protected by leases.
 *
 *   writer:  store_begin(lease) -> { store_put_chunk | store_put_blob | store_hold }…
 *            -> store_commit -> (the catalogue row is written) -> store_unlease
 *   reader:  store_get_chunk, store_get_stored, store_get_blob: verified, or CORRUPT
 *   sweeper: store/collect.h
 *
 * A chunk is at most STORE_CHUNK_BYTES of plain disk; its id is the SHA-256 of the plain bytes; it
 * lives in a deduplication domain (an account id, or "global"). At rest it is exactly one block of
 * an LZ4 frame with block checksum: size word (4 bytes LE; bit 31 = stored plain), data, XXH32 of
 * the data (4 bytes LE). That encoding is part of the interface (store/chunk.h): views splice it.
 * A chunk of zeros only is never put: a manifest leaves it out (the caller's duty).
 * A blob is named by the SHA-256 of its bytes, likewise within a domain.
 *
 * "put" is put-if-absent: afterwards the store holds exactly these bytes. What is there already is
 * read back and compared, so every put heals a damaged item. From the put on, the item, new or
 * found, is leased under the transaction's lease name (the job id); leases outlive the process and
 * are dropped by store_unlease() once the catalogue row exists or the job has failed. A name may
 * be used by several transactions, in sequence or at once. Nothing is durable before
 * store_commit() returns (one barrier per commit).
 *
 * A reader or writer that meets a damaged item moves it aside ("quarantine"), so that the next put
 * of the same bytes writes it anew.
 * All functions: any thread; store_txn: puts may come from several threads at once, commit and
 * abandon from one after all puts have returned. Spec: docs/formats/store.md. */
#ifndef DR_STORE_STORE_H
#define DR_STORE_STORE_H

#include "digest/digest.h"
#include "util/buf.h"

#define STORE_CHUNK_BYTES ((size_t)1 << 20)
#define STORE_DOMAIN_TEXT 32 /* [a-z0-9-]{1,31} and the NUL */
#define STORE_LEASE_TEXT 64  /* [A-Za-z0-9_-]{1,63} and the NUL */

struct store;
struct store_txn;

/* What the store holds for one chunk. */
struct store_chunk_info {
	uint32_t stored_bytes; /* whole encoded block: 4 + data + 4 */
	uint32_t check;        /* its XXH32 */
	bool found;            /* it was there before this put */
};

bool store_domain_valid(const char *domain);
bool store_lease_valid(const char *lease);

/* store_get_chunk: plain bytes of a chunk, verified against its id; a chunk that fails is moved
 * aside (quarantined) so that the next import of the same bytes heals it.
 *   max  refuse above this many plain bytes      ret  [caller's buffer, replaced]
 * 0, or -1: NOT_FOUND; CORRUPT; LIMIT; IO. Blocks. */
int store_get_chunk(struct store *st, const char *domain, const struct digest *id, size_t max,
		    struct buf *ret, struct dr_err *err) DR_MUST_CHECK;
/* store_get_stored: the encoded block with the length and check word that a manifest recorded,
 * without decompressing when that is what is at rest. A sound chunk that was put anew in another
 * encoding is encoded again as it was recorded. CONFLICT: this version of the encoder does not do
 * that. */
int store_get_stored(struct store *st, const char *domain, const struct digest *id,
		     uint32_t stored_bytes, uint32_t check, struct buf *ret, struct dr_err *err)
	DR_MUST_CHECK;
/* store_get_blob: at most `max` bytes (LIMIT above), verified against the id. A `ret` for more than
 * BUF_MAX_DEFAULT must have its own maximum raised. Otherwise as store_get_chunk. */
int store_get_blob(struct store *st, const char *domain, const struct digest *id, size_t max,
		   struct buf *ret, struct dr_err *err) DR_MUST_CHECK;
/* store_probe_chunk: what is at rest, from the item's size and its first and last bytes only: the
 * size word agrees with the size. NOT_FOUND; CORRUPT (left where it is); IO. */
int store_probe_chunk(struct store *st, const char *domain, const struct digest *id,
		      struct store_chunk_info *ret, struct dr_err *err) DR_MUST_CHECK;

int store_begin(struct store *st, const char *lease, struct store_txn **ret, struct dr_err *err)
	DR_MUST_CHECK;
/* store_put_chunk: plain bytes in (1..STORE_CHUNK_BYTES, private memory: hashed and encoded here),
 * id and facts out. Skips the encoding when the chunk is there already.
 * 0, or -1: LIMIT "no-space"; IO; NO_MEMORY. */
int store_put_chunk(struct store_txn *tx, const char *domain, const void *p, size_t len,
		    struct digest *ret_id, struct store_chunk_info *ret, struct dr_err *err)
	DR_MUST_CHECK;
#define STORE_HURRY_MAX 2U
/* store_hurry: chunks put from now on are encoded the faster, and the larger, the higher `hurry`
 * is: 0 (at first) .. STORE_HURRY_MAX. Any thread. */
void store_hurry(struct store_txn *tx, unsigned hurry);
int store_put_blob(struct store_txn *tx, const char *domain, const void *p, size_t len,
		   struct digest *ret_id, struct dr_err *err) DR_MUST_CHECK;
/* store_hold: lease a manifest blob that is in the store together with everything it refers to,
 * at the cost of one record: for a snapshot over its parent's chunks, or a long read. Protects from
 * every collection if the holder confirms, after the hold, that the image still exists.
 * 0, or -1: NOT_FOUND (then nothing is promised); IO. */
int store_hold(struct store_txn *tx, const char *domain, const struct digest *manifest,
	       struct dr_err *err) DR_MUST_CHECK;
/* store_commit: everything put or found is on disk when this returns 0. On failure (IO) what this
 * transaction added is taken out again, because a failed barrier says nothing about what a second
 * one would have saved. Frees tx either way; the lease stays. */
int store_commit(struct store_txn *tx, struct dr_err *err) DR_MUST_CHECK;
void store_abandon(struct store_txn *tx); /* NULL is fine; the lease stays */
/* store_unlease: end every lease of this name for good; fine when there is none. */
int store_unlease(struct store *st, const char *lease, struct dr_err *err) DR_MUST_CHECK;
void store_close(struct store *st);

DR_DEFINE_CLEANUP(struct store, store_close);
DR_DEFINE_CLEANUP(struct store_txn, store_abandon);

/* Drivers; named only by daemon/wire.c and tests. */
/* store_dir_create: makes an empty store at `path` (created when missing; its parent must exist).
 * CONFLICT when there is a store already or the directory holds anything else. */
int store_dir_create(const char *path, struct dr_err *err) DR_MUST_CHECK;
/* store_dir_open: NOT_FOUND (no store there); UNSUPPORTED (made by a newer version); IO. */
int store_dir_open(struct store **ret, const char *path, struct dr_err *err) DR_MUST_CHECK;
int store_mem_open(struct store **ret, struct dr_err *err) DR_MUST_CHECK;

#endif
