/* SPDX-License-Identifier: Apache-2.0 */
#include "util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "util/cleanup.h"

#include "util/banned.h"

uint64_t dr_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t dr_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t dr_run_delay_ns(void)
{
	dr_autofile FILE *f = fopen("/proc/thread-self/schedstat", "re");
	unsigned long long ran, delayed;

	return f && fscanf(f, "%llu %llu", &ran, &delayed) == 2 ? delayed : 0;
}

int64_t dr_wall(void)
{
	return (int64_t)time(NULL);
}

int64_t dr_wall_us(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void dr_sleep_ms(uint64_t ms)
{
	struct timespec t = {(time_t)(ms / 1000), (long)(ms % 1000) * 1000000};

	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

void dr_time_iso(int64_t t, char ret[static DR_TIME_TEXT])
{
	time_t tt = (time_t)t;
	struct tm tm = {0};

	gmtime_r(&tt, &tm);
	if (strftime(ret, DR_TIME_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		ret[0] = 0;
}

void dr_time_http(int64_t t, char ret[static DR_TIME_TEXT])
{
	static const char days[] = "SunMonTueWedThuFriSat";
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t tt = (time_t)t;
	struct tm tm = {0};

	gmtime_r(&tt, &tm);
	snprintf(ret, DR_TIME_TEXT, "%.3s, %02d %.3s %d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday,
		 tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
}
