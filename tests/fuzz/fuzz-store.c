/* SPDX-License-Identifier: Apache-2.0
 *
 * Chunks at rest and the views made of them. The input is taken as an encoded chunk: verified and
 * expanded, or refused. Then a small disk is made of it, put into a store and looked at in every
 * way: raw is the disk, lz4 is what liblz4's own frame decoder makes the disk of, qcow2 is the disk
 * by a plain reading of its tables. At last the chunk at rest is overwritten with the input: then
 * there is an error, or still the same bytes. */
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#include "manifest/view.h"
#include "qcow2-reference.h"
#include "store/chunk.h"
#include "store/mem.h"
#include "util/checked.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DOMAIN "acc-12345"

struct disk {
	uint8_t *p; /* owned */
	size_t len;
	uint32_t index; /* of its only chunk, the last; zeros before it */
	struct digest id;
	struct store_chunk_info info;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* An LZ4 frame of one block says what the block holds. */
static size_t frame_decode(const uint8_t *p, size_t len, uint8_t *out, size_t room)
{
	LZ4F_dctx *ctx = NULL;
	size_t hint = 1, in_done = 0, out_done = 0;

	must(!LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)));
	while (hint != 0) {
		size_t in = len - in_done, n = room - out_done;

		hint = LZ4F_decompress(ctx, out + out_done, &n, p + in_done, &in, NULL);
		if (LZ4F_isError(hint) || (n == 0 && in == 0))
			break;
		in_done += in;
		out_done += n;
	}
	LZ4F_freeDecompressionContext(ctx);
	return hint == 0 && in_done == len ? out_done : SIZE_MAX;
}

static void check_encoded(const uint8_t *p, size_t len)
{
	dr_autobuf struct buf plain = BUF_INIT, again = BUF_INIT, same = BUF_INIT;
	struct store_chunk_info info;
	struct dr_err err = DR_ERR_INIT;
	bool sound = chunk_verify(p, len, &info);

	if (chunk_decode(p, len, &plain, &err) < 0) {
		must(err.code == DR_CORRUPT);
		return;
	}
	must(sound && info.stored_bytes == len && plain.len >= 1);
	must(plain.len <= STORE_CHUNK_BYTES);
	must(chunk_encode(plain.p, plain.len, 0, &again, &err) == 0);
	must(chunk_decode(again.p, again.len, &same, &err) == 0);
	must(same.len == plain.len && memcmp(same.p, plain.p, plain.len) == 0);
}

static struct view *open_view(struct store *st, const struct disk *d, enum view_kind kind)
{
	struct manifest *m = manifest_new(d->len);
	struct dr_err err = DR_ERR_INIT;
	struct manifest_entry e = {.index = d->index,
				   .stored_bytes = d->info.stored_bytes,
				   .check = d->info.check,
				   .id = d->id};
	struct view *v = NULL;

	must(m && manifest_domain(m, DOMAIN, &err) == 0 && manifest_add(m, &e, &err) == 0);
	must(view_open(&v, st, m, kind, &err) == 0);
	return v;
}

/* whole: [owned by caller] the view in pieces of `step`, or NULL when a chunk is damaged. */
static uint8_t *whole(struct view *v, size_t step)
{
	struct dr_err err = DR_ERR_INIT;
	uint8_t *p = malloc(view_size(v));
	ssize_t n;

	must(p != NULL);
	for (uint64_t off = 0; off < view_size(v); off += (uint64_t)n) {
		n = view_read(v, p + off, (size_t)dr_min_u64(step, view_size(v) - off), off, &err);
		if (n < 0) {
			must(err.code == DR_CORRUPT);
			free(p);
			return NULL;
		}
		must(n > 0);
	}
	return p;
}

static void check_lz4(const struct disk *d, const uint8_t *p, size_t len)
{
	uint8_t *got = malloc(d->len + 1);

	must(got != NULL);
	must(frame_decode(p, len, got, d->len + 1) == d->len && memcmp(got, d->p, d->len) == 0);
	free(got);
}

static void check_views(struct store *st, const struct disk *d, size_t step, bool damaged)
{
	static const enum view_kind kinds[] = {VIEW_RAW, VIEW_LZ4, VIEW_QCOW2};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		DR_CLEANUP(view_closep) struct view *v = open_view(st, d, kinds[i]);
		uint8_t *p = whole(v, step);

		must(damaged || p);
		if (p && kinds[i] == VIEW_RAW)
			must(view_size(v) == d->len && memcmp(p, d->p, d->len) == 0);
		else if (p && kinds[i] == VIEW_LZ4)
			check_lz4(d, p, view_size(v));
		else if (p)
			must(reference_agrees(p, view_size(v), d->p, d->len));
		free(p);
	}
}

/* The disk: perhaps a MiB of zeros, then the input, repeated to whole sectors. */
static struct disk make_disk(struct store *st, const uint8_t *p, size_t len, unsigned zeros)
{
	struct disk d = {.index = zeros};
	size_t at = zeros * STORE_CHUNK_BYTES, tail = dr_div_up(dr_min_size(len, 60000), 512) * 512;
	struct store_txn *tx = NULL;
	struct dr_err err = DR_ERR_INIT;

	d.len = at + tail;
	d.p = calloc(1, d.len);
	must(d.p != NULL);
	for (size_t i = 0; i < tail; i++)
		d.p[at + i] = p[i % len];
	d.p[at] |= 1; /* a chunk of zeros is never stored */
	must(store_begin(st, "fuzz", &tx, &err) == 0);
	must(store_put_chunk(tx, DOMAIN, d.p + at, tail, &d.id, &d.info, &err) == 0);
	must(store_commit(tx, &err) == 0);
	return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = {1 << 20, 8192, 65537, 1000};
	DR_CLEANUP(store_closep) struct store *st = NULL;
	struct dr_err err = DR_ERR_INIT;
	struct buf *item;
	struct disk d;

	if (size < 2)
		return 0;
	check_encoded(data + 1, size - 1);
	must(store_mem_open(&st, &err) == 0);
	/* 2 bits of zero chunks, 2 bits of step. */
	d = make_disk(st, data + 1, size - 1, (data[0] & 3U) / 3U);
	check_views(st, &d, steps[data[0] >> 2 & 3], false);
	item = store_mem_item(st, DOMAIN, false, &d.id);
	must(item != NULL);
	buf_clear(item);
	buf_append(item, data + 1, size - 1);
	check_views(st, &d, steps[data[0] >> 2 & 3], true);
	free(d.p);
	return 0;
}
