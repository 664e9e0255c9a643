/* SPDX-License-Identifier: Apache-2.0
 *
 * What a handler says. */
#include <assert.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "http/http_internal.h"

#include "util/banned.h"

void http_status(struct http_response *rs, unsigned status)
{
	rs->status = status;
}

static bool is_clean(const char *s)
{
	for (; *s; s++) {
		if (((uint8_t)*s < 0x20 && *s != '\t') || *s == 0x7F)
			return false;
	}
	return true;
}

void http_add(struct http_response *rs, const char *name, const char *value)
{
	/* A value may hold what a tenant chose: it must not end the line (response splitting). */
	if (!is_clean(name) || !is_clean(value)) {
		rs->broken = true;
		return;
	}
	buf_append(&rs->fields, name, strlen(name) + 1);
	buf_append(&rs->fields, value, strlen(value) + 1);
}

void http_addf(struct http_response *rs, const char *name, const char *fmt, ...)
{
	dr_autobuf struct buf value = BUF_INIT_MAX(8192);
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&value, fmt, ap);
	va_end(ap);
	if (buf_ok(&value))
		http_add(rs, name, buf_str(&value));
	else
		rs->broken = true;
}

void http_send(struct http_response *rs, const char *content_type, const void *p, size_t len)
{
	assert(!rs->streamed);
	if (!response_field(rs, "Content-Type"))
		http_add(rs, "Content-Type", content_type);
	buf_clear(&rs->body);
	buf_append(&rs->body, p, len);
}

void http_refuse(struct http_response *rs, unsigned status, const char *error_name,
		 const char *message)
{
	dr_autobuf struct buf text = BUF_INIT;

	buf_printf(&text, "{\"error_name\":\"%s\",\"errors\":[\"%s\"]}", error_name, message);
	http_status(rs, status);
	http_send(rs, "application/json; charset=utf-8", buf_str(&text), text.len);
}

void http_send_stream(struct http_response *rs, const char *content_type,
		      const struct http_stream *body)
{
	assert(!rs->streamed);
	http_add(rs, "Content-Type", content_type);
	rs->streamed = true;
	rs->stream = *body;
}

void http_receive(struct http_response *rs, const struct http_sink *sink)
{
	assert(!rs->received && rs->status == 0);
	rs->received = true;
	rs->sink = *sink;
}

bool response_next(const struct http_response *rs, size_t *pos, struct http_field *ret)
{
	if (*pos >= rs->fields.len)
		return false;
	ret->name = (const char *)rs->fields.p + *pos;
	ret->value = ret->name + strlen(ret->name) + 1;
	*pos = (size_t)(ret->value + strlen(ret->value) + 1 - (const char *)rs->fields.p);
	return true;
}

const char *response_field(const struct http_response *rs, const char *name)
{
	struct http_field f;
	size_t pos = 0;

	while (response_next(rs, &pos, &f)) {
		if (strcasecmp(f.name, name) == 0)
			return f.value;
	}
	return NULL;
}

void response_done(struct http_response *rs)
{
	if (rs->streamed)
		rs->stream.close(rs->stream.arg);
	rs->streamed = false;
	if (rs->received)
		rs->sink.close(rs->sink.arg);
	rs->received = false;
	buf_done(&rs->fields);
	buf_done(&rs->body);
}
