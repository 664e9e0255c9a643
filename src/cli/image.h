/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/image: what the command derives from an image's JSON (api.md section 4), in the seed's words.
 */
#ifndef DR_CLI_IMAGE_H
#define DR_CLI_IMAGE_H

#include "cli/cli.h"
#include "cli/progress.h"

#define IMAGE_COLLECTION "/1.0/images"

extern const struct field_list image_columns; /* of listings */
extern const struct field_list image_fields;  /* of `show` */

/* image_status: "public", "private", "deprecated", or the API's word. */
const char *image_status(const json_t *image);
/* image_type: "official", or its source type. image_owner: "brightbox" for official ones. */
const char *image_type(const json_t *image);
const char *image_owner(const json_t *image);

/* What `images list` was asked for; NULL: anything. */
struct image_filter {
	const char *type;
	const char *status;
	const char *owner;   /* an account, or "brightbox" for the official ones */
	const char *account; /* hide what is neither official nor this account's */
};

bool image_matches(const json_t *image, const struct image_filter *filter);
/* image_compare: the order of listings: official first, by name, architecture, status, newest; then
 * the snapshots, oldest first. */
int image_compare(const json_t *a, const json_t *b);

/* image_progress: how far an image's import is, by its member {"phase", "bytes_done",
 * "bytes_total", "rate", "position", "waits_for"}. ret->phase ("download"; "queued, 3 before it";
 * "creating") is borrowed from `phase`, which is empty before. */
void image_progress(const json_t *image, struct buf *phase, struct progress_state *ret);

#endif
