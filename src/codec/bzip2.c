/* SPDX-License-Identifier: Apache-2.0
 *
 * bzip2 streams through libbz2, which verifies block and stream CRCs. */
#include <bzlib.h>
#include <limits.h>
#include <stdlib.h>

#include "codec/internal.h"
#include "util/checked.h"

#include "util/banned.h"

struct bzip2 {
	struct codec c;
	bz_stream bz;
	bool in_stream; /* bz is initialised */
};

/* Between streams: "BZh1" to "BZh9" or the end. 1; 0 at the end. */
static int next_stream(struct bzip2 *b, struct dr_err *err)
{
	static const uint8_t magic[] = {'B', 'Z', 'h'};
	struct input *in = &b->c.in;
	ssize_t n = input_fill(in, 4, err);
	const uint8_t *p = input_bytes(in);

	if (n <= 0)
		return (int)n;
	for (ssize_t i = 0; i < n && i < 4; i++) {
		if (i < 3 ? p[i] != magic[i] : p[i] < '1' || p[i] > '9')
			return codec_trailing(&b->c, err);
	}
	if (n < 4)
		return codec_truncated(&b->c, "inside the header of a stream", err);
	codec_frame_begins(&b->c);
	b->bz = (bz_stream){0};
	if (BZ2_bzDecompressInit(&b->bz, 0, 0) != BZ_OK)
		return dr_fail_nomem(err);
	b->in_stream = true;
	return 1;
}

static int fail_bzip2(const struct bzip2 *b, int rc, struct dr_err *err)
{
	if (rc == BZ_MEM_ERROR)
		return dr_fail_nomem(err);
	return codec_corrupt(&b->c, err, "stream %llu: a CRC or the structure of a block is wrong",
			     (unsigned long long)b->c.facts->frames);
}

/* One step inside a stream: the bytes produced, perhaps none. */
static ssize_t decode_some(struct bzip2 *b, void *buf, size_t len, struct dr_err *err)
{
	struct input *in = &b->c.in;
	unsigned room = (unsigned)dr_min_size(len, INT_MAX);
	ssize_t have = input_fill(in, 1, err);
	size_t produced;
	int rc;

	if (have < 0)
		return -1;
	b->bz.next_in = (char *)in->buf + in->pos;
	b->bz.avail_in = (unsigned)have;
	b->bz.next_out = buf;
	b->bz.avail_out = room;
	rc = BZ2_bzDecompress(&b->bz);
	input_skip(in, (size_t)have - b->bz.avail_in);
	produced = room - b->bz.avail_out;
	if (rc == BZ_STREAM_END) {
		BZ2_bzDecompressEnd(&b->bz);
		b->in_stream = false;
	} else if (rc != BZ_OK) {
		return fail_bzip2(b, rc, err);
	} else if (have == 0 && produced == 0) {
		return codec_truncated(&b->c, "inside a stream", err);
	}
	return (ssize_t)produced;
}

static ssize_t bzip2_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct bzip2 *b = (struct bzip2 *)s;
	ssize_t n = 0;

	while (n == 0) {
		if (!b->in_stream) {
			int more = next_stream(b, err);

			if (more < 0)
				return -1;
			if (more == 0)
				return codec_end(&b->c, err);
		}
		n = decode_some(b, buf, len, err);
	}
	return n;
}

static void bzip2_close(struct stream *s)
{
	struct bzip2 *b = (struct bzip2 *)s;

	if (b->in_stream)
		BZ2_bzDecompressEnd(&b->bz);
	codec_done(&b->c);
	free(b);
}

static int bzip2_init(struct codec *c, struct dr_err *err)
{
	(void)c;
	(void)err;
	return 0;
}

const struct codec_class codec_bzip2 = {
	.bytes = sizeof(struct bzip2),
	.ops = {.name = "bzip2", .read = bzip2_read, .close = bzip2_close},
	.init = bzip2_init,
};
