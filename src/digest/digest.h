/* SPDX-License-Identifier: Apache-2.0
 *
 * digest: SHA-256 values, streaming hashes (OpenSSL EVP), hex, constant-time comparison. */
#ifndef DR_DIGEST_DIGEST_H
#define DR_DIGEST_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/err.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX (2 * DIGEST_BYTES + 1)
#define HASH_MAX_BYTES 64
#define HASH_MAX_HEX (2 * HASH_MAX_BYTES + 1)

/* A SHA-256 value. */
struct digest {
	uint8_t b[DIGEST_BYTES];
};

enum hash_kind { HASH_SHA256, HASH_SHA512, HASH_SHA1, HASH_MD5 };

struct hash; /* one streaming computation; one thread at a time */

/* digest_of: SHA-256 of len bytes; never fails (aborts when OpenSSL has no memory). */
void digest_of(const void *p, size_t len, struct digest *ret);
bool digest_equal(const struct digest *a, const struct digest *b);
void digest_hex(const struct digest *d, char ret[static DIGEST_HEX]);
/* digest_parse: exactly 64 hex digits of either case. */
bool digest_parse(const char *hex, struct digest *ret);

int hash_new(struct hash **ret, enum hash_kind kind, struct dr_err *err) DR_MUST_CHECK;
void hash_free(struct hash *h);
void hash_update(struct hash *h, const void *p, size_t len);
/* hash_copy: an independent computation that continues from the same state. */
int hash_copy(struct hash **ret, const struct hash *h, struct dr_err *err) DR_MUST_CHECK;
/* hash_final: the value; its length in bytes is returned. The computation is over. */
size_t hash_final(struct hash *h, uint8_t ret[static HASH_MAX_BYTES]);
/* hash_final_hex: the value in lower-case hex. */
void hash_final_hex(struct hash *h, char ret[static HASH_MAX_HEX]);
size_t hash_bytes(enum hash_kind kind); /* 32, 64, 20, 16 */
/* hash_kind_name: "sha256" …; hash_kind_parse: the inverse. */
const char *hash_kind_name(enum hash_kind kind);
bool hash_kind_parse(const char *name, enum hash_kind *ret);

void hex_encode(const uint8_t *p, size_t len, char *ret); /* 2 * len + 1 characters */
/* hex_decode: exactly 2 * len hex digits of either case. */
bool hex_decode(const char *hex, uint8_t *ret, size_t len);
/* secret_equal: constant time in the content; the lengths may show. */
bool secret_equal(const void *a, size_t alen, const void *b, size_t blen);

DR_DEFINE_CLEANUP(struct hash, hash_free);

#endif
