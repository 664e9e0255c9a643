/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

#include "transport/policy.h"
#include "util/buf.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define NAME_MAX_CHARS 253 /* RFC 1035 section 2.3.4, as text */
#define LABEL_MAX_CHARS 63

/* The pieces of a URL, borrowed from its text. */
struct pieces {
	const char *authority;
	size_t authority_len;
	const char *path; /* up to the query; may be empty */
	size_t path_len;
	const char *query; /* with its '?'; may be empty */
	size_t query_len;
};

static void url_freep(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void curl_freep(char **s)
{
	curl_free(*s);
}

static int refuse(struct dr_err *err, const char *sentence)
{
	dr_refuse(err, DR_INVALID, TRANSPORT_REASON_URL, "%s", sentence);
	return -1;
}

/* RFC 3986 section 2: a URL is visible ASCII. The backslash is what browsers and libraries disagree
 * about (WHATWG takes it for a slash). */
static int check_characters(const char *text, struct dr_err *err)
{
	if (strnlen(text, TRANSPORT_URL_MAX + 1) > TRANSPORT_URL_MAX)
		return refuse(err, "the URL is longer than 2048 characters");
	for (const char *s = text; *s; s++) {
		if (*s <= 0x20 || *s >= 0x7F)
			return refuse(err, "the URL has a space, a control character or a "
					   "character outside ASCII; percent-encode it");
		if (*s == '\\')
			return refuse(err, "the URL has a backslash");
	}
	return 0;
}

/* RFC 3986 section 3. */
static int split(struct pieces *ret, const char *text, bool *tls, struct dr_err *err)
{
	const char *at;

	*tls = strncasecmp(text, "https://", 8) == 0;
	if (!*tls && strncasecmp(text, "http://", 7) != 0)
		return refuse(err, "the URL must begin with http:// or https://");
	at = text + (*tls ? 8 : 7);
	ret->authority = at;
	ret->authority_len = strcspn(at, "/?#");
	at += ret->authority_len;
	ret->path = at;
	ret->path_len = strcspn(at, "?#");
	at += ret->path_len;
	ret->query = at;
	ret->query_len = strcspn(at, "#");
	if (ret->authority_len == 0)
		return refuse(err, "the URL names no host");
	if (memchr(ret->authority, '@', ret->authority_len))
		return refuse(err, "a URL with a user name or password is not accepted; use a "
				   "temporary (signed) URL instead");
	return 0;
}

/* parse_port: RFC 3986 section 3.2.3: digits, perhaps none. */
static int parse_port(const char *s, size_t len, uint16_t *ret, struct dr_err *err)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return refuse(err, "the URL's port is not a number");
		n = 10 * n + (uint64_t)(s[i] - '0');
		if (n > UINT16_MAX)
			return refuse(err, "the URL's port is out of range");
	}
	if (len > 0 && n == 0)
		return refuse(err, "the URL's port is out of range");
	if (len > 0)
		*ret = (uint16_t)n;
	return 0;
}

static void set_literal(struct transport_url *u, int family, const void *addr)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(u->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(u->port)};

	u->literal = true;
	if (family == AF_INET) {
		memcpy(&v4.sin_addr, addr, sizeof v4.sin_addr);
		memcpy(&u->addr, &v4, sizeof v4);
	} else {
		memcpy(&v6.sin6_addr, addr, sizeof v6.sin6_addr);
		memcpy(&u->addr, &v6, sizeof v6);
	}
}

/* is_numeric_label: what a URL parser would take for (part of) an IPv4 address: decimal, or 0x and
 * hexadecimal digits (WHATWG URL, "ends in a number"). */
static bool is_numeric_label(const char *s, size_t len)
{
	static const char digits[] = "0123456789", hex[] = "0123456789abcdef";

	if (len >= 2 && s[0] == '0' && s[1] == 'x')
		return strspn(s + 2, hex) >= len - 2;
	return strspn(s, digits) >= len;
}

static int check_label(const char *s, size_t len, struct dr_err *err)
{
	if (len == 0)
		return refuse(err, "the URL's host name has an empty label");
	if (len > LABEL_MAX_CHARS)
		return refuse(err, "the URL's host name has a label of more than 63 characters");
	if (s[0] == '-' || s[len - 1] == '-')
		return refuse(err, "the URL's host name has a label that begins or ends with "
				   "a hyphen");
	for (size_t i = 0; i < len; i++) {
		bool fine = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') ||
			    s[i] == '-' || s[i] == '_';

		if (!fine)
			return refuse(err, "the URL's host name has a character other than "
					   "letters, digits, hyphens and dots");
	}
	return 0;
}

/* check_name: u->host as a host name (RFC 1123 section 2.1, and the underscore that storage
 * services use), or as a dotted quad in the one canonical spelling. */
static int check_name(struct transport_url *u, struct dr_err *err)
{
	const char *label = u->host, *last = NULL;
	size_t len = strlen(u->host), last_len = 0;
	bool rooted = len > 0 && u->host[len - 1] == '.';
	struct in_addr v4;

	if (len - rooted > NAME_MAX_CHARS)
		return refuse(err, "the URL's host name is longer than 253 characters");
	while (label < u->host + len) {
		last = label;
		last_len = strcspn(label, ".");
		if (check_label(label, last_len, err) < 0)
			return -1;
		label += last_len + 1;
	}
	if (!last || !is_numeric_label(last, last_len))
		return 0;
	/* inet_pton takes four decimal numbers without leading zeros, and nothing else. */
	if (rooted || inet_pton(AF_INET, u->host, &v4) != 1)
		return refuse(err, "the URL's host is a number that is not an IPv4 address in its "
				   "usual form (four decimal numbers)");
	set_literal(u, AF_INET, &v4);
	return 0;
}

static int check_ipv6(struct transport_url *u, struct dr_err *err)
{
	struct in6_addr v6;

	if (strchr(u->host, '%'))
		return refuse(err, "the URL's IPv6 address has a zone");
	if (inet_pton(AF_INET6, u->host, &v6) != 1 ||
	    !inet_ntop(AF_INET6, &v6, u->host, sizeof u->host))
		return refuse(err, "the URL has brackets around something that is not an IPv6 "
				   "address");
	set_literal(u, AF_INET6, &v6);
	return 0;
}

/* copy_host: lower case, for a comparison and canonical form that do not depend on spelling. */
static int copy_host(struct transport_url *u, const char *s, size_t len, struct dr_err *err)
{
	if (len == 0)
		return refuse(err, "the URL names no host");
	if (len >= sizeof u->host)
		return refuse(err, "the URL's host name is longer than 253 characters");
	for (size_t i = 0; i < len; i++)
		u->host[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] - 'A' + 'a' : s[i]);
	u->host[len] = 0;
	return 0;
}

/* parse_authority: RFC 3986 section 3.2. */
static int parse_authority(struct transport_url *u, const char *s, size_t len, struct dr_err *err)
{
	bool ipv6 = s[0] == '[';
	const char *host_end = memchr(s, ipv6 ? ']' : ':', len);
	const char *port;

	if (ipv6 && !host_end)
		return refuse(err, "the URL has an opening bracket without its end");
	if (!host_end)
		host_end = s + len;
	if (copy_host(u, s + ipv6, (size_t)(host_end - s) - ipv6, err) < 0)
		return -1;
	port = host_end + ipv6;
	if (port < s + len) {
		if (*port != ':')
			return refuse(err, "the URL has something between its host and port");
		port++;
		if (parse_port(port, (size_t)(s + len - port), &u->port, err) < 0)
			return -1;
	}
	return ipv6 ? check_ipv6(u, err) : check_name(u, err);
}

static int write_canonical(struct transport_url *u, const struct pieces *p, struct dr_err *err)
{
	dr_autobuf struct buf b = BUF_INIT_MAX(sizeof u->text - 1);
	bool bracket = u->literal && u->addr.ss_family == AF_INET6;

	buf_printf(&b, "%s://%s%s%s", u->tls ? "https" : "http", bracket ? "[" : "", u->host,
		   bracket ? "]" : "");
	if (u->port != (u->tls ? 443 : 80))
		buf_printf(&b, ":%u", (unsigned)u->port);
	if (p->path_len == 0)
		buf_putc(&b, '/');
	buf_append(&b, p->path, p->path_len);
	if (p->query_len > 1)
		buf_append(&b, p->query, p->query_len);
	if (!buf_ok(&b) || !dr_copy(u->text, sizeof u->text, buf_str(&b)))
		return refuse(err, "the URL is longer than 2048 characters");
	return 0;
}

/* agree_with_libcurl: the canonical form must mean to libcurl what it means to us. */
static int agree_with_libcurl(const struct transport_url *u, struct dr_err *err)
{
	const unsigned flags = CURLU_PATH_AS_IS | CURLU_DISALLOW_USER;
	DR_CLEANUP(url_freep) CURLU *c = curl_url();
	DR_CLEANUP(curl_freep) char *text = NULL;
	DR_CLEANUP(curl_freep) char *host = NULL;
	DR_CLEANUP(curl_freep) char *port = NULL;
	size_t len = strlen(u->host);
	uint64_t n;

	if (!c)
		return dr_fail_nomem(err);
	if (curl_url_set(c, CURLUPART_URL, u->text, flags) != CURLUE_OK ||
	    curl_url_get(c, CURLUPART_URL, &text, 0) != CURLUE_OK ||
	    curl_url_get(c, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(c, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
		return refuse(err, "the URL is malformed");
	if (strcmp(text, u->text) != 0 || !dr_parse_u64(port, u->port, u->port, &n) ||
	    strncmp(host + (*host == '['), u->host, len) != 0)
		return refuse(err, "the URL is ambiguous: it can be read in two ways");
	return 0;
}

int transport_url_parse(struct transport_url *ret, const char *text, struct dr_err *err)
{
	struct pieces p = {0};

	memset(ret, 0, sizeof *ret);
	if (check_characters(text, err) < 0 || split(&p, text, &ret->tls, err) < 0)
		return -1;
	ret->port = ret->tls ? 443 : 80;
	if (parse_authority(ret, p.authority, p.authority_len, err) < 0 ||
	    write_canonical(ret, &p, err) < 0)
		return -1;
	return agree_with_libcurl(ret, err);
}

/* is_local_name: names that never mean a host of the public Internet: RFC 6761 section 6.3
 * (localhost), RFC 6762 (local), RFC 8375 (home.arpa), ICANN's reserved "internal", and single
 * labels, which the resolver would complete with a search list. */
static bool is_local_name(const char *host)
{
	static const char *const suffixes[] = {".localhost", ".local", ".internal", ".home.arpa"};
	size_t len = strlen(host);

	if (len > 0 && host[len - 1] == '.')
		len--;
	if (!memchr(host, '.', len) || (len == 9 && strncmp(host, "home.arpa", len) == 0))
		return true;
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		size_t n = strlen(suffixes[i]);

		if (len >= n && strncmp(host + len - n, suffixes[i], n) == 0)
			return true;
	}
	return false;
}

int transport_url_permit(const struct transport_url *u, const struct transport_policy *p,
			 struct dr_err *err)
{
	if (!u->literal && is_local_name(u->host))
		return transport_refuse_address(err);
	if (!transport_policy_port_possible(p, u->port))
		return dr_refuse(err, DR_INVALID, TRANSPORT_REASON_PORT,
				 "port %u may not be fetched from", (unsigned)u->port);
	if (u->literal &&
	    !transport_policy_permits(p, (const struct sockaddr *)&u->addr, sizeof u->addr))
		return transport_refuse_address(err);
	return 0;
}

bool transport_url_within(const struct transport_url *u, const char *origin, const char *path)
{
	struct transport_url own;
	struct dr_err err = DR_ERR_INIT;
	dr_autobuf struct buf whole = BUF_INIT;

	if (!origin || !*origin)
		return false;
	buf_printf(&whole, "%s%s", origin, path);
	/* There is one canonical spelling. */
	return buf_ok(&whole) && transport_url_parse(&own, buf_str(&whole), &err) == 0 &&
	       dr_starts(u->text, own.text);
}

/* has_scheme: RFC 3986 section 3.1. */
static bool has_scheme(const char *s)
{
	static const char scheme[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789+-.";
	size_t len = strspn(s, scheme);

	return len > 0 && s[len] == ':';
}

/* resolve_path: a reference without scheme and host. libcurl merges the paths; the host stays. */
static int resolve_path(struct transport_url *ret, const struct transport_url *base,
			const char *location, struct dr_err *err)
{
	DR_CLEANUP(url_freep) CURLU *c = curl_url();
	DR_CLEANUP(curl_freep) char *merged = NULL;

	if (!c)
		return dr_fail_nomem(err);
	if (curl_url_set(c, CURLUPART_URL, base->text, 0) != CURLUE_OK ||
	    curl_url_set(c, CURLUPART_URL, location, 0) != CURLUE_OK ||
	    curl_url_get(c, CURLUPART_URL, &merged, 0) != CURLUE_OK)
		return refuse(err, "the URL is malformed");
	return transport_url_parse(ret, merged, err);
}

int transport_url_resolve(struct transport_url *ret, const struct transport_url *base,
			  const char *location, struct dr_err *err)
{
	dr_autobuf struct buf whole = BUF_INIT;

	if (check_characters(location, err) < 0)
		return -1;
	if (has_scheme(location))
		return transport_url_parse(ret, location, err);
	if (!dr_starts(location, "//"))
		return resolve_path(ret, base, location, err);
	buf_printf(&whole, "%s:%s", base->tls ? "https" : "http", location);
	if (buf_check(&whole, err) < 0)
		return -1;
	return transport_url_parse(ret, buf_str(&whole), err);
}
