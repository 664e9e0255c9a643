/* SPDX-License-Identifier: Apache-2.0
 *
 * transport/policy: where a fetch may connect to (hardening.md section 2.2).
 *
 * The decision is made on the binary socket address of every single connection, by
 * transport_policy_permits(), which the fetcher calls from the one place where sockets are born.
 * Everything else that looks at a URL only exists to refuse earlier and with a better sentence.
 *
 * The order of the rules: an IPv4-mapped or unknown family is refused; a denied range is refused;
 * an allowed range is permitted, whatever its port; then the port must be on the port list, the
 * address not one of this machine's own, and public. Deny beats allow, allow beats the rest; but
 * a range that is wider than one of this machine's own addresses was not meant for it.
 *
 * A policy is built by one thread and read by any number afterwards. */
#ifndef DR_TRANSPORT_POLICY_H
#define DR_TRANSPORT_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "util/err.h"

/* A refused address always gets this reason and sentence, whether or not anything listens there. */
#define TRANSPORT_REASON_ADDRESS "address-not-allowed"
#define TRANSPORT_REASON_PORT "port-not-allowed"
int transport_refuse_address(struct dr_err *err);

struct transport_range {
	int family;       /* AF_INET or AF_INET6 */
	uint8_t addr[16]; /* network byte order; 4 or 16 bytes used; no bits set beyond `bits` */
	unsigned bits;
	uint16_t port; /* 0: every port */
};

struct transport_ranges {
	struct transport_range *range;
	size_t count;
};

#define TRANSPORT_RANGES_MAX 1024 /* configured ones of a kind */
#define TRANSPORT_PORTS_MAX 16

struct transport_policy {
	struct transport_ranges allow;
	struct transport_ranges deny;
	struct transport_ranges own;
	uint16_t ports[TRANSPORT_PORTS_MAX];
	size_t port_count;
	bool nat64; /* 64:ff9b::/96 is judged by the IPv4 address inside; off by default */
};

/* transport_policy_init: public addresses on ports 80, 443, 8080 and 8443, nothing else. */
void transport_policy_init(struct transport_policy *p);
void transport_policy_done(struct transport_policy *p);

/* transport_policy_allow, transport_policy_deny: one configured range, "address/length" (every
 * port) or "address/length:port". 0, or -1: INVALID (with the reason why), LIMIT, NO_MEMORY. */
int transport_policy_allow(struct transport_policy *p, const char *range, struct dr_err *err)
	DR_MUST_CHECK;
int transport_policy_deny(struct transport_policy *p, const char *range, struct dr_err *err)
	DR_MUST_CHECK;
/* transport_policy_set_ports: replace the port list, "80,443". INVALID when it is none. */
int transport_policy_set_ports(struct transport_policy *p, const char *list, struct dr_err *err)
	DR_MUST_CHECK;
/* transport_policy_deny_own: refuse this machine's addresses: those of its interfaces, as they are
 * now, 127.0.0.0/8 and the unspecified ones. Only an allowed range that is no wider than such an
 * entry makes one reachable: 10.0.0.0/8 does not open this machine's database on 10.1.2.3. */
int transport_policy_deny_own(struct transport_policy *p, struct dr_err *err) DR_MUST_CHECK;

/* transport_policy_permits: may a connection to this address and port be made? Pure. */
bool transport_policy_permits(const struct transport_policy *p, const struct sockaddr *sa,
			      socklen_t len);
/* transport_policy_port_possible: is there any address for which this port would be permitted?
 * For names, whose address is not known yet. */
bool transport_policy_port_possible(const struct transport_policy *p, uint16_t port);

#endif
