/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ring/ring.h"
#include "unit.h"

struct pair {
	struct ring *producer;
	struct ring *consumer;
	uint32_t *words; /* the raw memory, as a lying peer sees it */
	size_t map_bytes;
};

static struct pair pair_open(unsigned slots, size_t bytes)
{
	struct dr_err err = DR_ERR_INIT;
	struct pair p = {0};
	int fd = ring_create(slots, bytes, &err);

	assert_true(fd >= 0);
	assert_int_equal(ring_attach(&p.producer, fd, &err), 0);
	assert_int_equal(ring_attach(&p.consumer, fd, &err), 0);
	p.map_bytes = 8192;
	p.words = mmap(NULL, p.map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(p.words != MAP_FAILED);
	close(fd);
	return p;
}

static void pair_close(struct pair *p)
{
	ring_detach(p->producer);
	ring_detach(p->consumer);
	munmap(p->words, p->map_bytes);
}

/* Words of the shared header, by the layout at its start: magic (8 bytes), slots, slot size,
 * published, released. */
#define WORD_PUBLISHED 4
#define WORD_RELEASED 5

static void items_arrive_in_order_with_their_lengths(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct pair p = pair_open(4, 4096);
	struct ring_item it;
	uint8_t *slot, *ahead;

	(void)state;
	assert_int_equal(ring_reserve(p.producer, &slot, &err), 0);
	assert_int_equal(ring_reserve(p.producer, &ahead, &err), 0);
	assert_ptr_equal(ahead, slot + 4096);
	memset(slot, 1, 10);
	memset(ahead, 2, 4096);
	ring_publish(p.producer, 10);
	ring_publish(p.producer, 4096);
	assert_int_equal(ring_publish_zero(p.producer, (uint64_t)1 << 40, &err), 0);
	assert_int_equal(ring_reserve(p.producer, &slot, &err), 0);
	memset(slot, 3, 4096);
	ring_publish_unused(p.producer, 77);
	ring_finish(p.producer, NULL, "format=raw\n");

	assert_int_equal(ring_take(p.consumer, &it, &err), 1);
	assert_int_equal(it.type, RING_DATA);
	assert_int_equal(it.len, 10);
	assert_int_equal(it.data[9], 1);
	ring_release(p.consumer);
	assert_int_equal(ring_take(p.consumer, &it, &err), 1);
	assert_int_equal(it.len, 4096);
	ring_release(p.consumer);
	assert_int_equal(ring_take(p.consumer, &it, &err), 1);
	assert_int_equal(it.type, RING_ZERO);
	assert_true(it.len == (uint64_t)1 << 40);
	ring_release(p.consumer);
	assert_int_equal(ring_take(p.consumer, &it, &err), 1);
	assert_int_equal(it.type, RING_ZERO);
	assert_int_equal(it.len, 77);
	assert_null(it.data);
	ring_release(p.consumer);
	assert_int_equal(ring_take(p.consumer, &it, &err), 0);
	char note[RING_NOTE_BYTES + 1];
	ring_note(p.consumer, note);
	assert_string_equal(note, "format=raw\n");
	pair_close(&p);
}

static void a_failure_travels_with_its_words_made_printable(void **state)
{
	struct dr_err err = DR_ERR_INIT, got = DR_ERR_INIT;
	struct pair p = pair_open(2, 4096);
	struct ring_item it;

	(void)state;
	dr_refuse(&err, DR_UNSUPPORTED, "qcow2-backing", "depends on \x1b[2J another file");
	ring_finish(p.producer, &err, NULL);
	assert_int_equal(ring_take(p.consumer, &it, &got), -1);
	assert_int_equal(got.code, DR_UNSUPPORTED);
	assert_string_equal(got.reason, "qcow2-backing");
	assert_string_equal(got.msg, "depends on ?[2J another file");
	pair_close(&p);
}

static void a_verdict_without_a_word_for_a_reason_is_none(void **state)
{
	struct dr_err err = DR_ERR_INIT, why = DR_ERR_INIT;
	struct pair p = pair_open(2, 4096);
	struct ring_item it;

	(void)state;
	dr_refuse(&why, DR_INVALID, "a: \"reason\"", "so");
	ring_finish(p.producer, &why, NULL);
	assert_int_equal(ring_take(p.consumer, &it, &err), -1);
	assert_int_equal(err.code, DR_CORRUPT);
	assert_string_equal(err.reason, "");
	pair_close(&p);
}

static void an_onlooker_sees_what_moves(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct pair p = pair_open(2, 4096);
	struct ring_item it;
	uint32_t published, waiting;
	uint8_t *slot;

	(void)state;
	assert_int_equal(ring_reserve(p.producer, &slot, &err), 0);
	ring_publish(p.producer, 1);
	assert_int_equal(ring_publish_zero(p.producer, 1, &err), 0);
	assert_int_equal(ring_take(p.consumer, &it, &err), 1);
	ring_look(p.consumer, &published, &waiting);
	assert_int_equal(published, 2);
	assert_int_equal(waiting, 2);
	ring_release(p.consumer);
	ring_look(p.producer, &published, &waiting);
	assert_int_equal(published, 2);
	assert_int_equal(waiting, 1);
	pair_close(&p);
}

static void an_abandoned_producer_stops(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct pair p = pair_open(2, 4096);
	uint8_t *slot;

	(void)state;
	ring_abandon(p.consumer);
	assert_int_equal(ring_reserve(p.producer, &slot, &err), -1);
	assert_int_equal(err.code, DR_CANCELLED);
	pair_close(&p);
}

static void a_lying_producer_is_corrupt(void **state)
{
	static const uint32_t lies[] = {3, 5, 0x80000000, UINT32_MAX};
	struct ring_item it;

	(void)state;
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		struct dr_err err = DR_ERR_INIT;
		struct pair p = pair_open(2, 4096);

		p.words[WORD_PUBLISHED] = lies[i];
		assert_int_equal(ring_take(p.consumer, &it, &err), -1);
		assert_int_equal(err.code, DR_CORRUPT);
		pair_close(&p);
	}
}

static void a_record_of_unknown_type_is_corrupt(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct pair p = pair_open(2, 4096);
	struct ring_item it;

	(void)state;
	p.words[WORD_PUBLISHED] = 1; /* its record is all zeros */
	assert_int_equal(ring_take(p.consumer, &it, &err), -1);
	assert_int_equal(err.code, DR_CORRUPT);
	pair_close(&p);
}

static void a_lying_consumer_is_corrupt(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct pair p = pair_open(2, 4096);
	uint8_t *slot;

	(void)state;
	p.words[WORD_RELEASED] = 1; /* nothing was published */
	assert_int_equal(ring_reserve(p.producer, &slot, &err), -1);
	assert_int_equal(err.code, DR_CORRUPT);
	pair_close(&p);
}

static void only_sealed_rings_attach(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct ring *r = NULL;
	int fd = memfd_create("not", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(ring_attach(&r, fd, &err), -1);
	close(fd);
}

struct feed {
	struct ring *ring;
	unsigned items;
};

static void *feeder(void *arg)
{
	struct feed *f = arg;
	struct dr_err err = DR_ERR_INIT;
	uint8_t *slot;

	for (unsigned i = 0; i < f->items; i++) {
		if (ring_reserve(f->ring, &slot, &err) < 0)
			abort();
		memcpy(slot, &i, sizeof i);
		ring_publish(f->ring, sizeof i + i % 1000);
	}
	ring_finish(f->ring, NULL, NULL);
	return NULL;
}

static void two_threads_lose_and_reorder_nothing(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct pair p = pair_open(4, 4096);
	struct feed f = {p.producer, 200000};
	struct ring_item it;
	pthread_t t;
	unsigned got;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, feeder, &f), 0);
	for (unsigned i = 0; i < f.items; i++) {
		assert_int_equal(ring_take(p.consumer, &it, &err), 1);
		memcpy(&got, it.data, sizeof got);
		assert_int_equal(got, i);
		assert_int_equal(it.len, sizeof i + i % 1000);
		ring_release(p.consumer);
	}
	assert_int_equal(ring_take(p.consumer, &it, &err), 0);
	pthread_join(t, NULL);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_arrive_in_order_with_their_lengths),
		cmocka_unit_test(a_failure_travels_with_its_words_made_printable),
		cmocka_unit_test(a_verdict_without_a_word_for_a_reason_is_none),
		cmocka_unit_test(an_onlooker_sees_what_moves),
		cmocka_unit_test(an_abandoned_producer_stops),
		cmocka_unit_test(a_lying_producer_is_corrupt),
		cmocka_unit_test(a_record_of_unknown_type_is_corrupt),
		cmocka_unit_test(a_lying_consumer_is_corrupt),
		cmocka_unit_test(only_sealed_rings_attach),
		cmocka_unit_test(two_threads_lose_and_reorder_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
