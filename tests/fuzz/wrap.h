/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression for fuzz-decode: what is mutated is the content, and the container is always sound.
 */
#ifndef DR_FUZZ_WRAP_H
#define DR_FUZZ_WRAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wrap { WRAP_NONE, WRAP_LZ4, WRAP_LZ4_LINKED, WRAP_XZ, WRAP_GZIP, WRAP_ZSTD, WRAP_BZIP2 };

/* wrap_make: [owned by caller] one frame around p[0 .. len); xz: a stream of several blocks. */
uint8_t *wrap_make(enum wrap kind, const uint8_t *p, size_t len, size_t *ret_len);

#endif
