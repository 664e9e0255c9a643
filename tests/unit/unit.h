/* SPDX-License-Identifier: Apache-2.0
 *
 * cmocka with what it needs, in the order it needs it. */
#ifndef DR_TESTS_UNIT_H
#define DR_TESTS_UNIT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#endif
