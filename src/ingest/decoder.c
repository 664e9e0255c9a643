/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/decoder.h"

#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "codec/codec.h"
#include "ingest/helper.h"
#include "ingest/probe.h"
#include "ingest/sandbox.h"
#include "util/sanitized.h"
#include "util/zero.h"

#include "util/banned.h"

#define UPLOAD_BYTES ((uint64_t)256 << 30)

struct ring_sink {
	struct decode_sink base;
	struct ring *out;
	const uint8_t *slot; /* reserved */
};

static int sink_reserve(struct decode_sink *base, uint8_t **ret, struct dr_err *err)
{
	struct ring_sink *s = (struct ring_sink *)base;

	if (ring_reserve(s->out, ret, err) < 0)
		return -1;
	s->slot = *ret;
	return 0;
}

/* Zeros that came as bytes go on as a run: they were just written and are looked at in the cache,
 * which spares the committer a copy. */
static void sink_publish(struct decode_sink *base, size_t len)
{
	struct ring_sink *s = (struct ring_sink *)base;

	if (dr_all_zero(s->slot, len))
		ring_publish_unused(s->out, len);
	else
		ring_publish(s->out, len);
}

static int sink_zero(struct decode_sink *s, uint64_t len, struct dr_err *err)
{
	return ring_publish_zero(((struct ring_sink *)s)->out, len, err);
}

static void sink_size(struct decode_sink *s, uint64_t bytes)
{
	ring_set_fact(((struct ring_sink *)s)->out, RING_FACT_VIRTUAL_SIZE, bytes);
}

static int set_up(struct decoder *d, struct sandbox *walls, struct dr_err *err)
{
	struct sandbox_limits sl = {.scratch_fd = HELPER_FD_SCRATCH};
	uint64_t upload;

	if (spec_read_fd(&d->spec, HELPER_FD_SPEC, err) < 0)
		return -1;
	close(HELPER_FD_SPEC);
	upload = spec_get_u64(d->spec, "upload_bytes", UPLOAD_BYTES);
	sl.memory_bytes = spec_get_u64(d->spec, "address_bytes", (uint64_t)384 << 20);
	sl.cpu_seconds = spec_get_u64(d->spec, "cpu_seconds", 0);
	sl.file_bytes = upload;
	if (DR_SANITIZED)
		sl.memory_bytes = 0; /* the shadow alone is larger than any limit */
	if (ring_attach(&d->in, HELPER_FD_RING_IN, err) < 0 ||
	    spool_open(&d->spool, HELPER_FD_SCRATCH, upload, err) < 0 ||
	    workers_new(&d->crew, (unsigned)spec_get_u64(d->spec, "threads", 1), err) < 0 ||
	    codec_warm_up(err) < 0)
		return -1;
	return sandbox_close(walls, &sl, err);
}

int decoder_start(struct decoder *d, struct dr_err *err)
{
	struct sandbox walls;
	const char *probe;

	/* Older kernels name what was run by its descriptor after the descriptor. */
	prctl(PR_SET_NAME, "darkroom-decode");
	if (sandbox_prepare(&walls, HELPER_FD_LAST, err) < 0 ||
	    ring_attach(&d->out, HELPER_FD_RING_OUT, err) < 0 || set_up(d, &walls, err) < 0)
		return -1;
	probe = spec_get(d->spec, "probe", NULL);
	if (probe)
		_exit(probe_run(probe, spec_get_u64(d->spec, "upload_bytes", UPLOAD_BYTES)));
	return 0;
}

/* note_facts: what was learned, for whoever reads the ring's end. */
static void note_facts(const struct decode_facts *f, struct buf *note)
{
	spec_put(note, "format", f->format);
	spec_put_u64(note, "virtual_bytes", f->virtual_bytes);
	spec_put_u64(note, "data_bytes", f->data_bytes);
	for (unsigned i = 0; i < f->warning_count; i++)
		spec_put(note, "warning", f->warnings[i]);
}

int decoder_run(struct decoder *d, struct stream *in, struct buf *note, struct dr_err *err)
{
	const struct decode_limits limits = {
		.virtual_bytes = spec_get_u64(d->spec, "virtual_bytes", (uint64_t)2 << 40),
		.memory_bytes = spec_get_u64(d->spec, "memory_bytes", (uint64_t)128 << 20),
		.parallel_bytes = spec_get_u64(d->spec, "parallel_bytes", (uint64_t)192 << 20),
	};
	struct decode_job job = {.in = in,
				 .declared_bytes = UINT64_MAX,
				 .spool = d->spool,
				 .crew = d->crew,
				 .limits = &limits};
	struct ring_sink sink = {
		.base = {sink_reserve, sink_publish, sink_zero, sink_size, ring_slot_bytes(d->out)},
		.out = d->out};
	struct decode_facts facts = {0};
	uint64_t total;
	int rc;

	/* The fetcher publishes the length before the first byte: wait for either. */
	rc = ring_wait(d->in, err);
	if (rc < 0) {
		stream_close(job.in);
		return -1;
	}
	total = ring_get_fact(d->in, RING_FACT_SOURCE_TOTAL);
	job.declared_bytes = total == RING_FACT_UNKNOWN ? UINT64_MAX : total;
	job.length_proven = ring_get_fact(d->in, RING_FACT_LENGTH_PROVEN) == 1;
	rc = decode_run(&job, &sink.base, &facts, err);
	note_facts(&facts, note);
	return rc;
}

void decoder_end(struct decoder *d, int rc, struct dr_err *err, const struct buf *note)
{
	if (!d->out) {
		fprintf(stderr, "darkroom-decode: %s\n", err->msg);
		_exit(2);
	}
	if (rc < 0 && err->code == DR_NO_MEMORY && !err->reason[0]) {
		dr_err_clear(err);
		dr_refuse(err, DR_LIMIT, "needs-memory",
			  "decoding this file needs more memory than is allowed");
	}
	/* The scratch file goes before the good end is told: the committer's durability barrier
	 * would otherwise write it out, only to be thrown away. */
	if (rc == 0) {
		spool_close(d->spool);
		close(HELPER_FD_SCRATCH);
	}
	ring_finish(d->out, rc < 0 ? err : NULL, buf_str(note));
	/* The threads end with the process: the filter leaves nothing to tidy up with. */
	_exit(rc < 0 ? 1 : 0);
}
