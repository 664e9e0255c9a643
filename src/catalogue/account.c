/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "catalogue/catalogue_internal.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

/* ---- accounts ---- */

#define ACCOUNT_COLUMNS                                                                      \
	"a.id, a.name, a.status, a.created_at, a.limit_virtual_bytes, a.limit_upload_bytes," \
	" a.limit_stored_bytes, a.limit_imports"

static void read_account(struct row *r, void *ret)
{
	struct account *a = (struct account *)ret;

	row_text(r, a->id, sizeof(a->id));
	row_text(r, a->name, sizeof(a->name));
	row_text(r, a->status, sizeof(a->status));
	a->created_at = row_i64(r);
	a->limits.virtual_bytes = row_u64(r);
	a->limits.upload_bytes = row_u64(r);
	a->limits.stored_bytes = row_u64(r);
	a->limits.imports = row_u64(r);
}

/* The largest number a column holds without turning negative. */
static struct db_value limit_value(uint64_t limit)
{
	return db_size(limit > INT64_MAX ? INT64_MAX : limit);
}

int catalogue_account_create(struct catalogue *c, struct account *a, struct dr_err *err)
{
	dr_session s = {0};
	int64_t now = dr_wall();
	struct db_value args[] = {
		db_text(NULL),
		db_text(a->name),
		db_int(now),
		limit_value(a->limits.virtual_bytes),
		limit_value(a->limits.upload_bytes),
		limit_value(a->limits.stored_bytes),
		limit_value(a->limits.imports),
	};

	if (session_write(&s, c, err) < 0)
		return -1;
	if (new_id(&s, "acc",
		   "INSERT INTO accounts (id, name, status, created_at, limit_virtual_bytes,"
		   " limit_upload_bytes, limit_stored_bytes, limit_imports, changes)"
		   " VALUES ($1, $2, 'active', $3, $4, $5, $6, $7, 0)"
		   " ON CONFLICT (id) DO NOTHING RETURNING id",
		   args, sizeof(args) / sizeof(args[0]), a->id, err) < 0)
		return -1;
	dr_copy(a->status, sizeof(a->status), "active");
	a->created_at = now;
	return session_commit(&s, err);
}

int catalogue_account_get(struct catalogue *c, const char *id, struct account *ret,
			  struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (session_read(&s, c, err) < 0)
		return -1;
	if (db_query(s.db, "SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.id = $1",
		     DB_ARGS(db_text(id)), &st, err) < 0 ||
	    one_row(st, "account", err) < 0)
		return -1;
	row = row_of(st);
	read_account(&row, ret);
	return row_check(&row, err);
}

int catalogue_account_set_name(struct catalogue *c, const char *id, const char *name,
			       struct dr_err *err)
{
	return write_one(c, "account", "UPDATE accounts SET name = $2 WHERE id = $1 RETURNING id",
			 DB_ARGS(db_text(id), db_text(name)), err);
}

int catalogue_account_set_limits(struct catalogue *c, const char *id,
				 const struct account_limits *l, struct dr_err *err)
{
	return write_one(c, "account",
			 "UPDATE accounts SET limit_virtual_bytes = $2, limit_upload_bytes = $3,"
			 " limit_stored_bytes = $4, limit_imports = $5 WHERE id = $1 RETURNING id",
			 DB_ARGS(db_text(id), limit_value(l->virtual_bytes),
				 limit_value(l->upload_bytes), limit_value(l->stored_bytes),
				 limit_value(l->imports)),
			 err);
}

static int list_accounts(struct catalogue *c, const char *sql, const struct db_value *args,
			 size_t n, struct account **ret, size_t *ret_n, struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;

	if (session_read(&s, c, err) < 0 || db_query(s.db, sql, args, n, &st, err) < 0)
		return -1;
	return rows_collect(st, sizeof(**ret), read_account, (void **)ret, ret_n, err);
}

int catalogue_account_list(struct catalogue *c, struct account **ret, size_t *ret_n,
			   struct dr_err *err)
{
	return list_accounts(c, "SELECT " ACCOUNT_COLUMNS " FROM accounts a ORDER BY a.id", NULL, 0,
			     ret, ret_n, err);
}

int catalogue_account_list_for_user(struct catalogue *c, const char *user, struct account **ret,
				    size_t *ret_n, struct dr_err *err)
{
	return list_accounts(c,
			     "SELECT " ACCOUNT_COLUMNS " FROM memberships m"
			     " JOIN accounts a ON a.id = m.account"
			     " JOIN users u ON u.id = m.user_id"
			     " WHERE m.user_id = $1"
			     " ORDER BY CASE WHEN a.id = u.default_account THEN 0 ELSE 1 END, a.id",
			     DB_ARGS(db_text(user)), ret, ret_n, err);
}

int catalogue_account_has_user(struct catalogue *c, const char *account, const char *user,
			       bool *ret, struct dr_err *err)
{
	dr_session s = {0};
	int rc;

	if (session_read(&s, c, err) < 0)
		return -1;
	rc = db_run(s.db, "SELECT 1 FROM memberships WHERE user_id = $1 AND account = $2",
		    DB_ARGS(db_text(user), db_text(account)), err);
	if (rc < 0)
		return -1;
	*ret = rc > 0;
	return 0;
}

static int add_member(struct db *db, const char *account, const char *user, struct dr_err *err)
{
	return db_run(db,
		      "INSERT INTO memberships (account, position, user_id)"
		      " SELECT $1, COALESCE(MAX(position), 0) + 1, $2 FROM memberships"
		      " WHERE account = $1"
		      " ON CONFLICT (user_id, account) DO NOTHING",
		      DB_ARGS(db_text(account), db_text(user)), err);
}

static int must_exist(struct db *db, const char *sql, const char *id, const char *what,
		      struct dr_err *err)
{
	return must_meet(db_run(db, sql, DB_ARGS(db_text(id)), err), what, err);
}

int catalogue_account_add_user(struct catalogue *c, const char *account, const char *user,
			       struct dr_err *err)
{
	dr_session s = {0};

	if (session_write(&s, c, err) < 0 ||
	    must_exist(s.db, "SELECT 1 FROM accounts WHERE id = $1", account, "account", err) < 0 ||
	    must_exist(s.db, "SELECT 1 FROM users WHERE id = $1", user, "user", err) < 0 ||
	    add_member(s.db, account, user, err) < 0)
		return -1;
	return session_commit(&s, err);
}

/* ---- users ---- */

#define USER_COLUMNS "u.id, u.name, u.email, u.ssh_key, u.default_account, u.created_at"

static void read_user(struct row *r, void *ret)
{
	struct user *u = (struct user *)ret;

	row_text(r, u->id, sizeof(u->id));
	row_text(r, u->name, sizeof(u->name));
	row_text(r, u->email, sizeof(u->email));
	row_text(r, u->ssh_key, sizeof(u->ssh_key));
	row_text(r, u->default_account, sizeof(u->default_account));
	u->created_at = row_i64(r);
}

/* email_key: under which an address is unique: ASCII letters in lower case. */
static void email_key(const char *email, char ret[static EMAIL_TEXT])
{
	dr_copy(ret, EMAIL_TEXT, email);
	for (char *p = ret; *p; p++) {
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
	}
}

/* check_email_free: nobody but `user` ("" = nobody at all) has this address. */
static int check_email_free(struct db *db, const char *key, const char *user, struct dr_err *err)
{
	int rc = db_run(db, "SELECT 1 FROM users WHERE email_key = $1 AND id <> $2",
			DB_ARGS(db_text(key), db_text(user)), err);

	if (rc > 0)
		return dr_fail(err, DR_CONFLICT, "that e-mail address is taken");
	return rc;
}

int catalogue_user_create(struct catalogue *c, struct user *u, const char *password_hash,
			  const char *account, struct dr_err *err)
{
	dr_session s = {0};
	int64_t now = dr_wall();
	char key[EMAIL_TEXT];
	struct db_value args[] = {
		db_text(NULL),       db_text(u->name),       db_text(u->email), db_text(key),
		db_text(u->ssh_key), db_text(password_hash), db_text(account),  db_int(now),
	};

	email_key(u->email, key);
	if (session_write(&s, c, err) < 0 || check_email_free(s.db, key, "", err) < 0)
		return -1;
	if (account &&
	    must_exist(s.db, "SELECT 1 FROM accounts WHERE id = $1", account, "account", err) < 0)
		return -1;
	if (new_id(&s, "usr",
		   "INSERT INTO users (id, name, email, email_key, ssh_key, password_hash,"
		   " default_account, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
		   " ON CONFLICT (id) DO NOTHING RETURNING id",
		   args, sizeof(args) / sizeof(args[0]), u->id, err) < 0)
		return -1;
	if (account && add_member(s.db, account, u->id, err) < 0)
		return -1;
	dr_copy(u->default_account, sizeof(u->default_account), account ? account : "");
	u->created_at = now;
	return session_commit(&s, err);
}

static int get_user(struct catalogue *c, const char *sql, const char *arg, struct user *ret,
		    struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, sql, DB_ARGS(db_text(arg)), &st, err) < 0 ||
	    one_row(st, "user", err) < 0)
		return -1;
	row = row_of(st);
	read_user(&row, ret);
	return row_check(&row, err);
}

int catalogue_user_get(struct catalogue *c, const char *id, struct user *ret, struct dr_err *err)
{
	return get_user(c, "SELECT " USER_COLUMNS " FROM users u WHERE u.id = $1", id, ret, err);
}

int catalogue_account_owner(struct catalogue *c, const char *account, struct user *ret,
			    struct dr_err *err)
{
	return get_user(c,
			"SELECT " USER_COLUMNS
			" FROM memberships m JOIN users u ON u.id = m.user_id"
			" WHERE m.account = $1 ORDER BY m.position LIMIT 1",
			account, ret, err);
}

int catalogue_user_for_login(struct catalogue *c, const char *login, struct user *ret,
			     char ret_hash[static 160], struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	bool by_id = dr_starts(login, "usr-") && !strchr(login, '@');
	char key[EMAIL_TEXT];
	struct row row;

	if (strlen(login) >= sizeof(key))
		return dr_fail(err, DR_NOT_FOUND, "no such user");
	email_key(login, key);
	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db,
		     by_id ? "SELECT u.password_hash, " USER_COLUMNS " FROM users u WHERE u.id = $1"
			   : "SELECT u.password_hash, " USER_COLUMNS
			     " FROM users u WHERE u.email_key = $1",
		     DB_ARGS(db_text(key)), &st, err) < 0 ||
	    one_row(st, "user", err) < 0)
		return -1;
	row = row_of(st);
	row_text(&row, ret_hash, 160);
	read_user(&row, ret);
	return row_check(&row, err);
}

int catalogue_user_update(struct catalogue *c, const struct user *u, struct dr_err *err)
{
	dr_session s = {0};
	char key[EMAIL_TEXT];

	email_key(u->email, key);
	if (session_write(&s, c, err) < 0 || check_email_free(s.db, key, u->id, err) < 0)
		return -1;
	if (must_meet(db_run(s.db,
			     "UPDATE users SET name = $2, email = $3, email_key = $4, ssh_key = $5"
			     " WHERE id = $1 RETURNING id",
			     DB_ARGS(db_text(u->id), db_text(u->name), db_text(u->email),
				     db_text(key), db_text(u->ssh_key)),
			     err),
		      "user", err) < 0)
		return -1;
	return session_commit(&s, err);
}

int catalogue_user_set_password(struct catalogue *c, const char *id, const char *password_hash,
				struct dr_err *err)
{
	dr_session s = {0};

	if (session_write(&s, c, err) < 0 ||
	    must_meet(db_run(s.db, "UPDATE users SET password_hash = $2 WHERE id = $1 RETURNING id",
			     DB_ARGS(db_text(id), db_text(password_hash)), err),
		      "user", err) < 0 ||
	    db_run(s.db, "DELETE FROM tokens WHERE user_id = $1", DB_ARGS(db_text(id)), err) < 0 ||
	    db_run(s.db, "DELETE FROM refresh_tokens WHERE user_id = $1", DB_ARGS(db_text(id)),
		   err) < 0)
		return -1;
	return session_commit(&s, err);
}

int catalogue_user_list(struct catalogue *c, const char *account, struct user **ret, size_t *ret_n,
			struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	int rc;

	if (session_read(&s, c, err) < 0)
		return -1;
	if (account)
		rc = db_query(s.db,
			      "SELECT " USER_COLUMNS " FROM memberships m"
			      " JOIN users u ON u.id = m.user_id"
			      " WHERE m.account = $1 ORDER BY m.position",
			      DB_ARGS(db_text(account)), &st, err);
	else
		rc = db_query(s.db, "SELECT " USER_COLUMNS " FROM users u ORDER BY u.id", NULL, 0,
			      &st, err);
	if (rc < 0)
		return -1;
	return rows_collect(st, sizeof(**ret), read_user, (void **)ret, ret_n, err);
}
