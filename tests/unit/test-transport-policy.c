/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "transport/policy.h"
#include "unit.h"
#include "util/cleanup.h"

/* permits: the verdict on a textual address and port. */
static bool permits(const struct transport_policy *p, const char *addr, uint16_t port)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	if (inet_pton(AF_INET, addr, &v4.sin_addr) == 1)
		return transport_policy_permits(p, (struct sockaddr *)&v4, sizeof v4);
	assert_int_equal(inet_pton(AF_INET6, addr, &v6.sin6_addr), 1);
	return transport_policy_permits(p, (struct sockaddr *)&v6, sizeof v6);
}

static void allow(struct transport_policy *p, const char *range)
{
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(transport_policy_allow(p, range, &err), 0);
}

static void deny(struct transport_policy *p, const char *range)
{
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(transport_policy_deny(p, range, &err), 0);
}

/* hardening.md section 2.5, cases 1 to 23, as the addresses they come to; first and last of each
 * block of section 2.2. */
static const char *const refused[] = {
	"0.0.0.0",
	"0.255.255.255",
	"10.0.0.0",
	"10.0.0.1",
	"10.255.255.255",
	"100.64.0.0",
	"100.64.0.1",
	"100.127.255.255",
	"127.0.0.1",
	"127.255.255.255",
	"169.254.0.0",
	"169.254.169.254",
	"169.254.255.255",
	"172.16.0.1",
	"172.31.255.255",
	"192.0.0.0",
	"192.0.0.192",
	"192.0.0.255",
	"192.0.2.1",
	"192.88.99.1",
	"192.168.0.0",
	"192.168.1.1",
	"192.168.255.255",
	"198.18.0.1",
	"198.19.255.255",
	"198.51.100.1",
	"203.0.113.1",
	"224.0.0.1",
	"239.255.255.250",
	"240.0.0.1",
	"255.255.255.255",
	"::",
	"::1",
	"::ffff:127.0.0.1",
	"::ffff:7f00:1",
	"0:0:0:0:0:ffff:a9fe:a9fe",
	"::ffff:8.8.8.8",
	"::127.0.0.1",
	"::8.8.8.8",
	"::ffff:0:127.0.0.1",
	"64:ff9b::7f00:1",
	"64:ff9b::a9fe:a9fe",
	"64:ff9b::808:808",
	"64:ff9b:1::a9fe:a9fe",
	"2002:7f00:1::",
	"2002:808:808::1",
	"2001:0:7f00:1::",
	"2001::",
	"2001:1ff:ffff::1",
	"2001:2::1",
	"2001:db8::1",
	"2001:db8:ffff::1",
	"3fff::1",
	"3fff:fff:ffff::1",
	"100::1",
	"5f00::1",
	"fc00::1",
	"fd00:ec2::254",
	"fe80::1",
	"febf::1",
	"fec0::1",
	"ff02::1",
	"ff0e::1",
	"4000::1",
	"1fff:ffff::1",
};

/* Just outside of each block. */
static const char *const permitted[] = {
	"1.0.0.0",         "9.255.255.255", "11.0.0.1",         "100.63.255.255",  "100.128.0.1",
	"126.255.255.255", "128.0.0.1",     "169.253.255.255",  "169.255.0.0",     "172.15.255.255",
	"172.32.0.1",      "192.0.1.0",     "192.0.3.0",        "192.88.98.255",   "192.88.100.0",
	"192.167.255.255", "192.169.0.0",   "198.17.255.255",   "198.20.0.0",      "198.51.99.255",
	"198.51.101.0",    "203.0.112.255", "203.0.114.0",      "223.255.255.255", "8.8.8.8",
	"2000::1",         "2001:200::1",   "2001:db7:ffff::1", "2001:db9::1",     "2001:ffff::1",
	"2003::1",         "2606:4700::1",  "3ffe:ffff::1",     "3fff:1000::1",
};

static void only_public_addresses_are_permitted(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	(void)state;
	transport_policy_init(&p);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (permits(&p, refused[i], 80))
			fail_msg("%s is permitted", refused[i]);
	for (size_t i = 0; i < sizeof permitted / sizeof *permitted; i++)
		if (!permits(&p, permitted[i], 80))
			fail_msg("%s is refused", permitted[i]);
}

static void only_listed_ports_are_permitted(void **state)
{
	static const uint16_t good[] = {80, 443, 8080, 8443}, bad[] = {0, 1, 22, 25, 81, 6379};
	DR_CLEANUP(transport_policy_done) struct transport_policy p;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	transport_policy_init(&p);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(permits(&p, "8.8.8.8", good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_false(permits(&p, "8.8.8.8", bad[i]));
		assert_false(transport_policy_port_possible(&p, bad[i]));
	}
	assert_int_equal(transport_policy_set_ports(&p, "81,65535", &err), 0);
	assert_true(permits(&p, "8.8.8.8", 81));
	assert_true(permits(&p, "2606:4700::1", 65535));
	assert_false(permits(&p, "8.8.8.8", 80));
}

static void other_families_and_short_addresses_are_refused(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(80)};

	(void)state;
	transport_policy_init(&p);
	allow(&p, "0.0.0.0/0");
	allow(&p, "::/0");
	v4.sin_addr.s_addr = htonl(0x08080808);
	assert_true(transport_policy_permits(&p, (struct sockaddr *)&v4, sizeof v4));
	assert_false(transport_policy_permits(&p, (struct sockaddr *)&v4, sizeof v4 - 1));
	assert_false(transport_policy_permits(&p, (struct sockaddr *)&un, sizeof un));
}

static void an_allowed_range_opens_itself_and_brings_its_ports(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	(void)state;
	transport_policy_init(&p);
	allow(&p, "10.1.0.0/16");
	allow(&p, "192.168.7.8/32:9000");
	allow(&p, "fd00:1::/32");
	assert_true(permits(&p, "10.1.255.255", 22));
	assert_false(permits(&p, "10.2.0.0", 80));
	assert_true(permits(&p, "192.168.7.8", 9000));
	assert_false(permits(&p, "192.168.7.8", 80));
	assert_false(permits(&p, "192.168.7.9", 9000));
	assert_true(permits(&p, "fd00:1:ffff::1", 1));
	assert_false(permits(&p, "fd00:2::1", 80));
	assert_false(permits(&p, "10.1.0.0", 0));
	assert_false(permits(&p, "::ffff:10.1.0.0", 80));
}

static void a_mapped_address_is_refused_even_when_everything_is_allowed(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	(void)state;
	transport_policy_init(&p);
	allow(&p, "::/0");
	deny(&p, "10.0.0.0/8");
	assert_true(permits(&p, "::1", 80));
	assert_false(permits(&p, "::ffff:10.0.0.1", 80));
}

static void a_denied_range_beats_everything(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	(void)state;
	transport_policy_init(&p);
	allow(&p, "127.0.0.0/8");
	deny(&p, "127.0.0.1/32:8080");
	deny(&p, "8.8.0.0/16");
	assert_true(permits(&p, "127.0.0.1", 8081));
	assert_false(permits(&p, "127.0.0.1", 8080));
	assert_false(permits(&p, "8.8.8.8", 443));
	assert_true(permits(&p, "8.9.8.8", 443));
}

static void nat64_is_judged_by_the_address_inside_when_enabled(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	(void)state;
	transport_policy_init(&p);
	p.nat64 = true;
	deny(&p, "9.9.9.0/24");
	assert_true(permits(&p, "64:ff9b::808:808", 80));
	assert_false(permits(&p, "64:ff9b::7f00:1", 80));
	assert_false(permits(&p, "64:ff9b::a9fe:a9fe", 80));
	assert_false(permits(&p, "64:ff9b::909:909", 80));
	assert_false(permits(&p, "64:ff9b:1::808:808", 80));
}

static void own_addresses_are_refused_unless_allowed(void **state)
{
	const struct transport_range own = {.family = AF_INET, .addr = {8, 8, 4, 4}, .bits = 32};
	DR_CLEANUP(transport_policy_done) struct transport_policy p;
	struct dr_err err = DR_ERR_INIT;
	struct ifaddrs *all;

	(void)state;
	transport_policy_init(&p);
	assert_int_equal(transport_policy_deny_own(&p, &err), 0);
	assert_int_equal(getifaddrs(&all), 0);
	for (struct ifaddrs *i = all; i; i = i->ifa_next) {
		struct sockaddr_in v4;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&v4, i->ifa_addr, sizeof v4);
		v4.sin_port = htons(80);
		assert_false(transport_policy_permits(&p, (struct sockaddr *)&v4, sizeof v4));
	}
	freeifaddrs(all);

	p.own.range[0] = own;
	p.own.count = 1;
	assert_false(permits(&p, "8.8.4.4", 80));
	assert_true(permits(&p, "8.8.4.5", 80));
	allow(&p, "8.8.4.4/32:80");
	assert_true(permits(&p, "8.8.4.4", 80));
	assert_false(permits(&p, "8.8.4.4", 443));
}

static void a_range_that_is_wider_than_an_own_address_does_not_open_it(void **state)
{
	const struct transport_range own = {.family = AF_INET, .addr = {10, 1, 2, 3}, .bits = 32};
	DR_CLEANUP(transport_policy_done) struct transport_policy p;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	transport_policy_init(&p);
	assert_int_equal(transport_policy_deny_own(&p, &err), 0);
	p.own.range[p.own.count - 1] = own;
	allow(&p, "0.0.0.0/0");
	allow(&p, "::/0");
	allow(&p, "10.0.0.0/8");
	assert_true(permits(&p, "10.1.2.4", 5432));
	assert_false(permits(&p, "10.1.2.3", 5432));
	assert_false(permits(&p, "10.1.2.3", 80));
	assert_false(permits(&p, "127.0.0.1", 5432));
	assert_false(permits(&p, "127.1.2.3", 5432));
	assert_false(permits(&p, "0.0.0.0", 5432));
	assert_false(permits(&p, "::1", 5432));
	assert_false(permits(&p, "::", 5432));
	allow(&p, "10.1.2.3/32:8080");
	allow(&p, "127.0.0.0/8:8081");
	allow(&p, "::1/128");
	assert_true(permits(&p, "10.1.2.3", 8080));
	assert_false(permits(&p, "10.1.2.3", 5432));
	assert_true(permits(&p, "127.0.0.1", 8081));
	assert_false(permits(&p, "127.0.0.1", 8080));
	assert_true(permits(&p, "::1", 5432));
}

static void the_ranges_that_can_be_configured_are_bounded(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	transport_policy_init(&p);
	for (int i = 0; i < TRANSPORT_RANGES_MAX; i++)
		deny(&p, "10.0.0.0/8");
	assert_int_equal(transport_policy_deny(&p, "10.0.0.0/8", &err), -1);
	assert_int_equal(err.code, DR_LIMIT);
	assert_int_equal(transport_policy_deny_own(&p, &err), 0);
}

static void a_port_is_possible_when_some_range_has_it(void **state)
{
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	(void)state;
	transport_policy_init(&p);
	allow(&p, "10.0.0.0/8:9000");
	assert_true(transport_policy_port_possible(&p, 9000));
	assert_false(transport_policy_port_possible(&p, 9001));
	allow(&p, "10.0.0.0/8");
	assert_true(transport_policy_port_possible(&p, 9001));
}

static void malformed_ranges_and_port_lists_are_refused(void **state)
{
	static const char *const ranges[] = {
		"",
		"10.0.0.0",
		"10.0.0.0/",
		"10.0.0.0/33",
		"10.0.0.0/-1",
		"10.0.0.0/8x",
		"10.0.0.0/8:",
		"10.0.0.0/8:0",
		"10.0.0.0/8:65536",
		"10.0.0.0/8:80:80",
		"10.0.0.1/8",
		"10.0.0/8",
		"010.0.0.0/8",
		"10.0.0.0 /8",
		"localhost/8",
		"fd00::/129",
		"fd00::1/64",
		"fd00:::/64",
		"[fd00::]/64",
		"/8",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb/64",
	};
	static const char *const lists[] = {
		"",        ",",  "80,",    ",80",
		"80,,443", "0",  "65536",  "80 443",
		"http",    "-1", "000080", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
	};
	DR_CLEANUP(transport_policy_done) struct transport_policy p;

	(void)state;
	transport_policy_init(&p);
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		struct dr_err err = DR_ERR_INIT;

		if (transport_policy_allow(&p, ranges[i], &err) == 0)
			fail_msg("range '%s' is taken", ranges[i]);
		assert_int_equal(err.code, DR_INVALID);
	}
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		struct dr_err err = DR_ERR_INIT;

		if (transport_policy_set_ports(&p, lists[i], &err) == 0)
			fail_msg("port list '%s' is taken", lists[i]);
	}
	assert_int_equal(p.allow.count, 0);
	assert_int_equal(p.port_count, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_public_addresses_are_permitted),
		cmocka_unit_test(only_listed_ports_are_permitted),
		cmocka_unit_test(other_families_and_short_addresses_are_refused),
		cmocka_unit_test(an_allowed_range_opens_itself_and_brings_its_ports),
		cmocka_unit_test(a_mapped_address_is_refused_even_when_everything_is_allowed),
		cmocka_unit_test(a_denied_range_beats_everything),
		cmocka_unit_test(nat64_is_judged_by_the_address_inside_when_enabled),
		cmocka_unit_test(own_addresses_are_refused_unless_allowed),
		cmocka_unit_test(a_range_that_is_wider_than_an_own_address_does_not_open_it),
		cmocka_unit_test(the_ranges_that_can_be_configured_are_bounded),
		cmocka_unit_test(a_port_is_possible_when_some_range_has_it),
		cmocka_unit_test(malformed_ranges_and_port_lists_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
