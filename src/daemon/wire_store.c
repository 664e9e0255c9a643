/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "daemon/wire.h"
#include "util/str.h"

#include "util/banned.h"

static int dir_of(const char *url, const char **ret, struct dr_err *err)
{
	if (!dr_starts(url, "dir:") || !url[4])
		return dr_fail(err, DR_UNSUPPORTED, "store.url: only dir:/path is known");
	*ret = url + 4;
	return 0;
}

int wire_store_create(const char *url, struct dr_err *err)
{
	const char *path;

	return dir_of(url, &path, err) < 0 ? -1 : store_dir_create(path, err);
}

int wire_store_open(struct store **ret, const char *url, struct dr_err *err)
{
	const char *path;

	return dir_of(url, &path, err) < 0 ? -1 : store_dir_open(ret, path, err);
}
