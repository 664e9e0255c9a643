/* SPDX-License-Identifier: Apache-2.0
 *
 * orbit/policy: who may do what in the object store: hardening.md section 3.3 as one table.
 * Everything else in orbit asks it; nothing else decides.
 *
 * The order of the answers keeps secrets: what one may not see is LOGIN or DENY, the same whether
 * it exists or not; HIDE (there is none) and READ_ONLY are said to those who may look. */
#ifndef DR_ORBIT_POLICY_H
#define DR_ORBIT_POLICY_H

#include "orbit/orbit.h"

enum orbit_actor {
	ORBIT_ANONYMOUS,
	ORBIT_OWNER,    /* a user of the account, or its API client with full rights */
	ORBIT_STRANGER, /* anybody else who is logged in: also the account's storage-only clients */
	ORBIT_OPERATOR,
	ORBIT_HOLDER, /* of a temporary URL that covers the verb here */
};
#define ORBIT_ACTORS 5

enum orbit_state {
	STATE_ABSENT, /* no such container */
	STATE_IMAGES,
	/* a container, by what its ACLs grant to the caller; whoever may list may read */
	STATE_CLOSED,
	STATE_READ,
	STATE_LIST,
	STATE_WRITE,
	STATE_READ_WRITE,
	STATE_LIST_WRITE,
};
#define ORBIT_STATES 8

enum orbit_verb {
	VERB_ACCOUNT_SHOW,
	VERB_ACCOUNT_POST,
	VERB_ACCOUNT_LIST,
	VERB_CONTAINER_PUT,
	VERB_CONTAINER_SHOW, /* that it is there, and what the caller may do in it */
	VERB_CONTAINER_LIST, /* its objects' names; how many they are */
	VERB_CONTAINER_POST, /* metadata and ACLs; see them */
	VERB_CONTAINER_DELETE,
	VERB_OBJECT_READ,
	VERB_OBJECT_SELECT, /* read whatever has a prefix: a dynamic large object's segments */
	VERB_OBJECT_PUT,
	VERB_OBJECT_POST,
	VERB_OBJECT_DELETE,
};
#define ORBIT_VERBS 13

enum orbit_verdict {
	ORBIT_ALLOW,
	ORBIT_LOGIN,     /* UNAUTHENTICATED */
	ORBIT_DENY,      /* DENIED */
	ORBIT_HIDE,      /* NOT_FOUND */
	ORBIT_READ_ONLY, /* DENIED, and why */
};

/* orbit_actor: what the caller is to a container (NULL: to the account itself) for this verb. The
 * holder of a temporary URL that does not cover it is ANONYMOUS. */
enum orbit_actor orbit_actor(const struct orbit_caller *c, const char *account,
			     const char *container, enum orbit_verb verb);
/* orbit_state: of a container that exists, for a caller who is not its owner. */
enum orbit_state orbit_state(const struct container *row, const struct orbit_caller *c);
enum orbit_verdict orbit_verdict(enum orbit_actor actor, enum orbit_verb verb,
				 enum orbit_state state);
/* orbit_decide: 0, or -1 with what the verdict stands for; READ_ONLY is DENIED with reason
 * "read-only". */
int orbit_decide(enum orbit_actor actor, enum orbit_verb verb, enum orbit_state state,
		 struct dr_err *err) DR_MUST_CHECK;
/* orbit_scope: a token without scope `orbit` opens nothing here: DENIED. */
int orbit_scope(const struct orbit_caller *c, struct dr_err *err) DR_MUST_CHECK;

#endif
