/* SPDX-License-Identifier: Apache-2.0 */
#include <sqlite3.h>

#include "catalogue/catalogue_internal.h"
#include "orbit-fixture.h"
#include "util/str.h"

#include "util/banned.h"

#define NAMES_MAX 400
#define NAME_ROOM 64
#define PAGE_ROOM 65536

struct shelf {
	struct fixture f;
	struct account a;
	struct container k;
	char names[NAMES_MAX][NAME_ROOM]; /* in order */
	size_t count;
	uint32_t random; /* the same in every run */
};

static int set_up(void **state)
{
	static struct shelf s;

	memset(&s, 0, sizeof(s));
	s.random = 1;
	fixture_open(&s.f);
	s.a = new_account(s.f.c, "a");
	s.k = new_container(s.f.c, s.a.id, "box");
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	fixture_done(&((struct shelf *)*state)->f);
	return 0;
}

/* ---- pages as text: each line's name and a line feed, cut-offs with a '>' before them ---- */

static int write_line(void *arg, const struct listing_line *line, struct dr_err *err)
{
	struct buf *b = (struct buf *)arg;

	(void)err;
	if (line->subdir)
		buf_putc(b, '>');
	else if (line->md5)
		assert_string_equal(line->content_type, line->name);
	buf_puts(b, line->name);
	buf_putc(b, '\n');
	return 0;
}

static size_t page(struct shelf *s, const struct listing_query *q, struct buf *ret)
{
	int n = 0;

	buf_clear(ret);
	must(n = catalogue_object_page(s->f.c, s->k.id, q, write_line, ret, &err));
	return (size_t)n;
}

/* put_row: an object, without its sums. */
static void put_row(struct db *db, int64_t container, const char *name, int64_t delete_at)
{
	must(db_run(db,
		    "INSERT INTO objects (container, name, kind, bytes, md5, etag, content_type,"
		    " modified_at, delete_at, blob, stored_bytes, meta)"
		    " VALUES ($1, $2, 'plain', 1, '', '', $2, 0, $3, '', 1, '')",
		    DB_ARGS(db_int(container), db_text(name), db_int(delete_at)), &err));
}

static void fill(struct shelf *s)
{
	dr_session w = {0};

	must(session_write(&w, s->f.c, &err));
	must(db_run(w.db, "DELETE FROM objects", NULL, 0, &err));
	for (size_t i = 0; i < s->count; i++)
		put_row(w.db, s->k.id, s->names[i], 0);
	must(session_commit(&w, &err));
}

/* ---- the model: every name is looked at ---- */

struct model {
	const struct listing_query *q;
	const char *after, *before, *prefix, *delimiter;
	char last[NAME_ROOM]; /* what was cut off last */
	size_t lines;
};

static void model_name(struct model *m, const char *name, struct buf *ret)
{
	char cut[NAME_ROOM];
	const char *at;

	if ((m->after[0] && strcmp(name, m->after) <= 0) ||
	    (m->before[0] && strcmp(name, m->before) >= 0) || !dr_starts(name, m->prefix))
		return;
	at = m->delimiter[0] ? strstr(name + strlen(m->prefix), m->delimiter) : NULL;
	if (at) {
		snprintf(cut, sizeof(cut), "%.*s", (int)(at - name + (int)strlen(m->delimiter)),
			 name);
		if (m->q->no_subdirs && strcmp(cut, name) != 0)
			return;
		if (!m->q->no_subdirs) {
			if (strcmp(cut, m->after) == 0 || strcmp(cut, m->last) == 0)
				return;
			memcpy(m->last, cut, sizeof(cut));
			buf_putc(ret, '>');
			name = cut;
		}
	} else if (m->q->no_subdirs && strcmp(name, m->prefix) == 0) {
		return;
	}
	buf_puts(ret, name);
	buf_putc(ret, '\n');
	m->lines++;
}

static size_t model_page(const struct shelf *s, const struct listing_query *q, struct buf *ret)
{
	const char *marker = q->marker ? q->marker : "";
	const char *end_marker = q->end_marker ? q->end_marker : "";
	struct model m = {.q = q,
			  .after = q->reverse ? end_marker : marker,
			  .before = q->reverse ? marker : end_marker,
			  .prefix = q->prefix ? q->prefix : "",
			  .delimiter = q->delimiter ? q->delimiter : ""};

	buf_clear(ret);
	for (size_t i = 0; i < s->count && m.lines < q->limit; i++)
		model_name(&m, s->names[q->reverse ? s->count - 1 - i : i], ret);
	return m.lines;
}

/* ---- chance ---- */

static uint32_t chance(struct shelf *s, uint32_t of)
{
	s->random = s->random * 1664525 + 1013904223;
	return (s->random >> 8) % of;
}

/* some_text: of up to `most` pieces, of which few are letters. */
static void some_text(struct shelf *s, unsigned most, char ret[static NAME_ROOM])
{
	static const char *const pieces[] = {"a",      "b",      "/",      "/",          "%",
					     "_",      "'",      "\"",     "\\",         "\x01",
					     "\u00e9", "\u2028", "\ud7ff", "\U0010ffff", " "};
	unsigned n = chance(s, most + 1);
	size_t len = 0;

	ret[0] = 0;
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(ret + len, NAME_ROOM - len, "%s",
					pieces[chance(s, sizeof(pieces) / sizeof(pieces[0]))]);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp((const char *)a, (const char *)b);
}

static void some_names(struct shelf *s)
{
	size_t n = 0;

	for (size_t i = 0; i < NAMES_MAX; i++) {
		do
			some_text(s, 7, s->names[i]);
		while (!s->names[i][0]);
	}
	qsort(s->names, NAMES_MAX, NAME_ROOM, by_bytes);
	for (size_t i = 0; i < NAMES_MAX; i++) {
		if (n == 0 || strcmp(s->names[n - 1], s->names[i]) != 0)
			memmove(s->names[n++], s->names[i], NAME_ROOM);
	}
	s->count = n;
}

/* some_place: nothing, a name that is there, the beginning of one, or any text. */
static const char *some_place(struct shelf *s, char ret[static NAME_ROOM])
{
	const char *cut;

	some_text(s, 3, ret);
	switch (chance(s, 4)) {
	case 0:
		return NULL;
	case 1:
		break;
	default:
		memcpy(ret, s->names[chance(s, (uint32_t)s->count)], NAME_ROOM);
		cut = strchr(ret, '/');
		if (cut && chance(s, 2))
			ret[cut - ret + 1] = 0;
	}
	return ret;
}

static void some_query(struct shelf *s, struct listing_query *q, char room[static 3][NAME_ROOM])
{
	static const char *const delimiters[] = {NULL,     "/",  "/",         "//",
						 "\u2028", "a/", "\U0010ffff"};

	*q = (struct listing_query){
		.marker = some_place(s, room[0]),
		.end_marker = chance(s, 2) ? some_place(s, room[1]) : "",
		.prefix = chance(s, 2) ? some_place(s, room[2]) : "",
		.delimiter = delimiters[chance(s, sizeof(delimiters) / sizeof(delimiters[0]))],
		.reverse = chance(s, 2),
		.no_subdirs = chance(s, 4) == 0,
		.limit = chance(s, 3) ? chance(s, 9) : NAMES_MAX,
	};
}

#define shown(text) ((text) ? (text) : "(none)")

static void a_page_is_what_looking_at_every_name_gives(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	dr_autobuf struct buf got = BUF_INIT;
	dr_autobuf struct buf expected = BUF_INIT;
	char room[3][NAME_ROOM];
	struct listing_query q;

	for (int round = 0; round < 4; round++) {
		some_names(s);
		fill(s);
		for (int i = 0; i < 1500; i++) {
			some_query(s, &q, room);
			if (model_page(s, &q, &expected) == page(s, &q, &got) &&
			    strcmp(buf_str(&got), buf_str(&expected)) == 0)
				continue;
			fail_msg("marker %s, end_marker %s, prefix %s, delimiter %s, reverse %d,"
				 " no_subdirs %d, limit %zu\n%s\nbut expected\n%s",
				 shown(q.marker), shown(q.end_marker), shown(q.prefix),
				 shown(q.delimiter), q.reverse, q.no_subdirs, q.limit,
				 buf_str(&got), buf_str(&expected));
		}
	}
}

/* last_line: of a page, without its '>'. */
static void last_line(const struct buf *b, char ret[static NAME_ROOM])
{
	const char *text = buf_str(b);
	size_t from = b->len - 1;

	while (from > 0 && text[from - 1] != '\n')
		from--;
	from += text[from] == '>';
	snprintf(ret, NAME_ROOM, "%.*s", (int)(b->len - 1 - from), text + from);
}

static void pages_join_without_gap_or_repeat_in_both_directions(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	dr_autobuf struct buf whole = BUF_INIT;
	dr_autobuf struct buf one = BUF_INIT;
	char prefix[NAME_ROOM];
	char marker[NAME_ROOM];

	some_names(s);
	fill(s);
	for (int i = 0; i < 40; i++) {
		dr_autobuf struct buf joined = BUF_INIT;
		struct listing_query q = {.delimiter = i % 4 ? "/" : NULL,
					  .reverse = i % 2,
					  .no_subdirs = i % 5 == 0,
					  .limit = NAMES_MAX};

		some_text(s, 2, prefix);
		q.prefix = i % 3 ? prefix : NULL;
		page(s, &q, &whole);
		q.limit = 1 + chance(s, 5);
		while (page(s, &q, &one) > 0) {
			buf_append(&joined, one.p, one.len);
			last_line(&one, marker);
			q.marker = marker;
		}
		assert_string_equal(buf_str(&joined), buf_str(&whole));
	}
}

static void what_has_expired_is_left_out_unless_asked_for(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	dr_autobuf struct buf got = BUF_INIT;
	struct listing_query q = {.delimiter = "/", .limit = 9, .now = NOW};

	put_row(s->f.c->writer, s->k.id, "d/gone", NOW);
	put_row(s->f.c->writer, s->k.id, "e/gone", NOW - 1);
	put_row(s->f.c->writer, s->k.id, "e/kept", NOW + 1);
	put_row(s->f.c->writer, s->k.id, "gone", 1);
	page(s, &q, &got);
	assert_string_equal(buf_str(&got), ">e/\n");
	q.now = 0;
	page(s, &q, &got);
	assert_string_equal(buf_str(&got), ">d/\n>e/\ngone\n");
}

static int note_container(void *arg, const struct listing_line *line, struct dr_err *err)
{
	if (!line->subdir) {
		assert_int_equal(line->objects, strcmp(line->name, "box") == 0);
		assert_int_equal(line->bytes, strcmp(line->name, "box") == 0 ? 5 : 0);
		assert_int_equal(line->modified_at, NOW_US);
	}
	return write_line(arg, line, err);
}

static void containers_are_listed_likewise(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	struct account other = new_account(s->f.c, "other");
	static const char *const names[] = {"a-1", "a-2", "b%", "c"};
	const struct {
		struct listing_query q;
		const char *expected;
	} cases[] = {
		{{.limit = 9}, "a-1\na-2\nb%\nbox\nc\n"},
		{{.limit = 2, .reverse = true}, "c\nbox\n"},
		{{.limit = 9, .delimiter = "-"}, ">a-\nb%\nbox\nc\n"},
		{{.limit = 9, .prefix = "b", .marker = "b%"}, "box\n"},
		{{.limit = 9, .marker = "a-2", .end_marker = "box"}, "b%\n"},
		{{.limit = 0}, ""},
	};
	struct object old;

	new_container(s->f.c, other.id, "theirs");
	put_object(s->f.c, s->k.id, "x", 5, &old);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		new_container(s->f.c, s->a.id, names[i]);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		dr_autobuf struct buf got = BUF_INIT;

		must(catalogue_container_page(s->f.c, s->a.id, &cases[i].q, note_container, &got,
					      &err));
		assert_string_equal(buf_str(&got), cases[i].expected);
	}
}

/* ---- what it costs ---- */

static size_t instructions; /* that SQLite has executed, on all connections */

static int count_instruction(void *arg)
{
	(void)arg;
	instructions++;
	return 0;
}

static int watch(sqlite3 *db, const char **ret_message, const struct sqlite3_api_routines *api)
{
	(void)ret_message;
	(void)api;
	sqlite3_progress_handler(db, 1, count_instruction, NULL);
	return SQLITE_OK;
}

static int set_up_watched(void **state)
{
	sqlite3_auto_extension((void (*)(void))watch);
	return set_up(state);
}

static int tear_down_watched(void **state)
{
	sqlite3_cancel_auto_extension((void (*)(void))watch);
	return tear_down(state);
}

static size_t cost(struct shelf *s, struct listing_query q)
{
	dr_autobuf struct buf b = BUF_INIT;

	page(s, &q, &b); /* prepares the statements */
	instructions = 0;
	assert_int_equal(page(s, &q, &b), q.limit);
	return instructions;
}

/* fill_many: n objects "d<digit>/<number>". */
static void fill_many(struct shelf *s, int64_t n)
{
	dr_session w = {0};

	must(session_write(&w, s->f.c, &err));
	must(db_run(w.db,
		    "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n"
		    " WHERE i + 1 < $2) INSERT INTO objects SELECT $1,"
		    " 'd' || (i % 10) || '/' || substr(CAST(1000000 + i AS TEXT), 2), 'plain', 1,"
		    " '', '', 'd' || (i % 10) || '/' || substr(CAST(1000000 + i AS TEXT), 2), 0, 0,"
		    " '', 1, '' FROM n",
		    DB_ARGS(db_int(s->k.id), db_int(n)), &err));
	must(session_commit(&w, &err));
}

static void a_page_costs_what_it_shows_however_much_there_is(void **state)
{
	struct shelf *s = (struct shelf *)*state;
	const struct listing_query shapes[] = {
		{.limit = 50},
		{.limit = 50, .reverse = true},
		{.limit = 10, .delimiter = "/"},
		{.limit = 10, .delimiter = "/", .reverse = true},
		{.limit = 50, .prefix = "d3/"},
		{.limit = 5, .delimiter = "/", .marker = "d4/"},
		{.limit = 50, .prefix = "d3/", .delimiter = "/", .reverse = true},
		{.limit = 50, .marker = "d5/000100"},
		{.limit = 50, .marker = "d5/000100", .reverse = true},
	};
	size_t few[sizeof(shapes) / sizeof(shapes[0])];

	fill_many(s, 1000);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		few[i] = cost(s, shapes[i]);
	must(db_run(s->f.c->writer, "DELETE FROM objects", NULL, 0, &err));
	fill_many(s, 200000);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		assert_true(few[i] > 0);
		assert_int_equal(cost(s, shapes[i]), few[i]);
	}
}

/* plan_has: every step of a statement's plan is a search, and one is this. */
static void plan_has(struct catalogue *c, const char *sql, const char *expected)
{
	dr_session s = {0};
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct dr_err e = DR_ERR_INIT;
	char explain[1024];
	bool met = false;

	assert_true(snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql) <
		    (int)sizeof(explain));
	must(session_read(&s, c, &err));
	must(db_prepare(s.db, explain, &st, &err));
	while (db_step(st, &e) == 1) {
		const char *step = db_column(st, 3).text;

		if (!dr_starts(step, "SEARCH"))
			fail_msg("%s\n%s", step, sql);
		met = met || strstr(step, expected);
	}
	if (!met)
		fail_msg("%s is not used\n%s", expected, sql);
}

static void every_page_and_sweep_searches_its_index_and_sorts_nothing(void **state)
{
	struct catalogue *c = ((struct shelf *)*state)->f.c;

	for (int i = 0; i < 4; i++) {
		plan_has(c, orbit_page_sql(true, i & 1, i & 2),
			 i & 2 ? "(container=? AND name>? AND name<?)"
			       : "(container=? AND name>?)");
		plan_has(c, orbit_page_sql(false, i & 1, i & 2),
			 i & 2 ? "(account=? AND name>? AND name<?)" : "(account=? AND name>?)");
	}
	plan_has(c, object_expired_sql, "objects_to_delete (delete_at>? AND delete_at<?)");
	plan_has(c, object_blobs_sql, "objects_by_blob (blob>? AND blob<?)");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_page_is_what_looking_at_every_name_gives),
		CASE(pages_join_without_gap_or_repeat_in_both_directions),
		CASE(what_has_expired_is_left_out_unless_asked_for),
		CASE(containers_are_listed_likewise),
		cmocka_unit_test_setup_teardown(a_page_costs_what_it_shows_however_much_there_is,
						set_up_watched, tear_down_watched),
		CASE(every_page_and_sweep_searches_its_index_and_sorts_nothing),
	};

	return cmocka_run_group_tests_name("catalogue-listing", tests, NULL, NULL);
}
