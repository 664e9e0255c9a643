/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "catalogue/catalogue_internal.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define EXPIRED_KEPT_SECONDS 86400
#define HASH_HEX (2 * SECRET_HASH_BYTES + 1)

/* ---- clients ---- */

#define CLIENT_COLUMNS "id, account, name, description, storage_only, created_at, revoked_at"

static void read_client(struct row *r, void *ret)
{
	struct api_client *cl = (struct api_client *)ret;

	row_text(r, cl->id, sizeof(cl->id));
	row_text(r, cl->account, sizeof(cl->account));
	row_text(r, cl->name, sizeof(cl->name));
	row_text(r, cl->description, sizeof(cl->description));
	cl->storage_only = row_bool(r);
	cl->created_at = row_i64(r);
	cl->revoked_at = row_i64(r);
}

int catalogue_client_create(struct catalogue *c, struct api_client *cl,
			    const uint8_t secret_hash[static SECRET_HASH_BYTES], struct dr_err *err)
{
	dr_session s = {0};
	int64_t now = dr_wall();
	char hash[HASH_HEX];
	struct db_value args[] = {
		db_text(NULL),
		db_text(cl->account),
		db_text(cl->name),
		db_text(cl->description),
		db_int(cl->storage_only),
		db_text(hash),
		db_int(now),
	};

	hex_encode(secret_hash, SECRET_HASH_BYTES, hash);
	if (session_write(&s, c, err) < 0 ||
	    must_meet(db_run(s.db, "SELECT 1 FROM accounts WHERE id = $1",
			     DB_ARGS(db_text(cl->account)), err),
		      "account", err) < 0)
		return -1;
	if (new_id(&s, "cli",
		   "INSERT INTO clients (id, account, name, description, storage_only, secret_hash,"
		   " created_at, revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)"
		   " ON CONFLICT (id) DO NOTHING RETURNING id",
		   args, sizeof(args) / sizeof(args[0]), cl->id, err) < 0)
		return -1;
	cl->created_at = now;
	cl->revoked_at = 0;
	return session_commit(&s, err);
}

int catalogue_client_get(struct catalogue *c, const char *id, struct api_client *ret,
			 uint8_t ret_hash[static SECRET_HASH_BYTES], struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, "SELECT secret_hash, " CLIENT_COLUMNS " FROM clients WHERE id = $1",
		     DB_ARGS(db_text(id)), &st, err) < 0 ||
	    one_row(st, "API client", err) < 0)
		return -1;
	row = row_of(st);
	row_hex(&row, ret_hash, SECRET_HASH_BYTES);
	read_client(&row, ret);
	return row_check(&row, err);
}

int catalogue_client_list(struct catalogue *c, const char *account, struct api_client **ret,
			  size_t *ret_n, struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, "SELECT " CLIENT_COLUMNS " FROM clients WHERE account = $1 ORDER BY id",
		     DB_ARGS(db_text(account)), &st, err) < 0)
		return -1;
	return rows_collect(st, sizeof(**ret), read_client, (void **)ret, ret_n, err);
}

int catalogue_client_update(struct catalogue *c, const struct api_client *cl, struct dr_err *err)
{
	return write_one(c, "API client",
			 "UPDATE clients SET name = $2, description = $3, storage_only = $4,"
			 " revoked_at = $5 WHERE id = $1 RETURNING id",
			 DB_ARGS(db_text(cl->id), db_text(cl->name), db_text(cl->description),
				 db_int(cl->storage_only), db_int(cl->revoked_at)),
			 err);
}

int catalogue_client_set_secret(struct catalogue *c, const char *id,
				const uint8_t secret_hash[static SECRET_HASH_BYTES],
				struct dr_err *err)
{
	char hash[HASH_HEX];

	hex_encode(secret_hash, SECRET_HASH_BYTES, hash);
	return write_one(c, "API client",
			 "UPDATE clients SET secret_hash = $2 WHERE id = $1 RETURNING id",
			 DB_ARGS(db_text(id), db_text(hash)), err);
}

/* ---- tokens ---- */

#define TOKEN_COLUMNS "account, client, user_id, scope_infrastructure, scope_orbit, expires_at"

static void read_token(struct row *r, struct token *t)
{
	row_text(r, t->account, sizeof(t->account));
	row_text(r, t->client, sizeof(t->client));
	row_text(r, t->user, sizeof(t->user));
	t->scope_infrastructure = row_bool(r);
	t->scope_orbit = row_bool(r);
	t->expires_at = row_i64(r);
	t->refresh_expires_at = 0;
}

static int insert_token(struct db *db, const char *sql, const struct digest *hash,
			const struct token *t, int64_t expires_at, struct dr_err *err)
{
	char hex[DIGEST_HEX];

	digest_hex(hash, hex);
	return db_run(db, sql,
		      DB_ARGS(db_text(hex), db_ref(t->account), db_ref(t->client), db_ref(t->user),
			      db_int(t->scope_infrastructure), db_int(t->scope_orbit),
			      db_int(expires_at)),
		      err);
}

int catalogue_token_create(struct catalogue *c, const struct digest *token,
			   const struct digest *refresh, const struct token *t, struct dr_err *err)
{
	dr_session s = {0};

	if (session_write(&s, c, err) < 0 ||
	    insert_token(s.db,
			 "INSERT INTO tokens (hash, " TOKEN_COLUMNS ")"
			 " VALUES ($1, $2, $3, $4, $5, $6, $7)",
			 token, t, t->expires_at, err) < 0)
		return -1;
	if (refresh && insert_token(s.db,
				    "INSERT INTO refresh_tokens (hash, " TOKEN_COLUMNS ")"
				    " VALUES ($1, $2, $3, $4, $5, $6, $7)",
				    refresh, t, t->refresh_expires_at, err) < 0)
		return -1;
	return session_commit(&s, err);
}

int catalogue_token_get(struct catalogue *c, const struct digest *token, struct token *ret,
			struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	char hex[DIGEST_HEX];
	struct row row;

	digest_hex(token, hex);
	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE hash = $1",
		     DB_ARGS(db_text(hex)), &st, err) < 0 ||
	    one_row(st, "token", err) < 0)
		return -1;
	row = row_of(st);
	read_token(&row, ret);
	return row_check(&row, err);
}

/* spend: the row of a refresh token leaves the table. */
static int spend(struct db *db, const char *hex, struct token *ret, struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (db_query(db, "DELETE FROM refresh_tokens WHERE hash = $1 RETURNING " TOKEN_COLUMNS,
		     DB_ARGS(db_text(hex)), &st, err) < 0 ||
	    one_row(st, "refresh token", err) < 0)
		return -1;
	row = row_of(st);
	read_token(&row, ret);
	ret->refresh_expires_at = ret->expires_at;
	ret->expires_at = 0;
	return row_check(&row, err);
}

int catalogue_token_use_refresh(struct catalogue *c, const struct digest *refresh,
				struct token *ret, struct dr_err *err)
{
	dr_session s = {0};
	struct token t = {0};
	char hex[DIGEST_HEX];

	digest_hex(refresh, hex);
	if (session_write(&s, c, err) < 0 || spend(s.db, hex, &t, err) < 0 ||
	    session_commit(&s, err) < 0)
		return -1;
	if (t.refresh_expires_at <= dr_wall())
		return dr_fail(err, DR_NOT_FOUND, "no such refresh token");
	*ret = t;
	return 0;
}

int catalogue_token_prune(struct catalogue *c, int64_t now, struct dr_err *err)
{
	struct db_value before = db_int(now - EXPIRED_KEPT_SECONDS);
	dr_session s = {0};

	if (session_write(&s, c, err) < 0 ||
	    db_run(s.db, "DELETE FROM tokens WHERE expires_at < $1", &before, 1, err) < 0 ||
	    db_run(s.db, "DELETE FROM refresh_tokens WHERE expires_at < $1", &before, 1, err) < 0)
		return -1;
	return session_commit(&s, err);
}
