/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/import.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ingest/helper.h"
#include "ingest/report.h"
#include "util/io.h"
#include "util/spec.h"
#include "util/str.h"

#include "util/banned.h"

#define POLL_MS 500
#define QUIET_TURNS 120   /* half seconds without a word from the launcher: it hangs */
#define CANCELLED_TURNS 2 /* the same once it was told to stop */

struct listener {
	struct import_facts facts;
	struct import_result *result;
	struct dr_err failure;
	bool ok, fetched, committed, heard;
};

static void write_order(const struct import_order *o, struct buf *b)
{
	spec_put(b, "spool", o->spool);
	spec_put_u64(b, "total_seconds", o->total_seconds);
	spec_put_u64(b, "decoder_stall_seconds", o->decoder_stall_seconds);
	spec_put_u64(b, "decoder_cpu", o->decoder_cpu);
	spec_put_u64(b, "decoder_cpu_data", o->decoder_cpu_data);
	spec_put_u64(b, "decoder_cpu_holes", o->decoder_cpu_holes);
	if (o->source) {
		spec_put(b, "source", "given");
		spec_put_u64(b, "fetch.bytes", o->source->bytes);
	} else {
		spec_put(b, "fetch.url", o->url);
	}
	if (o->checksum && *o->checksum)
		spec_put(b, "fetch.checksum", o->checksum);
	for (size_t i = 0; o->allow && o->allow[i]; i++)
		spec_put(b, "fetch.allow", o->allow[i]);
	for (size_t i = 0; o->deny && o->deny[i]; i++)
		spec_put(b, "fetch.deny", o->deny[i]);
	spec_put(b, "fetch.ports", o->ports);
	spec_put(b, "fetch.nat64", o->nat64 ? "yes" : "no");
	spec_put_u64(b, "fetch.max_bytes", o->upload_bytes);
	spec_put_u64(b, "fetch.attempts", o->attempts);
	spec_put_u64(b, "fetch.backoff_ms", o->backoff_seconds ? 1000 * o->backoff_seconds : 1);
	spec_put_u64(b, "fetch.connect_ms", 1000 * o->connect_seconds);
	spec_put_u64(b, "fetch.first_byte_ms", 1000 * o->first_byte_seconds);
	spec_put_u64(b, "fetch.stall_seconds", o->stall_seconds);
	spec_put_u64(b, "fetch.total_seconds", o->total_seconds);
	spec_put_u64(b, "decode.virtual_bytes", o->virtual_bytes);
	spec_put_u64(b, "decode.upload_bytes", o->upload_bytes);
	spec_put_u64(b, "decode.memory_bytes", o->memory_bytes);
	spec_put_u64(b, "decode.address_bytes", o->address_bytes);
	spec_put_u64(b, "decode.cpu_seconds", o->cpu_seconds);
	spec_put_u64(b, "decode.threads", o->threads);
	spec_put(b, "commit.store", o->store);
	spec_put(b, "commit.domain", o->domain);
	spec_put(b, "commit.lease", o->lease);
	spec_put_u64(b, "commit.virtual_bytes", o->virtual_bytes);
	spec_put_u64(b, "commit.stored_bytes", o->stored_bytes);
	spec_put_u64(b, "commit.threads", o->threads);
	spec_put_u64(b, "commit.hurry", o->hurry);
}

static void take_decoded(struct listener *l, const char *line)
{
	dr_autobuf struct buf all = BUF_INIT_MAX(sizeof l->result->warnings - 1);
	char text[256];

	report_word(line, "format", l->result->format, sizeof l->result->format);
	for (size_t i = 0; report_nth(line, "warning", i, text, sizeof text); i++) {
		if (!dr_text_valid(text, strlen(text)))
			continue;
		buf_printf(&all, "%s%s", all.len ? "\n" : "", text);
		if (!buf_ok(&all))
			break;
		dr_copy(l->result->warnings, sizeof l->result->warnings, buf_str(&all));
	}
}

static void take_fetched(struct listener *l, const char *line)
{
	char hex[DIGEST_HEX];
	struct digest sum;

	l->result->source_bytes = report_u64(line, "bytes", 0);
	l->fetched = report_value(line, "sha256", hex, sizeof hex) && digest_parse(hex, &sum);
	if (l->fetched)
		snprintf(l->result->checksum, sizeof l->result->checksum, "sha256:%s", hex);
}

static void take_committed(struct listener *l, const char *line)
{
	struct import_result *r = l->result;
	char hex[DIGEST_HEX];

	l->committed = report_value(line, "manifest", hex, sizeof hex) &&
		       digest_parse(hex, &r->manifest) &&
		       report_value(line, "content", hex, sizeof hex) &&
		       digest_parse(hex, &r->content);
	r->virtual_bytes = report_u64(line, "virtual", 0);
	r->data_bytes = report_u64(line, "data", 0);
	r->stored_bytes = report_u64(line, "stored", 0);
	r->new_bytes = report_u64(line, "new", 0);
	r->chunks = report_u64(line, "chunks", 0);
	r->object_bytes = report_u64(line, "object", 0);
}

static void take_alarm(struct listener *l, const char *line)
{
	char cause[32];

	if (report_word(line, "cause", cause, sizeof cause))
		snprintf(l->result->alarm, sizeof l->result->alarm, "cause=%s signal=%llu pid=%llu",
			 cause, (unsigned long long)report_u64(line, "signal", 0),
			 (unsigned long long)report_u64(line, "pid", 0));
}

static void take_line(void *arg, const char *line)
{
	struct listener *l = arg;

	l->heard = true;
	if (report_is(line, "facts")) {
		l->facts.source_done = report_u64(line, "source_done", UINT64_MAX);
		l->facts.source_total = report_u64(line, "source_total", UINT64_MAX);
		l->facts.virtual_bytes = report_u64(line, "virtual", UINT64_MAX);
		l->facts.data_bytes = report_u64(line, "data", UINT64_MAX);
		l->facts.spooled_bytes = report_u64(line, "spooled", 0);
		if (l->fetched) /* the source may not have said how long it is */
			l->facts.source_total = l->result->source_bytes;
	} else if (report_is(line, "decoded")) {
		take_decoded(l, line);
	} else if (report_is(line, "fetched")) {
		take_fetched(l, line);
	} else if (report_is(line, "committed")) {
		take_committed(l, line);
	} else if (report_is(line, "alarm")) {
		take_alarm(l, line);
	} else if (report_is(line, "fail")) {
		report_parse_failure(line, &l->failure);
	} else if (report_is(line, "ok")) {
		l->ok = true;
	}
}

/* The launcher's ends of what it is given; source -1: none. */
struct ends {
	int order, report, control, source;
};

/* spawn: darkroom-import with its descriptors. posix_spawn does not copy this process. */
static int spawn(const struct ends *e, pid_t *ret, struct dr_err *err)
{
	char path[4096];
	char *const argv[] = {(char *)(uintptr_t) "darkroom-import", NULL};
	char *envp[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin",
			(char *)(uintptr_t) "ASAN_OPTIONS=detect_leaks=0", NULL, NULL};
	dr_autobuf struct buf libexec = BUF_INIT;
	const char *given = getenv("DARKROOM_LIBEXEC");
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	if (helper_path(argv[0], path, err) < 0)
		return -1;
	if (given) {
		buf_printf(&libexec, "DARKROOM_LIBEXEC=%s", given);
		envp[2] = (char *)(uintptr_t)buf_str(&libexec);
	}
	sigemptyset(&none);
	rc = posix_spawn_file_actions_init(&fa);
	rc |= posix_spawnattr_init(&attr);
	rc |= posix_spawn_file_actions_adddup2(&fa, e->order, IMPORT_FD_SPEC);
	rc |= posix_spawn_file_actions_adddup2(&fa, e->report, IMPORT_FD_REPORT);
	rc |= posix_spawn_file_actions_adddup2(&fa, e->control, IMPORT_FD_CONTROL);
	if (e->source >= 0)
		rc |= posix_spawn_file_actions_adddup2(&fa, e->source, IMPORT_FD_SOURCE);
	rc |= posix_spawnattr_setsigmask(&attr, &none);
	rc |= posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	if (rc == 0)
		rc = posix_spawn(ret, path, &fa, &attr, argv, envp);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&fa);
	errno = rc;
	return rc == 0 ? 0 : dr_fail_errno(err, "cannot start darkroom-import");
}

/* high_pipe: a pipe whose ends lie above the numbers that spawn() fills. */
static int high_pipe(int ret[static 2], struct dr_err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) != 0)
		return dr_fail_errno(err, "pipe");
	for (int i = 0; i < 2; i++) {
		ret[i] = fcntl(p[i], F_DUPFD_CLOEXEC, 16);
		close(p[i]);
	}
	if (ret[0] >= 0 && ret[1] >= 0)
		return 0;
	dr_fail_errno(err, "pipe");
	for (int i = 0; i < 2; i++)
		if (ret[i] >= 0)
			close(ret[i]);
	return -1;
}

static int order_fd(const struct import_order *o, struct dr_err *err)
{
	dr_autobuf struct buf text = BUF_INIT_MAX((size_t)1 << 20);
	dr_autofd int low = memfd_create("order", MFD_CLOEXEC);
	int fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 16);

	write_order(o, &text);
	if (fd < 0)
		return dr_fail_errno(err, "memfd_create");
	if (buf_check(&text, err) < 0 || dr_write_all(fd, text.p, text.len, err) < 0 ||
	    lseek(fd, 0, SEEK_SET) != 0) {
		close(fd);
		return dr_fail(err, DR_IO, "cannot write a work order");
	}
	return fd;
}

/* listen_to: until the launcher has said all. Closing *control cancels. */
static void listen_to(struct listener *l, int report, int *control, pid_t pid,
		      import_progress *progress, void *arg)
{
	struct report_reader reader = {.len = 0};
	unsigned quiet = 0;
	int rc = 1;

	while (rc == 1) {
		struct pollfd p = {.fd = report, .events = POLLIN};

		if (poll(&p, 1, POLL_MS) > 0)
			rc = report_read(&reader, report, take_line, l);
		quiet = l->heard ? 0 : quiet + 1;
		l->heard = false;
		if (*control >= 0 && !progress(arg, &l->facts)) {
			close(*control);
			*control = -1;
		}
		if (quiet > (*control < 0 ? CANCELLED_TURNS : QUIET_TURNS))
			kill(pid, SIGKILL);
	}
}

/* launch: the launcher, and what feeds it. *ret_report and *ret_control are our ends. */
static int launch(const struct import_order *o, pid_t *ret, int *ret_report, int *ret_control,
		  struct feed **ret_feed, struct dr_err *err)
{
	dr_autofd int order = order_fd(o, err);
	dr_autofd int report = -1;
	dr_autofd int control = -1;
	dr_autofd int source = -1;
	int p[2];

	if (order < 0 || high_pipe(p, err) < 0)
		return -1;
	*ret_report = p[0];
	report = p[1];
	if (high_pipe(p, err) < 0)
		return -1;
	control = p[0];
	*ret_control = p[1];
	if (o->source) {
		if (high_pipe(p, err) < 0)
			return -1;
		source = p[0];
		if (feed_start(ret_feed, o->source, p[1], err) < 0)
			return -1;
	}
	return spawn(&(struct ends){order, report, control, source}, ret, err);
}

/* verdict: of an import that is over. */
static int verdict(const struct listener *l, struct dr_err *err)
{
	if (dr_err_is_set(&l->failure)) {
		*err = l->failure;
		return -1;
	}
	if (!l->ok || !l->fetched || !l->committed)
		return dr_fail(err, DR_IO, "the import process ended without a result");
	return 0;
}

int import_run(const struct import_order *o, import_progress *progress, void *arg,
	       struct import_result *ret, struct dr_err *err)
{
	struct listener l = {.facts = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0},
			     .result = ret};
	dr_autofd int report = -1;
	dr_autofd int control = -1;
	struct dr_err unread = DR_ERR_INIT;
	struct feed *feed = NULL;
	pid_t pid = 0;
	int rc;

	memset(ret, 0, sizeof *ret);
	rc = launch(o, &pid, &report, &control, &feed, err);
	if (rc == 0) {
		listen_to(&l, report, &control, pid, progress, arg);
		/* Whoever has been heard out, or talks nonsense, has no reason to go on. */
		if (control >= 0)
			close(DR_STEAL_FD(control));
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	/* What could not be read is why whoever waited for it has failed. */
	if (feed_end(feed, &unread) < 0 && rc == 0) {
		*err = unread;
		return -1;
	}
	return rc < 0 ? -1 : verdict(&l, err);
}
