/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/codec.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "codec/internal.h"

#include "util/banned.h"

static const struct codec_class *class_of(enum codec_kind kind)
{
	static const struct codec_class *const classes[] = {
		[CODEC_LZ4] = &codec_lz4,     [CODEC_XZ] = &codec_xz,
		[CODEC_GZIP] = &codec_gzip,   [CODEC_ZSTD] = &codec_zstd,
		[CODEC_BZIP2] = &codec_bzip2, [CODEC_SKIPPABLE] = &codec_skippable,
	};

	assert((size_t)kind < sizeof classes / sizeof classes[0]);
	return classes[kind];
}

const char *codec_name(enum codec_kind kind)
{
	return class_of(kind)->ops.name;
}

bool codec_for_class(enum detect_class c, enum codec_kind *ret)
{
	switch (c) {
	case DETECT_LZ4:
	case DETECT_LZ4_LEGACY:
		*ret = CODEC_LZ4;
		return true;
	case DETECT_SKIPPABLE:
		*ret = CODEC_SKIPPABLE;
		return true;
	case DETECT_ZSTD:
		*ret = CODEC_ZSTD;
		return true;
	case DETECT_XZ:
		*ret = CODEC_XZ;
		return true;
	case DETECT_GZIP:
		*ret = CODEC_GZIP;
		return true;
	case DETECT_BZIP2:
		*ret = CODEC_BZIP2;
		return true;
	case DETECT_RAW:
	case DETECT_QCOW2:
		break;
	}
	return false;
}

int codec_new(struct stream **ret, const struct codec_class *class, struct input *in,
	      const struct codec_limits *lim, struct workers *crew, struct codec_facts *facts,
	      struct dr_err *err)
{
	struct codec *c = calloc(1, class->bytes);

	if (!c) {
		input_done(in);
		return dr_fail_nomem(err);
	}
	stream_init(&c->base, &class->ops);
	c->in = *in;
	*in = (struct input){0};
	c->lim = *lim;
	c->crew = crew;
	c->facts = facts ? facts : &c->own_facts;
	if (class->init(c, err) < 0) {
		stream_close(&c->base);
		return -1;
	}
	*ret = &c->base;
	return 0;
}

void codec_done(struct codec *c)
{
	input_done(&c->in);
}

int codec_open(struct stream **ret, enum codec_kind kind, struct stream *in,
	       const struct codec_limits *lim, struct workers *crew, struct codec_facts *facts,
	       struct dr_err *err)
{
	struct input input;

	if (facts)
		*facts = (struct codec_facts){0};
	if (input_init(&input, in, err) < 0) {
		input_done(&input);
		return -1;
	}
	return codec_new(ret, class_of(kind), &input, lim, crew, facts, err);
}

int codec_truncated(const struct codec *c, const char *where, struct dr_err *err)
{
	unsigned long long length = c->in.taken + input_left(&c->in);

	return dr_refuse(err, DR_CORRUPT, "truncated", "the %s data ends after %llu bytes, %s",
			 c->base.ops->name, length, where);
}

int codec_corrupt(const struct codec *c, struct dr_err *err, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return dr_refuse(err, DR_CORRUPT, "corrupt", "damaged %s data before byte %llu: %s",
			 c->base.ops->name, (unsigned long long)c->in.taken, what);
}

int codec_trailing(const struct codec *c, struct dr_err *err)
{
	if (c->facts->frames == 0 && c->skipped_frames == 0)
		return codec_corrupt(c, err, "it does not begin as such data must");
	return dr_refuse(err, DR_CORRUPT, "trailing-data",
			 "the %s data ends at byte %llu, and something else follows",
			 c->base.ops->name, (unsigned long long)c->in.taken);
}

int codec_end(const struct codec *c, struct dr_err *err)
{
	if (c->base.bytes == 0)
		return dr_refuse(err, DR_INVALID, "empty", "%llu bytes of %s data hold no disk",
				 (unsigned long long)c->in.taken, c->base.ops->name);
	return 0;
}

/* Known answers: 512 zero bytes, as the usual tools compress them. */
static const uint8_t zeros_lz4[] = {0x04, 0x22, 0x4d, 0x18, 0x64, 0x40, 0xa7, 0x0c,
				    0x00, 0x00, 0x00, 0x1f, 0x00, 0x01, 0x00, 0xff,
				    0xe8, 0x50, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
				    0x00, 0x00, 0x00, 0xde, 0x53, 0xc1, 0x32};
static const uint8_t zeros_xz[] = {
	0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00, 0x00, 0x04, 0xe6, 0xd6, 0xb4, 0x46, 0x02, 0x00, 0x21,
	0x01, 0x0c, 0x00, 0x00, 0x00, 0x8f, 0x98, 0x41, 0x9c, 0xe0, 0x01, 0xff, 0x00, 0x08, 0x5d,
	0x00, 0x00, 0x6f, 0xfd, 0xfe, 0xb3, 0x5f, 0xa8, 0x00, 0x00, 0x6c, 0xfc, 0x5b, 0xac, 0x22,
	0xeb, 0x92, 0x69, 0x00, 0x01, 0x24, 0x80, 0x04, 0x00, 0x00, 0x00, 0x38, 0xb4, 0xec, 0x61,
	0xb1, 0xc4, 0x67, 0xfb, 0x02, 0x00, 0x00, 0x00, 0x00, 0x04, 0x59, 0x5a};
static const uint8_t zeros_gzip[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02,
				     0x03, 0x63, 0x60, 0x18, 0x05, 0x23, 0x19, 0x00, 0x00,
				     0x78, 0x75, 0xaa, 0xb2, 0x00, 0x02, 0x00, 0x00};
static const uint8_t zeros_zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x68, 0x45,
				     0x00, 0x00, 0x08, 0x00, 0x01, 0x00, 0xfc,
				     0x2a, 0x10, 0x02, 0x7c, 0xb8, 0xc3, 0xe8};
static const uint8_t zeros_bzip2[] = {
	0x42, 0x5a, 0x68, 0x39, 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, 0x1e, 0xae, 0x55, 0x4d,
	0x00, 0x00, 0x01, 0xc0, 0x00, 0xc0, 0x00, 0x00, 0x08, 0x20, 0x00, 0x30, 0x80, 0x49,
	0xea, 0x06, 0xae, 0x2e, 0xe4, 0x8a, 0x70, 0xa1, 0x20, 0x3d, 0x5c, 0xaa, 0x9a};

static int warm_up_one(enum codec_kind kind, const uint8_t *p, size_t len, struct dr_err *err)
{
	static const uint8_t zeros[512];
	const struct codec_limits lim = {.memory_bytes = 64 << 20, .parallel_bytes = 64 << 20};
	DR_CLEANUP(stream_closep) struct stream *s = NULL;
	uint8_t got[sizeof zeros + 1];
	struct stream *in = NULL;
	ssize_t n;

	if (stream_mem_open(&in, p, len, err) < 0 ||
	    codec_open(&s, kind, in, &lim, NULL, NULL, err) < 0)
		return -1;
	n = stream_read_full(s, got, sizeof got, err);
	if (n != sizeof zeros || memcmp(got, zeros, sizeof zeros) != 0)
		return dr_fail(err, DR_IO, "the %s library does not decode a known sample",
			       codec_name(kind));
	return 0;
}

int codec_warm_up(struct dr_err *err)
{
	if (warm_up_one(CODEC_LZ4, zeros_lz4, sizeof zeros_lz4, err) < 0 ||
	    warm_up_one(CODEC_XZ, zeros_xz, sizeof zeros_xz, err) < 0 ||
	    warm_up_one(CODEC_GZIP, zeros_gzip, sizeof zeros_gzip, err) < 0 ||
	    warm_up_one(CODEC_ZSTD, zeros_zstd, sizeof zeros_zstd, err) < 0 ||
	    warm_up_one(CODEC_BZIP2, zeros_bzip2, sizeof zeros_bzip2, err) < 0)
		return dr_while(err, "codec self-test");
	return 0;
}
