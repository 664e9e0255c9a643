/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/commit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/view.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/zero.h"

#include "util/banned.h"

#define CHUNK STORE_CHUNK_BYTES
#define SECTOR 512
#define BLOCK ((size_t)4096) /* what counts as data: the usual file system block */

/* One chunk on its way through the crew. */
struct piece {
	struct work work;
	struct committer *c;
	uint64_t index;
	size_t len;
	size_t data_bytes; /* in blocks that are not all zero; set by the crew */
	uint64_t took_ns;  /* from begin to end, and … */
	uint64_t delay_ns; /* … ready to run without a processor; both set by the crew */
	struct digest id;  /* set by the crew */
	struct store_chunk_info info;
	struct dr_err err;
	int rc;
	uint8_t *data; /* owned, CHUNK bytes */
};

struct committer {
	const struct commit_job *job;
	struct store_txn *txn;     /* owned until committed */
	struct manifest *manifest; /* owned */
	int domain;                /* its number in the manifest */
	struct commit_result *sum;
	uint64_t pos; /* bytes of disk taken from the ring */
	/* The pieces are a ring of their own: `oldest` is the first in flight, `filling` the one
	 * being assembled. */
	struct piece *pieces;
	size_t count;
	size_t oldest, in_flight;
	struct piece *filling;
	size_t filled; /* bytes of it */
	unsigned hurry;
	uint64_t took_ns, delay_ns; /* recent chunks: the crew's time, and what of it was waiting */
};

/* data_in: bytes in blocks that are not all zero. */
static size_t data_in(const uint8_t *p, size_t len)
{
	size_t sum = 0, n;

	for (size_t at = 0; at < len; at += n) {
		n = dr_min_size(len - at, BLOCK);
		if (!dr_all_zero(p + at, n))
			sum += n;
	}
	return sum;
}

static void piece_run(struct work *w)
{
	struct piece *p = (struct piece *)w;
	uint64_t began_ns = dr_now_ns(), delayed_ns = dr_run_delay_ns();

	p->data_bytes = data_in(p->data, p->len);
	p->rc = p->data_bytes == 0 ? 0
				   : store_put_chunk(p->c->txn, p->c->job->domain, p->data, p->len,
						     &p->id, &p->info, &p->err);
	p->delay_ns = dr_run_delay_ns() - delayed_ns;
	p->took_ns = dr_now_ns() - began_ns;
}

/* retire: the oldest piece in flight is done: into the manifest. */
static int retire(struct committer *c, struct dr_err *err)
{
	struct piece *p = &c->pieces[c->oldest];
	struct manifest_entry e;

	workers_wait(c->job->crew, &p->work);
	c->oldest = (c->oldest + 1) % c->count;
	c->in_flight--;
	if (p->rc < 0) {
		*err = p->err;
		return -1;
	}
	if (p->data_bytes == 0)
		return 0;
	e = (struct manifest_entry){.index = (uint32_t)p->index,
				    .stored_bytes = p->info.stored_bytes,
				    .check = p->info.check,
				    .domain = (uint32_t)c->domain,
				    .id = p->id};
	if (manifest_add(c->manifest, &e, err) < 0)
		return -1;
	c->sum->data_bytes += p->data_bytes;
	c->sum->stored_bytes += p->info.stored_bytes;
	c->sum->chunks++;
	if (!p->info.found) {
		c->sum->new_chunks++;
		c->sum->new_bytes += p->info.stored_bytes;
	}
	if (c->sum->data_bytes > c->job->stored_bytes)
		return dr_refuse(err, DR_LIMIT, "quota",
				 "the disk holds %llu bytes of data or more; %llu are left of the "
				 "account's quota",
				 (unsigned long long)c->sum->data_bytes,
				 (unsigned long long)c->job->stored_bytes);
	return 0;
}

/* pace: an import is to be ready when its source is, if the processors allow it, and to take no
 * more space than it must. So chunks are encoded faster while they come in faster than the crew is
 * done with them, or while the crew waits for a processor for a quarter of its time; and as small
 * as possible otherwise. */
static void pace(struct committer *c)
{
	struct piece *p = &c->pieces[c->oldest];
	bool behind = !workers_done(c->job->crew, &p->work);
	bool crowded;

	workers_wait(c->job->crew, &p->work);
	/* A running mean: each chunk counts half as much as the one after it. */
	c->took_ns = c->took_ns / 2 + p->took_ns;
	c->delay_ns = c->delay_ns / 2 + p->delay_ns;
	crowded = c->delay_ns > c->took_ns / 4;
	if (behind || crowded) {
		if (c->hurry < STORE_HURRY_MAX)
			c->hurry++;
	} else if (c->hurry > 0) {
		c->hurry--;
	}
	store_hurry(c->txn, c->hurry);
}

/* begin_chunk: a free piece to fill, waiting for the oldest when all are in flight. */
static int begin_chunk(struct committer *c, struct dr_err *err)
{
	if (c->in_flight == c->count) {
		if (c->job->hurry)
			pace(c);
		if (retire(c, err) < 0)
			return -1;
	}
	c->filling = &c->pieces[(c->oldest + c->in_flight) % c->count];
	c->filled = 0;
	return 0;
}

static void end_chunk(struct committer *c)
{
	struct piece *p = c->filling;

	p->len = c->filled;
	p->index = (c->pos - 1) / CHUNK;
	p->err = (struct dr_err)DR_ERR_INIT;
	p->rc = 0;
	p->work.run = piece_run;
	c->filling = NULL;
	c->in_flight++;
	workers_submit(c->job->crew, &p->work);
}

static int advance(struct committer *c, uint64_t len, struct dr_err *err)
{
	uint64_t pos;

	if (!dr_add_u64(c->pos, len, &pos) || pos > c->job->virtual_bytes)
		return dr_refuse(err, DR_LIMIT, "too-large", "the disk is larger than %llu bytes",
				 (unsigned long long)c->job->virtual_bytes);
	c->pos = pos;
	return 0;
}

static int take_data(struct committer *c, const uint8_t *p, size_t len, struct dr_err *err)
{
	size_t n;

	while (len > 0) {
		if (!c->filling && begin_chunk(c, err) < 0)
			return -1;
		n = dr_min_size(len, CHUNK - c->filled);
		memcpy(c->filling->data + c->filled, p, n);
		c->filled += n;
		p += n;
		len -= n;
		if (advance(c, n, err) < 0)
			return -1;
		if (c->filled == CHUNK)
			end_chunk(c);
	}
	return 0;
}

/* take_zero: zeros fill up a chunk begun, leave whole chunks out, and begin the last one. */
static int take_zero(struct committer *c, uint64_t len, struct dr_err *err)
{
	uint64_t n;

	if (c->filling) {
		n = dr_min_u64(len, CHUNK - c->filled);
		memset(c->filling->data + c->filled, 0, (size_t)n);
		c->filled += (size_t)n;
		len -= n;
		if (advance(c, n, err) < 0)
			return -1;
		if (c->filled == CHUNK)
			end_chunk(c);
	}
	n = len - len % CHUNK;
	if (n > 0 && advance(c, n, err) < 0)
		return -1;
	len -= n;
	if (len > 0) {
		if (begin_chunk(c, err) < 0)
			return -1;
		memset(c->filling->data, 0, (size_t)len);
		c->filled = (size_t)len;
		return advance(c, len, err);
	}
	return 0;
}

/* seam_failed: the decoder's verdict has a reason; without one, a rule of the ring was broken. */
static int seam_failed(struct dr_err *err)
{
	const struct dr_err lie = *err;

	if (lie.code != DR_CORRUPT || lie.reason[0])
		return -1;
	dr_err_clear(err);
	return dr_refuse(err, DR_CORRUPT, "decoder-crashed",
			 "the decoder broke down on this file: %s", lie.msg);
}

static int take_all(struct committer *c, struct dr_err *err)
{
	struct ring_item it;
	int rc;

	while ((rc = ring_take(c->job->ring, &it, err)) == 1) {
		rc = it.type == RING_DATA ? take_data(c, it.data, (size_t)it.len, err)
					  : take_zero(c, it.len, err);
		ring_release(c->job->ring);
		if (rc < 0)
			return -1;
		if (c->job->progress)
			c->job->progress(c->job->progress_arg, c->pos, c->sum->data_bytes);
	}
	if (rc < 0)
		return seam_failed(err);
	if (c->filling)
		end_chunk(c);
	while (c->in_flight)
		if (retire(c, err) < 0)
			return -1;
	return 0;
}

/* put_manifest: the manifest itself, the last thing of the transaction. */
static int put_manifest(struct committer *c, struct dr_err *err)
{
	dr_autobuf struct buf blob = BUF_INIT_MAX((size_t)1 << 30);

	if (manifest_encode(c->manifest, &blob, err) < 0)
		return -1;
	return store_put_blob(c->txn, c->job->domain, blob.p, blob.len, &c->sum->manifest, err);
}

static int finish(struct committer *c, struct dr_err *err)
{
	struct store_txn *txn;

	if (c->pos == 0)
		return dr_refuse(err, DR_INVALID, "empty", "the disk is empty");
	/* The decoder refuses such a disk itself, if it is itself. */
	if (c->pos % SECTOR != 0)
		return dr_refuse(err, DR_CORRUPT, "decoder-crashed",
				 "the decoder broke down on this file: half a sector");
	c->manifest->virtual_bytes = c->pos;
	c->sum->virtual_bytes = c->pos;
	manifest_content_digest(c->manifest, &c->sum->content);
	c->sum->object_bytes = view_size_of(c->manifest, VIEW_LZ4);
	if (put_manifest(c, err) < 0)
		return -1;
	txn = DR_STEAL(c->txn);
	return store_commit(txn, err);
}

static int set_up(struct committer *c, struct dr_err *err)
{
	c->count = 2 * (size_t)workers_count(c->job->crew) + 2;
	c->pieces = calloc(c->count, sizeof *c->pieces);
	c->manifest = manifest_new(c->job->virtual_bytes);
	if (!c->pieces || !c->manifest)
		return dr_fail_nomem(err);
	for (size_t i = 0; i < c->count; i++) {
		c->pieces[i].c = c;
		c->pieces[i].data = malloc(CHUNK);
		if (!c->pieces[i].data)
			return dr_fail_nomem(err);
	}
	c->domain = manifest_domain(c->manifest, c->job->domain, err);
	if (c->domain < 0)
		return -1;
	return store_begin(c->job->store, c->job->lease, &c->txn, err);
}

int commit_run(const struct commit_job *job, struct commit_result *ret, struct dr_err *err)
{
	struct committer c = {.job = job, .sum = ret};
	int rc;

	memset(ret, 0, sizeof *ret);
	rc = set_up(&c, err);
	if (rc == 0)
		rc = take_all(&c, err);
	if (rc == 0)
		rc = finish(&c, err);
	if (rc < 0)
		ring_abandon(job->ring);
	for (; c.in_flight; c.in_flight--) {
		workers_wait(job->crew, &c.pieces[c.oldest].work);
		c.oldest = (c.oldest + 1) % c.count;
	}
	store_abandon(c.txn);
	manifest_free(c.manifest);
	for (size_t i = 0; c.pieces && i < c.count; i++)
		free(c.pieces[i].data);
	free(c.pieces);
	return rc;
}
