/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/upload: a file, or what comes from standard input, as an object.
 *
 * What fits into one segment is one PUT. Anything larger is sent in segments over several
 * connections into CONTAINER_segments, as NAME/slo/MTIME/SIZE/SEGMENT-SIZE/NUMBER (the names that
 * the swift command gives them), and becomes a static large object. Segments that are there with
 * the right MD5 are not sent again, so a repeated command goes on where it was interrupted. Every
 * PUT carries the MD5 of its bytes, which the service compares before it keeps them; but when the
 * SHA-256 of the whole is asked for, segments do not, and that is for the object's reader to
 * compare (one hash of the bytes is enough, and it costs half as much). A large object that is
 * replaced loses its old segments, as far as they are not the new one's. */
#ifndef DR_CLI_UPLOAD_H
#define DR_CLI_UPLOAD_H

#include "cli/interrupt.h"
#include "cli/remote.h"
#include "digest/digest.h"

struct upload_request {
	const char *file; /* for messages, too; "-": standard input */
	const char *container;
	const char *name;
	uint64_t segment_bytes; /* 0: as upload_segment_bytes() has it */
	bool whole;             /* compute facts.sha256, and no more than that */
};

#define UPLOAD_SEGMENT_MIN ((uint64_t)1 << 20)
#define UPLOAD_SEGMENT_MAX ((uint64_t)5 << 30) /* the largest object there is */

struct upload_facts {
	uint64_t bytes;
	uint64_t sent_bytes; /* the rest was there */
	bool large;
	char sha256[HASH_MAX_HEX]; /* when it was asked for */
};

/* upload_run: `in` is held by the caller. CANCELLED: what was sent of a file is kept for the next
 * time. */
int upload_run(struct remote *r, const struct interrupt *in, const struct upload_request *req,
	       struct upload_facts *facts, struct dr_err *err) DR_MUST_CHECK;
/* upload_segment_bytes: the segments a file of so many bytes is cut into when nothing else is asked
 * for; 0: it is too large. */
uint64_t upload_segment_bytes(uint64_t bytes);

#endif
