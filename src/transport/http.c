/* SPDX-License-Identifier: Apache-2.0 */
#include "transport/http.h"

#include <assert.h>
#include <string.h>

#include "transport/request.h"
#include "transport/response.h"
#include "transport/url.h"
#include "util/checked.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/str.h"

#include "util/banned.h"

#define REDIRECTS_MAX 5
#define RANGE_LIES_MAX 2
#define BACKOFF_MAX_MS 30000
#define RETRY_AFTER_MAX_MS 300000

/* What identifies one version of the thing behind a URL. */
struct version {
	uint64_t total; /* or TRANSPORT_TOTAL_UNKNOWN */
	bool proven;    /* its end cannot be mistaken */
	bool accepts_ranges;
	char etag[TRANSPORT_TAG_MAX]; /* strong, or "" */
	char last_modified[TRANSPORT_TAG_MAX];
};

enum next { NEXT_DONE, NEXT_HOP, NEXT_ATTEMPT, NEXT_NOTHING };

struct fetch {
	const struct transport_order *order;
	const struct transport_sink *sink;
	struct transport_request *request;
	uint64_t deadline_ms;
	struct transport_url url;

	/* what the sink has */
	struct transport_tally given;
	struct version have; /* where it came from; valid when begun */
	bool begun;

	/* how the next attempt may start */
	bool no_ranges; /* this source has answered a range with the whole */
	bool restart;   /* the next attempt must not ask for a range */
	unsigned lies;  /* wrong answers to ranges so far */

	/* the running attempt */
	uint64_t from;
	struct version now;
	struct hash *replay; /* of the bytes that the sink has already */
	uint64_t replay_left;
	enum next next; /* what a stopped request means */
};

void transport_limits_init(struct transport_limits *l)
{
	*l = (struct transport_limits){
		.max_bytes = (uint64_t)256 << 30,
		.connect_ms = 10000,
		.first_byte_ms = 30000,
		.stall_seconds = 60,
		.stall_bytes = (uint64_t)64 << 10,
		.total_seconds = (uint64_t)6 * 3600,
		.backoff_ms = 1000,
		.attempts = 5,
	};
}

static int source_changed(struct dr_err *err)
{
	return dr_refuse(err, DR_REMOTE, "source-changed",
			 "the source changed while it was being fetched");
}

/* stop: end the request at its headers; `err` says why unless it goes on at once. */
static int stop(struct fetch *f, enum next next)
{
	f->next = next;
	return 1;
}

static void version_from(struct version *v, const struct transport_response *r, bool checksum)
{
	v->total = r->has_length ? r->length : TRANSPORT_TOTAL_UNKNOWN;
	v->proven = r->has_length || r->chunked || checksum;
	v->accepts_ranges = r->accepts_ranges;
	memcpy(v->etag, r->etag, sizeof v->etag);
	memcpy(v->last_modified, r->last_modified, sizeof v->last_modified);
}

/* take_whole: 200. */
static int take_whole(struct fetch *f, const struct transport_response *r, struct dr_err *err)
{
	if (f->from > 0) {
		/* No ranges here, or If-Range saw another version: the replay will tell. */
		f->no_ranges = strcmp(r->etag, f->have.etag) == 0;
		f->restart = true;
		dr_refuse(err, DR_REMOTE, "truncated",
			  "the source broke off after %llu bytes and does not resume",
			  (unsigned long long)f->given.bytes);
		return stop(f, NEXT_ATTEMPT);
	}
	if (r->has_length && transport_tally_permit(&f->given, r->length, err) < 0)
		return -1;
	version_from(&f->now, r, f->order->checksum != NULL);
	if (!f->begun)
		return 0;
	/* What the sink was told must stay true. */
	if (f->have.total != TRANSPORT_TOTAL_UNKNOWN && !r->has_length) {
		f->now.total = f->have.total;
		f->now.proven = true;
	}
	if ((f->have.total != TRANSPORT_TOTAL_UNKNOWN && f->now.total != f->have.total) ||
	    (f->have.proven && !f->now.proven))
		return source_changed(err);
	return 0;
}

/* range_lie: an answer that is no continuation of what we have. */
static int range_lie(struct fetch *f, struct dr_err *err)
{
	dr_refuse(err, DR_REMOTE, TRANSPORT_REASON_PROTOCOL,
		  "the source answers a request for the rest with something else");
	f->restart = true;
	return ++f->lies < RANGE_LIES_MAX ? stop(f, NEXT_ATTEMPT) : -1;
}

/* take_part: 206. libcurl checks the start only (hardening.md section 2.1). RFC 9110 section
 * 15.3.7: the answer names the range, the whole length and the validator. */
static int take_part(struct fetch *f, const struct transport_response *r, struct dr_err *err)
{
	if (f->from == 0)
		return dr_refuse(err, DR_REMOTE, TRANSPORT_REASON_PROTOCOL,
				 "the source answers a request for all of it with a part");
	if (!r->has_range || r->range_first != f->from || r->range_total != f->have.total ||
	    r->range_last != f->have.total - 1 ||
	    (r->has_length && r->length != f->have.total - f->from) || !r->has_etag)
		return range_lie(f, err);
	if (strcmp(r->etag, f->have.etag) != 0 ||
	    (r->last_modified[0] && strcmp(r->last_modified, f->have.last_modified) != 0)) {
		f->restart = true;
		source_changed(err);
		return stop(f, NEXT_ATTEMPT);
	}
	f->now = f->have;
	return 0;
}

/* other_status: neither the thing nor a way to it. */
static int other_status(struct fetch *f, unsigned status, struct dr_err *err)
{
	if (status == 416 && f->from > 0)
		return range_lie(f, err);
	transport_status_refuse(status, err);
	return status == 429 || status >= 500 ? stop(f, NEXT_ATTEMPT) : -1;
}

static int on_headers(void *arg, const struct transport_response *r, struct dr_err *err)
{
	struct fetch *f = arg;

	switch (r->status) {
	case 200:
		return take_whole(f, r, err);
	case 206:
		return take_part(f, r, err);
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		if (r->has_location)
			return stop(f, NEXT_HOP);
		return other_status(f, r->status, err);
	default:
		return other_status(f, r->status, err);
	}
}

static int begin(struct fetch *f, struct dr_err *err)
{
	f->have = f->now;
	f->begun = true;
	return f->sink->begin(f->sink->arg, f->have.total, f->have.proven, f->have.etag[0] != 0,
			      err);
}

static int hand_on(struct fetch *f, const void *p, size_t len, struct dr_err *err)
{
	if (!f->begun && begin(f, err) < 0)
		return -1;
	/* libcurl stops at a Content-Length, not at a Content-Range */
	if (!dr_range_within(f->given.bytes, len, f->have.total))
		return dr_refuse(err, DR_REMOTE, TRANSPORT_REASON_PROTOCOL,
				 "the source sends more than it announced");
	if (transport_tally_add(&f->given, p, len, err) < 0)
		return -1;
	return f->sink->data(f->sink->arg, p, len, err);
}

/* replay_start: expect the bytes the sink has already once more. */
static int replay_start(struct fetch *f, struct dr_err *err)
{
	hash_free(f->replay);
	f->replay = NULL;
	f->replay_left = f->from > 0 ? 0 : f->given.bytes;
	return f->replay_left > 0 ? hash_new(&f->replay, HASH_SHA256, err) : 0;
}

/* replay_verify: the new version begins with exactly what the sink has, so it is the one that the
 * sink is getting from now on, and was from the start. */
static int replay_verify(struct fetch *f, struct dr_err *err)
{
	DR_CLEANUP(hash_freep) struct hash *had = NULL;
	char had_hex[HASH_MAX_HEX], now_hex[HASH_MAX_HEX];

	lane_sync(f->given.lane);
	if (hash_copy(&had, f->given.sha256, err) < 0)
		return -1;
	hash_final_hex(had, had_hex);
	hash_final_hex(f->replay, now_hex);
	if (strcmp(had_hex, now_hex) != 0)
		return source_changed(err);
	f->have = f->now;
	return 0;
}

static int on_body(void *arg, const void *p, size_t len, struct dr_err *err)
{
	struct fetch *f = arg;
	size_t known = f->replay_left < len ? (size_t)f->replay_left : len;

	if (known > 0) {
		hash_update(f->replay, p, known);
		f->replay_left -= known;
		if (f->replay_left == 0 && replay_verify(f, err) < 0)
			return -1;
	}
	return known < len ? hand_on(f, (const uint8_t *)p + known, len - known, err) : 0;
}

/* body_ended: well, as far as its framing goes. */
static enum next body_ended(struct fetch *f, bool framed, struct dr_err *err)
{
	bool short_of = f->begun && f->have.total != TRANSPORT_TOTAL_UNKNOWN &&
			f->given.bytes != f->have.total;

	if (f->replay_left == 0 && !short_of) {
		if (!f->begun && begin(f, err) < 0)
			return NEXT_NOTHING;
		return NEXT_DONE;
	}
	/* Another framing than before has ended at another length. */
	if (framed) {
		source_changed(err);
		return NEXT_NOTHING;
	}
	dr_refuse(err, DR_REMOTE, "truncated", "the source broke off before the end");
	return NEXT_ATTEMPT;
}

static int next_hop(struct transport_url *to, const struct transport_url *from,
		    const char *location, struct dr_err *err)
{
	struct dr_err why = DR_ERR_INIT;

	if (transport_url_resolve(to, from, location, &why) < 0 && why.code == DR_INVALID)
		return dr_refuse(err, DR_REMOTE, "source-redirects",
				 "the source redirects to where nothing is fetched from: %s",
				 why.msg);
	if (dr_err_is_set(&why))
		return dr_fail(err, why.code, "%s", why.msg);
	if (from->tls && !to->tls)
		return dr_refuse(err, DR_REMOTE, "source-redirects",
				 "the source redirects from https to http");
	return 0;
}

/* walk: one attempt: the request, and those that redirects ask for, each checked as if it had been
 * registered. An attempt starts at the registered URL: what it redirects to may have expired. */
static enum next walk(struct fetch *f, struct dr_err *err)
{
	const struct transport_taker taker = {.arg = f, .headers = on_headers, .body = on_body};
	const struct transport_response *r = transport_request_response(f->request);
	struct transport_url at = f->url, from;
	struct transport_ask ask = {.url = &at, .from = f->from, .etag = f->have.etag};

	ask.deadline_ms = f->deadline_ms;
	for (unsigned hop = 0; hop <= REDIRECTS_MAX; hop++) {
		if (transport_url_permit(&at, f->order->policy, err) < 0)
			return NEXT_NOTHING;
		switch (transport_request_run(f->request, &ask, &taker, err)) {
		case TRANSPORT_DONE:
			return body_ended(f, r->has_length || r->chunked, err);
		case TRANSPORT_RETRY:
			return NEXT_ATTEMPT;
		case TRANSPORT_FAILED:
			return NEXT_NOTHING;
		case TRANSPORT_STOPPED:
			break;
		}
		if (f->next != NEXT_HOP)
			return f->next;
		from = at;
		if (next_hop(&at, &from, r->location, err) < 0)
			return NEXT_NOTHING;
	}
	dr_refuse(err, DR_REMOTE, "source-redirects", "the source redirects more than %d times",
		  REDIRECTS_MAX);
	return NEXT_NOTHING;
}

static enum next attempt(struct fetch *f, struct dr_err *err)
{
	bool resume = f->begun && f->have.total != TRANSPORT_TOTAL_UNKNOWN &&
		      f->given.bytes < f->have.total && f->have.etag[0] && f->have.accepts_ranges &&
		      !f->no_ranges && !f->restart;

	f->restart = false;
	f->from = resume ? f->given.bytes : 0;
	if (replay_start(f, err) < 0)
		return NEXT_NOTHING;
	return walk(f, err);
}

/* wait: before attempt number `n`; false when the time would not suffice. */
static bool wait_before(struct fetch *f, unsigned n)
{
	uint64_t asked_ms = transport_request_retry_after_s(f->request);
	uint64_t wait_ms = f->order->limits.backoff_ms;

	for (unsigned i = 2; i < n && wait_ms < BACKOFF_MAX_MS; i++)
		wait_ms *= 2;
	wait_ms = dr_min_u64(wait_ms, BACKOFF_MAX_MS);
	asked_ms = asked_ms < RETRY_AFTER_MAX_MS / 1000 ? 1000 * asked_ms : RETRY_AFTER_MAX_MS;
	if (asked_ms > wait_ms)
		wait_ms = asked_ms;
	if (dr_now_ms() + wait_ms >= f->deadline_ms)
		return false;
	dr_sleep_ms(wait_ms);
	return true;
}

static int run(struct fetch *f, struct dr_err *err)
{
	enum next next = attempt(f, err);
	struct dr_err last;

	for (unsigned n = 2; next == NEXT_ATTEMPT && n <= f->order->limits.attempts; n++) {
		if (!wait_before(f, n))
			return -1;
		last = *err;
		dr_err_clear(err);
		if (f->sink->retry(f->sink->arg, n, last.reason, err) < 0)
			return -1;
		next = attempt(f, err);
	}
	assert(next == NEXT_DONE || dr_err_is_set(err));
	return next == NEXT_DONE ? 0 : -1;
}

static void fetch_done(struct fetch *f)
{
	transport_request_free(f->request);
	transport_tally_done(&f->given);
	hash_free(f->replay);
}

int transport_fetch(const struct transport_order *order, const struct transport_sink *sink,
		    struct transport_result *ret, struct dr_err *err)
{
	DR_CLEANUP(fetch_done) struct fetch f = {.order = order, .sink = sink};

	f.deadline_ms = dr_now_ms() + 1000 * order->limits.total_seconds;
	if (transport_url_parse(&f.url, order->url, err) < 0 ||
	    transport_request_new(&f.request, order, err) < 0 ||
	    transport_tally_init(&f.given, order->checksum, order->limits.max_bytes, err) < 0 ||
	    run(&f, err) < 0 || transport_tally_conclude(&f.given, ret, err) < 0)
		return -1;
	ret->length_proven = f.have.proven;
	return 0;
}
