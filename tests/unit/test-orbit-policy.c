/* SPDX-License-Identifier: Apache-2.0
 *
 * The matrix of hardening.md section 3.3, walked: everybody who may come, everything they may find,
 * every verb; as a table, and as the verbs' own answers. */
#include <string.h>

#include "orbit-tenants.h"
#include "orbit/policy.h"

/* ---- the table, said a second time in words ---- */

static bool grants_write(enum orbit_state s)
{
	return s == STATE_WRITE || s == STATE_READ_WRITE || s == STATE_LIST_WRITE;
}

static bool grants_list(enum orbit_state s)
{
	return s == STATE_LIST || s == STATE_LIST_WRITE;
}

static bool grants_read(enum orbit_state s)
{
	return grants_list(s) || s == STATE_READ || s == STATE_READ_WRITE;
}

static bool changes_container(enum orbit_verb v)
{
	return v == VERB_CONTAINER_PUT || v == VERB_CONTAINER_POST || v == VERB_CONTAINER_DELETE;
}

static bool changes_object(enum orbit_verb v)
{
	return v == VERB_OBJECT_PUT || v == VERB_OBJECT_POST || v == VERB_OBJECT_DELETE;
}

static bool concerns_account(enum orbit_verb v)
{
	return v == VERB_ACCOUNT_SHOW || v == VERB_ACCOUNT_POST || v == VERB_ACCOUNT_LIST;
}

static enum orbit_verdict owner_gets(enum orbit_verb v, enum orbit_state s)
{
	if (concerns_account(v))
		return ORBIT_ALLOW;
	if (s == STATE_ABSENT)
		return v == VERB_CONTAINER_PUT ? ORBIT_ALLOW : ORBIT_HIDE;
	if (s != STATE_IMAGES)
		return ORBIT_ALLOW;
	if (v == VERB_OBJECT_SELECT)
		return ORBIT_HIDE;
	return changes_container(v) || changes_object(v) ? ORBIT_READ_ONLY : ORBIT_ALLOW;
}

static enum orbit_verdict holder_gets(enum orbit_verb v, enum orbit_state s)
{
	if (!changes_object(v) && v != VERB_OBJECT_READ && v != VERB_OBJECT_SELECT)
		return ORBIT_LOGIN;
	if (s == STATE_ABSENT || (s == STATE_IMAGES && v == VERB_OBJECT_SELECT))
		return ORBIT_HIDE;
	return s == STATE_IMAGES && changes_object(v) ? ORBIT_LOGIN : ORBIT_ALLOW;
}

/* acl_gives: what an ACL can give to somebody logged in. */
static bool acl_gives(enum orbit_verb v, enum orbit_state s)
{
	if (v == VERB_CONTAINER_SHOW)
		return grants_read(s) || grants_write(s);
	if (v == VERB_CONTAINER_LIST || v == VERB_OBJECT_SELECT)
		return grants_list(s);
	return v == VERB_OBJECT_READ ? grants_read(s) : changes_object(v) && grants_write(s);
}

static enum orbit_verdict expected(enum orbit_actor a, enum orbit_verb v, enum orbit_state s)
{
	switch (a) {
	case ORBIT_OWNER:
		return owner_gets(v, s);
	case ORBIT_HOLDER:
		return holder_gets(v, s);
	case ORBIT_OPERATOR:
		return ORBIT_DENY;
	case ORBIT_STRANGER:
		return acl_gives(v, s) ? ORBIT_ALLOW : ORBIT_DENY;
	case ORBIT_ANONYMOUS:
		/* nobody writes without a name, and what is only writable is not there for them */
		if (changes_object(v) || !grants_read(s))
			return ORBIT_LOGIN;
		return acl_gives(v, s) ? ORBIT_ALLOW : ORBIT_LOGIN;
	}
	return ORBIT_LOGIN;
}

static void every_cell_of_the_table_is_as_the_matrix_says(void **state)
{
	(void)state;
	for (unsigned a = 0; a < ORBIT_ACTORS; a++)
		for (unsigned v = 0; v < ORBIT_VERBS; v++)
			for (unsigned s = 0; s < ORBIT_STATES; s++)
				if (orbit_verdict(a, v, s) != expected(a, v, s))
					fail_msg("actor %u verb %u state %u: %u", a, v, s,
						 orbit_verdict(a, v, s));
}

/* ---- the verbs themselves ---- */

/* Containers in the states, in their order; "none" is never there. */
static const struct {
	const char *name, *acl;
	enum orbit_state anonymous; /* what it is for somebody without a name */
} boxes[ORBIT_STATES] = {
	[STATE_ABSENT] = {"none", NULL, STATE_ABSENT},
	[STATE_IMAGES] = {"images", NULL, STATE_IMAGES},
	[STATE_CLOSED] = {"closed", "", STATE_CLOSED},
	[STATE_READ] = {"read", "X-Container-Read: .r:*\n", STATE_READ},
	[STATE_LIST] = {"list", "X-Container-Read: .r:*,.rlistings\n", STATE_LIST},
	[STATE_WRITE] = {"write", "X-Container-Write: *:*\n", STATE_CLOSED},
	[STATE_READ_WRITE] = {"readwrite", "X-Container-Read: .r:*\nX-Container-Write: *:*\n",
			      STATE_READ},
	[STATE_LIST_WRITE] = {"listwrite",
			      "X-Container-Read: .r:*,.rlistings\nX-Container-Write: *:*\n",
			      STATE_LIST},
};

static int ignore_line(void *arg, const struct listing_line *line, struct dr_err *err)
{
	(void)arg, (void)line, (void)err;
	return 0;
}

static int do_account(struct orbit_tenants *b, const struct orbit_caller *c, enum orbit_verb v,
		      struct dr_err *err)
{
	const struct listing_query q = {.limit = 10};
	struct orbit_account shown;

	if (v == VERB_ACCOUNT_SHOW)
		return orbit_account_show(&b->o, c, b->t.a.id, &shown, err);
	if (v == VERB_ACCOUNT_POST)
		return orbit_account_post(&b->o, c, b->t.a.id, "X-Account-Meta-A: 1\n", err);
	return orbit_account_list(&b->o, c, b->t.a.id, &q, ignore_line, NULL, err);
}

static int do_container(struct orbit_tenants *b, const struct orbit_caller *c, enum orbit_verb v,
			const char *name, struct dr_err *err)
{
	const struct listing_query q = {.limit = 10};
	const char *account = b->t.a.id;
	struct orbit_container shown;
	int rc;

	if (v == VERB_CONTAINER_PUT)
		return orbit_container_put(&b->o, c, account, name, NULL, err);
	if (v == VERB_CONTAINER_SHOW)
		return orbit_container_show(&b->o, c, account, name, &shown, err);
	if (v == VERB_CONTAINER_LIST)
		return orbit_container_list(&b->o, c, account, name, &q, ignore_line, NULL, err);
	if (v == VERB_CONTAINER_POST)
		return orbit_container_post(&b->o, c, account, name, "X-Container-Meta-A: 1\n",
					    err);
	rc = orbit_container_delete(&b->o, c, account, name, err);
	if (rc == 0 || err->code != DR_CONFLICT)
		return rc;
	dr_err_clear(err); /* it is not empty: so it was allowed */
	return 0;
}

static int do_object(struct orbit_tenants *b, const struct orbit_caller *c, enum orbit_verb v,
		     const char *container, const char *name, struct dr_err *err)
{
	const struct orbit_put put = put_of(b, container, name);
	struct orbit_deleted deleted;
	struct orbit_object seen;

	if (v == VERB_OBJECT_READ)
		return orbit_object_open(&b->o, c, b->t.a.id, container, name, ORBIT_CONTENT, &seen,
					 NULL, err);
	if (v == VERB_OBJECT_PUT)
		return upload(b, c, &put, "new", 3, &seen, err);
	if (v == VERB_OBJECT_POST)
		return orbit_object_post(&b->o, c, &put, err);
	return orbit_object_delete(&b->o, c, b->t.a.id, container, name, false, &deleted, err);
}

static int do_verb(struct orbit_tenants *b, const struct orbit_caller *c, enum orbit_verb v,
		   enum orbit_state s, const char *image, struct dr_err *err)
{
	if (concerns_account(v))
		return do_account(b, c, v, err);
	if (changes_object(v) || v == VERB_OBJECT_READ)
		return do_object(b, c, v, boxes[s].name, s == STATE_IMAGES ? image : "o", err);
	return do_container(b, c, v, boxes[s].name, err);
}

/* restore: everything as it is to be found. */
static void restore(struct orbit_tenants *b, enum orbit_state s)
{
	struct dr_err ignored = DR_ERR_INIT;

	if (s == STATE_ABSENT) {
		if (orbit_container_delete(&b->o, &b->owner, b->t.a.id, "none", &ignored) < 0)
			assert_int_equal(ignored.code, DR_NOT_FOUND);
	} else if (s != STATE_IMAGES) {
		box(b, boxes[s].name, boxes[s].acl);
		keep(b, boxes[s].name, "o", "old");
	}
}

static enum dr_code code_of(enum orbit_verdict v)
{
	static const enum dr_code codes[] = {[ORBIT_ALLOW] = DR_OK,
					     [ORBIT_LOGIN] = DR_UNAUTHENTICATED,
					     [ORBIT_DENY] = DR_DENIED,
					     [ORBIT_HIDE] = DR_NOT_FOUND,
					     [ORBIT_READ_ONLY] = DR_DENIED};

	return codes[v];
}

struct visitor {
	const char *name;
	struct orbit_caller caller;
	enum orbit_actor actor;
};

static void walk_verb(struct orbit_tenants *b, const struct visitor *who, enum orbit_verb v,
		      const char *image)
{
	struct dr_err absent = DR_ERR_INIT;

	for (unsigned s = 0; s < ORBIT_STATES; s++) {
		const enum orbit_state seen =
			who->actor == ORBIT_ANONYMOUS ? boxes[s].anonymous : (enum orbit_state)s;
		const enum dr_code code = code_of(expected(who->actor, v, seen));
		struct dr_err err = DR_ERR_INIT;
		int rc;

		restore(b, s);
		rc = do_verb(b, &who->caller, v, s, image, &err);
		if (err.code != code || (rc < 0) != (code != DR_OK))
			fail_msg("%s, verb %u, %s: %s %s", who->name, v, boxes[s].name,
				 dr_code_name(err.code), err.msg);
		if (s == STATE_ABSENT)
			absent = err;
		/* what one may not see is told in the words of what is not there */
		if (s == STATE_CLOSED && who->actor != ORBIT_OWNER && who->actor != ORBIT_HOLDER)
			assert_memory_equal(&absent, &err, sizeof err);
	}
}

static struct orbit_caller holder(const struct orbit_tenants *b, enum tempurl_verdict grant,
				  const char *container)
{
	return (struct orbit_caller){.grant = grant,
				     .grant_account = b->t.a.id,
				     .grant_container = container,
				     .grant_get = true,
				     .grant_put = true,
				     .grant_post = true,
				     .grant_delete = true};
}

static void every_verb_answers_as_the_matrix_says(void **state)
{
	struct orbit_tenants *b = *state;
	const struct visitor visitors[] = {
		{"anonymous", b->anonymous, ORBIT_ANONYMOUS},
		{"user of the account", b->owner, ORBIT_OWNER},
		{"client with full rights", b->full, ORBIT_OWNER},
		{"storage-only client", b->storage, ORBIT_STRANGER},
		{"client of another account", b->stranger, ORBIT_STRANGER},
		{"user of another account", as(b->t.user_b), ORBIT_STRANGER},
		{"operator", b->operator_, ORBIT_OPERATOR},
		{"holder", holder(b, TEMPURL_BY_ACCOUNT, "any"), ORBIT_HOLDER},
	};
	struct image img;

	publish_disk(&b->t, b->t.a.id, &img);
	for (size_t i = 0; i < sizeof visitors / sizeof *visitors; i++)
		for (unsigned v = 0; v < ORBIT_VERBS; v++)
			if (v != VERB_OBJECT_SELECT) /* test-orbit-large.c */
				walk_verb(b, &visitors[i], v, img.id);
}

/* What a temporary URL does not cover, it does not open, not even what is open to everybody. */
static void a_holder_has_no_other_right(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_caller get_only = {.grant = TEMPURL_BY_ACCOUNT,
					.grant_account = b->t.a.id,
					.grant_container = "list",
					.grant_get = true};
	struct orbit_caller elsewhere = holder(b, TEMPURL_BY_CONTAINER, "closed");
	struct orbit_caller foreign = holder(b, TEMPURL_BY_ACCOUNT, "list");
	struct orbit_caller put_only = {.grant = TEMPURL_BY_ACCOUNT,
					.grant_account = b->t.a.id,
					.grant_container = "list",
					.grant_put = true};
	struct orbit_object seen;

	foreign.grant_account = b->t.b.id;
	for (unsigned s = STATE_CLOSED; s < ORBIT_STATES; s++)
		restore(b, s);
	must(do_object(b, &get_only, VERB_OBJECT_READ, "list", "o", &err));
	must_fail(DR_UNAUTHENTICATED,
		  do_object(b, &get_only, VERB_OBJECT_PUT, "listwrite", "o", &err));
	must_fail(DR_UNAUTHENTICATED,
		  do_object(b, &get_only, VERB_OBJECT_DELETE, "list", "o", &err));
	must_fail(DR_UNAUTHENTICATED, do_object(b, &get_only, VERB_OBJECT_POST, "list", "o", &err));
	must_fail(DR_UNAUTHENTICATED, do_object(b, &put_only, VERB_OBJECT_READ, "list", "o", &err));
	must_fail(DR_UNAUTHENTICATED,
		  do_object(b, &elsewhere, VERB_OBJECT_READ, "list", "o", &err));
	must_fail(DR_UNAUTHENTICATED, do_object(b, &foreign, VERB_OBJECT_READ, "list", "o", &err));
	must(do_object(b, &elsewhere, VERB_OBJECT_READ, "closed", "o", &err));
	must_fail(DR_UNAUTHENTICATED,
		  orbit_object_open(&b->o, &elsewhere, b->t.a.id, "images", "img-aaaaa",
				    ORBIT_CONTENT, &seen, NULL, &err));
}

static void a_token_without_the_scope_opens_nothing(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_caller c = b->owner;

	c.who.scope_orbit = false;
	for (unsigned s = STATE_CLOSED; s < ORBIT_STATES; s++)
		restore(b, s);
	for (unsigned v = 0; v < ORBIT_VERBS; v++)
		for (unsigned s = 0; s < ORBIT_STATES && v != VERB_OBJECT_SELECT; s++)
			must_fail(DR_DENIED, do_verb(b, &c, v, s, "img-aaaaa", &err));
}

static void only_owners_see_acls_and_keys(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_container seen;

	box(b, "box",
	    "X-Container-Read: .r:*,.rlistings\nX-Container-Write: *:*\n"
	    "X-Container-Meta-Temp-Url-Key: secret\nX-Container-Meta-Temp-Url-Key-2: secret\n"
	    "X-Container-Meta-Colour: blue\n");
	must(orbit_container_show(&b->o, &b->owner, b->t.a.id, "box", &seen, &err));
	assert_true(seen.owner && seen.may_list && seen.may_read && seen.may_write);
	assert_non_null(strstr(seen.row.meta, "X-Container-Read: .r:*,.rlistings\n"));
	assert_non_null(strstr(seen.row.meta, "X-Container-Meta-Temp-Url-Key: secret\n"));
	must(orbit_container_show(&b->o, &b->stranger, b->t.a.id, "box", &seen, &err));
	assert_true(!seen.owner && seen.may_list && seen.may_read && seen.may_write);
	assert_string_equal(seen.row.meta, "X-Container-Meta-Colour: blue\n");
	must(orbit_container_show(&b->o, &b->anonymous, b->t.a.id, "box", &seen, &err));
	assert_true(!seen.owner && seen.may_list && seen.may_read && !seen.may_write);
	assert_string_equal(seen.row.meta, "X-Container-Meta-Colour: blue\n");
}

static void who_may_not_list_is_not_told_how_much_there_is(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_container seen;

	restore(b, STATE_READ);
	must(orbit_container_show(&b->o, &b->anonymous, b->t.a.id, "read", &seen, &err));
	assert_true(seen.may_read && !seen.may_list);
	assert_int_equal(seen.row.objects + seen.row.bytes, 0);
}

int main(void)
{
#define IN_TENANTS(t) cmocka_unit_test_setup_teardown(t, orbit_setup, orbit_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_of_the_table_is_as_the_matrix_says),
		IN_TENANTS(every_verb_answers_as_the_matrix_says),
		IN_TENANTS(a_holder_has_no_other_right),
		IN_TENANTS(a_token_without_the_scope_opens_nothing),
		IN_TENANTS(only_owners_see_acls_and_keys),
		IN_TENANTS(who_may_not_list_is_not_told_how_much_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
