/* SPDX-License-Identifier: Apache-2.0 */
#include "util/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "util/clock.h"

#include "util/banned.h"

static _Atomic int least_level = DR_INFO;

void dr_log_level(enum dr_level least)
{
	atomic_store(&least_level, (int)least);
}

void dr_log(enum dr_level level, const char *fmt, ...)
{
	static const char *const words[] = {"debug", "info", "warn", "error"};
	char line[1024];
	char when[DR_TIME_TEXT];
	int n;
	va_list ap;

	if ((int)level < atomic_load(&least_level))
		return;
	dr_time_iso(dr_wall(), when);
	n = snprintf(line, sizeof line, "%s %s ", when, words[level]);
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof line - 2)
		n = (int)sizeof line - 2;
	line[n] = '\n';
	/* One write per line keeps lines of several threads and processes whole. */
	if (write(STDERR_FILENO, line, (size_t)n + 1) < 0)
		return;
}
