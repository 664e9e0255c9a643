/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/allowance: how much processor time a decoder may use for what it has delivered
 * (hardening.md section 1.5). A fixed limit would have to suit the largest disk; this one grows
 * with what others have counted behind the decoder, never with what it says itself. RLIMIT_CPU
 * (struct sandbox_limits) stays as the last resort for when nobody looks. */
#ifndef DR_INGEST_ALLOWANCE_H
#define DR_INGEST_ALLOWANCE_H

#include <stdint.h>
#include <sys/types.h>

#include "util/err.h"

/* Seconds, each up to 1,000,000. */
struct allowance {
	uint64_t start; /* to begin with; 0 = no limit at all */
	uint64_t data;  /* for each GiB that is not zero */
	uint64_t holes; /* for each GiB of zeros */
};

/* What hardening.md says, and the defaults of the settings import.decoder_cpu*. */
#define ALLOWANCE_INIT    \
	{                 \
		30, 40, 2 \
	}

/* allowance_ms: for a disk of which this much has arrived. */
uint64_t allowance_ms(const struct allowance *a, uint64_t data_bytes, uint64_t hole_bytes);
/* allowance_used_ms: processor time of all threads of a process, which may belong to another user;
 * 0 when it is gone. */
uint64_t allowance_used_ms(pid_t pid);
/* allowance_check: 0, or -1 with the refusal "decoder-timeout", which names the limit. */
int allowance_check(const struct allowance *a, pid_t pid, uint64_t data_bytes, uint64_t hole_bytes,
		    struct dr_err *err) DR_MUST_CHECK;

#endif
