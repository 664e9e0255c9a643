/* SPDX-License-Identifier: Apache-2.0
 *
 * Large objects: whatever they are made of, they read like one flat file; and only for whom may
 * read every part of it. */
#include <string.h>

#include "orbit-tenants.h"

#define SEGMENTS 7

/* A flat copy of what the segments of a bench hold. */
struct flat {
	struct orbit_tenants *b;
	uint8_t bytes[8192];
	size_t len;
	uint32_t random;
};

static uint32_t next(struct flat *f)
{
	f->random = f->random * 1664525 + 1013904223;
	return f->random >> 8;
}

/* add: a segment "parts/NAME" of `len` random bytes, which are also appended to the flat copy. */
static void add(struct flat *f, const char *name, size_t len)
{
	const struct orbit_put put = put_of(f->b, "parts", name);
	struct orbit_object made;

	assert_true(f->len + len <= sizeof f->bytes);
	for (size_t i = 0; i < len; i++)
		f->bytes[f->len + i] = (uint8_t)next(f);
	must(upload(f->b, &f->b->owner, &put, f->bytes + f->len, len, &made, &err));
	f->len += len;
}

static struct flat flat_of(struct orbit_tenants *b)
{
	struct flat f = {.b = b, .random = 1};

	box(b, "parts", NULL);
	box(b, "box", NULL);
	for (unsigned i = 0; i < SEGMENTS; i++) {
		char name[16];

		snprintf(name, sizeof name, "big/%02u", i);
		add(&f, name, 1 + next(&f) % 1000);
	}
	return f;
}

static int put_static(struct orbit_tenants *b, const struct orbit_caller *c, const char *name,
		      const char *json, struct buf *errors, struct dr_err *err)
{
	const struct orbit_put put = put_of(b, "box", name);
	struct orbit_object made;

	buf_clear(errors);
	return orbit_static_put(&b->o, c, &put, json, strlen(json), &made, errors, err);
}

static void make_static(struct orbit_tenants *b, const char *name, const char *json)
{
	dr_autobuf struct buf errors = BUF_INIT;

	must(put_static(b, &b->owner, name, json, &errors, &err));
	assert_int_equal(errors.len, 0);
}

static void list_parts(struct buf *json)
{
	buf_puts(json, "[");
	for (unsigned i = 0; i < SEGMENTS; i++)
		buf_printf(json, "%s{\"path\": \"/parts/big/%02u\"}", i ? "," : "", i);
	buf_puts(json, "]");
}

/* assert_flat: ranges at random, of the open object and of the flat copy. */
static void assert_flat(struct flat *f, const char *name)
{
	struct orbit_reader *r = NULL;
	struct orbit_object seen;
	uint8_t got[8192];

	must(orbit_object_open(&f->b->o, &f->b->owner, f->b->t.a.id, "box", name, ORBIT_CONTENT,
			       &seen, &r, &err));
	assert_int_equal(seen.bytes, f->len);
	assert_true(seen.etag_quoted);
	for (int i = 0; i < 300; i++) {
		const size_t pos = next(f) % f->len, len = 1 + next(f) % (f->len - pos);
		size_t have = 0;

		while (have < len) {
			ssize_t n = -1;

			must(n = orbit_reader_read(r, got + have, len - have, pos + have, &err));
			assert_true(n > 0);
			have += (size_t)n;
		}
		assert_memory_equal(got, f->bytes + pos, len);
	}
	orbit_reader_close(r);
}

/* ---- static ---- */

static void a_static_object_reads_like_a_flat_file(void **state)
{
	struct flat f = flat_of(*state);
	dr_autobuf struct buf json = BUF_INIT;

	list_parts(&json);
	make_static(f.b, "big", buf_str(&json));
	assert_flat(&f, "big");
}

static void ranges_of_segments_are_parts_of_them(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_object seen;
	char *text;

	box(b, "parts", NULL);
	box(b, "box", NULL);
	keep(b, "parts", "x", "0123456789");
	make_static(b, "big",
		    "[{\"path\":\"parts/x\",\"range\":\"2-4\"},{\"path\":\"parts/x\",\"range\":"
		    "\"8-\"},{\"path\":\"parts/x\",\"range\":\"-1\"},"
		    "{\"path\":\"parts/x\",\"range\":\"0-99\"}]");
	text = get(b, &b->owner, "box", "big", &seen);
	assert_string_equal(text, "2348990123456789");
	free(text);
	/* printf '%s:2-4;%s:8-9;%s:9-9;%s' with the MD5 of 0123456789, | md5sum */
	assert_string_equal(seen.etag, "3171979f20eab1abceaa5ee1209518f6");
}

static void static_objects_nest(void **state)
{
	struct flat f = flat_of(*state);
	dr_autobuf struct buf json = BUF_INIT;
	char text[512];

	list_parts(&json);
	make_static(f.b, "inner", buf_str(&json));
	snprintf(text, sizeof text,
		 "[{\"path\":\"box/inner\",\"range\":\"0-99\"},"
		 "{\"path\":\"box/inner\",\"range\":\"100-\"}]");
	make_static(f.b, "middle", text);
	make_static(f.b, "outer", "[{\"path\":\"/box/middle\"}]");
	assert_flat(&f, "outer");
}

static void nesting_ends_at_ten(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_object seen;
	struct orbit_reader *r = NULL;
	char name[16], json[64];

	box(b, "box", NULL);
	keep(b, "box", "0", "x");
	for (unsigned i = 1; i <= 11; i++) {
		snprintf(name, sizeof name, "%u", i);
		snprintf(json, sizeof json, "[{\"path\":\"box/%u\"}]", i - 1);
		make_static(b, name, json);
	}
	assert_content(b, "box", "10", "x");
	must_refuse(DR_CONFLICT, "segment",
		    orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "11", ORBIT_CONTENT,
				      &seen, &r, &err));
}

/* list_of: `count` times the same segment. */
static void list_of(struct buf *json, const char *segment, size_t count)
{
	buf_clear(json);
	for (size_t i = 0; i < count; i++)
		buf_printf(json, "%c%s", i ? ',' : '[', segment);
	buf_puts(json, "]");
}

/* Each byte would cost a look at all of the inner object's manifest. */
static void a_byte_each_of_large_objects_may_be_too_much_to_look_for(void **state)
{
	struct orbit_tenants *b = *state;
	dr_autobuf struct buf json = BUF_INIT;
	struct orbit_object seen;
	struct orbit_reader *r = NULL;

	box(b, "box", NULL);
	keep(b, "box", "x", "x");
	list_of(&json, "{\"path\":\"box/x\"}", ORBIT_SEGMENTS);
	make_static(b, "inner", buf_str(&json));
	list_of(&json, "{\"path\":\"box/inner\",\"range\":\"-1\"}", 5);
	make_static(b, "few", buf_str(&json));
	assert_content(b, "box", "few", "xxxxx");
	list_of(&json, "{\"path\":\"box/inner\",\"range\":\"-1\"}", ORBIT_SEGMENTS);
	make_static(b, "many", buf_str(&json));
	must_refuse(DR_CONFLICT, "segment",
		    orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "many", ORBIT_CONTENT,
				      &seen, &r, &err));
}

static void a_changed_segment_is_a_conflict(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_object seen;
	struct orbit_reader *r = NULL;
	struct orbit_deleted d;

	box(b, "box", NULL);
	keep(b, "box", "a", "first");
	keep(b, "box", "b", "second");
	make_static(b, "big", "[{\"path\":\"box/a\"},{\"path\":\"box/b\"}]");
	assert_content(b, "box", "big", "firstsecond");
	keep(b, "box", "b", "SECOND");
	must_refuse(DR_CONFLICT, "segment",
		    orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "big", ORBIT_CONTENT,
				      &seen, &r, &err));
	keep(b, "box", "b", "second"); /* the same bytes again */
	assert_content(b, "box", "big", "firstsecond");
	must(orbit_object_delete(&b->o, &b->owner, b->t.a.id, "box", "b", false, &d, &err));
	must_refuse(DR_CONFLICT, "segment",
		    orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "big", ORBIT_CONTENT,
				      &seen, &r, &err));
	/* what is only looked at is taken at its word, as in Swift */
	must(orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "big", ORBIT_CONTENT, &seen,
			       NULL, &err));
	assert_int_equal(seen.bytes, 11);
}

static void manifests_that_cannot_be_are_refused(void **state)
{
	static const struct {
		const char *json, *error;
	} cases[] = {
		{"{}", ""},
		{"[", ""},
		{"[1]", "Index 0: not a JSON object\n"},
		{"[{}]", "Index 0: expected keys to include path\n"},
		{"[{\"path\":\"box/a\",\"x\":1}]", "Index 0: extraneous keys\n"},
		{"[{\"path\":7}]", "Index 0: \"path\" must be a string\n"},
		{"[{\"path\":\"/box/\"}]",
		 "Index 0: path does not refer to an object. Path must be of the form "
		 "/container/object.\n"},
		{"[{\"path\":\"box/a\",\"size_bytes\":-1}]", "Index 0: invalid size_bytes\n"},
		{"[{\"path\":\"box/a\",\"size_bytes\":0},{\"path\":\"box/a\"}]",
		 "Index 0: too small; each segment must be at least 1 byte.\n"},
		{"[{\"path\":\"box/a\",\"range\":\"3-2\"}]", "Index 0: invalid range\n"},
		{"[{\"path\":\"box/a\",\"range\":\"0-1,3-4\"}]", "Index 0: invalid range\n"},
		{"[{\"path\":\"box/a\",\"range\":\"5-\",\"size_bytes\":5}]",
		 "Index 0: unsatisfiable range\n"},
		{"[{\"path\":\"box/a\",\"range\":\"5-\"}]", "box/a: Unsatisfiable Range\n"},
		{"[{\"path\":\"box/a\",\"size_bytes\":6}]", "box/a: Size Mismatch\n"},
		{"[{\"path\":\"box/a\",\"etag\":\"x\"}]", "box/a: Etag Mismatch\n"},
		{"[{\"path\":\"box/none\"}]", "box/none: 404 Not Found\n"},
		{"[{\"path\":\"none/a\"}]", "none/a: 404 Not Found\n"},
		{"[{\"path\":\"images/img-aaaaa\"}]", "images/img-aaaaa: 404 Not Found\n"},
		{"[{\"path\":\"box/empty\"},{\"path\":\"box/a\"}]",
		 "box/empty: Too small; each segment must be at least 1 byte.\n"},
		{"[{\"path\":\"box/big\"}]",
		 "box/big: Manifest must not include itself as a segment\n"},
		{"[{\"path\":\"box/dynamic\"}]",
		 "box/dynamic: A dynamic large object is no segment\n"},
	};
	struct orbit_tenants *b = *state;
	struct orbit_put dynamic = put_of(b, "box", "dynamic");
	dr_autobuf struct buf errors = BUF_INIT;
	struct orbit_object made;
	size_t before;

	box(b, "box", NULL);
	keep(b, "box", "a", "12345");
	keep(b, "box", "empty", "");
	keep(b, "box", "big", "old");
	dynamic.meta = "X-Object-Manifest: box/a\n";
	must(upload(b, &b->owner, &dynamic, "", 0, &made, &err));
	before = blobs(b);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		must_refuse(DR_INVALID, "manifest",
			    put_static(b, &b->owner, "big", cases[i].json, &errors, &err));
		if (strcmp(buf_str(&errors), cases[i].error) != 0)
			fail_msg("%s: %s", cases[i].json, buf_str(&errors));
	}
	assert_content(b, "box", "big", "old");
	assert_int_equal(blobs(b), before);
}

static void a_segments_container_is_not_taken_for_one_with_a_shorter_name(void **state)
{
	struct orbit_tenants *b = *state;
	dr_autobuf struct buf errors = BUF_INIT;
	char name[CONTAINER_TEXT] = "", json[2 * CONTAINER_TEXT + 64];

	memset(name, 'a', sizeof name - 1);
	box(b, "box", NULL);
	box(b, name, NULL);
	keep(b, name, "x", "1");
	snprintf(json, sizeof json, "[{\"path\":\"%s/x\"},{\"path\":\"%sa/x\"}]", name, name);
	must_refuse(DR_INVALID, "manifest", put_static(b, &b->owner, "big", json, &errors, &err));
	assert_non_null(strstr(buf_str(&errors), "aa/x: 404 Not Found\n"));
}

static void a_static_object_has_at_most_a_thousand_segments(void **state)
{
	struct orbit_tenants *b = *state;
	dr_autobuf struct buf json = BUF_INIT;
	dr_autobuf struct buf errors = BUF_INIT;

	box(b, "box", NULL);
	keep(b, "box", "a", "1");
	buf_puts(&json, "[{\"path\":\"box/a\"}");
	for (int i = 0; i < ORBIT_SEGMENTS; i++)
		buf_puts(&json, ",{\"path\":\"box/a\"}");
	buf_puts(&json, "]");
	must_refuse(DR_LIMIT, "too-large",
		    put_static(b, &b->owner, "big", buf_str(&json), &errors, &err));
}

/* What takes a few bytes each in the text and a hundred when it is parsed. */
static void a_manifest_with_more_than_segments_in_it_is_not_even_parsed(void **state)
{
	struct orbit_tenants *b = *state;
	dr_autobuf struct buf json = BUF_INIT;
	dr_autobuf struct buf errors = BUF_INIT;

	box(b, "box", NULL);
	keep(b, "box", "{[\"\\,,,,,,,,,,,,,,,,,,,,,,,,", "1");
	buf_puts(&json, "[[");
	for (int i = 0; i < 20 * ORBIT_SEGMENTS; i++)
		buf_puts(&json, "{},");
	buf_puts(&json, "{}]]");
	must_refuse(DR_LIMIT, "too-large",
		    put_static(b, &b->owner, "big", buf_str(&json), &errors, &err));
	list_of(&json, "{\"path\":\"box/{[\\\"\\\\,,,,,,,,,,,,,,,,,,,,,,,,\"}", ORBIT_SEGMENTS);
	make_static(b, "big", buf_str(&json));
}

static void the_promised_etag_is_that_of_the_segments(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "big");
	dr_autobuf struct buf errors = BUF_INIT;
	static const char json[] = "[{\"path\":\"box/a\"}]";
	struct orbit_object made;

	box(b, "box", NULL);
	keep(b, "box", "a", "hello");
	put.md5 = "5d41402abc4b2a76b9719d911017c592"; /* of the content */
	must_refuse(
		DR_INVALID, "etag",
		orbit_static_put(&b->o, &b->owner, &put, json, strlen(json), &made, &errors, &err));
	put.md5 = "69a329523ce1ec88bf63061863d9cb14";
	must(orbit_static_put(&b->o, &b->owner, &put, json, strlen(json), &made, &errors, &err));
	assert_string_equal(made.etag, put.md5);
}

static void a_large_object_is_not_of_both_kinds(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "big");
	dr_autobuf struct buf errors = BUF_INIT;
	static const char json[] = "[{\"path\":\"box/a\"}]";
	struct orbit_object made;

	box(b, "box", NULL);
	keep(b, "box", "a", "hello");
	put.meta = "X-Object-Manifest: box/a\n";
	must_refuse(
		DR_INVALID, "manifest",
		orbit_static_put(&b->o, &b->owner, &put, json, strlen(json), &made, &errors, &err));
}

static void the_manifest_can_be_read_and_counts_as_what_is_stored(void **state)
{
	struct orbit_tenants *b = *state;
	const struct listing_query q = {.limit = 10, .prefix = "big"};
	struct names_seen listed = {0};
	struct orbit_reader *r = NULL;
	struct orbit_account sums;
	struct orbit_object seen;
	char *text;

	box(b, "box", NULL);
	keep(b, "box", "a", "hello");
	make_static(b, "big", "[{\"path\":\"box/a\"},{\"path\":\"box/a\",\"range\":\"1-2\"}]");
	must(orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "big", ORBIT_MANIFEST, &seen, &r,
			       &err));
	text = read_all(r, seen.bytes, 100);
	assert_non_null(strstr(text, "\"name\": \"/box/a\""));
	assert_non_null(strstr(text, "\"hash\": \"5d41402abc4b2a76b9719d911017c592\""));
	assert_non_null(strstr(text, "\"bytes\": 5"));
	assert_non_null(strstr(text, "\"range\": \"1-2\""));
	assert_false(seen.etag_quoted);
	must(orbit_account_show(&b->o, &b->owner, b->t.a.id, &sums, &err));
	assert_int_equal(sums.bytes, 5 + strlen(text));
	must(orbit_container_list(&b->o, &b->owner, b->t.a.id, "box", &q, see_name, &listed, &err));
	assert_int_equal(listed.bytes, 7);
	free(text);
	orbit_reader_close(r);
}

static void deleting_with_segments_takes_them_all(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_deleted d;

	box(b, "parts", NULL);
	box(b, "box", NULL);
	keep(b, "parts", "a", "1");
	keep(b, "parts", "b", "2");
	keep(b, "box", "plain", "3");
	make_static(b, "inner", "[{\"path\":\"parts/a\"}]");
	make_static(b, "big", "[{\"path\":\"box/inner\"},{\"path\":\"parts/b\"}]");
	must(orbit_object_delete(&b->o, &b->owner, b->t.a.id, "parts", "b", false, &d, &err));
	must(orbit_object_delete(&b->o, &b->owner, b->t.a.id, "box", "big", true, &d, &err));
	assert_int_equal(d.deleted, 3);
	assert_int_equal(d.not_found, 1);
	assert_int_equal(blobs(b), 1);
	must_refuse(
		DR_INVALID, "manifest",
		orbit_object_delete(&b->o, &b->owner, b->t.a.id, "box", "plain", true, &d, &err));
	must(orbit_object_delete(&b->o, &b->owner, b->t.a.id, "box", "none", true, &d, &err));
	assert_int_equal(d.not_found, 1);
}

static void who_may_not_delete_all_segments_deletes_none(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_deleted d;

	box(b, "box", "X-Container-Write: *:*\n");
	box(b, "parts", NULL);
	keep(b, "box", "a", "1");
	keep(b, "parts", "b", "2");
	make_static(b, "big", "[{\"path\":\"box/a\"},{\"path\":\"parts/b\"}]");
	must_fail(DR_DENIED, orbit_object_delete(&b->o, &b->stranger, b->t.a.id, "box", "big", true,
						 &d, &err));
	assert_content(b, "box", "big", "12");
}

/* ---- dynamic ---- */

static void make_dynamic(struct orbit_tenants *b, const char *name, const char *manifest)
{
	struct orbit_put put = put_of(b, "box", name);
	struct orbit_object made;
	char meta[256];

	snprintf(meta, sizeof meta, "X-Object-Manifest: %s\n", manifest);
	put.meta = meta;
	must(upload(b, &b->owner, &put, "", 0, &made, &err));
}

static void a_dynamic_object_reads_like_a_flat_file(void **state)
{
	struct flat f = flat_of(*state);
	struct orbit_object seen;

	make_dynamic(f.b, "big", "parts/big/");
	assert_flat(&f, "big");
	must(orbit_object_open(&f.b->o, &f.b->owner, f.b->t.a.id, "box", "big", ORBIT_CONTENT,
			       &seen, NULL, &err));
	assert_int_equal(seen.bytes, f.len);
	add(&f, "big/99", 100);
	assert_flat(&f, "big");
}

static void a_dynamic_objects_prefix_is_percent_encoded(void **state)
{
	struct orbit_tenants *b = *state;

	box(b, "a b", NULL);
	box(b, "box", NULL);
	keep(b, "a b", "x/\xc3\xa4 1", "1");
	keep(b, "a b", "x/\xc3\xa4 2", "2");
	make_dynamic(b, "big", "a%20b/x%2F%c3%a4");
	assert_content(b, "box", "big", "12");
}

static void a_dynamic_object_has_the_etag_of_its_segments(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_object looked, read;

	box(b, "box", NULL);
	keep(b, "box", "s1", "hello");
	make_dynamic(b, "big", "box/s");
	must(orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "big", ORBIT_CONTENT, &looked,
			       NULL, &err));
	free(get(b, &b->owner, "box", "big", &read));
	assert_string_equal(read.etag, "69a329523ce1ec88bf63061863d9cb14");
	assert_string_equal(looked.etag, read.etag);
	assert_true(looked.etag_quoted);
	keep(b, "box", "s2", "later");
	free(get(b, &b->owner, "box", "big", &looked));
	assert_true(looked.row.modified_at > read.row.modified_at);
}

static void a_dynamic_object_of_many_pages_is_complete(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_object seen;
	char name[16];
	char *text;

	box(b, "parts", NULL);
	box(b, "box", NULL);
	for (unsigned i = 0; i < 1001; i++) {
		snprintf(name, sizeof name, "%05u", i);
		keep(b, "parts", name, i % 2 ? "b" : "a");
	}
	make_dynamic(b, "big", "parts/0");
	text = get(b, &b->owner, "box", "big", &seen);
	assert_int_equal(seen.bytes, 1001);
	assert_memory_equal(text + 995, "bababa", 6);
	free(text);
}

static void posting_keeps_a_dynamic_object_one(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "big");

	box(b, "box", NULL);
	keep(b, "box", "s1", "1");
	keep(b, "box", "t1", "2");
	make_dynamic(b, "big", "box/s");
	put.meta = "X-Object-Meta-A: 1\n";
	must(orbit_object_post(&b->o, &b->owner, &put, &err));
	assert_content(b, "box", "big", "1");
	put.meta = "X-Object-Manifest: box/t\n";
	must(orbit_object_post(&b->o, &b->owner, &put, &err));
	assert_content(b, "box", "big", "2");
}

/* ---- rights ---- */

static int open_as(struct orbit_tenants *b, const struct orbit_caller *c, const char *name,
		   struct dr_err *err)
{
	struct orbit_reader *r = NULL;
	struct orbit_object seen;
	int rc = orbit_object_open(&b->o, c, b->t.a.id, "box", name, ORBIT_CONTENT, &seen, &r, err);

	orbit_reader_close(r);
	return rc;
}

static void segments_are_read_with_the_readers_own_right(void **state)
{
	struct orbit_tenants *b = *state;

	box(b, "box", "X-Container-Read: .r:*\n");
	box(b, "parts", NULL);
	box(b, "box", NULL);
	keep(b, "box", "open", "1");
	keep(b, "parts", "secret", "2");
	make_static(b, "slo", "[{\"path\":\"box/open\"},{\"path\":\"parts/secret\"}]");
	make_dynamic(b, "dlo", "parts/s");
	must_fail(DR_UNAUTHENTICATED, open_as(b, &b->anonymous, "slo", &err));
	must_fail(DR_UNAUTHENTICATED, open_as(b, &b->anonymous, "dlo", &err));
	must_fail(DR_DENIED, open_as(b, &b->stranger, "slo", &err));
	must_fail(DR_DENIED, open_as(b, &b->storage, "dlo", &err));
	must(open_as(b, &b->full, "slo", &err));
	must(open_as(b, &b->full, "dlo", &err));
	/* to read by name is not yet to read whatever there is */
	box(b, "parts", "X-Container-Read: .r:*\n");
	must(open_as(b, &b->anonymous, "slo", &err));
	must_fail(DR_UNAUTHENTICATED, open_as(b, &b->anonymous, "dlo", &err));
	box(b, "parts", "X-Container-Read: .r:*,.rlistings\n");
	must(open_as(b, &b->anonymous, "dlo", &err));
}

static void a_static_object_is_made_only_of_what_its_maker_reads(void **state)
{
	struct orbit_tenants *b = *state;
	dr_autobuf struct buf errors = BUF_INIT;

	box(b, "box", "X-Container-Write: *:*\n");
	box(b, "parts", NULL);
	keep(b, "parts", "secret", "2");
	must_refuse(
		DR_INVALID, "manifest",
		put_static(b, &b->stranger, "big", "[{\"path\":\"parts/secret\"}]", &errors, &err));
	assert_string_equal(buf_str(&errors), "parts/secret: 403 Forbidden\n");
	/* the same words for what is not there */
	must_refuse(
		DR_INVALID, "manifest",
		put_static(b, &b->stranger, "big", "[{\"path\":\"none/secret\"}]", &errors, &err));
	assert_string_equal(buf_str(&errors), "none/secret: 403 Forbidden\n");
}

static void a_containers_key_reaches_no_other_container(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_caller by_container = {.grant = TEMPURL_BY_CONTAINER,
					    .grant_account = b->t.a.id,
					    .grant_container = "box",
					    .grant_get = true};
	struct orbit_caller by_account = by_container;

	by_account.grant = TEMPURL_BY_ACCOUNT;
	box(b, "box", NULL);
	box(b, "parts", NULL);
	keep(b, "box", "s1", "1");
	keep(b, "parts", "s1", "2");
	make_static(b, "slo here", "[{\"path\":\"box/s1\"}]");
	make_static(b, "slo there", "[{\"path\":\"parts/s1\"}]");
	make_dynamic(b, "dlo here", "box/s1");
	make_dynamic(b, "dlo there", "parts/s1");
	must(open_as(b, &by_container, "slo here", &err));
	must(open_as(b, &by_container, "dlo here", &err));
	must_fail(DR_UNAUTHENTICATED, open_as(b, &by_container, "slo there", &err));
	must_fail(DR_UNAUTHENTICATED, open_as(b, &by_container, "dlo there", &err));
	must(open_as(b, &by_account, "slo there", &err));
	must(open_as(b, &by_account, "dlo there", &err));
}

/* CVE-2015-5223: whoever may only put must not plant something that reads for others. */
static void a_temporary_url_makes_no_large_objects(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_caller holder = {.grant = TEMPURL_BY_ACCOUNT,
					    .grant_account = b->t.a.id,
					    .grant_container = "box",
					    .grant_put = true,
					    .grant_post = true,
					    .grant_delete = true};
	struct orbit_put put = put_of(b, "box", "big");
	dr_autobuf struct buf errors = BUF_INIT;
	struct orbit_object made;
	struct orbit_deleted d;

	box(b, "box", NULL);
	keep(b, "box", "a", "1");
	must_refuse(DR_INVALID, "manifest",
		    put_static(b, &holder, "big", "[{\"path\":\"box/a\"}]", &errors, &err));
	put.meta = "x-object-manifest: box/a\n";
	must_refuse(DR_INVALID, "manifest", upload(b, &holder, &put, "", 0, &made, &err));
	make_dynamic(b, "big", "box/a");
	must_refuse(DR_INVALID, "manifest", orbit_object_post(&b->o, &holder, &put, &err));
	make_static(b, "slo", "[{\"path\":\"box/a\"}]");
	must_fail(DR_UNAUTHENTICATED,
		  orbit_object_delete(&b->o, &holder, b->t.a.id, "box", "slo", true, &d, &err));
	must(orbit_object_delete(&b->o, &holder, b->t.a.id, "box", "slo", false, &d, &err));
	assert_content(b, "box", "a", "1");
}

int main(void)
{
#define IN_TENANTS(t) cmocka_unit_test_setup_teardown(t, orbit_setup, orbit_teardown)
	const struct CMUnitTest tests[] = {
		IN_TENANTS(a_static_object_reads_like_a_flat_file),
		IN_TENANTS(ranges_of_segments_are_parts_of_them),
		IN_TENANTS(static_objects_nest),
		IN_TENANTS(nesting_ends_at_ten),
		IN_TENANTS(a_byte_each_of_large_objects_may_be_too_much_to_look_for),
		IN_TENANTS(a_changed_segment_is_a_conflict),
		IN_TENANTS(manifests_that_cannot_be_are_refused),
		IN_TENANTS(a_segments_container_is_not_taken_for_one_with_a_shorter_name),
		IN_TENANTS(a_static_object_has_at_most_a_thousand_segments),
		IN_TENANTS(a_manifest_with_more_than_segments_in_it_is_not_even_parsed),
		IN_TENANTS(the_promised_etag_is_that_of_the_segments),
		IN_TENANTS(a_large_object_is_not_of_both_kinds),
		IN_TENANTS(the_manifest_can_be_read_and_counts_as_what_is_stored),
		IN_TENANTS(deleting_with_segments_takes_them_all),
		IN_TENANTS(who_may_not_delete_all_segments_deletes_none),
		IN_TENANTS(a_dynamic_object_reads_like_a_flat_file),
		IN_TENANTS(a_dynamic_objects_prefix_is_percent_encoded),
		IN_TENANTS(a_dynamic_object_has_the_etag_of_its_segments),
		IN_TENANTS(a_dynamic_object_of_many_pages_is_complete),
		IN_TENANTS(posting_keeps_a_dynamic_object_one),
		IN_TENANTS(segments_are_read_with_the_readers_own_right),
		IN_TENANTS(a_static_object_is_made_only_of_what_its_maker_reads),
		IN_TENANTS(a_containers_key_reaches_no_other_container),
		IN_TENANTS(a_temporary_url_makes_no_large_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
