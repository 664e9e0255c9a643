/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest/view_internal: a kind of view. view.c copies out of the current piece and asks the kind
 * for another one when the offset is not in it, so consecutive small reads verify a chunk once. */
#ifndef DR_MANIFEST_VIEW_INTERNAL_H
#define DR_MANIFEST_VIEW_INTERNAL_H

#include "manifest/view.h"

struct view_ops {
	const char *name;
	uint64_t (*size)(const struct manifest *m);
	int (*open)(struct view *v, struct dr_err *err); /* NULL: nothing to prepare */
	/* load: set the piece to one that covers `off` < size. */
	int (*load)(struct view *v, uint64_t off, struct dr_err *err);
	void (*close)(
		struct view *v); /* NULL: nothing to free. v->kind is set, half made or whole */
};

struct view {
	const struct view_ops *ops;
	struct store *st;
	struct manifest *m;
	uint64_t size;
	/* The current piece: [start, start + len) of the file; empty at first. */
	uint64_t start;
	uint64_t len;
	const uint8_t *bytes; /* NULL: zeros. Into `block` or what the kind keeps */
	struct buf block;
	void *kind; /* the kind's own */
};

extern const struct view_ops view_lz4_ops;
extern const struct view_ops view_raw_ops;
extern const struct view_ops view_qcow2_ops;

/* view_set: the piece is `len` bytes at `start`. */
void view_set(struct view *v, uint64_t start, uint64_t len, const uint8_t *bytes);
/* view_plain: the plain bytes of a chunk into v->block, exactly as long as its place in the disk.
 * view_stored: its encoded block. Both: CORRUPT also when it is missing. */
int view_plain(struct view *v, const struct manifest_entry *e, struct dr_err *err) DR_MUST_CHECK;
int view_stored(struct view *v, const struct manifest_entry *e, struct dr_err *err) DR_MUST_CHECK;

#endif
