/* SPDX-License-Identifier: Apache-2.0
 *
 * util/err: the one error type.
 *
 * A `struct dr_err` lives on the caller's stack, is passed last and is never NULL. Functions return
 * 0 (or a positive value) on success and -1 with the error filled on failure. The first failure
 * wins: filling an error that is already set changes nothing. dr_while() adds context in front of
 * the message on the way up.
 *
 * `code` says who must act. `reason` is the stable word a tenant sees before the sentence
 * (hardening.md calls them codes: "qcow2-backing", "truncated"); it is empty for failures that are
 * not a verdict about the tenant's input. `msg` is that sentence and never holds a secret, a host
 * path or a foreign string that has not been quoted and bounded. */
#ifndef DR_UTIL_ERR_H
#define DR_UTIL_ERR_H

#include <stdbool.h>
#include <stdio.h>

#define DR_MUST_CHECK __attribute__((warn_unused_result))
#define DR_PRINTF(f, a) __attribute__((format(printf, f, a)))

enum dr_code {
	DR_OK = 0,
	DR_INVALID,     /* the caller's input breaks a rule */
	DR_DENIED,      /* known, but not allowed */
	DR_NOT_FOUND,   /* unknown, or invisible to this actor */
	DR_CONFLICT,    /* impossible in the current state */
	DR_LIMIT,       /* a quota or configured limit */
	DR_CORRUPT,     /* stored or foreign bytes contradict themselves */
	DR_UNSUPPORTED, /* understood, and not something we do */
	DR_REMOTE,      /* another machine failed us; retry may help */
	DR_IO,          /* this machine failed us */
	DR_NO_MEMORY,
	DR_CANCELLED,
	DR_BUSY, /* try again soon */
	DR_UNAUTHENTICATED,
};

struct dr_err {
	enum dr_code code;
	int sys;         /* errno, or 0 */
	char reason[40]; /* stable code word, "" when this is no verdict on the input */
	char msg[400];
};

#define DR_ERR_INIT \
	{           \
		0   \
	}

/* dr_fail: fill `err` (unless already set) and return -1. */
int dr_fail(struct dr_err *err, enum dr_code code, const char *fmt, ...) DR_PRINTF(3, 4);

/* dr_fail_errno: as dr_fail, from errno: code IO (NO_MEMORY for ENOMEM, and reason "no-space" with
 * LIMIT for ENOSPC/EDQUOT/EFBIG), ": strerror" appended. */
int dr_fail_errno(struct dr_err *err, const char *fmt, ...) DR_PRINTF(2, 3);

/* dr_refuse: a verdict on the tenant's input. `reason` is a stable word of at most 39 characters.
 */
int dr_refuse(struct dr_err *err, enum dr_code code, const char *reason, const char *fmt, ...)
	DR_PRINTF(4, 5);

int dr_fail_nomem(struct dr_err *err);

/* dr_while: put "context: " in front of the message. Returns -1. */
int dr_while(struct dr_err *err, const char *fmt, ...) DR_PRINTF(2, 3);

/* dr_err_clear: forget, for a retry. */
void dr_err_clear(struct dr_err *err);

static inline bool dr_err_is_set(const struct dr_err *err)
{
	return err->code != DR_OK;
}

/* dr_code_name: "invalid", "denied" … for logs and report lines. Never NULL. */
const char *dr_code_name(enum dr_code code);
/* dr_code_parse: the inverse; DR_IO for an unknown word. */
enum dr_code dr_code_parse(const char *name);

#endif
