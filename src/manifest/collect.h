/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest/collect: one collection: mark from the manifests of everything that is live, sweep the
 * rest (store/collect.h says why no needed item is lost).
 *
 * Memory is bounded: marks are kept for as many shards as fit, and the roots are listed again for
 * the next ones. The caller's part:
 * - rows of deleted images are listed until nobody reads their bytes any more;
 * - leases of jobs that are over are ended (store_each_lease, store_unlease), before. */
#ifndef DR_MANIFEST_COLLECT_H
#define DR_MANIFEST_COLLECT_H

#include "manifest/manifest.h"
#include "store/collect.h"

/* A root: a manifest's blob, and every chunk in it. */
typedef int (*collect_fn)(void *arg, const char *domain, const struct digest *manifest,
			  struct dr_err *err);

struct collect_roots {
	/* each: fn(fn_arg, …) for everything that is live now; stops with -1 when fn does. Called
	 * once or more per collection. */
	int (*each)(void *arg, collect_fn fn, void *fn_arg, struct dr_err *err);
	void *arg;
};

struct collect_options {
	uint64_t grace_seconds; /* spare what is younger; leases protect jobs, so this may be short
				 */
	size_t memory_bytes;    /* for marks; 0: COLLECT_MEMORY_BYTES */
	bool dry;               /* count only */
	/* stop: asked all along; true ends the collection with CANCELLED. NULL: never. */
	bool (*stop)(void *arg);
	void *stop_arg;
};

#define COLLECT_MEMORY_BYTES ((size_t)256 << 20) /* about 8 million distinct chunks per pass */

/* manifest_collect: *ret is filled also on failure, with what was done before.
 * 0, or -1: BUSY (another collection runs); CORRUPT, NOT_FOUND (the manifest of something live
 * cannot be read: what it needs is unknown, so nothing is removed in that pass); IO; NO_MEMORY; or
 * what roots->each failed with; CANCELLED. Blocks for long. */
int manifest_collect(struct store *st, const struct collect_roots *roots,
		     const struct collect_options *opt, struct store_sweep_stats *ret,
		     struct dr_err *err) DR_MUST_CHECK;

#endif
