/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stream/stream.h"
#include "util/io.h"

#include "util/banned.h"

struct stream_fd {
	struct stream base;
	int fd; /* owned */
};

static ssize_t fd_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct stream_fd *f = (struct stream_fd *)s;
	ssize_t n;

	do
		n = read(f->fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? dr_fail_errno(err, "read") : n;
}

static int fd_pread(struct stream *s, void *buf, size_t len, uint64_t off, struct dr_err *err)
{
	struct stream_fd *f = (struct stream_fd *)s;
	ssize_t n = dr_pread_full(f->fd, buf, len, off, err);

	if (n < 0)
		return -1;
	if ((size_t)n < len)
		return dr_refuse(err, DR_CORRUPT, "truncated", "read past the end");
	return 0;
}

static void fd_close(struct stream *s)
{
	struct stream_fd *f = (struct stream_fd *)s;

	close(f->fd);
	free(f);
}

static const struct stream_ops fd_ops = {.name = "fd", .read = fd_read, .close = fd_close};
static const struct stream_ops file_ops = {
	.name = "file", .read = fd_read, .pread = fd_pread, .close = fd_close};

int stream_fd_open(struct stream **ret, int fd, struct dr_err *err)
{
	struct stream_fd *f = calloc(1, sizeof *f);
	struct stat st;

	if (!f) {
		close(fd);
		return dr_fail_nomem(err);
	}
	stream_init(&f->base, fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? &file_ops : &fd_ops);
	f->fd = fd;
	*ret = &f->base;
	return 0;
}
