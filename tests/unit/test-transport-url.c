/* SPDX-License-Identifier: Apache-2.0
 *
 * The cases of hardening.md section 2.5 that need neither a resolver nor a connection. */
#include <stdio.h>
#include <string.h>

#include "transport/policy.h"
#include "transport/url.h"
#include "unit.h"
#include "util/cleanup.h"

struct refused {
	unsigned number; /* of the case */
	const char *url;
	const char *reason;
};

#define S TRANSPORT_REASON_URL
#define A TRANSPORT_REASON_ADDRESS
#define P TRANSPORT_REASON_PORT

static const struct refused refused[] = {
	{1, "http://127.0.0.1/", A},
	{2, "http://127.1/", S},
	{2, "http://2130706433/", S},
	{2, "http://0x7f000001/", S},
	{2, "http://0x7f.1/", S},
	{2, "http://0X7F.1/", S},
	{3, "http://0177.0.0.1/", S},
	{3, "http://017700000001/", S},
	{3, "http://00000000000000000177.0.0.1/", S},
	{4, "http://%31%32%37.0.0.1/", S},
	{5, "http://\xe2\x91\xa0\xe2\x91\xa1\xe2\x91\xa6.0.0.1/", S},
	{5,
	 "http://127\xe3\x80\x82"
	 "0\xe3\x80\x82"
	 "0\xe3\x80\x82"
	 "1/",
	 S},
	{6, "http://0/", S},
	{6, "http://0.0.0.0/", A},
	{7, "http://10.0.0.1/", A},
	{7, "http://172.16.0.1/", A},
	{7, "http://172.31.255.255/", A},
	{7, "http://192.168.1.1/", A},
	{8, "http://100.64.0.1/", A},
	{8, "http://100.127.255.255/", A},
	{9, "http://169.254.169.254/latest/meta-data/", A},
	{10, "http://169.254.43518/", S},
	{10, "http://2852039166/", S},
	{11, "http://192.0.0.192/", A},
	{12, "http://192.0.2.1/", A},
	{12, "http://198.51.100.1/", A},
	{12, "http://203.0.113.1/", A},
	{12, "http://198.18.0.1/", A},
	{12, "http://192.88.99.1/", A},
	{13, "http://224.0.0.1/", A},
	{13, "http://239.255.255.250/", A},
	{13, "http://240.0.0.1/", A},
	{13, "http://255.255.255.255/", A},
	{15, "http://[::1]/", A},
	{15, "http://[::]/", A},
	{16, "http://[::ffff:127.0.0.1]/", A},
	{16, "http://[::ffff:7f00:1]/", A},
	{16, "http://[0:0:0:0:0:ffff:a9fe:a9fe]/", A},
	{17, "http://[::127.0.0.1]/", A},
	{17, "http://[::ffff:0:127.0.0.1]/", A},
	{18, "http://[64:ff9b::7f00:1]/", A},
	{18, "http://[64:ff9b::a9fe:a9fe]/", A},
	{18, "http://[64:ff9b:1::a9fe:a9fe]/", A},
	{19, "http://[2002:7f00:1::]/", A},
	{19, "http://[2001:0:7f00:1::]/", A},
	{20, "http://[2001:db8::1]/", A},
	{20, "http://[3fff::1]/", A},
	{20, "http://[2001:2::1]/", A},
	{20, "http://[100::1]/", A},
	{20, "http://[5f00::1]/", A},
	{21, "http://[fc00::1]/", A},
	{21, "http://[fd00:ec2::254]/", A},
	{22, "http://[fe80::1]/", A},
	{22, "http://[fe80::1%25eth0]/", S},
	{22, "http://[fe80::1%eth0]/", S},
	{22, "http://[fec0::1]/", A},
	{22, "http://[ff02::1]/", A},
	{24, "http://localhost/", A},
	{24, "http://LOCALHOST/", A},
	{24, "http://localhost./", A},
	{24, "http://foo.localhost/", A},
	{25, "http://intranet/", A},
	{25, "http://printer.local/", A},
	{25, "http://x.internal/", A},
	{25, "http://x.internal./", A},
	{25, "http://x.home.arpa/", A},
	{25, "http://home.arpa/", A},
	{26, "file:///etc/passwd", S},
	{27, "gopher://example.com/", S},
	{27, "dict://example.com/", S},
	{27, "ftp://example.com/", S},
	{27, "ftps://example.com/", S},
	{27, "scp://example.com/", S},
	{27, "sftp://example.com/", S},
	{27, "smb://example.com/", S},
	{27, "tftp://example.com/", S},
	{27, "ldap://example.com/", S},
	{27, "telnet://example.com/", S},
	{27, "ws://example.com/", S},
	{27, "data:,x", S},
	{27, "http+unix://%2Frun%2Fx/", S},
	{28, "127.0.0.1", S},
	{28, "example.com/x", S},
	{28, "//example.com/x", S},
	{28, "", S},
	{29, "http:example.com/", S},
	{29, "http:/127.0.0.1/", S},
	{29, "http:///127.0.0.1/", S},
	{29, "http:////x/", S},
	{29, "http://", S},
	{29, "http://?x", S},
	{29, "http://:80/", S},
	{31, "http://user:pw@example.com/x", S},
	{31, "http://user@example.com/x", S},
	{31, "http://@example.com/x", S},
	{31, "http://:@example.com/x", S},
	{32, "http://example.com@127.0.0.1/", S},
	{32, "http://127.0.0.1:80@example.com/", S},
	{33, "http://127.0.0.1\\@example.com/", S},
	{33, "http://example.com\\@127.0.0.1/", S},
	{33, "http://example.com/\\x", S},
	{34, "http://1.1.1.1&@127.0.0.1#@3.3.3.3/", S},
	{35, "http://127.0.0.1#@example.com/", A},
	{36, "http://example.com/a b", S},
	{36, " http://example.com/", S},
	{36, "http://example.com/\t", S},
	{36, "http://exam\tple.com/", S},
	{36, "http://example.com/\r\nX: y", S},
	{36, "http://example.com/\x01", S},
	{36, "http://example.com/\x1f", S},
	{36, "http://example.com/\x7f", S},
	{36, "http://exam%00ple.com/", S},
	{36, "http://example.com%00/", S},
	{38, "http://127.0.0.1%2eexample.com/", S},
	{39, "http://[::1/", S},
	{39, "http://[127.0.0.1]/", S},
	{39, "http://[v1.a]/", S},
	{39, "http://[]/", S},
	{39, "http://[2606:4700::1]x/", S},
	{39, "http://[2606:4700::1]80/", S},
	{39, "http://2606:4700::1/", S},
	{39, "http://a]/", S},
	{40, "http://1.2.3.256/", S},
	{40, "http://1.2.3.4.5/", S},
	{40, "http://08.0.0.1/", S},
	{40, "http://0x1ffffffff/", S},
	{40, "http://a.b.0x7f/", S},
	{40, "http://a.b.127/", S},
	{40, "http://a.b.0x/", S},
	{40, "http://8.8.8.8./", S},
	{42, "http://a..example.com/", S},
	{42, "http://.example.com/", S},
	{42, "http://example.com../", S},
	{42, "http://./", S},
	{42, "http://-a.example.com/", S},
	{42, "http://a-.example.com/", S},
	{42, "http://a*.example.com/", S},
	{43, "http://example.com:22/", P},
	{43, "http://example.com:25/", P},
	{43, "http://example.com:6379/", P},
	{43, "http://8.8.8.8:6379/", P},
	{43, "http://example.com:0/", S},
	{43, "http://example.com:65536/", S},
	{43, "http://example.com:18446744073709551696/", S},
	{43, "http://example.com:-1/", S},
	{43, "http://example.com:+80/", S},
	{43, "http://example.com: 80/", S},
	{43, "http://example.com:80:80/", S},
};

/* Accepted, and what libcurl is given. */
static const struct {
	unsigned number;
	const char *url;
	const char *canonical;
} accepted[] = {
	{14, "http://172.15.255.255/", "http://172.15.255.255/"},
	{14, "http://172.32.0.1/", "http://172.32.0.1/"},
	{14, "http://100.63.255.255/", "http://100.63.255.255/"},
	{14, "http://100.128.0.1/", "http://100.128.0.1/"},
	{14, "http://11.0.0.1/", "http://11.0.0.1/"},
	{23, "http://[2606:4700::1]/", "http://[2606:4700::1]/"},
	{23, "http://[2606:4700:0:0::A]:8080", "http://[2606:4700::a]:8080/"},
	{30, "HTTPS://EXAMPLE.COM/x", "https://example.com/x"},
	{37, "http://example.com/%0d%0aX-Injected:%201",
	 "http://example.com/%0d%0aX-Injected:%201"},
	{41, "https://3com.example.com/", "https://3com.example.com/"},
	{41, "https://0xdeadbeef.example.com/", "https://0xdeadbeef.example.com/"},
	{41, "https://my_bucket.example.com/", "https://my_bucket.example.com/"},
	{44, "http://example.com:/x", "http://example.com/x"},
	{44, "http://example.com:00080/x", "http://example.com/x"},
	{44, "https://example.com:8443/x", "https://example.com:8443/x"},
	{44, "https://example.com:80/x", "https://example.com:80/x"},
	{45, "https://example.com/x#frag", "https://example.com/x"},
	{45, "https://example.com/x?a=b&c=/?#frag", "https://example.com/x?a=b&c=/?"},
	{45, "https://example.com?a@b", "https://example.com/?a@b"},
	{45, "https://example.com/a/../b/./c@d:e", "https://example.com/a/../b/./c@d:e"},
	{45, "https://example.com./x", "https://example.com./x"},
	{45, "https://home.arpa.example.com/", "https://home.arpa.example.com/"},
	{45, "https://mylocalhost.example.com/", "https://mylocalhost.example.com/"},
};

/* check: as whoever registers a URL. */
static int check(const char *text, const struct transport_policy *p, struct dr_err *err)
{
	struct transport_url u;

	if (transport_url_parse(&u, text, err) < 0)
		return -1;
	return transport_url_permit(&u, p, err);
}

static void the_cases_that_must_be_refused_are_refused_for_their_reason(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	(void)state;
	transport_policy_init(&p);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		struct dr_err err = DR_ERR_INIT;

		if (check(refused[i].url, &p, &err) == 0)
			fail_msg("case %u, %s: accepted", refused[i].number, refused[i].url);
		if (strcmp(err.reason, refused[i].reason) != 0)
			fail_msg("case %u, %s: %s (%s)", refused[i].number, refused[i].url,
				 err.reason, err.msg);
	}
}

static void the_cases_that_must_be_accepted_are_accepted_in_one_spelling(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	(void)state;
	transport_policy_init(&p);
	for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
		struct dr_err err = DR_ERR_INIT;
		struct transport_url u;

		if (transport_url_parse(&u, accepted[i].url, &err) < 0 ||
		    transport_url_permit(&u, &p, &err) < 0)
			fail_msg("case %u, %s: %s", accepted[i].number, accepted[i].url, err.msg);
		assert_string_equal(u.text, accepted[i].canonical);
	}
}

/* Case 42. */
static void names_and_urls_have_their_maximum_lengths(void **state)
{
	char url[TRANSPORT_URL_MAX + 2], label[65];
	struct transport_url u;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	memset(label, 'a', sizeof label);
	snprintf(url, sizeof url, "http://%.63s.%.63s.%.63s.%.61s/", label, label, label, label);
	assert_int_equal(transport_url_parse(&u, url, &err), 0);
	snprintf(url, sizeof url, "http://%.63s.%.63s.%.63s.%.61s./", label, label, label, label);
	assert_int_equal(transport_url_parse(&u, url, &err), 0);
	snprintf(url, sizeof url, "http://%.63s.%.63s.%.63s.%.62s/", label, label, label, label);
	assert_int_equal(transport_url_parse(&u, url, &err), -1);
	dr_err_clear(&err);
	snprintf(url, sizeof url, "http://%.64s.com/", label);
	assert_int_equal(transport_url_parse(&u, url, &err), -1);

	dr_err_clear(&err);
	memset(url, 'x', sizeof url);
	memcpy(url, "http://example.com/", 19);
	url[TRANSPORT_URL_MAX] = 0;
	assert_int_equal(transport_url_parse(&u, url, &err), 0);
	url[TRANSPORT_URL_MAX] = 'x';
	url[TRANSPORT_URL_MAX + 1] = 0;
	assert_int_equal(transport_url_parse(&u, url, &err), -1);
	assert_string_equal(err.msg, "the URL is longer than 2048 characters");
}

static void credentials_are_refused_with_advice(void **state)
{
	struct transport_url u;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(transport_url_parse(&u, "https://u:hunter2@example.com/", &err), -1);
	assert_non_null(strstr(err.msg, "temporary"));
	assert_null(strstr(err.msg, "hunter2"));
}

static void a_refused_address_always_has_the_same_sentence(void **state)
{
	static const char *const urls[] = {"http://127.0.0.1/", "http://localhost/",
					   "http://x.internal/", "http://[::1]/"};
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	(void)state;
	transport_policy_init(&p);
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
		struct dr_err err = DR_ERR_INIT;

		assert_int_equal(check(urls[i], &p, &err), -1);
		assert_int_equal(err.code, DR_DENIED);
		assert_string_equal(err.reason, "address-not-allowed");
		assert_string_equal(err.msg, "that address may not be fetched from");
	}
}

static void an_allowed_range_opens_addresses_and_ports_but_no_local_names(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	transport_policy_init(&p);
	assert_int_equal(transport_policy_allow(&p, "127.0.0.0/8:9000", &err), 0);
	assert_int_equal(check("http://127.0.0.1:9000/", &p, &err), 0);
	/* A name may turn out to be in the range; the socket will tell. */
	assert_int_equal(check("http://example.com:9000/", &p, &err), 0);
	assert_int_equal(check("http://localhost:9000/", &p, &err), -1);
	assert_string_equal(err.reason, "address-not-allowed");
}

static void a_url_is_within_an_origin_however_it_is_spelt(void **state)
{
	static const struct {
		const char *origin, *url;
		bool within;
	} cases[] = {
		{"https://orbit.example", "https://orbit.example/v1/acc-12345/box/disk?x=y", true},
		{"https://orbit.example", "HTTPS://ORBIT.Example:443/v1/x", true},
		{"https://Orbit.example:443", "https://orbit.example:/v1/x", true},
		{"http://orbit.example:80", "http://orbit.example/v1/x", true},
		{"http://[::1]:8080", "http://[0:0::0:1]:8080/v1/x", true},
		{"https://orbit.example", "http://orbit.example/v1/x", false},
		{"https://orbit.example", "http://orbit.example:443/v1/x", false},
		{"https://orbit.example", "https://orbit.example:8443/v1/x", false},
		{"http://orbit.example:80", "http://orbit.example:8080/v1/x", false},
		{"https://orbit.example", "https://orbit.example.evil.example/v1/x", false},
		{"https://orbit.example", "https://evil.orbit.example/v1/x", false},
		{"https://orbit.example", "https://orbit.example./v1/x", false},
		{"https://orbit.example", "https://orbit.exampl/v1/x", false},
		{"https://orbit.example", "https://evil.example/v1/#@orbit.example/v1/x", false},
		{"https://orbit.example", "https://evil.example/?https://orbit.example/v1/", false},
		{"https://orbit.example", "https://orbit.example/healthz", false},
		{"https://orbit.example", "https://orbit.example/v1", false},
		{"https://orbit.example", "https://orbit.example/v1.0/x", false},
		{"https://orbit.example", "https://orbit.example//v1/x", false},
		{"https://orbit.example", "https://orbit.example/?/v1/x", false},
		{"", "https://orbit.example/v1/x", false},
		{"orbit.example", "https://orbit.example/v1/x", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dr_err err = DR_ERR_INIT;
		struct transport_url u;

		assert_int_equal(transport_url_parse(&u, cases[i].url, &err), 0);
		if (transport_url_within(&u, cases[i].origin, "/v1/") != cases[i].within)
			fail_msg("%s and %s", cases[i].origin, cases[i].url);
	}
}

static void locations_resolve_against_their_base(void **state)
{
	static const struct {
		const char *location;
		const char *url; /* NULL: refused */
	} cases[] = {
		{"/y", "https://example.com:8443/y"},
		{"y", "https://example.com:8443/a/y"},
		{"../y", "https://example.com:8443/y"},
		{"?q", "https://example.com:8443/a/b?q"},
		{"//other.example.com/y", "https://other.example.com/y"},
		{"http://other.example.com", "http://other.example.com/"},
		{"https://other.example.com:443/y#f", "https://other.example.com/y"},
		{"//u:p@other.example.com/y", NULL},
		{"https://u:p@other.example.com/y", NULL},
		{"file:///etc/passwd", NULL},
		{"gopher://example.com/", NULL},
		{"ftp://example.com/", NULL},
		{"https:/y", NULL},
		{"https:y", NULL},
		{"/\\other.example.com/y", NULL},
		{"\\\\other.example.com\\y", NULL},
		{"/a b", NULL},
		{"/\xc3\xbc", NULL},
		{"//0x7f.1/y", NULL},
	};
	struct transport_url base, to;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(transport_url_parse(&base, "https://example.com:8443/a/b?x=y", &err), 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int rc = transport_url_resolve(&to, &base, cases[i].location, &err);

		if ((rc == 0) != (cases[i].url != NULL))
			fail_msg("%s: %s", cases[i].location, rc == 0 ? "taken" : err.msg);
		if (rc == 0)
			assert_string_equal(to.text, cases[i].url);
		dr_err_clear(&err);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cases_that_must_be_refused_are_refused_for_their_reason),
		cmocka_unit_test(the_cases_that_must_be_accepted_are_accepted_in_one_spelling),
		cmocka_unit_test(names_and_urls_have_their_maximum_lengths),
		cmocka_unit_test(credentials_are_refused_with_advice),
		cmocka_unit_test(a_refused_address_always_has_the_same_sentence),
		cmocka_unit_test(an_allowed_range_opens_addresses_and_ports_but_no_local_names),
		cmocka_unit_test(a_url_is_within_an_origin_however_it_is_spelt),
		cmocka_unit_test(locations_resolve_against_their_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
