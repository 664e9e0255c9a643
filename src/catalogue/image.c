/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "catalogue/catalogue_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define RESERVE_STEP ((uint64_t)1 << 30) /* hardening.md section 1.5 */

/* ---- names and rows ---- */

static const char *const status_names[] = {
	[IMAGE_CREATING] = "creating",     [IMAGE_AVAILABLE] = "available",
	[IMAGE_DEPRECATED] = "deprecated", [IMAGE_UNAVAILABLE] = "unavailable",
	[IMAGE_DELETING] = "deleting",     [IMAGE_DELETED] = "deleted",
	[IMAGE_FAILED] = "failed",
};

const char *image_status_name(enum image_status s)
{
	return status_names[s];
}

bool image_status_parse(const char *name, enum image_status *ret)
{
	for (size_t i = 0; i < sizeof(status_names) / sizeof(status_names[0]); i++) {
		if (strcmp(name, status_names[i]) == 0) {
			*ret = (enum image_status)i;
			return true;
		}
	}
	return false;
}

static void read_status(struct row *r, enum image_status *ret)
{
	char name[16];

	row_text(r, name, sizeof(name));
	if (!image_status_parse(name, ret))
		r->bad = true;
}

void read_image(struct row *r, void *ret)
{
	struct image *img = (struct image *)ret;

	row_text(r, img->id, sizeof(img->id));
	row_text(r, img->account, sizeof(img->account));
	row_text(r, img->name, sizeof(img->name));
	row_text(r, img->username, sizeof(img->username));
	row_text(r, img->description, sizeof(img->description));
	row_text(r, img->arch, sizeof(img->arch));
	row_text(r, img->source, sizeof(img->source));
	row_text(r, img->source_type, sizeof(img->source_type));
	row_text(r, img->source_trigger, sizeof(img->source_trigger));
	row_text(r, img->ancestor, sizeof(img->ancestor));
	row_text(r, img->licence_name, sizeof(img->licence_name));
	read_status(r, &img->status);
	img->locked = row_bool(r);
	img->public = row_bool(r);
	img->official = row_bool(r);
	img->compatibility_mode = row_bool(r);
	img->min_ram = row_u64(r);
	img->created_at = row_i64(r);
	img->available_at = row_i64(r);
	img->deleted_at = row_i64(r);
	img->virtual_bytes = row_u64(r);
	img->data_bytes = row_u64(r);
	img->stored_bytes = row_u64(r);
	img->object_bytes = row_u64(r);
	img->chunk_count = row_u64(r);
	row_text(r, img->domain, sizeof(img->domain));
	row_hex(r, img->manifest.b, sizeof(img->manifest.b));
	row_hex(r, img->digest.b, sizeof(img->digest.b));
	row_text(r, img->status_reason, sizeof(img->status_reason));
	row_text(r, img->source_format, sizeof(img->source_format));
	row_text(r, img->checksum, sizeof(img->checksum));
	img->source_bytes = row_u64(r);
	row_text(r, img->warnings, sizeof(img->warnings));
	row_text(r, img->phase, sizeof(img->phase));
	img->progress_done = row_u64(r);
	img->progress_total = row_u64(r);
	img->progress_rate = row_u64(r);
	img->revision = row_i64(r);
}

/* What a change must know of the row it changes. */
struct head {
	char account[ID_TEXT];
	enum image_status status;
	bool locked;
	bool public;
	int64_t revision;
};

static int read_head(struct db *db, const char *id, struct head *ret, struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (db_query(db,
		     "SELECT account, status, locked, is_public, revision FROM images"
		     " WHERE id = $1",
		     DB_ARGS(db_text(id)), &st, err) < 0 ||
	    one_row(st, "image", err) < 0)
		return -1;
	row = row_of(st);
	row_text(&row, ret->account, sizeof(ret->account));
	read_status(&row, &ret->status);
	ret->locked = row_bool(&row);
	ret->public = row_bool(&row);
	ret->revision = row_i64(&row);
	return row_check(&row, err);
}

/* Strangers list it. */
static bool is_published(const struct head *h)
{
	return h->public && h->status == IMAGE_AVAILABLE;
}

static int conflict(struct dr_err *err, enum image_status now)
{
	return dr_fail(err, DR_CONFLICT, "the image is %s", image_status_name(now));
}

static int read_creating(struct db *db, const char *id, struct head *ret, struct dr_err *err)
{
	if (read_head(db, id, ret, err) < 0)
		return -1;
	return ret->status == IMAGE_CREATING ? 0 : conflict(err, ret->status);
}

/* ---- quota ---- */

static int read_limit(struct db *db, const char *account, uint64_t configured, uint64_t *ret,
		      struct dr_err *err)
{
	int64_t own = 0;

	if (must_meet(db_number(db, "SELECT limit_stored_bytes FROM accounts WHERE id = $1",
				DB_ARGS(db_text(account)), &own, err),
		      "account", err) < 0)
		return -1;
	*ret = own > 0 ? (uint64_t)own : configured;
	return 0;
}

#define COUNTED_BYTES \
	"CASE WHEN reserved_bytes > data_bytes THEN reserved_bytes ELSE data_bytes END"
#define COUNTED_ROWS \
	" FROM images WHERE account = $1 AND status <> 'deleted' AND status <> 'failed'"

const char account_usage_sql[] =
	"SELECT COUNT(*), CAST(COALESCE(SUM(" COUNTED_BYTES "), 0) AS BIGINT),"
	" CAST(COALESCE(SUM(stored_bytes), 0) AS BIGINT)" COUNTED_ROWS;

int catalogue_account_usage(struct catalogue *c, const char *account, uint64_t *ret_images,
			    uint64_t *ret_data_bytes, uint64_t *ret_stored_bytes,
			    struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, account_usage_sql, DB_ARGS(db_text(account)), &st, err) < 0 ||
	    one_row(st, "account", err) < 0)
		return -1;
	row = row_of(st);
	*ret_images = row_u64(&row);
	*ret_data_bytes = row_u64(&row);
	*ret_stored_bytes = row_u64(&row);
	return row_check(&row, err);
}

/* used_by_others: what counts against the account but for one image. */
static int used_by_others(struct db *db, const char *account, const char *image, uint64_t *ret,
			  struct dr_err *err)
{
	int64_t used = 0;

	if (db_number(db,
		      "SELECT CAST(COALESCE(SUM(" COUNTED_BYTES "), 0) AS BIGINT)" COUNTED_ROWS
		      " AND id <> $2",
		      DB_ARGS(db_text(account), db_text(image)), &used, err) < 0)
		return -1;
	*ret = (uint64_t)used;
	return 0;
}

static int too_much(struct dr_err *err, uint64_t need, uint64_t left, uint64_t limit)
{
	return dr_refuse(
		err, DR_LIMIT, "account_limit_reached",
		"the disk holds %llu bytes of data or more; %llu are left of the account's "
		"quota of %llu",
		(unsigned long long)need, (unsigned long long)left, (unsigned long long)limit);
}

static int over_quota(struct dr_err *err, uint64_t used, uint64_t limit)
{
	return dr_refuse(err, DR_LIMIT, "account_limit_reached",
			 "the account's image storage is used up: %llu bytes of %llu",
			 (unsigned long long)used, (unsigned long long)limit);
}

int catalogue_image_reserve(struct catalogue *c, const char *id, uint64_t need,
			    uint64_t stored_limit, uint64_t *ret_granted, struct dr_err *err)
{
	dr_session s = {0};
	struct head h;
	uint64_t limit;
	uint64_t others = 0;
	uint64_t granted;

	if (need > CATALOGUE_MAX_BYTES)
		return dr_fail(err, DR_INVALID, "no image is that large");
	if (session_write(&s, c, err) < 0 || read_creating(s.db, id, &h, err) < 0 ||
	    read_limit(s.db, h.account, stored_limit, &limit, err) < 0)
		return -1;
	if (limit == 0) {
		*ret_granted = UINT64_MAX;
		return 0;
	}
	if (used_by_others(s.db, h.account, id, &others, err) < 0)
		return -1;
	if (others > limit || need > limit - others)
		return too_much(err, need, others > limit ? 0 : limit - others, limit);
	granted = dr_min_u64(dr_div_up(need, RESERVE_STEP) * RESERVE_STEP, limit - others);
	if (db_run(s.db, "UPDATE images SET reserved_bytes = $2 WHERE id = $1",
		   DB_ARGS(db_text(id), db_size(granted)), err) < 0 ||
	    session_commit(&s, err) < 0)
		return -1;
	*ret_granted = granted;
	return 0;
}

/* ---- register ---- */

static int insert_image(struct session *s, struct image *img, struct dr_err *err)
{
	struct db_value args[] = {
		db_text(NULL),
		db_text(img->account),
		db_text(img->name),
		db_text(img->username),
		db_text(img->description),
		db_text(img->arch),
		db_text(img->source),
		db_text(img->source_type),
		db_text(img->source_trigger),
		db_ref(img->ancestor),
		db_text(img->licence_name),
		db_int(img->public),
		db_int(img->official),
		db_int(img->compatibility_mode),
		db_size(img->min_ram),
		db_int(img->created_at),
		db_text(img->domain),
	};

	return new_id(
		s, "img",
		"INSERT INTO images (id, account, name, username, description, arch, source,"
		" source_type, source_trigger, ancestor, licence_name, status, locked,"
		" is_public, official, compatibility_mode, min_ram, created_at, available_at,"
		" deleted_at, virtual_bytes, data_bytes, reserved_bytes, stored_bytes,"
		" object_bytes, chunk_count, domain, manifest, digest, status_reason,"
		" source_format, checksum, source_bytes, warnings, phase, progress_done,"
		" progress_total, progress_rate, revision)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'creating', 0,"
		" $12, $13, $14, $15, $16, 0, 0, 0, 0, 0, 0, 0, 0, $17, '', '', '', '', '', 0,"
		" '', 'queued', 0, -1, 0, 0)"
		" ON CONFLICT (id) DO NOTHING RETURNING id",
		args, sizeof(args) / sizeof(args[0]), img->id, err);
}

int catalogue_image_register_within(struct catalogue *c, struct image *img, struct job *job,
				    uint64_t stored_limit, struct dr_err *err)
{
	dr_session s = {0};
	uint64_t limit;
	uint64_t used;

	if (!img->created_at)
		img->created_at = dr_wall();
	if (session_write(&s, c, err) < 0 ||
	    read_limit(s.db, img->account, stored_limit, &limit, err) < 0)
		return -1;
	if (limit > 0) {
		if (used_by_others(s.db, img->account, "", &used, err) < 0)
			return -1;
		if (used >= limit)
			return over_quota(err, used, limit);
	}
	if (insert_image(&s, img, err) < 0)
		return -1;
	memcpy(job->image, img->id, sizeof(job->image));
	memcpy(job->account, img->account, sizeof(job->account));
	if (job_insert(s.db, job, err) < 0 || touch_listings(s.db, img->account, false, err) < 0 ||
	    session_commit(&s, err) < 0)
		return -1;
	img->status = IMAGE_CREATING;
	img->progress_total = UINT64_MAX;
	dr_copy(img->phase, sizeof(img->phase), "queued");
	return 0;
}

int catalogue_image_register(struct catalogue *c, struct image *img, struct job *job,
			     struct dr_err *err)
{
	return catalogue_image_register_within(c, img, job, 0, err);
}

int catalogue_image_get(struct catalogue *c, const char *id, struct image *ret, struct dr_err *err)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct row row;

	if (session_read(&s, c, err) < 0 ||
	    db_query(s.db, "SELECT " IMAGE_COLUMNS " FROM images WHERE id = $1",
		     DB_ARGS(db_text(id)), &st, err) < 0 ||
	    one_row(st, "image", err) < 0)
		return -1;
	row = row_of(st);
	*ret = (struct image){0};
	read_image(&row, ret);
	return row_check(&row, err);
}

/* ---- the owner's changes ---- */

static bool may_become(enum image_status from, enum image_status to)
{
	return from == to || ((from == IMAGE_AVAILABLE || from == IMAGE_DEPRECATED) &&
			      (to == IMAGE_AVAILABLE || to == IMAGE_DEPRECATED));
}

int catalogue_image_update(struct catalogue *c, const struct image *img, enum image_status expect,
			   struct dr_err *err)
{
	dr_session s = {0};
	struct head before;
	struct head after;

	assert(may_become(expect, img->status));
	if (session_write(&s, c, err) < 0 || read_head(s.db, img->id, &before, err) < 0)
		return -1;
	if (before.status != expect)
		return conflict(err, before.status);
	if (before.revision != img->revision)
		return dr_fail(err, DR_CONFLICT, "the image was changed by somebody else");
	if (db_run(s.db,
		   "UPDATE images SET name = $2, username = $3, description = $4, arch = $5,"
		   " is_public = $6, compatibility_mode = $7, min_ram = $8, status = $9,"
		   " locked = $10, official = $11, licence_name = $12, revision = revision + 1"
		   " WHERE id = $1",
		   DB_ARGS(db_text(img->id), db_text(img->name), db_text(img->username),
			   db_text(img->description), db_text(img->arch), db_int(img->public),
			   db_int(img->compatibility_mode), db_size(img->min_ram),
			   db_text(image_status_name(img->status)), db_int(img->locked),
			   db_int(img->official), db_text(img->licence_name)),
		   err) < 0)
		return -1;
	after = before;
	after.status = img->status;
	after.public = img->public;
	if (touch_listings(s.db, before.account, is_published(&before) || is_published(&after),
			   err) < 0)
		return -1;
	return session_commit(&s, err);
}

/* ---- deletion ---- */

static int cancel_jobs(struct db *db, const char *image, int64_t now, bool *ret_running,
		       struct dr_err *err)
{
	int rc = db_run(db, "SELECT 1 FROM jobs WHERE image = $1 AND state = 'running'",
			DB_ARGS(db_text(image)), err);

	if (rc < 0)
		return -1;
	*ret_running = rc > 0;
	/* owner and lease stay: until the lease runs out its process may still be writing */
	return db_run(db,
		      "UPDATE jobs SET state = 'cancelled', finished_at = $2,"
		      " last_error = 'cancelled: the image was destroyed'"
		      " WHERE image = $1 AND finished_at = 0",
		      DB_ARGS(db_text(image), db_int(now)), err);
}

static int bury(struct db *db, const char *id, int64_t now, struct dr_err *err)
{
	if (db_run(db,
		   "UPDATE images SET status = 'deleted', deleted_at = $2, reserved_bytes = 0,"
		   " phase = '' WHERE id = $1",
		   DB_ARGS(db_text(id), db_int(now)), err) < 0)
		return -1;
	return db_run(db, "UPDATE jobs SET lease_until = 0 WHERE image = $1 AND finished_at <> 0",
		      DB_ARGS(db_text(id)), err);
}

int catalogue_image_delete(struct catalogue *c, const char *id, struct dr_err *err)
{
	dr_session s = {0};
	int64_t now = dr_wall();
	bool running = false;
	struct head h;
	int rc;

	if (session_write(&s, c, err) < 0 || read_head(s.db, id, &h, err) < 0)
		return -1;
	if (h.status == IMAGE_DELETING || h.status == IMAGE_DELETED)
		return conflict(err, h.status);
	if (h.locked)
		return dr_refuse(err, DR_CONFLICT, "resource_locked", "the image is locked");
	if (cancel_jobs(s.db, id, now, &running, err) < 0)
		return -1;
	if (running)
		rc = db_run(s.db,
			    "UPDATE images SET status = 'deleting', revision = revision + 1"
			    " WHERE id = $1",
			    DB_ARGS(db_text(id)), err);
	else
		rc = bury(s.db, id, now, err);
	if (rc < 0 || touch_listings(s.db, h.account, is_published(&h), err) < 0)
		return -1;
	return session_commit(&s, err);
}

int catalogue_image_deleted(struct catalogue *c, const char *id, struct dr_err *err)
{
	dr_session s = {0};
	struct head h;

	if (session_write(&s, c, err) < 0 || read_head(s.db, id, &h, err) < 0)
		return -1;
	if (h.status == IMAGE_DELETED)
		return 0;
	if (h.status != IMAGE_DELETING)
		return conflict(err, h.status);
	if (bury(s.db, id, dr_wall(), err) < 0 || touch_listings(s.db, h.account, false, err) < 0)
		return -1;
	return session_commit(&s, err);
}

#define UNATTENDED                                                                           \
	"status = 'deleting' AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.image = images.id" \
	" AND j.owner <> '' AND j.lease_until > $1)"

int image_bury_locked(struct db *db, int64_t now, struct dr_err *err)
{
	if (db_run(db,
		   "UPDATE accounts SET changes = changes + 1"
		   " WHERE id IN (SELECT account FROM images WHERE " UNATTENDED ")",
		   DB_ARGS(db_int(now)), err) < 0)
		return -1;
	return db_run(db,
		      "UPDATE images SET status = 'deleted', deleted_at = $1, reserved_bytes = 0,"
		      " phase = '' WHERE " UNATTENDED,
		      DB_ARGS(db_int(now)), err);
}

/* ---- the import's changes ---- */

static int check_sizes(const struct image *img, struct dr_err *err)
{
	const uint64_t sizes[] = {img->virtual_bytes, img->data_bytes,  img->stored_bytes,
				  img->object_bytes,  img->chunk_count, img->source_bytes};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (sizes[i] > CATALOGUE_MAX_BYTES)
			return dr_fail(err, DR_INVALID, "no image is that large");
	}
	return 0;
}

int catalogue_image_progress(struct catalogue *c, const struct image *img, struct dr_err *err)
{
	dr_session s = {0};
	struct head h;

	if (check_sizes(img, err) < 0 || session_write(&s, c, err) < 0 ||
	    read_creating(s.db, img->id, &h, err) < 0)
		return -1;
	if (db_run(s.db,
		   "UPDATE images SET phase = $2, progress_done = $3, progress_total = $4,"
		   " progress_rate = $5, virtual_bytes = $6, data_bytes = $7, source_format = $8"
		   " WHERE id = $1",
		   DB_ARGS(db_text(img->id), db_text(img->phase), db_size(img->progress_done),
			   db_size(img->progress_total), db_size(img->progress_rate),
			   db_size(img->virtual_bytes), db_size(img->data_bytes),
			   db_text(img->source_format)),
		   err) < 0 ||
	    touch_listings(s.db, h.account, false, err) < 0)
		return -1;
	return session_commit(&s, err);
}

static int store_facts(struct db *db, const struct image *img, struct dr_err *err)
{
	char manifest[DIGEST_HEX];
	char digest[DIGEST_HEX];

	digest_hex(&img->manifest, manifest);
	digest_hex(&img->digest, digest);
	return db_run(db,
		      "UPDATE images SET status = 'available', available_at = $2,"
		      " virtual_bytes = $3, data_bytes = $4, stored_bytes = $5, object_bytes = $6,"
		      " chunk_count = $7, domain = $8, manifest = $9, digest = $10,"
		      " source_format = $11, checksum = $12, source_bytes = $13, warnings = $14,"
		      " reserved_bytes = 0, phase = '', revision = revision + 1 WHERE id = $1",
		      DB_ARGS(db_text(img->id), db_int(dr_wall()), db_size(img->virtual_bytes),
			      db_size(img->data_bytes), db_size(img->stored_bytes),
			      db_size(img->object_bytes), db_size(img->chunk_count),
			      db_text(img->domain), db_text(manifest), db_text(digest),
			      db_text(img->source_format), db_text(img->checksum),
			      db_size(img->source_bytes), db_text(img->warnings)),
		      err);
}

int catalogue_image_publish(struct catalogue *c, const struct image *img, int64_t job,
			    const char *owner, struct dr_err *err)
{
	dr_session s = {0};
	struct head h;
	int rc;

	if (check_sizes(img, err) < 0 || session_write(&s, c, err) < 0 ||
	    read_creating(s.db, img->id, &h, err) < 0)
		return -1;
	rc = db_run(s.db,
		    "UPDATE jobs SET state = 'done', finished_at = $4, lease_until = 0"
		    " WHERE id = $1 AND image = $2 AND owner = $3 AND state = 'running'"
		    " RETURNING id",
		    DB_ARGS(db_int(job), db_text(img->id), db_text(owner), db_int(dr_wall())), err);
	if (rc == 0)
		return dr_fail(err, DR_CONFLICT, "the job is no longer ours");
	if (rc < 0 || store_facts(s.db, img, err) < 0)
		return -1;
	h.status = IMAGE_AVAILABLE;
	if (touch_listings(s.db, h.account, is_published(&h), err) < 0)
		return -1;
	return session_commit(&s, err);
}

int catalogue_image_recode(struct catalogue *c, const char *id, const struct digest *old,
			   const struct digest *manifest, uint64_t stored_bytes,
			   uint64_t object_bytes, struct dr_err *err)
{
	dr_session s = {0};
	char before[DIGEST_HEX], after[DIGEST_HEX];
	struct head h;
	int rc;

	digest_hex(old, before);
	digest_hex(manifest, after);
	if (stored_bytes > CATALOGUE_MAX_BYTES || object_bytes > CATALOGUE_MAX_BYTES)
		return dr_fail(err, DR_INVALID, "no image is that large");
	if (session_write(&s, c, err) < 0 || read_head(s.db, id, &h, err) < 0)
		return -1;
	rc = db_run(s.db,
		    "UPDATE images SET manifest = $3, stored_bytes = $4, object_bytes = $5"
		    " WHERE id = $1 AND manifest = $2"
		    " AND status IN ('available', 'deprecated', 'unavailable') RETURNING id",
		    DB_ARGS(db_text(id), db_text(before), db_text(after), db_size(stored_bytes),
			    db_size(object_bytes)),
		    err);
	if (rc == 0)
		return dr_fail(err, DR_CONFLICT, "the image has changed");
	if (rc < 0 || touch_listings(s.db, h.account, is_published(&h), err) < 0)
		return -1;
	return session_commit(&s, err);
}

int image_fail_locked(struct db *db, const char *id, const char *reason, struct dr_err *err)
{
	struct head h;

	if (read_creating(db, id, &h, err) < 0 ||
	    db_run(db,
		   "UPDATE images SET status = 'failed', status_reason = $2, data_bytes = 0,"
		   " reserved_bytes = 0, phase = '', revision = revision + 1 WHERE id = $1",
		   DB_ARGS(db_text(id), db_text(reason)), err) < 0)
		return -1;
	return touch_listings(db, h.account, false, err);
}

int catalogue_image_fail(struct catalogue *c, const char *id, int64_t job, const char *reason,
			 struct dr_err *err)
{
	dr_session s = {0};

	if (session_write(&s, c, err) < 0 || image_fail_locked(s.db, id, reason, err) < 0 ||
	    db_run(s.db,
		   "UPDATE jobs SET state = 'failed', finished_at = $3, lease_until = 0,"
		   " last_error = $4 WHERE id = $1 AND image = $2 AND finished_at = 0",
		   DB_ARGS(db_int(job), db_text(id), db_int(dr_wall()), db_text(reason)), err) < 0)
		return -1;
	return session_commit(&s, err);
}
