/* SPDX-License-Identifier: Apache-2.0 */
#include "orbit/acl.h"

#include <string.h>
#include <strings.h>

#include "util/str.h"

#include "util/banned.h"

/* A piece of a text; borrowed. */
struct piece {
	const char *p;
	size_t len;
};

static struct piece trimmed(const char *p, size_t len)
{
	while (len > 0 && (*p == ' ' || *p == '\t')) {
		p++;
		len--;
	}
	while (len > 0 && (p[len - 1] == ' ' || p[len - 1] == '\t'))
		len--;
	return (struct piece){p, len};
}

static struct piece behind(struct piece x, size_t n)
{
	return trimmed(x.p + n, x.len - n);
}

static bool is(struct piece x, const char *word)
{
	return x.len == strlen(word) && memcmp(x.p, word, x.len) == 0;
}

static bool same_host(struct piece a, struct piece b)
{
	return a.len == b.len && strncasecmp(a.p, b.p, a.len) == 0;
}

/* next_element: the one at *p, trimmed; false at the end. Empty ones are skipped. */
static bool next_element(const char **p, struct piece *ret)
{
	while (**p) {
		size_t len = strcspn(*p, ",");

		*ret = trimmed(*p, len);
		*p += len + ((*p)[len] == ',');
		if (ret->len > 0)
			return true;
	}
	return false;
}

/* split: at the first colon. */
static bool split(struct piece x, struct piece *before, struct piece *after)
{
	const char *colon = memchr(x.p, ':', x.len);

	if (!colon)
		return false;
	*before = trimmed(x.p, (size_t)(colon - x.p));
	*after = behind(x, (size_t)(colon - x.p) + 1);
	return true;
}

/* An id: prefix, then letters and digits. */
static bool is_id(struct piece x, const char *prefix)
{
	size_t n = strlen(prefix);

	if (x.len <= n || x.len >= ID_TEXT || memcmp(x.p, prefix, n) != 0)
		return false;
	for (; n < x.len; n++) {
		if (!(x.p[n] >= 'a' && x.p[n] <= 'z') && !(x.p[n] >= '0' && x.p[n] <= '9'))
			return false;
	}
	return true;
}

static int refuse(struct piece x, const char *why, struct dr_err *err)
{
	dr_autobuf struct buf quoted = BUF_INIT;
	char text[80];

	snprintf(text, sizeof text, "%.*s", (int)(x.len < 79 ? x.len : 79), x.p);
	dr_quote(&quoted, text, 60);
	return dr_refuse(err, DR_INVALID, "acl", "%s in ACL: %s", why, buf_str(&quoted));
}

static bool designates_referrer(struct piece x)
{
	return is(x, ".r") || is(x, ".ref") || is(x, ".referer") || is(x, ".referrer");
}

static int clean_referrer(enum acl_kind kind, struct piece whole, struct piece host,
			  struct buf *ret, struct dr_err *err)
{
	bool negate = host.len > 0 && host.p[0] == '-';

	if (kind == ACL_WRITE)
		return refuse(whole, "Referrers not allowed", err);
	if (negate)
		host = behind(host, 1);
	while (host.len > 1 && host.p[0] == '*')
		host = behind(host, 1);
	if (host.len == 0 || host.p[0] == '-' || is(host, "."))
		return refuse(whole, "No host/domain value after referrer designation", err);
	if (!dr_text_valid(host.p, host.len))
		return refuse(whole, "Unprintable characters", err);
	buf_printf(ret, ".r:%s%.*s", negate ? "-" : "", (int)host.len, host.p);
	return 0;
}

static int clean_element(enum acl_kind kind, struct piece x, struct buf *ret, struct dr_err *err)
{
	struct piece account, name;

	if (!split(x, &account, &name)) {
		if (is(x, ".rlistings") && kind == ACL_WRITE)
			return refuse(x, "Referrers not allowed", err);
		if (!is(x, ".rlistings") && !is_id(x, "acc-"))
			return refuse(x, "Unknown element", err);
		buf_append(ret, x.p, x.len);
		return 0;
	}
	if (designates_referrer(account))
		return clean_referrer(kind, x, name, ret, err);
	if (account.len > 0 && account.p[0] == '.')
		return refuse(x, "Unknown designator", err);
	if (!(is(account, "*") && is(name, "*")) &&
	    !(is_id(account, "acc-") &&
	      (is(name, "*") || is_id(name, "cli-") || is_id(name, "usr-"))))
		return refuse(x, "Unknown element", err);
	buf_printf(ret, "%.*s:%.*s", (int)account.len, account.p, (int)name.len, name.p);
	return 0;
}

int acl_clean(enum acl_kind kind, const char *value, struct buf *ret, struct dr_err *err)
{
	struct piece x;
	bool first = true;

	while (next_element(&value, &x)) {
		if (!first)
			buf_putc(ret, ',');
		first = false;
		if (clean_element(kind, x, ret, err) < 0)
			return -1;
	}
	return buf_check(ret, err);
}

/* referrer_host: of a URL, without userinfo and port (RFC 3986 section 3.2). */
static struct piece referrer_host(const char *url)
{
	static const struct piece unknown = {"unknown", 7};
	const char *p = url ? strstr(url, "//") : NULL;
	const char *at;
	struct piece host;

	if (!p || (p > url && strcspn(url, ":/?#") != (size_t)(p - url) - 1))
		return unknown; /* what is in front of it is no scheme */
	host = (struct piece){p + 2, strcspn(p + 2, "/?#")};
	at = memrchr(host.p, '@', host.len);
	if (at) {
		host.len -= (size_t)(at + 1 - host.p);
		host.p = at + 1;
	}
	if (host.len > 0 && host.p[0] == '[') {
		const char *end = memchr(host.p, ']', host.len);

		if (!end)
			return unknown;
		host = (struct piece){host.p + 1, (size_t)(end - host.p) - 1};
	} else {
		const char *colon = memchr(host.p, ':', host.len);

		if (colon)
			host.len = (size_t)(colon - host.p);
	}
	return host.len > 0 ? host : unknown;
}

/* A leading dot: that domain and what is below it, but not the name without the dot. */
static bool host_matches(struct piece pattern, struct piece host)
{
	if (pattern.len > 0 && pattern.p[0] == '.' && host.len >= pattern.len) {
		host.p += host.len - pattern.len;
		host.len = pattern.len;
	}
	return same_host(pattern, host);
}

static bool is_own(struct piece x, const char *id)
{
	return id[0] && is(x, id);
}

static bool names(struct piece x, const struct principal *who)
{
	struct piece account, name;

	if (who->kind != PRINCIPAL_CLIENT && who->kind != PRINCIPAL_USER)
		return false;
	if (!split(x, &account, &name))
		return is_own(x, who->account);
	if (is(account, "*"))
		return is(name, "*");
	if (!is_own(account, who->account))
		return false;
	return is(name, "*") ||
	       is_own(name, who->kind == PRINCIPAL_CLIENT ? who->client : who->user);
}

struct acl_grant acl_grants(const char *acl, const struct principal *who, const char *referer)
{
	struct piece host = referrer_host(referer), x, designator, pattern;
	bool by_name = false, by_referrer = false, listings = false;
	const char *p = acl ? acl : "";

	while (next_element(&p, &x)) {
		if (is(x, ".rlistings")) {
			listings = true;
		} else if (!split(x, &designator, &pattern) || !is(designator, ".r")) {
			by_name = by_name || names(x, who);
		} else if (pattern.len > 0 && pattern.p[0] == '-') {
			if (host_matches(behind(pattern, 1), host))
				by_referrer = false;
		} else if (is(pattern, "*") || host_matches(pattern, host)) {
			by_referrer = true;
		}
	}
	return (struct acl_grant){
		.objects = by_name || by_referrer,
		.listing = by_name || (by_referrer && listings),
	};
}
