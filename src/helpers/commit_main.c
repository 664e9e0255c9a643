/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroom-commit: the process that owns the store during an import. No network but the blob
 * driver's, no foreign parsing, no catalogue; it reports facts as lines. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "daemon/wire.h"
#include "ingest/commit.h"
#include "ingest/helper.h"
#include "ingest/report.h"
#include "util/clock.h"
#include "util/spec.h"

#include "util/banned.h"

static void progress(void *arg, uint64_t disk_bytes, uint64_t data_bytes)
{
	uint64_t *last = arg;
	uint64_t now = dr_now_ms();

	if (now - *last < 500)
		return;
	*last = now;
	report_printf(HELPER_FD_REPORT, "stored disk=%llu data=%llu",
		      (unsigned long long)disk_bytes, (unsigned long long)data_bytes);
}

static void report_result(const struct commit_result *r)
{
	char manifest[DIGEST_HEX], content[DIGEST_HEX];

	digest_hex(&r->manifest, manifest);
	digest_hex(&r->content, content);
	report_printf(HELPER_FD_REPORT,
		      "done manifest=%s content=%s virtual=%llu data=%llu stored=%llu new=%llu "
		      "chunks=%llu new_chunks=%llu object=%llu",
		      manifest, content, (unsigned long long)r->virtual_bytes,
		      (unsigned long long)r->data_bytes, (unsigned long long)r->stored_bytes,
		      (unsigned long long)r->new_bytes, (unsigned long long)r->chunks,
		      (unsigned long long)r->new_chunks, (unsigned long long)r->object_bytes);
}

static int run(struct dr_err *err)
{
	DR_CLEANUP(spec_freep) struct spec *spec = NULL;
	DR_CLEANUP(ring_detachp) struct ring *ring = NULL;
	DR_CLEANUP(store_closep) struct store *store = NULL;
	struct workers *crew = NULL;
	struct commit_result result;
	struct commit_job job = {0};
	uint64_t last = dr_now_ms();
	int rc;

	if (spec_read_fd(&spec, HELPER_FD_SPEC, err) < 0 ||
	    ring_attach(&ring, HELPER_FD_RING_IN, err) < 0 ||
	    wire_store_open(&store, spec_get(spec, "store", ""), err) < 0 ||
	    workers_new(&crew, (unsigned)spec_get_u64(spec, "threads", 1), err) < 0)
		return -1;
	job.ring = ring;
	job.store = store;
	job.domain = spec_get(spec, "domain", "");
	job.lease = spec_get(spec, "lease", "");
	job.crew = crew;
	job.virtual_bytes = spec_get_u64(spec, "virtual_bytes", (uint64_t)2 << 40);
	job.stored_bytes = spec_get_u64(spec, "stored_bytes", UINT64_MAX);
	job.hurry = spec_get_u64(spec, "hurry", 1) != 0;
	job.progress = progress;
	job.progress_arg = &last;
	rc = commit_run(&job, &result, err);
	workers_free(crew);
	if (rc == 0)
		report_result(&result);
	return rc;
}

int main(void)
{
	struct dr_err err = DR_ERR_INIT;

	if (prctl(PR_SET_DUMPABLE, 0) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return 2;
	if (run(&err) < 0) {
		report_failure(HELPER_FD_REPORT, &err);
		return 1;
	}
	return 0;
}
