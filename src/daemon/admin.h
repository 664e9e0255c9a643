/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/admin: what the commands of `darkroomd admin` share. They work on the catalogue and the
 * store directly, also while the server runs. */
#ifndef DR_DAEMON_ADMIN_H
#define DR_DAEMON_ADMIN_H

#include <jansson.h>

#include "auth/auth.h"
#include "catalogue/catalogue.h"
#include "daemon/daemon.h"
#include "store/store.h"

struct admin {
	const struct options *o;
	struct config cfg;
	struct catalogue *catalogue;
	struct store *store; /* opened by the commands that need it */
};

/* A command: words[0..] are its arguments after noun and verb. 0, or -1. */
typedef int admin_run(struct admin *a, const char *const *words, struct dr_err *err);

/* admin_print: one JSON value: as it is with --json, else as aligned lines or a table. Steals j. */
void admin_print(const struct admin *a, json_t *j);
int admin_store(struct admin *a, struct dr_err *err) DR_MUST_CHECK;

#define ADMIN_PASSWORD_TEXT (PASSWORD_BYTES + 1)
/* admin_read_password: from standard input: one line, or asked for twice at a terminal. */
int admin_read_password(char ret[static ADMIN_PASSWORD_TEXT], struct dr_err *err) DR_MUST_CHECK;

admin_run admin_store_collect, admin_store_check, admin_doctor;

#endif
