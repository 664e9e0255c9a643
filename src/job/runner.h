/* SPDX-License-Identifier: Apache-2.0
 *
 * job: runs what the catalogue's job rows ask for.
 *
 *   dispatcher thread: claim (fair between accounts) --> one thread per running import
 *   import thread: ingest/import (processes) --> publish | fail | retry | cancelled
 *
 * A job is leased for JOB_LEASE_SECONDS and renewed while it runs; a crashed owner's lease runs out
 * and another takes the job. The store's lease "job-<id>-<attempt>" covers what the import wrote
 * until the image's row exists or the attempt is over: an attempt that was taken over ends its own
 * lease and not its successor's. Progress is written at most once a second. */
#ifndef DR_JOB_RUNNER_H
#define DR_JOB_RUNNER_H

#include "catalogue/catalogue.h"
#include "ingest/import.h"
#include "store/store.h"

#define JOB_LEASE_SECONDS 30

struct job_runner;

struct job_config {
	struct catalogue *catalogue; /* borrowed, as everything here */
	struct store *store;
	const char *owner; /* names this daemon: "<node>/<pid>"; an attempt's adds ".<number>" */
	unsigned imports;  /* at once, in all */
	uint64_t imports_per_account;
	uint64_t account_stored_bytes; /* default quota; 0 = none */
	uint64_t spool_reserve;        /* bytes left free; at most a 16th of the file system */
	bool dedup_global;
	struct import_order order; /* the template: store, spool, limits, policy, threads */
	/* open_own: a source that this service has itself (hardening.md section 2.4), asked of
	 * every URL before it is fetched. 1 and *ret filled, 0 it is none of ours, -1 with the
	 * verdict that a fetch would have come to. Any thread; may be NULL. */
	int (*open_own)(void *arg, const char *url, struct import_source *ret, struct dr_err *err);
	void *own_arg;
};

int job_runner_start(struct job_runner **ret, const struct job_config *cfg, struct dr_err *err)
	DR_MUST_CHECK;
/* job_runner_wake: something was queued or cancelled. Any thread. */
void job_runner_wake(struct job_runner *r);
/* job_runner_stop: no new jobs; running ones go back to the queue; waits for them. NULL is fine. */
void job_runner_stop(struct job_runner *r);
/* job_lease_name: the store's lease of one attempt at a job. */
void job_lease_name(const struct job *job, char ret[static STORE_LEASE_TEXT]);
/* job_reason_text: "code: sentence" as the tenant sees it, and what to do about a limit. */
void job_reason_text(const struct dr_err *err, char ret[static REASON_TEXT]);

#endif
