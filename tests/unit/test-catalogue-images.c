/* SPDX-License-Identifier: Apache-2.0 */
#include "catalogue-fixture.h"
#include "catalogue/catalogue_internal.h"
#include "util/str.h"

#include "util/banned.h"

#define GIB ((uint64_t)1 << 30)

struct two_tenants {
	struct fixture f;
	struct account a;
	struct account b;
};

static int set_up(void **state)
{
	static struct two_tenants t;

	memset(&t, 0, sizeof(t));
	fixture_open(&t.f);
	t.a = new_account(t.f.c, "a");
	t.b = new_account(t.f.c, "b");
	*state = &t;
	return 0;
}

static int tear_down(void **state)
{
	fixture_done(&((struct two_tenants *)*state)->f);
	return 0;
}

static enum image_status status_of(struct catalogue *c, const char *id)
{
	struct image img;

	must(catalogue_image_get(c, id, &img, &err));
	return img.status;
}

/* ---- one image's life ---- */

static void a_registered_image_is_being_created_and_has_a_job(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img;
	struct image back;
	struct job job;
	int64_t id = register_image(t->f.c, t->a.id, "one", &img);

	must(catalogue_image_get(t->f.c, img.id, &back, &err));
	assert_int_equal(back.status, IMAGE_CREATING);
	assert_string_equal(back.name, "one");
	assert_string_equal(back.phase, "queued");
	assert_true(back.progress_total == UINT64_MAX);
	assert_memory_equal(&img, &back, sizeof(img));
	must(catalogue_job_get(t->f.c, id, &job, &err));
	assert_int_equal(job.state, JOB_QUEUED);
	assert_string_equal(job.image, img.id);
	assert_string_equal(job.account, t->a.id);
	assert_string_equal(job.url, "https://example.com/disk.img?signature=secret");
}

static void an_image_of_an_unknown_account_leaves_no_row_and_no_job(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img = {.account = "acc-nobody", .arch = "x86_64"};
	struct job job = {0};
	struct job *jobs = NULL;
	size_t n = 1;

	must_fail(DR_NOT_FOUND, catalogue_image_register(t->f.c, &img, &job, &err));
	must(catalogue_job_list(t->f.c, &jobs, &n, &err));
	assert_int_equal(n, 0);
	free(jobs);
}

static void publishing_stores_the_facts_and_ends_the_job(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img;
	struct digest name_digest;
	struct job *jobs = NULL;
	bool over = false;
	size_t n = 0;

	publish_image(t->f.c, t->a.id, "one", 1000, &img);
	digest_of("one", 3, &name_digest);
	assert_int_equal(img.status, IMAGE_AVAILABLE);
	assert_int_equal(img.virtual_bytes, 2000);
	assert_int_equal(img.object_bytes, 600);
	assert_int_equal(img.chunk_count, 3);
	assert_true(digest_equal(&img.digest, &name_digest));
	assert_string_equal(img.checksum, "sha256:00");
	assert_string_equal(img.phase, "");
	assert_true(img.available_at >= img.created_at);
	must(catalogue_job_list(t->f.c, &jobs, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(jobs[0].state, JOB_DONE);
	must(catalogue_job_finished(t->f.c, jobs[0].id, &over, &err));
	assert_true(over);
	free(jobs);
}

static void an_image_with_bytes_gets_another_manifest_for_the_one_it_has(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img, got;
	struct digest next;

	publish_image(t->f.c, t->a.id, "one", 1000, &img);
	digest_of("next", 4, &next);
	must_fail(DR_CONFLICT,
		  catalogue_image_recode(t->f.c, img.id, &next, &img.manifest, 1, 2, &err));
	must(catalogue_image_recode(t->f.c, img.id, &img.manifest, &next, 11, 22, &err));
	must(catalogue_image_get(t->f.c, img.id, &got, &err));
	assert_true(digest_equal(&got.manifest, &next));
	assert_int_equal(got.stored_bytes, 11);
	assert_int_equal(got.object_bytes, 22);
	assert_int_equal(got.revision, img.revision);
	must(catalogue_image_delete(t->f.c, img.id, &err));
	must_fail(DR_CONFLICT,
		  catalogue_image_recode(t->f.c, img.id, &next, &img.manifest, 1, 2, &err));
}

static void only_the_jobs_owner_publishes_and_only_once(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img;
	int64_t job = register_image(t->f.c, t->a.id, "one", &img);

	must_fail(DR_CONFLICT, catalogue_image_publish(t->f.c, &img, job, "tester", &err));
	claim_job(t->f.c, job);
	must_fail(DR_CONFLICT, catalogue_image_publish(t->f.c, &img, job, "thief", &err));
	must_fail(DR_CONFLICT, catalogue_image_publish(t->f.c, &img, job + 1, "tester", &err));
	assert_int_equal(status_of(t->f.c, img.id), IMAGE_CREATING);
	must(catalogue_image_publish(t->f.c, &img, job, "tester", &err));
	must_fail(DR_CONFLICT, catalogue_image_publish(t->f.c, &img, job, "tester", &err));
	/* nothing turns an available image back */
	must_fail(DR_CONFLICT, catalogue_image_fail(t->f.c, img.id, job, "late: x", &err));
	must_fail(DR_CONFLICT, catalogue_image_progress(t->f.c, &img, &err));
	assert_int_equal(status_of(t->f.c, img.id), IMAGE_AVAILABLE);
}

static void sizes_that_would_overflow_sums_are_refused(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img;
	int64_t job = register_image(t->f.c, t->a.id, "one", &img);

	claim_job(t->f.c, job);
	img.data_bytes = UINT64_MAX;
	must_fail(DR_INVALID, catalogue_image_publish(t->f.c, &img, job, "tester", &err));
	must_fail(DR_INVALID, catalogue_image_progress(t->f.c, &img, &err));
}

static void a_failed_image_says_why_and_its_job_is_over(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img;
	struct job job;
	int64_t id = register_image(t->f.c, t->a.id, "one", &img);

	claim_job(t->f.c, id);
	must(catalogue_image_fail(t->f.c, img.id, id, "truncated: it ends early", &err));
	must(catalogue_image_get(t->f.c, img.id, &img, &err));
	assert_int_equal(img.status, IMAGE_FAILED);
	assert_string_equal(img.status_reason, "truncated: it ends early");
	must(catalogue_job_get(t->f.c, id, &job, &err));
	assert_int_equal(job.state, JOB_FAILED);
	assert_string_equal(job.last_error, "truncated: it ends early");
}

static void progress_is_seen_while_creating(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img;

	register_image(t->f.c, t->a.id, "one", &img);
	dr_copy(img.phase, sizeof(img.phase), "download");
	img.progress_done = 5;
	img.progress_total = 10;
	img.progress_rate = 2;
	img.virtual_bytes = 77;
	img.data_bytes = 66;
	dr_copy(img.source_format, sizeof(img.source_format), "qcow2+xz");
	must(catalogue_image_progress(t->f.c, &img, &err));
	must(catalogue_image_get(t->f.c, img.id, &img, &err));
	assert_string_equal(img.phase, "download");
	assert_int_equal(img.progress_done, 5);
	assert_int_equal(img.virtual_bytes, 77);
	assert_int_equal(img.data_bytes, 66);
	assert_string_equal(img.source_format, "qcow2+xz");
}

static void an_update_that_read_an_older_row_is_a_conflict(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img;
	struct image stale;

	publish_image(t->f.c, t->a.id, "one", 1000, &img);
	stale = img;
	dr_copy(img.name, sizeof(img.name), "two");
	must(catalogue_image_update(t->f.c, &img, IMAGE_AVAILABLE, &err));
	dr_copy(stale.description, sizeof(stale.description), "lost");
	must_fail(DR_CONFLICT, catalogue_image_update(t->f.c, &stale, IMAGE_AVAILABLE, &err));
	must(catalogue_image_get(t->f.c, img.id, &img, &err));
	assert_string_equal(img.name, "two");
	assert_string_equal(img.description, "");
	/* so is one that read another status */
	img.status = IMAGE_DEPRECATED;
	must(catalogue_image_update(t->f.c, &img, IMAGE_AVAILABLE, &err));
	must(catalogue_image_get(t->f.c, img.id, &img, &err));
	img.status = IMAGE_AVAILABLE;
	must_fail(DR_CONFLICT, catalogue_image_update(t->f.c, &img, IMAGE_AVAILABLE, &err));
}

/* ---- deletion ---- */

static void deleting_is_immediate_when_no_job_runs(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image done;
	struct image queued;
	struct job job;
	int64_t id;

	publish_image(t->f.c, t->a.id, "done", 1000, &done);
	id = register_image(t->f.c, t->a.id, "queued", &queued);
	must(catalogue_image_delete(t->f.c, done.id, &err));
	must(catalogue_image_delete(t->f.c, queued.id, &err));
	must(catalogue_image_get(t->f.c, done.id, &done, &err));
	assert_int_equal(done.status, IMAGE_DELETED);
	assert_true(done.deleted_at > 0);
	assert_int_equal(status_of(t->f.c, queued.id), IMAGE_DELETED);
	must(catalogue_job_get(t->f.c, id, &job, &err));
	assert_int_equal(job.state, JOB_CANCELLED);
	must_fail(DR_CONFLICT, catalogue_image_delete(t->f.c, done.id, &err));
	must(catalogue_image_deleted(t->f.c, done.id, &err));
}

static void deleting_waits_for_the_process_that_imports(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct dr_err e = DR_ERR_INIT;
	struct image img;
	uint64_t n, data, stored;
	bool over = true;
	int64_t job = register_image(t->f.c, t->a.id, "one", &img);

	claim_job(t->f.c, job);
	img.data_bytes = 500;
	must(catalogue_image_progress(t->f.c, &img, &err));
	must(catalogue_image_delete(t->f.c, img.id, &err));
	assert_int_equal(status_of(t->f.c, img.id), IMAGE_DELETING);
	assert_int_equal(catalogue_job_renew(t->f.c, job, "tester", INT64_MAX, &e), 0);
	must(catalogue_job_finished(t->f.c, job, &over, &err));
	assert_false(over);
	must(catalogue_account_usage(t->f.c, t->a.id, &n, &data, &stored, &err));
	assert_int_equal(data, 500);
	must_fail(DR_CONFLICT, catalogue_image_publish(t->f.c, &img, job, "tester", &err));
	must_fail(DR_CONFLICT, catalogue_image_delete(t->f.c, img.id, &err));
	must(catalogue_image_deleted(t->f.c, img.id, &err));
	assert_int_equal(status_of(t->f.c, img.id), IMAGE_DELETED);
	must(catalogue_job_finished(t->f.c, job, &over, &err));
	assert_true(over);
	must(catalogue_account_usage(t->f.c, t->a.id, &n, &data, &stored, &err));
	assert_int_equal(data, 0);
}

static void the_image_of_a_dead_process_is_buried_when_its_lease_is_over(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct dr_err e = DR_ERR_INIT;
	struct image img;
	struct job job;
	struct image_query q = {.account = t->a.id};
	char before[64];
	char after[64];

	register_image(t->f.c, t->a.id, "one", &img);
	assert_int_equal(catalogue_job_claim(t->f.c, "dead", 1000, 60, 1, &job, &e), 1);
	must(catalogue_image_delete(t->f.c, img.id, &err));
	assert_int_equal(catalogue_job_claim(t->f.c, "next", 1059, 60, 1, &job, &e), 0);
	assert_int_equal(status_of(t->f.c, img.id), IMAGE_DELETING);
	must(catalogue_image_version(t->f.c, &q, before, &err));
	assert_int_equal(catalogue_job_claim(t->f.c, "next", 1060, 60, 1, &job, &e), 0);
	assert_int_equal(status_of(t->f.c, img.id), IMAGE_DELETED);
	must(catalogue_image_version(t->f.c, &q, after, &err));
	assert_string_not_equal(before, after);
}

static void a_locked_image_is_not_deleted(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img;

	publish_image(t->f.c, t->a.id, "one", 1000, &img);
	img.locked = true;
	must(catalogue_image_update(t->f.c, &img, IMAGE_AVAILABLE, &err));
	must_refuse(DR_CONFLICT, "resource_locked", catalogue_image_delete(t->f.c, img.id, &err));
	assert_int_equal(status_of(t->f.c, img.id), IMAGE_AVAILABLE);
}

/* ---- quota ---- */

static void usage_counts_what_is_there_or_promised(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img;
	uint64_t n, data, stored;

	publish_image(t->f.c, t->a.id, "kept", 1000, &img);
	publish_image(t->f.c, t->a.id, "deprecated", 100, &img);
	set_status(t->f.c, &img, IMAGE_DEPRECATED);
	publish_image(t->f.c, t->a.id, "deleted", 7000, &img);
	must(catalogue_image_delete(t->f.c, img.id, &err));
	publish_image(t->f.c, t->b.id, "other's", 50000, &img);
	register_image(t->f.c, t->a.id, "creating", &img);
	img.data_bytes = 20;
	must(catalogue_image_progress(t->f.c, &img, &err));
	must(catalogue_account_usage(t->f.c, t->a.id, &n, &data, &stored, &err));
	assert_int_equal(n, 3);
	assert_int_equal(data, 1120);
	assert_int_equal(stored, 550);
}

static void a_used_up_quota_refuses_registration(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	const struct account_limits own = {.stored_bytes = 5000};
	struct image img;
	struct image next = {.arch = "x86_64"};
	struct job job = {0};

	memcpy(next.account, t->a.id, sizeof(next.account));
	publish_image(t->f.c, t->a.id, "one", 1000, &img);
	must_refuse(DR_LIMIT, "account_limit_reached",
		    catalogue_image_register_within(t->f.c, &next, &job, 1000, &err));
	must(catalogue_image_register_within(t->f.c, &next, &job, 1001, &err));
	/* the account's own limit wins over the configured one, in both directions */
	must(catalogue_account_set_limits(t->f.c, t->a.id, &own, &err));
	must(catalogue_image_register_within(t->f.c, &next, &job, 1000, &err));
	publish_image(t->f.c, t->a.id, "two", 4000, &img);
	must_refuse(DR_LIMIT, "account_limit_reached",
		    catalogue_image_register_within(t->f.c, &next, &job, 0, &err));
	must_refuse(DR_LIMIT, "account_limit_reached",
		    catalogue_image_register(t->f.c, &next, &job, &err));
}

static void two_imports_cannot_reserve_the_same_bytes(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	const uint64_t limit = 5 * GIB / 2;
	struct image one, two;
	uint64_t granted = 0;
	uint64_t n, data, stored;
	int64_t job;

	job = register_image(t->f.c, t->a.id, "one", &one);
	register_image(t->f.c, t->a.id, "two", &two);
	must(catalogue_image_reserve(t->f.c, one.id, 1, limit, &granted, &err));
	assert_true(granted == GIB);
	must(catalogue_image_reserve(t->f.c, two.id, GIB + 1, limit, &granted, &err));
	assert_true(granted == limit - GIB); /* what is left of its second step */
	must_refuse(DR_LIMIT, "account_limit_reached",
		    catalogue_image_reserve(t->f.c, one.id, GIB + 1, limit, &granted, &err));
	must(catalogue_account_usage(t->f.c, t->a.id, &n, &data, &stored, &err));
	assert_true(data == limit);
	/* the end of one import gives its reservation back */
	must(catalogue_image_fail(t->f.c, two.id, 0, "x: y", &err));
	must(catalogue_image_reserve(t->f.c, one.id, GIB + 1, limit, &granted, &err));
	assert_true(granted == 2 * GIB);
	claim_job(t->f.c, job);
	one.data_bytes = 5;
	must(catalogue_image_publish(t->f.c, &one, job, "tester", &err));
	must(catalogue_account_usage(t->f.c, t->a.id, &n, &data, &stored, &err));
	assert_int_equal(data, 5);
	must_fail(DR_CONFLICT, catalogue_image_reserve(t->f.c, one.id, 1, limit, &granted, &err));
}

static void without_a_quota_everything_is_granted(void **state)
{
	struct two_tenants *t = (struct two_tenants *)*state;
	struct image img;
	uint64_t granted = 0;

	register_image(t->f.c, t->a.id, "one", &img);
	must(catalogue_image_reserve(t->f.c, img.id, 1, 0, &granted, &err));
	assert_true(granted == UINT64_MAX);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_registered_image_is_being_created_and_has_a_job),
		CASE(an_image_of_an_unknown_account_leaves_no_row_and_no_job),
		CASE(publishing_stores_the_facts_and_ends_the_job),
		CASE(an_image_with_bytes_gets_another_manifest_for_the_one_it_has),
		CASE(only_the_jobs_owner_publishes_and_only_once),
		CASE(sizes_that_would_overflow_sums_are_refused),
		CASE(a_failed_image_says_why_and_its_job_is_over),
		CASE(progress_is_seen_while_creating),
		CASE(an_update_that_read_an_older_row_is_a_conflict),
		CASE(deleting_is_immediate_when_no_job_runs),
		CASE(deleting_waits_for_the_process_that_imports),
		CASE(the_image_of_a_dead_process_is_buried_when_its_lease_is_over),
		CASE(a_locked_image_is_not_deleted),
		CASE(usage_counts_what_is_there_or_promised),
		CASE(a_used_up_quota_refuses_registration),
		CASE(two_imports_cannot_reserve_the_same_bytes),
		CASE(without_a_quota_everything_is_granted),
	};

	return cmocka_run_group_tests_name("catalogue-images", tests, NULL, NULL);
}
