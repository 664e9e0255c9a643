/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/selftest: do the decoder's walls hold on this host? (hardening.md section 5.3). Launches
 * darkroom-decode exactly as an import does, once for every probe (ingest/probe), all at the same
 * time, and looks at how each one ended. */
#ifndef DR_INGEST_SELFTEST_H
#define DR_INGEST_SELFTEST_H

#include "util/err.h"

/* selftest_run: 0, or -1 and a message that names what was not stopped. Takes some 10 ms for each
 * processor less; forks, so that a program with threads must not call it. */
int selftest_run(struct dr_err *err) DR_MUST_CHECK;

#endif
