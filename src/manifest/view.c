/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/view_internal.h"
#include "util/checked.h"
#include "util/str.h"

#include "util/banned.h"

static const struct view_ops *const kinds[] = {
	[VIEW_LZ4] = &view_lz4_ops,
	[VIEW_RAW] = &view_raw_ops,
	[VIEW_QCOW2] = &view_qcow2_ops,
};

bool view_kind_parse(const char *name, enum view_kind *ret)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (dr_streq(kinds[i]->name, name)) {
			*ret = (enum view_kind)i;
			return true;
		}
	}
	return false;
}

int view_open(struct view **ret, struct store *st, struct manifest *m, enum view_kind kind,
	      struct dr_err *err)
{
	DR_CLEANUP(view_closep) struct view *v = calloc(1, sizeof *v);

	if (!v) {
		manifest_free(m);
		return dr_fail_nomem(err);
	}
	v->ops = kinds[kind];
	v->st = st;
	v->m = m;
	if (!manifest_size_valid(m->virtual_bytes))
		return dr_fail(err, DR_INVALID, "no disk has %llu bytes",
			       (unsigned long long)m->virtual_bytes);
	v->size = v->ops->size(m);
	if (v->ops->open && v->ops->open(v, err) < 0)
		return -1;
	*ret = DR_STEAL(v);
	return 0;
}

void view_close(struct view *v)
{
	if (!v)
		return;
	if (v->ops->close && v->kind)
		v->ops->close(v);
	manifest_free(v->m);
	buf_done(&v->block);
	free(v);
}

uint64_t view_size(const struct view *v)
{
	return v->size;
}

uint64_t view_size_of(const struct manifest *m, enum view_kind kind)
{
	assert(manifest_size_valid(m->virtual_bytes));
	return kinds[kind]->size(m);
}

void view_set(struct view *v, uint64_t start, uint64_t len, const uint8_t *bytes)
{
	v->start = start;
	v->len = len;
	v->bytes = bytes;
}

/* damaged: all but this machine's own failures is damage to the reader: only who knows the manifest
 * knows that a missing chunk should be there. */
static int damaged(const struct manifest_entry *e, const struct dr_err *why, struct dr_err *err)
{
	enum dr_code code = why->code;

	if (code != DR_IO && code != DR_NO_MEMORY)
		code = DR_CORRUPT;
	return dr_fail(err, code, "the disk at %u MiB: %s", e->index, why->msg);
}

int view_plain(struct view *v, const struct manifest_entry *e, struct dr_err *err)
{
	size_t want = manifest_chunk_len(v->m, e->index);
	struct dr_err why = DR_ERR_INIT;

	if (store_get_chunk(v->st, v->m->domains[e->domain], &e->id, want, &v->block, &why) < 0)
		return damaged(e, &why, err);
	if (v->block.len != want)
		return dr_fail(err, DR_CORRUPT, "the disk at %u MiB: a chunk of %zu bytes, not %zu",
			       e->index, v->block.len, want);
	return 0;
}

int view_stored(struct view *v, const struct manifest_entry *e, struct dr_err *err)
{
	struct dr_err why = DR_ERR_INIT;

	if (store_get_stored(v->st, v->m->domains[e->domain], &e->id, e->stored_bytes, e->check,
			     &v->block, &why) < 0)
		return damaged(e, &why, err);
	return 0;
}

ssize_t view_read(struct view *v, void *buf, size_t len, uint64_t off, struct dr_err *err)
{
	struct dr_err why = DR_ERR_INIT;
	uint8_t *to = buf;
	size_t done = 0;

	assert(len > 0 && off < v->size);
	len = (size_t)dr_min_u64(dr_min_u64(len, PTRDIFF_MAX), v->size - off);
	while (done < len) {
		uint64_t at = off + done;
		size_t n;

		if (at < v->start || at - v->start >= v->len) {
			view_set(v, 0, 0, NULL);
			if (v->ops->load(v, at, &why) < 0)
				break;
			assert(at >= v->start && at - v->start < v->len);
		}
		n = (size_t)dr_min_u64(len - done, v->len - (at - v->start));
		if (v->bytes)
			memcpy(to + done, v->bytes + (at - v->start), n);
		else
			memset(to + done, 0, n);
		done += n;
	}
	/* A failure behind bytes that are good is the next call's. */
	if (done > 0)
		return (ssize_t)done;
	if (!dr_err_is_set(err))
		*err = why;
	return -1;
}
