/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/text.h"

#include "util/banned.h"

static __attribute__((format(printf, 2, 0))) void put(const char *mark, const char *fmt, va_list ap)
{
	dr_autobuf struct buf raw = BUF_INIT;
	dr_autobuf struct buf clean = BUF_INIT;

	buf_puts(&raw, mark);
	buf_vprintf(&raw, fmt, ap);
	buf_putc(&raw, '\n');
	text_clean(&clean, buf_str(&raw));
	fputs(buf_str(&clean), stderr);
}

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put("", fmt, ap);
	va_end(ap);
}

void say_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put("WARN: ", fmt, ap);
	va_end(ap);
}

void say_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put("ERROR: ", fmt, ap);
	va_end(ap);
}
