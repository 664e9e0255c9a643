/* SPDX-License-Identifier: Apache-2.0
 *
 * The seam between darkroom-sftp and darkroomd, and the path rules of hardening.md section 3.4. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate/gate.h"
#include "unit.h"

static void path_is(const char *given, const char *expected)
{
	char path[GATE_PATH_TEXT];
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(gate_path_clean(given, strlen(given), path, &err), 0);
	assert_string_equal(path, expected);
}

static void paths_stay_below_the_root(void **state)
{
	(void)state;
	path_is("", "/");
	path_is(".", "/");
	path_is("..", "/");
	path_is("/../..//", "/");
	path_is("a/../../b", "/b");
	path_is("a", "/a");
	path_is("//a///b//./c/", "/a/b/c");
	path_is("/a/b/../../../c/..", "/");
	path_is("/a/.../..b", "/a/.../..b");
}

static void refused(const char *path, size_t len)
{
	char ret[GATE_PATH_TEXT];
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(gate_path_clean(path, len, ret, &err), -1);
	assert_int_equal(err.code, DR_INVALID);
}

static void names_that_orbit_has_not_are_refused(void **state)
{
	char name[3000];

	(void)state;
	refused("a\0b", 3);
	refused("a\xff", 2);
	memset(name, 'x', sizeof name);
	name[0] = '/';
	refused(name, 1 + GATE_CONTAINER_BYTES + 1);
	name[1 + GATE_CONTAINER_BYTES] = '/';
	refused(name, 1 + GATE_CONTAINER_BYTES + 1 + GATE_OBJECT_BYTES + 1);
	refused(name, sizeof name);
}

static void the_longest_names_fit(void **state)
{
	char name[GATE_PATH_TEXT], path[GATE_PATH_TEXT], container[GATE_CONTAINER_BYTES + 1];
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	memset(name, 'x', sizeof name);
	name[0] = name[1 + GATE_CONTAINER_BYTES] = '/';
	name[GATE_PATH_TEXT - 1] = 0;
	assert_int_equal(gate_path_clean(name, strlen(name), path, &err), 0);
	assert_string_equal(path, name);
	assert_int_equal(strlen(gate_path_split(path, container)), GATE_OBJECT_BYTES);
	assert_int_equal(strlen(container), GATE_CONTAINER_BYTES);
	assert_string_equal(gate_path_split("/", container), "");
	assert_string_equal(container, "");
	assert_string_equal(gate_path_split("/box", container), "");
	assert_string_equal(container, "box");
	assert_string_equal(gate_path_split("/box/a/b", container), "a/b");
}

static void network_is(const char *address, const char *expected)
{
	char network[GATE_NETWORK_TEXT];

	gate_network(address, network);
	assert_string_equal(network, expected);
}

static void one_guest_has_many_addresses_only_in_ipv6(void **state)
{
	(void)state;
	network_is("192.0.2.1", "192.0.2.1");
	network_is("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::");
	network_is("::1", "::");
	network_is("", "");
}

static const struct gate_request question = {
	.op = GATE_CREATE,
	.flags = GATE_TRUNCATE | GATE_MAY_CREATE,
	.handle = 0xFFFFFFFF,
	.pos = INT64_MAX,
	.bytes = 77,
	.mtime = -5,
	.path = "/box/a",
	.other = "ümlaut",
	.data = (const uint8_t *)"\0\1",
	.len = 2,
};

static void a_question_arrives_as_it_was_sent(void **state)
{
	dr_autobuf struct buf b = BUF_INIT;
	struct gate_request got;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	gate_request_format(&question, &b);
	assert_int_equal(gate_request_parse(b.p, b.len, &got, &err), 0);
	assert_int_equal(got.op, question.op);
	assert_int_equal(got.flags, question.flags);
	assert_int_equal(got.handle, question.handle);
	assert_true(got.pos == question.pos && got.bytes == 77 && got.mtime == -5);
	assert_string_equal(got.path, question.path);
	assert_string_equal(got.other, question.other);
	assert_int_equal(got.len, 2);
	assert_memory_equal(got.data, question.data, 2);
}

static void a_question_that_is_cut_or_longer_is_none(void **state)
{
	dr_autobuf struct buf b = BUF_INIT;
	struct gate_request got;

	(void)state;
	gate_request_format(&question, &b);
	buf_putc(&b, 'x');
	for (size_t n = 0; n <= b.len; n++) {
		struct dr_err err = DR_ERR_INIT;

		if (n != b.len - 1)
			assert_int_equal(gate_request_parse(b.p, n, &got, &err), -1);
	}
	for (unsigned op = 0; op < 256; op++) {
		struct dr_err err = DR_ERR_INIT;
		const bool known = op >= GATE_LOGIN_SECRET && op <= GATE_SPACE;

		b.p[0] = (uint8_t)op;
		assert_int_equal(gate_request_parse(b.p, b.len - 1, &got, &err), known ? 0 : -1);
	}
}

static void a_listing_is_read_to_its_end_and_no_further(void **state)
{
	const struct gate_entry one = {GATE_FILE, 5, 6, "one"}, two = {GATE_DIRECTORY, 0, 0, "two"};
	dr_autobuf struct buf b = BUF_INIT;
	struct gate_entry e;
	struct rd r;

	(void)state;
	gate_entry_format(&one, &b);
	gate_entry_format(&two, &b);
	r = rd_init(b.p, b.len);
	assert_true(gate_entry_next(&r, &e));
	assert_string_equal(e.name, "one");
	assert_true(gate_entry_next(&r, &e));
	assert_int_equal(e.kind, GATE_DIRECTORY);
	assert_false(gate_entry_next(&r, &e));
	r = rd_init(b.p, b.len - 1);
	assert_true(gate_entry_next(&r, &e));
	assert_false(gate_entry_next(&r, &e));
}

static void descriptors_travel_beside_packets(void **state)
{
	int pair[2], got = -1;
	struct dr_err err = DR_ERR_INIT;
	char packet[8];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(gate_send(pair[0], "abc", 3, pair[0], &err), 0);
	assert_int_equal(gate_receive(pair[1], packet, sizeof packet, &got, &err), 3);
	assert_true(got >= 0 && (fcntl(got, F_GETFD) & FD_CLOEXEC));
	close(got);
	/* One that is not asked for is not kept either. */
	assert_int_equal(gate_send(pair[0], "abc", 3, pair[0], &err), 0);
	assert_int_equal(gate_receive(pair[1], packet, sizeof packet, NULL, &err), 3);
	assert_int_equal(gate_send(pair[0], "too long for it", 15, pair[0], &err), 0);
	assert_int_equal(gate_receive(pair[1], packet, sizeof packet, &got, &err), -1);
	assert_int_equal(got, -1);
	assert_int_equal(err.code, DR_INVALID);
	close(pair[0]);
	dr_err_clear(&err);
	assert_int_equal(gate_receive(pair[1], packet, sizeof packet, &got, &err), 0);
	close(pair[1]);
}

static void who_does_not_read_is_not_waited_for(void **state)
{
	int pair[2], rc = 0;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	for (int i = 0; i < 1000000 && rc == 0; i++)
		rc = gate_send(pair[0], "x", 1, -1, &err);
	assert_int_equal(err.code, DR_BUSY);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_stay_below_the_root),
		cmocka_unit_test(names_that_orbit_has_not_are_refused),
		cmocka_unit_test(the_longest_names_fit),
		cmocka_unit_test(one_guest_has_many_addresses_only_in_ipv6),
		cmocka_unit_test(a_question_arrives_as_it_was_sent),
		cmocka_unit_test(a_question_that_is_cut_or_longer_is_none),
		cmocka_unit_test(a_listing_is_read_to_its_end_and_no_further),
		cmocka_unit_test(descriptors_travel_beside_packets),
		cmocka_unit_test(who_does_not_read_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
