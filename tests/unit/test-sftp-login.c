/* SPDX-License-Identifier: Apache-2.0
 *
 * Login names (api.md section 7.9), users' keys, and who is not looked at any more. */
#include <string.h>

#include "sftp/lockout.h"
#include "sftp/name.h"
#include "unit.h"

static void name_is(const char *text, const char *who, const char *account)
{
	struct login_name n;

	assert_true(login_name_parse(text, &n));
	assert_string_equal(n.who, who);
	assert_string_equal(n.account, account);
}

static void names_with_and_without_an_account(void **state)
{
	struct login_name n;
	char longest[400];

	(void)state;
	name_is("user@example.com", "user@example.com", "");
	name_is("user@example.com:acc-12345", "user@example.com", "acc-12345");
	name_is("cli-12345", "cli-12345", "");
	name_is("cli-12345:acc-12345", "cli-12345", "acc-12345");
	name_is("a:b:acc-12345", "a:b", "acc-12345");
	assert_false(login_name_parse("", &n));
	assert_false(login_name_parse(":acc-12345", &n));
	assert_false(login_name_parse("cli-12345:", &n));
	assert_false(login_name_parse("cli-12345:acc-123456789012345678901234567890", &n));
	assert_false(login_name_parse("a\nb", &n));
	assert_false(login_name_parse("a\xff", &n));
	memset(longest, 'a', sizeof longest);
	longest[sizeof longest - 1] = 0;
	assert_false(login_name_parse(longest, &n));
}

static void a_key_is_one_of_the_lines(void **state)
{
	static const char keys[] = "# ssh-rsa AAAA\n"
				   "\n"
				   "ssh-ed25519 BBBB user@host\r\n"
				   "  ssh-rsa\tCCCC\n"
				   "command=\"x\" ssh-rsa DDDD\n"
				   "ssh-rsa EEEE";

	(void)state;
	assert_true(key_listed(keys, "ssh-ed25519 BBBB"));
	assert_true(key_listed(keys, "ssh-rsa CCCC"));
	assert_true(key_listed(keys, "ssh-rsa EEEE"));
	assert_false(key_listed(keys, "ssh-rsa AAAA"));
	assert_false(key_listed(keys, "ssh-rsa BBBB"));
	assert_false(key_listed(keys, "ssh-rsa DDDD"));
	assert_false(key_listed(keys, "ssh-ed25519 BBB"));
	assert_false(key_listed(keys, "ssh-ed25519 BBBBB"));
	assert_false(key_listed(keys, "ssh-ed25519 "));
	assert_false(key_listed(keys, "ssh-ed25519"));
	assert_false(key_listed(keys, ""));
	assert_false(key_listed("", "ssh-rsa AAAA"));
}

static struct lockout *new_lockout(unsigned tries)
{
	struct lockout *l = NULL;
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(lockout_new(&l, tries, 1000, &err), 0);
	return l;
}

static void a_name_or_an_address_is_locked_out_for_a_while(void **state)
{
	DR_CLEANUP(lockout_freep) struct lockout *l = new_lockout(2);

	(void)state;
	lockout_failed(l, "192.0.2.1", "a@b", 100);
	assert_false(lockout_locked(l, "192.0.2.1", "a@b", 100));
	lockout_failed(l, "192.0.2.2", "A@B", 100);
	assert_true(lockout_locked(l, "192.0.2.9", "a@b", 100));
	assert_false(lockout_locked(l, "192.0.2.1", "other", 100));
	lockout_failed(l, "192.0.2.1", "other", 200);
	assert_true(lockout_locked(l, "192.0.2.1", "third", 1199));
	assert_false(lockout_locked(l, "192.0.2.1", "third", 1200));
	lockout_failed(l, "192.0.2.1", "x", 1300);
	assert_false(lockout_locked(l, "192.0.2.1", "x", 1300));
}

static void a_good_login_clears_the_name_and_not_the_address(void **state)
{
	DR_CLEANUP(lockout_freep) struct lockout *l = new_lockout(2);

	(void)state;
	lockout_failed(l, "192.0.2.1", "a", 1);
	lockout_passed(l, "192.0.2.1", "a", 1);
	lockout_failed(l, "192.0.2.2", "a", 2);
	assert_false(lockout_locked(l, "192.0.2.3", "a", 3));
	lockout_failed(l, "192.0.2.1", "b", 4);
	assert_true(lockout_locked(l, "192.0.2.1", "c", 5));
}

static void who_has_logged_in_from_there_is_not_kept_out_by_others(void **state)
{
	DR_CLEANUP(lockout_freep) struct lockout *l = new_lockout(2);

	(void)state;
	lockout_passed(l, "192.0.2.1", "a@b", 1);
	lockout_failed(l, "198.51.100.1", "a@b", 2);
	lockout_failed(l, "198.51.100.2", "a@b", 3);
	assert_true(lockout_locked(l, "198.51.100.3", "a@b", 4));
	assert_false(lockout_locked(l, "192.0.2.1", "A@B", 4));
	/* That is for this name and this address, and only as long as it does not guess itself. */
	assert_true(lockout_locked(l, "192.0.2.2", "a@b", 4));
	lockout_failed(l, "192.0.2.1", "a@b", 5);
	lockout_failed(l, "192.0.2.1", "a@b", 6);
	assert_true(lockout_locked(l, "192.0.2.1", "a@b", 7));
}

static void ipv6_counts_by_network(void **state)
{
	DR_CLEANUP(lockout_freep) struct lockout *l = new_lockout(1);

	(void)state;
	lockout_failed(l, "2001:db8:1:2::1", "a", 1);
	assert_true(lockout_locked(l, "2001:db8:1:2:ffff::9", "b", 2));
	assert_false(lockout_locked(l, "2001:db8:1:3::1", "b", 2));
}

static void a_flood_of_names_takes_no_more_memory(void **state)
{
	DR_CLEANUP(lockout_freep) struct lockout *l = new_lockout(3);
	char name[32];

	(void)state;
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "n%u", i);
		lockout_failed(l, "192.0.2.1", name, i);
	}
	assert_true(lockout_locked(l, "192.0.2.1", "new", 3000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_with_and_without_an_account),
		cmocka_unit_test(a_key_is_one_of_the_lines),
		cmocka_unit_test(a_name_or_an_address_is_locked_out_for_a_while),
		cmocka_unit_test(a_good_login_clears_the_name_and_not_the_address),
		cmocka_unit_test(who_has_logged_in_from_there_is_not_kept_out_by_others),
		cmocka_unit_test(ipv6_counts_by_network),
		cmocka_unit_test(a_flood_of_names_takes_no_more_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
