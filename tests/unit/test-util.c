/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "unit.h"
#include "util/buf.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/num.h"
#include "util/rd.h"
#include "util/spec.h"
#include "util/str.h"
#include "util/workers.h"
#include "util/zero.h"

static void err_first_failure_wins_and_context_goes_in_front(void **state)
{
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(dr_refuse(&err, DR_INVALID, "truncated", "byte %d is missing", 7), -1);
	assert_int_equal(dr_fail(&err, DR_IO, "later"), -1);
	dr_while(&err, "cluster %u", 3U);
	assert_int_equal(err.code, DR_INVALID);
	assert_string_equal(err.reason, "truncated");
	assert_string_equal(err.msg, "cluster 3: byte 7 is missing");
}

static void one_set_byte_anywhere_is_not_zero(void **state)
{
	uint8_t p[200] = {0};

	(void)state;
	for (size_t len = 0; len <= sizeof p; len++) {
		assert_true(dr_all_zero(p, len));
		for (size_t at = 0; at < sizeof p; at++) {
			p[at] = 0x80;
			assert_int_equal(dr_all_zero(p, len), at >= len);
			p[at] = 0;
		}
	}
}

static void err_no_space_is_a_limit_with_a_reason(void **state)
{
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	errno = ENOSPC;
	dr_fail_errno(&err, "write");
	assert_int_equal(err.code, DR_LIMIT);
	assert_string_equal(err.reason, "no-space");
}

static void buf_stops_at_its_maximum_and_stays_failed(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct buf b = BUF_INIT_MAX(8);

	(void)state;
	buf_puts(&b, "12345678");
	assert_true(buf_ok(&b));
	buf_putc(&b, '9');
	assert_false(buf_ok(&b));
	assert_int_equal(buf_check(&b, &err), -1);
	assert_int_equal(b.len, 8);
	buf_done(&b);
}

static void buf_integers_have_the_asked_order(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	buf_le(&b, 0x01020304, 4);
	buf_be(&b, 0x01020304, 4);
	assert_memory_equal(b.p, "\x04\x03\x02\x01\x01\x02\x03\x04", 8);
	buf_done(&b);
}

static void num_accepts_whole_strings_in_range_only(void **state)
{
	uint64_t v = 0;
	bool b = false;

	(void)state;
	assert_true(dr_parse_u64("18446744073709551615", 0, UINT64_MAX, &v));
	assert_true(v == UINT64_MAX);
	assert_false(dr_parse_u64("18446744073709551616", 0, UINT64_MAX, &v));
	assert_false(dr_parse_u64("", 0, 9, &v));
	assert_false(dr_parse_u64("+1", 0, 9, &v));
	assert_false(dr_parse_u64(" 1", 0, 9, &v));
	assert_false(dr_parse_u64("1x", 0, 9, &v));
	assert_false(dr_parse_u64("10", 0, 9, &v));
	assert_true(dr_parse_size("2T", &v) && v == (uint64_t)2 << 40);
	assert_true(dr_parse_size("3MiB", &v) && v == 3 << 20);
	assert_false(dr_parse_size("99999999999T", &v));
	assert_true(dr_parse_seconds("6h", &v) && v == 21600);
	assert_true(dr_parse_bool("off", &b) && !b);
}

static void rd_fails_closed(void **state)
{
	struct rd r = rd_init("\x00\x00\x01\x00\xff", 5);

	(void)state;
	assert_int_equal(rd_be32(&r), 256);
	assert_int_equal(rd_be16(&r), 0);
	assert_false(rd_ok(&r));
	assert_int_equal(rd_u8(&r), 0);
	assert_null(rd_bytes(&r, 1));
}

static void checked_range_and_shift(void **state)
{
	uint64_t v;

	(void)state;
	assert_true(dr_range_within(10, 0, 10));
	assert_false(dr_range_within(11, 0, 10));
	assert_false(dr_range_within(1, UINT64_MAX, 10));
	assert_true(dr_shl_u64(1, 63, &v));
	assert_false(dr_shl_u64(2, 63, &v));
	assert_false(dr_shl_u64(1, 64, &v));
}

static void str_utf8_and_controls(void **state)
{
	(void)state;
	assert_true(dr_text_valid("gr\xc3\xbc\xc3\x9f", 6));
	assert_false(dr_utf8_valid("\xc0\x80", 2));
	assert_false(dr_utf8_valid("\xed\xa0\x80", 3));
	assert_false(dr_utf8_valid("\xf4\x90\x80\x80", 4));
	assert_false(dr_text_valid("a\x1b[2J", 5));
	assert_false(dr_text_valid("a\xc2\x85", 3));
}

static void str_quote_is_printable_and_bounded(void **state)
{
	struct buf b = BUF_INIT;

	(void)state;
	dr_quote(&b,
		 "a\n\"b\xff"
		 "cdef",
		 6);
	assert_string_equal(buf_str(&b), "\"a\\x0a\\x22b\\xffc...\"");
	buf_done(&b);
}

static void spec_round_trip(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct buf b = BUF_INIT;
	struct spec *s = NULL;

	(void)state;
	spec_put(&b, "url", "http://h/a=b\n\\c\r");
	spec_put(&b, "allow", "10.0.0.0/8");
	spec_put(&b, "allow", "::1/128");
	spec_put_u64(&b, "n", 42);
	assert_int_equal(spec_parse(&s, buf_str(&b), b.len, &err), 0);
	assert_string_equal(spec_get(s, "url", ""), "http://h/a=b\n\\c\r");
	assert_string_equal(spec_nth(s, "allow", 1), "::1/128");
	assert_null(spec_nth(s, "allow", 2));
	assert_int_equal(spec_get_u64(s, "n", 0), 42);
	spec_free(s);
	s = NULL;
	assert_int_equal(spec_parse(&s, "a=b", 3, &err), -1);
	dr_err_clear(&err);
	assert_int_equal(spec_parse(&s, "ab\n", 3, &err), -1);
	dr_err_clear(&err);
	assert_int_equal(spec_parse(&s, "a=\\x\n", 5, &err), -1);
	buf_done(&b);
}

static void clock_formats(void **state)
{
	char t[DR_TIME_TEXT];

	(void)state;
	dr_time_iso(1672751285, t);
	assert_string_equal(t, "2023-01-03T13:08:05Z");
	dr_time_http(1672751285, t);
	assert_string_equal(t, "Tue, 03 Jan 2023 13:08:05 GMT");
}

struct add_work {
	struct work work;
	unsigned in;
	unsigned out;
};

static void add_one(struct work *w)
{
	struct add_work *a = (struct add_work *)w;

	a->out = a->in + 1;
}

static void workers_run_every_task(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct add_work tasks[500];

	(void)state;
	for (unsigned threads = 0; threads <= 3; threads += 3) {
		struct workers *crew = NULL;

		assert_int_equal(workers_new(&crew, threads, &err), 0);
		for (unsigned i = 0; i < 500; i++) {
			tasks[i] = (struct add_work){.work.run = add_one, .in = i};
			workers_submit(crew, &tasks[i].work);
		}
		for (unsigned i = 0; i < 500; i++) {
			workers_wait(crew, &tasks[i].work);
			assert_int_equal(tasks[i].out, i + 1);
		}
		workers_free(crew);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_first_failure_wins_and_context_goes_in_front),
		cmocka_unit_test(one_set_byte_anywhere_is_not_zero),
		cmocka_unit_test(err_no_space_is_a_limit_with_a_reason),
		cmocka_unit_test(buf_stops_at_its_maximum_and_stays_failed),
		cmocka_unit_test(buf_integers_have_the_asked_order),
		cmocka_unit_test(num_accepts_whole_strings_in_range_only),
		cmocka_unit_test(rd_fails_closed),
		cmocka_unit_test(checked_range_and_shift),
		cmocka_unit_test(str_utf8_and_controls),
		cmocka_unit_test(str_quote_is_printable_and_bounded),
		cmocka_unit_test(spec_round_trip),
		cmocka_unit_test(clock_formats),
		cmocka_unit_test(workers_run_every_task),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
