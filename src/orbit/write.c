/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads. The order that keeps the promises: bytes durable -> row -> the old bytes removed. */
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "digest/lane.h"
#include "orbit/orbit_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

/* From here on MD5, the slowest step of a large upload, has a thread of its own. */
#define LANE_FROM ((uint64_t)1 << 20)
#define READ_BYTES ((size_t)256 << 10)

struct orbit_upload {
	struct orbit *orbit;
	struct store_upload *store; /* NULL until there is a byte */
	struct hash *hash; /* MD5 of the first `hashed` bytes; the lane's while there is one */
	struct lane *lane; /* NULL: hashed by the caller's thread */
	uint64_t hashed;
	uint64_t size;
	uint64_t length; /* announced; UINT64_MAX unknown */
	uint64_t most;
	bool quota_binds; /* `most` is what a quota leaves */
	bool rehash;      /* something that was hashed has been written again, perhaps */
	bool only_new;
	bool broken;           /* what is stored is not what was written */
	char wanted[MD5_TEXT]; /* "" = any */
	char given[MD5_TEXT];  /* what another process has hashed; "" */
	char account[ID_TEXT];
	struct object_limits limits;
	struct object row;
};

/* ---- beginning ---- */

int limits_of(struct orbit *o, const struct container *row, struct object_limits *ret,
	      uint64_t *ret_used, struct dr_err *err)
{
	dr_autofree struct orbit_account *a = malloc(sizeof *a);

	if (!a)
		return dr_fail_nomem(err);
	if (catalogue_orbit_account(o->library->catalogue, row->account, a, err) < 0)
		return -1;
	ret->container_bytes = meta_number(row->meta, CONTAINER_QUOTA_BYTES);
	ret->container_objects = meta_number(row->meta, CONTAINER_QUOTA_COUNT);
	ret->account_bytes = meta_number(a->meta, ACCOUNT_QUOTA);
	if (ret->account_bytes == UINT64_MAX && o->account_bytes > 0)
		ret->account_bytes = o->account_bytes;
	*ret_used = a->bytes;
	return 0;
}

static int over_quota(struct dr_err *err)
{
	return dr_refuse(err, DR_LIMIT, "quota", "Upload exceeds quota");
}

/* left: of a quota, when `freed` of what is used goes. */
static uint64_t left(uint64_t quota, uint64_t used, uint64_t freed)
{
	const uint64_t rest = used > freed ? used - freed : 0;

	if (quota == UINT64_MAX)
		return UINT64_MAX;
	return quota > rest ? quota - rest : 0;
}

/* settle_room: what is known of the end already at the beginning. The catalogue judges again when
 * the row is written: others upload meanwhile. */
static int settle_room(struct orbit_upload *u, const struct container *row, struct dr_err *err)
{
	dr_autofree struct object *old = calloc(1, sizeof *old);
	struct catalogue *catalogue = u->orbit->library->catalogue;
	struct dr_err e = DR_ERR_INIT;
	uint64_t used, quota;
	int there;

	if (!old)
		return dr_fail_nomem(err);
	if (limits_of(u->orbit, row, &u->limits, &used, err) < 0)
		return -1;
	there = catalogue_object_get(catalogue, row->id, u->row.name, 0, old, &e) == 0;
	if (!there && e.code != DR_NOT_FOUND) {
		*err = e;
		return -1;
	}
	if (there && u->only_new && (old->delete_at == 0 || old->delete_at > dr_wall()))
		return dr_refuse(err, DR_CONFLICT, "precondition", "There is such an object");
	quota = dr_min_u64(left(u->limits.container_bytes, row->bytes, old->stored_bytes),
			   left(u->limits.account_bytes, used, old->stored_bytes));
	u->quota_binds = quota < u->orbit->object_bytes;
	u->most = dr_min_u64(quota, u->orbit->object_bytes);
	if (!there && row->objects >= u->limits.container_objects)
		return over_quota(err);
	return 0;
}

static int too_large(const struct orbit_upload *u, struct dr_err *err)
{
	if (u->quota_binds)
		return over_quota(err);
	return dr_refuse(err, DR_LIMIT, "too-large", "An object is at most %llu bytes",
			 (unsigned long long)u->most);
}

static int describe(struct orbit_upload *u, const struct orbit_put *put, bool manifest,
		    struct dr_err *err)
{
	char value[8];

	if (check_object_name(put->name, err) < 0 ||
	    object_type(put->content_type, put->name, u->row.content_type, err) < 0 ||
	    object_meta(put->meta, manifest, u->row.meta, err) < 0)
		return -1;
	if (put->delete_at != 0 && put->delete_at <= dr_wall())
		return dr_refuse(err, DR_INVALID, "delete-at", "X-Delete-At in past");
	if (put->md5 && !dr_copy(u->wanted, sizeof u->wanted, put->md5))
		return dr_refuse(err, DR_INVALID, "etag", "That is no MD5");
	(void)dr_copy(u->row.name, sizeof u->row.name, put->name);
	u->row.delete_at = put->delete_at;
	if (meta_get(u->row.meta, OBJECT_MANIFEST, value, sizeof value))
		u->row.kind = OBJECT_DYNAMIC;
	return 0;
}

int orbit_upload_begin(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
		       struct orbit_upload **ret, struct dr_err *err)
{
	dr_autofree struct place *p = NULL;
	DR_CLEANUP(orbit_upload_abandonp) struct orbit_upload *u = NULL;

	if (place_enter(o, c, put->account, put->container, VERB_OBJECT_PUT, &p, err) < 0)
		return -1;
	u = calloc(1, sizeof *u);
	if (!u)
		return dr_fail_nomem(err);
	u->orbit = o;
	u->length = put->length;
	u->only_new = put->only_new;
	u->row.container = p->row.id;
	memcpy(u->account, p->row.account, sizeof u->account);
	/* By a temporary URL nothing is made that reads something else (CVE-2015-5223). */
	if (describe(u, put, c->grant == TEMPURL_NONE, err) < 0 || settle_room(u, &p->row, err) < 0)
		return -1;
	if (u->length != UINT64_MAX && u->length > u->most)
		return too_large(u, err);
	if (hash_new(&u->hash, HASH_MD5, err) < 0)
		return -1;
	*ret = DR_STEAL(u);
	return 0;
}

/* ---- writing ---- */

static int need_store(struct orbit_upload *u, struct dr_err *err)
{
	return u->store ? 0
			: store_upload_begin(u->orbit->library->store, u->account, &u->store, err);
}

/* take_lane: if there is one left; otherwise this thread hashes. */
static void take_lane(struct orbit_upload *u)
{
	struct dr_err ignored = DR_ERR_INIT;
	struct orbit *o = u->orbit;

	if (atomic_fetch_add(&o->lanes_taken, 1) < o->lanes &&
	    lane_new(&u->lane, u->hash, NULL, &ignored) == 0)
		return;
	u->lane = NULL;
	atomic_fetch_sub(&o->lanes_taken, 1);
}

static void drop_lane(struct orbit_upload *u)
{
	if (!u->lane)
		return;
	lane_free(DR_STEAL(u->lane));
	atomic_fetch_sub(&u->orbit->lanes_taken, 1);
}

static void hash_more(struct orbit_upload *u, const void *p, size_t len)
{
	if (!u->lane && u->hashed >= LANE_FROM)
		take_lane(u);
	if (u->lane)
		lane_update(u->lane, p, len);
	else
		hash_update(u->hash, p, len);
	u->hashed += len;
}

static int check_whole(const struct orbit_upload *u, struct dr_err *err)
{
	return u->broken ? dr_fail(err, DR_IO, "the upload could not be written") : 0;
}

int orbit_upload_write_at(struct orbit_upload *u, const void *p, size_t len, uint64_t pos,
			  struct dr_err *err)
{
	if (check_whole(u, err) < 0)
		return -1;
	if (len == 0)
		return 0;
	if (!dr_range_within(pos, len, u->most))
		return too_large(u, err);
	if (need_store(u, err) < 0)
		return -1;
	/* First the hash: the lane computes while this thread writes. */
	if (pos == u->hashed)
		hash_more(u, p, len);
	else if (pos < u->hashed)
		u->rehash = true;
	if (pos + len > u->size)
		u->size = pos + len;
	u->broken = store_upload_write(u->store, p, len, pos, err) < 0;
	return u->broken ? -1 : 0;
}

int orbit_upload_write(struct orbit_upload *u, const void *p, size_t len, struct dr_err *err)
{
	return orbit_upload_write_at(u, p, len, u->size, err);
}

uint64_t orbit_upload_most(const struct orbit_upload *u)
{
	return u->most;
}

int orbit_upload_fd(struct orbit_upload *u)
{
	struct dr_err ignored = DR_ERR_INIT;

	return need_store(u, &ignored) < 0 ? -1 : store_upload_fd(u->store);
}

int orbit_upload_written(struct orbit_upload *u, const char *md5, struct dr_err *err)
{
	const int fd = orbit_upload_fd(u);
	uint8_t digest[16];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return dr_fail_errno(err, "cannot look at the upload");
	u->size = (uint64_t)st.st_size;
	u->rehash = true;
	if (u->size > u->most)
		return too_large(u, err);
	if (md5 && !hex_decode(md5, digest, sizeof digest))
		return dr_fail(err, DR_INVALID, "That is no MD5");
	if (md5)
		hex_encode(digest, sizeof digest, u->given);
	return 0;
}

/* ---- the end ---- */

static void free_upload(struct orbit_upload *u, bool keep)
{
	drop_lane(u);
	hash_free(u->hash);
	store_upload_close(u->store, keep);
	free(u);
}

void orbit_upload_abandon(struct orbit_upload *u)
{
	if (u)
		free_upload(u, false);
}

/* hash_rest: what was not hashed as it came. */
static int hash_rest(struct orbit_upload *u, struct dr_err *err)
{
	dr_autofree uint8_t *buf = NULL;
	ssize_t n;

	if (u->lane)
		lane_sync(u->lane);
	drop_lane(u);
	if (u->rehash) {
		hash_free(DR_STEAL(u->hash));
		if (hash_new(&u->hash, HASH_MD5, err) < 0)
			return -1;
		u->hashed = 0;
	}
	if (u->hashed == u->size)
		return 0;
	buf = malloc(READ_BYTES);
	if (!buf)
		return dr_fail_nomem(err);
	while (u->hashed < u->size) {
		n = store_upload_read(u->store, buf,
				      dr_min_size(READ_BYTES, (size_t)(u->size - u->hashed)),
				      u->hashed, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return dr_fail(err, DR_IO, "the upload is shorter than it was");
		hash_update(u->hash, buf, (size_t)n);
		u->hashed += (uint64_t)n;
	}
	return 0;
}

static int check_content(struct orbit_upload *u, struct dr_err *err)
{
	char hex[HASH_MAX_HEX];

	if (u->length != UINT64_MAX && u->size != u->length)
		return dr_refuse(err, DR_INVALID, "length",
				 "There are other than the announced %llu bytes",
				 (unsigned long long)u->length);
	if (u->given[0]) {
		memcpy(u->row.md5, u->given, sizeof u->row.md5);
	} else {
		if (hash_rest(u, err) < 0)
			return -1;
		hash_final_hex(u->hash, hex);
		memcpy(u->row.md5, hex, sizeof u->row.md5);
	}
	if (u->wanted[0] && strcasecmp(u->wanted, u->row.md5) != 0)
		return dr_refuse(err, DR_INVALID, "etag",
				 "The content's MD5 is not the promised one");
	return 0;
}

static int make_durable(struct orbit_upload *u, struct dr_err *err)
{
	if (u->size > 0) {
		u->row.has_blob = true;
		if (store_upload_commit(u->store, &u->row.blob, &u->row.stored_bytes, err) < 0)
			return -1;
		if (u->row.stored_bytes != u->size)
			return dr_fail(err, DR_INVALID, "The upload was written after its end");
	}
	if (u->row.kind != OBJECT_STATIC)
		u->row.bytes = u->size;
	return 0;
}

/* named: after a failure, whether the row may have been written all the same. */
static bool named(struct orbit_upload *u, const struct dr_err *why)
{
	struct dr_err e = DR_ERR_INIT;

	return u->row.has_blob && why->code != DR_LIMIT && why->code != DR_CONFLICT &&
	       why->code != DR_NOT_FOUND &&
	       catalogue_object_has_blob(u->orbit->library->catalogue, &u->row.blob, &e) != 0;
}

static int publish(struct orbit_upload *u, bool *ret_keep, struct dr_err *err)
{
	dr_autofree struct object *old = malloc(sizeof *old);
	int rc;

	if (!old)
		return dr_fail_nomem(err);
	u->row.modified_at = dr_wall_us();
	rc = catalogue_object_put(u->orbit->library->catalogue, &u->row, &u->limits, u->only_new,
				  old, err);
	/* What nobody can say now, the sweeper settles. */
	*ret_keep = rc >= 0 ? u->row.has_blob : named(u, err);
	if (rc == 1)
		blob_drop(u->orbit, u->account, old);
	return rc < 0 ? -1 : 0;
}

int orbit_upload_finish(struct orbit_upload *u, struct orbit_object *ret, struct dr_err *err)
{
	bool keep = false;
	int rc = -1;

	if (check_whole(u, err) == 0 && check_content(u, err) == 0 && make_durable(u, err) == 0)
		rc = publish(u, &keep, err);
	if (rc == 0)
		object_describe(&u->row, ret);
	free_upload(u, keep);
	return rc;
}

void upload_static(struct orbit_upload *u, uint64_t bytes, const char *etag)
{
	u->row.kind = OBJECT_STATIC;
	u->row.bytes = bytes;
	(void)dr_copy(u->row.etag, sizeof u->row.etag, etag);
}
