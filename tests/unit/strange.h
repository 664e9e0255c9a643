/* SPDX-License-Identifier: Apache-2.0
 *
 * What may bear the name of an item of the store without being one. */
#ifndef DR_TESTS_STRANGE_H
#define DR_TESTS_STRANGE_H

#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "unit.h"

enum strange { GONE, LINK, LINK_TO_NOTHING, PIPE, DIRECTORY, SOCKET, STRANGE };

/* make_strange: instead of the file `path`, which becomes dir/elsewhere. */
static inline void make_strange(const char *dir, const char *path, enum strange what)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char target[300];
	int fd;

	snprintf(target, sizeof target, "%s/elsewhere", dir);
	/* The link leads to the very bytes, and is refused nevertheless. */
	assert_int_equal(rename(path, target), 0);
	switch (what) {
	case LINK:
		assert_int_equal(symlink(target, path), 0);
		break;
	case LINK_TO_NOTHING:
		assert_int_equal(symlink("nothing", path), 0);
		break;
	case PIPE:
		assert_int_equal(mkfifo(path, 0600), 0);
		break;
	case DIRECTORY:
		assert_int_equal(mkdir(path, 0700), 0);
		break;
	case SOCKET:
		/* Made under a short name: a socket's address has room for 107 characters. */
		snprintf(a.sun_path, sizeof a.sun_path, "%s/s", dir);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof a), 0);
		close(fd);
		assert_int_equal(rename(a.sun_path, path), 0);
		break;
	case GONE:
	case STRANGE:
		break;
	}
}

#endif
