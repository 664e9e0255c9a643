/* SPDX-License-Identifier: Apache-2.0 */
#include "store/collect.h"

#include <assert.h>
#include <string.h>

#include "store/store_internal.h"
#include "util/checked.h"

#include "util/banned.h"

/* A temporary file lives for milliseconds. One this old has lost its writer, whatever the clock did
 * (were it wrong, that writer's put would fail, loudly). */
#define TIDY_AFTER_SECONDS 3600
/* Damaged items are evidence of what is wrong with a disk, until somebody has had time to look. */
#define ASIDE_SECONDS ((uint64_t)7 * 24 * 3600)

struct store_sweep {
	struct store *st;
	void *lock;
	bool dry;
};

/* A growing array of fixed-size elements. */
struct vec {
	void *p;
	size_t count;
	size_t cap;
	size_t each;
};

static void vec_done(struct vec *v)
{
	free(v->p);
}

static void *vec_push(struct vec *v)
{
	size_t cap, bytes;
	void *p;

	if (v->count == v->cap) {
		cap = v->cap ? v->cap : 64;
		if (!dr_mul_size(cap, 2, &cap) || !dr_mul_size(cap, v->each, &bytes))
			return NULL;
		p = realloc(v->p, bytes);
		if (!p)
			return NULL;
		v->p = p;
		v->cap = cap;
	}
	return (uint8_t *)v->p + v->each * v->count++;
}

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct store_key));
}

static void tally(struct store_tally *t, const struct store_key *key, uint64_t bytes)
{
	if (key->kind == STORE_CHUNK)
		t->chunks++;
	else
		t->blobs++;
	t->bytes += bytes;
}

static int drop_if_ended(void *arg, const char *file, bool ended, struct dr_err *err)
{
	struct store *st = arg;

	return ended ? st->ops->drop_lease(st, file, err) : 0;
}

int store_sweep_begin(struct store *st, bool dry, struct store_sweep **ret, struct dr_err *err)
{
	DR_CLEANUP(store_sweep_endp) struct store_sweep *sw = calloc(1, sizeof *sw);

	if (!sw)
		return dr_fail_nomem(err);
	sw->st = st;
	sw->dry = dry;
	if (st->ops->lock_sweep(st, &sw->lock, err) < 0)
		return -1;
	if (!dry && (st->ops->each_lease(st, drop_if_ended, st, err) < 0 ||
		     st->ops->tidy(st, TIDY_AFTER_SECONDS, ASIDE_SECONDS, err) < 0))
		return -1;
	*ret = DR_STEAL(sw);
	return 0;
}

void store_sweep_end(struct store_sweep *sw)
{
	if (!sw)
		return;
	if (sw->lock)
		sw->st->ops->unlock(sw->st, sw->lock);
	free(sw);
}

/* Walking every record of every lease that counts. A dry run has left the ended ones in place. A
 * lease that ends while a real sweep runs still counts for it. */
struct records {
	const struct store_sweep *sw;
	store_record_fn fn;
	void *arg;
};

static int read_one(void *arg, const char *file, bool ended, struct dr_err *err)
{
	struct records *r = arg;
	struct store *st = r->sw->st;

	if (ended && r->sw->dry)
		return 0;
	return st->ops->read_lease(st, file, r->fn, r->arg, err);
}

static int each_record(const struct store_sweep *sw, store_record_fn fn, void *arg,
		       struct dr_err *err)
{
	struct records r = {.sw = sw, .fn = fn, .arg = arg};

	return sw->st->ops->each_lease(sw->st, read_one, &r, err);
}

struct held {
	int (*fn)(void *arg, const char *domain, const struct digest *manifest, struct dr_err *err);
	void *arg;
};

static int pass_held(void *arg, const struct store_key *record, struct dr_err *err)
{
	const struct held *h = arg;
	char domain[STORE_DOMAIN_TEXT];
	struct store_key item;

	if (record->kind != STORE_HELD || !store_record_item(record, &item))
		return 0;
	store_key_domain(record, domain);
	return h->fn(h->arg, domain, &record->id, err);
}

int store_sweep_held(struct store_sweep *sw,
		     int (*fn)(void *arg, const char *domain, const struct digest *manifest,
			       struct dr_err *err),
		     void *arg, struct dr_err *err)
{
	struct held h = {.fn = fn, .arg = arg};

	return each_record(sw, pass_held, &h, err);
}

struct candidate {
	struct store_key key;
	uint64_t bytes;
};

/* One shard in progress. */
struct shard {
	unsigned number;
	bool (*live)(void *arg, const struct store_item *item);
	void *arg;
	uint64_t grace_seconds;
	struct store_sweep_stats *stats;
	struct vec candidates; /* of struct candidate */
	struct vec leased;     /* of struct store_key, sorted */
};

static void shard_done(struct shard *s)
{
	vec_done(&s->candidates);
	vec_done(&s->leased);
}

static int sort_item(void *arg, const struct store_key *key, uint64_t bytes, uint64_t age_seconds,
		     struct dr_err *err)
{
	struct shard *s = arg;
	struct candidate *c;
	char domain[STORE_DOMAIN_TEXT];
	struct store_item item = {
		.domain = domain, .blob = key->kind == STORE_BLOB, .id = &key->id};

	store_key_domain(key, domain);
	if (s->live(s->arg, &item)) {
		tally(&s->stats->kept, key, bytes);
		return 0;
	}
	if (age_seconds < s->grace_seconds) {
		tally(&s->stats->young, key, bytes);
		return 0;
	}
	c = vec_push(&s->candidates);
	if (!c)
		return dr_fail_nomem(err);
	*c = (struct candidate){.key = *key, .bytes = bytes};
	return 0;
}

static int keep_record(void *arg, const struct store_key *record, struct dr_err *err)
{
	struct shard *s = arg;
	struct store_key item, *to;

	if (record->id.b[0] != s->number || !store_record_item(record, &item))
		return 0;
	to = vec_push(&s->leased);
	if (!to)
		return dr_fail_nomem(err);
	*to = item;
	return 0;
}

static bool is_leased(const struct shard *s, const struct store_key *key)
{
	return s->leased.count > 0 &&
	       bsearch(key, s->leased.p, s->leased.count, sizeof *key, compare_keys);
}

/* remove_locked: the shard's exclusive lock is held, so that what the leases say is still true when
 * the items go. */
static int remove_locked(struct store_sweep *sw, struct shard *s, struct dr_err *err)
{
	const struct candidate *c = s->candidates.p;

	if (each_record(sw, keep_record, s, err) < 0)
		return -1;
	if (s->leased.count > 0)
		qsort(s->leased.p, s->leased.count, sizeof(struct store_key), compare_keys);
	for (size_t i = 0; i < s->candidates.count; i++) {
		if (is_leased(s, &c[i].key)) {
			tally(&s->stats->leased, &c[i].key, c[i].bytes);
			continue;
		}
		if (!sw->dry && sw->st->ops->remove(sw->st, &c[i].key, err) < 0)
			return -1;
		tally(&s->stats->freed, &c[i].key, c[i].bytes);
	}
	return 0;
}

int store_sweep_shard(struct store_sweep *sw, unsigned shard,
		      bool (*live)(void *arg, const struct store_item *item), void *arg,
		      uint64_t grace_seconds, struct store_sweep_stats *stats, struct dr_err *err)
{
	DR_CLEANUP(shard_done)
	struct shard s = {
		.number = shard,
		.live = live,
		.arg = arg,
		.grace_seconds = grace_seconds,
		.stats = stats,
		.candidates = {.each = sizeof(struct candidate)},
		.leased = {.each = sizeof(struct store_key)},
	};
	void *lock = NULL;
	int rc;

	assert(shard < STORE_SHARDS);
	/* Writers are held up only while something is removed, not while the shard is listed. */
	if (sw->st->ops->each_item(sw->st, shard, sort_item, &s, err) < 0)
		return -1;
	if (s.candidates.count == 0)
		return 0;
	if (sw->st->ops->lock_shard(sw->st, shard, &lock, err) < 0)
		return -1;
	rc = remove_locked(sw, &s, err);
	sw->st->ops->unlock(sw->st, lock);
	return rc;
}

/* Listing leases. */
struct listing {
	int (*fn)(void *arg, const char *lease, bool ended, struct dr_err *err);
	void *arg;
};

static int list_one(void *arg, const char *file, bool ended, struct dr_err *err)
{
	const struct listing *l = arg;
	char lease[STORE_LEASE_TEXT];
	size_t n = strcspn(file, "~");

	if (n >= sizeof lease)
		return 0;
	memcpy(lease, file, n);
	lease[n] = 0;
	return l->fn(l->arg, lease, ended, err);
}

int store_each_lease(struct store *st,
		     int (*fn)(void *arg, const char *lease, bool ended, struct dr_err *err),
		     void *arg, struct dr_err *err)
{
	struct listing l = {.fn = fn, .arg = arg};

	return st->ops->each_lease(st, list_one, &l, err);
}
