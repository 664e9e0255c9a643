/* SPDX-License-Identifier: Apache-2.0
 *
 * What a helper process writes to its launcher: any bytes, in pieces of the size that the first
 * byte says. Lines come out whole and bounded, values fit where they are put, and what
 * report_encode() wrote is read back as it was. */
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ingest/report.h"
#include "util/checked.h"
#include "util/str.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_failure(const char *line)
{
	dr_autobuf struct buf again = BUF_INIT;
	struct dr_err err = DR_ERR_INIT, same = DR_ERR_INIT;

	assert(report_parse_failure(line, &err) == -1);
	assert(dr_err_is_set(&err) && dr_utf8_valid(err.msg, strlen(err.msg)));
	report_describe_failure(&again, &err);
	assert(report_parse_failure(buf_str(&again), &same) == -1);
	assert(same.code == err.code && strcmp(same.reason, err.reason) == 0);
	assert(strcmp(same.msg, err.msg) == 0);
}

static void check_value(const char *line)
{
	dr_autobuf struct buf b = BUF_INIT;
	char value[REPORT_LINE_BYTES], again[REPORT_LINE_BYTES], small[4];

	if (!report_value(line, "msg", value, sizeof value))
		return;
	assert(strlen(value) < sizeof value);
	buf_puts(&b, "word key=x msg=");
	report_encode(&b, value);
	assert(buf_ok(&b) && report_value(buf_str(&b), "msg", again, sizeof again));
	assert(strcmp(value, again) == 0);
	assert(report_value(line, "msg", small, sizeof small) == (strlen(value) < sizeof small));
}

static void on_line(void *arg, const char *line)
{
	char text[40];

	++*(size_t *)arg;
	assert(strlen(line) < REPORT_LINE_BYTES && !strchr(line, '\n'));
	check_value(line);
	check_failure(line);
	(void)report_u64(line, "bytes", 0);
	for (size_t n = 0; n < 3 && report_nth(line, "warning", n, text, sizeof text); n++)
		assert(strlen(text) < sizeof text);
	if (report_word(line, "format", text, sizeof text))
		assert(!strpbrk(text, " %\t=;"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct report_reader r = {.len = 0};
	size_t lines = 0, piece, pos = 1;
	int fd[2], rc = 1;

	if (size < 1 || pipe2(fd, O_CLOEXEC) != 0)
		return 0;
	piece = (size_t)data[0] * 17 + 1;
	while (pos < size && rc == 1) {
		size_t n = dr_min_size(piece, size - pos);

		assert(write(fd[1], data + pos, n) == (ssize_t)n);
		for (size_t left = n, before; left > 0 && rc == 1; left -= before) {
			before = dr_min_size(left, sizeof r.line - r.len);
			rc = report_read(&r, fd[0], on_line, &lines);
			assert(r.len <= sizeof r.line);
		}
		pos += n;
	}
	close(fd[1]);
	/* A line that is too long ends it; otherwise there is the end of the pipe. */
	assert(rc == -1 || report_read(&r, fd[0], on_line, &lines) == 0);
	close(fd[0]);
	return 0;
}
