/* SPDX-License-Identifier: Apache-2.0 */
#include "orbit/policy.h"

#include <assert.h>
#include <string.h>

#include "library/policy.h"
#include "orbit/acl.h"
#include "util/str.h"

#include "util/banned.h"

/* A row has a letter for every state. + allow, 1 401, 3 403, 4 404, x 403 and why. What ACLs cannot
 * grant (writing, to somebody anonymous) is not allowed here either. */
/* clang-format off */
static const char table[ORBIT_VERBS][ORBIT_ACTORS][ORBIT_STATES + 1] = {
	/*                      absent
	 *                      |images
	 *                      ||closed
	 *                      |||read
	 *                      ||||list
	 *                      |||||write
	 *                      ||||||read and write
	 *                      |||||||list and write */
	[VERB_ACCOUNT_SHOW] = {
		[ORBIT_ANONYMOUS] = "11111111",
		[ORBIT_OWNER]     = "++++++++",
		[ORBIT_STRANGER]  = "33333333",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "11111111",
	},
	[VERB_ACCOUNT_POST] = {
		[ORBIT_ANONYMOUS] = "11111111",
		[ORBIT_OWNER]     = "++++++++",
		[ORBIT_STRANGER]  = "33333333",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "11111111",
	},
	[VERB_ACCOUNT_LIST] = {
		[ORBIT_ANONYMOUS] = "11111111",
		[ORBIT_OWNER]     = "++++++++",
		[ORBIT_STRANGER]  = "33333333",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "11111111",
	},
	[VERB_CONTAINER_PUT] = {
		[ORBIT_ANONYMOUS] = "11111111",
		[ORBIT_OWNER]     = "+x++++++",
		[ORBIT_STRANGER]  = "33333333",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "11111111",
	},
	[VERB_CONTAINER_SHOW] = {
		[ORBIT_ANONYMOUS] = "111++1++",
		[ORBIT_OWNER]     = "4+++++++",
		[ORBIT_STRANGER]  = "333+++++",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "11111111",
	},
	[VERB_CONTAINER_LIST] = {
		[ORBIT_ANONYMOUS] = "1111+11+",
		[ORBIT_OWNER]     = "4+++++++",
		[ORBIT_STRANGER]  = "3333+33+",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "11111111",
	},
	[VERB_CONTAINER_POST] = {
		[ORBIT_ANONYMOUS] = "11111111",
		[ORBIT_OWNER]     = "4x++++++",
		[ORBIT_STRANGER]  = "33333333",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "11111111",
	},
	[VERB_CONTAINER_DELETE] = {
		[ORBIT_ANONYMOUS] = "11111111",
		[ORBIT_OWNER]     = "4x++++++",
		[ORBIT_STRANGER]  = "33333333",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "11111111",
	},
	[VERB_OBJECT_READ] = {
		[ORBIT_ANONYMOUS] = "111++1++",
		[ORBIT_OWNER]     = "4+++++++",
		[ORBIT_STRANGER]  = "333++3++",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "4+++++++",
	},
	[VERB_OBJECT_SELECT] = { /* images are no segments */
		[ORBIT_ANONYMOUS] = "1111+11+",
		[ORBIT_OWNER]     = "44++++++",
		[ORBIT_STRANGER]  = "3333+33+",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "44++++++",
	},
	[VERB_OBJECT_PUT] = {
		[ORBIT_ANONYMOUS] = "11111111",
		[ORBIT_OWNER]     = "4x++++++",
		[ORBIT_STRANGER]  = "33333+++",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "41++++++",
	},
	[VERB_OBJECT_POST] = {
		[ORBIT_ANONYMOUS] = "11111111",
		[ORBIT_OWNER]     = "4x++++++",
		[ORBIT_STRANGER]  = "33333+++",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "41++++++",
	},
	[VERB_OBJECT_DELETE] = {
		[ORBIT_ANONYMOUS] = "11111111",
		[ORBIT_OWNER]     = "4x++++++",
		[ORBIT_STRANGER]  = "33333+++",
		[ORBIT_OPERATOR]  = "33333333",
		[ORBIT_HOLDER]    = "41++++++",
	},
};
/* clang-format on */

/* covered: the temporary URL gives this right at this place. */
static bool covered(const struct orbit_caller *c, const char *account, const char *container,
		    enum orbit_verb verb)
{
	const bool methods[ORBIT_VERBS] = {
		[VERB_OBJECT_READ] = c->grant_get,      [VERB_OBJECT_SELECT] = c->grant_get,
		[VERB_OBJECT_PUT] = c->grant_put,       [VERB_OBJECT_POST] = c->grant_post,
		[VERB_OBJECT_DELETE] = c->grant_delete,
	};

	if (!methods[verb] || !dr_streq(c->grant_account, account))
		return false;
	return c->grant == TEMPURL_BY_ACCOUNT ||
	       (c->grant == TEMPURL_BY_CONTAINER && dr_streq(c->grant_container, container));
}

enum orbit_actor orbit_actor(const struct orbit_caller *c, const char *account,
			     const char *container, enum orbit_verb verb)
{
	if (c->grant != TEMPURL_NONE)
		return covered(c, account, container, verb) ? ORBIT_HOLDER : ORBIT_ANONYMOUS;
	switch (policy_actor(&c->who, account)) {
	case ACTOR_ANONYMOUS:
		return ORBIT_ANONYMOUS;
	case ACTOR_OWNER:
		return ORBIT_OWNER;
	case ACTOR_STORAGE:
	case ACTOR_OTHER:
		return ORBIT_STRANGER;
	case ACTOR_OPERATOR:
		return ORBIT_OPERATOR;
	}
	assert(false);
	return ORBIT_ANONYMOUS;
}

enum orbit_state orbit_state(const struct container *row, const struct orbit_caller *c)
{
	static const enum orbit_state states[2][3] = {
		{STATE_CLOSED, STATE_READ, STATE_LIST},
		{STATE_WRITE, STATE_READ_WRITE, STATE_LIST_WRITE},
	};
	char acl[META_TEXT];
	struct acl_grant read = {0}, write = {0};

	if (c->grant != TEMPURL_NONE) /* its only right */
		return STATE_CLOSED;
	if (meta_get(row->meta, "X-Container-Read", acl, sizeof acl))
		read = acl_grants(acl, &c->who, c->referer);
	if (meta_get(row->meta, "X-Container-Write", acl, sizeof acl))
		write = acl_grants(acl, &c->who, c->referer);
	return states[write.objects][read.objects ? 1 + read.listing : 0];
}

enum orbit_verdict orbit_verdict(enum orbit_actor actor, enum orbit_verb verb,
				 enum orbit_state state)
{
	switch (table[verb][actor][state]) {
	case '+':
		return ORBIT_ALLOW;
	case '1':
		return ORBIT_LOGIN;
	case '3':
		return ORBIT_DENY;
	case '4':
		return ORBIT_HIDE;
	default:
		assert(table[verb][actor][state] == 'x');
		return ORBIT_READ_ONLY;
	}
}

int orbit_decide(enum orbit_actor actor, enum orbit_verb verb, enum orbit_state state,
		 struct dr_err *err)
{
	switch (orbit_verdict(actor, verb, state)) {
	case ORBIT_ALLOW:
		return 0;
	case ORBIT_LOGIN:
		return dr_fail(err, DR_UNAUTHENTICATED, "That is not open to everybody");
	case ORBIT_DENY:
		return dr_fail(err, DR_DENIED, "That is not for you");
	case ORBIT_HIDE:
		return dr_fail(err, DR_NOT_FOUND, "There is no such container");
	case ORBIT_READ_ONLY:
		return dr_refuse(err, DR_DENIED, "read-only",
				 "The container images is read-only: use the image API");
	}
	assert(false);
	return -1;
}

int orbit_scope(const struct orbit_caller *c, struct dr_err *err)
{
	if (c->who.kind == PRINCIPAL_NONE || c->who.kind == PRINCIPAL_OPERATOR ||
	    c->who.scope_orbit)
		return 0;
	return dr_fail(err, DR_DENIED, "The token's scope does not include orbit");
}
