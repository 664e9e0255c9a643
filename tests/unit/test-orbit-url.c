/* SPDX-License-Identifier: Apache-2.0
 *
 * Whom temporary URLs make of a request, and those that lead back here. */
#include <string.h>

#include "orbit-tenants.h"
#include "tempurl-sign.h"

#define ACCOUNT_KEY "account's"
#define CONTAINER_KEY "container's"

/* A box with an object, and keys for both. */
static void keyed_box(struct orbit_tenants *b)
{
	box(b, "box", "X-Container-Meta-Temp-Url-Key-2: " CONTAINER_KEY "\n");
	box(b, "other", NULL);
	keep(b, "box", "a b", "hello");
	keep(b, "other", "x", "other");
	must(orbit_account_post(&b->o, &b->owner, b->t.a.id,
				"X-Account-Meta-Temp-Url-Key: " ACCOUNT_KEY "\n", &err));
}

static int caller_of(struct orbit_tenants *b, const char *key, const char *signed_method,
		     const char *method, const char *container, const char *object,
		     struct orbit_caller *ret)
{
	char path[200], signature[65], expires[32];
	const struct tempurl t = {.signature = signature, .expires = expires};
	struct dr_err e = DR_ERR_INIT;
	int rc;

	snprintf(path, sizeof path, "/v1/%s/%s/%s", b->t.a.id, container, object);
	snprintf(expires, sizeof expires, "%lld", (long long)dr_wall() + 100);
	must(tempurl_sign(key, signed_method, dr_wall() + 100, path, signature, &err));
	rc = orbit_tempurl(&b->o, &t, method, b->t.a.id, container, object, path, NULL, NULL, ret,
			   &e);
	if (rc < 0)
		assert_int_equal(e.code, DR_UNAUTHENTICATED);
	return rc;
}

static void a_key_makes_a_caller_with_one_right(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "a b");
	struct orbit_caller c;
	struct orbit_object seen;
	char *text;

	keyed_box(b);
	assert_int_equal(caller_of(b, ACCOUNT_KEY, "GET", "GET", "box", "a b", &c), 0);
	assert_int_equal(c.grant, TEMPURL_BY_ACCOUNT);
	text = get(b, &c, "box", "a b", &seen);
	assert_string_equal(text, "hello");
	free(text);
	must_fail(DR_UNAUTHENTICATED, upload(b, &c, &put, "x", 1, &seen, &err));
	assert_int_equal(caller_of(b, CONTAINER_KEY, "GET", "HEAD", "box", "a b", &c), 0);
	assert_int_equal(c.grant, TEMPURL_BY_CONTAINER);
	assert_int_equal(caller_of(b, CONTAINER_KEY, "PUT", "PUT", "box", "a b", &c), 0);
	must(upload(b, &c, &put, "x", 1, &seen, &err));
	must_fail(DR_UNAUTHENTICATED, orbit_object_open(&b->o, &c, b->t.a.id, "box", "a b",
							ORBIT_CONTENT, &seen, NULL, &err));
}

static void another_key_method_or_container_makes_none(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_caller c;

	keyed_box(b);
	assert_int_equal(caller_of(b, "guessed", "GET", "GET", "box", "a b", &c), -1);
	assert_int_equal(caller_of(b, "", "GET", "GET", "box", "a b", &c), -1);
	assert_int_equal(caller_of(b, ACCOUNT_KEY, "GET", "PUT", "box", "a b", &c), -1);
	assert_int_equal(caller_of(b, ACCOUNT_KEY, "PUT", "DELETE", "box", "a b", &c), -1);
	assert_int_equal(caller_of(b, CONTAINER_KEY, "GET", "GET", "other", "x", &c), -1);
	assert_int_equal(caller_of(b, ACCOUNT_KEY, "GET", "GET", "box", "", &c), -1);
	/* rotated away */
	must(orbit_account_post(&b->o, &b->owner, b->t.a.id, "X-Account-Meta-Temp-Url-Key: \n",
				&err));
	assert_int_equal(caller_of(b, ACCOUNT_KEY, "GET", "GET", "box", "a b", &c), -1);
	assert_int_equal(caller_of(b, "", "GET", "GET", "box", "a b", &c), -1);
}

static void the_accounts_key_reads_images_and_writes_none(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put;
	struct orbit_caller c;
	struct orbit_object seen;
	struct image img;

	keyed_box(b);
	publish_disk(&b->t, b->t.a.id, &img);
	assert_int_equal(caller_of(b, ACCOUNT_KEY, "GET", "GET", "images", img.id, &c), 0);
	free(get(b, &c, "images", img.id, &seen));
	assert_int_equal(seen.bytes, img.object_bytes);
	assert_int_equal(caller_of(b, ACCOUNT_KEY, "PUT", "PUT", "images", img.id, &c), 0);
	put = put_of(b, "images", img.id);
	must_fail(DR_UNAUTHENTICATED, upload(b, &c, &put, "x", 1, &seen, &err));
}

static void strangers_see_only_public_metadata(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "x");
	struct orbit_caller c;
	struct orbit_object seen;

	keyed_box(b);
	put.meta = "X-Object-Meta-Public-A: 1\nX-Object-Meta-B: 2\nContent-Encoding: gzip\n";
	must(upload(b, &b->owner, &put, "1", 1, &seen, &err));
	assert_int_equal(caller_of(b, ACCOUNT_KEY, "GET", "GET", "box", "x", &c), 0);
	free(get(b, &c, "box", "x", &seen));
	assert_string_equal(seen.row.meta, "Content-Encoding: gzip\nX-Object-Meta-Public-A: 1\n");
}

/* ---- our own URLs ---- */

static int open_url(struct orbit_tenants *b, const char *url, struct orbit_object *seen,
		    struct dr_err *err)
{
	struct orbit_reader *r = NULL;
	int rc = orbit_open_url(&b->o, url, seen, &r, err);

	assert_true((rc == 1) == (r != NULL));
	orbit_reader_close(r);
	return rc;
}

struct url {
	char text[500];
};

static struct url url_of(struct orbit_tenants *b, const char *origin, const char *key,
			 const char *path, const char *escaped)
{
	const int64_t expires = dr_wall() + 100;
	char full[200], signature[65];
	struct url u;

	snprintf(full, sizeof full, "/v1/%s/%s", b->t.a.id, path);
	must(tempurl_sign(key, "GET", expires, full, signature, &err));
	snprintf(u.text, sizeof u.text, "%s/v1/%s/%s?temp_url_sig=%s&temp_url_expires=%lld", origin,
		 b->t.a.id, escaped, signature, (long long)expires);
	return u;
}

static void a_url_of_our_own_is_read_without_going_out(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_object seen;
	struct url u;
	int rc = -1;

	b->o.public_url = "https://orbit.example.com:8443";
	keyed_box(b);
	u = url_of(b, "https://orbit.example.com:8443", ACCOUNT_KEY, "box/a b", "box/a%20b");
	must(rc = open_url(b, u.text, &seen, &err));
	assert_int_equal(rc, 1);
	assert_int_equal(seen.bytes, 5);
	u = url_of(b, "HTTPS://Orbit.Example.COM:8443", CONTAINER_KEY, "box/a b", "box/a%20b");
	must(rc = open_url(b, u.text, &seen, &err));
	assert_int_equal(rc, 1);
}

static void another_origin_is_none_of_ours(void **state)
{
	static const char *const origins[] = {
		"http://orbit.example.com:8443",    "https://orbit.example.com",
		"https://orbit.example.com.:8443",  "https://example.com:8443",
		"https://orbit.example.com:8444",   "https://orbit.example.com.evil.org:8443",
		"https://u@orbit.example.com:8443", "ftp://orbit.example.com:8443",
	};
	struct orbit_tenants *b = *state;
	struct orbit_object seen;
	struct url u;
	int rc = -1;

	b->o.public_url = "https://orbit.example.com:8443";
	keyed_box(b);
	for (size_t i = 0; i < sizeof origins / sizeof *origins; i++) {
		u = url_of(b, origins[i], ACCOUNT_KEY, "box/a b", "box/a%20b");
		must(rc = open_url(b, u.text, &seen, &err));
		assert_int_equal(rc, 0);
	}
	b->o.public_url = "";
	u = url_of(b, "https://orbit.example.com:8443", ACCOUNT_KEY, "box/a b", "box/a%20b");
	must(rc = open_url(b, u.text, &seen, &err));
	assert_int_equal(rc, 0);
}

static void a_url_of_ours_that_grants_nothing_reads_nothing(void **state)
{
	struct orbit_tenants *b = *state;
	static const char origin[] = "https://orbit.example.com";
	struct orbit_object seen;
	struct url u;

	b->o.public_url = "https://orbit.example.com:443";
	keyed_box(b);
	box(b, "open", "X-Container-Read: .r:*\n");
	keep(b, "open", "x", "1");
	u = url_of(b, origin, "guessed", "box/a b", "box/a%20b");
	must_refuse(DR_REMOTE, "source-http-status", open_url(b, u.text, &seen, &err));
	u = url_of(b, origin, ACCOUNT_KEY, "box/a b", "box//a%20b");
	must_refuse(DR_REMOTE, "source-http-status", open_url(b, u.text, &seen, &err));
	u = url_of(b, origin, ACCOUNT_KEY, "box/none", "box/none");
	must_refuse(DR_REMOTE, "source-http-status", open_url(b, u.text, &seen, &err));
	u = url_of(b, origin, ACCOUNT_KEY, "box", "box");
	must_refuse(DR_REMOTE, "source-http-status", open_url(b, u.text, &seen, &err));
	/* no signature, no read: not even of what is open to everybody */
	snprintf(u.text, sizeof u.text, "%s/v1/%s/open/x", origin, b->t.a.id);
	must_refuse(DR_REMOTE, "source-http-status", open_url(b, u.text, &seen, &err));
	u = url_of(b, origin, "guessed", "open/x", "open/x");
	must_refuse(DR_REMOTE, "source-http-status", open_url(b, u.text, &seen, &err));
}

int main(void)
{
#define IN_TENANTS(t) cmocka_unit_test_setup_teardown(t, orbit_setup, orbit_teardown)
	const struct CMUnitTest tests[] = {
		IN_TENANTS(a_key_makes_a_caller_with_one_right),
		IN_TENANTS(another_key_method_or_container_makes_none),
		IN_TENANTS(the_accounts_key_reads_images_and_writes_none),
		IN_TENANTS(strangers_see_only_public_metadata),
		IN_TENANTS(a_url_of_our_own_is_read_without_going_out),
		IN_TENANTS(another_origin_is_none_of_ours),
		IN_TENANTS(a_url_of_ours_that_grants_nothing_reads_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
