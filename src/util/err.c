/* SPDX-License-Identifier: Apache-2.0 */
#include "util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "util/banned.h"

__attribute__((format(printf, 3, 0))) static void fill(struct dr_err *err, enum dr_code code,
						       const char *fmt, va_list ap)
{
	err->code = code;
	vsnprintf(err->msg, sizeof err->msg, fmt, ap);
}

int dr_fail(struct dr_err *err, enum dr_code code, const char *fmt, ...)
{
	va_list ap;

	if (dr_err_is_set(err))
		return -1;
	va_start(ap, fmt);
	fill(err, code, fmt, ap);
	va_end(ap);
	return -1;
}

int dr_fail_errno(struct dr_err *err, const char *fmt, ...)
{
	int e = errno;
	char text[128];
	size_t used;
	va_list ap;
	enum dr_code code = DR_IO;

	if (dr_err_is_set(err))
		return -1;
	if (e == ENOMEM)
		code = DR_NO_MEMORY;
	else if (e == ENOSPC || e == EDQUOT || e == EFBIG)
		code = DR_LIMIT;
	va_start(ap, fmt);
	fill(err, code, fmt, ap);
	va_end(ap);
	err->sys = e;
	if (code == DR_LIMIT)
		snprintf(err->reason, sizeof err->reason, "no-space");
	used = strlen(err->msg);
	snprintf(err->msg + used, sizeof err->msg - used, ": %s", strerror_r(e, text, sizeof text));
	return -1;
}

int dr_refuse(struct dr_err *err, enum dr_code code, const char *reason, const char *fmt, ...)
{
	va_list ap;

	if (dr_err_is_set(err))
		return -1;
	va_start(ap, fmt);
	fill(err, code, fmt, ap);
	va_end(ap);
	snprintf(err->reason, sizeof err->reason, "%s", reason);
	return -1;
}

int dr_fail_nomem(struct dr_err *err)
{
	return dr_fail(err, DR_NO_MEMORY, "out of memory");
}

int dr_while(struct dr_err *err, const char *fmt, ...)
{
	char context[sizeof err->msg];
	char rest[sizeof err->msg];
	size_t used;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(context, sizeof context, fmt, ap);
	va_end(ap);
	memcpy(rest, err->msg, sizeof rest);
	snprintf(err->msg, sizeof err->msg, "%.*s: ", (int)(sizeof err->msg - 3), context);
	used = strlen(err->msg);
	snprintf(err->msg + used, sizeof err->msg - used, "%.*s", (int)(sizeof err->msg - used - 1),
		 rest);
	return -1;
}

void dr_err_clear(struct dr_err *err)
{
	memset(err, 0, sizeof *err);
}

static const char *const names[] = {
	[DR_OK] = "ok",
	[DR_INVALID] = "invalid",
	[DR_DENIED] = "denied",
	[DR_NOT_FOUND] = "not-found",
	[DR_CONFLICT] = "conflict",
	[DR_LIMIT] = "limit",
	[DR_CORRUPT] = "corrupt",
	[DR_UNSUPPORTED] = "unsupported",
	[DR_REMOTE] = "remote",
	[DR_IO] = "io",
	[DR_NO_MEMORY] = "no-memory",
	[DR_CANCELLED] = "cancelled",
	[DR_BUSY] = "busy",
	[DR_UNAUTHENTICATED] = "unauthenticated",
};

const char *dr_code_name(enum dr_code code)
{
	return (size_t)code < sizeof names / sizeof *names ? names[code] : "io";
}

enum dr_code dr_code_parse(const char *name)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], name) == 0)
			return (enum dr_code)i;
	return DR_IO;
}
