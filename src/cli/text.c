/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/text.h"

#include <string.h>
#include <time.h>

#include "util/banned.h"

#define ID_MAX 64

static bool continues(char c)
{
	return ((unsigned char)c & 0xC0) == 0x80;
}

size_t text_length(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += !continues(*s);
	return n;
}

size_t text_prefix(const char *s, size_t n)
{
	size_t i = 0;

	for (; s[i]; i++)
		if (!continues(s[i]) && n-- == 0)
			break;
	return i;
}

/* put_visible: control characters but those of `kept` as \x1b. */
static void put_visible(struct buf *out, const char *s, const char *kept)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool c1 = c == 0xC2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xA0;

		if (c1) {
			buf_printf(out, "\\x%02x", (unsigned)(unsigned char)*++s);
		} else if ((c < 0x20 && !strchr(kept, c)) || c == 0x7F) {
			buf_printf(out, "\\x%02x", (unsigned)c);
		} else {
			buf_putc(out, *s);
		}
	}
}

void text_clean(struct buf *out, const char *s)
{
	put_visible(out, s, "\t\r\n");
}

void text_name(struct buf *out, const char *s)
{
	put_visible(out, s, "");
}

void text_bytes(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double v = (double)bytes / 1024;
	size_t u = 0;

	if (bytes < 1024) {
		buf_printf(out, "%u B", (unsigned)bytes);
		return;
	}
	for (; v >= 1024 && u + 1 < sizeof units / sizeof *units; u++)
		v /= 1024;
	buf_printf(out, "%.1f %s", v, units[u]);
}

void text_duration(struct buf *out, uint64_t seconds)
{
	unsigned long long hours = seconds / 3600;
	unsigned minutes = (unsigned)(seconds / 60 % 60);
	unsigned rest = (unsigned)(seconds % 60);

	if (hours)
		buf_printf(out, "%llu:%02u:%02u", hours, minutes, rest);
	else
		buf_printf(out, "%u:%02u", minutes, rest);
}

/* digits: exactly n decimal digits at *s, which moves behind them. */
static bool digits(const char **s, unsigned n, int *ret)
{
	*ret = 0;
	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		*ret = *ret * 10 + (**s - '0');
	}
	return true;
}

static bool skip(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* zone: "Z" or "+hh:mm" to the end of the text, in seconds east of UTC. */
static bool zone(const char *s, int *ret)
{
	int sign = *s == '-' ? -1 : 1;
	int hours, minutes;

	*ret = 0;
	if (skip(&s, 'Z'))
		return *s == 0;
	if (!skip(&s, '+') && !skip(&s, '-'))
		return false;
	if (!digits(&s, 2, &hours) || !skip(&s, ':') || !digits(&s, 2, &minutes))
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return *s == 0;
}

bool text_time_ms(const char *s, int64_t *ret)
{
	struct tm tm = {0};
	int east, digit, millis = 0, scale = 100;

	if (!digits(&s, 4, &tm.tm_year) || !skip(&s, '-') || !digits(&s, 2, &tm.tm_mon) ||
	    !skip(&s, '-') || !digits(&s, 2, &tm.tm_mday) || !skip(&s, 'T') ||
	    !digits(&s, 2, &tm.tm_hour) || !skip(&s, ':') || !digits(&s, 2, &tm.tm_min) ||
	    !skip(&s, ':') || !digits(&s, 2, &tm.tm_sec))
		return false;
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
	    tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
		return false;
	if (skip(&s, '.')) {
		if (!digits(&s, 1, &digit))
			return false;
		do {
			millis += digit * scale;
			scale /= 10;
		} while (digits(&s, 1, &digit));
	}
	if (!zone(s, &east))
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret = ((int64_t)timegm(&tm) - east) * 1000 + millis;
	return true;
}

static void put_time(struct buf *out, const char *s, bool with_minutes)
{
	struct tm tm;
	int64_t ms;
	time_t t;

	if (!text_time_ms(s, &ms)) {
		text_clean(out, s);
		return;
	}
	t = (time_t)(ms / 1000);
	if (!gmtime_r(&t, &tm))
		return;
	buf_printf(out, "%04d-%02d-%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
	if (with_minutes)
		buf_printf(out, "T%02d:%02dZ", tm.tm_hour, tm.tm_min);
}

void text_day(struct buf *out, const char *s)
{
	put_time(out, s, false);
}

void text_minute(struct buf *out, const char *s)
{
	put_time(out, s, true);
}

bool text_id(const char *s)
{
	size_t n = strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");

	return n > 0 && n <= ID_MAX && s[n] == 0;
}
