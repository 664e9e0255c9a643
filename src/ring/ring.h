/* SPDX-License-Identifier: Apache-2.0
 *
 * ring: the seam between two of our processes: a sealed memory file of fixed-size slots, one
 * producer, one consumer (hardening.md section 5.3).
 *
 *   launcher: ring_create() -> descriptor handed to both sides by exec
 *   producer: ring_attach() -> { ring_reserve() -> fill -> ring_publish() } -> ring_finish()
 *   consumer: ring_attach() -> { ring_take() -> use -> ring_release() } until the end
 *
 * Each side treats the other as hostile. Everything the other side can write is loaded once into
 * locals and checked; indexes must advance by one; a lie is CORRUPT and ends the job. The content
 * of a slot may change under the consumer's hands: copy it out before using it twice. Waiting is
 * by futex with time-outs; a dead peer is the launcher's business (it kills the other side).
 * One thread on each side, but for ring_reserve()d slots, which several threads may fill. */
#ifndef DR_RING_RING_H
#define DR_RING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/err.h"

#define RING_MAX_SLOTS 64
#define RING_FACT_UNKNOWN UINT64_MAX

enum ring_type {
	RING_DATA = 1, /* `len` bytes in the slot */
	RING_ZERO = 2, /* `len` zero bytes; no slot content */
};

/* Numbers the producer publishes for others to look at, at any time. */
enum ring_fact {
	RING_FACT_SOURCE_TOTAL,  /* announced length of the source */
	RING_FACT_SOURCE_DONE,   /* bytes taken from the source */
	RING_FACT_VIRTUAL_SIZE,  /* of the disk, once known */
	RING_FACT_LENGTH_PROVEN, /* 1: the source announced its length, or its digest is checked;
				  * together with SOURCE_TOTAL set before the first item */
	RING_FACTS = 8,
};

struct ring_item {
	enum ring_type type;
	uint64_t len;
	const uint8_t *data; /* borrowed until ring_release; NULL for RING_ZERO */
};

struct ring;

/* ring_create: a new ring as a descriptor, sealed against grow and shrink.
 *   slots 2..RING_MAX_SLOTS, slot_bytes a multiple of 4096 up to 16 MiB. The fd, or -1. */
int ring_create(unsigned slots, size_t slot_bytes, struct dr_err *err) DR_MUST_CHECK;
/* ring_attach: map a ring; the descriptor may be closed afterwards. Checks size and seals. */
int ring_attach(struct ring **ret, int fd, struct dr_err *err) DR_MUST_CHECK;
void ring_detach(struct ring *r);
size_t ring_slot_bytes(const struct ring *r);

/* ring_reserve: wait for the next free slot and borrow it for writing. With keep > 0 slots already
 * reserved and not yet published it hands out the following ones.
 *   0, or -1: CORRUPT (the consumer lies), CANCELLED (it went away: ring_abandon). */
int ring_reserve(struct ring *r, uint8_t **ret, struct dr_err *err) DR_MUST_CHECK;
/* ring_publish: the oldest reserved slot, with `len` bytes of it. Never waits. */
void ring_publish(struct ring *r, size_t len);
/* ring_publish_unused: the oldest reserved slot as a run of `len` zeros, whatever it holds. */
void ring_publish_unused(struct ring *r, uint64_t len);
/* ring_publish_zero: a run of zeros (takes a record, waits for a free one). */
int ring_publish_zero(struct ring *r, uint64_t len, struct dr_err *err) DR_MUST_CHECK;
/* ring_finish: no more items follow. `verdict` NULL or unset code: a good end; otherwise the
 * failure travels with its code, reason and message. `note`: "key=value" lines for the reader
 * (util/spec), at most RING_NOTE_BYTES, may be NULL. */
#define RING_NOTE_BYTES 3072
void ring_finish(struct ring *r, const struct dr_err *verdict, const char *note);

/* ring_wait: until there is an item, or the end; takes nothing. 0, or -1 as ring_take. */
int ring_wait(struct ring *r, struct dr_err *err) DR_MUST_CHECK;
/* ring_take: the next item. 1; 0 at a good end; -1 with the producer's verdict or CORRUPT. */
int ring_take(struct ring *r, struct ring_item *ret, struct dr_err *err) DR_MUST_CHECK;
void ring_release(struct ring *r);
/* ring_failure: after the producer's failed end: its verdict, without being the consumer. 1 and
 * *ret filled; 0 when it has not failed. */
int ring_failure(const struct ring *r, struct dr_err *ret);
/* ring_ended: whether the producer has finished, well or not; without being the consumer. */
bool ring_ended(const struct ring *r);
/* ring_look: for an onlooker: items published so far (wraps), and how many of them wait. Either
 * side may lie about it. */
void ring_look(const struct ring *r, uint32_t *ret_published, uint32_t *ret_waiting);
/* ring_abandon: the consumer gives up; the producer's next wait fails. */
void ring_abandon(struct ring *r);
/* ring_note: the producer's note, copied and bounded, "" when none; only after the end. */
void ring_note(struct ring *r, char ret[static RING_NOTE_BYTES + 1]);

void ring_set_fact(struct ring *r, enum ring_fact f, uint64_t v);
uint64_t ring_get_fact(const struct ring *r, enum ring_fact f); /* RING_FACT_UNKNOWN until set */

DR_DEFINE_CLEANUP(struct ring, ring_detach);

#endif
