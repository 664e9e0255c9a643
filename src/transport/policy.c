/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/policy.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "util/checked.h"
#include "util/cleanup.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

struct block {
	uint8_t addr[16];
	unsigned bits;
};

/* hardening.md section 2.2, from the IANA special-purpose address registries (RFC 6890). */
static const struct block ipv4_refused[] = {
	{{0}, 8},             /* this network */
	{{10}, 8},            /* private */
	{{100, 64}, 10},      /* carrier-grade NAT */
	{{127}, 8},           /* loopback */
	{{169, 254}, 16},     /* link-local, cloud metadata */
	{{172, 16}, 12},      /* private */
	{{192, 0, 0}, 24},    /* IETF protocol assignments */
	{{192, 0, 2}, 24},    /* documentation */
	{{192, 88, 99}, 24},  /* 6to4 relays */
	{{192, 168}, 16},     /* private */
	{{198, 18}, 15},      /* benchmarks */
	{{198, 51, 100}, 24}, /* documentation */
	{{203, 0, 113}, 24},  /* documentation */
	{{224}, 4},           /* multicast */
	{{240}, 4},           /* reserved, broadcast */
};

static const struct block ipv6_global = {{0x20}, 3};
static const struct block ipv6_refused[] = {
	{{0x20, 0x01}, 23},             /* Teredo, ORCHID, benchmarks */
	{{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
	{{0x20, 0x02}, 16},             /* 6to4 */
	{{0x3f, 0xff}, 20},             /* documentation */
};
/* What is always this machine; before the addresses of its interfaces, which it may contain. */
static const struct transport_range own_always[] = {
	{.family = AF_INET, .addr = {127}, .bits = 8},
	{.family = AF_INET, .bits = 32},
	{.family = AF_INET6, .addr = {[15] = 1}, .bits = 128},
	{.family = AF_INET6, .bits = 128},
};

static const struct block ipv6_mapped = {{[10] = 0xff, [11] = 0xff}, 96};
static const struct block ipv6_nat64 = {{0, 0x64, 0xff, 0x9b}, 96};

/* A socket address taken apart. */
struct target {
	int family;
	uint8_t addr[16];
	uint16_t port;
};

int transport_refuse_address(struct dr_err *err)
{
	return dr_refuse(err, DR_DENIED, TRANSPORT_REASON_ADDRESS,
			 "that address may not be fetched from");
}

static bool within(const uint8_t *addr, const uint8_t *net, unsigned bits)
{
	size_t whole = bits / 8;
	unsigned rest = bits % 8;

	if (memcmp(addr, net, whole) != 0)
		return false;
	return rest == 0 || (addr[whole] ^ net[whole]) >> (8 - rest) == 0;
}

static bool in_blocks(const uint8_t *addr, const struct block *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (within(addr, b[i].addr, b[i].bits))
			return true;
	return false;
}

static bool address_is_public(const struct target *t)
{
	if (t->family == AF_INET)
		return !in_blocks(t->addr, ipv4_refused,
				  sizeof ipv4_refused / sizeof *ipv4_refused);
	return within(t->addr, ipv6_global.addr, ipv6_global.bits) &&
	       !in_blocks(t->addr, ipv6_refused, sizeof ipv6_refused / sizeof *ipv6_refused);
}

/* find: the range of at least `bits` that the target is in; NULL without one. */
static const struct transport_range *find(const struct transport_ranges *rs, unsigned bits,
					  const struct target *t)
{
	for (size_t i = 0; i < rs->count; i++) {
		const struct transport_range *r = &rs->range[i];

		if (r->family == t->family && (r->port == 0 || r->port == t->port) &&
		    r->bits >= bits && within(t->addr, r->addr, r->bits))
			return r;
	}
	return NULL;
}

static bool port_listed(const struct transport_policy *p, uint16_t port)
{
	for (size_t i = 0; i < p->port_count; i++)
		if (p->ports[i] == port)
			return true;
	return false;
}

static bool target_from(struct target *t, const struct sockaddr *sa, socklen_t len)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(t, 0, sizeof *t);
	if (sa->sa_family == AF_INET && len >= sizeof v4) {
		memcpy(&v4, sa, sizeof v4);
		memcpy(t->addr, &v4.sin_addr, 4);
		t->port = ntohs(v4.sin_port);
	} else if (sa->sa_family == AF_INET6 && len >= sizeof v6) {
		memcpy(&v6, sa, sizeof v6);
		memcpy(t->addr, &v6.sin6_addr, 16);
		t->port = ntohs(v6.sin6_port);
	} else {
		return false;
	}
	t->family = sa->sa_family;
	return true;
}

static void unwrap_nat64(struct target *t)
{
	if (t->family != AF_INET6 || !within(t->addr, ipv6_nat64.addr, ipv6_nat64.bits))
		return;
	t->family = AF_INET;
	memmove(t->addr, t->addr + 12, 4); /* RFC 6052 section 2.2, the /96 form */
}

bool transport_policy_permits(const struct transport_policy *p, const struct sockaddr *sa,
			      socklen_t len)
{
	const struct transport_range *own;
	struct target t;

	if (!target_from(&t, sa, len) || t.port == 0)
		return false;
	/* A mapped address would reach IPv4 hosts past every IPv4 range. */
	if (t.family == AF_INET6 && within(t.addr, ipv6_mapped.addr, ipv6_mapped.bits))
		return false;
	if (p->nat64)
		unwrap_nat64(&t);
	if (find(&p->deny, 0, &t))
		return false;
	own = find(&p->own, 0, &t);
	if (find(&p->allow, own ? own->bits : 0, &t))
		return true;
	return port_listed(p, t.port) && !own && address_is_public(&t);
}

bool transport_policy_port_possible(const struct transport_policy *p, uint16_t port)
{
	for (size_t i = 0; i < p->allow.count; i++)
		if (p->allow.range[i].port == 0 || p->allow.range[i].port == port)
			return true;
	return port_listed(p, port);
}

void transport_policy_init(struct transport_policy *p)
{
	memset(p, 0, sizeof *p);
	p->ports[p->port_count++] = 80;
	p->ports[p->port_count++] = 443;
	p->ports[p->port_count++] = 8080;
	p->ports[p->port_count++] = 8443;
}

void transport_policy_done(struct transport_policy *p)
{
	free(p->allow.range);
	free(p->deny.range);
	free(p->own.range);
	memset(p, 0, sizeof *p);
}

static int ranges_add(struct transport_ranges *rs, const struct transport_range *r,
		      struct dr_err *err)
{
	struct transport_range *more;

	more = realloc(rs->range, (rs->count + 1) * sizeof *more);
	if (!more)
		return dr_fail_nomem(err);
	more[rs->count++] = *r;
	rs->range = more;
	return 0;
}

static bool bits_beyond(const struct transport_range *r)
{
	size_t size = r->family == AF_INET ? 4 : 16;

	for (unsigned bit = r->bits; bit < 8 * size; bit++)
		if (r->addr[bit / 8] & (0x80u >> bit % 8))
			return true;
	return false;
}

/* range_parse: what is wrong with it, or NULL. */
static const char *range_parse(const char *text, struct transport_range *r)
{
	char addr[INET6_ADDRSTRLEN], bits[4];
	const char *slash = strchr(text, '/');
	const char *colon = slash ? strchr(slash, ':') : NULL;
	size_t len = slash ? (size_t)(slash - text) : 0;
	uint64_t n;

	memset(r, 0, sizeof *r);
	if (!slash || len >= sizeof addr)
		return "expected address/length or address/length:port";
	memcpy(addr, text, len);
	addr[len] = 0;
	r->family = strchr(addr, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(r->family, addr, r->addr) != 1)
		return "not an IPv4 or IPv6 address";
	len = colon ? (size_t)(colon - slash - 1) : strlen(slash + 1);
	if (len >= sizeof bits)
		return "prefix length out of range";
	memcpy(bits, slash + 1, len);
	bits[len] = 0;
	if (!dr_parse_u64(bits, 0, r->family == AF_INET ? 32 : 128, &n))
		return "prefix length out of range";
	r->bits = (unsigned)n;
	if (bits_beyond(r))
		return "the address has bits set beyond the prefix";
	if (colon) {
		if (!dr_parse_u64(colon + 1, 1, UINT16_MAX, &n))
			return "not a port";
		r->port = (uint16_t)n;
	}
	return NULL;
}

static int ranges_add_text(struct transport_ranges *rs, const char *text, struct dr_err *err)
{
	struct transport_range r;
	const char *wrong = range_parse(text, &r);
	dr_autobuf struct buf quoted = BUF_INIT;

	if (wrong) {
		dr_quote(&quoted, text, 64);
		return dr_fail(err, DR_INVALID, "address range %s: %s", buf_str(&quoted), wrong);
	}
	if (rs->count >= TRANSPORT_RANGES_MAX)
		return dr_fail(err, DR_LIMIT, "more than %d address ranges", TRANSPORT_RANGES_MAX);
	return ranges_add(rs, &r, err);
}

int transport_policy_allow(struct transport_policy *p, const char *range, struct dr_err *err)
{
	return ranges_add_text(&p->allow, range, err);
}

int transport_policy_deny(struct transport_policy *p, const char *range, struct dr_err *err)
{
	return ranges_add_text(&p->deny, range, err);
}

int transport_policy_set_ports(struct transport_policy *p, const char *list, struct dr_err *err)
{
	uint16_t ports[TRANSPORT_PORTS_MAX];
	size_t count = 0;
	char one[6];

	for (const char *at = list;; at++) {
		size_t len = strcspn(at, ",");
		uint64_t n;

		if (len >= sizeof one)
			return dr_fail(err, DR_INVALID, "port list: not a port");
		memcpy(one, at, len);
		one[len] = 0;
		if (!dr_parse_u64(one, 1, UINT16_MAX, &n))
			return dr_fail(err, DR_INVALID, "port list: not a port");
		if (count == TRANSPORT_PORTS_MAX)
			return dr_fail(err, DR_INVALID, "port list: more than %d ports",
				       TRANSPORT_PORTS_MAX);
		ports[count++] = (uint16_t)n;
		at += len;
		if (!*at)
			break;
	}
	memcpy(p->ports, ports, count * sizeof *ports);
	p->port_count = count;
	return 0;
}

int transport_policy_deny_own(struct transport_policy *p, struct dr_err *err)
{
	struct ifaddrs *all = NULL;
	int rc = 0;

	if (getifaddrs(&all) != 0)
		return dr_fail_errno(err, "list this machine's addresses");
	for (size_t i = 0; rc == 0 && i < sizeof own_always / sizeof *own_always; i++)
		rc = ranges_add(&p->own, &own_always[i], err);
	for (struct ifaddrs *i = all; i && rc == 0; i = i->ifa_next) {
		struct transport_range r = {.bits = 32};
		struct target t;
		socklen_t len = sizeof(struct sockaddr_in);

		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET6) {
			r.bits = 128;
			len = sizeof(struct sockaddr_in6);
		}
		if (!target_from(&t, i->ifa_addr, len) || find(&p->own, 0, &t))
			continue;
		r.family = t.family;
		memcpy(r.addr, t.addr, sizeof r.addr);
		rc = ranges_add(&p->own, &r, err);
	}
	freeifaddrs(all);
	return rc;
}
