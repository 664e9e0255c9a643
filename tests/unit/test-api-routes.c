/* SPDX-License-Identifier: Apache-2.0
 *
 * The route table, walked as everybody who must not get in. */
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

static struct reply *api(struct tenants *t, const char *token, const char *method,
			 const char *target, const char *body)
{
	struct reply *r = calloc(1, sizeof *r);

	assert_non_null(r);
	call(t, api_handle, token, "Authorization: Bearer ", method, target, body, r);
	return r;
}

static const char *method_of(const struct api_route *r)
{
	switch ((int)r->method) {
	case HTTP_GET:
		return "GET";
	case HTTP_POST:
		return "POST";
	case HTTP_PUT:
		return "PUT";
	default:
		assert_int_equal(r->method, HTTP_DELETE);
		return "DELETE";
	}
}

/* A target that the route answers, about `id`. */
static const char *target_of(const struct api_route *r, const char *id, const char *query,
			     char ret[static 256])
{
	size_t n = 0;

	for (const char *p = r->path; *p;) {
		const char *put = *p == '{' ? (p[1] == 'i' ? id : "start") : NULL;

		if (put) {
			n += (size_t)snprintf(ret + n, 256 - n, "%s", put);
			p = strchr(p, '}') + 1;
		} else {
			ret[n++] = *p++;
		}
	}
	snprintf(ret + n, 256 - n, "%s", query);
	return ret;
}

static void expect(const struct reply *r, unsigned status, const char *word)
{
	json_error_t problem;
	json_t *body = json_loads(r->text, 0, &problem);

	if (r->status != status)
		fail_msg("%u instead of %u: %s", r->status, status, r->text);
	assert_string_equal(r->type, "application/json; charset=utf-8");
	assert_true(json_is_object(body));
	assert_string_equal(
		json_string_value(json_object_get(body, status == 401 ? "error" : "error_name")),
		word);
	json_decref(body);
}

/* Every route under /1.0 with this token and query. */
static void walk(struct tenants *t, const char *token, const char *query, unsigned status,
		 const char *word)
{
	char target[256];
	size_t walked = 0;

	for (size_t i = 0; i < api_route_count; i++) {
		const struct api_route *route = &api_routes[i];
		dr_autofree struct reply *r = NULL;

		if (route->scope == API_SCOPE_PUBLIC)
			continue;
		r = api(t, token, method_of(route), target_of(route, "img-zzzzz", query, target),
			NULL);
		expect(r, status, word);
		walked++;
	}
	assert_true(walked > 100);
}

static void table_is_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < api_route_count; i++) {
		const struct api_route *r = &api_routes[i];

		assert_int_equal(r->writes, r->method != HTTP_GET);
		assert_true(r->scope == API_SCOPE_PUBLIC || r->handle);
		for (size_t j = 0; j < i; j++)
			assert_false(r->method == api_routes[j].method &&
				     strcmp(r->path, api_routes[j].path) == 0);
	}
}

static void nobody_is_401_everywhere(void **state)
{
	walk(*state, NULL, "", 401, "invalid_token");
	walk(*state, "", "", 401, "invalid_token");
	walk(*state, "unknown", "", 401, "invalid_token");
	walk(*state, "expired-a", "", 401, "expired_token");
}

static void storage_clients_are_403_everywhere(void **state)
{
	walk(*state, "storage-a", "", 403, "forbidden");
}

static void orbit_tokens_are_403_everywhere(void **state)
{
	walk(*state, "orbit-a", "", 403, "forbidden");
}

static void other_accounts_are_404_everywhere(void **state)
{
	struct tenants *t = *state;
	char query[64];

	snprintf(query, sizeof query, "?account_id=%s", t->a.id);
	walk(t, "client-b", query, 404, "missing_resource");
	walk(t, "client-b", "?account_id=acc-zzzzz", 404, "missing_resource");
}

/* Of tenant a, on every route with an id: for tenant b as absent as what never was. */
static void foreign_ids_look_like_unknown_ones(void **state)
{
	struct tenants *t = *state;
	struct image img;
	char target[256];

	publish_disk(t, t->a.id, &img);
	const char *const ids[] = {img.id, t->a.id, t->user_a.user, t->client_a.client};
	for (size_t i = 0; i < api_route_count; i++) {
		const struct api_route *route = &api_routes[i];

		if (!strstr(route->path, "{id}"))
			continue;
		for (size_t k = 0; k < sizeof ids / sizeof *ids; k++) {
			char unknown[ID_TEXT];
			dr_autofree struct reply *theirs = NULL, *nothing = NULL;

			snprintf(unknown, sizeof unknown, "%.4szzzzz", ids[k]);
			theirs = api(t, "client-b", method_of(route),
				     target_of(route, ids[k], "", target), "{\"name\":\"x\"}");
			nothing = api(t, "client-b", method_of(route),
				      target_of(route, unknown, "", target), "{\"name\":\"x\"}");
			if (strstr(route->path, "ftp"))
				continue; /* refused whoever asks */
			expect(theirs, 404, "missing_resource");
			assert_memory_equal(theirs, nothing, sizeof *theirs);
		}
	}
}

static void unknown_paths_and_methods(void **state)
{
	struct tenants *t = *state;
	static const char *const unknown[] = {
		"/1.0",         "/1.0/",           "/1.0/images/",
		"/1.0/nothing", "/1.0/images/a/b", "/1.0/images/a/lock_resource/b",
		"/1.0//images", "/1.0/IMAGES"};
	dr_autofree struct reply *r = NULL;

	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
		free(r);
		r = api(t, "client-a", "GET", unknown[i], NULL);
		expect(r, 404, "missing_resource");
	}
	free(r);
	r = api(t, "client-a", "DELETE", "/1.0/images", NULL);
	expect(r, 405, "method_not_allowed");
	assert_string_equal(r->allow, "GET, HEAD, POST");
	free(r);
	r = api(t, NULL, "GET", "/token", NULL);
	expect(r, 405, "method_not_allowed");
	assert_string_equal(r->allow, "POST");
	free(r);
	r = api(t, NULL, "POST", "/token/x", NULL);
	expect(r, 404, "missing_resource");
}

int main(void)
{
#define with_tenants(t) cmocka_unit_test_setup_teardown(t, open_all, close_all)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_sound),
		with_tenants(nobody_is_401_everywhere),
		with_tenants(storage_clients_are_403_everywhere),
		with_tenants(orbit_tokens_are_403_everywhere),
		with_tenants(other_accounts_are_404_everywhere),
		with_tenants(foreign_ids_look_like_unknown_ones),
		with_tenants(unknown_paths_and_methods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
