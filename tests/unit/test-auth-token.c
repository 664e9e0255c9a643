/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/auth.h"
#include "catalogue-fixture.h"
#include "util/str.h"

#include "util/banned.h"

#define APP "app-12345"
#define APP_SECRET "mocbuipbiaa6k6c"
#define PASSWORD "open sesame"

struct people {
	struct fixture f;
	struct account home;
	struct account other;
	struct user ada;
	struct api_client robot;
	char secret[SECRET_TEXT];
};

static struct api_client new_client(struct catalogue *c, const char *account, bool storage_only,
				    char secret[static SECRET_TEXT])
{
	struct api_client cl = {.name = "robot", .storage_only = storage_only};
	uint8_t hash[SECRET_HASH_BYTES];

	dr_copy(cl.account, sizeof(cl.account), account);
	auth_new_secret(secret);
	auth_secret_hash(secret, hash);
	must(catalogue_client_create(c, &cl, hash, &err));
	return cl;
}

static int set_up(void **state)
{
	static struct people p;
	char hash[160];

	memset(&p, 0, sizeof(p));
	must(auth_init(&err));
	fixture_open(&p.f);
	p.home = new_account(p.f.c, "home");
	p.other = new_account(p.f.c, "other");
	must(auth_password_hash(PASSWORD, hash, &err));
	dr_copy(p.ada.email, sizeof(p.ada.email), "ada@example.com");
	must(catalogue_user_create(p.f.c, &p.ada, hash, p.home.id, &err));
	p.robot = new_client(p.f.c, p.home.id, false, p.secret);
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	fixture_done(&((struct people *)*state)->f);
	return 0;
}

static struct token_request by_client(const struct people *p)
{
	return (struct token_request){.grant = GRANT_CLIENT_CREDENTIALS,
				      .client_id = p->robot.id,
				      .client_secret = p->secret};
}

static struct token_request by_password(void)
{
	return (struct token_request){.grant = GRANT_PASSWORD,
				      .client_id = APP,
				      .client_secret = APP_SECRET,
				      .username = "ada@example.com",
				      .password = PASSWORD};
}

static struct token_request by_refresh(const struct token_grant *g)
{
	return (struct token_request){.grant = GRANT_REFRESH,
				      .client_id = APP,
				      .client_secret = APP_SECRET,
				      .refresh_token = g->refresh_token};
}

/* ---- POST /token ---- */

static void a_client_gets_a_token_of_its_account(void **state)
{
	struct people *p = (struct people *)*state;
	const struct token_request rq = by_client(p);
	struct token_grant g;
	struct principal who;

	must(auth_token(p->f.c, &rq, &g, &err));
	assert_int_equal(strlen(g.access_token), 40);
	assert_string_equal(g.refresh_token, "");
	assert_true(g.scope_infrastructure && g.scope_orbit);
	assert_in_range(g.expires_in, TOKEN_SECONDS - 2, TOKEN_SECONDS);
	must(auth_bearer(p->f.c, g.access_token, NULL, &who, &err));
	assert_int_equal(who.kind, PRINCIPAL_CLIENT);
	assert_string_equal(who.client, p->robot.id);
	assert_string_equal(who.account, p->home.id);
	assert_string_equal(who.user, "");
	assert_false(who.storage_only);
}

static void earlier_tokens_stay_valid(void **state)
{
	struct people *p = (struct people *)*state;
	const struct token_request rq = by_client(p);
	struct token_grant first, second;
	struct principal who;

	must(auth_token(p->f.c, &rq, &first, &err));
	must(auth_token(p->f.c, &rq, &second, &err));
	assert_string_not_equal(first.access_token, second.access_token);
	must(auth_bearer(p->f.c, first.access_token, NULL, &who, &err));
	must(auth_bearer(p->f.c, second.access_token, NULL, &who, &err));
}

static void a_user_gets_a_pair_of_tokens(void **state)
{
	struct people *p = (struct people *)*state;
	struct token_request rq = by_password();
	struct token_grant g;
	struct principal who;

	must(auth_token(p->f.c, &rq, &g, &err));
	assert_int_equal(strlen(g.refresh_token), 40);
	must(auth_bearer(p->f.c, g.access_token, NULL, &who, &err));
	assert_int_equal(who.kind, PRINCIPAL_USER);
	assert_string_equal(who.user, p->ada.id);
	assert_string_equal(who.account, p->home.id);
	assert_string_equal(who.client, "");
	rq.username = p->ada.id;
	rq.client_id = "app-dkmch";
	rq.client_secret = "uogoelzgt0nwawb";
	must(auth_token(p->f.c, &rq, &g, &err));
}

static void a_refresh_token_is_used_once_and_gives_a_new_pair(void **state)
{
	struct people *p = (struct people *)*state;
	const struct token_request rq = by_password();
	struct token_grant first, second, third;
	struct token_request refresh;
	struct principal who;

	must(auth_token(p->f.c, &rq, &first, &err));
	refresh = by_refresh(&first);
	must(auth_token(p->f.c, &refresh, &second, &err));
	assert_string_not_equal(first.refresh_token, second.refresh_token);
	must(auth_bearer(p->f.c, second.access_token, NULL, &who, &err));
	assert_string_equal(who.user, p->ada.id);
	must(auth_bearer(p->f.c, first.access_token, NULL, &who, &err));
	must_refuse(DR_INVALID, "invalid_grant", auth_token(p->f.c, &refresh, &third, &err));
	refresh = by_refresh(&second);
	must(auth_token(p->f.c, &refresh, &third, &err));
	/* an access token is no refresh token, nor the other way round */
	refresh.refresh_token = third.access_token;
	must_refuse(DR_INVALID, "invalid_grant", auth_token(p->f.c, &refresh, &second, &err));
	must_refuse(DR_UNAUTHENTICATED, "invalid_token",
		    auth_bearer(p->f.c, third.refresh_token, NULL, &who, &err));
}

static void another_clients_refresh_token_is_worth_nothing(void **state)
{
	struct people *p = (struct people *)*state;
	const struct token_request rq = by_password();
	struct token_request refresh;
	struct token_grant g, out;

	must(auth_token(p->f.c, &rq, &g, &err));
	refresh = by_refresh(&g);
	refresh.client_id = "app-dkmch";
	refresh.client_secret = "uogoelzgt0nwawb";
	must_refuse(DR_INVALID, "invalid_grant", auth_token(p->f.c, &refresh, &out, &err));
	/* and from then on to nobody: it has leaked */
	refresh = by_refresh(&g);
	must_refuse(DR_INVALID, "invalid_grant", auth_token(p->f.c, &refresh, &out, &err));
}

static void scopes_are_as_asked_and_never_grow(void **state)
{
	struct people *p = (struct people *)*state;
	struct token_request rq = by_password();
	struct token_request refresh;
	struct principal who;
	struct token_grant g;
	const struct {
		const char *text;
		bool infrastructure, orbit;
	} good[] = {
		{NULL, true, true},
		{"", true, true},
		{"orbit", false, true},
		{"infrastructure", true, false},
		{"infrastructure, orbit", true, true},
		{"orbit infrastructure", true, true},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		rq = by_client(p);
		rq.scope = good[i].text;
		must(auth_token(p->f.c, &rq, &g, &err));
		assert_int_equal(g.scope_infrastructure, good[i].infrastructure);
		must(auth_bearer(p->f.c, g.access_token, NULL, &who, &err));
		assert_int_equal(who.scope_infrastructure, good[i].infrastructure);
		assert_int_equal(who.scope_orbit, good[i].orbit);
	}
	rq.scope = "orbit everything";
	must_refuse(DR_INVALID, "invalid_scope", auth_token(p->f.c, &rq, &g, &err));
	rq = by_password();
	rq.scope = "orbit";
	must(auth_token(p->f.c, &rq, &g, &err));
	refresh = by_refresh(&g);
	must(auth_token(p->f.c, &refresh, &g, &err));
	assert_false(g.scope_infrastructure);
	refresh = by_refresh(&g);
	refresh.scope = "infrastructure";
	must_refuse(DR_INVALID, "invalid_scope", auth_token(p->f.c, &refresh, &g, &err));
}

static void bad_credentials_are_told_apart_by_nothing(void **state)
{
	struct people *p = (struct people *)*state;
	struct dr_err first = DR_ERR_INIT;
	struct token_request bad[7];
	struct token_grant g;

	for (size_t i = 0; i < 4; i++)
		bad[i] = by_client(p);
	bad[0].client_id = "cli-zzzzz";
	bad[1].client_secret = "aaaaaaaaaaaaaaa";
	bad[2].client_id = NULL;
	bad[3].client_secret = NULL;
	for (size_t i = 4; i < 7; i++)
		bad[i] = by_password();
	bad[4].username = "nobody@example.com";
	bad[5].password = "wrong";
	bad[6].username = "";
	assert_int_equal(auth_token(p->f.c, &bad[0], &g, &first), -1);
	assert_int_equal(first.code, DR_UNAUTHENTICATED);
	assert_string_equal(first.reason, "invalid_client");
	for (size_t i = 1; i < 7; i++) {
		struct dr_err e = DR_ERR_INIT;

		assert_int_equal(auth_token(p->f.c, &bad[i], &g, &e), -1);
		assert_memory_equal(&e, &first, sizeof(e));
	}
}

static void a_grant_for_the_other_kind_of_client_is_refused(void **state)
{
	struct people *p = (struct people *)*state;
	struct token_request rq = by_client(p);
	struct token_grant g;

	rq.client_id = APP;
	rq.client_secret = APP_SECRET;
	must_refuse(DR_INVALID, "unauthorized_client", auth_token(p->f.c, &rq, &g, &err));
	rq = by_password();
	rq.client_id = p->robot.id;
	rq.client_secret = p->secret;
	must_refuse(DR_INVALID, "unauthorized_client", auth_token(p->f.c, &rq, &g, &err));
	/* what a known CLI sends for an API client after a hard 401 (api.md section 6.2) */
	rq.username = "";
	must_refuse(DR_UNAUTHENTICATED, "invalid_client", auth_token(p->f.c, &rq, &g, &err));
	rq.username = NULL;
	must_refuse(DR_INVALID, "invalid_request", auth_token(p->f.c, &rq, &g, &err));
	rq = by_password();
	rq.grant = GRANT_REFRESH;
	must_refuse(DR_INVALID, "invalid_request", auth_token(p->f.c, &rq, &g, &err));
}

static void a_revoked_client_gets_no_token_but_keeps_what_it_has(void **state)
{
	struct people *p = (struct people *)*state;
	const struct token_request rq = by_client(p);
	struct principal who;
	struct token_grant g, out;

	must(auth_token(p->f.c, &rq, &g, &err));
	p->robot.revoked_at = 1;
	must(catalogue_client_update(p->f.c, &p->robot, &err));
	must_refuse(DR_UNAUTHENTICATED, "invalid_client", auth_token(p->f.c, &rq, &out, &err));
	must(auth_bearer(p->f.c, g.access_token, NULL, &who, &err));
}

/* ---- bearers ---- */

static void a_token_that_is_none_or_over_says_which(void **state)
{
	struct people *p = (struct people *)*state;
	const char *const none[] = {NULL, "", "0000000000000000000000000000000000000000", "x"};
	struct token t = {.expires_at = 1000, .scope_orbit = true};
	struct principal who;
	struct digest hash;

	for (size_t i = 0; i < 4; i++)
		must_refuse(DR_UNAUTHENTICATED, "invalid_token",
			    auth_bearer(p->f.c, none[i], NULL, &who, &err));
	memcpy(t.client, p->robot.id, sizeof(t.client));
	memcpy(t.account, p->home.id, sizeof(t.account));
	digest_of("over", 4, &hash);
	must(catalogue_token_create(p->f.c, &hash, NULL, &t, &err));
	must_refuse(DR_UNAUTHENTICATED, "expired_token",
		    auth_bearer(p->f.c, "over", NULL, &who, &err));
}

static void an_account_that_is_not_ones_own_is_as_unknown_as_none(void **state)
{
	struct people *p = (struct people *)*state;
	struct token_request rq[2] = {by_client(p), by_password()};

	for (size_t i = 0; i < 2; i++) {
		struct dr_err foreign = DR_ERR_INIT;
		struct dr_err missing = DR_ERR_INIT;
		struct principal who;
		struct token_grant g;

		must(auth_token(p->f.c, &rq[i], &g, &err));
		must(auth_bearer(p->f.c, g.access_token, p->home.id, &who, &err));
		must(auth_bearer(p->f.c, g.access_token, "", &who, &err));
		assert_string_equal(who.account, p->home.id);
		assert_int_equal(auth_bearer(p->f.c, g.access_token, p->other.id, &who, &foreign),
				 -1);
		assert_int_equal(auth_bearer(p->f.c, g.access_token, "acc-zzzzz", &who, &missing),
				 -1);
		assert_memory_equal(&foreign, &missing, sizeof(foreign));
		assert_int_equal(foreign.code, DR_NOT_FOUND);
		assert_string_equal(foreign.msg, RESOURCE_NOT_FOUND);
	}
}

static void a_collaborator_chooses_the_account(void **state)
{
	struct people *p = (struct people *)*state;
	const struct token_request rq = by_password();
	struct principal who;
	struct token_grant g;

	must(catalogue_account_add_user(p->f.c, p->other.id, p->ada.id, &err));
	must(auth_token(p->f.c, &rq, &g, &err));
	must(auth_bearer(p->f.c, g.access_token, NULL, &who, &err));
	assert_string_equal(who.account, p->home.id);
	must(auth_bearer(p->f.c, g.access_token, p->other.id, &who, &err));
	assert_string_equal(who.account, p->other.id);
}

static void a_clients_group_counts_at_once(void **state)
{
	struct people *p = (struct people *)*state;
	const struct token_request rq = by_client(p);
	struct principal who;
	struct token_grant g;

	must(auth_token(p->f.c, &rq, &g, &err));
	p->robot.storage_only = true;
	must(catalogue_client_update(p->f.c, &p->robot, &err));
	must(auth_bearer(p->f.c, g.access_token, NULL, &who, &err));
	assert_true(who.storage_only);
}

/* ---- Swift v1 ---- */

static void v1_takes_clients_users_and_tokens(void **state)
{
	struct people *p = (struct people *)*state;
	const struct token_request rq = by_password();
	struct principal who, bearer;
	struct token_grant g, tokens;

	must(auth_v1(p->f.c, p->robot.id, p->secret, NULL, &g, &who, &err));
	assert_string_equal(who.account, p->home.id);
	assert_true(g.scope_orbit && !g.scope_infrastructure);
	assert_string_equal(g.refresh_token, "");
	must(auth_bearer(p->f.c, g.access_token, NULL, &bearer, &err));
	assert_string_equal(bearer.client, p->robot.id);
	assert_false(bearer.scope_infrastructure);
	must(auth_v1(p->f.c, "ADA@example.com", PASSWORD, p->home.id, &g, &who, &err));
	assert_string_equal(who.user, p->ada.id);
	must(auth_token(p->f.c, &rq, &tokens, &err));
	must(auth_v1(p->f.c, "ada@example.com", tokens.access_token, NULL, &g, &who, &err));
	assert_string_equal(who.user, p->ada.id);
	assert_string_not_equal(g.access_token, tokens.access_token);
}

static void v1_tokens_do_not_prolong_tokens(void **state)
{
	struct people *p = (struct people *)*state;
	struct token t = {.scope_orbit = true, .expires_at = dr_wall() + 100};
	static const char text[] = "0123456789012345678901234567890123456789";
	struct principal who;
	struct token_grant g;
	struct digest hash;

	memcpy(t.user, p->ada.id, sizeof(t.user));
	digest_of(text, strlen(text), &hash);
	must(catalogue_token_create(p->f.c, &hash, NULL, &t, &err));
	must(auth_v1(p->f.c, p->ada.id, text, NULL, &g, &who, &err));
	assert_in_range(g.expires_in, 95, 100);
}

static void v1_failures_are_alike(void **state)
{
	struct people *p = (struct people *)*state;
	struct token_request rq = by_client(p);
	struct dr_err first = DR_ERR_INIT;
	struct principal who;
	struct token_grant g, no_orbit, robots;
	const char *bad[8][3] = {
		{"cli-zzzzz", "aaaaaaaaaaaaaaa", NULL},
		{p->robot.id, "aaaaaaaaaaaaaaa", NULL},
		{p->robot.id, p->secret, p->other.id},
		{"nobody@example.com", PASSWORD, NULL},
		{"ada@example.com", "wrong", NULL},
		{"ada@example.com", robots.access_token, NULL}, /* somebody else's token */
		{p->robot.id, no_orbit.access_token, NULL},
		{p->robot.id, NULL, NULL},
	};

	must(auth_token(p->f.c, &rq, &robots, &err));
	rq.scope = "infrastructure";
	must(auth_token(p->f.c, &rq, &no_orbit, &err));
	must_fail(DR_INVALID, auth_v1(p->f.c, "", "x", NULL, &g, &who, &err));
	must_fail(DR_INVALID, auth_v1(p->f.c, NULL, "x", NULL, &g, &who, &err));
	for (size_t i = 0; i < 8; i++) {
		struct dr_err e = DR_ERR_INIT;

		assert_int_equal(auth_v1(p->f.c, bad[i][0], bad[i][1], bad[i][2], &g, &who, &e),
				 -1);
		assert_int_equal(e.code, DR_UNAUTHENTICATED);
		if (i == 0)
			first = e;
		assert_memory_equal(&e, &first, sizeof(e));
	}
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_client_gets_a_token_of_its_account),
		CASE(earlier_tokens_stay_valid),
		CASE(a_user_gets_a_pair_of_tokens),
		CASE(a_refresh_token_is_used_once_and_gives_a_new_pair),
		CASE(another_clients_refresh_token_is_worth_nothing),
		CASE(scopes_are_as_asked_and_never_grow),
		CASE(bad_credentials_are_told_apart_by_nothing),
		CASE(a_grant_for_the_other_kind_of_client_is_refused),
		CASE(a_revoked_client_gets_no_token_but_keeps_what_it_has),
		CASE(a_token_that_is_none_or_over_says_which),
		CASE(an_account_that_is_not_ones_own_is_as_unknown_as_none),
		CASE(a_collaborator_chooses_the_account),
		CASE(a_clients_group_counts_at_once),
		CASE(v1_takes_clients_users_and_tokens),
		CASE(v1_tokens_do_not_prolong_tokens),
		CASE(v1_failures_are_alike),
	};

	return cmocka_run_group_tests_name("auth-token", tests, NULL, NULL);
}
