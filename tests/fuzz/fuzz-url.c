/* SPDX-License-Identifier: Apache-2.0
 *
 * A URL, and on further lines perhaps a Location header and an address policy: whatever is accepted
 * has one canonical form that means the same again, and is made of harmless characters; no private
 * or denied address is permitted unless a range allows it. */
#include <assert.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transport/policy.h"
#include "transport/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct transport_url *u)
{
	static const char host[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.:";
	struct transport_url again;
	struct dr_err err = DR_ERR_INIT;

	assert(strspn(u->host, host) == strlen(u->host) && u->host[0]);
	assert(u->port != 0);
	assert(strncmp(u->text, u->tls ? "https://" : "http://", u->tls ? 8 : 7) == 0);
	for (const char *s = u->text; *s; s++)
		assert(*s > 0x20 && *s < 0x7F && *s != '\\' && *s != '#');
	assert(!strchr(u->host, ':') || u->literal);
	assert(transport_url_parse(&again, u->text, &err) == 0);
	assert(strcmp(again.text, u->text) == 0 && strcmp(again.host, u->host) == 0);
	assert(again.port == u->port && again.literal == u->literal);
	assert(memcmp(&again.addr, &u->addr, sizeof u->addr) == 0);
}

/* The network part of hardening.md section 2.2 that every deployment relies on, said once more. */
static bool is_private4(const uint8_t *a)
{
	return a[0] == 0 || a[0] == 10 || a[0] == 127 || a[0] >= 224 ||
	       (a[0] == 100 && (a[1] & 0xC0) == 64) || (a[0] == 169 && a[1] == 254) ||
	       (a[0] == 172 && (a[1] & 0xF0) == 16) || (a[0] == 192 && a[1] == 168);
}

static bool is_private(const struct sockaddr_storage *sa)
{
	static const uint8_t low[10], mapped[2] = {0xFF, 0xFF};
	const uint8_t *a;

	if (sa->ss_family == AF_INET)
		return is_private4((const uint8_t *)&((const struct sockaddr_in *)sa)->sin_addr);
	a = ((const struct sockaddr_in6 *)sa)->sin6_addr.s6_addr;
	return (a[0] & 0xFE) == 0xFC || (a[0] == 0xFE && (a[1] & 0xC0) == 0x80) || a[0] == 0xFF ||
	       (memcmp(a, low, 10) == 0 && (memcmp(a + 10, mapped, 2) == 0 || !(a[10] | a[11])));
}

/* Whether the first `bits` bits are those of the range: as slowly as it can be said. */
static bool in_range(const struct transport_range *r, const struct sockaddr_storage *sa)
{
	const uint8_t *a = sa->ss_family == AF_INET
				   ? (const uint8_t *)&((const struct sockaddr_in *)sa)->sin_addr
				   : ((const struct sockaddr_in6 *)sa)->sin6_addr.s6_addr;

	if (r->family != sa->ss_family)
		return false;
	for (unsigned i = 0; i < r->bits; i++)
		if ((a[i / 8] ^ r->addr[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static bool in_ranges(const struct transport_ranges *rs, const struct transport_url *u)
{
	for (size_t i = 0; i < rs->count; i++)
		if (in_range(&rs->range[i], &u->addr) &&
		    (rs->range[i].port == 0 || rs->range[i].port == u->port))
			return true;
	return false;
}

static void check_permit(const struct transport_policy *p, const struct transport_url *u)
{
	socklen_t len = u->addr.ss_family == AF_INET ? sizeof(struct sockaddr_in)
						     : sizeof(struct sockaddr_in6);
	struct dr_err err = DR_ERR_INIT;
	bool permitted = transport_url_permit(u, p, &err) == 0;

	assert(permitted == !dr_err_is_set(&err));
	if (!u->literal)
		return;
	assert(permitted == transport_policy_permits(p, (const struct sockaddr *)&u->addr, len));
	if (permitted) {
		assert(!in_ranges(&p->deny, u));
		assert(!is_private(&u->addr) || in_ranges(&p->allow, u));
	}
}

/* Four lines may follow: a Location, a range to allow, one to deny, the ports. */
static void configure(struct transport_policy *p, char *const line[static 5])
{
	struct dr_err err = DR_ERR_INIT;

	transport_policy_init(p);
	if (line[2] && transport_policy_allow(p, line[2], &err) < 0)
		assert(dr_err_is_set(&err));
	dr_err_clear(&err);
	if (line[3] && transport_policy_deny(p, line[3], &err) < 0)
		assert(dr_err_is_set(&err));
	dr_err_clear(&err);
	if (line[4] && transport_policy_set_ports(p, line[4], &err) < 0)
		assert(dr_err_is_set(&err));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct transport_policy policy;
	struct transport_url u, to;
	struct dr_err err = DR_ERR_INIT;
	char *text = malloc(size + 1), *next = text, *line[5];

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	for (size_t i = 0; i < 5; i++)
		line[i] = strsep(&next, "\n");
	configure(&policy, line);
	if (transport_url_parse(&u, line[0], &err) == 0) {
		check_accepted(&u);
		check_permit(&policy, &u);
		if (line[1] && transport_url_resolve(&to, &u, line[1], &err) == 0) {
			check_accepted(&to);
			check_permit(&policy, &to);
		}
	}
	transport_policy_done(&policy);
	free(text);
	return 0;
}
