/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/download: an image's bytes from Orbit into a file that appears whole and verified, or to
 * standard output.
 *
 * Until then they are in FILE.part, and FILE.part.etag says which version of the image they belong
 * to: a later run with the same ETag goes on at its end (Range, If-Range; RFC 9110 sections 14.2
 * and 13.1.5). One run at a time per file. */
#ifndef DR_CLI_DOWNLOAD_H
#define DR_CLI_DOWNLOAD_H

#include "cli/session.h"

enum download_format { DOWNLOAD_LZ4, DOWNLOAD_RAW, DOWNLOAD_QCOW2 };

struct download_request {
	const char *id; /* of the image, for messages */
	const char *url;
	enum download_format format;
	const char *file;   /* NULL: standard output */
	const char *digest; /* "sha256:<hex>" of the disk, NULL: not known */
};

const char *download_format_name(enum download_format f);
bool download_format_parse(const char *name, enum download_format *ret);

/* download_run: 0, and a line on stderr about what was received and how it was checked. CORRUPT:
 * the bytes are not the image's; they are removed. After any other failure the part stays. */
int download_run(struct session *s, const struct download_request *req, struct dr_err *err)
	DR_MUST_CHECK;

/* download_range: what a Content-Range header says ("bytes 5-9/10", or "bytes * /10" without the
 * blank after a 416, whose *first is then *total); false when it is none or has no total. */
bool download_range(const char *header, uint64_t *first, uint64_t *total);

#endif
