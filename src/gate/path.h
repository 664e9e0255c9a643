/* SPDX-License-Identifier: Apache-2.0
 *
 * gate/path: paths as SFTP shows them: "/", "/container", "/container/any/thing" (hardening.md
 * section 3.4). There is nothing above the root: ".." stops there. */
#ifndef DR_GATE_PATH_H
#define DR_GATE_PATH_H

#include <stddef.h>

#include "util/err.h"

#define GATE_CONTAINER_BYTES 255
#define GATE_OBJECT_BYTES 1024
#define GATE_PATH_TEXT (1 + GATE_CONTAINER_BYTES + 1 + GATE_OBJECT_BYTES + 1)

/* gate_path_clean: absolute, without "", "." and ".." as parts. A relative path is one below "/".
 * INVALID: not UTF-8, a NUL, or a name longer than Orbit's. */
int gate_path_clean(const char *path, size_t len, char ret[static GATE_PATH_TEXT],
		    struct dr_err *err) DR_MUST_CHECK;

/* gate_path_split: of a clean path: the container ("" of the root) and what is below it (""). The
 * second points into `path`. */
const char *gate_path_split(const char *path, char ret_container[static GATE_CONTAINER_BYTES + 1]);

#endif
