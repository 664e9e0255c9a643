/* SPDX-License-Identifier: Apache-2.0 */
#include "digest/hmac.h"

#include <openssl/evp.h>

#include "util/banned.h"

int hmac_of(enum hash_kind kind, const void *key, size_t key_len, const void *p, size_t len,
	    uint8_t ret[static HASH_MAX_BYTES], struct dr_err *err)
{
	if (!EVP_Q_mac(NULL, "HMAC", NULL, hash_kind_name(kind), NULL, key, key_len, p, len, ret,
		       HASH_MAX_BYTES, NULL))
		return dr_fail(err, DR_NO_MEMORY, "cannot compute a keyed %s",
			       hash_kind_name(kind));
	return 0;
}
