/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole of "who may do what": the table against the matrix of hardening.md section 3.2 written
 * down a second time, row by row as there; then against what the verbs really do. */
#include "catalogue/catalogue_internal.h"
#include "library-fixture.h"
#include "library/policy.h"

#include "util/banned.h"

#define ACTORS 5
#define VERBS 14
#define STATUSES 7

/* ---- the matrix ---- */

/* States: Creating Available Deprecated Unavailable deleting(X) deleted(T) Failed. Answers: + yes,
 * r redacted, - not in the list, 1 401, 3 403, 4 404, 9 409, 2 422 (400 in the matrix: a request
 * that tries to set what is read-only). */
enum visibility { PRIVATE, PUBLIC, ABSENT };

static const struct rule {
	enum policy_verb verb;
	enum visibility visibility;
	const char *states;
	char anonymous, owner, storage, other, operator_;
} matrix[] = {
	/* list includes it: private, any status (tombstones have their own filter) */
	{VERB_LIST, PRIVATE, "CADUXF", '1', '+', '3', '-', '+'},
	{VERB_LIST, PRIVATE, "T", '1', '-', '3', '-', '-'},
	/* public available; public deprecated: to its owner; public but creating/failed */
	{VERB_LIST, PUBLIC, "A", '1', '+', '3', 'r', '+'},
	{VERB_LIST, PUBLIC, "DCUXF", '1', '+', '3', '-', '+'},
	{VERB_LIST, PUBLIC, "T", '1', '-', '3', '-', '-'},
	{VERB_LIST, ABSENT, "", '1', '-', '3', '-', '-'},
	/* deleted: only with explicit filter */
	{VERB_LIST_DELETED, PRIVATE, "CADUXTF", '1', '+', '3', '-', '+'},
	{VERB_LIST_DELETED, PUBLIC, "A", '1', '+', '3', 'r', '+'},
	{VERB_LIST_DELETED, PUBLIC, "DCUXTF", '1', '+', '3', '-', '+'},
	{VERB_LIST_DELETED, ABSENT, "", '1', '-', '3', '-', '-'},
	/* show by id */
	{VERB_SHOW, PRIVATE, "CADUXTF", '1', '+', '3', '4', '+'},
	{VERB_SHOW, PUBLIC, "AD", '1', '+', '3', 'r', '+'},
	{VERB_SHOW, PUBLIC, "CUXTF", '1', '+', '3', '4', '+'},
	{VERB_SHOW, ABSENT, "", '1', '4', '3', '4', '4'},
	/* boot a server */
	{VERB_BUILD, PRIVATE, "AD", '1', '+', '3', '4', '3'},
	{VERB_BUILD, PUBLIC, "AD", '1', '+', '3', '+', '3'},
	{VERB_BUILD, PRIVATE, "CUXTF", '1', '9', '3', '4', '3'},
	{VERB_BUILD, PUBLIC, "CUXTF", '1', '9', '3', '4', '3'},
	{VERB_BUILD, ABSENT, "", '1', '4', '3', '4', '3'},
	/* register: into one's own account only; operators on behalf */
	{VERB_REGISTER, PRIVATE, "CADUXTF", '1', '+', '3', '4', '+'},
	{VERB_REGISTER, PUBLIC, "CADUXTF", '1', '+', '3', '4', '+'},
	{VERB_REGISTER, ABSENT, "", '1', '+', '3', '4', '+'},
	/* change name, description, arch, mode: any; what is deleted has nothing to change */
	{VERB_UPDATE, PRIVATE, "CADUF", '1', '+', '3', '4', '+'},
	{VERB_UPDATE, PRIVATE, "XT", '1', '9', '3', '4', '9'},
	{VERB_UPDATE, PUBLIC, "AD", '1', '+', '3', '3', '+'},
	{VERB_UPDATE, PUBLIC, "CUF", '1', '+', '3', '4', '+'},
	{VERB_UPDATE, PUBLIC, "XT", '1', '9', '3', '4', '9'},
	{VERB_UPDATE, ABSENT, "", '1', '4', '3', '4', '4'},
	/* publish, unpublish: one may ask for it before the image is available */
	{VERB_PUBLISH, PRIVATE, "CADUF", '1', '+', '3', '4', '+'},
	{VERB_PUBLISH, PRIVATE, "XT", '1', '9', '3', '4', '9'},
	{VERB_PUBLISH, PUBLIC, "AD", '1', '+', '3', '3', '+'},
	{VERB_PUBLISH, PUBLIC, "CUF", '1', '+', '3', '4', '+'},
	{VERB_PUBLISH, PUBLIC, "XT", '1', '9', '3', '4', '9'},
	{VERB_PUBLISH, ABSENT, "", '1', '4', '3', '4', '4'},
	/* deprecate, undeprecate: only between available and deprecated */
	{VERB_DEPRECATE, PRIVATE, "AD", '1', '+', '3', '4', '+'},
	{VERB_DEPRECATE, PRIVATE, "CUXTF", '1', '9', '3', '4', '9'},
	{VERB_DEPRECATE, PUBLIC, "AD", '1', '+', '3', '3', '+'},
	{VERB_DEPRECATE, PUBLIC, "CUXTF", '1', '9', '3', '4', '9'},
	{VERB_DEPRECATE, ABSENT, "", '1', '4', '3', '4', '4'},
	/* set official: operators only */
	{VERB_SET_OFFICIAL, PRIVATE, "CADUF", '1', '2', '3', '4', '+'},
	{VERB_SET_OFFICIAL, PRIVATE, "XT", '1', '2', '3', '4', '9'},
	{VERB_SET_OFFICIAL, PUBLIC, "AD", '1', '2', '3', '3', '+'},
	{VERB_SET_OFFICIAL, PUBLIC, "CUF", '1', '2', '3', '4', '+'},
	{VERB_SET_OFFICIAL, PUBLIC, "XT", '1', '2', '3', '4', '9'},
	{VERB_SET_OFFICIAL, ABSENT, "", '1', '4', '3', '4', '4'},
	/* lock, unlock: like any change */
	{VERB_LOCK, PRIVATE, "CADUF", '1', '+', '3', '4', '+'},
	{VERB_LOCK, PRIVATE, "XT", '1', '9', '3', '4', '9'},
	{VERB_LOCK, PUBLIC, "AD", '1', '+', '3', '3', '+'},
	{VERB_LOCK, PUBLIC, "CUF", '1', '+', '3', '4', '+'},
	{VERB_LOCK, PUBLIC, "XT", '1', '9', '3', '4', '9'},
	{VERB_LOCK, ABSENT, "", '1', '4', '3', '4', '4'},
	/* delete: any but protected; once */
	{VERB_DESTROY, PRIVATE, "CADUF", '1', '+', '3', '4', '+'},
	{VERB_DESTROY, PRIVATE, "XT", '1', '9', '3', '4', '9'},
	{VERB_DESTROY, PUBLIC, "AD", '1', '+', '3', '3', '+'},
	{VERB_DESTROY, PUBLIC, "CUF", '1', '+', '3', '4', '+'},
	{VERB_DESTROY, PUBLIC, "XT", '1', '9', '3', '4', '9'},
	{VERB_DESTROY, ABSENT, "", '1', '4', '3', '4', '4'},
	/* see import job, error, source URL: 404 even when the image is public */
	{VERB_SEE_JOB, PRIVATE, "CADUXTF", '1', '+', '3', '4', '+'},
	{VERB_SEE_JOB, PUBLIC, "CADUXTF", '1', '+', '3', '4', '+'},
	{VERB_SEE_JOB, ABSENT, "", '1', '4', '3', '4', '4'},
	/* cancel import */
	{VERB_CANCEL, PRIVATE, "C", '1', '+', '3', '4', '+'},
	{VERB_CANCEL, PRIVATE, "ADUXTF", '1', '9', '3', '4', '9'},
	{VERB_CANCEL, PUBLIC, "C", '1', '+', '3', '4', '+'},
	{VERB_CANCEL, PUBLIC, "ADUXTF", '1', '9', '3', '4', '9'},
	{VERB_CANCEL, ABSENT, "", '1', '4', '3', '4', '4'},
	/* download bytes: not of public images of others; no object before there are bytes */
	{VERB_DOWNLOAD, PRIVATE, "ADU", '1', '+', '3', '4', '3'},
	{VERB_DOWNLOAD, PRIVATE, "CXTF", '1', '4', '3', '4', '3'},
	{VERB_DOWNLOAD, PUBLIC, "AD", '1', '+', '3', '3', '3'},
	{VERB_DOWNLOAD, PUBLIC, "U", '1', '+', '3', '4', '3'},
	{VERB_DOWNLOAD, PUBLIC, "CXTF", '1', '4', '3', '4', '3'},
	{VERB_DOWNLOAD, ABSENT, "", '1', '4', '3', '4', '3'},
};

static const char letters[] = "CADUXTF"; /* in the order of enum image_status */

/* rule_for: the one rule for a case; `status` means nothing when absent. */
static const struct rule *rule_for(enum policy_verb verb, enum visibility v,
				   enum image_status status)
{
	const struct rule *met = NULL;

	for (size_t i = 0; i < sizeof(matrix) / sizeof(matrix[0]); i++) {
		if (matrix[i].verb != verb || matrix[i].visibility != v)
			continue;
		if (v != ABSENT && !strchr(matrix[i].states, letters[status]))
			continue;
		if (met)
			fail_msg("verb %d, status %d: two rules", (int)verb, (int)status);
		met = &matrix[i];
	}
	if (!met)
		fail_msg("verb %d, status %d: no rule", (int)verb, (int)status);
	return met;
}

static char expected(enum policy_actor actor, enum policy_verb verb, enum visibility v,
		     enum image_status status)
{
	const struct rule *r = rule_for(verb, v, status);

	switch (actor) {
	case ACTOR_ANONYMOUS:
		return r->anonymous;
	case ACTOR_OWNER:
		return r->owner;
	case ACTOR_STORAGE:
		return r->storage;
	case ACTOR_OTHER:
		return r->other;
	case ACTOR_OPERATOR:
		return r->operator_;
	}
	return '?';
}

static char letter_of(enum policy_verdict verdict)
{
	switch (verdict) {
	case POLICY_ALLOW:
		return '+';
	case POLICY_ALLOW_REDACTED:
		return 'r';
	case POLICY_OMIT:
		return '-';
	case POLICY_LOGIN:
		return '1';
	case POLICY_DENY:
		return '3';
	case POLICY_HIDE:
		return '4';
	case POLICY_CONFLICT:
		return '9';
	case POLICY_LOCKED:
		return 'L';
	case POLICY_READ_ONLY:
		return '2';
	}
	return '?';
}

static void the_table_is_the_matrix(void **state)
{
	(void)state;
	for (int verb = 0; verb < VERBS; verb++) {
		for (int actor = 0; actor < ACTORS; actor++) {
			enum policy_actor a = (enum policy_actor)actor;
			enum policy_verb v = (enum policy_verb)verb;

			for (int s = 0; s < 2 * STATUSES; s++) {
				struct image img = {.status = (enum image_status)(s % STATUSES),
						    .public = s >= STATUSES};
				char is = letter_of(policy_verdict(a, v, &img));
				char should =
					expected(a, v, img.public ? PUBLIC : PRIVATE, img.status);

				if (is != should)
					fail_msg("verb %d actor %d state %d: %c, not %c", verb,
						 actor, s, is, should);
			}
			assert_int_equal(letter_of(policy_verdict(a, v, NULL)),
					 expected(a, v, ABSENT, IMAGE_CREATING));
		}
	}
}

static void a_lock_stops_destruction_and_nothing_else(void **state)
{
	(void)state;
	for (int verb = 0; verb < VERBS; verb++) {
		for (int actor = 0; actor < ACTORS; actor++) {
			for (int s = 0; s < 2 * STATUSES; s++) {
				struct image img = {.status = (enum image_status)(s % STATUSES),
						    .public = s >= STATUSES};
				enum policy_actor a = (enum policy_actor)actor;
				enum policy_verb v = (enum policy_verb)verb;
				enum policy_verdict open = policy_verdict(a, v, &img);

				img.locked = true;
				if (v == VERB_DESTROY && open == POLICY_ALLOW)
					open = POLICY_LOCKED;
				assert_int_equal(policy_verdict(a, v, &img), open);
			}
		}
	}
}

static void actors_are_who_they_are(void **state)
{
	const struct principal client = {.kind = PRINCIPAL_CLIENT, .account = "acc-a"};
	const struct principal user = {.kind = PRINCIPAL_USER, .account = "acc-a"};
	const struct principal homeless = {.kind = PRINCIPAL_USER};
	const struct principal storage = {
		.kind = PRINCIPAL_CLIENT, .account = "acc-a", .storage_only = true};
	const struct principal admin = {.kind = PRINCIPAL_OPERATOR, .account = "acc-a"};
	const struct principal nobody = {.kind = PRINCIPAL_NONE, .account = "acc-a"};

	(void)state;
	assert_int_equal(policy_actor(&client, "acc-a"), ACTOR_OWNER);
	assert_int_equal(policy_actor(&user, "acc-a"), ACTOR_OWNER);
	assert_int_equal(policy_actor(&client, "acc-b"), ACTOR_OTHER);
	assert_int_equal(policy_actor(&client, "acc-"), ACTOR_OTHER);
	assert_int_equal(policy_actor(&client, ""), ACTOR_OTHER);
	assert_int_equal(policy_actor(&homeless, ""), ACTOR_OTHER); /* nobody's is not theirs */
	assert_int_equal(policy_actor(&storage, "acc-a"), ACTOR_STORAGE);
	assert_int_equal(policy_actor(&storage, "acc-b"), ACTOR_STORAGE);
	assert_int_equal(policy_actor(&admin, "acc-b"), ACTOR_OPERATOR);
	assert_int_equal(policy_actor(&nobody, "acc-a"), ACTOR_ANONYMOUS);
}

/* ---- the verbs ---- */

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

/* force: put the row into a state, whatever led there. */
static void force(struct tenants *t, const char *id, enum image_status status, bool public,
		  bool locked)
{
	dr_session s = {0};

	must(session_write(&s, t->f.c, &err));
	must(db_run(s.db,
		    "UPDATE images SET status = $2, is_public = $3, locked = $4, official = 0"
		    " WHERE id = $1",
		    DB_ARGS(db_text(id), db_text(image_status_name(status)), db_int(public),
			    db_int(locked)),
		    &err));
	must(session_commit(&s, &err));
}

static char letter_of_error(const struct dr_err *err)
{
	if (err->code == DR_CONFLICT)
		return strcmp(err->reason, "resource_locked") == 0 ? 'L' : '9';
	return err->code == DR_UNAUTHENTICATED ? '1'
	       : err->code == DR_DENIED        ? '3'
	       : err->code == DR_NOT_FOUND     ? '4'
	       : err->code == DR_INVALID       ? '2'
					       : '?';
}

/* What a stranger must not see of a public image is empty. */
static bool is_redacted(const struct image *img)
{
	static const struct digest none;

	return !img->source[0] && !img->warnings[0] && !img->checksum[0] && !img->domain[0] &&
	       !img->status_reason[0] && digest_equal(&img->manifest, &none);
}

static char try_list(struct tenants *t, const struct principal *p, const char *id, bool deleted,
		     struct dr_err *err)
{
	const struct image_query q = {.own_deleted = deleted};
	dr_autofree struct image *list = NULL;
	size_t n = 0;

	if (library_image_list(&t->l, p, &q, &list, &n, err) < 0)
		return letter_of_error(err);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(list[i].id, id) == 0)
			return is_redacted(&list[i]) ? 'r' : '+';
	}
	return '-';
}

static char try_download(struct tenants *t, const struct principal *p, const char *id,
			 struct dr_err *err)
{
	DR_CLEANUP(view_closep) struct view *view = NULL;
	struct image_object o;

	/* out of one's own container: there is no other one may ask for */
	if (library_object_open(&t->l, p, p->account, id, VIEW_LZ4, &o, &view, err) < 0)
		return letter_of_error(err);
	return '+';
}

/* try: what a verb answers; 0 when no function of library stands for it (or for this actor). */
static char try(struct tenants *t, const struct principal *p, enum policy_verb verb, const char *id,
		struct dr_err *err)
{
	struct image_request rq = {0};
	struct problems pr = {0};
	struct image img = {0};
	int rc = -1;

	switch (verb) {
	case VERB_LIST:
	case VERB_LIST_DELETED:
		return try_list(t, p, id, verb == VERB_LIST_DELETED, err);
	case VERB_DOWNLOAD:
		return try_download(t, p, id, err);
	case VERB_SHOW:
		rc = library_image_show(&t->l, p, id, &img, err);
		break;
	case VERB_UPDATE:
		rq = (struct image_request){.given = IMG_NAME, .name = "new"};
		rc = library_image_update(&t->l, p, id, &rq, &img, &pr, err);
		break;
	case VERB_PUBLISH:
		rq = (struct image_request){.given = IMG_PUBLIC, .public = true};
		rc = library_image_update(&t->l, p, id, &rq, &img, &pr, err);
		break;
	case VERB_DEPRECATE:
		rq = (struct image_request){.given = IMG_STATUS, .status = "deprecated"};
		rc = library_image_update(&t->l, p, id, &rq, &img, &pr, err);
		break;
	case VERB_SET_OFFICIAL:
		if (p->kind != PRINCIPAL_OPERATOR)
			return 0;
		rc = library_image_set_official(&t->l, id, true, err);
		break;
	case VERB_LOCK:
		rc = library_image_lock(&t->l, p, id, true, &img, err);
		break;
	case VERB_DESTROY:
		rc = library_image_destroy(&t->l, p, id, &img, err);
		break;
	case VERB_BUILD:
	case VERB_REGISTER:
	case VERB_SEE_JOB:
	case VERB_CANCEL:
		return 0;
	}
	if (rc < 0) {
		assert_string_equal(img.id, ""); /* nothing came back */
		return letter_of_error(err);
	}
	return verb == VERB_SHOW && is_redacted(&img) ? 'r' : '+';
}

struct asker {
	enum policy_actor actor;
	const struct principal *p;
};

#define ASKERS 7

static void all_askers(struct tenants *t, struct asker ret[static ASKERS])
{
	const struct asker all[ASKERS] = {
		{ACTOR_ANONYMOUS, &t->anonymous}, {ACTOR_OWNER, &t->user_a},
		{ACTOR_OWNER, &t->client_a},      {ACTOR_STORAGE, &t->storage_a},
		{ACTOR_OTHER, &t->user_b},        {ACTOR_OTHER, &t->client_b},
		{ACTOR_OPERATOR, &t->operator_},
	};

	memcpy(ret, all, sizeof(all));
}

static void the_verbs_do_what_the_matrix_says(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct asker askers[ASKERS];
	struct image img;
	bool changed = false;
	size_t tried = 0;
	int last = -1;

	publish_disk(t, t->a.id, &img);
	all_askers(t, askers);
	for (int c = 0; c < VERBS * 2 * STATUSES * ASKERS; c++) {
		enum policy_verb verb = (enum policy_verb)(c % VERBS);
		const struct asker *a = &askers[c / VERBS % ASKERS];
		int s = c / VERBS / ASKERS;
		enum image_status status = (enum image_status)(s % STATUSES);
		struct dr_err e = DR_ERR_INIT;
		char is, should;

		if (changed || s != last)
			force(t, img.id, status, s >= STATUSES, false);
		last = s;
		is = try(t, a->p, verb, img.id, &e);
		changed = is == '+' && verb >= VERB_UPDATE && verb <= VERB_DESTROY;
		if (!is)
			continue;
		should = expected(a->actor, verb, s >= STATUSES ? PUBLIC : PRIVATE, status);
		if (is != should)
			fail_msg("verb %d actor %d state %d: %c, not %c (%s)", (int)verb,
				 (int)a->actor, s, is, should, e.msg);
		tried++;
	}
	assert_int_equal(tried, 9 * 2 * STATUSES * ASKERS + 2 * STATUSES);
}

static void the_verbs_respect_the_lock(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image img;
	struct dr_err e = DR_ERR_INIT;

	publish_disk(t, t->a.id, &img);
	for (int s = 0; s < 2 * STATUSES; s++) {
		enum image_status status = (enum image_status)(s % STATUSES);
		bool over = status == IMAGE_DELETING || status == IMAGE_DELETED;

		force(t, img.id, status, s >= STATUSES, true);
		dr_err_clear(&e);
		assert_int_equal(try(t, &t->user_a, VERB_DESTROY, img.id, &e), over ? '9' : 'L');
		dr_err_clear(&e);
		assert_int_equal(try(t, &t->user_a, VERB_UPDATE, img.id, &e), over ? '9' : '+');
	}
}

static void what_one_may_not_see_is_word_for_word_what_does_not_exist(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct principal *const strangers[] = {&t->anonymous, &t->storage_a, &t->user_b,
						     &t->client_b};
	struct image img;

	publish_disk(t, t->a.id, &img);
	for (int s = 0; s < 2 * STATUSES; s++) {
		enum image_status status = (enum image_status)(s % STATUSES);

		/* seen by strangers: nothing to hide */
		if (s >= STATUSES && (status == IMAGE_AVAILABLE || status == IMAGE_DEPRECATED))
			continue;
		force(t, img.id, status, s >= STATUSES, false);
		for (int c = 0; c < 4 * VERBS; c++) {
			const struct principal *p = strangers[c / VERBS];
			struct dr_err hidden = DR_ERR_INIT;
			struct dr_err missing = DR_ERR_INIT;
			char is = try(t, p, (enum policy_verb)(c % VERBS), img.id, &hidden);

			assert_int_equal(is, try(t, p, (enum policy_verb)(c % VERBS), "img-zzzzz",
						 &missing));
			assert_memory_equal(&hidden, &missing, sizeof(hidden));
		}
	}
}

static void registering_is_for_owners_of_an_account(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct image_request rq = {.http_url = "https://example.com/disk.img"};
	struct principal behalf = t->operator_;
	struct principal homeless = {.kind = PRINCIPAL_USER, .scope_infrastructure = true};
	const struct {
		const struct principal *p;
		char answer;
	} cases[] = {{&t->anonymous, '1'}, {&t->storage_a, '3'}, {&t->user_a, '+'},
		     {&t->client_a, '+'},  {&homeless, '4'},     {&behalf, '+'}};

	memcpy(behalf.account, t->a.id, sizeof(behalf.account));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dr_err e = DR_ERR_INIT;
		struct problems pr = {0};
		struct image img;
		int rc = library_image_register(&t->l, cases[i].p, &rq, &img, &pr, &e);

		assert_int_equal(rc < 0 ? letter_of_error(&e) : '+', cases[i].answer);
		if (rc == 0)
			assert_string_equal(img.account, t->a.id);
	}
}

static void a_token_without_the_scope_is_refused_before_anything(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct principal orbit = t->user_a;
	struct principal compute = t->user_a;
	struct dr_err e = DR_ERR_INIT;
	struct image img;

	publish_disk(t, t->a.id, &img);
	orbit.scope_infrastructure = false;
	compute.scope_orbit = false;
	assert_int_equal(try(t, &orbit, VERB_SHOW, img.id, &e), '3');
	dr_err_clear(&e);
	assert_int_equal(try(t, &orbit, VERB_SHOW, "img-zzzzz", &e), '3');
	dr_err_clear(&e);
	assert_int_equal(try(t, &orbit, VERB_LIST, img.id, &e), '3');
	dr_err_clear(&e);
	assert_int_equal(try(t, &orbit, VERB_DOWNLOAD, img.id, &e), '+');
	assert_int_equal(try(t, &compute, VERB_DOWNLOAD, img.id, &e), '3');
	dr_err_clear(&e);
	assert_int_equal(try(t, &compute, VERB_SHOW, img.id, &e), '+');
}

static void a_stranger_sees_of_a_public_image_what_is_meant_for_all(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image img;
	struct image seen;

	publish_disk(t, t->a.id, &img);
	set_public(t->f.c, &img, true);
	must(library_image_show(&t->l, &t->user_b, img.id, &seen, &err));
	assert_string_equal(seen.id, img.id);
	assert_string_equal(seen.account, t->a.id);
	assert_string_equal(seen.name, img.name);
	assert_string_equal(seen.arch, "x86_64");
	assert_string_equal(seen.source_type, "upload");
	assert_int_equal(seen.virtual_bytes, img.virtual_bytes);
	assert_int_equal(seen.data_bytes, img.data_bytes);
	assert_int_equal(seen.created_at, img.created_at);
	assert_true(seen.public);
	assert_true(is_redacted(&seen));
	assert_string_equal(seen.source_format, "");
	assert_int_equal(seen.stored_bytes, 0);
	assert_int_equal(seen.source_bytes, 0);
	/* its owner sees everything */
	must(library_image_show(&t->l, &t->user_a, img.id, &seen, &err));
	assert_memory_equal(&seen, &img, sizeof(seen));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_the_matrix),
		cmocka_unit_test(a_lock_stops_destruction_and_nothing_else),
		cmocka_unit_test(actors_are_who_they_are),
		CASE(the_verbs_do_what_the_matrix_says),
		CASE(the_verbs_respect_the_lock),
		CASE(what_one_may_not_see_is_word_for_word_what_does_not_exist),
		CASE(registering_is_for_owners_of_an_account),
		CASE(a_token_without_the_scope_is_refused_before_anything),
		CASE(a_stranger_sees_of_a_public_image_what_is_meant_for_all),
	};

	return cmocka_run_group_tests_name("library-policy", tests, NULL, NULL);
}
