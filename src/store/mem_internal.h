/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mem: the driver that keeps everything in memory, for tests. */
#ifndef DR_STORE_MEM_INTERNAL_H
#define DR_STORE_MEM_INTERNAL_H

#include "store/mem.h"
#include "store/store_internal.h"
#include "util/mutex.h"

struct mem_item;
struct mem_lease;
struct mem_object;

struct mem_store {
	struct store base;
	/* Held by find() and by whoever holds a shard; taken before `lock`. */
	struct dr_mutex gate;
	struct dr_mutex lock; /* everything below */
	struct mem_item *shards[STORE_SHARDS];
	struct mem_object *objects[STORE_SHARDS];
	struct mem_lease *leases;
	uint64_t serial;
	uint64_t writes_left; /* 0: no limit */
	bool sweeping;
	bool full;
};

extern const struct store_object_ops store_mem_objects;

struct mem_store *store_mem_of(struct store *st);
/* store_mem_room_locked: one more write; LIMIT "no-space" when a test has said so. */
int store_mem_room_locked(struct mem_store *m, struct dr_err *err) DR_MUST_CHECK;
void store_mem_drop_objects(struct mem_store *m); /* at close */

#endif
