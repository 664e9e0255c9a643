/* SPDX-License-Identifier: Apache-2.0 */
#include "sftp/lockout.h"

#include <string.h>

#include "digest/digest.h"
#include "gate/gate.h"
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
	/* under lock */
	struct entry entries[ENTRIES];
	struct entry known[ENTRIES]; /* names where they logged in from; `failures` counts that */
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

/* name_key: of the name, or of it from that network. */
static void name_key(const char *network, const char *name, struct digest *ret)
{
	dr_autobuf struct buf b = BUF_INIT;

	/* E-mail addresses are found in any case; so they are counted. */
	buf_printf(&b, "name %s ", network);
	for (; *name; name++)
		buf_putc(&b, *name >= 'A' && *name <= 'Z' ? (char)(*name - 'A' + 'a') : *name);
	digest_of(b.p, b.len, ret);
}

/* keys_of: of the network, of the name, and of that name from that network. */
static void keys_of(const char *address, const char *name, struct digest *ret_network,
		    struct digest *ret_name, struct digest *ret_both)
{
	char network[GATE_NETWORK_TEXT];

	gate_network(address, network);
	digest_of(network, strlen(network), ret_network);
	name_key("", name, ret_name);
	name_key(network, name, ret_both);
}

static struct entry *find(struct entry entries[static ENTRIES], const struct digest *key)
{
	for (size_t i = 0; i < ENTRIES; i++)
		if (entries[i].failures && digest_equal(&entries[i].key, key))
			return &entries[i];
	return NULL;
}

static bool locked(struct lockout *g, const struct digest *key, uint64_t now)
{
	const struct entry *e = find(g->entries, key);

	dr_assert_held(&g->lock);
	return e && e->failures >= g->tries && now - e->last_ms < g->lockout_ms;
}

/* count: afresh after a quiet time of forget_ms. */
static void count(struct entry entries[static ENTRIES], const struct digest *key,
		  uint64_t forget_ms, uint64_t now)
{
	struct entry *e = find(entries, key);

	if (!e) {
		e = &entries[0];
		for (size_t i = 1; i < ENTRIES && e->failures; i++)
			if (!entries[i].failures || entries[i].last_ms < e->last_ms)
				e = &entries[i];
		*e = (struct entry){.key = *key};
	} else if (now - e->last_ms >= forget_ms) {
		e->failures = 0;
	}
	e->failures++;
	e->last_ms = now;
}

bool lockout_locked(struct lockout *g, const char *address, const char *name, uint64_t now)
{
	struct digest a, n, both;
	bool yes;

	keys_of(address, name, &a, &n, &both);
	dr_lock(&g->lock);
	yes = locked(g, &a, now) || (locked(g, &n, now) && !find(g->known, &both));
	dr_unlock(&g->lock);
	return yes;
}

void lockout_failed(struct lockout *g, const char *address, const char *name, uint64_t now)
{
	struct digest a, n, both;

	keys_of(address, name, &a, &n, &both);
	dr_lock(&g->lock);
	count(g->entries, &a, g->lockout_ms, now);
	count(g->entries, &n, g->lockout_ms, now);
	dr_unlock(&g->lock);
}

void lockout_passed(struct lockout *g, const char *address, const char *name, uint64_t now)
{
	struct digest a, n, both;
	struct entry *e;

	keys_of(address, name, &a, &n, &both);
	dr_lock(&g->lock);
	e = find(g->entries, &n);
	if (e)
		e->failures = 0;
	count(g->known, &both, UINT64_MAX, now);
	dr_unlock(&g->lock);
}
