/* SPDX-License-Identifier: Apache-2.0
 *
 * qcow2raw IN OUT [FRAGMENT [THREADS [DELAY_US]]]: decodes a qcow2 file to a sparse raw file
 * in-process, the way an import does it: through a spool that is fed FRAGMENT bytes at a time, each
 * after a pause, and a crew of THREADS. OUT may be "-": decode and drop. Exit 0; 1 with
 * "code: sentence" on stderr; warnings on stdout. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "format/format.h"
#include "util/io.h"
#include "util/num.h"

#include "util/banned.h"

/* Passes reads through, a little later. */
struct slow {
	struct stream base;
	struct stream *in; /* owned */
	uint64_t delay_us;
};

static ssize_t slow_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct slow *sl = (struct slow *)s;
	struct timespec t = {.tv_sec = (time_t)(sl->delay_us / 1000000),
			     .tv_nsec = (long)(sl->delay_us % 1000000) * 1000};

	if (sl->delay_us > 0)
		nanosleep(&t, NULL);
	return stream_read(sl->in, buf, len, err);
}

static void slow_close(struct stream *s)
{
	struct slow *sl = (struct slow *)s;

	stream_close(sl->in);
	free(sl);
}

static const struct stream_ops slow_ops = {.name = "slow", .read = slow_read, .close = slow_close};

struct options {
	const char *in;
	const char *out; /* NULL: drop */
	uint64_t fragment;
	uint64_t threads;
	uint64_t delay_us;
};

static int open_input(const struct options *o, struct stream **ret, struct dr_err *err)
{
	int fd = open(o->in, O_RDONLY | O_CLOEXEC);
	struct stream *in = NULL;
	struct slow *sl;

	if (fd < 0)
		return dr_fail_errno(err, "open %s", o->in);
	if (stream_fd_open(&in, fd, err) < 0)
		return -1;
	sl = calloc(1, sizeof *sl);
	if (!sl) {
		stream_close(in);
		return dr_fail_nomem(err);
	}
	stream_init(&sl->base, &slow_ops);
	sl->base.fragment = (size_t)o->fragment;
	sl->in = in;
	sl->delay_us = o->delay_us;
	*ret = &sl->base;
	return 0;
}

static int copy(struct format *f, int out, struct dr_err *err)
{
	dr_autofree uint8_t *buf = malloc(FORMAT_PIECE_BYTES);
	struct extent e;
	int rc;

	if (!buf)
		return dr_fail_nomem(err);
	if (out >= 0 && ftruncate(out, (off_t)f->virtual_bytes) < 0)
		return dr_fail_errno(err, "truncate");
	while ((rc = format_next(f, &e, err)) > 0) {
		if (e.kind == EXTENT_ZERO)
			continue;
		if (format_read(f, buf, (size_t)e.len, err) < 0 ||
		    (out >= 0 && dr_pwrite_all(out, buf, (size_t)e.len, e.off, err) < 0))
			return -1;
	}
	for (unsigned i = 0; i < f->warning_count; i++)
		printf("%s\n", f->warnings[i]);
	return rc;
}

static int run(const struct options *o, struct dr_err *err)
{
	const struct format_limits lim = {.virtual_bytes = (uint64_t)2 << 40,
					  .memory_bytes = (uint64_t)128 << 20};
	dr_autofd int scratch = memfd_create("spool", MFD_CLOEXEC);
	dr_autofd int out = -1;
	DR_CLEANUP(spool_closep) struct spool *spool = NULL;
	struct workers *crew = NULL;
	struct format *f = NULL;
	struct stream *in = NULL;
	int rc = -1;

	if (scratch < 0)
		return dr_fail_errno(err, "memfd_create");
	if (o->out)
		out = open(o->out, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (o->out && out < 0)
		return dr_fail_errno(err, "open %s", o->out);
	if (spool_open(&spool, scratch, (uint64_t)256 << 30, err) < 0 ||
	    open_input(o, &in, err) < 0)
		return -1;
	spool_start(spool, in);
	if (workers_new(&crew, (unsigned)o->threads, err) < 0)
		return -1;
	if (format_qcow2_open(&f, spool, &lim, crew, err) == 0)
		rc = copy(f, out, err);
	format_close(f);
	workers_free(crew);
	return rc;
}

int main(int argc, char **argv)
{
	struct options o = {.threads = 2};
	struct dr_err err = DR_ERR_INIT;

	if (argc < 3 || argc > 6 ||
	    (argc > 3 && !dr_parse_u64(argv[3], 0, SIZE_MAX, &o.fragment)) ||
	    (argc > 4 && !dr_parse_u64(argv[4], 0, 64, &o.threads)) ||
	    (argc > 5 && !dr_parse_u64(argv[5], 0, 1000000, &o.delay_us))) {
		fprintf(stderr, "usage: qcow2raw IN OUT|- [FRAGMENT [THREADS [DELAY_US]]]\n");
		return 2;
	}
	o.in = argv[1];
	o.out = strcmp(argv[2], "-") == 0 ? NULL : argv[2];
	if (run(&o, &err) < 0) {
		fprintf(stderr, "%s: %s\n", err.reason[0] ? err.reason : dr_code_name(err.code),
			err.msg);
		return 1;
	}
	return 0;
}
