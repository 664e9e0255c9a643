/* SPDX-License-Identifier: Apache-2.0
 *
 * transport/url: what a source URL may look like (hardening.md section 2.5, stages S, N and P).
 *
 * A URL is read twice: by our own strict reader, and by libcurl's parser, which will be the one to
 * use it. Only a URL on which both agree, and whose canonical form libcurl gives back unchanged,
 * is accepted. These checks give good sentences early; the defence is transport/policy.
 *
 * No function here puts any part of a URL into a message: its query may be a secret. Pure but for
 * memory; any thread. */
#ifndef DR_TRANSPORT_URL_H
#define DR_TRANSPORT_URL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "util/err.h"

struct transport_policy;

#define TRANSPORT_URL_MAX 2048
#define TRANSPORT_REASON_URL "url-invalid"

struct transport_url {
	char text[TRANSPORT_URL_MAX + 1]; /* canonical: lower-case scheme and host, no fragment */
	char host[256];                   /* lower case; an IPv6 address without brackets */
	uint16_t port;
	bool tls;
	bool literal; /* host is an address, and `addr` holds it with the port */
	struct sockaddr_storage addr;
};

/* transport_url_parse: the syntax rules. 0, or -1: INVALID "url-invalid" with the sentence that
 * says which rule; NO_MEMORY. */
int transport_url_parse(struct transport_url *ret, const char *text, struct dr_err *err)
	DR_MUST_CHECK;
/* transport_url_permit: the rules on names, ports and literal addresses.
 * 0, or -1: DENIED "address-not-allowed", INVALID "port-not-allowed". */
int transport_url_permit(const struct transport_url *u, const struct transport_policy *p,
			 struct dr_err *err) DR_MUST_CHECK;
/* transport_url_within: whether a URL has this origin ("https://host:port"; NULL or "" = none), and
 * a path that begins with `path`. A host name with a dot at its end counts as another: browsers
 * keep the two apart, too. */
bool transport_url_within(const struct transport_url *u, const char *origin, const char *path);
/* transport_url_resolve: a Location header's value against the URL that was asked (RFC 3986
 * section 5.2), then the syntax rules again. `ret` may not be `base`. */
int transport_url_resolve(struct transport_url *ret, const struct transport_url *base,
			  const char *location, struct dr_err *err) DR_MUST_CHECK;

#endif
