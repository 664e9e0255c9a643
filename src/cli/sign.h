/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/sign: temporary URLs of the object store and the account's keys for them (api.md
 * section 7.7). */
#ifndef DR_CLI_SIGN_H
#define DR_CLI_SIGN_H

#include "cli/remote.h"

#define SIGN_KEYS 2

struct sign_keys {
	char *key[SIGN_KEYS]; /* owned; NULL: not set */
};
/* sign_keys_load: DENIED: they are shown to whoever may change them only. */
int sign_keys_load(struct remote *r, struct sign_keys *ret, struct dr_err *err) DR_MUST_CHECK;
/* sign_keys_store: "" takes a key away, NULL leaves it. */
int sign_keys_store(struct remote *r, const char *first, const char *second, struct dr_err *err)
	DR_MUST_CHECK;
void sign_keys_done(struct sign_keys *k);
/* sign_key_random: a new key. [owned by caller; secret_free] */
int sign_key_random(char **ret, struct dr_err *err) DR_MUST_CHECK;
/* sign_key: the key to sign with. An account without one gets one: *made says so. [owned by caller;
 * secret_free] */
int sign_key(struct remote *r, char **ret, bool *made, struct dr_err *err) DR_MUST_CHECK;

struct sign_url {
	const char *method;
	const char *container;
	const char *name; /* with `prefix`, of all names that begin so; may then be NULL */
	int64_t expires;  /* seconds since 1970 */
	bool prefix;
	const char *ip; /* address or range; NULL: from anywhere */
};
/* sign_make: append the URL, signed with HMAC-SHA256. */
int sign_make(const char *origin, const char *path, const char *key, const struct sign_url *url,
	      struct buf *ret, struct dr_err *err) DR_MUST_CHECK;

#define sign_keys_auto DR_CLEANUP(sign_keys_done)

#endif
