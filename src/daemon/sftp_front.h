/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/sftp_front: the SFTP door of the daemon: binds the socket, keeps darkroom-sftp running on
 * it, and gives every session's gate to sftp. Host keys are in DATA/ssh/host_ed25519, host_rsa. */
#ifndef DR_DAEMON_SFTP_FRONT_H
#define DR_DAEMON_SFTP_FRONT_H

#include "daemon/config.h"
#include "sftp/sftp.h"

struct sftp_front;

/* sftp_front_start: *ret NULL when sftp.listen is "off". */
int sftp_front_start(struct sftp_front **ret, const struct config *cfg, struct orbit *orbit,
		     struct dr_err *err) DR_MUST_CHECK;
/* sftp_front_address: "HOST:PORT" that it listens on. */
const char *sftp_front_address(const struct sftp_front *f);
void sftp_front_stop(struct sftp_front *f); /* NULL is fine */

/* host_keys_make: those that are not there yet; the count of new ones. */
int host_keys_make(const char *data, struct dr_err *err) DR_MUST_CHECK;
/* host_keys_each: every key of a data directory that is there: "ed25519" or "rsa", and its
 * fingerprint "SHA256:…". */
int host_keys_each(const char *data,
		   void (*fn)(void *arg, const char *type, const char *fingerprint), void *arg,
		   struct dr_err *err) DR_MUST_CHECK;

#endif
