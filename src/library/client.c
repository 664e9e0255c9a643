/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "library/library_internal.h"
#include "library/policy.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

/* find: an API client of the principal's account; any other is as absent as none. */
static int find(struct library *l, const struct principal *p, const char *id,
		struct api_client *ret, struct dr_err *err)
{
	uint8_t hash[SECRET_HASH_BYTES];
	struct dr_err e = DR_ERR_INIT;

	if (policy_enter_account(p, err) < 0)
		return -1;
	if (catalogue_client_get(l->catalogue, id, ret, hash, &e) < 0 && e.code != DR_NOT_FOUND) {
		*err = e;
		return -1;
	}
	if (e.code == DR_NOT_FOUND || !p->account[0] || strcmp(ret->account, p->account) != 0)
		return policy_not_found(err);
	return 0;
}

/* find_live: one that is not revoked, to be changed. */
static int find_live(struct library *l, const struct principal *p, const char *id,
		     struct api_client *ret, struct dr_err *err)
{
	if (find(l, p, id, ret, err) < 0)
		return -1;
	return ret->revoked_at ? dr_fail(err, DR_CONFLICT, "The API client is revoked") : 0;
}

int library_client_list(struct library *l, const struct principal *p, struct api_client **ret,
			size_t *ret_n, struct dr_err *err)
{
	struct api_client *all = NULL;
	size_t kept = 0;
	size_t n = 0;

	if (policy_enter_account(p, err) < 0 ||
	    catalogue_client_list(l->catalogue, p->account, &all, &n, err) < 0)
		return -1;
	/* revoked ones can be shown by id, and are over */
	for (size_t i = 0; i < n; i++) {
		if (!all[i].revoked_at)
			all[kept++] = all[i];
	}
	*ret = all;
	*ret_n = kept;
	return 0;
}

int library_client_show(struct library *l, const struct principal *p, const char *id,
			struct api_client *ret, struct dr_err *err)
{
	return find(l, p, id, ret, err);
}

/* check_client: what is given (not NULL), into *cl. */
static int check_client(struct problems *pr, const char *name, const char *description,
			const char *group, struct api_client *cl, struct dr_err *err)
{
	if (name)
		check_name(pr, "name", name);
	if (description)
		check_text(pr, "description", description, DESCRIPTION_BYTES, true);
	if (group && strcmp(group, "full") != 0 && strcmp(group, "storage") != 0)
		problem(pr, "permissions_group must be full or storage");
	if (problems_verdict(pr, err) < 0)
		return -1;
	if (name)
		dr_copy(cl->name, sizeof(cl->name), name);
	if (description)
		dr_copy(cl->description, sizeof(cl->description), description);
	if (group)
		cl->storage_only = strcmp(group, "storage") == 0;
	return 0;
}

int library_client_create(struct library *l, const struct principal *p, const char *name,
			  const char *description, const char *group, struct api_client *ret,
			  char ret_secret[static SECRET_TEXT], struct problems *pr,
			  struct dr_err *err)
{
	uint8_t hash[SECRET_HASH_BYTES];
	struct api_client cl = {0};
	char secret[SECRET_TEXT];

	if (policy_enter_account(p, err) < 0)
		return -1;
	if (!p->account[0])
		return policy_not_found(err);
	memcpy(cl.account, p->account, sizeof(cl.account));
	if (check_client(pr, name, description, group, &cl, err) < 0)
		return -1;
	auth_new_secret(secret);
	auth_secret_hash(secret, hash);
	if (catalogue_client_create(l->catalogue, &cl, hash, err) < 0)
		return -1;
	memcpy(ret_secret, secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	*ret = cl;
	return 0;
}

int library_client_update(struct library *l, const struct principal *p, const char *id,
			  const char *name, const char *description, const char *group,
			  struct api_client *ret, struct problems *pr, struct dr_err *err)
{
	if (find_live(l, p, id, ret, err) < 0 ||
	    check_client(pr, name, description, group, ret, err) < 0)
		return -1;
	return catalogue_client_update(l->catalogue, ret, err);
}

int library_client_delete(struct library *l, const struct principal *p, const char *id,
			  struct api_client *ret, struct dr_err *err)
{
	if (find_live(l, p, id, ret, err) < 0)
		return -1;
	ret->revoked_at = dr_wall();
	return catalogue_client_update(l->catalogue, ret, err);
}

int library_client_reset_secret(struct library *l, const struct principal *p, const char *id,
				struct api_client *ret, char ret_secret[static SECRET_TEXT],
				struct dr_err *err)
{
	uint8_t hash[SECRET_HASH_BYTES];
	char secret[SECRET_TEXT];

	if (find_live(l, p, id, ret, err) < 0)
		return -1;
	auth_new_secret(secret);
	auth_secret_hash(secret, hash);
	if (catalogue_client_set_secret(l->catalogue, id, hash, err) < 0)
		return -1;
	memcpy(ret_secret, secret, sizeof(secret));
	explicit_bzero(secret, sizeof(secret));
	return 0;
}
