/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/checksum.h"

#include <string.h>

#include "util/str.h"

#include "util/banned.h"

int transport_checksum_parse(struct transport_checksum *ret, const char *text, struct dr_err *err)
{
	uint8_t value[HASH_MAX_BYTES];
	const char *colon = strchr(text, ':');
	char name[8];
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (len == 0 || len >= sizeof name)
		return dr_fail(err, DR_INVALID, "a checksum looks like sha256:HEX");
	memcpy(name, text, len);
	name[len] = 0;
	if (!hash_kind_parse(name, &ret->kind) || ret->kind == HASH_SHA1)
		return dr_fail(err, DR_INVALID, "a checksum is one of sha256, sha512 and md5");
	if (strlen(colon + 1) != 2 * hash_bytes(ret->kind) ||
	    !hex_decode(colon + 1, value, hash_bytes(ret->kind)))
		return dr_fail(err, DR_INVALID, "a %s checksum has %zu hexadecimal digits", name,
			       2 * hash_bytes(ret->kind));
	hex_encode(value, hash_bytes(ret->kind), ret->hex);
	return 0;
}
