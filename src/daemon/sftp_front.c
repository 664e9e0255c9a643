/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/sftp_front.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/daemon.h"
#include "gate/gate.h"
#include "ingest/helper.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/spec.h"
#include "util/str.h"

#include "util/banned.h"

#define BACKLOG 128
#define AGAIN_MS 1000 /* between two lives of darkroom-sftp */
/* On AMD's Zen 3 and 4, glibc's memcpy of 2 KiB and more (`rep movsb`) copies 2 GB/s instead of 30
 * when the target is a few bytes past where in its page the source is (glibc bug 30994, mended in
 * 2.39). That is where SSH packets lie: a quarter of an upload's processor time. The copies of
 * imports are aligned. */
#define COPY_WITHOUT_MOVSB "GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1073741824"

struct sftp_front {
	char address[300];
	int listener, stop; /* stop: eventfd */
	struct buf spec;    /* of darkroom-sftp; secret */
	struct sftp *sftp;
	pthread_t keeper;
	bool kept;
};

static int bind_to(const char *host, uint16_t port, struct dr_err *err)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found = NULL;
	char service[8];
	const int one = 1;
	int fd = -1;

	snprintf(service, sizeof service, "%u", (unsigned)port);
	if (getaddrinfo(host, service, &hints, &found) != 0)
		return dr_fail(err, DR_INVALID, "sftp.listen: no such host");
	for (const struct addrinfo *a = found; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			continue;
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
			dr_fail_errno(err, "sftp: cannot listen on %s port %s", host, service);
			close(DR_STEAL_FD(fd));
		}
	}
	freeaddrinfo(found);
	if (fd >= 0)
		dr_err_clear(err);
	return fd;
}

static int open_listener(struct sftp_front *f, const char *listen_on, struct dr_err *err)
{
	struct sockaddr_storage self;
	socklen_t len = sizeof self;
	const char *colon = strrchr(listen_on, ':');
	char host[256], service[16];
	uint16_t port;

	if (daemon_split_listen("sftp.listen", listen_on, host, &port, err) < 0)
		return -1;
	f->listener = bind_to(host, port, err);
	if (f->listener < 0)
		return -1;
	if (getsockname(f->listener, (struct sockaddr *)&self, &len) != 0 ||
	    getnameinfo((struct sockaddr *)&self, len, NULL, 0, service, sizeof service,
			NI_NUMERICSERV) != 0)
		return dr_fail(err, DR_IO, "sftp: the socket has no address");
	snprintf(f->address, sizeof f->address, "%.*s:%s", (int)(colon - listen_on), listen_on,
		 service);
	return 0;
}

static int put_host_key(struct buf *spec, const char *data, const char *name, struct dr_err *err)
{
	dr_autobuf struct buf path = BUF_INIT;
	dr_autobuf struct buf key = BUF_INIT_MAX(65536);

	buf_printf(&path, "%s/ssh/%s", data, name);
	if (dr_read_file(AT_FDCWD, buf_str(&path), &key, err) < 0)
		return dr_while(err, "host key");
	spec_put(spec, "host_key", buf_str(&key));
	explicit_bzero(key.p, key.len);
	return 0;
}

static int write_order(struct sftp_front *f, const struct config *c, struct dr_err *err)
{
	spec_put_u64(&f->spec, "sessions", c->sftp_sessions);
	spec_put_u64(&f->spec, "sessions_per_address", c->sftp_sessions_per_address);
	spec_put_u64(&f->spec, "idle_seconds", c->sftp_idle_seconds);
	spec_put_u64(&f->spec, "login_seconds", c->sftp_login_seconds);
	spec_put_u64(&f->spec, "object_bytes", c->orbit_object_bytes);
	if (put_host_key(&f->spec, c->data, "host_ed25519", err) < 0 ||
	    put_host_key(&f->spec, c->data, "host_rsa", err) < 0)
		return -1;
	return buf_check(&f->spec, err);
}

/* ---- keeping darkroom-sftp ---- */

static pid_t spawn(struct sftp_front *f, int *ret_control, struct dr_err *err)
{
	struct helper_start hs = {.program = "darkroom-sftp",
				  .spec = buf_str(&f->spec),
				  .report = -1,
				  .ring_in = f->listener,
				  .scratch = -1,
				  .drop_user = true,
				  .environment = COPY_WITHOUT_MOVSB};
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return dr_fail_errno(err, "socketpair");
	hs.ring_out = pair[1];
	pid = helper_spawn(&hs, err);
	close(pair[1]);
	if (pid < 0)
		close(pair[0]);
	else
		*ret_control = pair[0];
	return pid;
}

/* take_gate: a new session. False: darkroom-sftp is gone. */
static bool take_gate(struct sftp_front *f, int control)
{
	struct dr_err err = DR_ERR_INIT;
	char peer[64];
	int gate = -1;
	ssize_t n = gate_receive(control, peer, sizeof peer - 1, &gate, &err);

	if (n <= 0)
		return false;
	peer[n] = 0;
	if (gate >= 0 && sftp_add(f->sftp, gate, peer, &err) < 0)
		dr_log(DR_ERROR, "what=sftp error=\"%s\"", err.msg);
	return true;
}

/* attend: one life of darkroom-sftp. False: it is to stop. */
static bool attend(struct sftp_front *f)
{
	struct pollfd p[2] = {{.fd = f->stop, .events = POLLIN}, {.events = POLLIN}};
	struct dr_err err = DR_ERR_INIT;
	int control = -1, status = 0;
	const pid_t pid = spawn(f, &control, &err);

	if (pid < 0) {
		dr_log(DR_ERROR, "what=sftp-listener error=\"%s\"", err.msg);
		return poll(p, 1, AGAIN_MS) == 0;
	}
	p[1].fd = control;
	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			break;
		if (p[0].revents || (p[1].revents && !take_gate(f, control)))
			break;
	}
	/* Its end, too; and with it that of its sessions. */
	close(control);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (p[0].revents)
		return false;
	dr_log(DR_ERROR, "what=sftp-listener error=\"it ended, and is started again\" status=%d",
	       status);
	return poll(p, 1, AGAIN_MS) == 0;
}

static void *keep(void *arg)
{
	while (attend(arg))
		;
	return NULL;
}

/* ---- start and stop ---- */

static int start_all(struct sftp_front *f, const struct config *c, struct orbit *orbit,
		     struct dr_err *err)
{
	const struct sftp_config sc = {
		.orbit = orbit,
		.threads = (unsigned)c->sftp_threads,
		.sessions_per_account = (unsigned)c->sftp_sessions_per_account,
		.delay_ms = c->sftp_delay_seconds * 1000,
		.tries = (unsigned)c->sftp_tries,
		.lockout_ms = c->sftp_lockout_seconds * 1000,
	};
	const int made = host_keys_make(c->data, err);

	if (made < 0)
		return -1;
	if (made > 0)
		dr_log(DR_WARN, "what=sftp note=\"new host keys were made in DATA/ssh\" keys=%d",
		       made);
	f->stop = eventfd(0, EFD_CLOEXEC);
	if (f->stop < 0)
		return dr_fail_errno(err, "eventfd");
	if (open_listener(f, c->sftp_listen, err) < 0 || write_order(f, c, err) < 0 ||
	    sftp_start(&f->sftp, &sc, err) < 0)
		return -1;
	f->kept = pthread_create(&f->keeper, NULL, keep, f) == 0;
	return f->kept ? 0 : dr_fail(err, DR_IO, "cannot start a thread");
}

int sftp_front_start(struct sftp_front **ret, const struct config *c, struct orbit *orbit,
		     struct dr_err *err)
{
	struct sftp_front *f;

	if (strcmp(c->sftp_listen, "off") == 0)
		return 0;
	f = calloc(1, sizeof *f);
	if (!f)
		return dr_fail_nomem(err);
	f->listener = f->stop = -1;
	if (start_all(f, c, orbit, err) < 0) {
		sftp_front_stop(f);
		return -1;
	}
	*ret = f;
	return 0;
}

const char *sftp_front_address(const struct sftp_front *f)
{
	return f->address;
}

void sftp_front_stop(struct sftp_front *f)
{
	const uint64_t one = 1;

	if (!f)
		return;
	if (f->kept && write(f->stop, &one, sizeof one) == sizeof one)
		pthread_join(f->keeper, NULL);
	sftp_stop(f->sftp);
	if (f->spec.p)
		explicit_bzero(f->spec.p, f->spec.len);
	buf_done(&f->spec);
	if (f->listener >= 0)
		close(f->listener);
	if (f->stop >= 0)
		close(f->stop);
	free(f);
}
