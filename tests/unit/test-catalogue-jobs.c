/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "catalogue-fixture.h"
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

/* claim: the id of the job `owner` gets at `now` for 60 seconds; 0 = none. */
static int64_t claim(struct catalogue *c, const char *owner, int64_t now, uint64_t per_account)
{
	struct job job = {0};
	int rc = -1;

	must(rc = catalogue_job_claim(c, owner, now, 60, per_account, &job, &err));
	assert_int_equal(rc, job.id != 0);
	return job.id;
}

static int64_t queue(struct catalogue *c, const char *account, int64_t created_at)
{
	struct image img = {.arch = "x86_64", .name = "x"};
	struct job job = {.created_at = created_at};

	dr_copy(img.account, sizeof(img.account), account);
	must(catalogue_image_register(c, &img, &job, &err));
	return job.id;
}

static struct job get(struct catalogue *c, int64_t id)
{
	struct job job;

	must(catalogue_job_get(c, id, &job, &err));
	return job;
}

static enum image_status image_of(struct catalogue *c, int64_t id)
{
	struct job job = get(c, id);
	struct image img;

	must(catalogue_image_get(c, job.image, &img, &err));
	return img.status;
}

static void a_claimed_job_is_running_and_nobody_elses(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	int64_t id = queue(c, a.id, 1);
	struct dr_err e = DR_ERR_INIT;
	struct job job;

	assert_int_equal(claim(c, "one", 1000, 9), id);
	assert_int_equal(claim(c, "two", 1000, 9), 0);
	job = get(c, id);
	assert_int_equal(job.state, JOB_RUNNING);
	assert_string_equal(job.owner, "one");
	assert_int_equal(job.lease_until, 1060);
	assert_int_equal(job.attempts, 1);
	assert_int_equal(catalogue_job_renew(c, id, "one", 1100, &e), 1);
	assert_int_equal(catalogue_job_renew(c, id, "two", 1100, &e), 0);
	assert_int_equal(get(c, id).lease_until, 1100);
}

static void a_lease_that_ran_out_goes_to_the_next(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	int64_t id = queue(c, a.id, 1);
	struct dr_err e = DR_ERR_INIT;

	assert_int_equal(claim(c, "dead", 1000, 1), id);
	assert_int_equal(claim(c, "next", 1059, 1), 0);
	assert_int_equal(claim(c, "next", 1060, 1), id);
	assert_int_equal(get(c, id).attempts, 2);
	/* the first one is not dead after all, and must learn that the job is not its own */
	assert_int_equal(catalogue_job_renew(c, id, "dead", 2000, &e), 0);
	must_fail(DR_CONFLICT, catalogue_job_release(c, id, "dead", RETURN_FAILED, 0, "x", &err));
	must_fail(DR_CONFLICT, catalogue_job_fail(c, id, "dead", "x: y", &err));
}

static void one_account_cannot_starve_another(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account greedy = new_account(c, "greedy");
	struct account modest = new_account(c, "modest");
	int64_t first[5];
	int64_t second;
	int64_t third;

	for (int i = 0; i < 5; i++)
		first[i] = queue(c, greedy.id, 10 + i);
	second = queue(c, modest.id, 100);
	third = queue(c, modest.id, 101);
	assert_int_equal(claim(c, "w", 1000, 2), first[0]); /* nobody runs: the oldest */
	assert_int_equal(claim(c, "w", 1000, 2), second);   /* fewest running */
	assert_int_equal(claim(c, "w", 1000, 2), first[1]); /* one each: the oldest */
	assert_int_equal(claim(c, "w", 1000, 2), third);
	assert_int_equal(claim(c, "w", 1000, 2), 0); /* both at their limit */
	must(catalogue_job_fail(c, first[0], "w", "x: y", &err));
	assert_int_equal(claim(c, "w", 1000, 2), first[2]);
}

static void an_accounts_own_limit_wins(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	struct account b = new_account(c, "b");
	const struct account_limits one = {.imports = 1};
	const struct account_limits three = {.imports = 3};
	int got = 0;

	must(catalogue_account_set_limits(c, a.id, &one, &err));
	must(catalogue_account_set_limits(c, b.id, &three, &err));
	for (int i = 0; i < 5; i++) {
		queue(c, a.id, 1);
		queue(c, b.id, 1);
	}
	while (claim(c, "w", 1000, 2))
		got++;
	assert_int_equal(got, 4);
}

/* serve: the next job, which is over at once: what one slot runs. */
static int64_t serve(struct catalogue *c)
{
	int64_t id = claim(c, "w", 1000, 2);

	if (id)
		must(catalogue_job_fail(c, id, "w", "x: y", &err));
	return id;
}

static void accounts_take_turns_at_a_single_slot_and_after_a_restart(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct account greedy = new_account(f->c, "greedy");
	struct account modest = new_account(f->c, "modest");
	struct account late = new_account(f->c, "late");
	int64_t first[100];
	int64_t one;
	int64_t two;

	for (int i = 0; i < 100; i++)
		first[i] = queue(f->c, greedy.id, 10);
	assert_int_equal(serve(f->c), first[0]);
	one = queue(f->c, modest.id, 100);
	two = queue(f->c, modest.id, 100);
	assert_int_equal(serve(f->c), one);
	catalogue_close(f->c);
	must(catalogue_open_sqlite(&f->c, f->path, &err));
	assert_int_equal(serve(f->c), first[1]);
	one = queue(f->c, late.id, 100);
	assert_int_equal(serve(f->c), one);
	assert_int_equal(serve(f->c), two);
	assert_int_equal(serve(f->c), first[2]);
	assert_int_equal(serve(f->c), first[3]);
}

static void an_accounts_jobs_run_in_their_order_whatever_the_clock_says(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	int64_t first = queue(c, a.id, 900);
	int64_t second = queue(c, a.id, 100);

	assert_int_equal(serve(c), first);
	assert_int_equal(serve(c), second);
}

static void the_place_in_the_queue_is_the_order_of_service(void **state)
{
	static const char *const order = "aaaabaccbaadba";
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account accounts[4];
	uint64_t places[32] = {0};
	enum job_wait wait;
	uint64_t served = 0;
	int64_t id;

	for (int i = 0; i < 4; i++)
		accounts[i] = new_account(c, "x");
	for (int round = 0; round < 2; round++) { /* nobody was ever served; somebody was */
		for (const char *who = order; *who; who++)
			queue(c, accounts[*who - 'a'].id, 1);
		served = 0;
		for (int64_t job = 1; job < 32; job++) {
			struct dr_err e = DR_ERR_INIT;
			struct job j;

			if (catalogue_job_get(c, job, &j, &e) < 0 || j.state != JOB_QUEUED)
				continue;
			must(catalogue_job_place(c, j.image, 1000, 2, &wait, &places[job], &err));
			assert_int_equal(wait, WAIT_SLOT);
		}
		while ((id = serve(c)))
			assert_int_equal(places[id], ++served);
		assert_int_equal(served, strlen(order));
	}
}

static void waiting_says_for_what(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	int64_t first = queue(c, a.id, 1);
	int64_t second = queue(c, a.id, 1);
	char image[ID_TEXT];
	enum job_wait wait;
	uint64_t place;

	memcpy(image, get(c, second).image, sizeof(image));
	assert_int_equal(claim(c, "w", 1000, 1), first);
	must(catalogue_job_place(c, image, 1000, 1, &wait, &place, &err));
	assert_int_equal(wait, WAIT_ACCOUNT);
	assert_int_equal(place, 1);
	must(catalogue_job_place(c, image, 1000, 2, &wait, &place, &err));
	assert_int_equal(wait, WAIT_SLOT);
	assert_int_equal(claim(c, "w", 1000, 2), second);
	must(catalogue_job_place(c, image, 1000, 2, &wait, &place, &err));
	assert_int_equal(wait, WAIT_NONE);
	assert_int_equal(place, 0);
	must(catalogue_job_release(c, second, "w", RETURN_FAILED, 1010, "x: y", &err));
	must(catalogue_job_place(c, image, 1000, 2, &wait, &place, &err));
	assert_int_equal(wait, WAIT_RETRY);
}

static void attempts_are_told_apart_by_what_ended_them(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	int64_t id = queue(c, a.id, 1);
	const enum job_return how[] = {RETURN_FAILED, RETURN_STOPPING, RETURN_DIED,
				       RETURN_STOPPING};
	struct job job;

	for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
		assert_int_equal(claim(c, "w", 1000, 1), id);
		must(catalogue_job_release(c, id, "w", how[i], 0, "", &err));
	}
	job = get(c, id);
	assert_int_equal(job.attempts, 4);
	assert_int_equal(job.failures, 1);
	assert_int_equal(job.stops, 2);
}

static void a_released_job_waits_for_its_time(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	int64_t id = queue(c, a.id, 1);

	assert_int_equal(claim(c, "w", 1000, 1), id);
	must(catalogue_job_release(c, id, "w", RETURN_FAILED, 1030, "source-timeout: it was slow",
				   &err));
	assert_int_equal(get(c, id).state, JOB_QUEUED);
	assert_string_equal(get(c, id).last_error, "source-timeout: it was slow");
	assert_int_equal(image_of(c, id), IMAGE_CREATING);
	assert_int_equal(claim(c, "w", 1029, 1), 0);
	assert_int_equal(claim(c, "w", 1030, 1), id);
}

static void a_clock_set_back_keeps_no_job_waiting(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	int64_t id = queue(c, a.id, 1);

	assert_int_equal(claim(c, "w", 1000000, 1), id);
	must(catalogue_job_release(c, id, "w", RETURN_FAILED, 1000030, "", &err));
	assert_int_equal(claim(c, "w", 1000, 1), id);
}

static void a_failing_job_takes_its_image_along(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	int64_t id = queue(c, a.id, 1);
	bool over = true;

	must(catalogue_job_finished(c, id, &over, &err));
	assert_false(over);
	assert_int_equal(claim(c, "w", dr_wall(), 1), id);
	must(catalogue_job_finished(c, id, &over, &err));
	assert_false(over);
	must(catalogue_job_fail(c, id, "w", "empty: it is empty", &err));
	assert_int_equal(get(c, id).state, JOB_FAILED);
	assert_int_equal(image_of(c, id), IMAGE_FAILED);
	must(catalogue_job_finished(c, id, &over, &err));
	assert_true(over);
	must(catalogue_job_finished(c, 12345, &over, &err));
	assert_true(over);
}

static void cancelling_fails_the_image_and_retrying_starts_anew(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	int64_t id = queue(c, a.id, 1);
	struct dr_err e = DR_ERR_INIT;
	struct image img;
	int64_t again;

	assert_int_equal(claim(c, "w", dr_wall(), 1), id);
	must_fail(DR_CONFLICT, catalogue_job_retry(c, id, &err));
	must(catalogue_job_cancel(c, id, &err));
	assert_int_equal(catalogue_job_renew(c, id, "w", INT64_MAX, &e), 0);
	must(catalogue_image_get(c, get(c, id).image, &img, &err));
	assert_int_equal(img.status, IMAGE_FAILED);
	assert_true(dr_starts(img.status_reason, "cancelled: "));
	must_fail(DR_CONFLICT, catalogue_job_cancel(c, id, &err));
	must(catalogue_job_retry(c, id, &err));
	assert_int_equal(image_of(c, id), IMAGE_CREATING);
	again = claim(c, "w", dr_wall(), 1);
	assert_true(again > id);
	assert_string_equal(get(c, again).image, img.id);
	must_fail(DR_NOT_FOUND, catalogue_job_cancel(c, 12345, &err));
	must_fail(DR_NOT_FOUND, catalogue_job_retry(c, 12345, &err));
}

static void jobs_are_listed_newest_first(void **state)
{
	struct catalogue *c = ((struct fixture *)*state)->c;
	struct account a = new_account(c, "a");
	struct job *list = NULL;
	size_t n = 0;

	queue(c, a.id, 1);
	queue(c, a.id, 2);
	must(catalogue_job_list(c, &list, &n, &err));
	assert_int_equal(n, 2);
	assert_true(list[0].id > list[1].id);
	free(list);
}

/* ---- several at once ---- */

#define PROCESSES 4
#define JOBS 24

static int claim_all(const char *path, const char *owner)
{
	DR_CLEANUP(catalogue_closep) struct catalogue *c = NULL;
	struct dr_err err = DR_ERR_INIT;
	struct job job;
	int got = 0;
	int rc;

	if (catalogue_open_sqlite(&c, path, &err) < 0)
		return 255;
	while ((rc = catalogue_job_claim(c, owner, 1000, 1000000, UINT64_MAX, &job, &err)) > 0)
		got++;
	return rc < 0 ? 255 : got;
}

static void processes_share_the_queue_without_taking_a_job_twice(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct account a = new_account(f->c, "a");
	char path[sizeof(f->path)];
	pid_t pids[PROCESSES];
	int total = 0;

	for (int i = 0; i < JOBS; i++)
		queue(f->c, a.id, i + 1);
	memcpy(path, f->path, sizeof(path));
	catalogue_close(f->c); /* no connection is carried through fork() */
	f->c = NULL;
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(claim_all(path, "child"));
	}
	for (int i = 0; i < PROCESSES; i++) {
		int status = 0;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 255);
		total += WEXITSTATUS(status);
	}
	assert_int_equal(total, JOBS);
	must(catalogue_open_sqlite(&f->c, path, &err));
	for (int64_t id = 1; id <= JOBS; id++)
		assert_int_equal(get(f->c, id).attempts, 1);
}

#define THREADS 8
#define ROUNDS 12

struct crowd {
	struct catalogue *c;
	char account[ID_TEXT];
	atomic_int registered;
	atomic_int published;
	atomic_int failures;
};

static int one_round(struct crowd *w, struct dr_err *err)
{
	struct image_query q = {.account = w->account, .with_public = true};
	struct image img = {.arch = "x86_64", .name = "x", .public = true};
	struct job job = {0};
	struct image *list = NULL;
	char version[64];
	size_t n;
	int rc;

	memcpy(img.account, w->account, sizeof(img.account));
	if (catalogue_image_register(w->c, &img, &job, err) < 0)
		return -1;
	atomic_fetch_add(&w->registered, 1);
	if (catalogue_image_version(w->c, &q, version, err) < 0 ||
	    catalogue_image_list(w->c, &q, &list, &n, err) < 0)
		return -1;
	free(list);
	rc = catalogue_job_claim(w->c, "crowd", 1000, 1000000, UINT64_MAX, &job, err);
	if (rc <= 0)
		return rc;
	if (catalogue_image_get(w->c, job.image, &img, err) < 0)
		return -1;
	img.data_bytes = 1;
	if (catalogue_image_publish(w->c, &img, job.id, "crowd", err) < 0)
		return -1;
	atomic_fetch_add(&w->published, 1);
	return 0;
}

static void *work(void *arg)
{
	struct crowd *w = (struct crowd *)arg;

	for (int i = 0; i < ROUNDS; i++) {
		struct dr_err err = DR_ERR_INIT;

		if (one_round(w, &err) < 0) {
			fprintf(stderr, "%s: %s\n", dr_code_name(err.code), err.msg);
			atomic_fetch_add(&w->failures, 1);
		}
	}
	return NULL;
}

static void threads_register_list_and_claim_at_once(void **state)
{
	struct fixture *f = (struct fixture *)*state;
	struct account a = new_account(f->c, "a");
	struct crowd w = {.c = f->c};
	pthread_t threads[THREADS];
	uint64_t n, data, stored;

	memcpy(w.account, a.id, sizeof(w.account));
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, &w), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(w.failures, 0);
	assert_int_equal(w.registered, THREADS * ROUNDS);
	assert_int_equal(w.published, THREADS * ROUNDS);
	must(catalogue_account_usage(f->c, a.id, &n, &data, &stored, &err));
	assert_int_equal(n, THREADS * ROUNDS);
	assert_int_equal(data, THREADS * ROUNDS);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_claimed_job_is_running_and_nobody_elses),
		CASE(a_lease_that_ran_out_goes_to_the_next),
		CASE(one_account_cannot_starve_another),
		CASE(an_accounts_own_limit_wins),
		CASE(accounts_take_turns_at_a_single_slot_and_after_a_restart),
		CASE(an_accounts_jobs_run_in_their_order_whatever_the_clock_says),
		CASE(the_place_in_the_queue_is_the_order_of_service),
		CASE(waiting_says_for_what),
		CASE(attempts_are_told_apart_by_what_ended_them),
		CASE(a_released_job_waits_for_its_time),
		CASE(a_clock_set_back_keeps_no_job_waiting),
		CASE(a_failing_job_takes_its_image_along),
		CASE(cancelling_fails_the_image_and_retrying_starts_anew),
		CASE(jobs_are_listed_newest_first),
		CASE(processes_share_the_queue_without_taking_a_job_twice),
		CASE(threads_register_list_and_claim_at_once),
	};

	return cmocka_run_group_tests_name("catalogue-jobs", tests, NULL, NULL);
}
