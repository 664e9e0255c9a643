/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/report.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "digest/digest.h"
#include "util/buf.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

static void send_line(int fd, struct buf *line)
{
	ssize_t n;

	buf_putc(line, '\n');
	if (!buf_ok(line))
		return;
	/* At most PIPE_BUF bytes: whole or not at all. A reader that is gone is no news. */
	do
		n = write(fd, line->p, line->len);
	while (n < 0 && errno == EINTR);
}

void report_printf(int fd, const char *fmt, ...)
{
	dr_autobuf struct buf line = BUF_INIT_MAX(REPORT_LINE_BYTES);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	send_line(fd, &line);
}

void report_encode(struct buf *b, const char *value)
{
	for (; *value; value++) {
		if (*value > 0x20 && *value < 0x7F && *value != '%')
			buf_putc(b, *value);
		else
			buf_printf(b, "%%%02x", (unsigned)(uint8_t)*value);
	}
}

void report_describe_failure(struct buf *line, const struct dr_err *err)
{
	buf_printf(line, "fail code=%s reason=", dr_code_name(err->code));
	report_encode(line, err->reason);
	buf_puts(line, " msg=");
	report_encode(line, err->msg);
}

void report_failure(int fd, const struct dr_err *err)
{
	dr_autobuf struct buf line = BUF_INIT_MAX(REPORT_LINE_BYTES);

	report_describe_failure(&line, err);
	send_line(fd, &line);
}

bool report_is(const char *line, const char *word)
{
	size_t n = strlen(word);

	return strncmp(line, word, n) == 0 && (line[n] == ' ' || line[n] == 0);
}

bool report_value(const char *line, const char *key, char *ret, size_t size)
{
	return report_nth(line, key, 0, ret, size);
}

bool report_nth(const char *line, const char *key, size_t nth, char *ret, size_t size)
{
	size_t n = strlen(key), out = 0;
	const char *at = line;
	uint8_t c;

	do {
		at = strchr(at, ' ');
		if (!at)
			return false;
		at++;
	} while (strncmp(at, key, n) != 0 || at[n] != '=' || nth-- > 0);
	for (at += n + 1; *at && *at != ' '; at++) {
		c = (uint8_t)*at;
		if (c == '%') {
			if (!at[1] || !at[2] || !hex_decode(at + 1, &c, 1) || c == 0)
				return false;
			at += 2;
		}
		if (out + 1 >= size)
			return false;
		ret[out++] = (char)c;
	}
	ret[out] = 0;
	return true;
}

bool report_word(const char *line, const char *key, char *ret, size_t size)
{
	if (!report_value(line, key, ret, size))
		return false;
	if (ret[strspn(ret, "abcdefghijklmnopqrstuvwxyz0123456789+_-")] == 0)
		return true;
	ret[0] = 0;
	return false;
}

uint64_t report_u64(const char *line, const char *key, uint64_t fallback)
{
	char text[24];
	uint64_t v;

	return report_value(line, key, text, sizeof text) && dr_parse_u64(text, 0, UINT64_MAX, &v)
		       ? v
		       : fallback;
}

int report_parse_failure(const char *line, struct dr_err *err)
{
	char code[32] = "", reason[sizeof err->reason] = "", msg[sizeof err->msg] = "";
	enum dr_code c;

	if (!report_is(line, "fail") || !report_value(line, "code", code, sizeof code) ||
	    !report_word(line, "reason", reason, sizeof reason) ||
	    !report_value(line, "msg", msg, sizeof msg) || !dr_text_valid(msg, strlen(msg)))
		return dr_fail(err, DR_IO, "a helper process spoke nonsense");
	c = dr_code_parse(code);
	return dr_refuse(err, c == DR_OK ? DR_IO : c, reason, "%s", msg);
}

int report_read(struct report_reader *r, int fd, void (*fn)(void *arg, const char *line), void *arg)
{
	ssize_t n = read(fd, r->line + r->len, sizeof r->line - r->len);
	char *start = r->line, *eol;

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -1;
	if (n == 0)
		return 0;
	r->len += (size_t)n;
	while ((eol = memchr(start, '\n', r->len - (size_t)(start - r->line)))) {
		*eol = 0;
		fn(arg, start);
		start = eol + 1;
	}
	r->len -= (size_t)(start - r->line);
	memmove(r->line, start, r->len);
	return r->len == sizeof r->line ? -1 : 1;
}
