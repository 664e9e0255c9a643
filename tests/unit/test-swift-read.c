/* SPDX-License-Identifier: Apache-2.0
 *
 * Orbit's read side without a daemon; the whole of it is in tests/e2e/test_swift_read.py. */
#include "api-client.h"
#include "swift/swift.h"
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

static void front_of_swift(struct library *l, struct http_request *rq, struct http_response *rs)
{
	struct orbit o = {.library = l, .object_bytes = 1 << 20, .public_url = ""};

	swift_handle(&o, rq, rs);
}

static struct reply *orbit(struct tenants *t, const char *token, const char *method,
			   const char *tail)
{
	struct reply *r = calloc(1, sizeof *r);
	char target[256];

	assert_non_null(r);
	snprintf(target, sizeof target, "/v1/%s%s", t->a.id, tail);
	snprintf(r->extra, sizeof r->extra, "Destination: images/x\n");
	call(t, front_of_swift, token, "X-Auth-Token: ", method, target, NULL, r);
	return r;
}

static unsigned status_of(struct tenants *t, const char *token, const char *method,
			  const char *tail)
{
	dr_autofree struct reply *r = orbit(t, token, method, tail);

	return r->status;
}

static void the_matrix_of_the_images_container(void **state)
{
	static const struct {
		const char *token;
		unsigned list, read, write;
	} actors[] = {
		{NULL, 401, 401, 401},        {"unknown", 401, 401, 401},
		{"expired-a", 401, 401, 401}, {"client-a", 200, 200, 403},
		{"user-a", 200, 200, 403},    {"orbit-a", 200, 200, 403},
		{"storage-a", 403, 403, 403}, {"client-b", 403, 403, 403},
		{"compute-a", 403, 403, 403},
	};
	static const char *const writes[] = {"PUT", "POST", "DELETE", "COPY"};
	struct tenants *t = *state;
	struct image img;
	char thing[64];

	publish_disk(t, t->a.id, &img);
	snprintf(thing, sizeof thing, "/images/%s", img.id);
	for (size_t i = 0; i < sizeof actors / sizeof *actors; i++) {
		const char *token = actors[i].token;

		assert_int_equal(status_of(t, token, "GET", ""), actors[i].list);
		assert_int_equal(status_of(t, token, "GET", "/images"), actors[i].list);
		assert_int_equal(status_of(t, token, "GET", thing), actors[i].read);
		assert_int_equal(status_of(t, token, "HEAD", thing), actors[i].read);
		for (size_t w = 0; w < 4; w++) {
			if (strcmp(writes[w], "COPY") != 0)
				assert_int_equal(status_of(t, token, writes[w], "/images"),
						 actors[i].write);
			assert_int_equal(status_of(t, token, writes[w], thing), actors[i].write);
		}
	}
	/* Of an account that does not exist, the same as of another's. */
	dr_autofree struct reply *r = calloc(1, sizeof *r);
	call(t, front_of_swift, "client-a", "X-Auth-Token: ", "GET", "/v1/acc-zzzzz/images", NULL,
	     r);
	assert_int_equal(r->status, 403);
}

static void forms_have_their_own_length_and_tag(void **state)
{
	struct tenants *t = *state;
	struct image img;
	char tail[64];

	publish_disk(t, t->a.id, &img);
	snprintf(tail, sizeof tail, "/images/%s", img.id);
	dr_autofree struct reply *lz4 = orbit(t, "client-a", "GET", tail);
	dr_autofree struct reply *head = orbit(t, "client-a", "HEAD", tail);
	snprintf(tail, sizeof tail, "/images/%s?format=raw", img.id);
	dr_autofree struct reply *raw = orbit(t, "client-a", "GET", tail);

	assert_int_equal(lz4->length, img.object_bytes);
	assert_int_equal(head->length, img.object_bytes);
	assert_string_equal(lz4->etag, head->etag);
	assert_int_equal(raw->length, img.virtual_bytes);
	assert_string_not_equal(raw->etag, lz4->etag);
	assert_int_equal(lz4->etag[0], '"');
	snprintf(tail, sizeof tail, "/images/%s?format=vhd", img.id);
	assert_int_equal(status_of(t, "client-a", "GET", tail), 400);
}

static void ranges_and_conditions_reach_the_object(void **state)
{
	struct tenants *t = *state;
	struct image img;
	char target[80];
	dr_autofree struct reply *r = calloc(1, sizeof *r);
	char etag[160];

	publish_disk(t, t->a.id, &img);
	snprintf(target, sizeof target, "/v1/%s/images/%s", t->a.id, img.id);
	snprintf(r->extra, sizeof r->extra, "Range: bytes=4-9\n");
	call(t, front_of_swift, "client-a", "X-Auth-Token: ", "GET", target, NULL, r);
	assert_int_equal(r->status, 206);
	assert_int_equal(r->length, 6);
	assert_int_equal(strncmp(r->range, "bytes 4-9/", 10), 0);
	memcpy(etag, r->etag, sizeof etag);
	snprintf(r->extra, sizeof r->extra, "If-None-Match: %s\n", etag);
	call(t, front_of_swift, "client-a", "X-Auth-Token: ", "GET", target, NULL, r);
	assert_int_equal(r->status, 304);
}

static void listings_go_by_marker_prefix_and_delimiter(void **state)
{
	struct tenants *t = *state;
	struct image img;
	char tail[128], line[32];

	assert_int_equal(status_of(t, "client-a", "GET", "/images"), 204);
	dr_autofree struct reply *empty = orbit(t, "client-a", "GET", "/images?format=json");
	assert_int_equal(empty->status, 200);
	assert_string_equal(empty->text, "[]");
	publish_disk(t, t->a.id, &img);
	snprintf(line, sizeof line, "%s\n", img.id);
	dr_autofree struct reply *all = orbit(t, "client-a", "GET", "/images");
	assert_string_equal(all->text, line);
	snprintf(tail, sizeof tail, "/images?marker=%s", img.id);
	assert_int_equal(status_of(t, "client-a", "GET", tail), 204);
	snprintf(tail, sizeof tail, "/images?end_marker=%s", img.id);
	assert_int_equal(status_of(t, "client-a", "GET", tail), 204);
	assert_int_equal(status_of(t, "client-a", "GET", "/images?prefix=x"), 204);
	assert_int_equal(status_of(t, "client-a", "GET", "/images?limit=0"), 204);
	assert_int_equal(status_of(t, "client-a", "GET", "/images?limit=10001"), 412);
	dr_autofree struct reply *cut = orbit(t, "client-a", "GET", "/images?delimiter=-");
	assert_string_equal(cut->text, "img-\n");
	assert_int_equal(status_of(t, "client-a", "GET", "/images?delimiter=-&marker=img-"), 204);
	dr_autofree struct reply *account = orbit(t, "client-a", "GET", "");
	assert_string_equal(account->text, "images\n");
}

static void names_are_checked_before_they_are_looked_up(void **state)
{
	struct tenants *t = *state;

	assert_int_equal(status_of(t, "client-a", "GET", "/images/%ff"), 412);
	assert_int_equal(status_of(t, "client-a", "GET", "/other"), 404);
	assert_int_equal(status_of(t, "client-a", "GET", "/other/x"), 404);
	assert_int_equal(status_of(t, "client-a", "GET", "/images/x"), 404);
	assert_int_equal(status_of(t, "client-a", "POST", ""), 204);
	assert_int_equal(status_of(t, "client-a", "PUT", ""), 405);
	assert_int_equal(status_of(t, "client-a", "GET", "/a%2Fb"), 412);
	assert_int_equal(status_of(t, "client-a", "GET", "//x"), 412);
}

int main(void)
{
#define with_tenants(t) cmocka_unit_test_setup_teardown(t, open_all, close_all)
	const struct CMUnitTest tests[] = {
		with_tenants(the_matrix_of_the_images_container),
		with_tenants(forms_have_their_own_length_and_tag),
		with_tenants(ranges_and_conditions_reach_the_object),
		with_tenants(listings_go_by_marker_prefix_and_delimiter),
		with_tenants(names_are_checked_before_they_are_looked_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
