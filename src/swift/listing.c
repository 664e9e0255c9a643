/* SPDX-License-Identifier: Apache-2.0
 *
 * Listings of an account or a container, in both forms (api.md section 7.5). */
#include <stdlib.h>
#include <string.h>

#include "swift/swift_internal.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

static const char *query(const struct http_request *rq, const char *name)
{
	const char *v = http_query(rq, name);

	return v ? v : "";
}

static bool wants_json(const struct http_request *rq)
{
	const char *format = http_query(rq, "format"), *accept = http_header(rq, "Accept");

	if (format)
		return strcmp(format, "json") == 0;
	return accept && strstr(accept, "application/json");
}

int swift_listing_open(struct swift_listing *l, const struct http_request *rq, struct dr_err *err)
{
	const char *path = http_query(rq, "path");
	uint64_t limit = SWIFT_LISTING_LIMIT;

	*l = (struct swift_listing){
		.json = wants_json(rq),
		.marker = query(rq, "marker"),
		.end_marker = query(rq, "end_marker"),
		.prefix = query(rq, "prefix"),
		.delimiter = query(rq, "delimiter"),
		.subdirs = true,
	};
	/* As in Swift, a limit that is no number is none, and one too high is an error. */
	if (dr_parse_u64(query(rq, "limit"), 0, UINT64_MAX, &limit) && limit > SWIFT_LISTING_LIMIT)
		return dr_refuse(err, DR_INVALID, "precondition", "Maximum limit is %d",
				 SWIFT_LISTING_LIMIT);
	l->limit = (size_t)limit;
	if (path) {
		const char *slash = *path && path[strlen(path) - 1] != '/' ? "/" : "";
		int n = snprintf(l->path_prefix, sizeof l->path_prefix, "%s%s", path, slash);

		if (n < 0 || (size_t)n >= sizeof l->path_prefix)
			return dr_refuse(err, DR_INVALID, "precondition", "The path is too long");
		l->prefix = l->path_prefix;
		l->delimiter = "/";
		l->subdirs = false;
	}
	if (l->json)
		l->items = json_array();
	return l->json && !l->items ? dr_fail_nomem(err) : 0;
}

static void put(struct swift_listing *l, const char *name, json_t *item)
{
	if (l->json) {
		json_array_append_new(l->items, item);
	} else {
		buf_printf(&l->text, "%s\n", name);
		json_decref(item);
	}
	l->count++;
}

/* Everything below a prefix and up to the delimiter shows as one line. True when name was such. */
static bool cut_off(struct swift_listing *l, const char *name)
{
	const char *rest = name + strlen(l->prefix);
	const char *cut = *l->delimiter ? strstr(rest, l->delimiter) : NULL;
	size_t len;

	if (!cut)
		return false;
	len = (size_t)(cut - name) + strlen(l->delimiter);
	if (len >= sizeof l->last_subdir ||
	    (strlen(l->last_subdir) == len && memcmp(l->last_subdir, name, len) == 0))
		return true;
	memcpy(l->last_subdir, name, len);
	l->last_subdir[len] = 0;
	/* A client that goes on after this line must not meet it again. */
	if (l->subdirs && strcmp(l->last_subdir, l->marker) > 0)
		put(l, l->last_subdir,
		    l->json ? json_pack("{s:s}", "subdir", l->last_subdir) : NULL);
	return true;
}

bool swift_listing_add(struct swift_listing *l, const char *name, json_t *item)
{
	if (l->count >= l->limit) {
		json_decref(item);
		return false;
	}
	if (!dr_starts(name, l->prefix) || strcmp(name, l->marker) <= 0 ||
	    (*l->end_marker && strcmp(name, l->end_marker) >= 0) || cut_off(l, name)) {
		json_decref(item);
		return true;
	}
	put(l, name, item);
	return true;
}

int swift_listing_send(struct swift_listing *l, struct http_response *rs, struct dr_err *err)
{
	dr_autofree char *text = NULL;

	if (l->json) {
		text = json_dumps(l->items, JSON_COMPACT);
		if (!text || json_array_size(l->items) != l->count)
			return dr_fail_nomem(err);
		http_status(rs, 200);
		http_send(rs, "application/json; charset=utf-8", text, strlen(text));
		return 0;
	}
	if (buf_check(&l->text, err) < 0)
		return -1;
	http_status(rs, l->count > 0 ? 200 : 204);
	http_send(rs, "text/plain; charset=utf-8", buf_str(&l->text), l->text.len);
	return 0;
}

void swift_listing_done(struct swift_listing *l)
{
	json_decref(l->items);
	buf_done(&l->text);
}
