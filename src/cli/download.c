/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/download.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cli/progress.h"
#include "cli/say.h"
#include "cli/text.h"
#include "cli/verify.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define BLOCK_BYTES 4096U /* holes are made of these */
#define READ_BYTES ((size_t)1 << 20)
#define ETAG_MAX 512
#define TRIES 10 /* connections that may break off, each after it brought something */
#define RETRY_MS 500

struct download {
	struct session *session;
	const struct download_request *req;
	char *part; /* NULL: standard output */
	char *etag_file;
	int fd;
	char etag[ETAG_MAX]; /* of the bytes we have; "": unknown, they cannot be gone on with */
	uint64_t have;
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

/* The part file. */

static int start_over(struct download *d, struct dr_err *err)
{
	if (d->have == 0)
		return 0;
	if (!d->part)
		return dr_fail(err, DR_REMOTE, "the image changed while it was downloaded");
	if (ftruncate(d->fd, 0) != 0)
		return dr_fail_errno(err, "empty %s", d->part);
	d->have = 0;
	return 0;
}

/* note_etag: weak ones cannot be gone on with (RFC 9110 section 13.1.5). */
static int note_etag(struct download *d, const char *etag, struct dr_err *err)
{
	if (!etag || dr_starts(etag, "W/") || !dr_copy(d->etag, sizeof d->etag, etag))
		d->etag[0] = 0;
	if (!d->part)
		return 0;
	if (d->etag[0])
		return dr_write_file(AT_FDCWD, d->etag_file, d->etag, strlen(d->etag), 0644, err);
	unlink(d->etag_file);
	return 0;
}

/* take_up: what an earlier run left. */
static int take_up(struct download *d, struct dr_err *err)
{
	dr_autobuf struct buf etag = BUF_INIT_MAX(ETAG_MAX - 1);
	struct dr_err ignored = DR_ERR_INIT;
	struct stat st;

	if (fstat(d->fd, &st) != 0)
		return dr_fail_errno(err, "look at %s", d->part);
	d->have = (uint64_t)st.st_size;
	if (d->have == 0)
		return 0;
	if (dr_read_file(AT_FDCWD, d->etag_file, &etag, &ignored) < 0 || etag.len == 0 ||
	    !dr_text_valid(buf_str(&etag), etag.len))
		return start_over(d, err);
	dr_copy(d->etag, sizeof d->etag, buf_str(&etag));
	return 0;
}

/* open_part: for this run alone. A part that was renamed while we waited for it is a finished file,
 * and not ours to write to. */
static int open_part(struct download *d, struct dr_err *err)
{
	struct stat mine, there;

	d->fd = open(d->part, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (d->fd < 0)
		return dr_fail_errno(err, "create %s", d->part);
	if (flock(d->fd, LOCK_EX | LOCK_NB) != 0 || fstat(d->fd, &mine) != 0 ||
	    stat(d->part, &there) != 0 || mine.st_ino != there.st_ino ||
	    mine.st_dev != there.st_dev)
		return dr_fail(err, DR_BUSY, "another download writes to %s", d->part);
	return take_up(d, err);
}

static bool zero_block(const uint8_t *p, uint64_t off, size_t len)
{
	return off % BLOCK_BYTES == 0 && len >= BLOCK_BYTES && p[0] == 0 &&
	       memcmp(p, p + 1, BLOCK_BYTES - 1) == 0;
}

/* write_sparse: as pwrite, but whole blocks of zeros become holes. The file ends behind the bytes.
 */
static int write_sparse(int fd, const uint8_t *p, size_t len, uint64_t off, struct dr_err *err)
{
	uint64_t end = off + len;
	size_t run;

	while (len > 0) {
		for (run = 0; run < len && !zero_block(p + run, off + run, len - run);)
			run += dr_min_size(len - run,
					   BLOCK_BYTES - (size_t)((off + run) % BLOCK_BYTES));
		if (run > 0 && dr_pwrite_all(fd, p, run, off, err) < 0)
			return -1;
		if (run == 0)
			run = BLOCK_BYTES;
		p += run;
		off += run;
		len -= run;
	}
	if (ftruncate(fd, (off_t)end) != 0)
		return dr_fail_errno(err, "write");
	return 0;
}

/* Answers. */

/* begin: where the bytes of this answer belong. */
static int begin(struct download *d, struct dr_err *err)
{
	const struct http *http = session_http(d->session);
	const char *length = http_header(http, "Content-Length");
	uint64_t first;

	d->begun = true;
	if (http_status(http) == 206) {
		if (!download_range(http_header(http, "Content-Range"), &first, &d->total) ||
		    first != d->have)
			return dr_fail(err, DR_REMOTE,
				       "the service answered with a range we did not ask for");
		return 0;
	}
	if (start_over(d, err) < 0)
		return -1;
	if (!length || !dr_parse_u64(length, 0, UINT64_MAX - 1, &d->total))
		d->total = PROGRESS_UNKNOWN;
	return note_etag(d, http_header(http, "Etag"), err);
}

static int write_out(struct download *d, const void *p, size_t len, struct dr_err *err)
{
	if (!d->part) {
		if (d->verify && verify_feed(d->verify, p, len, err) < 0)
			return -1;
		return dr_write_all(d->fd, p, len, err);
	}
	if (d->req->format == DOWNLOAD_RAW)
		return write_sparse(d->fd, p, len, d->have, err);
	return dr_pwrite_all(d->fd, p, len, d->have, err);
}

static int take(void *arg, const void *p, size_t len, struct dr_err *err)
{
	struct download *d = arg;

	if (!d->begun && begin(d, err) < 0)
		return -1;
	if (write_out(d, p, len, err) < 0)
		return -1;
	d->have += len;
	return 0;
}

static bool tick(void *arg)
{
	struct download *d = arg;
	struct progress_state st = {.phase = "download", .done = d->have, .total = d->total};

	if (d->begun) {
		st.rate = progress_rate(&d->progress, d->have);
		progress_show(&d->progress, &st);
	}
	return false;
}

/* attempt: one request. 1 when the whole image is here, 0: again, from the beginning. */
static int attempt(struct download *d, struct dr_err *err)
{
	dr_autobuf struct buf range = BUF_INIT;
	dr_autobuf struct buf condition = BUF_INIT;
	const char *headers[3] = {NULL};
	struct http_sink sink = {take, tick, d};
	uint64_t first;
	int status;

	d->begun = false;
	if (!d->etag[0] && start_over(d, err) < 0)
		return -1;
	if (d->have > 0) {
		buf_printf(&range, "Range: bytes=%llu-", (unsigned long long)d->have);
		buf_printf(&condition, "If-Range: %s", d->etag);
		headers[0] = buf_str(&range);
		headers[1] = buf_str(&condition);
	}
	status = session_download(d->session, d->req->url, headers, &sink, err);
	if (status < 0)
		return -1;
	if (status == 416) {
		/* Nothing lies behind what we have: it is all there is, or it is too much. */
		if (download_range(http_header(session_http(d->session), "Content-Range"), &first,
				   &d->total) &&
		    d->total == d->have)
			return 1;
		if (d->have == 0)
			return dr_fail(err, DR_REMOTE, "the service refuses the range");
		d->etag[0] = 0;
		return 0;
	}
	if (!d->begun && begin(d, err) < 0)
		return -1;
	if (d->total != PROGRESS_UNKNOWN && d->have != d->total)
		return dr_fail(err, DR_REMOTE, "it ended after %llu of %llu bytes",
			       (unsigned long long)d->have, (unsigned long long)d->total);
	return 1;
}

/* fetch: until everything is here, as long as each connection brings something. */
static int fetch(struct download *d, struct dr_err *err)
{
	for (unsigned tries = 1;; tries++) {
		struct dr_err why = DR_ERR_INIT;
		uint64_t before = d->have;
		int done = attempt(d, &why);

		if (done > 0)
			return 0;
		if (done < 0 && (why.code != DR_REMOTE || d->have == before || tries >= TRIES)) {
			*err = why;
			break;
		}
		dr_sleep_ms(done < 0 ? RETRY_MS : 0);
	}
	if (d->part && d->have > 0 && d->etag[0])
		say("%llu bytes are kept in %s: repeat the command to go on from there",
		    (unsigned long long)d->have, d->part);
	return dr_while(err, "download of %s", d->req->id);
}

/* Checking. */

/* compare: 1: it is the image's disk. */
static int compare(struct download *d, struct verify *v, struct dr_err *err)
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
	struct progress_state st = {.phase = "verify", .total = d->have};
	ssize_t n;

	if (!block)
		return dr_fail_nomem(err);
	while ((n = dr_pread_full(d->fd, block, READ_BYTES, st.done, err)) > 0) {
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

/* check: 1: compared with the digest, 0: there is nothing to compare with. */
static int check(struct download *d, struct dr_err *err)
{
	DR_CLEANUP(verify_freep) struct verify *v = NULL;

	if (!checkable(d->req))
		return 0;
	if (!d->part)
		return compare(d, d->verify, err);
	if (verify_new(&v, verify_kind_of(d->req->format), err) < 0 || feed_part(d, v, err) < 0)
		return -1;
	return compare(d, v, err);
}

/* publish: give the part its name, durably. */
static int publish(struct download *d, struct dr_err *err)
{
	dr_autofree char *dir = strdup(d->req->file);
	dr_autofd int fd = -1;
	char *slash;

	if (!dir)
		return dr_fail_nomem(err);
	if (fdatasync(d->fd) != 0 || rename(d->part, d->req->file) != 0)
		return dr_fail_errno(err, "finish %s", d->req->file);
	unlink(d->etag_file);
	slash = strrchr(dir, '/');
	if (slash)
		slash[1] = 0;
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return dr_fail_errno(err, "finish %s", d->req->file);
	return 0;
}

static void report(const struct download *d, bool compared)
{
	dr_autobuf struct buf size = BUF_INIT;

	text_bytes(&size, d->have);
	say("Downloaded %s to %s: %s, %s", d->req->id, d->part ? d->req->file : "standard output",
	    buf_str(&size),
	    compared                           ? "the disk has the image's digest"
	    : d->req->format == DOWNLOAD_QCOW2 ? "only the length is checked: the digest is that "
						 "of the raw disk, not of qcow2"
					       : "only the length is checked: the image has no "
						 "digest to compare with");
}

static int run(struct download *d, struct dr_err *err)
{
	int compared;

	if (d->part ? open_part(d, err) < 0
		    : checkable(d->req) &&
			      verify_new(&d->verify, verify_kind_of(d->req->format), err) < 0)
		return -1;
	if (fetch(d, err) < 0)
		return -1;
	compared = check(d, err);
	if (compared < 0 && d->part && err->code == DR_CORRUPT) {
		unlink(d->part);
		unlink(d->etag_file);
		return dr_while(err, "%s was removed", d->part);
	}
	if (compared < 0 || (d->part && publish(d, err) < 0))
		return -1;
	progress_end(&d->progress);
	report(d, compared > 0);
	return 0;
}

static char *suffixed(const char *file, const char *suffix)
{
	dr_autobuf struct buf text = BUF_INIT;

	buf_printf(&text, "%s%s", file, suffix);
	return buf_steal(&text);
}

int download_run(struct session *s, const struct download_request *req, struct dr_err *err)
{
	struct download d = {
		.session = s, .req = req, .fd = STDOUT_FILENO, .total = PROGRESS_UNKNOWN};
	int result = -1;

	if (req->file) {
		d.part = suffixed(req->file, ".part");
		d.etag_file = suffixed(req->file, ".part.etag");
		d.fd = -1;
	}
	progress_init(&d.progress, req->id, false);
	if (req->file && (!d.part || !d.etag_file))
		dr_fail_nomem(err);
	else
		result = run(&d, err);
	progress_end(&d.progress);
	if (req->file && d.fd >= 0)
		close(d.fd);
	verify_free(d.verify);
	free(d.part);
	free(d.etag_file);
	return result;
}
