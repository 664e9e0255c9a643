/* SPDX-License-Identifier: Apache-2.0
 *
 * transport/tally: a source's bytes as they come: counted, hashed, and judged at their end.
 *
 *   transport_tally_init() -> { transport_tally_add() } -> transport_tally_conclude()
 *
 * One thread; the hashes are computed beside it, on a private copy. */
#ifndef DR_TRANSPORT_TALLY_H
#define DR_TRANSPORT_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "digest/digest.h"
#include "digest/lane.h"
#include "transport/checksum.h"

struct transport_result {
	uint64_t bytes;
	char sha256[DIGEST_HEX];
	char checksum[HASH_MAX_HEX]; /* of the kind that was expected; "" without one */
	bool length_proven;          /* the end cannot be mistaken */
};

struct transport_tally {
	const struct transport_checksum *expected; /* borrowed; NULL: none given */
	uint64_t max_bytes;
	uint64_t bytes; /* so far */
	struct hash *sha256;
	struct hash *other; /* of the expected kind, when it is another; or NULL */
	struct lane *lane;  /* where both are computed: sync before looking */
};

int transport_tally_init(struct transport_tally *t, const struct transport_checksum *expected,
			 uint64_t max_bytes, struct dr_err *err) DR_MUST_CHECK;
void transport_tally_done(struct transport_tally *t);

/* transport_tally_permit: may the source have so many bytes? LIMIT "too-large". */
int transport_tally_permit(const struct transport_tally *t, uint64_t bytes, struct dr_err *err)
	DR_MUST_CHECK;
/* transport_tally_add: the next bytes. LIMIT "too-large". */
int transport_tally_add(struct transport_tally *t, const void *p, size_t len, struct dr_err *err)
	DR_MUST_CHECK;
/* transport_tally_conclude: `ret` is filled but for length_proven. INVALID "checksum-mismatch". */
int transport_tally_conclude(struct transport_tally *t, struct transport_result *ret,
			     struct dr_err *err) DR_MUST_CHECK;

#endif
