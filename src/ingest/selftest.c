/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/selftest.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ingest/helper.h"
#include "ingest/probe.h"
#include "ring/ring.h"
#include "util/clock.h"
#include "util/sanitized.h"
#include "util/spec.h"

#include "util/banned.h"

#define PATIENCE_MS 10000
#define SCRATCH_BYTES ((uint64_t)1 << 20)
#define RING_SLOT ((size_t)4096)

/* What all the decoders of one self-test share. */
struct bench {
	int source, disk, scratch;
};

static pid_t launch(const struct bench *b, const char *name, struct dr_err *err)
{
	dr_autobuf struct buf spec = BUF_INIT;
	struct helper_start hs = {.program = "darkroom-decode",
				  .report = -1,
				  .ring_in = b->source,
				  .ring_out = b->disk,
				  .scratch = b->scratch,
				  .drop_user = true};

	spec_put(&spec, "probe", name);
	spec_put_u64(&spec, "upload_bytes", SCRATCH_BYTES);
	/* One thread, because the filter must be on every thread. */
	spec_put_u64(&spec, "threads", 1);
	hs.spec = buf_str(&spec);
	return helper_spawn(&hs, err);
}

/* outcome: wait for one until the deadline, and compare. */
static int outcome(const struct probe *p, pid_t pid, uint64_t deadline, struct dr_err *err)
{
	static const char *const how[] = {"was not tried", "was killed", "was refused",
					  "was carried out"};
	dr_autofd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ready = {.fd = pidfd, .events = POLLIN};
	const uint64_t now = dr_now_ms();
	siginfo_t info = {0};
	enum probe_end end;

	if (pidfd < 0 || poll(&ready, 1, now < deadline ? (int)(deadline - now) : 0) <= 0)
		kill(pid, SIGKILL);
	while (waitid(P_PID, (id_t)pid, &info, WEXITED) != 0 && errno == EINTR)
		;
	if (!probe_end_of(info.si_code, info.si_status, &end))
		return dr_fail(err, DR_IO, "the probe %s ended with %s %d", p->name,
			       info.si_code == CLD_EXITED ? "status" : "signal", info.si_status);
	if (end != p->expected)
		return dr_fail(err, DR_DENIED, "the probe %s %s", p->name, how[end]);
	return 0;
}

static int run(const struct bench *b, struct dr_err *err)
{
	pid_t pids[PROBE_COUNT] = {0};
	const uint64_t deadline = dr_now_ms() + PATIENCE_MS;
	int rc = 0;

	for (size_t i = 0; i < PROBE_COUNT && rc == 0; i++) {
		/* Sanitizers map terabytes: no limit can be set. */
		if (DR_SANITIZED && strcmp(probes[i].name, "memory") == 0)
			continue;
		pids[i] = launch(b, probes[i].name, err);
		if (pids[i] < 0)
			rc = -1;
	}
	for (size_t i = 0; i < PROBE_COUNT; i++)
		if (pids[i] > 0 && outcome(&probes[i], pids[i], deadline, err) < 0)
			rc = -1;
	return rc;
}

int selftest_run(struct dr_err *err)
{
	dr_autofd int source = ring_create(2, RING_SLOT, err);
	dr_autofd int disk = ring_create(2, RING_SLOT, err);
	dr_autofd int scratch = memfd_create("scratch", MFD_CLOEXEC);
	const struct bench b = {source, disk, scratch};

	if (source < 0 || disk < 0)
		return -1;
	if (scratch < 0)
		return dr_fail_errno(err, "cannot make a scratch file");
	if (run(&b, err) < 0)
		return dr_while(err, "the decoder's walls do not hold");
	return 0;
}
