/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/verify: the content digest of a downloaded disk, as the API's `digest` shows it:
 *
 *   SHA-256 over  u64le disk size, u32le chunk size (1 MiB), then for every chunk that is not all
 *   zeros  u64le its number, 32 bytes SHA-256 of the chunk (the last may be short)
 *
 *   verify_new -> verify_feed ... -> verify_finish */
#ifndef DR_CLI_VERIFY_H
#define DR_CLI_VERIFY_H

#include <stddef.h>
#include <stdint.h>

#include "digest/digest.h"

enum verify_kind {
	VERIFY_RAW,
	VERIFY_LZ4, /* LZ4 frames around the raw disk */
};

struct verify;

/* verify_new: [owned by caller] */
int verify_new(struct verify **ret, enum verify_kind kind, struct dr_err *err) DR_MUST_CHECK;
/* verify_feed: the next bytes of the file. CORRUPT: not LZ4. */
int verify_feed(struct verify *v, const void *p, size_t len, struct dr_err *err) DR_MUST_CHECK;
/* verify_finish: the digest, and the size of the disk. CORRUPT: the last LZ4 frame is cut short. */
int verify_finish(struct verify *v, struct digest *ret, uint64_t *disk_bytes, struct dr_err *err)
	DR_MUST_CHECK;
void verify_free(struct verify *v);

DR_DEFINE_CLEANUP(struct verify, verify_free);

#endif
