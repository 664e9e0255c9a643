/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue-fixture.h"
#include "catalogue/catalogue_internal.h"
#include "util/str.h"

#include "util/banned.h"

struct shelf {
	struct fixture f;
	struct account a;
	struct account b;
};

static int set_up(void **state)
{
	static struct shelf s;

	memset(&s, 0, sizeof(s));
	fixture_open(&s.f);
	s.a = new_account(s.f.c, "a");
	s.b = new_account(s.f.c, "b");
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	fixture_done(&((struct shelf *)*state)->f);
	return 0;
}

/* names: the listing's names, in order, each followed by a blank. */
static void names(struct catalogue *c, const struct image_query *q, char ret[static 256])
{
	struct image *list = NULL;
	size_t used = 0;
	size_t n = 0;

	must(catalogue_image_list(c, q, &list, &n, &err));
	ret[0] = 0;
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(ret + used, 256 - used, "%s ", list[i].name);
	free(list);
}

#define assert_listed(c, expected, ...)                                     \
	do {                                                                \
		char names_[256];                                           \
		names(c, &(const struct image_query){__VA_ARGS__}, names_); \
		assert_string_equal(names_, expected);                      \
	} while (0)

/* put: an image made at `created_at`, available when asked. */
static struct image put(struct catalogue *c, const char *account, const char *name,
			int64_t created_at, bool available)
{
	struct image img = {.arch = "x86_64", .created_at = created_at};
	struct job job = {0};

	snprintf(img.account, sizeof(img.account), "%s", account);
	snprintf(img.name, sizeof(img.name), "%s", name);
	must(catalogue_image_register(c, &img, &job, &err));
	if (available) {
		claim_job(c, job.id);
		must(catalogue_image_publish(c, &img, job.id, "tester", &err));
	}
	must(catalogue_image_get(c, img.id, &img, &err));
	return img;
}

static void one_lists_ones_own_and_what_others_publish(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct image img;

	put(c, s->a.id, "a-creating", 5, false);
	put(c, s->a.id, "a-private", 1, true);
	put(c, s->b.id, "b-private", 2, true);
	img = put(c, s->b.id, "b-public", 3, true);
	set_public(c, &img, true);
	img = put(c, s->b.id, "b-deprecated", 4, true);
	set_public(c, &img, true);
	set_status(c, &img, IMAGE_DEPRECATED);
	img = put(c, s->b.id, "b-public-creating", 6, false);
	set_public(c, &img, true);
	img = put(c, s->a.id, "a-public", 7, true);
	set_public(c, &img, true);
	assert_listed(c, "a-private b-public a-creating a-public ", .account = s->a.id,
		      .with_public = true);
	assert_listed(c, "a-private a-creating a-public ", .account = s->a.id);
	assert_listed(c, "b-private b-public b-deprecated b-public-creating a-public ",
		      .account = s->b.id, .with_public = true);
	assert_listed(c, "b-public a-public ", .account = "", .with_public = true);
	assert_listed(c,
		      "a-private b-private b-public b-deprecated a-creating b-public-creating"
		      " a-public ",
		      .account = NULL);
}

static void tombstones_are_listed_only_when_asked_for(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct image img;

	put(c, s->a.id, "kept", 1, true);
	img = put(c, s->a.id, "gone", 2, true);
	set_public(c, &img, true);
	must(catalogue_image_delete(c, img.id, &err));
	assert_listed(c, "kept ", .account = s->a.id, .with_public = true);
	assert_listed(c, "kept gone ", .account = s->a.id, .own_deleted = true);
	assert_listed(c, "gone ", .account = s->a.id, .own_deleted = true, .status = "deleted");
	assert_listed(c, "", .account = s->b.id, .with_public = true, .own_deleted = true);
}

static void filters_narrow_both_halves(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct image img;

	put(c, s->a.id, "same", 1, true);
	img = put(c, s->a.id, "other", 2, true);
	set_status(c, &img, IMAGE_DEPRECATED);
	img = put(c, s->b.id, "same", 3, true);
	set_public(c, &img, true);
	assert_listed(c, "same same ", .account = s->a.id, .with_public = true, .name = "same");
	assert_listed(c, "same ", .account = s->a.id, .with_public = true, .status = "private");
	assert_listed(c, "same ", .account = s->a.id, .with_public = true, .status = "public");
	assert_listed(c, "same same ", .account = s->a.id, .with_public = true,
		      .status = "available");
	assert_listed(c, "other ", .account = s->a.id, .with_public = true, .status = "deprecated");
	assert_listed(c, "", .account = s->a.id, .with_public = true, .status = "nonsense");
}

static void pages_join_without_gap_or_repeat(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct image_query q = {.account = s->a.id, .with_public = true, .limit = 3};
	char marker[ID_TEXT] = "";
	struct image *all = NULL;
	size_t total = 0;
	size_t seen = 0;
	size_t n;

	for (int i = 0; i < 10; i++) {
		/* many of the same second: the id decides */
		struct image img = put(c, i % 3 ? s->a.id : s->b.id, "x", 100 + i / 5, true);

		if (i % 3 == 0)
			set_public(c, &img, true);
	}
	must(catalogue_image_list(c, &(struct image_query){.account = s->a.id, .with_public = true},
				  &all, &total, &err));
	assert_int_equal(total, 10);
	q.marker = marker;
	do {
		struct image *page = NULL;

		must(catalogue_image_list(c, &q, &page, &n, &err));
		for (size_t i = 0; i < n; i++)
			assert_string_equal(page[i].id, all[seen++].id);
		if (n)
			memcpy(marker, page[n - 1].id, sizeof(marker));
		free(page);
	} while (n == 3);
	assert_int_equal(seen, 10);
	free(all);
}

static void a_marker_one_may_not_see_is_as_unknown_as_none(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct image secret = put(s->f.c, s->b.id, "b-private", 1, true);
	struct image_query q = {.account = s->a.id, .with_public = true, .marker = secret.id};
	struct dr_err hidden = DR_ERR_INIT;
	struct dr_err missing = DR_ERR_INIT;
	struct image *list = NULL;
	size_t n;

	assert_int_equal(catalogue_image_list(s->f.c, &q, &list, &n, &hidden), -1);
	q.marker = "img-00000";
	assert_int_equal(catalogue_image_list(s->f.c, &q, &list, &n, &missing), -1);
	assert_memory_equal(&hidden, &missing, sizeof(hidden));
	assert_int_equal(hidden.code, DR_NOT_FOUND);
}

/* ---- plans ---- */

/* plan_is_indexed: no step of the plan walks the images or the jobs there ever were. */
static void plan_is_indexed(struct catalogue *c, const char *sql, const char *index, bool sorts)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct dr_err e = DR_ERR_INIT;
	char explain[8192];
	bool met = false;

	assert_true(snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql) <
		    (int)sizeof(explain));
	must(session_read(&s, c, &err));
	must(db_prepare(s.db, explain, &st, &err));
	while (db_step(st, &e) == 1) {
		const char *step = db_column(st, 3).text;

		if ((dr_starts(step, "SCAN") && !strstr(step, " USING ")) ||
		    (!sorts && strstr(step, "TEMP B-TREE")))
			fail_msg("%s\n%s", step, sql);
		met = met || strstr(step, index);
	}
	if (!met)
		fail_msg("%s is not used\n%s", index, sql);
}

static void nothing_walks_what_others_have_or_what_is_over(void **state)
{
	struct catalogue *c = ((struct shelf *)*state)->f.c;
	const struct {
		struct image_query q;
		const char *index;
	} shapes[] = {
		{{.account = "a"}, "images_of_account (account=? AND (created_at,id)>(?,?))"},
		{{.account = "a", .with_public = true}, "images_published ((created_at,id)>(?,?))"},
		{{.account = "a", .own_deleted = true}, "images_gone"},
		{{.account = "a", .own_deleted = true, .with_public = true}, "images_published"},
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct buf sql = BUF_INIT;

		image_list_sql(&shapes[i].q, &sql);
		plan_is_indexed(c, buf_str(&sql), shapes[i].index, false);
		buf_done(&sql);
	}
	plan_is_indexed(c, object_list_sql, "images_stored (account=? AND id>?)", false);
	plan_is_indexed(c, account_usage_sql, "images_of_account (account=?)", false);
	plan_is_indexed(c, job_claim_sql, "SCAN j USING INDEX jobs_open", true);
}

static void many_images_of_others_cost_a_page_nothing(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	dr_session w = {0};
	struct image_query q = {.account = s->a.id, .with_public = true, .limit = 10};
	struct image *list = NULL;
	size_t n = 0;

	put(s->f.c, s->a.id, "mine", 1, true);
	must(session_write(&w, s->f.c, &err));
	must(db_run(
		w.db,
		"WITH RECURSIVE k (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 20000)"
		" INSERT INTO images SELECT 'img-' || n, $1, name, username, description, arch,"
		" source, source_type, source_trigger, ancestor, licence_name, status, locked,"
		" is_public, official, compatibility_mode, min_ram, created_at, available_at,"
		" deleted_at, virtual_bytes, data_bytes, reserved_bytes, stored_bytes,"
		" object_bytes, chunk_count, domain, manifest, digest, status_reason,"
		" source_format, checksum, source_bytes, warnings, phase, progress_done,"
		" progress_total, progress_rate, revision FROM images, k WHERE account = $2",
		DB_ARGS(db_text(s->b.id), db_text(s->a.id)), &err));
	must(session_commit(&w, &err));
	session_end(&w);
	/* a walk of 20,000 rows thousands of times over would show as a time-out */
	for (int i = 0; i < 2000; i++) {
		must(catalogue_image_list(s->f.c, &q, &list, &n, &err));
		assert_int_equal(n, 1);
		free(list);
		list = NULL;
	}
}

/* ---- versions ---- */

static void version(struct catalogue *c, const char *account, char ret[static 64])
{
	must(catalogue_image_version(
		c, &(struct image_query){.account = account, .with_public = true}, ret, &err));
}

/* Which of the two accounts' listings an act may have changed. */
#define assert_changes(own_changes, other_changes, act)                       \
	do {                                                                  \
		char own0[64], own1[64], other0[64], other1[64];              \
		version(c, s->a.id, own0);                                    \
		version(c, s->b.id, other0);                                  \
		act;                                                          \
		version(c, s->a.id, own1);                                    \
		version(c, s->b.id, other1);                                  \
		assert_int_equal(strcmp(own0, own1) != 0, own_changes);       \
		assert_int_equal(strcmp(other0, other1) != 0, other_changes); \
	} while (0)

static void a_version_changes_with_what_its_listing_shows(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct image img;
	int64_t job;

	assert_changes(false, false, must(catalogue_token_prune(c, 0, &err)));
	assert_changes(true, false, job = register_image(c, s->a.id, "x", &img));
	claim_job(c, job);
	assert_changes(true, false, must(catalogue_image_progress(c, &img, &err)));
	assert_changes(true, false, must(catalogue_image_publish(c, &img, job, "tester", &err)));
	must(catalogue_image_get(c, img.id, &img, &err));
	assert_changes(true, true, set_public(c, &img, true));
	assert_changes(true, true, set_status(c, &img, IMAGE_DEPRECATED));
	assert_changes(true, false, set_public(c, &img, true));
	assert_changes(true, true, set_status(c, &img, IMAGE_AVAILABLE));
	assert_changes(true, true, set_public(c, &img, false));
	assert_changes(true, true, set_public(c, &img, true));
	assert_changes(true, true, must(catalogue_image_delete(c, img.id, &err)));
	job = register_image(c, s->a.id, "y", &img);
	img.public = true;
	must(catalogue_image_update(c, &img, IMAGE_CREATING, &err));
	claim_job(c, job);
	assert_changes(true, true, must(catalogue_image_publish(c, &img, job, "tester", &err)));
	job = register_image(c, s->a.id, "z", &img);
	assert_changes(true, false, must(catalogue_job_cancel(c, job, &err)));
	assert_changes(true, false, must(catalogue_job_retry(c, job, &err)));
}

/* ---- what has bytes ---- */

static int count_stored(void *arg, const struct image *img, struct dr_err *err)
{
	size_t *n = (size_t *)arg;

	if (strcmp(img->name, "stop") == 0)
		return dr_fail(err, DR_CANCELLED, "enough");
	++*n;
	return 0;
}

static void each_stored_meets_every_image_with_bytes_once(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct image img;
	size_t n = 0;

	for (int i = 0; i < 70; i++) { /* more than two batches */
		img = put(c, i % 2 ? s->a.id : s->b.id, "x", 1, true);
		if (i % 5 == 0)
			set_status(c, &img, IMAGE_DEPRECATED);
	}
	put(c, s->a.id, "stop", 1, false);
	img = put(c, s->a.id, "stop", 1, true);
	must(catalogue_image_delete(c, img.id, &err));
	must(catalogue_image_each_stored(c, count_stored, &n, &err));
	assert_int_equal(n, 70);
	put(c, s->a.id, "stop", 1, true);
	must_fail(DR_CANCELLED, catalogue_image_each_stored(c, count_stored, &n, &err));
}

static void objects_are_an_accounts_stored_images_by_name(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct catalogue *c = s->f.c;
	struct object_query q = {.account = s->a.id, .limit = 100};
	struct stored_object *o = NULL;
	struct image img[4];
	struct image other;
	char end[ID_TEXT];
	uint64_t count, bytes;
	size_t n = 0;

	for (size_t i = 0; i < 4; i++)
		publish_image(c, s->a.id, "x", 1000, &img[i]);
	set_status(c, &img[0], IMAGE_DEPRECATED);
	register_image(c, s->a.id, "creating", &other);
	publish_image(c, s->b.id, "other's", 9000, &other);
	set_public(c, &other, true);
	must(catalogue_object_list(c, &q, &o, &n, &err));
	assert_int_equal(n, 4);
	for (size_t i = 1; i < n; i++)
		assert_true(strcmp(o[i - 1].image, o[i].image) < 0);
	assert_int_equal(o[0].object_bytes, 600);
	assert_int_equal(o[0].chunk_count, 3);
	assert_true(o[0].available_at > 0);
	q.marker = o[0].image;
	memcpy(end, o[3].image, sizeof(end));
	q.end_marker = end;
	q.limit = 1;
	{
		struct stored_object *page = NULL;

		must(catalogue_object_list(c, &q, &page, &n, &err));
		assert_int_equal(n, 1);
		assert_string_equal(page[0].image, o[1].image);
		free(page);
		q.limit = 9;
		must(catalogue_object_list(c, &q, &page, &n, &err));
		assert_int_equal(n, 2);
		free(page);
		q = (struct object_query){.account = s->a.id, .prefix = o[2].image, .limit = 9};
		must(catalogue_object_list(c, &q, &page, &n, &err));
		assert_int_equal(n, 1);
		free(page);
		q.prefix = "IMG";
		must(catalogue_object_list(c, &q, &page, &n, &err));
		assert_int_equal(n, 0);
		free(page);
	}
	free(o);
	must(catalogue_object_stat(c, s->a.id, &count, &bytes, &err));
	assert_int_equal(count, 4);
	assert_int_equal(bytes, 2400);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_lists_ones_own_and_what_others_publish),
		CASE(tombstones_are_listed_only_when_asked_for),
		CASE(filters_narrow_both_halves),
		CASE(pages_join_without_gap_or_repeat),
		CASE(a_marker_one_may_not_see_is_as_unknown_as_none),
		CASE(nothing_walks_what_others_have_or_what_is_over),
		CASE(many_images_of_others_cost_a_page_nothing),
		CASE(a_version_changes_with_what_its_listing_shows),
		CASE(each_stored_meets_every_image_with_bytes_once),
		CASE(objects_are_an_accounts_stored_images_by_name),
	};

	return cmocka_run_group_tests_name("catalogue-list", tests, NULL, NULL);
}
