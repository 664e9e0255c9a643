/* SPDX-License-Identifier: Apache-2.0
 *
 * /v1/{account}: its one container, `images`, which every account has, also when it is empty. */
#include "swift/swift_internal.h"

#include "util/banned.h"

static int list_containers(struct swift_call *c, uint64_t count, uint64_t bytes, int64_t since,
			   struct dr_err *err)
{
	DR_CLEANUP(swift_listing_done) struct swift_listing listing;
	char when[SWIFT_TIME_TEXT];

	if (swift_listing_open(&listing, c->rq, err) < 0)
		return -1;
	swift_time(since, when);
	(void)swift_listing_add(&listing, SWIFT_CONTAINER,
				json_pack("{s:s, s:I, s:I, s:s}", "name", SWIFT_CONTAINER, "count",
					  (json_int_t)count, "bytes", (json_int_t)bytes,
					  "last_modified", when));
	return swift_listing_send(&listing, c->rs, err);
}

int swift_account(struct swift_call *c, struct dr_err *err)
{
	struct account a;
	uint64_t count, bytes;

	if (library_objects_stat(c->library, &c->who, c->account, &count, &bytes, err) < 0 ||
	    library_account_show(c->library, &c->who, NULL, &a, err) < 0)
		return -1;
	if (http_method(c->rq) != HTTP_GET && http_method(c->rq) != HTTP_HEAD) {
		http_add(c->rs, "Allow", "GET, HEAD");
		swift_error(c->rs, 405, "The method is not allowed for this resource.");
		return 0;
	}
	http_add(c->rs, "X-Account-Container-Count", "1");
	http_addf(c->rs, "X-Account-Object-Count", "%llu", (unsigned long long)count);
	http_addf(c->rs, "X-Account-Bytes-Used", "%llu", (unsigned long long)bytes);
	http_add(c->rs, "Accept-Ranges", "bytes");
	swift_timestamp(c->rs, a.created_at);
	if (http_method(c->rq) == HTTP_GET)
		return list_containers(c, count, bytes, a.created_at, err);
	swift_empty(c->rs, 204);
	return 0;
}
