/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "manifest/mark_internal.h"

#include "util/banned.h"

#define LOW_BITS (UINT64_MAX >> 8)
#define CAP_MIN 1024

/* mix: FNV-1a over one byte. */
static uint64_t mix(uint64_t h, uint8_t byte)
{
	return (h ^ byte) * 0x100000001B3u;
}

uint64_t mark_print(const char *domain, bool blob, const struct digest *id, uint64_t extra)
{
	uint64_t h = mix(0xCBF29CE484222325u, blob), v = 0;

	for (const char *s = domain; *s; s++)
		h = mix(h, (uint8_t)*s);
	for (size_t i = 0; i < 8; i++) {
		h = mix(h, (uint8_t)(extra >> (8 * i)));
		v = v << 8 | id->b[i];
	}
	v ^= h & LOW_BITS;
	return v ? v : 1; /* 0 is a free slot */
}

static unsigned shard_of(uint64_t print)
{
	return (unsigned)(print >> 56);
}

void mark_reset(struct mark *m, unsigned lo, unsigned hi)
{
	if (m->count > 0)
		memset(m->slots, 0, m->cap * sizeof *m->slots);
	m->count = 0;
	m->lo = lo;
	m->hi = hi;
}

void mark_done(struct mark *m)
{
	free(m->slots);
}

/* slot: where the print is, or the free slot where it goes. There always is a free one. */
static size_t slot(const struct mark *m, uint64_t print)
{
	size_t i = (size_t)print & (m->cap - 1);

	while (m->slots[i] != 0 && m->slots[i] != print)
		i = (i + 1) & (m->cap - 1);
	return i;
}

/* rebuild: the prints of the shards that are still wanted, in `cap` slots. */
static int rebuild(struct mark *m, size_t cap, struct dr_err *err)
{
	struct mark fresh = *m;

	fresh.slots = calloc(cap, sizeof *fresh.slots);
	if (!fresh.slots)
		return dr_fail_nomem(err);
	fresh.cap = cap;
	fresh.count = 0;
	for (size_t i = 0; i < m->cap; i++) {
		if (m->slots[i] == 0 || shard_of(m->slots[i]) >= m->hi)
			continue;
		fresh.slots[slot(&fresh, m->slots[i])] = m->slots[i];
		fresh.count++;
	}
	free(m->slots);
	*m = fresh;
	return 0;
}

static bool crowded(const struct mark *m)
{
	return m->count >= m->cap / 4 * 3;
}

/* may_grow: while a table is copied both are there. */
static bool may_grow(const struct mark *m)
{
	return m->cap == 0 || m->cap <= m->max_bytes / sizeof *m->slots / 3;
}

bool mark_full(const struct mark *m)
{
	return crowded(m) && !may_grow(m);
}

int mark_add(struct mark *m, uint64_t print, struct dr_err *err)
{
	size_t at;

	while (crowded(m)) {
		bool narrow = !may_grow(m) && m->hi - m->lo > 1;

		if (narrow)
			m->hi = m->lo + (m->hi - m->lo) / 2;
		/* One shard alone has to fit, whatever it takes. */
		if (rebuild(m, narrow ? m->cap : m->cap ? 2 * m->cap : CAP_MIN, err) < 0)
			return -1;
	}
	if (shard_of(print) < m->lo || shard_of(print) >= m->hi)
		return 0;
	at = slot(m, print);
	m->count += m->slots[at] == 0;
	m->slots[at] = print;
	return 0;
}

bool mark_has(const struct mark *m, uint64_t print)
{
	return m->cap > 0 && m->slots[slot(m, print)] == print;
}
