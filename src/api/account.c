/* SPDX-License-Identifier: Apache-2.0
 *
 * /1.0/account and /1.0/accounts (api.md sections 1.4, 3.3). There are no servers, addresses or
 * bills here: their counters are 0 and their texts empty, as the clients' types require. */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"
#include "util/str.h"

#include "util/banned.h"

static const char *const counters[] = {
	"servers_used",
	"ram_limit",
	"ram_used",
	"dbs_instances_used",
	"dbs_ram_limit",
	"dbs_ram_used",
	"cloud_ips_limit",
	"cloud_ips_used",
	"load_balancers_limit",
	"load_balancers_used",
	NULL,
};

static int add_counters(json_t *to, const char *const *names)
{
	int rc = 0;

	for (; *names; names++)
		rc |= json_object_set_new(to, *names, json_integer(0));
	return rc;
}

static int add_full(json_t *to, const struct account *a)
{
	static const char *const texts[] = {
		"address_1",        "address_2",    "city",         "county",
		"postcode",         "country_code", "country_name", "vat_registration_number",
		"telephone_number", NULL,
	};
	static const char *const more[] = {"block_storage_limit", "block_storage_used", NULL};
	int rc = 0;

	for (const char *const *t = texts; *t; t++)
		rc |= json_object_set_new(to, *t, json_string(""));
	rc |= json_object_set_new(to, "telephone_verified", json_false());
	rc |= json_object_set_new(to, "verified_telephone", json_null());
	rc |= json_object_set_new(to, "verified_ip", json_null());
	rc |= json_object_set_new(to, "verified_at", json_null());
	rc |= json_object_set_new(to, "created_at", api_time(a->created_at));
	rc |= json_object_set_new(to, "valid_credit_card", json_true());
	rc |= add_counters(to, more);
	rc |= json_object_set_new(to, "library_ftp_host", json_string(""));
	rc |= json_object_set_new(to, "library_ftp_user", json_string(""));
	rc |= json_object_set_new(to, "library_ftp_password", json_null());
	return rc;
}

/* The account's own images; other accounts' public ones are not part of it. */
static int add_images(struct api_call *c, json_t *to, const char *account, struct dr_err *err)
{
	dr_autofree struct image *images = NULL;
	struct image_query q = {.account = account};
	json_auto_t *list = json_array();
	size_t n = 0;

	if (library_image_list(c->library, &c->who, &q, &images, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (strcmp(images[i].account, account) == 0 &&
		    api_append(list, api_image_json(c, &images[i], API_NESTED, err), err) < 0)
			return -1;
	}
	return json_object_set(to, "images", list);
}

static int add_clients(struct api_call *c, json_t *to, struct dr_err *err)
{
	dr_autofree struct api_client *clients = NULL;
	json_auto_t *list = json_array();
	size_t n = 0;

	if (library_client_list(c->library, &c->who, &clients, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (api_append(list, api_client_json(c, &clients[i], NULL, API_NESTED, err), err) <
		    0)
			return -1;
	}
	return json_object_set(to, "clients", list);
}

/* Its users, the owner being the first of them. */
static int add_users(struct api_call *c, json_t *to, struct dr_err *err)
{
	dr_autofree struct user *users = NULL;
	json_auto_t *list = json_array();
	size_t n = 0;

	if (library_user_list(c->library, &c->who, &users, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (api_append(list, api_user_json(c, &users[i], API_NESTED, err), err) < 0)
			return -1;
	}
	if (json_object_set(to, "owner", n > 0 ? json_array_get(list, 0) : json_null()) < 0)
		return -1;
	return json_object_set(to, "users", list);
}

static int add_nested(struct api_call *c, json_t *to, const struct account *a, struct dr_err *err)
{
	static const char *const none[] = {
		"servers",
		"load_balancers",
		"database_servers",
		"database_snapshots",
		"cloud_ips",
		"server_groups",
		"firewall_policies",
		"volumes",
		"zones",
		NULL,
	};
	struct principal who = c->who;
	int rc;

	/* Seen from that account, which is one of the asker's. */
	(void)dr_copy(c->who.account, sizeof c->who.account, a->id);
	rc = add_clients(c, to, err) < 0 || add_images(c, to, a->id, err) < 0 ||
			     add_users(c, to, err) < 0
		     ? -1
		     : 0;
	c->who = who;
	for (const char *const *name = none; *name; name++)
		rc |= json_object_set_new(to, *name, json_array());
	return rc;
}

json_t *api_account_json(struct api_call *c, const struct account *a, enum api_form form,
			 struct dr_err *err)
{
	const char *nested = http_query(c->rq, "nested");
	char url[API_URL_TEXT];
	int rc = 0;
	json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", a->id, "resource_type",
				 "account", "url", api_url(c, "accounts", a->id, url), "name",
				 a->name, "status", a->status);

	if (form == API_FULL)
		rc |= add_full(body, a);
	if (form != API_NESTED)
		rc |= add_counters(body, counters);
	if (form != API_NESTED && !(nested && strcmp(nested, "false") == 0))
		rc |= add_nested(c, body, a, err);
	if (body && rc == 0)
		return body;
	json_decref(body);
	if (!dr_err_is_set(err))
		dr_fail_nomem(err);
	return NULL;
}

int api_account_list(struct api_call *c, struct dr_err *err)
{
	dr_autofree struct account *accounts = NULL;
	json_auto_t *body = json_array();
	size_t n = 0;

	if (library_account_list(c->library, &c->who, &accounts, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (api_append(body, api_account_json(c, &accounts[i], API_COLLECTION, err), err) <
		    0)
			return -1;
	}
	return api_send(c, 200, DR_STEAL(body), err);
}

static int send_account(struct api_call *c, const char *id, struct dr_err *err)
{
	struct account a;

	if (library_account_show(c->library, &c->who, id, &a, err) < 0)
		return -1;
	return api_send(c, 200, api_account_json(c, &a, API_FULL, err), err);
}

int api_account_show(struct api_call *c, struct dr_err *err)
{
	return send_account(c, c->id, err);
}

int api_account_scoped(struct api_call *c, struct dr_err *err)
{
	return send_account(c, NULL, err);
}

int api_account_update(struct api_call *c, struct dr_err *err)
{
	const char *id = c->id ? c->id : c->who.account, *name = NULL;
	struct account a;

	/* The address block of the contract is taken and not kept: nobody is billed here. */
	(void)api_text(c, "name", &name);
	if (api_problems(c, err) < 0)
		return -1;
	if (name ? library_account_update(c->library, &c->who, id, name, &a, err) < 0
		 : library_account_show(c->library, &c->who, id, &a, err) < 0)
		return -1;
	return api_send(c, 200, api_account_json(c, &a, API_FULL, err), err);
}

int api_account_retired(struct api_call *c, struct dr_err *err)
{
	(void)c;
	return dr_fail(err, DR_UNSUPPORTED,
		       "Upload by FTP has been retired; register images by URL");
}
