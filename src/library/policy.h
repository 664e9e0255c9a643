/* SPDX-License-Identifier: Apache-2.0
 *
 * library/policy: who may do what with which image: hardening.md section 3.2 and the contract's
 * decisions, as one table. Everything else in library asks it; nothing else decides.
 *
 * The order of the answers keeps secrets: who may ask at all (401, 403) is told before anything is
 * looked up; what one may not see is then exactly as absent as what does not exist (404); only
 * then come refusals that admit there is something (403, 409). */
#ifndef DR_LIBRARY_POLICY_H
#define DR_LIBRARY_POLICY_H

#include "auth/auth.h"

enum policy_actor {
	ACTOR_ANONYMOUS,
	ACTOR_OWNER,   /* a user of the image's account, or its API client with full rights */
	ACTOR_STORAGE, /* an API client of group "storage", of whatever account */
	ACTOR_OTHER,   /* anybody else who is logged in */
	ACTOR_OPERATOR,
};

enum policy_verb {
	VERB_LIST,         /* a listing includes it */
	VERB_LIST_DELETED, /* a listing that asks for tombstones includes it */
	VERB_SHOW,
	VERB_BUILD,    /* boot a server from it */
	VERB_REGISTER, /* the image does not exist yet: `owner` is the account it is to belong to */
	VERB_UPDATE,   /* name, description, user name, architecture, mode, minimum RAM */
	VERB_PUBLISH,  /* and unpublish */
	VERB_DEPRECATE,
	VERB_SET_OFFICIAL, /* and licence */
	VERB_LOCK,         /* and unlock */
	VERB_DESTROY,
	VERB_SEE_JOB, /* its import: errors, warnings, source */
	VERB_CANCEL,  /* its import */
	VERB_DOWNLOAD,
};

enum policy_verdict {
	POLICY_ALLOW,
	POLICY_ALLOW_REDACTED, /* what policy_redact() leaves */
	POLICY_OMIT,           /* listings: as if it were not there */
	POLICY_LOGIN,          /* 401 */
	POLICY_DENY,           /* 403 */
	POLICY_HIDE,           /* 404 */
	POLICY_CONFLICT,       /* 409, not in this state */
	POLICY_LOCKED,         /* 409, resource_locked */
	POLICY_READ_ONLY,      /* 422, not for clients to set */
};

/* policy_actor: what `p` is to things of account `owner` ("" = nobody's). */
enum policy_actor policy_actor(const struct principal *p, const char *owner);
/* policy_verdict: `img` NULL: there is no such image. */
enum policy_verdict policy_verdict(enum policy_actor actor, enum policy_verb verb,
				   const struct image *img);

/* policy_enter: whether `p` may ask for this verb at all, before anything is looked up: its kind
 * and the scope of its token. UNAUTHENTICATED, DENIED. */
int policy_enter(const struct principal *p, enum policy_verb verb, struct dr_err *err)
	DR_MUST_CHECK;
/* policy_decide: policy_enter() and the verdict on `img` (NULL: there is none) as 0, 1 (redacted)
 * or -1 with the error it stands for. Not for listings. */
int policy_decide(const struct principal *p, enum policy_verb verb, const struct image *img,
		  struct dr_err *err) DR_MUST_CHECK;
/* policy_enter_orbit: the same question for the object store; policy_enter_account: for accounts,
 * users and clients. */
int policy_enter_orbit(const struct principal *p, struct dr_err *err) DR_MUST_CHECK;
int policy_enter_account(const struct principal *p, struct dr_err *err) DR_MUST_CHECK;

/* policy_not_found: the one answer to what is not there or not theirs. */
int policy_not_found(struct dr_err *err);

/* policy_redact: leave what a public image shows to strangers (hardening.md section 3.1). */
void policy_redact(struct image *img);

#endif
