/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "transport/checksum.h"
#include "transport/response.h"
#include "unit.h"

/* read_response: feed a header section line by line, as libcurl does. */
static int read_response(struct transport_response *r, const char *text, struct dr_err *err)
{
	transport_response_init(r);
	while (*text) {
		size_t len = strcspn(text, "\n") + 1;

		if (transport_response_line(r, text, len, err) < 0)
			return -1;
		text += len;
	}
	return 0;
}

static struct transport_response good(const char *text)
{
	struct transport_response r;
	struct dr_err err = DR_ERR_INIT;

	if (read_response(&r, text, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(r.complete);
	return r;
}

static void bad(const char *text)
{
	struct transport_response r;
	struct dr_err err = DR_ERR_INIT;

	if (read_response(&r, text, &err) == 0)
		fail_msg("taken: %s", text);
	assert_string_equal(err.reason, "source-protocol");
}

static void what_frames_and_identifies_the_body_is_read(void **state)
{
	struct transport_response r = good("HTTP/1.1 206 Partial Content\r\n"
					   "content-length:  5 \r\n"
					   "Content-Range: bytes 5-9/10\r\n"
					   "ETag: \"abc\"\r\n"
					   "Accept-Ranges: bytes\r\n"
					   "Last-Modified: Tue, 03 Jan 2023 13:08:05 GMT\r\n"
					   "Location: /y\r\n\r\n");

	(void)state;
	assert_int_equal(r.status, 206);
	assert_true(r.has_length);
	assert_int_equal(r.length, 5);
	assert_false(r.chunked);
	assert_true(r.has_range);
	assert_int_equal(r.range_first, 5);
	assert_int_equal(r.range_last, 9);
	assert_int_equal(r.range_total, 10);
	assert_string_equal(r.etag, "\"abc\"");
	assert_true(r.accepts_ranges);
	assert_string_equal(r.last_modified, "Tue, 03 Jan 2023 13:08:05 GMT");
	assert_string_equal(r.location, "/y");
}

static void interim_responses_and_trailers_change_nothing(void **state)
{
	struct transport_response r = good("HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n"
					   "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n"
					   "Content-Length: 9\r\n\r\n");

	(void)state;
	assert_int_equal(r.status, 200);
	assert_false(r.has_length);
	assert_true(r.chunked);
}

static void equal_lengths_may_repeat(void **state)
{
	(void)state;
	assert_int_equal(
		good("HTTP/1.1 200\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n").length, 5);
}

static void contradictions_are_refused(void **state)
{
	static const char *const headers[] = {
		"Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
		"Content-Length: 5, 5\r\n\r\n",
		"Content-Length: -5\r\n\r\n",
		"Content-Length: +5\r\n\r\n",
		"Content-Length: 0x5\r\n\r\n",
		"Content-Length:\r\n\r\n",
		"Content-Length: 5 5\r\n\r\n",
		"Content-Length: 18446744073709551621\r\n\r\n",
		"Content-Length: 9223372036854775808\r\n\r\n",
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
		"Transfer-Encoding: gzip, chunked\r\n\r\n",
		"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"Transfer-Encoding: identity\r\n\r\n",
		"Content-Range: bytes 5-4/10\r\n\r\n",
		"Content-Range: bytes 5-10/10\r\n\r\n",
		"Content-Range: bytes 5-\r\n\r\n",
		"Content-Range: 5-9/10\r\n\r\n",
		"Content-Range: bytes 5-9/10\r\nContent-Range: bytes 5-9/10\r\n\r\n",
		"Location: /a\r\nLocation: /b\r\n\r\n",
		"Content-Length : 5\r\n\r\n",
		"X: y\r\n folded\r\n\r\n",
		"\tX: y\r\n\r\n",
		"no colon\r\n\r\n",
		": empty\r\n\r\n",
		"X: y\rZ: z\r\n\r\n",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
		snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s", headers[i]);
		bad(text);
	}
}

static void other_protocols_are_refused(void **state)
{
	static const char *const lines[] = {
		"ICY 200 OK\r\n\r\n",     "HTTP/2 200\r\n\r\n",        "HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 99 x\r\n\r\n",  "HTTP/1.1 600 x\r\n\r\n",    "HTTP/1.1200 OK\r\n\r\n",
		"HTTP/1.1 101 x\r\n\r\n", "Content-Length: 5\r\n\r\n", "\r\n",
		"HTTP/1.\r\n\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		bad(lines[i]);
}

static void only_a_strong_and_unique_etag_is_kept(void **state)
{
	static const char *const weak[] = {
		"ETag: W/\"a\"\r\n",
		"ETag: a\r\n",
		"ETag: \"\"\r\n",
		"ETag: \"a\r\n",
		"ETag: \"a\"b\"\r\n",
		"ETag: \"a b\"\r\n",
		"ETag: \"a\"\r\nETag: \"b\"\r\n",
		"",
		"ETag: W/\"a\"\r\nETag: \"a\"\r\n",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof weak / sizeof *weak; i++) {
		snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%s\r\n", weak[i]);
		assert_string_equal(good(text).etag, "");
	}
	assert_string_equal(good("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nETag: \"a\"\r\n\r\n").etag,
			    "\"a\"");
}

static void headers_are_bounded(void **state)
{
	struct transport_response r;
	struct dr_err err = DR_ERR_INIT;
	char line[8300];
	size_t lines = 0;

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "Set-Cookie: ", 12);
	transport_response_init(&r);
	assert_int_equal(transport_response_line(&r, "HTTP/1.1 200 OK\r\n", 17, &err), 0);
	while (transport_response_line(&r, line, 1024, &err) == 0)
		lines++;
	assert_int_equal(lines, 63);
	assert_string_equal(err.reason, "source-protocol");

	dr_err_clear(&err);
	transport_response_init(&r);
	assert_int_equal(transport_response_line(&r, "HTTP/1.1 200 OK\r\n", 17, &err), 0);
	assert_int_equal(transport_response_line(&r, line, 8192, &err), 0);
	assert_int_equal(transport_response_line(&r, line, 8193, &err), -1);
}

static void a_header_with_a_nul_is_refused(void **state)
{
	struct transport_response r;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	transport_response_init(&r);
	assert_int_equal(transport_response_line(&r, "HTTP/1.1 200 OK\r\n", 17, &err), 0);
	assert_int_equal(transport_response_line(&r, "Content-Length: 5\0006\r\n", 21, &err), -1);
}

static void checksums_name_their_kind(void **state)
{
	static const char *const wrong[] = {
		"",
		"sha256",
		"sha256:",
		"md5:00",
		"crc32:00000000",
		":00",
		"sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709",
		"md5:d41d8cd98f00b204e9800998ecf8427ex",
		"md5:d41d8cd98f00b204e9800998ecf8427g",
		"MD5:d41d8cd98f00b204e9800998ecf8427e",
		"verylongname:00",
	};
	struct transport_checksum c;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(transport_checksum_parse(&c, "md5:D41D8CD98F00B204E9800998ECF8427E", &err),
			 0);
	assert_int_equal(c.kind, HASH_MD5);
	assert_string_equal(c.hex, "d41d8cd98f00b204e9800998ecf8427e");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		dr_err_clear(&err);
		if (transport_checksum_parse(&c, wrong[i], &err) == 0)
			fail_msg("'%s' is taken", wrong[i]);
		assert_int_equal(err.code, DR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_frames_and_identifies_the_body_is_read),
		cmocka_unit_test(interim_responses_and_trailers_change_nothing),
		cmocka_unit_test(equal_lengths_may_repeat),
		cmocka_unit_test(contradictions_are_refused),
		cmocka_unit_test(other_protocols_are_refused),
		cmocka_unit_test(only_a_strong_and_unique_etag_is_kept),
		cmocka_unit_test(headers_are_bounded),
		cmocka_unit_test(a_header_with_a_nul_is_refused),
		cmocka_unit_test(checksums_name_their_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
