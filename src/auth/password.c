/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "auth/auth_internal.h"
#include "util/io.h"

#include "util/banned.h"

#define TURN_SECONDS 5

_Static_assert(crypto_pwhash_STRBYTES <= 160, "a hash fits where it is kept");

/* A hash of 32 random bytes nobody kept: what an unknown user's password is compared with. */
static const char nobodys_hash[] = "$argon2id$v=19$m=65536,t=2,p=1$J+rE43jaFc7Q/dZaR8oN4A"
				   "$LHP1fH+j3oHkdIS0RS3V9Y7tLbrfNBvQYqqjoJAwWy0";

/* How many may hash now. Memory is the process's, whatever catalogue the caller works on: this is
 * why it is no caller's. */
static pthread_once_t turns_once = PTHREAD_ONCE_INIT;
static sem_t turns;

static void init_turns(void)
{
	int rc = sem_init(&turns, 0, PASSWORD_HASHES);

	assert(rc == 0);
	(void)rc;
}

int auth_init(struct dr_err *err)
{
	if (sodium_init() < 0)
		return dr_fail(err, DR_IO, "libsodium did not start");
	pthread_once(&turns_once, init_turns);
	return 0;
}

static int take_turn(struct dr_err *err)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += TURN_SECONDS;
	while (sem_clockwait(&turns, CLOCK_MONOTONIC, &until) < 0) {
		if (errno != EINTR)
			return dr_fail(err, DR_BUSY, "too many logins at once; try again");
	}
	return 0;
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
	sem_post(&turns);
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
	sem_post(&turns);
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
