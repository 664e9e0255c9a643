/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/decoder: the life of darkroom-decode, in the order of hardening.md section 5.3: give up
 * privileges; read the work order; map the rings; make every thread; touch every library once;
 * close the sandbox; read the first foreign byte. A library, so that the tests' misbehaving decoder
 * stands behind the very same walls. */
#ifndef DR_INGEST_DECODER_H
#define DR_INGEST_DECODER_H

#include "ingest/decode.h"
#include "ring/ring.h"
#include "util/spec.h"

struct decoder {
	struct spec *spec;
	struct ring *in;
	struct ring *out; /* NULL: nothing can be told */
	struct spool *spool;
	struct workers *crew;
};

/* decoder_start: when it returns 0 the walls stand and nothing foreign has been read. Does not
 * return when the work order asks for a probe. */
int decoder_start(struct decoder *d, struct dr_err *err) DR_MUST_CHECK;
/* decoder_run: the source (owned from the call on) to the disk's ring; note: what was learned, for
 * whoever reads the ring's end. */
int decoder_run(struct decoder *d, struct stream *in, struct buf *note, struct dr_err *err)
	DR_MUST_CHECK;
/* decoder_end: the verdict travels in the ring (ring_finish), never through a write. rc: 0, or -1
 * and err. */
_Noreturn void decoder_end(struct decoder *d, int rc, struct dr_err *err, const struct buf *note);

#endif
