/* SPDX-License-Identifier: Apache-2.0
 *
 * The calls of the C library that our programs and SQLite make, each with the same three steps: the
 * rules' verdict, the call itself, the record. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "preload.h"

#define EXPORT __attribute__((visibility("default")))

/* NEXT: the function that this one stands before. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void path_of_fd(int fd, char ret[static PATH_MAX])
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, ret, PATH_MAX - 1);
	ret[n > 0 ? n : 0] = 0;
}

static void path_at(int dir, const char *path, char ret[static PATH_MAX])
{
	size_t n;

	if (path[0] == '/' || dir == AT_FDCWD) {
		snprintf(ret, PATH_MAX, "%s", path);
		return;
	}
	path_of_fd(dir, ret);
	n = strlen(ret);
	if (strcmp(path, ".") != 0)
		snprintf(ret + n, PATH_MAX - n, "/%s", path);
}

static bool watched(const char *name)
{
	return record_active() || faults_active(name);
}

/* ---- reading and writing ---- */

EXPORT ssize_t read(int fd, void *p, size_t len)
{
	char path[PATH_MAX];
	struct call c = {.name = "read", .path = path, .fd = fd};

	if (faults_active("read")) {
		path_of_fd(fd, path);
		if (faults_before(&c) == FAIL)
			return -1;
	}
	return NEXT(read)(fd, p, len);
}

EXPORT ssize_t pread64(int fd, void *p, size_t len, off64_t off)
{
	char path[PATH_MAX];
	struct call c = {.name = "read", .path = path, .fd = fd};

	if (faults_active("read")) {
		path_of_fd(fd, path);
		if (faults_before(&c) == FAIL)
			return -1;
	}
	return NEXT(pread64)(fd, p, len, off);
}

EXPORT ssize_t sendfile64(int to, int fd, off64_t *off, size_t len)
{
	char path[PATH_MAX];
	struct call c = {.name = "read", .path = path, .fd = fd};

	if (faults_active("read")) {
		path_of_fd(fd, path);
		if (faults_before(&c) == FAIL)
			return -1;
	}
	return NEXT(sendfile64)(to, fd, off, len);
}

/* write_at: off is -1 for the file's own position. */
static ssize_t write_at(int fd, const void *p, size_t len, off64_t off)
{
	char path[PATH_MAX];
	struct call c = {.name = "write", .path = path, .data = p, .len = len, .fd = fd};
	enum verdict v;
	ssize_t n;

	path_of_fd(fd, path);
	v = faults_before(&c);
	if (v == FAIL)
		return -1;
	record_lock();
	n = off < 0 ? NEXT(write)(fd, p, len) : NEXT(pwrite64)(fd, p, len, off);
	if (n > 0 && record_active() && path[0] == '/') {
		off64_t end = off < 0 ? lseek64(fd, 0, SEEK_CUR) : off + n;

		c.offset = (uint64_t)(end - n);
		c.len = (size_t)n;
		if (end >= n)
			record_call('w', &c);
	}
	record_unlock();
	faults_after(v);
	return n;
}

EXPORT ssize_t write(int fd, const void *p, size_t len)
{
	return watched("write") ? write_at(fd, p, len, -1) : NEXT(write)(fd, p, len);
}

EXPORT ssize_t pwrite64(int fd, const void *p, size_t len, off64_t off)
{
	return watched("write") ? write_at(fd, p, len, off) : NEXT(pwrite64)(fd, p, len, off);
}

EXPORT int ftruncate64(int fd, off64_t len)
{
	char path[PATH_MAX];
	struct call c = {.name = "truncate", .path = path, .offset = (uint64_t)len, .fd = fd};
	enum verdict v;
	int rc;

	if (!watched("truncate"))
		return NEXT(ftruncate64)(fd, len);
	path_of_fd(fd, path);
	v = faults_before(&c);
	if (v == FAIL)
		return -1;
	record_lock();
	rc = NEXT(ftruncate64)(fd, len);
	if (rc == 0)
		record_call('t', &c);
	record_unlock();
	faults_after(v);
	return rc;
}

/* ---- syncs ---- */

static int sync_fd(const char *name, int (*next)(int), int fd)
{
	char path[PATH_MAX];
	struct call c = {.name = name, .path = path, .fd = fd};
	enum verdict v;
	int rc;

	if (!watched(name))
		return next(fd);
	path_of_fd(fd, path);
	v = faults_before(&c);
	if (v == FAIL)
		return -1;
	/* `from` says which of the two it is. */
	c.from = name;
	record_call('(', &c);
	rc = next(fd);
	if (rc == 0)
		record_call(')', &c);
	faults_after(v);
	return rc;
}

EXPORT int fsync(int fd)
{
	return sync_fd("sync", NEXT(fsync), fd);
}

EXPORT int fdatasync(int fd)
{
	return sync_fd("sync", NEXT(fdatasync), fd);
}

EXPORT int syncfs(int fd)
{
	return sync_fd("syncfs", NEXT(syncfs), fd);
}

/* ---- names ---- */

static int open_at(int dir, const char *name, int flags, mode_t mode)
{
	char path[PATH_MAX];
	struct call c = {.name = "open", .path = path, .fd = -1};
	enum verdict v;
	int fd;

	if (!watched("open"))
		return NEXT(openat64)(dir, name, flags, mode);
	path_at(dir, name, path);
	v = faults_before(&c);
	if (v == FAIL)
		return -1;
	record_lock();
	fd = NEXT(openat64)(dir, name, flags, mode);
	c.fd = fd;
	if (fd >= 0 && (flags & O_TMPFILE) == O_TMPFILE)
		record_call('f', &c);
	else if (fd >= 0 && (flags & O_CREAT))
		record_call('o', &c);
	record_unlock();
	faults_after(v);
	return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

EXPORT int openat64(int dir, const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return open_at(dir, name, flags, mode);
}

EXPORT int open64(const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_of(flags, ap);
	va_end(ap);
	return open_at(AT_FDCWD, name, flags, mode);
}

EXPORT int renameat2(int fromdir, const char *from, int todir, const char *to, unsigned flags)
{
	char path[PATH_MAX], old[PATH_MAX];
	struct call c = {.name = "rename", .path = path, .from = old, .fd = -1};
	enum verdict v;
	int rc;

	if (!watched("rename"))
		return NEXT(renameat2)(fromdir, from, todir, to, flags);
	path_at(todir, to, path);
	path_at(fromdir, from, old);
	v = faults_before(&c);
	if (v == FAIL)
		return -1;
	record_lock();
	rc = NEXT(renameat2)(fromdir, from, todir, to, flags);
	if (rc == 0)
		record_call('r', &c);
	record_unlock();
	faults_after(v);
	return rc;
}

EXPORT int renameat(int fromdir, const char *from, int todir, const char *to)
{
	return renameat2(fromdir, from, todir, to, 0);
}

EXPORT int linkat(int fromdir, const char *from, int todir, const char *to, int flags)
{
	char path[PATH_MAX], old[PATH_MAX];
	struct call c = {.name = "link", .path = path, .from = old, .fd = -1};
	enum verdict v;
	int rc;

	if (!watched("link"))
		return NEXT(linkat)(fromdir, from, todir, to, flags);
	path_at(todir, to, path);
	path_at(fromdir, from, old);
	v = faults_before(&c);
	if (v == FAIL)
		return -1;
	record_lock();
	rc = NEXT(linkat)(fromdir, from, todir, to, flags);
	if (rc == 0)
		record_call('l', &c);
	record_unlock();
	faults_after(v);
	return rc;
}

EXPORT int unlinkat(int dir, const char *name, int flags)
{
	char path[PATH_MAX];
	struct call c = {.name = "unlink", .path = path, .fd = -1};
	enum verdict v;
	int rc;

	if (!watched("unlink"))
		return NEXT(unlinkat)(dir, name, flags);
	path_at(dir, name, path);
	v = faults_before(&c);
	if (v == FAIL)
		return -1;
	record_lock();
	rc = NEXT(unlinkat)(dir, name, flags);
	if (rc == 0)
		record_call('u', &c);
	record_unlock();
	faults_after(v);
	return rc;
}

EXPORT int unlink(const char *name)
{
	return unlinkat(AT_FDCWD, name, 0);
}

EXPORT int mkdirat(int dir, const char *name, mode_t mode)
{
	char path[PATH_MAX];
	struct call c = {.name = "mkdir", .path = path, .fd = -1};
	enum verdict v;
	int rc;

	if (!watched("mkdir"))
		return NEXT(mkdirat)(dir, name, mode);
	path_at(dir, name, path);
	v = faults_before(&c);
	if (v == FAIL)
		return -1;
	record_lock();
	rc = NEXT(mkdirat)(dir, name, mode);
	if (rc == 0)
		record_call('m', &c);
	record_unlock();
	faults_after(v);
	return rc;
}

/* ---- programs ---- */

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *fa,
		       const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	struct call c = {.name = "spawn", .path = path, .fd = -1};
	enum verdict v = faults_before(&c);
	int rc;

	if (v == FAIL)
		return errno;
	rc = NEXT(posix_spawn)(pid, path, fa, attr, argv, exec_environment(argv[0], envp));
	faults_after(v);
	return rc;
}

/* Helpers are started by number, through this. */
EXPORT long syscall(long number, ...)
{
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_execveat)
		a[3] = (long)exec_environment(((char **)a[2])[0], (char **)a[3]);
	return NEXT(syscall)(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- the wall clock ---- */

static time_t clock_offset(void)
{
	const char *name = getenv("DR_CLOCK");
	FILE *f = name ? fopen(name, "re") : NULL;
	long offset = 0;

	if (f && fscanf(f, "%ld", &offset) != 1)
		offset = 0;
	if (f)
		fclose(f);
	return offset;
}

EXPORT time_t time(time_t *ret)
{
	time_t t = NEXT(time)(NULL) + clock_offset();

	if (ret)
		*ret = t;
	return t;
}

EXPORT int clock_gettime(clockid_t id, struct timespec *ret)
{
	int rc = NEXT(clock_gettime)(id, ret);

	if (rc == 0 && id == CLOCK_REALTIME)
		ret->tv_sec += clock_offset();
	return rc;
}
