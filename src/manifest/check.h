/* SPDX-License-Identifier: Apache-2.0
 *
 * manifest/check: does the store hold what the catalogue says?
 *
 *   quick  every manifest is whole and says what the catalogue says; every chunk is there with the
 *          length and check word that the manifest recorded
 *   full   and every chunk, expanded and hashed again, is the one its id says
 *
 * A damaged item is moved aside; the next import of the same bytes writes it anew. Runs beside
 * everything else. One thread. */
#ifndef DR_MANIFEST_CHECK_H
#define DR_MANIFEST_CHECK_H

#include "manifest/collect.h"

enum check_fault {
	CHECK_MISSING,    /* an item that is not there */
	CHECK_DAMAGED,    /* an item that was there and wrong; it has been moved aside */
	CHECK_DISAGREES,  /* sound, but not what the catalogue or the manifest says */
	CHECK_UNREADABLE, /* this machine failed to read it */
};

/* One image that the catalogue says to be in the store. */
struct check_item {
	const char *name; /* an image's id: only handed back */
	const char *domain;
	struct digest id;      /* of the manifest blob */
	uint64_t bytes;        /* the virtual size */
	struct digest content; /* manifest_content_digest */
};

typedef int (*check_fn)(void *arg, const struct check_item *item, struct dr_err *err);

struct check_catalogue {
	/* each: fn(fn_arg, …) for everything that is live now; stops with -1 when fn does. Called
	 * once or more. */
	int (*each)(void *arg, check_fn fn, void *fn_arg, struct dr_err *err);
	/* live: the item still is; asked before a problem is reported, since an image may be
	 * deleted and collected while it is checked. NULL: yes. */
	bool (*live)(void *arg, const struct check_item *item);
	/* problem: one sentence about one item, also saying whether a new import heals it. */
	void (*problem)(void *arg, const struct check_item *item, enum check_fault fault,
			const char *text);
	/* recoded: all chunks of an image are sound, but some are encoded otherwise than recorded,
	 * because another version of the encoder has healed them. `m` is its manifest with what is
	 * at rest now: to be kept instead. -1 with err: it was not. NULL: never is. */
	int (*recoded)(void *arg, const struct check_item *item, const struct manifest *m,
		       struct dr_err *err);
	void *arg;
};

struct check_result {
	uint64_t problems;
	uint64_t items;  /* looked at */
	uint64_t chunks; /* looked at; a chunk of several images counts once (as a rule) */
	uint64_t leases_active;
	uint64_t leases_ended;      /* the next collection forgets them */
	bool counted;               /* the two below are known: every manifest could be read, and no
				       collection was running */
	struct store_tally orphans; /* nothing refers to them: the next collection's */
	struct store_tally leased;  /* only a job does */
};

/* manifest_check: 0 when everything was looked at (then ret->problems says how it is), or -1: the
 * catalogue's own failure, NO_MEMORY, IO on the store as a whole. Blocks for long. */
int manifest_check(struct store *st, const struct check_catalogue *cat, bool full,
		   struct check_result *ret, struct dr_err *err) DR_MUST_CHECK;

#endif
