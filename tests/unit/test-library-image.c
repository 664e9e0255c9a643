/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "library-fixture.h"
#include "library/library_internal.h"
#include "util/str.h"

#include "util/banned.h"

#define URL "https://example.com/images/arch-latest.img.xz?temp_url_sig=secret"

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

static struct image register_ok(struct tenants *t, const struct image_request *rq)
{
	struct problems pr = {0};
	struct image img;

	must(library_image_register(&t->l, &t->user_a, rq, &img, &pr, &err));
	assert_int_equal(pr.count, 0);
	return img;
}

/* ---- register ---- */

static void a_registration_becomes_an_image_and_a_job(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	char sha[80] = "";
	struct image_request rq = {
		.given = IMG_NAME | IMG_DESCRIPTION | IMG_USERNAME | IMG_ARCH | IMG_MODE |
			 IMG_PUBLIC | IMG_MIN_RAM,
		.name = "Arch \xF0\x9F\x92\xBE",
		.description = "two\nlines",
		.username = "arch",
		.arch = "i686",
		.compatibility_mode = true,
		.public = true,
		.min_ram = 512,
		.http_url = URL,
		.checksum = sha,
	};
	struct image img, back;
	struct job *jobs = NULL;
	size_t n = 0;

	memset(sha, 'A', 71);
	memcpy(sha, "sha256:", 7);
	img = register_ok(t, &rq);
	must(library_image_show(&t->l, &t->client_a, img.id, &back, &err));
	assert_int_equal(back.status, IMAGE_CREATING);
	assert_string_equal(back.name, rq.name);
	assert_string_equal(back.description, "two\nlines");
	assert_string_equal(back.username, "arch");
	assert_string_equal(back.arch, "i686");
	assert_true(back.compatibility_mode && back.public);
	assert_int_equal(back.min_ram, 512);
	assert_string_equal(back.account, t->a.id);
	assert_string_equal(back.domain, t->a.id);
	assert_string_equal(back.source_type, "upload");
	assert_string_equal(back.source_trigger, "manual");
	/* an opaque token, never the URL */
	assert_int_equal(strlen(back.source), 12);
	assert_true(dr_starts(back.source, "upload-"));
	assert_false(back.official || back.locked);
	must(catalogue_job_list(t->f.c, &jobs, &n, &err));
	assert_int_equal(n, 1);
	assert_string_equal(jobs[0].url, URL);
	assert_int_equal(strlen(jobs[0].checksum), 71);
	assert_string_equal(jobs[0].checksum + 67, "aaaa");
	free(jobs);
	assert_int_equal(t->wakes, 1);
}

static void what_is_not_given_has_a_default(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct image_request rq = {.http_url = URL};
	struct image img;

	t->l.dedup_global = true;
	img = register_ok(t, &rq);
	assert_string_equal(img.arch, "x86_64");
	assert_string_equal(img.username, "");
	assert_string_equal(img.description, "");
	assert_int_equal(img.min_ram, 0);
	assert_false(img.public || img.compatibility_mode);
	assert_string_equal(img.domain, "global");
	assert_true(dr_starts(img.name, "arch-latest.img.xz 2"));
}

static void a_name_is_made_of_the_urls_path_and_never_of_its_secret(void **state)
{
	static const struct {
		const char *url, *name;
	} cases[] = {
		{"https://example.com/a/disk.img", "disk.img 2023-01-03 13:08"},
		{"https://example.com/a/disk.img?sig=a/b", "disk.img 2023-01-03 13:08"},
		{"https://example.com/a/disk.img#a/b", "disk.img 2023-01-03 13:08"},
		{"https://example.com/a/dir//", "dir 2023-01-03 13:08"},
		{"https://example.com/", "example.com 2023-01-03 13:08"},
		{"https://example.com", "example.com 2023-01-03 13:08"},
		{"https://example.com?x=/y", "example.com 2023-01-03 13:08"},
	};
	char name[NAME_TEXT];
	char long_url[2100] = "https://example.com/";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		name_from_url(cases[i].url, 1672751285, name);
		assert_string_equal(name, cases[i].name);
	}
	memset(long_url + 20, 'x', 2000);
	name_from_url(long_url, 1672751285, name);
	assert_in_range(strlen(name), 1, NAME_CHARACTERS);
}

static void only_full_names_count_as_names(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct image_request rq[2] = {
		{.given = IMG_NAME, .name = NULL, .http_url = URL},
		{.given = IMG_NAME, .name = "", .http_url = URL},
	};

	for (size_t i = 0; i < 2; i++)
		assert_true(dr_starts(register_ok(t, &rq[i]).name, "arch-latest.img.xz "));
}

static void all_problems_are_told_at_once(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct image_request rq = {
		.given = IMG_NAME | IMG_ARCH | IMG_MIN_RAM,
		.name = "bell \a",
		.arch = "arm64",
		.min_ram = UINT64_MAX,
		.server = "srv-12345",
		.legacy_source = "old.img",
		.checksum = "crc32:1",
	};
	struct problems pr = {0};
	struct image img;
	struct job *jobs = NULL;
	size_t n = 1;

	must_fail(DR_INVALID, library_image_register(&t->l, &t->user_a, &rq, &img, &pr, &err));
	assert_int_equal(pr.count, 7);
	assert_true(dr_starts(pr.text[0], "name "));
	assert_true(dr_starts(pr.text[1], "arch "));
	assert_true(dr_starts(pr.text[2], "min_ram "));
	assert_true(dr_starts(pr.text[3], "exactly one "));
	assert_true(dr_starts(pr.text[4], "server: "));
	assert_true(dr_starts(pr.text[5], "source: "));
	assert_true(dr_starts(pr.text[6], "checksum: "));
	must(catalogue_job_list(t->f.c, &jobs, &n, &err));
	assert_int_equal(n, 0);
	free(jobs);
	assert_int_equal(t->wakes, 0);
}

/* problem_of: the one problem of a request. */
static const char *problem_of(struct tenants *t, const struct image_request *rq,
			      struct problems *pr)
{
	struct image img;

	*pr = (struct problems){0};
	must_fail(DR_INVALID, library_image_register(&t->l, &t->user_a, rq, &img, pr, &err));
	assert_int_equal(pr->count, 1);
	return pr->text[0];
}

static void bad_sources_are_problems_that_tell_no_secret(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	static const char *const urls[] = {
		"ftp://example.com/x",       "https://user:secret@example.com/x",
		"https://127.0.0.1/secret",  "https://169.254.169.254/secret",
		"https://localhost/secret",  "https://example.com:22/secret",
		"https://[::1]/secret",      "/etc/passwd",
		"file:///etc/passwd?secret", "",
	};
	struct image_request rq = {0};
	struct problems pr;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		rq.http_url = urls[i];
		assert_true(dr_starts(problem_of(t, &rq, &pr), "http_url: "));
		assert_null(strstr(pr.text[0], "secret"));
	}
	rq = (struct image_request){0};
	assert_true(dr_starts(problem_of(t, &rq, &pr), "exactly one "));
	rq.http_url = URL;
	rq.volume = "vol-12345";
	{
		struct image img;

		pr = (struct problems){0};
		must_fail(DR_INVALID,
			  library_image_register(&t->l, &t->user_a, &rq, &img, &pr, &err));
		assert_int_equal(pr.count, 2);
	}
}

static void the_operators_ranges_open_and_close_addresses(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	static const char *const allow[] = {"127.0.0.0/8:9000", NULL};
	static const char *const deny[] = {"93.184.216.0/24", NULL};
	static const char *const nonsense[] = {"everything", NULL};
	struct image_request rq = {.http_url = "http://127.0.0.1:9000/x"};
	struct problems pr = {0};
	struct image img;

	problem_of(t, &rq, &pr);
	t->l.import_allow = allow;
	register_ok(t, &rq);
	rq.http_url = "http://93.184.216.34/x";
	register_ok(t, &rq);
	t->l.import_deny = deny;
	problem_of(t, &rq, &pr);
	rq.http_url = "http://93.184.217.34:81/x";
	problem_of(t, &rq, &pr);
	t->l.import_ports = "80,81";
	register_ok(t, &rq);
	/* a broken configuration is not the tenant's problem */
	t->l.import_deny = nonsense;
	pr = (struct problems){0};
	must_fail(DR_IO, library_image_register(&t->l, &t->user_a, &rq, &img, &pr, &err));
	assert_int_equal(pr.count, 0);
}

/* Cases 62 and 63 of hardening.md section 2.5: the signature decides when it is read. */
static void urls_of_our_own_are_under_no_address_rule_and_nothing_else_passes_for_one(void **state)
{
	static const char *const own[] = {
		"http://127.0.0.1:8877/v1/acc-12345/box/disk?temp_url_sig=1&temp_url_expires=2",
		"HTTP://127.0.0.1:8877/v1/acc-12345/box/disk",
	};
	static const char *const others[] = {
		"http://127.0.0.1/v1/secret",
		"http://127.0.0.1:8877/1.0/images?secret",
		"http://127.0.0.1:8878/v1/secret",
		"https://127.0.0.1:8877/v1/secret",
		"http://127.0.0.2:8877/v1/secret",
		"http://127.1:8877/v1/secret",
		"http://2130706433:8877/v1/secret",
		"http://127.0.0.1.:8877/v1/secret",
		"http://localhost:8877/v1/secret",
		"http://[::ffff:127.0.0.1]:8877/v1/secret",
		"http://user:secret@127.0.0.1:8877/",
		"http://127.0.0.1:8877@10.0.0.1/v1/secret",
		"http://10.0.0.1/#@127.0.0.1:8877/v1/secret",
		"http://10.0.0.1\\@127.0.0.1:8877/v1/secret",
	};
	struct tenants *t = (struct tenants *)*state;
	struct image_request rq = {0};
	struct problems pr = {0};

	t->l.public_url = "http://127.0.0.1:8877";
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		rq.http_url = own[i];
		register_ok(t, &rq);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		rq.http_url = others[i];
		assert_true(dr_starts(problem_of(t, &rq, &pr), "http_url: "));
		assert_null(strstr(pr.text[0], "secret"));
	}
	t->l.public_url = "";
	rq.http_url = own[0];
	problem_of(t, &rq, &pr);
}

static void texts_have_their_limits(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	char name[NAME_TEXT] = "";
	char description[DESCRIPTION_TEXT + 1];
	char username[300];
	struct image_request rq = {.given = IMG_NAME, .name = name, .http_url = URL};
	struct problems pr;

	/* 255 characters of four bytes each */
	for (size_t i = 0; i < NAME_CHARACTERS; i++)
		memcpy(name + 4 * i, "\xF0\x9F\x92\xBE", 5);
	assert_string_equal(register_ok(t, &rq).name, name);
	memcpy(name + 1018, "ab", 3); /* 254 of them, and two */
	memcpy(name + 1016, "ab", 2);
	assert_int_equal(strlen(name), 1020);
	problem_of(t, &rq, &pr);
	rq.name = "\xC3";
	problem_of(t, &rq, &pr);
	rq.name = "a\nb";
	problem_of(t, &rq, &pr);
	memset(description, 'd', sizeof(description));
	description[DESCRIPTION_BYTES] = 0;
	rq = (struct image_request){
		.given = IMG_DESCRIPTION, .description = description, .http_url = URL};
	assert_int_equal(strlen(register_ok(t, &rq).description), DESCRIPTION_BYTES);
	description[DESCRIPTION_BYTES] = 'd';
	description[DESCRIPTION_BYTES + 1] = 0;
	problem_of(t, &rq, &pr);
	rq.description = "tab\t, line\r\n, escape \x1B";
	problem_of(t, &rq, &pr);
	memset(username, 'u', sizeof(username));
	username[255] = 0;
	rq = (struct image_request){.given = IMG_USERNAME, .username = username, .http_url = URL};
	assert_int_equal(strlen(register_ok(t, &rq).username), 255);
	username[255] = 'u';
	username[256] = 0;
	problem_of(t, &rq, &pr);
}

static void a_used_up_quota_is_a_limit_with_its_name(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct image_request rq = {.http_url = URL};
	struct problems pr = {0};
	struct image img;

	publish_disk(t, t->a.id, &img);
	t->l.limits.stored_bytes = img.data_bytes;
	must_refuse(DR_LIMIT, "account_limit_reached",
		    library_image_register(&t->l, &t->user_a, &rq, &img, &pr, &err));
	t->l.limits.stored_bytes++;
	register_ok(t, &rq);
}

/* ---- change ---- */

static void an_update_changes_what_is_given_and_nothing_else(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image_request rq = {.given = IMG_NAME | IMG_PUBLIC, .name = "new", .public = true};
	struct problems pr = {0};
	struct image img, after, back;

	publish_disk(t, t->a.id, &img);
	must(library_image_update(&t->l, &t->user_a, img.id, &rq, &after, &pr, &err));
	must(library_image_show(&t->l, &t->user_a, img.id, &back, &err));
	assert_string_equal(after.name, "new");
	assert_string_equal(back.name, "new");
	assert_true(back.public);
	assert_int_equal(after.revision, back.revision);
	assert_string_equal(back.arch, img.arch);
	assert_int_equal(back.status, IMAGE_AVAILABLE);
	rq = (struct image_request){.given = IMG_STATUS, .status = "deprecated"};
	must(library_image_update(&t->l, &t->user_a, img.id, &rq, &after, &pr, &err));
	assert_int_equal(after.status, IMAGE_DEPRECATED);
	assert_string_equal(after.name, "new");
	/* nothing given is legal and changes nothing */
	rq = (struct image_request){0};
	must(library_image_update(&t->l, &t->user_a, img.id, &rq, &back, &pr, &err));
	assert_int_equal(back.revision, after.revision);
}

#define UPDATES 15

struct updater {
	struct tenants *t;
	const char *id;
	unsigned member; /* IMG_NAME or IMG_DESCRIPTION */
	int failures;
};

static void *update_often(void *arg)
{
	struct updater *u = (struct updater *)arg;

	for (int i = 1; i <= UPDATES; i++) {
		char text[16];
		struct image_request rq = {.given = u->member, .name = text, .description = text};
		struct dr_err err = DR_ERR_INIT;
		struct problems pr = {0};
		struct image img;

		snprintf(text, sizeof(text), "%d", i);
		if (library_image_update(&u->t->l, &u->t->user_a, u->id, &rq, &img, &pr, &err) < 0)
			u->failures++;
	}
	return NULL;
}

static void updates_at_once_do_not_undo_each_other(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image img;
	struct updater updaters[2] = {{.t = t, .id = img.id, .member = IMG_NAME},
				      {.t = t, .id = img.id, .member = IMG_DESCRIPTION}};
	pthread_t threads[2];
	struct image after;

	publish_disk(t, t->a.id, &img);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, update_often, &updaters[i]), 0);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(updaters[0].failures + updaters[1].failures, 0);
	must(library_image_show(&t->l, &t->user_a, img.id, &after, &err));
	assert_string_equal(after.name, "15");
	assert_string_equal(after.description, "15");
	assert_int_equal(after.revision, img.revision + 2 * UPDATES);
}

static void null_empties_and_a_name_is_never_empty(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image_request rq = {
		.given = IMG_DESCRIPTION | IMG_USERNAME, .description = "d", .username = "u"};
	struct problems pr = {0};
	struct image img;

	publish_disk(t, t->a.id, &img);
	must(library_image_update(&t->l, &t->user_a, img.id, &rq, &img, &pr, &err));
	rq = (struct image_request){.given = IMG_NAME | IMG_DESCRIPTION | IMG_USERNAME};
	must(library_image_update(&t->l, &t->user_a, img.id, &rq, &img, &pr, &err));
	assert_string_equal(img.description, "");
	assert_string_equal(img.username, "");
	assert_string_equal(img.name, img.id);
	rq = (struct image_request){.given = IMG_ARCH};
	must_fail(DR_INVALID,
		  library_image_update(&t->l, &t->user_a, img.id, &rq, &img, &pr, &err));
	assert_int_equal(pr.count, 1);
}

static void no_other_status_can_be_set(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	static const char *const bad[] = {"creating", "deleted", "failed", "", "Available", NULL};
	struct image img;

	publish_disk(t, t->a.id, &img);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct image_request rq = {.given = IMG_STATUS, .status = bad[i]};
		struct problems pr = {0};
		struct image out;

		must_fail(DR_INVALID,
			  library_image_update(&t->l, &t->user_a, img.id, &rq, &out, &pr, &err));
		assert_int_equal(pr.count, 1);
	}
}

static void who_may_not_change_hears_that_and_not_what_is_wrong(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct image_request rq = {.given = IMG_ARCH, .arch = "vax"};
	struct problems pr = {0};
	struct image img, out;

	publish_disk(t, t->a.id, &img);
	must_fail(DR_NOT_FOUND,
		  library_image_update(&t->l, &t->user_b, img.id, &rq, &out, &pr, &err));
	set_public(t->f.c, &img, true);
	must_fail(DR_DENIED, library_image_update(&t->l, &t->user_b, img.id, &rq, &out, &pr, &err));
	assert_int_equal(pr.count, 0);
}

static void a_locked_image_is_changed_but_not_destroyed(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct image_request rq = {.given = IMG_NAME, .name = "new"};
	struct problems pr = {0};
	struct image img, after;

	publish_disk(t, t->a.id, &img);
	must(library_image_lock(&t->l, &t->user_a, img.id, true, &after, &err));
	assert_true(after.locked);
	must(library_image_update(&t->l, &t->user_a, img.id, &rq, &after, &pr, &err));
	must_refuse(DR_CONFLICT, "resource_locked",
		    library_image_destroy(&t->l, &t->user_a, img.id, &after, &err));
	must(library_image_lock(&t->l, &t->user_a, img.id, false, &after, &err));
	assert_string_equal(after.name, "new");
	must(library_image_destroy(&t->l, &t->user_a, img.id, &after, &err));
}

static void destroying_leaves_a_tombstone_for_its_owner_only(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image img, after;
	const struct image_query deleted = {.status = "deleted"};
	const struct image_query all = {0};
	struct image *list = NULL;
	size_t n = 1;

	publish_disk(t, t->a.id, &img);
	set_public(t->f.c, &img, true);
	must(library_image_destroy(&t->l, &t->user_a, img.id, &after, &err));
	assert_int_equal(after.status, IMAGE_DELETED);
	assert_int_equal(t->wakes, 1);
	must(library_image_show(&t->l, &t->user_a, img.id, &after, &err));
	must_fail(DR_NOT_FOUND, library_image_show(&t->l, &t->user_b, img.id, &after, &err));
	must(library_image_list(&t->l, &t->user_a, &all, &list, &n, &err));
	assert_int_equal(n, 0);
	free(list);
	must(library_image_list(&t->l, &t->user_a, &deleted, &list, &n, &err));
	assert_int_equal(n, 1);
	free(list);
	must(library_image_list(&t->l, &t->user_b, &deleted, &list, &n, &err));
	assert_int_equal(n, 0);
	free(list);
	must_fail(DR_CONFLICT, library_image_destroy(&t->l, &t->user_a, img.id, &after, &err));
}

static void destroying_what_is_created_cancels_its_job(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct dr_err e = DR_ERR_INIT;
	struct image img, after;
	int64_t job = register_image(t->f.c, t->a.id, "x", &img);

	claim_job(t->f.c, job);
	must(library_image_destroy(&t->l, &t->user_a, img.id, &after, &err));
	assert_int_equal(after.status, IMAGE_DELETING);
	assert_int_equal(catalogue_job_renew(t->f.c, job, "tester", INT64_MAX, &e), 0);
}

/* ---- the operator's ---- */

static void official_images_are_public_and_licences_are_texts(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	struct image img;

	publish_disk(t, t->a.id, &img);
	must(library_image_set_official(&t->l, img.id, true, &err));
	must(library_image_set_licence(&t->l, img.id, "windows", &err));
	must(library_image_show(&t->l, &t->user_b, img.id, &img, &err));
	assert_true(img.official && img.public);
	assert_string_equal(img.licence_name, "windows");
	must(library_image_set_official(&t->l, img.id, false, &err));
	must(library_image_set_licence(&t->l, img.id, NULL, &err));
	must(library_image_show(&t->l, &t->user_a, img.id, &img, &err));
	assert_false(img.official);
	assert_string_equal(img.licence_name, "");
	must_fail(DR_INVALID, library_image_set_licence(&t->l, img.id, "\x01", &err));
	must_fail(DR_NOT_FOUND, library_image_set_official(&t->l, "img-zzzzz", true, &err));
}

/* ---- listing ---- */

static void an_operator_lists_everything(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct image_query all = {0};
	struct image *list = NULL;
	struct image img;
	size_t n = 0;

	publish_disk(t, t->a.id, &img);
	publish_disk(t, t->b.id, &img);
	must(library_image_list(&t->l, &t->operator_, &all, &list, &n, &err));
	assert_int_equal(n, 2);
	assert_true(list[0].source[0] && list[1].source[0]);
	free(list);
}

static void a_filter_cannot_choose_another_account(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct image_query theirs = {.account = t->a.id};
	struct dr_err hidden = DR_ERR_INIT;
	struct dr_err missing = DR_ERR_INIT;
	struct image *list = NULL;
	struct image img;
	size_t n = 1;

	publish_disk(t, t->a.id, &img);
	must(library_image_list(&t->l, &t->user_b, &theirs, &list, &n, &err));
	assert_int_equal(n, 0);
	free(list);
	{
		const struct image_query by_secret = {.marker = img.id};
		const struct image_query by_nothing = {.marker = "img-zzzzz"};

		list = NULL;
		assert_int_equal(
			library_image_list(&t->l, &t->user_b, &by_secret, &list, &n, &hidden), -1);
		assert_int_equal(
			library_image_list(&t->l, &t->user_b, &by_nothing, &list, &n, &missing),
			-1);
		assert_memory_equal(&hidden, &missing, sizeof(hidden));
	}
}

static void a_listings_version_is_each_principals_own(void **state)
{
	struct tenants *t = (struct tenants *)*state;
	const struct image_query all = {0};
	char before[64], after[64], other_before[64], other_after[64];
	struct image img;

	must(library_image_list_version(&t->l, &t->user_a, &all, before, &err));
	must(library_image_list_version(&t->l, &t->user_b, &all, other_before, &err));
	publish_disk(t, t->a.id, &img);
	must(library_image_list_version(&t->l, &t->user_a, &all, after, &err));
	must(library_image_list_version(&t->l, &t->user_b, &all, other_after, &err));
	assert_string_not_equal(before, after);
	assert_string_equal(other_before, other_after);
	must_fail(DR_UNAUTHENTICATED,
		  library_image_list_version(&t->l, &t->anonymous, &all, after, &err));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_registration_becomes_an_image_and_a_job),
		CASE(what_is_not_given_has_a_default),
		CASE(a_name_is_made_of_the_urls_path_and_never_of_its_secret),
		CASE(only_full_names_count_as_names),
		CASE(all_problems_are_told_at_once),
		CASE(bad_sources_are_problems_that_tell_no_secret),
		CASE(the_operators_ranges_open_and_close_addresses),
		CASE(urls_of_our_own_are_under_no_address_rule_and_nothing_else_passes_for_one),
		CASE(texts_have_their_limits),
		CASE(a_used_up_quota_is_a_limit_with_its_name),
		CASE(an_update_changes_what_is_given_and_nothing_else),
		CASE(updates_at_once_do_not_undo_each_other),
		CASE(null_empties_and_a_name_is_never_empty),
		CASE(no_other_status_can_be_set),
		CASE(who_may_not_change_hears_that_and_not_what_is_wrong),
		CASE(a_locked_image_is_changed_but_not_destroyed),
		CASE(destroying_leaves_a_tombstone_for_its_owner_only),
		CASE(destroying_what_is_created_cancels_its_job),
		CASE(official_images_are_public_and_licences_are_texts),
		CASE(an_operator_lists_everything),
		CASE(a_filter_cannot_choose_another_account),
		CASE(a_listings_version_is_each_principals_own),
	};

	return cmocka_run_group_tests_name("library-image", tests, NULL, NULL);
}
