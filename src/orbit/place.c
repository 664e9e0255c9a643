/* SPDX-License-Identifier: Apache-2.0
 *
 * From a caller and a name to a container and a verdict. */
#include <string.h>

#include "orbit/orbit_internal.h"
#include "util/str.h"

#include "util/banned.h"

/* "." and ".." are container names to Swift; but HTTP clients resolve them in paths, and a
 * directory cannot show them. */
int check_container_name(const char *name, struct dr_err *err)
{
	const size_t len = strlen(name);

	if (len == 0 || len >= CONTAINER_TEXT || !dr_utf8_valid(name, len) || strchr(name, '/') ||
	    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return dr_refuse(err, DR_INVALID, "name",
				 "A container's name is 1 to %d bytes of UTF-8 without a slash, "
				 "neither . nor ..",
				 CONTAINER_TEXT - 1);
	return 0;
}

int check_object_name(const char *name, struct dr_err *err)
{
	const size_t len = strlen(name);

	if (len == 0 || len >= OBJECT_TEXT || !dr_utf8_valid(name, len))
		return dr_refuse(err, DR_INVALID, "name",
				 "An object's name is 1 to %d bytes of UTF-8", OBJECT_TEXT - 1);
	return 0;
}

int account_enter(const struct orbit_caller *c, const char *account, enum orbit_verb verb,
		  struct dr_err *err)
{
	if (orbit_scope(c, err) < 0)
		return -1;
	return orbit_decide(orbit_actor(c, account, NULL, verb), verb, STATE_ABSENT, err);
}

static int look_up(struct orbit *o, const struct orbit_caller *c, struct place *p,
		   struct dr_err *err)
{
	struct dr_err e = DR_ERR_INIT;

	if (catalogue_container_get(o->library->catalogue, p->row.account, p->row.name, &p->row,
				    &e) == 0) {
		p->state = p->actor == ORBIT_OWNER ? STATE_CLOSED : orbit_state(&p->row, c);
		return 0;
	}
	if (e.code == DR_NOT_FOUND) {
		p->state = STATE_ABSENT;
		return 0;
	}
	*err = e;
	return -1;
}

int place_enter(struct orbit *o, const struct orbit_caller *c, const char *account,
		const char *container, enum orbit_verb verb, struct place **ret, struct dr_err *err)
{
	dr_autofree struct place *p = calloc(1, sizeof *p);
	bool fits;

	if (!p)
		return dr_fail_nomem(err);
	if (orbit_scope(c, err) < 0)
		return -1;
	p->actor = orbit_actor(c, account, container, verb);
	fits = dr_copy(p->row.account, sizeof p->row.account, account) &&
	       dr_copy(p->row.name, sizeof p->row.name, container);
	if (is_images(container))
		p->state = STATE_IMAGES;
	else if (!fits)
		p->state = STATE_ABSENT;
	else if (look_up(o, c, p, err) < 0)
		return -1;
	if (orbit_decide(p->actor, verb, p->state, err) < 0)
		return -1;
	*ret = DR_STEAL(p);
	return 0;
}

bool place_may(const struct place *p, enum orbit_verb verb)
{
	return orbit_verdict(p->actor, verb, p->state) == ORBIT_ALLOW;
}
