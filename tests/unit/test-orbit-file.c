/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects in files: what another process writes and the kernel sends. */
#include <string.h>

#include "../conform/store-temp.h"
#include "orbit-tenants.h"

#define HELLO_MD5 "5d41402abc4b2a76b9719d911017c592"

struct bench {
	struct orbit_tenants b;
	struct temp_store dir;
	struct store *mem;
};

static int setup(void **state)
{
	static struct bench bench;
	void *tenants = NULL;

	if (!temp_store_open(&bench.dir) || orbit_setup(&tenants) < 0)
		return -1;
	bench.b = *(struct orbit_tenants *)tenants;
	bench.b.o.library = &bench.b.t.l;
	bench.mem = bench.b.t.l.store;
	bench.b.t.l.store = bench.dir.st;
	*state = &bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	bench->b.t.l.store = bench->mem;
	tenants_done(&bench->b.t);
	temp_store_done(&bench->dir);
	return 0;
}

/* begin: an upload of "box/x" and what another process would write to. */
static struct orbit_upload *begin(struct bench *bench, int *ret_fd)
{
	const struct orbit_put put = put_of(&bench->b, "box", "x");
	struct orbit_upload *u = NULL;

	must(orbit_upload_begin(&bench->b.o, &bench->b.owner, &put, &u, &err));
	*ret_fd = orbit_upload_fd(u);
	assert_true(*ret_fd >= 0);
	return u;
}

static void another_process_may_write_an_upload(void **state)
{
	struct bench *bench = *state;
	struct orbit_object made;
	struct orbit_upload *u;
	int fd;

	box(&bench->b, "box", NULL);
	u = begin(bench, &fd);
	assert_int_equal(pwrite(fd, "lo", 2, 3), 2);
	assert_int_equal(pwrite(fd, "hel", 3, 0), 3);
	must(orbit_upload_written(u, NULL, &err));
	must(orbit_upload_finish(u, &made, &err));
	assert_string_equal(made.etag, HELLO_MD5);
	assert_content(&bench->b, "box", "x", "hello");
	u = begin(bench, &fd);
	assert_int_equal(pwrite(fd, "other", 5, 0), 5);
	must(orbit_upload_written(u, "795F3202B17CB6BC3D4B771D8C6C9EAF", &err));
	must(orbit_upload_finish(u, &made, &err));
	assert_string_equal(made.etag, "795f3202b17cb6bc3d4b771d8c6c9eaf");
	assert_content(&bench->b, "box", "x", "other");
	assert_int_equal(blobs(&bench->b), 1);
}

static void another_process_writes_no_more_than_a_quota_leaves(void **state)
{
	struct bench *bench = *state;
	struct orbit_upload *u;
	int fd;

	box(&bench->b, "box", "X-Container-Meta-Quota-Bytes: 4\n");
	u = begin(bench, &fd);
	assert_int_equal(orbit_upload_most(u), 4);
	assert_int_equal(pwrite(fd, "hello", 5, 0), 5);
	must_refuse(DR_LIMIT, "quota", orbit_upload_written(u, NULL, &err));
	orbit_upload_abandon(u);
	assert_int_equal(blobs(&bench->b), 0);
}

static void what_is_written_after_the_end_spoils_the_upload(void **state)
{
	struct bench *bench = *state;
	struct orbit_object made;
	struct orbit_upload *u;
	int fd;

	box(&bench->b, "box", NULL);
	u = begin(bench, &fd);
	assert_int_equal(pwrite(fd, "hello", 5, 0), 5);
	must(orbit_upload_written(u, NULL, &err));
	assert_int_equal(pwrite(fd, "!", 1, 5), 1);
	must_fail(DR_INVALID, orbit_upload_finish(u, &made, &err));
	assert_int_equal(blobs(&bench->b), 0);
}

/* The whole of a large object, as whoever sends files sees it. */
static void a_large_object_is_a_row_of_files(void **state)
{
	struct bench *bench = *state;
	struct orbit_tenants *b = &bench->b;
	struct orbit_put put = put_of(b, "box", "big");
	static const char json[] =
		"[{\"path\":\"box/s1\",\"range\":\"1-3\"},{\"path\":\"box/s2\"}]";
	dr_autobuf struct buf errors = BUF_INIT;
	struct orbit_reader *r = NULL;
	struct orbit_object seen;
	char text[32] = "";
	uint64_t pos = 0;

	box(b, "box", NULL);
	keep(b, "box", "s1", "hello");
	keep(b, "box", "s2", " world");
	must(orbit_static_put(&b->o, &b->owner, &put, json, strlen(json), &seen, &errors, &err));
	must(orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "big", ORBIT_CONTENT, &seen, &r,
			       &err));
	while (pos < seen.bytes) {
		uint64_t at, len;
		int fd;

		assert_true(orbit_reader_file(r, pos, &fd, &at, &len));
		assert_true(len > 0 && len <= seen.bytes - pos);
		assert_int_equal(pread(fd, text + pos, len, (off_t)at), len);
		pos += len;
	}
	assert_string_equal(text, "ell world");
	assert_false(orbit_reader_file(r, pos, &(int){0}, &(uint64_t){0}, &(uint64_t){0}));
	orbit_reader_close(r);
}

/* hole: "box/x" of `bytes`, "a" and "yz" at its ends and nothing between. Its MD5 is made up. */
static void hole(struct bench *bench, uint64_t bytes)
{
	struct orbit_object made;
	struct orbit_upload *u;
	int fd;

	u = begin(bench, &fd);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	assert_int_equal(pwrite(fd, "a", 1, 0), 1);
	assert_int_equal(pwrite(fd, "yz", 2, (off_t)bytes - 2), 2);
	must(orbit_upload_written(u, HELLO_MD5, &err));
	must(orbit_upload_finish(u, &made, &err));
}

/* repeat: a large object, `count` times the same segment. */
static void repeat(struct orbit_tenants *b, const char *name, const char *segment, size_t count)
{
	const struct orbit_put put = put_of(b, "box", name);
	dr_autobuf struct buf json = BUF_INIT, errors = BUF_INIT;
	struct orbit_object made;

	for (size_t i = 0; i < count; i++)
		buf_printf(&json, "%c{\"path\":\"box/%s\"}", i ? ',' : '[', segment);
	buf_puts(&json, "]");
	must(orbit_static_put(&b->o, &b->owner, &put, buf_str(&json), json.len, &made, &errors,
			      &err));
}

static void assert_reads(struct orbit_reader *r, uint64_t pos, const char *bytes, size_t n)
{
	char text[4];
	ssize_t got = -1;

	must(got = orbit_reader_read(r, text, sizeof text, pos, &err));
	assert_int_equal(got, n);
	assert_memory_equal(text, bytes, n);
}

/* Twice the most segments of the largest size. */
static void more_than_five_tebibytes_are_read_to_the_last_byte(void **state)
{
	struct bench *bench = *state;
	struct orbit_tenants *b = &bench->b;
	const uint64_t segment = b->o.object_bytes, whole = 2 * segment * ORBIT_SEGMENTS;
	struct orbit_reader *r = NULL;
	struct orbit_object seen;
	uint64_t at = 0, len = 0;
	int fd;

	box(b, "box", NULL);
	hole(bench, segment);
	repeat(b, "half", "x", ORBIT_SEGMENTS);
	repeat(b, "whole", "half", 2);
	must(orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "whole", ORBIT_CONTENT, &seen,
			       &r, &err));
	assert_int_equal(seen.bytes, (uint64_t)10000 << 30);
	assert_int_equal(seen.bytes, whole);
	assert_reads(r, 1700 * segment - 1, "z", 1);
	assert_reads(r, 1700 * segment, "a\0\0\0", 4);
	assert_reads(r, whole - 2, "yz", 2);
	assert_true(orbit_reader_file(r, whole - 1, &fd, &at, &len));
	assert_int_equal(at, segment - 1);
	assert_int_equal(len, 1);
	assert_false(orbit_reader_file(r, whole, &fd, &at, &len));
	orbit_reader_close(r);
}

int main(void)
{
#define IN_FILES(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_FILES(another_process_may_write_an_upload),
		IN_FILES(another_process_writes_no_more_than_a_quota_leaves),
		IN_FILES(what_is_written_after_the_end_spoils_the_upload),
		IN_FILES(a_large_object_is_a_row_of_files),
		IN_FILES(more_than_five_tebibytes_are_read_to_the_last_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
