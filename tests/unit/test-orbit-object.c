/* SPDX-License-Identifier: Apache-2.0
 *
 * Objects: what was put is what is got, whole or not at all. */
#include <pthread.h>
#include <string.h>

#include "orbit-tenants.h"
#include "store/mem.h"

#define HELLO_MD5 "5d41402abc4b2a76b9719d911017c592"

static void what_is_put_is_what_is_got(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "dir/hello.txt");
	struct orbit_object made, seen;
	char *text;

	box(b, "box", NULL);
	put.meta = "X-Object-Meta-Colour: blue\nContent-Encoding: x\n";
	must(upload(b, &b->owner, &put, "hello", 5, &made, &err));
	assert_string_equal(made.etag, HELLO_MD5);
	assert_int_equal(made.bytes, 5);
	text = get(b, &b->full, "box", "dir/hello.txt", &seen);
	assert_string_equal(text, "hello");
	free(text);
	assert_string_equal(seen.etag, HELLO_MD5);
	assert_false(seen.etag_quoted);
	assert_string_equal(seen.row.content_type, "text/plain");
	assert_non_null(strstr(seen.row.meta, "X-Object-Meta-Colour: blue\n"));
	assert_int_equal(seen.row.modified_at, made.row.modified_at);
}

static void an_abandoned_upload_leaves_nothing(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put put = put_of(b, "box", "x");
	struct orbit_upload *u = NULL;
	struct orbit_object seen;

	box(b, "box", NULL);
	must(orbit_upload_begin(&b->o, &b->owner, &put, &u, &err));
	must(orbit_upload_write(u, "half", 4, &err));
	must_fail(DR_NOT_FOUND, orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "x",
						  ORBIT_CONTENT, &seen, NULL, &err));
	orbit_upload_abandon(u);
	assert_int_equal(blobs(b), 0);
}

static void other_bytes_than_promised_leave_the_old_ones(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "x");
	struct orbit_object made;

	box(b, "box", NULL);
	keep(b, "box", "x", "old");
	put.md5 = HELLO_MD5;
	must_refuse(DR_INVALID, "etag", upload(b, &b->owner, &put, "hallo", 5, &made, &err));
	put.md5 = "no md5 at all, and much longer than one";
	must_refuse(DR_INVALID, "etag", upload(b, &b->owner, &put, "hello", 5, &made, &err));
	put.md5 = NULL;
	put.length = 6;
	must_refuse(DR_INVALID, "length", upload(b, &b->owner, &put, "hello", 5, &made, &err));
	assert_content(b, "box", "x", "old");
	assert_int_equal(blobs(b), 1);
	put.md5 = "5D41402ABC4B2A76B9719D911017C592";
	put.length = 5;
	must(upload(b, &b->owner, &put, "hello", 5, &made, &err));
	assert_content(b, "box", "x", "hello");
}

static void replacing_removes_the_old_bytes(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_account sums;

	box(b, "box", NULL);
	keep(b, "box", "x", "old and long");
	keep(b, "box", "x", "new");
	assert_content(b, "box", "x", "new");
	assert_int_equal(blobs(b), 1);
	keep(b, "box", "x", "");
	assert_content(b, "box", "x", "");
	assert_int_equal(blobs(b), 0);
	must(orbit_account_show(&b->o, &b->owner, b->t.a.id, &sums, &err));
	assert_int_equal(sums.containers, 2); /* and images */
	assert_int_equal(sums.objects, 1);
	assert_int_equal(sums.bytes, 0);
}

static void an_open_reader_goes_on_reading_what_was_replaced(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_reader *r = NULL;
	struct orbit_object seen;
	char *text;

	box(b, "box", NULL);
	keep(b, "box", "x", "what was there first");
	must(orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "x", ORBIT_CONTENT, &seen, &r,
			       &err));
	keep(b, "box", "x", "something else");
	text = read_all(r, seen.bytes, 5);
	assert_string_equal(text, "what was there first");
	free(text);
	orbit_reader_close(r);
}

/* Two uploads of one name at once: the one that ends last is there, whole, and nothing of the other
 * is left. */
static void of_two_uploads_of_one_name_the_last_wins(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put put = put_of(b, "box", "x");
	struct orbit_upload *first = NULL, *second = NULL;
	struct orbit_object one, two;

	box(b, "box", NULL);
	must(orbit_upload_begin(&b->o, &b->owner, &put, &first, &err));
	must(orbit_upload_begin(&b->o, &b->owner, &put, &second, &err));
	must(orbit_upload_write(first, "aaaa", 4, &err));
	must(orbit_upload_write(second, "bb", 2, &err));
	must(orbit_upload_write(first, "aaaa", 4, &err));
	must(orbit_upload_finish(second, &two, &err));
	assert_content(b, "box", "x", "bb");
	must(orbit_upload_finish(first, &one, &err));
	assert_content(b, "box", "x", "aaaaaaaa");
	assert_true(one.row.modified_at > two.row.modified_at);
	assert_int_equal(blobs(b), 1);
}

struct racer {
	struct orbit_tenants *b;
	char letter;
	pthread_t thread;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	const struct orbit_put put = put_of(r->b, "box", "x");
	struct orbit_object made;
	char text[5000];

	memset(text, r->letter, sizeof text);
	for (int i = 0; i < 20; i++) {
		struct dr_err err = DR_ERR_INIT;

		if (upload(r->b, &r->b->owner, &put, text, sizeof text, &made, &err) < 0)
			return r;
	}
	return NULL;
}

static void racing_uploads_leave_one_whole_object(void **state)
{
	struct orbit_tenants *b = *state;
	struct racer racers[4];
	struct orbit_object seen;
	char *text;

	box(b, "box", NULL);
	for (size_t i = 0; i < 4; i++) {
		racers[i] = (struct racer){.b = b, .letter = (char)('a' + i)};
		assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
	}
	for (size_t i = 0; i < 4; i++) {
		void *failed = NULL;

		pthread_join(racers[i].thread, &failed);
		assert_null(failed);
	}
	text = get(b, &b->owner, "box", "x", &seen);
	assert_int_equal(strspn(text, (char[]){text[0], 0}), 5000);
	free(text);
	assert_int_equal(blobs(b), 1);
}

static void only_new_means_only_new(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "x");
	struct orbit_upload *first = NULL, *second = NULL;
	struct orbit_object made;

	box(b, "box", NULL);
	put.only_new = true;
	must(orbit_upload_begin(&b->o, &b->owner, &put, &first, &err));
	must(orbit_upload_begin(&b->o, &b->owner, &put, &second, &err));
	must(orbit_upload_write(second, "2", 1, &err));
	must(orbit_upload_finish(first, &made, &err));
	must_refuse(DR_CONFLICT, "precondition", orbit_upload_finish(second, &made, &err));
	must_refuse(DR_CONFLICT, "precondition", upload(b, &b->owner, &put, "3", 1, &made, &err));
	assert_content(b, "box", "x", "");
	assert_int_equal(blobs(b), 0);
}

/* ---- writing out of order, as SFTP does ---- */

static void bytes_may_come_in_any_order(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put put = put_of(b, "box", "x");
	struct orbit_upload *u = NULL;
	struct orbit_object made;

	box(b, "box", NULL);
	must(orbit_upload_begin(&b->o, &b->owner, &put, &u, &err));
	must(orbit_upload_write_at(u, "lo", 2, 3, &err));
	must(orbit_upload_write_at(u, "HEL", 3, 0, &err));
	must(orbit_upload_write_at(u, "hel", 3, 0, &err));
	must(orbit_upload_finish(u, &made, &err));
	assert_string_equal(made.etag, HELLO_MD5);
	assert_content(b, "box", "x", "hello");
}

static void what_lies_between_reads_as_zeros(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put put = put_of(b, "box", "x");
	struct orbit_upload *u = NULL;
	struct orbit_object made, seen;
	char *text;

	box(b, "box", NULL);
	must(orbit_upload_begin(&b->o, &b->owner, &put, &u, &err));
	must(orbit_upload_write_at(u, "a", 1, 0, &err));
	must(orbit_upload_write_at(u, "b", 1, 3, &err));
	must(orbit_upload_finish(u, &made, &err));
	assert_string_equal(made.etag, "437e63476dc844ff0988abffd9e0fe2f");
	text = get(b, &b->owner, "box", "x", &seen);
	assert_memory_equal(text, "a\0\0b", 4);
	free(text);
}

/* More than the caller's thread hashes by itself, in pieces of every size. */
static void a_large_upload_has_the_md5_of_its_bytes(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put put = put_of(b, "box", "x");
	const size_t len = (size_t)5 << 20;
	uint8_t *bytes = malloc(len);
	DR_CLEANUP(hash_freep) struct hash *md5 = NULL;
	struct orbit_upload *u = NULL;
	struct orbit_object made;
	char hex[HASH_MAX_HEX];
	uint32_t x = 1;

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(x >> 24);
	}
	must(hash_new(&md5, HASH_MD5, &err));
	hash_update(md5, bytes, len);
	hash_final_hex(md5, hex);
	box(b, "box", NULL);
	must(orbit_upload_begin(&b->o, &b->owner, &put, &u, &err));
	for (size_t pos = 0, n; pos < len; pos += n) {
		n = 1 + (pos * 7919) % 300000;
		n = n < len - pos ? n : len - pos;
		must(orbit_upload_write(u, bytes + pos, n, &err));
	}
	must(orbit_upload_finish(u, &made, &err));
	assert_string_equal(made.etag, hex);
	free(bytes);
}

/* feed: so many bytes more, in pieces as a network gives them. */
static void feed(struct orbit_upload *u, size_t len)
{
	static const uint8_t piece[64 << 10] = "what a client sends";

	for (size_t done = 0; done < len; done += sizeof piece)
		must(orbit_upload_write(u, piece, sizeof piece, &err));
}

static void uploads_share_the_threads_that_hash(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put one = put_of(b, "box", "1"), two = put_of(b, "box", "2");
	struct orbit_upload *first = NULL, *second = NULL;
	struct orbit_object made, other;
	const size_t half = (size_t)2 << 20;

	box(b, "box", NULL);
	b->o.lanes = 1;
	must(orbit_upload_begin(&b->o, &b->owner, &one, &first, &err));
	must(orbit_upload_begin(&b->o, &b->owner, &two, &second, &err));
	feed(first, half);
	feed(second, half);
	assert_int_equal(atomic_load(&b->o.lanes_taken), 1);
	feed(first, half);
	must(orbit_upload_finish(first, &made, &err));
	assert_int_equal(atomic_load(&b->o.lanes_taken), 0);
	/* one that had to do without takes the one that has become free */
	feed(second, half);
	assert_int_equal(atomic_load(&b->o.lanes_taken), 1);
	must(orbit_upload_finish(second, &other, &err));
	assert_string_equal(other.etag, made.etag);
	b->o.lanes = 0;
	must(orbit_upload_begin(&b->o, &b->owner, &one, &first, &err));
	feed(first, 2 * half);
	must(orbit_upload_finish(first, &other, &err));
	assert_string_equal(other.etag, made.etag);
	b->o.lanes = 1;
	must(orbit_upload_begin(&b->o, &b->owner, &one, &first, &err));
	feed(first, half);
	assert_int_equal(atomic_load(&b->o.lanes_taken), 1);
	orbit_upload_abandon(first);
	assert_int_equal(atomic_load(&b->o.lanes_taken), 0);
}

static void what_the_store_could_not_write_never_becomes_an_object(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put put = put_of(b, "box", "x");
	struct orbit_upload *u = NULL;
	struct orbit_object made;

	box(b, "box", NULL);
	must(orbit_upload_begin(&b->o, &b->owner, &put, &u, &err));
	must(orbit_upload_write(u, "kept", 4, &err));
	store_mem_fail_after(b->t.l.store, 1);
	must_refuse(DR_LIMIT, "no-space", orbit_upload_write(u, "lost", 4, &err));
	store_mem_fail_after(b->t.l.store, 0);
	must_fail(DR_IO, orbit_upload_write(u, "late", 4, &err));
	must_fail(DR_IO, orbit_upload_finish(u, &made, &err));
	assert_int_equal(blobs(b), 0);
}

/* ---- limits ---- */

static void a_container_takes_what_its_quota_allows_to_the_byte(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "x");
	struct orbit_object made;

	box(b, "box", "X-Container-Meta-Quota-Bytes: 10\n");
	keep(b, "box", "other", "12345");
	must_refuse(DR_LIMIT, "quota", upload(b, &b->owner, &put, "123456", 6, &made, &err));
	put.length = 6;
	must_refuse(DR_LIMIT, "quota", upload(b, &b->owner, &put, "123456", 6, &made, &err));
	assert_int_equal(blobs(b), 1);
	put.length = 5;
	must(upload(b, &b->owner, &put, "12345", 5, &made, &err));
	/* what is replaced makes room */
	must(upload(b, &b->owner, &put, "54321", 5, &made, &err));
	put.name = "empty";
	put.length = 0;
	must(upload(b, &b->owner, &put, "", 0, &made, &err));
	assert_int_equal(blobs(b), 2);
}

/* Both fit when they begin. */
static void a_quota_holds_between_uploads_at_once(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put one = put_of(b, "box", "1"), two = put_of(b, "box", "2");
	struct orbit_upload *first = NULL, *second = NULL;
	struct orbit_object made;

	box(b, "box", "X-Container-Meta-Quota-Bytes: 10\n");
	must(orbit_upload_begin(&b->o, &b->owner, &one, &first, &err));
	must(orbit_upload_begin(&b->o, &b->owner, &two, &second, &err));
	must(orbit_upload_write(first, "123456", 6, &err));
	must(orbit_upload_write(second, "123456", 6, &err));
	must(orbit_upload_finish(first, &made, &err));
	must_refuse(DR_LIMIT, "quota", orbit_upload_finish(second, &made, &err));
	assert_int_equal(blobs(b), 1);
}

static void a_container_takes_as_many_objects_as_its_quota_allows(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put put = put_of(b, "box", "second");
	struct orbit_object made;

	box(b, "box", "X-Container-Meta-Quota-Count: 1\n");
	keep(b, "box", "first", "1");
	must_refuse(DR_LIMIT, "quota", upload(b, &b->owner, &put, "2", 1, &made, &err));
	keep(b, "box", "first", "replaced");
}

static void an_account_takes_what_its_operator_allows(void **state)
{
	struct orbit_tenants *b = *state;
	const struct orbit_put put = put_of(b, "box", "x");
	struct orbit_account shown;
	struct orbit_object made;

	box(b, "box", NULL);
	b->o.account_bytes = 4;
	must_refuse(DR_LIMIT, "quota", upload(b, &b->owner, &put, "12345", 5, &made, &err));
	must_fail(DR_DENIED, orbit_account_post(&b->o, &b->owner, b->t.a.id,
						"x-account-meta-quota-bytes: 5\n", &err));
	must(orbit_account_set_quota(b->t.f.c, b->t.a.id, 5, &err));
	must(upload(b, &b->owner, &put, "12345", 5, &made, &err));
	must(orbit_account_show(&b->o, &b->owner, b->t.a.id, &shown, &err));
	assert_non_null(strstr(shown.meta, "X-Account-Meta-Quota-Bytes: 5\n"));
	must(orbit_account_set_quota(b->t.f.c, b->t.a.id, 0, &err));
	must_refuse(DR_LIMIT, "quota", upload(b, &b->owner, &put, "12345", 5, &made, &err));
	assert_content(b, "box", "x", "12345");
}

static void an_object_is_not_larger_than_objects_may_be(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "x");
	struct orbit_object made;

	box(b, "box", NULL);
	b->o.object_bytes = 5;
	must_refuse(DR_LIMIT, "too-large", upload(b, &b->owner, &put, "123456", 6, &made, &err));
	put.length = 6;
	must_refuse(DR_LIMIT, "too-large", upload(b, &b->owner, &put, "123456", 6, &made, &err));
	assert_int_equal(blobs(b), 0);
	put.length = 5;
	must(upload(b, &b->owner, &put, "12345", 5, &made, &err));
}

static void names_and_metadata_have_rules(void **state)
{
	struct orbit_tenants *b = *state;
	char name[1100];
	struct orbit_put put = put_of(b, "box", name);
	struct orbit_object made;
	struct orbit_account a;

	box(b, "box", NULL);
	memset(name, 'n', sizeof name);
	name[1025] = 0;
	must_refuse(DR_INVALID, "name", upload(b, &b->owner, &put, "", 0, &made, &err));
	name[1024] = 0;
	must(upload(b, &b->owner, &put, "", 0, &made, &err));
	snprintf(name, sizeof name, "\xff");
	must_refuse(DR_INVALID, "name", upload(b, &b->owner, &put, "", 0, &made, &err));
	snprintf(name, sizeof name, "x");
	put.meta = "X-Container-Read: .r:*\n";
	must_refuse(DR_INVALID, "metadata", upload(b, &b->owner, &put, "", 0, &made, &err));
	put.meta = "X-Object-Manifest: box\n";
	must_refuse(DR_INVALID, "manifest", upload(b, &b->owner, &put, "", 0, &made, &err));
	put.meta = NULL;
	put.delete_at = 1;
	must_refuse(DR_INVALID, "delete-at", upload(b, &b->owner, &put, "", 0, &made, &err));
	for (const char *const *bad = (const char *const[]){"", "a/b", ".", "..", "\xc3", NULL};
	     *bad; bad++)
		must_refuse(DR_INVALID, "name",
			    orbit_container_put(&b->o, &b->owner, b->t.a.id, *bad, NULL, &err));
	memset(name, 'n', sizeof name);
	name[256] = 0;
	must_refuse(DR_INVALID, "name",
		    orbit_container_put(&b->o, &b->owner, b->t.a.id, name, NULL, &err));
	name[255] = 0;
	box(b, name, NULL);
	must_refuse(DR_INVALID, "acl",
		    orbit_container_put(&b->o, &b->owner, b->t.a.id, "bad",
					"X-Container-Read: nobody knows\n", &err));
	must_refuse(DR_INVALID, "metadata",
		    orbit_container_post(&b->o, &b->owner, b->t.a.id, "box",
					 "X-Container-Meta-Quota-Bytes: many\n", &err));
	must(orbit_account_show(&b->o, &b->owner, b->t.a.id, &a, &err));
	assert_int_equal(a.containers, 3);
}

/* ---- changing and deleting ---- */

static void post_replaces_metadata_and_keeps_bytes(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "x.txt");
	struct orbit_object seen;

	box(b, "box", NULL);
	put.meta = "X-Object-Meta-A: 1\nContent-Encoding: gzip\n";
	must(upload(b, &b->owner, &put, "hello", 5, &seen, &err));
	put.meta = "X-Object-Meta-B: 2\n";
	put.delete_at = dr_wall() + 1000;
	must(orbit_object_post(&b->o, &b->owner, &put, &err));
	free(get(b, &b->owner, "box", "x.txt", &seen));
	assert_string_equal(seen.row.meta, "X-Object-Meta-B: 2\n");
	assert_string_equal(seen.row.content_type, "text/plain");
	assert_int_equal(seen.row.delete_at, put.delete_at);
	assert_string_equal(seen.etag, HELLO_MD5);
	put.content_type = "text/html";
	put.delete_at = 0;
	must(orbit_object_post(&b->o, &b->owner, &put, &err));
	free(get(b, &b->owner, "box", "x.txt", &seen));
	assert_string_equal(seen.row.content_type, "text/html");
	assert_int_equal(seen.row.delete_at, 0);
	put.meta = "X-Object-Manifest: box/x\n";
	must_refuse(DR_INVALID, "manifest", orbit_object_post(&b->o, &b->owner, &put, &err));
	put.name = "none";
	put.meta = NULL;
	must_fail(DR_NOT_FOUND, orbit_object_post(&b->o, &b->owner, &put, &err));
}

static void deleting_removes_row_and_bytes(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_deleted d;

	box(b, "box", NULL);
	keep(b, "box", "x", "1");
	must_fail(DR_CONFLICT, orbit_container_delete(&b->o, &b->owner, b->t.a.id, "box", &err));
	must(orbit_object_delete(&b->o, &b->owner, b->t.a.id, "box", "x", false, &d, &err));
	assert_int_equal(blobs(b), 0);
	must_fail(DR_NOT_FOUND,
		  orbit_object_delete(&b->o, &b->owner, b->t.a.id, "box", "x", false, &d, &err));
	must(orbit_container_delete(&b->o, &b->owner, b->t.a.id, "box", &err));
}

/* Written past the rule that nothing is to be deleted in the past, as time would do it. */
static void what_has_expired_is_not_there_before_the_expirer_comes(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_put put = put_of(b, "box", "x");
	struct orbit_deleted d;
	struct orbit_object seen;

	box(b, "box", NULL);
	keep(b, "box", "x", "1");
	free(get(b, &b->owner, "box", "x", &seen));
	seen.row.delete_at = 1;
	must(catalogue_object_set(b->t.f.c, &seen.row, dr_wall_us(), &err));
	must_fail(DR_NOT_FOUND, orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "x",
						  ORBIT_CONTENT, &seen, NULL, &err));
	must_fail(DR_NOT_FOUND, orbit_object_post(&b->o, &b->owner, &put, &err));
	must_fail(DR_NOT_FOUND,
		  orbit_object_delete(&b->o, &b->owner, b->t.a.id, "box", "x", false, &d, &err));
	assert_int_equal(blobs(b), 0);
	put.only_new = true;
	must(upload(b, &b->owner, &put, "2", 1, &seen, &err));
}

static void lost_bytes_are_told_and_not_made_up(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_reader *r = NULL;
	struct orbit_object seen;

	box(b, "box", NULL);
	keep(b, "box", "x", "1");
	free(get(b, &b->owner, "box", "x", &seen));
	must(store_object_remove(b->t.l.store, b->t.a.id, &seen.row.blob, &err));
	must_fail(DR_CORRUPT, orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "x",
						ORBIT_CONTENT, &seen, &r, &err));
}

/* ---- listings ---- */

static void containers_are_listed_with_images_among_them(void **state)
{
	static const struct {
		struct listing_query q;
		const char *expected;
	} cases[] = {
		{{.limit = 100}, "box images imp zoo"},
		{{.limit = 100, .reverse = true}, "zoo imp images box"},
		{{.limit = 2}, "box images"},
		{{.limit = 1}, "box"},
		{{.limit = 0}, ""},
		{{.limit = 100, .marker = "box"}, "images imp zoo"},
		{{.limit = 100, .marker = "images"}, "imp zoo"},
		{{.limit = 100, .end_marker = "images"}, "box"},
		{{.limit = 100, .end_marker = "imagesx"}, "box images"},
		{{.limit = 100, .prefix = "im"}, "images imp"},
		{{.limit = 100, .prefix = "z"}, "zoo"},
		{{.limit = 100, .prefix = "imx"}, ""},
		{{.limit = 100, .delimiter = "m"}, "box im zoo"},
		{{.limit = 100, .delimiter = "a"}, "box ima imp zoo"},
		{{.limit = 100, .prefix = "im", .delimiter = "a"}, "ima imp"},
		{{.limit = 100, .reverse = true, .marker = "imp"}, "images box"},
		{{.limit = 100, .reverse = true, .end_marker = "box"}, "zoo imp images"},
	};
	struct orbit_tenants *b = *state;
	struct image img;

	box(b, "zoo", NULL);
	box(b, "imp", NULL);
	box(b, "box", NULL);
	keep(b, "box", "a", "1");
	publish_disk(&b->t, b->t.a.id, &img);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct names_seen seen = {0};

		must(orbit_account_list(&b->o, &b->owner, b->t.a.id, &cases[i].q, see_name, &seen,
					&err));
		if (strcmp(seen.text, cases[i].expected) != 0)
			fail_msg("case %zu: %s", i, seen.text);
		if (i == 0)
			assert_int_equal(seen.bytes, 1 + img.object_bytes);
	}
}

static void only_images_is_there_in_a_new_account(void **state)
{
	const struct listing_query q = {.limit = 100};
	struct orbit_tenants *b = *state;
	struct names_seen seen = {0};
	struct orbit_container shown;

	must(orbit_account_list(&b->o, &b->owner, b->t.a.id, &q, see_name, &seen, &err));
	assert_string_equal(seen.text, "images");
	must(orbit_container_show(&b->o, &b->owner, b->t.a.id, "images", &shown, &err));
	assert_true(shown.images && shown.may_list && shown.may_read && !shown.may_write);
}

static void images_are_listed_and_read_as_files(void **state)
{
	struct orbit_tenants *b = *state;
	struct listing_query q = {.limit = 100};
	struct names_seen seen = {0}, backwards = {0}, cut = {0};
	struct orbit_object lz4, raw;
	struct orbit_reader *r = NULL;
	struct image one, two;
	char both[64];
	char *text;

	publish_disk(&b->t, b->t.a.id, &one);
	publish_disk(&b->t, b->t.a.id, &two);
	if (strcmp(one.id, two.id) > 0) {
		struct image x = one;

		one = two;
		two = x;
	}
	must(orbit_container_list(&b->o, &b->owner, b->t.a.id, "images", &q, see_name, &seen,
				  &err));
	snprintf(both, sizeof both, "%s %s", one.id, two.id);
	assert_string_equal(seen.text, both);
	assert_int_equal(seen.bytes, one.object_bytes + two.object_bytes);
	q.reverse = true;
	q.marker = two.id;
	must(orbit_container_list(&b->o, &b->owner, b->t.a.id, "images", &q, see_name, &backwards,
				  &err));
	assert_string_equal(backwards.text, one.id);
	q = (struct listing_query){.limit = 100, .delimiter = "-"};
	must(orbit_container_list(&b->o, &b->owner, b->t.a.id, "images", &q, see_name, &cut, &err));
	assert_string_equal(cut.text, "img-");
	free(get(b, &b->owner, "images", one.id, &lz4));
	assert_true(lz4.image && lz4.etag_quoted);
	assert_int_equal(lz4.bytes, one.object_bytes);
	must(orbit_object_open(&b->o, &b->owner, b->t.a.id, "images", one.id, ORBIT_RAW, &raw, &r,
			       &err));
	assert_int_equal(raw.bytes, one.virtual_bytes);
	text = read_all(r, 9, 9);
	assert_string_equal(text, "darkroom");
	free(text);
	orbit_reader_close(r);
	must_fail(DR_NOT_FOUND, orbit_object_open(&b->o, &b->owner, b->t.a.id, "images", "img-none",
						  ORBIT_CONTENT, &raw, NULL, &err));
	box(b, "box", NULL);
	keep(b, "box", "x", "1");
	must_fail(DR_NOT_FOUND, orbit_object_open(&b->o, &b->owner, b->t.a.id, "box", "x",
						  ORBIT_QCOW2, &raw, NULL, &err));
}

static void changes_of_a_container_are_laid_over_what_it_has(void **state)
{
	struct orbit_tenants *b = *state;
	struct orbit_container seen;
	int made = -1;

	must(made = orbit_container_put(&b->o, &b->owner, b->t.a.id, "box",
					"X-Container-Meta-A: 1\nX-Container-Meta-B: 2\n", &err));
	assert_int_equal(made, 1);
	must(made = orbit_container_put(&b->o, &b->owner, b->t.a.id, "box",
					"X-Container-Meta-B: \nX-Container-Meta-C: 3\n", &err));
	assert_int_equal(made, 0);
	must(orbit_container_post(&b->o, &b->owner, b->t.a.id, "box", "X-Container-Meta-D: 4\n",
				  &err));
	must(orbit_container_show(&b->o, &b->owner, b->t.a.id, "box", &seen, &err));
	assert_string_equal(seen.row.meta, "X-Container-Meta-A: 1\nX-Container-Meta-C: 3\n"
					   "X-Container-Meta-D: 4\n");
	must(orbit_account_post(&b->o, &b->owner, b->t.a.id, "X-Account-Meta-Temp-Url-Key: k\n",
				&err));
}

int main(void)
{
#define IN_TENANTS(t) cmocka_unit_test_setup_teardown(t, orbit_setup, orbit_teardown)
	const struct CMUnitTest tests[] = {
		IN_TENANTS(what_is_put_is_what_is_got),
		IN_TENANTS(an_abandoned_upload_leaves_nothing),
		IN_TENANTS(other_bytes_than_promised_leave_the_old_ones),
		IN_TENANTS(replacing_removes_the_old_bytes),
		IN_TENANTS(an_open_reader_goes_on_reading_what_was_replaced),
		IN_TENANTS(of_two_uploads_of_one_name_the_last_wins),
		IN_TENANTS(racing_uploads_leave_one_whole_object),
		IN_TENANTS(only_new_means_only_new),
		IN_TENANTS(bytes_may_come_in_any_order),
		IN_TENANTS(what_lies_between_reads_as_zeros),
		IN_TENANTS(a_large_upload_has_the_md5_of_its_bytes),
		IN_TENANTS(uploads_share_the_threads_that_hash),
		IN_TENANTS(what_the_store_could_not_write_never_becomes_an_object),
		IN_TENANTS(a_container_takes_what_its_quota_allows_to_the_byte),
		IN_TENANTS(a_quota_holds_between_uploads_at_once),
		IN_TENANTS(a_container_takes_as_many_objects_as_its_quota_allows),
		IN_TENANTS(an_account_takes_what_its_operator_allows),
		IN_TENANTS(an_object_is_not_larger_than_objects_may_be),
		IN_TENANTS(names_and_metadata_have_rules),
		IN_TENANTS(post_replaces_metadata_and_keeps_bytes),
		IN_TENANTS(deleting_removes_row_and_bytes),
		IN_TENANTS(what_has_expired_is_not_there_before_the_expirer_comes),
		IN_TENANTS(lost_bytes_are_told_and_not_made_up),
		IN_TENANTS(containers_are_listed_with_images_among_them),
		IN_TENANTS(only_images_is_there_in_a_new_account),
		IN_TENANTS(images_are_listed_and_read_as_files),
		IN_TENANTS(changes_of_a_container_are_laid_over_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
