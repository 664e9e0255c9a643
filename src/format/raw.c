/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "format/format.h"
#include "util/checked.h"
#include "util/zero.h"

#include "util/banned.h"

#define SECTOR_BYTES 512
struct raw {
	struct format base;
	struct stream *in; /* borrowed */
	uint64_t cap;      /* the disk may not be longer */
	bool declared;     /* base.virtual_bytes was known at open */
	size_t len;        /* of what was read ahead: the current piece */
	uint8_t ahead[FORMAT_PIECE_BYTES];
};

static int check_length(uint64_t bytes, uint64_t cap, struct dr_err *err)
{
	if (bytes == 0)
		return dr_refuse(err, DR_INVALID, "empty", "the image is empty");
	if (bytes > cap)
		return dr_refuse(err, DR_LIMIT, "too-large",
				 "the disk has %" PRIu64 " bytes or more; allowed are %" PRIu64,
				 bytes, cap);
	if (bytes % SECTOR_BYTES)
		return dr_refuse(err, DR_INVALID, "not-whole-sectors",
				 "%" PRIu64
				 " bytes is not a whole number of 512-byte sectors; the file "
				 "was probably cut short",
				 bytes);
	return 0;
}

/* Length unknown: what has been read is what there is. */
static int next_ahead(struct raw *r, struct extent *ret, struct dr_err *err)
{
	ssize_t n = stream_read_full(r->in, r->ahead, sizeof r->ahead, err);
	uint64_t pos = r->base.pos;

	if (n < 0)
		return -1;
	if (n == 0) {
		r->base.virtual_bytes = pos;
		return check_length(pos, r->cap, err);
	}
	r->len = (size_t)n;
	if (r->len > r->cap - pos)
		return check_length(pos + r->len, r->cap, err);
	*ret = (struct extent){.off = pos, .len = r->len, .kind = EXTENT_DATA};
	if (dr_all_zero(r->ahead, r->len))
		ret->kind = EXTENT_ZERO;
	return 1;
}

static int read_declared(struct raw *r, void *buf, size_t len, struct dr_err *err)
{
	ssize_t n = stream_read_full(r->in, buf, len, err);

	if (n < 0)
		return -1;
	if ((size_t)n < len)
		return dr_refuse(err, DR_CORRUPT, "truncated",
				 "the image ends after %" PRIu64 " of %" PRIu64 " bytes",
				 r->in->bytes, r->base.virtual_bytes);
	return 0;
}

static int skip_declared(struct raw *r, struct dr_err *err)
{
	while (r->base.left > 0) {
		size_t n = (size_t)dr_min_u64(r->base.left, sizeof r->ahead);

		if (read_declared(r, r->ahead, n, err) < 0)
			return -1;
		r->base.left -= n;
	}
	return 0;
}

static int next_declared(struct raw *r, struct extent *ret, struct dr_err *err)
{
	uint64_t pos = r->base.pos, total = r->base.virtual_bytes;
	ssize_t n;

	if (skip_declared(r, err) < 0)
		return -1;
	if (pos < total) {
		*ret = (struct extent){.off = pos,
				       .len = dr_min_u64(FORMAT_PIECE_BYTES, total - pos),
				       .kind = EXTENT_DATA};
		return 1;
	}
	n = stream_read(r->in, r->ahead, 1, err);
	if (n > 0)
		return dr_refuse(err, DR_CORRUPT, "trailing-data",
				 "the source announced %" PRIu64 " bytes and sent more", total);
	return n < 0 ? -1 : 0;
}

static int raw_next(struct format *f, struct extent *ret, struct dr_err *err)
{
	struct raw *r = (struct raw *)f;

	return r->declared ? next_declared(r, ret, err) : next_ahead(r, ret, err);
}

static int raw_read(struct format *f, void *buf, size_t len, struct dr_err *err)
{
	struct raw *r = (struct raw *)f;

	if (r->declared)
		return read_declared(r, buf, len, err);
	memcpy(buf, r->ahead + (r->len - f->left), len);
	return 0;
}

static void raw_close(struct format *f)
{
	free(f);
}

static const struct format_ops raw_ops = {
	.name = "raw", .next = raw_next, .read = raw_read, .close = raw_close};

int format_raw_open(struct format **ret, struct stream *in, uint64_t declared,
		    const struct format_limits *lim, struct dr_err *err)
{
	bool known = declared != FORMAT_SIZE_UNKNOWN;
	struct raw *r;

	if (!known && !lim->length_proven)
		return dr_refuse(err, DR_INVALID, "length-unknown",
				 "the source does not say how long the image is; give its size or "
				 "sha256");
	if (known && check_length(declared, lim->virtual_bytes, err) < 0)
		return -1;
	r = calloc(1, sizeof *r);
	if (!r)
		return dr_fail_nomem(err);
	format_init(&r->base, &raw_ops, declared);
	r->in = in;
	r->cap = lim->virtual_bytes;
	r->declared = known;
	*ret = &r->base;
	return 0;
}
