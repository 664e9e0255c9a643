/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroom-fetch: the process that has the network and nothing else. One per import; its report and
 * its ring are helpers/outlet.h's, with one line more:
 *   retry attempt=N reason=WORD
 *
 * Order keys: url; checksum; allow, deny (repeated); ports; nat64; max_bytes, connect_ms,
 * first_byte_ms, stall_seconds, stall_bytes, total_seconds, attempts, backoff_ms; user_agent;
 * ca_file. Only url is required; transport/http.h and transport/policy.h say what they mean. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "helpers/outlet.h"
#include "ingest/helper.h"
#include "transport/http.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/num.h"
#include "util/sanitized.h"
#include "util/spec.h"
#include "util/str.h"

#include "util/banned.h"

#define ADDRESS_SPACE_BYTES ((rlim_t)512 << 20) /* beside the ring */
#define OPEN_FILES 64

static int on_retry(void *arg, unsigned attempt, const char *reason, struct dr_err *err)
{
	dr_autobuf struct buf line = BUF_INIT;

	(void)arg;
	buf_printf(&line, "retry attempt=%u reason=%s\n", attempt, *reason ? reason : "-");
	if (buf_check(&line, err) < 0)
		return -1;
	return dr_write_all(HELPER_FD_REPORT, line.p, line.len, err);
}

/* What an attacker in this process would reach for next. */
static const int never[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(open_tree),
	SCMP_SYS(move_mount),
	SCMP_SYS(fsopen),
	SCMP_SYS(bpf),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(listen),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(kill),
	SCMP_SYS(tkill),
	SCMP_SYS(rt_sigqueueinfo),
	SCMP_SYS(rt_tgsigqueueinfo),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(pidfd_send_signal),
	SCMP_SYS(name_to_handle_at),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(openat2),
	SCMP_SYS(creat),
	SCMP_SYS(truncate),
	SCMP_SYS(ftruncate),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(rmdir),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(symlink),
	SCMP_SYS(symlinkat),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(chown),
	SCMP_SYS(lchown),
	SCMP_SYS(fchown),
	SCMP_SYS(fchownat),
};

/* confine_signals: without a user of its own this process could end or cripple the daemon: by a
 * signal, by the signal that another's descriptor sends (fcntl), by a limit. */
static int confine_signals(scmp_filter_ctx c, uint32_t no)
{
	static const scmp_datum_t owners[] = {F_SETOWN, F_SETOWN_EX, F_SETSIG};
	int rc = seccomp_rule_add(c, no, SCMP_SYS(tgkill), 1,
				  SCMP_A0_64(SCMP_CMP_NE, (scmp_datum_t)getpid(), 0));

	if (rc == 0)
		rc = seccomp_rule_add(c, no, SCMP_SYS(prlimit64), 1, SCMP_A0_64(SCMP_CMP_NE, 0, 0));
	/* The kernel looks at the low half of the command only. */
	for (size_t i = 0; rc == 0 && i < sizeof owners / sizeof *owners; i++)
		rc = seccomp_rule_add(c, no, SCMP_SYS(fcntl), 1,
				      SCMP_A1_64(SCMP_CMP_MASKED_EQ, UINT32_MAX, owners[i]));
	return rc;
}

/* confine_syscalls: the process keeps sockets, threads, memory and reading files (the resolver's,
 * the trust store), and loses what an attacker in it would reach for next. */
static int confine_syscalls(struct dr_err *err)
{
	const uint32_t no = SCMP_ACT_ERRNO(EPERM);
	const struct scmp_arg_cmp writes[] = {
		SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, O_ACCMODE, O_WRONLY),
		SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, O_ACCMODE, O_RDWR),
		SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT),
		SCMP_CMP64(0, SCMP_CMP_MASKED_EQ, O_TRUNC, O_TRUNC),
	};
	scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
	int rc = c ? 0 : -ENOMEM;

	for (size_t i = 0; rc == 0 && i < sizeof never / sizeof *never; i++)
		rc = seccomp_rule_add(c, no, never[i], 0);
	for (size_t i = 0; rc == 0 && i < sizeof writes / sizeof *writes; i++) {
		struct scmp_arg_cmp flags = writes[i];

		flags.arg = 1;
		rc = seccomp_rule_add_array(c, no, SCMP_SYS(open), 1, &flags);
		flags.arg = 2;
		if (rc == 0)
			rc = seccomp_rule_add_array(c, no, SCMP_SYS(openat), 1, &flags);
	}
	if (rc == 0)
		rc = confine_signals(c, no);
	/* Threads, but no processes. The arguments of clone3 cannot be seen; libc then uses clone.
	 */
	if (rc == 0)
		rc = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_rule_add(c, no, SCMP_SYS(clone), 1,
				      SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	if (rc == 0)
		rc = seccomp_load(c);
	seccomp_release(c);
	if (rc == 0)
		return 0;
	errno = -rc;
	return dr_fail_errno(err, "install the system call filter");
}

static int limit(__rlimit_resource_t what, rlim_t most, struct dr_err *err)
{
	const struct rlimit r = {.rlim_cur = most, .rlim_max = most};

	return setrlimit(what, &r) == 0 ? 0 : dr_fail_errno(err, "setrlimit");
}

/* confine: before the first packet. Sanitizers need what this takes away. */
static int confine(size_t ring_bytes, struct dr_err *err)
{
	/* Every resolver thread would reserve address space for its own arena.
	 * NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet */
	mallopt(M_ARENA_MAX, 1);
	if (limit(RLIMIT_CORE, 0, err) < 0 || limit(RLIMIT_FSIZE, 0, err) < 0 ||
	    limit(RLIMIT_NOFILE, OPEN_FILES, err) < 0)
		return -1;
	if (DR_SANITIZED)
		return 0;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return dr_fail_errno(err, "prctl");
	if (limit(RLIMIT_AS, ADDRESS_SPACE_BYTES + ring_bytes, err) < 0)
		return -1;
	return confine_syscalls(err);
}

/* isolate: from the parent's environment, descriptors and death. */
static int isolate(struct dr_err *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return dr_fail_errno(err, "prctl");
	if (close_range(HELPER_FD_RING_IN + 1, ~0U, 0) != 0)
		return dr_fail_errno(err, "close_range");
	/* The environment has proxies, resolver options, trust stores, locales.
	 * NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet */
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR || clearenv() != 0)
		return dr_fail_errno(err, "clear the environment");
	return 0;
}

static int number(const struct spec *s, const char *key, uint64_t max, uint64_t *ret,
		  struct dr_err *err)
{
	const char *text = spec_get(s, key, NULL);

	if (text && !dr_parse_u64(text, 1, max, ret))
		return dr_fail(err, DR_INVALID, "work order: %s is not a number in range", key);
	return 0;
}

static int read_limits(const struct spec *s, struct transport_limits *l, struct dr_err *err)
{
	const uint64_t ms = 86400000, seconds = 10000000;
	uint64_t attempts;

	transport_limits_init(l);
	attempts = l->attempts;
	if (number(s, "max_bytes", INT64_MAX, &l->max_bytes, err) < 0 ||
	    number(s, "connect_ms", ms, &l->connect_ms, err) < 0 ||
	    number(s, "first_byte_ms", ms, &l->first_byte_ms, err) < 0 ||
	    number(s, "stall_seconds", seconds, &l->stall_seconds, err) < 0 ||
	    number(s, "stall_bytes", INT64_MAX, &l->stall_bytes, err) < 0 ||
	    number(s, "total_seconds", seconds, &l->total_seconds, err) < 0 ||
	    number(s, "backoff_ms", ms, &l->backoff_ms, err) < 0 ||
	    number(s, "attempts", 100, &attempts, err) < 0)
		return -1;
	l->attempts = (unsigned)attempts;
	return 0;
}

static int read_policy(const struct spec *s, struct transport_policy *p, struct dr_err *err)
{
	const char *range, *ports = spec_get(s, "ports", NULL);

	for (size_t i = 0; (range = spec_nth(s, "allow", i)); i++)
		if (transport_policy_allow(p, range, err) < 0)
			return -1;
	for (size_t i = 0; (range = spec_nth(s, "deny", i)); i++)
		if (transport_policy_deny(p, range, err) < 0)
			return -1;
	if (ports && transport_policy_set_ports(p, ports, err) < 0)
		return -1;
	if (!dr_parse_bool(spec_get(s, "nat64", "no"), &p->nat64))
		return dr_fail(err, DR_INVALID, "work order: nat64 is yes or no");
	return transport_policy_deny_own(p, err);
}

static int fetch(const struct spec *s, struct outlet *o, struct transport_result *ret,
		 struct dr_err *err)
{
	const struct transport_sink sink = {
		.arg = o, .begin = outlet_begin, .data = outlet_data, .retry = on_retry};
	DR_CLEANUP(transport_policy_done) struct transport_policy policy;
	struct transport_order order = {
		.url = spec_get(s, "url", ""),
		.policy = &policy,
		.checksum = outlet_checksum(o),
		.user_agent = spec_get(s, "user_agent", "Darkroom/" DR_VERSION),
		.ca_file = spec_get(s, "ca_file", NULL),
	};

	transport_policy_init(&policy);
	if (read_limits(s, &order.limits, err) < 0 || read_policy(s, &policy, err) < 0)
		return -1;
	if (confine(RING_MAX_SLOTS * ring_slot_bytes(o->ring), err) < 0)
		return -1;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return dr_fail(err, DR_IO, "libcurl does not start");
	return transport_fetch(&order, &sink, ret, err);
}

static int work(struct outlet *o, struct transport_result *ret, struct dr_err *err)
{
	DR_CLEANUP(spec_freep) struct spec *order = NULL;

	if (isolate(err) < 0 || outlet_open(o, &order, err) < 0)
		return -1;
	return fetch(order, o, ret, err);
}

int main(void)
{
	struct outlet outlet = {0};
	struct transport_result result = {0};
	struct dr_err err = DR_ERR_INIT;

	(void)!work(&outlet, &result, &err);
	return outlet_close(&outlet, &result, &err);
}
