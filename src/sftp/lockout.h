/* SPDX-License-Identifier: Apache-2.0
 *
 * sftp/lockout: wrong logins, by address and by name. After so many within a while neither is
 * looked at for that while; that is not told, it is answered as a wrong secret is. An IPv6 address
 * counts as its /64. Who has logged in by a name from an address is looked at there all the same:
 * guessing from elsewhere does not keep it out. Bounded memory: the longest quiet entry goes first.
 * Any thread. */
#ifndef DR_SFTP_LOCKOUT_H
#define DR_SFTP_LOCKOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/err.h"

struct lockout;

int lockout_new(struct lockout **ret, unsigned tries, uint64_t lockout_ms, struct dr_err *err)
	DR_MUST_CHECK;
void lockout_free(struct lockout *g); /* NULL is fine */
/* lockout_locked: not to be looked at. now: as dr_now_ms() has it. */
bool lockout_locked(struct lockout *g, const char *address, const char *name, uint64_t now);
void lockout_failed(struct lockout *g, const char *address, const char *name, uint64_t now);
/* lockout_passed: the name's wrong logins are forgotten, not the address's: or one good account
 * would buy guesses at others. */
void lockout_passed(struct lockout *g, const char *address, const char *name, uint64_t now);

DR_DEFINE_CLEANUP(struct lockout, lockout_free);

#endif
