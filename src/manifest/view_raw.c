/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/view_internal.h"

#include "util/banned.h"

static uint64_t raw_size(const struct manifest *m)
{
	return m->virtual_bytes;
}

static int raw_load(struct view *v, uint64_t off, struct dr_err *err)
{
	const struct manifest *m = v->m;
	uint64_t index = off / m->chunk_bytes, start = index * m->chunk_bytes, end;
	uint64_t at = manifest_seek(m, index);

	if (at < m->count && m->entries[at].index == index) {
		if (view_plain(v, &m->entries[at], err) < 0)
			return -1;
		view_set(v, start, v->block.len, v->block.p);
		return 0;
	}
	end = at < m->count ? m->entries[at].index * (uint64_t)m->chunk_bytes : v->size;
	view_set(v, start, end - start, NULL);
	return 0;
}

const struct view_ops view_raw_ops = {
	.name = "raw",
	.size = raw_size,
	.load = raw_load,
};
