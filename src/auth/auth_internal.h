/* SPDX-License-Identifier: Apache-2.0
 *
 * auth_internal: what the files of this folder share. */
#ifndef DR_AUTH_AUTH_INTERNAL_H
#define DR_AUTH_AUTH_INTERNAL_H

#include "auth/auth.h"

/* password_check: whether the password is that of `hash`; hash NULL (nobody): false, at the same
 * cost. BUSY, NO_MEMORY. */
int password_check(const char *hash, const char *password, bool *ret, struct dr_err *err)
	DR_MUST_CHECK;

/* wrong_login: UNAUTHENTICATED "invalid_client": the one answer to credentials that prove nothing.
 */
int wrong_login(struct dr_err *err);

/* client_login, user_login: who proves to be one. UNAUTHENTICATED "invalid_client", whatever was
 * wrong. A revoked client proves nothing. */
int client_login(struct catalogue *c, const char *id, const char *secret, struct api_client *ret,
		 struct dr_err *err) DR_MUST_CHECK;
int user_login(struct catalogue *c, const char *name, const char *password, struct user *ret,
	       struct dr_err *err) DR_MUST_CHECK;

/* token_mint: new random tokens for `t` (expires_at and the scopes are set), stored and granted. */
int token_mint(struct catalogue *c, struct token *t, bool refresh, struct token_grant *ret,
	       struct dr_err *err) DR_MUST_CHECK;
/* token_principal: who the bearer of `t` is, scoped to `account` (NULL or "": its usual one). */
int token_principal(struct catalogue *c, const struct token *t, const char *account,
		    struct principal *ret, struct dr_err *err) DR_MUST_CHECK;

#endif
