/* SPDX-License-Identifier: Apache-2.0
 *
 * api: JSON <-> library. /token and /1.0/… exactly as every client shares them (api.md sections 1
 * to 5). Routes are a table (api/api_internal.h); one file per resource. Any thread. */
#ifndef DR_API_API_H
#define DR_API_API_H

#include "http/http.h"
#include "library/library.h"

/* api_handles: this path is the API's (/token, /token/, /1.0, /1.0/…). */
bool api_handles(const struct http_request *rq);
void api_handle(struct library *l, struct http_request *rq, struct http_response *rs);

#endif
