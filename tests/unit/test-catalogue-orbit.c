/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue/catalogue_internal.h"
#include "catalogue/migrate.h"
#include "orbit-fixture.h"

#include "util/banned.h"

struct shelf {
	struct fixture f;
	struct account a, b;
	struct container k;
	struct object o, old;
};

static int set_up(void **state)
{
	static struct shelf s;

	memset(&s, 0, sizeof(s));
	fixture_open(&s.f);
	s.a = new_account(s.f.c, "a");
	s.b = new_account(s.f.c, "b");
	s.k = new_container(s.f.c, s.a.id, "box");
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	fixture_done(&((struct shelf *)*state)->f);
	return 0;
}

/* assert_sums: of the box and of its account. */
static void assert_sums(struct shelf *s, uint64_t objects, uint64_t bytes)
{
	struct orbit_account account;
	struct container k;

	must(catalogue_container_get(s->f.c, s->a.id, s->k.name, &k, &err));
	assert_int_equal(k.objects, objects);
	assert_int_equal(k.bytes, bytes);
	must(catalogue_orbit_account(s->f.c, s->a.id, &account, &err));
	assert_int_equal(account.objects, objects);
	assert_int_equal(account.bytes, bytes);
}

/* ---- containers ---- */

static void a_container_is_made_once_and_told_from_others(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct orbit_account account;
	struct container k;
	int rc = 0;

	must(rc = catalogue_container_create(c, s->a.id, "other", "A: b\n", NOW_US, &k, &err));
	assert_int_equal(rc, 1);
	assert_string_equal(k.meta, "A: b\n");
	assert_int_equal(k.created_at, NOW_US);
	assert_true(k.id != s->k.id);
	must(rc = catalogue_container_create(c, s->a.id, "other", "C: d\n", NOW_US + 1, &k, &err));
	assert_int_equal(rc, 0);
	assert_string_equal(k.meta, "A: b\n");
	must(rc = catalogue_container_create(c, s->b.id, "other", "", NOW_US, &k, &err));
	assert_int_equal(rc, 1);
	must_fail(DR_NOT_FOUND,
		  catalogue_container_create(c, "acc-zzzzz", "x", "", NOW_US, &k, &err));
	must_fail(DR_NOT_FOUND, catalogue_container_get(c, s->b.id, "box", &k, &err));
	must(catalogue_orbit_account(c, s->a.id, &account, &err));
	assert_int_equal(account.containers, 2);
	assert_int_equal(account.created_at, s->a.created_at * 1000000);
	must_fail(DR_NOT_FOUND, catalogue_orbit_account(c, "acc-zzzzz", &account, &err));
}

static void only_an_empty_container_is_deleted_and_its_id_never_comes_back(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct orbit_account account;
	struct container again;

	put_object(c, s->k.id, "x", 1, &s->old);
	must_fail(DR_CONFLICT, catalogue_container_delete(c, s->k.id, &err));
	must(catalogue_object_delete(c, s->k.id, "x", &s->old, &err));
	must(catalogue_container_delete(c, s->k.id, &err));
	must_fail(DR_NOT_FOUND, catalogue_container_delete(c, s->k.id, &err));
	must_fail(DR_NOT_FOUND, catalogue_container_get(c, s->a.id, "box", &again, &err));
	must(catalogue_orbit_account(c, s->a.id, &account, &err));
	assert_int_equal(account.containers, 0);
	again = new_container(c, s->a.id, "box");
	assert_true(again.id > s->k.id);
	an_object(&s->o, s->k.id, "late", 1, "late");
	must_fail(DR_NOT_FOUND, catalogue_object_put(c, &s->o, &NO_LIMITS, false, &s->old, &err));
}

static void a_containers_new_name_must_be_free(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct container k;

	new_container(c, s->a.id, "taken");
	new_container(c, s->b.id, "theirs");
	must_fail(DR_CONFLICT, catalogue_container_rename(c, s->k.id, "taken", &err));
	must(catalogue_container_rename(c, s->k.id, "theirs", &err));
	must(catalogue_container_rename(c, s->k.id, "theirs", &err));
	must(catalogue_container_get(c, s->a.id, "theirs", &k, &err));
	assert_int_equal(k.id, s->k.id);
	must_fail(DR_NOT_FOUND, catalogue_container_rename(c, 999, "x", &err));
}

static void metadata_changes_only_from_what_was_seen(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct orbit_account account;
	struct container k;

	must(catalogue_container_set_meta(c, s->k.id, "", "A: 1\n", NOW_US + 9, &err));
	must_fail(DR_CONFLICT,
		  catalogue_container_set_meta(c, s->k.id, "", "A: 2\n", NOW_US, &err));
	must_fail(DR_NOT_FOUND, catalogue_container_set_meta(c, 999, "", "A: 2\n", NOW_US, &err));
	must(catalogue_container_get(c, s->a.id, "box", &k, &err));
	assert_string_equal(k.meta, "A: 1\n");
	assert_int_equal(k.modified_at, NOW_US + 9);
	must(catalogue_orbit_account_set_meta(c, s->a.id, "", "K: 1\n", &err));
	must_fail(DR_CONFLICT, catalogue_orbit_account_set_meta(c, s->a.id, "", "K: 2\n", &err));
	must_fail(DR_NOT_FOUND, catalogue_orbit_account_set_meta(c, "acc-zzzzz", "", "", &err));
	must(catalogue_orbit_account(c, s->a.id, &account, &err));
	assert_string_equal(account.meta, "K: 1\n");
}

/* ---- objects ---- */

static void what_is_put_is_got(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	static const char *const names[] = {
		"a", "it's \"quoted\"", "100%_", "line\u2028end", "x\ny; DROP TABLE objects; --",
		"/", "\u00e9/"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		an_object(&s->o, s->k.id, names[i], 5, names[i]);
		s->o.kind = (enum object_kind)(i % 3);
		s->o.delete_at = i % 2 ? NOW + 100 : 0;
		snprintf(s->o.etag, sizeof(s->o.etag), "0cc175b9c0f1b6a831c399e269772661");
		snprintf(s->o.meta, sizeof(s->o.meta), "X: %s\n", names[i]);
		must(catalogue_object_put(c, &s->o, &NO_LIMITS, true, &s->old, &err));
		must(catalogue_object_get(c, s->k.id, names[i], NOW, &s->old, &err));
		assert_memory_equal(&s->o.blob, &s->old.blob, sizeof(s->o.blob));
		assert_true(s->old.has_blob);
		assert_int_equal(s->old.kind, s->o.kind);
		assert_int_equal(s->old.bytes, 5);
		assert_int_equal(s->old.modified_at, NOW_US);
		assert_int_equal(s->old.delete_at, s->o.delete_at);
		assert_string_equal(s->old.name, names[i]);
		assert_string_equal(s->old.md5, s->o.md5);
		assert_string_equal(s->old.etag, s->o.etag);
		assert_string_equal(s->old.content_type, "text/plain");
		assert_string_equal(s->old.meta, s->o.meta);
	}
	assert_sums(s, 7, 35);
	memset(s->o.name, 'n', 1024);
	s->o.name[1024] = 0;
	memset(s->o.meta, 'm', META_TEXT - 1);
	s->o.meta[META_TEXT - 1] = 0;
	must(catalogue_object_put(c, &s->o, &NO_LIMITS, true, &s->old, &err));
	must(catalogue_object_get(c, s->k.id, s->o.name, NOW, &s->old, &err));
	assert_string_equal(s->old.meta, s->o.meta);
	must_fail(DR_NOT_FOUND, catalogue_object_get(c, s->k.id, "A", NOW, &s->old, &err));
}

static void a_put_hands_out_what_it_replaced_and_is_never_older(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	int rc = 0;

	assert_int_equal(put_object(c, s->k.id, "x", 10, &s->old), 0);
	an_object(&s->o, s->k.id, "x", 3, "second");
	s->o.modified_at = NOW_US - 5;
	must(rc = catalogue_object_put(c, &s->o, &NO_LIMITS, false, &s->old, &err));
	assert_int_equal(rc, 1);
	assert_int_equal(s->old.bytes, 10);
	assert_true(s->old.has_blob);
	assert_int_equal(s->o.modified_at, NOW_US + 1);
	assert_sums(s, 1, 3);
	assert_int_equal(put_object(c, s->k.id, "x", 0, &s->old), 1);
	assert_memory_equal(&s->old.blob, &s->o.blob, sizeof(s->o.blob));
	must(catalogue_object_delete(c, s->k.id, "x", &s->old, &err));
	assert_false(s->old.has_blob);
	must_fail(DR_NOT_FOUND, catalogue_object_delete(c, s->k.id, "x", &s->old, &err));
	assert_sums(s, 0, 0);
}

static void only_new_refuses_what_is_there_but_not_what_has_expired(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	int rc = 0;

	an_object(&s->o, s->k.id, "x", 1, "x");
	s->o.delete_at = NOW + 1;
	must(catalogue_object_put(c, &s->o, &NO_LIMITS, true, &s->old, &err));
	must_refuse(DR_CONFLICT, "precondition",
		    catalogue_object_put(c, &s->o, &NO_LIMITS, true, &s->old, &err));
	s->o.modified_at = NOW_US + 1000000;
	must(rc = catalogue_object_put(c, &s->o, &NO_LIMITS, true, &s->old, &err));
	assert_int_equal(rc, 1);
}

static void quotas_hold_to_the_byte(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct container other = new_container(c, s->a.id, "other");
	struct object_limits l = {
		.container_bytes = 10, .container_objects = 2, .account_bytes = 15};

	an_object(&s->o, s->k.id, "x", 11, "x");
	must_refuse(DR_LIMIT, "quota", catalogue_object_put(c, &s->o, &l, false, &s->old, &err));
	assert_sums(s, 0, 0);
	an_object(&s->o, s->k.id, "x", 10, "x");
	must(catalogue_object_put(c, &s->o, &l, false, &s->old, &err));
	an_object(&s->o, s->k.id, "y", 1, "y");
	must_refuse(DR_LIMIT, "quota", catalogue_object_put(c, &s->o, &l, false, &s->old, &err));
	an_object(&s->o, s->k.id, "x", 11, "x");
	must_refuse(DR_LIMIT, "quota", catalogue_object_put(c, &s->o, &l, false, &s->old, &err));
	an_object(&s->o, other.id, "x", 6, "x");
	must_refuse(DR_LIMIT, "quota", catalogue_object_put(c, &s->o, &l, false, &s->old, &err));
	an_object(&s->o, other.id, "x", 5, "x");
	must(catalogue_object_put(c, &s->o, &l, false, &s->old, &err));
	an_object(&s->o, s->k.id, "y", 0, "");
	must(catalogue_object_put(c, &s->o, &l, false, &s->old, &err));
	an_object(&s->o, s->k.id, "z", 0, "");
	must_refuse(DR_LIMIT, "quota", catalogue_object_put(c, &s->o, &l, false, &s->old, &err));
	/* what shrinks may be too large still */
	l.container_bytes = l.account_bytes = 1;
	an_object(&s->o, s->k.id, "x", 9, "x");
	must(catalogue_object_put(c, &s->o, &l, false, &s->old, &err));
	an_object(&s->o, s->k.id, "x", CATALOGUE_MAX_BYTES + 1, "x");
	must_fail(DR_INVALID, catalogue_object_put(c, &s->o, &l, false, &s->old, &err));
}

static void set_changes_only_the_object_that_was_read(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;

	put_object(c, s->k.id, "x", 1, &s->old);
	must(catalogue_object_get(c, s->k.id, "x", NOW, &s->o, &err));
	snprintf(s->o.meta, sizeof(s->o.meta), "A: b\n");
	snprintf(s->o.content_type, sizeof(s->o.content_type), "x/y");
	s->o.delete_at = NOW + 7;
	must(catalogue_object_set(c, &s->o, NOW_US - 1, &err));
	assert_int_equal(s->o.modified_at, NOW_US + 1);
	must(catalogue_object_get(c, s->k.id, "x", NOW, &s->old, &err));
	assert_string_equal(s->old.meta, "A: b\n");
	assert_string_equal(s->old.content_type, "x/y");
	assert_int_equal(s->old.delete_at, NOW + 7);
	assert_int_equal(s->old.modified_at, NOW_US + 1);
	s->o.modified_at--;
	must_fail(DR_CONFLICT, catalogue_object_set(c, &s->o, NOW_US, &err));
	s->o.modified_at++;
	s->o.blob.b[0] ^= 1;
	must_fail(DR_CONFLICT, catalogue_object_set(c, &s->o, NOW_US, &err));
}

/* ---- renaming ---- */

static void renaming_moves_the_row_and_its_sums(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct container to = new_container(c, s->a.id, "to");
	struct container foreign = new_container(c, s->b.id, "foreign");
	const struct object_limits l = {
		.container_bytes = 9, .container_objects = 1, .account_bytes = 1};
	int rc = 0;

	put_object(c, s->k.id, "x", 10, &s->old);
	put_object(c, s->k.id, "y", 5, &s->old);
	must(rc = catalogue_object_rename(c, s->k.id, "x", s->k.id, "x", &l, NOW_US, &s->old,
					  &err));
	assert_int_equal(rc, 0);
	must(rc = catalogue_object_rename(c, s->k.id, "x", s->k.id, "y", &l, NOW_US, &s->old,
					  &err));
	assert_int_equal(rc, 1);
	assert_int_equal(s->old.bytes, 5);
	assert_sums(s, 1, 10);
	must(catalogue_object_get(c, s->k.id, "y", NOW, &s->o, &err));
	assert_int_equal(s->o.bytes, 10);
	assert_true(s->o.modified_at > s->old.modified_at);
	must_refuse(
		DR_LIMIT, "quota",
		catalogue_object_rename(c, s->k.id, "y", to.id, "z", &l, NOW_US, &s->old, &err));
	must(rc = catalogue_object_rename(c, s->k.id, "y", to.id, "z", &NO_LIMITS, NOW_US, &s->old,
					  &err));
	assert_int_equal(rc, 0);
	must(catalogue_container_get(c, s->a.id, "to", &to, &err));
	assert_int_equal(to.objects, 1);
	assert_int_equal(to.bytes, 10);
	must_fail(DR_NOT_FOUND, catalogue_object_rename(c, s->k.id, "y", to.id, "z", &NO_LIMITS,
							NOW_US, &s->old, &err));
	must_fail(DR_INVALID, catalogue_object_rename(c, to.id, "z", foreign.id, "z", &NO_LIMITS,
						      NOW_US, &s->old, &err));
	must_fail(DR_NOT_FOUND, catalogue_object_rename(c, to.id, "z", 999, "z", &NO_LIMITS, NOW_US,
							&s->old, &err));
}

static void renaming_a_prefix_moves_all_that_begin_with_it_or_nothing(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	static const char *const names[] = {"d/", "d/a", "d/a%", "d/b/\u2028", "d0", "c/z", "e/a"};
	char near[OBJECT_TEXT];
	int n = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		put_object(c, s->k.id, names[i], 1, &s->old);
	must_fail(DR_CONFLICT,
		  catalogue_object_rename_prefix(c, s->k.id, "d/", "e/", 9, NOW_US, &err));
	must_fail(DR_LIMIT,
		  catalogue_object_rename_prefix(c, s->k.id, "d/", "f/", 3, NOW_US, &err));
	must_fail(DR_INVALID,
		  catalogue_object_rename_prefix(c, s->k.id, "d/", "d/e/", 9, NOW_US, &err));
	must_fail(DR_INVALID,
		  catalogue_object_rename_prefix(c, s->k.id, "d/b/", "d/", 9, NOW_US, &err));
	must(n = catalogue_object_rename_prefix(c, s->k.id, "none", "x", 0, NOW_US, &err));
	assert_int_equal(n, 0);
	must(n = catalogue_object_rename_prefix(c, s->k.id, "d/", "\u00e9\u00e9/", 4, NOW_US,
						&err));
	assert_int_equal(n, 4);
	must(catalogue_object_get(c, s->k.id, "\u00e9\u00e9/b/\u2028", NOW, &s->o, &err));
	must(catalogue_object_get(c, s->k.id, "\u00e9\u00e9/a%", NOW, &s->o, &err));
	must(catalogue_object_get(c, s->k.id, "d0", NOW, &s->o, &err));
	must_fail(DR_NOT_FOUND, catalogue_object_get(c, s->k.id, "d/a", NOW, &s->o, &err));
	assert_sums(s, 7, 7);
	memset(near, 'n', 1023);
	near[1022] = 0;
	must(catalogue_object_rename_prefix(c, s->k.id, "c/z", near, 9, NOW_US, &err));
	near[1022] = 'n';
	near[1023] = 0;
	must_fail(DR_INVALID, catalogue_object_rename_prefix(c, s->k.id, "\u00e9\u00e9/", near, 9,
							     NOW_US, &err));
}

/* ---- expiry ---- */

static void the_expired_are_gone_for_readers_and_counted_until_removed(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct expired_object *e = NULL;
	size_t n = 0;
	int rc = 0;

	for (int i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "x%d", i);
		an_object(&s->o, s->k.id, name, 1, name);
		s->o.delete_at = i ? NOW - i : 0;
		must(catalogue_object_put(c, &s->o, &NO_LIMITS, false, &s->old, &err));
	}
	must(catalogue_object_get(c, s->k.id, "x1", NOW - 2, &s->o, &err));
	must_fail(DR_NOT_FOUND, catalogue_object_get(c, s->k.id, "x1", NOW - 1, &s->o, &err));
	assert_sums(s, 4, 4);
	must(catalogue_object_expired(c, NOW - 2, 9, &e, &n, &err));
	assert_int_equal(n, 2);
	assert_string_equal(e[0].name, "x3");
	assert_string_equal(e[0].account, s->a.id);
	an_object(&s->o, s->k.id, "x3", 1, "again");
	must(catalogue_object_put(c, &s->o, &NO_LIMITS, false, &s->old, &err));
	must(rc = catalogue_object_expire(c, &e[0], &s->old, &err));
	assert_int_equal(rc, 0);
	must(rc = catalogue_object_expire(c, &e[1], &s->old, &err));
	assert_int_equal(rc, 1);
	assert_string_equal(s->old.name, "x2");
	must(rc = catalogue_object_expire(c, &e[1], &s->old, &err));
	assert_int_equal(rc, 0);
	assert_sums(s, 3, 3);
	free(e);
}

/* ---- for collection and check ---- */

static int count_blob(void *arg, const struct stored_blob *b, struct dr_err *err)
{
	struct digest d;

	(void)err;
	digest_of(b->object, strlen(b->object), &d);
	assert_memory_equal(&d, &b->blob, sizeof(d));
	assert_string_equal(b->container, "box");
	assert_int_equal(b->stored_bytes, 3);
	++*(size_t *)arg;
	return 0;
}

static void each_blob_meets_every_blob_once(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	size_t n = 0;
	int rc = 0;

	put_object(c, s->k.id, "empty", 0, &s->old);
	for (int i = 0; i < 500; i++) {
		char name[16];

		snprintf(name, sizeof(name), "%d", i);
		put_object(c, s->k.id, name, 3, &s->old);
	}
	for (unsigned shard = 0; shard < 256; shard++)
		must(catalogue_object_each_blob(c, shard, count_blob, &n, &err));
	assert_int_equal(n, 500);
	an_object(&s->o, s->k.id, "7", 3, "7");
	must(rc = catalogue_object_has_blob(c, &s->o.blob, &err));
	assert_int_equal(rc, 1);
	must(catalogue_object_delete(c, s->k.id, "7", &s->old, &err));
	must(rc = catalogue_object_has_blob(c, &s->o.blob, &err));
	assert_int_equal(rc, 0);
	memset(&s->o.blob, 0, sizeof(s->o.blob));
	must(rc = catalogue_object_has_blob(c, &s->o.blob, &err));
	assert_int_equal(rc, 0);
}

struct told {
	int containers, accounts;
};

static int note_sums(void *arg, const struct container *was, uint64_t objects, uint64_t bytes,
		     struct dr_err *err)
{
	struct told *told = (struct told *)arg;

	(void)err;
	assert_int_equal(was->objects, 9);
	assert_int_equal(objects, 2);
	assert_int_equal(bytes, 7);
	if (was->name[0]) {
		assert_string_equal(was->name, "box");
		told->containers++;
	} else {
		told->accounts++;
	}
	return 0;
}

static struct told recounted(struct catalogue *c, bool mend)
{
	struct told told = {0};

	must(catalogue_orbit_recount(c, mend, note_sums, &told, &err));
	return told;
}

static void wrong_sums_are_found_and_mended_when_asked(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct told told;

	new_container(c, s->a.id, "right");
	put_object(c, s->k.id, "x", 3, &s->old);
	put_object(c, s->k.id, "y", 4, &s->old);
	told = recounted(c, true);
	assert_int_equal(told.containers + told.accounts, 0);
	must(db_script(c->writer,
		       "UPDATE containers SET objects = 9 WHERE name = 'box';"
		       "UPDATE accounts SET orbit_objects = 9, orbit_bytes = 1 WHERE name = 'a'",
		       &err));
	told = recounted(c, false);
	assert_int_equal(told.containers, 1);
	assert_int_equal(told.accounts, 0);
	told = recounted(c, true);
	assert_int_equal(told.containers, 1);
	assert_int_equal(told.accounts, 1);
	told = recounted(c, false);
	assert_int_equal(told.containers + told.accounts, 0);
	assert_sums(s, 2, 7);
}

static void a_catalogue_without_orbit_gets_it_and_keeps_its_rows(void **state)
{
	struct fixture f = {0};
	struct db *db = NULL;
	struct orbit_account account;
	struct container k;

	(void)state;
	fixture_dir(&f);
	must(db_sqlite_create(f.path, &err));
	must(db_sqlite_open(&db, f.path, 0, &err));
	must(migrate_new(db, 3, &err));
	must(db_script(db,
		       "INSERT INTO accounts (id, name, status, created_at, limit_virtual_bytes,"
		       " limit_upload_bytes, limit_stored_bytes, limit_imports, changes)"
		       " VALUES ('acc-00000', 'old', 'active', 1, 0, 0, 0, 0, 0)",
		       &err));
	db_close(db);
	must(catalogue_open_sqlite(&f.c, f.path, &err));
	must(catalogue_orbit_account(f.c, "acc-00000", &account, &err));
	assert_int_equal(account.containers, 0);
	assert_string_equal(account.meta, "");
	k = new_container(f.c, "acc-00000", "first");
	assert_int_equal(k.id, 1);
	fixture_done(&f);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_container_is_made_once_and_told_from_others),
		CASE(only_an_empty_container_is_deleted_and_its_id_never_comes_back),
		CASE(a_containers_new_name_must_be_free),
		CASE(metadata_changes_only_from_what_was_seen),
		CASE(what_is_put_is_got),
		CASE(a_put_hands_out_what_it_replaced_and_is_never_older),
		CASE(only_new_refuses_what_is_there_but_not_what_has_expired),
		CASE(quotas_hold_to_the_byte),
		CASE(set_changes_only_the_object_that_was_read),
		CASE(renaming_moves_the_row_and_its_sums),
		CASE(renaming_a_prefix_moves_all_that_begin_with_it_or_nothing),
		CASE(the_expired_are_gone_for_readers_and_counted_until_removed),
		CASE(each_blob_meets_every_blob_once),
		CASE(wrong_sums_are_found_and_mended_when_asked),
		CASE(a_catalogue_without_orbit_gets_it_and_keeps_its_rows),
	};

	return cmocka_run_group_tests_name("catalogue-orbit", tests, NULL, NULL);
}
