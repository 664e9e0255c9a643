/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/own: which URLs lead to our own Orbit, and what is under them, for imports (hardening.md
 * section 2.4). */
#ifndef DR_DAEMON_OWN_H
#define DR_DAEMON_OWN_H

#include <stdint.h>

#include "ingest/feed.h"

#define OWN_ORIGIN_TEXT 300

/* own_origin: the origin of our own temporary URLs: http.public_url, or, when that is "", the
 * address that is listened on. "" when that is any address: then nobody can say which is meant.
 * 0, or -1: INVALID, public_url is no origin. */
int own_origin(const char *public_url, const char *host, uint16_t port,
	       char ret[static OWN_ORIGIN_TEXT], struct dr_err *err) DR_MUST_CHECK;
/* own_open: job_config.open_own; `orbit` is the struct orbit. */
int own_open(void *orbit, const char *url, struct import_source *ret, struct dr_err *err)
	DR_MUST_CHECK;

#endif
