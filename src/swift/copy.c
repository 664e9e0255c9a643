/* SPDX-License-Identifier: Apache-2.0
 *
 * Copies: COPY with Destination, or PUT with X-Copy-From. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "swift/swift_internal.h"
#include "util/str.h"

#include "util/banned.h"

/* "container/object", percent-encoded, perhaps with a slash in front. Borrowed from `text`. */
struct place_name {
	char text[CONTAINER_TEXT + OBJECT_TEXT + 2];
	const char *container, *object;
};

/* False when it answered. */
static bool parse_place(struct swift_call *c, const char *header, const char *value,
			struct place_name *ret)
{
	char message[128], *slash;

	if (text_unquote(value, ret->text, sizeof ret->text) &&
	    dr_utf8_valid(ret->text, strlen(ret->text))) {
		ret->container = ret->text + (ret->text[0] == '/');
		slash = strchr(ret->text + (ret->text[0] == '/'), '/');
		if (slash && slash > ret->container && slash[1]) {
			*slash = 0;
			ret->object = slash + 1;
			return true;
		}
	}
	snprintf(message, sizeof message,
		 "%s header must be of the form <container name>/<object name>", header);
	swift_error_text(c->rs, 412, message);
	return false;
}

/* parse_account: this one, or another when a header says so, in `text`. NULL when it answered. */
static const char *parse_account(struct swift_call *c, const char *header,
				 char text[static ID_TEXT])
{
	const char *value = http_header(c->rq, header);
	char message[80];

	if (!value || !*value)
		return c->account;
	if (text_unquote(value, text, ID_TEXT) && *text && !strchr(text, '/'))
		return text;
	snprintf(message, sizeof message, "%s header is not a valid account name", header);
	swift_error_text(c->rs, 412, message);
	return NULL;
}

static void add_source(struct swift_call *c, const struct orbit_copy *from,
		       const struct orbit_object *source)
{
	dr_autobuf struct buf path = BUF_INIT;

	text_url(&path, from->container, "");
	buf_putc(&path, '/');
	text_url(&path, from->name, "/");
	http_add(c->rs, "X-Copied-From-Account", from->account);
	http_add(c->rs, "X-Copied-From", buf_str(&path));
	swift_add_date(c->rs, "X-Copied-From-Last-Modified", source->row.modified_at);
}

static int copy(struct swift_call *c, const struct orbit_copy *from, const struct orbit_put *put,
		struct dr_err *err)
{
	dr_autofree struct orbit_object *source = malloc(sizeof *source);
	dr_autofree struct orbit_object *made = malloc(sizeof *made);

	if (!source || !made)
		return dr_fail_nomem(err);
	if (orbit_object_open(c->orbit, &c->caller, from->account, from->container, from->name,
			      from->manifest ? ORBIT_MANIFEST : ORBIT_CONTENT, source, NULL,
			      err) < 0 ||
	    orbit_object_copy(c->orbit, &c->caller, from, put, made, err) < 0)
		return -1;
	add_source(c, from, source);
	swift_stored(c, made);
	return 0;
}

static int put_from(struct swift_call *c, struct swift_put *p, struct orbit_copy *from,
		    struct dr_err *err)
{
	struct place_name source;
	char account[ID_TEXT];

	if (!parse_place(c, "X-Copy-From", http_header(c->rq, "X-Copy-From"), &source))
		return 0;
	from->account = parse_account(c, "X-Copy-From-Account", account);
	if (!from->account)
		return 0;
	if (http_content_length(c->rq) != 0) {
		swift_error_text(c->rs, 400, "Copy requests require a zero byte body");
		return 0;
	}
	from->container = source.container;
	from->name = source.object;
	return copy(c, from, &p->put, err);
}

static int copy_to(struct swift_call *c, struct swift_put *p, struct orbit_copy *from,
		   struct dr_err *err)
{
	const char *to = http_header(c->rq, "Destination");
	struct place_name target;
	char account[ID_TEXT];

	if (!to) {
		swift_error_text(c->rs, 412, "Destination header required");
		return 0;
	}
	if (!parse_place(c, "Destination", to, &target))
		return 0;
	p->put.account = parse_account(c, "Destination-Account", account);
	if (!p->put.account)
		return 0;
	from->account = c->account;
	from->container = c->container;
	from->name = c->object;
	p->put.container = target.container;
	p->put.name = target.object;
	return copy(c, from, &p->put, err);
}

int swift_object_copy(struct swift_call *c, struct dr_err *err)
{
	DR_CLEANUP(swift_put_done) struct swift_put p;
	struct orbit_copy from = {
		.fresh = swift_is_true(http_header(c->rq, "X-Fresh-Metadata")),
		.manifest = swift_query_is(c->rq, "multipart-manifest", "get"),
	};
	int rc = swift_put_open(&p, c, err);

	if (rc <= 0)
		return rc;
	p.put.length = UINT64_MAX;
	return http_method(c->rq) == HTTP_PUT ? put_from(c, &p, &from, err)
					      : copy_to(c, &p, &from, err);
}
