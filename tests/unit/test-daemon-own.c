/* SPDX-License-Identifier: Apache-2.0
 *
 * Which URLs count as our own Orbit's. */
#include <string.h>

#include "daemon/own.h"
#include "unit.h"

static void what_is_configured_counts(void **state)
{
	static const char *const good[] = {"https://orbit.example", "HTTPS://Orbit.Example:8443",
					   "http://10.1.2.3:8877", "http://[fd00::1]:8877",
					   "http://images"};
	struct dr_err err = DR_ERR_INIT;
	char origin[OWN_ORIGIN_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(own_origin(good[i], "0.0.0.0", 8877, origin, &err), 0);
		assert_string_equal(origin, good[i]);
	}
}

static void what_is_configured_is_an_origin(void **state)
{
	static const char *const bad[] = {
		"orbit.example",           "ftp://orbit.example",
		"https://orbit.example/",  "https://orbit.example/x",
		"https://orbit.example?x", "https://orbit.example#x",
		"https://u@orbit.example", "https://",
		"https://127.1",
	};
	char origin[OWN_ORIGIN_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct dr_err err = DR_ERR_INIT;

		if (own_origin(bad[i], "127.0.0.1", 8877, origin, &err) == 0)
			fail_msg("%s is taken", bad[i]);
		assert_int_equal(err.code, DR_INVALID);
	}
}

static void otherwise_one_address_that_is_listened_on_counts_and_any_does_not(void **state)
{
	static const struct {
		const char *host, *origin;
	} cases[] = {
		{"127.0.0.1", "http://127.0.0.1:8877"},
		{"::1", "http://[::1]:8877"},
		{"localhost", "http://localhost:8877"},
		{"0.0.0.0", ""},
		{"::", ""},
		{"0", ""},
	};
	struct dr_err err = DR_ERR_INIT;
	char origin[OWN_ORIGIN_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		assert_int_equal(own_origin("", cases[i].host, 8877, origin, &err), 0);
		assert_string_equal(origin, cases[i].origin);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_configured_counts),
		cmocka_unit_test(what_is_configured_is_an_origin),
		cmocka_unit_test(otherwise_one_address_that_is_listened_on_counts_and_any_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
