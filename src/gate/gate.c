/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/gate.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "util/str.h"

#include "util/banned.h"

static void put_bytes(struct buf *b, const void *p, size_t len)
{
	buf_be(b, len, 4);
	if (len > 0)
		buf_append(b, p, len);
}

static void put_text(struct buf *b, const char *s)
{
	put_bytes(b, s, strlen(s));
}

static const uint8_t *get_bytes(struct rd *r, size_t *ret_len)
{
	const uint8_t *p;

	*ret_len = rd_be32(r);
	p = rd_bytes(r, *ret_len);
	return rd_ok(r) ? p : NULL; /* also of no bytes, when there was not even their length */
}

static bool get_text(struct rd *r, char *ret, size_t size)
{
	size_t len;
	const uint8_t *p = get_bytes(r, &len);

	if (!p || len >= size || memchr(p, 0, len))
		return false;
	memcpy(ret, p, len);
	ret[len] = 0;
	return true;
}

void gate_request_format(const struct gate_request *rq, struct buf *ret)
{
	buf_be(ret, (uint64_t)rq->op, 1);
	buf_be(ret, rq->flags, 1);
	buf_be(ret, rq->handle, 4);
	buf_be(ret, rq->pos, 8);
	buf_be(ret, rq->bytes, 8);
	buf_be(ret, (uint64_t)rq->mtime, 8);
	put_text(ret, rq->path);
	put_text(ret, rq->other);
	put_bytes(ret, rq->data, rq->len);
}

int gate_request_parse(const void *p, size_t len, struct gate_request *ret, struct dr_err *err)
{
	struct rd r = rd_init(p, len);

	ret->op = (enum gate_op)rd_u8(&r);
	ret->flags = rd_u8(&r);
	ret->handle = rd_be32(&r);
	ret->pos = rd_be64(&r);
	ret->bytes = rd_be64(&r);
	ret->mtime = (int64_t)rd_be64(&r);
	if (!get_text(&r, ret->path, sizeof ret->path) ||
	    !get_text(&r, ret->other, sizeof ret->other))
		return dr_fail(err, DR_INVALID, "malformed question");
	ret->data = get_bytes(&r, &ret->len);
	if (!rd_ok(&r) || rd_left(&r) > 0 || ret->op < GATE_LOGIN_SECRET || ret->op > GATE_SPACE ||
	    (ret->flags & ~(unsigned)GATE_FLAGS) || ret->bytes > INT64_MAX ||
	    ret->pos > INT64_MAX || ret->len > GATE_DATA_BYTES)
		return dr_fail(err, DR_INVALID, "malformed question");
	return 0;
}

void gate_answer_format(const struct gate_answer *a, struct buf *ret)
{
	buf_be(ret, (uint64_t)a->status, 1);
	buf_be(ret, (uint64_t)a->kind, 1);
	buf_be(ret, a->more, 1);
	buf_be(ret, a->handle, 4);
	buf_be(ret, a->bytes, 8);
	buf_be(ret, a->used, 8);
	buf_be(ret, (uint64_t)a->mtime, 8);
	put_text(ret, a->message);
	put_bytes(ret, a->data, a->len);
}

int gate_answer_parse(const void *p, size_t len, struct gate_answer *ret, struct dr_err *err)
{
	struct rd r = rd_init(p, len);

	ret->status = (enum gate_status)rd_u8(&r);
	ret->kind = (enum gate_kind)rd_u8(&r);
	ret->more = rd_u8(&r) == 1;
	ret->handle = rd_be32(&r);
	ret->bytes = rd_be64(&r);
	ret->used = rd_be64(&r);
	ret->mtime = (int64_t)rd_be64(&r);
	if (!get_text(&r, ret->message, sizeof ret->message))
		return dr_fail(err, DR_INVALID, "malformed answer");
	ret->data = get_bytes(&r, &ret->len);
	if (!rd_ok(&r) || rd_left(&r) > 0 || ret->status > GATE_UNSUPPORTED ||
	    ret->kind > GATE_DIRECTORY || ret->bytes > INT64_MAX || ret->len > GATE_DATA_BYTES)
		return dr_fail(err, DR_INVALID, "malformed answer");
	return 0;
}

void gate_entry_format(const struct gate_entry *e, struct buf *ret)
{
	buf_be(ret, (uint64_t)e->kind, 1);
	buf_be(ret, e->bytes, 8);
	buf_be(ret, (uint64_t)e->mtime, 8);
	put_text(ret, e->name);
}

bool gate_entry_next(struct rd *data, struct gate_entry *ret)
{
	ret->kind = (enum gate_kind)rd_u8(data);
	ret->bytes = rd_be64(data);
	ret->mtime = (int64_t)rd_be64(data);
	return get_text(data, ret->name, sizeof ret->name) && ret->kind <= GATE_DIRECTORY &&
	       ret->bytes <= INT64_MAX;
}

void gate_network(const char *address, char ret[static GATE_NETWORK_TEXT])
{
	struct in6_addr v6;

	dr_copy(ret, GATE_NETWORK_TEXT, address);
	if (inet_pton(AF_INET6, address, &v6) != 1)
		return;
	memset(&v6.s6_addr[8], 0, 8);
	inet_ntop(AF_INET6, &v6, ret, GATE_NETWORK_TEXT);
}

union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int gate_send(int sock, const void *p, size_t len, int fd, struct dr_err *err)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = len};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union control c = {0};
	ssize_t n;

	if (fd >= 0) {
		struct cmsghdr *h;

		m.msg_control = c.bytes;
		m.msg_controllen = sizeof c.bytes;
		h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(h), &fd, sizeof fd);
	}
	do
		n = sendmsg(sock, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return dr_fail(err, DR_BUSY, "the other side does not read");
	return n < 0 ? dr_fail_errno(err, "the other side is gone") : 0;
}

/* take_fd: the one descriptor that may have come along. The kernel cuts off what has no room. */
static int take_fd(struct msghdr *m)
{
	int fd = -1;

	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h))
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
		    h->cmsg_len == CMSG_LEN(sizeof fd))
			memcpy(&fd, CMSG_DATA(h), sizeof fd);
	return fd;
}

ssize_t gate_receive(int sock, void *p, size_t size, int *ret_fd, struct dr_err *err)
{
	struct iovec iov = {.iov_base = p, .iov_len = size};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union control c = {0};
	ssize_t n;

	if (ret_fd) {
		*ret_fd = -1;
		m.msg_control = c.bytes;
		m.msg_controllen = sizeof c.bytes;
	}
	do
		n = recvmsg(sock, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return dr_fail(err, DR_BUSY, "nothing there");
	if (n < 0)
		return dr_fail_errno(err, "the other side is gone");
	if (ret_fd)
		*ret_fd = take_fd(&m);
	if (m.msg_flags & MSG_TRUNC) {
		if (ret_fd && *ret_fd >= 0)
			close(DR_STEAL_FD(*ret_fd));
		return dr_fail(err, DR_INVALID, "a packet is too long");
	}
	return n;
}

int gate_ask(int sock, const struct gate_request *rq, uint8_t *packet, struct gate_answer *ret,
	     int *ret_fd, struct dr_err *err)
{
	dr_autobuf struct buf question = BUF_INIT_MAX(GATE_PACKET_BYTES);
	ssize_t n;

	gate_request_format(rq, &question);
	assert(buf_ok(&question));
	if (gate_send(sock, question.p, question.len, -1, err) < 0)
		return -1;
	n = gate_receive(sock, packet, GATE_PACKET_BYTES, ret_fd, err);
	if (n == 0)
		return dr_fail(err, DR_IO, "the other side is gone");
	return n < 0 ? -1 : gate_answer_parse(packet, (size_t)n, ret, err);
}
