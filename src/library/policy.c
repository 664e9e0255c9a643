/* SPDX-License-Identifier: Apache-2.0 */
#include "library/policy.h"

#include <assert.h>
#include <string.h>

#include "util/banned.h"

/* A row has a letter for every state: seven of private images, seven of public ones, and one for
 * no image at all. + allow, r redacted, - omit, 1 401, 3 403, 4 404, 9 409, 2 422. */
#define STATUSES 7
#define ROW(private, public, none) \
      private                      \
      public                       \
	none

/* clang-format off */
static const char table[][5][2 * STATUSES + 2] = {
	/*                        creating             creating
	 *                        |available           |available
	 *                        ||deprecated         ||deprecated
	 *                        |||unavailable       |||unavailable
	 *                        ||||deleting         ||||deleting
	 *                        |||||deleted         |||||deleted
	 *                        ||||||failed         ||||||failed
	 *                        private              public     none */
	[VERB_LIST] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("+++++-+", "+++++-+", "-"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("-------", "-r-----", "-"),
		[ACTOR_OPERATOR]  = ROW("+++++-+", "+++++-+", "-"),
	},
	[VERB_LIST_DELETED] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("+++++++", "+++++++", "-"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("-------", "-r-----", "-"),
		[ACTOR_OPERATOR]  = ROW("+++++++", "+++++++", "-"),
	},
	[VERB_SHOW] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("+++++++", "+++++++", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4rr4444", "4"),
		[ACTOR_OPERATOR]  = ROW("+++++++", "+++++++", "4"),
	},
	[VERB_BUILD] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("9++9999", "9++9999", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4++4444", "4"),
		[ACTOR_OPERATOR]  = ROW("3333333", "3333333", "3"),
	},
	[VERB_REGISTER] = { /* into an account: of no image's state */
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("+++++++", "+++++++", "+"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4444444", "4"),
		[ACTOR_OPERATOR]  = ROW("+++++++", "+++++++", "+"),
	},
	[VERB_UPDATE] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("++++99+", "++++99+", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4334444", "4"),
		[ACTOR_OPERATOR]  = ROW("++++99+", "++++99+", "4"),
	},
	[VERB_PUBLISH] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("++++99+", "++++99+", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4334444", "4"),
		[ACTOR_OPERATOR]  = ROW("++++99+", "++++99+", "4"),
	},
	[VERB_DEPRECATE] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("9++9999", "9++9999", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4334444", "4"),
		[ACTOR_OPERATOR]  = ROW("9++9999", "9++9999", "4"),
	},
	[VERB_SET_OFFICIAL] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("2222222", "2222222", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4334444", "4"),
		[ACTOR_OPERATOR]  = ROW("++++99+", "++++99+", "4"),
	},
	[VERB_LOCK] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("++++99+", "++++99+", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4334444", "4"),
		[ACTOR_OPERATOR]  = ROW("++++99+", "++++99+", "4"),
	},
	[VERB_DESTROY] = { /* locked ones: policy_verdict() */
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("++++99+", "++++99+", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4334444", "4"),
		[ACTOR_OPERATOR]  = ROW("++++99+", "++++99+", "4"),
	},
	[VERB_SEE_JOB] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("+++++++", "+++++++", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4444444", "4"),
		[ACTOR_OPERATOR]  = ROW("+++++++", "+++++++", "4"),
	},
	[VERB_CANCEL] = {
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("+999999", "+999999", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4444444", "4"),
		[ACTOR_OPERATOR]  = ROW("+999999", "+999999", "4"),
	},
	[VERB_DOWNLOAD] = { /* a damaged (unavailable) image gives what is still whole */
		[ACTOR_ANONYMOUS] = ROW("1111111", "1111111", "1"),
		[ACTOR_OWNER]     = ROW("4+++444", "4+++444", "4"),
		[ACTOR_STORAGE]   = ROW("3333333", "3333333", "3"),
		[ACTOR_OTHER]     = ROW("4444444", "4334444", "4"),
		[ACTOR_OPERATOR]  = ROW("3333333", "3333333", "3"),
	},
};
/* clang-format on */

enum policy_actor policy_actor(const struct principal *p, const char *owner)
{
	switch (p->kind) {
	case PRINCIPAL_NONE:
		return ACTOR_ANONYMOUS;
	case PRINCIPAL_OPERATOR:
		return ACTOR_OPERATOR;
	case PRINCIPAL_CLIENT:
		if (p->storage_only)
			return ACTOR_STORAGE;
		break;
	case PRINCIPAL_USER:
		break;
	}
	return owner[0] && strcmp(p->account, owner) == 0 ? ACTOR_OWNER : ACTOR_OTHER;
}

enum policy_verdict policy_verdict(enum policy_actor actor, enum policy_verb verb,
				   const struct image *img)
{
	static const struct {
		char letter;
		enum policy_verdict verdict;
	} letters[] = {
		{'+', POLICY_ALLOW},    {'r', POLICY_ALLOW_REDACTED}, {'-', POLICY_OMIT},
		{'1', POLICY_LOGIN},    {'3', POLICY_DENY},           {'4', POLICY_HIDE},
		{'9', POLICY_CONFLICT}, {'2', POLICY_READ_ONLY},
	};
	size_t state = 2 * STATUSES;
	size_t i = 0;

	_Static_assert(IMAGE_FAILED == STATUSES - 1, "the rows are in the order of the statuses");
	if (img)
		state = (size_t)img->status + (img->public ? STATUSES : 0);
	while (letters[i].letter != table[verb][actor][state]) {
		i++;
		assert(i < sizeof(letters) / sizeof(letters[0]));
	}
	if (verb == VERB_DESTROY && letters[i].verdict == POLICY_ALLOW && img && img->locked)
		return POLICY_LOCKED;
	return letters[i].verdict;
}

int policy_not_found(struct dr_err *err)
{
	return dr_fail(err, DR_NOT_FOUND, RESOURCE_NOT_FOUND);
}

static int refuse_actor(enum policy_actor actor, struct dr_err *err)
{
	if (actor == ACTOR_STORAGE)
		return dr_fail(err, DR_DENIED, "An API client of group storage may not do that");
	if (actor == ACTOR_OPERATOR)
		return dr_fail(err, DR_DENIED, "Operators do not use tenants' images");
	return dr_fail(err, DR_DENIED, "Only the image's owner may do that");
}

static int refuse(enum policy_verdict verdict, enum policy_actor actor, const struct image *img,
		  struct dr_err *err)
{
	switch (verdict) {
	case POLICY_ALLOW:
	case POLICY_ALLOW_REDACTED:
	case POLICY_OMIT:
		break;
	case POLICY_LOGIN:
		return dr_refuse(err, DR_UNAUTHENTICATED, "invalid_token",
				 "An access token is needed");
	case POLICY_DENY:
		return refuse_actor(actor, err);
	case POLICY_HIDE:
		return policy_not_found(err);
	case POLICY_CONFLICT:
		assert(img);
		return dr_fail(err, DR_CONFLICT, "The image is %s", image_status_name(img->status));
	case POLICY_LOCKED:
		return dr_refuse(err, DR_CONFLICT, "resource_locked", "The image is locked");
	case POLICY_READ_ONLY:
		return dr_fail(err, DR_INVALID, "That is not for clients to set");
	}
	assert(false); /* not a refusal */
	return -1;
}

static int need_scope(const struct principal *p, bool has, const char *name, struct dr_err *err)
{
	if (p->kind == PRINCIPAL_OPERATOR || has)
		return 0;
	return dr_fail(err, DR_DENIED, "The token's scope does not include %s", name);
}

int policy_enter(const struct principal *p, enum policy_verb verb, struct dr_err *err)
{
	enum policy_actor actor = policy_actor(p, "");
	enum policy_verdict verdict = policy_verdict(actor, verb, NULL);

	if (verdict == POLICY_LOGIN || verdict == POLICY_DENY)
		return refuse(verdict, actor, NULL, err);
	if (verb == VERB_DOWNLOAD)
		return need_scope(p, p->scope_orbit, "orbit", err);
	return need_scope(p, p->scope_infrastructure, "infrastructure", err);
}

int policy_decide(const struct principal *p, enum policy_verb verb, const struct image *img,
		  struct dr_err *err)
{
	enum policy_actor actor = policy_actor(p, img ? img->account : "");
	enum policy_verdict verdict = policy_verdict(actor, verb, img);

	if (policy_enter(p, verb, err) < 0)
		return -1;
	if (verdict == POLICY_ALLOW || verdict == POLICY_ALLOW_REDACTED)
		return verdict == POLICY_ALLOW_REDACTED;
	return refuse(verdict, actor, img, err);
}

int policy_enter_orbit(const struct principal *p, struct dr_err *err)
{
	return policy_enter(p, VERB_DOWNLOAD, err);
}

int policy_enter_account(const struct principal *p, struct dr_err *err)
{
	return policy_enter(p, VERB_SHOW, err);
}

void policy_redact(struct image *img)
{
	struct image open = {
		.status = img->status,
		.public = img->public,
		.locked = img->locked,
		.official = img->official,
		.compatibility_mode = img->compatibility_mode,
		.min_ram = img->min_ram,
		.created_at = img->created_at,
		.available_at = img->available_at,
		.virtual_bytes = img->virtual_bytes,
		.data_bytes = img->data_bytes,
	};

	/* what is not named here does not leave, also what is added to the struct tomorrow */
	memcpy(open.id, img->id, sizeof(open.id));
	memcpy(open.account, img->account, sizeof(open.account));
	memcpy(open.name, img->name, sizeof(open.name));
	memcpy(open.username, img->username, sizeof(open.username));
	memcpy(open.description, img->description, sizeof(open.description));
	memcpy(open.arch, img->arch, sizeof(open.arch));
	memcpy(open.source_type, img->source_type, sizeof(open.source_type));
	memcpy(open.source_trigger, img->source_trigger, sizeof(open.source_trigger));
	memcpy(open.licence_name, img->licence_name, sizeof(open.licence_name));
	*img = open;
}
