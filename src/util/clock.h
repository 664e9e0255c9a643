/* SPDX-License-Identifier: Apache-2.0
 *
 * util/clock: durations are monotonic, dates are wall time. */
#ifndef DR_UTIL_CLOCK_H
#define DR_UTIL_CLOCK_H

#include <stdint.h>

/* dr_now_ms: monotonic milliseconds; only differences mean anything. */
uint64_t dr_now_ms(void);
uint64_t dr_now_ns(void);
/* dr_run_delay_ns: how long the calling thread has been ready to run and waited for a processor; 0
 * where the kernel does not tell (proc_pid_schedstat). */
uint64_t dr_run_delay_ns(void);
/* dr_wall: seconds since 1970 UTC. */
int64_t dr_wall(void);
int64_t dr_wall_us(void); /* microseconds since 1970 UTC */
void dr_sleep_ms(uint64_t ms);

#define DR_TIME_TEXT 80
/* dr_time_iso: "2023-01-03T13:08:05Z" (api.md section 0). */
void dr_time_iso(int64_t t, char ret[static DR_TIME_TEXT]);
/* dr_time_http: "Tue, 03 Jan 2023 13:08:05 GMT" (RFC 9110 section 5.6.7). */
void dr_time_http(int64_t t, char ret[static DR_TIME_TEXT]);

#endif
