/* SPDX-License-Identifier: Apache-2.0
 *
 * Headers to lines of metadata, and back. */
#include <string.h>
#include <strings.h>

#include "swift/swift_internal.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

const char *swift_query(const struct http_request *rq, const char *name)
{
	const char *v = http_query(rq, name);

	return v ? v : "";
}

bool swift_is_true(const char *value)
{
	static const char *const words[] = {"true", "1", "yes", "on", "t", "y"};

	for (size_t i = 0; value && i < sizeof words / sizeof *words; i++) {
		if (strcasecmp(value, words[i]) == 0)
			return true;
	}
	return false;
}

bool swift_query_is(const struct http_request *rq, const char *name, const char *value)
{
	return strcmp(swift_query(rq, name), value) == 0;
}

void swift_add_timestamp(struct http_response *rs, int64_t us)
{
	http_addf(rs, "X-Timestamp", "%lld.%05lld", (long long)(us / 1000000),
		  (long long)(us % 1000000 / 10));
}

int64_t swift_whole_seconds(int64_t us)
{
	return us / 1000000 + (us % 1000000 > 0);
}

void swift_add_date(struct http_response *rs, const char *name, int64_t us)
{
	char date[DR_TIME_TEXT];

	dr_time_http(swift_whole_seconds(us), date);
	http_add(rs, name, date);
}

void swift_add_meta(struct swift_call *c, const char *meta, bool (*shown)(const char *name))
{
	dr_autobuf struct buf names = BUF_INIT;
	char name[256], value[8192];
	size_t pos = 0;

	while (meta_next(meta, &pos, name, sizeof name, value, sizeof value)) {
		if (shown && !shown(name))
			continue;
		http_add(c->rs, name, value);
		buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", name);
	}
	if (c->cors && names.len > 0)
		http_add(c->rs, "Access-Control-Expose-Headers", buf_str(&names));
}

static bool is_among(const char *name, const char *const *list)
{
	for (; *list; list++) {
		if (strcasecmp(name, *list) == 0)
			return true;
	}
	return false;
}

/* A value becomes one line of a text. */
static int put_line(struct buf *b, const char *name, const char *value, struct dr_err *err)
{
	if (strpbrk(name, ":\r\n") || strpbrk(value, "\r\n"))
		return dr_refuse(err, DR_INVALID, "metadata", "A header has a line break in it");
	buf_printf(b, "%s: %s\n", name, value);
	return 0;
}

/* "X-Remove-Container-Meta-A" is "X-Container-Meta-A" without a value. */
static const char *removed_name(const char *name, char ret[static 256])
{
	static const char remove[] = "X-Remove-";

	if (strncasecmp(name, remove, sizeof remove - 1) != 0)
		return NULL;
	snprintf(ret, 256, "X-%s", name + sizeof remove - 1);
	return ret;
}

int swift_gather(const struct http_request *rq, const char *kind, const char *const *others,
		 struct buf *ret, struct dr_err *err)
{
	const char *name, *value, *removed;
	char prefix[32], shorter[256];

	snprintf(prefix, sizeof prefix, "X-%s-Meta-", kind);
	for (size_t i = 0; http_header_at(rq, i, &name, &value); i++) {
		removed = removed_name(name, shorter);
		if (removed) {
			name = removed;
			value = "";
		}
		if (strncasecmp(name, prefix, strlen(prefix)) != 0 && !is_among(name, others))
			continue;
		if (strcasecmp(name, prefix) == 0)
			return dr_refuse(err, DR_INVALID, "metadata",
					 "Metadata name cannot be empty");
		if (put_line(ret, name, value, err) < 0)
			return -1;
	}
	return buf_check(ret, err);
}
