/* SPDX-License-Identifier: Apache-2.0 */
#include "ring/ring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "util/checked.h"

#include "util/banned.h"

#define RING_MAGIC 0x31474e4952524441ULL /* "ADRRING1" */
#define RING_PAGE 4096
#define RING_WAIT_SECONDS 1

enum ring_state { RING_OPEN, RING_ENDED, RING_FAILED };

/* An event counter: whoever changes something the other side may wait for bumps `count` and wakes
 * it when it said that it sleeps. Only the low cost matters here, not truth: every wait also has a
 * time-out, so a lying peer can delay but not hang the other side's own checks. */
struct ring_event {
	_Atomic uint32_t count;
	_Atomic uint32_t sleeping;
};

struct ring_record {
	_Atomic uint32_t type;
	_Atomic uint64_t len;
};

/* The first bytes of the memory file. Fixed members are read once, at attach. */
struct ring_shared {
	uint64_t magic;
	uint32_t slots;
	uint32_t slot_bytes;
	_Atomic uint32_t published; /* records; by the producer; wraps */
	_Atomic uint32_t released;  /* records; by the consumer; wraps */
	_Atomic uint32_t state;     /* enum ring_state; by the producer */
	_Atomic uint32_t abandoned; /* by the consumer */
	struct ring_event to_consumer;
	struct ring_event to_producer;
	_Atomic uint64_t facts[RING_FACTS];
	struct ring_record records[RING_MAX_SLOTS];
	uint32_t verdict_code;
	int32_t verdict_sys;
	char verdict_reason[40];
	char verdict_msg[400];
	char note[RING_NOTE_BYTES];
};

#define RING_HEAD_BYTES \
	((sizeof(struct ring_shared) + RING_PAGE - 1) / RING_PAGE * (size_t)RING_PAGE)

struct ring {
	struct ring_shared *sh;
	size_t map_bytes;
	uint32_t slots; /* a power of two */
	size_t slot_bytes;
	uint32_t reserved;  /* producer: records handed out */
	uint32_t published; /* producer: our own count; consumer: the highest seen */
	uint32_t released;  /* consumer: our own count; producer: the highest seen */
	bool taken;         /* consumer: an item is out */
};

static bool slots_valid(uint64_t slots, uint64_t slot_bytes)
{
	return slots >= 2 && slots <= RING_MAX_SLOTS && (slots & (slots - 1)) == 0 &&
	       slot_bytes >= RING_PAGE && slot_bytes <= (16U << 20) && slot_bytes % RING_PAGE == 0;
}

int ring_create(unsigned slots, size_t slot_bytes, struct dr_err *err)
{
	dr_autofd int fd = memfd_create("ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct ring_shared *sh;
	size_t total = RING_HEAD_BYTES + slots * slot_bytes;

	assert(slots_valid(slots, slot_bytes));
	if (fd < 0 || ftruncate(fd, (off_t)total) != 0)
		return dr_fail_errno(err, "cannot make a ring of %zu bytes", total);
	sh = mmap(NULL, RING_HEAD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (sh == MAP_FAILED)
		return dr_fail_errno(err, "cannot map a ring");
	sh->magic = RING_MAGIC;
	sh->slots = slots;
	sh->slot_bytes = (uint32_t)slot_bytes;
	for (int i = 0; i < RING_FACTS; i++)
		atomic_store(&sh->facts[i], RING_FACT_UNKNOWN);
	munmap(sh, RING_HEAD_BYTES);
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		return dr_fail_errno(err, "cannot seal a ring");
	return DR_STEAL_FD(fd);
}

int ring_attach(struct ring **ret, int fd, struct dr_err *err)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	struct ring *r;
	struct stat st;
	size_t bytes;

	if (fstat(fd, &st) != 0 || st.st_size < (off_t)RING_HEAD_BYTES ||
	    (fcntl(fd, F_GET_SEALS) & seals) != seals)
		return dr_fail(err, DR_INVALID, "descriptor %d is not a sealed ring", fd);
	bytes = (size_t)st.st_size;
	r = calloc(1, sizeof *r);
	if (!r)
		return dr_fail_nomem(err);
	r->map_bytes = bytes;
	r->sh = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (r->sh == MAP_FAILED) {
		r->sh = NULL;
		ring_detach(r);
		return dr_fail_errno(err, "cannot map a ring");
	}
	r->slots = r->sh->slots;
	r->slot_bytes = r->sh->slot_bytes;
	if (r->sh->magic != RING_MAGIC || !slots_valid(r->slots, r->slot_bytes) ||
	    bytes != RING_HEAD_BYTES + r->slots * r->slot_bytes) {
		ring_detach(r);
		return dr_fail(err, DR_CORRUPT, "descriptor %d is not a ring", fd);
	}
	*ret = r;
	return 0;
}

void ring_detach(struct ring *r)
{
	if (!r)
		return;
	if (r->sh)
		munmap(r->sh, r->map_bytes);
	free(r);
}

size_t ring_slot_bytes(const struct ring *r)
{
	return r->slot_bytes;
}

static void event_signal(struct ring_event *e)
{
	atomic_fetch_add(&e->count, 1);
	if (atomic_load(&e->sleeping))
		syscall(SYS_futex, &e->count, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* event_wait: sleep until the count moves on from `seen`, or a second has passed. */
static void event_wait(struct ring_event *e, uint32_t seen)
{
	const struct timespec limit = {RING_WAIT_SECONDS, 0};

	atomic_store(&e->sleeping, 1);
	if (atomic_load(&e->count) == seen)
		syscall(SYS_futex, &e->count, FUTEX_WAIT, seen, &limit, NULL, 0);
	atomic_store(&e->sleeping, 0);
}

static uint8_t *slot_at(struct ring *r, uint32_t record)
{
	return (uint8_t *)r->sh + RING_HEAD_BYTES + (record & (r->slots - 1)) * r->slot_bytes;
}

/* ---- producer ---- */

/* wait_free: until fewer than `slots` records are out. `released` may only move up to what has
 * been published. */
static int wait_free(struct ring *r, struct dr_err *err)
{
	uint32_t seen, released;

	for (;;) {
		seen = atomic_load(&r->sh->to_producer.count);
		if (atomic_load(&r->sh->abandoned))
			return dr_fail(err, DR_CANCELLED, "the reader has gone away");
		released = atomic_load(&r->sh->released);
		if (released - r->released > r->published - r->released)
			return dr_fail(err, DR_CORRUPT, "the reader's ring index jumped");
		r->released = released;
		if (r->reserved - released < r->slots)
			return 0;
		event_wait(&r->sh->to_producer, seen);
	}
}

int ring_reserve(struct ring *r, uint8_t **ret, struct dr_err *err)
{
	if (wait_free(r, err) < 0)
		return -1;
	*ret = slot_at(r, r->reserved++);
	return 0;
}

static void publish(struct ring *r, enum ring_type type, uint64_t len)
{
	struct ring_record *rec = &r->sh->records[r->published & (r->slots - 1)];

	assert(r->published != r->reserved);
	atomic_store_explicit(&rec->type, (uint32_t)type, memory_order_relaxed);
	atomic_store_explicit(&rec->len, len, memory_order_relaxed);
	atomic_store(&r->sh->published, ++r->published);
	event_signal(&r->sh->to_consumer);
}

void ring_publish(struct ring *r, size_t len)
{
	assert(len > 0 && len <= r->slot_bytes);
	publish(r, RING_DATA, len);
}

void ring_publish_unused(struct ring *r, uint64_t len)
{
	assert(len > 0);
	publish(r, RING_ZERO, len);
}

int ring_publish_zero(struct ring *r, uint64_t len, struct dr_err *err)
{
	uint8_t *slot;

	assert(len > 0 && r->published == r->reserved);
	if (ring_reserve(r, &slot, err) < 0)
		return -1;
	publish(r, RING_ZERO, len);
	return 0;
}

void ring_finish(struct ring *r, const struct dr_err *verdict, const char *note)
{
	struct ring_shared *sh = r->sh;
	bool failed = verdict && dr_err_is_set(verdict);
	size_t len = note ? strlen(note) : 0;

	if (failed) {
		sh->verdict_code = (uint32_t)verdict->code;
		sh->verdict_sys = verdict->sys;
		memcpy(sh->verdict_reason, verdict->reason, sizeof sh->verdict_reason);
		memcpy(sh->verdict_msg, verdict->msg, sizeof sh->verdict_msg);
	}
	memset(sh->note, 0, sizeof sh->note);
	if (len)
		memcpy(sh->note, note, dr_min_size(len, sizeof sh->note));
	atomic_store(&sh->state, failed ? RING_FAILED : RING_ENDED);
	event_signal(&sh->to_consumer);
}

/* ---- consumer ---- */

/* verdict: the producer's failure, as hostile text: bounded, and printable ASCII only. */
static int verdict(const struct ring *r, struct dr_err *err)
{
	struct dr_err v = DR_ERR_INIT;

	v.code = (enum dr_code)r->sh->verdict_code;
	v.sys = r->sh->verdict_sys;
	memcpy(v.reason, r->sh->verdict_reason, sizeof v.reason - 1);
	memcpy(v.msg, r->sh->verdict_msg, sizeof v.msg - 1);
	if (v.reason[strspn(v.reason, "abcdefghijklmnopqrstuvwxyz0123456789-")])
		return dr_fail(err, DR_CORRUPT, "the writer's verdict is none");
	for (char *s = v.msg; *s; s++)
		if (*s < 0x20 || *s > 0x7E)
			*s = '?';
	if (v.code <= DR_OK || v.code > DR_UNAUTHENTICATED)
		v.code = DR_CORRUPT;
	return dr_refuse(err, v.code, v.reason, "%s", v.msg);
}

/* next_ready: 1 when a record waits, 0 at a good end. */
static int next_ready(struct ring *r, struct dr_err *err)
{
	uint32_t seen, published, state;

	for (;;) {
		seen = atomic_load(&r->sh->to_consumer.count);
		state = atomic_load(&r->sh->state);
		published = atomic_load(&r->sh->published);
		if (published - r->released > r->slots ||
		    published - r->released < r->published - r->released)
			return dr_fail(err, DR_CORRUPT, "the writer's ring index jumped");
		r->published = published;
		if (published != r->released)
			return 1;
		if (state == RING_FAILED)
			return verdict(r, err);
		if (state != RING_OPEN)
			return 0;
		event_wait(&r->sh->to_consumer, seen);
	}
}

int ring_wait(struct ring *r, struct dr_err *err)
{
	return next_ready(r, err) < 0 ? -1 : 0;
}

int ring_failure(const struct ring *r, struct dr_err *ret)
{
	if (atomic_load(&r->sh->state) != RING_FAILED)
		return 0;
	dr_err_clear(ret);
	verdict(r, ret);
	return 1;
}

bool ring_ended(const struct ring *r)
{
	return atomic_load(&r->sh->state) != RING_OPEN;
}

void ring_look(const struct ring *r, uint32_t *ret_published, uint32_t *ret_waiting)
{
	const uint32_t released = atomic_load(&r->sh->released);

	*ret_published = atomic_load(&r->sh->published);
	*ret_waiting = *ret_published - released;
}

int ring_take(struct ring *r, struct ring_item *ret, struct dr_err *err)
{
	const struct ring_record *rec;
	uint32_t type;
	int rc;

	assert(!r->taken);
	rc = next_ready(r, err);
	if (rc <= 0)
		return rc;
	rec = &r->sh->records[r->released & (r->slots - 1)];
	type = atomic_load_explicit(&rec->type, memory_order_relaxed);
	ret->len = atomic_load_explicit(&rec->len, memory_order_relaxed);
	ret->data = NULL;
	if (type == RING_DATA) {
		ret->type = RING_DATA;
		ret->data = slot_at(r, r->released);
		if (ret->len == 0 || ret->len > r->slot_bytes)
			return dr_fail(err, DR_CORRUPT, "a ring record of impossible length");
	} else if (type == RING_ZERO) {
		ret->type = RING_ZERO;
		if (ret->len == 0)
			return dr_fail(err, DR_CORRUPT, "an empty ring record");
	} else {
		return dr_fail(err, DR_CORRUPT, "a ring record of unknown type");
	}
	r->taken = true;
	return 1;
}

void ring_release(struct ring *r)
{
	assert(r->taken);
	r->taken = false;
	atomic_store(&r->sh->released, ++r->released);
	event_signal(&r->sh->to_producer);
}

void ring_abandon(struct ring *r)
{
	atomic_store(&r->sh->abandoned, 1);
	event_signal(&r->sh->to_producer);
}

void ring_note(struct ring *r, char ret[static RING_NOTE_BYTES + 1])
{
	memcpy(ret, r->sh->note, RING_NOTE_BYTES);
	ret[RING_NOTE_BYTES] = 0;
	for (char *s = ret; *s; s++)
		if (*s != '\n' && (*s < 0x20 || *s > 0x7E))
			*s = '?';
}

void ring_set_fact(struct ring *r, enum ring_fact f, uint64_t v)
{
	atomic_store_explicit(&r->sh->facts[f], v, memory_order_relaxed);
}

uint64_t ring_get_fact(const struct ring *r, enum ring_fact f)
{
	return atomic_load_explicit(&r->sh->facts[f], memory_order_relaxed);
}
