/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/request.h"

#include <curl/curl.h>
#include <string.h>

#include "util/buf.h"
#include "util/clock.h"

#include "util/banned.h"

#define RECEIVE_BYTES (512L << 10)

struct transport_request {
	CURL *easy;
	const struct transport_order *order;
	/* of the current run */
	const struct transport_ask *ask;
	const struct transport_taker *taker;
	struct dr_err *err;
	struct transport_response response;
	uint64_t body_bytes;
	bool address_refused;
	bool address_tried;
	bool tls_begun;
	bool decided; /* a callback has set `end` */
	enum transport_end end;
	/* times of dr_now_ms() */
	uint64_t sent_ms;      /* when the request went out; 0 before */
	uint64_t taker_ms;     /* spent by the taker: not the source's fault */
	uint64_t window_ms;    /* start of the current stall window, without taker_ms */
	uint64_t window_bytes; /* received in it */
	uint64_t last_retry_after_s;
};

static void slist_freep(struct curl_slist **l)
{
	curl_slist_free_all(*l);
}

static void decide(struct transport_request *q, enum transport_end end)
{
	q->decided = true;
	q->end = end;
}

/* on_open: libcurl asks for the socket of every new connection, with the address as it is after
 * all parsing and resolving. This is the guard (hardening.md section 2.1). */
static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
	struct transport_request *q = arg;

	if (purpose != CURLSOCKTYPE_IPCXN || a->socktype != SOCK_STREAM ||
	    a->family != a->addr.sa_family ||
	    !transport_policy_permits(q->order->policy, &a->addr, a->addrlen)) {
		q->address_refused = true;
		return CURL_SOCKET_BAD;
	}
	q->address_tried = true;
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* on_tls: TCP stands, TLS begins. */
static CURLcode on_tls(CURL *easy, void *tls, void *arg)
{
	struct transport_request *q = arg;

	(void)easy;
	(void)tls;
	q->tls_begun = true;
	return CURLE_OK;
}

/* on_connected: TCP and TLS stand, the request goes out next. */
static int on_connected(void *arg, char *ip, char *local_ip, int port, int local_port)
{
	struct transport_request *q = arg;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	q->sent_ms = dr_now_ms();
	return CURL_PREREQFUNC_OK;
}

static size_t on_header(char *line, size_t one, size_t len, void *arg)
{
	struct transport_request *q = arg;
	bool complete = q->response.complete;
	int rc;

	(void)one;
	if (q->response.header_bytes == 0)
		q->window_ms = dr_now_ms();
	if (transport_response_line(&q->response, line, len, q->err) < 0) {
		decide(q, TRANSPORT_FAILED);
		return 0;
	}
	if (complete || !q->response.complete)
		return len;
	rc = q->taker->headers(q->taker->arg, &q->response, q->err);
	if (rc == 0)
		return len;
	decide(q, rc > 0 ? TRANSPORT_STOPPED : TRANSPORT_FAILED);
	return 0;
}

static size_t on_body(char *p, size_t one, size_t len, void *arg)
{
	struct transport_request *q = arg;
	uint64_t start_ms = dr_now_ms();
	int rc;

	(void)one;
	q->body_bytes += len;
	q->window_bytes += len;
	rc = q->taker->body(q->taker->arg, p, len, q->err);
	q->taker_ms += dr_now_ms() - start_ms;
	if (rc == 0)
		return len;
	decide(q, TRANSPORT_FAILED);
	return 0;
}

static int stalled(struct transport_request *q)
{
	const struct transport_limits *l = &q->order->limits;

	decide(q, TRANSPORT_RETRY);
	if (q->response.header_bytes == 0)
		return dr_refuse(q->err, DR_REMOTE, "source-stalled",
				 "the source did not answer within %llu ms",
				 (unsigned long long)l->first_byte_ms);
	return dr_refuse(q->err, DR_REMOTE, "source-stalled",
			 "the source sent less than %llu bytes in %llu seconds",
			 (unsigned long long)l->stall_bytes, (unsigned long long)l->stall_seconds);
}

/* on_tick: libcurl calls this on every event, and once a second without any. Its own low-speed
 * limit would count the time that the taker takes. */
static int on_tick(void *arg, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
		   curl_off_t ulnow)
{
	struct transport_request *q = arg;
	const struct transport_limits *l = &q->order->limits;
	uint64_t now_ms = dr_now_ms();

	(void)dltotal;
	(void)dlnow;
	(void)ultotal;
	(void)ulnow;
	if (q->sent_ms == 0)
		return 0; /* connecting has its own limit, and so has the whole */
	if (q->response.header_bytes == 0)
		return now_ms - q->sent_ms >= l->first_byte_ms ? stalled(q) : 0;
	now_ms -= q->taker_ms;
	if (now_ms - q->window_ms < 1000 * l->stall_seconds)
		return 0;
	if (q->window_bytes < l->stall_bytes)
		return stalled(q);
	q->window_ms = now_ms;
	q->window_bytes = 0;
	return 0;
}

static bool set_rules(CURL *e)
{
	bool ok = true;

	ok &= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_HTTPGET, 1L) == CURLE_OK;
	/* HTTP/1 only: its framing is what transport/response understands. */
	ok &= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_HTTP_CONTENT_DECODING, 0L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_NOPROXY, "*") == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, 0L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	/* Or the time for a name would be what the resolver takes, whatever the limit. */
	ok &= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_BUFFERSIZE, RECEIVE_BYTES) == CURLE_OK;
	return ok;
}

static bool set_callbacks(struct transport_request *q)
{
	CURL *e = q->easy;
	bool ok = true;

	ok &= curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, q) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_tls) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, q) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_PREREQDATA, q) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_HEADERDATA, q) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_WRITEDATA, q) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_XFERINFOFUNCTION, on_tick) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_XFERINFODATA, q) == CURLE_OK;
	ok &= curl_easy_setopt(e, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
	return ok;
}

int transport_request_new(struct transport_request **ret, const struct transport_order *order,
			  struct dr_err *err)
{
	DR_CLEANUP(transport_request_freep) struct transport_request *q = calloc(1, sizeof *q);
	bool ok;

	if (!q)
		return dr_fail_nomem(err);
	q->order = order;
	q->easy = curl_easy_init();
	if (!q->easy)
		return dr_fail_nomem(err);
	ok = set_rules(q->easy) && set_callbacks(q) &&
	     curl_easy_setopt(q->easy, CURLOPT_USERAGENT, order->user_agent) == CURLE_OK &&
	     curl_easy_setopt(q->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)order->limits.connect_ms) ==
		     CURLE_OK;
	if (ok && order->ca_file)
		ok = curl_easy_setopt(q->easy, CURLOPT_CAINFO, order->ca_file) == CURLE_OK;
	if (!ok)
		return dr_fail(err, DR_IO, "libcurl lacks an option that fetching needs");
	*ret = DR_STEAL(q);
	return 0;
}

void transport_request_free(struct transport_request *q)
{
	if (!q)
		return;
	curl_easy_cleanup(q->easy);
	free(q);
}

/* broke_off: the connection ended before the answer did. */
static enum transport_end broke_off(struct transport_request *q)
{
	const struct transport_response *r = &q->response;
	unsigned long long got = q->ask->from + q->body_bytes;
	unsigned long long of = q->ask->from + r->length;

	if (!r->complete)
		dr_refuse(q->err, DR_REMOTE, "source-connect",
			  "the source closed the connection without an answer");
	else if (r->has_length)
		dr_refuse(q->err, DR_REMOTE, "truncated",
			  "the source broke off after %llu of %llu bytes", got, of);
	else
		dr_refuse(q->err, DR_REMOTE, "truncated",
			  "the source broke off after %llu bytes, before the end", got);
	return TRANSPORT_RETRY;
}

static enum transport_end no_connection(struct transport_request *q)
{
	if (q->address_refused && !q->address_tried) {
		transport_refuse_address(q->err);
		return TRANSPORT_FAILED;
	}
	dr_refuse(q->err, DR_REMOTE, "source-connect", "the source does not accept connections");
	return TRANSPORT_RETRY;
}

static enum transport_end no_name(struct transport_request *q)
{
	dr_refuse(q->err, DR_REMOTE, "source-dns", "the source's host name has no address");
	return TRANSPORT_RETRY;
}

static enum transport_end no_tls(struct transport_request *q, bool verified)
{
	dr_refuse(q->err, DR_REMOTE, "source-tls", "%s",
		  verified ? "no TLS connection to the source could be made"
			   : "the source's TLS certificate could not be verified");
	return verified ? TRANSPORT_RETRY : TRANSPORT_FAILED;
}

static enum transport_end nonsense(struct transport_request *q)
{
	dr_refuse(q->err, DR_REMOTE, TRANSPORT_REASON_PROTOCOL,
		  "the source's answer is not valid HTTP");
	return TRANSPORT_FAILED;
}

/* no_time: libcurl's own limits ran out: the one for all of it, or the one for connecting. */
static enum transport_end no_time(struct transport_request *q)
{
	if (dr_now_ms() >= q->ask->deadline_ms || q->sent_ms != 0) {
		dr_refuse(q->err, DR_REMOTE, "timed-out",
			  "the fetch was not finished within %llu seconds",
			  (unsigned long long)q->order->limits.total_seconds);
		return TRANSPORT_FAILED;
	}
	if (!q->address_refused && !q->address_tried)
		return no_name(q);
	return q->tls_begun ? no_tls(q, true) : no_connection(q);
}

/* classify: what libcurl's verdict means when no callback of ours brought it about. */
static enum transport_end classify(struct transport_request *q, CURLcode rc)
{
	switch ((int)rc) {
	case CURLE_OK:
		if (!q->response.complete)
			return nonsense(q);
		if (q->response.has_length && q->body_bytes != q->response.length)
			return broke_off(q);
		return TRANSPORT_DONE;
	case CURLE_COULDNT_RESOLVE_HOST:
		return no_name(q);
	case CURLE_COULDNT_CONNECT:
		return no_connection(q);
	case CURLE_OPERATION_TIMEDOUT:
		return no_time(q);
	case CURLE_PEER_FAILED_VERIFICATION:
		return no_tls(q, false);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER:
		return no_tls(q, true);
	case CURLE_PARTIAL_FILE:
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		return broke_off(q);
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9 */
	case CURLE_BAD_CONTENT_ENCODING:
	case CURLE_RANGE_ERROR:
		return nonsense(q);
	case CURLE_OUT_OF_MEMORY:
		/* also libcurl's word for a header line of more than 100 KiB */
		if (q->sent_ms != 0 && !q->response.complete)
			return nonsense(q);
		dr_fail_nomem(q->err);
		return TRANSPORT_FAILED;
	default:
		dr_fail(q->err, DR_IO, "libcurl failed with code %d", (int)rc);
		return TRANSPORT_FAILED;
	}
}

/* set_ask: the options that differ between runs. ret_headers must live as long as the run. */
static int set_ask(struct transport_request *q, struct curl_slist **ret_headers)
{
	const struct transport_ask *ask = q->ask;
	uint64_t now_ms = dr_now_ms();
	uint64_t left_ms = ask->deadline_ms > now_ms ? ask->deadline_ms - now_ms : 1;
	dr_autobuf struct buf if_range = BUF_INIT;

	if (ask->from > 0) {
		buf_printf(&if_range, "If-Range: %s", ask->etag);
		*ret_headers = curl_slist_append(NULL, buf_str(&if_range));
		if (!buf_ok(&if_range) || !*ret_headers)
			return dr_fail_nomem(q->err);
	}
	if (curl_easy_setopt(q->easy, CURLOPT_URL, ask->url->text) != CURLE_OK ||
	    curl_easy_setopt(q->easy, CURLOPT_HTTPHEADER, *ret_headers) != CURLE_OK ||
	    curl_easy_setopt(q->easy, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)ask->from) !=
		    CURLE_OK ||
	    curl_easy_setopt(q->easy, CURLOPT_TIMEOUT_MS, (long)left_ms) != CURLE_OK)
		return dr_fail_nomem(q->err);
	return 0;
}

enum transport_end transport_request_run(struct transport_request *q,
					 const struct transport_ask *ask,
					 const struct transport_taker *taker, struct dr_err *err)
{
	DR_CLEANUP(slist_freep) struct curl_slist *headers = NULL;
	curl_off_t retry_after_s = 0;
	CURLcode rc;

	q->ask = ask;
	q->taker = taker;
	q->err = err;
	transport_response_init(&q->response);
	q->body_bytes = 0;
	q->address_refused = q->address_tried = q->tls_begun = false;
	q->decided = false;
	q->sent_ms = q->taker_ms = q->window_ms = q->window_bytes = 0;
	q->last_retry_after_s = 0;
	if (set_ask(q, &headers) < 0)
		return TRANSPORT_FAILED;
	rc = curl_easy_perform(q->easy);
	curl_easy_setopt(q->easy, CURLOPT_HTTPHEADER, NULL);
	if (curl_easy_getinfo(q->easy, CURLINFO_RETRY_AFTER, &retry_after_s) == CURLE_OK &&
	    retry_after_s > 0)
		q->last_retry_after_s = (uint64_t)retry_after_s;
	return q->decided ? q->end : classify(q, rc);
}

const struct transport_response *transport_request_response(const struct transport_request *q)
{
	return &q->response;
}

uint64_t transport_request_retry_after_s(const struct transport_request *q)
{
	return q->last_retry_after_s;
}
