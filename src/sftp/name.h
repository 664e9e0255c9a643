/* SPDX-License-Identifier: Apache-2.0
 *
 * sftp/name: login names (api.md section 7.9) and users' public keys. Pure functions. */
#ifndef DR_SFTP_NAME_H
#define DR_SFTP_NAME_H

#include "catalogue/catalogue.h"

struct login_name {
	char who[EMAIL_TEXT];
	char account[ID_TEXT]; /* "" = the usual one */
};
/* login_name_parse: "WHO" or "WHO:acc-xxxxx". False: no such name can be. */
bool login_name_parse(const char *text, struct login_name *ret);

/* key_listed: one of the lines of `keys` is this key: "TYPE BASE64", in the format of
 * authorized_keys (sshd(8)) without options; comments and blank lines are skipped, and so is every
 * line with options: what they forbid is not known here. */
bool key_listed(const char *keys, const char *key);

#endif
