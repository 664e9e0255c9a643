/* SPDX-License-Identifier: Apache-2.0
 *
 * gzip members (RFC 1952) around raw deflate from zlib. Headers and trailers are read here, which
 * bounds their fields and names what is wrong; the CRC comes from libdeflate, whose carry-less
 * multiplication is several times as fast as zlib's tables. */
#include <libdeflate.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "codec/internal.h"
#include "util/checked.h"
#include "util/rd.h"

#include "util/banned.h"

#define FIELD_MAX ((size_t)64 << 10)
#define FIXED_HEADER 10
#define TRAILER 8
#define FHCRC 0x02
#define FEXTRA 0x04
#define FNAME 0x08
#define FCOMMENT 0x10
#define FRESERVED 0xE0

struct gzip {
	struct codec c;
	z_stream z;
	bool initialised; /* z */
	bool in_member;
	uint32_t crc; /* of the member so far */
	uint64_t produced;
};

/* The header's first `want` bytes are buffered, or the file is cut short. */
static int need_header(struct gzip *g, size_t want, struct dr_err *err)
{
	ssize_t n = input_fill(&g->c.in, want, err);

	if (n < 0)
		return -1;
	if ((size_t)n < want)
		return codec_truncated(&g->c, "inside the header of a member", err);
	return 0;
}

/* A zero-terminated field at *pos; moves *pos behind it. */
static int pass_text(struct gzip *g, size_t *pos, struct dr_err *err)
{
	for (size_t end = *pos;; end++) {
		if (end - *pos > FIELD_MAX)
			return codec_corrupt(&g->c, err, "a header field is longer than %zu bytes",
					     FIELD_MAX);
		if (end >= input_left(&g->c.in) && need_header(g, end + 1, err) < 0)
			return -1;
		if (input_bytes(&g->c.in)[end] == 0) {
			*pos = end + 1;
			return 0;
		}
	}
}

/* RFC 1952 section 2.3.1: FEXTRA, FNAME, FCOMMENT, FHCRC, in this order. */
static int pass_optional(struct gzip *g, unsigned flags, size_t *pos, struct dr_err *err)
{
	const uint8_t *p;
	uint32_t crc;

	if (flags & FEXTRA) {
		if (need_header(g, *pos + 2, err) < 0)
			return -1;
		p = input_bytes(&g->c.in) + *pos;
		*pos += 2 + (size_t)(p[0] | p[1] << 8);
		if (need_header(g, *pos, err) < 0)
			return -1;
	}
	if (flags & FNAME && pass_text(g, pos, err) < 0)
		return -1;
	if (flags & FCOMMENT && pass_text(g, pos, err) < 0)
		return -1;
	if (flags & FHCRC) {
		if (need_header(g, *pos + 2, err) < 0)
			return -1;
		p = input_bytes(&g->c.in);
		crc = libdeflate_crc32(0, p, *pos) & 0xffff;
		if (crc != (uint32_t)(p[*pos] | p[*pos + 1] << 8))
			return codec_corrupt(&g->c, err, "the header checksum is wrong");
		*pos += 2;
	}
	return 0;
}

static int begin_member(struct gzip *g, struct dr_err *err)
{
	size_t pos = FIXED_HEADER;
	const uint8_t *p;

	if (need_header(g, FIXED_HEADER, err) < 0)
		return -1;
	codec_frame_begins(&g->c);
	p = input_bytes(&g->c.in);
	if (p[2] != Z_DEFLATED)
		return codec_corrupt(&g->c, err, "compression method %u, not 8", p[2]);
	if (p[3] & FRESERVED)
		return codec_corrupt(&g->c, err, "reserved flag bits are set (%02x)", p[3]);
	if (pass_optional(g, p[3], &pos, err) < 0)
		return -1;
	input_skip(&g->c.in, pos);
	if (inflateReset(&g->z) != Z_OK)
		return dr_fail(err, DR_IO, "zlib cannot begin a member");
	g->crc = 0;
	g->produced = 0;
	g->in_member = true;
	return 0;
}

/* Zeros to the end are padding of tapes and block devices; gzip ignores them, too. */
static int pass_padding(struct gzip *g, struct dr_err *err)
{
	ssize_t n;

	while ((n = input_fill(&g->c.in, 1, err)) > 0) {
		for (; n > 0; n--) {
			if (input_bytes(&g->c.in)[0] != 0)
				return codec_trailing(&g->c, err);
			input_skip(&g->c.in, 1);
		}
	}
	return (int)n;
}

/* Between members. 1: one began; 0: the file ended well. */
static int next_member(struct gzip *g, struct dr_err *err)
{
	ssize_t n = input_fill(&g->c.in, 2, err);
	const uint8_t *p = input_bytes(&g->c.in);

	if (n <= 0)
		return (int)n;
	if (p[0] == 0 && g->c.facts->frames > 0)
		return pass_padding(g, err);
	if (p[0] != 0x1F || (n > 1 && p[1] != 0x8B))
		return codec_trailing(&g->c, err);
	return begin_member(g, err) < 0 ? -1 : 1;
}

static int end_member(struct gzip *g, struct dr_err *err)
{
	ssize_t n = input_fill(&g->c.in, TRAILER, err);
	struct rd r;

	if (n < 0)
		return -1;
	if (n < TRAILER)
		return codec_truncated(&g->c, "inside the trailer of a member", err);
	r = rd_init(input_bytes(&g->c.in), TRAILER);
	if (rd_le32(&r) != g->crc)
		return codec_corrupt(&g->c, err, "the CRC of member %llu is wrong",
				     (unsigned long long)g->c.facts->frames);
	if (rd_le32(&r) != (uint32_t)g->produced)
		return codec_corrupt(&g->c, err, "the length field of member %llu is wrong",
				     (unsigned long long)g->c.facts->frames);
	input_skip(&g->c.in, TRAILER);
	g->in_member = false;
	return 0;
}

/* One step inside a member: the bytes produced, perhaps none. */
static ssize_t decode_some(struct gzip *g, void *buf, size_t len, struct dr_err *err)
{
	struct input *in = &g->c.in;
	unsigned room = (unsigned)dr_min_size(len, INT_MAX);
	ssize_t have = input_fill(in, 1, err);
	size_t produced;
	int rc;

	if (have < 0)
		return -1;
	g->z.next_in = in->buf + in->pos;
	g->z.avail_in = (unsigned)have;
	g->z.next_out = buf;
	g->z.avail_out = room;
	rc = inflate(&g->z, Z_NO_FLUSH);
	input_skip(in, (size_t)have - g->z.avail_in);
	produced = room - g->z.avail_out;
	g->crc = libdeflate_crc32(g->crc, buf, produced);
	g->produced += produced;
	if (rc == Z_MEM_ERROR)
		return dr_fail_nomem(err);
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return codec_corrupt(&g->c, err, "member %llu does not decode: %s",
				     (unsigned long long)g->c.facts->frames,
				     g->z.msg ? g->z.msg : "preset dictionary");
	if (rc == Z_STREAM_END && end_member(g, err) < 0)
		return -1;
	if (rc != Z_STREAM_END && have == 0 && produced == 0)
		return codec_truncated(&g->c, "inside a member", err);
	return (ssize_t)produced;
}

static ssize_t gzip_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct gzip *g = (struct gzip *)s;
	ssize_t n = 0;

	while (n == 0) {
		if (!g->in_member) {
			int more = next_member(g, err);

			if (more < 0)
				return -1;
			if (more == 0)
				return codec_end(&g->c, err);
		}
		n = decode_some(g, buf, len, err);
	}
	return n;
}

static void gzip_close(struct stream *s)
{
	struct gzip *g = (struct gzip *)s;

	if (g->initialised)
		inflateEnd(&g->z);
	codec_done(&g->c);
	free(g);
}

static int gzip_init(struct codec *c, struct dr_err *err)
{
	struct gzip *g = (struct gzip *)c;

	if (inflateInit2(&g->z, -MAX_WBITS) != Z_OK)
		return dr_fail_nomem(err);
	g->initialised = true;
	return 0;
}

const struct codec_class codec_gzip = {
	.bytes = sizeof(struct gzip),
	.ops = {.name = "gzip", .read = gzip_read, .close = gzip_close},
	.init = gzip_init,
};
