/* SPDX-License-Identifier: Apache-2.0
 *
 * util/num: text to number, whole strings only. */
#ifndef DR_UTIL_NUM_H
#define DR_UTIL_NUM_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

/* dr_parse_u64: decimal digits only (no sign, no blanks), within [min, max]. */
bool dr_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret);
bool dr_parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret);
/* dr_parse_size: digits with an optional unit K M G T (powers of 1024, "KiB"/"KB" likewise). */
bool dr_parse_size(const char *s, uint64_t *ret);
/* dr_parse_seconds: digits with an optional unit s m h d. */
bool dr_parse_seconds(const char *s, uint64_t *ret);
/* dr_parse_bool: true/false yes/no on/off 1/0. */
bool dr_parse_bool(const char *s, bool *ret);

#endif
