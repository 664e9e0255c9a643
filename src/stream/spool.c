/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/spool.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "util/checked.h"
#include "util/io.h"
#include "util/mutex.h"

#include "util/banned.h"

#define PAGE SPOOL_PAGE_BYTES
#define WINDOW (SPOOL_PAGES * PAGE)

/* One page of the window. */
struct page {
	size_t unreleased; /* bytes that may be asked for again */
	unsigned pins;     /* readers that are copying from it */
};

struct spool {
	struct stream view; /* spool_stream(); first, so that the view is its spool */
	uint64_t view_pos;  /* of stream_read on the view */
	int fd;             /* borrowed */
	uint64_t max_bytes;
	pthread_t thread;
	struct dr_mutex lock;
	struct dr_cond changed; /* any of the fields below */
	struct stream *in;      /* lock; owned; NULL until spool_start */
	uint64_t landed;        /* lock; written by the spool thread only */
	uint64_t first;         /* lock; pages of the file before this one are not in the window */
	uint64_t written;       /* lock; bytes in the scratch file */
	uint64_t released_end;  /* lock; the furthest byte released */
	uint64_t wanted;        /* lock; a reader waits, or has waited, until so much has landed */
	struct page pages[SPOOL_PAGES]; /* lock; of the file's page n: n % SPOOL_PAGES */
	uint8_t *dropped;               /* lock; owned; a bit per page of the file */
	size_t dropped_bytes;           /* lock */
	struct dr_err failure;          /* lock; the input failed, or writing it did */
	bool ended;                     /* lock; the input has ended well */
	bool stop;                      /* lock */
	uint8_t *window;                /* owned; the content of the pages */
};

static uint8_t *page_bytes(const struct spool *sp, uint64_t page)
{
	return sp->window + (size_t)(page % SPOOL_PAGES) * PAGE;
}

static bool is_dropped(const struct spool *sp, uint64_t page)
{
	dr_assert_held(&sp->lock);
	return page / 8 < sp->dropped_bytes && (sp->dropped[page / 8] >> (page % 8) & 1);
}

static int note_dropped(struct spool *sp, uint64_t page, struct dr_err *err)
{
	size_t want = (size_t)(page / 8) + 1, room;
	uint8_t *more;

	dr_assert_held(&sp->lock);
	if (want > sp->dropped_bytes) {
		room = 2 * want + 64;
		more = realloc(sp->dropped, room);
		if (!more)
			return dr_fail_nomem(err);
		memset(more + sp->dropped_bytes, 0, room - sp->dropped_bytes);
		sp->dropped = more;
		sp->dropped_bytes = room;
	}
	sp->dropped[page / 8] |= (uint8_t)(1U << (page % 8));
	return 0;
}

/* may_leave: whether the oldest page need not stay for a reader that is on its way to it. */
static bool may_leave(const struct spool *sp)
{
	dr_assert_held(&sp->lock);
	return sp->pages[sp->first % SPOOL_PAGES].unreleased == 0 ||
	       sp->released_end >= (sp->first + 1) * PAGE || sp->wanted > sp->landed || sp->stop;
}

/* make_room: takes the oldest page out of a full window. The spool thread only, which alone writes
 * to pages: what a page holds does not change while it is saved. */
static int make_room(struct spool *sp, struct dr_err *err)
{
	struct page *p = &sp->pages[sp->first % SPOOL_PAGES];
	uint64_t page = sp->first;
	bool save;
	int rc = 0;

	dr_lock(&sp->lock);
	while (!may_leave(sp))
		dr_cond_wait(&sp->changed, &sp->lock);
	save = p->unreleased > 0;
	dr_unlock(&sp->lock);
	if (save && dr_pwrite_all(sp->fd, page_bytes(sp, page), PAGE, page * PAGE, err) < 0)
		return -1;
	dr_lock(&sp->lock);
	if (save)
		sp->written += PAGE;
	else
		rc = note_dropped(sp, page, err);
	sp->first++;
	while (p->pins > 0)
		dr_cond_wait(&sp->changed, &sp->lock);
	p->unreleased = PAGE;
	dr_unlock(&sp->lock);
	return rc;
}

/* Takes one piece from the input; its length, 0 at the end, or -1. */
static ssize_t take(struct spool *sp, struct dr_err *err)
{
	uint64_t at = sp->landed, page = at / PAGE;
	size_t in_page = (size_t)(at % PAGE);
	ssize_t n;

	if (page - sp->first == SPOOL_PAGES && make_room(sp, err) < 0)
		return -1;
	n = stream_read(sp->in, page_bytes(sp, page) + in_page, PAGE - in_page, err);
	if (n > 0 && (uint64_t)n > sp->max_bytes - at)
		return dr_refuse(err, DR_LIMIT, "too-large",
				 "the upload is larger than the %llu bytes allowed",
				 (unsigned long long)sp->max_bytes);
	return n;
}

/* Moves one piece from the input to the window; false when there is nothing more to do. */
static bool pull(struct spool *sp)
{
	struct dr_err err = DR_ERR_INIT;
	ssize_t n = take(sp, &err);
	bool more;

	dr_lock(&sp->lock);
	if (n < 0)
		sp->failure = err;
	else if (n == 0)
		sp->ended = true;
	else
		sp->landed += (uint64_t)n;
	more = n > 0 && !sp->stop;
	dr_cond_broadcast(&sp->changed);
	dr_unlock(&sp->lock);
	return more;
}

static void *spool_main(void *arg)
{
	struct spool *sp = arg;
	bool go;

	dr_lock(&sp->lock);
	while (!sp->in && !sp->stop)
		dr_cond_wait(&sp->changed, &sp->lock);
	go = !sp->stop;
	dr_unlock(&sp->lock);
	while (go)
		go = pull(sp);
	return NULL;
}

int spool_await(struct spool *sp, uint64_t end, uint64_t *ret, struct dr_err *err)
{
	int rc = 0;

	dr_lock(&sp->lock);
	if (sp->landed < end && sp->wanted < end) {
		sp->wanted = end;
		dr_cond_broadcast(&sp->changed);
	}
	while (sp->landed < end && !sp->ended && !dr_err_is_set(&sp->failure))
		dr_cond_wait(&sp->changed, &sp->lock);
	*ret = sp->landed;
	if (sp->landed < end && !sp->ended) {
		*err = sp->failure;
		rc = -1;
	}
	dr_unlock(&sp->lock);
	return rc;
}

enum place { IN_WINDOW, IN_SCRATCH, NOWHERE };

/* find_page: where a page that has landed is; one in the window is pinned there. */
static enum place find_page(struct spool *sp, uint64_t page)
{
	enum place ret = IN_SCRATCH;

	dr_lock(&sp->lock);
	if (page >= sp->first) {
		sp->pages[page % SPOOL_PAGES].pins++;
		ret = IN_WINDOW;
	} else if (is_dropped(sp, page)) {
		ret = NOWHERE;
	}
	dr_unlock(&sp->lock);
	return ret;
}

static void unpin(struct spool *sp, uint64_t page)
{
	struct page *p = &sp->pages[page % SPOOL_PAGES];

	dr_lock(&sp->lock);
	p->pins--;
	if (p->pins == 0 && page < sp->first)
		dr_cond_broadcast(&sp->changed);
	dr_unlock(&sp->lock);
}

/* copy_out: bytes that have landed. */
static int copy_out(struct spool *sp, uint8_t *to, size_t len, uint64_t off, struct dr_err *err)
{
	while (len > 0) {
		uint64_t page = off / PAGE;
		size_t in_page = (size_t)(off % PAGE), n = dr_min_size(len, PAGE - in_page);
		ssize_t got;

		switch (find_page(sp, page)) {
		case IN_WINDOW:
			memcpy(to, page_bytes(sp, page) + in_page, n);
			unpin(sp, page);
			break;
		case IN_SCRATCH:
			got = dr_pread_full(sp->fd, to, n, off, err);
			if (got >= 0 && (size_t)got < n)
				return dr_fail(err, DR_IO, "the scratch file has lost bytes");
			if (got < 0)
				return -1;
			break;
		case NOWHERE:
			return dr_fail(err, DR_CONFLICT,
				       "byte %llu of the file is used for a second time",
				       (unsigned long long)off);
		}
		to += n;
		off += n;
		len -= n;
	}
	return 0;
}

static ssize_t view_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct spool *sp = (struct spool *)s;
	uint64_t landed;

	if (spool_await(sp, sp->view_pos + 1, &landed, err) < 0)
		return -1;
	len = (size_t)dr_min_u64(len, landed - sp->view_pos);
	if (copy_out(sp, buf, len, sp->view_pos, err) < 0)
		return -1;
	sp->view_pos += len;
	return (ssize_t)len;
}

static int view_pread(struct stream *s, void *buf, size_t len, uint64_t off, struct dr_err *err)
{
	struct spool *sp = (struct spool *)s;
	uint64_t end, landed;

	if (!dr_add_u64(off, len, &end))
		end = UINT64_MAX; /* past any end, see below */
	if (spool_await(sp, end, &landed, err) < 0)
		return -1;
	if (!dr_range_within(off, len, landed))
		return dr_refuse(err, DR_CORRUPT, "truncated",
				 "the file ends at byte %llu; %zu bytes at %llu are missing",
				 (unsigned long long)landed, len, (unsigned long long)off);
	return copy_out(sp, buf, len, off, err);
}

/* The view is part of the spool and goes with it. */
static void view_close(struct stream *s)
{
	(void)s;
}

static const struct stream_ops view_ops = {
	.name = "spool", .read = view_read, .pread = view_pread, .close = view_close};

static void spool_free(struct spool *sp)
{
	dr_cond_done(&sp->changed);
	dr_mutex_done(&sp->lock);
	munmap(sp->window, WINDOW);
	free(sp->dropped);
	free(sp);
}

int spool_open(struct spool **ret, int fd, uint64_t max_bytes, struct dr_err *err)
{
	struct spool *sp = calloc(1, sizeof *sp);
	/* Not malloc(): pages that were never used cost nothing, whatever the allocator does. */
	void *window =
		mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!sp || window == MAP_FAILED) {
		free(sp);
		if (window != MAP_FAILED)
			munmap(window, WINDOW);
		return dr_fail_nomem(err);
	}
	sp->window = window;
	for (unsigned i = 0; i < SPOOL_PAGES; i++)
		sp->pages[i].unreleased = PAGE;
	stream_init(&sp->view, &view_ops);
	sp->fd = fd;
	sp->max_bytes = max_bytes;
	dr_mutex_init(&sp->lock);
	dr_cond_init(&sp->changed);
	if (pthread_create(&sp->thread, NULL, spool_main, sp) != 0) {
		spool_free(sp);
		return dr_fail(err, DR_NO_MEMORY, "cannot start the spool's thread");
	}
	*ret = sp;
	return 0;
}

void spool_start(struct spool *sp, struct stream *in)
{
	dr_lock(&sp->lock);
	assert(!sp->in);
	sp->in = in;
	dr_cond_broadcast(&sp->changed);
	dr_unlock(&sp->lock);
}

struct stream *spool_stream(struct spool *sp)
{
	return &sp->view;
}

int64_t spool_length(struct spool *sp, struct dr_err *err)
{
	uint64_t landed;

	if (spool_await(sp, UINT64_MAX, &landed, err) < 0)
		return -1;
	return (int64_t)landed;
}

uint64_t spool_landed(struct spool *sp, bool *ret_ended)
{
	uint64_t landed;

	dr_lock(&sp->lock);
	landed = sp->landed;
	*ret_ended = sp->ended;
	dr_unlock(&sp->lock);
	return landed;
}

void spool_release(struct spool *sp, uint64_t off, uint64_t len)
{
	bool emptied = false;
	uint64_t end;

	if (!dr_add_u64(off, len, &end))
		return;
	dr_lock(&sp->lock);
	assert(end <= sp->landed);
	if (end > sp->released_end) {
		emptied = end / PAGE > sp->released_end / PAGE;
		sp->released_end = end;
	}
	while (off < end) {
		uint64_t n = dr_min_u64(end - off, PAGE - off % PAGE);
		struct page *p = &sp->pages[off / PAGE % SPOOL_PAGES];

		if (off / PAGE >= sp->first) {
			/* Twice the same bytes: a file that refers to them twice. */
			p->unreleased -= dr_min_size((size_t)n, p->unreleased);
			emptied |= p->unreleased == 0;
		}
		off += n;
	}
	if (emptied)
		dr_cond_broadcast(&sp->changed);
	dr_unlock(&sp->lock);
}

uint64_t spool_held(struct spool *sp, uint64_t off, uint64_t len)
{
	uint64_t at = off, end;

	if (!dr_add_u64(off, len, &end))
		return 0;
	dr_lock(&sp->lock);
	while (at < end && !is_dropped(sp, at / PAGE))
		at = dr_min_u64(end, (at / PAGE + 1) * PAGE);
	dr_unlock(&sp->lock);
	return at - off;
}

uint64_t spool_written(struct spool *sp)
{
	uint64_t ret;

	dr_lock(&sp->lock);
	ret = sp->written;
	dr_unlock(&sp->lock);
	return ret;
}

uint64_t spool_max_bytes(const struct spool *sp)
{
	return sp->max_bytes;
}

void spool_close(struct spool *sp)
{
	if (!sp)
		return;
	dr_lock(&sp->lock);
	sp->stop = true;
	dr_cond_broadcast(&sp->changed);
	dr_unlock(&sp->lock);
	pthread_join(sp->thread, NULL);
	stream_close(sp->in);
	spool_free(sp);
}
