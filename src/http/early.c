/* SPDX-License-Identifier: Apache-2.0 */
#include "http/early.h"

#include <sys/socket.h>

#include "util/clock.h"

#include "util/banned.h"

/* Fits into any socket that has nothing else to send. */
#define EARLY_BYTES ((size_t)16 << 10)

bool early_write(struct buf *ret, const struct http_request *rq, const struct http_response *rs)
{
	const bool bodiless = rs->status == 204 || rs->status == 304;
	char date[DR_TIME_TEXT];
	struct http_field f;
	size_t pos = 0;

	if (rs->streamed)
		return false;
	ret->max = EARLY_BYTES;
	dr_time_http(dr_wall(), date);
	buf_printf(ret, "HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n", rs->status,
		   MHD_get_reason_phrase_for(rs->status), date);
	while (response_next(rs, &pos, &f))
		buf_printf(ret, "%s: %s\r\n", f.name, f.value);
	buf_printf(ret, "X-Request-Id: %s\r\n", rq->id);
	if (!bodiless)
		buf_printf(ret, "Content-Length: %zu\r\n", rs->body.len);
	buf_puts(ret, "\r\n");
	if (!bodiless && rq->method != HTTP_HEAD)
		buf_append(ret, rs->body.p, rs->body.len);
	return buf_ok(ret);
}

void early_send(struct MHD_Connection *connection, const struct buf *answer)
{
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;

	(void)send(fd, answer->p, answer->len, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
}
