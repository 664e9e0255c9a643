/* SPDX-License-Identifier: Apache-2.0 */
#include "http/guard.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "util/checked.h"
#include "util/clock.h"
#include "util/mutex.h"

#include "util/banned.h"

#define UNCORK_MS 10U
#define UNCORK_PATIENCE_MS 1000U

struct guest {
	struct guest *prev, *next; /* lock; waiting and not yet shut down, or corked */
	bool listed;               /* lock; on either list */
	bool left;                 /* lock; seen when it was looked at last */
	uint64_t since_ms;         /* lock */
	int fd;
};

struct guard {
	struct dr_mutex lock;
	struct dr_cond wake;
	struct guest list;   /* lock; ring, longest waiting first */
	struct guest corked; /* lock; ring of those that are to be uncorked, oldest first */
	unsigned count;      /* lock; guests */
	bool stopping;       /* lock */
	uint64_t patience_ms;
	unsigned crowd;
	pthread_t thread;
};

static void unlist_locked(struct guest *guest)
{
	if (!guest->listed)
		return;
	guest->prev->next = guest->next;
	guest->next->prev = guest->prev;
	guest->listed = false;
}

static void list_locked(struct guest *ring, struct guest *guest)
{
	assert(!guest->listed);
	guest->since_ms = dr_now_ms();
	guest->left = false;
	guest->prev = ring->prev;
	guest->next = ring;
	guest->prev->next = guest;
	ring->prev = guest;
	guest->listed = true;
}

/* The event loop sees the end of the connection and closes it; we only say so. */
static void dismiss_locked(struct guest *guest)
{
	unlist_locked(guest);
	shutdown(guest->fd, SHUT_RDWR);
}

/* Whose client has gone although nothing it sent is unread. libmicrohttpd takes a read that was
 * short for the last one, so it misses an end that came along with the last bytes. Twice seen, as
 * at first sight it may be about to be read. */
static void look_for_left_locked(struct guard *g)
{
	for (struct guest *at = g->list.next, *next; at != &g->list; at = next) {
		char c;

		next = at->next;
		if (recv(at->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
			continue;
		if (at->left)
			dismiss_locked(at);
		else
			at->left = true;
	}
}

/* libmicrohttpd remembers that it set the cork and does not set it again before the body's end. */
static void uncork_locked(struct guard *g, uint64_t now)
{
	const int off = 0;

	for (struct guest *at = g->corked.next, *next; at != &g->corked; at = next) {
		int corked = 0;
		socklen_t len = sizeof corked;

		next = at->next;
		if (getsockopt(at->fd, IPPROTO_TCP, TCP_CORK, &corked, &len) == 0 && corked)
			(void)setsockopt(at->fd, IPPROTO_TCP, TCP_CORK, &off, sizeof off);
		else if (now - at->since_ms < UNCORK_PATIENCE_MS)
			continue;
		unlist_locked(at);
	}
}

static void *guard_main(void *arg)
{
	struct guard *g = arg;
	const uint64_t round = g->patience_ms < 4000 ? g->patience_ms / 4 + 1 : 1000;
	uint64_t due = 0;
	struct guest *first;

	dr_lock(&g->lock);
	while (!g->stopping) {
		uint64_t now = dr_now_ms();

		if (now >= due) {
			while ((first = g->list.next) != &g->list &&
			       now - first->since_ms >= g->patience_ms)
				dismiss_locked(first);
			look_for_left_locked(g);
			due = now + round;
		}
		uncork_locked(g, now);
		dr_cond_wait_ms(&g->wake, &g->lock,
				g->corked.next != &g->corked ? dr_min_u64(UNCORK_MS, due - now)
							     : due - now);
	}
	dr_unlock(&g->lock);
	return NULL;
}

int guard_new(struct guard **ret, uint64_t patience_ms, unsigned crowd, struct dr_err *err)
{
	struct guard *g = calloc(1, sizeof *g);

	if (!g)
		return dr_fail_nomem(err);
	dr_mutex_init(&g->lock);
	dr_cond_init(&g->wake);
	g->list.prev = g->list.next = &g->list;
	g->corked.prev = g->corked.next = &g->corked;
	g->patience_ms = patience_ms;
	g->crowd = crowd;
	if (pthread_create(&g->thread, NULL, guard_main, g) != 0) {
		free(g);
		return dr_fail(err, DR_NO_MEMORY, "cannot start the connection guard");
	}
	*ret = g;
	return 0;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	dr_lock(&g->lock);
	g->stopping = true;
	dr_cond_broadcast(&g->wake);
	dr_unlock(&g->lock);
	pthread_join(g->thread, NULL);
	assert(g->count == 0);
	dr_cond_done(&g->wake);
	dr_mutex_done(&g->lock);
	free(g);
}

struct guest *guard_enter(struct guard *g, int fd)
{
	struct guest *guest = calloc(1, sizeof *guest);

	if (!guest)
		return NULL;
	guest->fd = fd;
	dr_lock(&g->lock);
	g->count++;
	if (g->count > g->crowd && g->list.next != &g->list)
		dismiss_locked(g->list.next);
	list_locked(&g->list, guest);
	dr_unlock(&g->lock);
	return guest;
}

void guard_leave(struct guard *g, struct guest *guest)
{
	if (!guest)
		return;
	dr_lock(&g->lock);
	unlist_locked(guest);
	g->count--;
	dr_unlock(&g->lock);
	free(guest);
}

void guard_busy(struct guard *g, struct guest *guest)
{
	if (!guest)
		return;
	dr_lock(&g->lock);
	unlist_locked(guest);
	dr_unlock(&g->lock);
}

static void move_to(struct guard *g, struct guest *ring, struct guest *guest)
{
	if (!guest)
		return;
	dr_lock(&g->lock);
	unlist_locked(guest);
	list_locked(ring, guest);
	dr_unlock(&g->lock);
}

void guard_waiting(struct guard *g, struct guest *guest)
{
	move_to(g, &g->list, guest);
}

void guard_uncork(struct guard *g, struct guest *guest)
{
	move_to(g, &g->corked, guest);
	dr_cond_broadcast(&g->wake);
}
