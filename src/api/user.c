/* SPDX-License-Identifier: Apache-2.0
 *
 * /1.0/user and /1.0/users (api.md section 3.4). */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"

#include "util/banned.h"

/* The accounts of a user as far as the asker may know them: all of one's own, of anybody else
 * only the one both are in. */
static int add_accounts(struct api_call *c, json_t *to, const struct user *u, struct dr_err *err)
{
	dr_autofree struct account *accounts = NULL;
	bool self = strcmp(u->id, c->who.user) == 0;
	json_auto_t *list = json_array();
	json_t *item, *chosen = json_null();
	size_t n = 0;

	if (library_account_list(c->library, &c->who, &accounts, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (!self && strcmp(accounts[i].id, c->who.account) != 0)
			continue;
		item = api_account_json(c, &accounts[i], API_NESTED, err);
		if (api_append(list, item, err) < 0)
			return -1;
		if (strcmp(accounts[i].id, u->default_account) == 0)
			chosen = item;
	}
	if (json_object_set(to, "default_account", chosen) < 0)
		return -1;
	return json_object_set(to, "accounts", list);
}

json_t *api_user_json(struct api_call *c, const struct user *u, enum api_form form,
		      struct dr_err *err)
{
	char url[API_URL_TEXT];
	int rc = 0;
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", u->id, "resource_type", "user",
				 "url", api_url(c, "users", u->id, url), "name", u->name,
				 "email_address", u->email);

	if (form != API_NESTED)
		rc |= json_object_set_new(body, "email_verified", json_true());
	if (form == API_FULL) {
		rc |= json_object_set_new(body, "ssh_key", json_string(u->ssh_key));
		rc |= json_object_set_new(body, "messaging_pref", json_false());
		rc |= json_object_set_new(body, "created_at", api_time(u->created_at));
	}
	rc |= json_object_set_new(body, "2fa", json_pack("{s:b}", "enabled", 0));
	if (form != API_NESTED && rc == 0)
		rc = add_accounts(c, body, u, err);
	if (body && rc == 0)
		return body;
	json_decref(body);
	if (!dr_err_is_set(err))
		dr_fail_nomem(err);
	return NULL;
}

int api_user_list(struct api_call *c, struct dr_err *err)
{
	dr_autofree struct user *users = NULL;
	json_auto_t *body = json_array();
	size_t n = 0;

	if (library_user_list(c->library, &c->who, &users, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (api_append(body, api_user_json(c, &users[i], API_COLLECTION, err), err) < 0)
			return -1;
	}
	return api_send(c, 200, DR_STEAL(body), err);
}

static int send_user(struct api_call *c, const char *id, struct dr_err *err)
{
	struct user u;

	if (library_user_show(c->library, &c->who, id, &u, err) < 0)
		return -1;
	return api_send(c, 200, api_user_json(c, &u, API_FULL, err), err);
}

int api_user_show(struct api_call *c, struct dr_err *err)
{
	return send_user(c, c->id, err);
}

int api_user_self(struct api_call *c, struct dr_err *err)
{
	return send_user(c, NULL, err);
}

int api_user_update(struct api_call *c, struct dr_err *err)
{
	const char *name = NULL, *email = NULL, *ssh_key = NULL;
	struct user u;

	(void)api_text(c, "name", &name);
	(void)api_text(c, "email_address", &email);
	/* A null key is an emptied one; null names and addresses stay. */
	if (api_text(c, "ssh_key", &ssh_key) && !ssh_key)
		ssh_key = "";
	if (api_problems(c, err) < 0 || library_user_update(c->library, &c->who, c->id, name, email,
							    ssh_key, &u, &c->problems, err) < 0)
		return -1;
	return api_send(c, 200, api_user_json(c, &u, API_FULL, err), err);
}
