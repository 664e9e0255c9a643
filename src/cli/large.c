/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/large.h"

#include <stdlib.h>
#include <string.h>

#include "digest/digest.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define MANIFEST_MAX ((size_t)16 << 20)

bool large_etag(const char *header, char *ret, size_t size)
{
	size_t len = header ? strlen(header) : 0;
	bool quoted = len >= 2 && header[0] == '"' && header[len - 1] == '"';

	ret[0] = 0;
	if (len > 0 && len < size) {
		memcpy(ret, header + quoted, len - 2 * quoted);
		ret[len - 2 * quoted] = 0;
	}
	return !quoted;
}

static bool is_md5(const char *text)
{
	uint8_t value[16];

	return hex_decode(text, value, sizeof value);
}

/* read_manifest: of a static large object. */
static int read_manifest(struct remote *r, struct web *web, const char *container, const char *name,
			 json_t **ret, struct dr_err *err)
{
	const struct remote_call call = {.method = "GET",
					 .container = container,
					 .name = name,
					 .query = "multipart-manifest=get"};
	dr_autobuf struct buf reply = BUF_INIT_MAX(MANIFEST_MAX);

	if (remote_done(r, web, &call, &reply, err) < 0)
		return -1;
	*ret = json_loadb(buf_str(&reply), reply.len, 0, NULL);
	if (!json_is_array(*ret))
		return dr_fail(err, DR_REMOTE, "the manifest of %.200s is not JSON", name);
	return 0;
}

int large_look(struct remote *r, struct web *web, const char *container, const char *name,
	       struct large *ret, struct dr_err *err)
{
	const struct remote_call call = {.method = "HEAD", .container = container, .name = name};
	dr_autobuf struct buf reply = BUF_INIT;
	int status = remote_call(r, web, &call, &reply, err);
	const char *header;

	*ret = (struct large){.bytes = 0};
	if (status < 0 || status == 404)
		return status < 0 ? -1 : 0;
	if (status < 200 || status > 299)
		return remote_fail(&call, status, err);
	ret->found = true;
	header = web_header(web, "Content-Length");
	if (!header || !dr_parse_u64(header, 0, INT64_MAX, &ret->bytes))
		return dr_fail(err, DR_REMOTE, "the service does not say how long %.200s is", name);
	ret->plain = large_etag(web_header(web, "Etag"), ret->etag, sizeof ret->etag) &&
		     is_md5(ret->etag);
	header = web_header(web, "X-Object-Manifest");
	if (header) {
		ret->plain = false;
		ret->dynamic = strdup(header);
		if (!ret->dynamic)
			return dr_fail_nomem(err);
	}
	header = web_header(web, "X-Static-Large-Object");
	if (header && strcasecmp(header, "true") == 0) {
		ret->plain = false;
		return read_manifest(r, web, container, name, &ret->segments, err);
	}
	return 0;
}

void large_done(struct large *l)
{
	json_decref(l->segments);
	free(l->dynamic);
}
