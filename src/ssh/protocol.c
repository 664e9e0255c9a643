/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/protocol.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ssh/protocol_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

/* The longest packet: a write of the largest size with its handle (section 6.4), as OpenSSH has it.
 */
#define PACKET_BYTES ((size_t)256 << 10)
#define OUT_BYTES ((size_t)64 << 10) /* answers are gathered to this */
#define FILE_MODE (S_IFREG | 0644)
#define DIRECTORY_MODE (S_IFDIR | 0755)

/* ---- answers ---- */

static int flush(struct protocol *p, struct dr_err *err)
{
	if (buf_check(&p->out, err) < 0)
		return -1;
	if (p->out.len > 0 && p->io.send(p->io.arg, p->out.p, p->out.len, err) < 0)
		return -1;
	buf_clear(&p->out);
	return 0;
}

size_t answer_begin(struct protocol *p, const struct call *c, enum packet_type type)
{
	const size_t began = p->out.len;

	buf_be(&p->out, 0, 4);
	buf_be(&p->out, type, 1);
	buf_be(&p->out, c->id, 4);
	return began;
}

int answer_end(struct protocol *p, size_t began, struct dr_err *err)
{
	size_t len;

	if (buf_check(&p->out, err) < 0)
		return -1;
	len = p->out.len - began - 4;
	for (size_t i = 0; i < 4; i++)
		p->out.p[began + i] = (uint8_t)(len >> (24 - 8 * i));
	return p->out.len >= OUT_BYTES ? flush(p, err) : 0;
}

static void put_string(struct buf *b, const void *s, size_t len)
{
	buf_be(b, len, 4);
	buf_append(b, s, len);
}

int answer_status(struct protocol *p, const struct call *c, enum gate_status status,
		  const char *message, struct dr_err *err)
{
	static const char *const words[] = {
		[GATE_OK] = "Success",
		[GATE_END] = "End of file",
		[GATE_NO_SUCH_FILE] = "No such file",
		[GATE_DENIED] = "Permission denied",
		[GATE_FAILURE] = "Failure",
		[GATE_BAD] = "Bad message",
		[GATE_UNSUPPORTED] = "Operation unsupported",
	};
	const char *text = message[0] ? message : words[status] ? words[status] : "Failure";
	const size_t began = answer_begin(p, c, PACKET_STATUS);

	buf_be(&p->out, (uint64_t)status, 4);
	put_string(&p->out, text, strlen(text));
	put_string(&p->out, "en", 2);
	return answer_end(p, began, err);
}

/* put_attrs: section 5. Times before 1970 and after 2106 have no place in it. */
static void put_attrs(struct buf *b, enum gate_kind kind, uint64_t bytes, int64_t mtime)
{
	const uint64_t time = mtime < 0 ? 0 : dr_min_u64((uint64_t)mtime, UINT32_MAX);

	buf_be(b, ATTR_SIZE | ATTR_OWNER | ATTR_MODE | ATTR_TIMES, 4);
	buf_be(b, bytes, 8);
	buf_be(b, 0, 8);
	buf_be(b, kind == GATE_DIRECTORY ? DIRECTORY_MODE : FILE_MODE, 4);
	buf_be(b, time, 4);
	buf_be(b, time, 4);
}

int answer_attrs(struct protocol *p, const struct call *c, enum gate_kind kind, uint64_t bytes,
		 int64_t mtime, struct dr_err *err)
{
	const size_t began = answer_begin(p, c, PACKET_ATTRS);

	put_attrs(&p->out, kind, bytes, mtime);
	return answer_end(p, began, err);
}

int answer_handle(struct protocol *p, const struct call *c, const struct open_file *f,
		  struct dr_err *err)
{
	const size_t began = answer_begin(p, c, PACKET_HANDLE);

	buf_be(&p->out, 8, 4);
	buf_be(&p->out, (uint64_t)(f - p->files), 4);
	buf_be(&p->out, f->serial, 4);
	return answer_end(p, began, err);
}

/* put_longname: as `ls -l` has it (section 7): with the year for what is older than half a year. */
static void put_longname(struct buf *b, const struct gate_entry *e)
{
	dr_autobuf struct buf line = BUF_INIT;
	const bool directory = e->kind == GATE_DIRECTORY;
	const int64_t age = dr_wall() - e->mtime;
	const time_t t = (time_t)e->mtime;
	char date[32] = "";
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(date, sizeof date,
			 age >= 0 && age < 365 * 43200 ? "%b %e %H:%M" : "%b %e  %Y", &tm);
	buf_printf(&line, "%s 1 0 0 %" PRIu64 " %s %s", directory ? "drwxr-xr-x" : "-rw-r--r--",
		   e->bytes, date, e->name);
	put_string(b, buf_str(&line), line.len);
}

/* ---- questions ---- */

void question(struct protocol *p, enum gate_op op, const char *path)
{
	p->rq = (struct gate_request){.op = op};
	dr_copy(p->rq.path, sizeof p->rq.path, path);
}

int ask(struct protocol *p, const struct call *c, int *ret_fd, struct dr_err *err)
{
	dr_autofd int fd = -1;

	if (p->io.ask(p->io.arg, &p->rq, p->packet, &p->answer, &fd, err) < 0)
		return -1;
	if (p->answer.status != GATE_OK)
		return answer_status(p, c, p->answer.status, p->answer.message, err);
	if (ret_fd)
		*ret_fd = DR_STEAL_FD(fd);
	return 1;
}

/* ---- arguments ---- */

static const char *take_string(struct rd *r, size_t *ret_len)
{
	const uint8_t *p;

	*ret_len = rd_be32(r);
	p = rd_bytes(r, *ret_len);
	return rd_ok(r) ? (const char *)p : NULL;
}

bool take_attrs(struct rd *r, struct attrs *ret)
{
	uint32_t n;
	size_t len;

	*ret = (struct attrs){.flags = rd_be32(r)};
	if (ret->flags & ATTR_SIZE)
		ret->bytes = rd_be64(r);
	if (ret->flags & ATTR_OWNER) {
		ret->uid = rd_be32(r);
		ret->gid = rd_be32(r);
	}
	if (ret->flags & ATTR_MODE)
		ret->mode = rd_be32(r);
	if (ret->flags & ATTR_TIMES) {
		ret->atime = rd_be32(r);
		ret->mtime = rd_be32(r);
	}
	if (ret->flags & ATTR_EXTENDED) {
		n = rd_be32(r);
		for (uint32_t i = 0; i < n && rd_ok(r); i++) {
			(void)take_string(r, &len);
			(void)take_string(r, &len);
		}
	}
	return rd_ok(r);
}

int take_path(struct protocol *p, struct call *c, char ret[static GATE_PATH_TEXT],
	      struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;
	size_t len;
	const char *path = take_string(&c->args, &len);

	if (!path)
		return answer_status(p, c, GATE_BAD, "", err);
	if (gate_path_clean(path, len, ret, &e) < 0)
		return answer_status(p, c, GATE_NO_SUCH_FILE, e.msg, err);
	return 1;
}

struct open_file *take_handle(struct protocol *p, struct call *c)
{
	const uint32_t len = rd_be32(&c->args);
	uint32_t n, serial;

	if (len != 8)
		return NULL;
	n = rd_be32(&c->args);
	serial = rd_be32(&c->args);
	if (!rd_ok(&c->args) || n >= PROTOCOL_HANDLES || p->files[n].kind == OPEN_NOTHING ||
	    p->files[n].serial != serial)
		return NULL;
	return &p->files[n];
}

struct open_file *new_file(struct protocol *p, enum open_kind kind, const char *path)
{
	for (size_t i = 0; i < PROTOCOL_HANDLES; i++) {
		struct open_file *f = &p->files[i];

		if (f->kind != OPEN_NOTHING)
			continue;
		*f = (struct open_file){.fd = -1, .path = strdup(path)};
		if (!f->path)
			return NULL;
		f->kind = kind;
		f->serial = ++p->serial;
		return f;
	}
	return NULL;
}

void drop_file(struct open_file *f)
{
	lane_free(f->lane);
	hash_free(f->hash);
	free(f->window);
	free(f->path);
	free(f->last);
	if (f->fd >= 0)
		close(f->fd);
	*f = (struct open_file){.fd = -1};
}

/* ---- requests about names ---- */

static int do_init(struct protocol *p, struct call *c, struct dr_err *err)
{
	static const char *const extensions[] = {
		"posix-rename@openssh.com", "1", "statvfs@openssh.com", "2",
		"fstatvfs@openssh.com",     "2", "fsync@openssh.com",   "1",
		"limits@openssh.com",       "1",
	};
	const size_t began = p->out.len;

	(void)c; /* the client's version, which has no number: section 4 */
	buf_be(&p->out, 0, 4);
	buf_be(&p->out, PACKET_VERSION, 1);
	buf_be(&p->out, 3, 4);
	for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
		put_string(&p->out, extensions[i], strlen(extensions[i]));
	return answer_end(p, began, err);
}

static int do_stat(struct protocol *p, struct call *c, struct dr_err *err)
{
	char path[GATE_PATH_TEXT];
	int rc = take_path(p, c, path, err);

	if (rc <= 0)
		return rc;
	question(p, GATE_STAT, path);
	rc = ask(p, c, NULL, err);
	return rc <= 0 ? rc
		       : answer_attrs(p, c, p->answer.kind, p->answer.bytes, p->answer.mtime, err);
}

static int do_setstat(struct protocol *p, struct call *c, struct dr_err *err)
{
	char path[GATE_PATH_TEXT];
	struct attrs a;
	int rc = take_path(p, c, path, err);

	if (rc <= 0)
		return rc;
	if (!take_attrs(&c->args, &a))
		return answer_status(p, c, GATE_BAD, "", err);
	/* A mode that comes with a time is what a copy keeps of its source (put -p): the time is
	 * kept. What would change who may read is not answered with a success that is none. */
	if ((a.flags & ATTR_SIZE) || ((a.flags & ATTR_OWNER) && (a.uid || a.gid)) ||
	    ((a.flags & ATTR_MODE) && (a.mode & 07000)))
		return answer_status(p, c, GATE_UNSUPPORTED, "", err);
	question(p, a.flags & ATTR_TIMES ? GATE_SET_TIME : GATE_STAT, path);
	p->rq.mtime = a.mtime;
	rc = ask(p, c, NULL, err);
	if (rc <= 0)
		return rc;
	if (!(a.flags & ATTR_TIMES) && (a.flags & ATTR_MODE) &&
	    (a.mode & 0777) != (p->answer.kind == GATE_DIRECTORY ? 0755 : 0644))
		return answer_status(p, c, GATE_UNSUPPORTED,
				     "who may read is a matter of the container's ACL", err);
	return answer_status(p, c, GATE_OK, "", err);
}

static int do_opendir(struct protocol *p, struct call *c, struct dr_err *err)
{
	char path[GATE_PATH_TEXT];
	struct open_file *f;
	int rc = take_path(p, c, path, err);

	if (rc <= 0)
		return rc;
	question(p, GATE_STAT, path);
	p->rq.flags = GATE_ENTER;
	rc = ask(p, c, NULL, err);
	if (rc <= 0)
		return rc;
	if (p->answer.kind != GATE_DIRECTORY)
		return answer_status(p, c, GATE_FAILURE, "Not a directory", err);
	f = new_file(p, OPEN_DIRECTORY, path);
	if (!f)
		return answer_status(p, c, GATE_FAILURE, "Too many open files", err);
	return answer_handle(p, c, f, err);
}

/* put_entries: the names in p->answer; how many. */
static uint32_t put_entries(struct protocol *p)
{
	struct rd data = rd_init(p->answer.data, p->answer.len);
	struct gate_entry e;
	uint32_t n = 0;

	while (rd_left(&data) > 0 && gate_entry_next(&data, &e)) {
		put_string(&p->out, e.name, strlen(e.name));
		put_longname(&p->out, &e);
		put_attrs(&p->out, e.kind, e.bytes, e.mtime);
		n++;
	}
	return n;
}

static int do_readdir(struct protocol *p, struct call *c, struct dr_err *err)
{
	struct open_file *f = take_handle(p, c);
	uint32_t n;
	size_t began;
	int rc;

	if (!f || f->kind != OPEN_DIRECTORY)
		return answer_status(p, c, GATE_FAILURE, "Not a directory handle", err);
	for (;;) {
		if (f->at_end)
			return answer_status(p, c, GATE_END, "", err);
		question(p, GATE_LIST, f->path);
		dr_copy(p->rq.other, sizeof p->rq.other, f->last ? f->last : "");
		rc = ask(p, c, NULL, err);
		if (rc <= 0)
			return rc;
		free(f->last);
		f->last = strdup(p->answer.message);
		f->at_end = !p->answer.more;
		if (!f->last)
			return dr_fail_nomem(err);
		began = answer_begin(p, c, PACKET_NAME);
		buf_be(&p->out, 0, 4);
		n = put_entries(p);
		if (n > 0)
			break;
		p->out.len = began; /* a page of names that cannot be shown */
	}
	if (buf_ok(&p->out))
		for (size_t i = 0; i < 4; i++)
			p->out.p[began + 9 + i] = (uint8_t)(n >> (24 - 8 * i));
	return answer_end(p, began, err);
}

static int do_realpath(struct protocol *p, struct call *c, struct dr_err *err)
{
	char path[GATE_PATH_TEXT];
	size_t began;
	int rc = take_path(p, c, path, err);

	if (rc <= 0)
		return rc;
	began = answer_begin(p, c, PACKET_NAME);
	buf_be(&p->out, 1, 4);
	put_string(&p->out, path, strlen(path));
	put_string(&p->out, path, strlen(path));
	buf_be(&p->out, 0, 4); /* section 6.11: dummy attributes */
	return answer_end(p, began, err);
}

static int simple(struct protocol *p, struct call *c, enum gate_op op, struct dr_err *err)
{
	char path[GATE_PATH_TEXT];
	int rc = take_path(p, c, path, err);

	if (rc <= 0)
		return rc;
	question(p, op, path);
	rc = ask(p, c, NULL, err);
	return rc <= 0 ? rc : answer_status(p, c, GATE_OK, "", err);
}

static int do_remove(struct protocol *p, struct call *c, struct dr_err *err)
{
	return simple(p, c, GATE_REMOVE, err);
}

static int do_mkdir(struct protocol *p, struct call *c, struct dr_err *err)
{
	return simple(p, c, GATE_MKDIR, err);
}

static int do_rmdir(struct protocol *p, struct call *c, struct dr_err *err)
{
	return simple(p, c, GATE_RMDIR, err);
}

static int rename_to(struct protocol *p, struct call *c, unsigned flags, struct dr_err *err)
{
	char from[GATE_PATH_TEXT], to[GATE_PATH_TEXT];
	int rc = take_path(p, c, from, err);

	if (rc > 0)
		rc = take_path(p, c, to, err);
	if (rc <= 0)
		return rc;
	question(p, GATE_RENAME, from);
	dr_copy(p->rq.other, sizeof p->rq.other, to);
	p->rq.flags = flags;
	rc = ask(p, c, NULL, err);
	return rc <= 0 ? rc : answer_status(p, c, GATE_OK, "", err);
}

static int do_rename(struct protocol *p, struct call *c, struct dr_err *err)
{
	return rename_to(p, c, 0, err);
}

/* answer_space: statvfs@openssh.com's reply (OpenSSH PROTOCOL section 4.4). */
static int answer_space(struct protocol *p, struct call *c, const char *path, struct dr_err *err)
{
	const uint64_t block = 4096;
	uint64_t all, left;
	size_t began;
	int rc;

	question(p, GATE_SPACE, path);
	rc = ask(p, c, NULL, err);
	if (rc <= 0)
		return rc;
	all = p->answer.bytes / block;
	left = p->answer.bytes > p->answer.used ? (p->answer.bytes - p->answer.used) / block : 0;
	began = answer_begin(p, c, PACKET_EXTENDED_REPLY);
	buf_be(&p->out, block, 8);
	buf_be(&p->out, block, 8);
	buf_be(&p->out, all, 8);
	buf_be(&p->out, left, 8);
	buf_be(&p->out, left, 8);
	for (int i = 0; i < 3; i++)
		buf_be(&p->out, UINT32_MAX, 8); /* files: as many as one likes */
	buf_be(&p->out, 0, 8);
	buf_be(&p->out, 2, 8); /* ST_NOSUID */
	buf_be(&p->out, GATE_OBJECT_BYTES, 8);
	return answer_end(p, began, err);
}

static int answer_limits(struct protocol *p, struct call *c, struct dr_err *err)
{
	const size_t began = answer_begin(p, c, PACKET_EXTENDED_REPLY);

	buf_be(&p->out, PACKET_BYTES, 8);
	buf_be(&p->out, PROTOCOL_DATA_BYTES, 8);
	buf_be(&p->out, PROTOCOL_DATA_BYTES, 8);
	buf_be(&p->out, PROTOCOL_HANDLES, 8);
	return answer_end(p, began, err);
}

static int do_extended(struct protocol *p, struct call *c, struct dr_err *err)
{
	char path[GATE_PATH_TEXT];
	struct open_file *f;
	size_t len;
	const char *given = take_string(&c->args, &len);
	char name[64] = "";
	int rc;

	if (!given)
		return answer_status(p, c, GATE_BAD, "", err);
	memcpy(name, given, dr_min_size(len, sizeof name - 1));
	if (strcmp(name, "posix-rename@openssh.com") == 0)
		return rename_to(p, c, GATE_REPLACE, err);
	if (strcmp(name, "limits@openssh.com") == 0)
		return answer_limits(p, c, err);
	if (strcmp(name, "fsync@openssh.com") == 0)
		return do_fsync(p, c, err);
	if (strcmp(name, "statvfs@openssh.com") == 0) {
		rc = take_path(p, c, path, err);
		return rc <= 0 ? rc : answer_space(p, c, path, err);
	}
	if (strcmp(name, "fstatvfs@openssh.com") == 0) {
		f = take_handle(p, c);
		return f ? answer_space(p, c, f->path, err)
			 : answer_status(p, c, GATE_FAILURE, "No such handle", err);
	}
	return answer_status(p, c, GATE_UNSUPPORTED, "", err);
}

/* ---- packets ---- */

static int dispatch(struct protocol *p, unsigned type, struct call *c, struct dr_err *err)
{
	static int (*const handlers[])(struct protocol *, struct call *, struct dr_err *) = {
		[PACKET_OPEN] = do_open,         [PACKET_CLOSE] = do_close,
		[PACKET_READ] = do_read,         [PACKET_WRITE] = do_write,
		[PACKET_LSTAT] = do_stat,        [PACKET_FSTAT] = do_fstat,
		[PACKET_SETSTAT] = do_setstat,   [PACKET_FSETSTAT] = do_fsetstat,
		[PACKET_OPENDIR] = do_opendir,   [PACKET_READDIR] = do_readdir,
		[PACKET_REMOVE] = do_remove,     [PACKET_MKDIR] = do_mkdir,
		[PACKET_RMDIR] = do_rmdir,       [PACKET_REALPATH] = do_realpath,
		[PACKET_STAT] = do_stat,         [PACKET_RENAME] = do_rename,
		[PACKET_EXTENDED] = do_extended,
	};

	if (type < sizeof handlers / sizeof *handlers && handlers[type])
		return handlers[type](p, c, err);
	/* READLINK and SYMLINK among them */
	return answer_status(p, c, GATE_UNSUPPORTED, "", err);
}

/* run: one whole packet without its length. Section 4: INIT comes first, and once. */
static int run(struct protocol *p, const uint8_t *data, size_t len, struct dr_err *err)
{
	struct call c = {.args = rd_init(data, len)};
	const unsigned type = rd_u8(&c.args);

	c.id = rd_be32(&c.args);
	if (!rd_ok(&c.args) || (type == PACKET_INIT) == p->started)
		return dr_fail(err, DR_INVALID, "a malformed packet");
	if (type == PACKET_INIT) {
		p->started = true;
		return do_init(p, &c, err);
	}
	return dispatch(p, type, &c, err);
}

/* whole: the length of the packet at data, its four bytes included; 0 = not all of it is there. */
static int whole(const uint8_t *data, size_t len, size_t *ret, struct dr_err *err)
{
	struct rd r = rd_init(data, len);
	const size_t n = rd_be32(&r);

	*ret = 0;
	if (!rd_ok(&r))
		return 0;
	if (n < 5 || n > PACKET_BYTES)
		return dr_fail(err, DR_INVALID, "a packet of %zu bytes", n);
	if (n <= rd_left(&r))
		*ret = 4 + n;
	return 0;
}

int protocol_feed(struct protocol *p, const void *data, size_t len, struct dr_err *err)
{
	const uint8_t *at = data;
	size_t left = len, n;
	const bool gathered = p->in.len > 0;

	if (gathered) {
		buf_append(&p->in, data, len);
		if (buf_check(&p->in, err) < 0)
			return -1;
		at = p->in.p;
		left = p->in.len;
	}
	for (;;) {
		if (whole(at, left, &n, err) < 0)
			return -1;
		if (n == 0)
			break;
		if (run(p, at + 4, n - 4, err) < 0)
			return -1;
		at += n;
		left -= n;
	}
	if (gathered) {
		if (at != p->in.p)
			memmove(p->in.p, at, left);
		p->in.len = left;
	} else if (left > 0) {
		buf_append(&p->in, at, left);
	}
	return flush(p, err);
}

int protocol_new(struct protocol **ret, const struct protocol_io *io, struct dr_err *err)
{
	struct protocol *p = calloc(1, sizeof *p);

	if (!p)
		return dr_fail_nomem(err);
	p->io = *io;
	for (size_t i = 0; i < PROTOCOL_HANDLES; i++)
		p->files[i].fd = -1;
	*ret = p;
	return 0;
}

void protocol_free(struct protocol *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < PROTOCOL_HANDLES; i++)
		drop_file(&p->files[i]);
	buf_done(&p->in);
	buf_done(&p->out);
	free(p);
}
