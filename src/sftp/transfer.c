/* SPDX-License-Identifier: Apache-2.0
 *
 * Contents: whole files go to the session as descriptors; it reads and writes by itself. */
#include <string.h>
#include <unistd.h>

#include "sftp/sftp_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

static struct transfer *free_transfer(struct session *s, uint32_t *ret, struct dr_err *err)
{
	if (!s->files)
		s->files = calloc(FILES, sizeof *s->files);
	for (uint32_t i = 0; s->files && i < FILES; i++) {
		if (s->files[i].reader || s->files[i].upload)
			continue;
		*ret = i;
		return &s->files[i];
	}
	dr_fail(err, DR_LIMIT, "too many open files");
	return NULL;
}

static struct transfer *find(struct session *s, uint32_t handle, bool upload, struct dr_err *err)
{
	struct transfer *t = s->files && handle < FILES ? &s->files[handle] : NULL;

	if (t && (upload ? t->upload != NULL : t->reader != NULL))
		return t;
	dr_fail(err, DR_INVALID, "no such handle");
	return NULL;
}

static void drop(struct transfer *t)
{
	orbit_reader_close(t->reader);
	orbit_upload_abandon(t->upload);
	free(t->path);
	*t = (struct transfer){0};
}

void transfers_close(struct session *s)
{
	for (size_t i = 0; s->files && i < FILES; i++)
		drop(&s->files[i]);
	free(s->files);
	s->files = NULL;
}

/* ---- reading ---- */

static int do_open(struct session *s, struct bench *b, struct gate_answer *ret, int *ret_fd,
		   struct dr_err *err)
{
	struct where w;
	struct transfer *t = free_transfer(s, &ret->handle, err);
	struct dr_err e = DR_ERR_INIT;
	uint64_t at, len;

	if (!t || where_parse(&w, b->rq.path, err) < 0)
		return -1;
	if (!w.object[0])
		return dr_fail(err, DR_CONFLICT, "is a directory");
	if (files_look(s, b, &w, &t->reader, &e) < 0) {
		if (e.code == DR_NOT_FOUND && files_is_directory(s, &w, err) > 0)
			return dr_fail(err, DR_CONFLICT, "is a directory");
		*err = e;
		return -1;
	}
	if (files_is_mark(&b->object)) {
		drop(t);
		return dr_fail(err, DR_CONFLICT, "is a directory");
	}
	t->bytes = b->object.bytes;
	ret->kind = GATE_FILE;
	ret->bytes = t->bytes;
	ret->mtime = files_time(&b->object);
	if (t->bytes > 0 &&
	    (!orbit_reader_file(t->reader, 0, ret_fd, &at, &len) || at != 0 || len != t->bytes))
		*ret_fd = -1;
	return 0;
}

static int do_read(struct session *s, struct bench *b, struct gate_answer *ret, struct dr_err *err)
{
	struct transfer *t = find(s, b->rq.handle, false, err);
	size_t want;
	ssize_t n;

	if (!t)
		return -1;
	ret->data = b->data;
	if (b->rq.pos >= t->bytes)
		return 0;
	want = (size_t)dr_min_u64(dr_min_u64(b->rq.bytes, GATE_DATA_BYTES), t->bytes - b->rq.pos);
	while (ret->len < want) {
		n = orbit_reader_read(t->reader, b->data + ret->len, want - ret->len,
				      b->rq.pos + ret->len, err);
		if (n <= 0)
			return -1;
		ret->len += (size_t)n;
	}
	return 0;
}

/* ---- writing ---- */

/* copy_piece: len bytes of the reader at pos, from file to file where there are files. */
static int copy_piece(struct bench *b, struct orbit_reader *r, struct orbit_upload *u, uint64_t pos,
		      uint64_t left, uint64_t *ret_done, struct dr_err *err)
{
	int from, to = orbit_upload_fd(u);
	uint64_t at, len;
	off64_t in, out = (off64_t)pos;
	ssize_t n;

	if (to >= 0 && orbit_reader_file(r, pos, &from, &at, &len)) {
		in = (off64_t)at;
		n = copy_file_range(from, &in, to, &out,
				    (size_t)dr_min_u64(dr_min_u64(len, left), 1u << 30), 0);
		if (n > 0) {
			*ret_done = (uint64_t)n;
			return 0;
		}
	}
	n = orbit_reader_read(r, b->data, (size_t)dr_min_u64(left, sizeof b->data), pos, err);
	if (n <= 0)
		return -1;
	*ret_done = (uint64_t)n;
	return orbit_upload_write_at(u, b->data, (size_t)n, pos, err);
}

static int copy_all(struct bench *b, struct orbit_reader *r, struct orbit_upload *u, uint64_t bytes,
		    struct dr_err *err)
{
	uint64_t done;

	for (uint64_t pos = 0; pos < bytes; pos += done)
		if (copy_piece(b, r, u, pos, bytes - pos, &done, err) < 0)
			return -1;
	return 0;
}

/* present: what has the name now, to be gone on with or replaced. 1 there is one, 0 none. What may
 * be written need not be readable: then it is replaced unseen. */
static int present(struct session *s, struct bench *b, const struct where *w,
		   struct orbit_reader **ret_reader, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	const bool keep = !(b->rq.flags & GATE_TRUNCATE);

	if (files_look(s, b, w, keep ? ret_reader : NULL, &e) == 0)
		return 1;
	if (e.code == DR_NOT_FOUND || (e.code == DR_DENIED && !keep))
		return 0;
	*err = e;
	return -1;
}

/* begin: `old`: what is gone on with. Of a dynamic large object the content is copied, so that the
 * manifest does not hold any more. */
static int begin(struct session *s, struct bench *b, const struct where *w, struct transfer *t,
		 struct orbit_reader *old, struct dr_err *err)
{
	dr_meta meta = META_INIT;
	struct orbit_put put = {.account = s->account,
				.container = w->container,
				.name = w->object,
				.length = UINT64_MAX,
				.only_new = (b->rq.flags & GATE_ONLY_NEW) != 0};

	if (old) {
		put.content_type = b->object.row.content_type;
		if (meta_parse(&meta, b->object.row.meta, err) < 0)
			return -1;
		meta_drop(&meta, "X-Object-Manifest");
		put.meta = meta_text(&meta);
		put.delete_at = b->object.row.delete_at;
	}
	t->path = strdup(w->path);
	if (!t->path)
		return dr_fail_nomem(err);
	if (orbit_upload_begin(s->orbit, &s->caller, &put, &t->upload, err) < 0)
		return -1;
	if (!old)
		return 0;
	/* The copy is by files, and those of a large object's segments may be the same ones. */
	if (b->object.bytes > orbit_upload_most(t->upload))
		return dr_fail(err, DR_LIMIT, "too large to be gone on with, or over the quota");
	return copy_all(b, old, t->upload, b->object.bytes, err);
}

static int do_create(struct session *s, struct bench *b, struct gate_answer *ret, int *ret_fd,
		     struct dr_err *err)
{
	DR_CLEANUP(orbit_reader_closep) struct orbit_reader *old = NULL;
	struct where w;
	struct transfer *t = free_transfer(s, &ret->handle, err);
	int there;

	if (!t || where_parse(&w, b->rq.path, err) < 0)
		return -1;
	if (!w.object[0])
		return dr_fail(err, DR_CONFLICT,
			       "files are put into containers, which are the root's directories");
	there = present(s, b, &w, &old, err);
	if (there < 0)
		return -1;
	if (there && (b->rq.flags & GATE_ONLY_NEW))
		return dr_fail(err, DR_CONFLICT, "it exists already");
	if ((there && files_is_mark(&b->object)) || (!there && files_is_directory(s, &w, err) > 0))
		return dr_fail(err, DR_CONFLICT, "is a directory");
	if (!there && !(b->rq.flags & GATE_MAY_CREATE))
		return dr_fail(err, DR_NOT_FOUND, "No such file");
	if (begin(s, b, &w, t, old, err) < 0) {
		drop(t);
		return -1;
	}
	ret->kind = GATE_FILE;
	ret->bytes = old ? b->object.bytes : 0;
	ret->used = orbit_upload_most(t->upload);
	*ret_fd = orbit_upload_fd(t->upload);
	t->by_itself = *ret_fd >= 0;
	return 0;
}

static int do_write(struct session *s, struct bench *b, struct dr_err *err)
{
	struct transfer *t = find(s, b->rq.handle, true, err);

	if (!t)
		return -1;
	if (t->by_itself)
		return dr_fail(err, DR_INVALID, "the session writes by itself");
	return orbit_upload_write_at(t->upload, b->rq.data, b->rq.len, b->rq.pos, err);
}

static int do_finish(struct session *s, struct bench *b, struct dr_err *err)
{
	struct transfer *t = find(s, b->rq.handle, true, err);
	const char *md5 = b->rq.other;
	struct where w;
	int rc;

	if (!t)
		return -1;
	rc = where_parse(&w, t->path, err);
	if (md5[0] &&
	    (strlen(md5) != MD5_TEXT - 1 || strspn(md5, "0123456789abcdef") != MD5_TEXT - 1))
		rc = dr_fail(err, DR_INVALID, "malformed question");
	if (rc == 0 && t->by_itself)
		rc = orbit_upload_written(t->upload, md5[0] ? md5 : NULL, err);
	if (rc == 0)
		rc = orbit_upload_finish(DR_STEAL(t->upload), &b->object, err);
	drop(t);
	if (rc == 0 && (b->rq.flags & GATE_MTIME))
		rc = files_keep_time(s, b, &w, b->rq.mtime, err);
	return rc;
}

static int do_close(struct session *s, struct bench *b, struct dr_err *err)
{
	struct dr_err none = DR_ERR_INIT;
	struct transfer *t = find(s, b->rq.handle, false, &none);

	if (!t)
		t = find(s, b->rq.handle, true, err);
	if (!t)
		return -1;
	drop(t);
	return 0;
}

int transfer_answer(struct session *s, struct bench *b, struct gate_answer *ret, int *ret_fd,
		    struct dr_err *err)
{
	switch ((int)b->rq.op) {
	case GATE_OPEN:
		return do_open(s, b, ret, ret_fd, err);
	case GATE_READ:
		return do_read(s, b, ret, err);
	case GATE_CREATE:
		return do_create(s, b, ret, ret_fd, err);
	case GATE_WRITE:
		return do_write(s, b, err);
	case GATE_FINISH:
		return do_finish(s, b, err);
	case GATE_CLOSE:
		return do_close(s, b, err);
	default:
		return files_answer(s, b, ret, err);
	}
}
