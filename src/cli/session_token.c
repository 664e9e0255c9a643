/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens: the grants of api.md section 1.1, two-factor codes of section 1.2. */
#include <stdlib.h>
#include <string.h>

#include "cli/prompt.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/session_internal.h"
#include "util/str.h"

#include "util/banned.h"

/* token_text: a token as it may stand in a header; NULL when the member is missing or is none. */
static char *token_text(const json_t *answer, const char *member)
{
	const char *s = json_string_value(json_object_get(answer, member));

	if (!s || !*s)
		return NULL;
	for (const char *c = s; *c; c++)
		if (*c <= ' ' || *c >= 0x7F)
			return NULL;
	return strdup(s);
}

/* keep: hold the tokens of an answer and cache them. A cache that cannot be written costs a log-in
 * next time, not this command. */
static int keep(struct session *s, struct dr_err *err)
{
	json_auto json_t *j = json_loadb(buf_str(&s->reply), s->reply.len, 0, NULL);
	char *access = token_text(j, "access_token");
	struct dr_err why = DR_ERR_INIT;

	if (!access)
		return dr_fail(err, DR_REMOTE, "%s/token answered without an access token",
			       s->auth);
	secret_free(s->access);
	secret_free(s->refresh);
	s->access = access;
	s->refresh = token_text(j, "refresh_token");
	if (config_token_store(s->config, CONFIG_ACCESS_TOKEN, s->access, &why) < 0 ||
	    (s->refresh &&
	     config_token_store(s->config, CONFIG_REFRESH_TOKEN, s->refresh, &why) < 0))
		say_warn("the token could not be kept: %s", why.msg);
	return 1;
}

/* grant: POST /token. 1 and the tokens are held, or 0: refused. */
static int grant(struct session *s, const json_t *body, const char *code, struct dr_err *err)
{
	const char *id = config_value(s->config, "client_id");
	const char *secret = config_value(s->config, "secret");
	dr_autobuf struct buf url = BUF_INIT;
	dr_autobuf struct buf otp = BUF_INIT;
	secret_auto char *text = json_dumps(body, JSON_COMPACT);
	const char *headers[] = {"Content-Type: application/json", "Accept: application/json", NULL,
				 NULL};
	struct web_request req = {.method = "POST",
				  .body = text,
				  .headers = headers,
				  .sink = &s->watch,
				  .user = id ? id : SESSION_APP_ID,
				  .password = secret ? secret : SESSION_APP_SECRET};
	int status;

	if (!text)
		return dr_fail_nomem(err);
	buf_printf(&url, "%s/token", s->auth);
	req.url = buf_str(&url);
	if (code) {
		buf_printf(&otp, "X-Brightbox-OTP: %s", code);
		headers[2] = buf_str(&otp);
	}
	buf_clear(&s->reply);
	status = web_perform(s->web, &req, &s->reply, err);
	if (status < 0)
		return -1;
	if (status == 400 || status == 401)
		return 0;
	if (status < 200 || status > 299)
		return session_fail(s, status, req.url, err);
	return keep(s, err);
}

static int grant_client(struct session *s, struct dr_err *err)
{
	json_auto json_t *body = json_pack("{ss}", "grant_type", "client_credentials");

	return body ? grant(s, body, NULL, err) : dr_fail_nomem(err);
}

static int grant_refresh(struct session *s, struct dr_err *err)
{
	json_auto json_t *body =
		json_pack("{ssss}", "grant_type", "refresh_token", "refresh_token", s->refresh);

	int got = body ? grant(s, body, NULL, err) : dr_fail_nomem(err);

	if (got == 0) { /* it works only once: no use trying it again */
		secret_free(s->refresh);
		s->refresh = NULL;
	}
	return got;
}

/* ask_code: the one-time code, from the section's helper or the terminal. */
static int ask_code(const struct session *s, char **ret, struct dr_err *err)
{
	const char *helper = config_value(s->config, "two_factor_helper_command");

	*ret = NULL;
	if (helper) {
		say("INFO: Calling two factor helper to obtain two factor");
		if (prompt_helper(helper, ret, err) < 0)
			return -1;
	}
	if (!*ret && prompt_line("Enter your two factor pin : ", false, ret, err) < 0)
		return -1;
	for (const char *c = *ret; *c; c++)
		if (*c < ' ' || *c >= 0x7F)
			return dr_fail(err, DR_INVALID, "that is not a two factor pin");
	return 0;
}

static int grant_password(struct session *s, const char *password, struct dr_err *err)
{
	const char *user = config_value(s->config, "username");
	json_auto json_t *body = json_pack("{ssssss}", "grant_type", "password", "username", user,
					   "password", password);
	secret_auto char *code = NULL;
	int got;

	if (!body)
		return dr_fail(err, DR_INVALID, "the password is not UTF-8");
	got = grant(s, body, NULL, err);
	if (got != 0 || !dr_streq(web_header(s->web, "X-Brightbox-OTP"), "required"))
		return got;
	if (ask_code(s, &code, err) < 0)
		return -1;
	return grant(s, body, code, err);
}

int session_acquire(struct session *s, struct dr_err *err)
{
	if (!s->is_user)
		return grant_client(s, err);
	return s->refresh ? grant_refresh(s, err) : 0;
}

int session_ask_password(const struct config *config, bool expired, char **ret, struct dr_err *err)
{
	dr_autofree char *file = config_file(config, ".password.gpg");
	const char *const gpg[] = {"gpg", "--decrypt", file, NULL};
	const char *helper = config_value(config, "password_helper_command");

	*ret = NULL;
	if (!file)
		return dr_fail_nomem(err);
	if (access(file, F_OK) == 0) {
		say("INFO: Decrypting %s to obtain password", file);
		if (prompt_command(gpg, ret, err) < 0)
			return -1;
	}
	if (!*ret && helper) {
		say("INFO: Calling password helper to obtain password");
		if (prompt_helper(helper, ret, err) < 0)
			return -1;
	}
	if (*ret)
		return 0;
	if (expired)
		puts("Your API credentials have expired, enter your password to update them.");
	return prompt_line("Enter your password : ", true, ret, err);
}

int session_renew(struct session *s, const char *password, struct dr_err *err)
{
	secret_auto char *asked = NULL;
	int got;

	if (!s->is_user)
		return grant_client(s, err);
	if (!password && s->refresh) {
		got = grant_refresh(s, err);
		if (got != 0)
			return got;
	}
	if (!password) {
		if (session_ask_password(s->config, true, &asked, err) < 0)
			return -1;
		password = asked;
	}
	return grant_password(s, password, err);
}
