/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/ring_stream.h"

#include <stdlib.h>
#include <string.h>

#include "util/checked.h"

#include "util/banned.h"

struct ring_stream {
	struct stream base;
	struct ring *ring; /* borrowed */
	struct ring_item item;
	size_t pos;
	bool held;
	bool ended;
};

static ssize_t ring_stream_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct ring_stream *r = (struct ring_stream *)s;
	int rc;

	if (!r->held) {
		rc = ring_take(r->ring, &r->item, err);
		if (rc <= 0) {
			r->ended = rc == 0;
			return rc;
		}
		if (r->item.type != RING_DATA)
			return dr_fail(err, DR_CORRUPT, "a zero run where bytes were expected");
		r->held = true;
		r->pos = 0;
	}
	len = dr_min_size(len, (size_t)r->item.len - r->pos);
	memcpy(buf, r->item.data + r->pos, len);
	r->pos += len;
	if (r->pos == r->item.len) {
		ring_release(r->ring);
		r->held = false;
	}
	return (ssize_t)len;
}

static void ring_stream_close(struct stream *s)
{
	struct ring_stream *r = (struct ring_stream *)s;

	if (r->held)
		ring_release(r->ring);
	if (!r->ended)
		ring_abandon(r->ring);
	free(r);
}

static const struct stream_ops ring_stream_ops = {
	.name = "ring", .read = ring_stream_read, .close = ring_stream_close};

int ring_stream_open(struct stream **ret, struct ring *ring, struct dr_err *err)
{
	struct ring_stream *r = calloc(1, sizeof *r);

	if (!r)
		return dr_fail_nomem(err);
	stream_init(&r->base, &ring_stream_ops);
	r->ring = ring;
	*ret = &r->base;
	return 0;
}
