/* SPDX-License-Identifier: Apache-2.0
 *
 * Large objects as vectors of pieces. Every segment is judged by the reader's own right on its
 * container (hardening.md section 3.3), and every one of a static large object must still be what
 * its manifest says. */
#include <string.h>
#include <strings.h>

#include "orbit/orbit_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define DEPTH 10 /* of static large objects in each other, as in Swift */
#define PAGE 1000

static int bad_segment(const char *what, struct dr_err *err)
{
	return dr_refuse(err, DR_CONFLICT, "segment", "A segment of the object %s", what);
}

/* no_segment: what is NOT_FOUND of a segment is a CONFLICT of the whole. */
static int no_segment(const struct dr_err *why, struct dr_err *err)
{
	if (why->code == DR_NOT_FOUND)
		return bad_segment("is missing", err);
	*err = *why;
	return -1;
}

/* ---- static ---- */

int static_load(struct orbit *o, const char *account, const struct object *row, struct slo *ret,
		struct dr_err *err)
{
	DR_CLEANUP(store_object_closep) struct store_object *blob = NULL;
	dr_autofree char *text = NULL;
	uint64_t bytes;
	ssize_t n;

	if (!row->has_blob || row->stored_bytes > ORBIT_MANIFEST_BYTES)
		return dr_fail(err, DR_CORRUPT, "a manifest has an impossible size");
	if (store_object_open(o->library->store, account, &row->blob, &blob, &bytes, err) < 0)
		return -1;
	text = malloc((size_t)row->stored_bytes);
	if (!text)
		return dr_fail_nomem(err);
	n = store_object_read(blob, text, (size_t)row->stored_bytes, 0, err);
	if (n < 0)
		return -1;
	if (bytes != row->stored_bytes || (uint64_t)n != bytes)
		return dr_fail(err, DR_CORRUPT, "a manifest is not as long as its row says");
	return slo_read(text, (size_t)n, ret, err);
}

/* A walk below one object. */
struct level {
	const struct walk *walk;
	unsigned depth;
	struct place *place; /* of the last segment, owned: most are in one container */
};

static int add_static(const struct walk *w, const struct object *row, uint64_t from, uint64_t len,
		      unsigned depth, struct dr_err *err);

static int enter_container(struct level *l, const struct slo_segment *s, struct dr_err *err)
{
	const struct walk *w = l->walk;
	struct dr_err e = DR_ERR_INIT;
	char container[CONTAINER_TEXT];

	if (s->container_len >= sizeof container)
		return bad_segment("is missing", err);
	memcpy(container, s->path, s->container_len);
	container[s->container_len] = 0;
	if (l->place && strcmp(l->place->row.name, container) == 0)
		return 0;
	free(DR_STEAL(l->place));
	if (place_enter(w->orbit, w->caller, w->account, container, VERB_OBJECT_READ, &l->place,
			&e) < 0)
		return no_segment(&e, err);
	return 0;
}

/* still_so: the object is what the manifest took it for. */
static bool still_so(const struct slo_segment *s, const struct object *row)
{
	const char *etag = row->kind == OBJECT_STATIC ? row->etag : row->md5;

	return row->bytes == s->bytes && strcasecmp(etag, s->etag) == 0 &&
	       s->nested == (row->kind == OBJECT_STATIC);
}

static int add_segment(struct level *l, const struct slo_segment *s, uint64_t at, uint64_t len,
		       struct dr_err *err)
{
	const struct walk *w = l->walk;
	dr_autofree struct object *row = malloc(sizeof *row);
	struct dr_err e = DR_ERR_INIT;

	if (!row)
		return dr_fail_nomem(err);
	if (enter_container(l, s, err) < 0)
		return -1;
	if (catalogue_object_get(w->orbit->library->catalogue, l->place->row.id, s->object,
				 dr_wall(), row, &e) < 0)
		return no_segment(&e, err);
	if (!still_so(s, row))
		return bad_segment("was changed", err);
	if (row->kind != OBJECT_STATIC)
		return reader_add(w->reader, &row->blob, at, len, err);
	return add_static(w, row, at, len, l->depth + 1, err);
}

/* add_static: `len` bytes of a static large object's content, from `from` on. */
static int add_static(const struct walk *w, const struct object *row, uint64_t from, uint64_t len,
		      unsigned depth, struct dr_err *err)
{
	struct level l = {.walk = w, .depth = depth};
	dr_slo m = {0};
	uint64_t pos = 0;
	int rc = 0;

	if (depth > DEPTH)
		return bad_segment("is nested too deeply", err);
	if (static_load(w->orbit, w->account, row, &m, err) < 0 ||
	    reader_look(w->reader, m.count, err) < 0)
		return -1;
	for (size_t i = 0; i < m.count && rc == 0 && pos < from + len; i++) {
		const struct slo_segment *s = &m.segments[i];
		const uint64_t end = pos + slo_length(s);
		const uint64_t low = pos > from ? pos : from;
		const uint64_t high = dr_min_u64(end, from + len);

		if (low < high)
			rc = add_segment(&l, s, (s->ranged ? s->first : 0) + (low - pos),
					 high - low, err);
		pos = end;
	}
	free(l.place);
	return rc;
}

int static_pieces(const struct walk *w, const struct object *row, struct dr_err *err)
{
	if (add_static(w, row, 0, row->bytes, 1, err) < 0)
		return -1;
	if (reader_bytes(w->reader) != row->bytes)
		return dr_fail(err, DR_CORRUPT, "a manifest does not make up its object's size");
	return 0;
}

/* ---- dynamic ---- */

struct sum {
	struct hash *md5;
	uint64_t bytes;
	int64_t newest;
	size_t count;
};

static int sum_up(struct sum *s, const char *md5, uint64_t bytes, int64_t modified_at,
		  struct dr_err *err)
{
	if (s->count++ >= ORBIT_PIECES)
		return dr_refuse(err, DR_CONFLICT, "segment",
				 "The object has more than %d segments", ORBIT_PIECES);
	hash_update(s->md5, md5, strlen(md5));
	if (modified_at > s->newest)
		s->newest = modified_at;
	return dr_add_u64(s->bytes, bytes, &s->bytes) ? 0 : bad_segment("is too large", err);
}

/* A page of names, to be looked up when the catalogue's connection is free again. */
struct names {
	struct sum *sum;
	bool keep;
	struct buf text; /* names, each with its NUL */
	size_t count;
	char last[OBJECT_TEXT], marker[OBJECT_TEXT];
};

static int take_line(void *arg, const struct listing_line *line, struct dr_err *err)
{
	struct names *n = arg;

	n->count++;
	(void)dr_copy(n->last, sizeof n->last, line->name);
	if (!n->keep)
		return sum_up(n->sum, line->md5, line->bytes, line->modified_at, err);
	buf_append(&n->text, line->name, strlen(line->name) + 1);
	return buf_check(&n->text, err);
}

static int add_named(const struct walk *w, int64_t container, const char *name, struct sum *sum,
		     struct dr_err *err)
{
	dr_autofree struct object *row = malloc(sizeof *row);
	struct dr_err e = DR_ERR_INIT;

	if (!row)
		return dr_fail_nomem(err);
	if (catalogue_object_get(w->orbit->library->catalogue, container, name, dr_wall(), row,
				 &e) < 0)
		return no_segment(&e, err);
	if (sum_up(sum, row->md5, row->bytes, row->modified_at, err) < 0)
		return -1;
	if (row->kind == OBJECT_STATIC)
		return add_static(w, row, 0, row->bytes, 1, err);
	return reader_add(w->reader, &row->blob, 0, row->bytes, err);
}

static int add_names(const struct walk *w, int64_t container, const struct names *n,
		     struct dr_err *err)
{
	for (size_t at = 0; at < n->text.len;) {
		const char *name = (const char *)n->text.p + at;

		if (add_named(w, container, name, n->sum, err) < 0)
			return -1;
		at += strlen(name) + 1;
	}
	return 0;
}

static int add_prefix(const struct walk *w, int64_t container, const char *prefix, struct sum *sum,
		      struct dr_err *err)
{
	dr_autofree struct names *n = calloc(1, sizeof *n);
	struct listing_query q = {.prefix = prefix, .limit = PAGE, .now = dr_wall()};
	int rc = 0;

	if (!n)
		return dr_fail_nomem(err);
	n->sum = sum;
	n->keep = w->reader != NULL;
	q.marker = n->marker;
	do {
		memcpy(n->marker, n->last, sizeof n->marker);
		n->count = 0;
		buf_clear(&n->text);
		rc = catalogue_object_page(w->orbit->library->catalogue, container, &q, take_line,
					   n, err);
		if (rc >= 0)
			rc = add_names(w, container, n, err);
	} while (rc == 0 && n->count == PAGE);
	buf_done(&n->text);
	return rc;
}

int dynamic_pieces(const struct walk *w, struct orbit_object *ret, struct dr_err *err)
{
	DR_CLEANUP(hash_freep) struct hash *md5 = NULL;
	dr_autofree struct place *p = NULL;
	char value[META_VALUE_TEXT], container[CONTAINER_TEXT], prefix[OBJECT_TEXT];
	char hex[HASH_MAX_HEX];
	struct sum sum = {.newest = ret->row.modified_at};

	if (!meta_get(ret->row.meta, OBJECT_MANIFEST, value, sizeof value))
		return dr_fail(err, DR_CORRUPT, "a dynamic large object without a manifest");
	if (manifest_split(value, container, prefix, err) < 0 ||
	    place_enter(w->orbit, w->caller, w->account, container, VERB_OBJECT_SELECT, &p, err) <
		    0 ||
	    hash_new(&md5, HASH_MD5, err) < 0)
		return -1;
	sum.md5 = md5;
	if (add_prefix(w, p->row.id, prefix, &sum, err) < 0)
		return -1;
	hash_final_hex(md5, hex);
	(void)dr_copy(ret->etag, sizeof ret->etag, hex);
	ret->etag_quoted = true;
	ret->bytes = sum.bytes;
	ret->row.modified_at = sum.newest;
	return 0;
}
