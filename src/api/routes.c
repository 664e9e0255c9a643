/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "api/api_internal.h"

#include "util/banned.h"

#define IN API_SCOPE_INFRASTRUCTURE

/* Resources of the wire contract that this service has none of: correct, and empty. */
#define NONE(name)                                                                   \
	{HTTP_GET, "/1.0/" name, IN, false, api_none_list},                          \
		{HTTP_POST, "/1.0/" name, IN, true, api_none_create},                \
		{HTTP_GET, "/1.0/" name "/{id}", IN, false, api_none_show},          \
		{HTTP_PUT, "/1.0/" name "/{id}", IN, true, api_none_show},           \
		{HTTP_DELETE, "/1.0/" name "/{id}", IN, true, api_none_show},        \
		{HTTP_POST, "/1.0/" name "/{id}/{action}", IN, true, api_none_show}, \
	{                                                                            \
		HTTP_PUT, "/1.0/" name "/{id}/{action}", IN, true, api_none_show     \
	}

const struct api_route api_routes[] = {
	{HTTP_POST, "/token", API_SCOPE_PUBLIC, true, NULL},
	{HTTP_POST, "/token/", API_SCOPE_PUBLIC, true, NULL},

	{HTTP_GET, "/1.0/images", IN, false, api_image_list},
	{HTTP_POST, "/1.0/images", IN, true, api_image_register},
	{HTTP_GET, "/1.0/images/{id}", IN, false, api_image_show},
	{HTTP_PUT, "/1.0/images/{id}", IN, true, api_image_update},
	{HTTP_DELETE, "/1.0/images/{id}", IN, true, api_image_destroy},
	{HTTP_PUT, "/1.0/images/{id}/lock_resource", IN, true, api_image_lock},
	{HTTP_PUT, "/1.0/images/{id}/unlock_resource", IN, true, api_image_unlock},

	{HTTP_GET, "/1.0/account", IN, false, api_account_scoped},
	{HTTP_PUT, "/1.0/account", IN, true, api_account_update},
	{HTTP_POST, "/1.0/account/reset_ftp_password", IN, true, api_account_retired},
	{HTTP_GET, "/1.0/accounts", IN, false, api_account_list},
	{HTTP_GET, "/1.0/accounts/{id}", IN, false, api_account_show},
	{HTTP_PUT, "/1.0/accounts/{id}", IN, true, api_account_update},
	{HTTP_POST, "/1.0/accounts/{id}/reset_ftp_password", IN, true, api_account_retired},

	{HTTP_GET, "/1.0/user", IN, false, api_user_self},
	{HTTP_GET, "/1.0/user/collaborations", IN, false, api_none_list},
	{HTTP_GET, "/1.0/user/collaborations/{id}", IN, false, api_none_show},
	{HTTP_DELETE, "/1.0/user/collaborations/{id}", IN, true, api_none_show},
	{HTTP_POST, "/1.0/user/collaborations/{id}/{action}", IN, true, api_none_show},
	{HTTP_GET, "/1.0/users", IN, false, api_user_list},
	{HTTP_GET, "/1.0/users/{id}", IN, false, api_user_show},
	{HTTP_PUT, "/1.0/users/{id}", IN, true, api_user_update},

	{HTTP_GET, "/1.0/api_clients", IN, false, api_client_list},
	{HTTP_POST, "/1.0/api_clients", IN, true, api_client_create},
	{HTTP_GET, "/1.0/api_clients/{id}", IN, false, api_client_show},
	{HTTP_PUT, "/1.0/api_clients/{id}", IN, true, api_client_update},
	{HTTP_DELETE, "/1.0/api_clients/{id}", IN, true, api_client_delete},
	{HTTP_POST, "/1.0/api_clients/{id}/reset_secret", IN, true, api_client_reset_secret},

	NONE("servers"),
	NONE("server_types"),
	NONE("zones"),
	NONE("volumes"),
	NONE("cloud_ips"),
	NONE("server_groups"),
	NONE("interfaces"),
	NONE("load_balancers"),
	NONE("firewall_policies"),
	NONE("firewall_rules"),
	NONE("database_servers"),
	NONE("database_snapshots"),
	NONE("database_types"),
	NONE("collaborations"),
	NONE("config_maps"),
	NONE("applications"),
	NONE("events"),
};

const size_t api_route_count = sizeof api_routes / sizeof *api_routes;

/* Compares a pattern with the segments of a request, one by one. */
static bool matches(const char *pattern, const struct http_request *rq, const char **ret_id)
{
	size_t n = 0;

	*ret_id = NULL;
	while (*pattern == '/') {
		const char *segment = http_segment(rq, n++);
		size_t len = strcspn(++pattern, "/");

		if (!segment)
			return false;
		if (*pattern == '{') {
			if (!*segment)
				return false;
			if (strncmp(pattern, "{id}", 4) == 0)
				*ret_id = segment;
		} else if (strlen(segment) != len || memcmp(segment, pattern, len) != 0) {
			return false;
		}
		pattern += len;
	}
	return n == http_segments(rq);
}

static const char *method_text(enum http_method m)
{
	return m == HTTP_GET    ? "GET, HEAD"
	       : m == HTTP_POST ? "POST"
	       : m == HTTP_PUT  ? "PUT"
				: "DELETE";
}

const struct api_route *api_route_find(const struct http_request *rq, const char **ret_id,
				       char *allow, size_t allow_size)
{
	enum http_method method = http_method(rq) == HTTP_HEAD ? HTTP_GET : http_method(rq);
	size_t len = 0;

	allow[0] = 0;
	for (size_t i = 0; i < api_route_count; i++) {
		if (!matches(api_routes[i].path, rq, ret_id))
			continue;
		if (api_routes[i].method == method)
			return &api_routes[i];
		len += (size_t)snprintf(allow + len, allow_size - len, "%s%s", len ? ", " : "",
					method_text(api_routes[i].method));
	}
	return NULL;
}
