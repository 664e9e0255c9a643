/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "catalogue/catalogue_internal.h"

#include "util/banned.h"

#define EACH_BATCH 32
#define STORED "status IN ('available', 'deprecated', 'unavailable')"

/* ---- listing ----
 * Parameters: $1 account ("" = everybody's), $2 and $3 the position of the marker, $4 name, $5
 * status ("" = any), $6 public (-1 = any), $7 limit. An account's own rows, its tombstones and
 * what others publish come out of one index each, in listing order, and are merged: what it costs
 * depends on what is shown, never on how much other accounts have. */

#define AFTER_AND_FILTERS                                          \
	" AND (created_at, id) > ($2, $3)"                         \
	" AND ($4 = '' OR name = $4) AND ($5 = '' OR status = $5)" \
	" AND ($6 < 0 OR is_public = $6)"

#define LISTED "SELECT " IMAGE_COLUMNS " FROM images WHERE "

void image_list_sql(const struct image_query *q, struct buf *ret)
{
	if (q->account) {
		buf_puts(ret, LISTED "account = $1 AND status <> 'deleted'" AFTER_AND_FILTERS);
		if (q->own_deleted)
			buf_puts(ret, " UNION ALL " LISTED
				      "account = $1 AND status = 'deleted'" AFTER_AND_FILTERS);
		if (q->with_public)
			buf_puts(ret, " UNION ALL " LISTED "is_public = 1 AND status = 'available'"
				      " AND account <> $1" AFTER_AND_FILTERS);
	} else {
		buf_puts(ret, LISTED "$1 = ''");
		if (!q->own_deleted)
			buf_puts(ret, " AND status <> 'deleted'");
		buf_puts(ret, AFTER_AND_FILTERS);
	}
	buf_puts(ret, " ORDER BY created_at, id LIMIT $7");
}

/* find_marker: the position a listing goes on from. A row this query could never show is no more
 * there than one that does not exist (hardening.md section 3.2, cross checks). */
static int find_marker(struct db *db, const struct image_query *q, int64_t *ret_created,
		       struct dr_err *err)
{
	*ret_created = INT64_MIN;
	if (!q->marker || !q->marker[0])
		return 0;
	return must_meet(
		db_number(db,
			  "SELECT created_at FROM images WHERE id = $1 AND ($2 = ''"
			  " OR account = $2"
			  " OR ($3 = 1 AND is_public = 1 AND status = 'available'))",
			  DB_ARGS(db_text(q->marker), db_text(q->account ? q->account : ""),
				  db_int(q->with_public)),
			  ret_created, err),
		"image", err);
}

static int64_t limit_of(size_t limit)
{
	return limit == 0 || limit > INT64_MAX ? INT64_MAX : (int64_t)limit;
}

int catalogue_image_list(struct catalogue *c, const struct image_query *q, struct image **ret,
			 size_t *ret_n, struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	dr_autobuf struct buf sql = BUF_INIT;
	const char *status = q->status ? q->status : "";
	int64_t public = -1;
	int64_t created;

	/* derived on the wire's available (api.md section 4) */
	if (strcmp(status, "private") == 0 || strcmp(status, "public") == 0) {
		public = strcmp(status, "public") == 0;
		status = "available";
	}
	image_list_sql(q, &sql);
	if (buf_check(&sql, err) < 0 || session_read(&s, c, err) < 0 ||
	    find_marker(s.db, q, &created, err) < 0)
		return -1;
	if (db_query(s.db, buf_str(&sql),
		     DB_ARGS(db_text(q->account ? q->account : ""), db_int(created),
			     db_text(q->marker ? q->marker : ""), db_text(q->name ? q->name : ""),
			     db_text(status), db_int(public), db_int(limit_of(q->limit))),
		     &st, err) < 0)
		return -1;
	return rows_collect(st, sizeof(**ret), read_image, (void **)ret, ret_n, err);
}

int catalogue_image_version(struct catalogue *c, const struct image_query *q, char ret[static 64],
			    struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	int64_t own;
	int64_t published;
	struct row row;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db,
		     "SELECT (SELECT CAST(COALESCE(SUM(changes), 0) AS BIGINT) FROM accounts"
		     " WHERE $1 = '' OR id = $1), value"
		     " FROM counters WHERE name = 'public_changes'",
		     DB_ARGS(db_text(q->account ? q->account : "")), &st, err) < 0 ||
	    one_row(st, "counter", err) < 0)
		return -1;
	row = row_of(st);
	own = row_i64(&row);
	published = row_i64(&row);
	if (row_check(&row, err) < 0)
		return -1;
	snprintf(ret, 64, "%" PRIx64 "-%" PRIx64, (uint64_t)own,
		 q->with_public ? (uint64_t)published : 0);
	return 0;
}

/* ---- whatever has bytes ---- */

static int next_stored(struct catalogue *c, const char *after, struct image **ret, size_t *ret_n,
		       struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db,
		     "SELECT " IMAGE_COLUMNS " FROM images WHERE " STORED
		     " AND id > $1 ORDER BY id LIMIT $2",
		     DB_ARGS(db_text(after), db_int(EACH_BATCH)), &st, err) < 0)
		return -1;
	return rows_collect(st, sizeof(**ret), read_image, (void **)ret, ret_n, err);
}

int catalogue_image_each_stored(struct catalogue *c,
				int (*fn)(void *arg, const struct image *img, struct dr_err *err),
				void *arg, struct dr_err *err)
{
	char after[ID_TEXT] = "";
	size_t n;

	do {
		dr_autofree struct image *batch = NULL;

		if (next_stored(c, after, &batch, &n, err) < 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			if (fn(arg, &batch[i], err) < 0)
				return -1;
		}
		if (n > 0)
			memcpy(after, batch[n - 1].id, sizeof(after));
	} while (n == EACH_BATCH);
	return 0;
}

static void read_object(struct row *r, void *ret)
{
	struct stored_object *o = (struct stored_object *)ret;

	row_text(r, o->image, sizeof(o->image));
	o->object_bytes = row_u64(r);
	o->chunk_count = row_u64(r);
	row_hex(r, o->manifest.b, sizeof(o->manifest.b));
	o->available_at = row_i64(r);
}

const char object_list_sql[] =
	"SELECT id, object_bytes, chunk_count, manifest, available_at FROM images"
	" WHERE account = $1 AND " STORED " AND id > $2 AND ($3 = '' OR id < $3)"
	" AND substr(id, 1, length($4)) = $4 ORDER BY id LIMIT $5";

int catalogue_object_list(struct catalogue *c, const struct object_query *q,
			  struct stored_object **ret, size_t *ret_n, struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	int64_t limit = q->limit > INT64_MAX ? INT64_MAX : (int64_t)q->limit;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, object_list_sql,
		     DB_ARGS(db_text(q->account), db_text(q->marker ? q->marker : ""),
			     db_text(q->end_marker ? q->end_marker : ""),
			     db_text(q->prefix ? q->prefix : ""), db_int(limit)),
		     &st, err) < 0)
		return -1;
	return rows_collect(st, sizeof(**ret), read_object, (void **)ret, ret_n, err);
}

int catalogue_object_stat(struct catalogue *c, const char *account, uint64_t *ret_count,
			  uint64_t *ret_bytes, struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db,
		     "SELECT COUNT(*), CAST(COALESCE(SUM(object_bytes), 0) AS BIGINT) FROM images"
		     " WHERE account = $1 AND " STORED,
		     DB_ARGS(db_text(account)), &st, err) < 0 ||
	    one_row(st, "account", err) < 0)
		return -1;
	row = row_of(st);
	*ret_count = row_u64(&row);
	*ret_bytes = row_u64(&row);
	return row_check(&row, err);
}
