/* SPDX-License-Identifier: Apache-2.0
 *
 * digest/hmac: keyed hashes (RFC 2104). */
#ifndef DR_DIGEST_HMAC_H
#define DR_DIGEST_HMAC_H

#include "digest/digest.h"

/* hmac_of: HMAC of len bytes: hash_bytes(kind) bytes. NO_MEMORY. Compare with secret_equal(). */
int hmac_of(enum hash_kind kind, const void *key, size_t key_len, const void *p, size_t len,
	    uint8_t ret[static HASH_MAX_BYTES], struct dr_err *err) DR_MUST_CHECK;

#endif
