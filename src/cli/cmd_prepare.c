/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd_images.h"
#include "cli/env.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/text.h"
#include "prepare/prepare.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

/* The result, which has no name until it is whole: Ctrl-C leaves nothing. */
struct target {
	int fd;
	const char *file;
	struct buf part; /* its name for a moment at the end, or all the time */
	bool named;      /* … where file systems cannot do without */
};

static bool tick(void *arg, const struct prepare_facts *facts)
{
	struct progress *p = arg;
	struct progress_state st = {
		.phase = "prepare", .done = facts->packed_bytes, .total = facts->disk_bytes};

	st.rate = progress_rate(p, st.done);
	progress_show(p, &st);
	return false;
}

static int open_source(const char *file, struct dr_err *err)
{
	int fd = dr_streq(file, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
				     : open(file, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? dr_fail_errno(err, "open %s", file) : fd;
}

static int open_target(struct target *t, struct dr_err *err)
{
	const char *slash = strrchr(t->file, '/');
	dr_autofree char *dir =
		slash ? strndup(t->file, (size_t)(slash - t->file) + 1) : strdup(".");

	/* Not FILE.part: that is a download's, which can be gone on with. */
	buf_printf(&t->part, "%s.prepared", t->file);
	if (!dir || buf_check(&t->part, err) < 0)
		return dr_fail_nomem(err);
	t->fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
	if (t->fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR)) {
		t->named = true;
		t->fd = open(buf_str(&t->part), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	}
	return t->fd < 0 ? dr_fail_errno(err, "create %s", t->file) : 0;
}

static int finish_target(struct target *t, struct dr_err *err)
{
	const char *part = buf_str(&t->part);
	char self[32];

	snprintf(self, sizeof self, "/proc/self/fd/%d", t->fd);
	if (fsync(t->fd) != 0)
		return dr_fail_errno(err, "write %s", t->file);
	if (!t->named) {
		unlink(part); /* of a run that ended between the next two */
		t->named = linkat(AT_FDCWD, self, AT_FDCWD, part, AT_SYMLINK_FOLLOW) == 0;
	}
	if (!t->named || rename(part, t->file) != 0)
		return dr_fail_errno(err, "finish %s", t->file);
	t->named = false;
	return 0;
}

static void close_target(struct target *t)
{
	if (t->named)
		unlink(buf_str(&t->part));
	if (t->fd >= 0)
		close(t->fd);
	buf_done(&t->part);
}

static int choose_level(struct prepare_job *job, const char *asked, struct dr_err *err)
{
	int min, max, normal;
	int64_t level;

	job->level = PREPARE_LEVEL_DEFAULT;
	if (!asked)
		return 0;
	prepare_levels(job->kind, &min, &max, &normal);
	if (!dr_parse_i64(asked, min, max, &level))
		return dr_fail(err, DR_INVALID, "The levels of %s are %d to %d, normally %d",
			       prepare_kind_name(job->kind), min, max, normal);
	job->level = (int)level;
	return 0;
}

static int choose(struct prepare_job *job, const struct args *args, struct dr_err *err)
{
	const char *format = args_get(args, "format");
	const char *threads = args_get(args, "threads");
	const char *target = args->count == 2 ? args->words[1] : "";
	uint64_t count = (uint64_t)sysconf(_SC_NPROCESSORS_ONLN);

	if (args->count != 2)
		return dr_fail(err, DR_INVALID,
			       "You must specify the disk and the file to make of it");
	if (format && !prepare_kind_of(format, &job->kind))
		return dr_fail(err, DR_INVALID, "The format must be lz4, xz or zst");
	if (!format && !dr_streq(target, "-") && !prepare_kind_of(target, &job->kind))
		return dr_fail(err, DR_INVALID,
			       "'%.80s' does not end in .lz4, .xz or .zst: give the --format",
			       target);
	if (threads && !dr_parse_u64(threads, 1, PREPARE_THREADS, &count))
		return dr_fail(err, DR_INVALID, "There can be 1 to %u threads", PREPARE_THREADS);
	job->threads = count < PREPARE_THREADS ? (unsigned)count : PREPARE_THREADS;
	job->scratch = env_get("TMPDIR") ? env_get("TMPDIR") : "/var/tmp";
	return choose_level(job, args_get(args, "level"), err);
}

static void report(const struct args *args, const struct prepare_facts *facts)
{
	dr_autobuf struct buf disk = BUF_INIT;
	dr_autobuf struct buf out = BUF_INIT;

	text_bytes(&disk, facts->disk_bytes);
	text_bytes(&out, facts->out_bytes);
	for (unsigned i = 0; i < facts->warning_count; i++)
		say_warn("%s", facts->warnings[i]);
	say("Prepared %s (%s): a disk of %s in %s", args->words[0], facts->format, buf_str(&disk),
	    buf_str(&out));
	if (!dr_streq(args->words[1], "-"))
		say("Register it with: brightbox images register --arch x86_64 --file %s",
		    args->words[1]);
}

static int to_file(struct prepare_job *job, const char *file, struct prepare_facts *facts,
		   struct dr_err *err)
{
	DR_CLEANUP(close_target) struct target t = {.fd = -1, .file = file};

	if (open_target(&t, err) < 0)
		return -1;
	job->out = t.fd;
	return prepare_run(job, facts, err) < 0 ? -1 : finish_target(&t, err);
}

static int to_stdout(struct prepare_job *job, struct prepare_facts *facts, struct dr_err *err)
{
	if (isatty(STDOUT_FILENO))
		return dr_fail(err, DR_INVALID, "a compressed disk is nothing for a terminal");
	job->out = STDOUT_FILENO;
	return prepare_run(job, facts, err);
}

int images_prepare(struct cli *cli, const struct args *args, struct dr_err *err)
{
	struct progress progress;
	struct prepare_job job = {.kind = PREPARE_LZ4, .tick = tick, .arg = &progress};
	struct prepare_facts facts;
	dr_autofd int in = -1;
	int rc;

	(void)cli;
	if (choose(&job, args, err) < 0)
		return -1;
	in = open_source(args->words[0], err);
	if (in < 0)
		return -1;
	job.in = in;
	progress_init(&progress, args->words[0], true);
	rc = dr_streq(args->words[1], "-") ? to_stdout(&job, &facts, err)
					   : to_file(&job, args->words[1], &facts, err);
	progress_end(&progress);
	if (rc < 0)
		return err->reason[0] ? dr_while(err, "%s", err->reason) : -1;
	report(args, &facts);
	return 0;
}
