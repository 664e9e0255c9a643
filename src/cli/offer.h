/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/offer: a file of this machine where an import can fetch it: uploaded, behind a temporary URL,
 * until the import is over. The import is to compare its SHA-256.
 *
 *   offer_make -> (the import) -> offer_remove or offer_keep -> offer_done */
#ifndef DR_CLI_OFFER_H
#define DR_CLI_OFFER_H

#include "cli/remote.h"
#include "digest/digest.h"

#define OFFER_CONTAINER "uploads"

struct offer {
	struct remote *remote; /* owned */
	const char *container; /* borrowed */
	char *name;            /* owned */
	char *url;             /* owned, a secret as long as it works */
	char sha256[HASH_MAX_HEX];
};

/* offer_make: uploads `file` ("-": standard input) as upload_run() does. Ctrl-C meanwhile ends the
 * program, with a word about what is kept. */
int offer_make(struct offer *o, struct cli *cli, const char *file, const char *container,
	       struct dr_err *err) DR_MUST_CHECK;
/* offer_remove: nothing is left of it, nor of OFFER_CONTAINER when it is empty; when that does not
 * work it is said, no more: the image is what matters. offer_keep: says that it stays, and how to
 * remove it. */
void offer_remove(struct offer *o);
void offer_keep(const struct offer *o);
void offer_done(struct offer *o);

#define offer_auto DR_CLEANUP(offer_done)

#endif
