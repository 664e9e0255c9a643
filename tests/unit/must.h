/* SPDX-License-Identifier: Apache-2.0
 *
 * cmocka, and calls that must succeed or fail in a known way. Their error is called `err`:
 *   must(thing_open(&t, &err));    must_fail(DR_NOT_FOUND, thing_get(t, "x", &err)); */
#ifndef DR_TESTS_UNIT_MUST_H
#define DR_TESTS_UNIT_MUST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "util/err.h"

#define must(call)                                                                      \
	do {                                                                            \
		struct dr_err err = DR_ERR_INIT;                                        \
		if ((call) < 0)                                                         \
			fail_msg("%s: %s: %s", #call, dr_code_name(err.code), err.msg); \
	} while (0)

#define must_fail(expected, call)                                                       \
	do {                                                                            \
		struct dr_err err = DR_ERR_INIT;                                        \
		assert_int_equal((call), -1);                                           \
		if (err.code != (expected))                                             \
			fail_msg("%s: %s: %s", #call, dr_code_name(err.code), err.msg); \
	} while (0)

/* must_refuse: likewise, and with this reason. */
#define must_refuse(expected, word, call)                                               \
	do {                                                                            \
		struct dr_err err = DR_ERR_INIT;                                        \
		assert_int_equal((call), -1);                                           \
		if (err.code != (expected))                                             \
			fail_msg("%s: %s: %s", #call, dr_code_name(err.code), err.msg); \
		assert_string_equal(err.reason, (word));                                \
	} while (0)

#endif
