/* SPDX-License-Identifier: Apache-2.0
 *
 * util/spec: what one of our processes tells another about its work: "key=value" lines. Values
 * have newline, carriage return and backslash escaped (\n \r \\); keys are [a-z_.]+. Keys may
 * repeat. Read whole, bounded, before the work starts. */
#ifndef DR_UTIL_SPEC_H
#define DR_UTIL_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

struct spec; /* owned strings */

void spec_put(struct buf *out, const char *key, const char *value);
void spec_put_u64(struct buf *out, const char *key, uint64_t value);
/* spec_parse: [owned by caller]. INVALID on a malformed line. */
int spec_parse(struct spec **ret, const char *text, size_t len, struct dr_err *err) DR_MUST_CHECK;
/* spec_read_fd: read to the end (at most 1 MiB) and parse. */
int spec_read_fd(struct spec **ret, int fd, struct dr_err *err) DR_MUST_CHECK;
void spec_free(struct spec *s);
/* spec_get: the first value of key, or fallback; borrowed. */
const char *spec_get(const struct spec *s, const char *key, const char *fallback);
uint64_t spec_get_u64(const struct spec *s, const char *key, uint64_t fallback);
/* spec_line: the nth line; false past the end. Borrowed. */
bool spec_line(const struct spec *s, size_t n, const char **ret_key, const char **ret_value);
/* spec_nth: the nth (from 0) value of a repeated key, or NULL. */
const char *spec_nth(const struct spec *s, const char *key, size_t n);

DR_DEFINE_CLEANUP(struct spec, spec_free);

#endif
