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

int main(void)
{
#define IN_FILES(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		IN_FILES(another_process_may_write_an_upload),
		IN_FILES(another_process_writes_no_more_than_a_quota_leaves),
		IN_FILES(what_is_written_after_the_end_spoils_the_upload),
		IN_FILES(a_large_object_is_a_row_of_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
