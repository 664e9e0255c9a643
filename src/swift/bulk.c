/* SPDX-License-Identifier: Apache-2.0
 *
 * Many deletions in one request (api.md section 7.5): ?bulk-delete with a name on each line, and
 * ?multipart-manifest=delete. The answer is 200 whatever comes of it; its body says what did. Names
 * are deleted as they arrive, so that no list of them is ever held. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "swift/swift_internal.h"
#include "util/str.h"

#include "util/banned.h"

#define MOST_NAMES 10000
#define MOST_ERRORS 1000
#define LINE_BYTES (3 * (CONTAINER_TEXT + OBJECT_TEXT))

static const char *const types[] = {"text/plain", "application/json", "application/xml",
				    "text/xml"};
enum { PLAIN, JSON, XML, TEXT_XML };

struct bulk {
	struct swift_call call;
	int type;
	char line[LINE_BYTES + 1];
	size_t len;
	bool bad; /* the line that is being read is no name: too long, or with a NUL in it */
	size_t names;
	struct orbit_deleted deleted;
	struct buf errors; /* pairs of lines: name, status */
	size_t error_count;
	const char *status; /* of the request as a whole, when not by its errors */
	const char *body;
};

/* ---- the summary ---- */

/* next_error: the pair at *p; false at the end. Cuts the text up. */
static bool next_error(char **p, const char **ret_name, const char **ret_status)
{
	*ret_name = strsep(p, "\n");
	*ret_status = *p ? strsep(p, "\n") : NULL;
	return *ret_status;
}

static void summary_json(struct buf *b, const struct bulk *k, const char *status, char *errors)
{
	const char *name, *what;

	buf_printf(b,
		   "{\"Number Deleted\":%llu,\"Number Not Found\":%llu,\"Response Body\":\"%s\","
		   "\"Response Status\":\"%s\",\"Errors\":[",
		   (unsigned long long)k->deleted.deleted, (unsigned long long)k->deleted.not_found,
		   k->body, status);
	for (bool first = true; next_error(&errors, &name, &what); first = false) {
		buf_puts(b, first ? "[" : ",[");
		text_json(b, name);
		buf_putc(b, ',');
		text_json(b, what);
		buf_putc(b, ']');
	}
	buf_puts(b, "]}");
}

static void summary_xml(struct buf *b, const struct bulk *k, const char *status, char *errors)
{
	const char *name, *what;

	buf_printf(b,
		   "<delete>\n<number_deleted>%llu</number_deleted>\n"
		   "<number_not_found>%llu</number_not_found>\n<response_body>%s</response_body>\n"
		   "<response_status>%s</response_status>\n<errors>\n",
		   (unsigned long long)k->deleted.deleted, (unsigned long long)k->deleted.not_found,
		   k->body, status);
	while (next_error(&errors, &name, &what)) {
		buf_puts(b, "<object><name>");
		text_xml(b, name);
		buf_printf(b, "</name><status>%s</status></object>\n", what);
	}
	buf_puts(b, "</errors>\n</delete>\n");
}

static void summary_plain(struct buf *b, const struct bulk *k, const char *status, char *errors)
{
	const char *name, *what;

	buf_printf(b,
		   "Number Deleted: %llu\nNumber Not Found: %llu\nResponse Body: %s\n"
		   "Response Status: %s\nErrors:\n",
		   (unsigned long long)k->deleted.deleted, (unsigned long long)k->deleted.not_found,
		   k->body, status);
	while (next_error(&errors, &name, &what))
		buf_printf(b, "%s, %s\n", name, what);
}

static void send_summary(struct bulk *k, struct http_response *rs)
{
	const char *status = k->status ? k->status : k->error_count ? "400 Bad Request" : "200 OK";
	dr_autofree char *errors = buf_steal(&k->errors);
	dr_autobuf struct buf b = BUF_INIT;

	if (k->type == JSON)
		summary_json(&b, k, status, errors);
	else if (k->type == XML || k->type == TEXT_XML)
		summary_xml(&b, k, status, errors);
	else
		summary_plain(&b, k, status, errors);
	http_status(rs, 200);
	http_send(rs, types[k->type], buf_str(&b), b.len);
}

/* The name as it was sent, with what is no URL escaped: it may be any bytes. */
static void add_error(struct bulk *k, const char *name, const char *status)
{
	text_url(&k->errors, name, "/%");
	buf_printf(&k->errors, "\n%s\n", status);
	if (++k->error_count < MOST_ERRORS)
		return;
	k->status = "400 Bad Request";
	k->body = "Max delete failures exceeded";
}

static const char *status_of(const struct dr_err *err)
{
	switch (err->code) {
	case DR_UNAUTHENTICATED:
		return "401 Unauthorized";
	case DR_DENIED:
		return "403 Forbidden";
	case DR_CONFLICT:
		return "409 Conflict";
	case DR_INVALID:
	case DR_UNSUPPORTED:
		return "412 Precondition Failed";
	case DR_BUSY:
	case DR_NO_MEMORY:
	case DR_CANCELLED:
		return "503 Service Unavailable";
	case DR_OK:
	case DR_NOT_FOUND:
	case DR_LIMIT:
	case DR_CORRUPT:
	case DR_REMOTE:
	case DR_IO:
		break;
	}
	return "500 Internal Error";
}

/* ---- names ---- */

static int delete_one(struct bulk *k, const char *container, const char *object, struct dr_err *err)
{
	struct swift_call *c = &k->call;
	struct orbit_deleted one;

	if (object)
		return orbit_object_delete(c->orbit, &c->caller, c->account, container, object,
					   false, &one, err);
	return orbit_container_delete(c->orbit, &c->caller, c->account, container, err);
}

static void delete_line(struct bulk *k)
{
	char name[CONTAINER_TEXT + OBJECT_TEXT + 2], *container, *object;
	struct dr_err err = DR_ERR_INIT;

	k->line[k->len] = 0;
	k->len = 0;
	container = k->line + strspn(k->line, " \t\r");
	for (size_t len = strlen(container); len > 0 && strchr(" \t\r", container[len - 1]); len--)
		container[len - 1] = 0;
	if (k->status || (!*container && !k->bad))
		return;
	if (++k->names > MOST_NAMES) {
		k->status = "413 Request Entity Too Large";
		k->body = "Maximum Bulk Deletes: 10000 per request";
		return;
	}
	if (k->bad || !text_unquote(container, name, sizeof name) ||
	    !dr_utf8_valid(name, strlen(name))) {
		add_error(k, container, "412 Precondition Failed");
		k->bad = false;
		return;
	}
	object = strchr(name + (name[0] == '/'), '/');
	if (object)
		*object++ = 0;
	if (delete_one(k, name + (name[0] == '/'), object && *object ? object : NULL, &err) == 0)
		k->deleted.deleted++;
	else if (err.code == DR_NOT_FOUND)
		k->deleted.not_found++;
	else
		add_error(k, container, status_of(&err));
}

static int write_names(void *arg, const void *p, size_t len)
{
	struct bulk *k = arg;
	const char *s = p;

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n')
			delete_line(k);
		else if (s[i] && k->len < LINE_BYTES)
			k->line[k->len++] = s[i];
		else
			k->bad = true;
	}
	return 0; /* also when nothing that follows matters: the client is to see the summary */
}

static void finish_names(void *arg, struct http_request *rq, struct http_response *rs)
{
	struct bulk *k = arg;

	(void)rq;
	delete_line(k);
	if (k->names == 0 && !k->status) {
		k->status = "400 Bad Request";
		k->body = "Invalid bulk delete.";
	}
	send_summary(k, rs);
}

static void close_names(void *arg)
{
	struct bulk *k = arg;

	buf_done(&k->errors);
	free(k);
}

static struct bulk *bulk_new(const struct swift_call *c)
{
	struct bulk *k = calloc(1, sizeof *k);

	if (k) {
		k->call = *c;
		k->body = "";
		k->type = swift_accepts(c->rq, types, (int)(sizeof types / sizeof *types));
	}
	if (k && k->type < 0) {
		k->type = PLAIN;
		k->status = "406 Not Acceptable";
	}
	return k;
}

int swift_bulk_delete(struct swift_call *c, struct dr_err *err)
{
	const char *type = http_header(c->rq, "Content-Type");
	struct bulk *k;

	if (swift_is_anonymous(c) || c->tempurl)
		return dr_fail(err, DR_UNAUTHENTICATED, "names are deleted by whoever is known");
	k = bulk_new(c);
	if (!k)
		return dr_fail_nomem(err);
	if (type && *type && strncasecmp(type, "text/plain", 10) != 0)
		k->status = "406 Not Acceptable";
	else if (!http_header(c->rq, "Content-Length") && !http_header(c->rq, "Transfer-Encoding"))
		k->status = "411 Length Required";
	if (k->status) {
		send_summary(k, c->rs);
		close_names(k);
		return 0;
	}
	http_receive(c->rs, &(struct http_sink){.write = write_names,
						.finish = finish_names,
						.close = close_names,
						.arg = k});
	return 0;
}

/* ---- a static large object with its segments ---- */

int swift_manifest_delete(struct swift_call *c, struct dr_err *err)
{
	struct bulk *k = bulk_new(c);
	dr_autobuf struct buf path = BUF_INIT;
	int rc = 0;

	if (!k)
		return dr_fail_nomem(err);
	if (!k->status)
		rc = orbit_object_delete(c->orbit, &c->caller, c->account, c->container, c->object,
					 true, &k->deleted, err);
	if (rc < 0 && err->code == DR_NOT_FOUND) {
		k->deleted = (struct orbit_deleted){.not_found = 1};
	} else if (rc < 0 && err->code == DR_INVALID && strcmp(err->reason, "manifest") == 0) {
		buf_putc(&path, '/');
		text_url(&path, c->container, "");
		buf_putc(&path, '/');
		text_url(&path, c->object, "/");
		add_error(k, buf_str(&path), "Not an SLO manifest");
	} else if (rc < 0) {
		close_names(k);
		return -1;
	}
	dr_err_clear(err);
	send_summary(k, c->rs);
	close_names(k);
	return 0;
}
