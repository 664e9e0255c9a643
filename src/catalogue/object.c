/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "catalogue/catalogue_internal.h"
#include "catalogue/orbit.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define MICROSECONDS 1000000

/* ---- rows ---- */

#define OBJECT_COLUMNS                                                                         \
	"container, name, kind, bytes, md5, etag, content_type, modified_at, delete_at, blob," \
	" stored_bytes, meta"
#define OF_THIS_NAME "container = $1 AND name = $2"

static const char *const kind_names[] = {
	[OBJECT_PLAIN] = "plain",
	[OBJECT_STATIC] = "static",
	[OBJECT_DYNAMIC] = "dynamic",
};

bool object_kind_parse(const char *word, enum object_kind *ret)
{
	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (strcmp(word, kind_names[i]) == 0) {
			*ret = (enum object_kind)i;
			return true;
		}
	}
	return false;
}

static void read_object(struct row *r, struct object *o)
{
	char word[16];
	char key[DIGEST_HEX];

	o->container = row_i64(r);
	row_text(r, o->name, sizeof(o->name));
	row_text(r, word, sizeof(word));
	if (!object_kind_parse(word, &o->kind))
		r->bad = true;
	o->bytes = row_u64(r);
	row_text(r, o->md5, sizeof(o->md5));
	row_text(r, o->etag, sizeof(o->etag));
	row_text(r, o->content_type, sizeof(o->content_type));
	o->modified_at = row_i64(r);
	o->delete_at = row_i64(r);
	row_text(r, key, sizeof(key));
	o->has_blob = key[0] != 0;
	memset(&o->blob, 0, sizeof(o->blob));
	if (o->has_blob && !digest_parse(key, &o->blob))
		r->bad = true;
	o->stored_bytes = row_u64(r);
	row_text(r, o->meta, sizeof(o->meta));
}

/* find: 1 *ret is filled, 0 there is none. */
static int find(struct db *db, int64_t container, const char *name, struct object *ret,
		struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;
	int rc;

	if (db_query(db, "SELECT " OBJECT_COLUMNS " FROM objects WHERE " OF_THIS_NAME,
		     DB_ARGS(db_int(container), db_text(name)), &st, err) < 0)
		return -1;
	rc = db_step(st, err);
	if (rc <= 0)
		return rc;
	row = row_of(st);
	read_object(&row, ret);
	return row_check(&row, err) < 0 ? -1 : 1;
}

static bool has_expired(const struct object *o, int64_t now)
{
	return o->delete_at > 0 && o->delete_at <= now;
}

/* key_text: of the blob; "" without one. */
static const char *key_text(const struct object *o, char hex[static DIGEST_HEX])
{
	hex[0] = 0;
	if (o->has_blob)
		digest_hex(&o->blob, hex);
	return hex;
}

/* ---- sums ---- */

struct change {
	int64_t container;
	int64_t objects, bytes; /* more, or fewer */
	int64_t at;             /* microseconds */
	char account[ID_TEXT];  /* filled */
};

static const struct object_limits no_limits = {
	.container_bytes = UINT64_MAX,
	.container_objects = UINT64_MAX,
	.account_bytes = UINT64_MAX,
};

static int add_to_container(struct db *db, struct change *ch, uint64_t *ret_objects,
			    uint64_t *ret_bytes, struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (db_query(db,
		     "UPDATE containers SET objects = objects + $2, bytes = bytes + $3,"
		     " modified_at = CASE WHEN modified_at < $4 THEN $4 ELSE modified_at END"
		     " WHERE id = $1 RETURNING account, objects, bytes",
		     DB_ARGS(db_int(ch->container), db_int(ch->objects), db_int(ch->bytes),
			     db_int(ch->at)),
		     &st, err) < 0 ||
	    one_row(st, "container", err) < 0)
		return -1;
	row = row_of(st);
	row_text(&row, ch->account, sizeof(ch->account));
	*ret_objects = row_u64(&row);
	*ret_bytes = row_u64(&row);
	if (row_check(&row, err) < 0)
		return -1;
	/* a statement that writes is over only when it has been stepped to its end */
	return db_step(st, err);
}

/* add_up: the change in the container's and the account's sums. What grows must stay within the
 * limits; what shrinks may be above them still. */
static int add_up(struct db *db, struct change *ch, const struct object_limits *limits,
		  struct dr_err *err)
{
	uint64_t objects = 0;
	uint64_t bytes = 0;
	int64_t account_bytes = 0;

	if (add_to_container(db, ch, &objects, &bytes, err) < 0 ||
	    must_meet(
		    db_number(db,
			      "UPDATE accounts SET orbit_objects = orbit_objects + $2,"
			      " orbit_bytes = orbit_bytes + $3 WHERE id = $1"
			      " RETURNING orbit_bytes",
			      DB_ARGS(db_text(ch->account), db_int(ch->objects), db_int(ch->bytes)),
			      &account_bytes, err),
		    "account", err) < 0)
		return -1;
	if ((ch->bytes > 0 && bytes > limits->container_bytes) ||
	    (ch->objects > 0 && objects > limits->container_objects))
		return dr_refuse(err, DR_LIMIT, "quota", "the container's quota is used up");
	if (ch->bytes > 0 && (uint64_t)account_bytes > limits->account_bytes)
		return dr_refuse(err, DR_LIMIT, "quota", "the account's quota is used up");
	return 0;
}

/* ---- one object ---- */

static int write_row(struct db *db, const struct object *o, struct dr_err *err)
{
	char hex[DIGEST_HEX];

	return db_run(db,
		      "INSERT INTO objects (" OBJECT_COLUMNS ")"
		      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
		      " ON CONFLICT (container, name) DO UPDATE SET kind = $3, bytes = $4,"
		      " md5 = $5, etag = $6, content_type = $7, modified_at = $8, delete_at = $9,"
		      " blob = $10, stored_bytes = $11, meta = $12",
		      DB_ARGS(db_int(o->container), db_text(o->name), db_text(kind_names[o->kind]),
			      db_size(o->bytes), db_text(o->md5), db_text(o->etag),
			      db_text(o->content_type), db_int(o->modified_at),
			      db_int(o->delete_at), db_text(key_text(o, hex)),
			      db_size(o->stored_bytes), db_text(o->meta)),
		      err);
}

int catalogue_object_put(struct catalogue *c, struct object *o, const struct object_limits *limits,
			 bool only_new, struct object *ret_old, struct dr_err *err)
{
	dr_session s = {0};
	struct change ch = {.container = o->container, .bytes = (int64_t)o->stored_bytes};
	int found;

	if (o->bytes > CATALOGUE_MAX_BYTES || o->stored_bytes > CATALOGUE_MAX_BYTES)
		return dr_fail(err, DR_INVALID, "a size is beyond every real one");
	if (session_write(&s, c, err) < 0)
		return -1;
	found = find(s.db, o->container, o->name, ret_old, err);
	if (found < 0)
		return -1;
	if (found && only_new && !has_expired(ret_old, o->modified_at / MICROSECONDS))
		return dr_refuse(err, DR_CONFLICT, "precondition",
				 "there is an object of that name already");
	if (found) {
		ch.bytes -= (int64_t)ret_old->stored_bytes;
		if (o->modified_at <= ret_old->modified_at)
			o->modified_at = ret_old->modified_at + 1;
	}
	ch.objects = !found;
	ch.at = o->modified_at;
	if (add_up(s.db, &ch, limits, err) < 0 || write_row(s.db, o, err) < 0 ||
	    session_commit(&s, err) < 0)
		return -1;
	return found;
}

int catalogue_object_get(struct catalogue *c, int64_t container, const char *name, int64_t now,
			 struct object *ret, struct dr_err *err)
{
	dr_session s = {0};
	int found;

	if (session_read(&s, c, err) < 0)
		return -1;
	found = find(s.db, container, name, ret, err);
	if (found > 0 && has_expired(ret, now))
		found = 0;
	return must_meet(found, "object", err);
}

/* touch: a container whose objects changed, but not in number or size. */
static int touch(struct db *db, int64_t container, int64_t at, struct dr_err *err)
{
	return db_run(db,
		      "UPDATE containers SET modified_at = $2 WHERE id = $1 AND modified_at < $2",
		      DB_ARGS(db_int(container), db_int(at)), err);
}

int catalogue_object_set(struct catalogue *c, struct object *o, int64_t now, struct dr_err *err)
{
	dr_session s = {0};
	int64_t at = now > o->modified_at ? now : o->modified_at + 1;
	char hex[DIGEST_HEX];
	int rc;

	if (session_write(&s, c, err) < 0)
		return -1;
	rc = db_run(s.db,
		    "UPDATE objects SET content_type = $5, delete_at = $6, meta = $7,"
		    " modified_at = $8 WHERE " OF_THIS_NAME " AND blob = $3 AND modified_at = $4"
		    " RETURNING name",
		    DB_ARGS(db_int(o->container), db_text(o->name), db_text(key_text(o, hex)),
			    db_int(o->modified_at), db_text(o->content_type), db_int(o->delete_at),
			    db_text(o->meta), db_int(at)),
		    err);
	if (rc == 0)
		return dr_fail(err, DR_CONFLICT, "the object has been changed meanwhile");
	if (rc < 0 || touch(s.db, o->container, at, err) < 0 || session_commit(&s, err) < 0)
		return -1;
	o->modified_at = at;
	return 0;
}

/* ---- deleting ---- */

static int delete_row(struct db *db, const struct object *o, struct dr_err *err)
{
	struct change ch = {
		.container = o->container,
		.objects = -1,
		.bytes = -(int64_t)o->stored_bytes,
		.at = dr_wall_us(),
	};

	if (db_run(db, "DELETE FROM objects WHERE " OF_THIS_NAME,
		   DB_ARGS(db_int(o->container), db_text(o->name)), err) < 0)
		return -1;
	return add_up(db, &ch, &no_limits, err);
}

int catalogue_object_delete(struct catalogue *c, int64_t container, const char *name,
			    struct object *ret_old, struct dr_err *err)
{
	dr_session s = {0};

	if (session_write(&s, c, err) < 0 ||
	    must_meet(find(s.db, container, name, ret_old, err), "object", err) < 0 ||
	    delete_row(s.db, ret_old, err) < 0)
		return -1;
	return session_commit(&s, err);
}

static void read_expired(struct row *r, void *ret)
{
	struct expired_object *e = (struct expired_object *)ret;

	row_text(r, e->account, sizeof(e->account));
	e->container = row_i64(r);
	row_text(r, e->name, sizeof(e->name));
	e->delete_at = row_i64(r);
}

const char object_expired_sql[] =
	"SELECT k.account, o.container, o.name, o.delete_at"
	" FROM objects o JOIN containers k ON k.id = o.container"
	" WHERE o.delete_at > 0 AND o.delete_at <= $1 ORDER BY o.delete_at LIMIT $2";

int catalogue_object_expired(struct catalogue *c, int64_t now, size_t limit,
			     struct expired_object **ret, size_t *ret_n, struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, object_expired_sql,
		     DB_ARGS(db_int(now), db_int(limit > INT64_MAX ? INT64_MAX : (int64_t)limit)),
		     &st, err) < 0)
		return -1;
	return rows_collect(st, sizeof(**ret), read_expired, (void **)ret, ret_n, err);
}

int catalogue_object_expire(struct catalogue *c, const struct expired_object *e,
			    struct object *ret_old, struct dr_err *err)
{
	dr_session s = {0};
	int found;

	if (session_write(&s, c, err) < 0)
		return -1;
	found = find(s.db, e->container, e->name, ret_old, err);
	if (found <= 0 || !has_expired(ret_old, e->delete_at))
		return found < 0 ? -1 : 0;
	if (delete_row(s.db, ret_old, err) < 0 || session_commit(&s, err) < 0)
		return -1;
	return 1;
}

/* ---- renaming ---- */

/* find_source: what is to be moved. */
static int find_source(struct db *db, int64_t container, const char *name, int64_t now,
		       int64_t *ret_bytes, int64_t *ret_at, struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (db_query(db,
		     "SELECT stored_bytes, modified_at FROM objects WHERE " OF_THIS_NAME
		     " AND (delete_at = 0 OR delete_at > $3)",
		     DB_ARGS(db_int(container), db_text(name), db_int(now / MICROSECONDS)), &st,
		     err) < 0 ||
	    one_row(st, "object", err) < 0)
		return -1;
	row = row_of(st);
	*ret_bytes = row_i64(&row);
	*ret_at = row_i64(&row);
	return row_check(&row, err);
}

/* move_sums: what leaves one container comes to the other; `old` goes. */
static int move_sums(struct db *db, int64_t from, int64_t bytes, const struct object_limits *limits,
		     struct change *to, struct dr_err *err)
{
	struct change less = {.container = from, .objects = -1, .bytes = -bytes, .at = to->at};
	struct object_limits own = *limits;

	if (from == to->container) /* nothing comes */
		return add_up(db, to, &no_limits, err);
	to->objects++;
	to->bytes += bytes;
	own.account_bytes = UINT64_MAX; /* in all nothing grows */
	if (add_up(db, &less, &no_limits, err) < 0 || add_up(db, to, &own, err) < 0)
		return -1;
	if (strcmp(less.account, to->account) != 0)
		return dr_fail(err, DR_INVALID, "the containers are not of one account");
	return 0;
}

int catalogue_object_rename(struct catalogue *c, int64_t from, const char *name, int64_t to,
			    const char *new_name, const struct object_limits *limits, int64_t now,
			    struct object *ret_old, struct dr_err *err)
{
	dr_session s = {0};
	struct change ch = {.container = to};
	struct object unwanted;
	int64_t bytes = 0;
	int64_t at = 0;
	int found;

	if (session_write(&s, c, err) < 0 ||
	    find_source(s.db, from, name, now, &bytes, &at, err) < 0)
		return -1;
	if (from == to && strcmp(name, new_name) == 0)
		return 0;
	found = find(s.db, to, new_name, ret_old ? ret_old : &unwanted, err);
	if (found < 0)
		return -1;
	if (found && !ret_old)
		return dr_refuse(err, DR_CONFLICT, "exists",
				 "there is an object of that name already");
	ch.at = now > at ? now : at + 1;
	if (found) {
		ch.objects = -1;
		ch.bytes = -(int64_t)ret_old->stored_bytes;
		if (ch.at <= ret_old->modified_at)
			ch.at = ret_old->modified_at + 1;
	}
	if (move_sums(s.db, from, bytes, limits, &ch, err) < 0 ||
	    db_run(s.db, "DELETE FROM objects WHERE " OF_THIS_NAME,
		   DB_ARGS(db_int(to), db_text(new_name)), err) < 0 ||
	    db_run(s.db,
		   "UPDATE objects SET container = $3, name = $4, modified_at = $5"
		   " WHERE " OF_THIS_NAME,
		   DB_ARGS(db_int(from), db_text(name), db_int(to), db_text(new_name),
			   db_int(ch.at)),
		   err) < 0 ||
	    session_commit(&s, err) < 0)
		return -1;
	return found;
}

/* count_renamed: how many, each of whose new names is short enough. */
static int count_renamed(struct db *db, const struct db_value args[static 3], int longer,
			 size_t most, struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;
	char name[OBJECT_TEXT];
	size_t n = 0;
	int rc;

	if (db_query(db,
		     "SELECT name FROM objects WHERE container = $1 AND name >= $2 AND name < $3",
		     args, 3, &st, err) < 0)
		return -1;
	while ((rc = db_step(st, err)) > 0) {
		row = row_of(st);
		row_text(&row, name, sizeof(name));
		if (row_check(&row, err) < 0)
			return -1;
		if ((int)strlen(name) + longer >= OBJECT_TEXT)
			return dr_fail(err, DR_INVALID, "a new name would be too long");
		if (n++ == most)
			return dr_fail(err, DR_LIMIT, "more than %zu objects at once", most);
	}
	return rc < 0 ? -1 : (int)n;
}

/* Of the rows `o`, from $2 to before $3, the names that begin with $4 instead of $2. */
#define NEW_NAME "$4 || substr(o.name, length($2) + 1)"

int catalogue_object_rename_prefix(struct catalogue *c, int64_t container, const char *prefix,
				   const char *new_prefix, size_t most, int64_t now,
				   struct dr_err *err)
{
	dr_session s = {0};
	dr_autobuf struct buf end = BUF_INIT;
	int longer = (int)strlen(new_prefix) - (int)strlen(prefix);
	struct db_value args[5];
	int taken;
	int n;

	if (dr_starts(prefix, new_prefix) || dr_starts(new_prefix, prefix) ||
	    !orbit_behind_prefix(&end, prefix))
		return dr_fail(err, DR_INVALID, "the new names would be among the old ones");
	if (buf_check(&end, err) < 0 || session_write(&s, c, err) < 0)
		return -1;
	args[0] = db_int(container);
	args[1] = db_text(prefix);
	args[2] = db_text(buf_str(&end));
	args[3] = db_text(new_prefix);
	args[4] = db_int(now);
	n = count_renamed(s.db, args, longer, most, err);
	if (n < 0)
		return -1;
	taken = db_run(s.db,
		       "SELECT 1 FROM objects o JOIN objects t ON t.container = o.container"
		       " AND t.name = " NEW_NAME
		       " WHERE o.container = $1 AND o.name >= $2 AND o.name < $3 LIMIT 1",
		       args, 4, err);
	if (taken > 0)
		return dr_fail(err, DR_CONFLICT, "one of the new names is taken");
	if (taken < 0 ||
	    db_run(s.db,
		   "UPDATE objects AS o SET name = " NEW_NAME ", modified_at = CASE"
		   " WHEN modified_at < $5 THEN $5 ELSE modified_at + 1 END"
		   " WHERE o.container = $1 AND o.name >= $2 AND o.name < $3",
		   args, 5, err) < 0 ||
	    touch(s.db, container, now, err) < 0 || session_commit(&s, err) < 0)
		return -1;
	return n;
}
