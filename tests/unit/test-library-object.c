/* SPDX-License-Identifier: Apache-2.0 */
#include "library-fixture.h"
#include "util/str.h"

#include "util/banned.h"

static int set_up(void **state)
{
	static struct tenants t;

	tenants_open(&t);
	*state = &t;
	return 0;
}

static int tear_down(void **state)
{
	tenants_done((struct tenants *)*state);
	return 0;
}

static void an_object_is_listed_as_it_opens(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image_object *list = NULL;
	struct image_object o;
	struct view *view = NULL;
	struct image img;
	char etag[96];
	uint64_t count, bytes;
	size_t n = 0;

	publish_disk(t, t->a.id, &img);
	must(library_objects(&t->l, &t->user_a, t->a.id, "", NULL, "img-", 10, &list, &n, &err));
	assert_int_equal(n, 1);
	must(library_object_open(&t->l, &t->client_a, t->a.id, img.id, VIEW_LZ4, &o, &view, &err));
	assert_string_equal(list[0].name, img.id);
	assert_string_equal(o.name, img.id);
	assert_true(o.bytes == view_size(view) && list[0].bytes == o.bytes);
	assert_string_equal(list[0].etag, o.etag);
	assert_int_equal(list[0].modified_at, o.modified_at);
	assert_int_equal(o.modified_at, img.available_at);
	digest_hex(&img.manifest, etag);
	memcpy(etag + 64, "-1", 3);
	assert_string_equal(o.etag, etag);
	must(library_objects_stat(&t->l, &t->user_a, t->a.id, &count, &bytes, &err));
	assert_int_equal(count, 1);
	assert_int_equal(bytes, o.bytes);
	view_close(view);
	free(list);
}

static void other_views_have_other_sizes_and_tags(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image_object lz4, raw, qcow2;
	struct view *view = NULL;
	struct image img;
	char head[9];

	publish_disk(t, t->a.id, &img);
	must(library_object_open(&t->l, &t->user_a, t->a.id, img.id, VIEW_LZ4, &lz4, &view, &err));
	view_close(view);
	must(library_object_open(&t->l, &t->user_a, t->a.id, img.id, VIEW_QCOW2, &qcow2, &view,
				 &err));
	view_close(view);
	must(library_object_open(&t->l, &t->user_a, t->a.id, img.id, VIEW_RAW, &raw, &view, &err));
	must(view_read(view, head, sizeof(head), 0, &err));
	assert_string_equal(head, "darkroom");
	view_close(view);
	assert_int_equal(raw.bytes, img.virtual_bytes);
	assert_string_not_equal(lz4.etag, raw.etag);
	assert_string_not_equal(lz4.etag, qcow2.etag);
	assert_string_not_equal(raw.etag, qcow2.etag);
	assert_true(dr_starts(raw.etag, lz4.etag));
}

static void pages_have_markers_and_limits(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image_object *all = NULL;
	struct image_object *page = NULL;
	struct image img;
	size_t n = 0;

	for (int i = 0; i < 4; i++)
		publish_disk(t, t->a.id, &img);
	must(library_objects(&t->l, &t->user_a, t->a.id, NULL, NULL, NULL, 10, &all, &n, &err));
	assert_int_equal(n, 4);
	must(library_objects(&t->l, &t->user_a, t->a.id, all[0].name, all[3].name, NULL, 1, &page,
			     &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(page[0].name, all[1].name);
	free(page);
	must(library_objects(&t->l, &t->user_a, t->a.id, NULL, NULL, NULL, 0, &page, &n, &err));
	assert_int_equal(n, 0);
	free(page);
	free(all);
}

static void the_container_of_another_account_is_refused_whether_it_exists_or_not(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const char *const accounts[] = {t->a.id, "acc-zzzzz", ""};
	const struct principal *const strangers[] = {&t->user_b, &t->client_b, &t->storage_a,
						     &t->operator_};
	struct image img;

	publish_disk(t, t->a.id, &img);
	set_public(t->f.c, &img, true);
	for (size_t i = 0; i < 4; i++) {
		struct dr_err first = DR_ERR_INIT;

		for (size_t k = 0; k < 3; k++) {
			struct dr_err e[3] = {DR_ERR_INIT};
			struct image_object *list = NULL;
			struct image_object o;
			struct view *view = NULL;
			uint64_t count, bytes;
			size_t n;

			assert_int_equal(library_objects(&t->l, strangers[i], accounts[k], NULL,
							 NULL, NULL, 10, &list, &n, &e[0]),
					 -1);
			assert_int_equal(library_objects_stat(&t->l, strangers[i], accounts[k],
							      &count, &bytes, &e[1]),
					 -1);
			assert_int_equal(library_object_open(&t->l, strangers[i], accounts[k],
							     img.id, VIEW_LZ4, &o, &view, &e[2]),
					 -1);
			if (k == 0)
				first = e[0];
			assert_int_equal(first.code, DR_DENIED);
			for (size_t j = 0; j < 3; j++)
				assert_memory_equal(&e[j], &first, sizeof(first));
		}
	}
	{
		uint64_t count, bytes;

		must_fail(DR_UNAUTHENTICATED, library_objects_stat(&t->l, &t->anonymous, t->a.id,
								   &count, &bytes, &err));
	}
}

static void a_public_image_of_others_is_no_object_of_ones_own(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image_object *list = NULL;
	struct image img;
	size_t n = 1;

	publish_disk(t, t->a.id, &img);
	set_public(t->f.c, &img, true);
	must(library_objects(&t->l, &t->user_b, t->b.id, NULL, NULL, NULL, 10, &list, &n, &err));
	assert_int_equal(n, 0);
	free(list);
}

static void a_lost_manifest_is_our_fault_and_no_missing_object(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image_object o;
	struct view *view = NULL;
	struct image img;

	publish_image(t->f.c, t->a.id, "lost", 1000, &img); /* a row without bytes */
	must_fail(DR_CORRUPT, library_object_open(&t->l, &t->user_a, t->a.id, img.id, VIEW_LZ4, &o,
						  &view, &err));
	assert_null(view);
	must_fail(DR_NOT_FOUND, library_object_open(&t->l, &t->user_a, t->a.id, "img-zzzzz",
						    VIEW_LZ4, &o, &view, &err));
	must_fail(DR_NOT_FOUND, library_object_open(&t->l, &t->user_a, t->a.id, "../etc/passwd",
						    VIEW_LZ4, &o, &view, &err));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_object_is_listed_as_it_opens),
		CASE(other_views_have_other_sizes_and_tags),
		CASE(pages_have_markers_and_limits),
		CASE(the_container_of_another_account_is_refused_whether_it_exists_or_not),
		CASE(a_public_image_of_others_is_no_object_of_ones_own),
		CASE(a_lost_manifest_is_our_fault_and_no_missing_object),
	};

	return cmocka_run_group_tests_name("library-object", tests, NULL, NULL);
}
