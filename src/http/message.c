/* SPDX-License-Identifier: Apache-2.0
 *
 * The request message: target, query and header fields (RFC 9110, RFC 9112, RFC 3986). */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http/http_internal.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

/* RFC 9110 section 5.6.2 */
static bool is_token(const char *s)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	if (!*s)
		return false;
	for (; *s; s++) {
		if (!((*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') ||
		      (*s >= 'a' && *s <= 'z') || strchr(others, *s)))
			return false;
	}
	return true;
}

/* RFC 9110 section 5.5: no control character but the tab; bytes above ASCII are opaque. */
static bool is_field_value(const char *s)
{
	for (; *s; s++) {
		if (((uint8_t)*s < 0x20 && *s != '\t') || *s == 0x7F)
			return false;
	}
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

ssize_t percent_decode(char *to, size_t size, const char *from, size_t len, bool plus)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		char c = from[i];

		if (c == '%') {
			int hi = len - i > 2 ? hex_value(from[i + 1]) : -1;
			int lo = len - i > 2 ? hex_value(from[i + 2]) : -1;

			if (hi < 0 || lo < 0)
				return -1;
			c = (char)(hi << 4 | lo);
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		if (c == 0 || n == size)
			return -1;
		to[n++] = c;
	}
	return (ssize_t)n;
}

unsigned message_method(struct http_request *rq, const char *method)
{
	static const struct {
		const char *name;
		enum http_method method;
	} known[] = {
		{"GET", HTTP_GET},         {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},
		{"PUT", HTTP_PUT},         {"DELETE", HTTP_DELETE}, {"COPY", HTTP_COPY},
		{"OPTIONS", HTTP_OPTIONS},
	};

	rq->method = HTTP_OTHER;
	if (!is_token(method) || !dr_copy(rq->method_name, sizeof rq->method_name, method))
		return 400;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (strcmp(method, known[i].name) == 0)
			rq->method = known[i].method;
	}
	return 0;
}

/* Splits rq->path at its slashes, decoding each piece: an encoded slash does not split. */
static unsigned split_path(struct http_request *rq)
{
	size_t len = strlen(rq->path), out = 0;

	rq->whole = malloc(len + 1);
	rq->split = malloc(len + 1);
	if (!rq->whole || !rq->split)
		return 503;
	for (size_t at = 1; at <= len;) {
		size_t n = strcspn(rq->path + at, "/");
		ssize_t decoded;

		if (rq->segments == HTTP_MAX_SEGMENTS)
			return 414;
		decoded = percent_decode(rq->whole + out, n, rq->path + at, n, false);
		if (decoded < 0)
			return 400;
		rq->segment[rq->segments++] = (uint16_t)out;
		out += (size_t)decoded;
		rq->whole[out++] = '/';
		at += n + 1;
	}
	/* The last segment is followed by a slash that was never there. */
	if (rq->segments > 0)
		out--;
	rq->whole[out] = 0;
	memcpy(rq->split, rq->whole, out + 1);
	for (size_t i = 1; i < rq->segments; i++)
		rq->split[rq->segment[i] - 1] = 0;
	return 0;
}

static unsigned split_query(struct http_request *rq)
{
	char *next = rq->query_text, *item;

	while ((item = strsep(&next, "&"))) {
		char *value = strchr(item, '=');
		ssize_t n, v;

		if (!*item)
			continue;
		if (rq->params == HTTP_MAX_PARAMS)
			return 400;
		if (value)
			*value++ = 0;
		else
			value = item + strlen(item);
		v = percent_decode(value, SIZE_MAX, value, strlen(value), true);
		n = percent_decode(item, SIZE_MAX, item, strlen(item), true);
		if (n < 0 || v < 0)
			return 400;
		value[v] = 0;
		item[n] = 0;
		rq->param[rq->params++] = (struct http_field){item, value};
	}
	return 0;
}

unsigned message_target(struct http_request *rq, const char *target)
{
	const char *query;
	size_t len = strlen(target);
	unsigned refused;

	if (len > HTTP_MAX_TARGET)
		return 414;
	/* RFC 3986 section 2: no blank, no control character; a fragment is never sent. Bytes above
	 * ASCII are let through for clients that do not encode them. */
	for (size_t i = 0; i < len; i++) {
		if ((uint8_t)target[i] <= 0x20 || target[i] == 0x7F || target[i] == '#')
			return 400;
	}
	/* RFC 9112 section 3.2.2: a server accepts the absolute form too. */
	if (strncasecmp(target, "http://", 7) == 0 || strncasecmp(target, "https://", 8) == 0) {
		target = strchr(target, ':') + 3;
		target += strcspn(target, "/?");
	}
	query = strchrnul(target, '?');
	if (*target == '/')
		rq->path = strndup(target, (size_t)(query - target));
	else if (*target == '?' || !*target)
		rq->path = strdup("/");
	else if (strcmp(target, "*") == 0 && rq->method == HTTP_OPTIONS)
		rq->path = strdup(target);
	else
		return 400;
	rq->query_text = strdup(*query ? query + 1 : "");
	if (!rq->path || !rq->query_text)
		return 503;
	refused = split_path(rq);
	return refused ? refused : split_query(rq);
}

/* A Host we would put into URLs of our own (RFC 9110 section 7.2, narrowed to what names have). */
static bool is_host(const char *s)
{
	size_t len = strlen(s);

	return len < 256 && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_:[]") == len;
}

/* The fields that decide where a message ends or whom it is for. */
static unsigned framing_field(struct http_request *rq, const struct http_field *f, unsigned minor)
{
	if (strcasecmp(f->name, "Content-Length") == 0) {
		/* RFC 9112 section 6.3: differing or repeated values are unrecoverable. */
		if (rq->content_length != HTTP_LENGTH_NONE ||
		    !dr_parse_u64(f->value, 0, INT64_MAX, &rq->content_length))
			return 400;
	} else if (strcasecmp(f->name, "Transfer-Encoding") == 0) {
		/* Section 6.1: unknown codings cannot be framed; nor is there any in HTTP/1.0. */
		if (rq->chunked || minor == 0 || strcasecmp(f->value, "chunked") != 0)
			return 400;
		rq->chunked = true;
	} else if (strcasecmp(f->name, "Host") == 0) {
		if (rq->host || !is_host(f->value))
			return 400;
		rq->host = f->value;
	}
	return 0;
}

/* Copies a field into the text at *at, the value without the blanks around it. */
static struct http_field copy_field(const struct http_field *f, char **at)
{
	struct http_field ret;
	const char *value = f->value ? f->value + strspn(f->value, " \t") : "";
	size_t name_len = strlen(f->name), len = strlen(value);

	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		len--;
	ret.name = memcpy(*at, f->name, name_len + 1);
	*at += name_len + 1;
	ret.value = memcpy(*at, value, len);
	(*at)[len] = 0;
	*at += len + 1;
	return ret;
}

unsigned message_headers(struct http_request *rq, const struct http_field *fields, size_t n,
			 unsigned minor)
{
	size_t total = 1;
	unsigned refused;
	char *at;

	assert(!rq->header_text);
	rq->content_length = HTTP_LENGTH_NONE;
	if (n > HTTP_MAX_HEADERS)
		return 431;
	for (size_t i = 0; i < n; i++)
		total += strlen(fields[i].name) + 2 +
			 (fields[i].value ? strlen(fields[i].value) : 0);
	at = rq->header_text = malloc(total);
	if (!at)
		return 503;
	for (size_t i = 0; i < n; i++) {
		struct http_field *f = &rq->header[i];

		*f = copy_field(&fields[i], &at);
		/* A blank before the colon would be a name that is no token (RFC 9112 section 5.1).
		 */
		if (!is_token(f->name) || !is_field_value(f->value))
			return 400;
		rq->headers++;
		refused = framing_field(rq, f, minor);
		if (refused)
			return refused;
	}
	/* RFC 9112 section 6.1: both at once is how requests are smuggled. Section 3.2: HTTP/1.1
	 * has a Host. */
	if ((rq->chunked && rq->content_length != HTTP_LENGTH_NONE) || (minor > 0 && !rq->host))
		return 400;
	if (rq->host && !*rq->host)
		rq->host = NULL;
	return 0;
}

void message_done(struct http_request *rq)
{
	free(rq->path);
	free(rq->whole);
	free(rq->split);
	free(rq->query_text);
	free(rq->header_text);
	buf_done(&rq->body);
}
