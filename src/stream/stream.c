/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/stream.h"

#include <assert.h>
#include <limits.h>

#include "util/checked.h"

#include "util/banned.h"

void stream_init(struct stream *s, const struct stream_ops *ops)
{
	*s = (struct stream){.ops = ops, .budget = STREAM_UNLIMITED};
}

ssize_t stream_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	ssize_t n;

	assert(len > 0 && len <= SSIZE_MAX);
	if (dr_err_is_set(&s->failure)) {
		*err = s->failure;
		return -1;
	}
	if (s->ended)
		return 0;
	if (s->cancel && atomic_load(s->cancel))
		return dr_fail(err, DR_CANCELLED, "cancelled");
	if (s->fragment)
		len = dr_min_size(len, s->fragment);
	n = s->ops->read(s, buf, len, err);
	assert(n <= (ssize_t)len);
	assert(n >= 0 || dr_err_is_set(err));
	if (n > 0 && (uint64_t)n > s->budget - s->bytes)
		n = dr_refuse(err, DR_LIMIT, "too-large", "more than the allowed %llu bytes",
			      (unsigned long long)s->budget);
	if (n < 0)
		s->failure = *err;
	else if (n == 0)
		s->ended = true;
	else
		s->bytes += (uint64_t)n;
	return n;
}

ssize_t stream_read_full(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		n = stream_read(s, (uint8_t *)buf + got, len - got, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (ssize_t)got;
}

bool stream_seekable(const struct stream *s)
{
	return s->ops->pread != NULL;
}

int stream_pread(struct stream *s, void *buf, size_t len, uint64_t off, struct dr_err *err)
{
	int rc;

	assert(stream_seekable(s));
	if (s->cancel && atomic_load(s->cancel))
		return dr_fail(err, DR_CANCELLED, "cancelled");
	rc = s->ops->pread(s, buf, len, off, err);
	assert(rc == 0 || dr_err_is_set(err));
	return rc;
}

void stream_close(struct stream *s)
{
	if (s)
		s->ops->close(s);
}
