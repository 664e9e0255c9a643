/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/collect.h"

#include <string.h>

#include "manifest/mark_internal.h"

#include "util/banned.h"

struct collection {
	struct store *st;
	struct store_sweep *sweep;
	struct mark mark;
	const struct collect_options *opt;
};

static void collection_done(struct collection *c)
{
	store_sweep_end(c->sweep);
	mark_done(&c->mark);
}

/* go_on: 0, or -1 when the caller wants its thread back. */
static int go_on(const struct collection *c, struct dr_err *err)
{
	if (c->opt->stop && c->opt->stop(c->opt->stop_arg))
		return dr_fail(err, DR_CANCELLED, "the collection was stopped");
	return 0;
}

static int mark_root(void *arg, const char *domain, const struct digest *id, struct dr_err *err)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = NULL;
	struct collection *c = arg;

	if (go_on(c, err) < 0 || mark_add(&c->mark, mark_print(domain, true, id, 0), err) < 0)
		return -1;
	if (manifest_load(&m, c->st, domain, id, err) < 0)
		return dr_while(err, "collection stopped: a manifest that is in use");
	for (uint64_t i = 0; i < m->count; i++) {
		const struct manifest_entry *e = &m->entries[i];

		if (mark_add(&c->mark, mark_print(m->domains[e->domain], false, &e->id, 0), err) <
		    0)
			return -1;
	}
	return 0;
}

static bool is_marked(void *arg, const struct store_item *item)
{
	const struct collection *c = arg;

	return mark_has(&c->mark, mark_print(item->domain, item->blob, item->id, 0));
}

int manifest_collect(struct store *st, const struct collect_roots *roots,
		     const struct collect_options *opt, struct store_sweep_stats *ret,
		     struct dr_err *err)
{
	DR_CLEANUP(collection_done)
	struct collection c = {
		.st = st,
		.opt = opt,
		.mark.max_bytes = opt->memory_bytes ? opt->memory_bytes : COLLECT_MEMORY_BYTES,
	};
	unsigned lo = 0;

	memset(ret, 0, sizeof *ret);
	if (store_sweep_begin(st, opt->dry, &c.sweep, err) < 0)
		return -1;
	while (lo < MARK_SHARDS) {
		mark_reset(&c.mark, lo, MARK_SHARDS);
		/* Rows first, holds second: a holder confirms the row after its hold, so whoever
		 * lost the row before we listed it has a hold by now. */
		if (roots->each(roots->arg, mark_root, &c, err) < 0 ||
		    store_sweep_held(c.sweep, mark_root, &c, err) < 0)
			return -1;
		for (; lo < c.mark.hi; lo++)
			if (go_on(&c, err) < 0 ||
			    store_sweep_shard(c.sweep, lo, is_marked, &c, opt->grace_seconds, ret,
					      err) < 0)
				return -1;
	}
	return 0;
}
