/* SPDX-License-Identifier: Apache-2.0
 *
 * Static large objects: made of segments that are there, and deleted with them. */
#include <string.h>
#include <strings.h>

#include "orbit/orbit_internal.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

/* ---- making one ---- */

/* One PUT of a manifest. */
struct making {
	struct orbit *orbit;
	const struct orbit_caller *caller;
	const struct orbit_put *put;
	struct place *place; /* of the last segment, owned */
	struct buf *errors;
	size_t bad;
	uint64_t bytes;
};

static void wrong(struct making *m, const struct slo_segment *s, const char *what)
{
	m->bad++;
	buf_printf(m->errors, "%s: %s\n", s->path, what);
}

static bool enter_container(struct making *m, const struct slo_segment *s, struct dr_err *err)
{
	char container[CONTAINER_TEXT];

	if (s->container_len >= sizeof container)
		return dr_fail(err, DR_NOT_FOUND, "no container has such a name") == 0;
	snprintf(container, sizeof container, "%.*s", (int)s->container_len, s->path);
	if (m->place && strcmp(m->place->row.name, container) == 0)
		return true;
	free(DR_STEAL(m->place));
	if (is_images(container))
		return dr_fail(err, DR_NOT_FOUND, "images are no segments") == 0;
	return place_enter(m->orbit, m->caller, m->put->account, container, VERB_OBJECT_READ,
			   &m->place, err) == 0;
}

/* fill: what the object is, against what the client says it is. */
static void fill(struct making *m, struct slo_segment *s, const struct object *row, bool last)
{
	const char *etag = row->kind == OBJECT_STATIC ? row->etag : row->md5;

	if (strcmp(m->place->row.name, m->put->container) == 0 &&
	    strcmp(s->object, m->put->name) == 0)
		wrong(m, s, "Manifest must not include itself as a segment");
	if (row->kind == OBJECT_DYNAMIC)
		wrong(m, s, "A dynamic large object is no segment");
	if (s->bytes != UINT64_MAX && s->bytes != row->bytes)
		wrong(m, s, "Size Mismatch");
	if (s->etag[0] && strcasecmp(s->etag, etag) != 0)
		wrong(m, s, "Etag Mismatch");
	if (!slo_settle(s, row->bytes))
		wrong(m, s, "Unsatisfiable Range");
	else if (row->bytes == 0 && !last)
		wrong(m, s, "Too small; each segment must be at least 1 byte.");
	s->bytes = row->bytes;
	s->nested = row->kind == OBJECT_STATIC;
	s->modified_at = row->modified_at;
	memcpy(s->etag, etag, sizeof s->etag);
	memcpy(s->content_type, row->content_type, sizeof s->content_type);
	if (m->bad == 0 && !dr_add_u64(m->bytes, slo_length(s), &m->bytes))
		wrong(m, s, "The object would be too large");
}

static int check_segment(struct making *m, struct slo_segment *s, bool last, struct dr_err *err)
{
	dr_autofree struct object *row = malloc(sizeof *row);
	struct dr_err e = DR_ERR_INIT;

	if (!row)
		return dr_fail_nomem(err);
	if (enter_container(m, s, &e) &&
	    catalogue_object_get(m->orbit->library->catalogue, m->place->row.id, s->object,
				 dr_wall(), row, &e) == 0) {
		fill(m, s, row, last);
		return 0;
	}
	switch ((int)e.code) {
	case DR_NOT_FOUND:
		wrong(m, s, "404 Not Found");
		return 0;
	case DR_DENIED:
		wrong(m, s, "403 Forbidden");
		return 0;
	case DR_UNAUTHENTICATED:
		wrong(m, s, "401 Unauthorized");
		return 0;
	default:
		*err = e;
		return -1;
	}
}

static int check_segments(struct making *m, struct slo *slo, struct dr_err *err)
{
	for (size_t i = 0; i < slo->count; i++) {
		if (check_segment(m, &slo->segments[i], i + 1 == slo->count, err) < 0)
			return -1;
	}
	if (m->bad > 0)
		return dr_refuse(err, DR_INVALID, "manifest", "There are segments that cannot be");
	if (m->bytes > CATALOGUE_MAX_BYTES)
		return dr_refuse(err, DR_INVALID, "manifest", "The object would be too large");
	return 0;
}

/* store: the manifest is an upload like any other. */
static int store(struct making *m, const struct slo *slo, struct orbit_object *ret,
		 struct dr_err *err)
{
	dr_autobuf struct buf text = BUF_INIT;
	DR_CLEANUP(orbit_upload_abandonp) struct orbit_upload *u = NULL;
	struct orbit_put put = *m->put;
	char etag[MD5_TEXT], both[8];

	if (slo_etag(slo, etag, err) < 0 || slo_print(slo, &text, err) < 0)
		return -1;
	if (put.md5 && strcasecmp(put.md5, etag) != 0)
		return dr_refuse(err, DR_INVALID, "etag", "The segments' ETag is not as promised");
	if (put.meta && meta_get(put.meta, OBJECT_MANIFEST, both, sizeof both))
		return dr_refuse(err, DR_INVALID, "manifest",
				 "A large object is static or dynamic, not both");
	put.md5 = NULL;
	put.length = text.len;
	if (orbit_upload_begin(m->orbit, m->caller, &put, &u, err) < 0)
		return -1;
	upload_static(u, m->bytes, etag);
	if (orbit_upload_write(u, text.p, text.len, err) < 0)
		return -1;
	return orbit_upload_finish(DR_STEAL(u), ret, err);
}

int static_put(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
	       struct slo *slo, struct orbit_object *ret, struct buf *ret_errors,
	       struct dr_err *err)
{
	struct making m = {.orbit = o, .caller = c, .put = put, .errors = ret_errors};
	int rc = check_segments(&m, slo, err);

	free(m.place);
	return rc < 0 ? -1 : store(&m, slo, ret, err);
}

int orbit_static_put(struct orbit *o, const struct orbit_caller *c, const struct orbit_put *put,
		     const void *body, size_t len, struct orbit_object *ret, struct buf *ret_errors,
		     struct dr_err *err)
{
	dr_autofree struct place *p = NULL;
	dr_slo slo = {0};

	if (place_enter(o, c, put->account, put->container, VERB_OBJECT_PUT, &p, err) < 0 ||
	    check_object_name(put->name, err) < 0)
		return -1;
	/* hardening.md section 3.3, CVE-2015-5223 */
	if (c->grant != TEMPURL_NONE)
		return dr_refuse(err, DR_INVALID, "manifest",
				 "A temporary URL makes no large objects");
	if (len > ORBIT_MANIFEST_BYTES)
		return dr_refuse(err, DR_LIMIT, "too-large", "Manifest File > %zu bytes",
				 ORBIT_MANIFEST_BYTES);
	if (slo_parse(body, len, ORBIT_SEGMENTS, &slo, ret_errors, err) < 0)
		return -1;
	return static_put(o, c, put, &slo, ret, ret_errors, err);
}

/* ---- deleting one with its segments ---- */

#define DEPTH 10 /* of static large objects in each other, as in Swift */

/* What is to go: manifests behind their segments, so that what fails midway can be repeated. */
struct doomed {
	struct orbit *orbit;
	const struct orbit_caller *caller;
	const char *account;
	struct buf paths; /* "container/object", each with its NUL */
	size_t count;
	struct place *place; /* of the path before, owned */
};

static int doom(struct doomed *d, const char *container, const char *object, struct dr_err *err)
{
	if (d->count++ >= ORBIT_PIECES)
		return dr_refuse(err, DR_INVALID, "manifest", "Too many segments to delete");
	buf_puts(&d->paths, container);
	buf_putc(&d->paths, '/');
	buf_append(&d->paths, object, strlen(object) + 1);
	return buf_check(&d->paths, err);
}

/* enter_doomed: 1, or 0 when the container is not there. */
static int enter_doomed(struct doomed *d, const char *container, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;

	if (d->place && strcmp(d->place->row.name, container) == 0)
		return 1;
	free(DR_STEAL(d->place));
	if (place_enter(d->orbit, d->caller, d->account, container, VERB_OBJECT_DELETE, &d->place,
			&e) == 0)
		return 1;
	if (e.code == DR_NOT_FOUND)
		return 0;
	*err = e;
	return -1;
}

/* find: 1, or 0 when there is no such object. */
static int find(struct doomed *d, const char *object, struct object *ret, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;

	if (catalogue_object_get(d->orbit->library->catalogue, d->place->row.id, object, 0, ret,
				 &e) == 0)
		return 1;
	if (e.code == DR_NOT_FOUND)
		return 0;
	*err = e;
	return -1;
}

static int doom_static(struct doomed *d, const struct object *row, unsigned depth,
		       struct dr_err *err);

static int doom_segment(struct doomed *d, const struct slo_segment *s, unsigned depth,
			struct dr_err *err)
{
	dr_autofree struct object *row = malloc(sizeof *row);
	char container[CONTAINER_TEXT];
	int rc;

	if (!row)
		return dr_fail_nomem(err);
	snprintf(container, sizeof container, "%.*s", (int)s->container_len, s->path);
	rc = enter_doomed(d, container, err);
	if (rc > 0 && s->nested)
		rc = find(d, s->object, row, err);
	if (rc > 0 && s->nested && row->kind == OBJECT_STATIC)
		rc = doom_static(d, row, depth + 1, err);
	return rc < 0 ? -1 : doom(d, container, s->object, err);
}

static int doom_static(struct doomed *d, const struct object *row, unsigned depth,
		       struct dr_err *err)
{
	dr_slo slo = {0};

	if (depth > DEPTH)
		return dr_refuse(err, DR_INVALID, "manifest", "Segments are nested too deeply");
	if (static_load(d->orbit, d->account, row, &slo, err) < 0)
		return -1;
	for (size_t i = 0; i < slo.count; i++) {
		if (doom_segment(d, &slo.segments[i], depth, err) < 0)
			return -1;
	}
	return 0;
}

static int delete_doomed(struct doomed *d, struct orbit_deleted *ret, struct dr_err *err)
{
	for (size_t at = 0; at < d->paths.len;) {
		char *container = (char *)d->paths.p + at;
		char *object = strchr(container, '/');
		struct dr_err e = DR_ERR_INIT;
		int rc;

		at += strlen(container) + 1;
		*object++ = 0;
		rc = enter_doomed(d, container, err);
		if (rc < 0)
			return -1;
		if (rc > 0 && object_delete(d->orbit, d->place, object, &e) == 0) {
			ret->deleted++;
		} else if (rc == 0 || e.code == DR_NOT_FOUND) {
			ret->not_found++;
		} else {
			*err = e;
			return -1;
		}
	}
	return 0;
}

static int collect_and_delete(struct doomed *d, const char *container, const char *name,
			      struct orbit_deleted *ret, struct dr_err *err)
{
	dr_autofree struct object *row = malloc(sizeof *row);
	int rc;

	if (!row)
		return dr_fail_nomem(err);
	rc = enter_doomed(d, container, err);
	if (rc > 0)
		rc = find(d, name, row, err);
	if (rc < 0)
		return -1;
	if (rc == 0) {
		ret->not_found = 1;
		return 0;
	}
	if (row->kind != OBJECT_STATIC)
		return dr_refuse(err, DR_INVALID, "manifest", "Not an SLO manifest");
	if (doom_static(d, row, 1, err) < 0 || doom(d, container, name, err) < 0)
		return -1;
	return delete_doomed(d, ret, err);
}

int static_delete(struct orbit *o, const struct orbit_caller *c, const struct place *p,
		  const char *name, struct orbit_deleted *ret, struct dr_err *err)
{
	struct doomed d = {.orbit = o, .caller = c, .account = p->row.account};
	int rc;

	/* The URL is signed for one object. */
	if (c->grant != TEMPURL_NONE)
		return orbit_decide(ORBIT_ANONYMOUS, VERB_OBJECT_DELETE, p->state, err);
	rc = collect_and_delete(&d, p->row.name, name, ret, err);
	buf_done(&d.paths);
	free(d.place);
	return rc;
}
