/* SPDX-License-Identifier: Apache-2.0
 *
 * SFTP packets as they may come: short, too long, in pieces, lying about what is in them, unknown.
 * The gate is a list of what was asked. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ssh/protocol.h"
#include "ssh/protocol_internal.h"
#include "unit.h"

#define LONGEST ((size_t)256 << 10)
#define FILE_BYTES ((uint64_t)1 << 20)

struct fixture {
	struct protocol *protocol;
	struct buf sent;
	enum gate_op asked[64];
	size_t questions;
	bool gone;        /* darkroomd */
	bool descriptors; /* come with what is opened */
};

static int fake_gate(void *arg, const struct gate_request *rq, uint8_t *packet,
		     struct gate_answer *ret, int *ret_fd, struct dr_err *err)
{
	struct fixture *f = arg;

	(void)packet;
	assert_true(f->questions < sizeof f->asked / sizeof *f->asked);
	f->asked[f->questions++] = rq->op;
	if (f->gone)
		return dr_fail(err, DR_IO, "gone");
	*ret = (struct gate_answer){.status = GATE_OK,
				    .kind = GATE_DIRECTORY,
				    .handle = 7,
				    .bytes = rq->op == GATE_OPEN ? FILE_BYTES : 0,
				    .used = FILE_BYTES};
	if (f->descriptors && ret_fd && (rq->op == GATE_OPEN || rq->op == GATE_CREATE)) {
		*ret_fd = memfd_create("test", MFD_CLOEXEC);
		assert_return_code(ftruncate(*ret_fd, (off_t)ret->bytes), 0);
	}
	return 0;
}

static int fake_client(void *arg, const void *p, size_t len, struct dr_err *err)
{
	(void)err;
	buf_append(&((struct fixture *)arg)->sent, p, len);
	return 0;
}

static void set_up(struct fixture *f)
{
	const struct protocol_io io = {fake_gate, fake_client, f};
	struct dr_err err = DR_ERR_INIT;

	*f = (struct fixture){.sent = BUF_INIT, .descriptors = true};
	assert_int_equal(protocol_new(&f->protocol, &io, &err), 0);
}

static void tear_down(struct fixture *f)
{
	protocol_free(f->protocol);
	buf_done(&f->sent);
}

static int feed(struct fixture *f, const void *p, size_t len)
{
	struct dr_err err = DR_ERR_INIT;
	int rc = protocol_feed(f->protocol, p, len, &err);

	assert_true(rc == 0 || err.code == DR_INVALID || err.code == DR_IO);
	return rc;
}

/* packet: length, type and id; what follows is `body`. */
static void packet(struct buf *ret, unsigned type, uint32_t id, const struct buf *body)
{
	buf_be(ret, 5 + body->len, 4);
	buf_be(ret, type, 1);
	buf_be(ret, id, 4);
	if (body->len > 0)
		buf_append(ret, body->p, body->len);
}

static int send_packet(struct fixture *f, unsigned type, uint32_t id, const struct buf *body)
{
	dr_autobuf struct buf b = BUF_INIT;

	packet(&b, type, id, body);
	return feed(f, b.p, b.len);
}

static void greet(struct fixture *f)
{
	const struct buf nothing = BUF_INIT;

	assert_int_equal(send_packet(f, PACKET_INIT, 3, &nothing), 0);
	assert_true(f->sent.len > 9 && f->sent.p[4] == PACKET_VERSION);
	buf_clear(&f->sent);
}

static void put_text(struct buf *b, const char *s)
{
	buf_be(b, strlen(s), 4);
	buf_puts(b, s);
}

/* status: of the one answer that was sent, which must be a STATUS for this id. */
static unsigned status(struct fixture *f, uint32_t id)
{
	struct rd r = rd_init(f->sent.p, f->sent.len);
	uint32_t got;

	assert_int_equal(rd_be32(&r), f->sent.len - 4);
	assert_int_equal(rd_u8(&r), PACKET_STATUS);
	assert_int_equal(rd_be32(&r), id);
	got = rd_be32(&r);
	assert_true(rd_ok(&r));
	buf_clear(&f->sent);
	return got;
}

static unsigned status_of(struct fixture *f, unsigned type, const struct buf *body)
{
	static const uint32_t id = 0xFEDCBA98;

	assert_int_equal(send_packet(f, type, id, body), 0);
	return status(f, id);
}

/* open_file: its handle's eight bytes. */
static void open_file(struct fixture *f, uint32_t pflags, uint8_t ret[static 8])
{
	dr_autobuf struct buf b = BUF_INIT;

	put_text(&b, "/box/file");
	buf_be(&b, pflags, 4);
	buf_be(&b, 0, 4);
	assert_int_equal(send_packet(f, PACKET_OPEN, 1, &b), 0);
	assert_int_equal(f->sent.len, 21);
	assert_int_equal(f->sent.p[4], PACKET_HANDLE);
	memcpy(ret, f->sent.p + 13, 8);
	buf_clear(&f->sent);
}

static void put_handle(struct buf *b, const uint8_t handle[static 8])
{
	buf_be(b, 8, 4);
	buf_append(b, handle, 8);
}

static void a_hello_comes_first_and_once(void **state)
{
	const struct buf nothing = BUF_INIT;
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_int_equal(send_packet(&f, PACKET_STAT, 1, &nothing), -1);
	tear_down(&f);
	set_up(&f);
	greet(&f);
	assert_int_equal(send_packet(&f, PACKET_INIT, 3, &nothing), -1);
	tear_down(&f);
}

static void a_length_that_can_be_none_ends_it_at_once(void **state)
{
	static const uint64_t lengths[] = {0, 1, 4, LONGEST + 1, 0x7FFFFFFF, 0xFFFFFFFF};

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		dr_autobuf struct buf b = BUF_INIT;
		struct fixture f;

		set_up(&f);
		greet(&f);
		buf_be(&b, lengths[i], 4);
		assert_int_equal(feed(&f, b.p, b.len), -1);
		assert_int_equal(f.sent.len, 0);
		tear_down(&f);
	}
}

static void the_longest_packet_is_read(void **state)
{
	dr_autobuf struct buf b = BUF_INIT;
	struct fixture f;

	(void)state;
	set_up(&f);
	greet(&f);
	while (b.len < LONGEST - 5)
		buf_putc(&b, 'x');
	assert_int_equal(status_of(&f, 99, &b), GATE_UNSUPPORTED);
	tear_down(&f);
}

static void pieces_are_put_together(void **state)
{
	dr_autobuf struct buf b = BUF_INIT;
	const struct buf nothing = BUF_INIT;
	struct fixture f;

	(void)state;
	set_up(&f);
	greet(&f);
	packet(&b, 99, 1, &nothing);
	packet(&b, 98, 2, &nothing);
	for (size_t i = 0; i < b.len - 1; i++)
		assert_int_equal(feed(&f, b.p + i, 1), 0);
	assert_int_equal(status(&f, 1), GATE_UNSUPPORTED);
	assert_int_equal(feed(&f, b.p + b.len - 1, 1), 0);
	assert_int_equal(status(&f, 2), GATE_UNSUPPORTED);
	tear_down(&f);
}

static void unknown_types_are_answered_and_ask_nothing(void **state)
{
	static const unsigned types[] = {0, 2, 19, 20, 21, 100, 101, 105, 199, 201, 255};
	const struct buf nothing = BUF_INIT;
	struct fixture f;

	(void)state;
	set_up(&f);
	greet(&f);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		assert_int_equal(status_of(&f, types[i], &nothing), GATE_UNSUPPORTED);
	assert_int_equal(f.questions, 0);
	tear_down(&f);
}

/* Every request, cut everywhere: it is told that it is none, or it was whole before the cut. */
static void what_is_cut_inside_is_answered_and_asks_nothing(void **state)
{
	static const unsigned types[] = {
		PACKET_OPEN,     PACKET_CLOSE,   PACKET_READ,     PACKET_WRITE,   PACKET_LSTAT,
		PACKET_FSTAT,    PACKET_SETSTAT, PACKET_OPENDIR,  PACKET_READDIR, PACKET_REMOVE,
		PACKET_MKDIR,    PACKET_RMDIR,   PACKET_REALPATH, PACKET_STAT,    PACKET_RENAME,
		PACKET_EXTENDED, PACKET_FSETSTAT};
	struct fixture f;

	(void)state;
	set_up(&f);
	greet(&f);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		for (size_t cut = 0; cut < 13; cut++) {
			struct buf b = BUF_INIT;

			put_text(&b, "/box/file");
			b.len = cut;
			assert_int_not_equal(status_of(&f, types[i], &b), GATE_OK);
			buf_done(&b);
		}
	}
	assert_int_equal(f.questions, 0);
	tear_down(&f);
}

static void lengths_inside_do_not_reach_beyond_the_packet(void **state)
{
	static const uint32_t lies[] = {10, 11, 0x7FFFFFFF, 0xFFFFFFFF};
	struct fixture f;

	(void)state;
	set_up(&f);
	greet(&f);
	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		dr_autobuf struct buf path = BUF_INIT;
		dr_autobuf struct buf second = BUF_INIT;
		dr_autobuf struct buf pairs = BUF_INIT;

		buf_be(&path, lies[i], 4);
		buf_puts(&path, "/box/file");
		assert_int_equal(status_of(&f, PACKET_STAT, &path), GATE_BAD);
		put_text(&second, "/box/file");
		buf_append(&second, path.p, path.len);
		assert_int_equal(status_of(&f, PACKET_RENAME, &second), GATE_BAD);
		/* so many extended attributes, and one is there */
		put_text(&pairs, "/box/file");
		buf_be(&pairs, 0x80000000, 4);
		buf_be(&pairs, lies[i], 4);
		put_text(&pairs, "name");
		put_text(&pairs, "value");
		assert_int_equal(status_of(&f, PACKET_SETSTAT, &pairs), GATE_BAD);
	}
	assert_int_equal(f.questions, 0);
	tear_down(&f);
}

static void a_handle_is_the_one_that_was_given(void **state)
{
	uint8_t handle[8], other[8];
	struct fixture f;

	(void)state;
	set_up(&f);
	greet(&f);
	open_file(&f, 1, handle);
	for (size_t i = 0; i < 8; i++) {
		dr_autobuf struct buf b = BUF_INIT;

		memcpy(other, handle, 8);
		other[i] ^= 0x80;
		put_handle(&b, other);
		assert_int_equal(status_of(&f, PACKET_CLOSE, &b), GATE_FAILURE);
	}
	for (uint32_t len = 0; len < 20; len++) {
		dr_autobuf struct buf b = BUF_INIT;

		buf_be(&b, len, 4);
		buf_append(&b, handle, 8);
		buf_append(&b, "xxxxxxxxxxxx", 12);
		if (len != 8)
			assert_int_equal(status_of(&f, PACKET_CLOSE, &b), GATE_FAILURE);
	}
	{
		dr_autobuf struct buf b = BUF_INIT;

		put_handle(&b, handle);
		assert_int_equal(status_of(&f, PACKET_READDIR, &b), GATE_FAILURE);
		assert_int_equal(status_of(&f, PACKET_CLOSE, &b), GATE_OK);
		assert_int_equal(status_of(&f, PACKET_CLOSE, &b), GATE_FAILURE);
		open_file(&f, 1, other);
		assert_memory_not_equal(handle, other, 8);
		assert_int_equal(status_of(&f, PACKET_CLOSE, &b), GATE_FAILURE);
	}
	tear_down(&f);
}

static void a_read_gives_no_more_than_fits_an_answer(void **state)
{
	dr_autobuf struct buf b = BUF_INIT;
	dr_autobuf struct buf beyond = BUF_INIT;
	uint8_t handle[8];
	struct fixture f;

	(void)state;
	set_up(&f);
	greet(&f);
	open_file(&f, 1, handle);
	put_handle(&b, handle);
	buf_be(&b, 0, 8);
	buf_be(&b, 0xFFFFFFFF, 4);
	assert_int_equal(send_packet(&f, PACKET_READ, 5, &b), 0);
	assert_int_equal(f.sent.p[4], PACKET_DATA);
	assert_int_equal(f.sent.len, 13 + PROTOCOL_DATA_BYTES);
	buf_clear(&f.sent);
	put_handle(&beyond, handle);
	buf_be(&beyond, UINT64_MAX, 8);
	buf_be(&beyond, 0xFFFFFFFF, 4);
	assert_int_equal(status_of(&f, PACKET_READ, &beyond), GATE_END);
	tear_down(&f);
}

/* write_at: of one byte, whose length is said to be `len`. */
static unsigned write_at(struct fixture *f, const uint8_t handle[static 8], uint64_t pos,
			 uint32_t len)
{
	dr_autobuf struct buf b = BUF_INIT;

	put_handle(&b, handle);
	buf_be(&b, pos, 8);
	buf_be(&b, len, 4);
	buf_putc(&b, 'x');
	return status_of(f, PACKET_WRITE, &b);
}

static void a_write_that_fails_leaves_nothing_to_appear(void **state)
{
	static const struct {
		uint64_t pos;
		uint32_t len;
		unsigned status;
	} cases[] = {
		{0, 2, GATE_BAD},
		{0, 0xFFFFFFFF, GATE_BAD},
		{UINT64_MAX, 1, GATE_BAD},
		{INT64_MAX, 1, GATE_BAD},
		{FILE_BYTES, 1, GATE_FAILURE},
		{INT64_MAX - 1, 1, GATE_FAILURE},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
		dr_autobuf struct buf b = BUF_INIT;
		uint8_t handle[8];
		struct fixture f;

		set_up(&f);
		f.descriptors = i % 2;
		greet(&f);
		open_file(&f, 2 | 8, handle);
		assert_int_equal(write_at(&f, handle, 0, 1), GATE_OK);
		assert_int_equal(write_at(&f, handle, cases[i / 2].pos, cases[i / 2].len),
				 cases[i / 2].status);
		put_handle(&b, handle);
		assert_int_equal(status_of(&f, PACKET_CLOSE, &b), GATE_FAILURE);
		assert_int_equal(f.asked[f.questions - 1], GATE_CLOSE);
		tear_down(&f);
	}
}

static void what_was_written_appears_when_it_is_closed(void **state)
{
	dr_autobuf struct buf b = BUF_INIT;
	uint8_t handle[8];
	struct fixture f;

	(void)state;
	set_up(&f);
	greet(&f);
	open_file(&f, 2 | 8, handle);
	assert_int_equal(write_at(&f, handle, FILE_BYTES - 1, 1), GATE_OK);
	put_handle(&b, handle);
	assert_int_equal(f.questions, 1);
	assert_int_equal(status_of(&f, PACKET_CLOSE, &b), GATE_OK);
	assert_int_equal(f.asked[1], GATE_FINISH);
	tear_down(&f);
}

static void it_ends_with_the_gate(void **state)
{
	dr_autobuf struct buf b = BUF_INIT;
	struct fixture f;

	(void)state;
	set_up(&f);
	greet(&f);
	f.gone = true;
	put_text(&b, "/box");
	assert_int_equal(send_packet(&f, PACKET_STAT, 1, &b), -1);
	assert_int_equal(f.sent.len, 0);
	tear_down(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_comes_first_and_once),
		cmocka_unit_test(a_length_that_can_be_none_ends_it_at_once),
		cmocka_unit_test(the_longest_packet_is_read),
		cmocka_unit_test(pieces_are_put_together),
		cmocka_unit_test(unknown_types_are_answered_and_ask_nothing),
		cmocka_unit_test(what_is_cut_inside_is_answered_and_asks_nothing),
		cmocka_unit_test(lengths_inside_do_not_reach_beyond_the_packet),
		cmocka_unit_test(a_handle_is_the_one_that_was_given),
		cmocka_unit_test(a_read_gives_no_more_than_fits_an_answer),
		cmocka_unit_test(a_write_that_fails_leaves_nothing_to_appear),
		cmocka_unit_test(what_was_written_appears_when_it_is_closed),
		cmocka_unit_test(it_ends_with_the_gate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
