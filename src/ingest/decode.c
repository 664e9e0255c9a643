/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/decode.h"

#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"
#include "detect/detect.h"
#include "format/format.h"
#include "util/checked.h"
#include "util/str.h"

#include "util/banned.h"

/* The last bytes of what has passed. */
struct tail {
	uint8_t bytes[DETECT_TAIL_BYTES];
	size_t len;
};

/* The decoded disk is looked at again on its way out (hardening.md section 1.6): its first 68 KiB
 * and its last 1 KiB. */
struct inspector {
	uint8_t *head; /* DETECT_HEAD_BYTES, zeroed */
	size_t head_len;
	struct tail tail;
	uint64_t total;
};

/* The file on its way in: some formats have their signature at its end (section 1.1). */
struct upload {
	struct stream base;
	struct stream *in; /* owned */
	struct tail tail;
};

struct decoder {
	struct decode_job *job;
	struct decode_sink *sink;
	struct decode_facts *facts;
	struct inspector look;
	struct codec_facts codec_facts;
	enum detect_class class; /* of the file */
	struct upload *upload;   /* borrowed: the outermost stage */
	struct stream *stream;   /* owned: the innermost stage; what a raw disk is read from */
	struct format *format;   /* owned */
	uint8_t *slot;           /* borrowed from the sink: the open piece, or NULL */
	size_t filled;           /* bytes of it */
};

static void warn(struct decode_facts *f, const char *text)
{
	const size_t room = sizeof f->warnings / sizeof *f->warnings;

	if (f->warning_count < room)
		dr_copy(f->warnings[f->warning_count++], sizeof f->warnings[0], text);
}

static void tail_add(struct tail *t, const uint8_t *p, size_t len)
{
	const size_t max = sizeof t->bytes;
	size_t keep;

	if (len >= max) {
		memcpy(t->bytes, p + len - max, max);
		t->len = max;
		return;
	}
	keep = dr_min_size(t->len, max - len);
	memmove(t->bytes, t->bytes + t->len - keep, keep);
	memcpy(t->bytes + keep, p, len);
	t->len = keep + len;
}

static ssize_t upload_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct upload *u = (struct upload *)s;
	ssize_t n = stream_read(u->in, buf, len, err);

	if (n > 0)
		tail_add(&u->tail, buf, (size_t)n);
	return n;
}

static void upload_close(struct stream *s)
{
	stream_close(((struct upload *)s)->in);
	free(s);
}

static const struct stream_ops upload_ops = {
	.name = "upload", .read = upload_read, .close = upload_close};

/* open_upload: put the watch on d->stream. */
static int open_upload(struct decoder *d, struct dr_err *err)
{
	d->upload = calloc(1, sizeof *d->upload);
	if (!d->upload)
		return dr_fail_nomem(err);
	stream_init(&d->upload->base, &upload_ops);
	d->upload->in = DR_STEAL(d->stream);
	d->stream = &d->upload->base;
	return 0;
}

static void inspect_data(struct inspector *l, const uint8_t *p, size_t len)
{
	size_t head = dr_min_size(len, DETECT_HEAD_BYTES - l->head_len);

	memcpy(l->head + l->head_len, p, head);
	l->head_len += head;
	tail_add(&l->tail, p, len);
	l->total += len;
}

static void inspect_zero(struct inspector *l, uint64_t len)
{
	static const uint8_t zeros[DETECT_TAIL_BYTES];

	/* The head buffer is zeroed from the start. */
	l->head_len += (size_t)dr_min_u64(len, DETECT_HEAD_BYTES - l->head_len);
	tail_add(&l->tail, zeros, (size_t)dr_min_u64(len, sizeof zeros));
	l->total += len;
}

/* inspect_end: the verdict on the whole decoded disk, and its boot warnings. */
static int inspect_end(struct decoder *d, struct dr_err *err)
{
	struct inspector *l = &d->look;
	const struct detect_head head = {l->head, l->head_len, l->head_len == l->total, l->total};
	const char *words[4] = {NULL};
	enum detect_class class;

	/* What came as raw passes again, but a page whose size was not known before. */
	if (detect_head_class(&head, DETECT_DISK, &class, err) < 0 ||
	    detect_tail_check(l->tail.bytes, l->tail.len, DETECT_RAW, err) < 0 ||
	    detect_tail_check(d->upload->tail.bytes, d->upload->tail.len, d->class, err) < 0)
		return -1;
	detect_boot_warnings(&head, l->tail.bytes, l->tail.len, l->total, words);
	for (size_t i = 0; i < 4 && words[i]; i++)
		warn(d->facts, words[i]);
	if (detect_head_optical(&head))
		warn(d->facts, "optical-disc: an optical-disc image that boots as a disk, too");
	return 0;
}

/* look_ahead: put a replaying head on d->stream and classify it. */
static int look_ahead(struct decoder *d, enum detect_level level, enum detect_class *ret,
		      struct dr_err *err)
{
	struct detect_head head;

	if (stream_head_open(&d->stream, DR_STEAL(d->stream), DETECT_HEAD_BYTES, &head.p, &head.len,
			     err) < 0)
		return -1;
	head.whole = head.len < DETECT_HEAD_BYTES;
	head.total_bytes = 0;
	if (level == DETECT_OUTER && d->job->declared_bytes != UINT64_MAX)
		head.total_bytes = d->job->declared_bytes;
	return detect_head_class(&head, level, ret, err);
}

/* open_stages: head, codec, format; fills facts->format. */
static int open_stages(struct decoder *d, struct dr_err *err)
{
	const struct decode_job *job = d->job;
	struct codec_limits cl = {job->limits->memory_bytes, job->limits->parallel_bytes,
				  job->length_proven};
	struct format_limits fl = {job->limits->virtual_bytes, job->limits->memory_bytes,
				   job->length_proven};
	uint64_t declared = job->declared_bytes;
	const char *codec = NULL;
	enum detect_class class;
	enum codec_kind kind;

	if (open_upload(d, err) < 0 || look_ahead(d, DETECT_OUTER, &class, err) < 0)
		return -1;
	d->class = class;
	if (codec_for_class(class, &kind)) {
		codec = codec_name(kind);
		snprintf(d->facts->format, sizeof d->facts->format, "%s", codec);
		if (codec_open(&d->stream, kind, DR_STEAL(d->stream), &cl, job->crew,
			       &d->codec_facts, err) < 0 ||
		    look_ahead(d, DETECT_DECOMPRESSED, &class, err) < 0)
			return -1;
		declared = FORMAT_SIZE_UNKNOWN;
		fl.length_proven = true;
	}
	snprintf(d->facts->format, sizeof d->facts->format, "%s%s%s", detect_class_name(class),
		 codec ? "+" : "", codec ? codec : "");
	if (class == DETECT_QCOW2) {
		spool_start(job->spool, DR_STEAL(d->stream));
		return format_qcow2_open(&d->format, job->spool, &fl, job->crew, err);
	}
	return format_raw_open(&d->format, d->stream, declared, &fl, err);
}

/* close_piece: hand the open piece to the sink. */
static void close_piece(struct decoder *d)
{
	if (!d->slot)
		return;
	d->sink->publish(d->sink, d->filled);
	d->slot = NULL;
	d->filled = 0;
}

/* open_piece: where the next bytes go. Pieces end where the disk's offset is a multiple of the
 * piece size, so that one piece is one chunk for whoever chunks. */
static int open_piece(struct decoder *d, size_t *ret_room, struct dr_err *err)
{
	if (!d->slot && d->sink->reserve(d->sink, &d->slot, err) < 0)
		return -1;
	*ret_room = d->sink->slot_bytes - (size_t)(d->look.total % d->sink->slot_bytes);
	return 0;
}

static int put_data(struct decoder *d, const struct extent *e, struct dr_err *err)
{
	uint64_t left = e->len;
	size_t room, n;

	while (left > 0) {
		if (open_piece(d, &room, err) < 0)
			return -1;
		n = (size_t)dr_min_u64(left, room);
		if (format_read(d->format, d->slot + d->filled, n, err) < 0)
			return -1;
		inspect_data(&d->look, d->slot + d->filled, n);
		d->filled += n;
		left -= n;
		if (n == room)
			close_piece(d);
	}
	d->facts->data_bytes += e->len;
	return 0;
}

/* put_zero: zeros fill up a piece that is open; what goes beyond stays a run. */
static int put_zero(struct decoder *d, uint64_t len, struct dr_err *err)
{
	size_t room, n;

	if (d->slot) {
		if (open_piece(d, &room, err) < 0)
			return -1;
		n = (size_t)dr_min_u64(len, room);
		memset(d->slot + d->filled, 0, n);
		inspect_zero(&d->look, n);
		d->filled += n;
		len -= n;
		if (n == room)
			close_piece(d);
	}
	if (len == 0)
		return 0;
	inspect_zero(&d->look, len);
	return d->sink->zero(d->sink, len, err);
}

static void announce_size(struct decoder *d)
{
	const uint64_t size = d->format->virtual_bytes;

	if (size != FORMAT_SIZE_UNKNOWN && d->sink->size)
		d->sink->size(d->sink, size);
}

static int run(struct decoder *d, struct dr_err *err)
{
	struct extent e;
	int rc;

	if (open_stages(d, err) < 0)
		return -1;
	announce_size(d);
	while ((rc = format_next(d->format, &e, err)) == 1) {
		if (e.kind == EXTENT_DATA ? put_data(d, &e, err) < 0 : put_zero(d, e.len, err) < 0)
			return -1;
	}
	if (rc < 0)
		return -1;
	close_piece(d);
	d->facts->virtual_bytes = d->format->virtual_bytes;
	announce_size(d);
	if (d->codec_facts.no_checksum)
		warn(d->facts,
		     "no-checksum: the compressed file carries no checksum of its content");
	for (unsigned i = 0; i < d->format->warning_count; i++)
		warn(d->facts, d->format->warnings[i]);
	return inspect_end(d, err);
}

int decode_run(struct decode_job *job, struct decode_sink *sink, struct decode_facts *facts,
	       struct dr_err *err)
{
	struct decoder d = {.job = job, .sink = sink, .facts = facts};
	int rc;

	memset(facts, 0, sizeof *facts);
	d.stream = DR_STEAL(job->in);
	d.look.head = calloc(1, DETECT_HEAD_BYTES);
	rc = d.look.head ? run(&d, err) : dr_fail_nomem(err);
	format_close(d.format);
	stream_close(d.stream);
	free(d.look.head);
	return rc;
}
