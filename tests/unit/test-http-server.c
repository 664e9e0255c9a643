/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "http-wire.h"
#include "http/http.h"
#include "unit.h"
#include "util/clock.h"
#include "util/mutex.h"

#define HELD_BYTES 30000000
#define LARGE_BYTES 20000000 /* more than a connection takes at once */

struct fixture {
	struct http_server *server;
	uint16_t port;
	struct dr_mutex lock;
	struct dr_cond changed;
	bool held;              /* lock; /hold waits while true */
	unsigned holding;       /* lock; handlers inside /hold */
	unsigned logged_status; /* lock; of the last request */
	uint64_t logged_bytes;  /* lock */
	unsigned logged;        /* lock; requests */
	atomic_int open_streams;
};

struct pattern {
	struct fixture *f;
	uint64_t fail_at;
};

static uint8_t pattern_byte(uint64_t pos)
{
	return (uint8_t)(pos * 2654435761u >> 13);
}

static ssize_t pattern_read(void *arg, uint64_t pos, void *buf, size_t len, struct dr_err *err)
{
	struct pattern *p = arg;
	uint8_t *to = buf;

	if (pos >= p->fail_at)
		return dr_fail(err, DR_CORRUPT, "chunk 7 is damaged");
	if (len > p->fail_at - pos)
		len = (size_t)(p->fail_at - pos);
	if (len > 100000)
		len = 100000;
	for (size_t i = 0; i < len; i++)
		to[i] = pattern_byte(pos + i);
	return (ssize_t)len;
}

static void pattern_close(void *arg)
{
	struct pattern *p = arg;

	atomic_fetch_sub(&p->f->open_streams, 1);
	free(p);
}

static struct http_stream pattern_stream(struct fixture *f, const struct http_request *rq)
{
	const char *length = http_query(rq, "n"), *fail = http_query(rq, "fail");
	struct pattern *p = calloc(1, sizeof *p);

	assert_non_null(p);
	atomic_fetch_add(&f->open_streams, 1);
	p->f = f;
	p->fail_at = fail ? strtoull(fail, NULL, 10) : UINT64_MAX;
	return (struct http_stream){.length = strtoull(length ? length : "0", NULL, 10),
				    .read = pattern_read,
				    .close = pattern_close,
				    .arg = p};
}

static void hold(struct fixture *f)
{
	dr_lock(&f->lock);
	f->holding++;
	dr_cond_broadcast(&f->changed);
	while (f->held)
		dr_cond_wait(&f->changed, &f->lock);
	f->holding--;
	dr_unlock(&f->lock);
}

static void handle(void *ctx, struct http_request *rq, struct http_response *rs)
{
	struct fixture *f = ctx;
	const char *what = http_segment(rq, 0);
	struct http_stream stream;
	size_t len;
	const void *body = http_body(rq, &len);
	const char *name, *value;
	char text[512];

	if (strcmp(what, "nothing") == 0)
		return;
	if (strcmp(what, "hold") == 0)
		hold(f);
	http_status(rs, 200);
	if (strcmp(what, "stream") == 0) {
		stream = pattern_stream(f, rq);
		http_send_stream(rs, "application/octet-stream", &stream);
	} else if (strcmp(what, "object") == 0) {
		stream = pattern_stream(f, rq);
		http_send_object(rq, rs, &(struct http_object){"x/y", "\"e\"", 784111777, stream});
	} else if (strcmp(what, "count") == 0) {
		len = 0;
		for (size_t i = 0; http_header_at(rq, i, &name, &value); i++)
			len += strncmp(name, "X-Meta-", 7) == 0 ? strlen(name) + strlen(value) : 0;
		snprintf(text, sizeof text, "%zu", len);
		http_send(rs, "text/plain", text, strlen(text));
	} else if (strcmp(what, "meta") == 0) {
		for (int i = 0; i < 90; i++)
			http_addf(rs, "X-Meta", "%0*d", 60, i);
		http_addf(rs, "X-Read", "%08000d", 1);
		http_addf(rs, "X-Write", "%08000d", 1);
	} else if (strcmp(what, "large") == 0) {
		dr_autofree char *large = calloc(1, LARGE_BYTES);

		assert_non_null(large);
		http_send(rs, "text/plain", large, LARGE_BYTES);
	} else if (strcmp(what, "split") == 0) {
		http_add(rs, "X-A", "a\nb");
	} else if (strcmp(what, "echo") == 0) {
		http_send(rs, "application/octet-stream", body, len);
	} else {
		snprintf(text, sizeof text, "%s %s %s %s", http_method_name(rq), http_path(rq),
			 http_base_url(rq), http_peer(rq));
		http_send(rs, "text/plain", text, strlen(text));
	}
}

static void log_request(void *ctx, const struct http_request *rq, unsigned status, uint64_t bytes,
			uint64_t ms)
{
	struct fixture *f = ctx;

	(void)ms;
	assert_non_null(http_path(rq));
	assert_non_null(http_method_name(rq));
	dr_lock(&f->lock);
	f->logged++;
	f->logged_status = status;
	f->logged_bytes = bytes;
	dr_cond_broadcast(&f->changed);
	dr_unlock(&f->lock);
}

static struct fixture *start(unsigned connections, unsigned idle_seconds)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct dr_err err = DR_ERR_INIT;
	struct http_config cfg = {
		.host = "127.0.0.1",
		.workers = 4,
		.connections = connections,
		.max_body = 1000,
		.max_held = HELD_BYTES,
		.idle_seconds = idle_seconds,
		.log = log_request,
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
	assert_int_equal(atomic_load(&f->open_streams), 0);
	dr_cond_done(&f->changed);
	dr_mutex_done(&f->lock);
	free(f);
}

static int setup(void **state)
{
	*state = start(64, 30);
	return 0;
}

static int teardown(void **state)
{
	finish(*state);
	return 0;
}

/* One request on its own connection. */
static unsigned once(struct fixture *f, const char *request, struct wire_answer *a)
{
	int fd = wire_connect(f->port);

	assert_true(wire_puts(fd, request));
	wire_read(fd, a, strncmp(request, "HEAD ", 5) == 0);
	close(fd);
	return a->status;
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: me.test:99\r\n\r\n"

static void serves_and_tells_the_request(void **state)
{
	struct wire_answer a = {0};
	char v[256];

	assert_int_equal(once(*state, GET("/a%2Fb?c=d"), &a), 200);
	assert_string_equal(buf_str(&a.body), "GET /a%2Fb http://me.test:99 127.0.0.1");
	assert_string_equal(wire_field(&a, "Content-Type", v), "text/plain");
	assert_int_equal(strlen(wire_field(&a, "X-Request-Id", v)), 32);
	assert_non_null(wire_field(&a, "Date", v));
	buf_done(&a.body);
}

static void keeps_connections_alive(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	for (int i = 0; i < 3; i++) {
		assert_true(wire_puts(fd, GET("/x")));
		wire_read(fd, &a, false);
		assert_int_equal(a.status, 200);
	}
	/* pipelined */
	assert_true(wire_puts(fd, GET("/one") GET("/two")));
	wire_read(fd, &a, false);
	assert_non_null(strstr(buf_str(&a.body), "/one"));
	wire_read(fd, &a, false);
	assert_non_null(strstr(buf_str(&a.body), "/two"));
	close(fd);
	assert_int_equal(once(f, "GET /x HTTP/1.0\r\n\r\n", &a), 200);
	buf_done(&a.body);
}

static void head_has_the_length_and_no_body(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	assert_true(wire_puts(fd, "HEAD /stream?n=12345 HTTP/1.1\r\nHost: h\r\n\r\n" GET("/x")));
	wire_read(fd, &a, true);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.length, 12345);
	wire_read(fd, &a, false); /* what follows is the next answer */
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(buf_str(&a.body), "GET /x"));
	assert_true(wire_puts(fd, "HEAD /y HTTP/1.1\r\nHost: h\r\n\r\n"));
	wire_read(fd, &a, true);
	assert_int_equal(a.length, strlen("HEAD /y http://h 127.0.0.1"));
	close(fd);
	buf_done(&a.body);
}

static void bodies_arrive_in_both_framings(void **state)
{
	struct wire_answer a = {0};

	assert_int_equal(once(*state,
			      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
			      &a),
			 200);
	assert_string_equal(buf_str(&a.body), "hello");
	assert_int_equal(once(*state,
			      "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
			      "3\r\nhel\r\n2;ext=1\r\nlo\r\n0\r\nTrailer: x\r\n\r\n",
			      &a),
			 200);
	assert_string_equal(buf_str(&a.body), "hello");
	assert_int_equal(
		once(*state, "DELETE /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", &a),
		200);
	assert_int_equal(a.body.len, 0);
	buf_done(&a.body);
}

static void expectations_are_met_before_the_body(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	assert_true(wire_puts(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n"
				  "Expect: 100-continue\r\n\r\n"));
	wire_read(fd, &a, false);
	assert_int_equal(a.status, 100);
	assert_true(wire_puts(fd, "ok"));
	wire_read(fd, &a, false);
	assert_int_equal(a.status, 200);
	assert_string_equal(buf_str(&a.body), "ok");
	close(fd);
	fd = wire_connect(f->port);
	assert_true(wire_puts(fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2000\r\n"
				  "Expect: 100-continue\r\n\r\n"));
	wire_read(fd, &a, false);
	assert_int_equal(a.status, 413);
	close(fd);
	buf_done(&a.body);
}

static void bodies_too_large_are_413(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	char v[256], head[128];
	dr_autobuf struct buf body = BUF_INIT;
	int fd = wire_connect(f->port);

	for (int i = 0; i < 100000; i++)
		buf_putc(&body, 'x');
	snprintf(head, sizeof head, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %zu\r\n\r\n",
		 body.len);
	assert_true(wire_puts(fd, head));
	assert_true(wire_send(fd, body.p, body.len));
	wire_read(fd, &a, false);
	assert_int_equal(a.status, 413);
	assert_non_null(strstr(buf_str(&a.body), "\"error_name\":\"payload_too_large\""));
	assert_string_equal(wire_field(&a, "Connection", v), "close");
	assert_non_null(wire_field(&a, "X-Request-Id", v));
	assert_true(wire_ended(fd));
	close(fd);

	fd = wire_connect(f->port);
	assert_true(wire_puts(
		fd, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
	for (int i = 0; i < 10; i++)
		assert_true(wire_puts(fd, "80\r\n") && wire_send(fd, body.p, 128) &&
			    wire_puts(fd, "\r\n"));
	assert_true(wire_puts(fd, "0\r\n\r\n"));
	wire_read(fd, &a, false);
	assert_int_equal(a.status, 413);
	close(fd);

	assert_int_equal(
		once(f, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n", &a),
		413);
	buf_done(&a.body);
}

#define POST "POST / HTTP/1.1\r\nHost: h\r\n"

static void ambiguous_framing_is_400_and_ends_the_connection(void **state)
{
	static const char *const bad[] = {
		POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		POST "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
		POST "Transfer-Encoding: xchunked\r\n\r\nabcd",
		POST "Content-Length : 4\r\n\r\nabcd",
		"GET / HTTP/1.1\r\n\r\n",
		"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n",
	};
	struct fixture *f = *state;
	struct wire_answer a = {0};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int fd = wire_connect(f->port);

		assert_true(wire_puts(fd, bad[i]));
		wire_read(fd, &a, false);
		assert_int_equal(a.status, 400);
		assert_true(wire_ended(fd));
		close(fd);
	}
	buf_done(&a.body);
}

/* libmicrohttpd answers this one, and repeats its head before it closes. */
static void malformed_length_is_400_and_ends_the_connection(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	char rest[4096];
	int fd = wire_connect(f->port);
	ssize_t n;

	assert_true(wire_puts(
		fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n" GET("/x")));
	wire_read(fd, &a, false);
	assert_int_equal(a.status, 400);
	while ((n = recv(fd, rest, sizeof rest - 1, 0)) > 0) {
		rest[n] = 0;
		assert_null(strstr(rest, "HTTP/1.1 200"));
	}
	close(fd);
	buf_done(&a.body);
}

static void oversized_heads_are_refused(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	dr_autobuf struct buf rq = BUF_INIT;

	buf_puts(&rq, "GET /");
	for (int i = 0; i < 9000; i++)
		buf_putc(&rq, 'a');
	buf_puts(&rq, " HTTP/1.1\r\nHost: h\r\n\r\n");
	assert_int_equal(once(f, buf_str(&rq), &a), 414);
	buf_clear(&rq);
	buf_puts(&rq, "GET / HTTP/1.1\r\nHost: h\r\n");
	for (int i = 0; i < 150; i++)
		buf_puts(&rq, "A: b\r\n");
	buf_puts(&rq, "\r\n");
	assert_int_equal(once(f, buf_str(&rq), &a), 431);
	buf_clear(&rq);
	buf_puts(&rq, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
	for (int i = 0; i < 60000; i++)
		buf_putc(&rq, 'a');
	buf_puts(&rq, "\r\n\r\n");
	assert_int_equal(once(f, buf_str(&rq), &a), 431);
	buf_done(&a.body);
}

/* All the metadata Swift allows (90 items, 4096 bytes in all), 36 other fields, one of them of 8
 * KiB (an ACL), and a name of 1024 bytes of which each is encoded. */
static void heads_of_swifts_size_are_taken(void **state)
{
	struct wire_answer a = {0};
	dr_autobuf struct buf rq = BUF_INIT;

	buf_puts(&rq, "PUT /count/");
	for (int i = 0; i < 1024; i++)
		buf_puts(&rq, "%C3");
	buf_puts(&rq, " HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n");
	for (int i = 0; i < 90; i++)
		buf_printf(&rq, "X-Meta-%03d: %0*d\r\n", i, 36, i);
	for (int i = 0; i < 32; i++)
		buf_printf(&rq, "X-Other-Field-%02d: some value\r\n", i);
	buf_printf(&rq, "X-Acl: %08192d\r\n\r\n", 1);
	assert_int_equal(once(*state, buf_str(&rq), &a), 200);
	assert_string_equal(buf_str(&a.body), "4140");
	buf_done(&a.body);
}

static void heads_of_swifts_size_are_sent(void **state)
{
	struct fixture *f = *state;
	dr_autobuf struct buf rq = BUF_INIT, answer = BUF_INIT;
	int fd = wire_connect(f->port);
	char piece[4096];
	ssize_t n;

	buf_puts(&rq, "GET /meta/");
	for (int i = 0; i < 1024; i++)
		buf_puts(&rq, "%C3");
	buf_puts(&rq, " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
	assert_true(wire_send(fd, rq.p, rq.len));
	while ((n = recv(fd, piece, sizeof piece, 0)) > 0)
		buf_append(&answer, piece, (size_t)n);
	assert_true(answer.len > 16000 + 90 * 60);
	assert_ptr_equal(strstr(buf_str(&answer), "HTTP/1.1 200 "), buf_str(&answer));
	assert_non_null(strstr(buf_str(&answer), "00089\r\n"));
	assert_string_equal(buf_str(&answer) + answer.len - 4, "\r\n\r\n");
	close(fd);
}

static void handler_without_answer_is_500(void **state)
{
	struct wire_answer a = {0};

	assert_int_equal(once(*state, GET("/nothing"), &a), 500);
	assert_non_null(strstr(buf_str(&a.body), "internal_error"));
	assert_int_equal(once(*state, GET("/split"), &a), 500);
	buf_done(&a.body);
}

static void check_pattern(const struct wire_answer *a, uint64_t from)
{
	for (size_t i = 0; i < a->body.len; i++) {
		if (a->body.p[i] != pattern_byte(from + i))
			fail_msg("byte %zu differs", i);
	}
}

static void streams_any_length_whole(void **state)
{
	static const unsigned long lengths[] = {0,      1,       65535,   524288,
						524289, 1048576, 1048577, 20000003};
	struct fixture *f = *state;
	struct wire_answer a = {0};
	char request[128];

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		snprintf(request, sizeof request, "GET /stream?n=%lu HTTP/1.1\r\nHost: h\r\n\r\n",
			 lengths[i]);
		assert_int_equal(once(f, request, &a), 200);
		assert_true(a.whole);
		assert_int_equal(a.body.len, lengths[i]);
		check_pattern(&a, 0);
	}
	dr_lock(&f->lock);
	while (f->logged < sizeof lengths / sizeof *lengths)
		dr_cond_wait(&f->changed, &f->lock);
	assert_int_equal(f->logged_status, 200);
	assert_int_equal(f->logged_bytes, 20000003);
	dr_unlock(&f->lock);
	assert_int_equal(once(f,
			      "GET /object?n=20000003 HTTP/1.1\r\nHost: h\r\n"
			      "Range: bytes=10000001-19999999\r\n\r\n",
			      &a),
			 206);
	assert_int_equal(a.body.len, 9999999);
	check_pattern(&a, 10000001);
	buf_done(&a.body);
}

static void many_streams_run_at_once(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd[40];

	/* More than get large buffers, and more than there are workers; nobody reads at first. */
	for (size_t i = 0; i < 40; i++) {
		fd[i] = wire_connect(f->port);
		assert_true(wire_puts(fd[i], GET("/stream?n=3000000")));
	}
	assert_int_equal(once(f, GET("/x"), &a), 200);
	for (size_t i = 0; i < 40; i++) {
		wire_read(fd[i], &a, false);
		assert_true(a.whole);
		assert_int_equal(a.body.len, 3000000);
		check_pattern(&a, 0);
		close(fd[i]);
	}
	buf_done(&a.body);
}

static void stream_failures_never_look_whole(void **state)
{
	struct wire_answer a = {0};

	/* at once: an honest status */
	assert_int_equal(once(*state, GET("/stream?n=1000&fail=0"), &a), 500);
	assert_int_equal(once(*state, GET("/stream?n=600000&fail=500000"), &a), 500);
	/* under way: cut short */
	assert_int_equal(once(*state, GET("/stream?n=30000000&fail=9000000"), &a), 200);
	assert_false(a.whole);
	assert_true(a.body.len <= 9000000);
	check_pattern(&a, 0);
	buf_done(&a.body);
}

static void answers_that_wait_take_no_more_than_some_memory(void **state)
{
	struct fixture *f = *state;
	struct wire_answer slow = {0}, a = {0};
	char retry[256];
	int fd = wire_connect(f->port);

	assert_true(wire_puts(fd, GET("/large")));
	assert_int_equal(recv(fd, retry, 1, MSG_PEEK), 1);
	assert_int_equal(once(f, GET("/large"), &a), 503);
	assert_true(a.whole && wire_field(&a, "Retry-After", retry));
	assert_int_equal(once(f, GET("/small"), &a), 200);
	wire_read(fd, &slow, false);
	assert_true(slow.whole && slow.length == LARGE_BYTES);
	close(fd);
	while (once(f, GET("/large"), &a) == 503) {
		assert_true(a.whole);
		usleep(1000);
	}
	assert_int_equal(a.status, 200);
	assert_true(a.whole && a.length == LARGE_BYTES);
	buf_done(&slow.body);
	buf_done(&a.body);
}

static void clients_may_leave_a_stream(void **state)
{
	struct fixture *f = *state;
	char some[1000];

	for (int i = 0; i < 20; i++) {
		int fd = wire_connect(f->port);

		assert_true(wire_puts(fd, GET("/stream?n=50000000")));
		assert_true(recv(fd, some, sizeof some, MSG_WAITALL) > 0);
		close(fd);
	}
	/* teardown checks that every stream was closed */
}

static void blocked_handlers_do_not_block_connections(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int held = wire_connect(f->port);

	f->held = true;
	assert_true(wire_puts(held, GET("/hold")));
	dr_lock(&f->lock);
	while (f->holding == 0)
		dr_cond_wait(&f->changed, &f->lock);
	dr_unlock(&f->lock);
	for (int i = 0; i < 10; i++)
		assert_int_equal(once(f, GET("/x"), &a), 200);
	dr_lock(&f->lock);
	f->held = false;
	dr_cond_broadcast(&f->changed);
	dr_unlock(&f->lock);
	wire_read(held, &a, false);
	assert_int_equal(a.status, 200);
	close(held);
	buf_done(&a.body);
}

static void slow_heads_make_room_for_others(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int slow[200];

	/* Three times as many as there may be connections, each with half a head. */
	for (size_t i = 0; i < 200; i++) {
		slow[i] = wire_connect(f->port);
		assert_true(wire_puts(slow[i], "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: "));
	}
	for (int i = 0; i < 5; i++)
		assert_int_equal(once(f, GET("/x"), &a), 200);
	assert_true(wire_ended(slow[0]));
	for (size_t i = 0; i < 200; i++)
		close(slow[i]);
	buf_done(&a.body);
}

/* In a process of its own: limits do not come back. */
static void serve_with_few_descriptors(int out)
{
	const struct rlimit few = {400, 400};
	struct fixture *f;

	if (setrlimit(RLIMIT_NOFILE, &few) != 0)
		_exit(1);
	f = start(4096, 30);
	if (write(out, &f->port, sizeof f->port) != sizeof f->port)
		_exit(1);
	for (;;)
		pause();
}

static void few_descriptors_do_not_starve_the_server(void **state)
{
	struct fixture f = {0};
	struct wire_answer a = {0};
	int pipes[2], slow[300];
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		serve_with_few_descriptors(pipes[1]);
	assert_int_equal(read(pipes[0], &f.port, sizeof f.port), sizeof f.port);
	for (size_t i = 0; i < 300; i++) {
		slow[i] = wire_connect(f.port);
		assert_true(wire_puts(slow[i], "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: "));
	}
	assert_int_equal(once(&f, GET("/x"), &a), 200);
	for (size_t i = 0; i < 300; i++)
		close(slow[i]);
	kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(pipes[0]);
	close(pipes[1]);
	buf_done(&a.body);
}

static void trickling_heads_are_cut_off(void **state)
{
	struct fixture *f = start(16, 1);
	int fd = wire_connect(f->port);
	bool open = true;

	(void)state;
	assert_true(wire_puts(fd, "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: "));
	/* A byte now and then keeps silence away, and does not help. */
	for (int i = 0; open && i < 100; i++) {
		char c;

		dr_sleep_ms(100);
		open = wire_puts(fd, "x") && recv(fd, &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
	}
	assert_false(open);
	close(fd);
	finish(f);
}

static void *stop_soon(void *arg)
{
	struct fixture *f = arg;

	dr_sleep_ms(300);
	dr_lock(&f->lock);
	f->held = false;
	dr_cond_broadcast(&f->changed);
	dr_unlock(&f->lock);
	return NULL;
}

static void stop_lets_running_requests_finish(void **state)
{
	struct fixture *f = start(16, 30);
	struct wire_answer a = {0};
	int held = wire_connect(f->port), idle = wire_connect(f->port);
	pthread_t later;
	char v[256];

	(void)state;
	f->held = true;
	assert_true(wire_puts(held, GET("/hold")));
	dr_lock(&f->lock);
	while (f->holding == 0)
		dr_cond_wait(&f->changed, &f->lock);
	dr_unlock(&f->lock);
	assert_int_equal(pthread_create(&later, NULL, stop_soon, f), 0);
	http_stop(f->server, 10000);
	f->server = NULL;
	pthread_join(later, NULL);
	wire_read(held, &a, false);
	assert_int_equal(a.status, 200);
	assert_string_equal(wire_field(&a, "Connection", v), "close");
	assert_true(wire_ended(idle));
	close(held);
	close(idle);
	buf_done(&a.body);
	finish(f);
}

static void stop_cuts_streams_nobody_reads(void **state)
{
	struct fixture *f = start(16, 30);
	int fd[8];

	(void)state;
	for (size_t i = 0; i < 8; i++) {
		fd[i] = wire_connect(f->port);
		assert_true(wire_puts(fd[i], GET("/stream?n=900000000")));
	}
	dr_lock(&f->lock);
	while (atomic_load(&f->open_streams) < 8)
		dr_cond_wait_ms(&f->changed, &f->lock, 10);
	dr_unlock(&f->lock);
	http_stop(f->server, 50);
	f->server = NULL;
	for (size_t i = 0; i < 8; i++)
		close(fd[i]);
	finish(f);
}

int main(void)
{
#define with_server(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		with_server(serves_and_tells_the_request),
		with_server(keeps_connections_alive),
		with_server(head_has_the_length_and_no_body),
		with_server(bodies_arrive_in_both_framings),
		with_server(expectations_are_met_before_the_body),
		with_server(bodies_too_large_are_413),
		with_server(ambiguous_framing_is_400_and_ends_the_connection),
		with_server(malformed_length_is_400_and_ends_the_connection),
		with_server(oversized_heads_are_refused),
		with_server(heads_of_swifts_size_are_taken),
		with_server(heads_of_swifts_size_are_sent),
		with_server(handler_without_answer_is_500),
		with_server(streams_any_length_whole),
		with_server(many_streams_run_at_once),
		with_server(stream_failures_never_look_whole),
		with_server(answers_that_wait_take_no_more_than_some_memory),
		with_server(clients_may_leave_a_stream),
		with_server(blocked_handlers_do_not_block_connections),
		with_server(slow_heads_make_room_for_others),
		cmocka_unit_test(few_descriptors_do_not_starve_the_server),
		cmocka_unit_test(trickling_heads_are_cut_off),
		cmocka_unit_test(stop_lets_running_requests_finish),
		cmocka_unit_test(stop_cuts_streams_nobody_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
