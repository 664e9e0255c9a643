/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/path.h"

#include <string.h>

#include "util/str.h"

#include "util/banned.h"

/* up: cut the last part off. */
static size_t up(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/')
		n--;
	return n > 0 ? n - 1 : 0;
}

static int too_long(struct dr_err *err)
{
	return dr_fail(err, DR_INVALID,
		       "the name is too long: a container's has at most %d bytes, an object's %d",
		       GATE_CONTAINER_BYTES, GATE_OBJECT_BYTES);
}

int gate_path_clean(const char *path, size_t len, char ret[static GATE_PATH_TEXT],
		    struct dr_err *err)
{
	size_t n = 0, part, container;
	const char *below;

	if (!dr_utf8_valid(path, len))
		return dr_fail(err, DR_INVALID, "the name is not UTF-8");
	for (size_t i = 0; i < len; i += part + 1) {
		const char *s = path + i;
		const char *slash = memchr(s, '/', len - i);

		part = slash ? (size_t)(slash - s) : len - i;
		if (part == 0 || (part == 1 && s[0] == '.'))
			continue;
		if (part == 2 && s[0] == '.' && s[1] == '.') {
			n = up(ret, n);
			continue;
		}
		if (part >= GATE_PATH_TEXT - 1 - n)
			return too_long(err);
		ret[n++] = '/';
		memcpy(ret + n, s, part);
		n += part;
	}
	if (n == 0)
		ret[n++] = '/';
	ret[n] = 0;
	below = strchr(ret + 1, '/');
	container = below ? (size_t)(below - ret - 1) : n - 1;
	if (container > GATE_CONTAINER_BYTES || (below && strlen(below + 1) > GATE_OBJECT_BYTES))
		return too_long(err);
	return 0;
}

const char *gate_path_split(const char *path, char ret_container[static GATE_CONTAINER_BYTES + 1])
{
	const char *slash = strchr(path + 1, '/');
	const size_t n = slash ? (size_t)(slash - path - 1) : strlen(path + 1);

	memcpy(ret_container, path + 1, n);
	ret_container[n] = 0;
	return slash ? slash + 1 : path + 1 + n;
}
