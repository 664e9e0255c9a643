/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the `orbit` command share. */
#ifndef DR_CLI_CMD_ORBIT_H
#define DR_CLI_CMD_ORBIT_H

#include "cli/remote.h"

int orbit_ls(struct cli *cli, const struct args *args, struct dr_err *err) DR_MUST_CHECK;
int orbit_put(struct cli *cli, const struct args *args, struct dr_err *err) DR_MUST_CHECK;
int orbit_get(struct cli *cli, const struct args *args, struct dr_err *err) DR_MUST_CHECK;
int orbit_rm(struct cli *cli, const struct args *args, struct dr_err *err) DR_MUST_CHECK;
int orbit_tempurl(struct cli *cli, const struct args *args, struct dr_err *err) DR_MUST_CHECK;
int orbit_key(struct cli *cli, const struct args *args, struct dr_err *err) DR_MUST_CHECK;

/* orbit_remove: an object, with its segments when it is a large one. */
int orbit_remove(struct remote *r, const char *container, const char *name, struct dr_err *err)
	DR_MUST_CHECK;

#endif
