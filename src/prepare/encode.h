/* SPDX-License-Identifier: Apache-2.0
 *
 * prepare/encode: the three file formats as head, blocks that know nothing of each other, and tail.
 * block() runs on any thread, with a context of its own; the rest on the calling one. */
#ifndef DR_PREPARE_ENCODE_H
#define DR_PREPARE_ENCODE_H

#include "prepare/prepare.h"
#include "util/buf.h"

struct encoder;

/* One encoded block. */
struct encoded {
	uint8_t *p; /* room for out_bytes(block_bytes) */
	size_t len;
	uint64_t note; /* the format's own: what its tail needs to know */
};

struct encoder_ops {
	const char *name;
	int level_min, level_max, level_default;
	size_t block_bytes; /* of disk; the last block may be shorter */
	/* out_bytes: room that any block of `len` bytes fits into. */
	size_t (*out_bytes)(size_t len);
	int (*open)(struct encoder *e, struct dr_err *err); /* NULL: nothing to do */
	void (*close)(struct encoder *e);                   /* NULL; also half open */
	/* head: what stands before the blocks; disk_bytes may be PREPARE_UNKNOWN. */
	int (*head)(struct encoder *e, uint64_t disk_bytes, struct buf *out, struct dr_err *err);
	/* block: *ctx is NULL at first, is kept for the next block and freed by free_ctx. */
	int (*block)(const struct encoder *e, void **ctx, const uint8_t *p, size_t len,
		     struct encoded *ret, struct dr_err *err);
	void (*free_ctx)(void *ctx); /* NULL: there is none */
	/* wrote: a block of `len` bytes of disk went out; NULL: the tail need not know. */
	int (*wrote)(struct encoder *e, const struct encoded *b, size_t len, struct dr_err *err);
	int (*tail)(struct encoder *e, struct buf *out, struct dr_err *err); /* NULL: none */
};

struct encoder {
	const struct encoder_ops *ops;
	int level;
	void *state; /* owned: the format's */
};

extern const struct encoder_ops encode_lz4, encode_xz, encode_zstd;

#endif
