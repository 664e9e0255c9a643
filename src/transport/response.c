/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/response.h"

#include <string.h>
#include <strings.h>

#include "util/checked.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define LINE_MAX_BYTES 8192

static int protocol(struct dr_err *err, const char *sentence)
{
	return dr_refuse(err, DR_REMOTE, TRANSPORT_REASON_PROTOCOL, "%s", sentence);
}

void transport_response_init(struct transport_response *r)
{
	memset(r, 0, sizeof *r);
}

/* RFC 9112 section 4: HTTP-version SP status-code SP [ reason-phrase ]. */
static int status_line(struct transport_response *r, const char *line, struct dr_err *err)
{
	size_t seen = r->header_bytes;
	char code[4];
	uint64_t status;

	if (!dr_starts(line, "HTTP/1.") || strnlen(line, 12) < 12 || line[8] != ' ' ||
	    (line[12] && line[12] != ' '))
		return protocol(err, "the source does not answer in HTTP/1");
	memcpy(code, line + 9, 3);
	code[3] = 0;
	/* Nobody asked for another protocol, so 101 is no answer (RFC 9110 section 7.8). */
	if (!dr_parse_u64(code, 100, 599, &status) || status == 101)
		return protocol(err, "the source answers with a status that means nothing here");
	transport_response_init(r);
	r->header_bytes = seen;
	r->status = (unsigned)status;
	return 0;
}

/* RFC 9110 section 8.6. libcurl's own numbers are signed 64-bit. */
static int content_length(struct transport_response *r, const char *value, struct dr_err *err)
{
	uint64_t n;

	if (!dr_parse_u64(value, 0, INT64_MAX, &n))
		return protocol(err, "the source's Content-Length is not a length");
	if (r->has_length && r->length != n)
		return protocol(err, "the source gives two different lengths");
	r->has_length = true;
	r->length = n;
	return 0;
}

/* RFC 9112 section 6.1. Nothing but chunked can come to a client that sends no TE. */
static int transfer_encoding(struct transport_response *r, const char *value, struct dr_err *err)
{
	if (r->chunked || strcasecmp(value, "chunked") != 0)
		return protocol(err, "the source uses a transfer encoding that was not asked for");
	r->chunked = true;
	return 0;
}

/* cut_number: the digits before `stop`, which is overwritten. */
static bool cut_number(char **at, char stop, uint64_t *ret)
{
	char *end = strchr(*at, stop);

	if (!end)
		return false;
	*end = 0;
	if (!dr_parse_u64(*at, 0, INT64_MAX, ret))
		return false;
	*at = end + 1;
	return true;
}

/* RFC 9110 section 14.4. An unsatisfied range ("bytes * / 10") is as good as none. */
static int content_range(struct transport_response *r, const char *value, struct dr_err *err)
{
	char text[80];
	char *at = text + 6;

	if (r->has_range)
		return protocol(err, "the source gives two Content-Range headers");
	if (!dr_copy(text, sizeof text, value) || strncasecmp(text, "bytes ", 6) != 0)
		return protocol(err, "the source's Content-Range is malformed");
	if (*at == '*')
		return 0;
	r->range_total = UINT64_MAX;
	if (!cut_number(&at, '-', &r->range_first) || !cut_number(&at, '/', &r->range_last) ||
	    r->range_first > r->range_last ||
	    (strcmp(at, "*") != 0 &&
	     !dr_parse_u64(at, r->range_last + 1, INT64_MAX, &r->range_total)))
		return protocol(err, "the source's Content-Range is malformed");
	r->has_range = true;
	return 0;
}

/* RFC 9110 section 8.8.3: DQUOTE *etagc DQUOTE, weak with W/ in front. Only a strong and unique one
 * is kept: whatever else it is, it cannot prove that two answers are of one version. */
static void etag(struct transport_response *r, const char *value)
{
	size_t len = strlen(value);
	bool strong = len >= 3 && len < sizeof r->etag && value[0] == '"' && value[len - 1] == '"';

	for (size_t i = 1; strong && i < len - 1; i++)
		strong = value[i] > 0x20 && value[i] < 0x7F && value[i] != '"';
	if (r->has_etag && strcmp(r->etag, value) != 0)
		strong = false;
	r->has_etag = true;
	if (!strong || !dr_copy(r->etag, sizeof r->etag, value))
		r->etag[0] = 0;
}

static int location(struct transport_response *r, const char *value, struct dr_err *err)
{
	if (r->has_location && strcmp(r->location, value) != 0)
		return protocol(err, "the source redirects to two places at once");
	if (!dr_copy(r->location, sizeof r->location, value))
		return protocol(err, "the source redirects to a URL of more than 2048 characters");
	r->has_location = true;
	return 0;
}

static int header(struct transport_response *r, const char *name, const char *value,
		  struct dr_err *err)
{
	if (strcasecmp(name, "Content-Length") == 0)
		return content_length(r, value, err);
	if (strcasecmp(name, "Transfer-Encoding") == 0)
		return transfer_encoding(r, value, err);
	if (strcasecmp(name, "Content-Range") == 0)
		return content_range(r, value, err);
	if (strcasecmp(name, "Location") == 0)
		return location(r, value, err);
	if (strcasecmp(name, "ETag") == 0)
		etag(r, value);
	else if (strcasecmp(name, "Accept-Ranges") == 0)
		r->accepts_ranges = strcasecmp(value, "bytes") == 0;
	else if (strcasecmp(name, "Last-Modified") == 0 &&
		 !dr_copy(r->last_modified, sizeof r->last_modified, value))
		r->last_modified[0] = 0;
	return 0;
}

/* header_line: RFC 9112 section 5: no folding, no blank before the colon. */
static int header_line(struct transport_response *r, char *line, struct dr_err *err)
{
	char *colon = strchr(line, ':');
	char *value, *end;

	if (!colon || colon == line || strcspn(line, " \t") < (size_t)(colon - line))
		return protocol(err, "the source sends a malformed header");
	*colon = 0;
	value = colon + 1 + strspn(colon + 1, " \t");
	end = value + strlen(value);
	while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = 0;
	return header(r, line, value, err);
}

static int end_of_headers(struct transport_response *r, struct dr_err *err)
{
	if (r->status == 0)
		return protocol(err, "the source does not answer in HTTP/1");
	if (r->status < 200)
		return 0;
	/* RFC 9112 section 6.3: such a message ought to be handled as an error. */
	if (r->chunked && r->has_length)
		return protocol(err, "the source gives both a length and a chunked body");
	r->complete = true;
	return 0;
}

int transport_response_line(struct transport_response *r, const char *line, size_t len,
			    struct dr_err *err)
{
	char text[LINE_MAX_BYTES + 1];

	if (!dr_add_size(r->header_bytes, len, &r->header_bytes) ||
	    r->header_bytes > TRANSPORT_HEADERS_MAX)
		return protocol(err, "the source sends more than 64 KiB of headers");
	if (r->complete)
		return 0; /* a trailer */
	if (len > 0 && line[len - 1] == '\n')
		len--;
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0)
		return end_of_headers(r, err);
	if (len > LINE_MAX_BYTES || memchr(line, 0, len) || memchr(line, '\r', len))
		return protocol(err, "the source sends a malformed header");
	memcpy(text, line, len);
	text[len] = 0;
	if (r->status < 200 && dr_starts(text, "HTTP/"))
		return status_line(r, text, err);
	if (r->status == 0)
		return protocol(err, "the source does not answer in HTTP/1");
	return header_line(r, text, err);
}

int transport_status_refuse(unsigned status, struct dr_err *err)
{
	const bool closed = status == 401 || status == 403;

	return dr_refuse(err, DR_REMOTE, "source-http-status",
			 "the source answered with HTTP status %u%s", status,
			 closed ? ": it takes a login, or the temporary URL is wrong or has expired"
				: "");
}
