/* SPDX-License-Identifier: Apache-2.0
 *
 * transport/checksum: what a caller says the bytes of a source are. Pure; any thread. */
#ifndef DR_TRANSPORT_CHECKSUM_H
#define DR_TRANSPORT_CHECKSUM_H

#include "digest/digest.h"
#include "util/err.h"

struct transport_checksum {
	enum hash_kind kind;
	char hex[HASH_MAX_HEX]; /* lower case */
};

/* transport_checksum_parse: "sha256:HEX", "sha512:HEX" or "md5:HEX", digits of either case.
 * 0, or -1: INVALID with the sentence why. */
int transport_checksum_parse(struct transport_checksum *ret, const char *text, struct dr_err *err)
	DR_MUST_CHECK;

#endif
