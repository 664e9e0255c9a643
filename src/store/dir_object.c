/* SPDX-License-Identifier: Apache-2.0
 *
 * Users' objects in the directory driver. A file without a name (O_TMPFILE) while it is written; at
 * commit it is locked, gets its name, and then file and name are synced. So a process that dies
 * before has left nothing, and a sweeper never meets a file whose writer has not locked it yet. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "store/dir_internal.h"
#include "util/io.h"

#include "util/banned.h"

/* The disk is started on what was written in pieces of this size, so that commit finds little left
 * to write. */
#define AHEAD_BYTES ((uint64_t)8 << 20)

struct dir_upload {
	struct store_upload base;
	int fd;
	uint64_t started; /* the disk is at work on what is before */
	bool named;
	struct store_key key; /* its domain from the beginning, its id when it is named */
};

struct dir_object {
	struct store_object base;
	int fd;
};

static struct dir_upload *upload_of(struct store_upload *u)
{
	return (struct dir_upload *)u;
}

static int object_fd(const struct store_object *o)
{
	return ((const struct dir_object *)o)->fd;
}

static int dir_begin(struct store *st, const char *domain, struct store_upload **ret,
		     struct dr_err *err)
{
	static const struct digest unnamed = {{0}};
	dr_autofree struct dir_upload *u = calloc(1, sizeof *u);

	if (!u)
		return dr_fail_nomem(err);
	store_key_set(&u->key, STORE_OBJECT, domain, &unnamed);
	u->fd = openat(store_dir_of(st)->sub[DIR_TMP], ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (u->fd < 0)
		return dr_fail_errno(err, "create an object");
	*ret = &DR_STEAL(u)->base;
	return 0;
}

static int dir_write(struct store_upload *base, const void *p, size_t len, uint64_t pos,
		     struct dr_err *err)
{
	struct dir_upload *u = upload_of(base);
	const uint64_t end = pos + len;

	if (dr_pwrite_all(u->fd, p, len, pos, err) < 0)
		return -1;
	if (end < u->started + AHEAD_BYTES)
		return 0;
	/* Only a hint: what fails is reported by the sync at commit. */
	(void)sync_file_range(u->fd, (off_t)u->started, (off_t)(end - u->started),
			      SYNC_FILE_RANGE_WRITE);
	u->started = end;
	return 0;
}

static ssize_t dir_read_back(struct store_upload *base, void *buf, size_t len, uint64_t pos,
			     struct dr_err *err)
{
	return dr_pread_full(upload_of(base)->fd, buf, len, pos, err);
}

static int dir_upload_fd(const struct store_upload *u)
{
	return ((const struct dir_upload *)u)->fd;
}

/* lock_file: for this open file, however many processes share it. 1, or 0: another one has it. */
static int lock_file(int fd, struct dr_err *err)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 1;
	return errno == EWOULDBLOCK ? 0 : dr_fail_errno(err, "lock an object");
}

/* give_name: the locked file appears under a key that nothing has had before. */
static int give_name(struct dir_upload *u, struct dr_err *err)
{
	const struct dir_store *d = store_dir_of(u->base.st);
	char file[32], path[DIR_ITEM_TEXT];

	dr_random(&u->key.id, sizeof u->key.id);
	store_dir_path(&u->key, path);
	snprintf(file, sizeof file, "/proc/self/fd/%d", u->fd);
	for (unsigned round = 0; round < 2; round++) {
		u->named =
			linkat(AT_FDCWD, file, d->sub[DIR_OBJECTS], path, AT_SYMLINK_FOLLOW) == 0;
		if (u->named)
			return 0;
		if (errno != ENOENT)
			break;
		if (store_dir_make_parents(d->sub[DIR_OBJECTS], path, err) < 0)
			return -1;
	}
	return dr_fail_errno(err, "name it");
}

static int sync_names(int base, const char *path, struct dr_err *err)
{
	dr_autofd int fd = openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd >= 0 && fsync(fd) == 0 ? 0 : dr_fail_errno(err, "sync a directory");
}

/* sync_parents: the names of the directories that lead to the object, which another upload may just
 * have made. Once they are on disk they stay: they are remembered, and so cost nothing later. */
static int sync_parents(struct dir_store *d, const struct store_key *key, struct dr_err *err)
{
	char domain[STORE_DOMAIN_TEXT];
	struct digest print;
	uint64_t known;

	digest_of(key->domain, sizeof key->domain, &print);
	memcpy(&known, print.b, sizeof known);
	known = (known & ~(uint64_t)0xFF) | key->id.b[0];
	if (atomic_load(&d->synced[(known ^ known >> 8) % DIR_SYNCED]) == known)
		return 0;
	store_key_domain(key, domain);
	if (sync_names(d->sub[DIR_OBJECTS], domain, err) < 0 ||
	    sync_names(d->sub[DIR_OBJECTS], ".", err) < 0)
		return -1;
	atomic_store(&d->synced[(known ^ known >> 8) % DIR_SYNCED], known);
	return 0;
}

/* fdatasync() of file and fsync() of directory, because no other object is to wait for more than
 * its own. Measured on ext4 for 1000 objects of 4 KiB, eight at a time: 0.2 to 0.3 ms each, of
 * which the directory is a tenth; syncfs() by one for all who wait is not faster, and waits for
 * what everybody else has written. */
static int make_durable(struct dir_upload *u, struct dr_err *err)
{
	struct dir_store *d = store_dir_of(u->base.st);
	char path[DIR_ITEM_TEXT];

	if (fdatasync(u->fd) != 0)
		return dr_fail_errno(err, "sync");
	store_dir_path(&u->key, path);
	*strrchr(path, '/') = 0;
	if (sync_names(d->sub[DIR_OBJECTS], path, err) < 0)
		return -1;
	return sync_parents(d, &u->key, err);
}

static void take_name(struct dir_upload *u)
{
	char path[DIR_ITEM_TEXT];

	if (!u->named)
		return;
	store_dir_path(&u->key, path);
	/* What cannot be removed now is removed by the sweeper. */
	(void)unlinkat(store_dir_of(u->base.st)->sub[DIR_OBJECTS], path, 0);
	u->named = false;
}

static int dir_commit(struct store_upload *base, struct digest *ret_key, uint64_t *ret_bytes,
		      struct dr_err *err)
{
	struct dir_upload *u = upload_of(base);
	struct stat s;

	if (fstat(u->fd, &s) != 0)
		return dr_fail_errno(err, "look at it");
	if (lock_file(u->fd, err) < 0 || give_name(u, err) < 0)
		return -1;
	if (make_durable(u, err) < 0) {
		take_name(u);
		return -1;
	}
	*ret_key = u->key.id;
	*ret_bytes = (uint64_t)s.st_size;
	return 0;
}

static void dir_end(struct store_upload *base, bool keep)
{
	struct dir_upload *u = upload_of(base);

	if (!keep)
		take_name(u);
	close(u->fd);
	free(u);
}

static int dir_open(struct store *st, const struct store_key *key, struct store_object **ret,
		    uint64_t *ret_bytes, struct dr_err *err)
{
	dr_autofree struct dir_object *o = malloc(sizeof *o);
	struct stat s;
	int there;

	if (!o)
		return dr_fail_nomem(err);
	there = store_dir_item_open(store_dir_of(st), key, &o->fd, &s, err);
	if (there < 0)
		return -1;
	if (there == 0)
		return dr_fail(err, DR_NOT_FOUND, "it is missing");
	if (o->fd < 0)
		return dr_fail(err, DR_CORRUPT, "it is damaged: it is no plain file");
	*ret_bytes = (uint64_t)s.st_size;
	*ret = &DR_STEAL(o)->base;
	return 0;
}

static ssize_t dir_read(const struct store_object *o, void *buf, size_t len, uint64_t pos,
			struct dr_err *err)
{
	return dr_pread_full(object_fd(o), buf, len, pos, err);
}

static void dir_close(struct store_object *o)
{
	close(object_fd(o));
	free(o);
}

static int dir_set_aside(struct store *st, const struct store_key *key, struct dr_err *err)
{
	return store_dir_move_aside(store_dir_of(st), key, err);
}

static int dir_each(struct store *st, unsigned shard, store_item_fn fn, void *arg,
		    struct dr_err *err)
{
	return store_dir_walk(store_dir_of(st), STORE_OBJECT, shard, fn, arg, err);
}

static int dir_reap(struct store *st, const struct store_key *key,
		    int (*wanted)(void *arg, const struct digest *key, struct dr_err *err),
		    void *arg, struct dr_err *err)
{
	dr_autofd int fd = -1;
	struct stat s;
	int rc = store_dir_item_open(store_dir_of(st), key, &fd, &s, err);

	if (rc <= 0 || fd < 0)
		return rc < 0 ? -1 : 0;
	rc = lock_file(fd, err);
	if (rc <= 0)
		return rc;
	/* Its writer has let go, so its row is written, or never will be. */
	rc = wanted(arg, &key->id, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return store_dir_remove(st, key, err) < 0 ? -1 : 1;
}

const struct store_object_ops store_dir_objects = {
	.begin = dir_begin,
	.write = dir_write,
	.read_back = dir_read_back,
	.upload_fd = dir_upload_fd,
	.commit = dir_commit,
	.end = dir_end,
	.open = dir_open,
	.read = dir_read,
	.fd = object_fd,
	.close = dir_close,
	.remove = store_dir_remove,
	.set_aside = dir_set_aside,
	.each = dir_each,
	.reap = dir_reap,
};
