/* SPDX-License-Identifier: Apache-2.0
 *
 * What clients do: sign a temporary URL. */
#ifndef DR_TESTS_UNIT_TEMPURL_SIGN_H
#define DR_TESTS_UNIT_TEMPURL_SIGN_H

#include <string.h>

#include "digest/hmac.h"
#include "util/buf.h"

/* tempurl_sign: the signature as lower-case hex, of SHA-256. */
static inline int tempurl_sign(const char *key, const char *method, int64_t expires,
			       const char *path, char ret[static 65], struct dr_err *err)
{
	dr_autobuf struct buf message = BUF_INIT;
	uint8_t raw[HASH_MAX_BYTES];

	buf_printf(&message, "%s\n%lld\n%s", method, (long long)expires, path);
	if (buf_check(&message, err) < 0 ||
	    hmac_of(HASH_SHA256, key, strlen(key), buf_str(&message), message.len, raw, err) < 0)
		return -1;
	hex_encode(raw, hash_bytes(HASH_SHA256), ret);
	return 0;
}

#endif
