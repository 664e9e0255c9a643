/* SPDX-License-Identifier: Apache-2.0
 *
 * What `brightbox orbit` computes by itself: names, segments, ETags, signatures. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/large.h"
#include "cli/remote.h"
#include "cli/sign.h"
#include "cli/upload.h"
#include "must.h"

#define MIB ((uint64_t)1 << 20)

static void names_are_encoded_but_for_slashes(void **state)
{
	static const char *const pairs[][2] = {
		{"plain-1._~", "plain-1._~"},
		{"a/b", "a/b"},
		{"a b", "a%20b"},
		{"100%", "100%25"},
		{"q?#&=+;", "q%3F%23%26%3D%2B%3B"},
		{"\xc3\xbc", "%C3%BC"},
		{"\x01\x7f", "%01%7F"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct buf out = BUF_INIT;

		remote_encode(&out, pairs[i][0]);
		assert_string_equal(buf_str(&out), pairs[i][1]);
		buf_done(&out);
	}
}

static void assert_place(const char *word, const char *container, const char *name)
{
	struct place p;

	must(place_parse(&p, word, &err));
	assert_string_equal(p.container, container);
	if (name)
		assert_string_equal(p.name, name);
	else
		assert_null(p.name);
	place_done(&p);
}

static void words_name_containers_and_objects(void **state)
{
	char *longest = malloc(3000);

	(void)state;
	assert_non_null(longest);
	assert_place("box", "box", NULL);
	assert_place("box/", "box", NULL);
	assert_place("box/a", "box", "a");
	assert_place("box/a/b/", "box", "a/b/");
	assert_place("box//a", "box", "/a");
	memset(longest, 'x', 3000);
	longest[255] = '/';
	longest[255 + 1 + 1024] = 0;
	{
		struct place p;

		must(place_parse(&p, longest, &err));
		assert_int_equal(strlen(p.container), 255);
		assert_int_equal(strlen(p.name), 1024);
		place_done(&p);
	}
	longest[255 + 1 + 1024] = 'x';
	longest[255 + 1 + 1025] = 0;
	{
		static const char *const bad[] = {"", "/", "/a", "box/\xff", "\xc3", NULL};
		struct place p;

		for (size_t i = 0; bad[i]; i++) {
			must_fail(DR_INVALID, place_parse(&p, bad[i], &err));
			place_done(&p);
		}
		must_fail(DR_INVALID, place_parse(&p, longest, &err));
		place_done(&p);
		longest[255] = 'x';
		longest[256] = 0;
		must_fail(DR_INVALID, place_parse(&p, longest, &err));
		place_done(&p);
	}
	free(longest);
}

static void segments_are_few_enough_and_small_enough(void **state)
{
	static const uint64_t sizes[] = {
		0, 1, 64 * MIB, 64 * MIB + 1, 64000 * MIB, 64001 * MIB, 1000 * 1024 * MIB + 1};

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint64_t segment = upload_segment_bytes(sizes[i]);

		assert_true(segment >= 64 * MIB && segment % MIB == 0);
		assert_true(sizes[i] <= segment * 1000);
		assert_true(segment == 64 * MIB || sizes[i] > (segment - MIB) * 1000);
	}
	assert_int_equal(upload_segment_bytes(5120000 * MIB), 5120 * MIB);
	assert_int_equal(upload_segment_bytes(5120000 * MIB + 1), 0);
	assert_int_equal(upload_segment_bytes(UINT64_MAX), 0);
}

static void etags_lose_their_quotes(void **state)
{
	char etag[8];

	(void)state;
	assert_true(large_etag("abc", etag, sizeof etag));
	assert_string_equal(etag, "abc");
	assert_false(large_etag("\"abc\"", etag, sizeof etag));
	assert_string_equal(etag, "abc");
	assert_true(large_etag("\"", etag, sizeof etag));
	assert_string_equal(etag, "\"");
	assert_true(large_etag(NULL, etag, sizeof etag));
	assert_string_equal(etag, "");
	assert_true(large_etag("12345678", etag, sizeof etag));
	assert_string_equal(etag, "");
}

/* The vectors of api.md section 7.7. */
static void urls_are_signed_as_swift_does(void **state)
{
	static const struct {
		struct sign_url url;
		const char *expected;
	} vectors[] = {
		{{.method = "GET", .container = "images", .name = "img-a1b2c"},
		 "/images/img-a1b2c?temp_url_sig="
		 "daeac92a5c96106b3e312b8a3260b21932b635889a8fb681ff312c3edcdb2d9a"
		 "&temp_url_expires=1700000000"},
		{{.method = "HEAD", .container = "images", .name = "img-a1b2c"},
		 "/images/img-a1b2c?temp_url_sig="
		 "09ba30f0fbbebbc2c29477478ea31ea92460ff9ca135c8f9d059e138729d3082"
		 "&temp_url_expires=1700000000"},
		{{.method = "GET", .container = "images", .name = "img-a1b2c", .ip = "192.0.2.1"},
		 "/images/img-a1b2c?temp_url_sig="
		 "ee13aa9fdf75ec50784e1f0fe847486c60fc9a4187c7bc0780e39b5721226413"
		 "&temp_url_expires=1700000000&temp_url_ip_range=192.0.2.1"},
		{{.method = "GET", .container = "images", .name = "img-", .prefix = true},
		 "/images/img-?temp_url_sig="
		 "304734488b77cd80423bc496e1b74be7b84933f357967ed1ac33939f41883de4"
		 "&temp_url_expires=1700000000&temp_url_prefix=img-"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct sign_url url = vectors[i].url;
		struct buf out = BUF_INIT;

		url.expires = 1700000000;
		must(sign_make("https://orbit.example", "/v1/acc-abcde", "k3y", &url, &out, &err));
		assert_memory_equal(buf_str(&out), "https://orbit.example/v1/acc-abcde", 34);
		assert_string_equal(buf_str(&out) + 34, vectors[i].expected);
		buf_done(&out);
	}
}

/* The name is signed as it is and stands encoded in the URL. */
static void odd_names_are_signed_decoded(void **state)
{
	const struct sign_url odd = {
		.method = "GET", .container = "box", .name = "a b.raw", .expires = 1700000000};
	struct buf out = BUF_INIT;

	(void)state;
	must(sign_make("http://h", "/v1/acc-abcde", "k3y", &odd, &out, &err));
	assert_non_null(strstr(buf_str(&out), "http://h/v1/acc-abcde/box/a%20b.raw?temp_url_sig="));
	/* printf 'GET\n1700000000\n/v1/acc-abcde/box/a b.raw' | openssl dgst -sha256 -hmac k3y */
	assert_non_null(strstr(buf_str(&out),
			       "91656f8903cd6044e276c5bd440aa3ee7879b50bfb9b5967a5a3682bd99e60b7"));
	buf_done(&out);
}

static void random_keys_differ(void **state)
{
	char *one = NULL, *other = NULL;

	(void)state;
	must(sign_key_random(&one, &err));
	must(sign_key_random(&other, &err));
	assert_int_equal(strlen(one), 48);
	assert_string_not_equal(one, other);
	free(one);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_encoded_but_for_slashes),
		cmocka_unit_test(words_name_containers_and_objects),
		cmocka_unit_test(segments_are_few_enough_and_small_enough),
		cmocka_unit_test(etags_lose_their_quotes),
		cmocka_unit_test(urls_are_signed_as_swift_does),
		cmocka_unit_test(odd_names_are_signed_decoded),
		cmocka_unit_test(random_keys_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
