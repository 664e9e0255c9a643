/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies: read with one right, written with another. */
#include <string.h>

#include "orbit/orbit_internal.h"
#include "util/checked.h"

#include "util/banned.h"

#define BYTES ((size_t)256 << 10)

/* One copy. */
struct copying {
	struct orbit *orbit;
	const struct orbit_caller *caller;
	const struct orbit_copy *from;
	struct orbit_put put; /* the target's, completed */
	struct buf meta;
	struct orbit_object source;
	struct orbit_reader *reader; /* owned */
};

/* lay: the metadata of the target: the source's, unless it is to be fresh, under what was given. A
 * copy of what a large object assembles is none itself. */
static int lay(struct copying *k, const char *given, struct dr_err *err)
{
	dr_meta m = META_INIT;
	char name[256], value[META_VALUE_TEXT];
	size_t pos = 0;

	if (!k->from->fresh && meta_parse(&m, k->source.row.meta, err) < 0)
		return -1;
	if (!k->from->manifest && meta_set(&m, OBJECT_MANIFEST, NULL, err) < 0)
		return -1;
	while (given && meta_next(given, &pos, name, sizeof name, value, sizeof value)) {
		if (meta_set(&m, name, value, err) < 0)
			return -1;
	}
	buf_puts(&k->meta, meta_text(&m));
	return buf_check(&k->meta, err);
}

static int complete(struct copying *k, const struct orbit_put *put, struct dr_err *err)
{
	const struct object *row = &k->source.row;

	k->put = *put;
	if (lay(k, put->meta, err) < 0)
		return -1;
	k->put.meta = buf_str(&k->meta);
	k->put.length = k->source.bytes;
	if (!put->content_type || !*put->content_type)
		k->put.content_type = row->content_type;
	if (put->delete_at == 0 && !k->from->fresh)
		k->put.delete_at = row->delete_at;
	if (!put->md5 && row->kind == OBJECT_PLAIN)
		k->put.md5 = row->md5;
	return 0;
}

static int stream(struct copying *k, struct orbit_object *ret, struct dr_err *err)
{
	DR_CLEANUP(orbit_upload_abandonp) struct orbit_upload *u = NULL;
	dr_autofree uint8_t *buf = malloc(BYTES);
	ssize_t n;

	if (!buf)
		return dr_fail_nomem(err);
	if (orbit_upload_begin(k->orbit, k->caller, &k->put, &u, err) < 0)
		return -1;
	for (uint64_t pos = 0; pos < k->source.bytes; pos += (uint64_t)n) {
		n = orbit_reader_read(k->reader, buf, BYTES, pos, err);
		if (n < 0 || orbit_upload_write(u, buf, (size_t)n, err) < 0)
			return -1;
	}
	return orbit_upload_finish(DR_STEAL(u), ret, err);
}

/* copy_manifest: of a static large object: its segments must be there for the copy too. */
static int copy_manifest(struct copying *k, struct orbit_object *ret, struct dr_err *err)
{
	dr_slo slo = {0};
	dr_autobuf struct buf errors = BUF_INIT;

	if (static_load(k->orbit, k->from->account, &k->source.row, &slo, err) < 0)
		return -1;
	return static_put(k->orbit, k->caller, &k->put, &slo, ret, &errors, err);
}

static int copy(struct copying *k, const struct orbit_put *put, struct orbit_object *ret,
		struct dr_err *err)
{
	const struct orbit_copy *from = k->from;

	if (orbit_object_open(k->orbit, k->caller, from->account, from->container, from->name,
			      from->manifest ? ORBIT_MANIFEST : ORBIT_CONTENT, &k->source,
			      &k->reader, err) < 0 ||
	    complete(k, put, err) < 0)
		return -1;
	if (from->manifest && k->source.row.kind == OBJECT_STATIC && !k->source.image)
		return copy_manifest(k, ret, err);
	if (stream(k, ret, err) == 0)
		return 0;
	if (strcmp(err->reason, "etag") == 0 && !put->md5) {
		dr_err_clear(err);
		return dr_fail(err, DR_CORRUPT, "an object is not what its MD5 says");
	}
	return -1;
}

int orbit_object_copy(struct orbit *o, const struct orbit_caller *c, const struct orbit_copy *from,
		      const struct orbit_put *put, struct orbit_object *ret, struct dr_err *err)
{
	dr_autofree struct copying *k = NULL;
	int rc;

	/* A temporary URL is signed for one object (hardening.md section 3.3). */
	if (c->grant != TEMPURL_NONE)
		return orbit_decide(ORBIT_ANONYMOUS, VERB_OBJECT_PUT, STATE_CLOSED, err);
	k = calloc(1, sizeof *k);
	if (!k)
		return dr_fail_nomem(err);
	k->orbit = o;
	k->caller = c;
	k->from = from;
	rc = copy(k, put, ret, err);
	orbit_reader_close(k->reader);
	buf_done(&k->meta);
	return rc;
}
