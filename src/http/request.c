/* SPDX-License-Identifier: Apache-2.0
 *
 * What a handler asks of a request. */
#include <string.h>
#include <strings.h>

#include "http/http_internal.h"
#include "util/str.h"

#include "util/banned.h"

enum http_method http_method(const struct http_request *rq)
{
	return rq->method;
}

const char *http_method_name(const struct http_request *rq)
{
	return rq->method_name;
}

const char *http_path(const struct http_request *rq)
{
	return rq->path ? rq->path : "";
}

const char *http_segment(const struct http_request *rq, size_t n)
{
	return n < rq->segments ? rq->split + rq->segment[n] : NULL;
}

size_t http_segments(const struct http_request *rq)
{
	return rq->segments;
}

const char *http_rest(const struct http_request *rq, size_t n)
{
	return n < rq->segments ? rq->whole + rq->segment[n] : NULL;
}

const char *http_query(const struct http_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->params; i++) {
		if (strcmp(rq->param[i].name, name) == 0)
			return rq->param[i].value;
	}
	return NULL;
}

const char *http_header(const struct http_request *rq, const char *name)
{
	for (size_t i = 0; i < rq->headers; i++) {
		if (strcasecmp(rq->header[i].name, name) == 0)
			return rq->header[i].value;
	}
	return NULL;
}

bool http_header_at(const struct http_request *rq, size_t n, const char **ret_name,
		    const char **ret_value)
{
	if (n >= rq->headers)
		return false;
	*ret_name = rq->header[n].name;
	*ret_value = rq->header[n].value;
	return true;
}

const void *http_body(const struct http_request *rq, size_t *ret_len)
{
	*ret_len = rq->body.len;
	return buf_str(&rq->body);
}

uint64_t http_content_length(const struct http_request *rq)
{
	if (rq->chunked)
		return UINT64_MAX;
	return rq->content_length == HTTP_LENGTH_NONE ? 0 : rq->content_length;
}

const char *http_peer(const struct http_request *rq)
{
	return rq->peer;
}

const char *http_request_id(const struct http_request *rq)
{
	return rq->id;
}

const char *http_base_url(const struct http_request *rq)
{
	return rq->base_url;
}

/* The credentials after the scheme of an Authorization field; NULL for another scheme. */
static const char *after_scheme(const char *value, const char *scheme)
{
	size_t n = strlen(scheme);

	if (!value || strncasecmp(value, scheme, n) != 0 || (value[n] && value[n] != ' '))
		return NULL;
	return value + n + strspn(value + n, " ");
}

const char *http_bearer(const struct http_request *rq)
{
	const char *value = http_header(rq, "Authorization");
	const char *token = after_scheme(value, "Bearer");

	return token ? token : after_scheme(value, "OAuth");
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648 section 4, padding optional. The length, or -1: malformed, or does not fit. */
static ssize_t base64_decode(const char *s, uint8_t *ret, size_t size)
{
	size_t len = strlen(s), n = 0;
	unsigned bits = 0;
	uint32_t have = 0;

	while (len > 0 && s[len - 1] == '=')
		len--;
	for (size_t i = 0; i < len; i++) {
		int v = base64_value(s[i]);

		if (v < 0)
			return -1;
		have = (have << 6 | (uint32_t)v) & 0xFFFFFF;
		bits += 6;
		if (bits < 8)
			continue;
		if (n == size)
			return -1;
		bits -= 8;
		ret[n++] = (uint8_t)(have >> bits);
	}
	return bits >= 6 ? -1 : (ssize_t)n;
}

bool http_basic(const struct http_request *rq, char *user, size_t user_size, char *pass,
		size_t pass_size)
{
	const char *text = after_scheme(http_header(rq, "Authorization"), "Basic");
	char plain[1024];
	char *colon;
	ssize_t n;
	bool fits;

	if (!text)
		return false;
	n = base64_decode(text, (uint8_t *)plain, sizeof plain - 1);
	if (n < 0 || memchr(plain, 0, (size_t)n))
		return false;
	plain[n] = 0;
	/* RFC 7617 section 2: the first colon ends the user. */
	colon = strchr(plain, ':');
	if (!colon)
		return false;
	*colon = 0;
	fits = dr_copy(user, user_size, plain) && dr_copy(pass, pass_size, colon + 1);
	explicit_bzero(plain, sizeof plain);
	return fits;
}

int http_form(const char *text, size_t len, const char *name, char *ret, size_t size)
{
	const char *end = text + len, *stop;
	char key[64];

	for (const char *at = text; at < end; at = stop + 1) {
		const char *equals;
		ssize_t n;

		stop = memchr(at, '&', (size_t)(end - at));
		stop = stop ? stop : end;
		equals = memchr(at, '=', (size_t)(stop - at));
		n = percent_decode(key, sizeof key - 1, at, (size_t)((equals ? equals : stop) - at),
				   true);
		if (n < 0)
			continue;
		key[n] = 0;
		if (strcmp(key, name) != 0)
			continue;
		equals = equals ? equals + 1 : stop;
		n = percent_decode(ret, size - 1, equals, (size_t)(stop - equals), true);
		if (n < 0)
			return -1;
		ret[n] = 0;
		return 1;
	}
	return 0;
}
