/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/collector: the thread that collects unused chunks every now and then, and prunes tokens;
 * and the same collection and check for `darkroomd admin store`. */
#ifndef DR_DAEMON_COLLECTOR_H
#define DR_DAEMON_COLLECTOR_H

#include "catalogue/catalogue.h"
#include "manifest/collect.h"

struct collector;

/* collector_start: every interval_seconds (0 = never). Catalogue and store are borrowed. */
int collector_start(struct collector **ret, struct catalogue *c, struct store *st,
		    uint64_t interval_seconds, uint64_t grace_seconds, struct dr_err *err)
	DR_MUST_CHECK;
void collector_stop(struct collector *g); /* NULL is fine */
/* collect_once: leases of finished jobs are dropped first. */
int collect_once(struct catalogue *c, struct store *st, uint64_t grace_seconds,
		 struct store_sweep_stats *ret, struct dr_err *err) DR_MUST_CHECK;

#endif
