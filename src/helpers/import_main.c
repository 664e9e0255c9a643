/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroom-import: one import's launcher and supervisor. It is started by exec, never held a secret
 * but the source's URL, runs no thread and parses nothing foreign but bounded report lines.
 * Of a source that the daemon has itself it finds the pipe, and starts darkroom-read on it in place
 * of darkroom-fetch.
 *
 *   control (EOF = cancel) --.        .--> darkroom-fetch --ring--> darkroom-decode --ring--.
 *   work order --------------+--> import                                                     |
 *   report lines <-----------'        '--> darkroom-commit <--------------------------------'
 *
 * Every child is killed when the first one fails, when the control pipe closes, or with us. The
 * import is good only when all three say so: fetch (its digest matched), decode (exit 0 after a
 * good end), commit (a durable manifest). Lines to the owner:
 *   facts source_done=N source_total=N|- virtual=N|- data=N spooled=N   about twice a second
 *   alarm cause=… signal=N pid=N                                when an attack or a bug shows
 *   decoded format=… warning=…                                  once
 *   fetched bytes=N sha256=…                                    once
 *   committed manifest=… …                                      once
 *   ok | fail code=… reason=… msg=…                             last */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ingest/allowance.h"
#include "ingest/helper.h"
#include "ingest/report.h"
#include "ring/ring.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/spec.h"
#include "util/str.h"

#include "util/banned.h"

#define SOURCE_SLOTS 8
#define SOURCE_SLOT_BYTES ((size_t)256 << 10)
#define DISK_SLOTS 8
#define DISK_SLOT_BYTES ((size_t)1 << 20)
#define FACTS_MS 500
#define SECTOR 512
#define ALIVE_MS 100 /* of processor time: it is at work, and has its allowance for that */

enum child_kind { CHILD_FETCH, CHILD_DECODE, CHILD_COMMIT, CHILDREN };

struct child {
	pid_t pid; /* 0 = not running (any more) */
	int pidfd;
	int report; /* read end; -1 = none or at its end */
	struct report_reader reader;
	bool ok;     /* exited 0 */
	bool killed; /* by us */
	bool told;   /* its failure in its own words */
};

/* What the decoder is watched by. */
struct watch {
	struct allowance allowance;
	uint64_t stall_ms;
	int scratch;          /* to see how much is spooled; -1 = not any more */
	uint64_t spool_bytes; /* when last looked at */
	/* When something last moved in a ring (or another was to move first), what that looked
	 * like, and the processor time used by then. */
	uint64_t moved_at, used_ms;
	uint32_t source_published, source_waiting, disk_published, disk_waiting;
};

struct import {
	struct spec *spec;
	struct child children[CHILDREN];
	struct ring *source;
	struct ring *disk;
	bool fetched, committed;
	char committed_line[REPORT_LINE_BYTES];
	uint64_t data_bytes; /* as commit reports */
	uint64_t disk_bytes; /* likewise */
	uint64_t facts_at;   /* monotonic ms */
	uint64_t started_at; /* likewise */
	uint64_t total_seconds;
	struct watch watch;
	pid_t decoder_pid; /* also when it is gone */
	bool alarmed;
	struct dr_err failure;
};

static const char *const names[CHILDREN] = {"fetch", "decode", "commit"};

/* sub_spec: the lines "fetch.key=value" of the work order as "key=value" for one child. */
static int sub_spec(const struct spec *all, const char *prefix, struct buf *ret, struct dr_err *err)
{
	const char *key, *value;
	const size_t n = strlen(prefix);

	for (size_t i = 0; spec_line(all, i, &key, &value); i++)
		if (strncmp(key, prefix, n) == 0 && key[n] == '.')
			spec_put(ret, key + n + 1, value);
	return buf_check(ret, err);
}

static int start_child(struct import *im, enum child_kind kind, struct helper_start *hs,
		       bool reports, struct dr_err *err)
{
	struct child *c = &im->children[kind];
	dr_autobuf struct buf spec = BUF_INIT;
	dr_autofd int writer = -1;
	int pipes[2] = {-1, -1};

	if (sub_spec(im->spec, names[kind], &spec, err) < 0)
		return -1;
	if (reports) {
		if (pipe2(pipes, O_CLOEXEC) != 0)
			return dr_fail_errno(err, "pipe");
		c->report = pipes[0];
		writer = pipes[1];
	}
	hs->spec = buf_str(&spec);
	hs->report = writer;
	c->pid = helper_spawn(hs, err);
	if (c->pid < 0) {
		c->pid = 0;
		return -1;
	}
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	return c->pidfd < 0 ? dr_fail_errno(err, "pidfd_open") : 0;
}

static void read_limits(struct import *im)
{
	const struct allowance usual = ALLOWANCE_INIT;
	struct allowance *a = &im->watch.allowance;

	im->total_seconds = spec_get_u64(im->spec, "total_seconds", UINT64_MAX);
	im->watch.stall_ms = 1000 * spec_get_u64(im->spec, "decoder_stall_seconds", 120);
	a->start = spec_get_u64(im->spec, "decoder_cpu", usual.start);
	a->data = spec_get_u64(im->spec, "decoder_cpu_data", usual.data);
	a->holes = spec_get_u64(im->spec, "decoder_cpu_holes", usual.holes);
}

static int start_all(struct import *im, struct dr_err *err)
{
	dr_autofd int source = ring_create(SOURCE_SLOTS, SOURCE_SLOT_BYTES, err);
	dr_autofd int disk = ring_create(DISK_SLOTS, DISK_SLOT_BYTES, err);
	dr_autofd int scratch = -1;
	dr_autofd int given = -1;
	struct helper_start fetch = {.program = "darkroom-fetch",
				     .ring_in = source,
				     .ring_out = -1,
				     .scratch = -1,
				     .drop_user = true};
	struct helper_start decode = {.program = "darkroom-decode",
				      .ring_in = source,
				      .ring_out = disk,
				      .drop_user = true};
	struct helper_start commit = {
		.program = "darkroom-commit", .ring_in = disk, .ring_out = -1, .scratch = -1};

	read_limits(im);
	if (spec_get(im->spec, "source", NULL)) {
		/* Not kept: when darkroom-read is gone, its writer is to see that. */
		fetch.scratch = given = IMPORT_FD_SOURCE;
		fetch.program = "darkroom-read";
	}
	if (source < 0 || disk < 0 || ring_attach(&im->source, source, err) < 0 ||
	    ring_attach(&im->disk, disk, err) < 0)
		return -1;
	scratch = helper_scratch(spec_get(im->spec, "spool", "/tmp"), err);
	if (scratch < 0)
		return -1;
	decode.scratch = scratch;
	im->watch.scratch = fcntl(scratch, F_DUPFD_CLOEXEC, 0);
	if (start_child(im, CHILD_COMMIT, &commit, true, err) < 0 ||
	    start_child(im, CHILD_DECODE, &decode, false, err) < 0 ||
	    start_child(im, CHILD_FETCH, &fetch, true, err) < 0)
		return -1;
	im->decoder_pid = im->children[CHILD_DECODE].pid;
	im->watch.moved_at = dr_now_ms();
	return 0;
}

static void kill_all(struct import *im)
{
	for (int i = 0; i < CHILDREN; i++) {
		if (im->children[i].pid > 0) {
			im->children[i].killed = true;
			kill(im->children[i].pid, SIGKILL);
		}
	}
}

/* fail: keep the first failure and stop the rest. */
static void fail(struct import *im, const struct dr_err *why)
{
	if (!dr_err_is_set(&im->failure))
		im->failure = *why;
	kill_all(im);
}

/* alarm: what only an attack or a bug brings about; the operator is to know. Once. */
static void alarm_of(struct import *im, const char *cause, int sig)
{
	if (im->alarmed)
		return;
	im->alarmed = true;
	report_printf(IMPORT_FD_REPORT, "alarm cause=%s signal=%d pid=%d", cause, sig,
		      (int)im->decoder_pid);
}

static void fail_lie(struct import *im, const char *how)
{
	struct dr_err err = DR_ERR_INIT;

	alarm_of(im, "broken-channel", 0);
	dr_refuse(&err, DR_CORRUPT, "decoder-crashed", "the decoder broke down on this file: %s",
		  how);
	fail(im, &err);
}

/* told: a child's own failure. That its reader has gone away is no cause: the reader has one, and
 * tells it a moment later. Behind the committer there is no reader. */
static void told(struct import *im, enum child_kind kind, const struct dr_err *why)
{
	im->children[kind].told = true;
	/* What is corrupt without being a verdict on the input is a ring between the two. */
	if (kind != CHILD_COMMIT && why->code == DR_CORRUPT && !why->reason[0])
		fail_lie(im, why->msg);
	else if (kind == CHILD_COMMIT && strcmp(why->reason, "decoder-crashed") == 0)
		alarm_of(im, "broken-channel", 0);
	if (why->code != DR_CANCELLED || kind == CHILD_COMMIT)
		fail(im, why);
}

/* look_at_spool: what is spooled may be all that a decoder has to show for its time until the last
 * byte of the source: below a codec, its own work. */
static void look_at_spool(struct import *im)
{
	struct stat st;

	if (im->watch.scratch >= 0 && fstat(im->watch.scratch, &st) == 0)
		im->watch.spool_bytes = (uint64_t)st.st_blocks * 512;
}

static void fetch_line(void *arg, const char *line)
{
	struct import *im = arg;
	struct dr_err err = DR_ERR_INIT;

	if (report_is(line, "done")) {
		im->fetched = true;
		look_at_spool(im);
		/* Held any longer, it would be written to the disk with the committer's data. */
		close(im->watch.scratch);
		im->watch.scratch = -1;
		report_printf(IMPORT_FD_REPORT, "fetched%s", line + strlen("done"));
	} else if (report_is(line, "fail")) {
		report_parse_failure(line, &err);
		told(im, CHILD_FETCH, &err);
	}
}

static void commit_line(void *arg, const char *line)
{
	struct import *im = arg;
	struct dr_err err = DR_ERR_INIT;

	if (report_is(line, "done")) {
		im->committed = true;
		dr_copy(im->committed_line, sizeof im->committed_line, line + strlen("done"));
	} else if (report_is(line, "stored")) {
		im->data_bytes = report_u64(line, "data", im->data_bytes);
		im->disk_bytes = report_u64(line, "disk", im->disk_bytes);
	} else if (report_is(line, "fail")) {
		report_parse_failure(line, &err);
		told(im, CHILD_COMMIT, &err);
	}
}

static void put_fact(struct buf *line, const char *key, uint64_t v)
{
	if (v == RING_FACT_UNKNOWN)
		buf_printf(line, " %s=-", key);
	else
		buf_printf(line, " %s=%llu", key, (unsigned long long)v);
}

static void report_facts(struct import *im)
{
	dr_autobuf struct buf line = BUF_INIT_MAX(REPORT_LINE_BYTES);

	put_fact(&line, "source_done", ring_get_fact(im->source, RING_FACT_SOURCE_DONE));
	put_fact(&line, "source_total", ring_get_fact(im->source, RING_FACT_SOURCE_TOTAL));
	put_fact(&line, "virtual", ring_get_fact(im->disk, RING_FACT_VIRTUAL_SIZE));
	buf_printf(&line, " data=%llu spooled=%llu", (unsigned long long)im->data_bytes,
		   (unsigned long long)im->watch.spool_bytes);
	report_printf(IMPORT_FD_REPORT, "facts%s", buf_str(&line));
	im->facts_at = dr_now_ms();
}

/* alarm_at_death: by the kernel's word, whatever the decoder has said before. SIGKILL is ours, or
 * that of a system out of memory. */
static void alarm_at_death(struct import *im, int sig)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};

	if (sig == SIGSYS)
		alarm_of(im, "forbidden-call", sig);
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (sig == faults[i])
			alarm_of(im, "memory-fault", sig);
}

/* crashed: what a child's death means for the import. */
static void crashed(struct import *im, enum child_kind kind, const siginfo_t *info)
{
	struct dr_err err = DR_ERR_INIT;
	const int sig = info->si_code == CLD_EXITED ? 0 : info->si_status;

	if (kind == CHILD_DECODE && sig == 0 && ring_failure(im->disk, &err)) {
		told(im, kind, &err);
		return;
	}
	if (kind == CHILD_DECODE) {
		helper_decoder_death(info, &err);
		if (err.code == DR_CORRUPT)
			alarm_of(im, "unexpected-end", sig);
	} else {
		dr_refuse(&err, DR_IO, kind == CHILD_FETCH ? "fetcher-crashed" : "store-failed",
			  "the %s process ended unexpectedly (%s %d)", names[kind],
			  sig ? "signal" : "status", info->si_status);
	}
	fail(im, &err);
}

/* silent: a child has ended without the last word that its neighbour is waiting for; a decoder,
 * also before it can have seen the last word of the fetcher. */
static bool silent(const struct import *im, enum child_kind kind)
{
	if (kind == CHILD_COMMIT)
		return !im->committed;
	return !ring_ended(im->source) || (kind == CHILD_DECODE && !ring_ended(im->disk));
}

static void reap(struct import *im, enum child_kind kind)
{
	struct child *c = &im->children[kind];
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
		return;
	c->pid = 0;
	close(c->pidfd);
	c->pidfd = -1;
	c->ok = info.si_code == CLD_EXITED && info.si_status == 0;
	/* Its last words may still be in the pipe, and they say more than the exit status. */
	while (c->report >= 0) {
		int rc = report_read(&c->reader, c->report,
				     kind == CHILD_FETCH ? fetch_line : commit_line, im);

		if (rc <= 0) {
			close(c->report);
			c->report = -1;
		}
	}
	if (kind == CHILD_DECODE) {
		ring_abandon(im->source); /* nobody reads any more, whatever was said there */
		if (info.si_code != CLD_EXITED)
			alarm_at_death(im, info.si_status);
	}
	c->ok = c->ok && !silent(im, kind);
	if (!c->ok && !c->killed && !c->told && !dr_err_is_set(&im->failure))
		crashed(im, kind, &info);
}

static bool running(const struct import *im)
{
	for (int i = 0; i < CHILDREN; i++)
		if (im->children[i].pid > 0)
			return true;
	return false;
}

/* check_time: the fetcher has this limit too, but it may have ended, or hang itself. */
static void check_time(struct import *im)
{
	struct dr_err err = DR_ERR_INIT;

	if ((dr_now_ms() - im->started_at) / 1000 < im->total_seconds ||
	    dr_err_is_set(&im->failure))
		return;
	dr_refuse(&err, DR_LIMIT, "timed-out", "the import was not finished within %llu seconds",
		  (unsigned long long)im->total_seconds);
	fail(im, &err);
}

/* check_allowance: the decoder's processor time against what has arrived behind it. */
static void check_allowance(struct import *im, pid_t pid)
{
	struct dr_err err = DR_ERR_INIT;
	const uint64_t holes = im->disk_bytes - dr_min_u64(im->data_bytes, im->disk_bytes);

	look_at_spool(im);
	if (allowance_check(&im->watch.allowance, pid, im->data_bytes + im->watch.spool_bytes,
			    holes, &err) < 0)
		fail(im, &err);
}

/* check_stall: a decoder that has something to do, and room for what comes of it, moves a ring or
 * uses the processor. One that does neither for long waits for nothing. */
static void check_stall(struct import *im, pid_t pid)
{
	struct watch *w = &im->watch;
	struct watch now = *w;
	struct dr_err err = DR_ERR_INIT;
	bool idle;

	now.moved_at = dr_now_ms();
	now.used_ms = allowance_used_ms(pid);
	ring_look(im->source, &now.source_published, &now.source_waiting);
	ring_look(im->disk, &now.disk_published, &now.disk_waiting);
	idle = (now.source_waiting == 0 && !ring_ended(im->source) && !ring_ended(im->disk)) ||
	       now.disk_waiting >= DISK_SLOTS;
	if (idle || now.used_ms >= w->used_ms + ALIVE_MS ||
	    now.source_published != w->source_published ||
	    now.source_waiting != w->source_waiting || now.disk_published != w->disk_published ||
	    now.disk_waiting != w->disk_waiting) {
		*w = now;
	} else if (now.moved_at - w->moved_at >= w->stall_ms) {
		dr_refuse(&err, DR_LIMIT, "decoder-timeout",
			  "the decoder has done nothing for %llu seconds",
			  (unsigned long long)(w->stall_ms / 1000));
		fail(im, &err);
	}
}

static void watch_decoder(struct import *im)
{
	const pid_t pid = im->children[CHILD_DECODE].pid;

	if (pid <= 0 || dr_err_is_set(&im->failure))
		return;
	check_allowance(im, pid);
	if (!dr_err_is_set(&im->failure))
		check_stall(im, pid);
}

/* turn: wait for something to happen, and see to it. */
static void turn(struct import *im)
{
	struct pollfd p[1 + 2 * CHILDREN];
	struct dr_err err = DR_ERR_INIT;

	p[0] = (struct pollfd){.fd = IMPORT_FD_CONTROL, .events = POLLIN};
	for (int i = 0; i < CHILDREN; i++) {
		const struct child *c = &im->children[i];

		p[1 + i] = (struct pollfd){.fd = c->pid > 0 ? c->pidfd : -1, .events = POLLIN};
		p[1 + CHILDREN + i] = (struct pollfd){.fd = c->report, .events = POLLIN};
	}
	if (poll(p, 1 + 2 * CHILDREN, FACTS_MS) < 0 && errno != EINTR)
		exit(2);
	if (p[0].revents && !dr_err_is_set(&im->failure)) {
		dr_refuse(&err, DR_CANCELLED, "cancelled", "the import was cancelled");
		fail(im, &err);
	}
	for (int i = 0; i < CHILDREN; i++) {
		struct child *c = &im->children[i];

		if (p[1 + CHILDREN + i].revents && c->report >= 0 &&
		    report_read(&c->reader, c->report, i == CHILD_FETCH ? fetch_line : commit_line,
				im) <= 0) {
			close(c->report);
			c->report = -1;
		}
		/* One that pidfd_open() failed for is asked about every time. */
		if (p[1 + i].revents || (c->pid > 0 && c->pidfd < 0))
			reap(im, (enum child_kind)i);
	}
	check_time(im);
	watch_decoder(im);
	if (dr_now_ms() - im->facts_at >= FACTS_MS)
		report_facts(im);
}

/* report_decoded: the decoder's note is foreign text: only known keys pass, as encoded values. */
static void report_decoded(const struct spec *s)
{
	dr_autobuf struct buf line = BUF_INIT_MAX(REPORT_LINE_BYTES);
	const char *warning;

	buf_puts(&line, "decoded format=");
	report_encode(&line, spec_get(s, "format", ""));
	for (size_t i = 0; (warning = spec_nth(s, "warning", i)); i++) {
		if (line.len + 3 * strlen(warning) + 16 > REPORT_LINE_BYTES)
			break;
		buf_puts(&line, " warning=");
		report_encode(&line, warning);
	}
	report_printf(IMPORT_FD_REPORT, "%s", buf_str(&line));
}

/* check_size: the disk is as long as the committer has counted. A decoder that says otherwise at
 * its end, or that makes what is no disk, has not come to that end by decoding. */
static void check_size(struct import *im, const struct spec *note)
{
	const uint64_t counted = report_u64(im->committed_line, "virtual", 0);

	if (counted % SECTOR != 0 || spec_get_u64(note, "virtual_bytes", 0) != counted)
		fail_lie(im, "the disk is not as long as it says");
}

static void conclude(struct import *im)
{
	struct dr_err err = DR_ERR_INIT;
	struct dr_err unread = DR_ERR_INIT;
	char text[RING_NOTE_BYTES + 1];
	DR_CLEANUP(spec_freep) struct spec *note = NULL;

	if (!im->source || !im->disk) {
		report_failure(IMPORT_FD_REPORT, &im->failure);
		return;
	}
	report_facts(im);
	ring_note(im->disk, text);
	if (spec_parse(&note, text, strlen(text), &unread) < 0 && !dr_err_is_set(&im->failure))
		fail_lie(im, "its last words cannot be read");
	if (!dr_err_is_set(&im->failure) && im->children[CHILD_DECODE].ok &&
	    !im->children[CHILD_FETCH].ok)
		fail_lie(im, "it ended before its source");
	if (!dr_err_is_set(&im->failure) &&
	    !(im->fetched && im->committed && im->children[CHILD_FETCH].ok &&
	      im->children[CHILD_DECODE].ok && im->children[CHILD_COMMIT].ok)) {
		dr_fail(&err, DR_IO, "the import ended without a result");
		im->failure = err;
	}
	if (note)
		report_decoded(note);
	if (!dr_err_is_set(&im->failure))
		check_size(im, note);
	if (dr_err_is_set(&im->failure)) {
		report_failure(IMPORT_FD_REPORT, &im->failure);
		return;
	}
	report_printf(IMPORT_FD_REPORT, "committed%s", im->committed_line);
	report_printf(IMPORT_FD_REPORT, "ok");
}

int main(void)
{
	struct import im = {0};
	struct dr_err err = DR_ERR_INIT;

	signal(SIGPIPE, SIG_IGN);
	if (prctl(PR_SET_DUMPABLE, 0) != 0 || close_range(IMPORT_FD_SOURCE + 1, ~0U, 0) != 0 ||
	    close_range(IMPORT_FD_REPORT, IMPORT_FD_SOURCE, CLOSE_RANGE_CLOEXEC) != 0)
		return 2;
	for (int i = 0; i < CHILDREN; i++)
		im.children[i].report = im.children[i].pidfd = -1;
	im.watch.scratch = -1;
	im.started_at = dr_now_ms();
	if (spec_read_fd(&im.spec, IMPORT_FD_SPEC, &err) < 0 || start_all(&im, &err) < 0)
		fail(&im, &err);
	while (running(&im))
		turn(&im);
	conclude(&im);
	ring_detach(im.source);
	ring_detach(im.disk);
	spec_free(im.spec);
	return dr_err_is_set(&im.failure) ? 1 : 0;
}
