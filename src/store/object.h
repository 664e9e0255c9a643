/* SPDX-License-Identifier: Apache-2.0
 *
 * store/object: what users keep: byte-exact objects, written as they come, read by ranges.
 *
 *   writer:  store_upload_begin -> store_upload_write… -> store_upload_commit
 *            -> (the catalogue row is written) -> store_upload_close
 *   reader:  store_object_open -> store_object_read… | store_object_fd -> store_object_close
 *   owner of the row: store_object_remove when no row names the object any more
 *   sweeper: store_object_each, store_object_reap; checker: store_object_set_aside
 *
 * Unlike chunks and blobs, an object has a random key and exactly one owner, a catalogue row: it is
 * neither shared nor deduplicated, and goes as soon as its row does. It never changes after commit.
 * Before commit it has no name: what fails, is abandoned or dies with its process leaves nothing.
 * What dies between commit and row is removed by the sweeper, which takes nothing that a writer
 * still holds (a lock, in the directory driver) until it closes. An open reader goes on reading
 * what was removed.
 *
 * Any thread; one upload is used by one thread at a time. Spec: docs/formats/store.md. */
#ifndef DR_STORE_OBJECT_H
#define DR_STORE_OBJECT_H

#include <sys/types.h>

#include "store/store.h"

struct store_upload;
struct store_object;

/* store_upload_begin: [owned] LIMIT "no-space"; IO; NO_MEMORY. */
int store_upload_begin(struct store *st, const char *domain, struct store_upload **ret,
		       struct dr_err *err) DR_MUST_CHECK;
/* store_upload_write: len bytes at pos, in any order; what lies between reads as zeros.
 * LIMIT "no-space" or "too-large" (no file can be that long); IO. After a failure the upload can
 * only be closed. */
int store_upload_write(struct store_upload *u, const void *p, size_t len, uint64_t pos,
		       struct dr_err *err) DR_MUST_CHECK;
/* store_upload_read: what was written so far, for whoever must hash it again. Count, 0 at the end.
 */
ssize_t store_upload_read(struct store_upload *u, void *buf, size_t len, uint64_t pos,
			  struct dr_err *err) DR_MUST_CHECK;
/* store_upload_fd: a read-write descriptor of the growing object (borrowed), to be handed to
 * another process; -1: this driver has none. */
int store_upload_fd(const struct store_upload *u);
/* store_upload_commit: the bytes are on disk under a new key when this returns 0. Still unknown to
 * everybody: the caller writes the row, then closes the upload.
 * On failure (LIMIT "no-space"; IO) nothing will be left of it. */
int store_upload_commit(struct store_upload *u, struct digest *ret_key, uint64_t *ret_bytes,
			struct dr_err *err) DR_MUST_CHECK;
/* store_upload_close: `keep`: a row names it now. Otherwise nothing is left. NULL is fine. */
void store_upload_close(struct store_upload *u, bool keep);

/* store_object_open: [owned] NOT_FOUND; CORRUPT (something else bears the name); IO. */
int store_object_open(struct store *st, const char *domain, const struct digest *key,
		      struct store_object **ret, uint64_t *ret_bytes, struct dr_err *err)
	DR_MUST_CHECK;
/* store_object_read: up to len bytes at pos, fewer only at the end: the count, or -1. Any thread.
 */
ssize_t store_object_read(const struct store_object *o, void *buf, size_t len, uint64_t pos,
			  struct dr_err *err) DR_MUST_CHECK;
/* store_object_fd: a read-only descriptor (borrowed) whose byte n is the object's; -1: none. */
int store_object_fd(const struct store_object *o);
void store_object_close(struct store_object *o); /* NULL is fine */
/* store_object_remove: fine when it is not there. */
int store_object_remove(struct store *st, const char *domain, const struct digest *key,
			struct dr_err *err) DR_MUST_CHECK;

/* store_object_set_aside: move a damaged object to where a person may look at it; nobody reads it
 * any more. 1 moved, 0 it was not there. */
int store_object_set_aside(struct store *st, const char *domain, const struct digest *key,
			   struct dr_err *err) DR_MUST_CHECK;

/* store_object_each: fn for every committed object whose key begins with the byte `shard`, whether
 * it has a row or is about to get one; fn's -1 ends it. */
int store_object_each(struct store *st, unsigned shard,
		      int (*fn)(void *arg, const char *domain, const struct digest *key,
				uint64_t bytes, struct dr_err *err),
		      void *arg, struct dr_err *err) DR_MUST_CHECK;
/* store_object_reap: remove an object unless its writer holds it, or wanted() says that a row names
 * it: asked when no writer can be between commit and row any more. 1 removed, 0 not. */
int store_object_reap(struct store *st, const char *domain, const struct digest *key,
		      int (*wanted)(void *arg, const struct digest *key, struct dr_err *err),
		      void *arg, struct dr_err *err) DR_MUST_CHECK;

DR_DEFINE_CLEANUP(struct store_object, store_object_close);

static inline void store_upload_abandonp(struct store_upload **u)
{
	store_upload_close(*u, false);
}

#endif
