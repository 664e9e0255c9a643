/* SPDX-License-Identifier: Apache-2.0
 *
 * util/log: key=value lines on standard error. Only the edges log (request, job, main), once per
 * failure; library code logs at most at debug. Foreign values pass through dr_quote() and no secret
 * ever reaches a log. The sink is the program's one piece of global state. Any thread. */
#ifndef DR_UTIL_LOG_H
#define DR_UTIL_LOG_H

#include "util/err.h"

enum dr_level { DR_DEBUG, DR_INFO, DR_WARN, DR_ERROR };

void dr_log_level(enum dr_level least);
/* dr_log: "2023-01-03T13:08:05Z info what=… key=value". `fmt` is the key=value text. */
void dr_log(enum dr_level level, const char *fmt, ...) DR_PRINTF(2, 3);

#endif
