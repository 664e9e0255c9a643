/* SPDX-License-Identifier: Apache-2.0
 *
 * A body that lies in one file, sent by the kernel. Private to http/. */
#ifndef DR_HTTP_FILE_H
#define DR_HTTP_FILE_H

#include <microhttpd.h>

#include "http/http.h"

/* file_answer: NULL when the stream has to be read: it is not one piece of one file, or that file
 * is not in memory: the event loop would wait for the disk. Borrows the stream. */
struct MHD_Response *file_answer(const struct http_stream *stream);
/* file_wire_bytes: what the connection has sent so far, heads and all; 0 when it cannot be told. */
uint64_t file_wire_bytes(struct MHD_Connection *connection);

#endif
