/* SPDX-License-Identifier: Apache-2.0
 *
 * CVE-2013-2161, CVE-2014-3497: names in listings, pages and headers. */
#include <string.h>

#include "swift/text.h"
#include "unit.h"

typedef void writer(struct buf *b, const char *s);

static void assert_written(writer *write, const char *s, const char *want)
{
	dr_autobuf struct buf b = BUF_INIT;

	write(&b, s);
	assert_true(buf_ok(&b));
	assert_string_equal(buf_str(&b), want);
}

static void json_strings(void **state)
{
	(void)state;
	assert_written(text_json, "", "\"\"");
	assert_written(text_json, "a\"b\\c/", "\"a\\\"b\\\\c/\"");
	assert_written(text_json, "\n\r\t\x01\x1f\x7f",
		       "\"\\u000a\\u000d\\u0009\\u0001\\u001f\\u007f\"");
	assert_written(text_json, "ü\u20ac\U0001f600", "\"ü\u20ac\U0001f600\"");
	assert_written(text_json, "a\u2028b\u2029", "\"a\\u2028b\\u2029\"");
	assert_written(text_json, "\u2027\u202a\xe2", "\"\u2027\u202a\xe2\"");
}

static void xml_text(void **state)
{
	(void)state;
	assert_written(text_xml, "<&>\"'", "&lt;&amp;&gt;&quot;&#x27;");
	assert_written(text_xml, "a\r\n\tb", "a&#13;&#10;&#9;b");
	assert_written(text_xml, "a\x01\x1f", "a\xef\xbf\xbd\xef\xbf\xbd");
	assert_written(text_xml, "\xef\xbf\xbe|\xef\xbf\xbf|\xef\xbf\xbd",
		       "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd");
	assert_written(text_xml, "ü\u2028", "ü\u2028");
}

static void html_text(void **state)
{
	(void)state;
	assert_written(text_html, "<script>'\"&", "&lt;script&gt;&#x27;&quot;&amp;");
	assert_written(text_html, "ü", "ü");
}

static void a_line_is_a_name(void **state)
{
	(void)state;
	assert_written(text_line, "a b", "a b\n");
	assert_written(text_line, "\na\r\nb\n", "%0Aa%0D%0Ab%0A\n");
	assert_written(text_line, "", "\n");
}

static void urls(void **state)
{
	dr_autobuf struct buf all = BUF_INIT, slash = BUF_INIT;

	(void)state;
	text_url(&all, "a/b c%\"\r\nü~", "");
	assert_string_equal(buf_str(&all), "a%2Fb%20c%25%22%0D%0A%C3%BC~");
	text_url(&slash, "a/b c:", "/ ");
	assert_string_equal(buf_str(&slash), "a/b c%3A");
}

static void unquoting(void **state)
{
	static const char *const bad[] = {"%", "%4", "%4g", "%g4", "a%00", "%0", "%-1"};
	char text[6];

	(void)state;
	assert_true(text_unquote("a%2fb+%41", text, sizeof text));
	assert_string_equal(text, "a/b+A");
	assert_false(text_unquote("abcdef", text, sizeof text));
	assert_true(text_unquote("%61bcde", text, sizeof text));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(text_unquote(bad[i], text, sizeof text));
}

static void numbers(void **state)
{
	dr_autobuf struct buf b = BUF_INIT;

	(void)state;
	text_number(&b, 0);
	buf_putc(&b, ' ');
	text_number(&b, 10203);
	buf_putc(&b, ' ');
	text_number(&b, UINT64_MAX);
	assert_string_equal(buf_str(&b), "0 10203 18446744073709551615");
}

static void times(void **state)
{
	struct text_clock clock = {0};
	dr_autobuf struct buf b = BUF_INIT;

	(void)state;
	text_time(&b, &clock, 0);
	buf_putc(&b, ' ');
	text_time(&b, &clock, 999999);
	buf_putc(&b, ' ');
	text_time(&b, &clock, 1672751285000040);
	assert_string_equal(buf_str(&b), "1970-01-01T00:00:00.000000 1970-01-01T00:00:00.999999 "
					 "2023-01-03T13:08:05.000040");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_strings), cmocka_unit_test(xml_text),
		cmocka_unit_test(html_text),    cmocka_unit_test(a_line_is_a_name),
		cmocka_unit_test(urls),         cmocka_unit_test(unquoting),
		cmocka_unit_test(numbers),      cmocka_unit_test(times),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
