/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify.h"

#include <lz4frame.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/buf.h"
#include "util/checked.h"
#include "util/zero.h"

#include "util/banned.h"

#define CHUNK_BYTES ((size_t)1 << 20)
#define ENTRY_BYTES (8 + DIGEST_BYTES)
#define MAX_CHUNKS ((size_t)1 << 24) /* 16 TiB, the largest disk there is here */

struct verify {
	enum verify_kind kind;
	LZ4F_dctx *lz4;
	size_t lz4_wants; /* 0: at the end of a frame */
	uint8_t *out;     /* CHUNK_BYTES of what came out of lz4 */
	uint8_t *chunk;   /* the chunk that is filling up */
	size_t filled;
	uint64_t disk_bytes;
	struct buf entries;
};

int verify_new(struct verify **ret, enum verify_kind kind, struct dr_err *err)
{
	DR_CLEANUP(verify_freep) struct verify *v = calloc(1, sizeof *v);

	if (!v)
		return dr_fail_nomem(err);
	v->kind = kind;
	v->entries.max = MAX_CHUNKS * ENTRY_BYTES;
	v->chunk = malloc(CHUNK_BYTES);
	v->out = kind == VERIFY_LZ4 ? malloc(CHUNK_BYTES) : NULL;
	if (!v->chunk || (kind == VERIFY_LZ4 && !v->out))
		return dr_fail_nomem(err);
	if (kind == VERIFY_LZ4 &&
	    LZ4F_isError(LZ4F_createDecompressionContext(&v->lz4, LZ4F_VERSION)))
		return dr_fail_nomem(err);
	*ret = DR_STEAL(v);
	return 0;
}

void verify_free(struct verify *v)
{
	if (!v)
		return;
	LZ4F_freeDecompressionContext(v->lz4);
	free(v->out);
	free(v->chunk);
	buf_done(&v->entries);
	free(v);
}

/* end_chunk: note the filled chunk, which begins `filled` bytes before the end of the disk so far.
 */
static void end_chunk(struct verify *v)
{
	struct digest id;

	if (!dr_all_zero(v->chunk, v->filled)) {
		digest_of(v->chunk, v->filled, &id);
		buf_le(&v->entries, (v->disk_bytes - v->filled) / CHUNK_BYTES, 8);
		buf_append(&v->entries, id.b, sizeof id.b);
	}
	v->filled = 0;
}

static int feed_disk(struct verify *v, const uint8_t *p, size_t len, struct dr_err *err)
{
	while (len > 0) {
		size_t n = dr_min_size(len, CHUNK_BYTES - v->filled);

		memcpy(v->chunk + v->filled, p, n);
		v->filled += n;
		v->disk_bytes += n;
		p += n;
		len -= n;
		if (v->filled == CHUNK_BYTES)
			end_chunk(v);
	}
	return buf_check(&v->entries, err);
}

static int feed_lz4(struct verify *v, const uint8_t *p, size_t len, struct dr_err *err)
{
	size_t in, out;

	/* With all input taken the decoder may still hold output that did not fit; at the end of a
	 * frame (0) it holds none, and asking again would begin the next one. */
	do {
		in = len;
		out = CHUNK_BYTES;
		v->lz4_wants = LZ4F_decompress(v->lz4, v->out, &out, p, &in, NULL);
		if (LZ4F_isError(v->lz4_wants))
			return dr_fail(err, DR_CORRUPT, "the bytes are not LZ4: %s",
				       LZ4F_getErrorName(v->lz4_wants));
		p += in;
		len -= in;
		if (feed_disk(v, v->out, out, err) < 0)
			return -1;
	} while (len > 0 || (out == CHUNK_BYTES && v->lz4_wants != 0));
	return 0;
}

int verify_feed(struct verify *v, const void *p, size_t len, struct dr_err *err)
{
	if (len == 0)
		return 0;
	return v->kind == VERIFY_LZ4 ? feed_lz4(v, p, len, err) : feed_disk(v, p, len, err);
}

int verify_finish(struct verify *v, struct digest *ret, uint64_t *disk_bytes, struct dr_err *err)
{
	DR_CLEANUP(hash_freep) struct hash *h = NULL;
	dr_autobuf struct buf head = BUF_INIT;
	uint8_t value[HASH_MAX_BYTES];

	if (v->lz4_wants != 0)
		return dr_fail(err, DR_CORRUPT, "the LZ4 frame is cut short");
	end_chunk(v);
	buf_le(&head, v->disk_bytes, 8);
	buf_le(&head, CHUNK_BYTES, 4);
	if (buf_check(&head, err) < 0 || buf_check(&v->entries, err) < 0 ||
	    hash_new(&h, HASH_SHA256, err) < 0)
		return -1;
	hash_update(h, head.p, head.len);
	if (v->entries.len > 0)
		hash_update(h, v->entries.p, v->entries.len);
	hash_final(h, value);
	memcpy(ret->b, value, sizeof ret->b);
	*disk_bytes = v->disk_bytes;
	return 0;
}
