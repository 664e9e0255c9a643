/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cmd_images.h"
#include "cli/env.h"
#include "cli/interrupt.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/text.h"
#include "prepare/prepare.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

struct watch {
	struct interrupt in;
	struct progress progress;
};

static bool tick(void *arg, const struct prepare_facts *facts)
{
	struct watch *w = arg;
	struct progress_state st = {
		.phase = "prepare", .done = facts->packed_bytes, .total = facts->disk_bytes};

	st.rate = progress_rate(&w->progress, st.done);
	progress_show(&w->progress, &st);
	return interrupt_seen(&w->in, -1, 0);
}

static int open_source(const char *file, struct dr_err *err)
{
	int fd = dr_streq(file, "-") ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
				     : open(file, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? dr_fail_errno(err, "open %s", file) : fd;
}

/* open_target: standard output, or `part`, which is to become the file. */
static int open_target(const char *file, const char *part, struct dr_err *err)
{
	int fd;

	if (dr_streq(file, "-") && isatty(STDOUT_FILENO))
		return dr_fail(err, DR_INVALID, "a compressed disk is nothing for a terminal");
	fd = dr_streq(file, "-") ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
				 : open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return fd < 0 ? dr_fail_errno(err, "create %s", part) : fd;
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

static int finish(int fd, const char *part, const char *file, struct dr_err *err)
{
	if (fsync(fd) != 0 || rename(part, file) != 0)
		return dr_fail_errno(err, "finish %s", file);
	return 0;
}

/* run: with signals held, so that an unfinished file does not stay. */
static int run(struct prepare_job *job, const char *part, const struct args *args,
	       struct prepare_facts *facts, struct dr_err *err)
{
	struct watch w;
	int rc;

	if (interrupt_hold(&w.in, err) < 0)
		return -1;
	progress_init(&w.progress, args->words[0], true);
	job->tick = tick;
	job->arg = &w;
	rc = prepare_run(job, facts, err);
	progress_end(&w.progress);
	if (rc == 0 && part)
		rc = finish(job->out, part, args->words[1], err);
	if (rc < 0 && part)
		unlink(part);
	interrupt_release(&w.in);
	return rc;
}

int images_prepare(struct cli *cli, const struct args *args, struct dr_err *err)
{
	struct prepare_job job = {.kind = PREPARE_LZ4};
	struct prepare_facts facts;
	dr_autobuf struct buf part = BUF_INIT;
	dr_autofd int in = -1;
	dr_autofd int out = -1;
	bool to_file;

	(void)cli;
	if (choose(&job, args, err) < 0)
		return -1;
	to_file = !dr_streq(args->words[1], "-");
	buf_printf(&part, "%s.part", args->words[1]);
	if (buf_check(&part, err) < 0)
		return -1;
	in = open_source(args->words[0], err);
	out = in < 0 ? -1 : open_target(args->words[1], buf_str(&part), err);
	if (out < 0)
		return -1;
	job.in = in;
	job.out = out;
	if (run(&job, to_file ? buf_str(&part) : NULL, args, &facts, err) < 0)
		return -1;
	report(args, &facts);
	return 0;
}
