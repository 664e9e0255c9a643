/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/door.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gate/gate.h"
#include "ssh/session.h"
#include "util/clock.h"
#include "util/log.h"

#include "util/banned.h"

struct guest {
	pid_t pid; /* 0 = free */
	char network[GATE_NETWORK_TEXT];
};

struct door {
	const struct door_config *cfg;
	ssh_bind bind;
	int children; /* signalfd */
	struct guest *guests;
};

/* address_of: numeric, without a zone; an IPv4 address in its own form whatever the socket's. */
static void address_of(const struct sockaddr_storage *peer, char ret[static INET6_ADDRSTRLEN])
{
	const struct sockaddr_in *v4 = (const void *)peer;
	const struct sockaddr_in6 *v6 = (const void *)peer;

	ret[0] = 0;
	if (peer->ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, ret, INET6_ADDRSTRLEN);
	else if (peer->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], ret, INET6_ADDRSTRLEN);
	else if (peer->ss_family == AF_INET6)
		inet_ntop(AF_INET6, &v6->sin6_addr, ret, INET6_ADDRSTRLEN);
}

/* room: a free place, when neither limit is reached. */
static struct guest *room(struct door *d, const char *network)
{
	struct guest *free_one = NULL;
	unsigned same = 0;

	for (unsigned i = 0; i < d->cfg->sessions; i++) {
		if (d->guests[i].pid == 0)
			free_one = &d->guests[i];
		else if (strcmp(d->guests[i].network, network) == 0)
			same++;
	}
	return same < d->cfg->sessions_per_address ? free_one : NULL;
}

/* child: what the accepting process holds is not the session's. */
static _Noreturn void child(struct door *d, int connection, int gate, pid_t parent)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
		_exit(2);
	session_run(d->bind, d->cfg, connection, gate);
}

/* admit: darkroomd hears of it first; then it gets a process. */
static void admit(struct door *d, int connection, const char *address)
{
	char network[GATE_NETWORK_TEXT];
	struct guest *g;
	struct dr_err err = DR_ERR_INIT;
	const int one = 1;
	const pid_t self = getpid();
	int pair[2];

	gate_network(address, network);
	g = room(d, network);
	if (!g) {
		dr_log(DR_WARN, "what=sftp-refused peer=%s cause=sessions", address);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
		dr_log(DR_ERROR, "what=sftp-refused peer=%s cause=descriptors", address);
		return;
	}
	setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	if (gate_send(d->cfg->control, address, strlen(address), pair[0], &err) == 0) {
		g->pid = fork();
		if (g->pid == 0)
			child(d, connection, pair[1], self);
		if (g->pid < 0) {
			dr_log(DR_ERROR, "what=sftp-refused peer=%s cause=processes", address);
			g->pid = 0;
		}
		memcpy(g->network, network, sizeof g->network);
	}
	close(pair[0]);
	close(pair[1]);
}

static void reap(struct door *d)
{
	struct signalfd_siginfo info;
	pid_t pid;
	int status;

	if (read(d->children, &info, sizeof info) < 0)
		return;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (unsigned i = 0; i < d->cfg->sessions; i++)
			if (d->guests[i].pid == pid)
				d->guests[i].pid = 0;
		/* SIGALRM: it did not log in, or hang up. Anything else is an attack or a bug. */
		if (WIFSIGNALED(status) && WTERMSIG(status) != SIGALRM)
			dr_log(DR_ERROR, "what=sftp-alarm pid=%d signal=%d", (int)pid,
			       WTERMSIG(status));
	}
}

static void accept_one(struct door *d)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof peer;
	char address[INET6_ADDRSTRLEN];
	dr_autofd int fd = accept4(d->cfg->listener, (struct sockaddr *)&peer, &len,
				   SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0) {
		/* Out of descriptors or memory: the connection waits, and so do we. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
			dr_sleep_ms(100);
		return;
	}
	address_of(&peer, address);
	admit(d, fd, address);
}

static int loop(struct door *d, struct dr_err *err)
{
	struct pollfd p[] = {{.fd = d->cfg->listener, .events = POLLIN},
			     {.fd = d->cfg->control, .events = POLLIN},
			     {.fd = d->children, .events = POLLIN}};

	for (;;) {
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return dr_fail_errno(err, "poll");
		if (p[1].revents)
			return 0;
		if (p[2].revents)
			reap(d);
		if (p[0].revents)
			accept_one(d);
	}
}

int door_run(const struct door_config *cfg, struct dr_err *err)
{
	struct door d = {.cfg = cfg};
	sigset_t signals;

	/* The zone's file is read at the first date, and a session opens no file. */
	tzset();
	if (ssh_init() != SSH_OK)
		return dr_fail(err, DR_IO, "cannot set up libssh");
	if (session_bind(&d.bind, cfg->host_keys, err) < 0)
		return -1;
	d.guests = calloc(cfg->sessions, sizeof *d.guests);
	if (!d.guests)
		return dr_fail_nomem(err);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	d.children = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (d.children < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_DUMPABLE, 0) != 0)
		return dr_fail_errno(err, "cannot set up");
	return loop(&d, err);
}
