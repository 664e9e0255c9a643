/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "stream/stream.h"
#include "util/checked.h"

#include "util/banned.h"

struct stream_mem {
	struct stream base;
	const uint8_t *p; /* borrowed */
	size_t len;
	size_t pos;
};

static ssize_t mem_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct stream_mem *m = (struct stream_mem *)s;

	(void)err;
	len = dr_min_size(len, m->len - m->pos);
	if (len)
		memcpy(buf, m->p + m->pos, len);
	m->pos += len;
	return (ssize_t)len;
}

static int mem_pread(struct stream *s, void *buf, size_t len, uint64_t off, struct dr_err *err)
{
	struct stream_mem *m = (struct stream_mem *)s;

	if (!dr_range_within(off, len, m->len))
		return dr_refuse(err, DR_CORRUPT, "truncated", "read past the end");
	if (len)
		memcpy(buf, m->p + off, len);
	return 0;
}

static void mem_close(struct stream *s)
{
	free(s);
}

static const struct stream_ops mem_ops = {
	.name = "mem", .read = mem_read, .pread = mem_pread, .close = mem_close};

int stream_mem_open(struct stream **ret, const void *p, size_t len, struct dr_err *err)
{
	struct stream_mem *m = calloc(1, sizeof *m);

	if (!m)
		return dr_fail_nomem(err);
	stream_init(&m->base, &mem_ops);
	m->p = p;
	m->len = len;
	*ret = &m->base;
	return 0;
}
