/* SPDX-License-Identifier: Apache-2.0
 *
 * The insides of a request and a response. Private to http/; unit tests build requests with it. */
#ifndef DR_HTTP_HTTP_INTERNAL_H
#define DR_HTTP_HTTP_INTERNAL_H

#include "http/http.h"

#define HTTP_MAX_TARGET 8192
#define HTTP_MAX_SEGMENTS 256
#define HTTP_MAX_PARAMS 64
#define HTTP_MAX_HEADERS 126 /* as Swift: 90 of metadata, 36 others */
#define HTTP_LENGTH_NONE UINT64_MAX

struct http_field {
	const char *name, *value;
};

struct http_request {
	enum http_method method;
	char method_name[24];
	char id[33];
	char peer[64];
	char base_url[300];
	/* message_target */
	char *path;          /* owned; as sent */
	char *whole, *split; /* owned; decoded, with '/' and with NUL between segments */
	uint16_t segment[HTTP_MAX_SEGMENTS]; /* offsets in both */
	size_t segments;
	char *query_text;                         /* owned */
	struct http_field param[HTTP_MAX_PARAMS]; /* into query_text */
	size_t params;
	/* message_headers */
	char *header_text;                          /* owned */
	struct http_field header[HTTP_MAX_HEADERS]; /* into header_text */
	size_t headers;
	const char *host;        /* valid Host, or NULL */
	uint64_t content_length; /* or HTTP_LENGTH_NONE */
	bool chunked;
	struct buf body;
};

/* message_*: what a request says, checked. Each returns 0 or the status that refuses it. */
unsigned message_method(struct http_request *rq, const char *method);
unsigned message_target(struct http_request *rq, const char *target);
/* message_headers: copies n fields; `minor` is the 1 of HTTP/1.1. */
unsigned message_headers(struct http_request *rq, const struct http_field *fields, size_t n,
			 unsigned minor);
void message_done(struct http_request *rq);

/* percent_decode: `to` may be `from`; '+' is a blank when `plus`. The new length, or -1 for a
 * malformed escape, a NUL or more than `size` bytes. Adds no NUL. */
ssize_t percent_decode(char *to, size_t size, const char *from, size_t len, bool plus);

struct http_response {
	unsigned status;   /* 0 until set */
	bool broken;       /* a field could not be added: becomes 500 */
	struct buf fields; /* name NUL value NUL … */
	struct buf body;
	bool streamed;
	struct http_stream stream; /* owned when streamed */
	uint64_t absent_length;    /* of the body a 304 stands for; 0 = unknown */
	bool received;
	struct http_sink sink; /* owned when received */
};

void response_done(struct http_response *rs);
/* response_next: the field at *pos; false at the end. Start with *pos = 0. */
bool response_next(const struct http_response *rs, size_t *pos, struct http_field *ret);
/* response_field: the first value of a field, or NULL. */
const char *response_field(const struct http_response *rs, const char *name);

/* date_parse: the three HTTP-date forms (RFC 9110 section 5.6.7). */
bool date_parse(const char *s, int64_t *ret);
/* etag_matches: `list` is "*" or a list of entity tags (section 8.8.3). */
bool etag_matches(const char *list, const char *etag, bool weak);

#endif
