/* SPDX-License-Identifier: Apache-2.0 */
#include "util/io.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"

#include "util/banned.h"

int dr_read_all(int fd, struct buf *b, struct dr_err *err)
{
	uint8_t block[16384];
	ssize_t n;

	for (;;) {
		n = read(fd, block, sizeof block);
		if (n == 0)
			return buf_check(b, err);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return dr_fail_errno(err, "read");
		buf_append(b, block, (size_t)n);
		if (!buf_ok(b))
			return buf_check(b, err);
	}
}

int dr_read_file(int dirfd, const char *path, struct buf *b, struct dr_err *err)
{
	dr_autofd int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return dr_fail(err, DR_NOT_FOUND, "%s: no such file", path);
	if (fd < 0)
		return dr_fail_errno(err, "open %s", path);
	return dr_read_all(fd, b, err);
}

int dr_write_all(int fd, const void *p, size_t len, struct dr_err *err)
{
	const uint8_t *at = p;
	ssize_t n;

	while (len > 0) {
		n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return dr_fail_errno(err, "write");
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int dr_pwrite_all(int fd, const void *p, size_t len, uint64_t off, struct dr_err *err)
{
	const uint8_t *at = p;
	ssize_t n;

	while (len > 0) {
		n = pwrite(fd, at, len, (off_t)off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return dr_fail_errno(err, "write");
		at += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

ssize_t dr_pread_full(int fd, void *p, size_t len, uint64_t off, struct dr_err *err)
{
	uint8_t *at = p;
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		n = pread(fd, at + got, len - got, (off_t)(off + got));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return dr_fail_errno(err, "read");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

int dr_write_file(int dirfd, const char *name, const void *p, size_t len, unsigned mode,
		  struct dr_err *err)
{
	dr_autobuf struct buf temp = BUF_INIT;
	dr_autofd int fd = -1;
	dr_autofd int dir = -1;
	uint64_t unique;
	const char *slash = NULL;

	dr_random(&unique, sizeof unique);
	buf_printf(&temp, "%s.tmp-%016llx", name, (unsigned long long)unique);
	if (buf_check(&temp, err) < 0)
		return -1;
	fd = openat(dirfd, buf_str(&temp), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return dr_fail_errno(err, "create %s", name);
	if (dr_write_all(fd, p, len, err) < 0 || fsync(fd) != 0 ||
	    renameat(dirfd, buf_str(&temp), dirfd, name) != 0) {
		dr_fail_errno(err, "write %s", name);
		unlinkat(dirfd, buf_str(&temp), 0);
		return -1;
	}
	for (const char *s = name; *s; s++)
		if (*s == '/')
			slash = s;
	buf_clear(&temp);
	if (slash)
		buf_append(&temp, name, (size_t)(slash - name) + 1);
	else
		buf_puts(&temp, ".");
	dir = openat(dirfd, buf_str(&temp), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fsync(dir) != 0)
		return dr_fail_errno(err, "sync the directory of %s", name);
	return 0;
}

void dr_random(void *p, size_t len)
{
	uint8_t *at = p;
	ssize_t n;

	while (len > 0) {
		n = getrandom(at, len, 0);
		if (n < 0) {
			assert(errno == EINTR);
			continue;
		}
		at += n;
		len -= (size_t)n;
	}
}
