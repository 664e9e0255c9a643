/* SPDX-License-Identifier: Apache-2.0
 *
 * util/zero: bytes that are all zero. */
#ifndef DR_UTIL_ZERO_H
#define DR_UTIL_ZERO_H

#include <stdbool.h>
#include <stddef.h>

/* dr_all_zero: no byte of len is set; also true for none. As fast as memcmp(). */
bool dr_all_zero(const void *p, size_t len);

#endif
