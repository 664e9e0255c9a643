/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/download.h"

#include <stdlib.h>
#include <string.h>

#include "cli/part.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/text.h"
#include "cli/verify.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define READ_BYTES ((size_t)1 << 20)
#define TRIES 10 /* connections that may break off, each after it brought something */
#define RETRY_MS 500

struct download {
	struct session *session;
	const struct download_request *req;
	struct part part;      /* with standard output: its etag and byte count only */
	uint64_t total;        /* PROGRESS_UNKNOWN until an answer says */
	bool begun;            /* the head of this answer was looked at */
	struct verify *verify; /* of the stream to standard output; else NULL */
	struct progress progress;
};

static const char *const names[] = {
	[DOWNLOAD_LZ4] = "lz4", [DOWNLOAD_RAW] = "raw", [DOWNLOAD_QCOW2] = "qcow2"};

const char *download_format_name(enum download_format f)
{
	return names[f];
}

bool download_format_parse(const char *name, enum download_format *ret)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (dr_streq(names[i], name)) {
			*ret = (enum download_format)i;
			return true;
		}
	}
	return false;
}

static bool span_u64(const char *s, size_t len, uint64_t *ret)
{
	char text[24];

	if (len >= sizeof text)
		return false;
	memcpy(text, s, len);
	text[len] = 0;
	return dr_parse_u64(text, 0, UINT64_MAX - 1, ret);
}

bool download_range(const char *header, uint64_t *first, uint64_t *total)
{
	size_t slash, dash;

	if (!header || !dr_starts(header, "bytes "))
		return false;
	header += strlen("bytes ");
	slash = strcspn(header, "/");
	dash = strcspn(header, "-");
	if (!header[slash] || !span_u64(header + slash + 1, strlen(header + slash + 1), total))
		return false;
	if (slash == 1 && header[0] == '*') {
		*first = *total;
		return true;
	}
	return dash < slash && span_u64(header, dash, first) && *first < *total;
}

static bool to_file(const struct download *d)
{
	return d->req->file != NULL;
}

static int start_over(struct download *d, struct dr_err *err)
{
	if (d->part.have == 0)
		return 0;
	if (!to_file(d))
		return dr_fail(err, DR_CONFLICT, "the image changed while it was downloaded");
	return part_start_over(&d->part, err);
}

/* begin: where the bytes of this answer belong. */
static int begin(struct download *d, struct dr_err *err)
{
	const struct web *web = session_web(d->session);
	const char *length = web_header(web, "Content-Length");
	const char *etag = web_header(web, "Etag");
	uint64_t first;

	d->begun = true;
	if (web_status(web) == 206) {
		if (!download_range(web_header(web, "Content-Range"), &first, &d->total) ||
		    first != d->part.have)
			return dr_fail(err, DR_REMOTE,
				       "the service answered with a range we did not ask for");
		return 0;
	}
	if (start_over(d, err) < 0)
		return -1;
	if (!length || !dr_parse_u64(length, 0, UINT64_MAX - 1, &d->total))
		d->total = PROGRESS_UNKNOWN;
	if (to_file(d))
		return part_set_etag(&d->part, etag, err);
	if (!etag || dr_starts(etag, "W/") || !dr_copy(d->part.etag, sizeof d->part.etag, etag))
		d->part.etag[0] = 0;
	return 0;
}

static int take(void *arg, const void *p, size_t len, struct dr_err *err)
{
	struct download *d = arg;

	if (!d->begun && begin(d, err) < 0)
		return -1;
	if (to_file(d))
		return part_write(&d->part, p, len, err);
	if ((d->verify && verify_feed(d->verify, p, len, err) < 0) ||
	    dr_write_all(STDOUT_FILENO, p, len, err) < 0)
		return -1;
	d->part.have += len;
	return 0;
}

static bool tick(void *arg)
{
	struct download *d = arg;
	struct progress_state st = {.phase = "download", .done = d->part.have, .total = d->total};

	if (d->begun) {
		st.rate = progress_rate(&d->progress, d->part.have);
		progress_show(&d->progress, &st);
	}
	return false;
}

/* request: GET, from where we are. The status, as session_download. */
static int request(struct download *d, struct dr_err *err)
{
	dr_autobuf struct buf range = BUF_INIT;
	dr_autobuf struct buf condition = BUF_INIT;
	const char *headers[3] = {NULL};
	struct web_sink sink = {take, tick, d};
	int status;

	if (d->part.have > 0) {
		buf_printf(&range, "Range: bytes=%llu-", (unsigned long long)d->part.have);
		buf_printf(&condition, "If-Range: %s", d->part.etag);
		headers[0] = buf_str(&range);
		headers[1] = buf_str(&condition);
	}
	d->begun = false;
	status = session_download(d->session, d->req->url, headers, &sink, err);
	if (to_file(d) && part_flush(&d->part, err) < 0)
		return -1;
	return status;
}

/* attempt: one request. 1 when the whole image is here, 0: again, from the beginning. */
static int attempt(struct download *d, struct dr_err *err)
{
	uint64_t first;
	int status;

	if (!d->part.etag[0] && start_over(d, err) < 0)
		return -1;
	status = request(d, err);
	if (status < 0)
		return -1;
	if (status == 416) {
		/* Nothing lies behind what we have: it is all there is, or it is too much. */
		if (download_range(web_header(session_web(d->session), "Content-Range"), &first,
				   &d->total) &&
		    d->total == d->part.have)
			return 1;
		if (d->part.have == 0)
			return dr_fail(err, DR_REMOTE, "the service refuses the range");
		d->part.etag[0] = 0;
		return 0;
	}
	if (!d->begun && begin(d, err) < 0)
		return -1;
	if (d->total != PROGRESS_UNKNOWN && d->part.have != d->total)
		return dr_fail(err, DR_REMOTE, "it ended after %llu of %llu bytes",
			       (unsigned long long)d->part.have, (unsigned long long)d->total);
	return 1;
}

/* fetch: until everything is here, as long as each connection brings something. */
static int fetch(struct download *d, struct dr_err *err)
{
	for (unsigned tries = 1;; tries++) {
		struct dr_err why = DR_ERR_INIT;
		uint64_t before = d->part.have;
		int done = attempt(d, &why);

		if (done > 0)
			return 0;
		if (done < 0 &&
		    (why.code != DR_REMOTE || d->part.have == before || tries >= TRIES)) {
			*err = why;
			break;
		}
		dr_sleep_ms(done < 0 ? RETRY_MS : 0);
	}
	if (to_file(d) && d->part.have > 0 && d->part.etag[0])
		say("%llu bytes are kept in %s: repeat the command to go on from there",
		    (unsigned long long)d->part.have, d->part.path);
	return dr_while(err, "download of %s", d->req->id);
}

/* compare: 1: it is the image's disk. */
static int compare(const struct download *d, struct verify *v, struct dr_err *err)
{
	const char *hex = d->req->digest + strlen("sha256:");
	struct digest got, wanted;
	uint64_t disk_bytes;

	if (verify_finish(v, &got, &disk_bytes, err) < 0)
		return -1;
	if (!digest_parse(hex, &wanted) || !digest_equal(&got, &wanted))
		return dr_fail(err, DR_CORRUPT,
			       "the disk received does not have the image's digest");
	return 1;
}

static int feed_part(struct download *d, struct verify *v, struct dr_err *err)
{
	dr_autofree uint8_t *block = malloc(READ_BYTES);
	struct progress_state st = {.phase = "verify", .total = d->part.have};
	ssize_t n;

	if (!block)
		return dr_fail_nomem(err);
	while ((n = part_read(&d->part, block, READ_BYTES, st.done, err)) > 0) {
		if (verify_feed(v, block, (size_t)n, err) < 0)
			return -1;
		st.done += (uint64_t)n;
		progress_show(&d->progress, &st);
	}
	return n < 0 ? -1 : 0;
}

static bool checkable(const struct download_request *req)
{
	return req->format != DOWNLOAD_QCOW2 && req->digest && dr_starts(req->digest, "sha256:");
}

static enum verify_kind verify_kind_of(enum download_format f)
{
	return f == DOWNLOAD_RAW ? VERIFY_RAW : VERIFY_LZ4;
}

static void report(const struct download *d)
{
	dr_autobuf struct buf size = BUF_INIT;
	const char *check = "the disk has the image's digest";

	if (d->req->format == DOWNLOAD_QCOW2)
		check = "only the length is checked: the digest is that of the raw disk, not of "
			"qcow2";
	else if (!checkable(d->req))
		check = "only the length is checked: the image has no digest to compare with";
	text_bytes(&size, d->part.have);
	say("Downloaded %s to %s: %s, %s", d->req->id,
	    to_file(d) ? d->req->file : "standard output", buf_str(&size), check);
}

/* run_file: into the part, which is checked as it lies on the disk, then gets its name. */
static int run_file(struct download *d, struct dr_err *err)
{
	DR_CLEANUP(verify_freep) struct verify *v = NULL;

	if (part_open(&d->part, d->req->file, d->req->format == DOWNLOAD_RAW, err) < 0 ||
	    fetch(d, err) < 0)
		return -1;
	if (checkable(d->req) && (verify_new(&v, verify_kind_of(d->req->format), err) < 0 ||
				  feed_part(d, v, err) < 0 || compare(d, v, err) < 0)) {
		if (err->code != DR_CORRUPT)
			return -1;
		part_remove(&d->part);
		return dr_while(err, "%s was removed", d->part.path);
	}
	return part_publish(&d->part, err);
}

/* run_stream: checked as it passes. */
static int run_stream(struct download *d, struct dr_err *err)
{
	if (checkable(d->req) && verify_new(&d->verify, verify_kind_of(d->req->format), err) < 0)
		return -1;
	if (fetch(d, err) < 0)
		return -1;
	return d->verify ? compare(d, d->verify, err) : 0;
}

int download_run(struct session *s, const struct download_request *req, struct dr_err *err)
{
	struct download d = {.session = s, .req = req, .total = PROGRESS_UNKNOWN};
	int result;

	d.part.fd = -1;
	progress_init(&d.progress, req->id, false);
	result = to_file(&d) ? run_file(&d, err) : run_stream(&d, err);
	progress_end(&d.progress);
	if (result >= 0)
		report(&d);
	part_close(&d.part);
	verify_free(d.verify);
	return result < 0 ? -1 : 0;
}
