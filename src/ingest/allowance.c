/* SPDX-License-Identifier: Apache-2.0 */
#include "ingest/allowance.h"

#include <time.h>

#include "util/banned.h"

/* per_gib: milliseconds; by whole MiB, so that no product can overflow. */
static uint64_t per_gib(uint64_t seconds, uint64_t bytes)
{
	return (bytes >> 20) * (seconds * 1000) / 1024;
}

uint64_t allowance_ms(const struct allowance *a, uint64_t data_bytes, uint64_t hole_bytes)
{
	if (a->start == 0)
		return UINT64_MAX;
	return a->start * 1000 + per_gib(a->data, data_bytes) + per_gib(a->holes, hole_bytes);
}

uint64_t allowance_used_ms(pid_t pid)
{
	struct timespec used;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
		return 0;
	return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

int allowance_check(const struct allowance *a, pid_t pid, uint64_t data_bytes, uint64_t hole_bytes,
		    struct dr_err *err)
{
	if (allowance_used_ms(pid) <= allowance_ms(a, data_bytes, hole_bytes))
		return 0;
	return dr_refuse(err, DR_LIMIT, "decoder-timeout",
			 "decoding this file takes more processor time than is allowed: %llu "
			 "seconds, %llu for each GiB of data and %llu for each GiB of zeros",
			 (unsigned long long)a->start, (unsigned long long)a->data,
			 (unsigned long long)a->holes);
}
