/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/fetch.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/lanes.h"
#include "cli/large.h"
#include "cli/part.h"
#include "cli/progress.h"
#include "digest/digest.h"
#include "util/checked.h"
#include "util/io.h"
#include "util/mutex.h"
#include "util/str.h"

#include "util/banned.h"

#define RANGE_BYTES ((uint64_t)8 << 20)
#define READ_BYTES ((size_t)1 << 20)

/* The MD5s that the bytes must have, one run of them after the other. */
struct proof {
	const json_t *segments; /* borrowed: the manifest; NULL: one run, the whole object */
	const char *md5;        /* then its MD5, and its length */
	uint64_t bytes;
	size_t index;
	uint64_t left; /* bytes of the run */
	struct hash *hash;
};

struct fetch {
	struct remote *remote;
	const struct fetch_request *req;
	struct large object;
	struct proof proof;
	bool proven;
	struct part part; /* with standard output: the byte count only */
	struct progress progress;
	struct dr_mutex lock;
	struct dr_cond turn;
	uint64_t next;    /* where the next range begins, under the lock */
	uint64_t written; /* and where the next one to be written does */
};

static bool to_file(const struct fetch *f)
{
	return f->req->file != NULL;
}

/* ---- proof ---- */

/* provable: the manifest names the MD5 of every byte: no range of a segment, no manifest below. */
static bool provable(const struct large *object)
{
	uint64_t sum = 0;

	if (object->plain)
		return true;
	for (size_t i = 0; i < json_array_size(object->segments); i++) {
		const json_t *s = json_array_get(object->segments, i);

		if (json_object_get(s, "range") || json_is_true(json_object_get(s, "sub_slo")) ||
		    strlen(view_text(s, "hash")) != 32 ||
		    !dr_add_u64(sum, (uint64_t)view_number(s, "bytes"), &sum))
			return false;
	}
	return object->segments && sum == object->bytes;
}

static int proof_begin(struct proof *p, struct dr_err *err)
{
	const json_t *s = json_array_get(p->segments, p->index);

	p->left = p->segments ? (uint64_t)view_number(s, "bytes") : p->bytes;
	return hash_new(&p->hash, HASH_MD5, err);
}

static int proof_end(struct proof *p, struct dr_err *err)
{
	const json_t *s = json_array_get(p->segments, p->index++);
	char hex[HASH_MAX_HEX];

	hash_final_hex(p->hash, hex);
	hash_free(p->hash);
	p->hash = NULL;
	if (strcasecmp(hex, p->segments ? view_text(s, "hash") : p->md5) != 0)
		return dr_fail(err, DR_CORRUPT,
			       "the bytes received do not have the MD5 that the "
			       "service has");
	return 0;
}

static int proof_feed(struct proof *p, const uint8_t *bytes, size_t len, struct dr_err *err)
{
	while (len > 0) {
		size_t n;

		if (!p->hash && proof_begin(p, err) < 0)
			return -1;
		n = (size_t)dr_min_u64(p->left, len);
		hash_update(p->hash, bytes, n);
		p->left -= n;
		bytes += n;
		len -= n;
		if (p->left == 0 && proof_end(p, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- ranges ---- */

struct range {
	struct fetch *fetch;
	const struct lanes *lanes;
	struct web *web;
	uint8_t *bytes; /* owned by the lane */
	uint64_t off;
	size_t len;
	size_t have;
};

static int range_take(void *arg, const void *p, size_t len, struct dr_err *err)
{
	struct range *r = arg;

	if (len > r->len - r->have)
		return dr_fail(err, DR_REMOTE, "the service sent more than was asked for");
	memcpy(r->bytes + r->have, p, len);
	r->have += len;
	return 0;
}

static bool range_tick(void *arg)
{
	return lanes_stopped(((const struct range *)arg)->lanes);
}

/* get_range: the whole range, of the object that was looked at. */
static int get_range(struct range *r, struct dr_err *err)
{
	const struct fetch *f = r->fetch;
	dr_autobuf struct buf range = BUF_INIT;
	dr_autobuf struct buf reply = BUF_INIT;
	const struct web_sink sink = {range_take, range_tick, r};
	const char *headers[] = {NULL, NULL};
	const struct remote_call call = {.method = "GET",
					 .container = f->req->container,
					 .name = f->req->name,
					 .headers = headers,
					 .sink = &sink};
	char etag[sizeof f->object.etag];
	int status;

	buf_printf(&range, "Range: bytes=%llu-%llu", (unsigned long long)r->off,
		   (unsigned long long)(r->off + r->len - 1));
	if (buf_check(&range, err) < 0)
		return -1;
	headers[0] = buf_str(&range);
	r->have = 0;
	status = remote_done(f->remote, r->web, &call, &reply, err);
	if (status < 0)
		return -1;
	(void)large_etag(web_header(r->web, "Etag"), etag, sizeof etag);
	if (!dr_streq(etag, f->object.etag))
		return dr_fail(err, DR_CONFLICT, "the object was replaced while it was downloaded");
	if (status != 206 && r->len != f->object.bytes)
		return dr_fail(err, DR_REMOTE, "the service does not know ranges");
	if (r->have < r->len)
		return dr_fail(err, DR_REMOTE, "it ended after %zu of %zu bytes", r->have, r->len);
	return 0;
}

static int put_bytes(struct fetch *f, const uint8_t *bytes, size_t len, struct dr_err *err)
{
	if (f->proven && proof_feed(&f->proof, bytes, len, err) < 0)
		return -1;
	if (to_file(f))
		return part_write(&f->part, bytes, len, err);
	return dr_write_all(STDOUT_FILENO, bytes, len, err);
}

/* put_range: when all before it is written. */
static int put_range(const struct range *r, struct dr_err *err)
{
	struct fetch *f = r->fetch;
	int rc;

	dr_lock(&f->lock);
	while (f->written != r->off && !lanes_stopped(r->lanes))
		dr_cond_wait(&f->turn, &f->lock);
	rc = f->written == r->off ? put_bytes(f, r->bytes, r->len, err) : 0;
	if (f->written == r->off && rc == 0)
		f->written += r->len;
	dr_cond_broadcast(&f->turn);
	dr_unlock(&f->lock);
	return rc;
}

/* next_range: false when there is none left. */
static bool next_range(struct fetch *f, struct range *r)
{
	dr_lock(&f->lock);
	r->off = f->next;
	r->len = (size_t)dr_min_u64(RANGE_BYTES, f->object.bytes - f->next);
	f->next += r->len;
	dr_unlock(&f->lock);
	return r->len > 0;
}

static int run_lane(void *arg, struct lanes *l, struct web *web, struct dr_err *err)
{
	dr_autofree uint8_t *bytes = malloc(RANGE_BYTES);
	struct range r = {.fetch = arg, .lanes = l, .web = web, .bytes = bytes};

	if (!bytes)
		return dr_fail_nomem(err);
	while (!lanes_stopped(l) && next_range(arg, &r)) {
		for (unsigned try = 1; get_range(&r, err) < 0; try++)
			if (!lanes_again(l, try, err))
				return -1;
		if (put_range(&r, err) < 0)
			return -1;
	}
	return 0;
}

static void show(void *arg)
{
	struct fetch *f = arg;
	struct progress_state st = {.phase = "download", .total = f->object.bytes};

	dr_lock(&f->lock);
	st.done = f->written;
	dr_unlock(&f->lock);
	st.rate = progress_rate(&f->progress, st.done);
	progress_show(&f->progress, &st);
}

static void wake(void *arg)
{
	struct fetch *f = arg;

	dr_lock(&f->lock);
	dr_cond_broadcast(&f->turn);
	dr_unlock(&f->lock);
}

/* ---- whole objects ---- */

/* take_up: what an earlier run left counts when it is of this object, and is proven again. */
static int take_up(struct fetch *f, struct dr_err *err)
{
	dr_autofree uint8_t *block = malloc(READ_BYTES);
	uint64_t pos = 0;
	ssize_t n;

	if (!block)
		return dr_fail_nomem(err);
	if ((!dr_streq(f->part.etag, f->object.etag) || f->part.have > f->object.bytes) &&
	    part_start_over(&f->part, err) < 0)
		return -1;
	if (f->part.have == 0)
		return part_set_etag(&f->part, f->object.etag, err);
	while (f->proven && (n = part_read(&f->part, block, READ_BYTES, pos, err)) != 0) {
		if (n < 0 || proof_feed(&f->proof, block, (size_t)n, err) < 0)
			return -1;
		pos += (uint64_t)n;
	}
	f->next = f->written = f->part.have;
	return 0;
}

static int fetch_ranges(struct fetch *f, const struct interrupt *in, struct dr_err *err)
{
	uint64_t ranges = dr_div_up(f->object.bytes - f->next, RANGE_BYTES);
	const struct lanes_job job = {.count = (unsigned)dr_min_u64(ranges, LANES),
				      .run = run_lane,
				      .show = show,
				      .wake = wake,
				      .arg = f};
	struct dr_err why = DR_ERR_INIT;
	int rc = job.count > 0 ? lanes_run(f->remote, in, &job, err) : 0;

	if (to_file(f) && part_flush(&f->part, rc < 0 ? &why : err) < 0)
		return -1;
	return rc;
}

static int run(struct fetch *f, const struct interrupt *in, struct dr_err *err)
{
	const struct remote_call call = {
		.method = "HEAD", .container = f->req->container, .name = f->req->name};

	if (large_look(f->remote, remote_web(f->remote), call.container, call.name, &f->object,
		       err) < 0)
		return -1;
	if (!f->object.found)
		return remote_fail(&call, 404, err);
	f->proven = provable(&f->object);
	f->proof.segments = f->object.segments;
	f->proof.md5 = f->object.etag;
	f->proof.bytes = f->object.bytes;
	if (!to_file(f))
		return fetch_ranges(f, in, err);
	if (part_open(&f->part, f->req->file, true, err) < 0 || take_up(f, err) < 0 ||
	    fetch_ranges(f, in, err) < 0) {
		if (err->code == DR_CORRUPT)
			part_remove(&f->part);
		return -1;
	}
	return part_publish(&f->part, err);
}

int fetch_run(struct remote *r, const struct interrupt *in, const struct fetch_request *req,
	      struct fetch_facts *facts, struct dr_err *err)
{
	struct fetch f = {.remote = r, .req = req};
	int rc;

	f.part.fd = -1;
	dr_mutex_init(&f.lock);
	dr_cond_init(&f.turn);
	progress_init(&f.progress, req->name, false);
	rc = run(&f, in, err);
	progress_end(&f.progress);
	facts->bytes = f.written;
	facts->proven = f.proven;
	part_close(&f.part);
	hash_free(f.proof.hash);
	large_done(&f.object);
	dr_cond_done(&f.turn);
	dr_mutex_done(&f.lock);
	return rc;
}
