/* SPDX-License-Identifier: Apache-2.0
 *
 * A source that is handed over through a pipe. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ingest/feed.h"
#include "unit.h"
#include "util/checked.h"
#include "util/cleanup.h"

#define FILE_AT 1000     /* where the file's part begins in the source, */
#define FILE_SKIP 500    /* and in the file */
#define BYTES 3000000ULL /* more than the pipe holds */

/* A source whose first bytes are in no file. */
struct made {
	uint8_t *content;
	int fd;
	bool broken;
};

static ssize_t made_read(void *arg, void *buf, size_t len, uint64_t pos, struct dr_err *err)
{
	struct made *m = arg;
	size_t n = (size_t)dr_min_u64(dr_min_u64(len, 300), BYTES - pos);

	if (m->broken)
		return dr_fail(err, DR_CORRUPT, "a damaged chunk");
	memcpy(buf, m->content + pos, n);
	return (ssize_t)n;
}

static bool made_file(void *arg, uint64_t pos, int *ret_fd, uint64_t *ret_at, uint64_t *ret_len)
{
	struct made *m = arg;

	if (pos < FILE_AT)
		return false;
	*ret_fd = m->fd;
	*ret_at = pos - FILE_AT + FILE_SKIP;
	*ret_len = BYTES - pos;
	return true;
}

static struct import_source make(struct made *m)
{
	m->content = malloc(BYTES);
	assert_non_null(m->content);
	for (size_t i = 0; i < BYTES; i++)
		m->content[i] = (uint8_t)(i * 2654435761U >> 13);
	m->fd = memfd_create("source", MFD_CLOEXEC);
	assert_true(m->fd >= 0);
	for (size_t i = FILE_AT; i < BYTES;) {
		ssize_t n =
			pwrite(m->fd, m->content + i, BYTES - i, (off_t)(i - FILE_AT + FILE_SKIP));

		assert_true(n > 0);
		i += (size_t)n;
	}
	return (struct import_source){
		.bytes = BYTES, .read = made_read, .file = made_file, .arg = m};
}

static void made_done(struct made *m)
{
	free(m->content);
	close(m->fd);
}

static struct feed *start(const struct import_source *s, int *ret_in)
{
	struct dr_err err = DR_ERR_INIT;
	struct feed *f = NULL;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(feed_start(&f, s, p[1], &err), 0);
	*ret_in = p[0];
	return f;
}

static size_t drain(int in, uint8_t *ret, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(in, ret + len, size - len)) > 0)
		len += (size_t)n;
	assert_int_equal(n, 0);
	close(in);
	return len;
}

static void every_byte_arrives_whether_it_is_in_a_file_or_not(void **state)
{
	dr_autofree uint8_t *got = malloc(BYTES + 1);
	struct dr_err err = DR_ERR_INIT;
	struct made m = {0};
	struct import_source s = make(&m);
	int in;
	struct feed *f = start(&s, &in);

	(void)state;
	assert_non_null(got);
	assert_int_equal(drain(in, got, BYTES + 1), BYTES);
	assert_memory_equal(got, m.content, BYTES);
	assert_int_equal(feed_end(f, &err), 0);
	made_done(&m);
}

static void nothing_but_the_source_arrives_of_a_longer_file(void **state)
{
	dr_autofree uint8_t *got = malloc(BYTES);
	struct dr_err err = DR_ERR_INIT;
	struct made m = {0};
	struct import_source s = make(&m);
	struct feed *f;
	int in;

	(void)state;
	assert_non_null(got);
	s.bytes = 2000;
	f = start(&s, &in);
	assert_int_equal(drain(in, got, BYTES), 2000);
	assert_memory_equal(got, m.content, 2000);
	assert_int_equal(feed_end(f, &err), 0);
	made_done(&m);
}

static void a_reader_that_goes_away_ends_it_without_a_failure(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct made m = {0};
	struct import_source s = make(&m);
	uint8_t byte;
	int in;
	struct feed *f = start(&s, &in);

	(void)state;
	assert_int_equal(read(in, &byte, 1), 1);
	close(in);
	assert_int_equal(feed_end(f, &err), 0);
	made_done(&m);
}

static void what_cannot_be_read_is_told(void **state)
{
	uint8_t got[16];
	struct dr_err err = DR_ERR_INIT;
	struct made m = {.broken = true};
	struct import_source s = make(&m);
	int in;
	struct feed *f = start(&s, &in);

	(void)state;
	assert_int_equal(drain(in, got, sizeof got), 0);
	assert_int_equal(feed_end(f, &err), -1);
	assert_int_equal(err.code, DR_CORRUPT);
	made_done(&m);
}

static void a_file_that_has_become_shorter_is_a_failure(void **state)
{
	dr_autofree uint8_t *got = malloc(BYTES);
	struct dr_err err = DR_ERR_INIT;
	struct made m = {0};
	struct import_source s = make(&m);
	struct feed *f;
	int in;

	(void)state;
	assert_non_null(got);
	assert_int_equal(ftruncate(m.fd, FILE_SKIP + 1000), 0);
	f = start(&s, &in);
	assert_int_equal(drain(in, got, BYTES), FILE_AT + 1000);
	assert_int_equal(feed_end(f, &err), -1);
	assert_int_equal(err.code, DR_IO);
	made_done(&m);
}

static void a_feed_that_never_was_ends_well(void **state)
{
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(feed_end(NULL, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_arrives_whether_it_is_in_a_file_or_not),
		cmocka_unit_test(nothing_but_the_source_arrives_of_a_longer_file),
		cmocka_unit_test(a_reader_that_goes_away_ends_it_without_a_failure),
		cmocka_unit_test(what_cannot_be_read_is_told),
		cmocka_unit_test(a_file_that_has_become_shorter_is_a_failure),
		cmocka_unit_test(a_feed_that_never_was_ends_well),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
