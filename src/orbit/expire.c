/* SPDX-License-Identifier: Apache-2.0 */
#include "orbit/orbit_internal.h"
#include "util/clock.h"

#include "util/banned.h"

#define PAGE 100

/* expire_one: 1, or 0 when somebody has changed it meanwhile. */
static int expire_one(struct orbit *o, const struct expired_object *e, struct dr_err *err)
{
	dr_autofree struct object *old = malloc(sizeof *old);
	int rc;

	if (!old)
		return dr_fail_nomem(err);
	rc = catalogue_object_expire(o->library->catalogue, e, old, err);
	if (rc == 1)
		blob_drop(o, e->account, old);
	return rc;
}

int orbit_expire(struct orbit *o, size_t most, struct dr_err *err)
{
	size_t seen = 0, n;
	int done = 0, rc;

	do {
		dr_autofree struct expired_object *due = NULL;

		n = 0;
		if (catalogue_object_expired(o->library->catalogue, dr_wall(), PAGE, &due, &n,
					     err) < 0)
			return -1;
		for (size_t i = 0; i < n && seen < most; i++, seen++) {
			rc = expire_one(o, &due[i], err);
			if (rc < 0)
				return -1;
			done += rc;
		}
	} while (n == PAGE && seen < most);
	return done;
}
