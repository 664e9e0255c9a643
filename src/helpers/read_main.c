/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroom-read: brings a source that the daemon has itself, an object of its own Orbit, in place
 * of darkroom-fetch. No network, no files, no store: a pipe to read from, and helpers/outlet.h.
 *
 *   fd 7  the pipe; the daemon writes the object's bytes into it and nothing else
 *
 * Order keys: bytes, how many there are; max_bytes; checksum. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "helpers/outlet.h"
#include "ingest/helper.h"
#include "ingest/sandbox.h"
#include "util/checked.h"
#include "util/cleanup.h"

#include "util/banned.h"

#define PIECE_BYTES ((size_t)256 << 10)

/* next_piece: 1..len bytes, or -1. */
static ssize_t next_piece(void *buf, size_t len, struct dr_err *err)
{
	ssize_t n;

	do
		n = read(HELPER_FD_SOURCE, buf, len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return dr_fail_errno(err, "read the source");
	if (n == 0)
		return dr_fail(err, DR_IO, "the source was not handed over to its end");
	return n;
}

static int copy(struct outlet *o, struct transport_tally *t, uint64_t total, struct dr_err *err)
{
	/* Its own memory: what is hashed cannot be changed by whoever reads the ring. */
	dr_autofree void *piece = malloc(PIECE_BYTES);

	if (!piece)
		return dr_fail_nomem(err);
	if (transport_tally_permit(t, total, err) < 0 ||
	    outlet_begin(o, total, true, false, err) < 0)
		return -1;
	while (t->bytes < total) {
		size_t want = (size_t)dr_min_u64(PIECE_BYTES, total - t->bytes);
		ssize_t n = next_piece(piece, want, err);

		if (n < 0 || transport_tally_add(t, piece, (size_t)n, err) < 0 ||
		    outlet_data(o, piece, (size_t)n, err) < 0)
			return -1;
	}
	return 0;
}

static int work(struct outlet *o, struct transport_result *ret, struct dr_err *err)
{
	DR_CLEANUP(spec_freep) struct spec *order = NULL;
	DR_CLEANUP(transport_tally_done) struct transport_tally tally = {0};
	struct sandbox walls;
	uint64_t total;

	if (sandbox_prepare(&walls, HELPER_FD_LAST, err) < 0 || outlet_open(o, &order, err) < 0)
		return -1;
	close(walls.statm);
	total = spec_get_u64(order, "bytes", UINT64_MAX);
	if (transport_tally_init(&tally, outlet_checksum(o), spec_get_u64(order, "max_bytes", 0),
				 err) < 0 ||
	    copy(o, &tally, total, err) < 0 || transport_tally_conclude(&tally, ret, err) < 0)
		return -1;
	ret->length_proven = true;
	return 0;
}

int main(void)
{
	struct outlet outlet = {0};
	struct transport_result result = {0};
	struct dr_err err = DR_ERR_INIT;

	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return 2;
	(void)!work(&outlet, &result, &err);
	return outlet_close(&outlet, &result, &err);
}
