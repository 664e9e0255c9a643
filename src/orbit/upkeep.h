/* SPDX-License-Identifier: Apache-2.0
 *
 * orbit/upkeep: what is done for users' objects without being asked for. All run beside everything
 * else, one thread each.
 *
 *   expire   deletes what is due
 *   collect  removes objects that no row names: what a server that died has left between the two
 *   check    quick: every object of a row is there, with its length; containers' sums are those of
 *            their rows. Full: and every byte is read again against the MD5 in the row.
 *
 * A damaged object is moved aside (store_object_set_aside): nobody is served wrong bytes, and no
 * import can heal what only its owner has. Sums that are wrong are put right. */
#ifndef DR_ORBIT_UPKEEP_H
#define DR_ORBIT_UPKEEP_H

#include "catalogue/orbit.h"
#include "manifest/check.h"
#include "store/object.h"

/* orbit_expire: deletes what was to be deleted by `now` (seconds since 1970), at most `most`; how
 * many it were. */
int orbit_expire(struct catalogue *c, struct store *st, int64_t now, size_t most,
		 struct dr_err *err) DR_MUST_CHECK;

struct orbit_tally {
	uint64_t objects;
	uint64_t bytes;
};

struct orbit_collected {
	struct orbit_tally kept;  /* rows name them, or are about to */
	struct orbit_tally freed; /* removed, or in a dry run: would be */
};

/* orbit_collect: `stop` is asked all along; true ends it with CANCELLED (NULL: never). *ret is
 * filled also on failure. */
int orbit_collect(struct catalogue *c, struct store *st, bool (*stop)(void *arg), void *stop_arg,
		  struct orbit_collected *ret, struct dr_err *err) DR_MUST_CHECK;

struct orbit_checked {
	uint64_t problems;
	struct orbit_tally checked; /* what rows name */
	struct orbit_tally orphans; /* no row names them: the next collection's */
};

/* orbit_check: problem() gets one sentence about one object, or, with object "", its container,
 * or, with container "", its account. 0 when everything was looked at, or -1: the catalogue's own
 * failure, NO_MEMORY, IO on the store as a whole. */
typedef void (*orbit_problem_fn)(void *arg, const struct stored_blob *where, enum check_fault fault,
				 const char *text);
int orbit_check(struct catalogue *c, struct store *st, bool full, orbit_problem_fn problem,
		void *arg, struct orbit_checked *ret, struct dr_err *err) DR_MUST_CHECK;

#endif
