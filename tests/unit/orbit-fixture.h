/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers and objects for tests of the catalogue. */
#ifndef DR_TESTS_UNIT_ORBIT_FIXTURE_H
#define DR_TESTS_UNIT_ORBIT_FIXTURE_H

#include "catalogue-fixture.h"
#include "catalogue/orbit.h"

#define NO_LIMITS                                                      \
	((const struct object_limits){.container_bytes = UINT64_MAX,   \
				      .container_objects = UINT64_MAX, \
				      .account_bytes = UINT64_MAX})
#define NOW ((int64_t)1700000000)
#define NOW_US (NOW * 1000000)

static inline struct container new_container(struct catalogue *c, const char *account,
					     const char *name)
{
	struct container k = {0};

	must(catalogue_container_create(c, account, name, "", NOW_US, &k, &err));
	return k;
}

/* an_object: of `bytes` bytes, whose blob and hash are made from `seed`. */
static inline void an_object(struct object *ret, int64_t container, const char *name,
			     uint64_t bytes, const char *seed)
{
	*ret = (struct object){.container = container,
			       .has_blob = bytes > 0,
			       .bytes = bytes,
			       .stored_bytes = bytes,
			       .md5 = "d41d8cd98f00b204e9800998ecf8427e",
			       .content_type = "text/plain",
			       .modified_at = NOW_US};
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	if (bytes > 0)
		digest_of(seed, strlen(seed), &ret->blob);
}

static inline int put_object(struct catalogue *c, int64_t container, const char *name,
			     uint64_t bytes, struct object *ret_old)
{
	struct object o;
	int rc = 0;

	an_object(&o, container, name, bytes, name);
	must(rc = catalogue_object_put(c, &o, &NO_LIMITS, false, ret_old, &err));
	return rc;
}

#endif
