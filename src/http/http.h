/* SPDX-License-Identifier: Apache-2.0
 *
 * http: HTTP plumbing; libmicrohttpd is invisible outside this module.
 *
 * Connections are held by epoll threads; a request whose head (and small body) is complete is
 * suspended and handed to the worker pool, where the handler runs as straight-line blocking code;
 * then the connection is resumed with the response. A streamed response body is produced likewise:
 * http_stream.read runs on a worker, never on an epoll thread, a buffer ahead of the client.
 *
 *   connection --head, body--> http_request --handler--> http_response --> connection
 *
 * What never reaches a handler, because it is answered here: broken or ambiguous framing, a target
 * with a malformed escape or a NUL (400), bodies above max_body (413), too many headers, segments
 * or parameters (431, 414, 400), a server that is stopping (503). */
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

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_DELETE,
	HTTP_COPY,
	HTTP_OPTIONS,
	HTTP_OTHER,
};

/* ---- request: everything borrowed until the handler returns ---- */

enum http_method http_method(const struct http_request *rq);
const char *http_method_name(const struct http_request *rq);
/* http_path: as sent: still percent-encoded, without the query; "" when it was malformed. */
const char *http_path(const struct http_request *rq);
/* http_segment: the nth (from 0) segment of the path, percent-decoded; NULL past the end.
 * "/a/b/" has the segments "a", "b" and "". */
const char *http_segment(const struct http_request *rq, size_t n);
size_t http_segments(const struct http_request *rq);
/* http_rest: the path after the first n segments, percent-decoded as a whole ("a%2Fb" and "a/b"
 * are alike); NULL when there are not more than n. */
const char *http_rest(const struct http_request *rq, size_t n);
/* http_query: the first value of a parameter, decoded; "" when it has none; NULL when absent. */
const char *http_query(const struct http_request *rq, const char *name);
/* http_header: the first value, without surrounding blanks; NULL when absent. */
const char *http_header(const struct http_request *rq, const char *name);
/* http_header_at: the nth (from 0) field of the head; false past the end. */
bool http_header_at(const struct http_request *rq, size_t n, const char **ret_name,
		    const char **ret_value);
const void *http_body(const struct http_request *rq, size_t *ret_len); /* never NULL */
const char *http_peer(const struct http_request *rq);                  /* numeric address */
/* http_request_id: for X-Request-Id (which every answer carries), X-Trans-Id and logs. */
const char *http_request_id(const struct http_request *rq);
/* http_base_url: "http://host:port" as the client sees us: the configured public URL, else from the
 * (validated) Host header. No slash at the end. */
const char *http_base_url(const struct http_request *rq);
/* http_basic: the credentials of Authorization: Basic; false when absent, malformed or too long. */
bool http_basic(const struct http_request *rq, char *user, size_t user_size, char *pass,
		size_t pass_size);
/* http_bearer: the token of Authorization: Bearer or OAuth (in any case); NULL when there is no
 * such header, "" when it is empty. */
const char *http_bearer(const struct http_request *rq);

/* http_form: the first value of a field of an application/x-www-form-urlencoded text, decoded into
 * `ret`. 1, 0 when absent, -1 when malformed or too long. */
int http_form(const char *text, size_t len, const char *name, char *ret, size_t size);

/* ---- response: filled by the handler; 500 when it did not set a status ---- */

void http_status(struct http_response *rs, unsigned status);
/* http_add: name and value are copied; a control character in either makes the answer a 500. */
void http_add(struct http_response *rs, const char *name, const char *value);
void http_addf(struct http_response *rs, const char *name, const char *fmt, ...) DR_PRINTF(3, 4);
/* http_send: the body, copied; replaces an earlier one. */
void http_send(struct http_response *rs, const char *content_type, const void *p, size_t len);
/* http_refuse: status and the project's JSON error body {"error_name":…,"errors":[…]} for what is
 * refused before any front is known. Both texts are plain ASCII without quotes. */
void http_refuse(struct http_response *rs, unsigned status, const char *error_name,
		 const char *message);

/* http_send_stream: a body of known length produced piece by piece on a worker.
 *   read   1..len bytes at `pos` (0 = first byte of this body). -1 before anything was sent makes
 *          the answer a 500, later it closes the connection short.
 *   file   or NULL: the plain file (borrowed until close) that holds *ret_len bytes of the body
 *          from pos on, at *ret_at in it; false: none does. A large body that lies in one file is
 *          sent by the kernel, unless that would wait for a disk.
 *   close  always called exactly once, after the last read */
struct http_stream {
	uint64_t length;
	ssize_t (*read)(void *arg, uint64_t pos, void *buf, size_t len, struct dr_err *err);
	bool (*file)(void *arg, uint64_t pos, int *ret_fd, uint64_t *ret_at, uint64_t *ret_len);
	void (*close)(void *arg);
	void *arg;
};
void http_send_stream(struct http_response *rs, const char *content_type,
		      const struct http_stream *body);

/* ---- bodies that are not collected ---- */

/* http_receive: for a handler, instead of setting a status: the body goes to the sink, piece by
 * piece as it comes; the handler returns meanwhile. What the request said stays valid for finish().
 *   write   the next piece, in order, on a worker; at most HTTP_PIECE_BYTES. After -1 nothing more
 *           is written and finish() is called as soon as more comes: what it answers is sent, the
 *           connection closed.
 *   finish  the body is whole (or a write failed): fills the response
 *   close   always called exactly once, last; without finish() when the client went away, took
 *           longer than twice idle_seconds for 64 KiB, or the body was broken
 *
 * A request that config.receives() names is handled before its body is read (http_body() is empty,
 * max_body does not count) unless the body is small and sent unasked. When its handler answers
 * instead of receiving, 100-continue is not said, the body is not read and the connection closes;
 * a client that goes on sending still sees the answer. The body of any other request was collected
 * before, and its handler may let a sink have it just as well. */
#define HTTP_PIECE_BYTES ((size_t)256 << 10)
struct http_sink {
	int (*write)(void *arg, const void *p, size_t len);
	void (*finish)(void *arg, struct http_request *rq, struct http_response *rs);
	void (*close)(void *arg);
	void *arg;
};
void http_receive(struct http_response *rs, const struct http_sink *sink);
/* http_content_length: announced; UINT64_MAX when the body is chunked; 0 without one. */
uint64_t http_content_length(const struct http_request *rq);

/* ---- ranges and conditions (RFC 9110 sections 13 and 14) ---- */

#define HTTP_MAX_RANGES 16
struct http_range {
	uint64_t off, len;
};
/* http_ranges: the Range header of a GET for a representation of `size` bytes. The count of
 * satisfiable ranges; 0 = serve the whole (no or malformed header, other unit, too many ranges, or
 * together more than the whole); -1 = 416. */
int http_ranges(const char *header, uint64_t size, struct http_range ret[static HTTP_MAX_RANGES]);

enum http_condition { HTTP_GO, HTTP_NOT_MODIFIED, HTTP_PRECONDITION_FAILED };
/* http_conditions: If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since.
 *   etag         the field value as sent: quoted, or bare as Swift's; NULL = none
 *   modified_at  seconds since 1970; 0 = unknown */
enum http_condition http_conditions(const struct http_request *rq, const char *etag,
				    int64_t modified_at);

struct http_object {
	const char *content_type;
	const char *etag;    /* as in http_conditions */
	int64_t modified_at; /* likewise */
	struct http_stream content;
};
/* http_send_object: the whole GET or HEAD answer for a representation: conditions (304, 412),
 * If-Range, one range (206), several (multipart/byteranges), 416, Accept-Ranges, Etag,
 * Last-Modified. Read positions are offsets in the representation. Takes the content over. */
void http_send_object(const struct http_request *rq, struct http_response *rs,
		      const struct http_object *object);

/* ---- server ---- */

typedef void http_handler(void *ctx, struct http_request *rq, struct http_response *rs);

struct http_config {
	const char *host;     /* numeric or name */
	uint16_t port;        /* 0 = any free */
	unsigned workers;     /* 0 = 4 + 2 per CPU; at most 64 */
	unsigned connections; /* at most, and fewer when descriptors are; 0 = 1024 */
	size_t max_body;      /* buffered request bodies, bytes; 0 = 1 MiB */
	/* bodies in memory, of requests and of answers that wait for their clients, bytes; 0 =
	 * 256 MiB. Beyond them large ones become a 503: no number of slow clients takes all memory.
	 */
	size_t max_held;
	unsigned idle_seconds;  /* silence; a request must be whole after twice that; 0 = 60 */
	const char *public_url; /* borrowed until stop; NULL or "" = from the Host header */
	/* log: once per request, on an epoll thread, when it is over; must not block; may be NULL.
	 *   status  0 when the client left before there was one     bytes  of the body, handed over
	 */
	void (*log)(void *ctx, const struct http_request *rq, unsigned status, uint64_t bytes,
		    uint64_t ms);
	/* receives: by its head: this request's body goes through http_receive(). On an epoll
	 * thread; must not block; may be NULL: none. */
	bool (*receives)(void *ctx, const struct http_request *rq);
	http_handler *handle; /* on a worker */
	void *ctx;
};
/* http_start: listen and serve. [owned by caller] Raises the soft limit of descriptors as far as
 * the connections need. */
int http_start(struct http_server **ret, const struct http_config *cfg, struct dr_err *err)
	DR_MUST_CHECK;
uint16_t http_port(const struct http_server *s);
/* http_stop: new requests are refused with 503, running ones may finish for drain_ms; then
 * everything is closed and freed. */
void http_stop(struct http_server *s, unsigned drain_ms);

#endif
