/* SPDX-License-Identifier: Apache-2.0
 *
 * Images as JSON: shapes, who sees what, conditional lists. What a daemon answers as a whole is
 * tested in tests/e2e/test_api_contract.py. */
#include "api-client.h"
#include "api/api_internal.h"
#include "unit.h"

static int open_all(void **state)
{
	struct tenants *t = calloc(1, sizeof *t);

	assert_non_null(t);
	tenants_open(t);
	give_tokens(t);
	*state = t;
	return 0;
}

static int close_all(void **state)
{
	tenants_done(*state);
	free(*state);
	return 0;
}

/* The body of the answer, after its status was checked. [owned] */
static json_t *ask(struct tenants *t, const char *token, const char *method, const char *target,
		   const char *body, unsigned status)
{
	dr_autofree struct reply *r = calloc(1, sizeof *r);
	json_error_t problem;
	json_t *answer;

	assert_non_null(r);
	call(t, api_handle, token, "Authorization: Bearer ", method, target, body, r);
	if (r->status != status)
		fail_msg("%u instead of %u: %s", r->status, status, r->text);
	answer = json_loads(r->text, 0, &problem);
	assert_non_null(answer);
	return answer;
}

static const char *text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "(null)";
}

static const char *image_path(const struct image *img, char ret[64])
{
	snprintf(ret, 64, "/1.0/images/%s", img->id);
	return ret;
}

static void full_image_has_the_members_in_order(void **state)
{
	static const char *const order[] = {
		"id",
		"resource_type",
		"url",
		"name",
		"status",
		"locked",
		"username",
		"description",
		"source",
		"arch",
		"created_at",
		"official",
		"public",
		"compatibility_mode",
		"source_type",
		"source_trigger",
		"disk_size",
		"virtual_size",
		"min_ram",
		"owner",
		"licence_name",
		"ancestor",
		"status_reason",
		"progress",
		"checksum",
		"digest",
		"source_format",
		"warnings",
	};
	struct tenants *t = *state;
	struct image img;
	char path[64];
	const char *name;
	json_t *value;
	size_t i = 0;

	publish_disk(t, t->a.id, &img);
	json_auto_t *body = ask(t, "client-a", "GET", image_path(&img, path), NULL, 200);
	json_object_foreach(body, name, value)
	{
		assert_true(i < sizeof order / sizeof *order);
		assert_string_equal(name, order[i++]);
	}
	assert_int_equal(i, sizeof order / sizeof *order);
	assert_string_equal(text(body, "status"), "available");
	assert_string_equal(text(body, "owner"), t->a.id);
	assert_int_equal(json_integer_value(json_object_get(body, "virtual_size")), 2);
	assert_int_equal(json_integer_value(json_object_get(body, "disk_size")), 1);
	assert_true(json_is_null(json_object_get(body, "progress")));
	assert_true(json_is_null(json_object_get(body, "min_ram")));
	assert_int_equal(strncmp(text(body, "digest"), "sha256:", 7), 0);
	assert_string_equal(text(body, "checksum"), "sha256:00");
	assert_int_equal(json_array_size(json_object_get(body, "warnings")), 1);
	assert_string_equal(text(body, "url") + strlen("http://api.test"), path);
}

static void creating_image_shows_its_progress(void **state)
{
	struct tenants *t = *state;
	struct image img;
	char path[64];

	claim_job(t->f.c, register_image(t->f.c, t->a.id, "new", &img));
	snprintf(img.phase, sizeof img.phase, "download");
	img.progress_done = 5;
	img.progress_total = UINT64_MAX;
	img.virtual_bytes = ((uint64_t)1 << 20) + 1;
	must(catalogue_image_progress(t->f.c, &img, &err));
	json_auto_t *body = ask(t, "client-a", "GET", image_path(&img, path), NULL, 200);
	const json_t *progress = json_object_get(body, "progress");

	assert_string_equal(text(progress, "phase"), "download");
	assert_int_equal(json_integer_value(json_object_get(progress, "bytes_done")), 5);
	assert_true(json_is_null(json_object_get(progress, "bytes_total")));
	assert_int_equal(json_integer_value(json_object_get(body, "virtual_size")), 2);
	assert_true(json_is_null(json_object_get(body, "digest")));
	/* The source's URL is a secret. */
	assert_null(strstr(text(body, "source"), "example.com"));
}

static void strangers_see_a_public_image_redacted(void **state)
{
	struct tenants *t = *state;
	struct image img;
	char path[64];

	publish_disk(t, t->a.id, &img);
	json_decref(ask(t, "client-b", "GET", image_path(&img, path), NULL, 404));
	json_decref(ask(t, "client-a", "PUT", path, "{\"public\":true}", 200));
	json_auto_t *body = ask(t, "client-b", "GET", path, NULL, 200);
	assert_true(json_is_null(json_object_get(body, "checksum")));
	assert_int_equal(json_array_size(json_object_get(body, "warnings")), 0);
	json_decref(ask(t, "client-b", "PUT", path, "{\"name\":\"x\"}", 403));
	json_decref(ask(t, "client-b", "DELETE", path, NULL, 403));
}

static void read_only_members_may_come_back_as_they_were(void **state)
{
	struct tenants *t = *state;
	struct image img;
	char path[64];

	publish_disk(t, t->a.id, &img);
	json_auto_t *body = ask(t, "client-a", "GET", image_path(&img, path), NULL, 200);
	dr_autofree char *same = json_dumps(body, 0);
	json_auto_t *after = ask(t, "client-a", "PUT", path, same, 200);

	assert_true(json_equal(body, after));
	json_decref(ask(t, "client-a", "PUT", path, "{\"official\":true}", 422));
	json_decref(ask(t, "client-a", "PUT", path, "{\"virtual_size\":3}", 422));
	json_decref(ask(t, "client-a", "PUT", path, "{\"owner\":null}", 422));
	json_decref(ask(t, "client-a", "PUT", path, "{\"status\":\"failed\"}", 422));
	json_decref(ask(t, "client-a", "PUT", path, "{\"unknown\":1}", 200));
}

static void locked_images_are_not_destroyed(void **state)
{
	struct tenants *t = *state;
	struct image img;
	char path[64], lock[128], unlock[128];

	publish_disk(t, t->a.id, &img);
	image_path(&img, path);
	snprintf(lock, sizeof lock, "%s/lock_resource", path);
	snprintf(unlock, sizeof unlock, "%s/unlock_resource", path);
	json_decref(ask(t, "client-a", "PUT", lock, NULL, 200));
	json_auto_t *refused = ask(t, "client-a", "DELETE", path, NULL, 409);
	assert_string_equal(text(refused, "error_name"), "resource_locked");
	json_decref(ask(t, "client-a", "PUT", unlock, "", 200));
	json_auto_t *gone = ask(t, "client-a", "DELETE", path, NULL, 202);
	assert_int_equal(strncmp(text(gone, "status"), "delet", 5), 0);
	json_auto_t *still = ask(t, "client-a", "GET", path, NULL, 200);
	assert_string_equal(text(still, "id"), img.id);
}

static void register_answers_201_with_a_location(void **state)
{
	struct tenants *t = *state;
	dr_autofree struct reply *r = calloc(1, sizeof *r);

	call(t, api_handle, "client-a", "Authorization: Bearer ", "POST", "/1.0/images",
	     "{\"arch\":\"x86_64\",\"compatibility_mode\":false,\"description\":null,\"min_ram\":0,"
	     "\"name\":null,\"public\":false,\"username\":null,"
	     "\"http_url\":\"https://images.example/a?signature=secret\"}",
	     r);
	assert_int_equal(r->status, 201);
	assert_int_equal(strncmp(r->location, "http://api.test/1.0/images/img-", 31), 0);
	assert_null(strstr(r->text, "secret"));
	assert_null(strstr(r->text, "\"name\":null"));
	assert_int_equal(t->wakes, 1);
	json_decref(ask(t, "client-a", "POST", "/1.0/images", "{\"name\":\"x\"}", 422));
	json_decref(ask(t, "client-a", "POST", "/1.0/images", "{", 400));
	json_decref(ask(t, "client-a", "POST", "/1.0/images", "", 422));
}

static void problems_come_one_sentence_each(void **state)
{
	json_auto_t *body = ask(*state, "client-a", "POST", "/1.0/images",
				"{\"name\":1,\"arch\":2,\"public\":3,\"min_ram\":-4}", 422);

	assert_int_equal(json_array_size(json_object_get(body, "errors")), 4);
}

static void list_answers_304_until_something_changes(void **state)
{
	struct tenants *t = *state;
	dr_autofree struct reply *r = calloc(1, sizeof *r);
	char condition[256], path[64], etag[160];
	struct image img;

	publish_disk(t, t->a.id, &img);
	call(t, api_handle, "client-a", "Authorization: Bearer ", "GET", "/1.0/images", NULL, r);
	assert_int_equal(r->status, 200);
	assert_int_equal(strncmp(r->etag, "W/\"", 3), 0);
	memcpy(etag, r->etag, sizeof etag);
	snprintf(condition, sizeof condition, "If-None-Match: \"x\", %s\n", etag);
	memcpy(r->extra, condition, sizeof r->extra);
	call(t, api_handle, "client-a", "Authorization: Bearer ", "GET", "/1.0/images", NULL, r);
	assert_int_equal(r->status, 304);
	assert_int_equal(r->length, 0);
	/* The other tenant's list is another one. */
	memcpy(r->extra, condition, sizeof r->extra);
	call(t, api_handle, "client-b", "Authorization: Bearer ", "GET", "/1.0/images", NULL, r);
	assert_int_equal(r->status, 200);
	json_decref(ask(t, "client-a", "PUT", image_path(&img, path), "{\"name\":\"n\"}", 200));
	memcpy(r->extra, condition, sizeof r->extra);
	call(t, api_handle, "client-a", "Authorization: Bearer ", "GET", "/1.0/images", NULL, r);
	assert_int_equal(r->status, 200);
	assert_string_not_equal(r->etag, etag);
}

static void list_pages_by_marker(void **state)
{
	struct tenants *t = *state;
	struct image img[3];
	char target[80];

	for (size_t i = 0; i < 3; i++)
		publish_disk(t, t->a.id, &img[i]);
	json_auto_t *all = ask(t, "client-a", "GET", "/1.0/images", NULL, 200);
	assert_int_equal(json_array_size(all), 3);
	json_auto_t *first = ask(t, "client-a", "GET", "/1.0/images?limit=2", NULL, 200);
	assert_int_equal(json_array_size(first), 2);
	snprintf(target, sizeof target, "/1.0/images?marker=%s",
		 text(json_array_get(first, 1), "id"));
	json_auto_t *rest = ask(t, "client-a", "GET", target, NULL, 200);
	assert_int_equal(json_array_size(rest), 1);
	assert_true(json_equal(json_array_get(rest, 0), json_array_get(all, 2)));
	assert_null(json_object_get(json_array_get(all, 0), "licence_name"));
	json_decref(ask(t, "client-a", "GET", "/1.0/images?limit=0", NULL, 422));
	json_auto_t *others = ask(t, "client-b", "GET", "/1.0/images", NULL, 200);
	assert_int_equal(json_array_size(others), 0);
}

static void long_lists_are_whole(void **state)
{
	struct tenants *t = *state;
	struct image img;
	char last[ID_TEXT] = "";

	for (size_t i = 0; i < 600; i++)
		(void)register_image(t->f.c, t->a.id, "one of many", &img);
	json_auto_t *all = ask(t, "client-a", "GET", "/1.0/images", NULL, 200);
	assert_int_equal(json_array_size(all), 600);
	for (size_t i = 0; i < 600; i++) {
		const json_t *item = json_array_get(all, i),
			     *before = json_array_get(all, i ? i - 1 : 0);

		assert_string_not_equal(text(item, "id"), last);
		assert_true(strcmp(text(before, "created_at"), text(item, "created_at")) <= 0);
		snprintf(last, sizeof last, "%s", text(item, "id"));
	}
	json_auto_t *some = ask(t, "client-a", "GET", "/1.0/images?limit=300", NULL, 200);
	assert_int_equal(json_array_size(some), 300);
	assert_true(json_equal(json_array_get(some, 299), json_array_get(all, 299)));
	json_auto_t *page = ask(t, "client-a", "GET", "/1.0/images?limit=256", NULL, 200);
	assert_int_equal(json_array_size(page), 256);
}

int main(void)
{
#define with_tenants(t) cmocka_unit_test_setup_teardown(t, open_all, close_all)
	const struct CMUnitTest tests[] = {
		with_tenants(full_image_has_the_members_in_order),
		with_tenants(creating_image_shows_its_progress),
		with_tenants(strangers_see_a_public_image_redacted),
		with_tenants(read_only_members_may_come_back_as_they_were),
		with_tenants(locked_images_are_not_destroyed),
		with_tenants(register_answers_201_with_a_location),
		with_tenants(problems_come_one_sentence_each),
		with_tenants(list_answers_304_until_something_changes),
		with_tenants(list_pages_by_marker),
		with_tenants(long_lists_are_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
