/* SPDX-License-Identifier: Apache-2.0
 *
 * Between libmicrohttpd's epoll threads and our workers.
 *
 *   exchange_start   -> an exchange for the request line
 *   exchange_go_on   -> head checked -> body collected -> suspended, queued
 *   run              -> (worker) the handler, the response made, resumed
 *   exchange_go_on   -> the response queued; a stream is read through http/ahead
 *   exchange_end     -> logged, freed
 *
 * A body that goes to a sink is not collected: it is the head that is suspended and queued, and
 *
 *   run              -> (worker) the handler accepts, resumed
 *   exchange_go_on   -> the body passed to http/intake -> at its end suspended, queued
 *   run_finish       -> (worker) the response made, resumed
 *
 * A suspended connection belongs to the worker that has its exchange; nothing else touches either.
 */
#include "http/exchange.h"

#include <assert.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "http/ahead.h"
#include "http/early.h"
#include "http/file.h"
#include "http/http_internal.h"
#include "http/intake.h"
#include "util/checked.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/log.h"
#include "util/str.h"

#include "util/banned.h"

#define DISCARD_BYTES \
	((uint64_t)8 << 20) /* of a refused body read so that the client sees the answer */
#define SMALL_BODY    \
	((uint64_t)64 \
	 << 10) /* collected even if there is a sink for it, read at once if streamed */
#define LONG_BODY ((uint64_t)8 << 20)   /* worth the guard's while */
#define PACE_BYTES ((uint64_t)64 << 10) /* of a body have to come while a head would have to */
/* A few transfers at full speed, or many with little memory each. */
#define FAST_STREAMS 32U
#define FAST_UPLOADS 32U
#define FAST_BUFFER ((size_t)512 << 10)
#define FAST_BLOCK ((size_t)128 << 10)
#define SLOW_BUFFER ((size_t)64 << 10)
#define SLOW_BLOCK ((size_t)16 << 10)
#define SLOW_PIECE ((size_t)32 << 10)

enum stage {
	STAGE_HEAD,
	STAGE_COLLECT, /* the body */
	STAGE_RUN,     /* suspended; a worker has the exchange */
	STAGE_ACCEPT,  /* there is a sink */
	STAGE_RECEIVE, /* the body, into the sink */
	STAGE_EARLY,   /* there is an answer, while the body still comes */
	STAGE_DISCARD, /* … and it was sent */
	STAGE_ANSWER,
	STAGE_END, /* without an answer */
};

struct exchange {
	struct task task;
	struct http_server *server;
	struct MHD_Connection *connection;
	struct guest *guest;
	char *target; /* owned; as sent */
	enum stage stage;
	bool unread;  /* the handler runs before the body is read */
	bool sending; /* the client is sending a body, or may be */
	uint64_t body_seen;
	uint64_t pace_due; /* bytes until the guard is told that the body comes */
	uint64_t started_ms;
	bool counted;                /* in server->running */
	bool streamed;               /* in server->streams */
	bool uploading;              /* in server->uploads */
	size_t held;                 /* in server->held */
	bool by_kernel;              /* the body is sent from its file */
	uint64_t wire_start;         /* of such a body: what the connection had sent before */
	uint64_t sent;               /* bytes of a streamed body */
	struct intake *intake;       /* owned */
	struct buf early;            /* the answer that does not wait */
	struct MHD_Response *answer; /* owned until queued */
	struct http_request rq;
	struct http_response rs;
};

/* ---- answers ---- */

static void add_fields(struct exchange *x, struct MHD_Response *answer)
{
	struct http_field f;
	size_t pos = 0;

	while (response_next(&x->rs, &pos, &f))
		(void)MHD_add_response_header(answer, f.name, f.value);
	(void)MHD_add_response_header(answer, "X-Request-Id", x->rq.id);
}

/* Never called: the content of what is answered without one. */
static ssize_t no_content(void *arg, uint64_t pos, char *buf, size_t max)
{
	(void)arg, (void)pos, (void)buf, (void)max;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* A small body is read at once: one piece with its head. */
static struct MHD_Response *small_answer(struct exchange *x, const struct http_stream *stream,
					 struct dr_err *err)
{
	const size_t len = (size_t)stream->length;
	dr_autofree uint8_t *body = malloc(len);
	struct MHD_Response *answer;
	ssize_t n = 1;

	for (size_t at = 0; body && n > 0 && at<len; at += n> 0 ? (size_t)n : 0)
		n = stream->read(stream->arg, at, body + at, len - at, err);
	stream->close(stream->arg);
	if (!body || n <= 0)
		return NULL;
	answer = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
	if (answer)
		(void)DR_STEAL(body);
	x->sent = len;
	return answer;
}

static struct MHD_Response *stream_answer(struct exchange *x, struct dr_err *err)
{
	struct http_stream stream = x->rs.stream;
	struct MHD_Response *answer;
	struct ahead *ahead;
	bool fast;

	x->rs.streamed = false; /* from here the stream is ours */
	if (x->rq.method == HTTP_HEAD || stream.length == 0) {
		stream.close(stream.arg);
		return MHD_create_response_from_callback(stream.length, 1, no_content, NULL, NULL);
	}
	if (stream.length <= SMALL_BODY)
		return small_answer(x, &stream, err);
	answer = file_answer(&stream);
	if (answer) {
		stream.close(stream.arg);
		x->by_kernel = true;
		x->sent = stream.length;
		if (stream.length >= LONG_BODY)
			guard_uncork(x->server->guard, x->guest);
		return answer;
	}
	fast = atomic_fetch_add(&x->server->streams, 1) < FAST_STREAMS;
	x->streamed = true;
	if (ahead_new(&ahead, &stream, fast ? FAST_BUFFER : SLOW_BUFFER, x->server->crew,
		      x->connection, &x->sent, err) < 0)
		return NULL;
	answer = MHD_create_response_from_callback(
		stream.length, dr_min_u64(stream.length, fast ? FAST_BLOCK : SLOW_BLOCK),
		ahead_read, ahead, ahead_free);
	if (!answer)
		ahead_free(ahead);
	return answer;
}

static struct MHD_Response *buffer_answer(struct exchange *x)
{
	size_t len = x->rs.body.len;
	struct MHD_Response *answer;
	char *body;

	if (x->rs.status == 304)
		return MHD_create_response_from_callback(x->rs.absent_length, 1, no_content, NULL,
							 NULL);
	if (len == 0)
		return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	body = buf_steal(&x->rs.body);
	answer = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
	if (!answer)
		free(body);
	else
		x->sent = x->rq.method == HTTP_HEAD ? 0 : len;
	return answer;
}

static void log_failure(const struct exchange *x, const char *what)
{
	dr_autobuf struct buf path = BUF_INIT;

	dr_quote(&path, http_path(&x->rq), 200);
	dr_log(DR_ERROR, "what=http-answer request=%s path=%s status=%u error=\"%s\"", x->rq.id,
	       buf_str(&path), x->rs.status, what);
}

/* Instead of what the handler made. */
static void make_other(struct exchange *x, unsigned status, const char *name, const char *message)
{
	response_done(&x->rs);
	x->rs = (struct http_response){0};
	http_refuse(&x->rs, status, name, message);
}

/* hold: room for n more bytes of a body, until the exchange is over; a small body always finds
 * some.
 */
static bool hold(struct exchange *x, size_t n, uint64_t body)
{
	struct http_server *s = x->server;

	if (atomic_fetch_add(&s->held, n) + n > s->cfg.max_held && body > SMALL_BODY) {
		atomic_fetch_sub(&s->held, n);
		return false;
	}
	x->held += n;
	return true;
}

/* Turns the handler's response into libmicrohttpd's, or, while the body still comes, into what is
 * sent past it. Both stay empty without memory. */
static void make_answer(struct exchange *x)
{
	struct dr_err err = DR_ERR_INIT;

	x->stage = STAGE_ANSWER;
	if (x->rs.status == 0 || x->rs.broken || !buf_ok(&x->rs.body) || !buf_ok(&x->rs.fields)) {
		log_failure(x, "the handler made no usable response");
		make_other(x, 500, "internal_error", "Internal error");
	}
	if (!hold(x, x->rs.body.len, x->rs.body.len)) {
		log_failure(x, "too many bodies in memory wait for their clients");
		make_other(x, 503, "unavailable", "Too many clients are slow, try again");
		http_add(&x->rs, "Retry-After", "5");
	}
	if (x->sending && early_write(&x->early, &x->rq, &x->rs)) {
		x->stage = STAGE_EARLY;
		x->sent = x->rs.body.len;
		return;
	}
	if (x->rs.streamed) {
		x->answer = stream_answer(x, &err);
		if (!x->answer) {
			log_failure(x, err.msg);
			buf_clear(&x->rs.fields);
			http_refuse(&x->rs, 500, "internal_error", "The content cannot be read");
		}
	}
	if (!x->answer)
		x->answer = buffer_answer(x);
	if (x->answer)
		add_fields(x, x->answer);
}

static enum MHD_Result queue_answer(struct exchange *x)
{
	struct MHD_Response *answer = DR_STEAL(x->answer);
	enum MHD_Result verdict;

	if (!answer)
		return MHD_NO;
	if (x->by_kernel)
		x->wire_start = file_wire_bytes(x->connection);
	if (atomic_load(&x->server->stopping))
		(void)MHD_add_response_header(answer, "Connection", "close");
	verdict = MHD_queue_response(x->connection, x->rs.status, answer);
	MHD_destroy_response(answer);
	return verdict;
}

/* What still comes after an early answer is read, within reason, and goes nowhere. */
static enum MHD_Result discard(struct exchange *x, size_t *len)
{
	if (*len == 0)
		return MHD_NO; /* all of it was read */
	x->body_seen += *len;
	*len = 0;
	return x->body_seen > DISCARD_BYTES ? MHD_NO : MHD_YES;
}

static enum MHD_Result send_early(struct exchange *x, size_t *len)
{
	early_send(x->connection, &x->early);
	guard_waiting(x->server->guard, x->guest);
	x->stage = STAGE_DISCARD;
	x->body_seen = 0;
	return *len > 0 ? discard(x, len) : MHD_YES;
}

/* Answers on the event loop, before any handler, and ends the connection: what follows on it may
 * not be the next request. */
static enum MHD_Result refuse(struct exchange *x, unsigned status, size_t *len)
{
	static const struct {
		unsigned status;
		const char *name, *message;
	} known[] = {
		{400, "bad_request", "The request is malformed"},
		{413, "payload_too_large", "The request body is too large"},
		{414, "uri_too_long", "The request target is too long"},
		{431, "headers_too_large", "The request has too many header fields"},
		{503, "unavailable", "The service is not available, try again"},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (known[i].status == status)
			http_refuse(&x->rs, status, known[i].name, known[i].message);
	}
	if (!x->sending)
		http_add(&x->rs, "Connection", "close");
	if (status == 503)
		http_add(&x->rs, "Retry-After", "5");
	make_answer(x);
	return x->stage == STAGE_EARLY ? send_early(x, len) : queue_answer(x);
}

/* ---- a request, from its head to its worker ---- */

/* The sink gets a body that was collected. */
static void take_collected(struct exchange *x)
{
	const struct http_sink sink = x->rs.sink;
	size_t n;

	x->rs.received = false;
	for (size_t at = 0; at < x->rq.body.len; at += n) {
		n = dr_min_size(HTTP_PIECE_BYTES, x->rq.body.len - at);
		if (sink.write(sink.arg, x->rq.body.p + at, n) < 0)
			break;
	}
	sink.finish(sink.arg, &x->rq, &x->rs);
	sink.close(sink.arg);
}

static int accept_body(struct exchange *x)
{
	struct dr_err err = DR_ERR_INIT;
	size_t most = HTTP_PIECE_BYTES;

	x->rs.received = false; /* from here the sink is the intake's */
	x->uploading = true;
	if (atomic_fetch_add(&x->server->uploads, 1) >= FAST_UPLOADS)
		most = SLOW_PIECE;
	most = (size_t)dr_min_u64(most, http_content_length(&x->rq));
	if (intake_new(&x->intake, &x->rs.sink, most, x->server->crew, x->connection, &err) == 0)
		return 0;
	http_refuse(&x->rs, 503, "unavailable", "Out of memory, try again");
	return -1;
}

static void run(struct task *t)
{
	struct exchange *x = (struct exchange *)t; /* its first member */

	x->server->cfg.handle(x->server->cfg.ctx, &x->rq, &x->rs);
	if (x->rs.received && !x->unread)
		take_collected(x);
	if (x->rs.received && accept_body(x) == 0)
		x->stage = STAGE_ACCEPT;
	else
		make_answer(x);
	/* The exchange may be over and freed before this returns. */
	MHD_resume_connection(x->connection);
}

static void run_finish(struct task *t)
{
	struct exchange *x = (struct exchange *)t;

	intake_finish(DR_STEAL(x->intake), &x->rq, &x->rs);
	make_answer(x);
	MHD_resume_connection(x->connection);
}

static void count_running(struct http_server *s, int change)
{
	dr_lock(&s->lock);
	s->running = change > 0 ? s->running + 1 : s->running - 1;
	if (s->running == 0)
		dr_cond_broadcast(&s->idle);
	dr_unlock(&s->lock);
}

/* Gives the exchange to a worker; false when there is none any more. */
static bool hand_over(struct exchange *x, void (*what)(struct task *t))
{
	guard_busy(x->server->guard, x->guest);
	x->stage = STAGE_RUN;
	x->task.run = what;
	MHD_suspend_connection(x->connection);
	if (crew_submit(x->server->crew, &x->task))
		return true;
	MHD_resume_connection(x->connection);
	return false;
}

static enum MHD_Result dispatch(struct exchange *x, size_t *len)
{
	if (!buf_ok(&x->rq.body) || !hand_over(x, run))
		return refuse(x, 503, len);
	return MHD_YES;
}

static enum MHD_Result collect(struct exchange *x, const char *p, size_t *len)
{
	if (*len == 0) {
		x->sending = false;
		return dispatch(x, len);
	}
	x->sending = true;
	x->body_seen += *len;
	if (x->body_seen > x->server->cfg.max_body || !hold(x, *len, x->body_seen)) {
		buf_done(&x->rq.body);
		return refuse(x, x->body_seen > x->server->cfg.max_body ? 413 : 503, len);
	}
	buf_append(&x->rq.body, p, *len);
	*len = 0;
	return MHD_YES;
}

/* ---- a body that goes to a sink ---- */

/* Its client has the patience of the guard for every PACE_BYTES, as for a head. */
static void note_pace(struct exchange *x, uint64_t taken)
{
	x->pace_due -= dr_min_u64(taken, x->pace_due);
	if (x->pace_due > 0)
		return;
	guard_waiting(x->server->guard, x->guest);
	x->pace_due = PACE_BYTES;
}

/* It is us who make the client wait. */
static enum MHD_Result wait_for_sink(struct exchange *x)
{
	guard_busy(x->server->guard, x->guest);
	x->pace_due = 0;
	return MHD_YES;
}

static enum MHD_Result conclude(struct exchange *x)
{
	if (!hand_over(x, run_finish))
		x->stage = STAGE_END; /* the server is stopping; closed when resumed */
	return MHD_YES;
}

static enum MHD_Result receive(struct exchange *x, const char *p, size_t *len)
{
	size_t offered = *len;

	switch (offered > 0 ? intake_take(x->intake, p, len) : intake_settle(x->intake)) {
	case INTAKE_WAIT:
		return wait_for_sink(x);
	case INTAKE_FAILED:
		x->sending = offered > 0;
		return conclude(x);
	case INTAKE_GO_ON:
		break;
	}
	if (offered > 0) {
		note_pace(x, offered - *len);
		return MHD_YES;
	}
	x->sending = false;
	return conclude(x);
}

struct gathered {
	struct http_field field[HTTP_MAX_HEADERS + 1];
	size_t count;
};

static enum MHD_Result gather(void *arg, enum MHD_ValueKind kind, const char *name,
			      const char *value)
{
	struct gathered *g = arg;

	(void)kind;
	g->field[g->count++] = (struct http_field){name, value};
	return g->count <= HTTP_MAX_HEADERS ? MHD_YES : MHD_NO;
}

static void set_peer(struct exchange *x)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info ? info->client_addr : NULL;
	socklen_t len = !sa                         ? 0
			: sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
						    : sizeof(struct sockaddr_in);

	if (!sa ||
	    getnameinfo(sa, len, x->rq.peer, sizeof x->rq.peer, NULL, 0, NI_NUMERICHOST) != 0)
		x->rq.peer[0] = 0;
}

static void set_base_url(struct exchange *x)
{
	const char *public_url = x->server->cfg.public_url;

	if (public_url && *public_url)
		(void)dr_copy(x->rq.base_url, sizeof x->rq.base_url, public_url);
	else if (x->rq.host)
		snprintf(x->rq.base_url, sizeof x->rq.base_url, "http://%s", x->rq.host);
	else
		(void)dr_copy(x->rq.base_url, sizeof x->rq.base_url, x->server->own_url);
}

/* Whether the handler is to see the request before its body: the body will go to a sink, and is
 * large, or not sent before we say so. */
static bool is_for_sink(const struct exchange *x)
{
	const struct http_config *cfg = &x->server->cfg;

	if (x->sending && http_content_length(&x->rq) <= dr_min_u64(SMALL_BODY, cfg->max_body))
		return false;
	return cfg->receives && cfg->receives(cfg->ctx, &x->rq);
}

static enum MHD_Result begin(struct exchange *x, const char *method, const char *version,
			     size_t *len)
{
	struct gathered g = {0};
	unsigned minor = version[0] && version[strlen(version) - 1] == '0' ? 0 : 1;
	const uint64_t max = x->server->cfg.max_body;
	uint64_t length;
	unsigned refused = message_method(&x->rq, method);

	count_running(x->server, 1);
	x->counted = true;
	set_peer(x);
	(void)MHD_get_connection_values(x->connection, MHD_HEADER_KIND, gather, &g);
	if (!refused)
		refused = message_target(&x->rq, x->target);
	if (!refused)
		refused = message_headers(&x->rq, g.field, g.count, minor);
	set_base_url(x);
	if (refused)
		return refuse(x, refused, len);
	length = http_content_length(&x->rq);
	/* With 100-continue nothing is sent before we say so. */
	x->sending = length > 0 && !http_header(&x->rq, "Expect");
	if (atomic_load(&x->server->stopping))
		return refuse(x, 503, len);
	x->unread = length > 0 && is_for_sink(x);
	if (x->unread)
		return dispatch(x, len);
	if (!x->rq.chunked && length > max)
		return refuse(x, 413, len);
	x->rq.body.max = (size_t)max;
	x->stage = STAGE_COLLECT;
	return MHD_YES;
}

enum MHD_Result exchange_go_on(void *cls, struct MHD_Connection *connection, const char *url,
			       const char *method, const char *version, const char *upload,
			       size_t *upload_len, void **context)
{
	struct exchange *x = *context;

	(void)cls, (void)connection, (void)url;
	if (!x)
		return MHD_NO; /* no memory for it */
	switch (x->stage) {
	case STAGE_HEAD:
		return begin(x, method, version, upload_len);
	case STAGE_COLLECT:
		return collect(x, upload, upload_len);
	case STAGE_RUN:
		return MHD_YES;
	case STAGE_ACCEPT:
		x->stage = STAGE_RECEIVE;
		x->sending = true;
		note_pace(x, 0);
		return MHD_YES;
	case STAGE_RECEIVE:
		return receive(x, upload, upload_len);
	case STAGE_EARLY:
		return send_early(x, upload_len);
	case STAGE_DISCARD:
		return discard(x, upload_len);
	case STAGE_ANSWER:
		*upload_len = 0;
		return queue_answer(x);
	case STAGE_END:
		return MHD_NO;
	}
	return MHD_NO;
}

/* ---- its start and end ---- */

void *exchange_start(void *cls, const char *uri, struct MHD_Connection *connection)
{
	struct http_server *s = cls;
	struct exchange *x = calloc(1, sizeof *x);
	uint64_t id[2];

	if (!x)
		return NULL;
	x->target = strdup(uri);
	if (!x->target) {
		free(x);
		return NULL;
	}
	x->server = s;
	x->connection = connection;
	x->guest = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
			   ->socket_context;
	x->started_ms = dr_now_ms();
	dr_random(id, sizeof id);
	snprintf(x->rq.id, sizeof x->rq.id, "%016llx%016llx", (unsigned long long)id[0],
		 (unsigned long long)id[1]);
	return x;
}

static void log_exchange(const struct exchange *x, bool whole)
{
	const struct http_config *cfg = &x->server->cfg;
	const bool answered = x->stage == STAGE_ANSWER || x->stage == STAGE_DISCARD;
	uint64_t sent = x->sent;

	if (!cfg->log || !x->counted)
		return;
	if (x->by_kernel && !whole)
		sent = dr_min_u64(sent, file_wire_bytes(x->connection) - x->wire_start);
	cfg->log(cfg->ctx, &x->rq, answered ? x->rs.status : 0, sent, dr_now_ms() - x->started_ms);
}

void exchange_end(void *cls, struct MHD_Connection *connection, void **context,
		  enum MHD_RequestTerminationCode why)
{
	struct http_server *s = cls;
	struct exchange *x = *context;

	(void)connection;
	*context = NULL;
	if (!x)
		return;
	assert(x->stage != STAGE_RUN);
	guard_waiting(s->guard, x->guest);
	log_exchange(x, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	if (x->answer)
		MHD_destroy_response(x->answer);
	if (x->streamed)
		atomic_fetch_sub(&s->streams, 1);
	if (x->uploading)
		atomic_fetch_sub(&s->uploads, 1);
	atomic_fetch_sub(&s->held, x->held);
	if (x->counted)
		count_running(s, -1);
	intake_free(x->intake);
	buf_done(&x->early);
	response_done(&x->rs);
	message_done(&x->rq);
	free(x->target);
	free(x);
}
