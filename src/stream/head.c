/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "stream/stream.h"
#include "util/checked.h"

#include "util/banned.h"

struct stream_head {
	struct stream base;
	struct stream *in; /* owned */
	size_t len;
	size_t pos;
	uint8_t head[];
};

static ssize_t head_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct stream_head *h = (struct stream_head *)s;

	if (h->pos < h->len) {
		len = dr_min_size(len, h->len - h->pos);
		memcpy(buf, h->head + h->pos, len);
		h->pos += len;
		return (ssize_t)len;
	}
	return stream_read(h->in, buf, len, err);
}

static void head_close(struct stream *s)
{
	struct stream_head *h = (struct stream_head *)s;

	stream_close(h->in);
	free(h);
}

static const struct stream_ops head_ops = {.name = "head", .read = head_read, .close = head_close};

int stream_head_open(struct stream **ret, struct stream *in, size_t want, const uint8_t **ret_head,
		     size_t *ret_len, struct dr_err *err)
{
	struct stream_head *h = calloc(1, sizeof *h + want);
	ssize_t n;

	if (!h) {
		stream_close(in);
		return dr_fail_nomem(err);
	}
	stream_init(&h->base, &head_ops);
	h->in = in;
	n = stream_read_full(in, h->head, want, err);
	if (n < 0) {
		stream_close(&h->base);
		return -1;
	}
	h->len = (size_t)n;
	*ret_head = h->head;
	*ret_len = h->len;
	*ret = &h->base;
	return 0;
}
