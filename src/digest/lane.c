/* SPDX-License-Identifier: Apache-2.0 */
#include "digest/lane.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "util/mutex.h"

#include "util/banned.h"

/* As large as what is received at once: waking each other more often costs more than caches give
 * back (measured). */
#define PIECES 4
#define PIECE_BYTES (LANE_BYTES / PIECES)

struct lane {
	struct hash *hashes[2]; /* borrowed; the second may be NULL */
	pthread_t thread;
	struct dr_mutex lock;
	struct dr_cond given; /* a piece was given, or stop was set */
	struct dr_cond taken; /* a piece was hashed */
	unsigned first;       /* lock: the oldest piece given */
	unsigned count;       /* lock: pieces given and not yet hashed */
	bool stop;            /* lock */
	size_t lens[PIECES];
	size_t filled; /* of the piece that is being filled; the caller's */
	uint8_t bytes[PIECES][PIECE_BYTES];
};

/* next_piece: the oldest piece given, waiting for one. PIECES: no more will come. */
static unsigned next_piece(struct lane *l)
{
	unsigned ret;

	dr_lock(&l->lock);
	while (l->count == 0 && !l->stop)
		dr_cond_wait(&l->given, &l->lock);
	ret = l->count > 0 ? l->first : PIECES;
	dr_unlock(&l->lock);
	return ret;
}

static void piece_done(struct lane *l)
{
	dr_lock(&l->lock);
	l->first = (l->first + 1) % PIECES;
	l->count--;
	dr_cond_signal(&l->taken);
	dr_unlock(&l->lock);
}

static void *lane_main(void *arg)
{
	struct lane *l = arg;
	unsigned i;

	while ((i = next_piece(l)) < PIECES) {
		for (size_t h = 0; h < 2 && l->hashes[h]; h++)
			hash_update(l->hashes[h], l->bytes[i], l->lens[i]);
		piece_done(l);
	}
	return NULL;
}

static void lane_destroy(struct lane *l)
{
	dr_cond_done(&l->given);
	dr_cond_done(&l->taken);
	dr_mutex_done(&l->lock);
	free(l);
}

int lane_new(struct lane **ret, struct hash *first, struct hash *second, struct dr_err *err)
{
	struct lane *l = malloc(sizeof *l);

	if (!l)
		return dr_fail_nomem(err);
	/* Not the pieces: they cost memory only once they are used. */
	memset(l, 0, offsetof(struct lane, bytes));
	l->hashes[0] = first;
	l->hashes[1] = second;
	dr_mutex_init(&l->lock);
	dr_cond_init(&l->given);
	dr_cond_init(&l->taken);
	if (pthread_create(&l->thread, NULL, lane_main, l) != 0) {
		lane_destroy(l);
		return dr_fail(err, DR_NO_MEMORY, "cannot start a thread");
	}
	*ret = l;
	return 0;
}

/* wait_below: until fewer than `limit` pieces wait; the index of the one to fill next. */
static unsigned wait_below(struct lane *l, unsigned limit)
{
	unsigned ret;

	dr_lock(&l->lock);
	while (l->count >= limit)
		dr_cond_wait(&l->taken, &l->lock);
	ret = (l->first + l->count) % PIECES;
	dr_unlock(&l->lock);
	return ret;
}

static void give(struct lane *l, unsigned i)
{
	l->lens[i] = l->filled;
	l->filled = 0;
	dr_lock(&l->lock);
	l->count++;
	dr_cond_signal(&l->given);
	dr_unlock(&l->lock);
}

void lane_update(struct lane *l, const void *p, size_t len)
{
	const uint8_t *from = p;

	while (len > 0) {
		unsigned i = wait_below(l, PIECES);
		size_t room = PIECE_BYTES - l->filled, n = len < room ? len : room;

		memcpy(l->bytes[i] + l->filled, from, n);
		l->filled += n;
		from += n;
		len -= n;
		if (l->filled == PIECE_BYTES)
			give(l, i);
	}
}

void lane_sync(struct lane *l)
{
	if (l->filled > 0)
		give(l, wait_below(l, PIECES));
	(void)wait_below(l, 1);
}

void lane_free(struct lane *l)
{
	if (!l)
		return;
	dr_lock(&l->lock);
	l->stop = true;
	dr_cond_signal(&l->given);
	dr_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	lane_destroy(l);
}
