/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/dir_internal.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/str.h"

#include "util/banned.h"

struct dir_held {
	int fd;
};

static int lock_byte(struct store *st, unsigned byte, bool wait, void **ret, struct dr_err *err)
{
	dr_autofree struct dir_held *held = malloc(sizeof *held);

	if (!held)
		return dr_fail_nomem(err);
	held->fd = store_dir_lock(store_dir_of(st), byte, true, wait, err);
	if (held->fd < 0)
		return -1;
	*ret = DR_STEAL(held);
	return 0;
}

int store_dir_lock_sweep(struct store *st, void **ret, struct dr_err *err)
{
	return lock_byte(st, DIR_LOCK_SWEEP, false, ret, err);
}

int store_dir_lock_shard(struct store *st, unsigned shard, void **ret, struct dr_err *err)
{
	return lock_byte(st, shard, true, ret, err);
}

void store_dir_unlock(struct store *st, void *lock)
{
	struct dir_held *held = lock;

	(void)st;
	close(held->fd);
	free(held);
}

static void closedirp(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

/* dir_list: an open listing of `path`; NULL with errno set. */
static DIR *dir_list(int at, const char *path)
{
	dr_autofd int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		(void)DR_STEAL_FD(fd);
	return dir;
}

/* next_name: the next entry, or NULL at the end, or when *ret_rc has become -1. */
static const char *next_name(DIR *dir, int *ret_rc, struct dr_err *err)
{
	const struct dirent *e;

	errno = 0;
	e = readdir(dir);
	if (!e && errno)
		*ret_rc = dr_fail_errno(err, "list the store");
	return e ? e->d_name : NULL;
}

static int lease_state(const struct dir_store *d, const char *file, bool *ret_ended,
		       struct dr_err *err)
{
	dr_autofd int fd =
		openat(d->sub[DIR_LEASES], file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char state = 0;

	if (fd < 0)
		return errno == ENOENT ? 0 : dr_fail_errno(err, "open a lease");
	if (dr_pread_full(fd, &state, 1, 0, err) < 0)
		return -1;
	*ret_ended = state == DIR_LEASE_ENDED;
	return 1;
}

int store_dir_each_lease(struct store *st, store_lease_fn fn, void *arg, struct dr_err *err)
{
	struct dir_store *d = store_dir_of(st);
	DR_CLEANUP(closedirp) DIR *dir = dir_list(d->sub[DIR_LEASES], ".");
	const char *name;
	bool ended = false;
	int rc = 0;

	if (!dir)
		return dr_fail_errno(err, "list the leases");
	while (rc == 0 && (name = next_name(dir, &rc, err))) {
		if (!strchr(name, '~'))
			continue;
		rc = lease_state(d, name, &ended, err);
		if (rc == 1)
			rc = fn(arg, name, ended, err);
	}
	return rc;
}

int store_dir_read_records(int fd, store_record_fn fn, void *arg, struct dr_err *err)
{
	struct store_key records[256];
	/* The first is the state. */
	uint64_t off = sizeof *records;
	ssize_t n;

	do {
		n = dr_pread_full(fd, records, sizeof records, off, err);
		if (n < 0)
			return -1;
		for (size_t i = 0; i < (size_t)n / sizeof *records; i++)
			if (fn(arg, &records[i], err) < 0)
				return -1;
		off += (uint64_t)n;
	} while (n == (ssize_t)sizeof records);
	return 0;
}

int store_dir_read_lease(struct store *st, const char *file, store_record_fn fn, void *arg,
			 struct dr_err *err)
{
	dr_autofd int fd = openat(store_dir_of(st)->sub[DIR_LEASES], file,
				  O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT ? 0 : dr_fail_errno(err, "open a lease");
	return store_dir_read_records(fd, fn, arg, err);
}

int store_dir_drop_lease(struct store *st, const char *file, struct dr_err *err)
{
	if (unlinkat(store_dir_of(st)->sub[DIR_LEASES], file, 0) != 0 && errno != ENOENT)
		return dr_fail_errno(err, "remove a lease");
	return 0;
}

int store_dir_remove(struct store *st, const struct store_key *key, struct dr_err *err)
{
	char path[DIR_ITEM_TEXT];

	store_dir_path(key, path);
	if (unlinkat(store_dir_base(store_dir_of(st), key), path, 0) != 0 && errno != ENOENT)
		return dr_fail_errno(err, "remove an item");
	return 0;
}

/* age_of: since `then`; never negative, whatever the clock did. */
static uint64_t age_of(struct timespec then)
{
	int64_t now = dr_wall();

	return now > then.tv_sec ? (uint64_t)(now - then.tv_sec) : 0;
}

struct walk {
	enum store_kind kind;
	store_item_fn fn;
	void *arg;
};

static int walk_items(DIR *dir, const char *domain, const struct walk *w, struct dr_err *err)
{
	struct store_key key;
	struct digest id;
	struct stat s;
	const char *name;
	int rc = 0;

	while (rc == 0 && (name = next_name(dir, &rc, err))) {
		if (!digest_parse(name, &id))
			continue;
		if (fstatat(dirfd(dir), name, &s, AT_SYMLINK_NOFOLLOW) != 0) {
			rc = errno == ENOENT ? 0 : dr_fail_errno(err, "look at an item");
			continue;
		}
		/* What is no plain file is damage: for check and for the next put, not for us. */
		if (!S_ISREG(s.st_mode))
			continue;
		store_key_set(&key, w->kind, domain, &id);
		rc = w->fn(w->arg, &key, (uint64_t)s.st_size, age_of(s.st_mtim), err);
	}
	return rc;
}

static int walk_domains(int base, unsigned shard, const struct walk *w, struct dr_err *err)
{
	DR_CLEANUP(closedirp) DIR *domains = dir_list(base, ".");
	char path[STORE_DOMAIN_TEXT + 4];
	const char *name;
	int rc = 0;

	if (!domains)
		return dr_fail_errno(err, "list the store");
	while (rc == 0 && (name = next_name(domains, &rc, err))) {
		DR_CLEANUP(closedirp) DIR *items = NULL;

		if (!store_domain_valid(name))
			continue;
		snprintf(path, sizeof path, "%.31s/%02x", name, shard & 0xFF);
		items = dir_list(base, path);
		if (items)
			rc = walk_items(items, name, w, err);
		else if (errno != ENOENT)
			rc = dr_fail_errno(err, "list the store");
	}
	return rc;
}

int store_dir_walk(const struct dir_store *d, enum store_kind kind, unsigned shard,
		   store_item_fn fn, void *arg, struct dr_err *err)
{
	const struct store_key any = {.kind = (char)kind};
	const struct walk w = {.kind = kind, .fn = fn, .arg = arg};

	return walk_domains(store_dir_base(d, &any), shard, &w, err);
}

int store_dir_each_item(struct store *st, unsigned shard, store_item_fn fn, void *arg,
			struct dr_err *err)
{
	const struct dir_store *d = store_dir_of(st);

	if (store_dir_walk(d, STORE_CHUNK, shard, fn, arg, err) < 0)
		return -1;
	return store_dir_walk(d, STORE_BLOB, shard, fn, arg, err);
}

/* is_aside: a name that dir_quarantine gives. What else lies there is somebody's own; so is a
 * user's object, which no import brings back: it stays until a person has looked at it. */
static bool is_aside(const char *name)
{
	return dr_starts(name, "chunk~") || dr_starts(name, "blob~");
}

/* tidy_one: a temporary file is as old as its last write, what was moved aside as the rename. */
static int tidy_one(int at, const char *name, bool aside, uint64_t age_seconds, struct dr_err *err)
{
	struct stat s;

	if (name[0] == '.' || (aside && !is_aside(name)) ||
	    fstatat(at, name, &s, AT_SYMLINK_NOFOLLOW) != 0 ||
	    age_of(aside ? s.st_ctim : s.st_mtim) < age_seconds)
		return 0;
	/* A directory that bore an item's name goes when it is empty. */
	if (unlinkat(at, name, S_ISDIR(s.st_mode) ? AT_REMOVEDIR : 0) != 0 && errno != ENOENT &&
	    errno != ENOTEMPTY)
		return dr_fail_errno(err, "tidy the store");
	return 0;
}

static int tidy_all(int at, bool aside, uint64_t age_seconds, struct dr_err *err)
{
	DR_CLEANUP(closedirp) DIR *dir = dir_list(at, ".");
	const char *name;
	int rc = 0;

	if (!dir)
		return dr_fail_errno(err, "list what is to be tidied");
	while (rc == 0 && (name = next_name(dir, &rc, err)))
		rc = tidy_one(at, name, aside, age_seconds, err);
	return rc;
}

int store_dir_tidy(struct store *st, uint64_t temp_seconds, uint64_t aside_seconds,
		   struct dr_err *err)
{
	struct dir_store *d = store_dir_of(st);

	if (tidy_all(d->sub[DIR_TMP], false, temp_seconds, err) < 0)
		return -1;
	return tidy_all(d->sub[DIR_QUARANTINE], true, aside_seconds, err);
}
