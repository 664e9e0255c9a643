/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/collector: what joins catalogue and store: collection and check, for the daemon's own
 * thread and for `darkroomd admin store`. */
#ifndef DR_DAEMON_COLLECTOR_H
#define DR_DAEMON_COLLECTOR_H

#include "catalogue/catalogue.h"
#include "manifest/check.h"
#include "manifest/collect.h"
#include "orbit/upkeep.h"

struct collector;

struct collector_config {
	struct catalogue *catalogue; /* borrowed */
	struct store *store;         /* borrowed */
	uint64_t collect_seconds;    /* between collections; 0 = never */
	uint64_t grace_seconds;
	uint64_t expire_seconds; /* between looks for objects that are due; 0 = never */
};
/* collector_start: a thread that collects and prunes tokens, and deletes objects that are due. What
 * a server that died has left of uploads, and what has come due since, goes at once. */
int collector_start(struct collector **ret, const struct collector_config *config,
		    struct dr_err *err) DR_MUST_CHECK;
void collector_stop(struct collector *g); /* NULL is fine; ends a running collection early */

struct collected {
	struct orbit_collected objects; /* users' own */
	struct store_sweep_stats items; /* chunks and manifests of images */
};
/* collect_once: users' objects; then ends the leases of jobs that are over, and collects what
 * images need no more. */
int collect_once(struct catalogue *c, struct store *st, const struct collect_options *opt,
		 struct collected *ret, struct dr_err *err) DR_MUST_CHECK;
/* check_once: manifest_check over the catalogue's images; problem as there. */
int check_once(struct catalogue *c, struct store *st, bool full,
	       void (*problem)(void *arg, const struct check_item *item, enum check_fault fault,
			       const char *text),
	       void *arg, struct check_result *ret, struct dr_err *err) DR_MUST_CHECK;

#endif
