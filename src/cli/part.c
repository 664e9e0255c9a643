/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/part.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "util/buf.h"
#include "util/checked.h"
#include "util/io.h"
#include "util/str.h"

#include "util/banned.h"

#define BLOCK_BYTES 4096U /* holes are made of these */
/* Gathered before they are written; a multiple of BLOCK_BYTES, at multiples of it: pieces as they
 * come from the network would hide the zero blocks. */
#define HOLD_BYTES ((size_t)256 << 10)

static char *suffixed(const char *file, const char *suffix)
{
	dr_autobuf struct buf text = BUF_INIT;

	buf_printf(&text, "%s%s", file, suffix);
	return buf_steal(&text);
}

/* take_up: what an earlier run left. */
static int take_up(struct part *p, struct dr_err *err)
{
	dr_autobuf struct buf etag = BUF_INIT_MAX(PART_ETAG_MAX - 1);
	struct dr_err ignored = DR_ERR_INIT;
	struct stat st;

	if (fstat(p->fd, &st) != 0)
		return dr_fail_errno(err, "look at %s", p->path);
	p->have = (uint64_t)st.st_size;
	if (p->have == 0)
		return 0;
	if (dr_read_file(AT_FDCWD, p->etag_file, &etag, &ignored) < 0 || etag.len == 0 ||
	    !dr_text_valid(buf_str(&etag), etag.len))
		return part_start_over(p, err);
	dr_copy(p->etag, sizeof p->etag, buf_str(&etag));
	return 0;
}

int part_open(struct part *p, const char *file, bool sparse, struct dr_err *err)
{
	struct stat mine, there;

	*p = (struct part){.fd = -1, .sparse = sparse};
	p->file = strdup(file);
	p->path = suffixed(file, ".part");
	p->etag_file = suffixed(file, ".part.etag");
	p->held = malloc(HOLD_BYTES);
	if (!p->file || !p->path || !p->etag_file || !p->held)
		return dr_fail_nomem(err);
	p->fd = open(p->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (p->fd < 0)
		return dr_fail_errno(err, "create %s", p->path);
	/* A part that got its name since we opened it is a finished file, and not ours to write to.
	 */
	if (flock(p->fd, LOCK_EX | LOCK_NB) != 0 || fstat(p->fd, &mine) != 0 ||
	    stat(p->path, &there) != 0 || mine.st_ino != there.st_ino ||
	    mine.st_dev != there.st_dev)
		return dr_fail(err, DR_CONFLICT, "another download writes to %s", p->path);
	return take_up(p, err);
}

void part_close(struct part *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p->file);
	free(p->path);
	free(p->etag_file);
	free(p->held);
}

int part_start_over(struct part *p, struct dr_err *err)
{
	p->have = p->held_bytes = 0;
	p->etag[0] = 0;
	if (ftruncate(p->fd, 0) != 0)
		return dr_fail_errno(err, "empty %s", p->path);
	return 0;
}

int part_set_etag(struct part *p, const char *etag, struct dr_err *err)
{
	assert(p->have == 0);
	if (!etag || dr_starts(etag, "W/") || !dr_copy(p->etag, sizeof p->etag, etag))
		p->etag[0] = 0;
	if (p->etag[0])
		return dr_write_file(AT_FDCWD, p->etag_file, p->etag, strlen(p->etag), 0644, err);
	unlink(p->etag_file);
	return 0;
}

static bool zero_block(const uint8_t *bytes, uint64_t off, size_t len)
{
	return off % BLOCK_BYTES == 0 && len >= BLOCK_BYTES && bytes[0] == 0 &&
	       memcmp(bytes, bytes + 1, BLOCK_BYTES - 1) == 0;
}

/* write_sparse: as pwrite, but whole blocks of zeros become holes. The file ends behind the bytes.
 */
static int write_sparse(int fd, const uint8_t *bytes, size_t len, uint64_t off, struct dr_err *err)
{
	uint64_t end = off + len;
	size_t run;

	while (len > 0) {
		for (run = 0; run < len && !zero_block(bytes + run, off + run, len - run);)
			run += dr_min_size(len - run,
					   BLOCK_BYTES - (size_t)((off + run) % BLOCK_BYTES));
		if (run > 0 && dr_pwrite_all(fd, bytes, run, off, err) < 0)
			return -1;
		if (run == 0)
			run = BLOCK_BYTES;
		bytes += run;
		off += run;
		len -= run;
	}
	if (ftruncate(fd, (off_t)end) != 0)
		return dr_fail_errno(err, "write");
	return 0;
}

int part_flush(struct part *p, struct dr_err *err)
{
	uint64_t off = p->have - p->held_bytes;
	size_t len = p->held_bytes;

	p->held_bytes = 0;
	if (len == 0)
		return 0;
	if ((p->sparse ? write_sparse(p->fd, p->held, len, off, err)
		       : dr_pwrite_all(p->fd, p->held, len, off, err)) < 0)
		return dr_while(err, "%s", p->path);
	return 0;
}

int part_write(struct part *p, const void *bytes, size_t len, struct dr_err *err)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		size_t n = dr_min_size(len, HOLD_BYTES - (size_t)(p->have % HOLD_BYTES));

		memcpy(p->held + p->held_bytes, at, n);
		p->held_bytes += n;
		p->have += n;
		at += n;
		len -= n;
		if (p->have % HOLD_BYTES == 0 && part_flush(p, err) < 0)
			return -1;
	}
	return 0;
}

ssize_t part_read(const struct part *p, void *bytes, size_t len, uint64_t off, struct dr_err *err)
{
	return dr_pread_full(p->fd, bytes, len, off, err);
}

int part_publish(struct part *p, struct dr_err *err)
{
	const char *slash = strrchr(p->file, '/');
	dr_autofree char *dir =
		slash ? strndup(p->file, (size_t)(slash - p->file) + 1) : strdup(".");
	dr_autofd int fd = -1;

	if (!dir)
		return dr_fail_nomem(err);
	if (fdatasync(p->fd) != 0 || rename(p->path, p->file) != 0)
		return dr_fail_errno(err, "finish %s", p->file);
	unlink(p->etag_file);
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return dr_fail_errno(err, "finish %s", p->file);
	return 0;
}

void part_remove(struct part *p)
{
	unlink(p->path);
	unlink(p->etag_file);
}
