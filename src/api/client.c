/* SPDX-License-Identifier: Apache-2.0
 *
 * /1.0/api_clients (api.md section 3.5). A secret is shown once: when it is made. */
#include <stdlib.h>
#include <string.h>

#include "api/api_internal.h"

#include "util/banned.h"

json_t *api_client_json(struct api_call *c, const struct api_client *cl, const char *secret,
			enum api_form form, struct dr_err *err)
{
	struct account a;
	char url[API_URL_TEXT];
	int rc = 0;
	json_t *body = json_pack("{s:s, s:s, s:s, s:o, s:o}", "id", cl->id, "resource_type",
				 "api_client", "url", api_url(c, "api_clients", cl->id, url),
				 "name", api_text_or_null(cl->name), "description",
				 api_text_or_null(cl->description));

	if (form == API_FULL)
		rc |= json_object_set_new(body, "secret",
					  secret ? json_string(secret) : json_null());
	rc |= json_object_set_new(body, "revoked_at", api_time(cl->revoked_at));
	rc |= json_object_set_new(body, "permissions_group",
				  json_string(cl->storage_only ? "storage" : "full"));
	if (form != API_NESTED && rc == 0) {
		rc = library_account_show(c->library, &c->who, cl->account, &a, err);
		if (rc == 0)
			rc = json_object_set_new(body, "account",
						 api_account_json(c, &a, API_NESTED, err));
	}
	if (body && rc == 0)
		return body;
	json_decref(body);
	if (!dr_err_is_set(err))
		dr_fail_nomem(err);
	return NULL;
}

int api_client_list(struct api_call *c, struct dr_err *err)
{
	dr_autofree struct api_client *clients = NULL;
	json_auto_t *body = json_array();
	size_t n = 0;

	if (library_client_list(c->library, &c->who, &clients, &n, err) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (api_append(body, api_client_json(c, &clients[i], NULL, API_COLLECTION, err),
			       err) < 0)
			return -1;
	}
	return api_send(c, 200, DR_STEAL(body), err);
}

static int send_client(struct api_call *c, unsigned status, const struct api_client *cl,
		       const char *secret, struct dr_err *err)
{
	return api_send(c, status, api_client_json(c, cl, secret, API_FULL, err), err);
}

int api_client_show(struct api_call *c, struct dr_err *err)
{
	struct api_client cl;

	if (library_client_show(c->library, &c->who, c->id, &cl, err) < 0)
		return -1;
	return send_client(c, 200, &cl, NULL, err);
}

/* The members a client may set; null is as good as absent for the group, empty for a text. */
static int read_members(struct api_call *c, const char **name, const char **description,
			const char **group, struct dr_err *err)
{
	if (api_text(c, "name", name) && !*name)
		*name = "";
	if (api_text(c, "description", description) && !*description)
		*description = "";
	(void)api_text(c, "permissions_group", group);
	return api_problems(c, err);
}

int api_client_create(struct api_call *c, struct dr_err *err)
{
	const char *name = NULL, *description = NULL, *group = NULL;
	struct api_client cl;
	char secret[SECRET_TEXT], url[API_URL_TEXT];
	int rc;

	if (read_members(c, &name, &description, &group, err) < 0 ||
	    library_client_create(c->library, &c->who, name, description, group, &cl, secret,
				  &c->problems, err) < 0)
		return -1;
	http_add(c->rs, "Location", api_url(c, "api_clients", cl.id, url));
	http_add(c->rs, "Cache-Control", "no-store");
	rc = send_client(c, 201, &cl, secret, err);
	explicit_bzero(secret, sizeof secret);
	return rc;
}

int api_client_update(struct api_call *c, struct dr_err *err)
{
	const char *name = NULL, *description = NULL, *group = NULL;
	struct api_client cl;

	if (read_members(c, &name, &description, &group, err) < 0 ||
	    library_client_update(c->library, &c->who, c->id, name, description, group, &cl,
				  &c->problems, err) < 0)
		return -1;
	return send_client(c, 200, &cl, NULL, err);
}

int api_client_delete(struct api_call *c, struct dr_err *err)
{
	struct api_client cl;

	if (library_client_delete(c->library, &c->who, c->id, &cl, err) < 0)
		return -1;
	return send_client(c, 200, &cl, NULL, err);
}

int api_client_reset_secret(struct api_call *c, struct dr_err *err)
{
	struct api_client cl;
	char secret[SECRET_TEXT];
	int rc;

	if (library_client_reset_secret(c->library, &c->who, c->id, &cl, secret, err) < 0)
		return -1;
	http_add(c->rs, "Cache-Control", "no-store");
	rc = send_client(c, 200, &cl, secret, err);
	explicit_bzero(secret, sizeof secret);
	return rc;
}
