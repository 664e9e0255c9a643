/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/fetch: an object into a file that appears whole and verified, or to standard output.
 *
 * Ranges come over several connections and are put in order before they are written, so that what
 * is in FILE.part (cli/part.h) is always the object's beginning, and a later run goes on at its
 * end. The MD5 is compared: of an ordinary object the one that is its ETag, of a static large
 * object those of its segments. Of anything else only the length is known. */
#ifndef DR_CLI_FETCH_H
#define DR_CLI_FETCH_H

#include "cli/interrupt.h"
#include "cli/remote.h"

struct fetch_request {
	const char *container;
	const char *name;
	const char *file; /* NULL: standard output */
};

struct fetch_facts {
	uint64_t bytes;
	bool proven; /* by MD5 */
};

/* fetch_run: `in` as lanes_run has it. CORRUPT: other bytes arrived; they are removed. After any
 * other failure the part stays. CONFLICT: the object was replaced meanwhile. */
int fetch_run(struct remote *r, const struct interrupt *in, const struct fetch_request *req,
	      struct fetch_facts *facts, struct dr_err *err) DR_MUST_CHECK;

#endif
