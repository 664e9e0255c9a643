/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "http-wire.h"
#include "http/http.h"
#include "unit.h"
#include "util/clock.h"
#include "util/mutex.h"

/* What a PUT does is said by its query: refuse=STATUS, fail=POSITION, hold. */
struct fixture {
	struct http_server *server;
	uint16_t port;
	struct dr_mutex lock;
	struct dr_cond changed;
	bool held;              /* lock; writes of sinks with `hold` wait while true */
	unsigned holding;       /* lock */
	unsigned handled;       /* lock; PUTs a handler saw */
	unsigned open;          /* lock; sinks */
	unsigned finished;      /* lock */
	uint64_t written;       /* lock */
	unsigned logged;        /* lock; requests */
	unsigned logged_status; /* lock; of the last one */
};

struct sink {
	struct fixture *f;
	uint64_t pos, fail_at;
	bool hold, failed, finished;
};

static uint8_t pattern_byte(uint64_t pos)
{
	return (uint8_t)(pos * 2654435761u >> 13);
}

static int sink_write(void *arg, const void *p, size_t len)
{
	struct sink *s = arg;
	const uint8_t *bytes = p;

	assert_false(s->failed || s->finished);
	assert_in_range(len, 1, HTTP_PIECE_BYTES);
	dr_lock(&s->f->lock);
	s->f->holding += s->hold;
	dr_cond_broadcast(&s->f->changed);
	while (s->hold && s->f->held)
		dr_cond_wait(&s->f->changed, &s->f->lock);
	s->f->holding -= s->hold;
	s->f->written += len;
	dr_unlock(&s->f->lock);
	for (size_t i = 0; i < len; i++) {
		if (bytes[i] != pattern_byte(s->pos + i))
			fail_msg("byte %zu differs", i);
	}
	s->pos += len;
	s->failed = s->pos > s->fail_at;
	return s->failed ? -1 : 0;
}

static void sink_finish(void *arg, struct http_request *rq, struct http_response *rs)
{
	struct sink *s = arg;

	assert_false(s->finished);
	assert_string_equal(http_segment(rq, 0), "sink");
	s->finished = true;
	http_status(rs, s->failed ? 507 : 201);
	http_addf(rs, "X-Bytes", "%llu", (unsigned long long)s->pos);
	http_send(rs, "text/plain", "done", 4);
	dr_lock(&s->f->lock);
	s->f->finished++;
	dr_cond_broadcast(&s->f->changed);
	dr_unlock(&s->f->lock);
}

static void sink_close(void *arg)
{
	struct sink *s = arg;

	dr_lock(&s->f->lock);
	s->f->open--;
	dr_cond_broadcast(&s->f->changed);
	dr_unlock(&s->f->lock);
	free(s);
}

static void handle_put(struct fixture *f, struct http_request *rq, struct http_response *rs)
{
	const char *refuse = http_query(rq, "refuse"), *fail = http_query(rq, "fail");
	struct sink *s;

	dr_lock(&f->lock);
	f->handled++;
	dr_cond_broadcast(&f->changed);
	dr_unlock(&f->lock);
	if (refuse) {
		http_status(rs, (unsigned)strtoul(refuse, NULL, 10));
		http_send(rs, "text/plain", "refused", 7);
		return;
	}
	s = calloc(1, sizeof *s);
	assert_non_null(s);
	s->f = f;
	s->fail_at = fail ? strtoull(fail, NULL, 10) : UINT64_MAX;
	s->hold = http_query(rq, "hold");
	dr_lock(&f->lock);
	f->open++;
	dr_cond_broadcast(&f->changed);
	dr_unlock(&f->lock);
	http_receive(rs, &(struct http_sink){
				 .write = sink_write,
				 .finish = sink_finish,
				 .close = sink_close,
				 .arg = s,
			 });
}

static void handle(void *ctx, struct http_request *rq, struct http_response *rs)
{
	if (http_method(rq) == HTTP_PUT && strcmp(http_segment(rq, 0), "sink") == 0) {
		handle_put(ctx, rq, rs);
		return;
	}
	http_status(rs, 200);
	http_send(rs, "text/plain", "hello", 5);
}

static bool receives(void *ctx, const struct http_request *rq)
{
	(void)ctx;
	return http_method(rq) == HTTP_PUT && strcmp(http_segment(rq, 0), "sink") == 0;
}

static void log_request(void *ctx, const struct http_request *rq, unsigned status, uint64_t bytes,
			uint64_t ms)
{
	struct fixture *f = ctx;

	(void)rq, (void)bytes, (void)ms;
	dr_lock(&f->lock);
	f->logged++;
	f->logged_status = status;
	dr_cond_broadcast(&f->changed);
	dr_unlock(&f->lock);
}

static struct fixture *start(unsigned idle_seconds)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct dr_err err = DR_ERR_INIT;
	struct http_config cfg = {
		.host = "127.0.0.1",
		.workers = 3,
		.connections = 128,
		.max_body = 100000,
		.max_held = 250000,
		.idle_seconds = idle_seconds,
		.log = log_request,
		.receives = receives,
		.handle = handle,
		.ctx = f,
	};

	assert_non_null(f);
	dr_mutex_init(&f->lock);
	dr_cond_init(&f->changed);
	assert_int_equal(http_start(&f->server, &cfg, &err), 0);
	f->port = http_port(f->server);
	return f;
}

static void finish(struct fixture *f)
{
	if (f->server)
		http_stop(f->server, 5000);
	assert_int_equal(f->open, 0);
	dr_cond_done(&f->changed);
	dr_mutex_done(&f->lock);
	free(f);
}

static int setup(void **state)
{
	*state = start(30);
	return 0;
}

static int teardown(void **state)
{
	finish(*state);
	return 0;
}

#define WAIT_UNTIL(f, condition)                                 \
	do {                                                     \
		dr_lock(&(f)->lock);                             \
		while (!(condition))                             \
			dr_cond_wait(&(f)->changed, &(f)->lock); \
		dr_unlock(&(f)->lock);                           \
	} while (0)

static void set_held(struct fixture *f, bool held)
{
	dr_lock(&f->lock);
	f->held = held;
	dr_cond_broadcast(&f->changed);
	dr_unlock(&f->lock);
}

/* Bytes from..from + len of the pattern; false when the server does not take them. */
static bool send_pattern(int fd, uint64_t from, size_t len)
{
	uint8_t piece[4096];

	while (len > 0) {
		size_t n = len < sizeof piece ? len : sizeof piece;

		for (size_t i = 0; i < n; i++)
			piece[i] = pattern_byte(from + i);
		if (!wire_send(fd, piece, n))
			return false;
		from += n;
		len -= n;
	}
	return true;
}

static bool send_chunks(int fd, size_t len, size_t chunk)
{
	char size[32];

	for (size_t at = 0; at < len; at += chunk) {
		size_t n = len - at < chunk ? len - at : chunk;

		snprintf(size, sizeof size, "%zx;x=y\r\n", n);
		if (!wire_puts(fd, size) || !send_pattern(fd, at, n) || !wire_puts(fd, "\r\n"))
			return false;
	}
	return true;
}

/* The head of a PUT; `length` SIZE_MAX: chunked. */
static void put_head(int fd, const char *query, size_t length, const char *more)
{
	char head[512], framing[64] = "Transfer-Encoding: chunked";

	if (length != SIZE_MAX)
		snprintf(framing, sizeof framing, "Content-Length: %zu", length);
	snprintf(head, sizeof head, "PUT /sink?%s HTTP/1.1\r\nHost: h\r\n%s\r\n%s\r\n", query,
		 framing, more);
	assert_true(wire_puts(fd, head));
}

static void assert_stored(int fd, struct wire_answer *a, uint64_t bytes)
{
	char v[256];

	wire_read(fd, a, false);
	assert_int_equal(a->status, 201);
	assert_int_equal(strtoull(wire_field(a, "X-Bytes", v), NULL, 10), bytes);
}

static void bodies_reach_the_sink_whole(void **state)
{
	static const size_t lengths[] = {0,      1,      1000,   65536,  65537,
					 262144, 262145, 524288, 524289, 5000003};
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		put_head(fd, "", lengths[i], "");
		assert_true(send_pattern(fd, 0, lengths[i]));
		assert_stored(fd, &a, lengths[i]);
		put_head(fd, "", SIZE_MAX, "");
		assert_true(send_chunks(fd, lengths[i], i % 2 ? 777 : 100001));
		assert_true(wire_puts(fd, "0\r\nTrailer: x\r\n\r\n"));
		assert_stored(fd, &a, lengths[i]);
	}
	put_head(fd, "", 65536, "");
	assert_true(send_pattern(fd, 0, 65536));
	assert_true(wire_puts(fd, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"));
	assert_stored(fd, &a, 65536);
	wire_read(fd, &a, false);
	assert_int_equal(a.status, 200);
	close(fd);
	assert_true(wire_puts(fd = wire_connect(f->port), "PUT /sink HTTP/1.1\r\nHost: h\r\n\r\n"));
	assert_stored(fd, &a, 0);
	close(fd);
	buf_done(&a.body);
}

static void bytes_one_by_one_are_a_body_too(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	put_head(fd, "", SIZE_MAX, "");
	assert_true(send_chunks(fd, 300, 1));
	assert_true(wire_puts(fd, "0\r\n\r\n"));
	assert_stored(fd, &a, 300);
	close(fd);
	buf_done(&a.body);
}

static void a_request_after_an_upload_is_answered(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	put_head(fd, "", 700000, "");
	assert_true(send_pattern(fd, 0, 700000));
	put_head(fd, "", SIZE_MAX, "");
	assert_true(send_chunks(fd, 70000, 7000));
	assert_true(wire_puts(fd, "0\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n"));
	assert_stored(fd, &a, 700000);
	assert_stored(fd, &a, 70000);
	wire_read(fd, &a, false);
	assert_int_equal(a.status, 200);
	assert_string_equal(buf_str(&a.body), "hello");
	close(fd);
	buf_done(&a.body);
}

/* The first `sent` of 99999 bytes of a body that is collected; it may be refused meanwhile. */
static int put_collected(struct fixture *f, size_t sent)
{
	dr_autofree char *body = calloc(1, sent);
	int fd = wire_connect(f->port);

	assert_non_null(body);
	assert_true(wire_puts(fd, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n\r\n"));
	(void)wire_send(fd, body, sent);
	return fd;
}

static void bodies_that_wait_take_no_more_than_some_memory(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	struct pollfd slow[3];
	int fd;

	for (size_t i = 0; i < 3; i++)
		slow[i] = (struct pollfd){.fd = put_collected(f, 99998), .events = POLLIN};
	assert_true(poll(slow, 3, 20000) > 0); /* there is no room for all three */
	for (size_t i = 0; i < 3; i++) {
		const bool refused = slow[i].revents != 0;

		(void)wire_puts(slow[i].fd, "x");
		wire_read(slow[i].fd, &a, false);
		assert_true(a.whole && (a.status == 503 || (a.status == 200 && !refused)));
		close(slow[i].fd);
	}
	do { /* until they are over for the server, too */
		fd = put_collected(f, 99999);
		wire_read(fd, &a, false);
		close(fd);
	} while (a.status == 503);
	assert_int_equal(a.status, 200);
	buf_done(&a.body);
}

static void continue_is_said_to_what_is_accepted(void **state)
{
	static const size_t lengths[] = {5, 400000, SIZE_MAX};
	struct fixture *f = *state;
	struct wire_answer a = {0};

	for (size_t i = 0; i < 3; i++) {
		int fd = wire_connect(f->port);

		put_head(fd, "", lengths[i], "Expect: 100-continue\r\n");
		wire_read(fd, &a, false);
		assert_int_equal(a.status, 100);
		if (lengths[i] == SIZE_MAX) {
			assert_true(send_chunks(fd, 5, 5) && wire_puts(fd, "0\r\n\r\n"));
			assert_stored(fd, &a, 5);
		} else {
			assert_true(send_pattern(fd, 0, lengths[i]));
			assert_stored(fd, &a, lengths[i]);
		}
		close(fd);
	}
	buf_done(&a.body);
}

static void continue_is_not_said_to_what_is_refused(void **state)
{
	static const size_t lengths[] = {5, 400000, SIZE_MAX};
	struct fixture *f = *state;
	struct wire_answer a = {0};
	char v[256];

	for (size_t i = 0; i < 3; i++) {
		int fd = wire_connect(f->port);

		put_head(fd, "refuse=401", lengths[i], "Expect: 100-continue\r\n");
		wire_read(fd, &a, false);
		assert_int_equal(a.status, 401);
		assert_string_equal(wire_field(&a, "Connection", v), "close");
		assert_true(wire_ended(fd));
		close(fd);
	}
	buf_done(&a.body);
}

static void refusals_are_seen_by_clients_that_send_on(void **state)
{
	static const size_t lengths[] = {70000, 7000000, 3000000000, SIZE_MAX};
	struct fixture *f = *state;
	struct wire_answer a = {0};
	char v[256];

	for (size_t i = 0; i < 4; i++) {
		int fd = wire_connect(f->port);

		put_head(fd, "refuse=403", lengths[i], "");
		if (lengths[i] == SIZE_MAX)
			assert_true(send_chunks(fd, 5000000, 100000) && wire_puts(fd, "0\r\n\r\n"));
		else
			assert_true(send_pattern(fd, 0, i < 2 ? lengths[i] : 5000000));
		wire_read(fd, &a, false);
		assert_int_equal(a.status, 403);
		assert_string_equal(buf_str(&a.body), "refused");
		assert_string_equal(wire_field(&a, "Connection", v), "close");
		assert_non_null(wire_field(&a, "X-Request-Id", v));
		assert_non_null(wire_field(&a, "Date", v));
		assert_true(wire_ended(fd));
		close(fd);
	}
	WAIT_UNTIL(f, f->logged == 4);
	assert_int_equal(f->logged_status, 403);
	/* Not for ever. */
	int fd = wire_connect(f->port);

	put_head(fd, "refuse=403", 3000000000, "");
	assert_false(send_pattern(fd, 0, 1000000000));
	close(fd);
	buf_done(&a.body);
}

static void small_refused_bodies_do_not_end_the_connection(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	for (int i = 0; i < 3; i++) {
		put_head(fd, "refuse=401", 1000, "");
		assert_true(send_pattern(fd, 0, 1000));
		wire_read(fd, &a, false);
		assert_int_equal(a.status, 401);
	}
	close(fd);
	buf_done(&a.body);
}

static void failing_sinks_answer_at_once(void **state)
{
	static const size_t lengths[] = {400000, 7000000, 3000000000, SIZE_MAX};
	struct fixture *f = *state;
	struct wire_answer a = {0};

	for (size_t i = 0; i < 4; i++) {
		int fd = wire_connect(f->port);

		put_head(fd, "fail=300000", lengths[i], "");
		if (lengths[i] == SIZE_MAX)
			(void)send_chunks(fd, 6000000, 100000);
		else
			(void)send_pattern(fd, 0, i < 2 ? lengths[i] : 6000000);
		wire_read(fd, &a, false);
		assert_int_equal(a.status, 507);
		assert_string_equal(buf_str(&a.body), "done");
		close(fd);
	}
	WAIT_UNTIL(f, f->open == 0);
	assert_int_equal(f->finished, 4);
	buf_done(&a.body);
}

static void cut_bodies_never_finish(void **state)
{
	static const char *const broken[] = {
		"zz\r\n", "5\r\nhell", "5\r\nhelloxx\r\n0\r\n\r\n", "ffffffffffffffffff\r\n",
		"-1\r\n", ""};
	struct fixture *f = *state;
	struct wire_answer a = {0};

	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		int fd = wire_connect(f->port);

		put_head(fd, "", SIZE_MAX, "");
		assert_true(send_chunks(fd, 1000000, 10000));
		assert_true(wire_puts(fd, broken[i]));
		shutdown(fd, SHUT_WR);
		wire_read(fd, &a, false);
		assert_true(a.status == 0 || a.status >= 400);
		close(fd);
		fd = wire_connect(f->port);
		put_head(fd, "", 1000000, "");
		assert_true(send_pattern(fd, 0, i < 3 ? 999999 : i * 1000));
		WAIT_UNTIL(f, f->handled == 2 * (i + 1));
		close(fd);
	}
	WAIT_UNTIL(f, f->open == 0 && f->logged == 2 * sizeof broken / sizeof *broken);
	assert_int_equal(f->finished, 0);
	buf_done(&a.body);
}

static void a_slow_sink_stops_its_client(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port), gone = wire_connect(f->port);
	size_t sent = 0;

	f->held = true;
	put_head(fd, "hold", 2000000, "");
	put_head(gone, "hold", 50000000, "");
	assert_true(send_pattern(fd, 0, 2000000));
	/* What the kernel's buffers take beside the two of the upload. */
	setsockopt(gone, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_usec = 200000},
		   sizeof(struct timeval));
	while (send_pattern(gone, sent, 1000000))
		sent += 1000000;
	assert_in_range(sent, 1, 30000000);
	WAIT_UNTIL(f, f->holding == 2);
	close(gone);
	WAIT_UNTIL(f, f->holding == 2);
	assert_int_equal(f->written, 0);
	set_held(f, false);
	assert_stored(fd, &a, 2000000);
	close(fd);
	buf_done(&a.body);
}

static void stalled_uploads_hold_no_worker(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd[100];

	for (size_t i = 0; i < 100; i++) {
		fd[i] = wire_connect(f->port);
		put_head(fd[i], "", 600000, "");
		assert_true(send_pattern(fd[i], 0, 300000 + i));
	}
	WAIT_UNTIL(f, f->open == 100);
	for (int i = 0; i < 10; i++) {
		int other = wire_connect(f->port);

		assert_true(wire_puts(other, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
		wire_read(other, &a, false);
		assert_int_equal(a.status, 200);
		close(other);
	}
	for (size_t i = 0; i < 100; i++) {
		assert_true(send_pattern(fd[i], 300000 + i, 300000 - i));
		assert_stored(fd[i], &a, 600000);
		close(fd[i]);
	}
	assert_int_equal(f->finished, 100);
	buf_done(&a.body);
}

static void clients_may_leave_an_upload(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 40; i++) {
		int fd = wire_connect(f->port);

		put_head(fd, i % 2 ? "fail=200000" : "", i % 3 ? SIZE_MAX : 5000000,
			 i % 5 ? "" : "Expect: 100-continue\r\n");
		if (i % 3)
			(void)send_chunks(fd, i * 50000, 3000);
		else
			(void)send_pattern(fd, 0, i * 50000);
		close(fd);
	}
	WAIT_UNTIL(f, f->handled == 40 && f->open == 0);
	/* none is whole; those that failed had their say */
	assert_in_range(f->finished, 0, 20);
}

static void trickling_uploads_are_cut_off(void **state)
{
	struct fixture *f = start(1);
	int fd = wire_connect(f->port);
	bool open = true;

	(void)state;
	put_head(fd, "", SIZE_MAX, "");
	/* A byte now and then keeps silence away, and does not help. */
	for (int i = 0; open && i < 100; i++) {
		char c;

		dr_sleep_ms(100);
		open = send_chunks(fd, 1, 1) && recv(fd, &c, 1, MSG_DONTWAIT) < 0 &&
		       errno == EAGAIN;
	}
	assert_false(open);
	close(fd);
	WAIT_UNTIL(f, f->open == 0);
	assert_int_equal(f->finished, 0);
	finish(f);
}

static void steady_uploads_are_not_cut_off(void **state)
{
	struct fixture *f = start(1);
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	(void)state;
	/* Longer than any patience, at many times the least pace. */
	put_head(fd, "", 5000000, "");
	for (size_t i = 0; i < 50; i++) {
		assert_true(send_pattern(fd, i * 100000, 100000));
		dr_sleep_ms(60);
	}
	assert_stored(fd, &a, 5000000);
	close(fd);
	buf_done(&a.body);
	finish(f);
}

static void stop_closes_unfinished_uploads(void **state)
{
	struct fixture *f = start(30);
	int fd[12];

	(void)state;
	f->held = true;
	for (size_t i = 0; i < 12; i++) {
		fd[i] = wire_connect(f->port);
		put_head(fd[i], i < 2 ? "hold" : "", i % 2 ? 10000000 : SIZE_MAX, "");
		if (i % 2)
			assert_true(send_pattern(fd[i], 0, 300000));
		else
			assert_true(send_chunks(fd[i], 300000, 300000));
	}
	WAIT_UNTIL(f, f->open == 12 && f->holding == 2);
	set_held(f, false);
	http_stop(f->server, 50);
	f->server = NULL;
	assert_int_equal(f->open, 0);
	assert_int_equal(f->finished, 0);
	for (size_t i = 0; i < 12; i++)
		close(fd[i]);
	finish(f);
}

static void *stop_server(void *arg)
{
	struct fixture *f = arg;

	http_stop(f->server, 20000);
	return NULL;
}

static void stop_lets_running_uploads_finish(void **state)
{
	struct fixture *f = start(30);
	struct wire_answer a = {0};
	int fd = wire_connect(f->port), late;
	pthread_t stopping;

	(void)state;
	put_head(fd, "", 5000000, "");
	assert_true(send_pattern(fd, 0, 1000000));
	WAIT_UNTIL(f, f->open == 1);
	assert_int_equal(pthread_create(&stopping, NULL, stop_server, f), 0);
	do {
		late = wire_connect(f->port);
		put_head(late, "refuse=404", 100000, "Expect: 100-continue\r\n");
		wire_read(late, &a, false);
		close(late);
	} while (a.status != 503);
	assert_true(send_pattern(fd, 1000000, 4000000));
	assert_stored(fd, &a, 5000000);
	pthread_join(stopping, NULL);
	f->server = NULL;
	close(fd);
	buf_done(&a.body);
	finish(f);
}

int main(void)
{
#define with_server(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		with_server(bodies_reach_the_sink_whole),
		with_server(bytes_one_by_one_are_a_body_too),
		with_server(a_request_after_an_upload_is_answered),
		with_server(bodies_that_wait_take_no_more_than_some_memory),
		with_server(continue_is_said_to_what_is_accepted),
		with_server(continue_is_not_said_to_what_is_refused),
		with_server(refusals_are_seen_by_clients_that_send_on),
		with_server(small_refused_bodies_do_not_end_the_connection),
		with_server(failing_sinks_answer_at_once),
		with_server(cut_bodies_never_finish),
		with_server(a_slow_sink_stops_its_client),
		with_server(stalled_uploads_hold_no_worker),
		with_server(clients_may_leave_an_upload),
		cmocka_unit_test(trickling_uploads_are_cut_off),
		cmocka_unit_test(steady_uploads_are_not_cut_off),
		cmocka_unit_test(stop_closes_unfinished_uploads),
		cmocka_unit_test(stop_lets_running_uploads_finish),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
