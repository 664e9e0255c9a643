/* SPDX-License-Identifier: Apache-2.0 */
#include "util/num.h"

#include <string.h>
#include <strings.h>

#include "util/checked.h"

#include "util/banned.h"

/* digits: read a run of decimal digits; NULL when there is none or it overflows. */
static const char *digits(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (*s < '0' || *s > '9')
		return NULL;
	for (; *s >= '0' && *s <= '9'; s++)
		if (!dr_mul_u64(v, 10, &v) || !dr_add_u64(v, (uint64_t)(*s - '0'), &v))
			return NULL;
	*ret = v;
	return s;
}

bool dr_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t v;
	const char *end = digits(s, &v);

	if (!end || *end || v < min || v > max)
		return false;
	*ret = v;
	return true;
}

bool dr_parse_i64(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t v;
	int64_t i;
	const char *end = digits(s + (negative ? 1 : 0), &v);

	if (!end || *end || v > (uint64_t)INT64_MAX)
		return false;
	i = negative ? -(int64_t)v : (int64_t)v;
	if (i < min || i > max)
		return false;
	*ret = i;
	return true;
}

bool dr_parse_size(const char *s, uint64_t *ret)
{
	static const char units[] = "KMGT";
	uint64_t v;
	const char *end = digits(s, &v);
	const char *unit;

	if (!end)
		return false;
	if (*end) {
		unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
		if (!unit || !*unit || !dr_shl_u64(v, (unsigned)(10 * (unit - units + 1)), &v))
			return false;
		end++;
		if (strcasecmp(end, "ib") != 0 && strcasecmp(end, "b") != 0 && *end)
			return false;
	}
	*ret = v;
	return true;
}

bool dr_parse_seconds(const char *s, uint64_t *ret)
{
	uint64_t v, unit = 1;
	const char *end = digits(s, &v);

	if (!end)
		return false;
	if (strcmp(end, "m") == 0)
		unit = 60;
	else if (strcmp(end, "h") == 0)
		unit = 3600;
	else if (strcmp(end, "d") == 0)
		unit = 86400;
	else if (*end && strcmp(end, "s") != 0)
		return false;
	return dr_mul_u64(v, unit, ret);
}

bool dr_parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};

	for (size_t i = 0; i < 4; i++) {
		if (strcasecmp(s, yes[i]) == 0 || strcasecmp(s, no[i]) == 0) {
			*ret = strcasecmp(s, yes[i]) == 0;
			return true;
		}
	}
	return false;
}
