/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/qcow2_internal.h"
#include "util/checked.h"

#include "util/banned.h"

#define WINDOWS 4U       /* planned and decoded ahead of the reader */
#define WINDOW_TASKS 16U /* at most, of one window */
#define SPARE_TOOLS 2U   /* besides the crew, the caller and a spool's thread may run tasks */

/* One piece of disk, from zeros of any length to the end of an aligned window: 1 MiB, or a cluster
 * when clusters are larger.
 *
 *   PLANNING -> PLANNED -> STARTED -> DECODED
 *             tables     all its    tasks done, what they used is marked
 *             walked     compressed
 *                        data has landed, tasks queued
 *
 * A failure stays in `err` until the reader gets here, so that verdicts do not depend on how far
 * ahead of the reader they were found. */
struct window {
	enum { PLANNING, PLANNED, STARTED, DECODED } state;
	struct qcow2_seg *segs;
	unsigned count;
	unsigned at;         /* segments before this one have been handed out */
	uint64_t base;       /* of the aligned window: bytes of disk */
	uint64_t end;        /* 0 until there is data: only zeros so far */
	uint64_t packed_end; /* of the file: compressed data may reach up to here; 0: there is none
			      */
	uint8_t *buf;        /* decompressed clusters; untouched when there are none */
	struct qcow2_task tasks[WINDOW_TASKS];
	unsigned task_count;
	struct dr_err err;
};

struct qcow2 {
	struct format base;
	struct qcow2_header h;
	struct spool *spool;  /* borrowed */
	struct workers *crew; /* borrowed */
	struct qcow2_table table;
	struct qcow2_tools tools;
	uint64_t window_bytes;
	uint64_t slice_bytes; /* of disk, decoded by one task */
	unsigned max_segs;    /* of a window */
	uint64_t planned;     /* bytes of disk */
	unsigned head;        /* windows[head] is the reader's */
	unsigned queued;
	struct window windows[WINDOWS];
};

static struct window *nth_window(struct qcow2 *q, unsigned i)
{
	return &q->windows[(q->head + i) % WINDOWS];
}

/* ---- planning ---- */

static bool continues(const struct qcow2_seg *s, const struct qcow2_seg *next)
{
	if (s->kind != next->kind)
		return false;
	return s->kind == QCOW2_ZERO || (s->kind == QCOW2_PLAIN && s->host + s->len == next->host);
}

static void add_seg(struct qcow2 *q, struct window *w, const struct qcow2_seg *s)
{
	if (s->kind != QCOW2_ZERO && w->end == 0) {
		w->base = s->off / q->window_bytes * q->window_bytes;
		w->end = w->base + q->window_bytes;
	}
	if (s->kind == QCOW2_PACKED && s->host + s->host_len > w->packed_end)
		w->packed_end = s->host + s->host_len;
	if (w->count > 0 && continues(&w->segs[w->count - 1], s)) {
		w->segs[w->count - 1].len += s->len;
		return;
	}
	assert(w->count < q->max_segs);
	w->segs[w->count++] = *s;
}

/* A plain cluster, subcluster by subcluster, up to the end of the disk. */
static void add_plain(struct qcow2 *q, struct window *w, const struct qcow2_mapping *m,
		      uint64_t off, uint64_t len)
{
	uint64_t step = q->h.cluster_bytes / QCOW2_SUBCLUSTERS;

	if (m->subclusters == UINT32_MAX)
		step = q->h.cluster_bytes;
	for (uint64_t i = 0; i * step < len; i++) {
		bool data = m->subclusters >> i & 1;
		struct qcow2_seg s = {.kind = data ? QCOW2_PLAIN : QCOW2_ZERO,
				      .off = off + i * step,
				      .len = dr_min_u64(step, len - i * step),
				      .host = m->host + i * step};

		add_seg(q, w, &s);
	}
}

static void add_mapping(struct qcow2 *q, struct window *w, const struct qcow2_mapping *m)
{
	uint64_t off = q->planned;
	uint64_t len = dr_min_u64(m->clusters << q->h.cluster_bits, q->h.size - off);

	if (m->kind == QCOW2_PLAIN) {
		add_plain(q, w, m, off, len);
	} else {
		struct qcow2_seg s = {.kind = m->kind,
				      .off = off,
				      .len = len,
				      .host = m->host,
				      .host_len = m->host_len};

		add_seg(q, w, &s);
	}
	q->planned += len;
}

/* Goes on until the window is complete; false when it waits for a table, or failed. */
static bool window_plan(struct qcow2 *q, struct window *w, bool may_wait)
{
	while (q->planned < q->h.size && (w->end == 0 || q->planned < w->end)) {
		struct qcow2_mapping m;

		if (qcow2_table_map(&q->table, q->planned >> q->h.cluster_bits, may_wait, &m,
				    &w->err) <= 0)
			return false;
		add_mapping(q, w, &m);
	}
	w->state = PLANNED;
	return true;
}

/* ---- decoding ---- */

static void submit_tasks(struct qcow2 *q, struct window *w, uint64_t file_bytes)
{
	uint64_t last_slice = UINT64_MAX;

	for (unsigned i = 0; i < w->count; i++) {
		struct qcow2_seg *s = &w->segs[i];
		struct qcow2_task *t;
		uint64_t slice;

		if (s->kind != QCOW2_PACKED)
			continue;
		slice = (s->off - w->base) / q->slice_bytes;
		if (slice != last_slice) {
			assert(w->task_count < WINDOW_TASKS);
			w->tasks[w->task_count++] = (struct qcow2_task){.work.run = qcow2_task_run,
									.tools = &q->tools,
									.segs = s,
									.file_bytes = file_bytes,
									.out = w->buf,
									.base = w->base};
			last_slice = slice;
		}
		t = &w->tasks[w->task_count - 1];
		t->count = (unsigned)(s - t->segs) + 1;
	}
	for (unsigned i = 0; i < w->task_count; i++)
		workers_submit(q->crew, &w->tasks[i].work);
}

/* False when compressed data has not landed (and waiting is not allowed), or on failure. */
static bool window_start(struct qcow2 *q, struct window *w, bool may_wait)
{
	bool ended;
	uint64_t have = spool_landed(q->spool, &ended);

	if (w->packed_end > 0) {
		if (have < w->packed_end && !ended &&
		    (!may_wait || spool_await(q->spool, w->packed_end, &have, &w->err) < 0))
			return false;
		submit_tasks(q, w, have);
	}
	w->state = STARTED;
	return true;
}

static void wait_for_tasks(struct qcow2 *q, struct window *w)
{
	for (unsigned i = 0; i < w->task_count; i++)
		workers_wait(q->crew, &w->tasks[i].work);
}

static int mark_used(struct qcow2 *q, const struct window *w, struct dr_err *err)
{
	for (unsigned i = 0; i < w->count; i++) {
		const struct qcow2_seg *s = &w->segs[i];

		if (s->kind == QCOW2_PACKED &&
		    qcow2_table_mark_packed(&q->table, s->off >> q->h.cluster_bits, s->host,
					    s->used, err) < 0)
			return -1;
	}
	return 0;
}

/* No byte of a compressed stream is needed again. */
static void release_packed(struct qcow2 *q, const struct window *w)
{
	for (unsigned i = 0; i < w->count; i++)
		if (w->segs[i].kind == QCOW2_PACKED)
			spool_release(q->spool, w->segs[i].host, w->segs[i].used);
}

/* Its compressed clusters are plain from here on. */
static int window_finish(struct qcow2 *q, struct window *w, struct dr_err *err)
{
	if (w->state == PLANNED)
		window_start(q, w, true);
	if (w->state == STARTED) {
		wait_for_tasks(q, w);
		for (unsigned i = 0; i < w->task_count && !dr_err_is_set(&w->err); i++)
			w->err = w->tasks[i].err;
		if (!dr_err_is_set(&w->err) && mark_used(q, w, &w->err) == 0) {
			w->state = DECODED;
			release_packed(q, w);
		}
	}
	if (dr_err_is_set(&w->err)) {
		*err = w->err;
		return -1;
	}
	return 0;
}

/* ---- the queue of windows ---- */

/* False at the end of the disk. There must be room. */
static bool push_window(struct qcow2 *q)
{
	struct window *w = nth_window(q, q->queued);

	if (q->planned == q->h.size)
		return false;
	w->state = PLANNING;
	w->count = 0;
	w->at = 0;
	w->end = 0;
	w->packed_end = 0;
	w->task_count = 0;
	q->queued++;
	return true;
}

/* 1 and the reader's window, planned; 0 at the end of the disk; -1. */
static int head_window(struct qcow2 *q, struct window **ret, struct dr_err *err)
{
	struct window *w = nth_window(q, 0);

	if (q->queued == 0 && !push_window(q))
		return 0;
	if (w->state == PLANNING && !dr_err_is_set(&w->err))
		window_plan(q, w, true);
	if (dr_err_is_set(&w->err)) {
		*err = w->err;
		return -1;
	}
	*ret = w;
	return 1;
}

/* Also what nobody has read is decoded: the image is good as a whole, or it is not. */
static int retire_head(struct qcow2 *q, struct dr_err *err)
{
	if (window_finish(q, nth_window(q, 0), err) < 0)
		return -1;
	q->head = (q->head + 1) % WINDOWS;
	q->queued--;
	return 0;
}

/* Keeps the crew busy with what has landed; never waits. */
static void look_ahead(struct qcow2 *q)
{
	for (unsigned i = 0; i < WINDOWS; i++) {
		struct window *w = nth_window(q, i);

		if (i == q->queued && !push_window(q))
			return;
		if (dr_err_is_set(&w->err) || (w->state == PLANNING && !window_plan(q, w, false)) ||
		    (w->state == PLANNED && !window_start(q, w, false)))
			return;
	}
}

/* ---- the format ---- */

/* Moves to the segment with data at or after `pos`; false when the window has none. */
static bool find_data(struct window *w, uint64_t *pos)
{
	for (; w->at < w->count; w->at++) {
		const struct qcow2_seg *s = &w->segs[w->at];

		if (s->off + s->len <= *pos)
			continue;
		if (s->kind != QCOW2_ZERO)
			return true;
		*pos = s->off + s->len;
	}
	return false;
}

static struct extent data_extent(const struct window *w, uint64_t pos)
{
	uint64_t boundary = (pos / FORMAT_PIECE_BYTES + 1) * FORMAT_PIECE_BYTES;
	uint64_t end = pos;

	for (unsigned i = w->at; i < w->count && w->segs[i].kind != QCOW2_ZERO; i++)
		end = w->segs[i].off + w->segs[i].len;
	return (struct extent){
		.off = pos, .len = dr_min_u64(end, boundary) - pos, .kind = EXTENT_DATA};
}

/* The rules that need the length of the file. */
static int check_end(struct qcow2 *q, struct dr_err *err)
{
	int64_t file_bytes = spool_length(q->spool, err);

	if (file_bytes < 0 || qcow2_header_check_end(&q->h, (uint64_t)file_bytes, err) < 0 ||
	    qcow2_table_check_end(&q->table, (uint64_t)file_bytes, err) < 0)
		return -1;
	return 0;
}

static int qcow2_next(struct format *f, struct extent *ret, struct dr_err *err)
{
	struct qcow2 *q = (struct qcow2 *)f;
	struct window *w = NULL;
	uint64_t pos = f->pos;
	int rc;

	for (;;) {
		rc = head_window(q, &w, err);
		if (rc < 0)
			return -1;
		if (rc == 0 || find_data(w, &pos))
			break;
		if (retire_head(q, err) < 0)
			return -1;
	}
	look_ahead(q);
	if (pos > f->pos)
		*ret = (struct extent){.off = f->pos, .len = pos - f->pos, .kind = EXTENT_ZERO};
	else if (rc > 0)
		*ret = data_extent(w, pos);
	else
		return check_end(q, err);
	return 1;
}

static int read_seg(struct qcow2 *q, struct window *w, uint64_t pos, void *out, size_t n,
		    struct dr_err *err)
{
	const struct qcow2_seg *s = &w->segs[w->at];
	uint64_t host, have;
	bool ended;
	int rc;

	if (s->kind == QCOW2_PACKED) {
		if (window_finish(q, w, err) < 0)
			return -1;
		memcpy(out, w->buf + (pos - w->base), n);
		return 0;
	}
	host = s->host + (pos - s->off);
	rc = qcow2_file_read(q->spool, out, n, host, err);
	if (rc == 0) {
		have = spool_landed(q->spool, &ended);
		if (have > host)
			pos += have - host;
		return dr_refuse(err, DR_CORRUPT, "truncated",
				 "cluster %" PRIu64 " lies beyond the end of the file",
				 pos >> q->h.cluster_bits);
	}
	if (rc < 0)
		return -1;
	spool_release(q->spool, host, n);
	return 0;
}

static int qcow2_read(struct format *f, void *buf, size_t len, struct dr_err *err)
{
	struct qcow2 *q = (struct qcow2 *)f;
	struct window *w = nth_window(q, 0);
	uint64_t pos = format_at(f);
	uint8_t *out = buf;

	while (len > 0 && find_data(w, &pos)) {
		const struct qcow2_seg *s = &w->segs[w->at];
		size_t n = (size_t)dr_min_u64(len, s->off + s->len - pos);

		if (read_seg(q, w, pos, out, n, err) < 0)
			return -1;
		out += n;
		pos += n;
		len -= n;
	}
	assert(len == 0);
	return 0;
}

static void qcow2_close(struct format *f)
{
	struct qcow2 *q = (struct qcow2 *)f;

	for (unsigned i = 0; i < q->queued; i++)
		wait_for_tasks(q, nth_window(q, i));
	for (unsigned i = 0; i < WINDOWS; i++) {
		free(q->windows[i].segs);
		free(q->windows[i].buf);
	}
	qcow2_tools_done(&q->tools);
	qcow2_table_done(&q->table);
	free(q);
}

static const struct format_ops qcow2_ops = {
	.name = "qcow2", .next = qcow2_next, .read = qcow2_read, .close = qcow2_close};

static int make_windows(struct qcow2 *q, struct dr_err *err)
{
	uint64_t unit = q->h.cluster_bytes;

	if (q->h.extended_l2)
		unit /= QCOW2_SUBCLUSTERS;
	q->window_bytes = FORMAT_PIECE_BYTES;
	if (q->window_bytes < q->h.cluster_bytes)
		q->window_bytes = q->h.cluster_bytes;
	q->slice_bytes = FORMAT_PIECE_BYTES / WINDOW_TASKS;
	if (q->slice_bytes < q->h.cluster_bytes)
		q->slice_bytes = q->h.cluster_bytes;
	/* and the zeros in front */
	q->max_segs = (unsigned)(q->window_bytes / unit) + 1;
	for (unsigned i = 0; i < WINDOWS; i++) {
		q->windows[i].segs = calloc(q->max_segs, sizeof *q->windows[i].segs);
		q->windows[i].buf = malloc(q->window_bytes);
		if (!q->windows[i].segs || !q->windows[i].buf)
			return dr_fail_nomem(err);
	}
	return 0;
}

static void add_warnings(struct qcow2 *q)
{
	if (q->h.dirty)
		format_warn(&q->base, "qcow2-dirty: the image was not closed cleanly when it was "
				      "copied");
	if (q->h.snapshots > 0)
		format_warn(&q->base, "snapshots-ignored: %u internal snapshots are not taken over",
			    q->h.snapshots);
}

int format_qcow2_open(struct format **ret, struct spool *spool, const struct format_limits *lim,
		      struct workers *crew, struct dr_err *err)
{
	DR_CLEANUP(format_closep) struct format *f = NULL;
	struct qcow2 *q = calloc(1, sizeof *q);

	if (!q)
		return dr_fail_nomem(err);
	f = &q->base;
	format_init(f, &qcow2_ops, 0);
	q->spool = spool;
	q->crew = crew;
	if (qcow2_header_read(&q->h, spool, lim, err) < 0 ||
	    qcow2_table_init(&q->table, &q->h, spool, err) < 0 ||
	    qcow2_tools_init(&q->tools, &q->h, spool, workers_count(crew) + SPARE_TOOLS,
			     lim->memory_bytes, err) < 0 ||
	    make_windows(q, err) < 0)
		return -1;
	f->virtual_bytes = q->h.size;
	add_warnings(q);
	*ret = DR_STEAL(f);
	return 0;
}
