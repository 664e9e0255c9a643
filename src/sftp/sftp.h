/* SPDX-License-Identifier: Apache-2.0
 *
 * sftp: what comes through the gates (gate/gate.h) to orbit: logins, names as directories and
 * files, transfers. In darkroomd; libssh is on the other side.
 *
 *   sftp_start() -> { sftp_add(gate, address) } -> sftp_stop()
 *
 * A session that asks nothing costs a descriptor and a few hundred bytes: one thread waits for all
 * gates, a small crew answers. A session has one login and is bound to one account by it. */
#ifndef DR_SFTP_SFTP_H
#define DR_SFTP_SFTP_H

#include "orbit/orbit.h"

struct sftp;

struct sftp_config {
	struct orbit *orbit; /* borrowed until stop */
	unsigned threads;    /* of the crew; 0 = 6 */
	unsigned sessions_per_account;
	uint64_t delay_ms;   /* before a wrong login is answered */
	unsigned tries;      /* wrong logins of one name or one address … */
	uint64_t lockout_ms; /* … within this time, and for this time no other is looked at */
};
int sftp_start(struct sftp **ret, const struct sftp_config *cfg, struct dr_err *err) DR_MUST_CHECK;
/* sftp_add: a new session's gate (taken), from the numeric address `peer`. */
int sftp_add(struct sftp *s, int gate, const char *peer, struct dr_err *err) DR_MUST_CHECK;
/* sftp_stop: what is being answered is finished; every upload that is open is abandoned. NULL is
 * fine. */
void sftp_stop(struct sftp *s);

#endif
