/* SPDX-License-Identifier: Apache-2.0
 *
 * A blunt HTTP client on loopback, for tests that care about bytes. */
#ifndef DR_TESTS_HTTP_WIRE_H
#define DR_TESTS_HTTP_WIRE_H

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "util/buf.h"

static inline int wire_connect(uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct timeval patience = {.tv_sec = 20};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	assert(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	return fd;
}

static inline bool wire_send(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static inline bool wire_puts(int fd, const char *s)
{
	return wire_send(fd, s, strlen(s));
}

struct wire_answer {
	unsigned status; /* 0: the connection ended first */
	char head[4096];
	struct buf body;
	uint64_t length; /* Content-Length */
	bool whole;      /* that many bytes came */
};

static inline const char *wire_field(const struct wire_answer *a, const char *name, char ret[256])
{
	size_t n = strlen(name);

	for (const char *line = strstr(a->head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
			size_t len = strcspn(line + n + 1, "\r");

			len = len > 255 ? 255 : len;
			memcpy(ret, line + n + 1, len);
			ret[len] = 0;
			return ret + strspn(ret, " ");
		}
	}
	return NULL;
}

/* wire_read: the next answer; `head_only` for HEAD. */
static inline void wire_read(int fd, struct wire_answer *a, bool head_only)
{
	char piece[8192], field[256];
	const char *length;
	size_t n = 0;
	ssize_t got;

	buf_done(&a->body);
	*a = (struct wire_answer){.body = BUF_INIT_MAX((size_t)256 << 20)};
	while (n < sizeof a->head - 1 && !strstr(a->head, "\r\n\r\n")) {
		if (recv(fd, a->head + n, 1, 0) <= 0)
			return;
		a->head[++n] = 0;
	}
	a->status = (unsigned)strtoul(a->head + strcspn(a->head, " "), NULL, 10);
	length = wire_field(a, "Content-Length", field);
	a->length = length ? strtoull(length, NULL, 10) : 0;
	if (head_only || a->status == 304 || a->status == 100) {
		a->whole = true;
		return;
	}
	while (a->body.len < a->length) {
		uint64_t want = a->length - a->body.len;

		got = recv(fd, piece, want < sizeof piece ? (size_t)want : sizeof piece, 0);
		if (got <= 0)
			return;
		buf_append(&a->body, piece, (size_t)got);
	}
	a->whole = true;
}

/* wire_ended: the peer has closed. */
static inline bool wire_ended(int fd)
{
	char c;

	return recv(fd, &c, 1, 0) <= 0;
}

#endif
