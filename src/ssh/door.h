/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh/door: the SSH server in front of the gate, with libssh, which is invisible outside this
 * module: one small process that accepts, and one it forks for each connection, so that their pages
 * are shared. Neither opens a file, nor holds more of darkroomd than its gate.
 *
 *   darkroomd: binds the socket, starts darkroom-sftp by exec with it and one end of a control
 *              socket; gets one packet per connection on that: the peer's address, and the gate
 *   accepting: door_run(): limits per address and in all; forks; ends with the control socket
 *   session:   door_session(): key exchange, login through the gate, and SFTP until one side leaves
 *
 * The host keys are in every process of these; see SECURITY.md. */
#ifndef DR_SSH_DOOR_H
#define DR_SSH_DOOR_H

#include <stdint.h>

#include "util/err.h"

struct door_config {
	int listener, control;        /* taken */
	const char *const *host_keys; /* texts in OpenSSH's format, NULL at the end */
	unsigned sessions, sessions_per_address;
	unsigned idle_seconds, login_seconds;
	uint64_t object_bytes; /* the longest file a session may write */
};

/* door_run: until the control socket ends. 0, or -1. */
int door_run(const struct door_config *cfg, struct dr_err *err) DR_MUST_CHECK;

/* door_make_key: a new host key of the type "ed25519" or "rsa" (3072 bits), in OpenSSH's format.
 * [owned, secret]; door_key_print: "SHA256:…" of one. Also [owned]. */
int door_make_key(const char *type, char **ret, struct dr_err *err) DR_MUST_CHECK;
int door_key_print(const char *key, char **ret, struct dr_err *err) DR_MUST_CHECK;

#endif
