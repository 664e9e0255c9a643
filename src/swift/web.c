/* SPDX-License-Identifier: Apache-2.0
 *
 * Containers as web sites, for those who come without a token (Swift's staticweb): an index page, a
 * listing, pages for errors, by X-Container-Meta-Web-… of the container. Rights are those of any
 * other request: a page is made of nothing that its reader could not have asked for. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "swift/swift_internal.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

struct site {
	bool listings, may_list;
	char index[OBJECT_TEXT], error[META_MAX_VALUE + 1], css[META_MAX_VALUE + 1],
		label[META_MAX_VALUE + 1];
};

static bool web_mode(const struct swift_call *c)
{
	return swift_is_anonymous(c) || swift_is_true(http_header(c->rq, "X-Web-Mode"));
}

/* load_site: 1, or 0 when the container is none, or none that this caller knows of. */
static int load_site(struct swift_call *c, struct site *ret, struct dr_err *err)
{
	dr_autofree struct orbit_container *k = malloc(sizeof *k);
	struct dr_err e = DR_ERR_INIT;
	char listings[16] = "";

	*ret = (struct site){0};
	if (!k)
		return dr_fail_nomem(err);
	if (orbit_container_show(c->orbit, &c->caller, c->account, c->container, k, &e) < 0)
		return 0;
	ret->may_list = k->may_list;
	meta_get(k->row.meta, "X-Container-Meta-Web-Listings", listings, sizeof listings);
	ret->listings = swift_is_true(listings);
	meta_get(k->row.meta, "X-Container-Meta-Web-Index", ret->index, sizeof ret->index);
	meta_get(k->row.meta, "X-Container-Meta-Web-Error", ret->error, sizeof ret->error);
	meta_get(k->row.meta, "X-Container-Meta-Web-Listings-Css", ret->css, sizeof ret->css);
	meta_get(k->row.meta, "X-Container-Meta-Web-Listings-Label", ret->label, sizeof ret->label);
	return listings[0] || ret->index[0];
}

static bool slash_at_end(const struct http_request *rq)
{
	const char *path = http_path(rq);

	return *path && path[strlen(path) - 1] == '/';
}

static int redirect_with_slash(struct swift_call *c)
{
	http_addf(c->rs, "Location", "%s%s/", http_base_url(c->rq), http_path(c->rq));
	swift_error(c->rs, 301);
	return 0;
}

/* ---- errors ---- */

static ssize_t read_page(void *arg, uint64_t pos, void *buf, size_t len, struct dr_err *err)
{
	return orbit_reader_read(arg, buf, len, pos, err);
}

static void close_page(void *arg)
{
	orbit_reader_close(arg);
}

/* answer_error: the site's own page for it, "404error.html", or the usual words. */
static int answer_error(struct swift_call *c, const struct site *site, struct dr_err *err)
{
	dr_autofree struct orbit_object *o = malloc(sizeof *o);
	struct orbit_reader *reader = NULL;
	struct dr_err e = DR_ERR_INIT;
	char name[META_MAX_VALUE + 8];
	unsigned status = err->code == DR_NOT_FOUND         ? 404
			  : err->code == DR_UNAUTHENTICATED ? 401
			  : err->code == DR_DENIED          ? 403
							    : 0;

	if (!o || !status || !site->error[0])
		return -1;
	snprintf(name, sizeof name, "%u%s", status, site->error);
	if (orbit_object_open(c->orbit, &c->caller, c->account, c->container, name, ORBIT_CONTENT,
			      o, &reader, &e) < 0)
		return -1;
	http_status(c->rs, status);
	http_send_stream(
		c->rs, o->row.content_type,
		&(struct http_stream){
			.length = o->bytes, .read = read_page, .close = close_page, .arg = reader});
	return 0;
}

/* ---- listings ---- */

struct page {
	size_t prefix_len;
	struct text_clock clock;
	struct buf subdirs, objects;
};

/* As Swift writes sizes: whole numbers of the largest unit that is not less than one. */
static void human_size(struct buf *b, uint64_t bytes)
{
	static const char units[] = "KMGTPE";
	size_t unit = 0;

	for (; bytes >= 1024 && unit < sizeof units - 1; unit++)
		bytes = (bytes + 512) / 1024;
	text_number(b, bytes);
	if (unit > 0)
		buf_printf(b, "%ci", units[unit - 1]);
}

/* A dot in front: no name can be taken for a scheme or a host. */
static void link_to(struct buf *b, const char *name)
{
	buf_puts(b, "    <td class=\"colname\"><a href=\"./");
	text_url(b, name, "/");
	buf_puts(b, "\">");
	text_html(b, name);
	buf_puts(b, "</a></td>\n");
}

static void type_classes(struct buf *b, const char *type)
{
	for (; *type; type++) {
		char c = *type >= 'A' && *type <= 'Z' ? (char)(*type + 32) : *type;

		if (c == '/')
			buf_puts(b, " type-");
		else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || strchr("+-._", c))
			buf_putc(b, c);
	}
}

static int page_line(void *arg, const struct listing_line *line, struct dr_err *err)
{
	struct page *p = arg;
	struct buf *b = line->subdir ? &p->subdirs : &p->objects;
	const char *name = line->name + p->prefix_len;

	if (!*name)
		return 0; /* the directory itself */
	if (line->subdir) {
		buf_puts(b, "   <tr class=\"item subdir\">\n");
		link_to(b, name);
		buf_puts(b, "    <td class=\"colsize\">&nbsp;</td>\n"
			    "    <td class=\"coldate\">&nbsp;</td>\n   </tr>\n");
		return buf_check(b, err);
	}
	buf_puts(b, "   <tr class=\"item type-");
	type_classes(b, line->content_type ? line->content_type : "");
	buf_puts(b, "\">\n");
	link_to(b, name);
	buf_puts(b, "    <td class=\"colsize\">");
	human_size(b, line->bytes);
	buf_puts(b, "</td>\n    <td class=\"coldate\">");
	text_time(b, &p->clock, line->modified_at);
	/* to the second, with a blank between date and time */
	if (b->len > 16 && buf_ok(b)) {
		b->len -= 7;
		b->p[b->len - 9] = ' ';
	}
	buf_puts(b, "</td>\n   </tr>\n");
	return buf_check(b, err);
}

static void style(struct buf *b, const struct site *site, const char *prefix)
{
	if (!site->css[0]) {
		buf_puts(b, "  <style type=\"text/css\">\n"
			    "   h1 {font-size: 1em; font-weight: bold;}\n"
			    "   th {text-align: left; padding: 0px 1em 0px 1em;}\n"
			    "   td {padding: 0px 1em 0px 1em;}\n"
			    "   a {text-decoration: none;}\n  </style>\n");
		return;
	}
	buf_puts(b, "  <link rel=\"stylesheet\" type=\"text/css\" href=\"");
	if (site->css[0] != '/' && !dr_starts(site->css, "http://") &&
	    !dr_starts(site->css, "https://")) {
		for (; *prefix; prefix++) {
			if (*prefix == '/')
				buf_puts(b, "../");
		}
	}
	text_url(b, site->css, ":/");
	buf_puts(b, "\" />\n");
}

static void page_head(struct buf *b, const struct swift_call *c, const struct site *site,
		      const char *prefix)
{
	dr_autobuf struct buf label = BUF_INIT;

	if (site->label[0])
		buf_printf(&label, "%s/%s", site->label, prefix);
	else
		buf_printf(&label, "/v1/%s/%s/%s", c->account, c->container, prefix);
	buf_puts(b, "<!DOCTYPE html>\n<html>\n <head>\n  <meta charset=\"utf-8\" />\n"
		    "  <title>Listing of ");
	text_html(b, buf_str(&label));
	buf_puts(b, "</title>\n");
	style(b, site, prefix);
	buf_puts(b, " </head>\n <body>\n  <h1 id=\"title\">Listing of ");
	text_html(b, buf_str(&label));
	buf_puts(b, "</h1>\n  <table id=\"listing\">\n   <tr id=\"heading\">\n"
		    "    <th class=\"colname\">Name</th>\n    <th class=\"colsize\">Size</th>\n"
		    "    <th class=\"coldate\">Date</th>\n   </tr>\n");
	if (*prefix)
		buf_puts(b, "   <tr id=\"parent\" class=\"item\">\n"
			    "    <td class=\"colname\"><a href=\"../\">../</a></td>\n"
			    "    <td class=\"colsize\">&nbsp;</td>\n"
			    "    <td class=\"coldate\">&nbsp;</td>\n   </tr>\n");
}

static int send_listing(struct swift_call *c, const struct site *site, const char *prefix,
			struct dr_err *err)
{
	struct page p = {.prefix_len = strlen(prefix)};
	const struct listing_query q = {
		.prefix = prefix, .delimiter = "/", .limit = ORBIT_LISTING_LIMIT, .now = dr_wall()};
	dr_autobuf struct buf b = BUF_INIT;
	int rc = orbit_container_list(c->orbit, &c->caller, c->account, c->container, &q, page_line,
				      &p, err);

	if (rc == 0 && *prefix && p.subdirs.len == 0 && p.objects.len == 0)
		rc = dr_fail(err, DR_NOT_FOUND, "nothing below it");
	if (rc >= 0) {
		page_head(&b, c, site, prefix);
		buf_append(&b, buf_str(&p.subdirs), p.subdirs.len);
		buf_append(&b, buf_str(&p.objects), p.objects.len);
		buf_puts(&b, "  </table>\n </body>\n</html>\n");
		rc = buf_check(&b, err);
	}
	buf_done(&p.subdirs);
	buf_done(&p.objects);
	if (rc < 0)
		return answer_error(c, site, err);
	http_status(c->rs, 200);
	http_send(c->rs, "text/html; charset=UTF-8", buf_str(&b), b.len);
	return 0;
}

static int list(struct swift_call *c, const struct site *site, const char *prefix,
		struct dr_err *err)
{
	if (site->listings)
		return send_listing(c, site, prefix, err);
	dr_fail(err, DR_NOT_FOUND, "the site has no listings");
	return answer_error(c, site, err);
}

/* ---- requests ---- */

/* serve: another object than the path names. 1, or 0 when it is not there. */
static int serve(struct swift_call *c, const char *name, struct dr_err *err)
{
	struct swift_call other = *c;

	other.object = name;
	if (swift_object_read(&other, err) == 0)
		return 1;
	if (err->code != DR_NOT_FOUND)
		return -1;
	dr_err_clear(err);
	return 0;
}

int swift_web_container(struct swift_call *c, struct dr_err *err)
{
	struct site site;
	int rc;

	if (!web_mode(c))
		return 0;
	rc = load_site(c, &site, err);
	if (rc <= 0)
		return rc;
	if (!site.may_list) {
		dr_fail(err, swift_is_anonymous(c) ? DR_UNAUTHENTICATED : DR_DENIED,
			"may not be listed");
		return answer_error(c, &site, err) < 0 ? -1 : 1;
	}
	if (!slash_at_end(c->rq))
		return redirect_with_slash(c) == 0;
	if (site.index[0]) {
		rc = serve(c, site.index, err);
		if (rc != 0)
			return rc < 0 && answer_error(c, &site, err) < 0 ? -1 : 1;
	}
	return list(c, &site, "", err) < 0 ? -1 : 1;
}

/* index_of: the index page of the directory that the path names. 1 answered, 0 there is none. */
static int index_of(struct swift_call *c, const struct site *site, struct dr_err *err)
{
	dr_autofree struct orbit_object *o = malloc(sizeof *o);
	char name[OBJECT_TEXT];
	int n = snprintf(name, sizeof name, "%s%s%s", c->object, slash_at_end(c->rq) ? "" : "/",
			 site->index);

	if (!o)
		return dr_fail_nomem(err);
	if (!site->index[0] || n < 0 || (size_t)n >= sizeof name)
		return 0;
	if (slash_at_end(c->rq))
		return serve(c, name, err);
	if (orbit_object_open(c->orbit, &c->caller, c->account, c->container, name, ORBIT_CONTENT,
			      o, NULL, err) == 0)
		return redirect_with_slash(c) == 0;
	if (err->code != DR_NOT_FOUND)
		return -1;
	dr_err_clear(err);
	return 0;
}

static int count_line(void *arg, const struct listing_line *line, struct dr_err *err)
{
	(void)line;
	(void)err;
	++*(size_t *)arg;
	return 0;
}

/* is_directory: something is below it. A caller who may not list learns nothing. */
static bool is_directory(struct swift_call *c)
{
	struct dr_err e = DR_ERR_INIT;
	char prefix[OBJECT_TEXT + 1];
	size_t n = 0;
	const struct listing_query q = {
		.prefix = prefix, .delimiter = "/", .limit = 1, .now = dr_wall()};

	snprintf(prefix, sizeof prefix, "%s/", c->object);
	return orbit_container_list(c->orbit, &c->caller, c->account, c->container, &q, count_line,
				    &n, &e) >= 0 &&
	       n > 0;
}

int swift_web_object(struct swift_call *c, struct dr_err *err)
{
	struct dr_err not_found;
	struct site site;
	int rc = swift_object_read(c, err);

	if (rc == 0 || err->code != DR_NOT_FOUND || !web_mode(c))
		return rc;
	not_found = *err;
	dr_err_clear(err);
	rc = load_site(c, &site, err);
	if (rc > 0)
		rc = index_of(c, &site, err);
	else if (rc == 0)
		*err = not_found;
	if (rc != 0 || dr_err_is_set(err))
		return rc > 0 ? 0 : -1;
	if (slash_at_end(c->rq))
		return list(c, &site, c->object, err);
	if (is_directory(c))
		return redirect_with_slash(c);
	*err = not_found;
	return answer_error(c, &site, err);
}
