/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening, reading, writing and closing: sections 6.3 to 6.5 of draft-ietf-secsh-filexfer-02. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "ssh/protocol_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/str.h"

#include "util/banned.h"

/* Section 6.3. */
enum pflag {
	PFLAG_READ = 1,
	PFLAG_WRITE = 2,
	PFLAG_APPEND = 4,
	PFLAG_CREATE = 8,
	PFLAG_TRUNCATE = 16,
	PFLAG_EXCLUSIVE = 32,
};

/* So much is hashed as it is written, before a thread is worth it; and so many may have one. */
#define LANE_FROM ((uint64_t)1 << 20)
#define LANES 4
/* The disk is started on what was written in pieces of this size, so that darkroomd's sync at the
 * end finds little left to write. */
#define AHEAD_BYTES ((uint64_t)8 << 20)

static int no_handle(struct protocol *p, const struct call *c, struct dr_err *err)
{
	return answer_status(p, c, GATE_FAILURE, "No such handle", err);
}

static unsigned gate_flags(uint32_t pflags)
{
	unsigned flags = 0;

	if (pflags & PFLAG_TRUNCATE)
		flags |= GATE_TRUNCATE;
	if (pflags & PFLAG_CREATE)
		flags |= GATE_MAY_CREATE;
	if ((pflags & PFLAG_CREATE) && (pflags & PFLAG_EXCLUSIVE))
		flags |= GATE_ONLY_NEW;
	return flags;
}

int do_open(struct protocol *p, struct call *c, struct dr_err *err)
{
	char path[GATE_PATH_TEXT];
	struct open_file *f;
	struct attrs a;
	uint32_t pflags;
	bool writes;
	int rc = take_path(p, c, path, err);

	if (rc <= 0)
		return rc;
	pflags = rd_be32(&c->args);
	if (!take_attrs(&c->args, &a))
		return answer_status(p, c, GATE_BAD, "", err);
	writes = (pflags & PFLAG_WRITE) != 0;
	f = new_file(p, writes ? OPEN_WRITER : OPEN_READER, path);
	if (!f)
		return answer_status(p, c, GATE_FAILURE, "Too many open files", err);
	question(p, writes ? GATE_CREATE : GATE_OPEN, path);
	p->rq.flags = writes ? gate_flags(pflags) : 0;
	rc = ask(p, c, &f->fd, err);
	if (rc <= 0) {
		drop_file(f);
		return rc;
	}
	f->gate = p->answer.handle;
	f->bytes = p->answer.bytes;
	f->most = p->answer.used;
	f->mtime = writes ? dr_wall() : p->answer.mtime;
	f->append = (pflags & PFLAG_APPEND) != 0;
	/* What is gone on with was not hashed here: darkroomd does it at the end. */
	if (writes && f->bytes == 0 && hash_new(&f->hash, HASH_MD5, err) < 0)
		return -1;
	return answer_handle(p, c, f, err);
}

static void forget_hash(struct open_file *f)
{
	lane_free(f->lane);
	hash_free(f->hash);
	f->lane = NULL;
	f->hash = NULL;
}

/* take_lane: if there is one to be had; otherwise it is hashed in this thread. */
static void take_lane(const struct protocol *p, struct open_file *f)
{
	struct dr_err none = DR_ERR_INIT;
	unsigned taken = 0;

	for (size_t i = 0; i < PROTOCOL_HANDLES; i++)
		taken += p->files[i].lane != NULL;
	if (taken < LANES && lane_new(&f->lane, f->hash, NULL, &none) < 0)
		f->lane = NULL;
}

/* hash_next: what is written in order is hashed beside it; anything else ends that. */
static void hash_next(const struct protocol *p, struct open_file *f, const void *data, size_t len,
		      uint64_t pos)
{

	if (!f->hash)
		return;
	if (pos != f->hashed) {
		forget_hash(f);
		return;
	}
	if (!f->lane && f->hashed >= LANE_FROM)
		take_lane(p, f);
	if (f->lane)
		lane_update(f->lane, data, len);
	else
		hash_update(f->hash, data, len);
	f->hashed += len;
}

/* write_through: by questions, where the store has no files. */
static int write_through(struct protocol *p, const struct call *c, const struct open_file *f,
			 const uint8_t *data, size_t len, uint64_t pos, struct dr_err *err)
{
	int rc = 1;

	for (size_t n; len > 0 && rc > 0; data += n, len -= n, pos += n) {
		n = dr_min_size(len, GATE_DATA_BYTES);
		question(p, GATE_WRITE, "");
		p->rq.handle = f->gate;
		p->rq.pos = pos;
		p->rq.data = data;
		p->rq.len = n;
		rc = ask(p, c, NULL, err);
	}
	return rc;
}

static int write_itself(struct open_file *f, const uint8_t *data, size_t len, uint64_t pos,
			struct dr_err *err)
{
	const uint64_t end = pos + len;

	if (dr_pwrite_all(f->fd, data, len, pos, err) < 0)
		return -1;
	if (end < f->started || end - f->started < AHEAD_BYTES)
		return 0;
	/* Only a hint: what fails is reported by the sync. */
	(void)sync_file_range(f->fd, (off_t)f->started, (off_t)(end - f->started),
			      SYNC_FILE_RANGE_WRITE);
	f->started = end;
	return 0;
}

int do_write(struct protocol *p, struct call *c, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	struct open_file *f = take_handle(p, c);
	uint64_t pos = rd_be64(&c->args), end;
	const size_t len = rd_be32(&c->args);
	const uint8_t *data = rd_bytes(&c->args, len);
	int rc = 1;

	if (!f || f->kind != OPEN_WRITER)
		return no_handle(p, c, err);
	if (f->append)
		pos = f->bytes;
	if (!rd_ok(&c->args) || !dr_add_u64(pos, len, &end) || end > INT64_MAX) {
		f->failed = true;
		return answer_status(p, c, GATE_BAD, "", err);
	}
	if (end > f->most) {
		rc = answer_status(p, c, GATE_FAILURE, "too large, or over the quota", err);
	} else if (f->fd < 0) {
		rc = write_through(p, c, f, data, len, pos, err);
	} else if (write_itself(f, data, len, pos, &e) < 0) {
		rc = answer_status(
			p, c, GATE_FAILURE,
			e.code == DR_LIMIT ? "too large, or no space left" : "writing failed", err);
	}
	if (rc <= 0) {
		f->failed = true;
		return rc;
	}
	hash_next(p, f, data, len, pos);
	if (end > f->bytes)
		f->bytes = end;
	return answer_status(p, c, GATE_OK, "", err);
}

/* look: the bytes at pos that lie in the window, fetched when none do. The count, 0 at the end. */
static ssize_t look(struct protocol *p, struct open_file *f, uint64_t pos, const uint8_t **ret,
		    struct dr_err *err)
{
	if (!f->window && !(f->window = malloc(GATE_DATA_BYTES)))
		return dr_fail_nomem(err);
	if (pos < f->window_pos || pos - f->window_pos >= f->window_len) {
		f->window_len = 0;
		question(p, GATE_READ, "");
		p->rq.handle = f->gate;
		p->rq.pos = pos;
		p->rq.bytes = GATE_DATA_BYTES;
		if (p->io.ask(p->io.arg, &p->rq, p->packet, &p->answer, NULL, err) < 0)
			return -1;
		if (p->answer.status != GATE_OK)
			return 0;
		memcpy(f->window, p->answer.data, p->answer.len);
		f->window_len = p->answer.len;
		f->window_pos = pos;
	}
	*ret = f->window + (pos - f->window_pos);
	return (ssize_t)(f->window_len - (pos - f->window_pos));
}

/* fill: up to len bytes at pos into `to`. Fewer at the end, or before what cannot be read. */
static ssize_t fill(struct protocol *p, struct open_file *f, uint8_t *to, size_t len, uint64_t pos,
		    struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	const uint8_t *from = NULL;
	size_t done = 0;
	ssize_t n;

	p->answer.status = GATE_OK;
	if (f->fd >= 0) {
		n = dr_pread_full(f->fd, to, len, pos, &e);
		if (n < 0)
			p->answer.status = GATE_FAILURE;
		return n < 0 ? 0 : n;
	}
	while (done < len) {
		n = look(p, f, pos + done, &from, err);
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		n = (ssize_t)dr_min_size((size_t)n, len - done);
		memcpy(to + done, from, (size_t)n);
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int do_read(struct protocol *p, struct call *c, struct dr_err *err)
{
	struct open_file *f = take_handle(p, c);
	const uint64_t pos = rd_be64(&c->args);
	const size_t len = dr_min_size(rd_be32(&c->args), PROTOCOL_DATA_BYTES);
	size_t began, at;
	uint8_t *to;
	ssize_t n;

	if (!rd_ok(&c->args) || !f || (f->kind != OPEN_READER && f->kind != OPEN_WRITER))
		return no_handle(p, c, err);
	if (f->kind == OPEN_WRITER && f->fd < 0)
		return answer_status(p, c, GATE_UNSUPPORTED, "", err);
	if (len == 0 || pos >= f->bytes)
		return answer_status(p, c, GATE_END, "", err);
	began = answer_begin(p, c, PACKET_DATA);
	at = p->out.len;
	buf_be(&p->out, 0, 4);
	to = buf_reserve(&p->out, len);
	if (!to)
		return buf_check(&p->out, err);
	n = fill(p, f, to, (size_t)dr_min_u64(len, f->bytes - pos), pos, err);
	if (n <= 0) {
		p->out.len = began;
		if (n < 0)
			return -1;
		return answer_status(p, c, p->answer.status == GATE_OK ? GATE_END : GATE_FAILURE,
				     "", err);
	}
	for (size_t i = 0; i < 4; i++)
		p->out.p[at + i] = (uint8_t)((size_t)n >> (24 - 8 * i));
	p->out.len += (size_t)n;
	return answer_end(p, began, err);
}

/* finish: the object appears. */
static int finish(struct protocol *p, const struct call *c, struct open_file *f, struct dr_err *err)
{
	char md5[HASH_MAX_HEX] = "";

	if (f->hash && f->hashed == f->bytes) {
		if (f->lane)
			lane_sync(f->lane);
		lane_free(f->lane);
		f->lane = NULL;
		hash_final_hex(f->hash, md5);
	}
	question(p, GATE_FINISH, "");
	p->rq.handle = f->gate;
	p->rq.flags = f->set_time ? GATE_MTIME : 0;
	p->rq.mtime = f->mtime;
	dr_copy(p->rq.other, sizeof p->rq.other, md5);
	if (f->fd >= 0)
		close(DR_STEAL_FD(f->fd));
	return ask(p, c, NULL, err);
}

int do_close(struct protocol *p, struct call *c, struct dr_err *err)
{
	struct open_file *f = take_handle(p, c);
	bool failed;
	int rc = 1;

	if (!f)
		return no_handle(p, c, err);
	failed = f->failed;
	if (f->kind == OPEN_WRITER && !failed) {
		rc = finish(p, c, f, err);
	} else if (f->kind != OPEN_DIRECTORY) {
		question(p, GATE_CLOSE, "");
		p->rq.handle = f->gate;
		rc = ask(p, c, NULL, err);
	}
	drop_file(f);
	if (rc <= 0)
		return rc;
	return failed ? answer_status(p, c, GATE_FAILURE, "nothing was kept: a write had failed",
				      err)
		      : answer_status(p, c, GATE_OK, "", err);
}

int do_fstat(struct protocol *p, struct call *c, struct dr_err *err)
{
	const struct open_file *f = take_handle(p, c);
	int rc;

	if (!f)
		return no_handle(p, c, err);
	if (f->kind != OPEN_DIRECTORY)
		return answer_attrs(p, c, GATE_FILE, f->bytes, f->mtime, err);
	question(p, GATE_STAT, f->path);
	rc = ask(p, c, NULL, err);
	return rc <= 0 ? rc
		       : answer_attrs(p, c, p->answer.kind, p->answer.bytes, p->answer.mtime, err);
}

/* resize: of what is being written. */
static bool resize(struct open_file *f, uint64_t bytes)
{
	if (f->fd < 0 || bytes > f->most || ftruncate(f->fd, (off_t)bytes) != 0)
		return false;
	if (bytes < f->hashed)
		forget_hash(f);
	f->bytes = bytes;
	return true;
}

int do_fsetstat(struct protocol *p, struct call *c, struct dr_err *err)
{
	struct open_file *f = take_handle(p, c);
	struct attrs a;

	if (!f)
		return no_handle(p, c, err);
	if (!take_attrs(&c->args, &a))
		return answer_status(p, c, GATE_BAD, "", err);
	if (f->kind != OPEN_WRITER || ((a.flags & ATTR_OWNER) && (a.uid || a.gid)) ||
	    ((a.flags & ATTR_MODE) && (a.mode & 07000)))
		return answer_status(p, c, GATE_UNSUPPORTED, "", err);
	if ((a.flags & ATTR_SIZE) && !resize(f, a.bytes))
		return answer_status(p, c, GATE_FAILURE, "", err);
	if (a.flags & ATTR_TIMES) {
		f->set_time = true;
		f->mtime = a.mtime;
	}
	return answer_status(p, c, GATE_OK, "", err);
}

int do_fsync(struct protocol *p, struct call *c, struct dr_err *err)
{
	const struct open_file *f = take_handle(p, c);

	if (!f)
		return no_handle(p, c, err);
	if (f->kind != OPEN_WRITER || f->fd < 0)
		return answer_status(p, c, GATE_UNSUPPORTED, "", err);
	return answer_status(p, c, fsync(f->fd) == 0 ? GATE_OK : GATE_FAILURE, "", err);
}
