/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/report: the lines helpers tell their launcher, and the launcher its owner.
 *
 *   <word> key=value key=value …\n     at most REPORT_LINE_BYTES, one write each
 *
 * Values are percent-encoded where they hold blanks, '%' or control characters. The reader is
 * bounded and takes anything malformed as a failure of the writer. */
#ifndef DR_INGEST_REPORT_H
#define DR_INGEST_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

#define REPORT_LINE_BYTES 2048

/* report_printf: one line; the newline is added. The values given are plain words. */
void report_printf(int fd, const char *fmt, ...) DR_PRINTF(2, 3);
/* report_describe_failure: that line's text, without newline. */
void report_describe_failure(struct buf *line, const struct dr_err *err);
/* report_failure: "fail code=… reason=… msg=…". */
void report_failure(int fd, const struct dr_err *err);
/* report_encode: append a value in its encoded form. */
void report_encode(struct buf *b, const char *value);
/* report_nth: as report_value, the nth (from 0) of a repeated key. */
bool report_nth(const char *line, const char *key, size_t nth, char *ret, size_t size);
/* report_value: the decoded value of `key` in a line; false when absent, malformed or too long. */
bool report_value(const char *line, const char *key, char *ret, size_t size);
/* report_word: report_value, of a plain word ([a-z0-9+_-], may be empty): fit for a log line. */
bool report_word(const char *line, const char *key, char *ret, size_t size);
uint64_t report_u64(const char *line, const char *key, uint64_t fallback);
/* report_is: the line's word is `word`. */
bool report_is(const char *line, const char *word);
/* report_parse_failure: fill err from a "fail" line. Always -1. */
int report_parse_failure(const char *line, struct dr_err *err);

/* Reads lines from a descriptor: feed it what poll() says is there. */
struct report_reader {
	char line[REPORT_LINE_BYTES];
	size_t len;
};
/* report_read: one read(); calls fn for every complete line (without newline). 1 more may come, 0
 * end of file, -1 read error or an over-long line. */
int report_read(struct report_reader *r, int fd, void (*fn)(void *arg, const char *line),
		void *arg);

#endif
