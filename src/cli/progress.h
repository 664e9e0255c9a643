/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/progress: how far a transfer is, on stderr: one line redrawn in place on a terminal, else a
 * line at every change of phase and every ten seconds. */
#ifndef DR_CLI_PROGRESS_H
#define DR_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"

#define PROGRESS_PHASE 32
#define PROGRESS_UNKNOWN UINT64_MAX

struct progress_state {
	const char *phase;
	uint64_t done;  /* bytes */
	uint64_t total; /* bytes, or PROGRESS_UNKNOWN */
	uint64_t rate;  /* bytes a second; 0: unknown or standing still */
};

struct progress {
	const char *subject; /* borrowed: "img-a1b2c" */
	bool terminal;
	bool notes; /* lines when there is no terminal */
	bool drawn;
	uint64_t last_ms; /* of the last line */
	char phase[PROGRESS_PHASE];
	/* the rate of transfers of our own */
	uint64_t rate_ms;
	uint64_t rate_done;
	double rate;
};

/* progress_init: on standard error. */
void progress_init(struct progress *p, const char *subject, bool notes);
void progress_show(struct progress *p, const struct progress_state *st);
/* progress_rate: the smoothed rate of a transfer that has `done` bytes now. */
uint64_t progress_rate(struct progress *p, uint64_t done);
/* progress_end: leave the line empty for whatever is printed next. */
void progress_end(struct progress *p);

/* progress_bar: "img-a1b2c download [====>     ]  45%  1.0 GiB of 2.2 GiB  43.1 MiB/s  0:28 left",
 * cut to `width`. progress_note: the same facts as a sentence, without a subject
 * when that is NULL. */
void progress_bar(struct buf *out, const char *subject, const struct progress_state *st,
		  size_t width);
void progress_note(struct buf *out, const char *subject, const struct progress_state *st);

#endif
