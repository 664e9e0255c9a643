/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies and renames. */
#include <string.h>

#include "orbit-tenants.h"

static int copy_as(struct orbit_tenants *b, const struct orbit_caller *c,
		   const struct orbit_copy *from, const struct orbit_put *put,
		   struct orbit_object *made, struct dr_err *err)
{
	return orbit_object_copy(&b->o, c, from, put, made, err);
}

static struct orbit_copy copy_of(const struct orbit_tenants *b, const char *container,
				 const char *name)
{
	return (struct orbit_copy){.account = b->t.a.id, .container = container, .name = name};
}

static void two_boxes(struct orbit_tenants *b)
{
	box(b, "from", NULL);
	box(b, "to", NULL);
}

/* ---- copies ---- */

static void a_copy_has_the_bytes_type_and_metadata_of_its_source(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put source = put_of(b, "from", "a.html"), put = put_of(b, "to", "b");
	const struct orbit_copy from = copy_of(b, "from", "a.html");
	struct orbit_object made, seen;

	two_boxes(b);
	source.meta = "X-Object-Meta-A: 1\nX-Object-Meta-B: 2\n";
	source.delete_at = dr_wall() + 1000;
	must(upload(b, &b->owner, &source, "hello", 5, &made, &err));
	put.meta = "X-Object-Meta-B: 3\n";
	must(copy_as(b, &b->owner, &from, &put, &made, &err));
	assert_content(b, "to", "b", "hello");
	free(get(b, &b->owner, "to", "b", &seen));
	assert_string_equal(seen.row.content_type, "text/html");
	assert_string_equal(seen.row.meta, "X-Object-Meta-A: 1\nX-Object-Meta-B: 3\n");
	assert_int_equal(seen.row.delete_at, source.delete_at);
}

static void a_fresh_copy_has_only_what_it_is_given(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put source = put_of(b, "from", "a"), put = put_of(b, "to", "b");
	struct orbit_copy from = copy_of(b, "from", "a");
	struct orbit_object made;

	two_boxes(b);
	source.meta = "X-Object-Meta-A: 1\n";
	must(upload(b, &b->owner, &source, "hello", 5, &made, &err));
	from.fresh = true;
	put.meta = "X-Object-Meta-B: 3\n";
	put.content_type = "text/x";
	must(copy_as(b, &b->owner, &from, &put, &made, &err));
	assert_string_equal(made.row.meta, "X-Object-Meta-B: 3\n");
	assert_string_equal(made.row.content_type, "text/x");
}

static void an_object_can_be_copied_onto_itself(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "from", "a");
	const struct orbit_copy from = copy_of(b, "from", "a");
	struct orbit_object made;

	two_boxes(b);
	keep(b, "from", "a", "hello");
	put.meta = "X-Object-Meta-A: 1\n";
	must(copy_as(b, &b->owner, &from, &put, &made, &err));
	assert_content(b, "from", "a", "hello");
	assert_int_equal(blobs(b), 1);
}

static void a_copy_needs_reading_here_and_writing_there(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_copy from = copy_of(b, "from", "a");
	const struct orbit_put put = put_of(b, "to", "b");
	const struct orbit_caller holder = {.grant = TEMPURL_BY_ACCOUNT,
					    .grant_account = b->t.a.id,
					    .grant_container = "to",
					    .grant_get = true,
					    .grant_put = true};
	struct orbit_object made;

	two_boxes(b);
	keep(b, "from", "a", "hello");
	must_fail(DR_DENIED, copy_as(b, &b->stranger, &from, &put, &made, &err));
	box(b, "to", "X-Container-Write: *:*\n");
	must_fail(DR_DENIED, copy_as(b, &b->stranger, &from, &put, &made, &err));
	box(b, "from", "X-Container-Read: .r:*\n");
	must(copy_as(b, &b->stranger, &from, &put, &made, &err));
	box(b, "to", "X-Container-Write: \n");
	must_fail(DR_DENIED, copy_as(b, &b->stranger, &from, &put, &made, &err));
	must_fail(DR_UNAUTHENTICATED, copy_as(b, &b->anonymous, &from, &put, &made, &err));
	must_fail(DR_UNAUTHENTICATED, copy_as(b, &holder, &from, &put, &made, &err));
}

static void a_copy_of_a_large_object_is_one_object_or_one_manifest(void **state)
{
	static const char json[] =
		"[{\"path\":\"from/s1\"},{\"path\":\"from/s2\",\"range\":\"0-1\"}]";
	struct orbit_tenants *b = *state;
	struct orbit_put slo = put_of(b, "from", "big"), dlo = put_of(b, "from", "dlo");
	struct orbit_put put = put_of(b, "to", "b");
	struct orbit_copy from = copy_of(b, "from", "big");
	dr_autobuf struct buf errors = BUF_INIT;
	struct orbit_object source, made;

	two_boxes(b);
	keep(b, "from", "s1", "hello");
	keep(b, "from", "s2", "world");
	must(orbit_static_put(&b->o, &b->owner, &slo, json, strlen(json), &source, &errors, &err));
	dlo.meta = "X-Object-Manifest: from/s\n";
	must(upload(b, &b->owner, &dlo, "", 0, &made, &err));

	must(copy_as(b, &b->owner, &from, &put, &made, &err));
	assert_int_equal(made.row.kind, OBJECT_PLAIN);
	assert_content(b, "to", "b", "hellowo");
	from.manifest = true;
	must(copy_as(b, &b->owner, &from, &put, &made, &err));
	assert_int_equal(made.row.kind, OBJECT_STATIC);
	assert_string_equal(made.etag, source.etag);
	assert_content(b, "to", "b", "hellowo");

	from = copy_of(b, "from", "dlo");
	must(copy_as(b, &b->owner, &from, &put, &made, &err));
	assert_int_equal(made.row.kind, OBJECT_PLAIN);
	assert_content(b, "to", "b", "helloworld");
	from.manifest = true;
	must(copy_as(b, &b->owner, &from, &put, &made, &err));
	assert_int_equal(made.row.kind, OBJECT_DYNAMIC);
	keep(b, "from", "s3", "!");
	assert_content(b, "to", "b", "helloworld!");
}

static void a_manifest_is_not_copied_onto_its_own_segment(void **state)
{
	static const char json[] = "[{\"path\":\"from/s1\"}]";
	struct orbit_tenants *b = *state;
	struct orbit_put slo = put_of(b, "from", "slo"), put = put_of(b, "from", "s1");
	struct orbit_copy from = copy_of(b, "from", "slo");
	dr_autobuf struct buf errors = BUF_INIT;
	struct orbit_object made;

	two_boxes(b);
	keep(b, "from", "s1", "hello");
	must(orbit_static_put(&b->o, &b->owner, &slo, json, strlen(json), &made, &errors, &err));
	from.manifest = true;
	must_refuse(DR_INVALID, "manifest", copy_as(b, &b->owner, &from, &put, &made, &err));
	assert_content(b, "from", "slo", "hello");
}

static void an_image_can_be_copied_from_but_not_to(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "to", "disk.lz4");
	struct orbit_copy from;
	struct orbit_object made;
	struct image img;

	two_boxes(b);
	publish_disk(&b->t, b->t.a.id, &img);
	from = copy_of(b, "images", img.id);
	must(copy_as(b, &b->owner, &from, &put, &made, &err));
	assert_int_equal(made.bytes, img.object_bytes);
	assert_string_equal(made.row.content_type, "application/x-lz4");
	from = copy_of(b, "to", "disk.lz4");
	put.container = "images";
	must_fail(DR_DENIED, copy_as(b, &b->owner, &from, &put, &made, &err));
}

static void a_copy_that_exceeds_the_quota_leaves_nothing(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_copy from = copy_of(b, "from", "a");
	const struct orbit_put put = put_of(b, "to", "b");
	struct orbit_object made;

	two_boxes(b);
	box(b, "to", "X-Container-Meta-Quota-Bytes: 4\n");
	keep(b, "from", "a", "hello");
	must_refuse(DR_LIMIT, "quota", copy_as(b, &b->owner, &from, &put, &made, &err));
	assert_int_equal(blobs(b), 1);
}

/* ---- renames ---- */

static int rename_as(struct orbit_tenants *b, const struct orbit_caller *c, const char *name,
		     const char *to, const char *to_name, bool replace, struct dr_err *err)
{
	return orbit_object_rename(&b->o, c, b->t.a.id, "from", name, to, to_name, replace, err);
}

static void an_object_moves_with_its_bytes(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_object seen;

	two_boxes(b);
	keep(b, "from", "a", "hello");
	must(rename_as(b, &b->owner, "a", "to", "dir/b", false, &err));
	assert_content(b, "to", "dir/b", "hello");
	must_fail(DR_NOT_FOUND, orbit_object_open(&b->o, &b->owner, b->t.a.id, "from", "a",
						  ORBIT_CONTENT, &seen, NULL, &err));
	must_fail(DR_NOT_FOUND, rename_as(b, &b->owner, "a", "to", "c", false, &err));
	assert_int_equal(blobs(b), 1);
}

static void a_name_that_is_taken_is_replaced_only_when_asked(void **state)
{
	struct orbit_tenants *b = *state;

	two_boxes(b);
	keep(b, "from", "a", "new");
	keep(b, "to", "b", "old");
	must_refuse(DR_CONFLICT, "exists", rename_as(b, &b->owner, "a", "to", "b", false, &err));
	assert_content(b, "to", "b", "old");
	must(rename_as(b, &b->owner, "a", "to", "b", true, &err));
	assert_content(b, "to", "b", "new");
	assert_int_equal(blobs(b), 1);
}

static void what_one_may_not_read_one_may_not_move(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_caller holder = {.grant = TEMPURL_BY_ACCOUNT,
					    .grant_account = b->t.a.id,
					    .grant_container = "from",
					    .grant_get = true,
					    .grant_put = true,
					    .grant_delete = true};

	two_boxes(b);
	keep(b, "from", "a", "hello");
	box(b, "from", "X-Container-Write: *:*\n");
	box(b, "to", "X-Container-Write: *:*\n");
	must_fail(DR_DENIED, rename_as(b, &b->storage, "a", "to", "b", true, &err));
	must_fail(DR_UNAUTHENTICATED, rename_as(b, &holder, "a", "to", "b", true, &err));
	must_fail(DR_DENIED, rename_as(b, &b->owner, "a", "images", "b", true, &err));
	box(b, "from", "X-Container-Read: *:*\n");
	must(rename_as(b, &b->storage, "a", "to", "b", true, &err));
}

static void a_directory_moves_as_one(void **state)
{
	struct orbit_tenants *b = *state;

	two_boxes(b);
	keep(b, "from", "a/1", "1");
	keep(b, "from", "a/x/2", "2");
	keep(b, "from", "ab", "3");
	must(orbit_prefix_rename(&b->o, &b->owner, b->t.a.id, "from", "a/", "b/", &err));
	assert_content(b, "from", "b/1", "1");
	assert_content(b, "from", "b/x/2", "2");
	assert_content(b, "from", "ab", "3");
	must_fail(DR_NOT_FOUND,
		  orbit_prefix_rename(&b->o, &b->owner, b->t.a.id, "from", "a/", "c/", &err));
	must_fail(DR_DENIED,
		  orbit_prefix_rename(&b->o, &b->stranger, b->t.a.id, "from", "b/", "c/", &err));
}

static void a_container_is_renamed_but_not_to_images(void **state)
{
	struct orbit_tenants *b = *state;

	two_boxes(b);
	keep(b, "from", "a", "hello");
	must_fail(DR_CONFLICT,
		  orbit_container_rename(&b->o, &b->owner, b->t.a.id, "from", "to", &err));
	must_fail(DR_DENIED,
		  orbit_container_rename(&b->o, &b->owner, b->t.a.id, "from", "images", &err));
	must_fail(DR_DENIED,
		  orbit_container_rename(&b->o, &b->owner, b->t.a.id, "images", "x", &err));
	must_refuse(DR_INVALID, "name",
		    orbit_container_rename(&b->o, &b->owner, b->t.a.id, "from", "..", &err));
	must_fail(DR_DENIED,
		  orbit_container_rename(&b->o, &b->storage, b->t.a.id, "from", "new", &err));
	must(orbit_container_rename(&b->o, &b->owner, b->t.a.id, "from", "new", &err));
	assert_content(b, "new", "a", "hello");
}

int main(void)
{
#define IN_TENANTS(t) cmocka_unit_test_setup_teardown(t, orbit_setup, orbit_teardown)
	const struct CMUnitTest tests[] = {
		IN_TENANTS(a_copy_has_the_bytes_type_and_metadata_of_its_source),
		IN_TENANTS(a_fresh_copy_has_only_what_it_is_given),
		IN_TENANTS(an_object_can_be_copied_onto_itself),
		IN_TENANTS(a_copy_needs_reading_here_and_writing_there),
		IN_TENANTS(a_copy_of_a_large_object_is_one_object_or_one_manifest),
		IN_TENANTS(a_manifest_is_not_copied_onto_its_own_segment),
		IN_TENANTS(an_image_can_be_copied_from_but_not_to),
		IN_TENANTS(a_copy_that_exceeds_the_quota_leaves_nothing),
		IN_TENANTS(an_object_moves_with_its_bytes),
		IN_TENANTS(a_name_that_is_taken_is_replaced_only_when_asked),
		IN_TENANTS(what_one_may_not_read_one_may_not_move),
		IN_TENANTS(a_directory_moves_as_one),
		IN_TENANTS(a_container_is_renamed_but_not_to_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
