/* SPDX-License-Identifier: Apache-2.0 */
#include "digest/digest.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "util/banned.h"

struct hash {
	EVP_MD_CTX *ctx;
};

static const struct {
	const char *name;
	size_t bytes;
	const EVP_MD *(*md)(void);
} kinds[] = {
	[HASH_SHA256] = {"sha256", 32, EVP_sha256},
	[HASH_SHA512] = {"sha512", 64, EVP_sha512},
	[HASH_SHA1] = {"sha1", 20, EVP_sha1},
	[HASH_MD5] = {"md5", 16, EVP_md5},
};

#define KINDS (sizeof kinds / sizeof *kinds)

void digest_of(const void *p, size_t len, struct digest *ret)
{
	unsigned n = 0;
	int ok = EVP_Digest(p, len, ret->b, &n, EVP_sha256(), NULL);

	assert(ok == 1 && n == DIGEST_BYTES);
	(void)ok;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, DIGEST_BYTES) == 0;
}

void digest_hex(const struct digest *d, char ret[static DIGEST_HEX])
{
	hex_encode(d->b, DIGEST_BYTES, ret);
}

bool digest_parse(const char *hex, struct digest *ret)
{
	return strlen(hex) == 2 * (size_t)DIGEST_BYTES && hex_decode(hex, ret->b, DIGEST_BYTES);
}

int hash_new(struct hash **ret, enum hash_kind kind, struct dr_err *err)
{
	struct hash *h = calloc(1, sizeof *h);

	if (!h)
		return dr_fail_nomem(err);
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, kinds[kind].md(), NULL) != 1) {
		hash_free(h);
		return dr_fail(err, DR_NO_MEMORY, "cannot start a %s computation",
			       kinds[kind].name);
	}
	*ret = h;
	return 0;
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void hash_update(struct hash *h, const void *p, size_t len)
{
	int ok = EVP_DigestUpdate(h->ctx, p, len);

	assert(ok == 1);
	(void)ok;
}

int hash_copy(struct hash **ret, const struct hash *h, struct dr_err *err)
{
	struct hash *copy = calloc(1, sizeof *copy);

	if (!copy)
		return dr_fail_nomem(err);
	copy->ctx = EVP_MD_CTX_new();
	if (!copy->ctx || EVP_MD_CTX_copy_ex(copy->ctx, h->ctx) != 1) {
		hash_free(copy);
		return dr_fail_nomem(err);
	}
	*ret = copy;
	return 0;
}

size_t hash_final(struct hash *h, uint8_t ret[static HASH_MAX_BYTES])
{
	unsigned n = 0;
	int ok = EVP_DigestFinal_ex(h->ctx, ret, &n);

	assert(ok == 1 && n <= HASH_MAX_BYTES);
	(void)ok;
	return n;
}

void hash_final_hex(struct hash *h, char ret[static HASH_MAX_HEX])
{
	uint8_t raw[HASH_MAX_BYTES];
	size_t n = hash_final(h, raw);

	hex_encode(raw, n, ret);
}

size_t hash_bytes(enum hash_kind kind)
{
	return kinds[kind].bytes;
}

const char *hash_kind_name(enum hash_kind kind)
{
	return kinds[kind].name;
}

bool hash_kind_parse(const char *name, enum hash_kind *ret)
{
	for (size_t i = 0; i < KINDS; i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			*ret = (enum hash_kind)i;
			return true;
		}
	}
	return false;
}

void hex_encode(const uint8_t *p, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = digits[p[i] >> 4];
		ret[2 * i + 1] = digits[p[i] & 15];
	}
	ret[2 * len] = 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_decode(const char *hex, uint8_t *ret, size_t len)
{
	int hi, lo;

	for (size_t i = 0; i < len; i++) {
		hi = hex_value(hex[2 * i]);
		lo = hi < 0 ? -1 : hex_value(hex[2 * i + 1]);
		if (lo < 0)
			return false;
		ret[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

bool secret_equal(const void *a, size_t alen, const void *b, size_t blen)
{
	return alen == blen && CRYPTO_memcmp(a, b, alen) == 0;
}
