/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <string.h>

#include "catalogue/catalogue_internal.h"
#include "catalogue/orbit.h"

#include "util/banned.h"

/* A page is made of spans: one statement over a range of names, in order, until it ends or meets a
 * name that the delimiter cuts off; the next span begins behind all that begins like that. */
struct pager {
	struct db *db;
	const struct listing_query *q;
	const char *prefix, *delimiter; /* "" = none */
	bool objects;                   /* or containers */
	struct db_value owner;          /* the container, or the account */
	struct buf low;                 /* names from here */
	struct buf high;                /* to before here, if bounded */
	bool bounded;
	struct buf cut; /* what the delimiter has cut off */
	listing_fn fn;
	void *arg;
	size_t shown;
};

/* ---- statements ---- */

#define OBJECTS                                                                       \
	"SELECT name, bytes, modified_at, kind, md5, etag, content_type FROM objects" \
	" WHERE container = $1 AND name >= $2 AND (delete_at = 0 OR delete_at > $3)"
#define CONTAINERS                                                 \
	"SELECT name, bytes, modified_at, objects FROM containers" \
	" WHERE account = $1 AND name >= $2"
#define FORWARD " ORDER BY name"
#define REVERSE " ORDER BY name DESC"

const char *orbit_page_sql(bool objects, bool reverse, bool bounded)
{
	static const char *const texts[2][2][2] = {
		{
			{CONTAINERS FORWARD, CONTAINERS " AND name < $3" FORWARD},
			{CONTAINERS REVERSE, CONTAINERS " AND name < $3" REVERSE},
		},
		{
			{OBJECTS FORWARD, OBJECTS " AND name < $4" FORWARD},
			{OBJECTS REVERSE, OBJECTS " AND name < $4" REVERSE},
		},
	};

	return texts[objects][reverse][bounded];
}

static int query(const struct pager *p, struct db_stmt **ret, struct dr_err *err)
{
	struct db_value args[4] = {p->owner, db_text(buf_str(&p->low))};
	size_t n = 2;

	if (p->objects)
		args[n++] = db_int(p->q->now);
	if (p->bounded)
		args[n++] = db_text(buf_str(&p->high));
	return db_query(p->db, orbit_page_sql(p->objects, p->q->reverse, p->bounded), args, n, ret,
			err);
}

/* ---- the order of names ---- */

static void set(struct buf *b, const char *text)
{
	buf_clear(b);
	buf_puts(b, text);
}

/* set_after: the least name above this one. There is no NUL in names. */
static void set_after(struct buf *b, const char *name)
{
	set(b, name);
	buf_putc(b, 1);
}

static uint32_t last_character(const uint8_t *s, size_t len, size_t *ret_len)
{
	size_t n = 1;
	uint32_t c;

	while (n < len && n < 4 && (s[len - n] & 0xc0) == 0x80)
		n++;
	c = n == 1 ? s[len - 1] : s[len - n] & (0x7fu >> n);
	for (size_t i = n - 1; i > 0; i--)
		c = c << 6 | (s[len - i] & 0x3fu);
	*ret_len = n;
	return c;
}

static void put_character(struct buf *b, uint32_t c)
{
	if (c < 0x80) {
		buf_putc(b, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_putc(b, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_putc(b, (char)(0xe0 | c >> 12));
		} else {
			buf_putc(b, (char)(0xf0 | c >> 18));
			buf_putc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_putc(b, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_putc(b, (char)(0x80 | (c & 0x3f)));
}

/* It is the prefix with its last character raised: UTF-8 sorts like its characters (RFC 3629
 * section 1), of which surrogates are none. */
bool orbit_behind_prefix(struct buf *b, const char *prefix)
{
	size_t len = strlen(prefix);
	size_t n;

	while (len > 0) {
		uint32_t c = last_character((const uint8_t *)prefix, len, &n);

		len -= n;
		if (c >= 0x10ffff)
			continue;
		buf_clear(b);
		buf_append(b, prefix, len);
		put_character(b, c == 0xd7ff ? 0xe000 : c + 1);
		return true;
	}
	return false;
}

/* ---- the range of names ---- */

static void begin(struct pager *p)
{
	const struct listing_query *q = p->q;
	const char *after = q->reverse ? q->end_marker : q->marker;
	const char *before = q->reverse ? q->marker : q->end_marker;

	set(&p->low, p->prefix);
	if (after && after[0] && strcmp(after, p->prefix) >= 0)
		set_after(&p->low, after);
	p->bounded = p->prefix[0] && orbit_behind_prefix(&p->high, p->prefix);
	if (before && before[0] && (!p->bounded || strcmp(before, buf_str(&p->high)) < 0)) {
		set(&p->high, before);
		p->bounded = true;
	}
}

/* pass: beyond all that begins like p->cut. False when nothing is left. */
static bool pass(struct pager *p)
{
	if (!p->q->reverse)
		return orbit_behind_prefix(&p->low, buf_str(&p->cut));
	/* a name that is all of the cut-off is itself shown with `path` */
	if (p->q->no_subdirs)
		set_after(&p->high, buf_str(&p->cut));
	else
		set(&p->high, buf_str(&p->cut));
	p->bounded = true;
	return true;
}

/* ---- lines ---- */

static const char *borrow(struct row *r)
{
	struct db_value v = db_column(r->st, r->next++);

	if (v.type == DB_TEXT && v.text)
		return v.text;
	r->bad = true;
	return "";
}

static int read_line(const struct pager *p, struct db_stmt *st, struct listing_line *ret,
		     struct dr_err *err)
{
	struct row r = row_of(st);

	*ret = (struct listing_line){.name = borrow(&r)};
	ret->bytes = row_u64(&r);
	ret->modified_at = row_i64(&r);
	if (p->objects) {
		if (!object_kind_parse(borrow(&r), &ret->kind))
			r.bad = true;
		ret->md5 = borrow(&r);
		ret->etag = borrow(&r);
		ret->content_type = borrow(&r);
	} else {
		ret->objects = row_u64(&r);
	}
	return row_check(&r, err);
}

static int show(struct pager *p, const struct listing_line *line, struct dr_err *err)
{
	p->shown++;
	return p->fn(p->arg, line, err);
}

/* cut_off: the delimiter cuts this name short, to p->cut. */
static bool cut_off(struct pager *p, const char *name)
{
	const char *at = NULL;
	size_t len;

	if (p->delimiter[0])
		at = strstr(name + strlen(p->prefix), p->delimiter);
	if (!at)
		return false;
	len = (size_t)(at - name) + strlen(p->delimiter);
	if (p->q->no_subdirs && !name[len])
		return false;
	buf_clear(&p->cut);
	buf_append(&p->cut, name, len);
	return true;
}

/* show_cut: unless it was the last line of the page before. */
static int show_cut(struct pager *p, struct dr_err *err)
{
	const struct listing_line line = {.name = buf_str(&p->cut), .subdir = true};
	const char *after = p->q->reverse ? p->q->end_marker : p->q->marker;

	if (p->q->no_subdirs || (after && strcmp(line.name, after) == 0))
		return 0;
	return show(p, &line, err);
}

/* span: 1 there may be more behind, 0 there is none. */
static int span(struct pager *p, struct dr_err *err)
{
	DR_CLEANUP(db_finishp) struct db_stmt *st = NULL;
	struct listing_line line;
	int rc = 1;

	if (query(p, &st, err) < 0)
		return -1;
	while (p->shown < p->q->limit && (rc = db_step(st, err)) > 0) {
		if (read_line(p, st, &line, err) < 0)
			return -1;
		if (cut_off(p, line.name)) {
			if (buf_check(&p->cut, err) < 0 || show_cut(p, err) < 0)
				return -1;
			return pass(p);
		}
		if (p->q->no_subdirs && strcmp(line.name, p->prefix) == 0)
			continue;
		if (show(p, &line, err) < 0)
			return -1;
	}
	return rc;
}

static int page(struct pager *p, struct dr_err *err)
{
	int rc = 1;

	begin(p);
	while (rc > 0 && p->shown < p->q->limit) {
		if (buf_check(&p->low, err) < 0 || buf_check(&p->high, err) < 0)
			return -1;
		rc = span(p, err);
	}
	return rc < 0 ? -1 : (int)p->shown;
}

static int run(struct catalogue *c, struct pager *p, struct dr_err *err)
{
	dr_session s = {0};
	int rc;

	assert(p->q->limit <= INT32_MAX);
	p->prefix = p->q->prefix ? p->q->prefix : "";
	p->delimiter = p->q->delimiter ? p->q->delimiter : "";
	if (session_read(&s, c, err) < 0)
		return -1;
	p->db = s.db;
	rc = page(p, err);
	buf_done(&p->low);
	buf_done(&p->high);
	buf_done(&p->cut);
	return rc;
}

int catalogue_object_page(struct catalogue *c, int64_t container, const struct listing_query *q,
			  listing_fn fn, void *arg, struct dr_err *err)
{
	struct pager p = {
		.q = q, .objects = true, .owner = db_int(container), .fn = fn, .arg = arg};

	return run(c, &p, err);
}

int catalogue_container_page(struct catalogue *c, const char *account,
			     const struct listing_query *q, listing_fn fn, void *arg,
			     struct dr_err *err)
{
	struct pager p = {.q = q, .owner = db_text(account), .fn = fn, .arg = arg};

	return run(c, &p, err);
}
