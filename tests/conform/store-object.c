/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/unit.h"
#include "store.h"
#include "store/object.h"

/* What every test has in its hands. */
struct bench {
	const struct store_driver *driver;
	struct store_fixture f;
	struct store *st;
	struct dr_err err;
};

#define OK(call)                                               \
	do {                                                   \
		if ((call) < 0)                                \
			fail_msg("%s: %s", #call, b->err.msg); \
	} while (0)
#define FAILS(call, want)                                                           \
	do {                                                                        \
		dr_err_clear(&b->err);                                              \
		assert_int_equal((call), -1);                                       \
		assert_string_equal(dr_code_name(b->err.code), dr_code_name(want)); \
		dr_err_clear(&b->err);                                              \
	} while (0)

#define ACCOUNT "acc-aaaaa"

static struct store_upload *begin(struct bench *b)
{
	struct store_upload *u = NULL;

	OK(store_upload_begin(b->st, ACCOUNT, &u, &b->err));
	return u;
}

static struct digest commit(struct bench *b, struct store_upload *u, uint64_t want_bytes)
{
	struct digest key;
	uint64_t bytes;

	OK(store_upload_commit(u, &key, &bytes, &b->err));
	assert_int_equal(bytes, want_bytes);
	return key;
}

/* kept: an object with these bytes, that a row names now. */
static struct digest kept(struct bench *b, const char *text)
{
	struct store_upload *u = begin(b);
	struct digest key;

	OK(store_upload_write(u, text, strlen(text), 0, &b->err));
	key = commit(b, u, strlen(text));
	store_upload_close(u, true);
	return key;
}

static struct store_object *opened(struct bench *b, const struct digest *key)
{
	struct store_object *o = NULL;
	uint64_t bytes;

	OK(store_object_open(b->st, ACCOUNT, key, &o, &bytes, &b->err));
	return o;
}

static bool there(struct bench *b, const struct digest *key)
{
	struct dr_err err = DR_ERR_INIT;
	struct store_object *o = NULL;
	uint64_t bytes;
	const bool is = store_object_open(b->st, ACCOUNT, key, &o, &bytes, &err) == 0;

	assert_true(is || err.code == DR_NOT_FOUND);
	store_object_close(o);
	return is;
}

/* Keys that each() shows, over all shards. */
struct seen {
	struct digest keys[8];
	uint64_t bytes[8];
	size_t count;
	unsigned shard;
};

static int see(void *arg, const char *domain, const struct digest *key, uint64_t bytes,
	       struct dr_err *err)
{
	struct seen *s = arg;

	(void)err;
	assert_string_equal(domain, ACCOUNT);
	assert_int_equal(key->b[0], s->shard);
	assert_true(s->count < 8);
	s->keys[s->count] = *key;
	s->bytes[s->count++] = bytes;
	return 0;
}

static struct seen seen(struct bench *b)
{
	struct seen s = {.count = 0};

	for (s.shard = 0; s.shard < 256; s.shard++)
		OK(store_object_each(b->st, s.shard, see, &s, &b->err));
	return s;
}

static int answer(void *arg, const struct digest *key, struct dr_err *err)
{
	const int *wanted = arg;

	(void)key;
	return *wanted < 0 ? dr_fail(err, DR_BUSY, "the catalogue is away") : *wanted;
}

static int reap(struct bench *b, const struct digest *key, int wanted)
{
	return store_object_reap(b->st, ACCOUNT, key, answer, &wanted, &b->err);
}

static void an_object_is_read_by_ranges(void **state)
{
	struct bench *b = *state;
	const struct digest key = kept(b, "0123456789");
	struct store_object *o = NULL;
	char got[16] = "";
	uint64_t bytes;

	OK(store_object_open(b->st, ACCOUNT, &key, &o, &bytes, &b->err));
	assert_int_equal(bytes, 10);
	assert_int_equal(store_object_read(o, got, sizeof got, 0, &b->err), 10);
	assert_memory_equal(got, "0123456789", 10);
	assert_int_equal(store_object_read(o, got, 3, 4, &b->err), 3);
	assert_memory_equal(got, "456", 3);
	assert_int_equal(store_object_read(o, got, 5, 8, &b->err), 2);
	assert_memory_equal(got, "89", 2);
	assert_int_equal(store_object_read(o, got, 5, 10, &b->err), 0);
	assert_int_equal(store_object_read(o, got, 5, UINT64_MAX, &b->err), 0);
	store_object_close(o);
}

static void an_empty_object_is_one(void **state)
{
	struct bench *b = *state;
	const struct digest key = kept(b, "");
	struct store_object *o = opened(b, &key);
	char got[1];

	assert_int_equal(store_object_read(o, got, 1, 0, &b->err), 0);
	store_object_close(o);
}

static void equal_objects_are_two(void **state)
{
	struct bench *b = *state;
	const struct digest one = kept(b, "same"), two = kept(b, "same");

	assert_false(digest_equal(&one, &two));
	OK(store_object_remove(b->st, ACCOUNT, &one, &b->err));
	assert_false(there(b, &one));
	assert_true(there(b, &two));
}

static void what_is_written_in_any_order_comes_out_in_order(void **state)
{
	struct bench *b = *state;
	struct store_upload *u = begin(b);
	struct store_object *o;
	struct digest key;
	char got[24];

	OK(store_upload_write(u, "tail", 4, 16, &b->err));
	OK(store_upload_write(u, "head", 4, 0, &b->err));
	OK(store_upload_write(u, "HE", 2, 0, &b->err));
	OK(store_upload_write(u, NULL, 0, 100, &b->err));
	assert_int_equal(store_upload_read(u, got, 8, 0, &b->err), 8);
	assert_memory_equal(got, "HEad\0\0\0\0", 8);
	assert_int_equal(store_upload_read(u, got, 8, 20, &b->err), 0);
	key = commit(b, u, 20);
	assert_int_equal(store_upload_read(u, got, sizeof got, 14, &b->err), 6);
	assert_memory_equal(got, "\0\0tail", 6);
	store_upload_close(u, true);
	o = opened(b, &key);
	assert_int_equal(store_object_read(o, got, sizeof got, 0, &b->err), 20);
	assert_memory_equal(got, "HEad\0\0\0\0\0\0\0\0\0\0\0\0tail", 20);
	store_object_close(o);
}

static void what_no_file_can_hold_is_refused(void **state)
{
	struct bench *b = *state;
	struct store_upload *u = begin(b);

	FAILS(store_upload_write(u, "x", 1, INT64_MAX, &b->err), DR_LIMIT);
	store_upload_close(u, false);
}

static void what_is_abandoned_leaves_nothing(void **state)
{
	struct bench *b = *state;
	struct store_upload *u = begin(b);
	struct digest key;

	OK(store_upload_write(u, "half", 4, 0, &b->err));
	store_upload_close(u, false);
	store_upload_close(NULL, false);
	u = begin(b);
	OK(store_upload_write(u, "whole", 5, 0, &b->err));
	key = commit(b, u, 5);
	store_upload_close(u, false);
	assert_false(there(b, &key));
	assert_int_equal(seen(b).count, 0);
}

static void what_is_being_written_is_not_shown(void **state)
{
	struct bench *b = *state;
	struct store_upload *u = begin(b);
	struct digest key;
	struct seen s;

	OK(store_upload_write(u, "text", 4, 0, &b->err));
	assert_int_equal(seen(b).count, 0);
	key = commit(b, u, 4);
	s = seen(b);
	assert_int_equal(s.count, 1);
	assert_int_equal(s.bytes[0], 4);
	assert_true(digest_equal(&s.keys[0], &key));
	store_upload_close(u, true);
}

static void domains_are_kept_apart(void **state)
{
	struct bench *b = *state;
	const struct digest key = kept(b, "mine");
	struct store_object *o = NULL;
	uint64_t bytes;

	FAILS(store_object_open(b->st, "acc-bbbbb", &key, &o, &bytes, &b->err), DR_NOT_FOUND);
	OK(store_object_remove(b->st, "acc-bbbbb", &key, &b->err));
	assert_true(there(b, &key));
}

static void a_reader_goes_on_reading_what_was_removed(void **state)
{
	struct bench *b = *state;
	const struct digest one = kept(b, "removed"), two = kept(b, "set aside");
	struct store_object *first = opened(b, &one), *second = opened(b, &two);
	char got[16];

	OK(store_object_remove(b->st, ACCOUNT, &one, &b->err));
	OK(store_object_remove(b->st, ACCOUNT, &one, &b->err));
	assert_int_equal(store_object_set_aside(b->st, ACCOUNT, &two, &b->err), 1);
	assert_int_equal(store_object_set_aside(b->st, ACCOUNT, &two, &b->err), 0);
	assert_false(there(b, &one));
	assert_false(there(b, &two));
	assert_int_equal(seen(b).count, 0);
	assert_int_equal(store_object_read(first, got, sizeof got, 0, &b->err), 7);
	assert_int_equal(store_object_read(second, got, sizeof got, 0, &b->err), 9);
	store_object_close(first);
	store_object_close(second);
}

static void a_sweeper_takes_what_no_row_names(void **state)
{
	struct bench *b = *state;
	const struct digest key = kept(b, "left behind");

	assert_int_equal(reap(b, &key, 1), 0);
	assert_true(there(b, &key));
	FAILS(reap(b, &key, -1), DR_BUSY);
	assert_true(there(b, &key));
	assert_int_equal(reap(b, &key, 0), 1);
	assert_false(there(b, &key));
	assert_int_equal(reap(b, &key, 0), 0);
}

static void a_sweeper_spares_what_is_about_to_get_its_row(void **state)
{
	struct bench *b = *state;
	struct store_upload *u = begin(b);
	struct digest key;

	OK(store_upload_write(u, "text", 4, 0, &b->err));
	key = commit(b, u, 4);
	assert_int_equal(reap(b, &key, 0), 0);
	store_upload_close(u, true);
	assert_int_equal(reap(b, &key, 1), 0);
	assert_true(there(b, &key));
}

/* Threads that upload, write the "row", let go, read, and delete row and object, while a sweeper
 * runs all the time. cmocka's assertions belong to the main thread, so workers count what went
 * wrong. */
#define THREADS 4
#define ROUNDS 40

struct catalogue {
	struct store *st;
	pthread_mutex_t lock;
	struct digest rows[THREADS]; /* each thread's one */
	bool there[THREADS];
	atomic_uint running;
	atomic_uint wrong;
};

struct one_writer {
	struct catalogue *c;
	unsigned number;
};

static void set_row(struct catalogue *c, unsigned number, const struct digest *key)
{
	pthread_mutex_lock(&c->lock);
	c->there[number] = key != NULL;
	if (key)
		c->rows[number] = *key;
	pthread_mutex_unlock(&c->lock);
}

static bool live_once(struct catalogue *c, unsigned number)
{
	struct store_upload *u = NULL;
	struct store_object *o = NULL;
	struct dr_err err = DR_ERR_INIT;
	struct digest key;
	uint64_t bytes = 0;
	char got[4];
	bool good;

	if (store_upload_begin(c->st, ACCOUNT, &u, &err) < 0 ||
	    store_upload_write(u, "text", 4, 0, &err) < 0 ||
	    store_upload_commit(u, &key, &bytes, &err) < 0) {
		store_upload_close(u, false);
		return false;
	}
	set_row(c, number, &key);
	store_upload_close(u, true);
	good = store_object_open(c->st, ACCOUNT, &key, &o, &bytes, &err) == 0 &&
	       store_object_read(o, got, sizeof got, 0, &err) == 4;
	store_object_close(o);
	set_row(c, number, NULL);
	return good && (number % 2 || store_object_remove(c->st, ACCOUNT, &key, &err) == 0);
}

static void *live(void *arg)
{
	const struct one_writer *w = arg;

	for (unsigned i = 0; i < ROUNDS; i++)
		if (!live_once(w->c, w->number))
			atomic_fetch_add(&w->c->wrong, 1);
	atomic_fetch_sub(&w->c->running, 1);
	return NULL;
}

static int has_row(void *arg, const struct digest *key, struct dr_err *err)
{
	struct catalogue *c = arg;
	bool found = false;

	(void)err;
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < THREADS; i++)
		found |= c->there[i] && digest_equal(&c->rows[i], key);
	pthread_mutex_unlock(&c->lock);
	return found;
}

static int reap_one(void *arg, const char *domain, const struct digest *key, uint64_t bytes,
		    struct dr_err *err)
{
	struct catalogue *c = arg;

	(void)bytes;
	return store_object_reap(c->st, domain, key, has_row, c, err) < 0 ? -1 : 0;
}

static void sweep(struct bench *b, struct catalogue *c)
{
	for (unsigned shard = 0; shard < 256; shard++)
		OK(store_object_each(b->st, shard, reap_one, c, &b->err));
}

static void no_object_with_a_row_is_lost_to_a_running_sweep(void **state)
{
	struct bench *b = *state;
	struct catalogue c = {.st = b->st, .lock = PTHREAD_MUTEX_INITIALIZER, .running = THREADS};
	struct one_writer writers[THREADS];
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < THREADS; i++) {
		writers[i] = (struct one_writer){&c, i};
		assert_int_equal(pthread_create(&threads[i], NULL, live, &writers[i]), 0);
	}
	do
		sweep(b, &c);
	while (atomic_load(&c.running) > 0);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(c.wrong, 0);
	/* Every other writer has left the removal to the sweeper. */
	sweep(b, &c);
	assert_int_equal(seen(b).count, 0);
}

static struct bench bench;

static int setup(void **state)
{
	const struct store_driver *driver = bench.driver;

	bench = (struct bench){.driver = driver};
	if (!driver->open(&bench.f))
		return -1;
	bench.st = bench.f.st;
	*state = &bench;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	bench.driver->close(&bench.f);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int store_conform_objects(const struct store_driver *driver)
{
	const struct CMUnitTest tests[] = {
		CASE(an_object_is_read_by_ranges),
		CASE(an_empty_object_is_one),
		CASE(equal_objects_are_two),
		CASE(what_is_written_in_any_order_comes_out_in_order),
		CASE(what_no_file_can_hold_is_refused),
		CASE(what_is_abandoned_leaves_nothing),
		CASE(what_is_being_written_is_not_shown),
		CASE(domains_are_kept_apart),
		CASE(a_reader_goes_on_reading_what_was_removed),
		CASE(a_sweeper_takes_what_no_row_names),
		CASE(a_sweeper_spares_what_is_about_to_get_its_row),
		CASE(no_object_with_a_row_is_lost_to_a_running_sweep),
	};

	bench.driver = driver;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
