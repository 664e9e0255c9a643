/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "http-message.h"
#include "unit.h"
#include "util/checked.h"

static const char *ranges(const char *header, uint64_t size, char ret[256])
{
	struct http_range r[HTTP_MAX_RANGES];
	int n = http_ranges(header, size, r);
	size_t len = (size_t)snprintf(ret, 256, "%d", n);

	for (int i = 0; i < n; i++)
		len += (size_t)snprintf(ret + len, 256 - len, " %llu+%llu",
					(unsigned long long)r[i].off, (unsigned long long)r[i].len);
	return ret;
}

static void ranges_follow_rfc_9110(void **state)
{
	char t[256];

	(void)state;
	assert_string_equal(ranges("bytes=0-9", 100, t), "1 0+10");
	assert_string_equal(ranges("bytes=90-", 100, t), "1 90+10");
	assert_string_equal(ranges("bytes=-10", 100, t), "1 90+10");
	assert_string_equal(ranges("bytes=-1000", 100, t), "1 0+100");
	assert_string_equal(ranges("bytes=-5", 0, t), "0"); /* nothing, whole */
	assert_string_equal(ranges("bytes=95-200", 100, t), "1 95+5");
	assert_string_equal(ranges("bytes=99-99", 100, t), "1 99+1");
	assert_string_equal(ranges("BYTES=0-0", 100, t), "1 0+1");
	assert_string_equal(ranges("bytes=0-0, -1", 100, t), "2 0+1 99+1");
	assert_string_equal(ranges("bytes= 0-4 ,, 10-14 ,", 100, t), "2 0+5 10+5");
	assert_string_equal(ranges("bytes=0-18446744073709551615", 100, t), "1 0+100");
	assert_string_equal(ranges("bytes=0-99999999999999999999999", 100, t), "1 0+100");
}

static void ranges_outside_are_unsatisfiable(void **state)
{
	char t[256];

	(void)state;
	assert_string_equal(ranges("bytes=100-", 100, t), "-1");
	assert_string_equal(ranges("bytes=100-200,300-", 100, t), "-1");
	assert_string_equal(ranges("bytes=99999999999999999999999-", 100, t), "-1");
	assert_string_equal(ranges("bytes=-0", 100, t), "-1");
	assert_string_equal(ranges("bytes=0-", 0, t), "-1");
	assert_string_equal(ranges("bytes=100-,5-6", 100, t), "1 5+2");
}

static void ranges_malformed_serve_the_whole(void **state)
{
	static const char *const bad[] = {
		"",
		"bytes",
		"bytes=",
		"bytes=,",
		"bytes=-",
		"bytes=5",
		"bytes=9-5",
		"bytes=a-b",
		"bytes=0x1-",
		"bytes=1--2",
		"bytes=0-4;x",
		"bytes=+1-2",
		"lines=0-4",
		"bytes =0-4",
		"bytes:0-4",
		"bytes=0-4 5-6",
		"bytes=0 - 4",
		"bytes=- 5",
	};
	char t[256];

	(void)state;
	assert_string_equal(ranges(NULL, 100, t), "0");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_string_equal(ranges(bad[i], 100, t), "0");
}

static void ranges_cannot_amplify(void **state)
{
	char t[256], many[512] = "bytes=0-0";

	(void)state;
	assert_string_equal(ranges("bytes=0-,0-", 100, t), "0");
	assert_string_equal(ranges("bytes=0-49,50-99", 100, t), "2 0+50 50+50");
	assert_string_equal(ranges("bytes=0-49,49-99", 100, t), "0");
	for (int i = 1; i < HTTP_MAX_RANGES + 1; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), ",%d-%d", 2 * i, 2 * i);
	assert_string_equal(ranges(many, 100, t), "0");
	*strrchr(many, ',') = 0;
	assert_int_equal(strncmp(ranges(many, 100, t), "16 ", 3), 0);
}

static void dates_come_in_three_forms(void **state)
{
	int64_t t = 0;

	(void)state;
	assert_true(date_parse("Sun, 06 Nov 1994 08:49:37 GMT", &t));
	assert_int_equal(t, 784111777);
	assert_true(date_parse("Sunday, 06-Nov-94 08:49:37 GMT", &t));
	assert_int_equal(t, 784111777);
	assert_true(date_parse("Sun Nov  6 08:49:37 1994", &t));
	assert_int_equal(t, 784111777);
	assert_false(date_parse("yesterday", &t));
	assert_false(date_parse("Sun, 06 Nov 1994 08:49:37 GMT!", &t));
	assert_false(date_parse("", &t));
}

static void etags_compare_strong_and_weak(void **state)
{
	(void)state;
	assert_true(etag_matches("\"abc\"", "\"abc\"", false));
	assert_true(etag_matches("\"x\", \"abc\"", "\"abc\"", false));
	assert_true(etag_matches("*", "\"abc\"", false));
	assert_true(etag_matches("abc", "abc", false));
	assert_true(etag_matches("\"abc\"", "abc", false));
	assert_true(etag_matches("abc", "\"abc\"", false));
	assert_true(etag_matches("W/\"abc\"", "\"abc\"", true));
	assert_false(etag_matches("W/\"abc\"", "\"abc\"", false));
	assert_false(etag_matches("\"abcd\"", "\"abc\"", true));
	assert_false(etag_matches("\"a\",\"b,\"abc\"", "\"b\"", true));
	assert_false(etag_matches("", "\"abc\"", true));
	assert_true(etag_matches("\"a,b\"", "\"a,b\"", true));
}

/* ---- whole answers ---- */

#define ETAG "\"tag-1\""
#define WHEN 784111777
#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

struct source {
	char content[1001];
	unsigned closed;
};

static ssize_t source_read(void *arg, uint64_t pos, void *buf, size_t len, struct dr_err *err)
{
	struct source *s = arg;

	(void)err;
	assert_true(pos + len <= 1000);
	len = dr_min_size(len, 7); /* short reads are normal */
	memcpy(buf, s->content + pos, len);
	return (ssize_t)len;
}

static void source_close(void *arg)
{
	((struct source *)arg)->closed++;
}

struct answer {
	unsigned status;
	char body[1600];
	size_t len;
	char content_range[64], content_type[80], etag[32], modified[64], accept[16];
	uint64_t absent_length;
};

static void keep(struct http_response *rs, const char *name, char *ret, size_t size)
{
	const char *v = response_field(rs, name);

	snprintf(ret, size, "%s", v ? v : "");
}

static struct answer ask(const char *method, const char *conditions)
{
	struct source src = {.closed = 0};
	struct http_response rs = {0};
	struct answer a = {0};
	struct dr_err err = DR_ERR_INIT;
	char headers[512];
	struct http_request *rq;

	for (size_t i = 0; i < 1000; i++)
		src.content[i] = (char)('a' + i % 26);
	snprintf(headers, sizeof headers, "Host: h\n%s", conditions);
	rq = request_new(method, "/o", headers, NULL);
	assert_non_null(rq);
	http_send_object(
		rq, &rs,
		&(struct http_object){
			"text/x",
			ETAG,
			WHEN,
			{.length = 1000, .read = source_read, .close = source_close, .arg = &src}});
	a.status = rs.status;
	a.absent_length = rs.absent_length;
	keep(&rs, "Content-Range", a.content_range, sizeof a.content_range);
	keep(&rs, "Content-Type", a.content_type, sizeof a.content_type);
	keep(&rs, "Etag", a.etag, sizeof a.etag);
	keep(&rs, "Last-Modified", a.modified, sizeof a.modified);
	keep(&rs, "Accept-Ranges", a.accept, sizeof a.accept);
	while (rs.streamed && a.len < rs.stream.length) {
		size_t want = (size_t)(rs.stream.length - a.len);
		ssize_t n = rs.stream.read(rs.stream.arg, a.len, a.body + a.len, want, &err);

		assert_true(n > 0 && (size_t)n <= want);
		a.len += (size_t)n;
	}
	assert_false(rs.broken);
	response_done(&rs);
	assert_int_equal(src.closed, 1);
	request_free(rq);
	return a;
}

static __attribute__((noinline)) unsigned status_of(const char *method, const char *conditions)
{
	return ask(method, conditions).status;
}

static void object_whole_carries_its_validators(void **state)
{
	struct answer a = ask("GET", "");

	(void)state;
	assert_int_equal(a.status, 200);
	assert_int_equal(a.len, 1000);
	assert_string_equal(a.etag, ETAG);
	assert_string_equal(a.modified, DATE);
	assert_string_equal(a.accept, "bytes");
	assert_string_equal(a.content_type, "text/x");
	assert_string_equal(a.content_range, "");
}

static void object_one_range_is_206(void **state)
{
	struct answer a = ask("GET", "Range: bytes=26-30\n");

	(void)state;
	assert_int_equal(a.status, 206);
	assert_string_equal(a.content_range, "bytes 26-30/1000");
	assert_int_equal(a.len, 5);
	assert_memory_equal(a.body, "abcde", 5);
	assert_string_equal(a.etag, ETAG);
}

static void object_several_ranges_are_multipart(void **state)
{
	static const char expected[] =
		"--0123456789abcdef0123456789abcdef\r\nContent-Type: text/x\r\n"
		"Content-Range: bytes 0-2/1000\r\n\r\nabc\r\n"
		"--0123456789abcdef0123456789abcdef\r\nContent-Type: text/x\r\n"
		"Content-Range: bytes 998-999/1000\r\n\r\nkl\r\n"
		"--0123456789abcdef0123456789abcdef--\r\n";
	struct answer a = ask("GET", "Range: bytes=0-2,-2\n");

	(void)state;
	assert_int_equal(a.status, 206);
	assert_string_equal(a.content_type,
			    "multipart/byteranges; boundary=0123456789abcdef0123456789abcdef");
	assert_string_equal(a.content_range, "");
	assert_int_equal(a.len, sizeof expected - 1);
	assert_memory_equal(a.body, expected, sizeof expected - 1);
}

static void object_unsatisfiable_range_is_416(void **state)
{
	struct answer a = ask("GET", "Range: bytes=1000-\n");

	(void)state;
	assert_int_equal(a.status, 416);
	assert_string_equal(a.content_range, "bytes */1000");
	assert_int_equal(a.len, 0);
}

static void object_head_ignores_ranges(void **state)
{
	struct answer a = ask("HEAD", "Range: bytes=26-30\n");

	(void)state;
	assert_int_equal(a.status, 200);
	assert_string_equal(a.content_range, "");
}

static void object_if_range_guards_a_resume(void **state)
{
	(void)state;
	assert_int_equal(status_of("GET", "Range: bytes=5-\nIf-Range: " ETAG "\n"), 206);
	assert_int_equal(status_of("GET", "Range: bytes=5-\nIf-Range: \"tag-2\"\n"), 200);
	assert_int_equal(status_of("GET", "Range: bytes=5-\nIf-Range: W/" ETAG "\n"), 200);
	assert_int_equal(status_of("GET", "Range: bytes=5-\nIf-Range: *\n"), 200);
	assert_int_equal(status_of("GET", "Range: bytes=5-\nIf-Range: " DATE "\n"), 206);
	assert_int_equal(
		status_of("GET", "Range: bytes=5-\nIf-Range: Sun, 06 Nov 1994 08:49:38 GMT\n"),
		200);
}

static void object_conditions_come_in_the_order_of_the_rfc(void **state)
{
	struct answer a = ask("GET", "If-None-Match: " ETAG "\n");

	(void)state;
	assert_int_equal(a.status, 304);
	assert_int_equal(a.absent_length, 1000);
	assert_string_equal(a.etag, ETAG);
	assert_int_equal(status_of("HEAD", "If-None-Match: W/" ETAG "\n"), 304);
	assert_int_equal(status_of("POST", "If-None-Match: " ETAG "\n"), 412);
	assert_int_equal(status_of("GET", "If-None-Match: \"other\"\n"), 200);
	assert_int_equal(status_of("GET", "If-Match: " ETAG "\n"), 200);
	assert_int_equal(status_of("GET", "If-Match: *\n"), 200);
	assert_int_equal(status_of("GET", "If-Match: \"other\"\n"), 412);
	assert_int_equal(status_of("GET", "If-Match: W/" ETAG "\n"), 412);
	assert_int_equal(status_of("GET", "If-Modified-Since: " DATE "\n"), 304);
	assert_int_equal(status_of("GET", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT\n"),
			 200);
	assert_int_equal(status_of("GET", "If-Modified-Since: nonsense\n"), 200);
	assert_int_equal(status_of("GET", "If-Unmodified-Since: " DATE "\n"), 200);
	assert_int_equal(status_of("GET", "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\n"),
			 412);
	/* If-None-Match silences If-Modified-Since, If-Match silences If-Unmodified-Since. */
	assert_int_equal(
		status_of("GET", "If-None-Match: \"other\"\nIf-Modified-Since: " DATE "\n"), 200);
	assert_int_equal(status_of("GET", "If-Match: " ETAG
					  "\nIf-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT\n"),
			 200);
	assert_int_equal(status_of("GET", "If-None-Match: " ETAG "\nRange: bytes=0-4\n"), 304);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_follow_rfc_9110),
		cmocka_unit_test(ranges_outside_are_unsatisfiable),
		cmocka_unit_test(ranges_malformed_serve_the_whole),
		cmocka_unit_test(ranges_cannot_amplify),
		cmocka_unit_test(dates_come_in_three_forms),
		cmocka_unit_test(etags_compare_strong_and_weak),
		cmocka_unit_test(object_whole_carries_its_validators),
		cmocka_unit_test(object_one_range_is_206),
		cmocka_unit_test(object_several_ranges_are_multipart),
		cmocka_unit_test(object_unsatisfiable_range_is_416),
		cmocka_unit_test(object_head_ignores_ranges),
		cmocka_unit_test(object_if_range_guards_a_resume),
		cmocka_unit_test(object_conditions_come_in_the_order_of_the_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
