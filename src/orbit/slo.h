/* SPDX-License-Identifier: Apache-2.0
 *
 * orbit/slo: the manifest of a static large object: a JSON list of segments, as clients put it and
 * as it is stored and shown (Swift's large object API). Pure functions. */
#ifndef DR_ORBIT_SLO_H
#define DR_ORBIT_SLO_H

#include "catalogue/orbit.h"
#include "util/buf.h"

struct slo_segment {
	char *path; /* "container/object"; owned */
	const char *object;
	size_t container_len; /* of path */
	char etag[MD5_TEXT];  /* "" = not said */
	uint64_t bytes;       /* of the whole object; UINT64_MAX = not said */
	/* the part of it; put: as said; stored: first <= last < bytes */
	bool ranged;
	uint64_t first, last; /* UINT64_MAX: "first-", "-last" */
	bool nested;          /* it is a static large object itself */
	char content_type[CONTENT_TYPE_TEXT];
	int64_t modified_at; /* microseconds */
};

struct slo {
	struct slo_segment *segments; /* owned */
	size_t count;
};

void slo_done(struct slo *m);
#define dr_slo DR_CLEANUP(slo_done) struct slo

/* slo_parse: what a client puts: path, etag, size_bytes, range.
 *   most        segments
 *   ret_errors  a line for each bad segment
 * INVALID, reason "manifest"; LIMIT, reason "too-large": more than `most`. */
int slo_parse(const char *text, size_t len, size_t most, struct slo *ret, struct buf *ret_errors,
	      struct dr_err *err) DR_MUST_CHECK;
/* slo_settle: a put range within an object of `bytes`: first and last. False when it is not
 * satisfiable. One of the whole object is none. */
bool slo_settle(struct slo_segment *s, uint64_t bytes);
/* slo_length: what a segment, its size known, contributes. */
uint64_t slo_length(const struct slo_segment *s);
/* slo_etag: MD5 of the segments' etags, those of ranges with them. */
int slo_etag(const struct slo *m, char ret[static MD5_TEXT], struct dr_err *err) DR_MUST_CHECK;
/* slo_print: the stored form, which ?multipart-manifest=get answers. slo_read: the inverse; what
 * nobody can have printed is CORRUPT. */
int slo_print(const struct slo *m, struct buf *ret, struct dr_err *err) DR_MUST_CHECK;
int slo_read(const char *text, size_t len, struct slo *ret, struct dr_err *err) DR_MUST_CHECK;

#endif
