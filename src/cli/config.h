/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/config: the directory ~/.brightbox (api.md section 6.2): the file `config`, cached tokens,
 * and the ids seen, which the shell completion offers.
 *
 * A section is one way to log in; one of them may be selected. Everything written is readable by
 * its owner only. */
#ifndef DR_CLI_CONFIG_H
#define DR_CLI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/ini.h"

struct config {
	char *dir;  /* owned */
	char *path; /* owned; of the file */
	struct ini *ini;
	char *client;  /* owned; the selected section, NULL: none */
	char *account; /* owned; asked for in this run, NULL: the section's default */
};

enum config_token { CONFIG_ACCESS_TOKEN, CONFIG_REFRESH_TOKEN };

/* config_open: make the directory when it is missing, read the file. `client` and `account` are
 * what was asked for, NULL: nothing. [owned by caller] */
int config_open(struct config **ret, const char *client, const char *account, struct dr_err *err)
	DR_MUST_CHECK;
void config_free(struct config *c);
/* config_save: the file appears whole; a symbolic link to it stays one. */
int config_save(struct config *c, struct dr_err *err) DR_MUST_CHECK;

/* config_select: from now on this section. */
int config_select(struct config *c, const char *section, struct dr_err *err) DR_MUST_CHECK;
/* config_get: a key of the selected section; NULL when absent. config_value: or empty. */
const char *config_get(const struct config *c, const char *key);
const char *config_value(const struct config *c, const char *key);
int config_set(struct config *c, const char *key, const char *value, struct dr_err *err)
	DR_MUST_CHECK;
/* config_account: the account to name in requests, or NULL. */
const char *config_account(const struct config *c);
const char *config_default_client(const struct config *c);

/* config_client: the nth section that is a client, or NULL. */
const char *config_client(const struct config *c, size_t n);
/* config_find: the section of that name, or with that alias; NULL: none. */
const char *config_find(const struct config *c, const char *alias);
/* config_free_name: `name`, or when it is taken `name_1`, `name_2` … whichever follows the highest
 * in use. [owned by caller] */
int config_free_name(const struct config *c, const char *name, char **ret, struct dr_err *err)
	DR_MUST_CHECK;

/* config_token_*: of the selected section. load: *ret NULL when there is none. [owned by caller] */
int config_token_load(const struct config *c, enum config_token kind, char **ret,
		      struct dr_err *err) DR_MUST_CHECK;
int config_token_store(const struct config *c, enum config_token kind, const char *token,
		       struct dr_err *err) DR_MUST_CHECK;
void config_token_forget(const struct config *c);
/* config_file: the path of `<section><suffix>` in the directory. [owned by caller; NULL: no memory]
 */
char *config_file(const struct config *c, const char *suffix);

/* config_remember: put an id into the cache for the shell completion. Best effort. */
void config_remember(const struct config *c, const char *id);

DR_DEFINE_CLEANUP(struct config, config_free);

#endif
