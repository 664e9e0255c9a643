/* SPDX-License-Identifier: Apache-2.0
 *
 * protocol_internal: what protocol.c and transfer.c share. */
#ifndef DR_SSH_PROTOCOL_INTERNAL_H
#define DR_SSH_PROTOCOL_INTERNAL_H

#include "digest/lane.h"
#include "ssh/protocol.h"

/* Section 3, and section 8 for extensions. */
enum packet_type {
	PACKET_INIT = 1,
	PACKET_VERSION = 2,
	PACKET_OPEN = 3,
	PACKET_CLOSE = 4,
	PACKET_READ = 5,
	PACKET_WRITE = 6,
	PACKET_LSTAT = 7,
	PACKET_FSTAT = 8,
	PACKET_SETSTAT = 9,
	PACKET_FSETSTAT = 10,
	PACKET_OPENDIR = 11,
	PACKET_READDIR = 12,
	PACKET_REMOVE = 13,
	PACKET_MKDIR = 14,
	PACKET_RMDIR = 15,
	PACKET_REALPATH = 16,
	PACKET_STAT = 17,
	PACKET_RENAME = 18,
	PACKET_STATUS = 101,
	PACKET_HANDLE = 102,
	PACKET_DATA = 103,
	PACKET_NAME = 104,
	PACKET_ATTRS = 105,
	PACKET_EXTENDED = 200,
	PACKET_EXTENDED_REPLY = 201,
};

/* Section 5. */
enum attr_flag {
	ATTR_SIZE = 1,
	ATTR_OWNER = 2,
	ATTR_MODE = 4,
	ATTR_TIMES = 8,
	ATTR_EXTENDED = 0x80000000,
};
struct attrs {
	uint32_t flags;
	uint64_t bytes;
	uint32_t uid, gid, mode, atime, mtime;
};

enum open_kind { OPEN_NOTHING, OPEN_DIRECTORY, OPEN_READER, OPEN_WRITER };

/* What a handle stands for. */
struct open_file {
	enum open_kind kind;
	uint32_t serial; /* in the handle, so that one of what was closed is none */
	char *path;      /* owned */
	uint32_t gate;   /* readers and writers: the gate's handle */
	int fd;          /* the content itself; -1: all bytes go through the gate */
	uint64_t bytes;
	int64_t mtime;
	/* writers */
	uint64_t most;    /* bytes it may have */
	uint64_t started; /* of the content: the disk has begun on what is before this */
	bool append, set_time;
	bool failed;       /* a write: closing it does not make it appear */
	struct hash *hash; /* of bytes 0..hashed, all there are; NULL: they came in another order */
	struct lane *lane;
	uint64_t hashed;
	/* directories */
	char *last; /* owned: name to go on after */
	bool at_end;
	/* readers without descriptor: the bytes at window_pos */
	uint8_t *window;
	uint64_t window_pos;
	size_t window_len;
};

struct protocol {
	struct protocol_io io;
	bool started; /* INIT was seen */
	uint32_t serial;
	struct buf in;  /* the beginning of a packet */
	struct buf out; /* answers not sent yet */
	struct open_file files[PROTOCOL_HANDLES];
	uint8_t packet[GATE_PACKET_BYTES]; /* of the gate; whole, so that an idle session has not
					      touched it */
	struct gate_request rq;
	struct gate_answer answer;
};

/* One request of the client's. Handlers answer it in full; their -1 ends the session. */
struct call {
	uint32_t id;
	struct rd args;
};

/* Answers. message "" : the status's own words. */
int answer_status(struct protocol *p, const struct call *c, enum gate_status status,
		  const char *message, struct dr_err *err) DR_MUST_CHECK;
int answer_attrs(struct protocol *p, const struct call *c, enum gate_kind kind, uint64_t bytes,
		 int64_t mtime, struct dr_err *err) DR_MUST_CHECK;
/* answer_begin: length (0 for now), type, id; answer_end: the length, and out it goes when that is
 * worth it. */
size_t answer_begin(struct protocol *p, const struct call *c, enum packet_type type);
int answer_end(struct protocol *p, size_t began, struct dr_err *err) DR_MUST_CHECK;

/* ask: p->rq through the gate into p->answer; 1: it was answered with GATE_OK; 0: it was not, and
 * the client has been told; -1. A descriptor that came is *ret_fd (NULL: none is expected). */
int ask(struct protocol *p, const struct call *c, int *ret_fd, struct dr_err *err) DR_MUST_CHECK;
/* question: p->rq is this, for the (clean) path. */
void question(struct protocol *p, enum gate_op op, const char *path);

bool take_attrs(struct rd *r, struct attrs *ret);
/* take_path: a path of the request, cleaned. 1, or 0 and the client has been told; -1. */
int take_path(struct protocol *p, struct call *c, char ret[static GATE_PATH_TEXT],
	      struct dr_err *err) DR_MUST_CHECK;
/* take_handle: NULL when it is none, and the client has not been told. */
struct open_file *take_handle(struct protocol *p, struct call *c);
/* new_file: a free handle; NULL when there is none. */
struct open_file *new_file(struct protocol *p, enum open_kind kind, const char *path);
void drop_file(struct open_file *f);
int answer_handle(struct protocol *p, const struct call *c, const struct open_file *f,
		  struct dr_err *err) DR_MUST_CHECK;

/* transfer.c: section 6.3 to 6.5 */
int do_open(struct protocol *p, struct call *c, struct dr_err *err) DR_MUST_CHECK;
int do_close(struct protocol *p, struct call *c, struct dr_err *err) DR_MUST_CHECK;
int do_read(struct protocol *p, struct call *c, struct dr_err *err) DR_MUST_CHECK;
int do_write(struct protocol *p, struct call *c, struct dr_err *err) DR_MUST_CHECK;
int do_fstat(struct protocol *p, struct call *c, struct dr_err *err) DR_MUST_CHECK;
int do_fsetstat(struct protocol *p, struct call *c, struct dr_err *err) DR_MUST_CHECK;
int do_fsync(struct protocol *p, struct call *c, struct dr_err *err) DR_MUST_CHECK;

#endif
