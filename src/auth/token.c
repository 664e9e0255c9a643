/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "auth/auth_internal.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

static void hash_of(const char *secret, struct digest *ret)
{
	digest_of(secret, strlen(secret), ret);
}

int wrong_login(struct dr_err *err)
{
	return dr_refuse(err, DR_UNAUTHENTICATED, "invalid_client",
			 "the credentials are not valid");
}

/* found: 1, 0 for NOT_FOUND, -1 with err for any other failure. */
static int found(int rc, const struct dr_err *e, struct dr_err *err)
{
	if (rc == 0)
		return 1;
	if (e->code == DR_NOT_FOUND)
		return 0;
	*err = *e;
	return -1;
}

int client_login(struct catalogue *c, const char *id, const char *secret, struct api_client *ret,
		 struct dr_err *err)
{
	uint8_t stored[SECRET_HASH_BYTES] = {0};
	uint8_t given[SECRET_HASH_BYTES];
	struct dr_err e = DR_ERR_INIT;
	bool same;
	int known;

	if (!id || !secret)
		return wrong_login(err);
	known = found(catalogue_client_get(c, id, ret, stored, &e), &e, err);
	if (known < 0)
		return -1;
	auth_secret_hash(secret, given);
	same = secret_equal(given, sizeof(given), stored, sizeof(stored));
	if (!known || !same || ret->revoked_at)
		return wrong_login(err);
	return 0;
}

int user_login(struct catalogue *c, const char *name, const char *password, struct user *ret,
	       struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	char hash[160] = "";
	bool right;
	int known = found(catalogue_user_for_login(c, name, ret, hash, &e), &e, err);

	if (known < 0 || password_check(known ? hash : NULL, password, &right, err) < 0)
		return -1;
	return right ? 0 : wrong_login(err);
}

int token_mint(struct catalogue *c, struct token *t, bool refresh, struct token_grant *ret,
	       struct dr_err *err)
{
	struct token_grant grant = {.scope_infrastructure = t->scope_infrastructure,
				    .scope_orbit = t->scope_orbit};
	struct digest access_hash;
	struct digest refresh_hash;
	int64_t now = dr_wall();

	auth_new_token(grant.access_token);
	hash_of(grant.access_token, &access_hash);
	t->refresh_expires_at = 0;
	if (refresh) {
		auth_new_token(grant.refresh_token);
		hash_of(grant.refresh_token, &refresh_hash);
		t->refresh_expires_at = now + REFRESH_SECONDS;
	}
	if (catalogue_token_create(c, &access_hash, refresh ? &refresh_hash : NULL, t, err) < 0)
		return -1;
	grant.expires_in = t->expires_at - now;
	*ret = grant;
	return 0;
}

/* ---- POST /token ---- */

/* parse_scope: "infrastructure, orbit" or any part of it, separated by blanks or commas (api.md
 * sections 1.1, 10). Nothing is everything. */
static int parse_scope(const char *text, struct token *ret, struct dr_err *err)
{
	static const char separators[] = " ,";
	const char *p = text ? text : "";

	ret->scope_infrastructure = false;
	ret->scope_orbit = false;
	for (p += strspn(p, separators); *p; p += strspn(p, separators)) {
		size_t len = strcspn(p, separators);

		if (len == 14 && memcmp(p, "infrastructure", len) == 0)
			ret->scope_infrastructure = true;
		else if (len == 5 && memcmp(p, "orbit", len) == 0)
			ret->scope_orbit = true;
		else
			return dr_refuse(err, DR_INVALID, "invalid_scope",
					 "scopes are infrastructure and orbit");
		p += len;
	}
	if (!ret->scope_infrastructure && !ret->scope_orbit) {
		ret->scope_infrastructure = true;
		ret->scope_orbit = true;
	}
	return 0;
}

static int wrong_grant(struct dr_err *err)
{
	return dr_refuse(err, DR_INVALID, "unauthorized_client",
			 "this grant type is not for this kind of client");
}

static bool is_application(const struct api_client *client)
{
	return dr_starts(client->id, "app-");
}

static int grant_client(const struct api_client *client, struct token *t, struct dr_err *err)
{
	if (is_application(client))
		return wrong_grant(err);
	memcpy(t->client, client->id, sizeof(t->client));
	memcpy(t->account, client->account, sizeof(t->account));
	return 0;
}

static int grant_password(struct catalogue *c, const struct token_request *rq,
			  const struct api_client *client, struct token *t, struct dr_err *err)
{
	struct user user;

	if (!rq->username || !rq->password)
		return dr_refuse(err, DR_INVALID, "invalid_request",
				 "username and password are needed");
	/* before the kind of client: a known CLI asks like this for an API client, and must be
	 * told that the login is wrong (api.md section 6.2) */
	if (!rq->username[0])
		return wrong_login(err);
	if (!is_application(client))
		return wrong_grant(err);
	if (user_login(c, rq->username, rq->password, &user, err) < 0)
		return -1;
	memcpy(t->client, client->id, sizeof(t->client));
	memcpy(t->user, user.id, sizeof(t->user));
	return 0;
}

static int grant_refresh(struct catalogue *c, const struct token_request *rq,
			 const struct api_client *client, struct token *t, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	struct token old;
	struct digest hash;
	int known;

	if (!rq->refresh_token)
		return dr_refuse(err, DR_INVALID, "invalid_request", "a refresh_token is needed");
	hash_of(rq->refresh_token, &hash);
	known = found(catalogue_token_use_refresh(c, &hash, &old, &e), &e, err);
	if (known < 0)
		return -1;
	if (!known || strcmp(old.client, client->id) != 0)
		return dr_refuse(err, DR_INVALID, "invalid_grant",
				 "the refresh token is unknown, expired or used");
	/* without a wish: what it had. RFC 6749 section 6: never more */
	if (!rq->scope || !rq->scope[0]) {
		t->scope_infrastructure = old.scope_infrastructure;
		t->scope_orbit = old.scope_orbit;
	} else if ((t->scope_infrastructure && !old.scope_infrastructure) ||
		   (t->scope_orbit && !old.scope_orbit)) {
		return dr_refuse(err, DR_INVALID, "invalid_scope",
				 "the scope is wider than the one granted");
	}
	memcpy(t->client, old.client, sizeof(t->client));
	memcpy(t->user, old.user, sizeof(t->user));
	return 0;
}

int auth_token(struct catalogue *c, const struct token_request *rq, struct token_grant *ret,
	       struct dr_err *err)
{
	struct token t = {.expires_at = dr_wall() + TOKEN_SECONDS};
	struct api_client client;
	int rc = -1;

	if (client_login(c, rq->client_id, rq->client_secret, &client, err) < 0 ||
	    parse_scope(rq->scope, &t, err) < 0)
		return -1;
	switch (rq->grant) {
	case GRANT_CLIENT_CREDENTIALS:
		rc = grant_client(&client, &t, err);
		break;
	case GRANT_PASSWORD:
		rc = grant_password(c, rq, &client, &t, err);
		break;
	case GRANT_REFRESH:
		rc = grant_refresh(c, rq, &client, &t, err);
		break;
	}
	if (rc < 0)
		return -1;
	return token_mint(c, &t, rq->grant != GRANT_CLIENT_CREDENTIALS, ret, err);
}

/* ---- bearers ---- */

static int not_theirs(struct dr_err *err)
{
	return dr_fail(err, DR_NOT_FOUND, RESOURCE_NOT_FOUND);
}

static int client_principal(struct catalogue *c, const struct token *t, const char *account,
			    struct principal *ret, struct dr_err *err)
{
	uint8_t hash[SECRET_HASH_BYTES];
	struct api_client client;

	if (account && strcmp(account, t->account) != 0)
		return not_theirs(err);
	if (catalogue_client_get(c, t->client, &client, hash, err) < 0)
		return -1;
	ret->kind = PRINCIPAL_CLIENT;
	ret->storage_only = client.storage_only;
	memcpy(ret->client, t->client, sizeof(ret->client));
	memcpy(ret->account, t->account, sizeof(ret->account));
	return 0;
}

static int user_principal(struct catalogue *c, const struct token *t, const char *account,
			  struct principal *ret, struct dr_err *err)
{
	dr_autofree struct account *accounts = NULL;
	bool member = false;
	size_t n = 0;

	ret->kind = PRINCIPAL_USER;
	memcpy(ret->user, t->user, sizeof(ret->user));
	if (account) {
		if (catalogue_account_has_user(c, account, t->user, &member, err) < 0)
			return -1;
		return member && dr_copy(ret->account, sizeof(ret->account), account)
			       ? 0
			       : not_theirs(err);
	}
	if (catalogue_account_list_for_user(c, t->user, &accounts, &n, err) < 0)
		return -1;
	if (n > 0)
		memcpy(ret->account, accounts[0].id, sizeof(ret->account));
	return 0;
}

int token_principal(struct catalogue *c, const struct token *t, const char *account,
		    struct principal *ret, struct dr_err *err)
{
	struct principal p = {.scope_infrastructure = t->scope_infrastructure,
			      .scope_orbit = t->scope_orbit,
			      .expires_at = t->expires_at};
	int rc;

	if (account && !account[0])
		account = NULL;
	rc = t->user[0] ? user_principal(c, t, account, &p, err)
			: client_principal(c, t, account, &p, err);
	if (rc < 0)
		return -1;
	*ret = p;
	return 0;
}

int auth_bearer(struct catalogue *c, const char *token, const char *account, struct principal *ret,
		struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	struct digest hash;
	struct token t;
	int known;

	hash_of(token ? token : "", &hash);
	known = found(catalogue_token_get(c, &hash, &t, &e), &e, err);
	if (known < 0)
		return -1;
	if (!known)
		return dr_refuse(err, DR_UNAUTHENTICATED, "invalid_token",
				 "the access token is not valid");
	if (t.expires_at <= dr_wall())
		return dr_refuse(err, DR_UNAUTHENTICATED, "expired_token",
				 "the access token has expired");
	return token_principal(c, &t, account, ret, err);
}
