/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/commit: the extents of a disk in, chunks and a manifest in the store out.
 *
 *   ring --(copy once into private memory)--> 1 MiB chunk --crew: zero? SHA-256, LZ4, put--> store
 *                                                      \--in order--> manifest --> blob --> barrier
 *
 * The writer of the ring is not trusted: lengths, offsets and totals are our own sums, and what is
 * hashed is what is stored, since both work on the private copy. */
#ifndef DR_INGEST_COMMIT_H
#define DR_INGEST_COMMIT_H

#include "manifest/manifest.h"
#include "ring/ring.h"
#include "util/workers.h"

struct commit_job {
	struct ring *ring;   /* borrowed */
	struct store *store; /* borrowed */
	const char *domain;  /* deduplication domain */
	const char *lease;
	struct workers *crew;   /* borrowed */
	bool hurry;             /* compress less well while the processors are the limit */
	uint64_t virtual_bytes; /* the cap, as our own sum */
	uint64_t stored_bytes;  /* at most this many non-zero plain bytes; UINT64_MAX = unlimited */
	/* progress: after every item of the ring, zeros too; from the calling thread; may be
	 * NULL. disk_bytes: taken from the ring; data_bytes: not zero, and put by now */
	void (*progress)(void *arg, uint64_t disk_bytes, uint64_t data_bytes);
	void *progress_arg;
};

struct commit_result {
	struct digest manifest; /* key of the manifest blob */
	struct digest content;  /* content digest */
	uint64_t virtual_bytes;
	uint64_t data_bytes;   /* plain bytes in 4 KiB blocks that are not all zero */
	uint64_t stored_bytes; /* encoded */
	uint64_t new_bytes;    /* encoded bytes that were not there before */
	uint64_t chunks, new_chunks;
	uint64_t object_bytes; /* length of the lz4 view */
};

/* commit_run: takes everything from the ring; durable when it returns 0. On failure the ring is
 * abandoned and what was put stays leased, for the caller to unlease and the collector to free. */
int commit_run(const struct commit_job *job, struct commit_result *ret, struct dr_err *err)
	DR_MUST_CHECK;

#endif
