/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/helper: how our helper processes are started, and the descriptors they find.
 *
 * Every helper is started by exec (never a bare fork), with an empty environment but PATH, and with
 * exactly these descriptors; what a helper does not use is /dev/null. */
#ifndef DR_INGEST_HELPER_H
#define DR_INGEST_HELPER_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "util/err.h"

enum helper_fd {
	HELPER_FD_SPEC = 3,    /* work order: key=value lines (util/spec), read to its end */
	HELPER_FD_REPORT = 4,  /* report lines go here */
	HELPER_FD_RING_IN = 5, /* darkroom-fetch, darkroom-read: the ring it fills */
	HELPER_FD_RING_OUT = 6,
	HELPER_FD_SCRATCH = 7, /* darkroom-decode: an unnamed, empty, read-write file */
	HELPER_FD_SOURCE = 7,  /* darkroom-read: the pipe it reads */
	HELPER_FD_LAST = 7,
};

/* darkroom-import finds: */
enum import_fd {
	IMPORT_FD_SPEC = 3,
	IMPORT_FD_REPORT = 4,
	IMPORT_FD_CONTROL = 5, /* end of file = cancel: the owner is gone or does not want it */
	IMPORT_FD_SOURCE = 6,  /* the source as a pipe, when the order has source=given */
};

struct helper_start {
	const char *program; /* "darkroom-decode", looked for beside or under the caller's binary */
	const char *spec;    /* the work order, written before the helper can block on it */
	/* borrowed; -1 = /dev/null; scratch: or darkroom-read's source */
	int report, ring_in, ring_out, scratch;
	bool drop_user;          /* to `nobody` when we are root */
	const char *environment; /* "NAME=VALUE", beside what every helper has; NULL: nothing */
};

/* helper_path: where a helper program is: $DARKROOM_LIBEXEC, then beside this binary, then
 * ../libexec/darkroom from it. ret is filled. */
int helper_path(const char *program, char ret[static 4096], struct dr_err *err) DR_MUST_CHECK;
/* helper_spawn: the pid. The helper dies with the calling thread. */
pid_t helper_spawn(const struct helper_start *hs, struct dr_err *err) DR_MUST_CHECK;
/* helper_decoder_death: what it means for the file that a decoder ended without a verdict (waitid's
 * word for it): LIMIT, or CORRUPT with "decoder-crashed". Always -1. */
int helper_decoder_death(const siginfo_t *info, struct dr_err *err);
/* helper_scratch: an unnamed file in `dir`. The descriptor. */
int helper_scratch(const char *dir, struct dr_err *err) DR_MUST_CHECK;

#endif
