/* SPDX-License-Identifier: Apache-2.0
 *
 * Resources that the wire contract has and this service does not offer (api.md section 2.3): their
 * collections are empty, so that clients which look them up go on. */
#include "api/api_internal.h"

#include "util/banned.h"

int api_none_list(struct api_call *c, struct dr_err *err)
{
	return api_send(c, 200, json_array(), err);
}

int api_none_show(struct api_call *c, struct dr_err *err)
{
	(void)c;
	return dr_fail(err, DR_NOT_FOUND, "no such resource");
}

int api_none_create(struct api_call *c, struct dr_err *err)
{
	(void)c;
	return dr_fail(err, DR_UNSUPPORTED, "This service does not offer that kind of resource");
}
