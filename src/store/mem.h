/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mem: what a test may do to the in-memory twin (store_mem_open) behind its back. */
#ifndef DR_STORE_MEM_H
#define DR_STORE_MEM_H

#include "store/store.h"

/* store_mem_item: the bytes at rest of an item, to be damaged in place; NULL when there is none. No
 * other thread may use the store meanwhile. */
struct buf *store_mem_item(struct store *st, const char *domain, bool blob,
			   const struct digest *id);
/* store_mem_age: the item becomes this many seconds older. */
void store_mem_age(struct store *st, const char *domain, bool blob, const struct digest *id,
		   uint64_t seconds);
/* store_mem_fail_after: the n-th put or upload's write that has to write from now on, and every
 * later one, fails with LIMIT "no-space"; 0: none. */
void store_mem_fail_after(struct store *st, uint64_t n);

#endif
