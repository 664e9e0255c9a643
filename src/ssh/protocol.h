/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh/protocol: the SFTP protocol, version 3 (draft-ietf-secsh-filexfer-02), with OpenSSH's
 * extensions posix-rename, statvfs, fstatvfs, fsync and limits (PROTOCOL of OpenSSH): bytes in,
 * bytes out, and questions through the gate. Knows nothing of SSH. One thread, but that every
 * upload is hashed beside its writing (digest/lane). */
#ifndef DR_SSH_PROTOCOL_H
#define DR_SSH_PROTOCOL_H

#include "gate/gate.h"

#define PROTOCOL_HANDLES 64
#define PROTOCOL_DATA_BYTES ((size_t)255 << 10) /* one read or write, as OpenSSH asks for */

struct protocol_io {
	/* the exchange of gate_ask() */
	int (*ask)(void *arg, const struct gate_request *rq, uint8_t *packet,
		   struct gate_answer *ret, int *ret_fd, struct dr_err *err);
	/* to the client; may block */
	int (*send)(void *arg, const void *p, size_t len, struct dr_err *err);
	void *arg;
};
struct protocol;

int protocol_new(struct protocol **ret, const struct protocol_io *io, struct dr_err *err)
	DR_MUST_CHECK;
/* protocol_free: what was not closed is abandoned by the gate's end. NULL is fine. */
void protocol_free(struct protocol *p);
/* protocol_feed: the next bytes from the client; whole packets are answered before it returns.
 * -1: the session is over: INVALID (a packet that is none), or ask() or send() failed. */
int protocol_feed(struct protocol *p, const void *data, size_t len, struct dr_err *err)
	DR_MUST_CHECK;

DR_DEFINE_CLEANUP(struct protocol, protocol_free);

#endif
