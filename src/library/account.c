/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "library/library_internal.h"
#include "library/policy.h"
#include "util/str.h"

#include "util/banned.h"

/* hidden: a failure to find, in the words that tell nothing. */
static int hidden(const struct dr_err *e, struct dr_err *err)
{
	if (e->code == DR_NOT_FOUND)
		return policy_not_found(err);
	*err = *e;
	return -1;
}

/* ---- accounts ---- */

static int get_account(struct library *l, const char *id, struct account *ret, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;

	return catalogue_account_get(l->catalogue, id, ret, &e) < 0 ? hidden(&e, err) : 0;
}

/* may_see: 0 when the account is one of the principal's. */
static int may_see(struct library *l, const struct principal *p, const char *id, struct dr_err *err)
{
	bool member = false;

	if (p->kind == PRINCIPAL_OPERATOR || (id[0] && strcmp(p->account, id) == 0))
		return 0;
	if (p->kind == PRINCIPAL_USER &&
	    catalogue_account_has_user(l->catalogue, id, p->user, &member, err) < 0)
		return -1;
	return member ? 0 : policy_not_found(err);
}

int library_account_list(struct library *l, const struct principal *p, struct account **ret,
			 size_t *ret_n, struct dr_err *err)
{
	dr_autofree struct account *one = NULL;

	if (policy_enter_account(p, err) < 0)
		return -1;
	if (p->kind == PRINCIPAL_OPERATOR)
		return catalogue_account_list(l->catalogue, ret, ret_n, err);
	if (p->kind == PRINCIPAL_USER)
		return catalogue_account_list_for_user(l->catalogue, p->user, ret, ret_n, err);
	one = calloc(1, sizeof(*one));
	if (!one)
		return dr_fail_nomem(err);
	if (get_account(l, p->account, one, err) < 0)
		return -1;
	*ret = DR_STEAL(one);
	*ret_n = 1;
	return 0;
}

int library_account_show(struct library *l, const struct principal *p, const char *id,
			 struct account *ret, struct dr_err *err)
{
	/* the scoped account's name is part of the object store's answers, too */
	int rc = !id && p->scope_orbit ? policy_enter_orbit(p, err) : policy_enter_account(p, err);

	if (rc < 0)
		return -1;
	if (!id)
		id = p->account;
	if (may_see(l, p, id, err) < 0)
		return -1;
	return get_account(l, id, ret, err);
}

int library_account_update(struct library *l, const struct principal *p, const char *id,
			   const char *name, struct account *ret, struct dr_err *err)
{
	struct problems pr = {0};

	if (policy_enter_account(p, err) < 0)
		return -1;
	if (!id)
		id = p->account;
	if (may_see(l, p, id, err) < 0)
		return -1;
	check_name(&pr, "name", name);
	if (!name[0])
		problem(&pr, "name must not be empty");
	if (problems_verdict(&pr, err) < 0 ||
	    catalogue_account_set_name(l->catalogue, id, name, err) < 0)
		return -1;
	return get_account(l, id, ret, err);
}

/* ---- users ---- */

static int get_user(struct library *l, const char *id, struct user *ret, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;

	return catalogue_user_get(l->catalogue, id, ret, &e) < 0 ? hidden(&e, err) : 0;
}

int library_user_list(struct library *l, const struct principal *p, struct user **ret,
		      size_t *ret_n, struct dr_err *err)
{
	dr_autofree struct user *self = NULL;

	if (policy_enter_account(p, err) < 0)
		return -1;
	if (p->kind == PRINCIPAL_OPERATOR)
		return catalogue_user_list(l->catalogue, p->account[0] ? p->account : NULL, ret,
					   ret_n, err);
	if (p->kind == PRINCIPAL_CLIENT)
		return catalogue_user_list(l->catalogue, p->account, ret, ret_n, err);
	self = calloc(1, sizeof(*self));
	if (!self)
		return dr_fail_nomem(err);
	if (get_user(l, p->user, self, err) < 0)
		return -1;
	*ret = DR_STEAL(self);
	*ret_n = 1;
	return 0;
}

/* may_see_user: oneself; for an API client the users of its account. */
static int may_see_user(struct library *l, const struct principal *p, const char *id,
			struct dr_err *err)
{
	bool member = false;

	if (p->kind == PRINCIPAL_OPERATOR || (p->kind == PRINCIPAL_USER && !strcmp(p->user, id)))
		return 0;
	if (p->kind == PRINCIPAL_CLIENT &&
	    catalogue_account_has_user(l->catalogue, p->account, id, &member, err) < 0)
		return -1;
	return member ? 0 : policy_not_found(err);
}

int library_user_show(struct library *l, const struct principal *p, const char *id,
		      struct user *ret, struct dr_err *err)
{
	if (policy_enter_account(p, err) < 0)
		return -1;
	if (!id)
		id = p->user;
	if (may_see_user(l, p, id, err) < 0)
		return -1;
	return get_user(l, id, ret, err);
}

static void check_user(struct problems *pr, const char *name, const char *email,
		       const char *ssh_key)
{
	if (name)
		check_name(pr, "name", name);
	if (email)
		check_email(pr, email);
	if (ssh_key)
		check_text(pr, "ssh_key", ssh_key, sizeof(((struct user *)NULL)->ssh_key) - 1,
			   true);
}

int library_user_update(struct library *l, const struct principal *p, const char *id,
			const char *name, const char *email, const char *ssh_key, struct user *ret,
			struct problems *pr, struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;

	if (library_user_show(l, p, id, ret, err) < 0)
		return -1;
	if (p->kind == PRINCIPAL_CLIENT)
		return dr_fail(err, DR_DENIED, "Only the user may change that");
	check_user(pr, name, email, ssh_key);
	if (problems_verdict(pr, err) < 0)
		return -1;
	if (name)
		dr_copy(ret->name, sizeof(ret->name), name);
	if (email)
		dr_copy(ret->email, sizeof(ret->email), email);
	if (ssh_key)
		dr_copy(ret->ssh_key, sizeof(ret->ssh_key), ssh_key);
	if (catalogue_user_update(l->catalogue, ret, &e) == 0)
		return 0;
	if (e.code != DR_CONFLICT)
		return hidden(&e, err);
	problem(pr, "email_address is taken");
	return problems_verdict(pr, err);
}
