/* SPDX-License-Identifier: Apache-2.0
 *
 * gate: the seam between a process that speaks SSH and darkroomd: a SOCK_SEQPACKET socket per
 * session, one question and one answer at a time, descriptors beside them (hardening.md section
 * 5.3: the process that meets the network holds neither catalogue nor store).
 *
 * Every question and every answer has the same fields; what is not used is 0 or empty. Each side
 * treats the other as hostile: what is received is checked in full before it is looked at.
 *
 *   session:   gate_ask()
 *   darkroomd: gate_receive() -> gate_request_parse() -> … -> gate_answer_format() -> gate_send()
 *
 * Paths are absolute and clean as gate/path.h has them; darkroomd cleans them again. */
#ifndef DR_GATE_GATE_H
#define DR_GATE_GATE_H

#include <sys/types.h>

#include "gate/path.h"
#include "util/buf.h"
#include "util/rd.h"

#define GATE_SECRET_TEXT 1025 /* a password, or a token */
#define GATE_DATA_BYTES ((size_t)128 << 10)
#define GATE_PACKET_BYTES (GATE_DATA_BYTES + 8192)

enum gate_op {
	GATE_LOGIN_SECRET = 1, /* path: login name; other: password, client secret or token */
	GATE_LOGIN_KEY, /* path: login name; data: "TYPE BASE64", a public key; GATE_PROVEN */
	GATE_STAT,      /* path -> kind, bytes, mtime */
	GATE_LIST,      /* path; other: the last name, "" = from the start -> data: gate_entry */
	GATE_OPEN,      /* path, to read -> handle, bytes, mtime, perhaps a descriptor */
	GATE_READ,      /* handle, pos, bytes (at most GATE_DATA_BYTES) -> data, empty at the end */
	/* path, flags -> handle, bytes that are there, used: bytes it may have, perhaps a
	 * descriptor to write to */
	GATE_CREATE,
	GATE_WRITE,    /* handle, pos, data: when there was no descriptor */
	GATE_FINISH,   /* handle; other: MD5 of all bytes in hex, "" = unknown; GATE_MTIME, mtime */
	GATE_CLOSE,    /* handle: of a reader; a writer's is abandoned */
	GATE_RENAME,   /* path, other: the new name, GATE_REPLACE */
	GATE_REMOVE,   /* path */
	GATE_MKDIR,    /* path */
	GATE_RMDIR,    /* path */
	GATE_SET_TIME, /* path, mtime */
	GATE_SPACE,    /* path -> bytes: in all, used: … */
};

enum gate_flag {
	GATE_PROVEN = 1, /* the signature was good; without: would this key do? */
	GATE_TRUNCATE = 2,
	GATE_ONLY_NEW = 4,
	GATE_MAY_CREATE = 8,
	GATE_REPLACE = 16,
	GATE_MTIME = 32,
	GATE_ENTER = 64, /* what is a file and a directory is meant as a directory */
	GATE_FLAGS = 127,
};

struct gate_request {
	enum gate_op op;
	unsigned flags;
	uint32_t handle;
	uint64_t pos, bytes;
	int64_t mtime; /* seconds since 1970 */
	char path[GATE_PATH_TEXT];
	char other[GATE_PATH_TEXT];
	const uint8_t *data; /* borrowed from the packet */
	size_t len;
};
_Static_assert(GATE_PATH_TEXT >= GATE_SECRET_TEXT, "a secret travels in `other`");

/* As SFTP numbers them (draft-ietf-secsh-filexfer-02 section 7). */
enum gate_status {
	GATE_OK = 0,
	GATE_END = 1,
	GATE_NO_SUCH_FILE = 2,
	GATE_DENIED = 3,
	GATE_FAILURE = 4,
	GATE_BAD = 5,
	GATE_UNSUPPORTED = 8,
};

enum gate_kind { GATE_NOTHING, GATE_FILE, GATE_DIRECTORY };

struct gate_answer {
	enum gate_status status;
	enum gate_kind kind;
	bool more; /* of a listing: ask again with the last name */
	uint32_t handle;
	uint64_t bytes, used;
	int64_t mtime;
	/* of a failure: one sentence; of a listing: the name to go on after */
	char message[GATE_PATH_TEXT];
	const uint8_t *data; /* borrowed from the packet */
	size_t len;
};

/* One line of a listing, packed into an answer's data. */
struct gate_entry {
	enum gate_kind kind;
	uint64_t bytes;
	int64_t mtime;
	char name[GATE_PATH_TEXT];
};

/* gate_network: what one guest may have many addresses of: of IPv6 the /64, else the (numeric)
 * address itself. */
#define GATE_NETWORK_TEXT 46
void gate_network(const char *address, char ret[static GATE_NETWORK_TEXT]);

void gate_request_format(const struct gate_request *rq, struct buf *ret);
/* gate_request_parse: INVALID for what is none. */
int gate_request_parse(const void *p, size_t len, struct gate_request *ret, struct dr_err *err)
	DR_MUST_CHECK;
void gate_answer_format(const struct gate_answer *a, struct buf *ret);
int gate_answer_parse(const void *p, size_t len, struct gate_answer *ret, struct dr_err *err)
	DR_MUST_CHECK;
void gate_entry_format(const struct gate_entry *e, struct buf *ret);
/* gate_entry_next: the next entry of an answer's data; false at the end or at what is none. */
bool gate_entry_next(struct rd *data, struct gate_entry *ret);

/* gate_send: one packet, with a descriptor (borrowed; -1 = none). Never waits for the other side:
 * BUSY when it does not read. */
int gate_send(int sock, const void *p, size_t len, int fd, struct dr_err *err) DR_MUST_CHECK;
/* gate_receive: one packet into p, blocking unless the socket is not: its length, 0 at the end.
 *   ret_fd  [owned by caller] -1 when there was none; NULL: none is taken
 * BUSY: nothing there; INVALID: longer than size. */
ssize_t gate_receive(int sock, void *p, size_t size, int *ret_fd, struct dr_err *err) DR_MUST_CHECK;
/* gate_ask: the whole exchange. What `ret` borrows lies in `packet` (GATE_PACKET_BYTES). IO when
 * the other side is gone. */
int gate_ask(int sock, const struct gate_request *rq, uint8_t *packet, struct gate_answer *ret,
	     int *ret_fd, struct dr_err *err) DR_MUST_CHECK;

#endif
