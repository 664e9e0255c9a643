/* SPDX-License-Identifier: Apache-2.0
 *
 * swift: the OpenStack Swift dialect of Orbit (api.md section 7) <-> orbit. Header names are
 * spelled as clients copy them (section 7.6). Where the contract is silent it answers as Swift 2.30
 * does; docs/compatibility.md lists what is different, and why. Any thread. */
#ifndef DR_SWIFT_SWIFT_H
#define DR_SWIFT_SWIFT_H

#include "http/http.h"
#include "orbit/orbit.h"

/* swift_handles: /v1, /v1/…, /auth/v1.0, /info. */
bool swift_handles(const struct http_request *rq);
/* swift_receives: its body is to be left to swift_handle() (http_config.receives). */
bool swift_receives(const struct http_request *rq);
void swift_handle(struct orbit *o, struct http_request *rq, struct http_response *rs);

#endif
