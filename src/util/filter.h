/* SPDX-License-Identifier: Apache-2.0
 *
 * util/filter: the system-call filter of a process that reads foreign bytes: what is not listed
 * kills the process, on every thread it has.
 *
 *   filter_begin() -> { seccomp_rule_add() } -> filter_load() or seccomp_release()
 *
 * Every such process may read, wait for a lock or the time, end itself and its threads, and take
 * memory that is anonymous and never executable. What else it needs is its own list. */
#ifndef DR_UTIL_FILTER_H
#define DR_UTIL_FILTER_H

#include <seccomp.h>
#include <stddef.h>

#include "util/err.h"

struct filter_calls {
	const int *calls;
	size_t count;
	/* what the sanitizers' run-time asks for as well, in builds for tests */
	const int *sanitizer;
	size_t sanitizer_count;
};

/* filter_begin: [owned by caller] */
int filter_begin(scmp_filter_ctx *ret, const struct filter_calls *more, struct dr_err *err)
	DR_MUST_CHECK;
/* filter_load: for good; takes ctx. rc: of the rules that were added, negative when one was not. */
int filter_load(scmp_filter_ctx ctx, int rc, struct dr_err *err) DR_MUST_CHECK;

#endif
