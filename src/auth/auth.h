/* SPDX-License-Identifier: Apache-2.0
 *
 * auth: credentials in, principals out (api.md sections 1 and 7.2).
 *
 * Passwords are hashed with Argon2id (libsodium, interactive limits); client secrets (15 characters
 * of [a-z0-9]) and tokens (40 hex) are random, so a plain SHA-256 of them is stored. Comparisons
 * are constant time, and an unknown name costs what a wrong password costs. Any thread. */
#ifndef DR_AUTH_AUTH_H
#define DR_AUTH_AUTH_H

#include "catalogue/catalogue.h"

#define TOKEN_TEXT 41
#define SECRET_TEXT 16
#define TOKEN_SECONDS 7200
#define REFRESH_SECONDS (30 * 86400)

enum principal_kind { PRINCIPAL_NONE, PRINCIPAL_CLIENT, PRINCIPAL_USER, PRINCIPAL_OPERATOR };

/* Who asks. Filled by auth, passed to every verb of library. */
struct principal {
	enum principal_kind kind;
	char client[ID_TEXT];
	char user[ID_TEXT];
	char account[ID_TEXT]; /* the account the request is scoped to; "" for none */
	bool storage_only;
	bool scope_infrastructure;
	bool scope_orbit;
	int64_t expires_at; /* of the token */
};

/* What is not there and what is not yours are told with the same words, here and in library. */
#define RESOURCE_NOT_FOUND "Resource not found"

int auth_init(struct dr_err *err) DR_MUST_CHECK; /* before anything else; again is fine */
/* new random secrets */
void auth_new_token(char ret[static TOKEN_TEXT]);
void auth_new_secret(char ret[static SECRET_TEXT]);
void auth_secret_hash(const char *secret, uint8_t ret[static SECRET_HASH_BYTES]);
/* auth_password_hash: 1 to PASSWORD_BYTES bytes; INVALID otherwise. One hash takes 64 MiB for some
 * 50 ms, so at most PASSWORD_HASHES run at once in a process (logins likewise); BUSY after 5 s of
 * waiting for a turn. */
#define PASSWORD_BYTES 1024
#define PASSWORD_HASHES 2
int auth_password_hash(const char *password, char ret[static 160], struct dr_err *err)
	DR_MUST_CHECK;

enum grant { GRANT_CLIENT_CREDENTIALS, GRANT_PASSWORD, GRANT_REFRESH };
struct token_request {
	enum grant grant;
	const char *client_id, *client_secret; /* from Basic or the form */
	const char *username, *password;       /* GRANT_PASSWORD */
	const char *refresh_token;             /* GRANT_REFRESH */
	const char *scope;                     /* NULL = both */
};
struct token_grant {
	char access_token[TOKEN_TEXT];
	char refresh_token[TOKEN_TEXT]; /* "" = none */
	bool scope_infrastructure, scope_orbit;
	int64_t expires_in;
};
/* auth_token: POST /token. On failure err->reason is the OAuth error word (invalid_client,
 * invalid_grant, unauthorized_client, invalid_request, invalid_scope) and err->code UNAUTHENTICATED
 * for 401, INVALID for 400 (api.md 1.1). A refresh token is spent by the first client that shows
 * it, and worth something only to the one it was given to. */
int auth_token(struct catalogue *c, const struct token_request *rq, struct token_grant *ret,
	       struct dr_err *err) DR_MUST_CHECK;

/* auth_bearer: an access token. `account`: the account_id asked for, or NULL: the client's own, or
 * the user's default. UNAUTHENTICATED with reason invalid_token or expired_token; NOT_FOUND when
 * the account is not the principal's (RESOURCE_NOT_FOUND). A token outlives its client's
 * revocation (api.md section 9), not a change of its group. */
int auth_bearer(struct catalogue *c, const char *token, const char *account, struct principal *ret,
		struct dr_err *err) DR_MUST_CHECK;

/* auth_v1: Swift v1 authentication by X-Auth-User/X-Auth-Key (client id + secret, e-mail or user id
 * + password, or an access token of theirs, with scope orbit, as the key). Mints a token with scope
 * orbit, which lives no longer than a token used as the key. UNAUTHENTICATED, also for an account
 * that is not theirs; INVALID for an empty user (412). */
int auth_v1(struct catalogue *c, const char *user, const char *key, const char *account,
	    struct token_grant *ret, struct principal *ret_principal, struct dr_err *err)
	DR_MUST_CHECK;
/* auth_login: as auth_v1, for a session of its own: no token is made. */
int auth_login(struct catalogue *c, const char *user, const char *key, const char *account,
	       struct principal *ret, struct dr_err *err) DR_MUST_CHECK;
/* auth_user: the user of that name, who is going to prove it by what *ret_user holds (ssh_key), and
 * who that would be in `account` ("": the default one). UNAUTHENTICATED when there is none, or the
 * account is not theirs. */
int auth_user(struct catalogue *c, const char *name, const char *account, struct user *ret_user,
	      struct principal *ret, struct dr_err *err) DR_MUST_CHECK;

#endif
