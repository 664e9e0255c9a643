/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pieces.h"

#include <assert.h>
#include <stdlib.h>

#include "util/checked.h"
#include "util/cleanup.h"

#include "util/banned.h"

int pieces_init(struct pieces *ps, struct workers *crew, size_t piece_bytes, uint64_t budget,
		struct dr_err *err)
{
	unsigned threads = crew ? workers_count(crew) : 0;

	*ps = (struct pieces){.crew = threads > 0 ? crew : NULL, .budget = budget};
	/* One piece for each thread and for the reader, who helps, and as many in the queue. */
	ps->max = threads > 0 ? (unsigned)dr_min_size(2 * (size_t)threads + 2, PIECES_MAX) : 1;
	for (unsigned i = 0; i < ps->max; i++) {
		ps->slots[i] = calloc(1, piece_bytes);
		if (!ps->slots[i])
			return dr_fail_nomem(err);
	}
	return 0;
}

static uint64_t held_by(const struct piece *p)
{
	return p->in_cap + p->out_cap + p->extra;
}

static void release(struct pieces *ps, struct piece *p)
{
	if (ps->release)
		ps->release(p);
	free(p->in);
	free(p->out);
	ps->held -= held_by(p);
	p->in = p->out = NULL;
	p->in_cap = p->out_cap = 0;
	p->extra = 0;
}

void pieces_done(struct pieces *ps)
{
	for (; ps->count > 0; pieces_drop(ps)) {
		if (pieces_first(ps)->to_crew)
			workers_wait(ps->crew, &pieces_first(ps)->work);
	}
	for (unsigned i = 0; i < ps->max; i++) {
		if (ps->slots[i]) {
			release(ps, ps->slots[i]);
			free(ps->slots[i]);
		}
	}
	*ps = (struct pieces){0};
}

static struct piece *slot(const struct pieces *ps, unsigned i)
{
	return ps->slots[(ps->head + i) % ps->max];
}

static int reserve(struct pieces *ps, uint8_t **p, size_t *cap, size_t want, struct dr_err *err)
{
	uint8_t *fresh;

	if (want <= *cap)
		return 0;
	free(DR_STEAL(*p));
	ps->held -= *cap;
	*cap = 0;
	fresh = malloc(want);
	if (!fresh)
		return dr_fail_nomem(err);
	*p = fresh;
	*cap = want;
	ps->held += want;
	return 0;
}

int pieces_take(struct pieces *ps, size_t in_cap, size_t out_cap, uint64_t extra,
		struct piece **ret, struct dr_err *err)
{
	uint64_t need = in_cap + out_cap + extra;
	struct piece *p;

	if (ps->count == ps->max)
		return 0;
	p = slot(ps, ps->count);
	if (in_cap > p->in_cap || out_cap > p->out_cap || extra > p->extra) {
		/* Idle slots keep their buffers for the next piece, unless they are in the way. */
		for (unsigned i = ps->count; i < ps->max && ps->held + need > ps->budget; i++)
			release(ps, slot(ps, i));
		if (ps->count > 0 && ps->held + need > ps->budget)
			return 0;
	}
	if (reserve(ps, &p->in, &p->in_cap, in_cap, err) < 0 ||
	    reserve(ps, &p->out, &p->out_cap, out_cap, err) < 0)
		return -1;
	ps->held += extra - p->extra;
	p->extra = extra;
	p->in_len = p->out_len = p->out_pos = 0;
	*ret = p;
	return 1;
}

static void run_piece(struct work *w)
{
	struct piece *p = (struct piece *)w;

	p->rc = p->decode(p, &p->fail);
}

void pieces_push(struct pieces *ps, bool to_crew)
{
	struct piece *p = slot(ps, ps->count);

	assert(ps->count < ps->max);
	assert(!to_crew || ps->crew);
	ps->count++;
	p->to_crew = to_crew;
	p->fail = (struct dr_err)DR_ERR_INIT;
	p->work = (struct work){.run = run_piece};
	if (to_crew)
		workers_submit(ps->crew, &p->work);
}

struct piece *pieces_first(const struct pieces *ps)
{
	return ps->count > 0 ? slot(ps, 0) : NULL;
}

int pieces_wait(struct pieces *ps, struct dr_err *err)
{
	struct piece *p = pieces_first(ps);

	assert(p && p->to_crew);
	workers_wait(ps->crew, &p->work);
	if (p->rc < 0)
		*err = p->fail;
	return p->rc;
}

void pieces_drop(struct pieces *ps)
{
	assert(ps->count > 0);
	ps->head = (ps->head + 1) % ps->max;
	ps->count--;
}
