/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/mem_internal.h"
#include "util/checked.h"
#include "util/io.h"

#include "util/banned.h"

struct mem_object {
	struct store_key key;
	struct buf bytes; /* never changes */
	unsigned refs;    /* the list, its writer, its readers */
	bool held;        /* by its writer */
	struct mem_object *next;
};

struct mem_upload {
	struct store_upload base;
	struct store_key key;
	struct buf bytes;
	struct mem_object *object; /* from commit on */
};

struct mem_reader {
	struct store_object base;
	struct mem_object *object;
};

static struct mem_upload *upload_of(struct store_upload *u)
{
	return (struct mem_upload *)u;
}

static void unref_locked(struct mem_object *o)
{
	if (--o->refs > 0)
		return;
	buf_done(&o->bytes);
	free(o);
}

static struct mem_object **slot_locked(struct mem_store *m, const struct store_key *key)
{
	struct mem_object **at = &m->objects[key->id.b[0]];

	dr_assert_held(&m->lock);
	while (*at && memcmp(&(*at)->key, key, sizeof *key) != 0)
		at = &(*at)->next;
	return at;
}

/* drop_locked: whether it was there. */
static bool drop_locked(struct mem_store *m, const struct store_key *key)
{
	struct mem_object **at = slot_locked(m, key), *o = *at;

	if (!o)
		return false;
	*at = o->next;
	unref_locked(o);
	return true;
}

void store_mem_drop_objects(struct mem_store *m)
{
	dr_lock(&m->lock);
	for (size_t i = 0; i < STORE_SHARDS; i++)
		while (m->objects[i])
			drop_locked(m, &m->objects[i]->key);
	dr_unlock(&m->lock);
}

static int mem_begin(struct store *st, const char *domain, struct store_upload **ret,
		     struct dr_err *err)
{
	struct mem_upload *u = calloc(1, sizeof *u);
	struct digest id;

	(void)st;
	if (!u)
		return dr_fail_nomem(err);
	dr_random(&id, sizeof id);
	store_key_set(&u->key, STORE_OBJECT, domain, &id);
	u->bytes.max = SIZE_MAX - 1;
	*ret = &u->base;
	return 0;
}

static int mem_write(struct store_upload *base, const void *p, size_t len, uint64_t pos,
		     struct dr_err *err)
{
	struct mem_store *m = store_mem_of(base->st);
	struct mem_upload *u = upload_of(base);
	const size_t end = (size_t)pos + len, was = u->bytes.len;
	int rc;

	dr_lock(&m->lock);
	rc = store_mem_room_locked(m, err);
	dr_unlock(&m->lock);
	if (rc < 0)
		return -1;
	if (end > was) {
		if (!buf_reserve(&u->bytes, end - was))
			return dr_fail_nomem(err);
		memset(u->bytes.p + was, 0, end - was);
		u->bytes.len = end;
	}
	memcpy(u->bytes.p + pos, p, len);
	return 0;
}

static ssize_t read_from(const struct buf *from, void *buf, size_t len, uint64_t pos)
{
	const size_t n = pos < from->len ? dr_min_size(len, from->len - (size_t)pos) : 0;

	if (n > 0)
		memcpy(buf, from->p + pos, n);
	return (ssize_t)n;
}

static ssize_t mem_read_back(struct store_upload *base, void *buf, size_t len, uint64_t pos,
			     struct dr_err *err)
{
	const struct mem_upload *u = upload_of(base);

	(void)err;
	return read_from(u->object ? &u->object->bytes : &u->bytes, buf, len, pos);
}

static int mem_upload_fd(const struct store_upload *u)
{
	(void)u;
	return -1;
}

static int mem_commit(struct store_upload *base, struct digest *ret_key, uint64_t *ret_bytes,
		      struct dr_err *err)
{
	struct mem_store *m = store_mem_of(base->st);
	struct mem_upload *u = upload_of(base);
	struct mem_object *o = calloc(1, sizeof *o);

	if (!o)
		return dr_fail_nomem(err);
	*ret_key = u->key.id;
	*ret_bytes = u->bytes.len;
	*o = (struct mem_object){.key = u->key, .bytes = u->bytes, .refs = 2, .held = true};
	u->bytes = (struct buf)BUF_INIT;
	u->object = o;
	dr_lock(&m->lock);
	o->next = m->objects[o->key.id.b[0]];
	m->objects[o->key.id.b[0]] = o;
	dr_unlock(&m->lock);
	return 0;
}

static void mem_end(struct store_upload *base, bool keep)
{
	struct mem_store *m = store_mem_of(base->st);
	struct mem_upload *u = upload_of(base);

	dr_lock(&m->lock);
	if (u->object) {
		u->object->held = false;
		unref_locked(u->object);
		if (!keep)
			drop_locked(m, &u->key);
	}
	dr_unlock(&m->lock);
	buf_done(&u->bytes);
	free(u);
}

static int mem_open(struct store *st, const struct store_key *key, struct store_object **ret,
		    uint64_t *ret_bytes, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	dr_autofree struct mem_reader *r = calloc(1, sizeof *r);

	if (!r)
		return dr_fail_nomem(err);
	dr_lock(&m->lock);
	r->object = *slot_locked(m, key);
	if (r->object)
		r->object->refs++;
	dr_unlock(&m->lock);
	if (!r->object)
		return dr_fail(err, DR_NOT_FOUND, "it is missing");
	*ret_bytes = r->object->bytes.len;
	*ret = &DR_STEAL(r)->base;
	return 0;
}

static struct mem_object *object_of(const struct store_object *o)
{
	return ((const struct mem_reader *)o)->object;
}

static ssize_t mem_read(const struct store_object *o, void *buf, size_t len, uint64_t pos,
			struct dr_err *err)
{
	(void)err;
	return read_from(&object_of(o)->bytes, buf, len, pos);
}

static int mem_fd(const struct store_object *o)
{
	(void)o;
	return -1;
}

static void mem_close(struct store_object *o)
{
	struct mem_store *m = store_mem_of(o->st);

	dr_lock(&m->lock);
	unref_locked(object_of(o));
	dr_unlock(&m->lock);
	free(o);
}

static int mem_set_aside(struct store *st, const struct store_key *key, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	bool was;

	(void)err;
	dr_lock(&m->lock);
	was = drop_locked(m, key);
	dr_unlock(&m->lock);
	return was ? 1 : 0;
}

static int mem_remove(struct store *st, const struct store_key *key, struct dr_err *err)
{
	(void)mem_set_aside(st, key, err);
	return 0;
}

/* The callback calls back into the store, so it sees copies and runs without `lock`. */
struct object_copy {
	struct store_key key;
	uint64_t bytes;
};

static int mem_each(struct store *st, unsigned shard, store_item_fn fn, void *arg,
		    struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	dr_autofree struct object_copy *copies = NULL;
	size_t count = 0, n = 0;
	int rc = 0;

	dr_lock(&m->lock);
	for (const struct mem_object *o = m->objects[shard]; o; o = o->next)
		count++;
	copies = calloc(count + 1, sizeof *copies);
	for (const struct mem_object *o = m->objects[shard]; copies && o; o = o->next)
		copies[n++] = (struct object_copy){o->key, o->bytes.len};
	dr_unlock(&m->lock);
	if (!copies)
		return dr_fail_nomem(err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = fn(arg, &copies[i].key, copies[i].bytes, 0, err);
	return rc;
}

static int mem_reap(struct store *st, const struct store_key *key,
		    int (*wanted)(void *arg, const struct digest *key, struct dr_err *err),
		    void *arg, struct dr_err *err)
{
	struct mem_store *m = store_mem_of(st);
	const struct mem_object *o;
	bool there;
	int rc;

	dr_lock(&m->lock);
	o = *slot_locked(m, key);
	there = o && !o->held;
	dr_unlock(&m->lock);
	if (!there)
		return 0;
	/* Once let go it is never held again. */
	rc = wanted(arg, &key->id, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return mem_set_aside(st, key, err);
}

const struct store_object_ops store_mem_objects = {
	.begin = mem_begin,
	.write = mem_write,
	.read_back = mem_read_back,
	.upload_fd = mem_upload_fd,
	.commit = mem_commit,
	.end = mem_end,
	.open = mem_open,
	.read = mem_read,
	.fd = mem_fd,
	.close = mem_close,
	.remove = mem_remove,
	.set_aside = mem_set_aside,
	.each = mem_each,
	.reap = mem_reap,
};
