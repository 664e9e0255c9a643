/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects: what was put is what is got, whole or not at all. */
#include <string.h>

#include "orbit-tenants.h"

#define HELLO_MD5 "5d41402abc4b2a76b9719d911017c592"

static void what_is_put_is_what_is_got(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "dir/hello.txt");
	struct orbit_object made, seen;
	char *text;

	box(b, "box", NULL);
	put.meta = "X-Object-Meta-Colour: blue\nContent-Encoding: x\n";
	must(upload(b, &b->owner, &put, "hello", 5, &made, &err));
	assert_string_equal(made.etag, HELLO_MD5);
	assert_int_equal(made.bytes, 5);
	text = get(b, &b->full, "box", "dir/hello.txt", &seen);
	assert_string_equal(text, "hello");
	free(text);
	assert_string_equal(seen.etag, HELLO_MD5);
	assert_false(seen.etag_quoted);
	assert_string_equal(seen.row.content_type, "text/plain");
	assert_non_null(strstr(seen.row.meta, "X-Object-Meta-Colour: blue\n"));
	assert_int_equal(seen.row.modified_at, made.row.modified_at);
}

static void an_abandoned_upload_leaves_nothing(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put put = put_of(b, "box", "x");
	struct orbit_upload *u = NULL;
	struct orbit_object seen;

	box(b, "box", NULL);
	must(orbit_upload_begin(&b->o, &b->owner, &put, &u, &err));
	must(orbit_upload_write(u, "half", 4, &err));
	must_fail(DR_NOT_FOUND, orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "x",
						  ORBIT_CONTENT, &seen, NULL, &err));
	orbit_upload_abandon(u);
	assert_int_equal(blobs(b), 0);
}

static void containers_are_listed_with_images_among_them(void **state)
{
	struct orbit_tenants *b = *state;
	struct listing_query q = {.limit = 100};
	struct names_seen seen = {0};

	box(b, "zoo", NULL);
	box(b, "box", NULL);
	keep(b, "box", "a", "1");
	must(orbit_account_list(&b->o, &b->owner, b->t.a.id, &q, see_name, &seen, &err));
	assert_string_equal(seen.text, "box images zoo");
	assert_int_equal(seen.bytes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_put_is_what_is_got, orbit_setup,
						orbit_teardown),
		cmocka_unit_test_setup_teardown(an_abandoned_upload_leaves_nothing, orbit_setup,
						orbit_teardown),
		cmocka_unit_test_setup_teardown(containers_are_listed_with_images_among_them,
						orbit_setup, orbit_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
