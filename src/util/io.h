/* SPDX-License-Identifier: Apache-2.0
 *
 * util/io: whole reads and writes on descriptors, and files that appear whole. */
#ifndef DR_UTIL_IO_H
#define DR_UTIL_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/buf.h"

/* dr_read_all: everything up to end of file into b (bounded by b->max). */
int dr_read_all(int fd, struct buf *b, struct dr_err *err) DR_MUST_CHECK;
/* dr_read_file: as dr_read_all on dirfd/path (AT_FDCWD for a plain path). NOT_FOUND when absent. */
int dr_read_file(int dirfd, const char *path, struct buf *b, struct dr_err *err) DR_MUST_CHECK;
int dr_write_all(int fd, const void *p, size_t len, struct dr_err *err) DR_MUST_CHECK;
int dr_pwrite_all(int fd, const void *p, size_t len, uint64_t off, struct dr_err *err)
	DR_MUST_CHECK;
/* dr_pread_full: up to len bytes, fewer only at end of file. The count, or -1. */
ssize_t dr_pread_full(int fd, void *p, size_t len, uint64_t off, struct dr_err *err) DR_MUST_CHECK;
/* dr_write_file: temporary name, write, fsync, rename, fsync of the directory. */
int dr_write_file(int dirfd, const char *name, const void *p, size_t len, unsigned mode,
		  struct dr_err *err) DR_MUST_CHECK;
/* dr_random: len bytes from the kernel. */
void dr_random(void *p, size_t len);

#endif
