/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh/wall: what a session process may still do before it reads the first foreign byte
 * (hardening.md section 5.3). It keeps its connection, its gate and what descriptors come through
 * the gate; it opens, connects, runs and signals nothing. Its only new tasks are threads. */
#ifndef DR_SSH_WALL_H
#define DR_SSH_WALL_H

#include <stdint.h>

#include "util/err.h"

/* wall_lower: for good. Descriptors above last_fd are closed.
 *   file_bytes  the longest file it may write */
int wall_lower(int last_fd, uint64_t file_bytes, struct dr_err *err) DR_MUST_CHECK;

#endif
