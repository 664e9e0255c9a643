/* SPDX-License-Identifier: Apache-2.0 */
#include "sftp/login.h"

#include <string.h>

#include "sftp/name.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

#include "util/banned.h"

static int by_secret(struct catalogue *c, const struct login_name *name, const char *secret,
		     struct principal *ret, struct dr_err *err)
{
	return auth_login(c, name->who, secret, name->account, ret, err);
}

static int by_key(struct catalogue *c, const struct login_name *name, const struct gate_request *rq,
		  struct principal *ret, struct dr_err *err)
{
	dr_autofree struct user *u = calloc(1, sizeof *u);
	dr_autofree char *key = strndup((const char *)rq->data, rq->len);

	if (!u || !key)
		return dr_fail_nomem(err);
	if (auth_user(c, name->who, name->account, u, ret, err) < 0)
		return -1;
	return key_listed(u->ssh_key, key)
		       ? 0
		       : dr_fail(err, DR_UNAUTHENTICATED, "not one of the user's keys");
}

static void log_login(const struct gate_request *rq, const char *peer, const char *result,
		      const struct principal *who)
{
	dr_autobuf struct buf name = BUF_INIT;

	dr_quote(&name, rq->path, 100);
	dr_log(DR_INFO, "what=sftp-login result=%s peer=%s method=%s name=%s%s%s", result, peer,
	       rq->op == GATE_LOGIN_KEY ? "publickey" : "password", buf_str(&name),
	       who ? " account=" : "", who ? who->account : "");
}

int login_try(struct catalogue *c, struct lockout *g, const char *peer,
	      const struct gate_request *rq, struct principal *ret, struct dr_err *err)
{
	const bool key = rq->op == GATE_LOGIN_KEY;
	const bool asked_only = key && !(rq->flags & GATE_PROVEN);
	const uint64_t now = dr_now_ms();
	struct login_name name;
	int rc;

	/* A name that can be none costs what a wrong one costs. */
	if (!login_name_parse(rq->path, &name))
		name = (struct login_name){"nobody", ""};
	/* A key cannot be guessed: it is tried whatever others did with the name. */
	if (!key && lockout_locked(g, peer, name.who, now)) {
		log_login(rq, peer, "locked-out", NULL);
		return 0;
	}
	rc = key ? by_key(c, &name, rq, ret, err) : by_secret(c, &name, rq->other, ret, err);
	if (rc == 0 && !ret->account[0])
		rc = dr_fail(err, DR_UNAUTHENTICATED, "no account");
	if (rc < 0 && err->code != DR_UNAUTHENTICATED && err->code != DR_NOT_FOUND)
		return -1;
	if (asked_only)
		return rc == 0;
	log_login(rq, peer, rc == 0 ? "ok" : "wrong", rc == 0 ? ret : NULL);
	if (rc == 0)
		lockout_passed(g, peer, name.who, now);
	else if (!key)
		lockout_failed(g, peer, name.who, now);
	return rc == 0;
}
