/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/wire.h"
#include "util/str.h"

#include "util/banned.h"

static int path_of(const char *url, const char **ret, struct dr_err *err)
{
	if (!dr_starts(url, "sqlite:") || !url[7])
		return dr_fail(err, DR_UNSUPPORTED, "catalogue.url: only sqlite:/path is known");
	*ret = url + 7;
	return 0;
}

int wire_catalogue_create(const char *url, struct dr_err *err)
{
	const char *path;

	return path_of(url, &path, err) < 0 ? -1 : catalogue_create_sqlite(path, err);
}

int wire_catalogue_open(struct catalogue **ret, const char *url, struct dr_err *err)
{
	const char *path;

	if (path_of(url, &path, err) < 0)
		return -1;
	if (catalogue_open_sqlite(ret, path, err) == 0)
		return 0;
	if (err->code != DR_NOT_FOUND)
		return dr_while(err, "%s", path);
	dr_err_clear(err);
	return dr_fail(err, DR_NOT_FOUND,
		       "%s does not exist; darkroomd init makes a data directory", path);
}
