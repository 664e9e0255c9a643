/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest/mark: a set of items in bounded memory, as 64-bit fingerprints.
 *
 * Ids are SHA-256 values, so 56 bits of one stand for it: that an item which is not in the set
 * looks as if it were has a probability of count / 2^56, and means that garbage stays for another
 * sweep. The topmost byte of a fingerprint is the first byte of the id: its shard. A set that
 * outgrows its memory gives up the upper half of its shards; the caller takes them in another pass.
 */
#ifndef DR_MANIFEST_MARK_INTERNAL_H
#define DR_MANIFEST_MARK_INTERNAL_H

#include "digest/digest.h"

#define MARK_SHARDS 256

struct mark {
	uint64_t *slots; /* open addressing; 0: free */
	size_t cap;      /* a power of two, or 0 */
	size_t count;
	size_t max_bytes; /* of slots */
	unsigned lo;      /* the shards in the set: lo <= shard < hi */
	unsigned hi;
};

/* mark_print: an item's fingerprint; `extra` distinguishes what else the caller cares for. */
uint64_t mark_print(const char *domain, bool blob, const struct digest *id, uint64_t extra);
/* mark_reset: empty, for these shards; the memory is kept. */
void mark_reset(struct mark *m, unsigned lo, unsigned hi);
void mark_done(struct mark *m);
/* mark_full: one more would outgrow the memory. */
bool mark_full(const struct mark *m);
/* mark_add: ignored outside [lo, hi). May lower hi. NO_MEMORY. */
int mark_add(struct mark *m, uint64_t print, struct dr_err *err) DR_MUST_CHECK;
bool mark_has(const struct mark *m, uint64_t print);

#endif
