/* SPDX-License-Identifier: Apache-2.0
 *
 * The vectors of api.md section 7.7 and the TempURL rows of hardening.md section 3.3. */
#include <string.h>

#include "digest/hmac.h"
#include "orbit/tempurl.h"
#include "tempurl-sign.h"
#include "unit.h"
#include "util/buf.h"

#define EXPIRES 1700000000
#define EXPIRES_TEXT "1700000000"
#define IMAGE "/v1/acc-abcde/images/img-a1b2c"
#define GET_SHA1 "f1b1ce374bb7258e4f813fe917206314b318487b"
#define GET_SHA256 "daeac92a5c96106b3e312b8a3260b21932b635889a8fb681ff312c3edcdb2d9a"
#define GET_SHA512                                                         \
	"83574afb14c171e4926671edeff41cea36e6c40a33bd87bfca804a224231686a" \
	"7ec45054351a09178d287f2203f9cc0576b430138c39c6b6664d70221d5773b7"

/* A request; what a case does not say is that of a plain GET of IMAGE one second before expiry. */
struct request {
	const char *signature, *method, *path, *fog_path, *peer;
	const char *expires, *prefix, *ip_range;
	const char *account[2], *container[2];
	bool no_sha1, no_keys;
	int64_t farthest, now;
};

static enum tempurl_verdict verdict(const struct request *rq)
{
	const struct tempurl t = {rq->signature, rq->expires ? rq->expires : EXPIRES_TEXT,
				  rq->prefix, rq->ip_range};
	const struct tempurl_rules rules = {!rq->no_sha1, rq->farthest};
	bool keys = rq->no_keys || rq->account[0] || rq->account[1] || rq->container[0] ||
		    rq->container[1];
	const char *account[2] = {keys ? rq->account[0] : "k3y", rq->account[1]};
	const char *container[2] = {rq->container[0], rq->container[1]};
	int64_t expires = 0;
	enum tempurl_verdict v;

	for (int i = 0; i < 2; i++) {
		account[i] = account[i] ? account[i] : "";
		container[i] = container[i] ? container[i] : "";
	}
	v = tempurl_verify(&t, &rules, rq->method ? rq->method : "GET", rq->path ? rq->path : IMAGE,
			   rq->fog_path, rq->peer, account, container,
			   rq->now ? rq->now : EXPIRES - 1, &expires);
	assert_true(expires == 0 || v == TEMPURL_BY_ACCOUNT || v == TEMPURL_BY_CONTAINER);
	return v;
}

/* What a client would have signed. */
static const char *sign(const char *message)
{
	static char hex[HASH_MAX_HEX];
	uint8_t raw[HASH_MAX_BYTES];
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(hmac_of(HASH_SHA256, "k3y", 3, message, strlen(message), raw, &err), 0);
	hex_encode(raw, 32, hex);
	return hex;
}

#define verdict_of(sig, ...) verdict(&(struct request){.signature = (sig), ##__VA_ARGS__})
#define accepted(...) assert_int_equal(verdict_of(__VA_ARGS__), TEMPURL_BY_ACCOUNT)
#define refused(...) assert_int_equal(verdict_of(__VA_ARGS__), TEMPURL_BAD)

static void published_vectors(void **state)
{
	(void)state;
	accepted(GET_SHA1);
	accepted("828a8eac563831e8fe2085e49b5c6ad40648505f", .method = "PUT");
	accepted(GET_SHA256);
	accepted("09ba30f0fbbebbc2c29477478ea31ea92460ff9ca135c8f9d059e138729d3082",
		 .method = "HEAD");
	accepted("sha512:g1dK-xTBceSSZnHt7_Qc6jbmxAozvYe_yoBKIkIxaGp-xFBUNRoJF40ofyID-"
		 "cwFdrQwE4w5xrZmTXAiHVdztw");
	accepted("ee13aa9fdf75ec50784e1f0fe847486c60fc9a4187c7bc0780e39b5721226413",
		 .ip_range = "192.0.2.1", .peer = "192.0.2.1");
	accepted("304734488b77cd80423bc496e1b74be7b84933f357967ed1ac33939f41883de4",
		 .prefix = "img-");
	accepted("b5074cf46a56f7529605dfe101ceba068b7fa623", .path = "/v1/acc-abcde/box/a b.raw");
}

static void digests_in_every_form(void **state)
{
	(void)state;
	accepted(GET_SHA512);
	accepted("sha1:8bHON0u3JY5PgT/pFyBjFLMYSHs=");
	accepted("sha1:8bHON0u3JY5PgT_pFyBjFLMYSHs");
	accepted("sha256:2urJKlyWEGs+MSuKMmCyGTK2NYiaj7aB/zEsPtzbLZo=");
	accepted("sha256:2urJKlyWEGs-MSuKMmCyGTK2NYiaj7aB_zEsPtzbLZo");
	accepted("sha512:g1dK+xTBceSSZnHt7/Qc6jbmxAozvYe/yoBKIkIxaGp+xFBUNRoJF40ofyID+"
		 "cwFdrQwE4w5xrZmTXAiHVdztw==");
}

static void digests_that_are_none(void **state)
{
	static const char *const signatures[] = {
		NULL,
		"",
		"f",
		"f1b1ce374bb7258e4f813fe917206314b318487",
		"f1b1ce374bb7258e4f813fe917206314b318487b0",
		"F1B1CE374BB7258E4F813FE917206314B318487B",
		"g1b1ce374bb7258e4f813fe917206314b318487b",
		" " GET_SHA1,
		GET_SHA1 " ",
		"sha1:" GET_SHA1,
		"sha256:" GET_SHA256,
		"md5:AAAAAAAAAAAAAAAAAAAAAA==",
		"sha224:2urJKlyWEGs-MSuKMmCyGTK2NYiaj7aB_zEsPtzbLZo",
		"SHA256:2urJKlyWEGs-MSuKMmCyGTK2NYiaj7aB_zEsPtzbLZo",
		":2urJKlyWEGs-MSuKMmCyGTK2NYiaj7aB_zEsPtzbLZo",
		"sha256:",
		"sha256:===========================================",
		"sha256:2urJKlyWEGs-MSuKMmCyGTK2NYiaj7aB_zEsPtzbLZo===",
		"sha256:2urJKlyWEGs-MSuKMmCyGTK2NYiaj7aB_zEsPtzbLZo=x",
		"sha256:2urJKlyWEGs-MSuKMmCyGTK2NYiaj7aB_zEsPtzbLZp", /* stray last bits */
		"sha512:2urJKlyWEGs-MSuKMmCyGTK2NYiaj7aB_zEsPtzbLZo",
		"averyveryverylongname:2urJKlyWEGs-MSuKMmCyGTK2NYiaj7aB_zEsPtzbLZo",
	};

	(void)state;
	for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++)
		refused(signatures[i]);
}

static void sha1_can_be_switched_off(void **state)
{
	(void)state;
	refused(GET_SHA1, .no_sha1 = true);
	refused("sha1:8bHON0u3JY5PgT_pFyBjFLMYSHs", .no_sha1 = true);
	accepted(GET_SHA256, .no_sha1 = true);
}

static void without_its_parameters_it_is_none(void **state)
{
	const struct tempurl nothing = {.prefix = "a", .ip_range = "192.0.2.1"};
	const struct tempurl_rules rules = {.sha1 = true};
	const char *keys[2] = {"k3y", ""};
	int64_t expires;

	(void)state;
	assert_false(tempurl_present(&nothing));
	assert_int_equal(
		tempurl_verify(&nothing, &rules, "GET", IMAGE, NULL, NULL, keys, keys, 0, &expires),
		TEMPURL_NONE);
	assert_true(tempurl_present(&(struct tempurl){.signature = ""}));
	assert_true(tempurl_present(&(struct tempurl){.expires = ""}));
	assert_int_equal(tempurl_verify(&(struct tempurl){.signature = GET_SHA1}, &rules, "GET",
					IMAGE, NULL, NULL, keys, keys, 0, &expires),
			 TEMPURL_BAD);
}

static void expiry(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"0",
		"-1700000000",
		"+1700000000",
		"1700000000.5",
		" 1700000000",
		"1.7e9",
		"99999999999999999999",
		"2023-11-14T22:13:20",
		"2023-11-14 22:13:20Z",
		"2023-11-14T22:13:20+00:00",
		"2023-13-14T22:13:20Z",
		"2023-02-30T22:13:20Z",
		"2023-11-00T22:13:20Z",
		"2023-11-14T24:13:20Z",
		"2023-11-14T22:60:20Z",
		"2023-11-14T22:13:2 Z",
		"2023-1-14T022:13:20Z",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refused(GET_SHA256, .expires = bad[i]);
	accepted(GET_SHA256, .now = 1);
	refused(GET_SHA256, .now = EXPIRES);
	refused(GET_SHA256, .now = EXPIRES + 1);
	/* What the URL says as a date was signed as a number. */
	accepted(GET_SHA256, .expires = "2023-11-14T22:13:20Z");
	refused(GET_SHA256, .expires = "2023-11-14T22:13:20Z", .now = EXPIRES);
	refused(GET_SHA256, .expires = "2023-11-14T22:13:21Z");
	refused(GET_SHA256, .expires = "1700000001");
}

static void an_expiry_may_lie_too_far_ahead(void **state)
{
	(void)state;
	accepted(GET_SHA256, .farthest = 10, .now = EXPIRES - 10);
	refused(GET_SHA256, .farthest = 10, .now = EXPIRES - 11);
	accepted(sign("GET\n9223372036854775807\n" IMAGE), .expires = "9223372036854775807");
	refused(sign("GET\n9223372036854775807\n" IMAGE), .expires = "9223372036854775807",
		.farthest = 86400 * 365);
}

static void a_method_permits_itself_and_a_look(void **state)
{
	static const char *const methods[] = {"GET", "HEAD", "PUT", "POST", "DELETE"};

	(void)state;
	for (size_t s = 0; s < 5; s++) {
		char message[128];

		snprintf(message, sizeof message, "%s\n%s\n%s", methods[s], EXPIRES_TEXT, IMAGE);
		for (size_t m = 0; m < 5; m++) {
			bool fine = s == m || (m == 1 && s != 4);

			assert_int_equal(verdict_of(sign(message), .method = methods[m]),
					 fine ? TEMPURL_BY_ACCOUNT : TEMPURL_BAD);
		}
	}
	refused(sign("COPY\n" EXPIRES_TEXT "\n" IMAGE), .method = "COPY");
	refused(sign("OPTIONS\n" EXPIRES_TEXT "\n" IMAGE), .method = "OPTIONS");
	refused(sign("get\n" EXPIRES_TEXT "\n" IMAGE), .method = "get");
}

static void the_path_is_the_one_that_was_signed(void **state)
{
	static const char *const others[] = {
		"/v1/acc-abcde/images//img-a1b2c",
		"/v1/acc-abcde/images/./img-a1b2c",
		"/v1/acc-abcde//images/img-a1b2c",
		"/v1/acc-abcde/images/x/../img-a1b2c",
		"/v1/acc-abcde/images/img-A1B2C",
		"/v1/acc-abcde/images/img-a1b2c/",
		"//v1/acc-abcde/images/img-a1b2c",
		"/v1/acc-abcde/images/img-a1b2d",
		"/v1/acc-abcdf/images/img-a1b2c",
		"/v1/acc-abcde/images%2Fimg-a1b2c",
		"/v1/acc-abcde/images/img-a1b2c\n",
		"/v1/acc-abcde/images",
		"/v1/acc-abcde/images/",
		"/v1/acc-abcde",
		"",
	};
	static const char nfc[] = "/v1/a/c/\xc3\xa9", nfd[] = "/v1/a/c/e\xcc\x81";
	char message[128];

	(void)state;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		refused(GET_SHA256, .path = others[i]);
	snprintf(message, sizeof message, "GET\n%s\n%s", EXPIRES_TEXT, nfc);
	accepted(sign(message), .path = nfc);
	refused(sign(message), .path = nfd);
	/* A container, an account, or slashes alone cannot be signed for. */
	refused(sign("GET\n" EXPIRES_TEXT "\n/v1/a/c"), .path = "/v1/a/c");
	refused(sign("GET\n" EXPIRES_TEXT "\n/v1/a/c/"), .path = "/v1/a/c/");
	refused(sign("GET\n" EXPIRES_TEXT "\n/v1/a/c///"), .path = "/v1/a/c///");
	accepted(sign("GET\n" EXPIRES_TEXT "\n/v1/a/c//x"), .path = "/v1/a/c//x");
}

static void a_prefix(void **state)
{
	static const char path[] = "/v1/acc-abcde/box/a/b/c";

	(void)state;
	accepted(sign("GET\n" EXPIRES_TEXT "\nprefix:/v1/acc-abcde/box/a/"), .prefix = "a/",
		 .path = path);
	accepted(sign("GET\n" EXPIRES_TEXT "\nprefix:/v1/acc-abcde/box/a/b/c"), .prefix = "a/b/c",
		 .path = path);
	/* The whole container: whoever holds the key may sign that. */
	accepted(sign("GET\n" EXPIRES_TEXT "\nprefix:/v1/acc-abcde/box/"), .prefix = "",
		 .path = path);
	refused(sign("GET\n" EXPIRES_TEXT "\nprefix:/v1/acc-abcde/box/a"), .prefix = "a",
		.path = "/v1/acc-abcde/box/b");
	refused(sign("GET\n" EXPIRES_TEXT "\nprefix:/v1/acc-abcde/box/a"), .prefix = "",
		.path = path);
	refused(sign("GET\n" EXPIRES_TEXT "\nprefix:/v1/acc-abcde/box/"), .prefix = "a",
		.path = path);
	refused(sign("GET\n" EXPIRES_TEXT "\nprefix:/v1/acc-abcde/box/../"), .prefix = "../",
		.path = path);
	/* A prefix does not become a path, nor the other way round. */
	refused(sign("GET\n" EXPIRES_TEXT "\nprefix:/v1/acc-abcde/box/a/b/c"), .path = path);
	refused(sign("GET\n" EXPIRES_TEXT "\n/v1/acc-abcde/box/a/"), .prefix = "a/", .path = path);
	refused(sign("GET\n" EXPIRES_TEXT "\n/v1/acc-abcde/box/a/b/c"), .prefix = "a/b/c",
		.path = path);
}

static void address_ranges(void **state)
{
	static const struct {
		const char *range, *peer;
		bool fine;
	} cases[] = {
		{"192.0.2.1", "192.0.2.1", true},
		{"192.0.2.1", "192.0.2.2", false},
		{"192.0.2.1", NULL, false},
		{"192.0.2.1", "", false},
		{"192.0.2.1", "::ffff:192.0.2.1", true},
		{"192.0.2.0/24", "192.0.2.255", true},
		{"192.0.2.0/24", "192.0.3.0", false},
		{"192.0.2.128/25", "192.0.2.127", false},
		{"192.0.2.128/25", "192.0.2.129", true},
		{"192.0.2.1/32", "192.0.2.1", true},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"2001:db8::1", "2001:db8:0::1", true},
		{"2001:db8::/32", "2001:db8:ffff::1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"2001:db8::/33", "2001:db8:8000::", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "192.0.2.1", false},
		{"192.0.2.1/24", "192.0.2.1", false}, /* bits beyond the length */
		{"192.0.2.1/33", "192.0.2.1", false},
		{"2001:db8::/129", "2001:db8::", false},
		{"192.0.2.1/", "192.0.2.1", false},
		{"192.0.2.0/-1", "192.0.2.1", false},
		{"192.0.2.0/255.255.255.0", "192.0.2.1", false},
		{"192.0.2", "192.0.2.0", false},
		{"x", "192.0.2.1", false},
		{"1111:2222:3333:4444:5555:6666:7777:8888:9999:1111:2222", "192.0.2.1", false},
	};
	char message[256];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(message, sizeof message, "ip=%s\nGET\n%s\n%s", cases[i].range,
			 EXPIRES_TEXT, IMAGE);
		assert_int_equal(verdict_of(sign(message), .ip_range = cases[i].range,
					    .peer = cases[i].peer),
				 cases[i].fine ? TEMPURL_BY_ACCOUNT : TEMPURL_BAD);
	}
	/* Neither left out nor added. */
	refused(sign("ip=192.0.2.1\nGET\n" EXPIRES_TEXT "\n" IMAGE), .peer = "192.0.2.1");
	refused(GET_SHA256, .ip_range = "192.0.2.1", .peer = "192.0.2.1");
	accepted(GET_SHA256, .ip_range = "");
}

static void every_key_that_is_set_counts(void **state)
{
	(void)state;
	accepted(GET_SHA256, .account = {"k3y", "other"});
	accepted(GET_SHA256, .account = {"other", "k3y"});
	accepted(GET_SHA256, .account = {"", "k3y"}, .container = {"k3y"});
	assert_int_equal(verdict_of(GET_SHA256, .container = {"k3y"}), TEMPURL_BY_CONTAINER);
	assert_int_equal(verdict_of(GET_SHA256, .account = {"a", "b"}, .container = {"c", "k3y"}),
			 TEMPURL_BY_CONTAINER);
	refused(GET_SHA256, .account = {"new", "newer"}, .container = {"K3Y", "k3y "});
	refused(GET_SHA256, .no_keys = true);
}

static void an_unset_key_signs_nothing(void **state)
{
	uint8_t raw[HASH_MAX_BYTES];
	char hex[HASH_MAX_HEX];
	struct dr_err err = DR_ERR_INIT;
	static const char message[] = "GET\n" EXPIRES_TEXT "\n" IMAGE;

	(void)state;
	assert_int_equal(hmac_of(HASH_SHA256, "", 0, message, strlen(message), raw, &err), 0);
	hex_encode(raw, 32, hex);
	refused(hex);
	refused(hex, .no_keys = true);
}

static void fog_signs_the_container_escaped(void **state)
{
	static const char path[] = "/v1/acc-abcde/my box/a b";
	static const char fog[] = "/v1/acc-abcde/my%20box/a b";
	char message[128];

	(void)state;
	snprintf(message, sizeof message, "GET\n%s\n%s", EXPIRES_TEXT, fog);
	accepted(sign(message), .path = path, .fog_path = fog);
	refused(sign(message), .path = path);
	snprintf(message, sizeof message, "GET\n%s\n%s", EXPIRES_TEXT, path);
	accepted(sign(message), .path = path, .fog_path = fog);
}

static void our_own_are_verified_as_any_other(void **state)
{
	char signature[65];
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(tempurl_sign("k3y", "GET", EXPIRES, IMAGE, signature, &err), 0);
	assert_string_equal(signature, GET_SHA256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors),
		cmocka_unit_test(digests_in_every_form),
		cmocka_unit_test(digests_that_are_none),
		cmocka_unit_test(sha1_can_be_switched_off),
		cmocka_unit_test(without_its_parameters_it_is_none),
		cmocka_unit_test(expiry),
		cmocka_unit_test(an_expiry_may_lie_too_far_ahead),
		cmocka_unit_test(a_method_permits_itself_and_a_look),
		cmocka_unit_test(the_path_is_the_one_that_was_signed),
		cmocka_unit_test(a_prefix),
		cmocka_unit_test(address_ranges),
		cmocka_unit_test(every_key_that_is_set_counts),
		cmocka_unit_test(an_unset_key_signs_nothing),
		cmocka_unit_test(fog_signs_the_container_escaped),
		cmocka_unit_test(our_own_are_verified_as_any_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
