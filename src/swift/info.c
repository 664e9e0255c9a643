/* SPDX-License-Identifier: Apache-2.0
 *
 * /info: what a client may rely on (api.md section 7.2); no authentication. */
#include "swift/swift_internal.h"

#include "util/banned.h"

int swift_info(const struct orbit *o, const struct http_request *rq, struct http_response *rs,
	       struct dr_err *err)
{
	dr_autobuf struct buf b = BUF_INIT;

	if (http_method(rq) != HTTP_GET && http_method(rq) != HTTP_HEAD) {
		swift_not_allowed(rs, "GET, HEAD, OPTIONS");
		return 0;
	}
	buf_printf(&b, "{\"swift\":{\"version\":\"Darkroom %s\",\"max_file_size\":%llu,",
		   DR_VERSION, (unsigned long long)o->object_bytes);
	buf_printf(&b,
		   "\"max_meta_name_length\":%d,\"max_meta_value_length\":%d,\"max_meta_count\":%d,"
		   "\"max_meta_overall_size\":%d,\"max_header_size\":8192,",
		   META_MAX_NAME, META_MAX_VALUE, META_MAX_ITEMS, META_MAX_BYTES);
	buf_printf(&b,
		   "\"max_container_name_length\":%d,\"max_object_name_length\":%d,"
		   "\"account_listing_limit\":%d,\"container_listing_limit\":%d,"
		   "\"strict_cors_mode\":true,\"account_autocreate\":false,"
		   "\"policies\":[{\"name\":\"Policy-0\",\"aliases\":\"Policy-0\",\"default\":true}"
		   "]},",
		   CONTAINER_TEXT - 1, OBJECT_TEXT - 1, ORBIT_LISTING_LIMIT, ORBIT_LISTING_LIMIT);
	buf_printf(&b,
		   "\"tempurl\":{\"methods\":[\"GET\",\"HEAD\",\"PUT\",\"POST\",\"DELETE\"],"
		   "\"incoming_remove_headers\":[\"x-timestamp\"],\"incoming_allow_headers\":[],"
		   "\"outgoing_remove_headers\":[\"x-object-meta-*\"],"
		   "\"outgoing_allow_headers\":[\"x-object-meta-public-*\"],"
		   "\"allowed_digests\":[%s\"sha256\",\"sha512\"]},",
		   o->tempurls.sha1 ? "\"sha1\"," : "");
	buf_printf(&b,
		   "\"slo\":{\"max_manifest_segments\":%d,\"max_manifest_size\":%zu,"
		   "\"min_segment_size\":1},",
		   ORBIT_SEGMENTS, ORBIT_MANIFEST_BYTES);
	buf_puts(&b,
		 "\"dlo\":{\"max_segments\":10000},"
		 "\"bulk_delete\":{\"max_deletes_per_request\":10000,\"max_failed_deletes\":1000},"
		 "\"container_quotas\":{},\"account_quotas\":{},\"staticweb\":{}}");
	if (buf_check(&b, err) < 0)
		return -1;
	http_status(rs, 200);
	http_send(rs, "application/json; charset=UTF-8", buf_str(&b), b.len);
	return 0;
}
