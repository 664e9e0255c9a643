/* SPDX-License-Identifier: Apache-2.0
 *
 * library_internal: what the files of this folder share. */
#ifndef DR_LIBRARY_LIBRARY_INTERNAL_H
#define DR_LIBRARY_LIBRARY_INTERNAL_H

#include "library/library.h"

/* ---- validation (library/check.c): problems are collected, not failed ---- */

void problem(struct problems *pr, const char *fmt, ...) DR_PRINTF(2, 3);
/* problems_verdict: 0, or -1 with INVALID and the first problem. */
int problems_verdict(const struct problems *pr, struct dr_err *err) DR_MUST_CHECK;

#define NAME_CHARACTERS 255
#define DESCRIPTION_BYTES 4096

/* check_name: at most NAME_CHARACTERS, UTF-8, no control characters (hardening.md section 1.5).
 * check_text: at most `max` bytes of UTF-8; with `lines` also tabs and line ends. */
void check_name(struct problems *pr, const char *member, const char *text);
void check_text(struct problems *pr, const char *member, const char *text, size_t max, bool lines);
void check_email(struct problems *pr, const char *text);
/* check_image: the members of `rq` that are given, for register and update alike. */
void check_image(struct problems *pr, const struct image_request *rq);
/* check_source: exactly one source that we can fetch; the checksum.
 * 0 also when there are problems; -1 when the check itself failed. */
int check_source(struct problems *pr, const struct library *l, const struct image_request *rq,
		 struct dr_err *err) DR_MUST_CHECK;

/* name_from_url: what an image without a name is called: "disk.qcow2 2023-01-03 13:08". */
void name_from_url(const char *url, int64_t now, char ret[static NAME_TEXT]);

#endif
