/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/mem_internal.h"
#include "util/clock.h"

#include "util/banned.h"

struct mem_item {
	struct store_key key;
	struct buf bytes;
	uint64_t tag;
	uint64_t born_ms;
	struct mem_item *next;
};

/* What one transaction leased; outlives it. */
struct mem_lease {
	char file[STORE_LEASE_TEXT + 32];
	bool ended;
	unsigned refs;
	struct store_key *records;
	size_t count;
	size_t cap;
	struct mem_lease *next;
};

struct mem_txn {
	struct store_txn base;
	struct mem_lease *lease;
};

struct mem_store *store_mem_of(struct store *st)
{
	return (struct mem_store *)st;
}

static void item_free(struct mem_item *item)
{
	buf_done(&item->bytes);
	free(item);
}

static struct mem_item **slot_locked(struct mem_store *m, const struct store_key *key)
{
	struct mem_item **at = &m->shards[key->id.b[0]];

	dr_assert_held(&m->lock);
	while (*at && memcmp(&(*at)->key, key, sizeof *key) != 0)
		at = &(*at)->next;
	return at;
}

static void unlink_locked(struct mem_item **at)
{
	struct mem_item *item = *at;

	*at = item->next;
	item_free(item);
}

static int mem_get(struct store *st, const struct store_key *key, size_t max, struct buf *ret,
		   uint64_t *ret_tag, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	const struct mem_item *item;
	int rc = 0;

	dr_lock(&m->lock);
	item = *slot_locked(m, key);
	if (!item) {
		rc = dr_fail(err, DR_NOT_FOUND, "no such item");
	} else {
		*ret_tag = item->tag;
		if (item->bytes.len > max)
			rc = dr_fail(err, DR_LIMIT, "longer than %zu bytes", max);
		else
			buf_append(ret, item->bytes.p, item->bytes.len);
	}
	dr_unlock(&m->lock);
	return rc < 0 ? -1 : buf_check(ret, err);
}

static int mem_peek(struct store *st, const struct store_key *key, struct store_seen *ret,
		    struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	const struct mem_item *item;

	(void)err;
	dr_lock(&m->lock);
	item = *slot_locked(m, key);
	if (item) {
		*ret = (struct store_seen){.tag = item->tag, .bytes = item->bytes.len};
		if (item->bytes.len >= 4) {
			memcpy(ret->head, item->bytes.p, 4);
			memcpy(ret->tail, item->bytes.p + item->bytes.len - 4, 4);
		}
	}
	dr_unlock(&m->lock);
	return item ? 1 : 0;
}

static int mem_quarantine(struct store *st, const struct store_key *key, uint64_t tag,
			  struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	struct mem_item **at;
	int rc = 0;

	(void)err;
	dr_lock(&m->lock);
	at = slot_locked(m, key);
	if (*at && (*at)->tag == tag) {
		unlink_locked(at);
		rc = 1;
	}
	dr_unlock(&m->lock);
	return rc;
}

static void lease_unref_locked(struct mem_lease *lease)
{
	if (--lease->refs > 0)
		return;
	free(lease->records);
	free(lease);
}

static int append_locked(struct mem_lease *lease, const struct store_key *record,
			 struct dr_err *err)
{
	struct store_key *p;
	size_t cap;

	if (lease->count == lease->cap) {
		cap = lease->cap ? 2 * lease->cap : 16;
		p = reallocarray(lease->records, cap, sizeof *p);
		if (!p)
			return dr_fail_nomem(err);
		lease->records = p;
		lease->cap = cap;
	}
	lease->records[lease->count++] = *record;
	return 0;
}

static int mem_begin(struct store *st, const char *lease, struct store_txn **ret,
		     struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	dr_autofree struct mem_txn *tx = calloc(1, sizeof *tx);
	dr_autofree struct mem_lease *l = calloc(1, sizeof *l);

	if (!tx || !l)
		return dr_fail_nomem(err);
	tx->base.st = st;
	tx->lease = l;
	l->refs = 2; /* the list and the transaction */
	dr_lock(&m->lock);
	snprintf(l->file, sizeof l->file, "%s~%llu", lease, (unsigned long long)++m->serial);
	l->next = m->leases;
	m->leases = DR_STEAL(l);
	dr_unlock(&m->lock);
	*ret = &DR_STEAL(tx)->base;
	return 0;
}

static struct mem_txn *txn_of(struct store_txn *tx)
{
	return (struct mem_txn *)tx;
}

static int mem_find(struct store_txn *base, const struct store_key *record, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(base->st);
	struct store_key key;
	int rc;

	if (!store_record_item(record, &key))
		return dr_fail(err, DR_INVALID, "not an item's name");
	dr_lock(&m->gate);
	dr_lock(&m->lock);
	rc = append_locked(txn_of(base)->lease, record, err);
	if (rc == 0)
		rc = *slot_locked(m, &key) ? 1 : 0;
	dr_unlock(&m->lock);
	dr_unlock(&m->gate);
	return rc;
}

int store_mem_room_locked(struct mem_store *m, struct dr_err *err)
{
	dr_assert_held(&m->lock);
	if (!m->full && (m->writes_left == 0 || --m->writes_left > 0))
		return 0;
	m->full = true;
	errno = ENOSPC;
	return dr_fail_errno(err, "write");
}

static int add_locked(struct mem_store *m, struct mem_item *item, struct dr_err *err)
{
	struct mem_item **at = slot_locked(m, &item->key);

	if (*at)
		return 0;
	if (store_mem_room_locked(m, err) < 0)
		return -1;
	item->tag = ++m->serial;
	*at = item;
	return 1;
}

static int mem_add(struct store_txn *base, const struct store_key *key, const void *p, size_t len,
		   struct dr_err *err)
{
	struct mem_store *m = store_mem_of(base->st);
	struct mem_item *item = calloc(1, sizeof *item);
	int rc;

	if (!item)
		return dr_fail_nomem(err);
	item->key = *key;
	item->born_ms = dr_now_ms();
	item->bytes.max = SIZE_MAX - 1;
	buf_append(&item->bytes, p, len);
	rc = buf_ok(&item->bytes) ? 0 : dr_fail_nomem(err);
	if (rc == 0) {
		dr_lock(&m->lock);
		rc = add_locked(m, item, err);
		dr_unlock(&m->lock);
	}
	if (rc <= 0)
		item_free(item);
	return rc;
}

static void mem_abandon(struct store_txn *base)
{
	struct mem_store *m = store_mem_of(base->st);
	struct mem_txn *tx = txn_of(base);

	dr_lock(&m->lock);
	lease_unref_locked(tx->lease);
	dr_unlock(&m->lock);
	free(tx);
}

static int mem_commit(struct store_txn *base, struct dr_err *err)
{
	(void)err;
	mem_abandon(base);
	return 0;
}

static int mem_unlease(struct store *st, const char *lease, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);

	(void)err;
	dr_lock(&m->lock);
	for (struct mem_lease *l = m->leases; l; l = l->next)
		if (store_lease_owns(lease, l->file))
			l->ended = true;
	dr_unlock(&m->lock);
	return 0;
}

static int mem_lock_sweep(struct store *st, void **ret, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	bool busy;

	dr_lock(&m->lock);
	busy = m->sweeping;
	m->sweeping = true;
	dr_unlock(&m->lock);
	if (busy)
		return dr_fail(err, DR_BUSY, "the store is being collected already");
	*ret = &m->sweeping;
	return 0;
}

static int mem_lock_shard(struct store *st, unsigned shard, void **ret, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);

	(void)shard;
	(void)err;
	dr_lock(&m->gate);
	*ret = &m->gate;
	return 0;
}

static void mem_unlock(struct store *st, void *lock)
{
	struct mem_store *m = store_mem_of(st);

	if (lock == &m->gate) {
		dr_unlock(&m->gate);
		return;
	}
	dr_lock(&m->lock);
	m->sweeping = false;
	dr_unlock(&m->lock);
}

/* The callbacks below call back into the store, so they see copies and run without `lock`. */
struct lease_copy {
	char file[STORE_LEASE_TEXT + 32];
	bool ended;
};

static int mem_each_lease(struct store *st, store_lease_fn fn, void *arg, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	dr_autofree struct lease_copy *copies = NULL;
	size_t count = 0, n = 0;
	int rc = 0;

	dr_lock(&m->lock);
	for (const struct mem_lease *l = m->leases; l; l = l->next)
		count++;
	copies = calloc(count + 1, sizeof *copies);
	for (const struct mem_lease *l = m->leases; copies && l; l = l->next) {
		memcpy(copies[n].file, l->file, sizeof copies[n].file);
		copies[n++].ended = l->ended;
	}
	dr_unlock(&m->lock);
	if (!copies)
		return dr_fail_nomem(err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = fn(arg, copies[i].file, copies[i].ended, err);
	return rc;
}

static struct mem_lease **lease_locked(struct mem_store *m, const char *file)
{
	struct mem_lease **at = &m->leases;

	while (*at && strcmp((*at)->file, file) != 0)
		at = &(*at)->next;
	return at;
}

static int mem_read_lease(struct store *st, const char *file, store_record_fn fn, void *arg,
			  struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	dr_autofree struct store_key *copies = NULL;
	const struct mem_lease *l;
	size_t count;
	int rc = 0;

	dr_lock(&m->lock);
	l = *lease_locked(m, file);
	count = l ? l->count : 0;
	copies = calloc(count + 1, sizeof *copies);
	if (copies && count > 0)
		memcpy(copies, l->records, count * sizeof *copies);
	dr_unlock(&m->lock);
	if (!copies)
		return dr_fail_nomem(err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = fn(arg, &copies[i], err);
	return rc;
}

static int mem_drop_lease(struct store *st, const char *file, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	struct mem_lease **at, *l;

	(void)err;
	dr_lock(&m->lock);
	at = lease_locked(m, file);
	l = *at;
	if (l) {
		*at = l->next;
		lease_unref_locked(l);
	}
	dr_unlock(&m->lock);
	return 0;
}

struct item_copy {
	struct store_key key;
	uint64_t bytes;
	uint64_t age_seconds;
};

static int mem_each_item(struct store *st, unsigned shard, store_item_fn fn, void *arg,
			 struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	dr_autofree struct item_copy *copies = NULL;
	size_t count = 0, n = 0;
	int rc = 0;

	dr_lock(&m->lock);
	for (const struct mem_item *i = m->shards[shard]; i; i = i->next)
		count++;
	copies = calloc(count + 1, sizeof *copies);
	for (const struct mem_item *i = m->shards[shard]; copies && i; i = i->next)
		copies[n++] = (struct item_copy){
			.key = i->key,
			.bytes = i->bytes.len,
			.age_seconds = (dr_now_ms() - i->born_ms) / 1000,
		};
	dr_unlock(&m->lock);
	if (!copies)
		return dr_fail_nomem(err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = fn(arg, &copies[i].key, copies[i].bytes, copies[i].age_seconds, err);
	return rc;
}

static int mem_remove(struct store *st, const struct store_key *key, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	struct mem_item **at;

	(void)err;
	dr_lock(&m->lock);
	at = slot_locked(m, key);
	if (*at)
		unlink_locked(at);
	dr_unlock(&m->lock);
	return 0;
}

static int mem_tidy(struct store *st, uint64_t temp_seconds, uint64_t aside_seconds,
		    struct dr_err *err)
{
	(void)st;
	(void)temp_seconds;
	(void)aside_seconds;
	(void)err;
	return 0;
}

static void mem_close(struct store *st)
{
	struct mem_store *m = store_mem_of(st);
	struct mem_lease *l;

	for (size_t i = 0; i < STORE_SHARDS; i++)
		while (m->shards[i])
			unlink_locked(&m->shards[i]);
	store_mem_drop_objects(m);
	while ((l = m->leases)) {
		m->leases = l->next;
		lease_unref_locked(l);
	}
	dr_mutex_done(&m->gate);
	dr_mutex_done(&m->lock);
	free(m);
}

static const struct store_ops mem_ops = {
	.name = "mem",
	.objects = &store_mem_objects,
	.get = mem_get,
	.peek = mem_peek,
	.quarantine = mem_quarantine,
	.begin = mem_begin,
	.find = mem_find,
	.add = mem_add,
	.commit = mem_commit,
	.abandon = mem_abandon,
	.unlease = mem_unlease,
	.close = mem_close,
	.lock_sweep = mem_lock_sweep,
	.lock_shard = mem_lock_shard,
	.unlock = mem_unlock,
	.each_lease = mem_each_lease,
	.read_lease = mem_read_lease,
	.drop_lease = mem_drop_lease,
	.each_item = mem_each_item,
	.remove = mem_remove,
	.tidy = mem_tidy,
};

int store_mem_open(struct store **ret, struct dr_err *err)
{
	struct mem_store *m = calloc(1, sizeof *m);

	if (!m)
		return dr_fail_nomem(err);
	m->base.ops = &mem_ops;
	dr_mutex_init(&m->gate);
	dr_mutex_init(&m->lock);
	*ret = &m->base;
	return 0;
}

static struct mem_item *item_of(struct store *st, const char *domain, bool blob,
				const struct digest *id)
{
	struct mem_store *m = store_mem_of(st);
	struct mem_item *item;
	struct store_key key;

	assert(st->ops == &mem_ops);
	store_key_set(&key, blob ? STORE_BLOB : STORE_CHUNK, domain, id);
	dr_lock(&m->lock);
	item = *slot_locked(m, &key);
	dr_unlock(&m->lock);
	return item;
}

struct buf *store_mem_item(struct store *st, const char *domain, bool blob, const struct digest *id)
{
	struct mem_item *item = item_of(st, domain, blob, id);

	return item ? &item->bytes : NULL;
}

void store_mem_age(struct store *st, const char *domain, bool blob, const struct digest *id,
		   uint64_t seconds)
{
	struct mem_item *item = item_of(st, domain, blob, id);

	if (item)
		item->born_ms -= 1000 * seconds;
}

void store_mem_fail_after(struct store *st, uint64_t n)
{
	struct mem_store *m = store_mem_of(st);

	assert(st->ops == &mem_ops);
	dr_lock(&m->lock);
	m->writes_left = n;
	m->full = false;
	dr_unlock(&m->lock);
}
