/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http-wire.h"
#include "http/http.h"
#include "unit.h"
#include "util/mutex.h"

#define FILE_BYTES 3000000
#define CONTENT_AT 1000 /* in the file */
#define CONTENT_BYTES (FILE_BYTES - CONTENT_AT)
#define LARGE_BYTES 40000000 /* more than a connection takes at once */

struct fixture {
	struct http_server *server;
	uint16_t port;
	int fd;
	struct dr_mutex lock;
	struct dr_cond changed;
	unsigned logged;       /* lock; requests */
	uint64_t logged_bytes; /* lock; of the last one */
	atomic_int open, reads;
};

/* What a GET does is said by its path: /whole, /pieces (the file ends in the middle of the
 * content), /short (the file is shorter than it claims), /large, /none. */
struct content {
	struct fixture *f;
	char kind;
};

static uint8_t file_byte(uint64_t pos)
{
	return (uint8_t)(pos * 2654435761u >> 13);
}

static ssize_t content_read(void *arg, uint64_t pos, void *buf, size_t len, struct dr_err *err)
{
	struct content *c = arg;
	ssize_t n = pread(c->f->fd, buf, len, (off_t)(CONTENT_AT + pos));

	atomic_fetch_add(&c->f->reads, 1);
	return n > 0 ? n : dr_fail(err, DR_CORRUPT, "the object ends early");
}

static bool content_file(void *arg, uint64_t pos, int *ret_fd, uint64_t *ret_at, uint64_t *ret_len)
{
	const struct content *c = arg;

	if (c->kind == 'n')
		return false;
	*ret_fd = c->f->fd;
	*ret_at = CONTENT_AT + pos;
	*ret_len = (c->kind == 'p'   ? CONTENT_BYTES / 2
		    : c->kind == 's' ? 2 * FILE_BYTES
		    : c->kind == 'l' ? LARGE_BYTES
				     : CONTENT_BYTES) -
		   pos;
	return true;
}

static void content_close(void *arg)
{
	struct content *c = arg;

	atomic_fetch_sub(&c->f->open, 1);
	free(c);
}

static void handle(void *ctx, struct http_request *rq, struct http_response *rs)
{
	struct fixture *f = ctx;
	struct content *c = calloc(1, sizeof *c);
	struct http_object object = {.content_type = "x/y",
				     .etag = "\"e\"",
				     .content = {.length = CONTENT_BYTES,
						 .read = content_read,
						 .file = content_file,
						 .close = content_close,
						 .arg = c}};

	assert_non_null(c);
	c->f = f;
	c->kind = *http_segment(rq, 0);
	if (c->kind == 's')
		object.content.length = 2 * FILE_BYTES;
	if (c->kind == 'l')
		object.content.length = LARGE_BYTES;
	atomic_fetch_add(&f->open, 1);
	http_send_object(rq, rs, &object);
}

static void log_request(void *ctx, const struct http_request *rq, unsigned status, uint64_t bytes,
			uint64_t ms)
{
	struct fixture *f = ctx;

	(void)rq, (void)status, (void)ms;
	dr_lock(&f->lock);
	f->logged++;
	f->logged_bytes = bytes;
	dr_cond_broadcast(&f->changed);
	dr_unlock(&f->lock);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct dr_err err = DR_ERR_INIT;
	struct http_config cfg = {
		.host = "127.0.0.1", .workers = 2, .log = log_request, .handle = handle, .ctx = f};
	uint8_t *bytes = malloc(FILE_BYTES);
	char name[] = "/tmp/test-http-file-XXXXXX";

	assert_true(f && bytes);
	for (size_t i = 0; i < FILE_BYTES; i++)
		bytes[i] = file_byte(i);
	f->fd = mkstemp(name);
	assert_true(f->fd >= 0);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(write(f->fd, bytes, FILE_BYTES), FILE_BYTES);
	free(bytes);
	dr_mutex_init(&f->lock);
	dr_cond_init(&f->changed);
	assert_int_equal(http_start(&f->server, &cfg, &err), 0);
	f->port = http_port(f->server);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	http_stop(f->server, 5000);
	assert_int_equal(atomic_load(&f->open), 0);
	close(f->fd);
	dr_cond_done(&f->changed);
	dr_mutex_done(&f->lock);
	free(f);
	return 0;
}

static void ask(int fd, const char *method, const char *path, const char *range,
		struct wire_answer *a)
{
	char request[256];

	snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\n%s%s%s\r\n", method, path,
		 range ? "Range: bytes=" : "", range ? range : "", range ? "\r\n" : "");
	assert_true(wire_puts(fd, request));
	wire_read(fd, a, strcmp(method, "HEAD") == 0);
}

static void check_content(const struct wire_answer *a, uint64_t from, size_t len)
{
	assert_true(a->whole);
	assert_int_equal(a->body.len, len);
	for (size_t i = 0; i < len; i++) {
		if (a->body.p[i] != file_byte(CONTENT_AT + from + i))
			fail_msg("byte %zu differs", i);
	}
}

static void files_are_sent_without_being_read(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	for (int i = 0; i < 3; i++) {
		ask(fd, "GET", "/whole", NULL, &a);
		assert_int_equal(a.status, 200);
		check_content(&a, 0, CONTENT_BYTES);
		ask(fd, "GET", "/whole", "700000-2500000", &a);
		assert_int_equal(a.status, 206);
		check_content(&a, 700000, 1800001);
		ask(fd, "GET", "/whole", "-70000", &a);
		check_content(&a, CONTENT_BYTES - 70000, 70000);
		ask(fd, "GET", "/pieces", "5-1000004", &a);
		check_content(&a, 5, 1000000);
	}
	assert_int_equal(atomic_load(&f->reads), 0);
	dr_lock(&f->lock);
	while (f->logged < 12)
		dr_cond_wait(&f->changed, &f->lock);
	assert_int_equal(f->logged_bytes, 1000000);
	dr_unlock(&f->lock);
	close(fd);
	buf_done(&a.body);
}

static void small_bodies_are_read_whole(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	ask(fd, "GET", "/whole", "-1", &a);
	check_content(&a, CONTENT_BYTES - 1, 1);
	ask(fd, "GET", "/none", "100-65635", &a);
	check_content(&a, 100, 65536);
	assert_true(atomic_load(&f->reads) >= 2);
	ask(fd, "GET", "/short", "3100000-3100001", &a);
	assert_int_equal(a.status, 500);
	close(fd);
	buf_done(&a.body);
}

static void heads_and_refusals_send_nothing(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	ask(fd, "HEAD", "/whole", NULL, &a);
	assert_int_equal(a.status, 200);
	assert_int_equal(a.length, CONTENT_BYTES);
	ask(fd, "GET", "/whole", "9999999-", &a);
	assert_int_equal(a.status, 416);
	ask(fd, "GET", "/whole", NULL, &a);
	check_content(&a, 0, CONTENT_BYTES);
	close(fd);
	buf_done(&a.body);
}

static void what_no_single_file_holds_is_read(void **state)
{
	static const char *const paths[] = {"/none", "/pieces"};
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	for (size_t i = 0; i < 2; i++) {
		ask(fd, "GET", paths[i], NULL, &a);
		check_content(&a, 0, CONTENT_BYTES);
		ask(fd, "GET", paths[i], "1000000-2000000", &a);
		check_content(&a, 1000000, 1000001);
		assert_true(atomic_exchange(&f->reads, 0) > 0);
	}
	ask(fd, "GET", "/whole", "0-9,20-29", &a);
	assert_int_equal(a.status, 206);
	assert_true(a.whole);
	close(fd);
	buf_done(&a.body);
}

/* A disk is waited for by workers, not by the event loop. */
static void files_that_are_not_in_memory_are_read(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	struct iovec byte = {&(char){0}, 1};
	int fd = wire_connect(f->port);
	bool away;

	assert_int_equal(fdatasync(f->fd), 0);
	assert_int_equal(posix_fadvise(f->fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	away = preadv2(f->fd, &byte, 1, FILE_BYTES - 1, RWF_NOWAIT) < 0 && errno == EAGAIN;
	ask(fd, "GET", "/whole", NULL, &a);
	check_content(&a, 0, CONTENT_BYTES);
	assert_int_equal(atomic_load(&f->reads) > 0, away);
	close(fd);
	buf_done(&a.body);
}

static void files_that_are_too_short_never_look_whole(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port);

	ask(fd, "GET", "/short", NULL, &a);
	assert_int_equal(a.status, 200);
	assert_false(a.whole);
	close(fd);
	buf_done(&a.body);
}

/* The other end of a connection within this process. */
static int server_end(int fd)
{
	struct sockaddr_in here, peer;
	socklen_t len = sizeof here;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &len), 0);
	for (int other = 0; other < 1024; other++) {
		len = sizeof peer;
		if (getpeername(other, (struct sockaddr *)&peer, &len) == 0 &&
		    peer.sin_family == AF_INET && peer.sin_port == here.sin_port)
			return other;
	}
	fail_msg("the server has no such connection");
	return -1;
}

static void fill_large(const struct fixture *f)
{
	char some[1000];

	memset(some, 0, sizeof some);
	for (size_t at = 0; at < CONTENT_AT + LARGE_BYTES; at += sizeof some)
		assert_int_equal(pwrite(f->fd, some, sizeof some, (off_t)at), sizeof some);
}

static void a_long_download_does_not_stay_corked(void **state)
{
	struct fixture *f = *state;
	int fd = wire_connect(f->port), small = 4096, corked = 1;
	socklen_t len = sizeof corked;
	char some[1000];

	fill_large(f);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	assert_true(wire_puts(fd, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n"));
	/* With the first of the body the cork is there. */
	assert_true(recv(fd, some, sizeof some, MSG_WAITALL) == sizeof some);
	for (int i = 0; i < 500 && corked; i++) {
		usleep(10000);
		assert_int_equal(getsockopt(server_end(fd), IPPROTO_TCP, TCP_CORK, &corked, &len),
				 0);
	}
	assert_int_equal(corked, 0);
	close(fd);
	assert_int_equal(atomic_load(&f->reads), 0);
}

static void a_cut_download_is_logged_with_what_was_sent(void **state)
{
	struct fixture *f = *state;
	struct wire_answer a = {0};
	int fd = wire_connect(f->port), small = 4096;
	char some[1000];

	fill_large(f);
	ask(fd, "GET", "/large", "0-99", &a);
	assert_int_equal(a.body.len, 100);
	close(fd);
	fd = wire_connect(f->port);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	assert_true(wire_puts(fd, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n"));
	assert_true(recv(fd, some, sizeof some, MSG_WAITALL) > 0);
	close(fd);
	dr_lock(&f->lock);
	while (f->logged < 2)
		dr_cond_wait(&f->changed, &f->lock);
	assert_in_range(f->logged_bytes, 500, LARGE_BYTES - 1);
	dr_unlock(&f->lock);
	buf_done(&a.body);
}

/* In a process of its own: limits do not come back. */
static void every_connection_may_have_a_file(void **state)
{
	struct http_config cfg = {
		.host = "127.0.0.1", .workers = 1, .connections = 300, .handle = handle};
	struct rlimit files = {310, 2000};
	struct http_server *server;
	struct dr_err err = DR_ERR_INIT;
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0) {
		if (setrlimit(RLIMIT_NOFILE, &files) != 0 || http_start(&server, &cfg, &err) < 0)
			_exit(1);
		_exit(getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur >= 600 ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
#define with_server(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		with_server(files_are_sent_without_being_read),
		with_server(small_bodies_are_read_whole),
		with_server(heads_and_refusals_send_nothing),
		with_server(what_no_single_file_holds_is_read),
		with_server(files_that_are_not_in_memory_are_read),
		with_server(files_that_are_too_short_never_look_whole),
		with_server(a_long_download_does_not_stay_corked),
		with_server(a_cut_download_is_logged_with_what_was_sent),
		cmocka_unit_test(every_connection_may_have_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
