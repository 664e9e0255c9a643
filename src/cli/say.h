/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/say: lines for the person, on stderr, with control characters of foreign texts made visible.
 */
#ifndef DR_CLI_SAY_H
#define DR_CLI_SAY_H

#include "util/err.h"

/* say: progress and remarks. say_warn: "WARN: …". say_error: "ERROR: …". */
void say(const char *fmt, ...) DR_PRINTF(1, 2);
void say_warn(const char *fmt, ...) DR_PRINTF(1, 2);
void say_error(const char *fmt, ...) DR_PRINTF(1, 2);

#endif
