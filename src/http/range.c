/* SPDX-License-Identifier: Apache-2.0
 *
 * Byte ranges (RFC 9110 section 14). */
#include <string.h>
#include <strings.h>

#include "http/http_internal.h"
#include "util/checked.h"

#include "util/banned.h"

/* Digits at *s as a number, saturating: a position beyond any size is merely unsatisfiable. */
static bool parse_position(const char **s, uint64_t *ret)
{
	uint64_t v = 0;

	if (**s < '0' || **s > '9')
		return false;
	for (; **s >= '0' && **s <= '9'; (*s)++) {
		if (!dr_mul_u64(v, 10, &v) || !dr_add_u64(v, (uint64_t)(**s - '0'), &v))
			v = UINT64_MAX;
	}
	*ret = v;
	return true;
}

/* One range-spec (section 14.1.2). 1 satisfiable, 0 not, -1 malformed. */
static int parse_spec(const char **s, uint64_t size, struct http_range *ret)
{
	uint64_t first, last = UINT64_MAX;

	if (**s == '-') {
		(*s)++;
		if (!parse_position(s, &last))
			return -1;
		/* Satisfiable, but 206 has no words for no bytes: the whole, as other servers. */
		if (size == 0 && last > 0)
			return -1;
		last = dr_min_u64(last, size);
		*ret = (struct http_range){size - last, last};
		return last > 0;
	}
	if (!parse_position(s, &first) || **s != '-')
		return -1;
	(*s)++;
	if (**s >= '0' && **s <= '9') {
		if (!parse_position(s, &last) || last < first)
			return -1;
	}
	if (first >= size)
		return 0;
	*ret = (struct http_range){first, dr_min_u64(last, size - 1) - first + 1};
	return 1;
}

int http_ranges(const char *header, uint64_t size, struct http_range ret[static HTTP_MAX_RANGES])
{
	uint64_t together = 0;
	int n = 0, specs = 0, verdict;

	if (!header || strncasecmp(header, "bytes=", 6) != 0)
		return 0;
	for (header += 6;; header++) {
		struct http_range range;

		/* Section 5.6.1: a list may have empty elements and blanks. */
		header += strspn(header, " \t,");
		if (!*header)
			break;
		verdict = parse_spec(&header, size, &range);
		if (verdict < 0)
			return 0;
		header += strspn(header, " \t");
		if (*header && *header != ',')
			return 0;
		specs++;
		if (verdict > 0) {
			/* Section 14.2: many or overlapping ranges are an attack, not a need. */
			if (n == HTTP_MAX_RANGES || !dr_add_u64(together, range.len, &together) ||
			    together > size)
				return 0;
			ret[n++] = range;
		}
		if (!*header)
			break;
	}
	if (specs == 0)
		return 0;
	return n > 0 ? n : -1;
}
