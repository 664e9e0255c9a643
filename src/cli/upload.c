/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/lanes.h"
#include "cli/large.h"
#include "cli/progress.h"
#include "digest/digest.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/mutex.h"
#include "util/str.h"

#include "util/banned.h"

#define SEGMENT_BYTES ((uint64_t)64 << 20)
#define SEGMENTS 1000U      /* of a static large object (api.md section 7.2) */
#define STREAM_DOUBLES 256U /* segments, before those of a stream grow */
#define MIB ((uint64_t)1 << 20)
#define BLOCK_BYTES ((size_t)256 << 10)
#define POLL_MS 100
#define MD5_HEX 33

struct segment {
	char md5[MD5_HEX]; /* "": not there yet */
	uint64_t bytes;
};

struct upload {
	struct remote *remote;
	const struct upload_request *req;
	struct upload_facts *facts;
	struct progress progress;
	int fd;
	bool stream;
	uint64_t bytes;         /* of the file; PROGRESS_UNKNOWN of a stream */
	uint64_t segment_bytes; /* of all but the last; those of a stream grow */
	struct buf mtime;
	struct buf container; /* of the segments */
	struct buf prefix;    /* of their names */
	json_t *there;        /* owned: the segments that are there already, by name; or NULL */
	uint8_t *head;        /* owned: the first segment of a stream, until it is taken */
	atomic_uint_fast64_t done;
	atomic_uint_fast64_t spared; /* of them: were there already */
	struct dr_mutex lock;
	struct hash *whole; /* owned: of what was taken, in its order, under the lock; or NULL */
	unsigned next;      /* segment to be taken, under the lock */
	bool ended;         /* there is no other, under the lock */
	struct segment list[SEGMENTS];
};

/* A run of bytes that becomes one object. */
struct piece {
	struct upload *upload;
	const struct lanes *lanes; /* NULL: sent by the calling thread */
	const struct interrupt *in;
	const uint8_t *memory; /* NULL: in the file, at `off` */
	uint64_t off;
	uint64_t bytes;
	uint64_t counted;  /* of its bytes, in upload.done */
	char md5[MD5_HEX]; /* "": not known */
};

uint64_t upload_segment_bytes(uint64_t bytes)
{
	uint64_t fitting = dr_div_up(dr_div_up(bytes, SEGMENTS), MIB) * MIB;

	if (fitting > UPLOAD_SEGMENT_MAX)
		return 0;
	return fitting > SEGMENT_BYTES ? fitting : SEGMENT_BYTES;
}

/* piece_get: exactly len bytes of a piece. */
static int piece_get(const struct piece *p, void *to, size_t len, uint64_t pos, struct dr_err *err)
{
	ssize_t n;

	if (p->memory) {
		memcpy(to, p->memory + pos, len);
		return 0;
	}
	n = dr_pread_full(p->upload->fd, to, len, p->off + pos, err);
	if (n < 0)
		return -1;
	if ((size_t)n < len)
		return dr_fail(err, DR_CONFLICT, "%s became shorter", p->upload->req->file);
	return 0;
}

/* piece_hash: its bytes into a hash; NULL: none is wanted. */
static int piece_hash(const struct piece *p, struct hash *hash, struct dr_err *err)
{
	dr_autofree uint8_t *block = hash ? malloc(BLOCK_BYTES) : NULL;
	size_t n;

	if (!hash)
		return 0;
	if (!block)
		return dr_fail_nomem(err);
	for (uint64_t pos = 0; pos < p->bytes; pos += n) {
		n = (size_t)dr_min_u64(BLOCK_BYTES, p->bytes - pos);
		if (piece_get(p, block, n, pos, err) < 0)
			return -1;
		hash_update(hash, block, n);
	}
	return 0;
}

static int piece_md5(struct piece *p, struct dr_err *err)
{
	DR_CLEANUP(hash_freep) struct hash *hash = NULL;
	char hex[HASH_MAX_HEX];

	if (hash_new(&hash, HASH_MD5, err) < 0 || piece_hash(p, hash, err) < 0)
		return -1;
	hash_final_hex(hash, hex);
	dr_copy(p->md5, sizeof p->md5, hex);
	return 0;
}

static void count(struct piece *p, uint64_t bytes)
{
	atomic_fetch_add(&p->upload->done, bytes - p->counted); /* modulo 2^64: less is fine */
	p->counted = bytes;
}

static ssize_t piece_read(void *arg, void *to, size_t len, uint64_t pos, struct dr_err *err)
{
	struct piece *p = arg;
	size_t n = (size_t)dr_min_u64(len, p->bytes - pos);

	if (n > 0 && piece_get(p, to, n, pos, err) < 0)
		return -1;
	count(p, pos + n);
	return (ssize_t)n;
}

static void show(void *arg)
{
	struct upload *u = arg;
	struct progress_state st = {
		.phase = "upload", .done = atomic_load(&u->done), .total = u->bytes};

	st.rate = progress_rate(&u->progress, st.done);
	progress_show(&u->progress, &st);
}

static bool piece_tick(void *arg)
{
	const struct piece *p = arg;

	if (p->lanes)
		return lanes_stopped(p->lanes);
	show(p->upload);
	return interrupt_seen(p->in, -1, 0);
}

/* put_once: one object of one piece. The service checks it against its MD5, or says what it is. */
static int put_once(struct piece *p, struct web *web, const char *container, const char *name,
		    struct dr_err *err)
{
	const struct web_source source = {.read = piece_read, .arg = p, .bytes = p->bytes};
	const struct web_sink sink = {.tick = piece_tick, .arg = p};
	dr_autobuf struct buf etag = BUF_INIT;
	const char *headers[] = {buf_str(&p->upload->mtime), NULL, NULL};
	const struct remote_call call = {.method = "PUT",
					 .container = container,
					 .name = name,
					 .headers = headers,
					 .source = &source,
					 .sink = &sink};
	dr_autobuf struct buf reply = BUF_INIT;

	buf_printf(&etag, "Etag: %s", p->md5);
	if (buf_check(&etag, err) < 0)
		return -1;
	if (p->md5[0])
		headers[1] = buf_str(&etag);
	if (remote_done(p->upload->remote, web, &call, &reply, err) < 0) {
		count(p, 0);
		return -1;
	}
	if (!p->md5[0])
		(void)large_etag(web_header(web, "Etag"), p->md5, sizeof p->md5);
	return p->md5[0] ? 0 : dr_fail(err, DR_REMOTE, "the service does not say what it got");
}

/* container_again: whether what failed for want of its container is worth another try: another
 * upload may have removed an empty one (offer_remove). */
static bool container_again(struct upload *u, struct web *web, const char *container, unsigned try,
			    struct dr_err *err)
{
	struct dr_err ignored = DR_ERR_INIT;

	if (err->code != DR_NOT_FOUND || try > 1 ||
	    remote_make(u->remote, web, container, &ignored) < 0)
		return false;
	dr_err_clear(err);
	return true;
}

static int put(struct piece *p, struct web *web, const char *container, const char *name,
	       struct dr_err *err)
{
	for (unsigned try = 1; put_once(p, web, container, name, err) < 0; try++)
		if (!container_again(p->upload, web, container, try, err) &&
		    !lanes_again(p->lanes, try, err))
			return -1;
	return 0;
}

/* ---- segments ---- */

static uint64_t stream_segment_bytes(const struct upload *u, unsigned index)
{
	return u->segment_bytes << index / STREAM_DOUBLES;
}

/* read_stream: up to len bytes, fewer only at the end. */
static ssize_t read_stream(int fd, const struct lanes *l, const struct interrupt *in, uint8_t *to,
			   size_t len, struct dr_err *err)
{
	struct pollfd set = {.fd = fd, .events = POLLIN};
	size_t have = 0;
	ssize_t n;

	while (have < len) {
		if (l ? lanes_stopped(l) : interrupt_seen(in, -1, 0))
			return dr_fail(err, DR_CANCELLED, "interrupted");
		if (poll(&set, 1, POLL_MS) == 0)
			continue;
		n = read(fd, to + have, len - have);
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return dr_fail_errno(err, "read standard input");
		if (n == 0)
			break;
		have += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)have;
}

/* take_stream: the next segment of a stream into the lane's memory; under the lock, since a stream
 * has an order. */
static int take_stream(struct upload *u, struct piece *p, uint8_t **memory, struct dr_err *err)
{
	size_t room = (size_t)stream_segment_bytes(u, u->next);
	uint8_t *more;
	ssize_t n;

	if (u->head) {
		free(*memory);
		*memory = DR_STEAL(u->head);
		n = (ssize_t)room;
	} else {
		more = realloc(*memory, room);
		if (!more)
			return dr_fail_nomem(err);
		*memory = more;
		n = read_stream(u->fd, p->lanes, NULL, more, room, err);
	}
	if (n < 0)
		return -1;
	u->ended = (size_t)n < room;
	if (n > 0 && u->next == SEGMENTS)
		return dr_fail(err, DR_LIMIT, "standard input is too long for one object");
	p->memory = *memory;
	p->bytes = (uint64_t)n;
	return n > 0;
}

static int take_file(struct upload *u, struct piece *p)
{
	p->off = u->next * u->segment_bytes;
	p->bytes = dr_min_u64(u->segment_bytes, u->bytes - p->off);
	u->ended = p->off + p->bytes == u->bytes;
	return 1;
}

/* take: the next segment. 1 and its number, or 0: there is none. */
static int take(struct upload *u, struct piece *p, uint8_t **memory, unsigned *index,
		struct dr_err *err)
{
	int got = 0;

	dr_lock(&u->lock);
	if (!u->ended)
		got = u->stream ? take_stream(u, p, memory, err) : take_file(u, p);
	if (got > 0 && piece_hash(p, u->whole, err) < 0)
		got = -1;
	*index = u->next;
	u->next += got > 0;
	dr_unlock(&u->lock);
	return got;
}

/* same: whether a row of the listing is of this very piece. */
static bool same(const json_t *row, const struct piece *p)
{
	return dr_streq(view_text(row, "hash"), p->md5) &&
	       (uint64_t)view_number(row, "bytes") == p->bytes;
}

static void segment_name(const struct upload *u, unsigned index, struct buf *ret)
{
	buf_printf(ret, "%s%08u", buf_str(&u->prefix), index);
}

static int send_segment(struct upload *u, struct piece *p, struct web *web, unsigned index,
			struct dr_err *err)
{
	dr_autobuf struct buf name = BUF_INIT;
	const json_t *there;

	segment_name(u, index, &name);
	if (buf_check(&name, err) < 0)
		return -1;
	there = json_object_get(u->there, buf_str(&name));
	if ((there || !u->whole) && piece_md5(p, err) < 0)
		return -1;
	if (there && same(there, p)) {
		count(p, p->bytes);
		atomic_fetch_add(&u->spared, p->bytes);
	} else if (put(p, web, buf_str(&u->container), buf_str(&name), err) < 0) {
		return -1;
	}
	dr_lock(&u->lock);
	dr_copy(u->list[index].md5, sizeof u->list[index].md5, p->md5);
	u->list[index].bytes = p->bytes;
	dr_unlock(&u->lock);
	return 0;
}

static int run_lane(void *arg, struct lanes *l, struct web *web, struct dr_err *err)
{
	dr_autofree uint8_t *memory = NULL;
	struct upload *u = arg;

	while (!lanes_stopped(l)) {
		struct piece p = {.upload = u, .lanes = l};
		unsigned index;
		int got = take(u, &p, &memory, &index, err);

		if (got <= 0)
			return got;
		if (send_segment(u, &p, web, index, err) < 0)
			return -1;
	}
	return 0;
}

/* note_there: a page of the listing of segments. */
static int note_there(void *arg, const json_t *rows, struct dr_err *err)
{
	struct upload *u = arg;

	for (size_t i = 0; i < json_array_size(rows); i++) {
		json_t *row = json_array_get(rows, i);

		if (json_object_set(u->there, view_text(row, "name"), row) < 0)
			return dr_fail_nomem(err);
	}
	return 0;
}

/* name_segments: as the swift command does, so that either goes on where the other stopped. */
static int name_segments(struct upload *u, const struct stat *st, struct dr_err *err)
{
	const struct timespec *t = &st->st_mtim;
	uint32_t noise[2];

	buf_printf(&u->container, "%s_segments", u->req->container);
	if (u->stream) {
		dr_random(noise, sizeof noise);
		buf_printf(&u->prefix, "%s/slo/%lld.%08x%08x/", u->req->name, (long long)dr_wall(),
			   noise[0], noise[1]);
	} else {
		buf_printf(&u->prefix, "%s/slo/%lld.%06ld/%llu/%llu/", u->req->name,
			   (long long)t->tv_sec, t->tv_nsec / 1000, (unsigned long long)u->bytes,
			   (unsigned long long)u->segment_bytes);
	}
	return buf_check(&u->container, err) < 0 ? -1 : buf_check(&u->prefix, err);
}

/* prepare_segments: their container, and what it has of them. */
static int prepare_segments(struct upload *u, struct dr_err *err)
{
	const struct remote_listing listing = {.container = buf_str(&u->container),
					       .prefix = buf_str(&u->prefix),
					       .page = note_there,
					       .arg = u};
	struct dr_err why = DR_ERR_INIT;

	/* Who may not make containers may have been given one. */
	if (remote_make(u->remote, remote_web(u->remote), buf_str(&u->container), &why) < 0 &&
	    why.code != DR_DENIED) {
		*err = why;
		return -1;
	}
	u->there = json_object();
	if (!u->there)
		return dr_fail_nomem(err);
	if (u->stream)
		return 0;
	dr_err_clear(&why);
	if (remote_list(u->remote, remote_web(u->remote), &listing, &why) < 0 &&
	    why.code != DR_DENIED) {
		*err = why;
		return -1;
	}
	return 0;
}

/* remove_named: all objects of a list of "/container/name" that are not in `keep`. Best effort: the
 * new object is there. */
static void remove_named(struct upload *u, const json_t *names, const json_t *keep)
{
	dr_autobuf struct buf lines = BUF_INIT;
	struct dr_err ignored = DR_ERR_INIT;

	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = view_text(json_array_get(names, i), "name");

		if (!json_object_get(keep, name)) {
			remote_encode(&lines, name);
			buf_putc(&lines, '\n');
		}
	}
	if (lines.len > 0 &&
	    remote_remove_bulk(u->remote, remote_web(u->remote), buf_str(&lines), &ignored) < 0)
		return;
}

/* new_segments: {"/container/name": true}, and as rows for remove_named(); of those that are there.
 */
static json_t *new_segments(const struct upload *u, bool as_rows)
{
	json_auto json_t *all = as_rows ? json_array() : json_object();
	json_t *made = NULL;

	for (unsigned i = 0; i < u->next; i++) {
		dr_autobuf struct buf path = BUF_INIT;
		int rc;

		if (!u->list[i].md5[0])
			continue;
		buf_printf(&path, "/%s/", buf_str(&u->container));
		segment_name(u, i, &path);
		rc = as_rows ? json_array_append_new(all, json_pack("{ss}", "name", buf_str(&path)))
			     : json_object_set_new(all, buf_str(&path), json_true());
		if (rc < 0)
			return NULL;
	}
	made = DR_STEAL(all);
	return made;
}

static int make_manifest(const struct upload *u, char **ret, struct dr_err *err)
{
	json_auto json_t *list = json_array();

	for (unsigned i = 0; i < u->next; i++) {
		dr_autobuf struct buf path = BUF_INIT;

		buf_printf(&path, "/%s/", buf_str(&u->container));
		segment_name(u, i, &path);
		if (json_array_append_new(list, json_pack("{ss, ss, sI}", "path", buf_str(&path),
							  "etag", u->list[i].md5, "size_bytes",
							  (json_int_t)u->list[i].bytes)) < 0)
			return dr_fail_nomem(err);
	}
	*ret = json_dumps(list, JSON_COMPACT);
	return *ret ? 0 : dr_fail_nomem(err);
}

/* put_manifest: the object appears. */
static int put_manifest(struct upload *u, struct dr_err *err)
{
	/* Its type is that of the name, not libcurl's. */
	const char *headers[] = {buf_str(&u->mtime), "Content-Type:", NULL};
	struct remote_call call = {.method = "PUT",
				   .container = u->req->container,
				   .name = u->req->name,
				   .query = "multipart-manifest=put",
				   .headers = headers};
	dr_autobuf struct buf reply = BUF_INIT;
	dr_autofree char *body = NULL;

	if (make_manifest(u, &body, err) < 0)
		return -1;
	call.body = body;
	for (unsigned try = 1;
	     remote_done(u->remote, remote_web(u->remote), &call, &reply, err) < 0; try++)
		if (!container_again(u, remote_web(u->remote), call.container, try, err))
			return -1;
	return 0;
}

static int send_large(struct upload *u, const struct interrupt *in, struct dr_err *err)
{
	const struct lanes_job job = {.count = LANES, .run = run_lane, .show = show, .arg = u};
	json_auto json_t *sent = NULL;

	u->facts->large = true;
	if (prepare_segments(u, err) < 0)
		return -1;
	if (lanes_run(u->remote, in, &job, err) == 0 && put_manifest(u, err) == 0)
		return 0;
	if (u->stream) { /* it cannot be gone on with */
		sent = new_segments(u, true);
		remove_named(u, sent, NULL);
	}
	return -1;
}

/* ---- whole objects ---- */

static int send_small(struct upload *u, const struct interrupt *in, const uint8_t *memory,
		      struct dr_err *err)
{
	struct piece p = {.upload = u, .in = in, .memory = memory, .bytes = u->bytes};

	if (piece_hash(&p, u->whole, err) < 0 || piece_md5(&p, err) < 0)
		return -1;
	return put(&p, remote_web(u->remote), u->req->container, u->req->name, err);
}

/* look_at: what kind of file it is. */
static int look_at(struct upload *u, struct stat *st, struct dr_err *err)
{
	off_t end;

	if (fstat(u->fd, st) != 0)
		return dr_fail_errno(err, "look at %s", u->req->file);
	if (S_ISDIR(st->st_mode))
		return dr_fail(err, DR_INVALID, "%s is a directory", u->req->file);
	u->stream = dr_streq(u->req->file, "-") || !(S_ISREG(st->st_mode) || S_ISBLK(st->st_mode));
	u->bytes = PROGRESS_UNKNOWN;
	if (!u->stream) {
		end = lseek(u->fd, 0, SEEK_END);
		if (end < 0)
			return dr_fail_errno(err, "look at %s", u->req->file);
		u->bytes = (uint64_t)end;
	}
	u->segment_bytes = u->req->segment_bytes;
	if (u->segment_bytes == 0)
		u->segment_bytes = u->stream ? SEGMENT_BYTES : upload_segment_bytes(u->bytes);
	if (u->segment_bytes == 0 ||
	    (!u->stream && dr_div_up(u->bytes, u->segment_bytes) > SEGMENTS))
		return dr_fail(err, DR_LIMIT, "%s is too large for %u segments", u->req->file,
			       SEGMENTS);
	buf_printf(&u->mtime, "X-Object-Meta-Mtime: %lld.%06ld",
		   u->stream ? (long long)dr_wall() : (long long)st->st_mtim.tv_sec,
		   u->stream ? 0L : st->st_mtim.tv_nsec / 1000);
	return buf_check(&u->mtime, err);
}

/* read_head: the beginning of a stream decides what becomes of it. 1: that was all. */
static int read_head(struct upload *u, const struct interrupt *in, struct dr_err *err)
{
	ssize_t n;

	u->head = malloc(u->segment_bytes);
	if (!u->head)
		return dr_fail_nomem(err);
	n = read_stream(u->fd, NULL, in, u->head, u->segment_bytes, err);
	if (n < 0)
		return -1;
	if ((uint64_t)n == u->segment_bytes)
		return 0;
	u->bytes = (uint64_t)n;
	return 1;
}

static int send(struct upload *u, const struct interrupt *in, const struct stat *st,
		struct dr_err *err)
{
	int small = u->stream ? read_head(u, in, err) : u->bytes <= u->segment_bytes;

	if (small < 0)
		return -1;
	if (small)
		return send_small(u, in, u->head, err);
	if (name_segments(u, st, err) < 0)
		return -1;
	return send_large(u, in, err);
}

static int run(struct upload *u, const struct interrupt *in, struct dr_err *err)
{
	struct web *web = remote_web(u->remote);
	json_auto json_t *kept = NULL;
	large_auto struct large old = {.bytes = 0};
	struct dr_err why = DR_ERR_INIT;
	struct stat st;

	if (look_at(u, &st, err) < 0)
		return -1;
	/* Who may write need not be allowed to read. */
	if (large_look(u->remote, web, u->req->container, u->req->name, &old, &why) < 0 &&
	    why.code != DR_DENIED) {
		*err = why;
		return -1;
	}
	if (!old.found) {
		dr_err_clear(&why);
		if (remote_make(u->remote, web, u->req->container, &why) < 0 &&
		    why.code != DR_DENIED) {
			*err = why;
			return -1;
		}
	}
	if (send(u, in, &st, err) < 0)
		return -1;
	kept = new_segments(u, false);
	if (kept)
		remove_named(u, old.segments, kept);
	return 0;
}

int upload_run(struct remote *r, const struct interrupt *in, const struct upload_request *req,
	       struct upload_facts *facts, struct dr_err *err)
{
	struct upload *u = calloc(1, sizeof *u);
	int rc = -1;

	*facts = (struct upload_facts){.bytes = 0};
	if (!u)
		return dr_fail_nomem(err);
	u->remote = r;
	u->req = req;
	u->facts = facts;
	dr_mutex_init(&u->lock);
	progress_init(&u->progress, dr_streq(req->file, "-") ? req->name : req->file, true);
	u->fd = dr_streq(req->file, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
					 : open(req->file, O_RDONLY | O_CLOEXEC);
	if (u->fd < 0)
		dr_fail_errno(err, "open %s", req->file);
	else if (!req->whole || hash_new(&u->whole, HASH_SHA256, err) == 0)
		rc = run(u, in, err);
	if (rc == 0 && u->whole)
		hash_final_hex(u->whole, facts->sha256);
	progress_end(&u->progress);
	facts->bytes = atomic_load(&u->done);
	facts->sent_bytes = facts->bytes - atomic_load(&u->spared);
	if (u->fd >= 0)
		close(u->fd);
	dr_mutex_done(&u->lock);
	hash_free(u->whole);
	json_decref(u->there);
	buf_done(&u->mtime);
	buf_done(&u->container);
	buf_done(&u->prefix);
	free(u->head);
	free(u);
	return rc;
}
