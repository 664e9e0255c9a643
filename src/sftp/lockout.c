/* SPDX-License-Identifier: Apache-2.0 */
#include "sftp/lockout.h"

#include <arpa/inet.h>
#include <string.h>

#include "digest/digest.h"
#include "util/buf.h"
#include "util/mutex.h"

#include "util/banned.h"

#define ENTRIES 1024

struct entry {
	struct digest key;
	unsigned failures; /* 0 = free */
	uint64_t last_ms;
};

struct lockout {
	unsigned tries;
	uint64_t lockout_ms;
	struct dr_mutex lock;
	struct entry entries[ENTRIES]; /* under lock */
};

int lockout_new(struct lockout **ret, unsigned tries, uint64_t lockout_ms, struct dr_err *err)
{
	struct lockout *g = calloc(1, sizeof *g);

	if (!g)
		return dr_fail_nomem(err);
	g->tries = tries;
	g->lockout_ms = lockout_ms;
	dr_mutex_init(&g->lock);
	*ret = g;
	return 0;
}

void lockout_free(struct lockout *g)
{
	if (!g)
		return;
	dr_mutex_done(&g->lock);
	free(g);
}

static void name_key(const char *name, struct digest *ret)
{
	dr_autobuf struct buf b = BUF_INIT;

	/* E-mail addresses are found in any case; so they are counted. */
	buf_puts(&b, "name ");
	for (; *name; name++)
		buf_putc(&b, *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name);
	digest_of(b.p, b.len, ret);
}

static void address_key(const char *address, struct digest *ret)
{
	struct in6_addr v6;

	if (inet_pton(AF_INET6, address, &v6) == 1)
		digest_of(&v6, 8, ret);
	else
		digest_of(address, strlen(address), ret);
}

static struct entry *find(struct lockout *g, const struct digest *key)
{
	dr_assert_held(&g->lock);
	for (size_t i = 0; i < ENTRIES; i++)
		if (g->entries[i].failures && digest_equal(&g->entries[i].key, key))
			return &g->entries[i];
	return NULL;
}

static bool locked(struct lockout *g, const struct digest *key, uint64_t now)
{
	const struct entry *e = find(g, key);

	return e && e->failures >= g->tries && now - e->last_ms < g->lockout_ms;
}

static void count(struct lockout *g, const struct digest *key, uint64_t now)
{
	struct entry *e = find(g, key);

	if (!e) {
		e = &g->entries[0];
		for (size_t i = 1; i < ENTRIES && e->failures; i++)
			if (!g->entries[i].failures || g->entries[i].last_ms < e->last_ms)
				e = &g->entries[i];
		*e = (struct entry){.key = *key};
	} else if (now - e->last_ms >= g->lockout_ms) {
		e->failures = 0;
	}
	e->failures++;
	e->last_ms = now;
}

bool lockout_locked(struct lockout *g, const char *address, const char *name, uint64_t now)
{
	struct digest a, n;
	bool yes;

	address_key(address, &a);
	name_key(name, &n);
	dr_lock(&g->lock);
	yes = locked(g, &a, now) || locked(g, &n, now);
	dr_unlock(&g->lock);
	return yes;
}

void lockout_failed(struct lockout *g, const char *address, const char *name, uint64_t now)
{
	struct digest a, n;

	address_key(address, &a);
	name_key(name, &n);
	dr_lock(&g->lock);
	count(g, &a, now);
	count(g, &n, now);
	dr_unlock(&g->lock);
}

void lockout_passed(struct lockout *g, const char *name)
{
	struct digest n;
	struct entry *e;

	name_key(name, &n);
	dr_lock(&g->lock);
	e = find(g, &n);
	if (e)
		e->failures = 0;
	dr_unlock(&g->lock);
}
