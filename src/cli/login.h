/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/login: what `login`, `config client_add` and `config user_add` have in common. */
#ifndef DR_CLI_LOGIN_H
#define DR_CLI_LOGIN_H

#include "cli/cli.h"

#define LOGIN_API_URL "https://api.gb1.brightbox.com"

/* login_api_url: the API of sections that name none: BRIGHTBOX_API_URL, else the service's. */
const char *login_api_url(void);
/* login_try: with the selected section: new tokens (`password` NULL: ask when one is needed), then
 * a default account when the section has none, and the section as the default client when there is
 * none. What goes wrong with the service is said on stderr, no more: the section is kept to try
 * again. The configuration is saved in every case. */
int login_try(struct cli *cli, const char *password, struct dr_err *err) DR_MUST_CHECK;

#endif
