/* SPDX-License-Identifier: Apache-2.0 */
#include "http/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/cleanup.h"

#include "util/banned.h"

#define SAMPLES 16

/* Whether reading would not wait for a disk, by a few bytes here and there. A file system that
 * cannot say is taken for one in memory: those on disks can (ext4, xfs, btrfs). */
static bool is_in_memory(int fd, uint64_t at, uint64_t len)
{
	for (uint64_t i = 0; i < SAMPLES; i++) {
		char c;
		struct iovec one = {&c, 1};

		if (preadv2(fd, &one, 1, (off_t)(at + (len - 1) / (SAMPLES - 1) * i), RWF_NOWAIT) <
			    0 &&
		    errno == EAGAIN)
			return false;
	}
	return true;
}

struct MHD_Response *file_answer(const struct http_stream *stream)
{
	uint64_t at, len;
	struct stat st;
	struct MHD_Response *answer;
	dr_autofd int own = -1;
	int fd;

	if (!stream->file || !stream->file(stream->arg, 0, &fd, &at, &len) || len < stream->length)
		return NULL;
	/* A file that is too short would leave libmicrohttpd waiting; reading says so. */
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    !dr_range_within(at, stream->length, (uint64_t)st.st_size) ||
	    !is_in_memory(fd, at, stream->length))
		return NULL;
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return NULL;
	answer = MHD_create_response_from_fd_at_offset64(stream->length, own, at);
	if (answer)
		(void)DR_STEAL_FD(own);
	return answer;
}

uint64_t file_wire_bytes(struct MHD_Connection *connection)
{
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	struct tcp_info info = {0};
	socklen_t len = sizeof info;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return 0;
	return info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
}
