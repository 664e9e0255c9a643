/* SPDX-License-Identifier: Apache-2.0
 *
 * Conditional requests (RFC 9110 section 13). */
#include <string.h>
#include <time.h>

#include "http/http_internal.h"

#include "util/banned.h"

bool date_parse(const char *s, int64_t *ret)
{
	/* Section 5.6.7: IMF-fixdate, RFC 850, asctime. The C locale is the only one we run in. */
	static const char *const forms[] = {
		"%a, %d %b %Y %H:%M:%S GMT",
		"%A, %d-%b-%y %H:%M:%S GMT",
		"%a %b %d %H:%M:%S %Y",
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		struct tm tm = {0};
		const char *end = strptime(s, forms[i], &tm);

		if (end && !*end) {
			*ret = timegm(&tm);
			return true;
		}
	}
	return false;
}

/* The opaque part of an entity tag: Swift sends its own without quotes. */
static size_t opaque(const char **etag)
{
	size_t len = strlen(*etag);

	if (len >= 2 && **etag == '"' && (*etag)[len - 1] == '"') {
		(*etag)++;
		return len - 2;
	}
	return len;
}

bool etag_matches(const char *list, const char *etag, bool weak)
{
	size_t len = opaque(&etag), n;

	for (;;) {
		bool item_weak = false;

		list += strspn(list, " \t,");
		if (!*list)
			return false;
		if (*list == '*')
			return true;
		if (strncmp(list, "W/", 2) == 0) {
			item_weak = true;
			list += 2;
		}
		if (*list == '"') {
			list++;
			n = strcspn(list, "\"");
		} else {
			n = strcspn(list, " \t,");
		}
		if (n == len && memcmp(list, etag, n) == 0 && (weak || !item_weak))
			return true;
		list += n;
		list += *list == '"';
	}
}

/* Section 13.2.2, in its order. */
enum http_condition http_conditions(const struct http_request *rq, const char *etag,
				    int64_t modified_at)
{
	const char *match = http_header(rq, "If-Match");
	const char *none = http_header(rq, "If-None-Match");
	const char *since = http_header(rq, "If-Modified-Since");
	const char *unless = http_header(rq, "If-Unmodified-Since");
	bool reading = rq->method == HTTP_GET || rq->method == HTTP_HEAD;
	int64_t date;

	if (match) {
		if (!etag || !etag_matches(match, etag, false))
			return HTTP_PRECONDITION_FAILED;
	} else if (unless && modified_at && date_parse(unless, &date) && modified_at > date) {
		return HTTP_PRECONDITION_FAILED;
	}
	if (none) {
		if (etag && etag_matches(none, etag, true))
			return reading ? HTTP_NOT_MODIFIED : HTTP_PRECONDITION_FAILED;
	} else if (since && reading && modified_at && date_parse(since, &date) &&
		   modified_at <= date) {
		return HTTP_NOT_MODIFIED;
	}
	return HTTP_GO;
}
