/* SPDX-License-Identifier: Apache-2.0 */
#include "library-fixture.h"
#include "util/str.h"

#include "util/banned.h"

static int set_up(void **state)
{
	static struct tenants t;

	tenants_open(&t);
	*state = &t;
	return 0;
}

static int tear_down(void **state)
{
	tenants_done((struct tenants *)*state);
	return 0;
}

/* ---- nobody's business ---- */

static void strangers_and_storage_clients_get_no_further_than_the_door(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct principal orbit = t->user_a;
	const struct {
		const struct principal *p;
		enum dr_code code;
	} cases[] = {{&t->anonymous, DR_UNAUTHENTICATED},
		     {&t->storage_a, DR_DENIED},
		     {&orbit, DR_DENIED}};

	orbit.scope_infrastructure = false;
	for (size_t i = 0; i < 3; i++) {
		const struct principal *p = cases[i].p;
		enum dr_code code = cases[i].code;
		struct problems pr = {0};
		char secret[SECRET_TEXT];
		struct api_client cl, *clients = NULL;
		struct account acc, *accounts = NULL;
		struct user u, *users = NULL;
		size_t n;

		must_fail(code, library_account_list(&t->l, p, &accounts, &n, &err));
		must_fail(code, library_account_show(&t->l, p, t->a.id, &acc, &err));
		must_fail(code, library_account_update(&t->l, p, NULL, "x", &acc, &err));
		must_fail(code, library_user_list(&t->l, p, &users, &n, &err));
		must_fail(code, library_user_show(&t->l, p, NULL, &u, &err));
		must_fail(code,
			  library_user_update(&t->l, p, NULL, "x", NULL, NULL, &u, &pr, &err));
		must_fail(code, library_client_list(&t->l, p, &clients, &n, &err));
		must_fail(code, library_client_show(&t->l, p, t->client_a.client, &cl, &err));
		must_fail(code, library_client_create(&t->l, p, "x", "x", "full", &cl, secret, &pr,
						      &err));
		must_fail(code, library_client_update(&t->l, p, t->client_a.client, "x", NULL, NULL,
						      &cl, &pr, &err));
		must_fail(code, library_client_delete(&t->l, p, t->client_a.client, &cl, &err));
		must_fail(code, library_client_reset_secret(&t->l, p, t->client_a.client, &cl,
							    secret, &err));
	}
}

/* ---- accounts ---- */

static void a_client_has_its_account_and_a_user_all_of_theirs(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct account *list = NULL;
	struct account acc;
	size_t n = 0;

	must(library_account_list(&t->l, &t->client_a, &list, &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].id, t->a.id);
	free(list);
	must(catalogue_account_add_user(t->f.c, t->b.id, t->user_a.user, &err));
	must(library_account_list(&t->l, &t->user_a, &list, &n, &err));
	assert_int_equal(n, 2);
	assert_string_equal(list[0].id, t->a.id);
	free(list);
	must(library_account_list(&t->l, &t->operator_, &list, &n, &err));
	assert_int_equal(n, 2);
	free(list);
	must(library_account_show(&t->l, &t->user_a, NULL, &acc, &err));
	assert_string_equal(acc.id, t->a.id);
	must(library_account_show(&t->l, &t->user_a, t->b.id, &acc, &err));
	must(library_account_update(&t->l, &t->client_a, NULL, "renamed", &acc, &err));
	assert_string_equal(acc.name, "renamed");
	must_fail(DR_INVALID, library_account_update(&t->l, &t->client_a, NULL, "", &acc, &err));
	must_fail(DR_INVALID, library_account_update(&t->l, &t->client_a, NULL, "\n", &acc, &err));
}

static void another_account_is_as_absent_as_none(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct principal *const askers[] = {&t->user_b, &t->client_b};
	struct account acc;

	for (size_t i = 0; i < 2; i++) {
		struct dr_err e[4] = {DR_ERR_INIT};

		assert_int_equal(library_account_show(&t->l, askers[i], t->a.id, &acc, &e[0]), -1);
		assert_int_equal(library_account_show(&t->l, askers[i], "acc-zzzzz", &acc, &e[1]),
				 -1);
		assert_int_equal(
			library_account_update(&t->l, askers[i], t->a.id, "x", &acc, &e[2]), -1);
		assert_int_equal(
			library_account_update(&t->l, askers[i], "acc-zzzzz", "x", &acc, &e[3]),
			-1);
		assert_int_equal(e[0].code, DR_NOT_FOUND);
		for (size_t k = 1; k < 4; k++)
			assert_memory_equal(&e[k], &e[0], sizeof(e[0]));
	}
	must(catalogue_account_get(t->f.c, t->a.id, &acc, &err));
	assert_string_equal(acc.name, "a");
}

static void an_orbit_token_may_know_its_accounts_name(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct principal orbit = t->user_a;
	struct account acc;

	orbit.scope_infrastructure = false;
	must(library_account_show(&t->l, &orbit, NULL, &acc, &err));
	assert_string_equal(acc.name, "a");
}

/* ---- users ---- */

static void users_see_themselves_and_clients_their_accounts_users(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct dr_err hidden = DR_ERR_INIT;
	struct dr_err missing = DR_ERR_INIT;
	struct user *list = NULL;
	struct user u;
	size_t n = 0;

	must(library_user_list(&t->l, &t->user_a, &list, &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(list[0].id, t->user_a.user);
	free(list);
	must(library_user_list(&t->l, &t->client_a, &list, &n, &err));
	assert_int_equal(n, 1);
	free(list);
	must(library_user_show(&t->l, &t->user_a, NULL, &u, &err));
	must(library_user_show(&t->l, &t->client_a, t->user_a.user, &u, &err));
	assert_string_equal(u.email, "a@example.com");
	must_fail(DR_NOT_FOUND, library_user_show(&t->l, &t->client_a, NULL, &u, &err));
	assert_int_equal(library_user_show(&t->l, &t->user_b, t->user_a.user, &u, &hidden), -1);
	assert_int_equal(library_user_show(&t->l, &t->user_b, "usr-zzzzz", &u, &missing), -1);
	assert_memory_equal(&hidden, &missing, sizeof(hidden));
	must_fail(DR_NOT_FOUND, library_user_show(&t->l, &t->client_b, t->user_a.user, &u, &err));
}

static void users_change_themselves(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct problems pr = {0};
	struct user u;

	must(library_user_update(&t->l, &t->user_a, t->user_a.user, "Ada", NULL, "ssh-rsa A\n", &u,
				 &pr, &err));
	must(library_user_show(&t->l, &t->user_a, NULL, &u, &err));
	assert_string_equal(u.name, "Ada");
	assert_string_equal(u.email, "a@example.com");
	assert_string_equal(u.ssh_key, "ssh-rsa A\n");
	must_fail(DR_DENIED, library_user_update(&t->l, &t->client_a, t->user_a.user, "x", NULL,
						 NULL, &u, &pr, &err));
	must_fail(DR_NOT_FOUND, library_user_update(&t->l, &t->user_b, t->user_a.user, "x", NULL,
						    NULL, &u, &pr, &err));
	assert_int_equal(pr.count, 0);
	must_fail(DR_INVALID, library_user_update(&t->l, &t->user_a, NULL, "\a", "nonsense", "\x01",
						  &u, &pr, &err));
	assert_int_equal(pr.count, 3);
	pr.count = 0;
	must_fail(DR_INVALID, library_user_update(&t->l, &t->user_a, NULL, NULL, "B@example.com",
						  NULL, &u, &pr, &err));
	assert_int_equal(pr.count, 1);
	assert_string_equal(pr.text[0], "email_address is taken");
}

static void addresses_have_one_at_sign_and_no_blanks(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	static const char *const bad[] = {"", "a", "@", "a@", "@b", "a@b@c", "a b@c", "a\n@b"};
	struct user u;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct problems pr = {0};

		must_fail(DR_INVALID, library_user_update(&t->l, &t->user_a, NULL, NULL, bad[i],
							  NULL, &u, &pr, &err));
	}
}

/* ---- clients ---- */

static void a_new_client_can_log_in_with_the_secret_told_once(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct token_request rq = {.grant = GRANT_CLIENT_CREDENTIALS};
	char secret[SECRET_TEXT], renewed[SECRET_TEXT];
	struct problems pr = {0};
	struct api_client cl, back;
	struct token_grant g;

	must(auth_init(&err));
	must(library_client_create(&t->l, &t->user_a, "ci", "robot", "storage", &cl, secret, &pr,
				   &err));
	assert_true(cl.storage_only);
	assert_string_equal(cl.account, t->a.id);
	must(library_client_show(&t->l, &t->client_a, cl.id, &back, &err));
	assert_string_equal(back.name, "ci");
	rq.client_id = cl.id;
	rq.client_secret = secret;
	must(auth_token(t->f.c, &rq, &g, &err));
	must(library_client_reset_secret(&t->l, &t->user_a, cl.id, &back, renewed, &err));
	assert_string_not_equal(secret, renewed);
	must_fail(DR_UNAUTHENTICATED, auth_token(t->f.c, &rq, &g, &err));
	rq.client_secret = renewed;
	must(auth_token(t->f.c, &rq, &g, &err));
}

static void a_client_is_changed_and_revoked_once(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const char *id = t->storage_a.client;
	char secret[SECRET_TEXT];
	struct problems pr = {0};
	struct api_client cl, *list = NULL;
	size_t n = 0;

	must(library_client_update(&t->l, &t->user_a, id, "new", NULL, "full", &cl, &pr, &err));
	assert_false(cl.storage_only);
	must(library_client_update(&t->l, &t->user_a, id, NULL, "why", NULL, &cl, &pr, &err));
	assert_string_equal(cl.name, "new");
	assert_string_equal(cl.description, "why");
	must_fail(DR_INVALID, library_client_update(&t->l, &t->user_a, id, "\n", "\x01", "root",
						    &cl, &pr, &err));
	assert_int_equal(pr.count, 3);
	must(library_client_list(&t->l, &t->user_a, &list, &n, &err));
	assert_int_equal(n, 2);
	free(list);
	must(library_client_delete(&t->l, &t->user_a, id, &cl, &err));
	assert_true(cl.revoked_at > 0);
	must(library_client_show(&t->l, &t->user_a, id, &cl, &err));
	must(library_client_list(&t->l, &t->user_a, &list, &n, &err));
	assert_int_equal(n, 1);
	free(list);
	pr.count = 0;
	must_fail(DR_CONFLICT, library_client_delete(&t->l, &t->user_a, id, &cl, &err));
	must_fail(DR_CONFLICT,
		  library_client_update(&t->l, &t->user_a, id, "x", NULL, NULL, &cl, &pr, &err));
	must_fail(DR_CONFLICT,
		  library_client_reset_secret(&t->l, &t->user_a, id, &cl, secret, &err));
}

static void other_accounts_clients_and_applications_are_as_absent_as_none(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const char *const ids[] = {"cli-zzzzz", t->client_a.client, "app-12345", ""};
	struct dr_err first = DR_ERR_INIT;
	char secret[SECRET_TEXT];
	struct problems pr = {0};
	struct api_client cl;

	for (size_t i = 0; i < 4; i++) {
		struct dr_err e[4] = {DR_ERR_INIT};

		assert_int_equal(library_client_show(&t->l, &t->user_b, ids[i], &cl, &e[0]), -1);
		assert_int_equal(library_client_delete(&t->l, &t->user_b, ids[i], &cl, &e[1]), -1);
		assert_int_equal(
			library_client_reset_secret(&t->l, &t->user_b, ids[i], &cl, secret, &e[2]),
			-1);
		assert_int_equal(library_client_update(&t->l, &t->user_b, ids[i], "x", NULL, NULL,
						       &cl, &pr, &e[3]),
				 -1);
		if (i == 0)
			first = e[0];
		assert_int_equal(first.code, DR_NOT_FOUND);
		for (size_t k = 0; k < 4; k++)
			assert_memory_equal(&e[k], &first, sizeof(first));
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(strangers_and_storage_clients_get_no_further_than_the_door),
		CASE(a_client_has_its_account_and_a_user_all_of_theirs),
		CASE(another_account_is_as_absent_as_none),
		CASE(an_orbit_token_may_know_its_accounts_name),
		CASE(users_see_themselves_and_clients_their_accounts_users),
		CASE(users_change_themselves),
		CASE(addresses_have_one_at_sign_and_no_blanks),
		CASE(a_new_client_can_log_in_with_the_secret_told_once),
		CASE(a_client_is_changed_and_revoked_once),
		CASE(other_accounts_clients_and_applications_are_as_absent_as_none),
	};

	return cmocka_run_group_tests_name("library-account", tests, NULL, NULL);
}
