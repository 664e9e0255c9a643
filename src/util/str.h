/* SPDX-License-Identifier: Apache-2.0
 *
 * util/str: small string helpers. */
#ifndef DR_UTIL_STR_H
#define DR_UTIL_STR_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

/* dr_copy: strlcpy with a verdict: false when `from` did not fit (then `to` holds what did). */
bool dr_copy(char *to, size_t size, const char *from);
/* dr_utf8_valid: len bytes are well-formed UTF-8 (RFC 3629) without NUL. */
bool dr_utf8_valid(const char *s, size_t len);
/* dr_text_valid: UTF-8 without control characters (C0, DEL, C1). */
bool dr_text_valid(const char *s, size_t len);
/* dr_quote: append a foreign string in double quotes, everything but printable ASCII escaped as
 * \xNN, cut after max bytes with "...". For logs and messages. */
void dr_quote(struct buf *b, const char *s, size_t max);
/* dr_starts: s begins with prefix. */
bool dr_starts(const char *s, const char *prefix);
/* dr_streq: equal, and NULL equals only NULL. */
bool dr_streq(const char *a, const char *b);

#endif
