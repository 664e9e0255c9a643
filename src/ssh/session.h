/* SPDX-License-Identifier: Apache-2.0
 *
 * session: one connection, in a process of its own. Private to ssh/. */
#ifndef DR_SSH_SESSION_H
#define DR_SSH_SESSION_H

#include <libssh/server.h>

#include "ssh/door.h"

/* session_bind: what every session is made from: host keys and algorithms. [owned] */
int session_bind(ssh_bind *ret, const char *const *host_keys, struct dr_err *err) DR_MUST_CHECK;
/* session_run: the connection and the gate (both taken) are the last descriptors of this process
 * but standard error; does not return. */
_Noreturn void session_run(ssh_bind bind, const struct door_config *cfg, int connection, int gate);

#endif
