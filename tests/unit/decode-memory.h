/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs decode_run() in-process over bytes in memory, into a checked sink, for tests and fuzzing. */
#ifndef DR_TESTS_DECODE_MEMORY_H
#define DR_TESTS_DECODE_MEMORY_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ingest/decode.h"

#define MEMORY_SLOT ((size_t)1 << 20)

struct memory_sink {
	struct decode_sink base;
	uint8_t slot[MEMORY_SLOT];
	uint8_t *disk; /* NULL: only counted */
	uint64_t disk_room;
	uint64_t pos;
	uint64_t announced;
};

static inline int memory_reserve(struct decode_sink *s, uint8_t **ret, struct dr_err *err)
{
	(void)err;
	*ret = ((struct memory_sink *)s)->slot;
	return 0;
}

static inline void memory_publish(struct decode_sink *s, size_t len)
{
	struct memory_sink *m = (struct memory_sink *)s;

	if (m->disk && m->pos + len <= m->disk_room)
		memcpy(m->disk + m->pos, m->slot, len);
	m->pos += len;
}

static inline int memory_zero(struct decode_sink *s, uint64_t len, struct dr_err *err)
{
	struct memory_sink *m = (struct memory_sink *)s;

	(void)err;
	if (m->disk && m->pos + len <= m->disk_room)
		memset(m->disk + m->pos, 0, (size_t)len);
	m->pos += len;
	return 0;
}

static inline void memory_size(struct decode_sink *s, uint64_t bytes)
{
	((struct memory_sink *)s)->announced = bytes;
}

struct memory_decode {
	const void *p;
	size_t len;
	bool declare;    /* announce the length */
	size_t fragment; /* reads of at most this many bytes; 0 = off */
	unsigned threads;
	struct decode_limits limits;
	bool proven; /* the length is vouched for, announced or not */
};

/* memory_decode: as decode_run(); the sink is made by the caller with memory_sink_new(). */
static inline int memory_decode(const struct memory_decode *md, struct memory_sink *sink,
				struct decode_facts *facts, struct dr_err *err)
{
	int scratch = memfd_create("scratch", MFD_CLOEXEC);
	struct workers *crew = NULL;
	struct spool *spool = NULL;
	struct decode_job job = {.declared_bytes = md->declare ? md->len : UINT64_MAX,
				 .length_proven = md->declare || md->proven,
				 .limits = &md->limits};
	int rc = -1;

	if (workers_new(&crew, md->threads, err) == 0 &&
	    spool_open(&spool, scratch, (uint64_t)1 << 30, err) == 0 &&
	    stream_mem_open(&job.in, md->p, md->len, err) == 0) {
		job.in->fragment = md->fragment;
		job.spool = spool;
		job.crew = crew;
		rc = decode_run(&job, &sink->base, facts, err);
	}
	spool_close(spool);
	workers_free(crew);
	close(scratch);
	return rc;
}

static inline struct memory_sink *memory_sink_new(uint8_t *disk, uint64_t room)
{
	struct memory_sink *m = calloc(1, sizeof *m);

	if (!m)
		abort();
	m->base = (struct decode_sink){memory_reserve, memory_publish, memory_zero, memory_size,
				       MEMORY_SLOT};
	m->disk = disk;
	m->disk_room = room;
	return m;
}

#endif
