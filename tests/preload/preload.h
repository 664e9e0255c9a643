/* SPDX-License-Identifier: Apache-2.0
 *
 * A library that tests put between our programs and the system (LD_PRELOAD), so that no product
 * needs a hook for them. It is told what to do in the environment; its own state is the only one it
 * can have, hence its statics.
 *
 *   DR_FAULTS  rules, one after the other, separated by ';', each of six words:
 *
 *       program call path data nth action
 *
 *     program, call  exactly; calls are open read write sync syncfs rename link unlink mkdir
 *                    truncate spawn
 *     path           part of the file's path (of a rename or link: of the new name); '*' any
 *     data           part of what is written; '*' any
 *     nth            the nth such call in the process; "3+" that and all that follow
 *     action         kill        the server and this process, before the call
 *                    kill-after  the same, after it
 *                    kill-self, kill-self-after  only this process
 *                    go          nothing: the next rule begins
 *                    EIO ENOSPC EROFS EMFILE ENOMEM  the call fails so
 *     Rule n + 1 begins when rule n has acted (one with "+" is the last).
 *     "@FILE": the rules are in the file, read when a program starts; without it there are none.
 *   DR_ARM     a file: while it is not there nothing counts and nothing happens
 *   DR_RECORD  "ROOT:FILE": every change below ROOT, and every sync, appended to FILE (record.c)
 *   DR_CLOCK   a file: the number in it is added to the seconds of the wall clock
 *
 * What is spawned with a hand-made environment gets these variables all the same, but for the
 * helpers that are walled in. */
#ifndef TESTS_PRELOAD_H
#define TESTS_PRELOAD_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call {
	const char *name; /* as in DR_FAULTS */
	const char *path; /* absolute */
	const char *from; /* of a rename or link; else NULL */
	const void *data; /* of a write; else NULL */
	size_t len;
	uint64_t offset; /* of a write or truncation */
	int fd;          /* -1 = none */
};

enum verdict { GO, FAIL, KILL_AFTER, KILL_SELF_AFTER };

/* faults_active: a rule of this process waits for such a call. */
bool faults_active(const char *name);
/* faults_before: what is to become of the call; FAIL leaves errno set. */
enum verdict faults_before(const struct call *c);
void faults_after(enum verdict v);

bool record_active(void);
/* record_lock: calls that change something are recorded in the order in which they happened. */
void record_lock(void);
void record_unlock(void);
/* record_call: `kind` is a byte that replay.py knows. */
void record_call(char kind, const struct call *c);

/* exec_environment: `envp` and our variables, for the program `name`. [owned by nobody: the test's
 * programs spawn little] */
char **exec_environment(const char *name, char *const *envp);

#endif
