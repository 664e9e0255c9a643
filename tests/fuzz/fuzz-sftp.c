/* SPDX-License-Identifier: Apache-2.0
 *
 * An SFTP client's bytes, in pieces whose sizes do not matter, against a gate that answers whatever
 * the same bytes say. Answers are whole packets. */
#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ssh/protocol.h"
#include "util/checked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct play {
	const uint8_t *data;
	size_t size, turn;
	struct buf sent;
};

static int play_gate(void *arg, const struct gate_request *rq, uint8_t *packet,
		     struct gate_answer *ret, int *ret_fd, struct dr_err *err)
{
	struct play *p = arg;
	const uint8_t c = p->size ? p->data[p->turn++ % p->size] : 0;
	dr_autobuf struct buf b = BUF_INIT;
	struct gate_request again;

	gate_request_format(rq, &b);
	assert(gate_request_parse(b.p, b.len, &again, err) == 0);
	if (c == 0xEE)
		return dr_fail(err, DR_IO, "gone");
	*ret = (struct gate_answer){.status = c % 8 == 7 ? GATE_FAILURE : GATE_OK,
				    .kind = (enum gate_kind)(c % 3),
				    .more = p->turn < 50 && c % 5 == 0,
				    .handle = c,
				    .bytes = (uint64_t)(c & 15) << 12,
				    .used = 1 << 20};
	memcpy(packet, p->data, dr_min_size(p->size, GATE_DATA_BYTES));
	ret->data = packet;
	ret->len = dr_min_size(p->size, GATE_DATA_BYTES);
	if (ret_fd && ret->status == GATE_OK && (c & 32) &&
	    (rq->op == GATE_CREATE || rq->op == GATE_OPEN))
		*ret_fd = memfd_create("fuzz", MFD_CLOEXEC);
	return 0;
}

static int play_client(void *arg, const void *p, size_t len, struct dr_err *err)
{
	(void)err;
	buf_append(&((struct play *)arg)->sent, p, len);
	return 0;
}

static void check_answers(const struct buf *b)
{
	struct rd r = rd_init(b->p, b->len);

	while (rd_left(&r) > 0)
		assert(rd_bytes(&r, rd_be32(&r)));
	assert(rd_ok(&r));
}

static void run(const uint8_t *data, size_t size, size_t piece)
{
	struct play play = {.data = data, .size = size, .sent = BUF_INIT};
	const struct protocol_io io = {play_gate, play_client, &play};
	struct dr_err err = DR_ERR_INIT;
	struct protocol *p = NULL;

	assert(protocol_new(&p, &io, &err) == 0);
	for (size_t at = 0; at < size; at += piece)
		if (protocol_feed(p, data + at, dr_min_size(piece, size - at), &err) < 0)
			break;
	protocol_free(p);
	assert(buf_ok(&play.sent));
	check_answers(&play.sent);
	buf_done(&play.sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 65536)
		return 0;
	run(data, size, size ? size : 1);
	run(data, size, 7);
	return 0;
}
