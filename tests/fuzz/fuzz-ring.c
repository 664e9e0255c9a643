/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring between two processes, one of which lies: the input is a list of steps, of which some
 * are honest calls of either side and others write anywhere into the shared header. Whatever stands
 * there, an honest side stays inside the memory, keeps to its own contract, and ends; and as long
 * as nobody has lied, what comes out is what went in.
 *
 * The ring is included whole, because whoever lies knows its memory. */
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

#include "../../src/ring/ring.c"
#include "ingest/ring_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SLOTS 4
#define SLOT_BYTES ((size_t)4096)

struct sent {
	enum ring_type type;
	uint64_t len;
};

struct world {
	struct ring *producer;
	struct ring *consumer;
	struct stream *stream; /* the consumer's, or NULL */
	struct ring_shared *raw;
	bool lied;
	bool finished;
	uint8_t *slots[SLOTS]; /* reserved, not yet published */
	unsigned reserved;
	struct sent sent[SLOTS]; /* published, not yet taken */
	unsigned waiting;
	struct ring_item item;
	bool taken;
	bool over; /* a side has given up */
};

static struct world *world_new(bool through_stream)
{
	struct world *w = calloc(1, sizeof *w);
	struct dr_err err = DR_ERR_INIT;
	dr_autofd int fd = ring_create(SLOTS, SLOT_BYTES, &err);

	if (!w || fd < 0 || ring_attach(&w->producer, fd, &err) < 0 ||
	    ring_attach(&w->consumer, fd, &err) < 0)
		abort();
	w->raw = mmap(NULL, RING_HEAD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (w->raw == MAP_FAILED ||
	    (through_stream && ring_stream_open(&w->stream, w->consumer, &err) < 0))
		abort();
	return w;
}

static void world_free(struct world *w)
{
	stream_close(w->stream);
	munmap(w->raw, RING_HEAD_BYTES);
	ring_detach(w->producer);
	ring_detach(w->consumer);
	free(w);
}

static void must_be_text(const char *s, size_t room)
{
	assert(strnlen(s, room) < room);
	for (; *s; s++)
		assert(*s == '\n' || (*s >= 0x20 && *s < 0x7F));
}

/* An honest side that fails has been lied to, or was told of a failure or an end. */
static void give_up(struct world *w, const struct dr_err *err)
{
	assert(dr_err_is_set(err));
	assert(w->lied || w->finished || err->code == DR_CANCELLED);
	must_be_text(err->msg, sizeof err->msg);
	must_be_text(err->reason, sizeof err->reason);
	w->over = true;
}

/* Nobody would ever wake a side that waits here, so the peer ends before it. */
static void let_producer_go(struct world *w)
{
	if (w->producer->reserved - atomic_load(&w->raw->released) >= SLOTS) {
		w->lied = true;
		atomic_store(&w->raw->abandoned, 1);
	}
}

static void let_consumer_go(struct world *w)
{
	if (atomic_load(&w->raw->published) == w->consumer->released &&
	    atomic_load(&w->raw->state) == RING_OPEN) {
		w->finished = true;
		atomic_store(&w->raw->state, RING_ENDED);
	}
}

static void reserve(struct world *w)
{
	struct dr_err err = DR_ERR_INIT;
	uint8_t *slot = NULL;

	let_producer_go(w);
	if (w->reserved == SLOTS)
		return;
	if (ring_reserve(w->producer, &slot, &err) < 0) {
		give_up(w, &err);
		return;
	}
	assert(slot >= (uint8_t *)w->producer->sh + RING_HEAD_BYTES);
	assert(slot + SLOT_BYTES <= (uint8_t *)w->producer->sh + w->producer->map_bytes);
	memset(slot, (int)w->producer->reserved, SLOT_BYTES);
	w->slots[w->reserved++] = slot;
}

static void note_sent(struct world *w, enum ring_type type, uint64_t len)
{
	if (w->lied || w->stream)
		return;
	assert(w->waiting < SLOTS);
	w->sent[w->waiting++] = (struct sent){type, len};
}

static void publish_data(struct world *w, unsigned n)
{
	if (w->reserved == 0 || w->finished)
		return;
	n = n * 17 % SLOT_BYTES + 1;
	ring_publish(w->producer, n);
	memmove(w->slots, w->slots + 1, --w->reserved * sizeof *w->slots);
	note_sent(w, RING_DATA, n);
}

static void publish_zero(struct world *w, uint64_t n)
{
	struct dr_err err = DR_ERR_INIT;

	let_producer_go(w);
	if (w->reserved > 0 || w->finished)
		return;
	if (ring_publish_zero(w->producer, n << 20 | 512, &err) < 0)
		give_up(w, &err);
	else
		note_sent(w, RING_ZERO, n << 20 | 512);
}

static void finish(struct world *w, unsigned n)
{
	struct dr_err verdict = DR_ERR_INIT;

	if (w->finished)
		return;
	if (n & 1)
		(void)!dr_refuse(&verdict, DR_CORRUPT, "corrupt", "made up");
	ring_finish(w->producer, &verdict, n & 2 ? "key=value\n" : NULL);
	w->finished = true;
}

static void check_item(struct world *w)
{
	const uint8_t *base = (const uint8_t *)w->consumer->sh + RING_HEAD_BYTES;

	assert(w->item.len > 0);
	if (w->item.type == RING_DATA) {
		assert(w->item.data >= base && w->item.len <= SLOT_BYTES);
		assert(w->item.data + SLOT_BYTES <= base + SLOTS * SLOT_BYTES);
	} else {
		assert(w->item.type == RING_ZERO && !w->item.data);
	}
	if (w->lied)
		return;
	assert(w->waiting > 0);
	assert(w->sent[0].type == w->item.type && w->sent[0].len == w->item.len);
	memmove(w->sent, w->sent + 1, --w->waiting * sizeof *w->sent);
}

static void read_stream(struct world *w, unsigned n)
{
	struct dr_err err = DR_ERR_INIT;
	uint8_t buf[300];
	ssize_t got;

	got = stream_read(w->stream, buf, n + 1, &err);
	if (got < 0) {
		assert(dr_err_is_set(&err));
		w->over = true;
	}
	assert(got <= (ssize_t)n + 1);
}

static void take(struct world *w, unsigned n)
{
	struct dr_err err = DR_ERR_INIT;
	int rc;

	let_consumer_go(w);
	if (w->stream) {
		read_stream(w, n);
		return;
	}
	if (w->taken) {
		ring_release(w->consumer);
		w->taken = false;
		return;
	}
	rc = ring_take(w->consumer, &w->item, &err);
	if (rc > 0) {
		w->taken = true;
		check_item(w);
	} else if (rc < 0) {
		give_up(w, &err);
	} else {
		assert(w->lied || (w->finished && w->waiting == 0));
	}
}

static void look(struct world *w)
{
	char note[RING_NOTE_BYTES + 1];
	struct dr_err err = DR_ERR_INIT;

	if (ring_failure(w->consumer, &err) == 1) {
		assert(err.code > DR_OK && err.code <= DR_UNAUTHENTICATED);
		must_be_text(err.msg, sizeof err.msg);
		must_be_text(err.reason, sizeof err.reason);
	}
	(void)ring_ended(w->consumer);
	(void)ring_get_fact(w->consumer, RING_FACT_VIRTUAL_SIZE);
	ring_note(w->consumer, note);
	must_be_text(note, sizeof note);
}

static void lie(struct world *w, const uint8_t *p)
{
	static const size_t targets[] = {
		offsetof(struct ring_shared, published),
		offsetof(struct ring_shared, released),
		offsetof(struct ring_shared, state),
		offsetof(struct ring_shared, abandoned),
		offsetof(struct ring_shared, records[0].type),
		offsetof(struct ring_shared, records[0].len),
		offsetof(struct ring_shared, records[1].len),
		offsetof(struct ring_shared, slots),
		offsetof(struct ring_shared, slot_bytes),
		offsetof(struct ring_shared, verdict_code),
		offsetof(struct ring_shared, verdict_msg),
		offsetof(struct ring_shared, note),
	};
	size_t at = targets[p[0] % (sizeof targets / sizeof *targets)];
	uint32_t v = (uint32_t)(int8_t)p[1];

	if (p[0] & 0x80)
		v += at == targets[1] ? w->producer->published : w->consumer->released;
	else if (p[0] & 0x40)
		v <<= p[1] & 31;
	memcpy((uint8_t *)w->raw + at, &v, sizeof v);
	w->lied = true;
}

/* A header that was wrong from the start is refused, or describes a ring of this size. */
static void attach_to_lies(const uint8_t *p)
{
	struct dr_err err = DR_ERR_INIT;
	dr_autofd int fd = ring_create(SLOTS, SLOT_BYTES, &err);
	struct ring *r = NULL;

	if (fd < 0 || pwrite(fd, p, 2, p[2] % 16) != 2)
		abort();
	if (ring_attach(&r, fd, &err) == 0)
		assert(r->slots == SLOTS && r->slot_bytes == SLOT_BYTES);
	else
		assert(dr_err_is_set(&err));
	ring_detach(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w;

	if (size < 4)
		return 0;
	if (data[0] == 0xFF)
		attach_to_lies(data + 1);
	w = world_new(data[0] & 1);
	for (size_t i = 1; i + 2 < size && i < 300 && !w->over; i += 3) {
		switch (data[i] % 8) {
		case 0:
			reserve(w);
			break;
		case 1:
			publish_data(w, data[i + 1]);
			break;
		case 2:
			publish_zero(w, data[i + 1]);
			break;
		case 3:
		case 4:
			take(w, data[i + 1]);
			break;
		case 5:
			look(w);
			break;
		case 6:
			finish(w, data[i + 1]);
			break;
		default:
			lie(w, data + i + 1);
		}
	}
	if (w->taken)
		ring_release(w->consumer);
	world_free(w);
	return 0;
}
