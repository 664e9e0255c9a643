/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/part: the unfinished file FILE.part of a download, and FILE.part.etag, which says of which
 * version its bytes are. For one run at a time.
 *
 *   part_open -> part_write ... part_flush -> part_publish or part_remove -> part_close */
#ifndef DR_CLI_PART_H
#define DR_CLI_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/err.h"

#define PART_ETAG_MAX 512

struct part {
	char *file; /* owned: the name it will get */
	char *path;
	char *etag_file;
	int fd;
	bool sparse;              /* blocks of zeros become holes */
	char etag[PART_ETAG_MAX]; /* "": unknown, the bytes cannot be gone on with */
	uint64_t have;            /* bytes, those that are held included */
	uint8_t *held;            /* the last bytes, not yet written */
	size_t held_bytes;
};

/* part_open: take up what an earlier run left, when it is known what it is. Initialises `p` in any
 * case; part_close() afterwards. CONFLICT: another run is at it. */
int part_open(struct part *p, const char *file, bool sparse, struct dr_err *err) DR_MUST_CHECK;
void part_close(struct part *p);

/* part_start_over: forget the bytes. */
int part_start_over(struct part *p, struct dr_err *err) DR_MUST_CHECK;
/* part_set_etag: of the bytes that follow; NULL, or a weak one: they cannot be gone on with
 * (RFC 9110 section 13.1.5). Nothing may be there yet. */
int part_set_etag(struct part *p, const char *etag, struct dr_err *err) DR_MUST_CHECK;
int part_write(struct part *p, const void *bytes, size_t len, struct dr_err *err) DR_MUST_CHECK;
/* part_flush: everything is in the file; part_read() sees it. */
int part_flush(struct part *p, struct dr_err *err) DR_MUST_CHECK;
/* part_read: up to len bytes at off; fewer only at the end. */
ssize_t part_read(const struct part *p, void *bytes, size_t len, uint64_t off, struct dr_err *err)
	DR_MUST_CHECK;
/* part_publish: give it its name, durably. */
int part_publish(struct part *p, struct dr_err *err) DR_MUST_CHECK;
void part_remove(struct part *p);

#endif
