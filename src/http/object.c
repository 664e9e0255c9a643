/* SPDX-License-Identifier: Apache-2.0
 *
 * The answer for a representation: whole, one range, several, or none of it. */
#include <stdlib.h>
#include <string.h>

#include "http/http_internal.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/clock.h"

#include "util/banned.h"

/* A body made of stretches of the content and of text between them. */
struct piece {
	uint64_t start, len; /* in the body */
	uint64_t from;       /* in the content, or in `text` */
	bool is_text;
};

struct pieces {
	struct http_stream content;
	struct buf text;
	struct piece piece[2 * HTTP_MAX_RANGES + 1];
	size_t count;
	uint64_t length;
};

static const struct piece *piece_at(const struct pieces *p, uint64_t pos)
{
	const struct piece *at = p->piece;

	while (pos - at->start >= at->len)
		at++;
	return at;
}

static ssize_t pieces_read(void *arg, uint64_t pos, void *buf, size_t len, struct dr_err *err)
{
	struct pieces *p = arg;
	const struct piece *at = piece_at(p, pos);
	uint64_t skip = pos - at->start, n;

	n = dr_min_u64(len, at->len - skip);
	if (!at->is_text)
		return p->content.read(p->content.arg, at->from + skip, buf, (size_t)n, err);
	memcpy(buf, p->text.p + at->from + skip, (size_t)n);
	return (ssize_t)n;
}

static bool pieces_file(void *arg, uint64_t pos, int *ret_fd, uint64_t *ret_at, uint64_t *ret_len)
{
	struct pieces *p = arg;
	const struct piece *at = piece_at(p, pos);
	uint64_t skip = pos - at->start;

	if (at->is_text || !p->content.file ||
	    !p->content.file(p->content.arg, at->from + skip, ret_fd, ret_at, ret_len))
		return false;
	*ret_len = dr_min_u64(*ret_len, at->len - skip);
	return true;
}

static void pieces_close(void *arg)
{
	struct pieces *p = arg;

	p->content.close(p->content.arg);
	buf_done(&p->text);
	free(p);
}

static void add_piece(struct pieces *p, bool is_text, uint64_t from, uint64_t len)
{
	p->piece[p->count++] = (struct piece){p->length, len, from, is_text};
	p->length += len;
}

/* RFC 9110 section 14.6 */
static void add_parts(struct pieces *p, const struct http_object *o, const char *boundary,
		      const struct http_range *range, int n)
{
	for (int i = 0; i < n; i++) {
		size_t from = p->text.len;

		buf_printf(&p->text, "%s--%s\r\nContent-Type: %s\r\n", i ? "\r\n" : "", boundary,
			   o->content_type);
		buf_printf(&p->text, "Content-Range: bytes %llu-%llu/%llu\r\n\r\n",
			   (unsigned long long)range[i].off,
			   (unsigned long long)(range[i].off + range[i].len - 1),
			   (unsigned long long)o->content.length);
		add_piece(p, true, from, p->text.len - from);
		add_piece(p, false, range[i].off, range[i].len);
	}
	size_t from = p->text.len;

	buf_printf(&p->text, "\r\n--%s--\r\n", boundary);
	add_piece(p, true, from, p->text.len - from);
}

static void send_ranges(const struct http_request *rq, struct http_response *rs,
			const struct http_object *o, const struct http_range *range, int n)
{
	struct pieces *p = calloc(1, sizeof *p);
	char type[80];

	if (!p) {
		o->content.close(o->content.arg);
		http_refuse(rs, 503, "unavailable", "Out of memory, try again");
		return;
	}
	p->content = o->content;
	http_status(rs, 206);
	if (n == 1) {
		http_addf(rs, "Content-Range", "bytes %llu-%llu/%llu",
			  (unsigned long long)range->off,
			  (unsigned long long)(range->off + range->len - 1),
			  (unsigned long long)o->content.length);
		add_piece(p, false, range->off, range->len);
	} else {
		add_parts(p, o, rq->id, range, n);
		snprintf(type, sizeof type, "multipart/byteranges; boundary=%s", rq->id);
	}
	if (!buf_ok(&p->text))
		rs->broken = true;
	http_send_stream(rs, n == 1 ? o->content_type : type,
			 &(struct http_stream){.length = p->length,
					       .read = pieces_read,
					       .file = pieces_file,
					       .close = pieces_close,
					       .arg = p});
}

/* RFC 9110 section 13.1.5: a strong match, or the date we gave. */
static bool range_still_holds(const struct http_request *rq, const struct http_object *o)
{
	const char *validator = http_header(rq, "If-Range");
	int64_t date;

	if (!validator)
		return true;
	if (date_parse(validator, &date))
		return o->modified_at && date == o->modified_at;
	return o->etag && *validator != '*' && etag_matches(validator, o->etag, false);
}

static void add_validators(struct http_response *rs, const struct http_object *o)
{
	char date[DR_TIME_TEXT];

	if (o->etag)
		http_add(rs, "Etag", o->etag);
	if (o->modified_at) {
		dr_time_http(o->modified_at, date);
		http_add(rs, "Last-Modified", date);
	}
	http_add(rs, "Accept-Ranges", "bytes");
}

void http_send_object(const struct http_request *rq, struct http_response *rs,
		      const struct http_object *o)
{
	enum http_condition condition = http_conditions(rq, o->etag, o->modified_at);
	struct http_range range[HTTP_MAX_RANGES];
	int n = 0;

	add_validators(rs, o);
	if (condition != HTTP_GO) {
		http_status(rs, condition == HTTP_NOT_MODIFIED ? 304 : 412);
		rs->absent_length = condition == HTTP_NOT_MODIFIED ? o->content.length : 0;
		o->content.close(o->content.arg);
		return;
	}
	/* Section 14.2: Range means something for GET only. */
	if (rq->method == HTTP_GET && range_still_holds(rq, o))
		n = http_ranges(http_header(rq, "Range"), o->content.length, range);
	if (n < 0) {
		http_status(rs, 416);
		http_addf(rs, "Content-Range", "bytes */%llu",
			  (unsigned long long)o->content.length);
		o->content.close(o->content.arg);
	} else if (n > 0) {
		send_ranges(rq, rs, o, range, n);
	} else {
		http_status(rs, 200);
		http_send_stream(rs, o->content_type, &o->content);
	}
}
