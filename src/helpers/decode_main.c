/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroom-decode: the process that meets untrusted bytes. No files, no network, no catalogue: a
 * ring to read from, a ring to write to and an unnamed scratch file.
 *
 * Order of the start (hardening.md section 5.3): give up privileges; read the work order; map the
 * rings; make every thread; touch every library once; close the sandbox; read the first foreign
 * byte. The verdict travels in the ring (ring_finish), never through a write. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "codec/codec.h"
#include "ingest/decode.h"
#include "ingest/helper.h"
#include "ingest/ring_stream.h"
#include "ingest/sandbox.h"
#include "ring/ring.h"
#include "util/sanitized.h"
#include "util/spec.h"

#include "util/banned.h"

struct ring_sink {
	struct decode_sink base;
	struct ring *out;
	struct ring *in; /* for the progress fact */
	struct stream *source;
};

static int sink_reserve(struct decode_sink *s, uint8_t **ret, struct dr_err *err)
{
	return ring_reserve(((struct ring_sink *)s)->out, ret, err);
}

static void sink_publish(struct decode_sink *s, size_t len)
{
	ring_publish(((struct ring_sink *)s)->out, len);
}

static int sink_zero(struct decode_sink *s, uint64_t len, struct dr_err *err)
{
	return ring_publish_zero(((struct ring_sink *)s)->out, len, err);
}

static void sink_size(struct decode_sink *s, uint64_t bytes)
{
	ring_set_fact(((struct ring_sink *)s)->out, RING_FACT_VIRTUAL_SIZE, bytes);
}

struct state {
	struct spec *spec;
	struct ring *in;
	struct ring *out;
	struct spool *spool;
	struct workers *crew;
};

static int set_up(struct state *st, struct dr_err *err)
{
	struct sandbox_limits sl = {.scratch_fd = HELPER_FD_SCRATCH};
	uint64_t upload;

	if (spec_read_fd(&st->spec, HELPER_FD_SPEC, err) < 0)
		return -1;
	close(HELPER_FD_SPEC);
	upload = spec_get_u64(st->spec, "upload_bytes", (uint64_t)256 << 30);
	sl.memory_bytes = spec_get_u64(st->spec, "address_bytes", (uint64_t)384 << 20);
	sl.cpu_seconds = spec_get_u64(st->spec, "cpu_seconds", 0);
	sl.file_bytes = upload;
	if (DR_SANITIZED)
		sl.memory_bytes = 0; /* the shadow alone is larger than any limit */
	if (ring_attach(&st->in, HELPER_FD_RING_IN, err) < 0 ||
	    spool_open(&st->spool, HELPER_FD_SCRATCH, upload, err) < 0 ||
	    workers_new(&st->crew, (unsigned)spec_get_u64(st->spec, "threads", 1), err) < 0 ||
	    codec_warm_up(err) < 0)
		return -1;
	return sandbox_close(&sl, err);
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

static int decode(struct state *st, struct buf *note, struct dr_err *err)
{
	const struct decode_limits limits = {
		.virtual_bytes = spec_get_u64(st->spec, "virtual_bytes", (uint64_t)2 << 40),
		.memory_bytes = spec_get_u64(st->spec, "memory_bytes", (uint64_t)128 << 20),
		.parallel_bytes = spec_get_u64(st->spec, "parallel_bytes", (uint64_t)192 << 20),
	};
	struct decode_job job = {.declared_bytes = UINT64_MAX,
				 .spool = st->spool,
				 .crew = st->crew,
				 .limits = &limits};
	struct ring_sink sink = {.base = {sink_reserve, sink_publish, sink_zero, sink_size,
					  ring_slot_bytes(st->out)},
				 .out = st->out,
				 .in = st->in};
	struct decode_facts facts = {0};
	uint64_t total;
	int rc;

	if (ring_stream_open(&job.in, st->in, err) < 0)
		return -1;
	/* The fetcher publishes the length before the first byte: wait for either. */
	rc = ring_wait(st->in, err);
	if (rc < 0) {
		stream_close(job.in);
		return -1;
	}
	total = ring_get_fact(st->in, RING_FACT_SOURCE_TOTAL);
	job.declared_bytes = total == RING_FACT_UNKNOWN ? UINT64_MAX : total;
	job.length_proven = ring_get_fact(st->in, RING_FACT_LENGTH_PROVEN) == 1;
	rc = decode_run(&job, &sink.base, &facts, err);
	note_facts(&facts, note);
	return rc;
}

int main(void)
{
	struct dr_err err = DR_ERR_INIT;
	struct buf note = BUF_INIT_MAX(RING_NOTE_BYTES);
	struct state st = {0};
	int rc;

	if (sandbox_prepare(HELPER_FD_LAST, &err) < 0 ||
	    ring_attach(&st.out, HELPER_FD_RING_OUT, &err) < 0) {
		fprintf(stderr, "darkroom-decode: %s\n", err.msg);
		return 2;
	}
	rc = set_up(&st, &err);
	if (rc == 0)
		rc = decode(&st, &note, &err);
	if (rc < 0 && err.code == DR_NO_MEMORY && !err.reason[0]) {
		dr_err_clear(&err);
		dr_refuse(&err, DR_LIMIT, "needs-memory",
			  "decoding this file needs more memory than is allowed");
	}
	/* The scratch file goes before the good end is told: the committer's durability barrier
	 * would otherwise write it out, only to be thrown away. */
	if (rc == 0) {
		spool_close(st.spool);
		close(HELPER_FD_SCRATCH);
	}
	ring_finish(st.out, rc < 0 ? &err : NULL, buf_str(&note));
	/* The threads end with the process: the filter leaves nothing to tidy up with. */
	_exit(rc < 0 ? 1 : 0);
}
