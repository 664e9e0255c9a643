/* SPDX-License-Identifier: Apache-2.0
 *
 * The route table and what its handlers share. Private to api/; a test walks the table. */
#ifndef DR_API_API_INTERNAL_H
#define DR_API_API_INTERNAL_H

#include <jansson.h>

#include "api/api.h"

/* One request under /1.0, authenticated. */
struct api_call {
	struct library *library;
	struct http_request *rq;
	struct http_response *rs;
	struct principal who;
	const char *id;           /* the {id} of the path, or NULL; borrowed */
	json_t *body;             /* an object, for routes that write; else NULL */
	struct problems problems; /* what validation found, for the errors array */
};

/* A handler answers with api_send() and returns 0, or returns -1 with what went wrong. */
typedef int api_handler(struct api_call *c, struct dr_err *err);

enum api_scope {
	API_SCOPE_PUBLIC,         /* no token: /token itself */
	API_SCOPE_INFRASTRUCTURE, /* a token with that scope, not of a storage-only client */
};

struct api_route {
	enum http_method method;
	const char *path; /* "/1.0/images/{id}/lock_resource" */
	enum api_scope scope;
	bool writes; /* changes something; its body, when there is one, is a JSON object */
	api_handler *handle;
};

extern const struct api_route api_routes[];
extern const size_t api_route_count;

/* api_route_find: the route of a request; *ret_id its {id}. NULL: none, and then `allow` lists the
 * methods the path does have ("" = unknown path). */
const struct api_route *api_route_find(const struct http_request *rq, const char **ret_id,
				       char *allow, size_t allow_size);

/* ---- answers ---- */

#define API_JSON_TYPE "application/json; charset=utf-8"

/* api_send: takes `body` (NULL: no memory). */
int api_send(struct api_call *c, unsigned status, json_t *body, struct dr_err *err) DR_MUST_CHECK;
/* api_respond: the same without a call. */
int api_respond(struct http_response *rs, unsigned status, json_t *body, struct dr_err *err)
	DR_MUST_CHECK;
/* api_fail: the answer for an error: status and shape by its code (api.md section 5). */
void api_fail(const struct http_request *rq, struct http_response *rs, const struct dr_err *err,
	      const struct problems *problems);
/* api_append: an element for a list, NULL when it could not be made. */
int api_append(json_t *list, json_t *item, struct dr_err *err) DR_MUST_CHECK;
void api_error(struct http_response *rs, unsigned status, const char *name, const char *message);
/* api_oauth_error: {"error":…,"error_description":…} (sections 1.1, 1.3). */
void api_oauth_error(struct http_response *rs, unsigned status, const char *error,
		     const char *description);

/* ---- request bodies ---- */

/* api_body_parse: an object; nothing and null count as an empty one. INVALID with reason
 * "bad_request" otherwise. [owned] */
int api_body_parse(json_t **ret, const void *p, size_t len, struct dr_err *err) DR_MUST_CHECK;
/* api_problem: one more sentence for the errors array (dropped when it is full). */
void api_problem(struct api_call *c, const char *fmt, ...) DR_PRINTF(2, 3);
/* api_problems: 0, or -1 INVALID when there are any. */
int api_problems(const struct api_call *c, struct dr_err *err) DR_MUST_CHECK;
/* Members of c->body: true when present. Null: the *ret stays what it was, for a text it becomes
 * NULL. A value of another type is a problem and counts as absent. Texts are borrowed. */
bool api_text(struct api_call *c, const char *name, const char **ret);
bool api_bool(struct api_call *c, const char *name, bool *ret);
bool api_u64(struct api_call *c, const char *name, uint64_t *ret);

/* ---- resources as JSON (section 3) ---- */

enum api_form { API_FULL, API_COLLECTION, API_NESTED };

#define API_URL_TEXT 400
/* api_url: the absolute URL of a resource. */
const char *api_url(const struct api_call *c, const char *collection, const char *id,
		    char ret[static API_URL_TEXT]);
json_t *api_time(int64_t t);             /* null for 0 */
json_t *api_text_or_null(const char *s); /* null for "" */

/* Each is new, or NULL without memory (then err says so). */
json_t *api_image_json(struct api_call *c, const struct image *img, enum api_form form,
		       struct dr_err *err);
json_t *api_account_json(struct api_call *c, const struct account *a, enum api_form form,
			 struct dr_err *err);
json_t *api_user_json(struct api_call *c, const struct user *u, enum api_form form,
		      struct dr_err *err);
/* secret: NULL unless it is shown this once */
json_t *api_client_json(struct api_call *c, const struct api_client *cl, const char *secret,
			enum api_form form, struct dr_err *err);

/* ---- handlers, by file ---- */

void api_token(struct library *l, struct http_request *rq, struct http_response *rs);
api_handler api_image_list, api_image_show, api_image_register, api_image_update, api_image_lock,
	api_image_unlock, api_image_destroy;
api_handler api_account_list, api_account_show, api_account_scoped, api_account_update,
	api_account_retired;
api_handler api_user_list, api_user_show, api_user_self, api_user_update;
api_handler api_client_list, api_client_show, api_client_create, api_client_update,
	api_client_delete, api_client_reset_secret;
api_handler api_none_list, api_none_show, api_none_create;

#endif
