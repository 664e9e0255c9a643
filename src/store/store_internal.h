/* SPDX-License-Identifier: Apache-2.0
 *
 * store/store_internal: what a driver is. A driver knows keys, bytes and leases; hashing, encoding
 * and verification are store.c's, the collection's order of steps is collect.c's.
 *
 * Every op returns 0 or positive, or -1 with `err` filled, may block and is called by any thread.
 * Ops are called by store.c and collect.c only. */
#ifndef DR_STORE_STORE_INTERNAL_H
#define DR_STORE_STORE_INTERNAL_H

#include <stdatomic.h>

#include "store/collect.h"
#include "store/object.h"
#include "store/store.h"

#define STORE_SHARDS 256 /* by the first byte of the id */

/* An item's name, and one record of a lease. 64 bytes without padding, so that records appended to
 * a file keep their alignment and a set of keys can be sorted as plain memory. */
struct store_key {
	char kind;                          /* enum store_kind */
	char domain[STORE_DOMAIN_TEXT - 1]; /* NUL-padded, not terminated when full */
	struct digest id;
};

_Static_assert(sizeof(struct store_key) == 64, "a lease record is 64 bytes");

enum store_kind {
	STORE_CHUNK = 'c',
	STORE_BLOB = 'b',
	/* In leases only: */
	STORE_ADDED_CHUNK = 'C', /* written by this transaction: taken out when its commit fails */
	STORE_ADDED_BLOB = 'B',
	STORE_HELD = 'h', /* a manifest blob, and what it refers to */
	/* Never in leases: */
	STORE_OBJECT = 'o',
};

/* One state of one item: another tag means that the item has been replaced since. */
struct store_seen {
	uint64_t tag;
	uint64_t bytes;
	bool strange;    /* something that is no plain item (a symlink, a FIFO): always damage */
	uint8_t head[4]; /* first and last bytes; zero in an item of fewer than 4 */
	uint8_t tail[4];
};

struct store {
	const struct store_ops *ops;
};

struct store_txn {
	struct store *st;
	atomic_uint hurry;
};

typedef int (*store_lease_fn)(void *arg, const char *file, bool ended, struct dr_err *err);
typedef int (*store_record_fn)(void *arg, const struct store_key *record, struct dr_err *err);
typedef int (*store_item_fn)(void *arg, const struct store_key *key, uint64_t bytes,
			     uint64_t age_seconds, struct dr_err *err);

/* The bases of what a driver makes of an upload and of an open object. */
struct store_upload {
	struct store *st;
	bool failed;
	bool committed;
};

struct store_object {
	struct store *st;
};

/* What a driver does with users' objects; as the functions of store/object.h of the same name,
 * whose callers object.c has checked. Keys are of kind STORE_OBJECT. */
struct store_object_ops {
	int (*begin)(struct store *st, const char *domain, struct store_upload **ret,
		     struct dr_err *err);
	int (*write)(struct store_upload *u, const void *p, size_t len, uint64_t pos,
		     struct dr_err *err);
	ssize_t (*read_back)(struct store_upload *u, void *buf, size_t len, uint64_t pos,
			     struct dr_err *err);
	int (*upload_fd)(const struct store_upload *u);
	int (*commit)(struct store_upload *u, struct digest *ret_key, uint64_t *ret_bytes,
		      struct dr_err *err);
	void (*end)(struct store_upload *u, bool keep);
	int (*open)(struct store *st, const struct store_key *key, struct store_object **ret,
		    uint64_t *ret_bytes, struct dr_err *err);
	ssize_t (*read)(const struct store_object *o, void *buf, size_t len, uint64_t pos,
			struct dr_err *err);
	int (*fd)(const struct store_object *o);
	void (*close)(struct store_object *o);
	int (*remove)(struct store *st, const struct store_key *key, struct dr_err *err);
	int (*set_aside)(struct store *st, const struct store_key *key, struct dr_err *err);
	int (*each)(struct store *st, unsigned shard, store_item_fn fn, void *arg,
		    struct dr_err *err);
	int (*reap)(struct store *st, const struct store_key *key,
		    int (*wanted)(void *arg, const struct digest *key, struct dr_err *err),
		    void *arg, struct dr_err *err);
};

struct store_ops {
	const char *name;
	const struct store_object_ops *objects;
	/* get: the item's bytes, unverified; `ret` is empty on entry. NOT_FOUND; CORRUPT (something
	 * strange bears the name); LIMIT (longer than max); IO. *ret_tag is set whenever there is
	 * an item that can be told from its successor. */
	int (*get)(struct store *st, const struct store_key *key, size_t max, struct buf *ret,
		   uint64_t *ret_tag, struct dr_err *err);
	/* peek: 1 there, 0 not there. */
	int (*peek)(struct store *st, const struct store_key *key, struct store_seen *ret,
		    struct dr_err *err);
	/* quarantine: move the item aside if it still is in the state `tag`. 1 moved, 0 not. */
	int (*quarantine)(struct store *st, const struct store_key *key, uint64_t tag,
			  struct dr_err *err);
	int (*begin)(struct store *st, const char *lease, struct store_txn **ret,
		     struct dr_err *err);
	/* find: put the record into the lease, then look for the item it names: 1 there, 0 not
	 * there. No removal under a shard lock may fall between the two. */
	int (*find)(struct store_txn *tx, const struct store_key *record, struct dr_err *err);
	/* add: make the item appear whole, without replacing one: 1 added, 0 there is one. The
	 * key has been leased by find. */
	int (*add)(struct store_txn *tx, const struct store_key *key, const void *p, size_t len,
		   struct dr_err *err);
	int (*commit)(struct store_txn *tx, struct dr_err *err); /* frees tx either way */
	void (*abandon)(struct store_txn *tx);
	int (*unlease)(struct store *st, const char *lease, struct dr_err *err);
	void (*close)(struct store *st);

	/* Collection. A lease "file" is what one transaction wrote; its name is the lease's, '~'
	 * and a suffix of the driver's. */
	int (*lock_sweep)(struct store *st, void **ret, struct dr_err *err); /* BUSY: another one */
	/* lock_shard: until store_ops.unlock, no find() of an id beginning with `shard`. */
	int (*lock_shard)(struct store *st, unsigned shard, void **ret, struct dr_err *err);
	void (*unlock)(struct store *st, void *lock);
	/* each_lease: every lease file that existed before the call and still does, and whether
	 * unlease has ended it; newer ones may be among them. */
	int (*each_lease)(struct store *st, store_lease_fn fn, void *arg, struct dr_err *err);
	int (*read_lease)(struct store *st, const char *file, store_record_fn fn, void *arg,
			  struct dr_err *err);
	int (*drop_lease)(struct store *st, const char *file, struct dr_err *err);
	int (*each_item)(struct store *st, unsigned shard, store_item_fn fn, void *arg,
			 struct dr_err *err);
	int (*remove)(struct store *st, const struct store_key *key, struct dr_err *err);
	/* tidy: remove what writers that died have left half done, if older than temp_seconds, and
	 * what was moved aside more than aside_seconds ago. */
	int (*tidy)(struct store *st, uint64_t temp_seconds, uint64_t aside_seconds,
		    struct dr_err *err);
};

/* store_key_set: `domain` is valid. */
void store_key_set(struct store_key *key, enum store_kind kind, const char *domain,
		   const struct digest *id);
/* store_key_domain: its domain as a string. */
void store_key_domain(const struct store_key *key, char ret[static STORE_DOMAIN_TEXT]);
/* store_record_item: the item that a lease record names, or false: it names none. */
bool store_record_item(const struct store_key *record, struct store_key *ret);
/* store_lease_owns: the lease file name belongs to this lease. */
bool store_lease_owns(const char *lease, const char *file);

#endif
