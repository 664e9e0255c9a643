/* SPDX-License-Identifier: Apache-2.0
 *
 * helpers/outlet: what the processes that bring a source have in common (darkroom-fetch,
 * darkroom-read): where its bytes go, and what is said about them.
 *
 *   fd 3  the work order: spec lines (util/spec), read to the end and closed
 *   fd 4  report: one line per event, each written at once
 *           begin total=N|- proven=0|1 etag=yes|no
 *         and last exactly one of
 *           done bytes=N sha256=HEX [md5=HEX|sha512=HEX] length_proven=0|1
 *           fail code=CODE reason=WORD msg=TEXT
 *         (ingest/report.h says how values are encoded)
 *   fd 5  the ring (ring/ring.h) that the bytes go into
 *
 * The report's last line comes before the end of the ring, and says the same. Exit status 0 after
 * "done", 1 after "fail", 2 when there was nobody to report to.
 *
 * Order key of both: checksum, "sha256:HEX", "sha512:HEX" or "md5:HEX". */
#ifndef DR_HELPERS_OUTLET_H
#define DR_HELPERS_OUTLET_H

#include "ring/ring.h"
#include "transport/tally.h"
#include "util/spec.h"

/* The ring, and how much of its current slot is filled. */
struct outlet {
	struct ring *ring;
	uint8_t *slot; /* borrowed; NULL: none reserved */
	size_t filled;
	uint64_t done;
	struct transport_checksum checksum; /* hex "": none given */
};

/* outlet_open: reads the order [owned by caller] and attaches the ring; closes both descriptors. */
int outlet_open(struct outlet *o, struct spec **ret_order, struct dr_err *err) DR_MUST_CHECK;
/* outlet_checksum: of the order, or NULL. */
const struct transport_checksum *outlet_checksum(const struct outlet *o);
/* outlet_begin, outlet_data: the first two of struct transport_sink; `arg` is the outlet. */
int outlet_begin(void *arg, uint64_t total_bytes, bool proven, bool etag, struct dr_err *err)
	DR_MUST_CHECK;
int outlet_data(void *arg, const void *p, size_t len, struct dr_err *err) DR_MUST_CHECK;
/* outlet_close: the last bytes, the last line, the end of the ring; `err` set: it failed. The exit
 * status. */
int outlet_close(struct outlet *o, const struct transport_result *r, struct dr_err *err);

#endif
