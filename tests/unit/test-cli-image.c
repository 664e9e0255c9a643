/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/image.h"
#include "must.h"

/* make: an image from members in JSON without the braces. */
static json_t *make(const char *members)
{
	struct buf text = BUF_INIT;
	json_t *image;

	buf_printf(&text, "{%s}", members);
	image = json_loads(buf_str(&text), 0, NULL);
	assert_non_null(image);
	buf_done(&text);
	return image;
}

static void expect_status(const char *members, const char *expected)
{
	json_t *image = make(members);

	assert_string_equal(image_status(image), expected);
	json_decref(image);
}

static void available_images_show_who_sees_them(void **state)
{
	(void)state;
	expect_status("\"status\":\"available\",\"public\":true", "public");
	expect_status("\"status\":\"available\",\"public\":false", "private");
	expect_status("\"status\":\"available\"", "private");
	expect_status("\"status\":\"deprecated\",\"public\":false", "deprecated");
	expect_status("\"status\":\"deprecated\",\"public\":true", "deprecated");
	expect_status("\"status\":\"creating\",\"public\":true", "creating");
	expect_status("\"status\":\"something new\"", "something new");
	expect_status("\"status\":null", "");
}

static void official_images_are_brightboxs(void **state)
{
	json_t *official = make("\"official\":true,\"source_type\":\"upload\",\"owner\":\"acc-a\"");
	json_t *own = make("\"official\":false,\"source_type\":\"snapshot\",\"owner\":\"acc-a\"");

	(void)state;
	assert_string_equal(image_type(official), "official");
	assert_string_equal(image_owner(official), "brightbox");
	assert_string_equal(image_type(own), "snapshot");
	assert_string_equal(image_owner(own), "acc-a");
	json_decref(official);
	json_decref(own);
}

static void expect_match(const struct image_filter *filter, const json_t *image, bool expected)
{
	assert_true(image_matches(image, filter) == expected);
}

static void filters_see_what_is_shown(void **state)
{
	json_t *official = make("\"official\":true,\"status\":\"available\",\"public\":true,"
				"\"owner\":\"acc-z\",\"source_type\":\"upload\"");
	json_t *own = make("\"status\":\"available\",\"owner\":\"acc-a\","
			   "\"source_type\":\"upload\"");

	(void)state;
	expect_match(&(struct image_filter){.type = "upload"}, official, false);
	expect_match(&(struct image_filter){.type = "upload"}, own, true);
	expect_match(&(struct image_filter){.status = "available"}, own, false);
	expect_match(&(struct image_filter){.status = "private"}, own, true);
	expect_match(&(struct image_filter){.owner = "brightbox"}, official, true);
	expect_match(&(struct image_filter){.owner = "brightbox"}, own, false);
	expect_match(&(struct image_filter){.owner = "acc-z"}, official, true);
	expect_match(&(struct image_filter){.account = "acc-b"}, own, false);
	expect_match(&(struct image_filter){.account = "acc-b"}, official, true);
	expect_match(&(struct image_filter){.owner = "acc-a", .account = "acc-b"}, own, false);
	expect_match(&(struct image_filter){.type = NULL}, own, true);
	json_decref(official);
	json_decref(own);
}

/* Each comes before the next. */
static const char *const in_order[] = {
	"\"official\":true,\"name\":\"z\"",
	"\"name\":\"B\"",
	"\"name\":\"a\",\"arch\":\"i686\",\"status\":\"failed\"",
	"\"name\":\"a\",\"arch\":\"x86_64\",\"status\":\"available\",\"public\":true",
	"\"name\":\"a\",\"arch\":\"x86_64\",\"status\":\"available\","
	"\"created_at\":\"2023-01-02T00:00:00Z\"",
	"\"name\":\"a\",\"arch\":\"x86_64\",\"status\":\"available\","
	"\"created_at\":\"2023-01-01T00:00:00Z\"",
	"\"name\":\"a\",\"arch\":\"x86_64\",\"status\":\"deprecated\",\"public\":true",
	"\"name\":\"a\",\"arch\":\"x86_64\",\"status\":\"creating\"",
	"\"name\":\"a\\u00e9\"",
	"\"source_type\":\"snapshot\",\"created_at\":\"2023-01-01T00:00:00Z\",\"name\":\"z\"",
	"\"source_type\":\"snapshot\",\"created_at\":\"2023-01-02T00:00:00Z\",\"official\":true",
};

static void every_image_has_its_place(void **state)
{
	json_t *a, *b;

	(void)state;
	for (size_t i = 0; i < sizeof in_order / sizeof *in_order; i++) {
		for (size_t j = 0; j < sizeof in_order / sizeof *in_order; j++) {
			int order = (i > j) - (i < j);
			int got;

			a = make(in_order[i]);
			b = make(in_order[j]);
			got = image_compare(a, b);
			if ((got > 0) - (got < 0) != order)
				fail_msg("%s against %s", in_order[i], in_order[j]);
			json_decref(a);
			json_decref(b);
		}
	}
}

static void equal_objects_keep_their_order(void **state)
{
	json_t *rows = json_loads("[{\"id\":\"c\",\"created_at\":\"2023-01-02T00:00:00Z\"},"
				  "{\"id\":\"b\"},{\"id\":\"a\"}]",
				  0, NULL);

	(void)state;
	must(resource_sort_by_age(&rows, &err));
	assert_string_equal(view_text(json_array_get(rows, 0), "id"), "b");
	assert_string_equal(view_text(json_array_get(rows, 1), "id"), "a");
	assert_string_equal(view_text(json_array_get(rows, 2), "id"), "c");
	json_decref(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(available_images_show_who_sees_them),
		cmocka_unit_test(official_images_are_brightboxs),
		cmocka_unit_test(filters_see_what_is_shown),
		cmocka_unit_test(every_image_has_its_place),
		cmocka_unit_test(equal_objects_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
