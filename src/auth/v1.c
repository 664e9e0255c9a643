/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "auth/auth_internal.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

static bool looks_like_token(const char *key)
{
	return strlen(key) == TOKEN_TEXT - 1 && strspn(key, "0123456789abcdef") == TOKEN_TEXT - 1;
}

/* names_bearer: `name` is a name of whoever holds the token. */
static bool names_bearer(struct catalogue *c, const char *name, const struct token *t)
{
	struct dr_err e = DR_ERR_INIT;
	struct user user;
	char hash[160];

	if (!t->user[0])
		return strcmp(name, t->client) == 0;
	return catalogue_user_for_login(c, name, &user, hash, &e) == 0 &&
	       strcmp(user.id, t->user) == 0;
}

/* try_token: 1 when the key is an access token of `name`, and whose; 0 when it is not: it may be a
 * password that looks like one. */
static int try_token(struct catalogue *c, const char *name, const char *key, struct token *ret,
		     struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	struct digest hash;

	if (!looks_like_token(key))
		return 0;
	digest_of(key, strlen(key), &hash);
	if (catalogue_token_get(c, &hash, ret, &e) < 0) {
		if (e.code == DR_NOT_FOUND)
			return 0;
		*err = e;
		return -1;
	}
	return ret->expires_at > dr_wall() && ret->scope_orbit && names_bearer(c, name, ret);
}

static int try_secret(struct catalogue *c, const char *name, const char *key, struct token *ret,
		      struct dr_err *err)
{
	struct api_client client;
	struct user user;

	*ret = (struct token){.expires_at = dr_wall() + TOKEN_SECONDS};
	if (dr_starts(name, "cli-") && !strchr(name, '@')) {
		if (client_login(c, name, key, &client, err) < 0)
			return -1;
		memcpy(ret->client, client.id, sizeof(ret->client));
		memcpy(ret->account, client.account, sizeof(ret->account));
		return 0;
	}
	if (user_login(c, name, key, &user, err) < 0)
		return -1;
	memcpy(ret->user, user.id, sizeof(ret->user));
	return 0;
}

/* prove: who `user` with this key is, as a token of theirs would be; the principal scoped to
 * `account`. */
static int prove(struct catalogue *c, const char *user, const char *key, const char *account,
		 struct token *t, struct principal *ret, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	int rc;

	if (!key)
		return wrong_login(err);
	rc = try_token(c, user, key, t, err);
	if (rc == 0)
		rc = try_secret(c, user, key, t, err);
	if (rc < 0)
		return -1;
	t->scope_infrastructure = false;
	t->scope_orbit = true;
	if (token_principal(c, t, account, ret, &e) < 0) {
		if (e.code == DR_NOT_FOUND)
			return wrong_login(err);
		*err = e;
		return -1;
	}
	return 0;
}

int auth_v1(struct catalogue *c, const char *user, const char *key, const char *account,
	    struct token_grant *ret, struct principal *ret_principal, struct dr_err *err)
{
	struct token t;

	if (!user || !user[0])
		return dr_fail(err, DR_INVALID, "X-Auth-User is empty");
	if (prove(c, user, key, account, &t, ret_principal, err) < 0)
		return -1;
	return token_mint(c, &t, false, ret, err);
}

int auth_login(struct catalogue *c, const char *user, const char *key, const char *account,
	       struct principal *ret, struct dr_err *err)
{
	struct token t;

	return prove(c, user, key, account, &t, ret, err);
}

int auth_user(struct catalogue *c, const char *name, const char *account, struct user *ret_user,
	      struct principal *ret, struct dr_err *err)
{
	struct token t = {.scope_orbit = true, .expires_at = dr_wall() + TOKEN_SECONDS};
	struct dr_err e = DR_ERR_INIT;
	char hash[160];

	if (catalogue_user_for_login(c, name, ret_user, hash, &e) == 0) {
		memcpy(t.user, ret_user->id, sizeof(t.user));
		if (token_principal(c, &t, account, ret, &e) == 0)
			return 0;
	}
	if (e.code == DR_NOT_FOUND)
		return wrong_login(err);
	*err = e;
	return -1;
}
