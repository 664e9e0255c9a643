/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>

#include "store/dir_internal.h"
#include "util/checked.h"
#include "util/io.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define FORMAT_MAGIC "darkroom-store "
#define FORMAT_VERSION 1

static const char *const subs[DIR_SUBS] = {
	[DIR_CHUNKS] = "chunks", [DIR_BLOBS] = "blobs",   [DIR_OBJECTS] = "objects",
	[DIR_TMP] = "tmp",       [DIR_LEASES] = "leases", [DIR_QUARANTINE] = "quarantine",
};

struct dir_txn {
	struct store_txn base;
	int root; /* its own open file, so that syncfs() reports what failed since begin */
	int lease;
	atomic_bool broken; /* a record was cut short: the lease can take no more */
};

struct dir_store *store_dir_of(struct store *st)
{
	return (struct dir_store *)st;
}

static struct dir_txn *txn_of(struct store_txn *tx)
{
	return (struct dir_txn *)tx;
}

int store_dir_base(const struct dir_store *d, const struct store_key *key)
{
	switch (key->kind) {
	case STORE_CHUNK:
		return d->sub[DIR_CHUNKS];
	case STORE_OBJECT:
		return d->sub[DIR_OBJECTS];
	default:
		return d->sub[DIR_BLOBS];
	}
}

void store_dir_path(const struct store_key *key, char ret[static DIR_ITEM_TEXT])
{
	char domain[STORE_DOMAIN_TEXT], hex[DIGEST_HEX];

	store_key_domain(key, domain);
	digest_hex(&key->id, hex);
	snprintf(ret, DIR_ITEM_TEXT, "%s/%.2s/%s", domain, hex, hex);
}

int store_dir_lock(const struct dir_store *d, unsigned byte, bool exclusive, bool wait,
		   struct dr_err *err)
{
	/* An open-file-description lock on a description of its own: it excludes threads as well
	 * as processes, and goes with its holder however that ends. */
	dr_autofd int fd = openat(d->root, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct flock range = {
		.l_type = exclusive ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = byte,
		.l_len = 1,
	};

	if (fd < 0)
		return dr_fail_errno(err, "open the store's lock");
	while (fcntl(fd, wait ? F_OFD_SETLKW : F_OFD_SETLK, &range) != 0) {
		if (errno == EAGAIN || errno == EACCES)
			return dr_fail(err, DR_BUSY, "the store is being collected already");
		if (errno != EINTR)
			return dr_fail_errno(err, "lock the store");
	}
	return DR_STEAL_FD(fd);
}

static uint64_t tag_of(const struct stat *s)
{
	return (uint64_t)s->st_ino ^ (uint64_t)s->st_mtim.tv_sec << 30 ^
	       (uint64_t)s->st_mtim.tv_nsec;
}

int store_dir_item_open(const struct dir_store *d, const struct store_key *key, int *ret_fd,
			struct stat *ret, struct dr_err *err)
{
	char path[DIR_ITEM_TEXT];
	int base = store_dir_base(d, key);
	dr_autofd int fd = -1;

	*ret_fd = -1;
	store_dir_path(key, path);
	fd = openat(base, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 && errno != ELOOP && errno != ENXIO)
		return dr_fail_errno(err, "open");
	if (fd < 0)
		return fstatat(base, path, ret, AT_SYMLINK_NOFOLLOW) == 0
			       ? 1
			       : dr_fail_errno(err, "look at it");
	if (fstat(fd, ret) != 0)
		return dr_fail_errno(err, "look at it");
	if (S_ISREG(ret->st_mode))
		*ret_fd = DR_STEAL_FD(fd);
	return 1;
}

static int dir_get(struct store *st, const struct store_key *key, size_t max, struct buf *ret,
		   uint64_t *ret_tag, struct dr_err *err)
{
	dr_autofd int fd = -1;
	struct stat s;
	ssize_t n;
	uint8_t *to;
	size_t size, room = ret->max ? ret->max : BUF_MAX_DEFAULT;
	int there = store_dir_item_open(store_dir_of(st), key, &fd, &s, err);

	if (there < 0)
		return -1;
	if (there == 0)
		return dr_fail(err, DR_NOT_FOUND, "no such item");
	*ret_tag = tag_of(&s);
	if (fd < 0)
		return dr_fail(err, DR_CORRUPT, "it is no plain file");
	if (!dr_to_size((uint64_t)s.st_size, &size) || size > dr_min_size(max, room))
		return dr_fail(err, DR_LIMIT, "longer than %zu bytes", dr_min_size(max, room));
	to = buf_reserve(ret, size);
	if (!to)
		return dr_fail_nomem(err);
	n = dr_pread_full(fd, to, size, 0, err);
	if (n < 0)
		return -1;
	ret->len = (size_t)n;
	ret->p[ret->len] = 0;
	return 0;
}

static int dir_peek(struct store *st, const struct store_key *key, struct store_seen *ret,
		    struct dr_err *err)
{
	dr_autofd int fd = -1;
	struct stat s;
	int there = store_dir_item_open(store_dir_of(st), key, &fd, &s, err);

	if (there <= 0)
		return there;
	*ret = (struct store_seen){
		.tag = tag_of(&s), .bytes = (uint64_t)s.st_size, .strange = fd < 0};
	if (fd < 0 || ret->bytes < 4)
		return 1;
	if (dr_pread_full(fd, ret->head, 4, 0, err) < 0 ||
	    dr_pread_full(fd, ret->tail, 4, ret->bytes - 4, err) < 0)
		return -1;
	return 1;
}

static const char *kind_word(const struct store_key *key)
{
	switch (key->kind) {
	case STORE_CHUNK:
		return "chunk";
	case STORE_OBJECT:
		return "object";
	default:
		return "blob";
	}
}

int store_dir_move_aside(const struct dir_store *d, const struct store_key *key, struct dr_err *err)
{
	char from[DIR_ITEM_TEXT], to[DIR_ITEM_TEXT + 32], domain[STORE_DOMAIN_TEXT];
	char hex[DIGEST_HEX];
	uint64_t unique;

	store_key_domain(key, domain);
	digest_hex(&key->id, hex);
	dr_random(&unique, sizeof unique);
	store_dir_path(key, from);
	snprintf(to, sizeof to, "%s~%s~%s~%016llx", kind_word(key), domain, hex,
		 (unsigned long long)unique);
	if (renameat(store_dir_base(d, key), from, d->sub[DIR_QUARANTINE], to) == 0)
		return 1;
	return errno == ENOENT ? 0 : dr_fail_errno(err, "move a damaged item aside");
}

static int dir_quarantine(struct store *st, const struct store_key *key, uint64_t tag,
			  struct dr_err *err)
{
	struct dir_store *d = store_dir_of(st);
	/* Exclusive, so that of two who saw the damage the slower does not move the item that the
	 * faster has already replaced. */
	dr_autofd int lock = store_dir_lock(d, key->id.b[0], true, true, err);
	dr_autofd int fd = -1;
	struct stat s;
	int there = lock < 0 ? -1 : store_dir_item_open(d, key, &fd, &s, err);

	if (there <= 0 || tag_of(&s) != tag)
		return there < 0 ? -1 : 0;
	return store_dir_move_aside(d, key, err);
}

static void txn_free(struct dir_txn *tx)
{
	dr_closep(&tx->root);
	dr_closep(&tx->lease);
	free(tx);
}

static void txn_freep(struct dir_txn **tx)
{
	if (*tx)
		txn_free(*tx);
}

/* append: one record with one write(), which O_APPEND makes whole and unshared. Records are aligned
 * to their size, so a full disk refuses one whole; were one cut nevertheless (a file size limit),
 * those behind it would be unreadable, hence `broken`. */
static int append(struct dir_txn *tx, const struct store_key *record, struct dr_err *err)
{
	ssize_t n;

	if (atomic_load(&tx->broken))
		return dr_fail(err, DR_IO, "the lease is broken");
	do
		n = write(tx->lease, record, sizeof *record);
	while (n < 0 && errno == EINTR);
	if (n == (ssize_t)sizeof *record)
		return 0;
	if (n < 0)
		return dr_fail_errno(err, "write the lease");
	atomic_store(&tx->broken, true);
	errno = ENOSPC;
	return dr_fail_errno(err, "write the lease");
}

static int dir_begin(struct store *st, const char *lease, struct store_txn **ret,
		     struct dr_err *err)
{
	struct dir_store *d = store_dir_of(st);
	DR_CLEANUP(txn_freep) struct dir_txn *tx = calloc(1, sizeof *tx);
	struct store_key state = {.kind = DIR_LEASE_ACTIVE};
	char file[STORE_LEASE_TEXT + 32];
	uint64_t unique;

	if (!tx)
		return dr_fail_nomem(err);
	tx->base.st = st;
	tx->lease = -1;
	tx->root = openat(d->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tx->root < 0)
		return dr_fail_errno(err, "open the store");
	dr_random(&unique, sizeof unique);
	snprintf(file, sizeof file, "%s~%016llx", lease, (unsigned long long)unique);
	tx->lease = openat(d->sub[DIR_LEASES], file,
			   O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (tx->lease < 0)
		return dr_fail_errno(err, "make a lease");
	if (append(tx, &state, err) < 0) {
		unlinkat(d->sub[DIR_LEASES], file, 0);
		return -1;
	}
	*ret = &DR_STEAL(tx)->base;
	return 0;
}

static int dir_find(struct store_txn *base, const struct store_key *record, struct dr_err *err)
{
	struct dir_txn *tx = txn_of(base);
	struct dir_store *d = store_dir_of(base->st);
	dr_autofd int lock = store_dir_lock(d, record->id.b[0], false, true, err);
	char path[DIR_ITEM_TEXT];
	struct store_key key;
	struct stat s;

	if (lock < 0 || append(tx, record, err) < 0)
		return -1;
	if (!store_record_item(record, &key))
		return dr_fail(err, DR_INVALID, "not an item's name");
	store_dir_path(&key, path);
	if (fstatat(store_dir_base(d, &key), path, &s, AT_SYMLINK_NOFOLLOW) == 0)
		return 1;
	return errno == ENOENT ? 0 : dr_fail_errno(err, "look for it");
}

static int write_temp(const struct dir_store *d, const char *temp, const void *p, size_t len,
		      struct dr_err *err)
{
	dr_autofd int fd = openat(d->sub[DIR_TMP], temp,
				  O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return dr_fail_errno(err, "create");
	if (dr_write_all(fd, p, len, err) < 0)
		return -1;
	/* Start the disk on it now, so that the barrier at the end finds little left to write. Only
	 * a hint: what fails is reported by the barrier. */
	(void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

int store_dir_make_parents(int base, const char *path, struct dr_err *err)
{
	char part[DIR_ITEM_TEXT];

	for (const char *s = strchr(path, '/'); s; s = strchr(s + 1, '/')) {
		snprintf(part, sizeof part, "%.*s", (int)(s - path), path);
		if (mkdirat(base, part, 0700) != 0 && errno != EEXIST)
			return dr_fail_errno(err, "create a directory");
	}
	return 0;
}

/* place: the temporary file gets the item's name. Never over another item: that one may be behind
 * somebody's barrier already, this one is not. 1, or 0: there is one. */
static int place(const struct dir_store *d, const char *temp, const struct store_key *key,
		 struct dr_err *err)
{
	char path[DIR_ITEM_TEXT];
	int base = store_dir_base(d, key);

	store_dir_path(key, path);
	for (unsigned round = 0; round < 2; round++) {
		if (renameat2(d->sub[DIR_TMP], temp, base, path, RENAME_NOREPLACE) == 0)
			return 1;
		if (errno == EEXIST)
			return 0;
		if (errno != ENOENT)
			break;
		if (store_dir_make_parents(base, path, err) < 0)
			return -1;
	}
	return dr_fail_errno(err, "rename into place");
}

static int dir_add(struct store_txn *base, const struct store_key *key, const void *p, size_t len,
		   struct dr_err *err)
{
	struct dir_store *d = store_dir_of(base->st);
	struct store_key record = *key;
	char temp[40];
	uint64_t unique[2];
	int rc;

	dr_random(unique, sizeof unique);
	snprintf(temp, sizeof temp, "%016llx%016llx", (unsigned long long)unique[0],
		 (unsigned long long)unique[1]);
	rc = write_temp(d, temp, p, len, err);
	if (rc == 0)
		rc = place(d, temp, key, err);
	if (rc <= 0) {
		unlinkat(d->sub[DIR_TMP], temp, 0);
		return rc;
	}
	record.kind = key->kind == STORE_CHUNK ? STORE_ADDED_CHUNK : STORE_ADDED_BLOB;
	return append(txn_of(base), &record, err) < 0 ? -1 : 1;
}

static int take_out(void *arg, const struct store_key *record, struct dr_err *err)
{
	struct store_key key;

	if (record->kind != STORE_ADDED_CHUNK && record->kind != STORE_ADDED_BLOB)
		return 0;
	return store_record_item(record, &key) ? store_dir_remove(arg, &key, err) : 0;
}

/* One syncfs() instead of a sync per file: it covers data, renames, directories and the lease, and
 * also what was found but written by a transaction that has not committed. Measured (ext4, 4000
 * chunks of 400 kB, writeback started at each put): 10 to 30 ms at the end, where fdatasync of
 * every file and fsync of every directory took 1.5 to 2.4 s. The price: other writers of the same
 * file system are waited for too. syncfs() reports write errors since Linux 5.8, each to every file
 * description that was open (here: since begin). */
static int dir_commit(struct store_txn *base, struct dr_err *err)
{
	DR_CLEANUP(txn_freep) struct dir_txn *tx = txn_of(base);
	struct dr_err more = DR_ERR_INIT;

	if (atomic_load(&tx->broken))
		dr_fail(err, DR_IO, "the lease is broken");
	else if (syncfs(tx->root) == 0)
		return 0;
	else
		dr_fail_errno(err, "write the store to disk");
	/* The kernel now takes the failed pages for clean: a later writer must not find these
	 * items in memory and believe that they are on disk. */
	if (store_dir_read_records(tx->lease, take_out, base->st, &more) < 0)
		dr_while(err, "and %s could not be taken out again", "what was written");
	return -1;
}

static void dir_abandon(struct store_txn *base)
{
	txn_free(txn_of(base));
}

struct ending {
	struct dir_store *d;
	const char *lease;
};

static int end_one(void *arg, const char *file, bool ended, struct dr_err *err)
{
	const struct ending *e = arg;
	dr_autofd int fd = -1;

	if (ended || !store_lease_owns(e->lease, file))
		return 0;
	fd = openat(e->d->sub[DIR_LEASES], file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return dr_fail_errno(err, "open a lease");
	/* In place: ending a lease needs no space, so a full disk can be collected. */
	if (dr_pwrite_all(fd, (const char[]){DIR_LEASE_ENDED}, 1, 0, err) < 0)
		return -1;
	return fdatasync(fd) == 0 ? 0 : dr_fail_errno(err, "end a lease");
}

static int dir_unlease(struct store *st, const char *lease, struct dr_err *err)
{
	struct ending e = {.d = store_dir_of(st), .lease = lease};

	return store_dir_each_lease(st, end_one, &e, err);
}

static void dir_close(struct store *st)
{
	struct dir_store *d = store_dir_of(st);

	dr_closep(&d->root);
	for (size_t i = 0; i < DIR_SUBS; i++)
		dr_closep(&d->sub[i]);
	free(d);
}

static const struct store_ops dir_ops = {
	.name = "dir",
	.objects = &store_dir_objects,
	.get = dir_get,
	.peek = dir_peek,
	.quarantine = dir_quarantine,
	.begin = dir_begin,
	.find = dir_find,
	.add = dir_add,
	.commit = dir_commit,
	.abandon = dir_abandon,
	.unlease = dir_unlease,
	.close = dir_close,
	.lock_sweep = store_dir_lock_sweep,
	.lock_shard = store_dir_lock_shard,
	.unlock = store_dir_unlock,
	.each_lease = store_dir_each_lease,
	.read_lease = store_dir_read_lease,
	.drop_lease = store_dir_drop_lease,
	.each_item = store_dir_each_item,
	.remove = store_dir_remove,
	.tidy = store_dir_tidy,
};

static int read_format(int root, struct dr_err *err)
{
	dr_autobuf struct buf b = BUF_INIT_MAX(64);
	size_t n = strlen(FORMAT_MAGIC);
	uint64_t version;
	char *text;

	if (dr_read_file(root, "format", &b, err) < 0)
		return err->code == DR_NOT_FOUND ? dr_while(err, "no store there") : -1;
	if (b.len > 0 && b.p[b.len - 1] == '\n')
		b.p[--b.len] = 0;
	text = (char *)b.p;
	if (b.len <= n || memcmp(text, FORMAT_MAGIC, n) != 0 ||
	    !dr_parse_u64(text + n, 1, UINT32_MAX, &version))
		return dr_fail(err, DR_CORRUPT, "the store's format file is damaged");
	if (version > FORMAT_VERSION)
		return dr_fail(err, DR_UNSUPPORTED,
			       "the store has format %llu, made by a newer version; this one "
			       "knows up to %d",
			       (unsigned long long)version, FORMAT_VERSION);
	return 0;
}

/* open_sub: a store made before there were users' objects has no place for them yet. */
static int open_sub(int root, enum dir_sub sub, struct dr_err *err)
{
	dr_autofd int fd = -1;

	for (unsigned round = 0; round < 2; round++) {
		fd = openat(root, subs[sub], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd >= 0 || errno != ENOENT || sub != DIR_OBJECTS)
			break;
		if ((mkdirat(root, subs[sub], 0700) != 0 && errno != EEXIST) || fsync(root) != 0)
			break;
	}
	if (fd < 0)
		return dr_fail_errno(err, "open the store's %s", subs[sub]);
	return DR_STEAL_FD(fd);
}

int store_dir_open(struct store **ret, const char *path, struct dr_err *err)
{
	struct dir_store *d = calloc(1, sizeof *d);
	DR_CLEANUP(store_closep) struct store *st = d ? &d->base : NULL;

	if (!d)
		return dr_fail_nomem(err);
	d->base.ops = &dir_ops;
	for (size_t i = 0; i < DIR_SUBS; i++)
		d->sub[i] = -1;
	d->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->root < 0 && errno == ENOENT)
		return dr_fail(err, DR_NOT_FOUND, "no store there");
	if (d->root < 0)
		return dr_fail_errno(err, "open the store");
	if (read_format(d->root, err) < 0)
		return -1;
	for (size_t i = 0; i < DIR_SUBS; i++) {
		d->sub[i] = open_sub(d->root, (enum dir_sub)i, err);
		if (d->sub[i] < 0)
			return -1;
	}
	*ret = DR_STEAL(st);
	return 0;
}

/* ours: a name that an interrupted store_dir_create may have left, or a fresh file system has. */
static bool ours(const char *name)
{
	for (size_t i = 0; i < DIR_SUBS; i++)
		if (dr_streq(name, subs[i]))
			return true;
	return dr_streq(name, ".") || dr_streq(name, "..") || dr_streq(name, "lock") ||
	       dr_streq(name, "lost+found") || dr_starts(name, "format.tmp-");
}

static int check_empty(int root, struct dr_err *err)
{
	int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int rc = 0;

	if (!dir) {
		dr_closep(&fd);
		return dr_fail_errno(err, "read the directory");
	}
	while (rc == 0 && (e = readdir(dir))) {
		if (dr_streq(e->d_name, "format"))
			rc = dr_fail(err, DR_CONFLICT, "there is a store already");
		else if (!ours(e->d_name))
			rc = dr_fail(err, DR_CONFLICT, "the directory is not empty");
	}
	closedir(dir);
	return rc;
}

int store_dir_create(const char *path, struct dr_err *err)
{
	static const char format[] = FORMAT_MAGIC "1\n";
	dr_autofd int root = -1, lock = -1;

	_Static_assert(FORMAT_VERSION == 1, "the text above says which");
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return dr_fail_errno(err, "create the store");
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return dr_fail_errno(err, "open the store's directory");
	if (check_empty(root, err) < 0)
		return -1;
	for (size_t i = 0; i < DIR_SUBS; i++)
		if (mkdirat(root, subs[i], 0700) != 0 && errno != EEXIST)
			return dr_fail_errno(err, "create the store's %s", subs[i]);
	lock = openat(root, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return dr_fail_errno(err, "create the store's lock");
	/* Last, and durably with the names of the others: with it the directory is a store. */
	return dr_write_file(root, "format", format, sizeof format - 1, 0600, err);
}
