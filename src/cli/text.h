/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/text: strings for people. Lengths count code points (what the tables of api.md section 6.4
 * count), not bytes and not columns. */
#ifndef DR_CLI_TEXT_H
#define DR_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

/* text_length: code points of s (valid UTF-8). */
size_t text_length(const char *s);
/* text_prefix: how many bytes the first n code points of s take (all of s when it is shorter). */
size_t text_prefix(const char *s, size_t n);
/* text_clean: append s with control characters made visible (\x1b …), so that no foreign name or
 * message moves a terminal's cursor. Tab, CR and LF stay as they are. */
void text_clean(struct buf *out, const char *s);
/* text_name: likewise, and these three, too: one name is one cell of one line. */
void text_name(struct buf *out, const char *s);
/* text_bytes: "17 B", "512.0 MiB". */
void text_bytes(struct buf *out, uint64_t bytes);
/* text_duration: "0:09", "2:03:04". */
void text_duration(struct buf *out, uint64_t seconds);
/* text_time_ms: an ISO 8601 time of the API ("2023-01-03T13:08:05Z", with or without a fraction,
 * "Z" or "+01:00") as milliseconds since 1970 UTC; false when it is none. api.md section 0. */
bool text_time_ms(const char *s, int64_t *ret);
/* text_day: "2023-01-03"; text_minute: "2023-01-03T13:08Z"; s itself when it is no time. */
void text_day(struct buf *out, const char *s);
void text_minute(struct buf *out, const char *s);
/* text_id: s can be an identifier ("img-a1b2c"): letters, digits, '-' and '_', 1 to 64 of them.
 * What is none names nothing: it must reach neither a URL nor a file name. */
bool text_id(const char *s);

#endif
