/* SPDX-License-Identifier: Apache-2.0
 *
 * One record per call, integers in the machine's order:
 *
 *   kind (1) | length of path (2) | of from (2) | of data (4) | offset (8) | inode (8) | parts
 *
 * Changes are recorded when they have happened, under one lock per process; of a sync both the
 * beginning ('(') and the end (')') are, because it covers what had happened when it began. */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "preload.h"

#define RECORD_FD 900 /* out of the way of programs that place or close low ones */

static char root[1024];
static int journal = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct __attribute__((packed)) record {
	char kind;
	uint16_t path, from;
	uint32_t data;
	uint64_t offset, inode;
};

/* journal_fd: opened late, and again when a program has closed what it does not know. */
static int journal_fd(void)
{
	const char *given = getenv("DR_RECORD");
	const char *colon = given ? strchr(given, ':') : NULL;
	int fd;

	if (!colon || (size_t)(colon - given) >= sizeof root)
		return -1;
	if (journal >= 0 && fcntl(journal, F_GETFD) >= 0)
		return journal;
	memcpy(root, given, (size_t)(colon - given));
	fd = open(colon + 1, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	journal = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, RECORD_FD);
	if (fd >= 0)
		close(fd);
	return journal;
}

bool record_active(void)
{
	return getenv("DR_RECORD") != NULL;
}

void record_lock(void)
{
	pthread_mutex_lock(&lock);
}

void record_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

void record_call(char kind, const struct call *c)
{
	int fd = journal_fd(), saved = errno;
	struct record r = {.kind = kind, .offset = c->offset};
	struct stat st = {0};
	struct iovec parts[4] = {{.iov_base = &r, .iov_len = sizeof r}};

	if (fd < 0 || strncmp(c->path, root, strlen(root)) != 0)
		return;
	if ((c->fd >= 0 ? fstat(c->fd, &st) : lstat(c->path, &st)) == 0)
		r.inode = st.st_ino;
	r.path = (uint16_t)strlen(c->path);
	r.from = (uint16_t)(c->from ? strlen(c->from) : 0);
	r.data = (uint32_t)(c->data ? c->len : 0);
	parts[1] = (struct iovec){(void *)(uintptr_t)c->path, r.path};
	parts[2] = (struct iovec){(void *)(uintptr_t)c->from, r.from};
	parts[3] = (struct iovec){(void *)(uintptr_t)c->data, r.data};
	if (writev(fd, parts, 4) < 0)
		abort();
	errno = saved;
}
