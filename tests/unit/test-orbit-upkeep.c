/* SPDX-License-Identifier: Apache-2.0
 *
 * Collection and check of users' objects, over a catalogue and a store in a directory. */
#include <fcntl.h>
#include <string.h>

#include "../conform/store-temp.h"
#include "catalogue/catalogue_internal.h"
#include "orbit-fixture.h"
#include "orbit/upkeep.h"
#include "strange.h"

#define TEXT "what somebody keeps"

struct bench {
	struct fixture f;
	struct temp_store t;
	struct account a;
	struct container k;
	struct orbit_checked checked;
	/* What check() was told last, and how often. */
	unsigned told;
	struct stored_blob where;
	enum check_fault fault;
	char text[400];
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof *b);

	if (!b || !temp_store_open(&b->t))
		return -1;
	fixture_open(&b->f);
	b->a = new_account(b->f.c, "a");
	b->k = new_container(b->f.c, b->a.id, "box");
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	fixture_done(&b->f);
	temp_store_done(&b->t);
	free(b);
	return 0;
}

/* committed: TEXT in the store, held by its writer. */
static struct store_upload *committed(struct bench *b, struct digest *ret)
{
	struct store_upload *u = NULL;
	uint64_t bytes;

	must(store_upload_begin(b->t.st, b->a.id, &u, &err));
	must(store_upload_write(u, TEXT, strlen(TEXT), 0, &err));
	must(store_upload_commit(u, ret, &bytes, &err));
	return u;
}

static void kept_until(struct bench *b, const char *name, int64_t delete_at, struct object *ret)
{
	struct object old;
	struct hash *h = NULL;
	struct store_upload *u;
	char md5[HASH_MAX_HEX];

	an_object(ret, b->k.id, name, strlen(TEXT), name);
	ret->delete_at = delete_at;
	must(hash_new(&h, HASH_MD5, &err));
	hash_update(h, TEXT, strlen(TEXT));
	hash_final_hex(h, md5);
	hash_free(h);
	snprintf(ret->md5, sizeof ret->md5, "%.32s", md5);
	u = committed(b, &ret->blob);
	must(catalogue_object_put(b->f.c, ret, &NO_LIMITS, false, &old, &err));
	store_upload_close(u, true);
}

static void kept(struct bench *b, const char *name, struct object *ret)
{
	kept_until(b, name, 0, ret);
}

static void path_of(const struct bench *b, const struct digest *key, char ret[static 256])
{
	char hex[DIGEST_HEX];

	digest_hex(key, hex);
	snprintf(ret, 256, "%s/objects/%s/%.2s/%s", b->t.path, b->a.id, hex, hex);
}

static bool there(const struct bench *b, const struct digest *key)
{
	char path[256];

	path_of(b, key, path);
	return access(path, F_OK) == 0;
}

static struct orbit_collected collected(struct bench *b)
{
	struct orbit_collected ret;

	must(orbit_collect(b->f.c, b->t.st, NULL, NULL, &ret, &err));
	return ret;
}

static void note(void *arg, const struct stored_blob *where, enum check_fault fault,
		 const char *text)
{
	struct bench *b = arg;

	b->told++;
	b->where = *where;
	b->fault = fault;
	snprintf(b->text, sizeof b->text, "%s", text);
}

/* check: how many problems. */
static unsigned check(struct bench *b, bool full)
{
	b->told = 0;
	must(orbit_check(b->f.c, b->t.st, full, note, b, &b->checked, &err));
	assert_int_equal(b->checked.problems, b->told);
	return b->told;
}

static void assert_told(const struct bench *b, const char *object, enum check_fault fault,
			const char *part)
{
	assert_int_equal(b->told, 1);
	assert_string_equal(b->where.account, b->a.id);
	assert_string_equal(b->where.container, "box");
	assert_string_equal(b->where.object, object);
	assert_int_equal(b->fault, fault);
	if (!strstr(b->text, part))
		fail_msg("%s: no \"%s\" in it", b->text, part);
}

static int expired(struct bench *b, int64_t now, size_t most)
{
	int n = 0;

	must(n = orbit_expire(b->f.c, b->t.st, now, most, &err));
	return n;
}

static void what_is_due_goes_with_its_bytes(void **state)
{
	struct bench *b = *state;
	struct object stays, due[3], later;

	kept(b, "stays", &stays);
	kept_until(b, "later", 2000, &later);
	kept_until(b, "due 0", 1000, &due[0]);
	kept_until(b, "due 1", 999, &due[1]);
	kept_until(b, "due 2", 1, &due[2]);
	assert_int_equal(expired(b, 1000, 2), 2);
	assert_int_equal(expired(b, 1000, 2), 1);
	assert_int_equal(expired(b, 1000, 2), 0);
	for (int i = 0; i < 3; i++)
		assert_false(there(b, &due[i].blob));
	assert_true(there(b, &stays.blob) && there(b, &later.blob));
	assert_int_equal(check(b, true), 0);
	assert_int_equal(b->checked.checked.objects, 2);
}

static void what_rows_name_stays_and_the_rest_goes(void **state)
{
	struct bench *b = *state;
	struct orbit_collected c;
	struct object one, two;
	struct digest left;

	kept(b, "one", &one);
	kept(b, "two", &two);
	store_upload_close(committed(b, &left), true); /* as if its writer had died */
	c = collected(b);
	assert_int_equal(c.kept.objects, 2);
	assert_int_equal(c.kept.bytes, 2 * strlen(TEXT));
	assert_int_equal(c.freed.objects, 1);
	assert_int_equal(c.freed.bytes, strlen(TEXT));
	assert_true(there(b, &one.blob) && there(b, &two.blob));
	assert_false(there(b, &left));
	assert_int_equal(collected(b).freed.objects, 0);
}

static void what_waits_for_its_row_is_no_orphan(void **state)
{
	struct bench *b = *state;
	struct digest key;
	struct store_upload *u = committed(b, &key);
	struct orbit_collected c = collected(b);

	assert_int_equal(c.freed.objects, 0);
	assert_int_equal(c.kept.objects, 1);
	assert_int_equal(check(b, true), 0);
	assert_int_equal(b->checked.orphans.objects, 0);
	assert_true(there(b, &key));
	store_upload_close(u, false);
}

static bool at_once(void *arg)
{
	(void)arg;
	return true;
}

static void a_collection_can_be_stopped(void **state)
{
	struct bench *b = *state;
	struct orbit_collected c;
	struct digest left;

	store_upload_close(committed(b, &left), true);
	must_fail(DR_CANCELLED, orbit_collect(b->f.c, b->t.st, at_once, NULL, &c, &err));
	assert_true(there(b, &left));
}

static void a_check_finds_nothing_where_all_is_well(void **state)
{
	struct bench *b = *state;
	struct object o;
	struct digest left;

	kept(b, "one", &o);
	kept(b, "two", &o);
	store_upload_close(committed(b, &left), true);
	for (int full = 0; full < 2; full++) {
		assert_int_equal(check(b, full), 0);
		assert_int_equal(b->checked.checked.objects, 2);
		assert_int_equal(b->checked.checked.bytes, 2 * strlen(TEXT));
		/* Counted, and left to the collection. */
		assert_int_equal(b->checked.orphans.objects, 1);
		assert_true(there(b, &left));
	}
}

static void what_is_missing_is_named(void **state)
{
	struct bench *b = *state;
	struct object o;

	kept(b, "one", &o);
	kept(b, "two", &o);
	must(store_object_remove(b->t.st, b->a.id, &o.blob, &err));
	check(b, false);
	assert_told(b, "two", CHECK_MISSING, "missing");
}

static void a_wrong_length_is_found_without_reading(void **state)
{
	struct bench *b = *state;
	struct object o;
	char path[256];

	kept(b, "one", &o);
	path_of(b, &o.blob, path);
	assert_int_equal(truncate(path, 3), 0);
	check(b, false);
	assert_told(b, "one", CHECK_DAMAGED, "3 bytes");
	assert_false(there(b, &o.blob));
	check(b, false);
	assert_told(b, "one", CHECK_MISSING, "missing");
}

static void a_flipped_bit_is_found_by_reading_and_never_served(void **state)
{
	struct bench *b = *state;
	struct object o;
	char path[256];
	int fd;

	kept(b, "one", &o);
	path_of(b, &o.blob, path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, "W", 1, 0), 1);
	close(fd);
	assert_int_equal(check(b, false), 0);
	check(b, true);
	assert_told(b, "one", CHECK_DAMAGED, o.md5);
	assert_false(there(b, &o.blob));
}

static void what_is_no_plain_file_is_damage(void **state)
{
	struct bench *b = *state;
	struct object o;
	char path[256];

	for (enum strange what = LINK; what < STRANGE; what++) {
		kept(b, "one", &o);
		path_of(b, &o.blob, path);
		make_strange(b->t.dir, path, what);
		check(b, false);
		assert_told(b, "one", CHECK_DAMAGED, "plain file");
		assert_false(there(b, &o.blob));
	}
}

static void wrong_sums_are_named_and_put_right(void **state)
{
	struct bench *b = *state;
	struct object o;

	kept(b, "one", &o);
	must(db_script(b->f.c->writer, "UPDATE containers SET objects = 9", &err));
	check(b, false);
	assert_told(b, "", CHECK_DISAGREES, "9 objects");
	assert_int_equal(check(b, false), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_due_goes_with_its_bytes),
		CASE(what_rows_name_stays_and_the_rest_goes),
		CASE(what_waits_for_its_row_is_no_orphan),
		CASE(a_collection_can_be_stopped),
		CASE(a_check_finds_nothing_where_all_is_well),
		CASE(what_is_missing_is_named),
		CASE(a_wrong_length_is_found_without_reading),
		CASE(a_flipped_bit_is_found_by_reading_and_never_served),
		CASE(what_is_no_plain_file_is_damage),
		CASE(wrong_sums_are_named_and_put_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
