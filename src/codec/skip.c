/* SPDX-License-Identifier: Apache-2.0
 *
 * Skippable frames, which lz4 and zstd share: magic, length (4 bytes LE), that many bytes of
 * anything (lz4 frame format "Skippable Frames"; RFC 8878 section 3.1.2). */
#include "codec/internal.h"
#include "util/checked.h"
#include "util/rd.h"

#include "util/banned.h"

static uint32_t peek_le32(const struct codec *c, size_t off)
{
	struct rd r = rd_init(input_bytes(&c->in) + off, 4);

	return rd_le32(&r);
}

static int skip_frame(struct codec *c, struct dr_err *err)
{
	ssize_t n = input_fill(&c->in, 8, err);
	uint64_t left;

	if (n < 0)
		return -1;
	if (n < 8)
		return codec_truncated(c, "inside the header of a skippable frame", err);
	left = peek_le32(c, 4);
	c->skipped_frames++;
	c->skipped_bytes += left;
	if (c->skipped_frames > DETECT_SKIP_FRAMES || c->skipped_bytes > DETECT_SKIP_BYTES)
		return dr_refuse(err, DR_UNSUPPORTED, "format-unsupported",
				 "%u skippable frames with %llu bytes in a row; %u with %llu are "
				 "accepted",
				 c->skipped_frames, (unsigned long long)c->skipped_bytes,
				 DETECT_SKIP_FRAMES, (unsigned long long)DETECT_SKIP_BYTES);
	input_skip(&c->in, 8);
	while (left > 0) {
		n = input_fill(&c->in, 1, err);
		if (n < 0)
			return -1;
		if (n == 0)
			return codec_truncated(c, "inside a skippable frame", err);
		n = (ssize_t)dr_min_u64((uint64_t)n, left);
		input_skip(&c->in, (size_t)n);
		left -= (uint64_t)n;
	}
	return 0;
}

/* Fewer than four bytes are left: the beginning of a frame, or of something else. */
static int refuse_rest(const struct codec *c, const uint32_t *magics, size_t n, struct dr_err *err)
{
	uint32_t rest = 0, mask = 0;
	bool begins = false;

	for (size_t i = 0; i < input_left(&c->in); i++) {
		rest |= (uint32_t)input_bytes(&c->in)[i] << (8 * i);
		mask |= 0xffU << (8 * i);
	}
	for (size_t i = 0; i < n; i++)
		begins |= rest == (magics[i] & mask);
	begins |= detect_magic_skippable(rest | (DETECT_MAGIC_SKIPPABLE & ~mask));
	return begins ? codec_truncated(c, "inside the magic of a frame", err)
		      : codec_trailing(c, err);
}

int codec_next_magic(struct codec *c, const uint32_t *magics, size_t n, uint32_t *ret,
		     struct dr_err *err)
{
	ssize_t have;

	for (;;) {
		have = input_fill(&c->in, 4, err);
		if (have <= 0)
			return (int)have;
		if (have < 4)
			return refuse_rest(c, magics, n, err);
		*ret = peek_le32(c, 0);
		if (!detect_magic_skippable(*ret))
			break;
		if (skip_frame(c, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (*ret == magics[i])
			return 1;
	}
	return codec_trailing(c, err);
}

void codec_frame_begins(struct codec *c)
{
	c->facts->frames++;
	c->skipped_frames = 0;
	c->skipped_bytes = 0;
}

/* Nothing but skippable frames has been seen: the first real frame decides who reads on. */
struct skippable {
	struct codec c;
	struct stream *inner; /* owned; NULL until the first real frame */
};

static int find_inner(struct skippable *s, struct dr_err *err)
{
	static const uint32_t magics[] = {DETECT_MAGIC_LZ4, DETECT_MAGIC_LZ4_LEGACY,
					  DETECT_MAGIC_ZSTD};
	struct codec *c = &s->c;
	uint32_t magic = 0;
	int n = codec_next_magic(c, magics, sizeof magics / sizeof magics[0], &magic, err);

	if (n <= 0)
		return n;
	if (codec_new(&s->inner, magic == DETECT_MAGIC_ZSTD ? &codec_zstd : &codec_lz4, &c->in,
		      &c->lim, c->crew, c->facts, err) < 0)
		return -1;
	return 1;
}

static ssize_t skippable_read(struct stream *st, void *buf, size_t len, struct dr_err *err)
{
	struct skippable *s = (struct skippable *)st;

	if (!s->inner) {
		int n = find_inner(s, err);

		if (n < 0)
			return -1;
		if (n == 0)
			return codec_end(&s->c, err);
	}
	return stream_read(s->inner, buf, len, err);
}

static void skippable_close(struct stream *st)
{
	struct skippable *s = (struct skippable *)st;

	stream_close(s->inner);
	codec_done(&s->c);
	free(s);
}

static int skippable_init(struct codec *c, struct dr_err *err)
{
	(void)c;
	(void)err;
	return 0;
}

const struct codec_class codec_skippable = {
	.bytes = sizeof(struct skippable),
	.ops = {.name = "skippable", .read = skippable_read, .close = skippable_close},
	.init = skippable_init,
};
