/* SPDX-License-Identifier: Apache-2.0 */
#include "manifest/check.h"

#include <string.h>

#include "manifest/mark_internal.h"
#include "store/chunk.h"

#include "util/banned.h"

/* What is remembered of chunks already found good, so that a chunk which a hundred snapshots share
 * is read once: about four million of them, then it starts over. */
#define SEEN_BYTES ((size_t)128 << 20)

struct check {
	struct store *st;
	const struct check_catalogue *cat;
	bool full;
	struct check_result *ret;
	struct mark seen;
	struct buf block;
	uint64_t recoded; /* chunks of this image that are encoded otherwise than recorded */
	bool unsound;     /* others of it are worse than that */
};

static void check_done(struct check *c)
{
	mark_done(&c->seen);
	buf_done(&c->block);
}

/* report: a problem, unless the item has gone meanwhile. */
__attribute__((format(printf, 4, 5))) static void
report(struct check *c, const struct check_item *item, enum check_fault fault, const char *fmt, ...)
{
	dr_autobuf struct buf text = BUF_INIT_MAX(1024);
	va_list ap;

	if (c->cat->live && !c->cat->live(c->cat->arg, item))
		return;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	c->ret->problems++;
	c->cat->problem(c->cat->arg, item, fault, buf_str(&text));
}

static enum check_fault fault_of(const struct dr_err *why)
{
	if (why->code == DR_NOT_FOUND)
		return CHECK_MISSING;
	return why->code == DR_IO ? CHECK_UNREADABLE : CHECK_DAMAGED;
}

/* as_recorded: the chunk is there as the manifest recorded it, judged by its ends. */
static bool as_recorded(struct check *c, const char *domain, const struct manifest_entry *e)
{
	struct dr_err unused = DR_ERR_INIT;
	struct store_chunk_info info;

	return store_probe_chunk(c->st, domain, &e->id, &info, &unused) == 0 &&
	       info.stored_bytes == e->stored_bytes && info.check == e->check;
}

/* check_chunk: 1 good, 0 reported, or counted as recoded with `e` brought up to date; -1 the check
 * itself failed. */
static int check_chunk(struct check *c, const struct check_item *item, const struct manifest *m,
		       struct manifest_entry *e, struct dr_err *err)
{
	struct store_chunk_info now;
	struct dr_err unused = DR_ERR_INIT;
	size_t want = manifest_chunk_len(m, e->index);
	const char *domain = m->domains[e->domain];
	struct dr_err why = DR_ERR_INIT;
	int rc = 0;

	c->ret->chunks++;
	if (!as_recorded(c, domain, e)) {
		/* Read it: that tells damage from a record that is wrong, and moves damage aside.
		 */
		rc = store_get_stored(c->st, domain, &e->id, e->stored_bytes, e->check, &c->block,
				      &why);
	} else if (c->full) {
		rc = store_get_chunk(c->st, domain, &e->id, want, &c->block, &why);
		if (rc == 0 && c->block.len != want)
			rc = dr_fail(&why, DR_LIMIT, "a chunk of %zu bytes, not %zu", c->block.len,
				     want);
	}
	if (rc == 0)
		return 1;
	if (why.code == DR_NO_MEMORY)
		return dr_fail_nomem(err);
	if (why.code == DR_CONFLICT &&
	    store_probe_chunk(c->st, domain, &e->id, &now, &unused) == 0 &&
	    now.stored_bytes <= want + CHUNK_OVERHEAD_BYTES) {
		e->stored_bytes = now.stored_bytes;
		e->check = now.check;
		c->recoded++;
		return 0;
	}
	c->unsound = true;
	if (why.code == DR_LIMIT || why.code == DR_CONFLICT)
		report(c, item, CHECK_DISAGREES, "the disk at %u MiB: %s", e->index, why.msg);
	else
		report(c, item, fault_of(&why),
		       "the disk at %u MiB: %s; importing the same bytes again heals it", e->index,
		       why.msg);
	return 0;
}

static int check_chunks(struct check *c, const struct check_item *item, struct manifest *m,
			struct dr_err *err)
{
	c->recoded = 0;
	c->unsound = false;
	for (uint64_t i = 0; i < m->count; i++) {
		struct manifest_entry *e = &m->entries[i];
		uint64_t facts = (uint64_t)e->stored_bytes << 32 | e->check;
		uint64_t print = mark_print(m->domains[e->domain], false, &e->id,
					    facts ^ manifest_chunk_len(m, e->index));
		int good;

		if (mark_has(&c->seen, print))
			continue;
		good = check_chunk(c, item, m, e, err);
		if (good < 0)
			return -1;
		if (mark_full(&c->seen))
			mark_reset(&c->seen, 0, MARK_SHARDS);
		if (good > 0 && mark_add(&c->seen, print, err) < 0)
			return -1;
	}
	return 0;
}

/* report_recoded: as long as other chunks are missing or damaged, healing them may change more. */
static void report_recoded(struct check *c, const struct check_item *item, const struct manifest *m)
{
	struct dr_err why = DR_ERR_INIT;
	bool kept = !c->unsound && c->cat->recoded &&
		    (!c->cat->live || c->cat->live(c->cat->arg, item)) &&
		    c->cat->recoded(c->cat->arg, item, m, &why) == 0;

	report(c, item, CHECK_DISAGREES,
	       "%llu chunks are sound but encoded otherwise than recorded, as another version of "
	       "the encoder has healed them; %s%s%s",
	       (unsigned long long)c->recoded,
	       kept ? "the record is right again, lz4 downloads begin anew"
		    : "raw and qcow2 can be read, lz4 cannot until a check has seen to it",
	       why.msg[0] ? ": " : "", why.msg);
}

static int check_image(struct check *c, const struct check_item *item, struct dr_err *err)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = NULL;
	struct dr_err why = DR_ERR_INIT;
	char is[DIGEST_HEX], said[DIGEST_HEX];
	struct digest content;

	if (manifest_load(&m, c->st, item->domain, &item->id, &why) < 0) {
		if (why.code == DR_NO_MEMORY)
			return dr_fail_nomem(err);
		report(c, item, fault_of(&why),
		       "its manifest: %s; importing the same image again brings it back", why.msg);
		return 0;
	}
	manifest_content_digest(m, &content);
	if (!digest_equal(&content, &item->content)) {
		digest_hex(&content, is);
		digest_hex(&item->content, said);
		report(c, item, CHECK_DISAGREES, "its content is sha256:%s, the catalogue says %s",
		       is, said);
	}
	if (m->virtual_bytes != item->bytes)
		report(c, item, CHECK_DISAGREES, "it has %llu bytes, the catalogue says %llu",
		       (unsigned long long)m->virtual_bytes, (unsigned long long)item->bytes);
	if (check_chunks(c, item, m, err) < 0)
		return -1;
	if (c->recoded > 0)
		report_recoded(c, item, m);
	return 0;
}

static int check_one(void *arg, const struct check_item *item, struct dr_err *err)
{
	struct check *c = arg;

	c->ret->items++;
	return check_image(c, item, err);
}

static int count_lease(void *arg, const char *lease, bool ended, struct dr_err *err)
{
	struct check_result *ret = arg;

	(void)lease;
	(void)err;
	if (ended)
		ret->leases_ended++;
	else
		ret->leases_active++;
	return 0;
}

/* The catalogue's items as roots of a collection that removes nothing. */
struct as_root {
	collect_fn fn;
	void *fn_arg;
};

static int pass_root(void *arg, const struct check_item *item, struct dr_err *err)
{
	const struct as_root *r = arg;

	return r->fn(r->fn_arg, item->domain, &item->id, err);
}

static int each_root(void *arg, collect_fn fn, void *fn_arg, struct dr_err *err)
{
	const struct check *c = arg;
	struct as_root r = {.fn = fn, .fn_arg = fn_arg};

	return c->cat->each(c->cat->arg, pass_root, &r, err);
}

/* count_orphans: what a collection would remove. That it cannot tell is no problem of its own: the
 * manifest that is in its way has been reported. */
static void count_orphans(struct check *c)
{
	struct collect_roots roots = {.each = each_root, .arg = c};
	struct collect_options opt = {.dry = true};
	struct dr_err unused = DR_ERR_INIT;
	struct store_sweep_stats stats;

	c->ret->counted = manifest_collect(c->st, &roots, &opt, &stats, &unused) == 0;
	c->ret->orphans = stats.freed;
	c->ret->leased = stats.leased;
}

int manifest_check(struct store *st, const struct check_catalogue *cat, bool full,
		   struct check_result *ret, struct dr_err *err)
{
	DR_CLEANUP(check_done)
	struct check c = {
		.st = st,
		.cat = cat,
		.full = full,
		.ret = ret,
		.seen = {.max_bytes = SEEN_BYTES, .hi = MARK_SHARDS},
	};

	memset(ret, 0, sizeof *ret);
	if (cat->each(cat->arg, check_one, &c, err) < 0 ||
	    store_each_lease(st, count_lease, ret, err) < 0)
		return -1;
	count_orphans(&c);
	return 0;
}
