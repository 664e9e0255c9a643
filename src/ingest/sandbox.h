/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/sandbox: the walls around darkroom-decode (hardening.md section 5.3).
 *
 *   sandbox_prepare()  first thing in main: not dumpable, dies with its parent, no new privileges,
 *                      no network and no other namespaces (best effort), closes other descriptors
 *   …threads are made, libraries warmed up…
 *   sandbox_close()    rlimits, then the system-call filter on every thread: what is not listed
 *                      kills the process. Then the first untrusted byte may be read. */
#ifndef DR_INGEST_SANDBOX_H
#define DR_INGEST_SANDBOX_H

#include <stdint.h>

#include "util/err.h"

struct sandbox_limits {
	uint64_t memory_bytes; /* address space beyond what is mapped now; 0 = none */
	uint64_t cpu_seconds;  /* 0 = none */
	uint64_t file_bytes;   /* the scratch file may grow to this */
	int scratch_fd;        /* the only descriptor that may be written; -1 = none */
};

/* sandbox_prepare: keeps descriptors 0..last_fd. */
int sandbox_prepare(int last_fd, struct dr_err *err) DR_MUST_CHECK;
int sandbox_close(const struct sandbox_limits *lim, struct dr_err *err) DR_MUST_CHECK;

#endif
