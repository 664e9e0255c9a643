/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/ini.h"
#include "must.h"

static struct ini *parse(const char *text)
{
	struct ini *ini = NULL;

	must(ini_parse(&ini, text, strlen(text), &err));
	return ini;
}

static void expect(struct ini *ini, const char *expected)
{
	struct buf out = BUF_INIT;

	ini_write(ini, &out);
	assert_string_equal(buf_str(&out), expected);
	buf_done(&out);
	ini_free(ini);
}

#define SAMPLE                      \
	"; on top\n"                \
	"  [ one ]  ignored\n"      \
	"key=value with = inside\n" \
	"\tempty =\n"               \
	"\n"                        \
	"; about two\n"             \
	"[two]\n"                   \
	"key = 2\n"

static void values_are_read_without_the_blanks_around(void **state)
{
	struct ini *ini = parse(SAMPLE "[one]\nkey = again");

	(void)state;
	assert_string_equal(ini_get(ini, "one", "empty"), "");
	assert_string_equal(ini_get(ini, "two", "key"), "2");
	assert_string_equal(ini_get(ini, "one", "key"), "again");
	assert_null(ini_get(ini, "two", "empty"));
	assert_null(ini_get(ini, "three", "key"));
	assert_string_equal(ini_section(ini, 0), "one");
	assert_string_equal(ini_section(ini, 1), "two");
	assert_null(ini_section(ini, 2));
	ini_free(ini);
	ini = parse(SAMPLE);
	assert_string_equal(ini_get(ini, "one", "key"), "value with = inside");
	ini_free(ini);
}

static void what_is_not_touched_is_written_as_it_was(void **state)
{
	(void)state;
	expect(parse(SAMPLE), SAMPLE);
	expect(parse(""), "");
}

static void a_change_touches_its_line_only(void **state)
{
	struct ini *ini = parse(SAMPLE);

	(void)state;
	must(ini_set(ini, "one", "key", "new", &err));
	must(ini_set(ini, "one", "more", "", &err));
	must(ini_set(ini, "two", "key", "3", &err));
	expect(ini, "; on top\n"
		    "  [ one ]  ignored\n"
		    "key = new\n"
		    "\tempty =\n"
		    "more = \n"
		    "\n"
		    "; about two\n"
		    "[two]\n"
		    "key = 3\n");
}

static void new_sections_go_to_the_end_and_core_to_the_top(void **state)
{
	struct ini *ini = parse("");

	(void)state;
	must(ini_set(ini, "a", "k", "1", &err));
	must(ini_set(ini, "b", "k", "2", &err));
	must(ini_set(ini, "core", "default_client", "a", &err));
	expect(ini, "[core]\n"
		    "default_client = a\n"
		    "\n"
		    "[a]\n"
		    "k = 1\n"
		    "\n"
		    "[b]\n"
		    "k = 2\n");
}

static void a_removed_section_leaves_the_next_ones_comment(void **state)
{
	struct ini *ini = parse(SAMPLE "\n[one]\nk = v\n");

	(void)state;
	ini_remove(ini, "one");
	assert_false(ini_has(ini, "one"));
	expect(ini, "; on top\n; about two\n[two]\nkey = 2\n\n");
	ini = parse(SAMPLE "; the end\n");
	ini_remove(ini, "two");
	ini_remove(ini, "never there");
	expect(ini,
	       "; on top\n  [ one ]  ignored\nkey=value with = inside\n\tempty =\n\n; about two\n");
}

static void unset_forgets_every_value_of_a_key(void **state)
{
	struct ini *ini = parse("[a]\nk = 1\nj = 2\nk = 3\n");

	(void)state;
	ini_unset(ini, "a", "k");
	expect(ini, "[a]\nj = 2\n");
}

static void what_could_not_be_read_again_is_not_written(void **state)
{
	struct ini *ini = parse("");

	(void)state;
	must_fail(DR_INVALID, ini_set(ini, "a", "k", "two\nlines", &err));
	must_fail(DR_INVALID, ini_set(ini, "a", "k", " blank in front", &err));
	must_fail(DR_INVALID, ini_set(ini, "a]", "k", "v", &err));
	must_fail(DR_INVALID, ini_set(ini, "", "k", "v", &err));
	must_fail(DR_INVALID, ini_set(ini, "a", "k=l", "v", &err));
	expect(ini, "");
}

static void malformed_lines_are_refused(void **state)
{
	static const char *const bad[] = {"nonsense\n", "[a]\nnonsense\n", "k = v\n",
					  "[]\n",       "[a]\n= v\n",      "# no comment\n"};
	struct ini *ini;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		must_fail(DR_INVALID, ini_parse(&ini, bad[i], strlen(bad[i]), &err));
	must_fail(DR_INVALID, ini_parse(&ini, "[a]\n\0", 5, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_read_without_the_blanks_around),
		cmocka_unit_test(what_is_not_touched_is_written_as_it_was),
		cmocka_unit_test(a_change_touches_its_line_only),
		cmocka_unit_test(new_sections_go_to_the_end_and_core_to_the_top),
		cmocka_unit_test(a_removed_section_leaves_the_next_ones_comment),
		cmocka_unit_test(unset_forgets_every_value_of_a_key),
		cmocka_unit_test(what_could_not_be_read_again_is_not_written),
		cmocka_unit_test(malformed_lines_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
