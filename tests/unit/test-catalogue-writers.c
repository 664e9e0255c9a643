/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "catalogue/catalogue_internal.h"
#include "orbit-fixture.h"

#include "util/banned.h"

#define WRITERS 8
#define ROUNDS 40

/* One of the threads that write at the same time. */
struct writer {
	struct shelf *shelf;
	pthread_t thread;
	unsigned number;
	int rc;
	struct dr_err err;
	struct object o, old;
	size_t handed_out[WRITERS * ROUNDS]; /* by the number of the blob */
};

struct shelf {
	struct fixture f;
	struct account a;
	struct container k;
	struct object_limits limits;
	struct db_ops ops; /* of the connection that writes, counting */
	struct writer writers[WRITERS];
};

static struct {
	const struct db_ops *ops;
	unsigned commits;
	bool fail;
} watched;

static int commit_watched(struct db *db, struct dr_err *err)
{
	watched.commits++;
	if (watched.fail)
		return dr_refuse(err, DR_LIMIT, "no-space", "the disk is full");
	return watched.ops->commit(db, err);
}

static int set_up(void **state)
{
	static struct shelf s;

	memset(&s, 0, sizeof(s));
	fixture_open(&s.f);
	s.a = new_account(s.f.c, "a");
	s.k = new_container(s.f.c, s.a.id, "box");
	s.limits = NO_LIMITS;
	watched.ops = s.f.c->writer->ops;
	watched.commits = 0;
	watched.fail = false;
	s.ops = *watched.ops;
	s.ops.commit = commit_watched;
	s.f.c->writer->ops = &s.ops;
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	fixture_done(&((struct shelf *)*state)->f);
	return 0;
}

static void start(struct shelf *s, unsigned n, void *(*run)(void *))
{
	for (unsigned i = 0; i < n; i++) {
		struct writer *w = &s->writers[i];

		w->shelf = s;
		w->number = i;
		assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
	}
}

static void join_all(struct shelf *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_join(s->writers[i].thread, NULL), 0);
}

/* wait_for_writers: so many wait for their turn. */
static void wait_for_writers(struct catalogue *c, size_t n)
{
	size_t waiting = 0;

	while (waiting != n) {
		dr_lock(&c->lock);
		waiting = c->writers_waiting;
		dr_unlock(&c->lock);
		dr_sleep_ms(1);
	}
}

static void *put_one(void *arg)
{
	struct writer *w = (struct writer *)arg;
	char name[16];

	snprintf(name, sizeof(name), "%u", w->number);
	an_object(&w->o, w->shelf->k.id, name, w->number + 1, name);
	w->rc = catalogue_object_put(w->shelf->f.c, &w->o, &w->shelf->limits, false, &w->old,
				     &w->err);
	return NULL;
}

static struct container sums(struct shelf *s)
{
	struct orbit_account account;
	struct container k;

	must(catalogue_container_get(s->f.c, s->a.id, "box", &k, &err));
	must(catalogue_orbit_account(s->f.c, s->a.id, &account, &err));
	assert_int_equal(account.objects, k.objects);
	assert_int_equal(account.bytes, k.bytes);
	return k;
}

/* ---- a shared commit ---- */

static void writers_that_queue_share_one_commit(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	dr_session turn = {0};

	must(session_write(&turn, s->f.c, &err));
	start(s, WRITERS, put_one);
	wait_for_writers(s->f.c, WRITERS);
	session_end(&turn);
	join_all(s, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++)
		assert_int_equal(s->writers[i].rc, 0);
	assert_int_equal(watched.commits, 1);
	assert_int_equal(sums(s).objects, WRITERS);
	assert_int_equal(sums(s).bytes, WRITERS * (WRITERS + 1) / 2);
}

static void one_that_fails_takes_nothing_of_the_others_with_it(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	dr_session turn = {0};
	unsigned refused = 0;

	s->limits.container_objects = 3;
	must(session_write(&turn, s->f.c, &err));
	start(s, WRITERS, put_one);
	wait_for_writers(s->f.c, WRITERS);
	session_end(&turn);
	join_all(s, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++) {
		if (s->writers[i].rc == 0)
			continue;
		assert_string_equal(s->writers[i].err.reason, "quota");
		refused++;
	}
	assert_int_equal(refused, WRITERS - 3);
	assert_int_equal(watched.commits, 1);
	assert_int_equal(sums(s).objects, 3);
	must(catalogue_orbit_recount(s->f.c, false, NULL, NULL, &err));
}

static void a_commit_that_fails_fails_for_all(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	dr_session turn = {0};

	must(session_write(&turn, s->f.c, &err));
	start(s, WRITERS, put_one);
	wait_for_writers(s->f.c, WRITERS);
	watched.fail = true;
	session_end(&turn);
	join_all(s, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++) {
		assert_int_equal(s->writers[i].rc, -1);
		assert_int_equal(s->writers[i].err.code, DR_LIMIT);
		assert_string_equal(s->writers[i].err.reason, "no-space");
	}
	watched.fail = false;
	assert_int_equal(watched.commits, 1);
	assert_int_equal(sums(s).objects, 0);
}

/* a_turn_after: a session of our own after the first writer's change, before its commit. */
static void a_turn_after(struct shelf *s, struct session *ret)
{
	dr_session turn = {0};

	must(session_write(&turn, s->f.c, &err));
	start(s, 1, put_one);
	wait_for_writers(s->f.c, 1);
	/* as if we waited already: the writer will not commit */
	dr_lock(&s->f.c->lock);
	s->f.c->writers_waiting++;
	dr_unlock(&s->f.c->lock);
	session_end(&turn);
	for (size_t joined = 0; joined == 0; dr_sleep_ms(1)) {
		dr_lock(&s->f.c->lock);
		joined = s->f.c->group_size;
		dr_unlock(&s->f.c->lock);
	}
	must(session_write(ret, s->f.c, &err));
	dr_lock(&s->f.c->lock);
	s->f.c->writers_waiting--;
	dr_unlock(&s->f.c->lock);
}

static void whoever_gives_up_last_commits_for_the_others(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct session turn = {0};

	a_turn_after(s, &turn);
	must(db_script(turn.db, "UPDATE containers SET objects = 77", &err));
	session_end(&turn);
	join_all(s, 1);
	assert_int_equal(s->writers[0].rc, 0);
	assert_int_equal(sums(s).objects, 1);
}

static void a_transaction_that_broke_down_is_told_to_whoever_waits_for_it(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct session turn = {0};

	a_turn_after(s, &turn);
	/* what SQLite does by itself when it has no memory left */
	must(db_script(turn.db, "ROLLBACK", &err));
	session_end(&turn);
	join_all(s, 1);
	assert_int_equal(s->writers[0].rc, -1);
	assert_int_equal(s->writers[0].err.code, DR_BUSY);
	assert_int_equal(sums(s).objects, 0);
	assert_int_equal(put_object(s->f.c, s->k.id, "next", 1, &s->writers[0].old), 0);
	assert_int_equal(sums(s).objects, 1);
}

/* ---- races ---- */

static void seed_of(char ret[static 16], size_t number)
{
	snprintf(ret, 16, "%zu", number);
}

/* hand_out: the blob of something that was replaced or deleted. */
static void hand_out(struct writer *w)
{
	struct digest d;
	char seed[16];

	for (size_t i = 0; i < WRITERS * ROUNDS; i++) {
		seed_of(seed, i);
		digest_of(seed, strlen(seed), &d);
		if (digest_equal(&d, &w->old.blob))
			w->handed_out[i]++;
	}
}

/* put_and_delete: the same name as everybody; every third time it is deleted. */
static void *put_and_delete(void *arg)
{
	struct writer *w = (struct writer *)arg;
	struct catalogue *c = w->shelf->f.c;
	char seed[16];
	int rc;

	for (unsigned i = 0; i < ROUNDS; i++) {
		seed_of(seed, w->number * ROUNDS + i);
		an_object(&w->o, w->shelf->k.id, "same", 7, seed);
		rc = catalogue_object_put(c, &w->o, &NO_LIMITS, false, &w->old, &w->err);
		if (rc > 0)
			hand_out(w);
		if (rc >= 0 && i % 3 == 0 &&
		    catalogue_object_delete(c, w->shelf->k.id, "same", &w->old, &w->err) == 0)
			hand_out(w);
		else if (w->err.code == DR_NOT_FOUND)
			dr_err_clear(&w->err);
	}
	return NULL;
}

static void every_blob_that_lost_is_handed_out_once(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct writer *w = s->writers;
	size_t kept = 0;
	int rc;

	start(s, WRITERS, put_and_delete);
	join_all(s, WRITERS);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(w[i].err.code, DR_OK);
	for (size_t b = 0; b < WRITERS * ROUNDS; b++) {
		size_t times = 0;
		struct digest d;
		char seed[16];

		for (size_t i = 0; i < WRITERS; i++)
			times += w[i].handed_out[b];
		seed_of(seed, b);
		digest_of(seed, strlen(seed), &d);
		must(rc = catalogue_object_has_blob(s->f.c, &d, &err));
		assert_int_equal(times + (size_t)rc, 1);
		kept += (size_t)rc;
	}
	assert_true(kept <= 1);
	assert_int_equal(sums(s).objects, kept);
	assert_int_equal(sums(s).bytes, kept * 7);
}

/* put_or_remove: the first removes the container as often as it is empty, the others fill it. */
static void *put_or_remove(void *arg)
{
	struct writer *w = (struct writer *)arg;
	struct catalogue *c = w->shelf->f.c;
	struct container k;

	for (unsigned i = 0; i < ROUNDS && !dr_err_is_set(&w->err); i++) {
		w->rc = catalogue_container_create(c, w->shelf->a.id, "box", "", NOW_US, &k,
						   &w->err);
		if (w->rc < 0)
			break;
		if (w->number == 0) {
			w->rc = catalogue_container_delete(c, k.id, &w->err);
		} else {
			an_object(&w->o, k.id, "x", 7, "x");
			w->rc = catalogue_object_put(c, &w->o, &NO_LIMITS, true, &w->old, &w->err);
			if (w->rc == 0)
				w->rc = catalogue_object_delete(c, k.id, "x", &w->old, &w->err);
		}
		if (w->err.code == DR_CONFLICT || w->err.code == DR_NOT_FOUND)
			dr_err_clear(&w->err);
	}
	return NULL;
}

static void a_put_never_lands_in_a_container_that_is_gone(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct dr_err e = DR_ERR_INIT;
	struct orbit_account account;
	int64_t rows = -1;

	start(s, WRITERS, put_or_remove);
	join_all(s, WRITERS);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(s->writers[i].err.code, DR_OK);
	assert_int_equal(
		db_number(s->f.c->writer, "SELECT COUNT(*) FROM objects", NULL, 0, &rows, &e), 1);
	assert_int_equal(rows, 0);
	must(catalogue_orbit_account(s->f.c, s->a.id, &account, &err));
	assert_int_equal(account.objects, 0);
	assert_true(account.containers <= 1);
}

static void a_quota_is_not_overrun_by_many_at_once(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	unsigned let_in = 0;

	s->limits.account_bytes = 20;
	start(s, WRITERS, put_one);
	join_all(s, WRITERS);
	for (unsigned i = 0; i < WRITERS; i++)
		let_in += s->writers[i].rc == 0 ? i + 1 : 0;
	assert_true(let_in <= 20);
	assert_int_equal(sums(s).bytes, let_in);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(writers_that_queue_share_one_commit),
		CASE(one_that_fails_takes_nothing_of_the_others_with_it),
		CASE(a_commit_that_fails_fails_for_all),
		CASE(whoever_gives_up_last_commits_for_the_others),
		CASE(a_transaction_that_broke_down_is_told_to_whoever_waits_for_it),
		CASE(every_blob_that_lost_is_handed_out_once),
		CASE(a_put_never_lands_in_a_container_that_is_gone),
		CASE(a_quota_is_not_overrun_by_many_at_once),
	};

	return cmocka_run_group_tests_name("catalogue-writers", tests, NULL, NULL);
}
