/* SPDX-License-Identifier: Apache-2.0
 *
 * Renaming: reading and deleting here, writing there. */
#include <string.h>

#include "orbit/orbit_internal.h"
#include "util/clock.h"

#include "util/banned.h"

#define MOST_AT_ONCE 100000 /* objects of one directory */

/* no_holder: a temporary URL is signed for one object. */
static int no_holder(const struct orbit_caller *c, struct dr_err *err)
{
	if (c->grant == TEMPURL_NONE)
		return 0;
	return orbit_decide(ORBIT_ANONYMOUS, VERB_OBJECT_DELETE, STATE_CLOSED, err);
}

/* enter_source: who may not read it might after it has moved. */
static int enter_source(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *container, struct place **ret, struct dr_err *err)
{
	dr_autofree struct place *p = NULL;

	if (no_holder(c, err) < 0 ||
	    place_enter(o, c, account, container, VERB_OBJECT_DELETE, &p, err) < 0 ||
	    orbit_decide(p->actor, VERB_OBJECT_READ, p->state, err) < 0)
		return -1;
	*ret = DR_STEAL(p);
	return 0;
}

int orbit_object_rename(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *container, const char *name, const char *to_container,
			const char *to_name, bool replace, struct dr_err *err)
{
	dr_autofree struct place *from = NULL;
	dr_autofree struct place *to = NULL;
	dr_autofree struct object *old = malloc(sizeof *old);
	struct object_limits limits;
	uint64_t used;
	int rc;

	if (!old)
		return dr_fail_nomem(err);
	if (enter_source(o, c, account, container, &from, err) < 0 ||
	    place_enter(o, c, account, to_container, VERB_OBJECT_PUT, &to, err) < 0 ||
	    check_object_name(to_name, err) < 0 || limits_of(o, &to->row, &limits, &used, err) < 0)
		return -1;
	rc = catalogue_object_rename(o->library->catalogue, from->row.id, name, to->row.id, to_name,
				     &limits, dr_wall_us(), replace ? old : NULL, err);
	if (rc == 1)
		blob_drop(o, account, old);
	return rc < 0 ? -1 : 0;
}

int orbit_prefix_rename(struct orbit *o, const struct orbit_caller *c, const char *account,
			const char *container, const char *prefix, const char *to_prefix,
			struct dr_err *err)
{
	dr_autofree struct place *p = NULL;
	int n;

	if (enter_source(o, c, account, container, &p, err) < 0 ||
	    orbit_decide(p->actor, VERB_OBJECT_PUT, p->state, err) < 0 ||
	    check_object_name(prefix, err) < 0 || check_object_name(to_prefix, err) < 0)
		return -1;
	n = catalogue_object_rename_prefix(o->library->catalogue, p->row.id, prefix, to_prefix,
					   MOST_AT_ONCE, dr_wall_us(), err);
	if (n == 0)
		return dr_fail(err, DR_NOT_FOUND, "There is nothing of that name");
	return n < 0 ? -1 : 0;
}
