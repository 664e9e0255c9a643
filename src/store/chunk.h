/* SPDX-License-Identifier: Apache-2.0
 *
 * store/chunk: the encoding of a chunk at rest, which is one block of an LZ4 frame with block
 * checksum (LZ4 frame format 1.6.x, "Data Blocks"):
 *
 *   0       4       4 + n     8 + n
 *   | word  | data  | check   |         all integers little-endian
 *
 *   word   bits 30..0: n, the length of data; bit 31: data is the plain bytes, else an LZ4 block
 *   check  XXH32 of data, seed 0
 *
 * Pure functions of memory; any thread. Spec: docs/formats/store.md section 2. */
#ifndef DR_STORE_CHUNK_H
#define DR_STORE_CHUNK_H

#include "store/store.h"

#define CHUNK_OVERHEAD_BYTES 8
#define CHUNK_STORED_MIN (CHUNK_OVERHEAD_BYTES + 1)
#define CHUNK_STORED_MAX (STORE_CHUNK_BYTES + CHUNK_OVERHEAD_BYTES)

/* chunk_encode: 1..STORE_CHUNK_BYTES plain bytes; `ret` is replaced. The same bytes give the same
 * encoding with one version of liblz4.
 *   hurry  0..STORE_HURRY_MAX: higher is faster and larger
 * NO_MEMORY. */
int chunk_encode(const void *p, size_t len, unsigned hurry, struct buf *ret, struct dr_err *err)
	DR_MUST_CHECK;
/* chunk_encode_zeros: the encoding of `len` (512..STORE_CHUNK_BYTES) zeros, the same with every
 * version of every library: views compute offsets from its length. */
int chunk_encode_zeros(size_t len, struct buf *ret, struct dr_err *err) DR_MUST_CHECK;
/* chunk_sane: `head` and `tail`, the first and last 4 bytes of an item of `bytes` bytes, can be a
 * chunk's: the word agrees with the size. Fills stored_bytes and check of *ret. */
bool chunk_sane(uint64_t bytes, const uint8_t head[static 4], const uint8_t tail[static 4],
		struct store_chunk_info *ret);
/* chunk_verify: structure and check word of a whole block; fills stored_bytes and check of *ret. */
bool chunk_verify(const void *stored, size_t len, struct store_chunk_info *ret);
/* chunk_decode: verify and expand; `ret` is replaced. CORRUPT; NO_MEMORY. The result has at most
 * STORE_CHUNK_BYTES and is not yet compared with the id. */
int chunk_decode(const void *stored, size_t len, struct buf *ret, struct dr_err *err) DR_MUST_CHECK;

#endif
