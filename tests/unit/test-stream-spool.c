/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stream/spool.h"
#include "util/checked.h"
#include "util/io.h"

#include "util/banned.h"

#define MIB ((size_t)1 << 20)
#define WINDOW (SPOOL_PAGES * SPOOL_PAGE_BYTES)

/* Any number of bytes that depend on their place; fails or goes on for ever if told to. */
struct source {
	struct stream base;
	uint64_t left; /* UINT64_MAX: endless */
	uint64_t pos;
	bool fails;
};

static uint8_t byte_at(uint64_t pos)
{
	return (uint8_t)(pos * 31 + pos / 251);
}

static ssize_t source_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct source *src = (struct source *)s;
	uint8_t *p = buf;

	if (src->left == 0 && src->fails)
		return dr_refuse(err, DR_REMOTE, "source-protocol", "the source has gone");
	len = dr_min_u64(len, src->left);
	for (size_t i = 0; i < len; i++)
		p[i] = byte_at(src->pos++);
	if (src->left != UINT64_MAX)
		src->left -= len;
	return (ssize_t)len;
}

static void source_close(struct stream *s)
{
	free(s);
}

static const struct stream_ops source_ops = {
	.name = "source", .read = source_read, .close = source_close};

static struct stream *new_source(uint64_t bytes, bool fails, size_t fragment)
{
	struct source *src = calloc(1, sizeof *src);

	assert_non_null(src);
	stream_init(&src->base, &source_ops);
	src->base.fragment = fragment;
	src->left = bytes;
	src->fails = fails;
	return &src->base;
}

struct fixture {
	int fd;
	struct spool *sp;
	struct dr_err err;
};

static struct fixture set_up(uint64_t max_bytes)
{
	struct fixture f = {.fd = memfd_create("scratch", MFD_CLOEXEC)};

	assert_true(f.fd >= 0);
	assert_int_equal(spool_open(&f.sp, f.fd, max_bytes, &f.err), 0);
	return f;
}

static void tear_down(struct fixture *f)
{
	spool_close(f->sp);
	close(f->fd);
}

static void any_byte_is_readable_in_any_order(void **state)
{
	static const size_t fragments[] = {0, 1000, 65537};
	uint8_t *buf = malloc(MIB);

	(void)state;
	assert_non_null(buf);
	for (size_t i = 0; i < sizeof fragments / sizeof *fragments; i++) {
		struct fixture f = set_up(STREAM_UNLIMITED);

		spool_start(f.sp, new_source(3 * MIB + 17, false, fragments[i]));
		for (uint64_t off = 3 * MIB; off > 0; off -= MIB / 2) {
			size_t len = dr_min_u64(MIB, 3 * MIB + 17 - off);

			assert_int_equal(stream_pread(spool_stream(f.sp), buf, len, off, &f.err),
					 0);
			for (size_t k = 0; k < len; k++)
				if (buf[k] != byte_at(off + k))
					fail_msg("byte %zu of a read at %zu", k, (size_t)off);
		}
		assert_int_equal(spool_length(f.sp, &f.err), 3 * MIB + 17);
		tear_down(&f);
	}
	free(buf);
}

static void its_view_is_a_plain_stream_too(void **state)
{
	struct fixture f = set_up(STREAM_UNLIMITED);
	uint64_t pos = 0;
	uint8_t buf[999];
	ssize_t n;

	(void)state;
	spool_start(f.sp, new_source(100000, false, 333));
	while ((n = stream_read(spool_stream(f.sp), buf, sizeof buf, &f.err)) > 0)
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], byte_at(pos++));
	assert_int_equal(n, 0);
	assert_int_equal(pos, 100000);
	tear_down(&f);
}

static void past_the_end_is_truncated(void **state)
{
	static const uint64_t offs[] = {1, 4000, 4097, UINT64_MAX, UINT64_MAX - 4094};
	struct fixture f = set_up(STREAM_UNLIMITED);
	uint8_t buf[4096];

	(void)state;
	spool_start(f.sp, new_source(4096, false, 100));
	for (size_t i = 0; i < sizeof offs / sizeof *offs; i++) {
		assert_int_equal(stream_pread(spool_stream(f.sp), buf, sizeof buf, offs[i], &f.err),
				 -1);
		assert_string_equal(f.err.reason, "truncated");
		dr_err_clear(&f.err);
	}
	assert_int_equal(stream_pread(spool_stream(f.sp), buf, 0, 4096, &f.err), 0);
	assert_int_equal(stream_pread(spool_stream(f.sp), buf, sizeof buf, 0, &f.err), 0);
	tear_down(&f);
}

static void an_empty_input_ends_at_0(void **state)
{
	struct fixture f = set_up(STREAM_UNLIMITED);
	uint64_t landed = 7;
	bool ended = true;

	(void)state;
	assert_int_equal(spool_landed(f.sp, &ended), 0);
	assert_false(ended);
	spool_start(f.sp, new_source(0, false, 0));
	assert_int_equal(spool_length(f.sp, &f.err), 0);
	assert_int_equal(spool_landed(f.sp, &ended), 0);
	assert_true(ended);
	assert_int_equal(spool_await(f.sp, 1, &landed, &f.err), 0);
	assert_int_equal(landed, 0);
	tear_down(&f);
}

struct reader {
	struct spool *sp;
	uint64_t off;
	uint8_t got;
	int rc;
	struct dr_err err;
};

static void *read_one(void *arg)
{
	struct reader *r = arg;

	r->rc = stream_pread(spool_stream(r->sp), &r->got, 1, r->off, &r->err);
	return NULL;
}

static void readers_wait_until_their_bytes_land(void **state)
{
	struct fixture f = set_up(STREAM_UNLIMITED);
	struct reader readers[3] = {
		{.sp = f.sp, .off = 0}, {.sp = f.sp, .off = 5}, {.sp = f.sp, .off = 6}};
	pthread_t threads[3];
	struct stream *in = NULL;
	uint64_t landed;
	bool ended;
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(stream_fd_open(&in, p[0], &f.err), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_one, &readers[i]), 0);
	spool_start(f.sp, in);
	assert_int_equal(dr_write_all(p[1], "abc", 3, &f.err), 0);
	assert_int_equal(pthread_join(threads[0], NULL), 0);
	assert_int_equal(readers[0].got, 'a');
	assert_int_equal(spool_await(f.sp, 3, &landed, &f.err), 0);
	assert_int_equal(landed, 3);
	assert_int_equal(spool_landed(f.sp, &ended), 3);
	assert_false(ended);
	assert_int_equal(dr_write_all(p[1], "def", 3, &f.err), 0);
	assert_int_equal(pthread_join(threads[1], NULL), 0);
	assert_int_equal(readers[1].got, 'f');
	close(p[1]);
	assert_int_equal(pthread_join(threads[2], NULL), 0);
	assert_int_equal(readers[2].rc, -1);
	assert_string_equal(readers[2].err.reason, "truncated");
	tear_down(&f);
}

static void a_failure_reaches_who_waits_and_keeps_what_landed(void **state)
{
	struct fixture f = set_up(STREAM_UNLIMITED);
	struct dr_err err = DR_ERR_INIT;
	uint64_t landed;
	uint8_t b;

	(void)state;
	spool_start(f.sp, new_source(1000, true, 0));
	assert_int_equal(spool_length(f.sp, &err), -1);
	assert_string_equal(err.reason, "source-protocol");
	assert_string_equal(err.msg, "the source has gone");
	dr_err_clear(&err);
	assert_int_equal(spool_await(f.sp, 1001, &landed, &err), -1);
	assert_int_equal(err.code, DR_REMOTE);
	dr_err_clear(&err);
	assert_int_equal(stream_pread(spool_stream(f.sp), &b, 1, 1000, &err), -1);
	assert_string_equal(err.reason, "source-protocol");
	assert_int_equal(stream_pread(spool_stream(f.sp), &b, 1, 999, &f.err), 0);
	assert_int_equal(b, byte_at(999));
	tear_down(&f);
}

static void the_limit_is_a_limit(void **state)
{
	struct fixture f = set_up(10000);

	(void)state;
	spool_start(f.sp, new_source(10000, false, 0));
	assert_int_equal(spool_length(f.sp, &f.err), 10000);
	assert_int_equal(spool_max_bytes(f.sp), 10000);
	tear_down(&f);
	f = set_up(10000);
	spool_start(f.sp, new_source(UINT64_MAX, false, 0));
	assert_int_equal(spool_length(f.sp, &f.err), -1);
	assert_int_equal(f.err.code, DR_LIMIT);
	assert_string_equal(f.err.reason, "too-large");
	assert_true(lseek(f.fd, 0, SEEK_END) <= 10000);
	tear_down(&f);
}

static void a_scratch_file_that_cannot_be_written_fails(void **state)
{
	struct fixture f = {.fd = open("/dev/null", O_RDONLY | O_CLOEXEC)};

	(void)state;
	assert_int_equal(spool_open(&f.sp, f.fd, STREAM_UNLIMITED, &f.err), 0);
	spool_start(f.sp, new_source(WINDOW + 1, false, 0));
	assert_int_equal(spool_length(f.sp, &f.err), -1);
	assert_int_equal(f.err.code, DR_IO);
	tear_down(&f);
}

static void read_right(struct fixture *f, uint64_t off, size_t len)
{
	uint8_t *buf = malloc(len);

	assert_non_null(buf);
	assert_int_equal(stream_pread(spool_stream(f->sp), buf, len, off, &f->err), 0);
	for (size_t k = 0; k < len; k++)
		if (buf[k] != byte_at(off + k))
			fail_msg("byte %zu of a read at %zu", k, (size_t)off);
	free(buf);
}

static void what_is_released_in_time_is_never_written(void **state)
{
	static const size_t steps[] = {65536, 65536, 1000, 130072, 262144 + 7};
	struct fixture f = set_up(STREAM_UNLIMITED);
	const uint64_t total = 3 * WINDOW + 4321;
	uint64_t off = 0;
	size_t n;

	(void)state;
	spool_start(f.sp, new_source(total, false, 0));
	for (size_t i = 0; off < total; off += n, i++) {
		n = (size_t)dr_min_u64(steps[i % 5], total - off);
		read_right(&f, off, n);
		spool_release(f.sp, off, n);
	}
	assert_int_equal(spool_length(f.sp, &f.err), total);
	assert_int_equal(spool_written(f.sp), 0);
	assert_int_equal(lseek(f.fd, 0, SEEK_END), 0);
	tear_down(&f);
}

/* Every fourth page keeps a byte, as one with a table does. */
static void what_is_not_released_can_be_read_again(void **state)
{
	struct fixture f = set_up(STREAM_UNLIMITED);
	const uint64_t pages = 3 * SPOOL_PAGES;

	(void)state;
	spool_start(f.sp, new_source(pages * SPOOL_PAGE_BYTES, false, 0));
	for (uint64_t p = 0; p < pages; p++) {
		read_right(&f, p * SPOOL_PAGE_BYTES, SPOOL_PAGE_BYTES);
		spool_release(f.sp, p * SPOOL_PAGE_BYTES, SPOOL_PAGE_BYTES - (p % 4 == 0));
	}
	for (uint64_t p = 0; p < pages; p += 4)
		read_right(&f, (p + 1) * SPOOL_PAGE_BYTES - 1, 1);
	assert_true(spool_written(f.sp) > 0);
	assert_true(spool_written(f.sp) <= pages / 4 * SPOOL_PAGE_BYTES);
	tear_down(&f);
}

static void what_was_dropped_is_not_made_up(void **state)
{
	struct fixture f = set_up(STREAM_UNLIMITED);
	uint8_t buf[16];

	(void)state;
	spool_start(f.sp, new_source(2 * WINDOW, false, 0));
	read_right(&f, SPOOL_PAGE_BYTES, SPOOL_PAGE_BYTES);
	spool_release(f.sp, SPOOL_PAGE_BYTES, SPOOL_PAGE_BYTES);
	assert_int_equal(spool_length(f.sp, &f.err), 2 * WINDOW);
	assert_int_equal(spool_held(f.sp, SPOOL_PAGE_BYTES - 9, 16), 9);
	assert_int_equal(spool_held(f.sp, SPOOL_PAGE_BYTES, 16), 0);
	assert_int_equal(spool_held(f.sp, 2 * SPOOL_PAGE_BYTES, WINDOW), WINDOW);
	assert_int_equal(
		stream_pread(spool_stream(f.sp), buf, sizeof buf, SPOOL_PAGE_BYTES - 9, &f.err),
		-1);
	assert_int_equal(f.err.code, DR_CONFLICT);
	tear_down(&f);
}

/* The window fills up, and then nothing is taken until the reader moves. */
static void the_input_waits_for_a_reader_on_its_way(void **state)
{
	struct fixture f = set_up(STREAM_UNLIMITED);
	struct source *src = (struct source *)new_source(UINT64_MAX, false, 0);
	uint64_t landed;
	bool ended;

	(void)state;
	spool_start(f.sp, &src->base);
	assert_int_equal(spool_await(f.sp, WINDOW, &landed, &f.err), 0);
	for (unsigned i = 0; i < 20; i++) {
		usleep(1000);
		assert_int_equal(spool_landed(f.sp, &ended), WINDOW);
	}
	spool_release(f.sp, 0, SPOOL_PAGE_BYTES);
	while (spool_landed(f.sp, &ended) == WINDOW)
		usleep(1000);
	assert_true(spool_landed(f.sp, &ended) <= WINDOW + SPOOL_PAGE_BYTES);
	assert_int_equal(spool_written(f.sp), 0);
	tear_down(&f);
}

struct releaser {
	struct fixture *f;
	uint64_t first, step;
};

static void *read_and_release(void *arg)
{
	const struct releaser *r = arg;

	for (uint64_t off = r->first; off < 4 * WINDOW; off += r->step) {
		struct reader one = {.sp = r->f->sp, .off = off};

		read_one(&one);
		if (one.rc < 0 || one.got != byte_at(off))
			return arg;
		spool_release(one.sp, off, 1);
	}
	return NULL;
}

static void readers_on_several_threads_do_not_meet(void **state)
{
	struct fixture f = set_up(STREAM_UNLIMITED);
	struct releaser r[3] = {{&f, 0, 4099}, {&f, 1, 8192}, {&f, 2, 65521}};
	pthread_t threads[3];
	void *bad;

	(void)state;
	spool_start(f.sp, new_source(4 * WINDOW, false, 0));
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_and_release, &r[i]), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	tear_down(&f);
}

static void it_closes_before_and_during_its_work(void **state)
{
	struct fixture f = set_up(STREAM_UNLIMITED);
	uint64_t landed;

	(void)state;
	tear_down(&f);
	f = set_up(STREAM_UNLIMITED);
	spool_start(f.sp, new_source(UINT64_MAX, false, 4096));
	assert_int_equal(spool_await(f.sp, 1, &landed, &f.err), 0);
	tear_down(&f);
	spool_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_byte_is_readable_in_any_order),
		cmocka_unit_test(its_view_is_a_plain_stream_too),
		cmocka_unit_test(past_the_end_is_truncated),
		cmocka_unit_test(an_empty_input_ends_at_0),
		cmocka_unit_test(readers_wait_until_their_bytes_land),
		cmocka_unit_test(a_failure_reaches_who_waits_and_keeps_what_landed),
		cmocka_unit_test(the_limit_is_a_limit),
		cmocka_unit_test(a_scratch_file_that_cannot_be_written_fails),
		cmocka_unit_test(what_is_released_in_time_is_never_written),
		cmocka_unit_test(what_is_not_released_can_be_read_again),
		cmocka_unit_test(what_was_dropped_is_not_made_up),
		cmocka_unit_test(the_input_waits_for_a_reader_on_its_way),
		cmocka_unit_test(readers_on_several_threads_do_not_meet),
		cmocka_unit_test(it_closes_before_and_during_its_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
