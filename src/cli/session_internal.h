/* SPDX-License-Identifier: Apache-2.0
 *
 * What session.c (requests) and session_token.c (tokens) share. */
#ifndef DR_CLI_SESSION_INTERNAL_H
#define DR_CLI_SESSION_INTERNAL_H

#include "cli/session.h"

struct session {
	struct config *config; /* borrowed */
	struct web_options options;
	struct web *web;
	char *api; /* origins */
	char *auth;
	char *access; /* tokens; NULL: none held */
	char *refresh;
	bool is_user;          /* logs in with a password, not with a client's secret */
	struct buf reply;      /* body of the last answer */
	struct buf error;      /* the API's sentences about the last failure */
	struct web_sink watch; /* tick only */
};

/* session_acquire: a new access token from what is at hand. 1, or 0: that is not enough. */
int session_acquire(struct session *s, struct dr_err *err) DR_MUST_CHECK;
/* session_fail: fill `err` from an answer with an error status. Returns -1. */
int session_fail(struct session *s, long status, const char *what, struct dr_err *err);

#endif
