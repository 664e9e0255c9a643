/* SPDX-License-Identifier: Apache-2.0
 *
 * An answer that does not wait for the end of the request's body. libmicrohttpd would either read
 * the whole body first, or close the connection with the client's bytes unread, which resets it:
 * the answer may be lost with it. So this one is written past libmicrohttpd, the sending side is
 * shut down, and the caller discards what still comes. Private to http/. */
#ifndef DR_HTTP_EARLY_H
#define DR_HTTP_EARLY_H

#include <microhttpd.h>

#include "http/http_internal.h"

/* early_write: the whole answer as it goes over the wire; a response that is streamed has none:
 * false, and when it does not fit. */
bool early_write(struct buf *ret, const struct http_request *rq, const struct http_response *rs);
/* early_send: for the event loop. */
void early_send(struct MHD_Connection *connection, const struct buf *answer);

#endif
