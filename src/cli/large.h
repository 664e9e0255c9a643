/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/large: what large objects consist of (Swift's static and dynamic large objects, api.md
 * section 7.5). */
#ifndef DR_CLI_LARGE_H
#define DR_CLI_LARGE_H

#include "cli/remote.h"

/* An object by its HEAD. */
struct large {
	bool found;
	uint64_t bytes;
	char etag[128];   /* without quotes; "": none was sent */
	bool plain;       /* then the ETag is the MD5 of the content */
	json_t *segments; /* owned: of a static one, as ?multipart-manifest=get shows them; or NULL
			   */
	char *dynamic; /* owned: of a dynamic one, "container/prefix", percent-encoded; or NULL */
};

/* large_look: 0 also when there is no such object (not found). */
int large_look(struct remote *r, struct web *web, const char *container, const char *name,
	       struct large *ret, struct dr_err *err) DR_MUST_CHECK;
void large_done(struct large *l);
/* large_etag: copies an ETag without its quotes; true when it had none, as an MD5 has. */
bool large_etag(const char *header, char *ret, size_t size);

#define large_auto DR_CLEANUP(large_done)

#endif
