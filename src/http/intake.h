/* SPDX-License-Identifier: Apache-2.0
 *
 * A request body on its way to its sink: while a worker writes one buffer, the event loop fills the
 * other; when both are full the connection waits. A client that sends slowly costs a buffer and
 * never a worker. Private to http/. */
#ifndef DR_HTTP_INTAKE_H
#define DR_HTTP_INTAKE_H

#include <microhttpd.h>

#include "http/crew.h"
#include "http/http.h"

struct intake;

/* intake_new: takes the sink over (closed on failure too).
 *   buffer   bytes of each of the two buffers, at most HTTP_PIECE_BYTES; taken when needed */
int intake_new(struct intake **ret, const struct http_sink *sink, size_t buffer, struct crew *crew,
	       struct MHD_Connection *connection, struct dr_err *err) DR_MUST_CHECK;

/* For the event loop. WAIT: the connection is suspended, and resumed when it is worth asking again.
 * FAILED: nothing more is written; no worker is at it any more. */
enum intake_verdict { INTAKE_GO_ON, INTAKE_WAIT, INTAKE_FAILED };
/* intake_take: takes *len bytes, or fewer with WAIT; *len becomes what is left. */
enum intake_verdict intake_take(struct intake *in, const char *p, size_t *len);
/* intake_settle: GO_ON when no worker is at it; what it still holds is written by the next call. */
enum intake_verdict intake_settle(struct intake *in);

/* intake_finish: for a worker while the connection is suspended, after FAILED or a settled end:
 * writes what is left, lets the sink make the response, closes it. Frees. */
void intake_finish(struct intake *in, struct http_request *rq, struct http_response *rs);
/* intake_free: closes the sink without an end: on a worker while there are any, after the write
 * that is under way. NULL is fine. */
void intake_free(struct intake *in);

#endif
