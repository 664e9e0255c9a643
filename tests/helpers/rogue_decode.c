/* SPDX-License-Identifier: Apache-2.0
 *
 * A decoder that an attacker has taken over, for tests/e2e/test_sandbox.py: the start of
 * darkroom-decode with all its walls, and then what the first line of the source asks for:
 * "rogue NAME". Any other source is decoded as ever. A deed that is carried out although it must
 * not be ends with a good disk, so that the test sees an image become available. Never installed.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ingest/decoder.h"
#include "ingest/helper.h"
#include "ingest/probe.h"
#include "ingest/ring_stream.h"
#include "util/io.h"

/* Its layout, to lie in it. */
#include "../../src/ring/ring.c" /* NOLINT(bugprone-suspicious-include) */

#define LINE_BYTES 64
#define PIECE ((size_t)1 << 20)

struct rogue {
	struct decoder d;
	struct stream *in;
	pid_t parent;
	uint64_t delivered;
};

static _Noreturn void end_well(struct rogue *r, uint64_t claimed)
{
	struct dr_err err = DR_ERR_INIT;
	struct buf note = BUF_INIT_MAX(RING_NOTE_BYTES);

	spec_put(&note, "format", "raw");
	spec_put_u64(&note, "virtual_bytes", claimed);
	decoder_end(&r->d, 0, &err, &note);
}

static _Noreturn void end_badly(struct rogue *r, struct dr_err *err)
{
	struct buf note = BUF_INIT_MAX(RING_NOTE_BYTES);

	decoder_end(&r->d, -1, err, &note);
}

static void deliver(struct rogue *r, size_t len)
{
	struct dr_err err = DR_ERR_INIT;
	uint8_t *slot;

	if (ring_reserve(r->d.out, &slot, &err) < 0)
		end_badly(r, &err);
	memset(slot, 'd', len);
	ring_publish(r->d.out, len);
	r->delivered += len;
}

static void read_all(struct rogue *r)
{
	struct dr_err err = DR_ERR_INIT;
	uint8_t some[4096];
	ssize_t n;

	do
		n = stream_read(r->in, some, sizeof some, &err);
	while (n > 0);
	if (n < 0)
		end_badly(r, &err);
}

static _Noreturn void sleep_on(void)
{
	const struct timespec second = {1, 0};

	for (;;)
		nanosleep(&second, NULL);
}

/* publish_raw: a record as no honest writer makes it; left like that until the reader looks. */
static _Noreturn void publish_raw(struct rogue *r, uint32_t type, uint64_t len)
{
	struct ring_shared *sh = r->d.out->sh;
	struct ring_record *rec = &sh->records[sh->published & (sh->slots - 1)];

	rec->type = type;
	rec->len = len;
	sh->published++;
	event_signal(&sh->to_consumer);
	sleep_on();
}

static _Noreturn void set_index(struct rogue *r, uint32_t to)
{
	r->d.out->sh->published = to;
	event_signal(&r->d.out->sh->to_consumer);
	sleep_on();
}

/* wait_until_taken: until the reader has released all that was published. */
static void wait_until_taken(struct rogue *r)
{
	const struct timespec moment = {0, 1000000};

	while (r->d.out->sh->released != r->d.out->published)
		nanosleep(&moment, NULL);
}

/* ---- calls that the filter does not know; the others are probes ---- */

static void make_a_thread(struct rogue *r)
{
	(void)r;
	syscall(SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0, 0,
		0, 0);
}

static void kill_the_parent(struct rogue *r)
{
	syscall(SYS_kill, r->parent, SIGKILL);
}

static void trace_the_parent(struct rogue *r)
{
	syscall(SYS_ptrace, 16 /* PTRACE_ATTACH */, r->parent, 0, 0);
}

static void write_the_order(struct rogue *r)
{
	(void)r;
	syscall(SYS_pwrite64, HELPER_FD_SPEC, "x", (size_t)1, (off_t)0);
}

static void requeue_a_futex(struct rogue *r)
{
	uint32_t words[2] = {0};

	(void)r;
	syscall(SYS_futex, words, FUTEX_REQUEUE, 1, 1, words + 1, 0);
}

/* ---- resources ---- */

static void take_all_memory(struct rogue *r)
{
	struct dr_err err = DR_ERR_INIT;
	char *p;

	for (size_t i = 0; i < 4096; i++) {
		p = malloc(PIECE);
		if (!p) {
			dr_fail_nomem(&err);
			end_badly(r, &err);
		}
		memset(p, 1, PIECE);
	}
}

/* work: two seconds of processor time. */
static void work(void)
{
	struct timespec used;

	do
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	while (used.tv_sec < 2);
}

static void work_for_nothing(struct rogue *r)
{
	ring_set_fact(r->d.out, RING_FACT_VIRTUAL_SIZE, (uint64_t)1 << 40);
	work();
}

static void deliver_zeros(struct rogue *r, uint64_t len)
{
	struct dr_err err = DR_ERR_INIT;

	if (ring_publish_zero(r->d.out, len, &err) < 0)
		end_badly(r, &err);
	r->delivered += len;
}

/* Twice, because the committer tells what it has counted at most twice a second. */
static void work_for_zeros(struct rogue *r)
{
	const struct timespec second = {1, 0};

	deliver_zeros(r, (uint64_t)1 << 30);
	nanosleep(&second, NULL);
	deliver_zeros(r, PIECE);
	work();
}

static void work_for_the_spool(struct rogue *r)
{
	struct dr_err err = DR_ERR_INIT;
	uint8_t *piece = calloc(1, PIECE);

	for (uint64_t i = 0; piece && i < 64; i++)
		if (dr_pwrite_all(HELPER_FD_SCRATCH, piece, PIECE, i * PIECE, &err) < 0)
			end_badly(r, &err);
	read_all(r);
	work();
}

/* What it claims does not count. */
static void spin(struct rogue *r)
{
	deliver(r, PIECE);
	ring_set_fact(r->d.out, RING_FACT_VIRTUAL_SIZE, (uint64_t)1 << 40);
	for (volatile unsigned long i = 0;; i++)
		;
}

static void sleep_for_ever(struct rogue *r)
{
	deliver(r, PIECE);
	sleep_on();
}

static void sleep_after_the_end(struct rogue *r)
{
	deliver(r, PIECE);
	ring_finish(r->d.out, NULL, "format=raw\nvirtual_bytes=1048576\n");
	sleep_on();
}

/* ---- memory ---- */

static void read_nowhere(struct rogue *r)
{
	volatile const char *volatile nowhere = NULL;

	(void)r;
	(void)*nowhere;
}

static void give_up(struct rogue *r)
{
	(void)r;
	abort();
}

static void write_past_the_ring(struct rogue *r)
{
	volatile uint8_t *p = (volatile uint8_t *)r->d.out->sh;

	for (size_t i = r->d.out->map_bytes; i < ((size_t)1 << 40); i += 4096)
		p[i] = 1;
}

/* change_slots: while they are being read. What was taken is what is stored, all the same. */
static void change_slots(struct rogue *r)
{
	const size_t all = r->d.out->slots * r->d.out->slot_bytes;

	for (int turn = 0; turn < 64; turn++) {
		deliver(r, PIECE);
		memset(slot_at(r->d.out, 0), turn + 1, all);
	}
	end_well(r, r->delivered);
}

static void overwrite_the_head(struct rogue *r)
{
	deliver(r, PIECE);
	memset(r->d.out->sh, 0xFF, RING_HEAD_BYTES);
	_exit(0);
}

/* ---- lies ---- */

static void too_long_a_record(struct rogue *r)
{
	publish_raw(r, RING_DATA, r->d.out->slot_bytes + 1);
}

static void an_endless_record(struct rogue *r)
{
	publish_raw(r, RING_DATA, UINT64_MAX);
}

static void an_empty_record(struct rogue *r)
{
	publish_raw(r, RING_DATA, 0);
}

static void an_unknown_record(struct rogue *r)
{
	publish_raw(r, 7, 512);
}

static void an_index_ahead(struct rogue *r)
{
	deliver(r, PIECE);
	set_index(r, 100);
}

static void an_index_behind(struct rogue *r)
{
	deliver(r, PIECE);
	deliver(r, PIECE);
	wait_until_taken(r);
	set_index(r, 1);
}

static void zeros_past_all_numbers(struct rogue *r)
{
	deliver(r, PIECE);
	publish_raw(r, RING_ZERO, UINT64_MAX);
}

static void zeros_past_the_cap(struct rogue *r)
{
	publish_raw(r, RING_ZERO, ((uint64_t)2 << 40) + 512);
}

static void more_than_announced(struct rogue *r)
{
	deliver(r, PIECE);
	deliver(r, PIECE);
	end_well(r, PIECE);
}

static void less_than_announced(struct rogue *r)
{
	deliver(r, PIECE);
	end_well(r, 2 * PIECE);
}

static void half_a_sector(struct rogue *r)
{
	deliver(r, 513);
	end_well(r, 513);
}

static void no_disk(struct rogue *r)
{
	end_well(r, 0);
}

static void no_last_word(struct rogue *r)
{
	deliver(r, PIECE);
	_exit(0);
}

static void no_verdict(struct rogue *r)
{
	struct ring_shared *sh = r->d.out->sh;

	memset(sh->verdict_reason, 0xFF, sizeof sh->verdict_reason);
	memset(sh->verdict_msg, 0xFF, sizeof sh->verdict_msg);
	memset(sh->note, 0xFF, sizeof sh->note);
	sh->verdict_code = 0xFFFFFFFF;
	sh->state = RING_FAILED;
	event_signal(&sh->to_consumer);
	_exit(1);
}

static void no_note(struct rogue *r)
{
	struct ring_shared *sh = r->d.out->sh;

	deliver(r, PIECE);
	memset(sh->note, 'x', sizeof sh->note);
	sh->state = RING_ENDED;
	event_signal(&sh->to_consumer);
	_exit(0);
}

/* A verdict is there when the kernel ends this; nobody has been woken for it. */
static void a_verdict_before_the_deed(struct rogue *r)
{
	struct ring_shared *sh = r->d.out->sh;

	memcpy(sh->verdict_reason, "empty", sizeof "empty");
	sh->verdict_code = DR_INVALID;
	sh->state = RING_FAILED;
	syscall(SYS_kill, r->parent, SIGKILL);
}

/* ---- against the fetcher: these do not read their source to its end ---- */

static void an_end_before_the_source(struct rogue *r)
{
	deliver(r, PIECE);
	end_well(r, PIECE);
}

static void an_end_put_into_the_source(struct rogue *r)
{
	r->d.in->sh->state = RING_ENDED;
	deliver(r, PIECE);
	end_well(r, PIECE);
}

static void a_source_taken_before_it_came(struct rogue *r)
{
	struct ring_shared *sh = r->d.in->sh;

	deliver(r, PIECE);
	sh->released += 1000;
	event_signal(&sh->to_producer);
	sleep_on();
}

static const struct {
	const char *name;
	void (*run)(struct rogue *r);
	bool reads_its_source;
} deeds[] = {
	{"thread", make_a_thread, true},
	{"kill-parent", kill_the_parent, true},
	{"trace-parent", trace_the_parent, true},
	{"write-order", write_the_order, true},
	{"futex-requeue", requeue_a_futex, true},
	{"all-memory", take_all_memory, true},
	{"spin", spin, true},
	{"sleep", sleep_for_ever, true},
	{"sleep-after-end", sleep_after_the_end, true},
	{"work-for-nothing", work_for_nothing, true},
	{"work-for-zeros", work_for_zeros, true},
	{"work-for-spool", work_for_the_spool, false},
	{"segv", read_nowhere, true},
	{"abort", give_up, true},
	{"past-ring", write_past_the_ring, true},
	{"change-slots", change_slots, true},
	{"head", overwrite_the_head, true},
	{"long-record", too_long_a_record, true},
	{"endless-record", an_endless_record, true},
	{"empty-record", an_empty_record, true},
	{"unknown-record", an_unknown_record, true},
	{"index-ahead", an_index_ahead, true},
	{"index-behind", an_index_behind, true},
	{"zero-overflow", zeros_past_all_numbers, true},
	{"zero-cap", zeros_past_the_cap, true},
	{"more", more_than_announced, true},
	{"less", less_than_announced, true},
	{"half-sector", half_a_sector, true},
	{"no-disk", no_disk, true},
	{"no-last-word", no_last_word, true},
	{"no-verdict", no_verdict, true},
	{"no-note", no_note, true},
	{"verdict-first", a_verdict_before_the_deed, true},
	{"early-end", an_end_before_the_source, false},
	{"source-end", an_end_put_into_the_source, false},
	{"source-index", a_source_taken_before_it_came, false},
};

/* try_probe: a probe under the same name; 0 when there is none, or it was carried out. */
static void try_probe(struct rogue *r, const char *name)
{
	struct dr_err err = DR_ERR_INIT;

	for (size_t i = 0; i < PROBE_COUNT; i++) {
		if (strcmp(probes[i].name, name) != 0)
			continue;
		if (probes[i].attempt(spec_get_u64(r->d.spec, "upload_bytes", 0)) == 0)
			return;
		if (errno == ENOMEM)
			dr_fail_nomem(&err);
		else
			dr_refuse(&err, DR_LIMIT, "rogue-refused", "it could not");
		end_badly(r, &err);
	}
}

static _Noreturn void act(struct rogue *r, const char *name)
{
	for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
		if (strcmp(deeds[i].name, name) != 0)
			continue;
		if (deeds[i].reads_its_source)
			read_all(r);
		deeds[i].run(r);
	}
	read_all(r);
	try_probe(r, name);
	deliver(r, PIECE);
	end_well(r, r->delivered);
}

int main(void)
{
	struct dr_err err = DR_ERR_INIT;
	struct buf note = BUF_INIT_MAX(RING_NOTE_BYTES);
	struct rogue r = {.parent = getppid()};
	char line[LINE_BYTES] = "";
	const uint8_t *head = NULL;
	size_t len = 0;
	int rc;

	rc = decoder_start(&r.d, &err);
	if (rc == 0)
		rc = ring_stream_open(&r.in, r.d.in, &err);
	if (rc == 0)
		rc = stream_head_open(&r.in, r.in, sizeof line - 1, &head, &len, &err);
	if (rc == 0 && len > 6 && memcmp(head, "rogue ", 6) == 0) {
		memcpy(line, head + 6, len - 6);
		line[strcspn(line, "\n")] = 0;
		act(&r, line);
	}
	if (rc == 0)
		rc = decoder_run(&r.d, r.in, &note, &err);
	decoder_end(&r.d, rc, &err, &note);
}
