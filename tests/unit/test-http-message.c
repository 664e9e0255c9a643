/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "http-message.h"
#include "unit.h"

static unsigned refusal(const char *method, const char *target, const char *headers)
{
	unsigned refused = 0;

	request_free(request_new(method, target, headers, &refused));
	return refused;
}

static void target_splits_before_it_decodes(void **state)
{
	struct http_request *rq =
		request_new("GET", "/v1/acc-abcde/my%20box/a%2Fb%20c/d?x", "Host: h\n", NULL);

	(void)state;
	assert_non_null(rq);
	assert_string_equal(http_path(rq), "/v1/acc-abcde/my%20box/a%2Fb%20c/d");
	assert_int_equal(http_segments(rq), 5);
	assert_string_equal(http_segment(rq, 0), "v1");
	assert_string_equal(http_segment(rq, 2), "my box");
	assert_string_equal(http_segment(rq, 3), "a/b c");
	assert_string_equal(http_segment(rq, 4), "d");
	assert_null(http_segment(rq, 5));
	assert_string_equal(http_rest(rq, 3), "a/b c/d");
	assert_string_equal(http_rest(rq, 0), "v1/acc-abcde/my box/a/b c/d");
	assert_null(http_rest(rq, 5));
	request_free(rq);
}

static void target_keeps_empty_segments(void **state)
{
	struct http_request *rq = request_new("GET", "/a//b/", "Host: h\n", NULL);

	(void)state;
	assert_int_equal(http_segments(rq), 4);
	assert_string_equal(http_segment(rq, 1), "");
	assert_string_equal(http_segment(rq, 3), "");
	assert_string_equal(http_rest(rq, 1), "/b/");
	assert_string_equal(http_rest(rq, 3), "");
	request_free(rq);
	rq = request_new("GET", "/", "Host: h\n", NULL);
	assert_int_equal(http_segments(rq), 1);
	assert_string_equal(http_segment(rq, 0), "");
	request_free(rq);
}

static void target_may_be_absolute(void **state)
{
	struct http_request *rq =
		request_new("GET", "http://other:81/1.0/x?a=1", "Host: h\n", NULL);

	(void)state;
	assert_string_equal(http_path(rq), "/1.0/x");
	assert_string_equal(http_query(rq, "a"), "1");
	request_free(rq);
	rq = request_new("GET", "HTTP://other", "Host: h\n", NULL);
	assert_string_equal(http_path(rq), "/");
	request_free(rq);
	assert_int_equal(refusal("OPTIONS", "*", "Host: h\n"), 0);
	assert_int_equal(refusal("GET", "*", "Host: h\n"), 400);
	assert_int_equal(refusal("GET", "relative", "Host: h\n"), 400);
}

static void target_refuses_what_cannot_be_meant(void **state)
{
	char longest[HTTP_MAX_TARGET + 2];

	(void)state;
	assert_int_equal(refusal("GET", "/a%2", "Host: h\n"), 400);
	assert_int_equal(refusal("GET", "/a%zz", "Host: h\n"), 400);
	assert_int_equal(refusal("GET", "/a%00b", "Host: h\n"), 400);
	assert_int_equal(refusal("GET", "/a?b=%0", "Host: h\n"), 400);
	assert_int_equal(refusal("GET", "/a?b=%00", "Host: h\n"), 400);
	assert_int_equal(refusal("GET", "/a b", "Host: h\n"), 400);
	assert_int_equal(refusal("GET", "/a\tb", "Host: h\n"), 400);
	assert_int_equal(refusal("GET", "/a#b", "Host: h\n"), 400);
	memset(longest, 'a', sizeof longest);
	longest[0] = '/';
	longest[HTTP_MAX_TARGET + 1] = 0;
	assert_int_equal(refusal("GET", longest, "Host: h\n"), 414);
	longest[HTTP_MAX_TARGET] = 0;
	assert_int_equal(refusal("GET", longest, "Host: h\n"), 0);
	memset(longest, '/', HTTP_MAX_SEGMENTS + 1);
	longest[HTTP_MAX_SEGMENTS + 1] = 0;
	assert_int_equal(refusal("GET", longest, "Host: h\n"), 414);
	longest[HTTP_MAX_SEGMENTS] = 0;
	assert_int_equal(refusal("GET", longest, "Host: h\n"), 0);
}

static void query_gives_the_first_value_decoded(void **state)
{
	struct http_request *rq =
		request_new("GET", "/l?prefix=a%2Fb+c&limit=10&limit=20&flag&empty=&%66ormat=json&",
			    "Host: h\n", NULL);

	(void)state;
	assert_string_equal(http_query(rq, "prefix"), "a/b c");
	assert_string_equal(http_query(rq, "limit"), "10");
	assert_string_equal(http_query(rq, "flag"), "");
	assert_string_equal(http_query(rq, "empty"), "");
	assert_string_equal(http_query(rq, "format"), "json");
	assert_null(http_query(rq, "absent"));
	request_free(rq);
}

static void query_has_a_bounded_number_of_parameters(void **state)
{
	char target[HTTP_MAX_PARAMS * 2 + 8] = "/?";

	(void)state;
	for (size_t i = 0; i <= HTTP_MAX_PARAMS; i++)
		memcpy(target + 2 + 2 * i, "a&", 3);
	assert_int_equal(refusal("GET", target, "Host: h\n"), 400);
	target[2 + 2 * HTTP_MAX_PARAMS] = 0;
	assert_int_equal(refusal("GET", target, "Host: h\n"), 0);
}

static void headers_refuse_ambiguous_framing(void **state)
{
	(void)state;
	assert_int_equal(refusal("POST", "/", "Host: h\nContent-Length: 5\n"), 0);
	assert_int_equal(refusal("POST", "/", "Host: h\nTransfer-Encoding: chunked\n"), 0);
	assert_int_equal(refusal("POST", "/", "Host: h\nContent-Length: 5\nContent-Length: 5\n"),
			 400);
	assert_int_equal(refusal("POST", "/", "Host: h\nContent-Length: 5\ncontent-length: 6\n"),
			 400);
	assert_int_equal(refusal("POST", "/", "Host: h\nContent-Length: +5\n"), 400);
	assert_int_equal(refusal("POST", "/", "Host: h\nContent-Length: 5, 5\n"), 400);
	assert_int_equal(refusal("POST", "/", "Host: h\nContent-Length: 0x5\n"), 400);
	assert_int_equal(refusal("POST", "/", "Host: h\nContent-Length:\n"), 400);
	assert_int_equal(refusal("POST", "/", "Host: h\nContent-Length: 99999999999999999999\n"),
			 400);
	assert_int_equal(
		refusal("POST", "/", "Host: h\nContent-Length: 5\nTransfer-Encoding: chunked\n"),
		400);
	assert_int_equal(refusal("POST", "/", "Host: h\nTransfer-Encoding: gzip, chunked\n"), 400);
	assert_int_equal(refusal("POST", "/", "Host: h\nTransfer-Encoding: identity\n"), 400);
	assert_int_equal(
		refusal("POST", "/",
			"Host: h\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked\n"),
		400);
	assert_int_equal(refusal("POST", "/", "Host: h\nTransfer-Encoding : chunked\n"), 400);
	assert_int_equal(refusal("POST", "/", "Host: h\nBad name: x\n"), 400);
	assert_int_equal(refusal("GET", "/", "Host: h\nX: a\001b\n"), 400);
	assert_int_equal(refusal("G ET", "/", "Host: h\n"), 400);
}

static void headers_need_one_valid_host(void **state)
{
	(void)state;
	assert_int_equal(refusal("GET", "/", ""), 400);
	assert_int_equal(refusal("GET", "/", "Host: a\nHost: a\n"), 400);
	assert_int_equal(refusal("GET", "/", "Host: a/b\n"), 400);
	assert_int_equal(refusal("GET", "/", "Host: a@b\n"), 400);
	assert_int_equal(refusal("GET", "/", "Host: [::1]:8080\n"), 0);
	assert_int_equal(refusal("GET", "/", "Host:\n"), 0);
}

static void headers_are_found_in_any_case_and_trimmed(void **state)
{
	struct http_request *rq = request_new(
		"GET", "/", "Host: h\nx-auth-token: \t tok \t\nX-AUTH-TOKEN: two\n", NULL);

	(void)state;
	assert_string_equal(http_header(rq, "X-Auth-Token"), "tok");
	assert_null(http_header(rq, "X-Auth"));
	request_free(rq);
}

static void headers_are_bounded_in_number(void **state)
{
	char lines[(HTTP_MAX_HEADERS + 1) * 5 + 16] = "Host: h\n";

	(void)state;
	for (unsigned i = 0; i < HTTP_MAX_HEADERS - 1; i++)
		memcpy(lines + 8 + 5 * i, "A: b\n", 6);
	assert_int_equal(refusal("GET", "/", lines), 0);
	memcpy(lines + 8 + 5 * (HTTP_MAX_HEADERS - 1), "A: b\n", 6);
	assert_int_equal(refusal("GET", "/", lines), 431);
}

static const char *bearer_of(const char *authorization, char ret[64])
{
	char line[128];
	struct http_request *rq;
	const char *token;

	snprintf(line, sizeof line, "Host: h\nAuthorization: %s\n", authorization);
	rq = request_new("GET", "/", line, NULL);
	token = http_bearer(rq);
	snprintf(ret, 64, "%s", token ? token : "(none)");
	request_free(rq);
	return ret;
}

static void bearer_takes_both_schemes_in_any_case(void **state)
{
	char t[64];

	(void)state;
	assert_string_equal(bearer_of("Bearer abc", t), "abc");
	assert_string_equal(bearer_of("oauth  abc", t), "abc");
	assert_string_equal(bearer_of("BEARER abc", t), "abc");
	assert_string_equal(bearer_of("Bearer ", t), "");
	assert_string_equal(bearer_of("Bearerabc", t), "(none)");
	assert_string_equal(bearer_of("Basic abc", t), "(none)");
}

static bool basic_of(const char *authorization, char user[32], char pass[32])
{
	char line[256];
	struct http_request *rq;
	bool ok;

	snprintf(line, sizeof line, "Host: h\nAuthorization: %s\n", authorization);
	rq = request_new("GET", "/", line, NULL);
	ok = http_basic(rq, user, 32, pass, 32);
	request_free(rq);
	return ok;
}

static void basic_decodes_what_is_well_formed(void **state)
{
	char user[32], pass[32];

	(void)state;
	assert_true(basic_of("Basic Y2xpLWFiY2RlOnMzY3I6ZXQ=", user, pass)); /* cli-abcde:s3cr:et */
	assert_string_equal(user, "cli-abcde");
	assert_string_equal(pass, "s3cr:et");
	assert_true(basic_of("basic Y2xpLWFiY2RlOnMzY3I6ZXQ", user, pass)); /* unpadded */
	assert_true(basic_of("Basic Og==", user, pass));
	assert_string_equal(user, "");
	assert_string_equal(pass, "");
	assert_false(basic_of("Basic", user, pass));
	assert_false(basic_of("Basic Y2xp", user, pass));     /* no colon */
	assert_false(basic_of("Basic Y2x@", user, pass));     /* not base64 */
	assert_false(basic_of("Basic YTo=YTo=", user, pass)); /* padding inside */
	assert_false(basic_of("Basic AGE6Yg==", user, pass)); /* a NUL */
	assert_false(
		basic_of("Basic Y2xpLWFiY2RlY2xpLWFiY2RlY2xpLWFiY2RlY2xpLWFiY2RlOng=", user, pass));
	assert_false(basic_of("Bearer Y2xpLWFiY2RlOnMzY3I6ZXQ=", user, pass));
}

static void form_finds_and_decodes_fields(void **state)
{
	static const char text[] =
		"grant_type=password&username=a%40b.c&password=x+y%26&empty=&flag";
	char v[32];

	(void)state;
	assert_int_equal(http_form(text, sizeof text - 1, "grant_type", v, sizeof v), 1);
	assert_string_equal(v, "password");
	assert_int_equal(http_form(text, sizeof text - 1, "username", v, sizeof v), 1);
	assert_string_equal(v, "a@b.c");
	assert_int_equal(http_form(text, sizeof text - 1, "password", v, sizeof v), 1);
	assert_string_equal(v, "x y&");
	assert_int_equal(http_form(text, sizeof text - 1, "empty", v, sizeof v), 1);
	assert_string_equal(v, "");
	assert_int_equal(http_form(text, sizeof text - 1, "flag", v, sizeof v), 1);
	assert_int_equal(http_form(text, sizeof text - 1, "pass", v, sizeof v), 0);
	assert_int_equal(http_form("", 0, "a", v, sizeof v), 0);
	assert_int_equal(http_form("a=%4", 4, "a", v, sizeof v), -1);
	assert_int_equal(http_form("a=12345", 7, "a", v, 5), -1);
}

static void response_refuses_to_be_split(void **state)
{
	struct http_response rs = {0};

	(void)state;
	http_add(&rs, "X-A", "fine");
	assert_false(rs.broken);
	assert_string_equal(response_field(&rs, "x-a"), "fine");
	http_add(&rs, "X-B", "a\r\nSet-Cookie: b");
	assert_true(rs.broken);
	assert_null(response_field(&rs, "X-B"));
	response_done(&rs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(target_splits_before_it_decodes),
		cmocka_unit_test(target_keeps_empty_segments),
		cmocka_unit_test(target_may_be_absolute),
		cmocka_unit_test(target_refuses_what_cannot_be_meant),
		cmocka_unit_test(query_gives_the_first_value_decoded),
		cmocka_unit_test(query_has_a_bounded_number_of_parameters),
		cmocka_unit_test(headers_refuse_ambiguous_framing),
		cmocka_unit_test(headers_need_one_valid_host),
		cmocka_unit_test(headers_are_found_in_any_case_and_trimmed),
		cmocka_unit_test(headers_are_bounded_in_number),
		cmocka_unit_test(bearer_takes_both_schemes_in_any_case),
		cmocka_unit_test(basic_decodes_what_is_well_formed),
		cmocka_unit_test(form_finds_and_decodes_fields),
		cmocka_unit_test(response_refuses_to_be_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
