/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "manifest-disk.h"
#include "manifest/check.h"
#include "store/mem.h"
#include "unit.h"

struct fixture {
	struct store *st;
	struct check_item items[4];
	size_t count;
	const char *gone;  /* the item of this name is no longer live */
	struct buf report; /* "name fault;…" */
	struct buf texts;
	struct manifest_entry recoded; /* the first of what recoded() was given */
	bool forgetful;                /* recoded() fails */
};

static const struct disk first = {"", 10 * MIB, {0, 1, 2, END}};
static const struct disk second = {"", 10 * MIB + 512, {2, 3, 10, END}};

static void add_image(struct fixture *f, const char *name, const struct disk *d)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = disk_put(f->st, d);
	struct check_item *item = &f->items[f->count++];
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;

	*item = (struct check_item){.name = name, .domain = DISK_DOMAIN, .bytes = d->bytes};
	manifest_content_digest(m, &item->content);
	assert_int_equal(manifest_encode(m, &b, &err), 0);
	assert_int_equal(store_begin(f->st, "job-1", &tx, &err), 0);
	assert_int_equal(store_put_blob(tx, DISK_DOMAIN, b.p, b.len, &item->id, &err), 0);
	assert_int_equal(store_commit(tx, &err), 0);
	assert_int_equal(store_unlease(f->st, "job-1", &err), 0);
}

/* fill_store: two images that share the chunk at 2 MiB. */
static void fill_store(struct fixture *f)
{
	f->count = 0;
	add_image(f, "img-first", &first);
	add_image(f, "img-second", &second);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct dr_err err = DR_ERR_INIT;

	if (!f || store_mem_open(&f->st, &err) < 0)
		return -1;
	fill_store(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->st);
	buf_done(&f->report);
	buf_done(&f->texts);
	free(f);
	return 0;
}

static int each(void *arg, check_fn fn, void *fn_arg, struct dr_err *err)
{
	struct fixture *f = arg;

	for (size_t i = 0; i < f->count; i++)
		if (fn(fn_arg, &f->items[i], err) < 0)
			return -1;
	return 0;
}

static bool live(void *arg, const struct check_item *item)
{
	const struct fixture *f = arg;

	return !f->gone || strcmp(f->gone, item->name) != 0;
}

static void problem(void *arg, const struct check_item *item, enum check_fault fault,
		    const char *text)
{
	static const char *const faults[] = {"missing", "damaged", "disagrees", "unreadable"};
	struct fixture *f = arg;

	buf_printf(&f->report, "%s %s;", item->name, faults[fault]);
	buf_printf(&f->texts, "%s\n", text);
}

static int recoded(void *arg, const struct check_item *item, const struct manifest *m,
		   struct dr_err *err)
{
	struct fixture *f = arg;

	assert_string_equal(item->name, "img-first");
	f->recoded = m->entries[0];
	return f->forgetful ? dr_fail(err, DR_BUSY, "not now") : 0;
}

static struct check_result check(struct fixture *f, bool full, const char *want)
{
	struct check_catalogue cat = {
		.each = each, .live = live, .problem = problem, .recoded = recoded, .arg = f};
	struct dr_err err = DR_ERR_INIT;
	struct check_result result;
	unsigned n = 0;

	buf_clear(&f->report);
	buf_clear(&f->texts);
	assert_int_equal(manifest_check(f->st, &cat, full, &result, &err), 0);
	assert_string_equal(buf_str(&f->report), want);
	for (const char *s = want; *s; s++)
		n += *s == ';';
	assert_int_equal(result.problems, n);
	return result;
}

/* chunk_of: the id of an image's chunk. */
static struct digest chunk_of(const struct disk *d, uint32_t index)
{
	dr_autofree uint8_t *p = malloc(MIB);
	size_t len = (size_t)(d->bytes - index * MIB < MIB ? d->bytes - index * MIB : MIB);
	struct digest id;

	disk_fill(p, MIB, index);
	digest_of(p, len, &id);
	return id;
}

static struct buf *at_rest(struct fixture *f, const struct disk *d, uint32_t index)
{
	struct digest id = chunk_of(d, index);

	return store_mem_item(f->st, DISK_DOMAIN, false, &id);
}

static void a_sound_store_has_no_problems(void **state)
{
	struct fixture *f = *state;
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;
	struct digest id;
	struct check_result r = check(f, false, "");

	assert_int_equal(r.items, 2);
	assert_int_equal(r.chunks, 5);
	assert_true(r.counted);
	assert_int_equal(r.orphans.chunks + r.orphans.blobs, 0);
	r = check(f, true, "");
	assert_int_equal(r.chunks, 5);
	/* The ended leases of what was put, and one that still runs with a blob of its own. */
	assert_int_equal(store_begin(f->st, "job-2", &tx, &err), 0);
	assert_int_equal(store_put_blob(tx, DISK_DOMAIN, "fresh", 5, &id, &err), 0);
	r = check(f, true, "");
	assert_int_equal(r.leases_active, 1);
	assert_true(r.leases_ended > 0);
	assert_int_equal(r.leased.blobs, 1);
	assert_int_equal(r.orphans.blobs, 0);
	store_abandon(tx);
	assert_int_equal(store_unlease(f->st, "job-2", &err), 0);
	/* An image is deleted: what only it had is an orphan, and still no problem. */
	f->items[0] = f->items[--f->count];
	r = check(f, false, "");
	assert_int_equal(r.orphans.chunks, 2);
	assert_int_equal(r.orphans.blobs, 2);
}

static void a_flipped_bit_is_found_by_the_full_check_and_healed(void **state)
{
	struct fixture *f = *state;
	struct buf *b = at_rest(f, &first, 2);

	b->p[1000] ^= 4;
	check(f, false, "");
	/* The first to look sees the damage, and moves it aside: both images are named. */
	check(f, true, "img-first damaged;img-second missing;");
	assert_non_null(strstr(buf_str(&f->texts), "the disk at 2 MiB: chunk "));
	assert_non_null(strstr(buf_str(&f->texts), "importing the same bytes again heals it"));
	check(f, false, "img-first missing;img-second missing;");
	fill_store(f);
	check(f, true, "");
}

static void the_quick_check_sees_length_and_record(void **state)
{
	struct fixture *f = *state;

	at_rest(f, &first, 0)->len = 0;
	at_rest(f, &first, 1)->len -= 1;
	buf_putc(at_rest(f, &second, 3), 'x');
	check(f, false, "img-first damaged;img-first damaged;img-second damaged;");
	check(f, false, "img-first missing;img-first missing;img-second missing;");
	fill_store(f);
	check(f, false, "");
	/* Another chunk's block in its place: sound in itself, and not what was recorded. */
	buf_clear(at_rest(f, &first, 0));
	buf_append(at_rest(f, &first, 0), at_rest(f, &first, 1)->p, at_rest(f, &first, 1)->len);
	check(f, false, "img-first damaged;");
	fill_store(f);
	check(f, true, "");
}

static void a_lost_manifest_is_one_images_problem(void **state)
{
	struct fixture *f = *state;
	struct check_result r;

	store_mem_item(f->st, DISK_DOMAIN, true, &f->items[0].id)->p[60] ^= 1;
	r = check(f, false, "img-first damaged;");
	assert_false(r.counted);
	r = check(f, true, "img-first missing;");
	assert_non_null(strstr(buf_str(&f->texts), "its manifest"));
	assert_false(r.counted);
	fill_store(f);
	r = check(f, true, "");
	assert_true(r.counted);
}

static void the_catalogue_is_compared(void **state)
{
	struct fixture *f = *state;

	f->items[0].content.b[5] ^= 1;
	f->items[1].bytes += 512;
	check(f, false, "img-first disagrees;img-second disagrees;");
	check(f, true, "img-first disagrees;img-second disagrees;");
}

static void a_manifest_that_records_something_else_disagrees(void **state)
{
	struct fixture *f = *state;
	DR_CLEANUP(manifest_freep) struct manifest *m = NULL;
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	struct store_txn *tx = NULL;
	struct manifest_entry true_one;

	assert_int_equal(manifest_load(&m, f->st, DISK_DOMAIN, &f->items[0].id, &err), 0);
	true_one = m->entries[0];
	m->entries[0].check ^= 1;
	assert_int_equal(manifest_encode(m, &b, &err), 0);
	assert_int_equal(store_begin(f->st, "job-1", &tx, &err), 0);
	assert_int_equal(store_put_blob(tx, DISK_DOMAIN, b.p, b.len, &f->items[0].id, &err), 0);
	assert_int_equal(store_commit(tx, &err), 0);
	check(f, false, "img-first disagrees;");
	assert_memory_equal(&f->recoded, &true_one, sizeof true_one);
	assert_non_null(strstr(buf_str(&f->texts), "the record is right again"));
	f->forgetful = true;
	check(f, true, "img-first disagrees;");
	assert_non_null(strstr(buf_str(&f->texts), "not now"));
	/* Not while something is missing: what heals it may be encoded otherwise, too. */
	f->recoded = (struct manifest_entry){0};
	buf_clear(at_rest(f, &first, 1));
	check(f, true, "img-first damaged;img-first disagrees;");
	assert_int_equal(f->recoded.stored_bytes, 0);
	/* It was the record: the chunk has not been touched. */
	f->count = 0;
	add_image(f, "img-first", &first);
	check(f, true, "");
}

static void what_was_deleted_meanwhile_is_no_problem(void **state)
{
	struct fixture *f = *state;

	at_rest(f, &second, 3)->len = 0;
	f->gone = "img-second";
	check(f, false, "");
	f->gone = NULL;
	check(f, false, "img-second missing;");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_sound_store_has_no_problems),
		CASE(a_flipped_bit_is_found_by_the_full_check_and_healed),
		CASE(the_quick_check_sees_length_and_record),
		CASE(a_lost_manifest_is_one_images_problem),
		CASE(the_catalogue_is_compared),
		CASE(a_manifest_that_records_something_else_disagrees),
		CASE(what_was_deleted_meanwhile_is_no_problem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
