/* SPDX-License-Identifier: Apache-2.0 */
#include "store/object.h"

#include <assert.h>

#include "store/store_internal.h"
#include "util/checked.h"

#include "util/banned.h"

static const struct store_object_ops *ops_of(const struct store *st)
{
	return st->ops->objects;
}

/* in_object: says which one it was about; never whose. */
static int in_object(struct dr_err *err, const struct digest *key)
{
	char hex[DIGEST_HEX];

	digest_hex(key, hex);
	return dr_while(err, "object %.12s", hex);
}

int store_upload_begin(struct store *st, const char *domain, struct store_upload **ret,
		       struct dr_err *err)
{
	struct store_upload *u = NULL;

	assert(store_domain_valid(domain));
	if (ops_of(st)->begin(st, domain, &u, err) < 0)
		return -1;
	u->st = st;
	*ret = u;
	return 0;
}

int store_upload_write(struct store_upload *u, const void *p, size_t len, uint64_t pos,
		       struct dr_err *err)
{
	assert(!u->failed && !u->committed);
	u->failed = true;
	if (!dr_range_within(pos, len, INT64_MAX))
		return dr_refuse(err, DR_LIMIT, "too-large", "no object can be that long");
	if (len > 0 && ops_of(u->st)->write(u, p, len, pos, err) < 0)
		return -1;
	u->failed = false;
	return 0;
}

ssize_t store_upload_read(struct store_upload *u, void *buf, size_t len, uint64_t pos,
			  struct dr_err *err)
{
	assert(!u->failed);
	return pos > INT64_MAX ? 0 : ops_of(u->st)->read_back(u, buf, len, pos, err);
}

int store_upload_fd(const struct store_upload *u)
{
	return ops_of(u->st)->upload_fd(u);
}

int store_upload_commit(struct store_upload *u, struct digest *ret_key, uint64_t *ret_bytes,
			struct dr_err *err)
{
	assert(!u->failed && !u->committed);
	u->committed = ops_of(u->st)->commit(u, ret_key, ret_bytes, err) == 0;
	u->failed = !u->committed;
	return u->committed ? 0 : dr_while(err, "keep an object");
}

void store_upload_close(struct store_upload *u, bool keep)
{
	if (!u)
		return;
	assert(!keep || u->committed);
	ops_of(u->st)->end(u, keep);
}

int store_object_open(struct store *st, const char *domain, const struct digest *key,
		      struct store_object **ret, uint64_t *ret_bytes, struct dr_err *err)
{
	struct store_object *o = NULL;
	struct store_key k;

	store_key_set(&k, STORE_OBJECT, domain, key);
	if (ops_of(st)->open(st, &k, &o, ret_bytes, err) < 0)
		return in_object(err, key);
	o->st = st;
	*ret = o;
	return 0;
}

ssize_t store_object_read(const struct store_object *o, void *buf, size_t len, uint64_t pos,
			  struct dr_err *err)
{
	return pos > INT64_MAX ? 0 : ops_of(o->st)->read(o, buf, len, pos, err);
}

int store_object_fd(const struct store_object *o)
{
	return ops_of(o->st)->fd(o);
}

void store_object_close(struct store_object *o)
{
	if (o)
		ops_of(o->st)->close(o);
}

int store_object_remove(struct store *st, const char *domain, const struct digest *key,
			struct dr_err *err)
{
	struct store_key k;

	store_key_set(&k, STORE_OBJECT, domain, key);
	return ops_of(st)->remove(st, &k, err) < 0 ? in_object(err, key) : 0;
}

int store_object_set_aside(struct store *st, const char *domain, const struct digest *key,
			   struct dr_err *err)
{
	struct store_key k;
	int rc;

	store_key_set(&k, STORE_OBJECT, domain, key);
	rc = ops_of(st)->set_aside(st, &k, err);
	return rc < 0 ? in_object(err, key) : rc;
}

struct visit {
	int (*fn)(void *arg, const char *domain, const struct digest *key, uint64_t bytes,
		  struct dr_err *err);
	void *arg;
};

static int visit_one(void *arg, const struct store_key *key, uint64_t bytes, uint64_t age_seconds,
		     struct dr_err *err)
{
	const struct visit *v = arg;
	char domain[STORE_DOMAIN_TEXT];

	(void)age_seconds;
	store_key_domain(key, domain);
	return v->fn(v->arg, domain, &key->id, bytes, err);
}

int store_object_each(struct store *st, unsigned shard,
		      int (*fn)(void *arg, const char *domain, const struct digest *key,
				uint64_t bytes, struct dr_err *err),
		      void *arg, struct dr_err *err)
{
	struct visit v = {fn, arg};

	assert(shard < STORE_SHARDS);
	return ops_of(st)->each(st, shard, visit_one, &v, err);
}

int store_object_reap(struct store *st, const char *domain, const struct digest *key,
		      int (*wanted)(void *arg, const struct digest *key, struct dr_err *err),
		      void *arg, struct dr_err *err)
{
	struct store_key k;
	int rc;

	store_key_set(&k, STORE_OBJECT, domain, key);
	rc = ops_of(st)->reap(st, &k, wanted, arg, err);
	return rc < 0 ? in_object(err, key) : rc;
}
