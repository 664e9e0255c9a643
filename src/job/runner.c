/* SPDX-License-Identifier: Apache-2.0 */
#include "job/runner.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "util/checked.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/mutex.h"
#include "util/str.h"

#include "util/banned.h"

#define IDLE_MS 1000
#define RENEW_MS 5000
#define PROGRESS_MS 1000
#define MAX_FAILURES 3 /* attempts that fail by themselves */
#define RETRY_SECONDS 5
#define PATIENCE_MS ((uint64_t)600 * 1000) /* with a catalogue that cannot be written */
#define PAUSE_MS 1000
#define MAX_DEATHS \
	50U /* daemons that ended while they ran it: a job that brings them down must end */

struct job_runner {
	struct job_config cfg;
	struct dr_mutex lock;
	struct dr_cond changed;
	bool stop;        /* lock */
	bool woken;       /* lock */
	unsigned running; /* lock */
	/* lock; which import was stopped for want of room and is about to give some back */
	const struct running *leaving;
	pthread_t dispatcher;
	unsigned claims; /* the dispatcher's own */
	int64_t began_wall;
	uint64_t began_ms;
};

/* One running import. */
struct running {
	struct job_runner *runner;
	char owner[64]; /* of this attempt: the daemon may have lost it, and claimed it anew */
	struct job job;
	struct image image;
	uint64_t started_ms, renewed_ms, written_ms;
	uint64_t last_done, last_ms; /* for the rate */
	uint64_t granted;            /* bytes of data reserved in the account's quota */
	struct dr_err stop;          /* a limit it has run into */
};

void job_lease_name(const struct job *job, char ret[static STORE_LEASE_TEXT])
{
	snprintf(ret, STORE_LEASE_TEXT, "job-%lld-%u", (long long)job->id, job->attempts);
}

/* way_out: what to do about a limit, whoever found it. */
static const char *way_out(const char *reason)
{
	static const struct {
		const char *reason, *say;
	} ways[] = {
		{"too-large", "; ask the operator for a higher limit"},
		{"quota", "; delete images, or ask the operator for more"},
		{"timed-out", "; use a faster source, or ask the operator for more time"},
		{"source-stalled", "; register again, from a steadier source if there is one"},
		{"decoder-timeout", "; convert it to another format, or ask the operator"},
		{"needs-memory", "; compress it with less memory, or ask the operator"},
	};

	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		if (strcmp(ways[i].reason, reason) == 0)
			return ways[i].say;
	return "";
}

void job_reason_text(const struct dr_err *err, char ret[static REASON_TEXT])
{
	/* What exactly could not be written is the operator's business, and in the log. */
	if (strcmp(err->reason, "no-space") == 0)
		snprintf(ret, REASON_TEXT,
			 "no-space: the library is full; ask the operator, then register again");
	else if (err->reason[0])
		snprintf(ret, REASON_TEXT, "%s: %s%s", err->reason, err->msg, way_out(err->reason));
	else
		snprintf(ret, REASON_TEXT,
			 "internal-error: something failed on our side; register the image again, "
			 "and tell the operator if it keeps happening");
}

static bool stopping(struct job_runner *r)
{
	bool stop;

	dr_lock(&r->lock);
	stop = r->stop;
	dr_unlock(&r->lock);
	return stop;
}

/* wall_now: the wall clock as it has gone on since the start: one that is set meanwhile ends no
 * lease and puts off no attempt. */
static int64_t wall_now(const struct job_runner *r)
{
	return r->began_wall + (int64_t)((dr_now_ms() - r->began_ms) / 1000);
}

/* still_ours: neither cancelled, nor taken over, nor is the daemon stopping. */
static bool still_ours(struct running *run)
{
	const struct job_config *cfg = &run->runner->cfg;
	struct dr_err err = DR_ERR_INIT;
	struct job now;

	if (stopping(run->runner))
		return false;
	if (dr_now_ms() - run->renewed_ms >= RENEW_MS) {
		run->renewed_ms = dr_now_ms();
		/* A busy database is no reason to give up: the lease outlives a few misses. */
		return catalogue_job_renew(cfg->catalogue, run->job.id, run->owner,
					   wall_now(run->runner) + JOB_LEASE_SECONDS, &err) != 0;
	}
	if (catalogue_job_get(cfg->catalogue, run->job.id, &now, &err) < 0)
		return err.code != DR_NOT_FOUND;
	return now.state == JOB_RUNNING && strcmp(now.owner, run->owner) == 0;
}

static void note_progress(struct running *run, const struct import_facts *f)
{
	struct image *img = &run->image;
	struct dr_err err = DR_ERR_INIT;
	uint64_t now = dr_now_ms();
	uint64_t done = f->source_done == UINT64_MAX ? 0 : f->source_done;

	if (now - run->written_ms < PROGRESS_MS)
		return;
	if (now > run->last_ms && done >= run->last_done)
		img->progress_rate = (done - run->last_done) * 1000 / (now - run->last_ms);
	run->last_done = done;
	run->last_ms = now;
	run->written_ms = now;
	dr_copy(img->phase, sizeof img->phase,
		f->source_total != UINT64_MAX && done >= f->source_total ? "store" : "download");
	img->progress_done = done;
	img->progress_total = f->source_total;
	if (f->virtual_bytes != UINT64_MAX)
		img->virtual_bytes = f->virtual_bytes;
	if (f->data_bytes != UINT64_MAX)
		img->data_bytes = f->data_bytes;
	if (catalogue_image_progress(run->runner->cfg.catalogue, img, &err) < 0)
		dr_log(DR_DEBUG, "what=progress image=%s error=\"%s\"", img->id, err.msg);
}

/* reserve: as the disk grows, so that two imports of one account cannot both have the last bytes.
 * LIMIT "quota", or what ails the catalogue. */
static int reserve(struct running *run, uint64_t data_bytes, struct dr_err *err)
{
	struct dr_err why = DR_ERR_INIT;

	if (data_bytes <= run->granted ||
	    catalogue_image_reserve(run->runner->cfg.catalogue, run->job.image, data_bytes,
				    run->runner->cfg.account_stored_bytes, &run->granted,
				    &why) == 0)
		return 0;
	if (strcmp(why.reason, "account_limit_reached") == 0)
		return dr_refuse(err, DR_LIMIT, "quota", "%s", why.msg);
	*err = why;
	return -1;
}

/* within_quota: as far as the catalogue can say; publishing makes sure. */
static bool within_quota(struct running *run, uint64_t data_bytes)
{
	struct dr_err err = DR_ERR_INIT;

	if (reserve(run, data_bytes, &err) == 0 || strcmp(err.reason, "quota") != 0)
		return true;
	run->stop = err;
	return false;
}

/* spool_full: imports have left no more of the spool's file system than is to be kept free. How
 * much a source needs there is not known before its end: in the order of the disk, nothing. */
static bool spool_full(const struct job_config *cfg)
{
	struct statvfs vfs;
	uint64_t reserve;

	if (statvfs(cfg->order.spool, &vfs) != 0)
		return false; /* whoever writes will be told why */
	reserve = dr_min_u64(cfg->spool_reserve, vfs.f_blocks * vfs.f_frsize / 16);
	return vfs.f_bavail * vfs.f_frsize <= reserve;
}

/* within_room: of several imports one is stopped, and the others see whether that was enough. */
static bool within_room(struct running *run)
{
	struct job_runner *r = run->runner;
	bool leave;

	if (!spool_full(&r->cfg))
		return true;
	dr_lock(&r->lock);
	leave = !r->leaving || r->leaving == run;
	if (leave)
		r->leaving = run;
	dr_unlock(&r->lock);
	if (leave)
		dr_refuse(&run->stop, DR_LIMIT, "no-space",
			  "the file system of the spool has no more left than is kept free there");
	return !leave;
}

static bool on_progress(void *arg, const struct import_facts *facts)
{
	struct running *run = arg;

	if (!still_ours(run) || (facts->spooled_bytes > 0 && !within_room(run)) ||
	    (facts->data_bytes != UINT64_MAX && !within_quota(run, facts->data_bytes)))
		return false;
	note_progress(run, facts);
	return true;
}

/* transient: worth another attempt of the whole import. */
static bool transient(const struct dr_err *err)
{
	/* Not decoder-crashed: what breaks a decoder breaks it again, and an attacker gets one
	 * try. */
	return err->code == DR_BUSY || err->code == DR_IO || err->code == DR_NO_MEMORY ||
	       strcmp(err->reason, "source-changed") == 0;
}

/* worth_waiting: what an import has come to could not be written down, and soon may be: the
 * catalogue is locked, or its disk full. Waits a moment, so that hours of work are not lost. */
static bool worth_waiting(struct running *run, uint64_t since_ms, struct dr_err *err)
{
	if ((err->code != DR_BUSY && err->code != DR_IO && strcmp(err->reason, "no-space") != 0) ||
	    dr_now_ms() - since_ms > PATIENCE_MS || !still_ours(run))
		return false;
	dr_log(DR_WARN, "what=import image=%s result=waiting error=\"%s\"", run->job.image,
	       err->msg);
	dr_err_clear(err);
	dr_sleep_ms(PAUSE_MS);
	return true;
}

static void publish(struct running *run, const struct import_result *res, struct dr_err *err)
{
	const struct job_config *cfg = &run->runner->cfg;
	struct image *img = &run->image;
	const uint64_t since = dr_now_ms();
	int rc;

	img->virtual_bytes = res->virtual_bytes;
	img->data_bytes = res->data_bytes;
	img->stored_bytes = res->stored_bytes;
	img->object_bytes = res->object_bytes;
	img->chunk_count = res->chunks;
	img->source_bytes = res->source_bytes;
	img->manifest = res->manifest;
	img->digest = res->content;
	dr_copy(img->source_format, sizeof img->source_format, res->format);
	dr_copy(img->checksum, sizeof img->checksum, res->checksum);
	dr_copy(img->warnings, sizeof img->warnings, res->warnings);
	do {
		rc = reserve(run, res->data_bytes, err);
		if (rc == 0)
			rc = catalogue_image_publish(cfg->catalogue, img, run->job.id, run->owner,
						     err);
	} while (rc < 0 && worth_waiting(run, since, err));
	if (rc == 0)
		dr_log(DR_INFO,
		       "what=import image=%s account=%s result=available format=%s "
		       "source_bytes=%llu "
		       "virtual_bytes=%llu data_bytes=%llu new_bytes=%llu ms=%llu",
		       img->id, img->account, res->format, (unsigned long long)res->source_bytes,
		       (unsigned long long)res->virtual_bytes, (unsigned long long)res->data_bytes,
		       (unsigned long long)res->new_bytes,
		       (unsigned long long)(dr_now_ms() - run->started_ms));
}

/* ours: it failed on this side, whatever the source was; the operator is to know. */
static bool ours(const struct dr_err *err)
{
	return !err->reason[0] || err->code == DR_IO || strcmp(err->reason, "no-space") == 0 ||
	       strcmp(err->reason, "decoder-crashed") == 0;
}

/* given_up: the job was cancelled, or another attempt has taken it over. */
static bool given_up(const struct running *run)
{
	struct dr_err err = DR_ERR_INIT;
	struct job now;

	return catalogue_job_get(run->runner->cfg.catalogue, run->job.id, &now, &err) == 0 &&
	       (now.state != JOB_RUNNING || strcmp(now.owner, run->owner) != 0);
}

/* write_end: back to the queue for another attempt, or failed. */
static int write_end(struct running *run, bool again, const char *reason, struct dr_err *err)
{
	struct catalogue *c = run->runner->cfg.catalogue;
	const bool stop = stopping(run->runner);

	if (!again)
		return catalogue_job_fail(c, run->job.id, run->owner, reason, err);
	return catalogue_job_release(
		c, run->job.id, run->owner, stop ? RETURN_STOPPING : RETURN_FAILED,
		stop ? 0 : wall_now(run->runner) + (int64_t)RETRY_SECONDS * (run->job.failures + 1),
		reason, err);
}

/* conclude: a failed attempt becomes a retry, a failed image, or the end of a cancelled one. */
static void conclude(struct running *run, const struct dr_err *why)
{
	const struct job_config *cfg = &run->runner->cfg;
	const uint64_t since = dr_now_ms();
	struct dr_err err = DR_ERR_INIT;
	dr_autobuf struct buf said = BUF_INIT;
	char reason[REASON_TEXT];
	struct image now;
	bool again;
	int rc;

	if (catalogue_image_get(cfg->catalogue, run->job.image, &now, &err) == 0 &&
	    now.status == IMAGE_DELETING) {
		if (catalogue_image_deleted(cfg->catalogue, now.id, &err) == 0)
			dr_log(DR_INFO, "what=import image=%s result=deleted", now.id);
		return;
	}
	if (given_up(run)) {
		dr_log(DR_INFO, "what=import image=%s result=given_up attempt=%u", run->job.image,
		       run->job.attempts);
		return;
	}
	job_reason_text(why, reason);
	/* They may be a decoder's own words. */
	dr_quote(&said, why->msg, sizeof why->msg);
	/* When this one only had to stop, or the next may do better. */
	again = stopping(run->runner) || (transient(why) && run->job.failures + 1 < MAX_FAILURES);
	dr_log(again       ? DR_WARN
	       : ours(why) ? DR_ERROR
			   : DR_INFO,
	       "what=import image=%s account=%s result=%s attempt=%u code=%s reason=%s error=%s",
	       run->job.image, run->job.account, again ? "requeued" : "failed", run->job.attempts,
	       dr_code_name(why->code), why->reason, buf_str(&said));
	do {
		dr_err_clear(&err);
		rc = write_end(run, again, reason, &err);
	} while (rc < 0 && worth_waiting(run, since, &err));
	if (rc < 0)
		dr_log(DR_ERROR, "what=import image=%s error=\"%s\"", run->job.image, err.msg);
}

/* quota_left: bytes of data this image may still store. */
static int quota_left(struct running *run, const struct account *acc, uint64_t *ret,
		      struct dr_err *err)
{
	uint64_t quota = acc->limits.stored_bytes ? acc->limits.stored_bytes
						  : run->runner->cfg.account_stored_bytes;
	uint64_t images, data, stored;

	*ret = UINT64_MAX;
	if (quota == 0)
		return 0;
	if (catalogue_account_usage(run->runner->cfg.catalogue, acc->id, &images, &data, &stored,
				    err) < 0)
		return -1;
	*ret = data < quota ? quota - data : 0;
	return 0;
}

/* run_order: on what is at the URL, or on what we have ourselves under it: opened once, it stays
 * what it is until the import is over. */
static int run_order(struct running *run, struct import_order *o, struct import_result *res,
		     struct dr_err *err)
{
	const struct job_config *cfg = &run->runner->cfg;
	struct import_source own;
	int rc = cfg->open_own ? cfg->open_own(cfg->own_arg, o->url, &own, err) : 0;

	if (rc < 0)
		return -1;
	if (rc == 0)
		return import_run(o, on_progress, run, res, err);
	o->source = &own;
	rc = import_run(o, on_progress, run, res, err);
	own.close(own.arg);
	return rc;
}

static int import(struct running *run, struct import_result *res, struct dr_err *err)
{
	const struct job_config *cfg = &run->runner->cfg;
	struct import_order o = cfg->order;
	struct account acc;
	char lease[STORE_LEASE_TEXT];

	if (catalogue_image_get(cfg->catalogue, run->job.image, &run->image, err) < 0 ||
	    catalogue_account_get(cfg->catalogue, run->job.account, &acc, err) < 0 ||
	    quota_left(run, &acc, &o.stored_bytes, err) < 0)
		return -1;
	/* This attempt is counted already. */
	if (run->job.attempts > run->job.failures + run->job.stops + MAX_DEATHS)
		return dr_fail(err, DR_CONFLICT, "the server ended %u times while it ran this",
			       MAX_DEATHS);
	if (run->image.status != IMAGE_CREATING)
		return dr_fail(err, DR_CANCELLED, "the image is no longer being created");
	job_lease_name(&run->job, lease);
	dr_copy(run->image.domain, sizeof run->image.domain,
		cfg->dedup_global ? "global" : run->job.account);
	o.url = run->job.url;
	o.checksum = run->job.checksum;
	o.lease = lease;
	o.domain = run->image.domain;
	if (acc.limits.virtual_bytes)
		o.virtual_bytes = acc.limits.virtual_bytes;
	if (acc.limits.upload_bytes)
		o.upload_bytes = acc.limits.upload_bytes;
	return run_order(run, &o, res, err);
}

static void *import_main(void *arg)
{
	struct running *run = arg;
	struct job_runner *r = run->runner;
	struct import_result res = {0};
	struct dr_err err = DR_ERR_INIT;
	struct dr_err later = DR_ERR_INIT;
	char lease[STORE_LEASE_TEXT];

	if (import(run, &res, &err) == 0)
		publish(run, &res, &err);
	else if (dr_err_is_set(&run->stop))
		err = run->stop;
	if (res.alarm[0])
		dr_log(DR_ERROR, "what=decoder_alarm image=%s account=%s %s", run->job.image,
		       run->job.account, res.alarm);
	if (dr_err_is_set(&err))
		conclude(run, &err);
	job_lease_name(&run->job, lease);
	if (store_unlease(r->cfg.store, lease, &later) < 0)
		dr_log(DR_WARN, "what=unlease job=%lld error=\"%s\"", (long long)run->job.id,
		       later.msg);
	dr_lock(&r->lock);
	if (r->leaving == run)
		r->leaving = NULL;
	r->running--;
	r->woken = true; /* there is room; the dispatcher may be looking elsewhere just now */
	dr_cond_broadcast(&r->changed);
	dr_unlock(&r->lock);
	free(run);
	return NULL;
}

/* start_one: claim and start; false when there is nothing to do now. */
static bool start_one(struct job_runner *r)
{
	struct running *run = calloc(1, sizeof *run);
	struct dr_err err = DR_ERR_INIT;
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	if (!run)
		return false;
	snprintf(run->owner, sizeof run->owner, "%s.%u", r->cfg.owner, ++r->claims);
	rc = catalogue_job_claim(r->cfg.catalogue, run->owner, wall_now(r), JOB_LEASE_SECONDS,
				 r->cfg.imports_per_account, &run->job, &err);
	if (rc <= 0) {
		if (rc < 0)
			dr_log(DR_WARN, "what=claim error=\"%s\"", err.msg);
		free(run);
		return false;
	}
	run->runner = r;
	run->started_ms = run->renewed_ms = run->last_ms = dr_now_ms();
	dr_lock(&r->lock);
	r->running++;
	dr_unlock(&r->lock);
	rc = pthread_attr_init(&attr);
	assert(rc == 0);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, (size_t)512 << 10);
	rc = pthread_create(&thread, &attr, import_main, run);
	pthread_attr_destroy(&attr);
	if (rc != 0)
		import_main(run); /* no thread to be had: run it here, one at a time */
	return true;
}

static void *dispatcher_main(void *arg)
{
	struct job_runner *r = arg;
	bool room;

	for (;;) {
		dr_lock(&r->lock);
		if (!r->stop && !r->woken)
			dr_cond_wait_ms(&r->changed, &r->lock, IDLE_MS);
		r->woken = false;
		room = r->running < r->cfg.imports;
		if (r->stop) {
			dr_unlock(&r->lock);
			return NULL;
		}
		dr_unlock(&r->lock);
		while (room && start_one(r)) {
			dr_lock(&r->lock);
			room = r->running < r->cfg.imports && !r->stop;
			dr_unlock(&r->lock);
		}
	}
}

int job_runner_start(struct job_runner **ret, const struct job_config *cfg, struct dr_err *err)
{
	struct job_runner *r = calloc(1, sizeof *r);

	if (!r)
		return dr_fail_nomem(err);
	r->cfg = *cfg;
	r->began_wall = dr_wall();
	r->began_ms = dr_now_ms();
	dr_mutex_init(&r->lock);
	dr_cond_init(&r->changed);
	if (pthread_create(&r->dispatcher, NULL, dispatcher_main, r) != 0) {
		free(r);
		return dr_fail(err, DR_NO_MEMORY, "cannot start the job dispatcher");
	}
	*ret = r;
	return 0;
}

void job_runner_wake(struct job_runner *r)
{
	dr_lock(&r->lock);
	r->woken = true;
	dr_cond_broadcast(&r->changed);
	dr_unlock(&r->lock);
}

void job_runner_stop(struct job_runner *r)
{
	if (!r)
		return;
	dr_lock(&r->lock);
	r->stop = true;
	dr_cond_broadcast(&r->changed);
	dr_unlock(&r->lock);
	pthread_join(r->dispatcher, NULL);
	dr_lock(&r->lock);
	while (r->running > 0)
		dr_cond_wait(&r->changed, &r->lock);
	dr_unlock(&r->lock);
	dr_cond_done(&r->changed);
	dr_mutex_done(&r->lock);
	free(r);
}
