/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/probe: what a decoder must not be able to do, done on purpose. darkroom-decode runs one of
 * these instead of its work when its work order says `probe=NAME`, after its walls are closed; and
 * ingest/selftest looks at how that process ended. */
#ifndef DR_INGEST_PROBE_H
#define DR_INGEST_PROBE_H

#include <stdbool.h>
#include <stdint.h>

enum probe_end {
	PROBE_HARMLESS, /* nothing was tried: the process got that far */
	PROBE_KILLED,   /* the filter ended it (SIGSYS) */
	PROBE_REFUSED,  /* the call failed */
	PROBE_THROUGH,  /* the call was carried out */
};

struct probe {
	const char *name;
	enum probe_end expected;
	/* 0 when it was carried out, -1 when it was refused; file_bytes: the scratch file's limit
	 */
	int (*attempt)(uint64_t file_bytes);
};

#define PROBE_COUNT 14
extern const struct probe probes[PROBE_COUNT];

/* probe_run: the exit status that tells the end; -1 for an unknown name. */
int probe_run(const char *name, uint64_t file_bytes);
/* probe_end_of: of a process by the si_code and si_status of waitid(); false when it is none of the
 * four. */
bool probe_end_of(int code, int status, enum probe_end *ret);

#endif
