/* SPDX-License-Identifier: Apache-2.0
 *
 * store/collect: removing what nothing refers to, beside running writers.
 *
 *   store_sweep_begin -> { the caller marks: lists what is live now; store_sweep_held }
 *                     -> store_sweep_shard(0..255) -> store_sweep_end
 *
 * Why no needed item is lost:
 * - A writer leases a key before it looks for the item, under a shared lock of the key's shard; the
 *   sweeper reads the leases and removes under the exclusive lock. So either the sweeper sees the
 *   lease, or the writer does not see the item and writes it.
 * - A lease counts until a sweep *begins* and finds it ended; the lease is ended after the
 * catalogue row was written, and marking starts after the sweep began. So a row that is not marked
 * still has a lease that counts. The caller marks the catalogue's rows first and the held manifests
 * second, in every pass. A row whose image is being read may be dropped by the caller when the read
 * is over, not before (or the reader holds the manifest: store_hold). One thread at a time per
 * sweep; one sweep at a time per store, over all processes. */
#ifndef DR_STORE_COLLECT_H
#define DR_STORE_COLLECT_H

#include "store/store.h"

struct store_sweep;

struct store_item {
	const char *domain;
	bool blob;
	const struct digest *id;
};

struct store_tally {
	uint64_t chunks;
	uint64_t blobs;
	uint64_t bytes;
};

struct store_sweep_stats {
	struct store_tally kept;   /* live */
	struct store_tally freed;  /* removed, or in a dry run: would be */
	struct store_tally leased; /* spared: a job may still refer to it */
	struct store_tally young;  /* spared: within the grace period */
};

/* store_sweep_begin: takes the sweep lock, forgets the leases that have ended and what dead writers
 * left half done. `dry`: remove nothing, now and in store_sweep_shard. BUSY: another sweep runs. */
int store_sweep_begin(struct store *st, bool dry, struct store_sweep **ret, struct dr_err *err)
	DR_MUST_CHECK;
/* store_sweep_held: fn for every manifest held by a lease (store_hold). fn's -1 ends it. */
int store_sweep_held(struct store_sweep *sw,
		     int (*fn)(void *arg, const char *domain, const struct digest *manifest,
			       struct dr_err *err),
		     void *arg, struct dr_err *err) DR_MUST_CHECK;
/* store_sweep_shard: removes the items whose id begins with the byte `shard` that are not live, not
 * leased and at least grace_seconds old. Adds to *stats. */
int store_sweep_shard(struct store_sweep *sw, unsigned shard,
		      bool (*live)(void *arg, const struct store_item *item), void *arg,
		      uint64_t grace_seconds, struct store_sweep_stats *stats, struct dr_err *err)
	DR_MUST_CHECK;
void store_sweep_end(struct store_sweep *sw); /* NULL is fine */

/* store_each_lease: fn for every lease (a name may come more than once), with whether it has ended.
 * For the job runner: leases of jobs that are over are to be ended by store_unlease. */
int store_each_lease(struct store *st,
		     int (*fn)(void *arg, const char *lease, bool ended, struct dr_err *err),
		     void *arg, struct dr_err *err) DR_MUST_CHECK;

DR_DEFINE_CLEANUP(struct store_sweep, store_sweep_end);

#endif
