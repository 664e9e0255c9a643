/* SPDX-License-Identifier: Apache-2.0
 *
 * Listings of an account or a container (api.md section 7.5), in three forms. Lines are written as
 * they come: a page of 10,000 is one buffer and nothing else. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "swift/swift_internal.h"
#include "util/clock.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

static const char *const types[] = {
	[SWIFT_PLAIN] = "text/plain",
	[SWIFT_JSON] = "application/json",
	[SWIFT_XML] = "application/xml",
	[SWIFT_TEXT_XML] = "text/xml",
};

/* ---- what is wanted ---- */

/* One element of an Accept field (RFC 9110 section 12.5.1). */
struct accepted {
	char type[64], subtype[64];
	double quality;
	bool exact;
};

static bool parse_quality(const char *s, size_t len, double *ret)
{
	char text[16], *end;

	if (len == 0 || len >= sizeof text || strspn(s, "0123456789.") < len)
		return false;
	memcpy(text, s, len);
	text[len] = 0;
	*ret = strtod(text, &end);
	return *end == 0;
}

static bool parse_accepted(const char *s, size_t len, struct accepted *ret)
{
	char text[256], *rest = text, *part, *slash;

	if (len >= sizeof text)
		return false;
	memcpy(text, s, len);
	text[len] = 0;
	part = strsep(&rest, ";");
	part += strspn(part, " \t");
	part[strcspn(part, " \t")] = 0;
	slash = strchr(part, '/');
	if (!slash || slash == part || !slash[1])
		return false;
	*slash = 0;
	if (!dr_copy(ret->type, sizeof ret->type, part) ||
	    !dr_copy(ret->subtype, sizeof ret->subtype, slash + 1))
		return false;
	ret->exact = strcmp(ret->type, "*") != 0 && strcmp(ret->subtype, "*") != 0;
	ret->quality = 1;
	while ((part = strsep(&rest, ";"))) {
		part += strspn(part, " \t");
		if (strncasecmp(part, "q=", 2) == 0 &&
		    !parse_quality(part + 2, strcspn(part + 2, " \t"), &ret->quality))
			return false;
	}
	return true;
}

static bool matches(const struct accepted *a, const char *type)
{
	const char *slash = strchr(type, '/');
	size_t len = (size_t)(slash - type);

	return (strcmp(a->type, "*") == 0 ||
		(strlen(a->type) == len && strncasecmp(a->type, type, len) == 0)) &&
	       (strcmp(a->subtype, "*") == 0 || strcasecmp(a->subtype, slash + 1) == 0);
}

int swift_accepts(const struct http_request *rq, const char *const *list, int count)
{
	const char *accept = http_header(rq, "Accept");
	struct accepted a, best = {.quality = 0};
	int found = -1;

	if (!accept || !*accept)
		return 0;
	for (const char *p = accept; *p;) {
		size_t len = strcspn(p, ",");

		if (!parse_accepted(p, len, &a))
			return -2;
		/* As Swift: the best quality, then what has no star, then what was said first. */
		for (int i = 0; i < count; i++) {
			if (matches(&a, list[i]) && a.quality > 0 &&
			    (found < 0 || a.quality > best.quality ||
			     (a.quality >= best.quality && a.exact && !best.exact))) {
				found = i;
				best = a;
				break;
			}
		}
		p += len;
		p += *p == ',';
	}
	return found;
}

/* False when it answered. */
static bool choose_format(struct swift_listing *l, struct swift_call *c)
{
	const char *format = swift_query(c->rq, "format");
	int n;

	if (*format) {
		l->format = strcasecmp(format, "json") == 0  ? SWIFT_JSON
			    : strcasecmp(format, "xml") == 0 ? SWIFT_XML
							     : SWIFT_PLAIN;
		return true;
	}
	n = swift_accepts(c->rq, types, (int)(sizeof types / sizeof *types));
	if (n == -2)
		swift_error_text(c->rs, 400, "Invalid Accept header");
	else if (n < 0)
		swift_error(c->rs, 406);
	else
		l->format = (enum swift_format)n;
	http_add(c->rs, "Vary", "Accept");
	return n >= 0;
}

static bool valid_parameters(struct swift_call *c)
{
	static const char *const names[] = {"marker",    "end_marker", "prefix",
					    "delimiter", "path",       "format"};
	char message[64];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *v = swift_query(c->rq, names[i]);

		if (dr_utf8_valid(v, strlen(v)))
			continue;
		snprintf(message, sizeof message, "\"%s\" parameter not valid UTF-8", names[i]);
		swift_error_text(c->rs, 400, message);
		return false;
	}
	return true;
}

/* `path`: the objects right below a pseudo-directory, and no others. False when it answered. */
static bool apply_path(struct swift_listing *l, struct swift_call *c)
{
	const char *path = http_query(c->rq, "path");
	size_t len = path ? strlen(path) : 0;

	if (!path || l->of_account)
		return true;
	while (len > 0 && path[len - 1] == '/')
		len--;
	if (len + 2 > sizeof l->path) {
		swift_error_text(c->rs, 412, "The path is too long");
		return false;
	}
	memcpy(l->path, path, len);
	if (len > 0)
		l->path[len++] = '/';
	l->path[len] = 0;
	l->query.prefix = l->path;
	l->query.delimiter = "/";
	l->query.no_subdirs = true;
	return true;
}

bool swift_listing_open(struct swift_listing *l, struct swift_call *c)
{
	char message[64];
	uint64_t limit = ORBIT_LISTING_LIMIT;

	*l = (struct swift_listing){
		.of_account = !*c->container,
		.name = *c->container ? c->container : c->account,
		.query = {.marker = swift_query(c->rq, "marker"),
			  .end_marker = swift_query(c->rq, "end_marker"),
			  .prefix = swift_query(c->rq, "prefix"),
			  .delimiter = swift_query(c->rq, "delimiter"),
			  .reverse = swift_is_true(http_query(c->rq, "reverse")),
			  .now = dr_wall()},
	};
	if (!valid_parameters(c) || !choose_format(l, c))
		return false;
	/* A limit that is no number is none, and one too high is an error. */
	if (dr_parse_u64(swift_query(c->rq, "limit"), 0, UINT64_MAX, &limit) &&
	    limit > ORBIT_LISTING_LIMIT) {
		snprintf(message, sizeof message, "Maximum limit is %d", ORBIT_LISTING_LIMIT);
		swift_error_text(c->rs, 412, message);
		return false;
	}
	l->query.limit = (size_t)limit;
	if (!apply_path(l, c))
		return false;
	if (l->format == SWIFT_JSON) {
		buf_putc(&l->text, '[');
	} else if (l->format != SWIFT_PLAIN) {
		buf_printf(&l->text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s name=\"",
			   l->of_account ? "account" : "container");
		text_xml(&l->text, l->name);
		buf_puts(&l->text, l->of_account ? "\">\n" : "\">");
	}
	return true;
}

/* ---- lines ---- */

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

static void json_line(struct swift_listing *l, const struct listing_line *line)
{
	struct buf *b = &l->text;

	if (l->count > 0)
		buf_putc(b, ',');
	if (line->subdir) {
		buf_puts(b, "{\"subdir\":");
		text_json(b, line->name);
		buf_putc(b, '}');
		return;
	}
	buf_puts(b, "{\"name\":");
	text_json(b, line->name);
	if (l->of_account) {
		buf_puts(b, ",\"count\":");
		text_number(b, line->objects);
	} else {
		buf_puts(b, ",\"hash\":");
		text_json(b, or_empty(line->md5));
		if (*or_empty(line->etag)) {
			buf_puts(b, ",\"slo_etag\":\"\\\"");
			buf_puts(b, line->etag);
			buf_puts(b, "\\\"\"");
		}
		buf_puts(b, ",\"content_type\":");
		text_json(b, or_empty(line->content_type));
	}
	buf_puts(b, ",\"bytes\":");
	text_number(b, line->bytes);
	buf_puts(b, ",\"last_modified\":\"");
	text_time(b, &l->clock, line->modified_at);
	buf_puts(b, "\"}");
}

static void xml_element(struct buf *b, const char *name, const char *text)
{
	buf_printf(b, "<%s>", name);
	text_xml(b, text);
	buf_printf(b, "</%s>", name);
}

static void xml_subdir(struct swift_listing *l, const char *name)
{
	buf_puts(&l->text, "<subdir name=\"");
	text_xml(&l->text, name);
	if (l->of_account) {
		buf_puts(&l->text, "\" />\n");
		return;
	}
	buf_puts(&l->text, "\">");
	xml_element(&l->text, "name", name);
	buf_puts(&l->text, "</subdir>");
}

static void xml_line(struct swift_listing *l, const struct listing_line *line)
{
	struct buf *b = &l->text;

	if (line->subdir) {
		xml_subdir(l, line->name);
		return;
	}
	buf_puts(b, l->of_account ? "<container>" : "<object>");
	xml_element(b, "name", line->name);
	if (l->of_account) {
		buf_puts(b, "<count>");
		text_number(b, line->objects);
		buf_puts(b, "</count>");
	} else {
		xml_element(b, "hash", or_empty(line->md5));
	}
	buf_puts(b, "<bytes>");
	text_number(b, line->bytes);
	buf_puts(b, "</bytes>");
	if (!l->of_account)
		xml_element(b, "content_type", or_empty(line->content_type));
	buf_puts(b, "<last_modified>");
	text_time(b, &l->clock, line->modified_at);
	buf_puts(b, l->of_account ? "</last_modified></container>\n" : "</last_modified></object>");
}

int swift_listing_line(void *arg, const struct listing_line *line, struct dr_err *err)
{
	struct swift_listing *l = arg;

	if (l->format == SWIFT_PLAIN)
		text_line(&l->text, line->name);
	else if (l->format == SWIFT_JSON)
		json_line(l, line);
	else
		xml_line(l, line);
	l->count++;
	return buf_check(&l->text, err);
}

int swift_listing_send(struct swift_listing *l, struct swift_call *c, struct dr_err *err)
{
	char type[64];

	if (l->format == SWIFT_JSON)
		buf_putc(&l->text, ']');
	else if (l->format != SWIFT_PLAIN)
		buf_puts(&l->text, l->of_account ? "</account>" : "</container>");
	if (buf_check(&l->text, err) < 0)
		return -1;
	snprintf(type, sizeof type, "%s; charset=utf-8", types[l->format]);
	http_status(c->rs, l->text.len > 0 ? 200 : 204);
	http_send(c->rs, type, buf_str(&l->text), l->text.len);
	return 0;
}

void swift_listing_done(struct swift_listing *l)
{
	buf_done(&l->text);
}
