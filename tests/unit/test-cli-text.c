/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/text.h"
#include "must.h"

static void expect(struct buf *out, const char *expected)
{
	assert_string_equal(buf_str(out), expected);
	buf_done(out);
}

static void lengths_and_prefixes_count_code_points(void **state)
{
	(void)state;
	assert_int_equal(text_length(""), 0);
	assert_int_equal(text_length("aé世"), 3);
	assert_int_equal(text_prefix("aé世b", 2), 3);
	assert_int_equal(text_prefix("aé世b", 3), 6);
	assert_int_equal(text_prefix("aé", 9), 3);
	assert_int_equal(text_prefix("é", 0), 0);
}

static void controls_become_visible_but_line_ends_and_tabs(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	text_clean(&out, "a\x1b[2J\x07\x7f\tb\r\nc\xc2\x9b é");
	expect(&out, "a\\x1b[2J\\x07\\x7f\tb\r\nc\\x9b é");
}

static void a_name_stays_on_its_line(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	text_name(&out, "a\tb\r\nc\x1b[31m é");
	expect(&out, "a\\x09b\\x0d\\x0ac\\x1b[31m é");
}

static void sizes_and_durations_are_short(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	text_bytes(&out, 0);
	buf_putc(&out, ',');
	text_bytes(&out, 1023);
	buf_putc(&out, ',');
	text_bytes(&out, 1536);
	buf_putc(&out, ',');
	text_bytes(&out, UINT64_MAX);
	expect(&out, "0 B,1023 B,1.5 KiB,16.0 EiB");
	text_duration(&out, 9);
	buf_putc(&out, ',');
	text_duration(&out, 3599);
	buf_putc(&out, ',');
	text_duration(&out, 7384);
	expect(&out, "0:09,59:59,2:03:04");
}

static void times_are_read_with_fraction_and_zone(void **state)
{
	int64_t ms = 0;

	(void)state;
	assert_true(text_time_ms("2023-01-03T13:08:05Z", &ms));
	assert_true(ms == 1672751285000);
	assert_true(text_time_ms("2023-01-03T13:08:05.25Z", &ms));
	assert_true(ms == 1672751285250);
	assert_true(text_time_ms("2023-01-03T13:08:05.123456Z", &ms));
	assert_true(ms == 1672751285123);
	assert_true(text_time_ms("2023-01-03T14:38:05+01:30", &ms));
	assert_true(ms == 1672751285000);
	assert_true(text_time_ms("2023-01-03T12:08:05-01:00", &ms));
	assert_true(ms == 1672751285000);
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"2023-01-03",
		"2023-13-03T13:08:05Z",
		"2023-01-00T13:08:05Z",
		"2023-01-03T24:08:05Z",
		"2023-01-03T13:60:05Z",
		"2023-01-03T13:08:05",
		"2023-01-03T13:08:05.Z",
		"2023-01-03T13:08:05Zx",
		"2023-01-03T13:08:05+0100",
		"2023-01-03 13:08:05Z",
		"20230103T130805Z",
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (text_time_ms(bad[i], &ms))
			fail_msg("accepted: %s", bad[i]);
}

static void days_and_minutes_are_utc(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	text_day(&out, "2023-01-03T23:30:00-01:00");
	expect(&out, "2023-01-04");
	text_minute(&out, "2023-01-03T13:08:59.999Z");
	expect(&out, "2023-01-03T13:08Z");
	text_minute(&out, "soon");
	expect(&out, "soon");
	text_day(&out, "");
	expect(&out, "");
}

static void ids_are_words_that_are_safe_in_paths(void **state)
{
	(void)state;
	assert_true(text_id("img-a1b2c"));
	assert_true(text_id("a_B-9"));
	assert_false(text_id(""));
	assert_false(text_id("."));
	assert_false(text_id("../x"));
	assert_false(text_id("img-a?b"));
	assert_false(text_id("img-a%2f"));
	assert_true(text_id("0123456789012345678901234567890123456789012345678901234567890123"));
	assert_false(text_id("01234567890123456789012345678901234567890123456789012345678901234"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lengths_and_prefixes_count_code_points),
		cmocka_unit_test(controls_become_visible_but_line_ends_and_tabs),
		cmocka_unit_test(a_name_stays_on_its_line),
		cmocka_unit_test(sizes_and_durations_are_short),
		cmocka_unit_test(times_are_read_with_fraction_and_zone),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(days_and_minutes_are_utc),
		cmocka_unit_test(ids_are_words_that_are_safe_in_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
