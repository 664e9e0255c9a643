/* SPDX-License-Identifier: Apache-2.0
 *
 * Decompression by the libraries' own readers of whole files, without anything of src/codec. */
#ifndef DR_FUZZ_CODEC_REFERENCE_H
#define DR_FUZZ_CODEC_REFERENCE_H

#include "codec/codec.h"

/* reference_agrees: the library, too, decodes p[0 .. len) to its very end, to bytes with this XXH64
 * (seed 0). For what has been accepted: it is not asked to refuse. */
bool reference_agrees(enum codec_kind kind, const uint8_t *p, size_t len, uint64_t hash);

#endif
