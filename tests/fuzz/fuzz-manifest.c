/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a manifest: refused with a reason, or decoded to what encodes to the same bytes and
 * can be viewed in every way without leaving its bounds. The store is empty, so that every chunk is
 * missing; what is not a chunk can be read. */
#include <stdlib.h>
#include <string.h>

#include "manifest/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void encodes_to(const struct manifest *m, const uint8_t *data, size_t size)
{
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;

	must(manifest_encode(m, &b, &err) == 0);
	must(b.len == size && memcmp(b.p, data, size) == 0);
}

static void read_at(struct view *v, uint64_t off)
{
	struct dr_err err = DR_ERR_INIT;
	uint8_t got[300];
	ssize_t n = view_read(v, got, sizeof got, off, &err);

	if (n < 0)
		must(err.code == DR_CORRUPT);
	else
		must(n > 0 && (uint64_t)n <= view_size(v) - off);
}

static void view(struct store *st, const uint8_t *data, size_t size, enum view_kind kind)
{
	DR_CLEANUP(view_closep) struct view *v = NULL;
	struct dr_err err = DR_ERR_INIT;
	struct manifest *m = NULL;
	uint64_t bytes;

	must(manifest_decode(&m, data, size, &err) == 0);
	must(view_open(&v, st, m, kind, &err) == 0);
	bytes = view_size(v);
	must(bytes > 0 && view_size_of(m, kind) == bytes);
	read_at(v, bytes - 1);
	read_at(v, 0);
	/* Places that the input chooses: its ids serve as random numbers. */
	for (size_t i = 0; i + 8 <= size && i < 4096; i += 16) {
		uint64_t off;

		memcpy(&off, data + i, sizeof off);
		read_at(v, off % bytes);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DR_CLEANUP(manifest_freep) struct manifest *m = NULL;
	DR_CLEANUP(store_closep) struct store *st = NULL;
	struct dr_err err = DR_ERR_INIT;

	if (manifest_decode(&m, data, size, &err) < 0) {
		must(err.code == DR_CORRUPT || err.code == DR_UNSUPPORTED);
		must(err.msg[0] != 0);
		return 0;
	}
	encodes_to(m, data, size);
	must(store_mem_open(&st, &err) == 0);
	view(st, data, size, VIEW_LZ4);
	view(st, data, size, VIEW_RAW);
	view(st, data, size, VIEW_QCOW2);
	return 0;
}
