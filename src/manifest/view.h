/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest/view: an image as a file of known length that can be read at any offset.
 *
 *   lz4    LZ4 frame header (independent 1 MiB blocks, block checksums, content size), the stored
 *          chunks in order with one constant block for a zero chunk, end mark. No recompression.
 *   raw    the plain disk.
 *   qcow2  version 3, 64 KiB clusters, metadata first, zero chunks unallocated.
 *
 * The bytes follow from the manifest alone, so a read may be resumed by another process years
 * later. Every stored byte is verified before it leaves (store_get_stored / store_get_chunk): a
 * damaged chunk is an error, never wrong bytes. One thread at a time. */
#ifndef DR_MANIFEST_VIEW_H
#define DR_MANIFEST_VIEW_H

#include <sys/types.h>

#include "manifest/manifest.h"

enum view_kind { VIEW_LZ4, VIEW_RAW, VIEW_QCOW2 };

struct view;

/* view_open: takes `m` (owned from the call on, also on failure); `st` borrowed. Reads nothing.
 * INVALID: the manifest's size is not a disk's (never after manifest_decode); NO_MEMORY. */
int view_open(struct view **ret, struct store *st, struct manifest *m, enum view_kind kind,
	      struct dr_err *err) DR_MUST_CHECK;
uint64_t view_size(const struct view *v);
/* view_size_of: the same, without a view; of a manifest whose size is valid. */
uint64_t view_size_of(const struct manifest *m, enum view_kind kind);
/* view_read: 1..len bytes at off < view_size, fewer than len before the end or before a piece that
 * cannot be read. The count, or -1: CORRUPT (a chunk is damaged or missing); IO; NO_MEMORY. */
ssize_t view_read(struct view *v, void *buf, size_t len, uint64_t off, struct dr_err *err)
	DR_MUST_CHECK;
void view_close(struct view *v);
bool view_kind_parse(const char *name, enum view_kind *ret); /* "lz4" "raw" "qcow2" */

DR_DEFINE_CLEANUP(struct view, view_close);

#endif
