/* SPDX-License-Identifier: Apache-2.0 */
#include "format/format.h"

#include <assert.h>
#include <stdarg.h>

#include "util/checked.h"

#include "util/banned.h"

void format_init(struct format *f, const struct format_ops *ops, uint64_t virtual_bytes)
{
	*f = (struct format){.ops = ops, .virtual_bytes = virtual_bytes};
}

static void check_extent(const struct format *f, const struct extent *e)
{
	assert(e->off == f->pos);
	assert(e->len > 0);
	assert(dr_range_within(e->off, e->len, f->virtual_bytes));
	assert(e->kind == EXTENT_ZERO ||
	       e->off / FORMAT_PIECE_BYTES == (e->off + e->len - 1) / FORMAT_PIECE_BYTES);
	(void)f;
	(void)e;
}

int format_next(struct format *f, struct extent *ret, struct dr_err *err)
{
	int rc;

	if (dr_err_is_set(&f->failure)) {
		*err = f->failure;
		return -1;
	}
	if (f->ended)
		return 0;
	rc = f->ops->next(f, ret, err);
	assert(rc >= 0 || dr_err_is_set(err));
	if (rc < 0) {
		f->failure = *err;
	} else if (rc == 0) {
		assert(f->pos == f->virtual_bytes);
		f->ended = true;
	} else {
		check_extent(f, ret);
		f->current = *ret;
		f->left = ret->kind == EXTENT_DATA ? ret->len : 0;
		f->pos += ret->len;
	}
	return rc;
}

int format_read(struct format *f, void *buf, size_t len, struct dr_err *err)
{
	int rc = 0;

	assert(len <= f->left);
	if (dr_err_is_set(&f->failure)) {
		*err = f->failure;
		return -1;
	}
	if (len > 0)
		rc = f->ops->read(f, buf, len, err);
	assert(rc == 0 || dr_err_is_set(err));
	if (rc < 0)
		f->failure = *err;
	else
		f->left -= len;
	return rc;
}

uint64_t format_at(const struct format *f)
{
	return f->pos - f->left;
}

void format_close(struct format *f)
{
	if (f)
		f->ops->close(f);
}

void format_warn(struct format *f, const char *fmt, ...)
{
	va_list ap;

	if (f->warning_count == FORMAT_MAX_WARNINGS)
		return;
	va_start(ap, fmt);
	vsnprintf(f->warnings[f->warning_count++], sizeof f->warnings[0], fmt, ap);
	va_end(ap);
}
