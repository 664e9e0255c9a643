/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/pieces: independent parts of a compressed file, decoded ahead by the crew and handed out in
 * the order of the file.
 *
 *   pieces_take() -> fill p->in -> pieces_push() -> … -> pieces_first() -> pieces_wait()
 *                 -> use p->out -> pieces_drop()
 *
 * A codec embeds `struct piece` as the first member of its own piece. All memory is allocated by
 * the thread that reads, so the crew's threads never allocate. Everything but p->decode() runs on
 * that one thread. */
#ifndef DR_CODEC_PIECES_H
#define DR_CODEC_PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/workers.h"

#define PIECES_MAX 32

struct piece {
	struct work work; /* ours */
	/* decode: from in to out; sets out_len. Runs on any thread. */
	int (*decode)(struct piece *p, struct dr_err *err);
	uint8_t *in; /* owned, in_cap bytes */
	size_t in_len;
	size_t in_cap;
	uint8_t *out; /* owned, out_cap bytes */
	size_t out_len;
	size_t out_pos; /* the user's: what has been handed out */
	size_t out_cap;
	uint64_t extra;     /* ours: memory the codec holds for this piece */
	bool to_crew;       /* ours */
	int rc;             /* ours: what decode() returned */
	struct dr_err fail; /* ours */
};

struct pieces {
	struct workers *crew;             /* borrowed; NULL: pieces are decoded by the reader */
	void (*release)(struct piece *p); /* frees what `extra` stands for; NULL: nothing */
	uint64_t budget;                  /* all memory together, unless one piece needs more */
	uint64_t held;                    /* by all slots, also idle ones */
	unsigned max;                     /* slots in use */
	unsigned head;                    /* the oldest piece */
	unsigned count;                   /* pieces pushed and not dropped */
	struct piece *slots[PIECES_MAX];  /* owned */
};

/* pieces_init: `piece_bytes` is the size of the codec's piece, which starts zeroed. */
int pieces_init(struct pieces *ps, struct workers *crew, size_t piece_bytes, uint64_t budget,
		struct dr_err *err) DR_MUST_CHECK;
/* pieces_done: waits for what the crew still does and frees everything; also half-built. */
void pieces_done(struct pieces *ps);

/* pieces_take: an idle piece with room for in_cap and out_cap bytes; the codec may hold `extra`
 * bytes of its own for it. 1; 0 when there is none until a piece is dropped; -1. */
int pieces_take(struct pieces *ps, size_t in_cap, size_t out_cap, uint64_t extra,
		struct piece **ret, struct dr_err *err) DR_MUST_CHECK;
/* pieces_push: the piece last taken joins the queue. With to_crew the crew decodes it, otherwise
 * its user does when it is the oldest. */
void pieces_push(struct pieces *ps, bool to_crew);
/* pieces_first: the oldest piece, NULL when none. */
struct piece *pieces_first(const struct pieces *ps);
/* pieces_wait: until the crew has decoded the oldest piece, which went to it. What decode() said;
 * cheap when asked again. */
int pieces_wait(struct pieces *ps, struct dr_err *err) DR_MUST_CHECK;
/* pieces_drop: the oldest piece becomes idle. */
void pieces_drop(struct pieces *ps);

#endif
