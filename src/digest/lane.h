/* SPDX-License-Identifier: Apache-2.0
 *
 * digest/lane: hashes computed beside the work, on a thread of their own.
 *
 *   lane_new() -> { lane_update() } -> lane_sync() -> hash_copy() or hash_final() of what was given
 *
 * What is given is copied, so the hashes are of private memory and the caller's buffer is free
 * again at once. One caller's thread; memory is bounded (LANE_BYTES): a caller that is faster than
 * the hashes waits for them. */
#ifndef DR_DIGEST_LANE_H
#define DR_DIGEST_LANE_H

#include "digest/digest.h"

#define LANE_BYTES ((size_t)2 << 20)

struct lane;

/* lane_new: starts the thread. The hashes are borrowed, `second` may be NULL; nobody else touches
 * them before the lane is freed, but between lane_sync and lane_update. */
int lane_new(struct lane **ret, struct hash *first, struct hash *second, struct dr_err *err)
	DR_MUST_CHECK;
void lane_update(struct lane *l, const void *p, size_t len);
/* lane_sync: returns when everything given is hashed. */
void lane_sync(struct lane *l);
void lane_free(struct lane *l); /* ends the thread; hashes stay; NULL is fine */

DR_DEFINE_CLEANUP(struct lane, lane_free);

#endif
