/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ingest/report.h"
#include "unit.h"

struct lines {
	char text[4][REPORT_LINE_BYTES];
	unsigned count;
};

static void collect(void *arg, const char *line)
{
	struct lines *l = arg;

	assert_true(l->count < 4);
	snprintf(l->text[l->count++], REPORT_LINE_BYTES, "%s", line);
}

static void values_survive_blanks_percents_and_newlines(void **state)
{
	struct buf line = BUF_INIT;
	char v[64];

	(void)state;
	buf_puts(&line, "decoded format=qcow2 warning=");
	report_encode(&line, "a b%\n=c");
	buf_puts(&line, " warning=second");
	assert_true(report_is(buf_str(&line), "decoded"));
	assert_false(report_is(buf_str(&line), "decode"));
	assert_true(report_value(buf_str(&line), "format", v, sizeof v));
	assert_string_equal(v, "qcow2");
	assert_true(report_value(buf_str(&line), "warning", v, sizeof v));
	assert_string_equal(v, "a b%\n=c");
	assert_true(report_nth(buf_str(&line), "warning", 1, v, sizeof v));
	assert_string_equal(v, "second");
	assert_false(report_nth(buf_str(&line), "warning", 2, v, sizeof v));
	assert_false(report_value(buf_str(&line), "warn", v, sizeof v));
	assert_false(report_value(buf_str(&line), "format", v, 5));
	buf_done(&line);
}

static void broken_escapes_are_no_values(void **state)
{
	static const char *const broken[] = {"x a=%", "x a=%4", "x a=%zz", "x a=%00"};
	char v[16];

	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
		assert_false(report_value(broken[i], "a", v, sizeof v));
}

static void words_hold_nothing_that_a_log_line_could_mean(void **state)
{
	static const char *const broken[] = {"x a=two%20words", "x a=line%0a", "x a=\"quoted\"",
					     "x a=a=b", "x a=A"};
	struct dr_err err = DR_ERR_INIT;
	char v[16];

	(void)state;
	assert_true(report_word("x a=raw+lz4", "a", v, sizeof v));
	assert_string_equal(v, "raw+lz4");
	assert_true(report_word("x a=", "a", v, sizeof v));
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		assert_false(report_word(broken[i], "a", v, sizeof v));
		assert_string_equal(v, "");
	}
	assert_int_equal(report_parse_failure("fail code=corrupt reason=bad%0aline msg=text", &err),
			 -1);
	assert_int_equal(err.code, DR_IO);
	assert_string_equal(err.reason, "");
}

static void a_failure_travels_whole(void **state)
{
	struct dr_err err = DR_ERR_INIT, got = DR_ERR_INIT;
	struct report_reader reader = {.len = 0};
	struct lines l = {.count = 0};
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	dr_refuse(&err, DR_LIMIT, "too-large", "virtual size 5, allowed 4");
	report_failure(p[1], &err);
	close(p[1]);
	while (report_read(&reader, p[0], collect, &l) == 1)
		;
	close(p[0]);
	assert_int_equal(l.count, 1);
	assert_int_equal(report_parse_failure(l.text[0], &got), -1);
	assert_int_equal(got.code, DR_LIMIT);
	assert_string_equal(got.reason, "too-large");
	assert_string_equal(got.msg, "virtual size 5, allowed 4");
}

static void nonsense_is_the_writers_failure(void **state)
{
	struct dr_err got = DR_ERR_INIT;

	(void)state;
	report_parse_failure("fail code=limit reason=x", &got);
	assert_int_equal(got.code, DR_IO);
	dr_err_clear(&got);
	report_parse_failure("fail code=limit reason=x msg=a%1b%5b", &got);
	assert_int_equal(got.code, DR_IO);
}

static void lines_in_pieces_and_over_long_ones(void **state)
{
	struct report_reader reader = {.len = 0};
	struct lines l = {.count = 0};
	char flood[REPORT_LINE_BYTES];
	int p[2];

	(void)state;
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], "one\ntw", 6), 6);
	assert_int_equal(report_read(&reader, p[0], collect, &l), 1);
	assert_int_equal(l.count, 1);
	assert_int_equal(write(p[1], "o\n", 2), 2);
	assert_int_equal(report_read(&reader, p[0], collect, &l), 1);
	assert_string_equal(l.text[1], "two");
	memset(flood, 'x', sizeof flood);
	assert_int_equal(write(p[1], flood, sizeof flood), sizeof flood);
	assert_int_equal(report_read(&reader, p[0], collect, &l), -1);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_survive_blanks_percents_and_newlines),
		cmocka_unit_test(broken_escapes_are_no_values),
		cmocka_unit_test(words_hold_nothing_that_a_log_line_could_mean),
		cmocka_unit_test(a_failure_travels_whole),
		cmocka_unit_test(nonsense_is_the_writers_failure),
		cmocka_unit_test(lines_in_pieces_and_over_long_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
