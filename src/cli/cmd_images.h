/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the `images` command share. */
#ifndef DR_CLI_CMD_IMAGES_H
#define DR_CLI_CMD_IMAGES_H

#include "cli/cli.h"

int images_register(struct cli *cli, const struct args *args, struct dr_err *err) DR_MUST_CHECK;
int images_prepare(struct cli *cli, const struct args *args, struct dr_err *err) DR_MUST_CHECK;
int images_download(struct cli *cli, const struct args *args, struct dr_err *err) DR_MUST_CHECK;

/* Checks of option values; NULL (not given) passes. */
int images_check_mode(const char *mode, struct dr_err *err) DR_MUST_CHECK;
int images_check_flag(const char *name, const char *value, struct dr_err *err) DR_MUST_CHECK;
int images_check_ram(const char *value, json_int_t *ret, struct dr_err *err) DR_MUST_CHECK;

/* images_wait: follow an image until it leaves `creating`. 0 and the image as it is then in *ret
 * ([owned by caller]), or 1: Ctrl-C, the import goes on. -1: it failed (the reason is the
 * message), is gone, or nothing can be learned about it any more. */
int images_wait(struct session *s, const char *id, json_t **ret, struct dr_err *err) DR_MUST_CHECK;

#endif
