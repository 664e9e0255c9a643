/* SPDX-License-Identifier: Apache-2.0
 *
 * swift: the OpenStack Swift dialect of Orbit (api.md section 7) <-> library. Header names are
 * spelled as clients copy them (section 7.6). Any thread. */
#ifndef DR_SWIFT_SWIFT_H
#define DR_SWIFT_SWIFT_H

#include "http/http.h"
#include "library/library.h"

/* swift_handles: /v1, /v1/…, /auth/v1.0, /info. */
bool swift_handles(const struct http_request *rq);
void swift_handle(struct library *l, struct http_request *rq, struct http_response *rs);

#endif
