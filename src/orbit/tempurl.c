/* SPDX-License-Identifier: Apache-2.0 */
#include "orbit/tempurl.h"

#include <arpa/inet.h>
#include <string.h>
#include <time.h>

#include "digest/hmac.h"
#include "util/buf.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define SIGNATURE_MAX 128 /* the hex of SHA-512 */

/* A signature as given, in one of two forms that are told apart by its look. */
struct signature {
	enum hash_kind kind;
	bool base64;
	char text[SIGNATURE_MAX + 1]; /* hex as it came; base64 in the URL-safe form, unpadded */
	size_t len;
};

bool tempurl_present(const struct tempurl *t)
{
	return t->signature || t->expires;
}

/* ---- what the URL says ---- */

static size_t base64_len(enum hash_kind kind)
{
	return (hash_bytes(kind) * 4 + 2) / 3;
}

/* "alg:base64", standard or URL-safe, padded or not: what the swift CLI makes of SHA-512. */
static bool parse_prefixed(const char *s, size_t name_len, struct signature *ret)
{
	char name[16] = "";

	if (name_len >= sizeof name)
		return false;
	memcpy(name, s, name_len);
	s += name_len + 1;
	ret->base64 = true;
	ret->len = strcspn(s, "=");
	if (!hash_kind_parse(name, &ret->kind) || ret->kind == HASH_MD5 ||
	    ret->len != base64_len(ret->kind) || strspn(s + ret->len, "=") > 2 ||
	    s[ret->len + strspn(s + ret->len, "=")])
		return false;
	for (size_t i = 0; i < ret->len; i++)
		ret->text[i] = s[i] == '+' ? '-' : s[i] == '/' ? '_' : s[i];
	ret->text[ret->len] = 0;
	return true;
}

/* Hex is told apart by its length. Its case is left as it is: upper case never matches. */
static bool parse_signature(const char *s, struct signature *ret)
{
	static const enum hash_kind kinds[] = {HASH_SHA1, HASH_SHA256, HASH_SHA512};
	const char *colon = strchr(s, ':');

	if (colon)
		return parse_prefixed(s, (size_t)(colon - s), ret);
	ret->len = strlen(s);
	ret->base64 = false;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (ret->len == 2 * hash_bytes(kinds[i])) {
			ret->kind = kinds[i];
			memcpy(ret->text, s, ret->len + 1);
			return true;
		}
	}
	return false;
}

static bool two_digits(const char *s, int max, int *ret)
{
	if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
		return false;
	*ret = (s[0] - '0') * 10 + s[1] - '0';
	return *ret <= max;
}

/* "2023-01-03T13:08:05Z" */
static bool parse_iso(const char *s, int64_t *ret)
{
	int century, year, month, day, hour, minute, second;
	struct tm tm, same;
	time_t t;

	if (strlen(s) != 20 || s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' ||
	    s[16] != ':' || s[19] != 'Z' || !two_digits(s, 99, &century) ||
	    !two_digits(s + 2, 99, &year) || !two_digits(s + 5, 12, &month) ||
	    !two_digits(s + 8, 31, &day) || !two_digits(s + 11, 23, &hour) ||
	    !two_digits(s + 14, 59, &minute) || !two_digits(s + 17, 59, &second))
		return false;
	tm = (struct tm){
		.tm_year = century * 100 + year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute,
		.tm_sec = second,
	};
	same = tm;
	t = timegm(&same);
	*ret = (int64_t)t;
	return same.tm_mon == tm.tm_mon && same.tm_mday == day; /* no 30th of February */
}

bool tempurl_expires(const char *text, int64_t *ret)
{
	return dr_parse_i64(text, 0, INT64_MAX, ret) || parse_iso(text, ret);
}

/* ---- where it may be used from ---- */

/* An address in 16 bytes; IPv4 as IPv4-mapped, so that a dual socket's peers are themselves. */
static bool parse_address(const char *s, uint8_t ret[static 16], bool *ret_v4)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

	if (inet_pton(AF_INET6, s, ret) == 1) {
		*ret_v4 = memcmp(ret, mapped, sizeof mapped) == 0;
		return true;
	}
	memcpy(ret, mapped, sizeof mapped);
	*ret_v4 = true;
	return inet_pton(AF_INET, s, ret + 12) == 1;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;

	return memcmp(a, b, bits / 8) == 0 &&
	       (rest == 0 || (uint8_t)(a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0);
}

static bool zeros_from(const uint8_t *a, unsigned bits)
{
	for (unsigned i = bits; i < 128; i++) {
		if (a[i / 8] >> (7 - i % 8) & 1)
			return false;
	}
	return true;
}

/* in_range: "address" or "address/length", as Python's ip_network() has it: no bits set beyond
 * the length. */
static bool in_range(const char *range, const char *peer)
{
	uint8_t want[16], have[16];
	bool want_v4, have_v4;
	uint64_t bits;
	char text[INET6_ADDRSTRLEN];
	const char *slash = strchr(range, '/');
	size_t len = slash ? (size_t)(slash - range) : strlen(range);

	if (!peer || len >= sizeof text)
		return false;
	memcpy(text, range, len);
	text[len] = 0;
	if (!parse_address(text, want, &want_v4) || !parse_address(peer, have, &have_v4) ||
	    want_v4 != have_v4)
		return false;
	bits = want_v4 ? 32 : 128;
	if (slash && !dr_parse_u64(slash + 1, 0, bits, &bits))
		return false;
	if (want_v4)
		bits += 96;
	return zeros_from(want, (unsigned)bits) && same_bits(want, have, (unsigned)bits);
}

/* ---- the signature ---- */

/* What every candidate has in common, and where matches are gathered. */
struct trial {
	const struct signature *given;
	int64_t expires;
	const char *ip_range; /* NULL = none */
	const char **account_key, **container_key;
	bool by_account, by_container;
};

static void base64_url(const uint8_t *p, size_t len, char ret[static SIGNATURE_MAX + 1])
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	unsigned bits = 0, count = 0;
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | p[i]) & 0xFFFF;
		for (count += 8; count >= 6; count -= 6)
			ret[n++] = digits[bits >> (count - 6) & 63];
	}
	if (count > 0)
		ret[n++] = digits[bits << (6 - count) & 63];
	ret[n] = 0;
}

static bool signed_by(const struct trial *t, const char *key, const struct buf *message)
{
	uint8_t raw[HASH_MAX_BYTES];
	char text[SIGNATURE_MAX + 1];
	struct dr_err err = DR_ERR_INIT;

	if (hmac_of(t->given->kind, key, strlen(key), buf_str(message), message->len, raw, &err) <
	    0)
		return false;
	if (t->given->base64)
		base64_url(raw, hash_bytes(t->given->kind), text);
	else
		hex_encode(raw, hash_bytes(t->given->kind), text);
	/* An unset key signs nothing, and takes as long as one that is set. */
	return secret_equal(text, strlen(text), t->given->text, t->given->len) & (key[0] != 0);
}

static void try_method(struct trial *t, const char *method, const char *prefix, const char *path,
		       size_t path_len)
{
	dr_autobuf struct buf message = BUF_INIT;

	/* The range is in front: a newline may be in a path. */
	if (t->ip_range)
		buf_printf(&message, "ip=%s\n", t->ip_range);
	buf_printf(&message, "%s\n%lld\n%s", method, (long long)t->expires, prefix);
	buf_append(&message, path, path_len);
	if (!buf_ok(&message))
		return;
	for (size_t i = 0; i < TEMPURL_KEYS; i++) {
		t->by_account |= signed_by(t, t->account_key[i], &message);
		t->by_container |= signed_by(t, t->container_key[i], &message);
	}
}

/* Swift: a signature to get, put or post also allows to look. */
static void try_path(struct trial *t, const char *method, const char *prefix, const char *path,
		     size_t path_len)
{
	static const char *const looking[] = {"HEAD", "GET", "POST", "PUT"};

	if (strcmp(method, "HEAD") != 0) {
		try_method(t, method, prefix, path, path_len);
		return;
	}
	for (size_t i = 0; i < sizeof looking / sizeof *looking; i++)
		try_method(t, looking[i], prefix, path, path_len);
}

/* object_of: the fourth part of a path, whose name is not slashes alone; NULL when it has none. */
static const char *object_of(const char *path)
{
	const char *p = path;

	for (int i = 0; i < 4; i++) {
		if (!p || *p != '/')
			return NULL;
		if (i == 3)
			break;
		p = strchr(p + 1, '/');
	}
	return p[1 + strspn(p + 1, "/")] ? p + 1 : NULL;
}

static bool may_be_signed(const char *method)
{
	static const char *const methods[] = {"GET", "HEAD", "PUT", "POST", "DELETE"};

	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
		if (strcmp(methods[i], method) == 0)
			return true;
	}
	return false;
}

enum tempurl_verdict tempurl_verify(const struct tempurl *t, const struct tempurl_rules *rules,
				    const char *method, const char *path, const char *fog_path,
				    const char *peer, const char *account_key[static TEMPURL_KEYS],
				    const char *container_key[static TEMPURL_KEYS], int64_t now,
				    int64_t *ret_expires)
{
	struct signature given;
	struct trial trial = {
		.given = &given,
		.ip_range = t->ip_range && t->ip_range[0] ? t->ip_range : NULL,
		.account_key = account_key,
		.container_key = container_key,
	};
	const char *object = object_of(path);

	if (!tempurl_present(t))
		return TEMPURL_NONE;
	if (!t->signature || !t->expires || !object || !may_be_signed(method) ||
	    !parse_signature(t->signature, &given) || (given.kind == HASH_SHA1 && !rules->sha1) ||
	    !tempurl_expires(t->expires, &trial.expires) || trial.expires <= now ||
	    (rules->farthest > 0 && trial.expires - now > rules->farthest) ||
	    (trial.ip_range && !in_range(trial.ip_range, peer)))
		return TEMPURL_BAD;
	if (t->prefix) {
		if (!dr_starts(object, t->prefix))
			return TEMPURL_BAD;
		try_path(&trial, method, "prefix:", path,
			 (size_t)(object - path) + strlen(t->prefix));
	} else {
		try_path(&trial, method, "", path, strlen(path));
		if (fog_path)
			try_path(&trial, method, "", fog_path, strlen(fog_path));
	}
	if (!trial.by_account && !trial.by_container)
		return TEMPURL_BAD;
	*ret_expires = trial.expires;
	return trial.by_account ? TEMPURL_BY_ACCOUNT : TEMPURL_BY_CONTAINER;
}
