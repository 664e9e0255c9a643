/* SPDX-License-Identifier: Apache-2.0
 *
 * store/dir: the driver over one directory of a local file system (docs/formats/store.md section
 * 3).
 *
 *   format  lock  {chunks,blobs,objects}/<domain>/ab/<64 hex>  tmp/  quarantine/
 *   leases/<lease>~<16 hex>: 64-byte records; the first is the lease's state
 *
 * Several processes use one directory at once. Everything is opened relative to descriptors of
 * these directories, without following a link and without waiting for a FIFO. */
#ifndef DR_STORE_DIR_INTERNAL_H
#define DR_STORE_DIR_INTERNAL_H

#include <sys/stat.h>

#include "store/store_internal.h"

#define DIR_ITEM_TEXT (STORE_DOMAIN_TEXT + 3 + DIGEST_HEX)
#define DIR_LOCK_SWEEP STORE_SHARDS /* the byte of `lock` after those of the shards */
#define DIR_LEASE_ACTIVE 'a'
#define DIR_LEASE_ENDED 'd'

enum dir_sub { DIR_CHUNKS, DIR_BLOBS, DIR_OBJECTS, DIR_TMP, DIR_LEASES, DIR_QUARANTINE, DIR_SUBS };

#define DIR_SYNCED 1024U

struct dir_store {
	struct store base;
	int root;
	int sub[DIR_SUBS]; /* descriptors of the directories in it */
	/* Fingerprints of directories below objects/ that are known to be on disk (dir_object.c).
	 */
	_Atomic uint64_t synced[DIR_SYNCED];
};

extern const struct store_object_ops store_dir_objects;

struct dir_store *store_dir_of(struct store *st);
int store_dir_base(const struct dir_store *d, const struct store_key *key); /* chunks, blobs … */
/* store_dir_path: "<domain>/ab/<hex>", relative to store_dir_base. */
void store_dir_path(const struct store_key *key, char ret[static DIR_ITEM_TEXT]);
/* store_dir_lock: a shared or exclusive lock on one byte of the lock file. The descriptor that
 * holds it until closed, or -1: BUSY (not `wait`); IO. */
int store_dir_lock(const struct dir_store *d, unsigned byte, bool exclusive, bool wait,
		   struct dr_err *err) DR_MUST_CHECK;

/* store_dir_item_open: a descriptor of the item. 1, or 0: no such name; *ret_fd is -1 when
 * something strange bears the name. */
int store_dir_item_open(const struct dir_store *d, const struct store_key *key, int *ret_fd,
			struct stat *ret, struct dr_err *err) DR_MUST_CHECK;
/* store_dir_make_parents: the directories on the way to base/path. */
int store_dir_make_parents(int base, const char *path, struct dr_err *err) DR_MUST_CHECK;
/* store_dir_move_aside: to quarantine/. 1, or 0: it is not there. */
int store_dir_move_aside(const struct dir_store *d, const struct store_key *key, struct dr_err *err)
	DR_MUST_CHECK;
/* store_dir_walk: fn for every plain file among the items of one kind and shard. */
int store_dir_walk(const struct dir_store *d, enum store_kind kind, unsigned shard,
		   store_item_fn fn, void *arg, struct dr_err *err) DR_MUST_CHECK;

int store_dir_lock_sweep(struct store *st, void **ret, struct dr_err *err);
int store_dir_lock_shard(struct store *st, unsigned shard, void **ret, struct dr_err *err);
void store_dir_unlock(struct store *st, void *lock);
int store_dir_each_lease(struct store *st, store_lease_fn fn, void *arg, struct dr_err *err);
int store_dir_read_lease(struct store *st, const char *file, store_record_fn fn, void *arg,
			 struct dr_err *err);
/* store_dir_read_records: as store_dir_read_lease, from its descriptor. */
int store_dir_read_records(int fd, store_record_fn fn, void *arg, struct dr_err *err) DR_MUST_CHECK;
int store_dir_drop_lease(struct store *st, const char *file, struct dr_err *err);
int store_dir_each_item(struct store *st, unsigned shard, store_item_fn fn, void *arg,
			struct dr_err *err);
int store_dir_remove(struct store *st, const struct store_key *key, struct dr_err *err);
int store_dir_tidy(struct store *st, uint64_t temp_seconds, uint64_t aside_seconds,
		   struct dr_err *err);

#endif
