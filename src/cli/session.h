/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/session: the API as the selected section of the configuration sees it (api.md section 1).
 *
 *   session_open -> session_call / session_find / session_list … -> session_close
 *
 * Tokens: the cached one is tried first. Without one, or after a 401, a new one is got with what is
 * at hand (refresh token, else client secret) and the request repeated once. When that does not
 * help the call fails with UNAUTHENTICATED, and session_renew() is the way out: it may ask the
 * person at the terminal. New tokens are cached at once: a refresh token works only once, so a
 * command that fails later must not lose the new one. */
#ifndef DR_CLI_SESSION_H
#define DR_CLI_SESSION_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/config.h"
#include "cli/web.h"

/* Public constants: the application of user sections without one of their own (api.md section 1.5).
 */
#define SESSION_APP_ID "app-12345"
#define SESSION_APP_SECRET "mocbuipbiaa6k6c"

struct session;

enum session_flags {
	SESSION_PLAIN = 0,
	SESSION_ACCOUNT = 1, /* account-bound: name the account when one is configured */
	SESSION_FLAT = 2,    /* ask for the answer without nested collections */
};

/* session_open: of config's selected section; borrows config. [owned by caller] INVALID: no such
 * section, or it lacks what it needs. */
int session_open(struct session **ret, struct config *config, const struct web_options *options,
		 struct dr_err *err) DR_MUST_CHECK;
void session_close(struct session *s);

/* session_call: `body` NULL for none. *ret (NULL: not wanted) is the JSON answer, [owned by
 * caller]. -1: NOT_FOUND (404), UNAUTHENTICATED, BUSY (503), DENIED (403), CONFLICT (409), INVALID
 * (400, 422), REMOTE (no answer, another status). */
int session_call(struct session *s, const char *method, const char *path, unsigned flags,
		 const json_t *body, json_t **ret, struct dr_err *err) DR_MUST_CHECK;
/* session_find: GET `collection`/`id`. 1 and the object, or 0 when there is none. The id is
 * remembered for the shell completion. */
int session_find(struct session *s, const char *collection, const char *id, unsigned flags,
		 json_t **ret, struct dr_err *err) DR_MUST_CHECK;
/* session_list: GET `path`, an array; its ids are remembered. */
int session_list(struct session *s, const char *path, unsigned flags, json_t **ret,
		 struct dr_err *err) DR_MUST_CHECK;

/* session_download: GET an absolute URL with the token as X-Auth-Token (Orbit, api.md section 7.2),
 * the 2xx body into the sink; `headers` as in web_request, may be NULL. The status, 200..299 or
 * 416; renews the token on 401 as session_call does. */
int session_download(struct session *s, const char *url, const char *const *headers,
		     const struct web_sink *sink, struct dr_err *err) DR_MUST_CHECK;
const struct web *session_web(const struct session *s);
/* session_connect: one more connection, for a thread of its own. [owned by caller] */
int session_connect(const struct session *s, struct web **ret, struct dr_err *err) DR_MUST_CHECK;
/* session_set_tick: asked while requests are under way; true ends them (CANCELLED). */
void session_set_tick(struct session *s, bool (*tick)(void *arg), void *arg);

/* session_renew: get new tokens whatever it takes. `password` NULL: find out when it is needed
 * (file, helper, prompt). 1, or 0 when the service refuses the credentials. */
int session_renew(struct session *s, const char *password, struct dr_err *err) DR_MUST_CHECK;

const char *session_api_origin(const struct session *s);
/* session_access_token, session_refresh_token: NULL when there is none. */
const char *session_access_token(const struct session *s);
const char *session_refresh_token(const struct session *s);
/* session_error: the whole text of the API's last error, for messages that dr_err had to cut. */
const char *session_error(const struct session *s);

/* session_ask_password: the section's password, from its encrypted file, its helper command, or the
 * terminal. [owned by caller; secret_free] */
int session_ask_password(const struct config *config, bool expired, char **ret, struct dr_err *err)
	DR_MUST_CHECK;

DR_DEFINE_CLEANUP(struct session, session_close);

static inline void session_json_put(json_t **j)
{
	json_decref(*j);
}
#define json_auto DR_CLEANUP(session_json_put)

/* SESSION_ERROR: the reason of a failure whose sentence is the API's own (see session_error). */
#define SESSION_ERROR "api"
/* SESSION_UNAVAILABLE: the reason of a 503. */
#define SESSION_UNAVAILABLE "unavailable"

#endif
