/* SPDX-License-Identifier: Apache-2.0
 *
 * sftp/login: who is at the gate. */
#ifndef DR_SFTP_LOGIN_H
#define DR_SFTP_LOGIN_H

#include "auth/auth.h"
#include "gate/gate.h"
#include "sftp/lockout.h"

#define LOGIN_TRIES 12 /* of one session, keys among them */

/* login_try: 1 and who it is, scoped to an account; 0: no, whatever the cause. -1: it could not be
 * found out. Logged (what=sftp-login), and counted by the lockout. */
int login_try(struct catalogue *c, struct lockout *g, const char *peer,
	      const struct gate_request *rq, struct principal *ret, struct dr_err *err)
	DR_MUST_CHECK;

#endif
