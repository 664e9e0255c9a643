/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "orbit/acl.h"
#include "unit.h"

static void elements_get_one_form(void **state)
{
	static const struct {
		const char *given, *clean;
	} cases[] = {
		{"", ""},
		{" , ,", ""},
		{".r:*", ".r:*"},
		{".r : *, .rlistings", ".r:*,.rlistings"},
		{".ref:*.example.com", ".r:.example.com"},
		{".referer:example.com,.referrer:-thief.example.com",
		 ".r:example.com,.r:-thief.example.com"},
		{".r:- *.thief.com", ".r:-.thief.com"},
		{".r:-*", ".r:-*"},
		{".r:**.a", ".r:.a"},
		{"acc-aaaaa,, acc-aaaaa : cli-bbbbb ,", "acc-aaaaa,acc-aaaaa:cli-bbbbb"},
		{"acc-aaaaa:usr-ccccc,acc-aaaaa:*,*:*", "acc-aaaaa:usr-ccccc,acc-aaaaa:*,*:*"},
		{".r:[::1]", ".r:[::1]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		dr_autobuf struct buf b = BUF_INIT;
		struct dr_err err = DR_ERR_INIT;

		assert_int_equal(acl_clean(ACL_READ, cases[i].given, &b, &err), 0);
		assert_string_equal(buf_str(&b), cases[i].clean);
	}
}

static void what_is_no_element_is_refused_by_name(void **state)
{
	static const struct {
		enum acl_kind kind;
		const char *value, *named;
	} cases[] = {
		{ACL_READ, ".r:", "\".r:\""},
		{ACL_READ, ".r:-", "\".r:-\""},
		{ACL_READ, ".r:.", "\".r:.\""},
		{ACL_READ, ".r:*.", "\".r:*.\""},
		{ACL_READ, ".r:*-a", "\".r:*-a\""},
		{ACL_READ, ".x:y", "\".x:y\""},
		{ACL_READ, ".listings", "\".listings\""},
		{ACL_READ, "acc-aaaaa,bob", "\"bob\""},
		{ACL_READ, "cli-bbbbb", "\"cli-bbbbb\""},
		{ACL_READ, "acc-", "\"acc-\""},
		{ACL_READ, "acc-AAAAA", "\"acc-AAAAA\""},
		{ACL_READ, "acc-aaaaaaaaaaaaaaaaaaaa", "\"acc-aaaaaaaaaaaaaaaaaaaa\""},
		{ACL_READ, "acc-aaaaa:bob", "\"acc-aaaaa:bob\""},
		{ACL_READ, "acc-aaaaa:", "\"acc-aaaaa:\""},
		{ACL_READ, "*:cli-bbbbb", "\"*:cli-bbbbb\""},
		{ACL_READ, "*", "\"*\""},
		{ACL_READ, ":", "\":\""},
		{ACL_READ, ".r:a\x01", "\".r:a\\x01\""},
		{ACL_WRITE, ".r:*", "\".r:*\""},
		{ACL_WRITE, ".referrer:*", "\".referrer:*\""},
		{ACL_WRITE, ".rlistings", "\".rlistings\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		dr_autobuf struct buf b = BUF_INIT;
		struct dr_err err = DR_ERR_INIT;

		assert_int_equal(acl_clean(cases[i].kind, cases[i].value, &b, &err), -1);
		assert_int_equal(err.code, DR_INVALID);
		assert_string_equal(err.reason, "acl");
		assert_non_null(strstr(err.msg, cases[i].named));
	}
}

static const struct principal anonymous,
	client = {.kind = PRINCIPAL_CLIENT, .client = "cli-bbbbb", .account = "acc-aaaaa"},
	user = {.kind = PRINCIPAL_USER,
		.client = "app-ddddd",
		.user = "usr-ccccc",
		.account = "acc-aaaaa"},
	operator= {.kind = PRINCIPAL_OPERATOR},
	homeless = {.kind = PRINCIPAL_USER, .user = "usr-ccccc"};

static void identities(void **state)
{
	static const struct {
		const char *acl;
		bool client, user, anonymous, operator, homeless;
	} cases[] = {
		{NULL, 0, 0, 0, 0, 0},
		{"", 0, 0, 0, 0, 0},
		{"acc-aaaaa", 1, 1, 0, 0, 0},
		{"acc-aaaab,acc-aaaaa", 1, 1, 0, 0, 0},
		{"acc-aaaa,acc-aaaaaa", 0, 0, 0, 0, 0},
		{"acc-aaaaa:*", 1, 1, 0, 0, 0},
		{"*:*", 1, 1, 0, 0, 1},
		{"acc-aaaaa:cli-bbbbb", 1, 0, 0, 0, 0},
		{"acc-aaaaa:usr-ccccc", 0, 1, 0, 0, 0},
		/* The application a user logged in with is not a client of the account. */
		{"acc-aaaaa:app-ddddd", 0, 0, 0, 0, 0},
		{"acc-zzzzz:cli-bbbbb,acc-zzzzz:usr-ccccc,acc-zzzzz:*", 0, 0, 0, 0, 0},
		{"acc-aaaaa:", 0, 0, 0, 0, 0},
		{".rlistings", 0, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct {
			const struct principal *who;
			bool granted;
		} rows[] = {{&client, cases[i].client}, {&user, cases[i].user},
			    {&anonymous, cases[i].anonymous},
			    {&operator, cases[i].operator}, {&homeless, cases[i].homeless}};

		for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
			struct acl_grant g = acl_grants(cases[i].acl, rows[k].who, NULL);

			assert_int_equal(g.objects, rows[k].granted);
			assert_int_equal(g.listing, rows[k].granted);
		}
	}
}

static void referrers(void **state)
{
	static const struct {
		const char *acl, *referer;
		bool granted;
	} cases[] = {
		{".r:*", NULL, true},
		{".r:*", "http://any.example", true},
		{".r:www.example.com", "http://www.example.com/page", true},
		{".r:www.example.com", "HTTPS://user:pw@WWW.example.com:81?x", true},
		{".r:www.example.com", "//www.example.com#x", true},
		{".r:www.example.com", "http://www.example.com.evil.org/", false},
		{".r:www.example.com", "http://evil.org/http://www.example.com/", false},
		{".r:www.example.com", "http://evil.org?//www.example.com/", false},
		{".r:www.example.com", "http://evil.org#@www.example.com/", false},
		{".r:www.example.com", "www.example.com", false},
		{".r:www.example.com", "", false},
		{".r:www.example.com", NULL, false},
		{".r:.example.com", "http://a.b.example.com/", true},
		{".r:.example.com", "http://example.com/", false},
		{".r:.example.com", "http://notexample.com/", false},
		{".r:.example.com,.r:-thief.example.com", "http://thief.example.com/", false},
		{".r:-thief.example.com,.r:.example.com", "http://thief.example.com/", true},
		{".r:*,.r:-.thief.com", "http://www.thief.com/", false},
		{".r:*,.r:-.thief.com", "http://thief.com/", true},
		{".r:*,.r:-*", "http://a/", true}, /* a lone star only grants */
		{".r:::1", "http://[::1]:80/", true},
		{".r:*,.r:-unknown", "", false},
		{".r:a", "http://[a/", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct acl_grant g = acl_grants(cases[i].acl, &anonymous, cases[i].referer);

		assert_int_equal(g.objects, cases[i].granted);
		assert_false(g.listing);
	}
}

static void listings_by_referrer_need_their_own_word(void **state)
{
	struct acl_grant g = acl_grants(".rlistings,.r:a", &anonymous, "http://a/");

	(void)state;
	assert_true(g.objects && g.listing);
	g = acl_grants(".rlistings,.r:a", &anonymous, "http://b/");
	assert_false(g.objects || g.listing);
}

static void a_denied_referrer_takes_nothing_from_an_identity(void **state)
{
	struct acl_grant g = acl_grants("acc-aaaaa,.r:-a", &client, "http://a/");

	(void)state;
	assert_true(g.objects && g.listing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(elements_get_one_form),
		cmocka_unit_test(what_is_no_element_is_refused_by_name),
		cmocka_unit_test(identities),
		cmocka_unit_test(referrers),
		cmocka_unit_test(listings_by_referrer_need_their_own_word),
		cmocka_unit_test(a_denied_referrer_takes_nothing_from_an_identity),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
