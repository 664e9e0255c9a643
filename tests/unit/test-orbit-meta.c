/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "orbit/meta.h"
#include "unit.h"

static void set(struct meta *m, const char *name, const char *value)
{
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(meta_set(m, name, value, &err), 0);
}

static void names_are_spelled_as_swift_answers_them_and_sorted(void **state)
{
	dr_meta m = META_INIT;

	(void)state;
	assert_string_equal(meta_text(&m), "");
	set(&m, "x-object-META-colour", "red");
	set(&m, "X-OBJECT-META-A1B", "x: y");
	set(&m, "x-object-meta-under_score", "ü");
	set(&m, "etag", "0");
	assert_string_equal(meta_text(&m), "Etag: 0\n"
					   "X-Object-Meta-A1B: x: y\n"
					   "X-Object-Meta-Colour: red\n"
					   "X-Object-Meta-Under_Score: ü\n");
}

static void a_name_is_there_once_whatever_its_case(void **state)
{
	dr_meta m = META_INIT;
	char value[8];

	(void)state;
	set(&m, "X-Object-Meta-B", "1");
	set(&m, "X-Object-Meta-Bb", "2");
	set(&m, "x-object-meta-b", "3");
	assert_string_equal(meta_text(&m), "X-Object-Meta-B: 3\nX-Object-Meta-Bb: 2\n");
	assert_true(meta_get(meta_text(&m), "x-OBJECT-meta-bB", value, sizeof value));
	assert_string_equal(value, "2");
	assert_false(meta_get(meta_text(&m), "X-Object-Meta", value, sizeof value));
	set(&m, "x-object-meta-B", "");
	set(&m, "x-object-meta-none", NULL);
	assert_string_equal(meta_text(&m), "X-Object-Meta-Bb: 2\n");
	set(&m, "x-object-meta-bb", NULL);
	assert_string_equal(meta_text(&m), "");
}

static void a_prefix_is_dropped_as_a_whole(void **state)
{
	dr_meta m = META_INIT;

	(void)state;
	meta_drop(&m, "X");
	set(&m, "X-Object-Meta-A", "1");
	set(&m, "Content-Encoding", "gzip");
	set(&m, "X-Object-Meta-B", "2");
	set(&m, "X-Object-Manifest", "c/p");
	meta_drop(&m, "x-object-meta-");
	assert_string_equal(meta_text(&m), "Content-Encoding: gzip\nX-Object-Manifest: c/p\n");
	meta_drop(&m, "");
	assert_string_equal(meta_text(&m), "");
}

static void lines_are_walked_and_cut_at_the_caller_s_sizes(void **state)
{
	static const char text[] = "A: 1\nLonger: value\n";
	char name[4], value[4];
	size_t pos = 0;

	(void)state;
	assert_true(meta_next(text, &pos, name, sizeof name, value, sizeof value));
	assert_string_equal(name, "A");
	assert_string_equal(value, "1");
	assert_true(meta_next(text, &pos, name, sizeof name, value, sizeof value));
	assert_string_equal(name, "Lon");
	assert_string_equal(value, "val");
	assert_false(meta_next(text, &pos, name, sizeof name, value, sizeof value));
	assert_true(meta_get(text, "longer", value, sizeof value));
	assert_string_equal(value, "val");
}

static void nothing_that_could_be_another_line_is_accepted(void **state)
{
	static const char *const names[] = {"", "a b", "a:b", "a\nb", "ä", "a\x7f", "(a)"};
	static const char *const values[] = {"a\nb", "a\rb", "\x01", "\xff", "a\xc2\x85"};
	dr_meta m = META_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct dr_err err = DR_ERR_INIT;

		assert_int_equal(meta_set(&m, names[i], "v", &err), -1);
		assert_string_equal(err.reason, "metadata");
	}
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		struct dr_err err = DR_ERR_INIT;

		assert_int_equal(meta_set(&m, "N", values[i], &err), -1);
		assert_int_equal(err.code, DR_INVALID);
	}
	assert_string_equal(meta_text(&m), "");
}

static void a_stored_text_comes_back_as_it_was_and_damage_is_refused(void **state)
{
	static const char *const bad[] = {"a",     "a\n",          "a: 1",      "a: 1\n\n", ": 1\n",
					  "a: \n", "a: 1\nA: 2\n", "a: \x01\n", "a: 1\nb"};
	dr_meta m = META_INIT;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(meta_parse(&m, "b: 2\nA: x: \n", &err), 0);
	assert_string_equal(meta_text(&m), "A: x: \nB: 2\n");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		dr_err_clear(&err);
		assert_int_equal(meta_parse(&m, bad[i], &err), -1);
		assert_string_equal(meta_text(&m), "A: x: \nB: 2\n");
	}
	dr_err_clear(&err);
	assert_int_equal(meta_parse(&m, "", &err), 0);
	assert_string_equal(meta_text(&m), "");
}

/* One item of user metadata, and as many as `items`. */
static int checked(size_t items, size_t name_len, size_t value_len)
{
	dr_meta m = META_INIT;
	struct dr_err err = DR_ERR_INIT;
	char name[256], value[512];

	set(&m, "X-Container-Read", ".r:*");
	for (size_t i = 0; i < items; i++) {
		snprintf(name, sizeof name, "X-Container-Meta-%0*zx", (int)name_len, i);
		snprintf(value, sizeof value, "%0*zu", (int)value_len, i);
		set(&m, name, value);
	}
	if (meta_check(meta_text(&m), "X-Container-Meta-", &err) == 0)
		return 0;
	assert_int_equal(err.code, DR_INVALID);
	assert_string_equal(err.reason, "metadata");
	return -1;
}

static void limits_hold_for_the_whole(void **state)
{
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(checked(90, 5, 5), 0);
	assert_int_equal(checked(91, 5, 5), -1);
	assert_int_equal(checked(1, 128, 1), 0);
	assert_int_equal(checked(1, 129, 1), -1);
	assert_int_equal(checked(1, 1, 256), 0);
	assert_int_equal(checked(1, 1, 257), -1);
	assert_int_equal(checked(16, 1, 255), 0);  /* 4096 */
	assert_int_equal(checked(16, 2, 255), -1); /* 4112 */
	assert_int_equal(meta_check("X-Container-Meta-: 1\n", "X-Container-Meta-", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_spelled_as_swift_answers_them_and_sorted),
		cmocka_unit_test(a_name_is_there_once_whatever_its_case),
		cmocka_unit_test(a_prefix_is_dropped_as_a_whole),
		cmocka_unit_test(lines_are_walked_and_cut_at_the_caller_s_sizes),
		cmocka_unit_test(nothing_that_could_be_another_line_is_accepted),
		cmocka_unit_test(a_stored_text_comes_back_as_it_was_and_damage_is_refused),
		cmocka_unit_test(limits_hold_for_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
