/* SPDX-License-Identifier: Apache-2.0 */
#include "prepare/pack.h"

#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "util/io.h"
#include "util/zero.h"

#include "util/banned.h"

#define BLOCKS_MAX (PREPARE_THREADS + 2)
#define ZEROS_BATCH ((size_t)256 << 10) /* of encoded zeros in one write, or one block of them */

struct block {
	struct work work;
	const struct pack *pack;
	void *ctx;   /* owned: the encoder's */
	uint8_t *in; /* owned: block_bytes */
	size_t len;
	struct encoded out;  /* owned: out.p */
	bool zeros;          /* it turned out to be nothing else */
	uint64_t then_zeros; /* blocks of zeros that follow it */
	int rc;
	struct dr_err fail;
};

struct pack {
	struct decode_sink sink;
	struct encoder enc;
	const struct prepare_job *job;
	struct workers *crew;
	struct prepare_facts *facts;
	struct encoded zero; /* owned: a whole block of zeros, encoded */
	struct buf batch;    /* several of them, for writing; empty until needed */
	bool headed;
	unsigned max;   /* of blocks */
	unsigned first; /* the oldest in the queue */
	unsigned count; /* in the queue */
	bool filling;   /* the one behind the queue holds some bytes */
	struct block blocks[BLOCKS_MAX];
};

static struct block *at(struct pack *p, unsigned n)
{
	return &p->blocks[(p->first + n) % p->max];
}

static size_t block_bytes(const struct pack *p)
{
	return p->enc.ops->block_bytes;
}

static void encode(struct work *w)
{
	struct block *b = (struct block *)w;
	const struct encoder *e = &b->pack->enc;

	b->zeros = b->len == e->ops->block_bytes && dr_all_zero(b->in, b->len);
	b->rc = b->zeros ? 0 : e->ops->block(e, &b->ctx, b->in, b->len, &b->out, &b->fail);
}

static int put(struct pack *p, const void *bytes, size_t len, struct dr_err *err)
{
	if (dr_write_all(p->job->out, bytes, len, err) < 0)
		return dr_while(err, "the compressed disk");
	p->facts->out_bytes += len;
	return 0;
}

static int put_head(struct pack *p, struct dr_err *err)
{
	dr_autobuf struct buf head = BUF_INIT;

	if (p->headed)
		return 0;
	p->headed = true;
	if (p->enc.ops->head(&p->enc, p->facts->disk_bytes, &head, err) < 0)
		return -1;
	return put(p, head.p, head.len, err);
}

static int note(struct pack *p, const struct encoded *e, size_t len, struct dr_err *err)
{
	p->facts->packed_bytes += len;
	return p->enc.ops->wrote ? p->enc.ops->wrote(&p->enc, e, len, err) : 0;
}

static int tick(struct pack *p, struct dr_err *err)
{
	if (p->job->tick && p->job->tick(p->job->arg, p->facts))
		return dr_fail(err, DR_CANCELLED, "interrupted");
	return 0;
}

/* put_zeros: `blocks` blocks of zeros, many to a write. */
static int put_zeros(struct pack *p, uint64_t blocks, struct dr_err *err)
{
	uint64_t in_batch, n;

	while (blocks > 0 && p->batch.len < ZEROS_BATCH)
		buf_append(&p->batch, p->zero.p, p->zero.len);
	if (buf_check(&p->batch, err) < 0)
		return -1;
	in_batch = p->batch.len / p->zero.len;
	for (; blocks > 0; blocks -= n) {
		n = dr_min_u64(blocks, in_batch);
		if (put(p, p->batch.p, (size_t)n * p->zero.len, err) < 0)
			return -1;
		for (uint64_t i = 0; i < n; i++)
			if (note(p, &p->zero, block_bytes(p), err) < 0)
				return -1;
		if (tick(p, err) < 0)
			return -1;
	}
	return 0;
}

/* put_first: the oldest block leaves the queue. */
static int put_first(struct pack *p, struct dr_err *err)
{
	struct block *b = at(p, 0);
	const struct encoded *e;

	workers_wait(p->crew, &b->work);
	p->first = (p->first + 1) % p->max;
	p->count--;
	if (b->rc < 0) {
		*err = b->fail;
		return -1;
	}
	e = b->zeros ? &p->zero : &b->out;
	if (put_head(p, err) < 0 || put(p, e->p, e->len, err) < 0 || note(p, e, b->len, err) < 0 ||
	    tick(p, err) < 0)
		return -1;
	return put_zeros(p, b->then_zeros, err);
}

/* submit: the block that was being filled joins the queue. */
static void submit(struct pack *p)
{
	struct block *b = at(p, p->count++);

	p->filling = false;
	b->work.run = encode;
	workers_submit(p->crew, &b->work);
}

/* fill: the block being filled, begun when there is none. */
static int fill(struct pack *p, struct block **ret, struct dr_err *err)
{
	struct block *b;

	if (!p->filling && p->count == p->max && put_first(p, err) < 0)
		return -1;
	b = at(p, p->count);
	if (!b->in) {
		b->pack = p;
		b->in = malloc(block_bytes(p));
		b->out.p = malloc(p->enc.ops->out_bytes(block_bytes(p)));
		if (!b->in || !b->out.p)
			return dr_fail_nomem(err);
	}
	if (!p->filling) {
		b->len = 0;
		b->then_zeros = 0;
	}
	p->filling = true;
	*ret = b;
	return 0;
}

static int sink_reserve(struct decode_sink *s, uint8_t **ret, struct dr_err *err)
{
	struct pack *p = (struct pack *)s;
	struct block *b;

	if (fill(p, &b, err) < 0)
		return -1;
	*ret = b->in + b->len;
	return 0;
}

static void sink_publish(struct decode_sink *s, size_t len)
{
	struct pack *p = (struct pack *)s;
	struct block *b = at(p, p->count);

	b->len += len;
	if (b->len == block_bytes(p))
		submit(p);
}

/* put_some_zeros: into the block being filled, which is begun when there is none. */
static int put_some_zeros(struct pack *p, size_t len, struct dr_err *err)
{
	uint8_t *to;

	if (len == 0)
		return 0;
	if (sink_reserve(&p->sink, &to, err) < 0)
		return -1;
	memset(to, 0, len);
	sink_publish(&p->sink, len);
	return 0;
}

static int sink_zero(struct decode_sink *s, uint64_t len, struct dr_err *err)
{
	struct pack *p = (struct pack *)s;
	size_t room = p->filling ? block_bytes(p) - at(p, p->count)->len : 0;
	size_t first = (size_t)dr_min_u64(len, room);
	uint64_t whole = (len - first) / block_bytes(p);

	if (put_some_zeros(p, first, err) < 0)
		return -1;
	if (whole > 0 && p->count > 0)
		at(p, p->count - 1)->then_zeros += whole;
	else if (whole > 0 && (put_head(p, err) < 0 || put_zeros(p, whole, err) < 0))
		return -1;
	return put_some_zeros(p, (size_t)((len - first) % block_bytes(p)), err);
}

static void sink_size(struct decode_sink *s, uint64_t bytes)
{
	((struct pack *)s)->facts->disk_bytes = bytes;
}

static int make_zero(struct pack *p, struct dr_err *err)
{
	const struct encoder_ops *ops = p->enc.ops;
	dr_autofree uint8_t *zeros = calloc(1, ops->block_bytes);
	void *ctx = NULL;
	int rc;

	p->zero.p = malloc(ops->out_bytes(ops->block_bytes));
	if (!zeros || !p->zero.p)
		return dr_fail_nomem(err);
	rc = ops->block(&p->enc, &ctx, zeros, ops->block_bytes, &p->zero, err);
	if (ctx)
		ops->free_ctx(ctx);
	return rc;
}

int pack_open(struct pack **ret, const struct prepare_job *job, const struct encoder_ops *ops,
	      struct workers *crew, struct prepare_facts *facts, struct dr_err *err)
{
	DR_CLEANUP(pack_closep) struct pack *p = calloc(1, sizeof *p);

	if (!p)
		return dr_fail_nomem(err);
	p->sink = (struct decode_sink){sink_reserve, sink_publish, sink_zero, sink_size,
				       ops->block_bytes};
	p->job = job;
	p->crew = crew;
	p->facts = facts;
	p->max = workers_count(crew) + 2;
	p->enc.ops = ops;
	p->enc.level = job->level == PREPARE_LEVEL_DEFAULT ? ops->level_default : job->level;
	if ((ops->open && ops->open(&p->enc, err) < 0) || make_zero(p, err) < 0)
		return -1;
	*ret = DR_STEAL(p);
	return 0;
}

struct decode_sink *pack_sink(struct pack *p)
{
	return &p->sink;
}

int pack_finish(struct pack *p, struct dr_err *err)
{
	dr_autobuf struct buf tail = BUF_INIT;

	if (p->filling)
		submit(p);
	while (p->count > 0)
		if (put_first(p, err) < 0)
			return -1;
	if (put_head(p, err) < 0 || (p->enc.ops->tail && p->enc.ops->tail(&p->enc, &tail, err) < 0))
		return -1;
	return put(p, tail.p, tail.len, err);
}

void pack_close(struct pack *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->count; i++)
		workers_wait(p->crew, &at(p, i)->work);
	for (unsigned i = 0; i < p->max; i++) {
		if (p->blocks[i].ctx)
			p->enc.ops->free_ctx(p->blocks[i].ctx);
		free(p->blocks[i].in);
		free(p->blocks[i].out.p);
	}
	if (p->enc.ops && p->enc.ops->close)
		p->enc.ops->close(&p->enc);
	buf_done(&p->batch);
	free(p->zero.p);
	free(p);
}
