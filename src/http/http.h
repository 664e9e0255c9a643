/* SPDX-License-Identifier: Apache-2.0
 *
 * http: HTTP plumbing; libmicrohttpd is invisible outside this module.
 *
 * Connections are held by epoll threads; a request whose head (and small body) is complete is
 * suspended and handed to the worker pool, where the handler runs as straight-line blocking code;
 * then the connection is resumed with the response. A streamed response body is produced likewise:
 * http_body.read runs on a worker, never on an epoll thread. */
#ifndef DR_HTTP_HTTP_H
#define DR_HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/buf.h"
#include "util/err.h"

struct http_server;
struct http_request;
struct http_response;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_COPY, HTTP_OPTIONS, HTTP_OTHER };

/* ---- request: everything borrowed until the handler returns ---- */
enum http_method http_method(const struct http_request *rq);
const char *http_method_name(const struct http_request *rq);
const char *http_path(const struct http_request *rq);      /* as sent: still percent-encoded, without the query */
/* http_segment: the nth (from 0) segment of the path, percent-decoded; NULL past the end or when it
 * decodes to something with a NUL or malformed escape. "/a/b/" has segments a, b and "". */
const char *http_segment(const struct http_request *rq, size_t n);
size_t http_segments(const struct http_request *rq);
/* http_rest: the path after the first n segments, percent-decoded as a whole ("a%2Fb" and "a/b" are alike). */
const char *http_rest(const struct http_request *rq, size_t n);
const char *http_query(const struct http_request *rq, const char *name); /* first value, decoded; "" when given without value; NULL */
const char *http_header(const struct http_request *rq, const char *name); /* first value; NULL */
const void *http_body(const struct http_request *rq, size_t *ret_len);   /* the whole body (bounded by max_body) */
const char *http_peer(const struct http_request *rq);                    /* numeric address */
const char *http_request_id(const struct http_request *rq);              /* for X-Request-Id, X-Trans-Id, logs */
/* http_base_url: "http://host:port" the client used (Host header, validated), or the configured public URL. */
const char *http_base_url(const struct http_request *rq);
/* http_basic: credentials of an Authorization: Basic header into the two buffers; false when absent or malformed. */
bool http_basic(const struct http_request *rq, char *user, size_t user_size, char *pass, size_t pass_size);
/* http_bearer: the token of Authorization: Bearer|OAuth (case-insensitive); NULL absent; "" empty. */
const char *http_bearer(const struct http_request *rq);

/* ---- response: filled by the handler; 500 when it did not set a status ---- */
void http_status(struct http_response *rs, unsigned status);
/* http_add: name and value are copied; CR, LF and NUL in a value make the response a 500. */
void http_add(struct http_response *rs, const char *name, const char *value);
void http_addf(struct http_response *rs, const char *name, const char *fmt, ...) DR_PRINTF(3, 4);
/* http_send: the body, copied. */
void http_send(struct http_response *rs, const char *content_type, const void *p, size_t len);
/* http_send_stream: a body of known length produced piece by piece on a worker.
 *   read  1..len bytes at `pos` (0 = first byte of this body); -1 closes the connection short */
struct http_stream {
	uint64_t length;
	ssize_t (*read)(void *arg, uint64_t pos, void *buf, size_t len, struct dr_err *err);
	void (*close)(void *arg); /* always called exactly once */
	void *arg;
};
void http_send_stream(struct http_response *rs, const char *content_type, const struct http_stream *body);

/* ---- ranges and conditions (RFC 9110 sections 13, 14) ---- */
#define HTTP_MAX_RANGES 16
struct http_range { uint64_t off, len; };
/* http_ranges: Range of a representation of `size` bytes. The count of satisfiable ranges (0 = serve
 * the whole, -1 = 416). Malformed and too many = 0. */
int http_ranges(const char *header, uint64_t size, struct http_range ret[static HTTP_MAX_RANGES]);
enum http_condition { HTTP_GO, HTTP_NOT_MODIFIED, HTTP_PRECONDITION_FAILED };
/* http_conditions: If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since. */
enum http_condition http_conditions(const struct http_request *rq, const char *etag, int64_t modified_at);
/* http_send_object: a GET/HEAD answer for a representation: conditions, If-Range, single range (206),
 * several ranges (multipart/byteranges), 416, HEAD, Accept-Ranges, Etag, Last-Modified. `read` positions
 * are offsets in the representation. Takes the stream over. */
void http_send_object(struct http_request *rq, struct http_response *rs, const char *content_type, const char *etag, int64_t modified_at, const struct http_stream *object);

/* ---- server ---- */
typedef void http_handler(void *ctx, struct http_request *rq, struct http_response *rs);
struct http_config {
	const char *host;          /* numeric or name */
	uint16_t port;             /* 0 = any free */
	unsigned workers;          /* 0 = 4 + 2 per CPU */
	unsigned connections;      /* at most */
	size_t max_body;           /* buffered bodies; 413 beyond */
	unsigned idle_seconds;
	const char *public_url;    /* "" = from the Host header */
	void (*log)(void *ctx, const struct http_request *rq, unsigned status, uint64_t bytes, uint64_t ms); /* may be NULL */
	http_handler *handle;
	void *ctx;
};
int http_start(struct http_server **ret, const struct http_config *cfg, struct dr_err *err) DR_MUST_CHECK;
uint16_t http_port(const struct http_server *s);
/* http_stop: stop accepting, let running requests finish for up to drain_ms, close. */
void http_stop(struct http_server *s, unsigned drain_ms);

#endif
