/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sodium.h>
#include <stdatomic.h>
#include <string.h>

#include "auth/auth_internal.h"
#include "util/clock.h"
#include "util/io.h"

#include "util/banned.h"

#define TURN_MS 5000

_Static_assert(crypto_pwhash_STRBYTES <= 160, "a hash fits where it is kept");

/* A hash of 32 random bytes nobody kept: what an unknown user's password is compared with. */
static const char nobodys_hash[] = "$argon2id$v=19$m=65536,t=2,p=1$J+rE43jaFc7Q/dZaR8oN4A"
				   "$LHP1fH+j3oHkdIS0RS3V9Y7tLbrfNBvQYqqjoJAwWy0";

/* Hashes being computed. Memory is the process's, whatever catalogue the caller works on, so this
 * count is nobody else's. */
static _Atomic unsigned hashing;

int auth_init(struct dr_err *err)
{
	if (sodium_init() < 0)
		return dr_fail(err, DR_IO, "libsodium did not start");
	return 0;
}

static bool try_turn(void)
{
	unsigned n = atomic_load(&hashing);

	while (n < PASSWORD_HASHES) {
		if (atomic_compare_exchange_weak(&hashing, &n, n + 1))
			return true;
	}
	return false;
}

static int take_turn(struct dr_err *err)
{
	uint64_t until = dr_now_ms() + TURN_MS;

	/* a turn lasts five times as long as this sleep: there is little to gain by a queue */
	while (!try_turn()) {
		if (dr_now_ms() >= until)
			return dr_fail(err, DR_BUSY, "too many logins at once; try again");
		dr_sleep_ms(10);
	}
	return 0;
}

static void end_turn(void)
{
	atomic_fetch_sub(&hashing, 1);
}

int auth_password_hash(const char *password, char ret[static 160], struct dr_err *err)
{
	size_t len = strlen(password);
	int rc;

	if (len == 0 || len > PASSWORD_BYTES)
		return dr_fail(err, DR_INVALID, "a password has 1 to %d bytes", PASSWORD_BYTES);
	if (take_turn(err) < 0)
		return -1;
	rc = crypto_pwhash_str(ret, password, len, crypto_pwhash_OPSLIMIT_INTERACTIVE,
			       crypto_pwhash_MEMLIMIT_INTERACTIVE);
	end_turn();
	return rc < 0 ? dr_fail_nomem(err) : 0;
}

int password_check(const char *hash, const char *password, bool *ret, struct dr_err *err)
{
	size_t len = strlen(password);
	int rc;

	*ret = false;
	if (len > PASSWORD_BYTES) /* nobody's: no hash was ever made of one */
		return 0;
	if (take_turn(err) < 0)
		return -1;
	errno = 0;
	rc = crypto_pwhash_str_verify(hash ? hash : nobodys_hash, password, len);
	end_turn();
	if (rc < 0 && errno == ENOMEM)
		return dr_fail_nomem(err);
	*ret = rc == 0 && hash;
	return 0;
}

void auth_new_token(char ret[static TOKEN_TEXT])
{
	uint8_t random[(TOKEN_TEXT - 1) / 2];

	dr_random(random, sizeof(random));
	hex_encode(random, sizeof(random), ret);
}

void auth_new_secret(char ret[static SECRET_TEXT])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";

	for (size_t i = 0; i < SECRET_TEXT - 1; i++)
		ret[i] = digits[randombytes_uniform(36)];
	ret[SECRET_TEXT - 1] = 0;
}

void auth_secret_hash(const char *secret, uint8_t ret[static SECRET_HASH_BYTES])
{
	struct digest d;

	_Static_assert(sizeof(d.b) == SECRET_HASH_BYTES, "secrets are kept as SHA-256");
	digest_of(secret, strlen(secret), &d);
	memcpy(ret, d.b, sizeof(d.b));
}
