/* SPDX-License-Identifier: Apache-2.0
 *
 * A response body read ahead: while the event loop sends one buffer, a worker fills the other.
 * Private to http/. */
#ifndef DR_HTTP_AHEAD_H
#define DR_HTTP_AHEAD_H

#include <microhttpd.h>

#include "http/crew.h"
#include "http/http.h"

struct ahead;

/* ahead_new: takes the stream over (closed on failure too) and reads its first buffer, on the
 * calling thread: a failure that early can still become an honest status.
 *   buffer   bytes of each of the two buffers; fewer are taken for a short body
 *   ret_sent counts what was handed over; must outlive the connection's last read */
int ahead_new(struct ahead **ret, const struct http_stream *stream, size_t buffer,
	      struct crew *crew, struct MHD_Connection *connection, uint64_t *ret_sent,
	      struct dr_err *err) DR_MUST_CHECK;
/* ahead_read, ahead_free: libmicrohttpd's content reader and its end. */
ssize_t ahead_read(void *ahead, uint64_t pos, char *buf, size_t max);
void ahead_free(void *ahead);

#endif
