/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/web.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define CONNECT_SECONDS 30L
#define STALL_SECONDS 120L /* without a byte in either direction */

struct web {
	CURL *curl;
	struct web_options options;
	const struct web_sink *sink; /* of the request under way */
	const struct web_source *source;
	uint64_t sent; /* of the source */
	struct buf *body;
	struct dr_err *err; /* where the sink's failure goes */
	char text[CURL_ERROR_SIZE];
};

int web_open(struct web **ret, const struct web_options *options, struct dr_err *err)
{
	DR_CLEANUP(web_closep) struct web *h = calloc(1, sizeof *h);

	if (!h)
		return dr_fail_nomem(err);
	h->options = *options;
	h->curl = curl_easy_init();
	if (!h->curl)
		return dr_fail(err, DR_IO, "libcurl cannot be started");
	*ret = DR_STEAL(h);
	return 0;
}

void web_close(struct web *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	free(h);
}

static size_t on_body(char *p, size_t size, size_t count, void *arg)
{
	struct web *h = arg;
	size_t len = size * count;

	if (h->sink && h->sink->take)
		return h->sink->take(h->sink->arg, p, len, h->err) < 0 ? 0 : len;
	buf_append(h->body, p, len);
	return buf_check(h->body, h->err) < 0 ? 0 : len;
}

static int on_tick(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
		   curl_off_t up)
{
	struct web *h = arg;

	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	return h->sink && h->sink->tick && h->sink->tick(h->sink->arg);
}

static size_t on_send(char *p, size_t size, size_t count, void *arg)
{
	struct web *h = arg;
	ssize_t n = h->source->read(h->source->arg, p, size * count, h->sent, h->err);

	if (n < 0)
		return CURL_READFUNC_ABORT;
	h->sent += (uint64_t)n;
	return (size_t)n;
}

/* on_rewind: libcurl sends the body again, over a connection that lives. */
static int on_rewind(void *arg, curl_off_t off, int origin)
{
	struct web *h = arg;

	if (origin != SEEK_SET || off < 0)
		return CURL_SEEKFUNC_CANTSEEK;
	h->sent = (uint64_t)off;
	return CURL_SEEKFUNC_OK;
}

static int header_list(const struct web_request *req, struct curl_slist **ret, struct dr_err *err)
{
	struct curl_slist *list = NULL, *more;

	for (size_t i = 0; req->headers && req->headers[i]; i++) {
		more = curl_slist_append(list, req->headers[i]);
		if (!more) {
			curl_slist_free_all(list);
			return dr_fail_nomem(err);
		}
		list = more;
	}
	*ret = list;
	return 0;
}

static void set_method(CURL *c, const struct web_request *req)
{
	if (dr_streq(req->method, "GET")) {
		curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
		return;
	}
	if (dr_streq(req->method, "HEAD")) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
		return;
	}
	if (req->source) {
		curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 512L * 1024);
		curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)req->source->bytes);
	} else if (req->body || !dr_streq(req->method, "DELETE")) {
		const char *body = req->body ? req->body : "";

		curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	}
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, req->method);
}

/* configure: curl_easy_reset() keeps connections and certificates' sessions, nothing else. */
static void configure(struct web *h, const struct web_request *req, struct curl_slist *list)
{
	CURL *c = h->curl;

	curl_easy_reset(c);
	h->text[0] = 0;
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->text);
	curl_easy_setopt(c, CURLOPT_URL, req->url);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L); /* an object may be called "a/../b" */
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L); /* there are threads */
	curl_easy_setopt(c, CURLOPT_USERAGENT, "brightbox-cli/" DR_VERSION " darkroom");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, STALL_SECONDS);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
	curl_easy_setopt(c, CURLOPT_READDATA, h);
	curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_rewind);
	curl_easy_setopt(c, CURLOPT_SEEKDATA, h);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_tick);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, h);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 512L * 1024);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, h->options.persistent ? 0L : 1L);
	if (h->options.insecure) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (req->user) {
		curl_easy_setopt(c, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(c, CURLOPT_USERNAME, req->user);
		curl_easy_setopt(c, CURLOPT_PASSWORD, req->password);
	}
	set_method(c, req);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, list);
}

int web_perform(struct web *h, const struct web_request *req, struct buf *body, struct dr_err *err)
{
	struct curl_slist *list = NULL;
	uint64_t start = dr_now_ms();
	CURLcode code;

	if (header_list(req, &list, err) < 0)
		return -1;
	configure(h, req, list);
	h->sink = req->sink;
	h->source = req->source;
	h->sent = 0;
	h->body = body;
	h->err = err;
	code = curl_easy_perform(h->curl);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(list);
	if (h->options.debug)
		fprintf(stderr, "DEBUG: %s %s -> %ld (%llu ms)\n", req->method, req->url,
			web_status(h), (unsigned long long)(dr_now_ms() - start));
	if (dr_err_is_set(err))
		return -1;
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return dr_fail(err, DR_CANCELLED, "interrupted");
	if (code != CURLE_OK)
		return dr_fail(err, DR_REMOTE, "%s%s",
			       h->text[0] ? h->text : curl_easy_strerror(code),
			       code == CURLE_SSL_CONNECT_ERROR
				       ? " (does that server speak https? Otherwise: http://)"
				       : "");
	return (int)web_status(h);
}

long web_status(const struct web *h)
{
	long status = 0;

	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

const char *web_header(const struct web *h, const char *name)
{
	struct curl_header *found = NULL;

	if (curl_easy_header(h->curl, name, 0, CURLH_HEADER, -1, &found) != CURLHE_OK)
		return NULL;
	return found->value;
}

int web_origin(const char *url, char **ret, struct dr_err *err)
{
	dr_autobuf struct buf text = BUF_INIT;
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;

	if (!u)
		return dr_fail_nomem(err);
	if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
		curl_url_get(u, CURLUPART_SCHEME, &scheme, 0);
		curl_url_get(u, CURLUPART_HOST, &host, 0);
		curl_url_get(u, CURLUPART_PORT, &port, 0);
		curl_url_get(u, CURLUPART_USER, &user, 0);
	}
	if (host && !user && (dr_streq(scheme, "http") || dr_streq(scheme, "https")))
		buf_printf(&text, "%s://%s%s%s", scheme, host, port ? ":" : "", port ? port : "");
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	curl_url_cleanup(u);
	if (text.len == 0)
		return dr_fail(err, DR_INVALID, "'%.200s' is not an http:// or https:// URL", url);
	*ret = buf_steal(&text);
	return *ret ? 0 : dr_fail_nomem(err);
}
