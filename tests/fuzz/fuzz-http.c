/* SPDX-License-Identifier: Apache-2.0
 *
 * A request as it comes: "METHOD TARGET" on the first line, then header lines, an empty line, a
 * body. What is accepted must keep its promises; what is asked of it must stay inside it. */
#include <assert.h>

#include "http-message.h"
#include "util/checked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OBJECT_BYTES 5000

static ssize_t object_read(void *arg, uint64_t pos, void *buf, size_t len, struct dr_err *err)
{
	(void)arg, (void)err;
	assert(len > 0 && dr_range_within(pos, len, OBJECT_BYTES));
	memset(buf, (int)pos, len);
	return (ssize_t)len;
}

/* The object is a file that starts somewhere, up to its last ten bytes. */
static bool object_file(void *arg, uint64_t pos, int *ret_fd, uint64_t *ret_at, uint64_t *ret_len)
{
	(void)arg;
	assert(pos < OBJECT_BYTES);
	if (pos >= OBJECT_BYTES - 10)
		return false;
	*ret_fd = 0;
	*ret_at = 77 + pos;
	*ret_len = OBJECT_BYTES - 10 - pos;
	return true;
}

static void object_close(void *arg)
{
	++*(int *)arg;
}

static void read_all(const struct http_stream *s)
{
	struct dr_err err = DR_ERR_INIT;
	uint8_t piece[777];
	uint64_t pos = 0;

	while (pos < s->length) {
		size_t want = dr_min_size(sizeof piece, (size_t)(s->length - pos));
		ssize_t n = s->read(s->arg, pos, piece, want, &err);

		assert(n > 0 && (size_t)n <= want);
		pos += (uint64_t)n;
	}
}

/* What would be sent by the kernel is within the body, and within the file. */
static void look_at_file(const struct http_stream *s)
{
	uint64_t at, len;
	int fd;

	if (s->length > 0 && s->file && s->file(s->arg, 0, &fd, &at, &len))
		assert(at >= 77 && dr_range_within(at - 77, len, OBJECT_BYTES - 10));
}

static void send_object(const struct http_request *rq)
{
	struct http_response rs = {0};
	struct http_field f;
	size_t pos = 0;
	int closed = 0;

	http_send_object(rq, &rs,
			 &(struct http_object){"a/b",
					       "\"etag\"",
					       784111777,
					       {.length = OBJECT_BYTES,
						.read = object_read,
						.file = object_file,
						.close = object_close,
						.arg = &closed}});
	assert(!rs.broken);
	assert(rs.status == 200 || rs.status == 206 || rs.status == 304 || rs.status == 412 ||
	       rs.status == 416);
	while (response_next(&rs, &pos, &f))
		assert(!strpbrk(f.value, "\r\n"));
	if (rs.streamed) {
		look_at_file(&rs.stream);
		read_all(&rs.stream);
	}
	response_done(&rs);
	assert(closed == 1);
}

static void ask(const struct http_request *rq)
{
	char user[40], pass[40];
	struct http_range range[HTTP_MAX_RANGES];
	const char *s;
	size_t len;
	int n;

	for (size_t i = 0; i < http_segments(rq); i++) {
		size_t rest = strlen(http_rest(rq, i));

		assert(strlen(http_segment(rq, i)) <= rest);
	}
	assert(!http_segment(rq, http_segments(rq)) && !http_rest(rq, http_segments(rq)));
	s = http_query(rq, "a");
	assert(!s || strlen(s) < HTTP_MAX_TARGET);
	s = http_bearer(rq);
	assert(!s || strlen(s) > 0 || s[0] == 0);
	(void)http_basic(rq, user, sizeof user, pass, sizeof pass);
	n = http_ranges(http_header(rq, "Range"), OBJECT_BYTES, range);
	for (int i = 0; i < n; i++)
		assert(range[i].len > 0 &&
		       dr_range_within(range[i].off, range[i].len, OBJECT_BYTES));
	s = http_body(rq, &len);
	n = http_form(s, len, "a", user, sizeof user);
	assert(n <= 0 || strlen(user) < sizeof user);
	if (rq->method == HTTP_GET || rq->method == HTTP_HEAD)
		send_object(rq);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *line = text, *headers, *body, *target;
	struct http_request *rq;

	headers = strchr(line, '\n');
	body = strstr(line, "\n\n");
	if (headers)
		*headers++ = 0;
	if (body)
		body += 2;
	if (body && headers < body - 1)
		body[-1] = 0;
	target = strchr(line, ' ');
	if (target)
		*target++ = 0;
	rq = request_new(line, target ? target : "/", headers ? headers : "", NULL);
	if (rq) {
		rq->body.max = 65536;
		if (body)
			buf_puts(&rq->body, body);
		ask(rq);
	}
	request_free(rq);
	free(text);
	return 0;
}
