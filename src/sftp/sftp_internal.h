/* SPDX-License-Identifier: Apache-2.0
 *
 * sftp_internal: what the files of this folder share. */
#ifndef DR_SFTP_SFTP_INTERNAL_H
#define DR_SFTP_SFTP_INTERNAL_H

#include "gate/gate.h"
#include "sftp/lockout.h"
#include "sftp/sftp.h"

#define FILES 64 /* open in one session */

/* What a handle of the gate stands for; one of the two, or none. */
struct transfer {
	struct orbit_reader *reader;
	struct orbit_upload *upload;
	uint64_t bytes; /* readers */
	bool by_itself; /* writers: the session has the descriptor */
	char *path;     /* owned; writers */
};

struct session {
	int gate;
	char peer[64];
	uint64_t id; /* in logs */
	struct sftp *owner;
	struct orbit *orbit;
	/* of the login; then they stand */
	bool logged_in;
	unsigned refused; /* wrong logins, and keys that would not do */
	char account[ID_TEXT];
	struct orbit_caller caller;
	struct transfer *files; /* FILES of them, from the first one on */
	/* the owner's, under its lock */
	struct session *next, *prev; /* of all */
	struct session *queued;
	uint64_t due_ms; /* of a delayed answer; 0 = none */
	uint8_t pending[64];
	size_t pending_len;
};

/* What a thread of the crew works with. Large, and kept between questions. */
struct bench {
	uint8_t packet[GATE_PACKET_BYTES];
	uint8_t data[GATE_DATA_BYTES]; /* of the answer */
	struct gate_request rq;
	struct orbit_object object;
	struct orbit_container container;
	struct orbit_account account;
};

/* files.c, transfer.c: what a session that is logged in asks. The answer's data is b->data; a
 * descriptor to pass is *ret_fd (borrowed; -1 = none). */
int files_answer(struct session *s, struct bench *b, struct gate_answer *ret, struct dr_err *err)
	DR_MUST_CHECK;
int transfer_answer(struct session *s, struct bench *b, struct gate_answer *ret, int *ret_fd,
		    struct dr_err *err) DR_MUST_CHECK;
void transfers_close(struct session *s);

/* A clean path in two parts. */
struct where {
	char path[GATE_PATH_TEXT];
	char container[GATE_CONTAINER_BYTES + 1]; /* "" = the root */
	const char *object;                       /* "" = the container; points into path */
};
int where_parse(struct where *ret, const char *path, struct dr_err *err) DR_MUST_CHECK;
/* files_look: the object of that name into b->object; of an image in the form its name asks for.
 * ret_reader may be NULL. */
int files_look(struct session *s, struct bench *b, const struct where *w,
	       struct orbit_reader **ret_reader, struct dr_err *err) DR_MUST_CHECK;
/* files_is_directory: something is below it, or it is the mark of one. 1, 0, -1. */
int files_is_directory(struct session *s, const struct where *w, struct dr_err *err) DR_MUST_CHECK;
bool files_is_mark(const struct orbit_object *o);
int64_t files_time(const struct orbit_object *o);
/* files_keep_time: X-Object-Meta-Mtime, as rclone keeps it, of what b->object says is there. */
int files_keep_time(struct session *s, struct bench *b, const struct where *w, int64_t mtime,
		    struct dr_err *err) DR_MUST_CHECK;

#endif
