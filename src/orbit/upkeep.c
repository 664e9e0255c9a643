/* SPDX-License-Identifier: Apache-2.0 */
#include "orbit/upkeep.h"

#include <stdlib.h>
#include <string.h>

#include "digest/digest.h"
#include "util/checked.h"

#include "util/banned.h"

#define SHARDS 256U
#define READ_BYTES ((size_t)1 << 20)

static void count(struct orbit_tally *t, uint64_t bytes)
{
	t->objects++;
	t->bytes += bytes;
}

/* ---- what is due ---- */

int orbit_expire(struct catalogue *c, struct store *st, int64_t now, size_t most,
		 struct dr_err *err)
{
	dr_autofree struct expired_object *due = NULL;
	dr_autofree struct object *old = malloc(sizeof *old);
	size_t n = 0;
	int expired = 0;

	if (!old)
		return dr_fail_nomem(err);
	if (catalogue_object_expired(c, now, most, &due, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const int rc = catalogue_object_expire(c, &due[i], old, err);

		/* Another time may have been set meanwhile. */
		if (rc < 0 || (rc > 0 && old->has_blob &&
			       store_object_remove(st, due[i].account, &old->blob, err) < 0))
			return -1;
		expired += rc;
	}
	return expired;
}

/* ---- what no row names ---- */

struct sweep {
	struct catalogue *catalogue;
	struct store *store;
	bool dry;
	bool (*stop)(void *arg);
	void *stop_arg;
	struct orbit_collected *ret;
	/* Of one shard: the keys that rows name, sorted. */
	struct digest *keys;
	size_t count, cap;
	bool orphan; /* the object at hand */
};

static void sweep_done(struct sweep *s)
{
	free(s->keys);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

static int keep_key(struct sweep *s, const struct digest *key, struct dr_err *err)
{
	struct digest *p;
	size_t cap;

	if (s->count == s->cap) {
		if (!dr_mul_size(s->cap ? s->cap : 512, 2, &cap))
			return dr_fail_nomem(err);
		p = reallocarray(s->keys, cap, sizeof *p);
		if (!p)
			return dr_fail_nomem(err);
		s->keys = p;
		s->cap = cap;
	}
	s->keys[s->count++] = *key;
	return 0;
}

/* is_named: asked when no writer holds the object: its row is there by now, or never will be. */
static int is_named(void *arg, const struct digest *key, struct dr_err *err)
{
	struct sweep *s = arg;
	const int rc = catalogue_object_has_blob(s->catalogue, key, err);

	if (rc < 0)
		return -1;
	s->orphan = rc == 0;
	return rc > 0 || s->dry;
}

static int sweep_one(void *arg, const char *domain, const struct digest *key, uint64_t bytes,
		     struct dr_err *err)
{
	struct sweep *s = arg;
	int rc;

	if (s->stop && s->stop(s->stop_arg))
		return dr_fail(err, DR_CANCELLED, "stopped");
	if (s->count > 0 && bsearch(key, s->keys, s->count, sizeof *key, compare)) {
		count(&s->ret->kept, bytes);
		return 0;
	}
	s->orphan = false;
	rc = store_object_reap(s->store, domain, key, is_named, s, err);
	if (rc < 0)
		return -1;
	count(s->orphan ? &s->ret->freed : &s->ret->kept, bytes);
	return 0;
}

/* sweep_shard: s->keys are what rows name, or did a moment ago. */
static int sweep_shard(struct sweep *s, unsigned shard, struct dr_err *err)
{
	if (s->count > 0)
		qsort(s->keys, s->count, sizeof *s->keys, compare);
	return store_object_each(s->store, shard, sweep_one, s, err);
}

static int note_row(void *arg, const struct stored_blob *row, struct dr_err *err)
{
	struct sweep *s = arg;

	if (s->stop && s->stop(s->stop_arg))
		return dr_fail(err, DR_CANCELLED, "stopped");
	return keep_key(s, &row->blob, err);
}

int orbit_collect(struct catalogue *c, struct store *st, bool (*stop)(void *arg), void *stop_arg,
		  struct orbit_collected *ret, struct dr_err *err)
{
	DR_CLEANUP(sweep_done)
	struct sweep s = {
		.catalogue = c, .store = st, .stop = stop, .stop_arg = stop_arg, .ret = ret};

	memset(ret, 0, sizeof *ret);
	for (unsigned shard = 0; shard < SHARDS; shard++) {
		s.count = 0;
		if (catalogue_object_each_blob(c, shard, note_row, &s, err) < 0 ||
		    sweep_shard(&s, shard, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- whether rows say the truth ---- */

struct check {
	struct sweep sweep;
	bool full;
	orbit_problem_fn problem;
	void *arg;
	struct orbit_checked *ret;
	uint8_t *room; /* READ_BYTES */
};

static void check_done(struct check *c)
{
	sweep_done(&c->sweep);
	free(c->room);
}

/* gone: the row, meanwhile. When the catalogue cannot say, a problem is worth telling. */
static bool gone(const struct check *c, const struct stored_blob *row)
{
	struct dr_err unused = DR_ERR_INIT;

	return catalogue_object_has_blob(c->sweep.catalogue, &row->blob, &unused) == 0;
}

__attribute__((format(printf, 4, 5))) static void
report(struct check *c, const struct stored_blob *row, enum check_fault fault, const char *fmt, ...)
{
	dr_autobuf struct buf text = BUF_INIT_MAX(1024);
	va_list ap;

	if (gone(c, row))
		return;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	c->ret->problems++;
	c->problem(c->arg, row, fault, buf_str(&text));
}

static void report_damage(struct check *c, const struct stored_blob *row, const char *how)
{
	struct dr_err why = DR_ERR_INIT;
	bool moved;

	if (gone(c, row))
		return;
	moved = store_object_set_aside(c->sweep.store, row->account, &row->blob, &why) > 0;
	report(c, row, CHECK_DAMAGED, "%s; %s%s%s", how,
	       moved ? "it has been moved aside, and is back when it is stored again"
		     : "it could not be moved aside",
	       why.msg[0] ? ": " : "", why.msg);
}

/* md5_of: 0 or -1: IO. */
static int md5_of(struct check *c, const struct store_object *o, char ret[static HASH_MAX_HEX],
		  struct dr_err *err)
{
	DR_CLEANUP(hash_freep) struct hash *h = NULL;
	uint64_t pos = 0;
	ssize_t n;

	if (hash_new(&h, HASH_MD5, err) < 0)
		return -1;
	while ((n = store_object_read(o, c->room, READ_BYTES, pos, err)) > 0) {
		hash_update(h, c->room, (size_t)n);
		pos += (uint64_t)n;
	}
	if (n < 0)
		return -1;
	hash_final_hex(h, ret);
	return 0;
}

static void check_bytes(struct check *c, const struct stored_blob *row,
			const struct store_object *o, uint64_t bytes)
{
	struct dr_err why = DR_ERR_INIT;
	char how[240], md5[HASH_MAX_HEX];

	if (bytes != row->stored_bytes) {
		snprintf(how, sizeof how, "it has %llu bytes, the catalogue says %llu",
			 (unsigned long long)bytes, (unsigned long long)row->stored_bytes);
		report_damage(c, row, how);
	} else if (!c->full) {
		return;
	} else if (md5_of(c, o, md5, &why) < 0) {
		report(c, row, CHECK_UNREADABLE, "%s", why.msg);
	} else if (strcmp(md5, row->md5) != 0) {
		snprintf(how, sizeof how, "its MD5 is %.32s, the catalogue says %s", md5, row->md5);
		report_damage(c, row, how);
	}
}

static int check_row(void *arg, const struct stored_blob *row, struct dr_err *err)
{
	DR_CLEANUP(store_object_closep) struct store_object *o = NULL;
	struct check *c = arg;
	struct dr_err why = DR_ERR_INIT;
	uint64_t bytes;

	count(&c->ret->checked, row->stored_bytes);
	if (keep_key(&c->sweep, &row->blob, err) < 0)
		return -1;
	if (store_object_open(c->sweep.store, row->account, &row->blob, &o, &bytes, &why) == 0)
		check_bytes(c, row, o, bytes);
	else if (why.code == DR_NOT_FOUND)
		report(c, row, CHECK_MISSING, "%s; it is back when it is stored again", why.msg);
	else if (why.code == DR_CORRUPT)
		report_damage(c, row, why.msg);
	else if (why.code == DR_NO_MEMORY)
		return dr_fail_nomem(err);
	else
		report(c, row, CHECK_UNREADABLE, "%s", why.msg);
	return 0;
}

static int wrong_sum(void *arg, const struct container *was, uint64_t objects, uint64_t bytes,
		     struct dr_err *err)
{
	struct check *c = arg;
	dr_autobuf struct buf text = BUF_INIT_MAX(512);
	struct stored_blob where = {.object = ""};

	(void)err;
	memcpy(where.account, was->account, sizeof where.account);
	memcpy(where.container, was->name, sizeof where.container);
	buf_printf(&text,
		   "its sums were %llu objects and %llu bytes; counted and put right: %llu and "
		   "%llu",
		   (unsigned long long)was->objects, (unsigned long long)was->bytes,
		   (unsigned long long)objects, (unsigned long long)bytes);
	c->ret->problems++;
	c->problem(c->arg, &where, CHECK_DISAGREES, buf_str(&text));
	return 0;
}

int orbit_check(struct catalogue *cat, struct store *st, bool full, orbit_problem_fn problem,
		void *arg, struct orbit_checked *ret, struct dr_err *err)
{
	struct orbit_collected swept = {{0}, {0}};
	DR_CLEANUP(check_done)
	struct check c = {
		.sweep = {.catalogue = cat, .store = st, .dry = true, .ret = &swept},
		.full = full,
		.problem = problem,
		.arg = arg,
		.ret = ret,
		.room = malloc(READ_BYTES),
	};

	memset(ret, 0, sizeof *ret);
	if (!c.room)
		return dr_fail_nomem(err);
	for (unsigned shard = 0; shard < SHARDS; shard++) {
		c.sweep.count = 0;
		if (catalogue_object_each_blob(cat, shard, check_row, &c, err) < 0 ||
		    sweep_shard(&c.sweep, shard, err) < 0)
			return -1;
	}
	ret->orphans = swept.freed;
	return catalogue_orbit_recount(cat, true, wrong_sum, &c, err);
}
