/* SPDX-License-Identifier: Apache-2.0
 *
 * Writers of what listings and pages are made of. Names are whatever tenants chose: any UTF-8, so
 * also control characters, quotes, markup and line separators. Private. */
#ifndef DR_SWIFT_TEXT_H
#define DR_SWIFT_TEXT_H

#include "util/buf.h"

/* text_json: a string with its quotes (RFC 8259 section 7); U+2028 and U+2029, which end lines in
 * JavaScript, are escaped too. */
void text_json(struct buf *b, const char *s);
/* text_xml: for text and quoted attributes. What XML 1.0 cannot hold (section 2.2) becomes U+FFFD.
 */
void text_xml(struct buf *b, const char *s);
void text_html(struct buf *b, const char *s);
/* text_line: a line of a plain listing is a name: CR and LF in it are percent-encoded. */
void text_line(struct buf *b, const char *s);
/* text_url: percent-encoded but for letters, digits, "_.-~" and `safe`. */
void text_url(struct buf *b, const char *s, const char *safe);
/* text_unquote: percent-decoded into ret; false when it does not fit, is malformed or has a NUL. */
bool text_unquote(const char *s, char *ret, size_t size);
void text_number(struct buf *b, uint64_t v);

/* text_time: microseconds as "2023-01-03T13:08:05.000000". */
struct text_clock { /* zeroed: what was written last, as many neighbours are of one second */
	int64_t second;
	char text[20];
};
void text_time(struct buf *b, struct text_clock *clock, int64_t us);

#endif
