/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/env: the environment; a variable that is set to nothing counts as not set. */
#ifndef DR_CLI_ENV_H
#define DR_CLI_ENV_H

#include <stddef.h>

/* env_get: borrowed, or NULL. */
const char *env_get(const char *name);
/* env_screen: how many columns listings may fill (api.md section 6.4, "Screen width"). */
size_t env_screen(void);

#endif
