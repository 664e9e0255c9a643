/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading: an object is a vector of pieces of blobs; most have one. */
#include <assert.h>
#include <string.h>

#include "orbit/orbit_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define TRIES 4 /* of an object that is replaced between a look at its row and its bytes */

/* A stretch of the content: of one blob from `at` on, up to the next piece. */
struct piece {
	uint64_t start, at;
	struct digest blob;
};

struct orbit_reader {
	struct store *store;
	char account[ID_TEXT]; /* whose blobs they are */
	struct view *view;     /* an image; then there are no pieces */
	struct piece *pieces;
	size_t count, room;
	size_t looked; /* at segments, whether or not they became pieces */
	uint64_t bytes;
	struct store_object *open;
	struct digest open_blob;
};

/* ---- the vector ---- */

int reader_new(struct orbit *o, const char *account, struct orbit_reader **ret, struct dr_err *err)
{
	struct orbit_reader *r = calloc(1, sizeof *r);

	if (!r)
		return dr_fail_nomem(err);
	r->store = o->library->store;
	(void)dr_copy(r->account, sizeof r->account, account);
	*ret = r;
	return 0;
}

void orbit_reader_close(struct orbit_reader *r)
{
	if (!r)
		return;
	if (r->view)
		view_close(r->view);
	store_object_close(r->open);
	free(r->pieces);
	free(r);
}

static int too_many(struct dr_err *err)
{
	return dr_refuse(err, DR_CONFLICT, "segment", "The object has more than %d segments",
			 ORBIT_PIECES);
}

int reader_look(struct orbit_reader *r, size_t segments, struct dr_err *err)
{
	r->looked += segments + 1;
	/* twice: a manifest that is read whole costs its pieces and itself */
	return r->looked > (size_t)2 * ORBIT_PIECES ? too_many(err) : 0;
}

int reader_add(struct orbit_reader *r, const struct digest *blob, uint64_t at, uint64_t len,
	       struct dr_err *err)
{
	const size_t room = r->room ? 2 * r->room : 1;
	struct piece *more;

	if (len == 0)
		return 0;
	if (r->count >= ORBIT_PIECES)
		return too_many(err);
	if (r->count == r->room) {
		more = reallocarray(r->pieces, room, sizeof *more);
		if (!more)
			return dr_fail_nomem(err);
		r->pieces = more;
		r->room = room;
	}
	r->pieces[r->count++] = (struct piece){r->bytes, at, *blob};
	if (!dr_add_u64(r->bytes, len, &r->bytes))
		return dr_refuse(err, DR_CONFLICT, "segment", "The object is too large");
	return 0;
}

uint64_t reader_bytes(const struct orbit_reader *r)
{
	return r->bytes;
}

static size_t find_piece(const struct orbit_reader *r, uint64_t pos)
{
	size_t low = 0, high = r->count;

	assert(pos < r->bytes);
	while (high - low > 1) {
		const size_t mid = low + (high - low) / 2;

		if (r->pieces[mid].start <= pos)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* reach: the blob of a piece is open. A stored row named it, so it can only be gone because the
 * object was deleted since. */
static int reach(struct orbit_reader *r, const struct piece *p, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	uint64_t bytes;

	if (r->open && digest_equal(&r->open_blob, &p->blob))
		return 0;
	store_object_close(DR_STEAL(r->open));
	if (store_object_open(r->store, r->account, &p->blob, &r->open, &bytes, &e) < 0) {
		r->open = NULL;
		if (e.code == DR_NOT_FOUND)
			return dr_refuse(err, DR_CONFLICT, "segment", "A segment is gone");
		*err = e;
		return -1;
	}
	r->open_blob = p->blob;
	return 0;
}

ssize_t orbit_reader_read(struct orbit_reader *r, void *buf, size_t len, uint64_t pos,
			  struct dr_err *err)
{
	const struct piece *p;
	uint64_t end;
	ssize_t n;
	size_t i;

	if (r->view)
		return view_read(r->view, buf, len, pos, err);
	i = find_piece(r, pos);
	p = &r->pieces[i];
	end = i + 1 < r->count ? p[1].start : r->bytes;
	if (reach(r, p, err) < 0)
		return -1;
	n = store_object_read(r->open, buf, (size_t)dr_min_u64(len, end - pos),
			      p->at + (pos - p->start), err);
	if (n == 0)
		return dr_fail(err, DR_CORRUPT, "an object is shorter than its row says");
	return n;
}

bool orbit_reader_file(struct orbit_reader *r, uint64_t pos, int *ret_fd, uint64_t *ret_at,
		       uint64_t *ret_len)
{
	struct dr_err ignored = DR_ERR_INIT;
	size_t i;

	if (r->view || pos >= r->bytes)
		return false;
	i = find_piece(r, pos);
	if (reach(r, &r->pieces[i], &ignored) < 0 || store_object_fd(r->open) < 0)
		return false;
	*ret_fd = store_object_fd(r->open);
	*ret_at = r->pieces[i].at + (pos - r->pieces[i].start);
	*ret_len = (i + 1 < r->count ? r->pieces[i + 1].start : r->bytes) - pos;
	return true;
}

/* ---- what is stored under a name ---- */

static int open_blob(struct orbit_reader *r, const struct object *row, struct dr_err *err)
{
	uint64_t bytes;

	store_object_close(DR_STEAL(r->open));
	if (store_object_open(r->store, r->account, &row->blob, &r->open, &bytes, err) < 0) {
		r->open = NULL;
		return -1;
	}
	r->open_blob = row->blob;
	if (bytes != row->stored_bytes)
		return dr_fail(err, DR_CORRUPT, "an object is not as long as its row says");
	return 0;
}

/* open_stored: the row and, of what it names, the bytes. Between the two looks somebody may have
 * replaced the object; then the new one is as good. */
static int open_stored(struct orbit *o, const struct place *p, const char *name, struct object *row,
		       struct orbit_reader *r, struct dr_err *err)
{
	struct digest lost = {{0}};

	for (int i = 0; i < TRIES; i++) {
		struct dr_err e = DR_ERR_INIT;

		if (catalogue_object_get(o->library->catalogue, p->row.id, name, dr_wall(), row,
					 err) < 0)
			return -1;
		if (!r || !row->has_blob)
			return 0;
		if (open_blob(r, row, &e) == 0)
			return 0;
		if (e.code != DR_NOT_FOUND) {
			*err = e;
			return -1;
		}
		if (digest_equal(&lost, &row->blob))
			break;
		lost = row->blob;
	}
	return dr_fail(err, DR_CORRUPT, "the bytes of an object are lost");
}

/* ---- by name ---- */

/* hide_meta: who comes by a temporary URL sees only metadata meant for the public. */
static int hide_meta(struct object *row, struct dr_err *err)
{
	dr_meta m = META_INIT;
	char name[256], value[META_VALUE_TEXT];
	size_t pos = 0;

	while (meta_next(row->meta, &pos, name, sizeof name, value, sizeof value)) {
		if (dr_starts(name, OBJECT_META) && !dr_starts(name, OBJECT_META_PUBLIC))
			continue;
		if (meta_set(&m, name, value, err) < 0)
			return -1;
	}
	return dr_copy(row->meta, sizeof row->meta, meta_text(&m))
		       ? 0
		       : dr_fail(err, DR_CORRUPT, "metadata grew");
}

static int open_image(struct orbit *o, const struct place *p, const char *name,
		      enum orbit_form form, struct orbit_object *ret, struct orbit_reader *r,
		      struct dr_err *err)
{
	if (images_open(o, p->row.account, name, form, ret, r ? &r->view : NULL, err) < 0)
		return -1;
	if (r)
		r->bytes = ret->bytes;
	return 0;
}

/* assemble: of what is stored, what is to be read. */
static int assemble(const struct walk *w, enum orbit_form form, struct orbit_object *ret,
		    struct dr_err *err)
{
	object_describe(&ret->row, ret);
	if (form == ORBIT_CONTENT && ret->row.kind == OBJECT_STATIC)
		return w->reader ? static_pieces(w, &ret->row, err) : 0;
	if (form == ORBIT_CONTENT && ret->row.kind == OBJECT_DYNAMIC)
		return dynamic_pieces(w, ret, err);
	ret->bytes = ret->row.stored_bytes;
	ret->etag_quoted = false;
	(void)dr_copy(ret->etag, sizeof ret->etag, ret->row.md5);
	if (!w->reader || !ret->row.has_blob)
		return 0;
	return reader_add(w->reader, &ret->row.blob, 0, ret->bytes, err);
}

int orbit_object_open(struct orbit *o, const struct orbit_caller *c, const char *account,
		      const char *container, const char *name, enum orbit_form form,
		      struct orbit_object *ret, struct orbit_reader **ret_reader,
		      struct dr_err *err)
{
	dr_autofree struct place *p = NULL;
	DR_CLEANUP(orbit_reader_closep) struct orbit_reader *r = NULL;

	if (place_enter(o, c, account, container, VERB_OBJECT_READ, &p, err) < 0)
		return -1;
	if (ret_reader && reader_new(o, account, &r, err) < 0)
		return -1;
	if (p->state == STATE_IMAGES) {
		if (open_image(o, p, name, form, ret, r, err) < 0)
			return -1;
	} else if (form == ORBIT_RAW || form == ORBIT_QCOW2) {
		return dr_fail(err, DR_NOT_FOUND, "There is no such object");
	} else {
		const struct walk w = {o, c, account, r};

		if (open_stored(o, p, name, &ret->row, r, err) < 0 ||
		    assemble(&w, form, ret, err) < 0)
			return -1;
	}
	if (c->grant != TEMPURL_NONE && hide_meta(&ret->row, err) < 0)
		return -1;
	if (ret_reader)
		*ret_reader = DR_STEAL(r);
	return 0;
}
