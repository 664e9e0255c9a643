/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session process that was taken over may ask through its gate: no more than its login gave
 * (SECURITY.md, SFTP). */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth.h"
#include "gate/gate.h"
#include "orbit-tenants.h"
#include "sftp/sftp.h"

static const char secret[] = "0123456789abcde";

struct door {
	struct orbit_tenants *b;
	struct sftp *sftp;
	char a[ID_TEXT], other[ID_TEXT]; /* clients of the two tenants */
	uint8_t packet[GATE_PACKET_BYTES];
	struct gate_answer answer;
};

static void new_client(struct catalogue *c, const char *account, char ret[static ID_TEXT])
{
	struct api_client cl = {0};
	uint8_t hash[SECRET_HASH_BYTES];

	auth_secret_hash(secret, hash);
	snprintf(cl.account, sizeof cl.account, "%s", account);
	must(catalogue_client_create(c, &cl, hash, &err));
	snprintf(ret, ID_TEXT, "%s", cl.id);
}

static int setup(void **state)
{
	static struct door d;
	struct sftp_config cfg = {.sessions_per_account = 64, .tries = 1000, .lockout_ms = 1000};
	struct orbit_caller stranger;

	orbit_setup(state);
	d = (struct door){.b = *state};
	stranger = d.b->stranger;
	box(d.b, "box", "");
	keep(d.b, "box", "mine", "what is mine");
	must(orbit_container_put(&d.b->o, &stranger, d.b->t.b.id, "theirs", "", &err));
	new_client(d.b->t.f.c, d.b->t.a.id, d.a);
	new_client(d.b->t.f.c, d.b->t.b.id, d.other);
	cfg.orbit = &d.b->o;
	must(sftp_start(&d.sftp, &cfg, &err));
	*state = &d;
	return 0;
}

static int teardown(void **state)
{
	struct door *d = *state;
	void *tenants = d->b;

	sftp_stop(d->sftp);
	return orbit_teardown(&tenants);
}

static int new_session(struct door *d)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	must(sftp_add(d->sftp, ends[0], "127.0.0.1", &err));
	return ends[1];
}

/* ask: how it is answered; -1: the gate was shut. */
static int ask(struct door *d, int gate, const struct gate_request *rq)
{
	struct dr_err err = DR_ERR_INIT;
	int fd = -1;

	if (gate_ask(gate, rq, d->packet, &d->answer, &fd, &err) < 0)
		return -1;
	if (fd >= 0)
		close(fd);
	return (int)d->answer.status;
}

static int ask_path(struct door *d, int gate, enum gate_op op, const char *path, const char *other)
{
	struct gate_request rq = {.op = op, .flags = GATE_MAY_CREATE, .bytes = 100};

	snprintf(rq.path, sizeof rq.path, "%s", path);
	snprintf(rq.other, sizeof rq.other, "%s", other);
	return ask(d, gate, &rq);
}

static int log_in(struct door *d, const char *client)
{
	int gate = new_session(d);

	assert_int_equal(ask_path(d, gate, GATE_LOGIN_SECRET, client, secret), GATE_OK);
	return gate;
}

static void before_the_login_every_other_question_shuts_the_gate(void **state)
{
	struct door *d = *state;

	for (int op = GATE_STAT; op <= GATE_SPACE; op++) {
		int gate = new_session(d);

		assert_int_equal(ask_path(d, gate, (enum gate_op)op, "/box/mine", ""), -1);
		close(gate);
	}
}

/* shuts: darkroomd ends a session that sends this. */
static void shuts(struct door *d, int gate, const void *p, size_t len)
{
	ssize_t n = -1;

	must(gate_send(gate, p, len, -1, &err));
	must(n = gate_receive(gate, d->packet, sizeof d->packet, NULL, &err));
	assert_int_equal(n, 0);
	close(gate);
}

static void what_is_no_question_shuts_the_gate(void **state)
{
	static uint8_t junk[GATE_PACKET_BYTES + 1];
	struct door *d = *state;
	dr_autobuf struct buf b = BUF_INIT;
	const struct gate_request rq = {.op = GATE_STAT, .path = "/box"};

	gate_request_format(&rq, &b);
	shuts(d, log_in(d, d->a), junk, 1);
	shuts(d, log_in(d, d->a), junk, sizeof junk);
	shuts(d, log_in(d, d->a), b.p, b.len - 1);
	b.p[1] = 0x80; /* a flag that there is not */
	shuts(d, log_in(d, d->a), b.p, b.len);
}

static void a_descriptor_that_comes_along_is_not_kept(void **state)
{
	struct door *d = *state;
	dr_autobuf struct buf b = BUF_INIT;
	const struct gate_request rq = {.op = GATE_STAT, .path = "/box"};
	int gate = log_in(d, d->a), ends[2];
	ssize_t n = -1;
	char none;

	gate_request_format(&rq, &b);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	must(gate_send(gate, b.p, b.len, ends[1], &err));
	close(ends[1]);
	must(n = gate_receive(gate, d->packet, sizeof d->packet, NULL, &err));
	assert_true(n > 0);
	/* Nobody holds the other end. */
	assert_int_equal(recv(ends[0], &none, 1, MSG_DONTWAIT), 0);
	close(ends[0]);
	close(gate);
}

static void what_is_written_stays_below_the_limits(void **state)
{
	static const uint64_t positions[] = {INT64_MAX, INT64_MAX - 1, (uint64_t)5 << 30};
	struct door *d = *state;
	int gate = log_in(d, d->a);
	struct gate_request rq = {.op = GATE_WRITE, .data = (const uint8_t *)"xy", .len = 2};

	assert_int_equal(ask_path(d, gate, GATE_CREATE, "/box/new", ""), GATE_OK);
	rq.handle = d->answer.handle;
	for (size_t i = 0; i < sizeof positions / sizeof *positions; i++) {
		rq.pos = positions[i];
		assert_int_equal(ask(d, gate, &rq), GATE_FAILURE);
	}
	rq.pos = 0;
	assert_int_equal(ask(d, gate, &rq), GATE_OK);
	close(gate);
}

static void a_session_logs_in_once(void **state)
{
	struct door *d = *state;
	int gate = log_in(d, d->a);

	assert_int_not_equal(ask_path(d, gate, GATE_LOGIN_SECRET, d->other, secret), GATE_OK);
	assert_int_equal(ask_path(d, gate, GATE_STAT, "/theirs", ""), GATE_NO_SUCH_FILE);
	assert_int_equal(ask_path(d, gate, GATE_STAT, "/box/mine", ""), GATE_OK);
	assert_int_equal(d->answer.bytes, strlen("what is mine"));
	close(gate);
}

static void every_question_stays_in_the_account(void **state)
{
	static const enum gate_op ops[] = {GATE_STAT, GATE_OPEN, GATE_CREATE, GATE_REMOVE};
	struct door *d = *state;
	int gate = log_in(d, d->other);
	char above[64];

	snprintf(above, sizeof above, "/../%s/box/mine", d->b->t.a.id);
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		assert_int_equal(ask_path(d, gate, ops[i], "/box/mine", ""), GATE_NO_SUCH_FILE);
		assert_int_equal(ask_path(d, gate, ops[i], above, ""), GATE_NO_SUCH_FILE);
	}
	assert_int_equal(ask_path(d, gate, GATE_RENAME, "/box/mine", "/theirs/x"),
			 GATE_NO_SUCH_FILE);
	assert_int_equal(ask_path(d, gate, GATE_CREATE, "/images/x", ""), GATE_DENIED);
	close(gate);
}

static void handles_are_of_the_session_that_opened_them(void **state)
{
	struct door *d = *state;
	int mine = log_in(d, d->a), theirs = log_in(d, d->other);
	struct gate_request rq = {.op = GATE_READ, .bytes = 100};

	assert_int_equal(ask_path(d, mine, GATE_OPEN, "/box/mine", ""), GATE_OK);
	rq.handle = d->answer.handle;
	assert_int_equal(ask(d, mine, &rq), GATE_OK);
	assert_int_equal(ask(d, theirs, &rq), GATE_FAILURE);
	for (enum gate_op op = GATE_WRITE; op <= GATE_CLOSE; op++) {
		rq.op = op;
		assert_int_equal(ask(d, theirs, &rq), GATE_FAILURE);
	}
	rq.op = GATE_CLOSE;
	assert_int_equal(ask(d, mine, &rq), GATE_OK);
	close(mine);
	close(theirs);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
		EACH(before_the_login_every_other_question_shuts_the_gate),
		EACH(what_is_no_question_shuts_the_gate),
		EACH(a_descriptor_that_comes_along_is_not_kept),
		EACH(what_is_written_stays_below_the_limits),
		EACH(a_session_logs_in_once),
		EACH(every_question_stays_in_the_account),
		EACH(handles_are_of_the_session_that_opened_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
