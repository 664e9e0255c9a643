/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/feed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/cleanup.h"

#include "util/banned.h"

#define PIECE_BYTES ((size_t)256 << 10)
#define PIPE_BYTES (1 << 20) /* asked for; less is slower */

struct feed {
	const struct import_source *source;
	int out;
	pthread_t thread;
	struct dr_err failure; /* the thread's until it is joined */
};

/* sent: what a write to the pipe has come to: 1 go on, 0 nobody reads any more, -1. */
static int sent(ssize_t rc, struct dr_err *err)
{
	if (rc >= 0 || errno == EINTR)
		return 1;
	return errno == EPIPE ? 0 : dr_fail_errno(err, "hand over the source");
}

static int ended_early(struct dr_err *err)
{
	return dr_fail(err, DR_IO, "the source in the store is shorter than it was");
}

static int send_file(struct feed *f, int fd, uint64_t at, uint64_t len, uint64_t *pos,
		     struct dr_err *err)
{
	off64_t from = (off64_t)at;
	ssize_t n = splice(fd, &from, f->out, NULL, (size_t)dr_min_u64(len, PIPE_BYTES), 0);

	if (n == 0)
		return ended_early(err);
	if (n > 0)
		*pos += (uint64_t)n;
	return sent(n, err);
}

static int send_piece(struct feed *f, uint8_t *piece, uint64_t *pos, struct dr_err *err)
{
	const struct import_source *s = f->source;
	size_t len = (size_t)dr_min_u64(PIECE_BYTES, s->bytes - *pos);
	ssize_t n = s->read(s->arg, piece, len, *pos, err), done = 0;
	int rc = 1;

	if (n <= 0)
		return n < 0 ? -1 : ended_early(err);
	while (done < n && rc > 0) {
		ssize_t w = write(f->out, piece + done, (size_t)(n - done));

		rc = sent(w, err);
		done += w > 0 ? w : 0;
	}
	*pos += (uint64_t)done;
	return rc;
}

static int send_all(struct feed *f, struct dr_err *err)
{
	const struct import_source *s = f->source;
	dr_autofree uint8_t *piece = malloc(PIECE_BYTES);
	uint64_t pos = 0, at, len;
	int fd, rc = 1;

	if (!piece)
		return dr_fail_nomem(err);
	while (rc > 0 && pos < s->bytes) {
		if (s->file && s->file(s->arg, pos, &fd, &at, &len))
			rc = send_file(f, fd, at, dr_min_u64(len, s->bytes - pos), &pos, err);
		else
			rc = send_piece(f, piece, &pos, err);
	}
	return rc < 0 ? -1 : 0;
}

static void *feed_main(void *arg)
{
	struct feed *f = arg;

	(void)!send_all(f, &f->failure);
	close(f->out);
	return NULL;
}

int feed_start(struct feed **ret, const struct import_source *s, int out, struct dr_err *err)
{
	dr_autofd int fd = out;
	dr_autofree struct feed *f = calloc(1, sizeof *f);

	if (!f)
		return dr_fail_nomem(err);
	(void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
	f->source = s;
	f->out = fd;
	if (pthread_create(&f->thread, NULL, feed_main, f) != 0)
		return dr_fail(err, DR_NO_MEMORY, "cannot start a thread");
	(void)DR_STEAL_FD(fd);
	*ret = DR_STEAL(f);
	return 0;
}

int feed_end(struct feed *f, struct dr_err *err)
{
	struct dr_err why = DR_ERR_INIT;

	if (!f)
		return 0;
	pthread_join(f->thread, NULL);
	why = f->failure;
	free(f);
	if (!dr_err_is_set(&why))
		return 0;
	*err = why;
	return -1;
}
