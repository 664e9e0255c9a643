/* SPDX-License-Identifier: Apache-2.0
 *
 * Start and stop, and what belongs to a connection rather than to a request (http/exchange). */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "http/exchange.h"
#include "util/clock.h"
#include "util/log.h"

#include "util/banned.h"

#define MIN_EPOLL_THREADS 2U
#define MIN_CONNECTIONS 16U
#define FILES_EACH 2U    /* descriptors: a connection, and the file it sends or writes */
#define OTHER_FILES 256U /* the store, the catalogue, imports */
#define POOL_BYTES \
	((size_t)32 << 10) /* per connection: its head must fit, and that of the answer */

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = cls;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = guard_enter(
			s->guard,
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)
				->connect_fd);
	} else {
		guard_leave(s->guard, *context);
	}
}

/* The target stays as it was sent: we split it before we decode it. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *s)
{
	(void)cls, (void)connection;
	return strlen(s);
}

static int listen_on(struct http_server *s, struct dr_err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
	struct sockaddr_storage bound;
	socklen_t len = sizeof bound;
	char port[8], host[256];
	int on = 1, rc;
	dr_autofd int fd = -1;

	snprintf(port, sizeof port, "%u", (unsigned)s->cfg.port);
	rc = getaddrinfo(s->cfg.host, port, &hints, &list);
	if (rc != 0)
		return dr_fail(err, DR_INVALID, "cannot listen on %s: %s", s->cfg.host,
			       gai_strerror(rc));
	fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, 1024) < 0 ||
	    getsockname(fd, (struct sockaddr *)&bound, &len) < 0)
		rc = dr_fail_errno(err, "cannot listen on %s port %s", s->cfg.host, port);
	freeaddrinfo(list);
	if (rc < 0)
		return -1;
	if (getnameinfo((struct sockaddr *)&bound, len, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return dr_fail(err, DR_IO, "cannot tell the address listened on");
	s->port = (uint16_t)strtoul(port, NULL, 10);
	snprintf(s->own_url, sizeof s->own_url,
		 strchr(host, ':') ? "http://[%s]:%s" : "http://%s:%s", host, port);
	return DR_STEAL_FD(fd);
}

static int start_mhd(struct http_server *s, int fd, unsigned threads, struct dr_err *err)
{
	s->mhd = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL,
				  NULL, exchange_go_on, s, MHD_OPTION_LISTEN_SOCKET, fd,
				  MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT,
				  s->cfg.connections, MHD_OPTION_CONNECTION_TIMEOUT,
				  s->cfg.idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
				  POOL_BYTES, MHD_OPTION_URI_LOG_CALLBACK, exchange_start, s,
				  MHD_OPTION_NOTIFY_COMPLETED, exchange_end, s,
				  MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
				  MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_END);
	if (!s->mhd)
		return dr_fail(err, DR_IO, "cannot start the HTTP server on %s", s->own_url);
	return 0;
}

/* As many connections as there can be descriptors: out of them accept() fails, and the guard would
 * never see a crowd to thin out. */
static void fit_descriptors(unsigned *connections)
{
	const rlim_t want = FILES_EACH * (rlim_t)*connections + OTHER_FILES;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= want)
		return;
	files.rlim_cur = files.rlim_max < want ? files.rlim_max : want;
	if (setrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == want)
		return;
	*connections = files.rlim_cur > OTHER_FILES + FILES_EACH * MIN_CONNECTIONS
			       ? (unsigned)(files.rlim_cur - OTHER_FILES) / FILES_EACH
			       : MIN_CONNECTIONS;
	dr_log(DR_WARN, "what=http connections=%u note=\"no more descriptors (ulimit -n %llu)\"",
	       *connections, (unsigned long long)files.rlim_cur);
}

static void server_free(struct http_server *s)
{
	crew_free(s->crew);
	guard_free(s->guard);
	dr_cond_done(&s->idle);
	dr_mutex_done(&s->lock);
	free(s);
}

DR_DEFINE_CLEANUP(struct http_server, server_free);

int http_start(struct http_server **ret, const struct http_config *cfg, struct dr_err *err)
{
	DR_CLEANUP(server_freep) struct http_server *s = calloc(1, sizeof *s);
	const long online = sysconf(_SC_NPROCESSORS_ONLN);
	const unsigned cpus = online > 0 ? (unsigned)online : 1;
	int fd;

	if (!s)
		return dr_fail_nomem(err);
	dr_mutex_init(&s->lock);
	dr_cond_init(&s->idle);
	s->cfg = *cfg;
	if (s->cfg.workers == 0)
		s->cfg.workers = 4 + 2 * cpus;
	s->cfg.workers = s->cfg.workers > 64 ? 64 : s->cfg.workers;
	if (s->cfg.connections == 0)
		s->cfg.connections = 1024;
	fit_descriptors(&s->cfg.connections);
	if (s->cfg.max_body == 0)
		s->cfg.max_body = (size_t)1 << 20;
	if (s->cfg.max_held == 0)
		s->cfg.max_held = (size_t)256 << 20;
	if (s->cfg.idle_seconds == 0)
		s->cfg.idle_seconds = 60;
	if (crew_new(&s->crew, s->cfg.workers, err) < 0 ||
	    guard_new(&s->guard, 2000 * (uint64_t)s->cfg.idle_seconds,
		      s->cfg.connections - s->cfg.connections / 8, err) < 0)
		return -1;
	fd = listen_on(s, err);
	if (fd < 0 ||
	    start_mhd(s, fd, cpus > MIN_EPOLL_THREADS ? cpus : MIN_EPOLL_THREADS, err) < 0)
		return -1;
	*ret = DR_STEAL(s);
	return 0;
}

uint16_t http_port(const struct http_server *s)
{
	return s->port;
}

void http_stop(struct http_server *s, unsigned drain_ms)
{
	uint64_t deadline = dr_now_ms() + drain_ms, now;

	/* Accepting goes on until the end: taking the listener away from running epoll threads
	 * (MHD_quiesce_daemon) can abort in this version of libmicrohttpd. */
	atomic_store(&s->stopping, true);
	dr_lock(&s->lock);
	while (s->running > 0 && (now = dr_now_ms()) < deadline)
		dr_cond_wait_ms(&s->idle, &s->lock, deadline - now);
	dr_unlock(&s->lock);
	/* From here nothing is suspended any more, which MHD_stop_daemon insists on. */
	crew_stop(s->crew);
	MHD_stop_daemon(s->mhd);
	server_free(s);
}
