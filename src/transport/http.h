/* SPDX-License-Identifier: Apache-2.0
 *
 * transport/http: one source, fetched whole and in order, from a URL that a stranger chose.
 *
 *   transport_fetch(): attempt -> hop -> request ... until the body has ended, or why not
 *
 * The bytes go to a sink as they come, each once and in order, whatever the source does. After a
 * drop the fetch goes on where it stopped when the source can prove (strong ETag, exact
 * Content-Range) that it is still the same thing. Otherwise it starts over, drops the bytes that
 * were already handed on, and goes on only when their SHA-256 is what it was: two versions are
 * never mixed, and the sink never has to start again.
 *
 * Every connection is judged by transport/policy on its binary address; every hop of a redirect is
 * checked like a registered URL. Messages never hold URLs, addresses or anything the source said.
 *
 * curl_global_init() is the caller's. Blocks; one thread per call, any number of calls at a time.
 */
#ifndef DR_TRANSPORT_HTTP_H
#define DR_TRANSPORT_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transport/policy.h"
#include "transport/tally.h"

struct transport_limits {
	uint64_t max_bytes;
	uint64_t connect_ms;    /* names, TCP and TLS together */
	uint64_t first_byte_ms; /* from the request to the first header */
	uint64_t stall_seconds; /* no such time with fewer than stall_bytes; */
	uint64_t stall_bytes;   /* time the sink takes does not count */
	uint64_t total_seconds; /* everything, waits between attempts included */
	uint64_t backoff_ms;    /* before the second attempt; doubles up to 30 s */
	unsigned attempts;
};

/* transport_limits_init: the defaults of hardening.md sections 1.5 and 2.3. */
void transport_limits_init(struct transport_limits *l);

/* What to fetch; everything borrowed for the call. */
struct transport_order {
	const char *url;
	const struct transport_policy *policy;
	const struct transport_checksum *checksum; /* NULL: none given */
	struct transport_limits limits;
	const char *user_agent;
	const char *ca_file; /* NULL: the system's trust store */
};

#define TRANSPORT_TOTAL_UNKNOWN UINT64_MAX

/* Where the bytes go. The functions that can fail end the fetch with their error. */
struct transport_sink {
	void *arg;
	/* begin: once, before the first data. `proven`: the end will be, by a length, by chunks or
	 * by the order's checksum; otherwise a cut cannot be told from the end. */
	int (*begin)(void *arg, uint64_t total_bytes, bool proven, bool etag, struct dr_err *err);
	int (*data)(void *arg, const void *p, size_t len, struct dr_err *err);
	/* retry: attempt number `attempt` (from 2) is about to start, because of `reason`. */
	int (*retry)(void *arg, unsigned attempt, const char *reason, struct dr_err *err);
};

/* transport_fetch: `ret` is untouched on failure. 0, or -1 with one of these reasons:
 *   url-invalid, port-not-allowed, address-not-allowed   refused by rule
 *   source-dns, source-connect, source-tls               no connection
 *   source-http-status, source-redirects, source-protocol   no usable answer
 *   truncated, source-stalled, timed-out, too-large      no usable body
 *   source-changed      another version is there now, and part of the old one is handed on
 *   checksum-mismatch   whole, and not what the caller said
 * or the sink's error, NO_MEMORY or IO. Spec: hardening.md sections 2 and 4. */
int transport_fetch(const struct transport_order *order, const struct transport_sink *sink,
		    struct transport_result *ret, struct dr_err *err) DR_MUST_CHECK;

#endif
