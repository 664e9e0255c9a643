/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "store/chunk.h"
#include "store/store_internal.h"

#include "util/banned.h"

#define NAME_TEXT 20 /* of an item in messages: enough to find it, never its domain */

static const char domain_chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
static const char lease_chars[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

static bool text_of(const char *s, const char *chars, size_t size)
{
	size_t n = strnlen(s, size);

	return n >= 1 && n < size && strspn(s, chars) == n;
}

bool store_domain_valid(const char *domain)
{
	return text_of(domain, domain_chars, STORE_DOMAIN_TEXT);
}

bool store_lease_valid(const char *lease)
{
	return text_of(lease, lease_chars, STORE_LEASE_TEXT);
}

bool store_lease_owns(const char *lease, const char *file)
{
	size_t n = strlen(lease);

	return strncmp(file, lease, n) == 0 && file[n] == '~';
}

void store_key_set(struct store_key *key, enum store_kind kind, const char *domain,
		   const struct digest *id)
{
	size_t n = strlen(domain);

	assert(store_domain_valid(domain));
	memset(key, 0, sizeof *key);
	key->kind = (char)kind;
	memcpy(key->domain, domain, n);
	key->id = *id;
}

void store_key_domain(const struct store_key *key, char ret[static STORE_DOMAIN_TEXT])
{
	memcpy(ret, key->domain, sizeof key->domain);
	ret[sizeof key->domain] = 0;
}

bool store_record_item(const struct store_key *record, struct store_key *ret)
{
	char domain[STORE_DOMAIN_TEXT];

	*ret = *record;
	switch (record->kind) {
	case STORE_CHUNK:
	case STORE_ADDED_CHUNK:
		ret->kind = STORE_CHUNK;
		break;
	case STORE_BLOB:
	case STORE_ADDED_BLOB:
	case STORE_HELD:
		ret->kind = STORE_BLOB;
		break;
	default:
		return false;
	}
	store_key_domain(record, domain);
	return store_domain_valid(domain);
}

static const char *name_of(const struct store_key *key, char ret[static NAME_TEXT])
{
	char hex[DIGEST_HEX];

	digest_hex(&key->id, hex);
	snprintf(ret, NAME_TEXT, "%s %.12s", key->kind == STORE_CHUNK ? "chunk" : "blob", hex);
	return ret;
}

/* fail_damaged: move the item aside and say so. A failure to move changes nothing for the reader.
 */
static int fail_damaged(struct store *st, const struct store_key *key, uint64_t tag,
			const char *how, struct dr_err *err)
{
	struct dr_err unmoved = DR_ERR_INIT;
	char name[NAME_TEXT];

	(void)st->ops->quarantine(st, key, tag, &unmoved);
	return dr_fail(err, DR_CORRUPT, "%s is damaged: %s", name_of(key, name), how);
}

static int get_item(struct store *st, const struct store_key *key, size_t max, struct buf *ret,
		    uint64_t *ret_tag, struct dr_err *err)
{
	struct dr_err why = DR_ERR_INIT;
	char name[NAME_TEXT];

	buf_clear(ret);
	if (st->ops->get(st, key, max, ret, ret_tag, &why) == 0)
		return 0;
	/* No chunk is longer than `max`; how long a blob may be is the caller's word. */
	if (why.code == DR_CORRUPT || (why.code == DR_LIMIT && key->kind == STORE_CHUNK))
		return fail_damaged(st, key, *ret_tag, why.msg, err);
	if (why.code == DR_NOT_FOUND)
		return dr_fail(err, DR_NOT_FOUND, "%s is missing", name_of(key, name));
	if (!dr_err_is_set(err)) {
		*err = why;
		dr_while(err, "%s", name_of(key, name));
	}
	return -1;
}

/* plain_of: the plain bytes of the encoded block `stored`, verified against the key. */
static int plain_of(struct store *st, const struct store_key *key, uint64_t tag,
		    const struct buf *stored, struct buf *ret, struct dr_err *err)
{
	struct dr_err why = DR_ERR_INIT;
	struct digest id;

	if (chunk_decode(stored->p, stored->len, ret, &why) < 0) {
		if (why.code == DR_CORRUPT)
			return fail_damaged(st, key, tag, why.msg, err);
		return dr_fail(err, why.code, "%s", why.msg);
	}
	digest_of(ret->p, ret->len, &id);
	if (!digest_equal(&id, &key->id))
		return fail_damaged(st, key, tag, "it holds other bytes", err);
	return 0;
}

int store_get_chunk(struct store *st, const char *domain, const struct digest *id, size_t max,
		    struct buf *ret, struct dr_err *err)
{
	dr_autobuf struct buf stored = BUF_INIT;
	struct store_key key;
	char name[NAME_TEXT];
	uint64_t tag = 0;

	store_key_set(&key, STORE_CHUNK, domain, id);
	if (get_item(st, &key, CHUNK_STORED_MAX, &stored, &tag, err) < 0 ||
	    plain_of(st, &key, tag, &stored, ret, err) < 0)
		return -1;
	if (ret->len > max)
		return dr_fail(err, DR_LIMIT, "%s has %zu bytes, %zu expected", name_of(&key, name),
			       ret->len, max);
	return 0;
}

/* encode_as: `plain` in the encoding that was recorded; whether there is one. */
static bool encode_as(const struct buf *plain, uint32_t stored_bytes, uint32_t check,
		      struct buf *ret)
{
	struct dr_err why = DR_ERR_INIT;
	struct store_chunk_info info;

	for (unsigned hurry = 0; hurry <= STORE_HURRY_MAX; hurry++)
		if (chunk_encode(plain->p, plain->len, hurry, ret, &why) == 0 &&
		    chunk_verify(ret->p, ret->len, &info) && info.stored_bytes == stored_bytes &&
		    info.check == check)
			return true;
	return false;
}

int store_get_stored(struct store *st, const char *domain, const struct digest *id,
		     uint32_t stored_bytes, uint32_t check, struct buf *ret, struct dr_err *err)
{
	dr_autobuf struct buf plain = BUF_INIT;
	struct store_chunk_info info;
	struct store_key key;
	char name[NAME_TEXT];
	uint64_t tag = 0;

	store_key_set(&key, STORE_CHUNK, domain, id);
	if (get_item(st, &key, CHUNK_STORED_MAX, ret, &tag, err) < 0)
		return -1;
	if (chunk_verify(ret->p, ret->len, &info) && info.stored_bytes == stored_bytes &&
	    info.check == check)
		return 0;
	/* Not what was recorded: damaged, or sound and another encoding of the same bytes. */
	if (plain_of(st, &key, tag, ret, &plain, err) < 0)
		return -1;
	if (encode_as(&plain, stored_bytes, check, ret))
		return 0;
	return dr_fail(
		err, DR_CONFLICT,
		"%s is sound but encoded otherwise than recorded: raw and qcow2 can be read, "
		"lz4 cannot until `store check` has brought the record up to date",
		name_of(&key, name));
}

int store_get_blob(struct store *st, const char *domain, const struct digest *id, size_t max,
		   struct buf *ret, struct dr_err *err)
{
	struct store_key key;
	struct digest found;
	uint64_t tag = 0;

	store_key_set(&key, STORE_BLOB, domain, id);
	if (get_item(st, &key, max, ret, &tag, err) < 0)
		return -1;
	digest_of(ret->p, ret->len, &found);
	if (!digest_equal(&found, id))
		return fail_damaged(st, &key, tag, "it holds other bytes", err);
	return 0;
}

int store_probe_chunk(struct store *st, const char *domain, const struct digest *id,
		      struct store_chunk_info *ret, struct dr_err *err)
{
	struct store_seen seen;
	struct store_key key;
	char name[NAME_TEXT];
	int there;

	store_key_set(&key, STORE_CHUNK, domain, id);
	there = st->ops->peek(st, &key, &seen, err);
	if (there < 0)
		return dr_while(err, "%s", name_of(&key, name));
	if (there == 0)
		return dr_fail(err, DR_NOT_FOUND, "%s is missing", name_of(&key, name));
	if (seen.strange)
		return dr_fail(err, DR_CORRUPT, "%s is damaged: it is no plain file",
			       name_of(&key, name));
	ret->found = true;
	if (!chunk_sane(seen.bytes, seen.head, seen.tail, ret))
		return dr_fail(err, DR_CORRUPT, "%s is damaged: its length is wrong",
			       name_of(&key, name));
	return 0;
}

int store_begin(struct store *st, const char *lease, struct store_txn **ret, struct dr_err *err)
{
	if (!store_lease_valid(lease))
		return dr_fail(err, DR_INVALID, "not a lease name");
	return st->ops->begin(st, lease, ret, err);
}

/* One put: the bytes wanted and, once they are needed, the bytes at rest. */
struct put {
	struct store_txn *tx;
	struct store_key key;
	const void *plain;
	size_t len;
	struct store_chunk_info info; /* of a chunk */
	struct buf found;             /* scratch */
	struct buf expanded;          /* scratch */
	struct buf encoded;
};

static void put_done(struct put *put)
{
	buf_done(&put->found);
	buf_done(&put->expanded);
	buf_done(&put->encoded);
}

/* same_bytes: what was read back is what this put would have written. 1, 0, or -1 (NO_MEMORY). */
static int same_bytes(struct put *put, struct dr_err *err)
{
	struct dr_err why = DR_ERR_INIT;
	const struct buf *got = &put->found;

	if (put->key.kind == STORE_CHUNK) {
		if (chunk_decode(put->found.p, put->found.len, &put->expanded, &why) < 0)
			return why.code == DR_CORRUPT ? 0 : dr_fail(err, why.code, "%s", why.msg);
		(void)chunk_verify(put->found.p, put->found.len, &put->info);
		got = &put->expanded;
	}
	return got->len == put->len && (put->len == 0 || memcmp(got->p, put->plain, put->len) == 0);
}

/* still_good: the item that is there holds the wanted bytes. 1 yes; 0 no, and it is out of the way.
 * Reading it back whole costs about a quarter of encoding and writing it, and makes "found" as good
 * as "written": rot, a file torn by a power cut and a disk that cannot read it are healed here. */
static int still_good(struct put *put, struct dr_err *err)
{
	struct store *st = put->tx->st;
	size_t max = put->key.kind == STORE_CHUNK ? CHUNK_STORED_MAX : put->len;
	struct dr_err why = DR_ERR_INIT;
	uint64_t tag = 0;
	int rc;

	buf_clear(&put->found);
	put->found.max = max > 0 ? max : 1;
	rc = st->ops->get(st, &put->key, max, &put->found, &tag, &why);
	if (rc < 0 && why.code == DR_NOT_FOUND)
		return 0;
	if (rc < 0 && why.code != DR_CORRUPT && why.code != DR_LIMIT && why.sys != EIO)
		return dr_fail(err, why.code, "%s", why.msg);
	rc = rc < 0 ? 0 : same_bytes(put, err);
	if (rc != 0)
		return rc;
	return st->ops->quarantine(st, &put->key, tag, err) < 0 ? -1 : 0;
}

static int add(struct put *put, struct dr_err *err)
{
	const struct store_ops *ops = put->tx->st->ops;

	if (put->key.kind != STORE_CHUNK)
		return ops->add(put->tx, &put->key, put->plain, put->len, err);
	if (put->encoded.len == 0 &&
	    chunk_encode(put->plain, put->len, atomic_load(&put->tx->hurry), &put->encoded, err) <
		    0)
		return -1;
	(void)chunk_verify(put->encoded.p, put->encoded.len, &put->info);
	return ops->add(put->tx, &put->key, put->encoded.p, put->encoded.len, err);
}

/* put_run: 1 added, 0 found. Several rounds, because other writers add the same item and readers
 * move a damaged one aside in between; each round needs one of them to have done so. */
static int put_run(struct put *put, struct dr_err *err)
{
	int rc = put->tx->st->ops->find(put->tx, &put->key, err);
	char name[NAME_TEXT];

	for (unsigned round = 0; round < 8 && rc >= 0; round++) {
		if (rc == 1) {
			rc = still_good(put, err);
			if (rc == 1)
				return 0;
		}
		if (rc == 0) {
			rc = add(put, err);
			if (rc == 1)
				return 1;
			if (rc == 0)
				rc = 1;
		}
	}
	if (rc < 0)
		return dr_while(err, "%s", name_of(&put->key, name));
	return dr_fail(err, DR_BUSY, "%s does not settle", name_of(&put->key, name));
}

void store_hurry(struct store_txn *tx, unsigned hurry)
{
	assert(hurry <= STORE_HURRY_MAX);
	atomic_store(&tx->hurry, hurry);
}

int store_put_chunk(struct store_txn *tx, const char *domain, const void *p, size_t len,
		    struct digest *ret_id, struct store_chunk_info *ret, struct dr_err *err)
{
	DR_CLEANUP(put_done) struct put put = {.tx = tx, .plain = p, .len = len};
	struct digest id;
	int added;

	assert(len >= 1 && len <= STORE_CHUNK_BYTES);
	digest_of(p, len, &id);
	store_key_set(&put.key, STORE_CHUNK, domain, &id);
	added = put_run(&put, err);
	if (added < 0)
		return -1;
	*ret_id = id;
	*ret = put.info;
	ret->found = added == 0;
	return 0;
}

int store_put_blob(struct store_txn *tx, const char *domain, const void *p, size_t len,
		   struct digest *ret_id, struct dr_err *err)
{
	DR_CLEANUP(put_done) struct put put = {.tx = tx, .plain = p, .len = len};
	struct digest id;

	digest_of(p, len, &id);
	store_key_set(&put.key, STORE_BLOB, domain, &id);
	if (put_run(&put, err) < 0)
		return -1;
	*ret_id = id;
	return 0;
}

int store_hold(struct store_txn *tx, const char *domain, const struct digest *manifest,
	       struct dr_err *err)
{
	struct store_key record;
	char name[NAME_TEXT];
	int there;

	store_key_set(&record, STORE_HELD, domain, manifest);
	there = tx->st->ops->find(tx, &record, err);
	if (there == 0)
		return dr_fail(err, DR_NOT_FOUND, "%s is missing", name_of(&record, name));
	return there < 0 ? -1 : 0;
}

int store_commit(struct store_txn *tx, struct dr_err *err)
{
	return tx->st->ops->commit(tx, err);
}

void store_abandon(struct store_txn *tx)
{
	if (tx)
		tx->st->ops->abandon(tx);
}

int store_unlease(struct store *st, const char *lease, struct dr_err *err)
{
	if (!store_lease_valid(lease))
		return dr_fail(err, DR_INVALID, "not a lease name");
	return st->ops->unlease(st, lease, err);
}

void store_close(struct store *st)
{
	if (st)
		st->ops->close(st);
}
