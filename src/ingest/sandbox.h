/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/sandbox: the walls around darkroom-decode (hardening.md section 5.3).
 *
 *   sandbox_prepare()  first thing in main: closes other descriptors; no new privileges; as far as
 *                      the host allows: namespaces of its own, an empty root, Landlock without a
 *                      rule; not dumpable, dies with its parent
 *   …threads are made, libraries warmed up…
 *   sandbox_close()    rlimits, then the system-call filter on every thread: what is not listed
 *                      kills the process. Then the first untrusted byte may be read.
 *
 * What the host may refuse (namespaces, empty root, Landlock) is a second wall behind the filter:
 * nothing that it stops is a call that the filter lets through. */
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

/* Between the two steps. */
struct sandbox {
	int statm; /* how much is mapped: opened while there was a file system */
};

/* sandbox_prepare: keeps descriptors 0..last_fd. One thread only. */
int sandbox_prepare(struct sandbox *ret, int last_fd, struct dr_err *err) DR_MUST_CHECK;
int sandbox_close(struct sandbox *s, const struct sandbox_limits *lim, struct dr_err *err)
	DR_MUST_CHECK;

#endif
