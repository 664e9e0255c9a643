/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload.h"

#define RULES 8

struct rule {
	char program[24], call[12], path[80], data[40], action[20];
	unsigned nth;
	bool on; /* and all that follow */
};

static struct rule rules[RULES];
static unsigned rule_count, current, seen;
static const char *arm;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* text_of: the rules themselves, or what is in the file. */
static char *text_of(const char *given)
{
	char *text = calloc(1, 2048);
	FILE *f;

	if (!text || given[0] != '@')
		return text ? strncpy(text, given, 2047) : NULL;
	f = fopen(given + 1, "re");
	if (f && fread(text, 1, 2047, f) == 0)
		text[0] = 0;
	if (f)
		fclose(f);
	return text;
}

__attribute__((constructor)) static void read_rules(void)
{
	const char *given = getenv("DR_FAULTS");
	char *text = given ? text_of(given) : NULL, *rest = NULL;

	arm = getenv("DR_ARM");
	for (char *s = text ? strtok_r(text, ";", &rest) : NULL; s && rule_count < RULES;
	     s = strtok_r(NULL, ";", &rest)) {
		struct rule *r = &rules[rule_count];
		char plus = 0;

		if (sscanf(s, " %23s %11s %79s %39s %u%c %19s", r->program, r->call, r->path,
			   r->data, &r->nth, &plus, r->action) != 7) {
			fprintf(stderr, "preload: not a rule: %s\n", s);
			abort();
		}
		r->on = plus == '+';
		rule_count++;
	}
	free(text);
	if (given && strcmp(program_invocation_short_name, "darkroomd") == 0) {
		char pid[16];

		snprintf(pid, sizeof pid, "%d", (int)getpid());
		setenv("DR_DAEMON", pid, 1);
	}
}

bool faults_active(const char *name)
{
	for (unsigned i = current; i < rule_count; i++)
		if (strcmp(rules[i].program, program_invocation_short_name) == 0 &&
		    strcmp(rules[i].call, name) == 0)
			return true;
	return false;
}

static bool within(const char *part, const void *whole, size_t len)
{
	return strcmp(part, "*") == 0 || (whole && memmem(whole, len, part, strlen(part)));
}

static _Noreturn void kill_all(bool daemon_too)
{
	const char *daemon = getenv("DR_DAEMON");

	if (daemon_too && daemon)
		kill((pid_t)atoi(daemon), SIGKILL);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static int number_of(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} known[] = {{"EIO", EIO},
		     {"ENOSPC", ENOSPC},
		     {"EROFS", EROFS},
		     {"EMFILE", EMFILE},
		     {"ENOMEM", ENOMEM}};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strcmp(known[i].name, name) == 0)
			return known[i].number;
	fprintf(stderr, "preload: not an action: %s\n", name);
	abort();
}

static enum verdict act(const char *action)
{
	if (strcmp(action, "go") == 0)
		return GO;
	if (strcmp(action, "kill-after") == 0)
		return KILL_AFTER;
	if (strcmp(action, "kill-self-after") == 0)
		return KILL_SELF_AFTER;
	if (strcmp(action, "kill") == 0 || strcmp(action, "kill-self") == 0)
		kill_all(strcmp(action, "kill") == 0);
	errno = number_of(action);
	return FAIL;
}

enum verdict faults_before(const struct call *c)
{
	enum verdict v = GO;

	pthread_mutex_lock(&lock);
	if (current < rule_count) {
		const struct rule *r = &rules[current];

		if (strcmp(r->program, program_invocation_short_name) == 0 &&
		    strcmp(r->call, c->name) == 0 && within(r->path, c->path, strlen(c->path)) &&
		    within(r->data, c->data, c->len) && (!arm || access(arm, F_OK) == 0) &&
		    (++seen == r->nth || (r->on && seen > r->nth))) {
			if (!r->on) {
				current++;
				seen = 0;
			}
			v = act(r->action);
		}
	}
	pthread_mutex_unlock(&lock);
	return v;
}

void faults_after(enum verdict v)
{
	if (v == KILL_AFTER || v == KILL_SELF_AFTER)
		kill_all(v == KILL_AFTER);
}
