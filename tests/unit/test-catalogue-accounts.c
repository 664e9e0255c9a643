/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue-fixture.h"
#include "catalogue/catalogue_internal.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

static int set_up(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	fixture_open(&f);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	fixture_done((struct fixture *)*state);
	return 0;
}

static struct user new_user(struct catalogue *c, const char *email, const char *account)
{
	struct user u = {.name = "Someone", .ssh_key = "ssh-ed25519 AAAA"};

	snprintf(u.email, sizeof(u.email), "%s", email);
	must(catalogue_user_create(c, &u, "$argon2id$hash", account, &err));
	return u;
}

/* ---- ids ---- */

static void ids_are_a_prefix_and_five_base36_digits(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;

	for (int i = 0; i < 20; i++) {
		struct account a = new_account(c, "x");

		assert_int_equal(strlen(a.id), 9);
		assert_true(dr_starts(a.id, "acc-"));
		assert_int_equal(strspn(a.id + 4, "0123456789abcdefghijklmnopqrstuvwxyz"), 5);
	}
}

/* every id four times: 00000 00000 00000 00000 11111 … */
static void draw_each_id_four_times(void *p, size_t len)
{
	static unsigned drawn;

	memset(p, (int)(drawn++ / 20 % 36), len);
}

static void an_id_that_is_taken_is_drawn_again(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a[4];

	c->random = draw_each_id_four_times;
	for (int i = 0; i < 4; i++) {
		a[i] = new_account(c, "x");
		assert_int_equal(a[i].id[8], '0' + i);
	}
}

static void draw_zero(void *p, size_t len)
{
	memset(p, 0, len);
}

static void when_no_id_is_free_nothing_is_made(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = {.name = "second"};
	struct account *all = NULL;
	size_t n = 0;

	c->random = draw_zero;
	assert_string_equal(new_account(c, "first").id, "acc-00000");
	must_fail(DR_LIMIT, catalogue_account_create(c, &a, &err));
	must(catalogue_account_list(c, &all, &n, &err));
	assert_int_equal(n, 1);
	free(all);
}

/* ---- accounts and users ---- */

static void an_account_comes_back_as_it_was_made(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	const struct account_limits limits = {1, 2, 3, 4};
	struct account a = new_account(c, "Zürich & Söhne");
	struct account b;

	must(catalogue_account_set_limits(c, a.id, &limits, &err));
	must(catalogue_account_set_name(c, a.id, "Bern", &err));
	must(catalogue_account_get(c, a.id, &b, &err));
	assert_string_equal(b.name, "Bern");
	assert_string_equal(b.status, "active");
	assert_int_equal(b.created_at, a.created_at);
	assert_true(b.created_at > 1600000000);
	assert_memory_equal(&b.limits, &limits, sizeof(limits));
	must_fail(DR_NOT_FOUND, catalogue_account_get(c, "acc-nobody", &b, &err));
	must_fail(DR_NOT_FOUND, catalogue_account_set_name(c, "acc-nobody", "x", &err));
	must_fail(DR_NOT_FOUND, catalogue_account_set_limits(c, "acc-nobody", &limits, &err));
}

static void a_login_finds_the_user_by_address_in_any_case_or_by_id(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	struct user u = new_user(c, "Ada@Example.com", a.id);
	struct user found;
	char hash[160];

	must(catalogue_user_for_login(c, "aDA@example.COM", &found, hash, &err));
	assert_string_equal(found.id, u.id);
	assert_string_equal(found.email, "Ada@Example.com");
	assert_string_equal(hash, "$argon2id$hash");
	must(catalogue_user_for_login(c, u.id, &found, hash, &err));
	assert_string_equal(found.ssh_key, "ssh-ed25519 AAAA");
	assert_string_equal(found.default_account, a.id);
	must(catalogue_user_set_password(c, u.id, "other", &err));
	must(catalogue_user_for_login(c, u.id, &found, hash, &err));
	assert_string_equal(hash, "other");
	must_fail(DR_NOT_FOUND, catalogue_user_for_login(c, "", &found, hash, &err));
	must_fail(DR_NOT_FOUND, catalogue_user_for_login(c, "ada@example", &found, hash, &err));
}

static void an_address_belongs_to_one_user(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct user u = new_user(c, "ada@example.com", NULL);
	struct user other = new_user(c, "bob@example.com", NULL);
	struct user again = {.name = "x", .email = "ADA@example.com"};

	must_fail(DR_CONFLICT, catalogue_user_create(c, &again, "h", NULL, &err));
	dr_copy(other.email, sizeof(other.email), "Ada@Example.Com");
	must_fail(DR_CONFLICT, catalogue_user_update(c, &other, &err));
	/* one's own is one's own */
	dr_copy(u.email, sizeof(u.email), "ADA@EXAMPLE.COM");
	dr_copy(u.name, sizeof(u.name), "Ada");
	must(catalogue_user_update(c, &u, &err));
	must(catalogue_user_get(c, u.id, &again, &err));
	assert_string_equal(again.email, "ADA@EXAMPLE.COM");
	assert_string_equal(again.name, "Ada");
}

static void a_user_of_an_unknown_account_is_not_made(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct user u = {.name = "x", .email = "x@example.com"};
	struct user *all = NULL;
	size_t n = 1;

	must_fail(DR_NOT_FOUND, catalogue_user_create(c, &u, "h", "acc-nobody", &err));
	must(catalogue_user_list(c, NULL, &all, &n, &err));
	assert_int_equal(n, 0);
	free(all);
}

static void the_first_user_of_an_account_is_its_owner(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	struct account b = new_account(c, "b");
	struct user first = new_user(c, "first@example.com", b.id);
	struct user owner;
	struct user *members = NULL;
	size_t n = 0;
	bool in = true;

	must_fail(DR_NOT_FOUND, catalogue_account_owner(c, a.id, &owner, &err));
	must(catalogue_account_has_user(c, a.id, first.id, &in, &err));
	assert_false(in);
	must(catalogue_account_add_user(c, a.id, first.id, &err));
	new_user(c, "second@example.com", a.id);
	must(catalogue_account_add_user(c, a.id, first.id, &err));
	must(catalogue_account_has_user(c, a.id, first.id, &in, &err));
	assert_true(in);
	must(catalogue_account_owner(c, a.id, &owner, &err));
	assert_string_equal(owner.id, first.id);
	must(catalogue_user_list(c, a.id, &members, &n, &err));
	assert_int_equal(n, 2);
	assert_string_equal(members[0].id, first.id);
	free(members);
	must_fail(DR_NOT_FOUND, catalogue_account_add_user(c, "acc-nobody", first.id, &err));
	must_fail(DR_NOT_FOUND, catalogue_account_add_user(c, a.id, "usr-nobody", &err));
}

static void a_users_accounts_begin_with_the_default(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account home = {0};
	struct account *list = NULL;
	struct user u;
	size_t n = 0;

	/* whatever ids fall: the default is not always the least */
	for (int i = 0; i < 3; i++)
		home = new_account(c, "x");
	u = new_user(c, "u@example.com", home.id);
	must(catalogue_account_list(c, &list, &n, &err));
	for (size_t i = 0; i < n; i++)
		must(catalogue_account_add_user(c, list[i].id, u.id, &err));
	free(list);
	must(catalogue_account_list_for_user(c, u.id, &list, &n, &err));
	assert_int_equal(n, 3);
	assert_string_equal(list[0].id, home.id);
	assert_true(strcmp(list[1].id, list[2].id) < 0);
	free(list);
}

/* ---- clients and tokens ---- */

static void a_client_comes_back_and_changes(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	struct api_client cl = {.name = "ci", .description = "robots", .storage_only = true};
	uint8_t hash[SECRET_HASH_BYTES] = {1, 2, 3};
	uint8_t got[SECRET_HASH_BYTES];
	struct api_client *list = NULL;
	struct api_client back;
	size_t n = 0;

	must_fail(DR_NOT_FOUND, catalogue_client_create(c, &cl, hash, &err));
	memcpy(cl.account, a.id, sizeof(cl.account));
	must(catalogue_client_create(c, &cl, hash, &err));
	must(catalogue_client_get(c, cl.id, &back, got, &err));
	assert_memory_equal(hash, got, sizeof(hash));
	assert_true(back.storage_only);
	assert_int_equal(back.revoked_at, 0);
	back.storage_only = false;
	back.revoked_at = 77;
	dr_copy(back.name, sizeof(back.name), "cd");
	must(catalogue_client_update(c, &back, &err));
	hash[0] = 9;
	must(catalogue_client_set_secret(c, cl.id, hash, &err));
	must(catalogue_client_get(c, cl.id, &back, got, &err));
	assert_int_equal(got[0], 9);
	assert_false(back.storage_only);
	assert_int_equal(back.revoked_at, 77);
	must(catalogue_client_list(c, a.id, &list, &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].name, "cd");
	free(list);
	must_fail(DR_NOT_FOUND, catalogue_client_set_secret(c, "cli-nobody", hash, &err));
}

static void the_well_known_applications_are_there(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	const struct {
		const char *id, *secret;
	} known[] = {{"app-12345", "mocbuipbiaa6k6c"}, {"app-dkmch", "uogoelzgt0nwawb"}};
	uint8_t hash[SECRET_HASH_BYTES];
	struct api_client app;
	struct digest d;

	for (size_t i = 0; i < 2; i++) {
		must(catalogue_client_get(c, known[i].id, &app, hash, &err));
		digest_of(known[i].secret, strlen(known[i].secret), &d);
		assert_memory_equal(hash, d.b, sizeof(hash));
		assert_string_equal(app.account, "");
	}
}

static struct digest hash_of(const char *secret)
{
	struct digest d;

	digest_of(secret, strlen(secret), &d);
	return d;
}

static void a_token_is_found_by_its_hash_until_pruned(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct user u = new_user(c, "u@example.com", NULL);
	const struct digest t = hash_of("token");
	const struct digest other = hash_of("other");
	struct token token = {.client = "app-12345", .scope_orbit = true, .expires_at = 1000000};
	struct token back;

	memcpy(token.user, u.id, sizeof(token.user));
	must(catalogue_token_create(c, &t, NULL, &token, &err));
	must(catalogue_token_get(c, &t, &back, &err));
	assert_string_equal(back.user, u.id);
	assert_string_equal(back.client, "app-12345");
	assert_string_equal(back.account, "");
	assert_true(back.scope_orbit);
	assert_false(back.scope_infrastructure);
	assert_int_equal(back.expires_at, 1000000);
	must_fail(DR_NOT_FOUND, catalogue_token_get(c, &other, &back, &err));
	/* its bearer shall hear that it has expired, for a day */
	must(catalogue_token_prune(c, 1000000 + 86400, &err));
	must(catalogue_token_get(c, &t, &back, &err));
	must(catalogue_token_prune(c, 1000000 + 86401, &err));
	must_fail(DR_NOT_FOUND, catalogue_token_get(c, &t, &back, &err));
}

static void a_refresh_token_works_once_and_not_after_its_time(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct user u = new_user(c, "u@example.com", NULL);
	const struct digest a = hash_of("a");
	const struct digest b = hash_of("b");
	const struct digest fresh = hash_of("fresh");
	const struct digest stale = hash_of("stale");
	struct token token = {.client = "app-12345", .scope_infrastructure = true};
	struct token back;

	memcpy(token.user, u.id, sizeof(token.user));
	token.refresh_expires_at = dr_wall() + 100;
	must(catalogue_token_create(c, &a, &fresh, &token, &err));
	token.refresh_expires_at = dr_wall() - 1;
	must(catalogue_token_create(c, &b, &stale, &token, &err));
	must(catalogue_token_use_refresh(c, &fresh, &back, &err));
	assert_string_equal(back.user, u.id);
	assert_true(back.scope_infrastructure);
	assert_true(back.refresh_expires_at > 0);
	must_fail(DR_NOT_FOUND, catalogue_token_use_refresh(c, &fresh, &back, &err));
	must_fail(DR_NOT_FOUND, catalogue_token_use_refresh(c, &stale, &back, &err));
	/* the access token given with it lives on */
	must(catalogue_token_get(c, &a, &back, &err));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ids_are_a_prefix_and_five_base36_digits),
		CASE(an_id_that_is_taken_is_drawn_again),
		CASE(when_no_id_is_free_nothing_is_made),
		CASE(an_account_comes_back_as_it_was_made),
		CASE(a_login_finds_the_user_by_address_in_any_case_or_by_id),
		CASE(an_address_belongs_to_one_user),
		CASE(a_user_of_an_unknown_account_is_not_made),
		CASE(the_first_user_of_an_account_is_its_owner),
		CASE(a_users_accounts_begin_with_the_default),
		CASE(a_client_comes_back_and_changes),
		CASE(the_well_known_applications_are_there),
		CASE(a_token_is_found_by_its_hash_until_pruned),
		CASE(a_refresh_token_works_once_and_not_after_its_time),
	};

	return cmocka_run_group_tests_name("catalogue-accounts", tests, NULL, NULL);
}
