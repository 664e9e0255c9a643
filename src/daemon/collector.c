/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/view.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mutex.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define EXPIRE_BATCH 1000

struct collector {
	struct collector_config cfg;
	int64_t began_wall;
	uint64_t began_ms;
	struct dr_mutex lock;
	struct dr_cond changed;
	bool stop; /* lock */
	pthread_t thread;
};

/* ---- what is live ---- */

struct root_visit {
	collect_fn fn;
	void *arg;
};

static int visit_root(void *arg, const struct image *img, struct dr_err *err)
{
	const struct root_visit *v = arg;

	return v->fn(v->arg, img->domain, &img->manifest, err);
}

static int each_root(void *arg, collect_fn fn, void *fn_arg, struct dr_err *err)
{
	struct root_visit v = {fn, fn_arg};

	return catalogue_image_each_stored(arg, visit_root, &v, err);
}

/* ---- leases of jobs that are over ---- */

/* Recoding keeps collections out while it runs; whatever bears this name is done or dead. */
#define RECODE_LEASE "recode-"

struct lease_visit {
	struct catalogue *catalogue;
	struct store *store;
};

/* job_of: whose lease "job-<id>-<attempt>" is; 0: no job's. */
static uint64_t job_of(const char *lease)
{
	const size_t head = strlen("job-");
	const size_t n = dr_starts(lease, "job-") ? strcspn(lease + head, "-") : 0;
	char digits[STORE_LEASE_TEXT];
	uint64_t id;

	snprintf(digits, sizeof digits, "%.*s", (int)n, n ? lease + head : "");
	return dr_parse_u64(digits, 1, INT64_MAX, &id) ? id : 0;
}

static int visit_lease(void *arg, const char *lease, bool ended, struct dr_err *err)
{
	const struct lease_visit *v = arg;
	bool finished = true;
	const uint64_t id = job_of(lease);

	if (ended || (id == 0 && !dr_starts(lease, RECODE_LEASE)))
		return 0;
	if (id == 0)
		return store_unlease(v->store, lease, err);
	if (catalogue_job_finished(v->catalogue, (int64_t)id, &finished, err) < 0) {
		if (err->code != DR_NOT_FOUND)
			return -1;
		dr_err_clear(err); /* a job that the catalogue never saw protects nothing */
	}
	return finished ? store_unlease(v->store, lease, err) : 0;
}

static int collect_items(struct catalogue *c, struct store *st, const struct collect_options *opt,
			 struct store_sweep_stats *ret, struct dr_err *err)
{
	struct lease_visit v = {c, st};
	const struct collect_roots roots = {each_root, c};

	if (store_each_lease(st, visit_lease, &v, err) < 0)
		return -1;
	return manifest_collect(st, &roots, opt, ret, err);
}

int collect_once(struct catalogue *c, struct store *st, const struct collect_options *opt,
		 struct collected *ret, struct dr_err *err)
{
	memset(ret, 0, sizeof *ret);
	if (orbit_collect(c, st, opt->stop, opt->stop_arg, &ret->objects, err) < 0)
		return -1;
	return collect_items(c, st, opt, &ret->items, err);
}

/* ---- check ---- */

struct check_visit {
	struct catalogue *catalogue;
	struct store *store;
	void (*problem)(void *arg, const struct check_item *item, enum check_fault fault,
			const char *text);
	void *problem_arg;
	check_fn fn;
	void *fn_arg;
};

static int visit_item(void *arg, const struct image *img, struct dr_err *err)
{
	const struct check_visit *v = arg;
	const struct check_item item = {.name = img->id,
					.domain = img->domain,
					.id = img->manifest,
					.bytes = img->virtual_bytes,
					.content = img->digest};

	return v->fn(v->fn_arg, &item, err);
}

static int each_item(void *arg, check_fn fn, void *fn_arg, struct dr_err *err)
{
	struct check_visit v = *(struct check_visit *)arg;

	v.fn = fn;
	v.fn_arg = fn_arg;
	return catalogue_image_each_stored(v.catalogue, visit_item, &v, err);
}

static bool still_live(void *arg, const struct check_item *item)
{
	const struct check_visit *v = arg;
	struct dr_err err = DR_ERR_INIT;
	struct image img;

	/* When the catalogue cannot say, the problem is worth telling. */
	return catalogue_image_get(v->catalogue, item->name, &img, &err) < 0 ||
	       (img.status != IMAGE_DELETING && img.status != IMAGE_DELETED);
}

static void tell_problem(void *arg, const struct check_item *item, enum check_fault fault,
			 const char *text)
{
	const struct check_visit *v = arg;

	v->problem(v->problem_arg, item, fault, text);
}

/* put_manifest: durable, and leased under `lease`. */
static int put_manifest(struct store *st, const char *lease, const char *domain,
			const struct manifest *m, struct digest *ret, struct dr_err *err)
{
	dr_autobuf struct buf blob = BUF_INIT;
	DR_CLEANUP(store_abandonp) struct store_txn *txn = NULL;

	if (manifest_encode(m, &blob, err) < 0 || store_begin(st, lease, &txn, err) < 0 ||
	    store_put_blob(txn, domain, blob.p, blob.len, ret, err) < 0)
		return -1;
	return store_commit(DR_STEAL(txn), err);
}

/* recode: the chunks stay those of the old manifest, which is live until the row has the new one.
 */
static int recode(void *arg, const struct check_item *item, const struct manifest *m,
		  struct dr_err *err)
{
	const struct check_visit *v = arg;
	DR_CLEANUP(store_sweep_endp) struct store_sweep *sweep = NULL;
	struct dr_err later = DR_ERR_INIT;
	struct digest id;
	char lease[STORE_LEASE_TEXT];
	int rc;

	if (store_sweep_begin(v->store, true, &sweep, err) < 0)
		return -1;
	snprintf(lease, sizeof lease, RECODE_LEASE "%s", item->name);
	rc = put_manifest(v->store, lease, item->domain, m, &id, err);
	if (rc == 0)
		rc = catalogue_image_recode(v->catalogue, item->name, &item->id, &id,
					    manifest_stored_bytes(m), view_size_of(m, VIEW_LZ4),
					    err);
	if (store_unlease(v->store, lease, &later) < 0)
		dr_log(DR_WARN, "what=unlease image=%s error=\"%s\"", item->name, later.msg);
	return rc;
}

int check_once(struct catalogue *c, struct store *st, bool full,
	       void (*problem)(void *arg, const struct check_item *item, enum check_fault fault,
			       const char *text),
	       void *arg, struct check_result *ret, struct dr_err *err)
{
	struct check_visit v = {
		.catalogue = c, .store = st, .problem = problem, .problem_arg = arg};
	const struct check_catalogue cat = {each_item, still_live, tell_problem, recode, &v};

	return manifest_check(st, &cat, full, ret, err);
}

/* ---- the thread ---- */

static bool stopping(void *arg)
{
	struct collector *g = arg;
	bool stop;

	dr_lock(&g->lock);
	stop = g->stop;
	dr_unlock(&g->lock);
	return stop;
}

/* surely_past: now; but a clock that is set forward meanwhile does not end everybody's tokens for
 * good, nor objects that were to live longer. */
static int64_t surely_past(const struct collector *g)
{
	const int64_t steady = g->began_wall + (int64_t)((dr_now_ms() - g->began_ms) / 1000);
	const int64_t wall = dr_wall();

	return wall < steady ? wall : steady;
}

static void log_failure(const char *what, const struct dr_err *err)
{
	dr_log(err->code == DR_BUSY || err->code == DR_CANCELLED ? DR_INFO : DR_ERROR,
	       "what=%s error=\"%s\"", what, err->msg);
}

static void collect_objects(struct collector *g)
{
	struct dr_err err = DR_ERR_INIT;
	struct orbit_collected s;
	const uint64_t began = dr_now_ms();

	if (orbit_collect(g->cfg.catalogue, g->cfg.store, stopping, g, &s, &err) < 0) {
		log_failure("collect_objects", &err);
		return;
	}
	dr_log(s.freed.objects > 0 ? DR_INFO : DR_DEBUG,
	       "what=collect_objects freed=%llu freed_bytes=%llu kept=%llu ms=%llu",
	       (unsigned long long)s.freed.objects, (unsigned long long)s.freed.bytes,
	       (unsigned long long)s.kept.objects, (unsigned long long)(dr_now_ms() - began));
}

static void collect_all(struct collector *g)
{
	const struct collect_options opt = {
		.grace_seconds = g->cfg.grace_seconds, .stop = stopping, .stop_arg = g};
	struct dr_err err = DR_ERR_INIT;
	struct store_sweep_stats s;
	const uint64_t began = dr_now_ms();

	if (catalogue_token_prune(g->cfg.catalogue, surely_past(g), &err) < 0) {
		dr_log(DR_WARN, "what=prune error=\"%s\"", err.msg);
		dr_err_clear(&err);
	}
	collect_objects(g);
	if (collect_items(g->cfg.catalogue, g->cfg.store, &opt, &s, &err) < 0) {
		log_failure("collect", &err);
		return;
	}
	dr_log(DR_INFO, "what=collect freed_chunks=%llu freed_bytes=%llu kept_chunks=%llu ms=%llu",
	       (unsigned long long)s.freed.chunks, (unsigned long long)s.freed.bytes,
	       (unsigned long long)s.kept.chunks, (unsigned long long)(dr_now_ms() - began));
}

static void expire_objects(struct collector *g)
{
	struct dr_err err = DR_ERR_INIT;
	uint64_t expired = 0;
	int n;

	do {
		n = orbit_expire(g->cfg.catalogue, g->cfg.store, surely_past(g), EXPIRE_BATCH,
				 &err);
		expired += n > 0 ? (uint64_t)n : 0;
	} while (n == EXPIRE_BATCH && !stopping(g));
	if (expired > 0)
		dr_log(DR_INFO, "what=expire objects=%llu", (unsigned long long)expired);
	if (n < 0)
		log_failure("expire", &err);
}

/* after: the time of the next turn; never, when there is none. */
static uint64_t after(uint64_t seconds)
{
	return seconds > 0 ? dr_now_ms() + seconds * 1000 : UINT64_MAX;
}

/* wait_until: false when it is time to stop. */
static bool wait_until(struct collector *g, uint64_t due)
{
	uint64_t now;
	bool stop;

	dr_lock(&g->lock);
	while (!g->stop && (now = dr_now_ms()) < due)
		dr_cond_wait_ms(&g->changed, &g->lock, due - now);
	stop = g->stop;
	dr_unlock(&g->lock);
	return !stop;
}

static void *collector_main(void *arg)
{
	struct collector *g = arg;
	const struct collector_config *cfg = &g->cfg;
	uint64_t collect = after(cfg->collect_seconds);
	uint64_t expire = cfg->expire_seconds > 0 ? 0 : UINT64_MAX;

	if (cfg->collect_seconds > 0)
		collect_objects(g);
	while (wait_until(g, dr_min_u64(collect, expire))) {
		if (dr_now_ms() >= expire) {
			expire_objects(g);
			expire = after(cfg->expire_seconds);
		}
		if (dr_now_ms() >= collect) {
			collect_all(g);
			collect = after(cfg->collect_seconds);
		}
	}
	return NULL;
}

int collector_start(struct collector **ret, const struct collector_config *config,
		    struct dr_err *err)
{
	struct collector *g;

	*ret = NULL;
	if (config->collect_seconds == 0 && config->expire_seconds == 0)
		return 0;
	g = calloc(1, sizeof *g);
	if (!g)
		return dr_fail_nomem(err);
	g->cfg = *config;
	g->began_wall = dr_wall();
	g->began_ms = dr_now_ms();
	dr_mutex_init(&g->lock);
	dr_cond_init(&g->changed);
	if (pthread_create(&g->thread, NULL, collector_main, g) != 0) {
		free(g);
		return dr_fail(err, DR_NO_MEMORY, "cannot start the collector");
	}
	*ret = g;
	return 0;
}

void collector_stop(struct collector *g)
{
	if (!g)
		return;
	dr_lock(&g->lock);
	g->stop = true;
	dr_cond_broadcast(&g->changed);
	dr_unlock(&g->lock);
	pthread_join(g->thread, NULL);
	dr_cond_done(&g->changed);
	dr_mutex_done(&g->lock);
	free(g);
}
