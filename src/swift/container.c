/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/{account}/images: the objects are the account's images, and nobody writes them here. */
#include <stdlib.h>
#include <string.h>

#include "swift/swift_internal.h"

#include "util/banned.h"

static json_t *object_json(const struct image_object *o)
{
	char when[SWIFT_TIME_TEXT];

	swift_time(o->modified_at, when);
	/* As Swift lists a static large object: its hash is not the MD5 of its content. */
	return json_pack("{s:s, s:s, s:o, s:I, s:s, s:s}", "name", o->name, "hash", o->etag,
			 "slo_etag", json_sprintf("\"%s\"", o->etag), "bytes", (json_int_t)o->bytes,
			 "content_type", "application/x-lz4", "last_modified", when);
}

/* Objects are fetched in pages: what a delimiter cuts off does not count against the limit. */
static int list_objects(struct swift_call *c, struct dr_err *err)
{
	DR_CLEANUP(swift_listing_done) struct swift_listing listing;
	char after[ID_TEXT] = "";
	const char *marker;
	size_t n;
	bool more = true;

	if (swift_listing_open(&listing, c->rq, err) < 0)
		return -1;
	marker = listing.marker;
	do {
		dr_autofree struct image_object *objects = NULL;

		n = 0;
		if (listing.limit > 0 &&
		    library_objects(c->library, &c->who, c->account, marker, listing.end_marker,
				    listing.prefix, SWIFT_LISTING_LIMIT, &objects, &n, err) < 0)
			return -1;
		for (size_t i = 0; i < n && more; i++)
			more = swift_listing_add(&listing, objects[i].name,
						 listing.json ? object_json(&objects[i]) : NULL);
		if (n > 0)
			memcpy(after, objects[n - 1].name, sizeof after);
		marker = after;
	} while (more && n == SWIFT_LISTING_LIMIT);
	return swift_listing_send(&listing, c->rs, err);
}

int swift_container(struct swift_call *c, struct dr_err *err)
{
	struct account a;
	uint64_t count, bytes;

	/* Policy first: a storage-only client learns nothing of which containers there are. */
	if (library_objects_stat(c->library, &c->who, c->account, &count, &bytes, err) < 0 ||
	    library_account_show(c->library, &c->who, NULL, &a, err) < 0)
		return -1;
	if (http_method(c->rq) == HTTP_PUT)
		return dr_fail(err, DR_DENIED, "containers cannot be made");
	if (strcmp(c->container, SWIFT_CONTAINER) != 0)
		return dr_fail(err, DR_NOT_FOUND, "no such container");
	if (http_method(c->rq) != HTTP_GET && http_method(c->rq) != HTTP_HEAD)
		return dr_fail(err, DR_DENIED, "the container is read-only");
	http_addf(c->rs, "X-Container-Object-Count", "%llu", (unsigned long long)count);
	http_addf(c->rs, "X-Container-Bytes-Used", "%llu", (unsigned long long)bytes);
	http_add(c->rs, "X-Storage-Policy", "Policy-0");
	http_add(c->rs, "Accept-Ranges", "bytes");
	swift_timestamp(c->rs, a.created_at);
	if (http_method(c->rq) == HTTP_GET)
		return list_objects(c, err);
	swift_empty(c->rs, 204);
	return 0;
}
