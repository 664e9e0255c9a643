/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon believes of its launcher, whose lines hold what a broken helper may have said.
 * The launcher is a shell script here. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ingest/import.h"
#include "unit.h"

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define FETCHED "fetched bytes=512 sha256=" HEX64 "\n"
#define DECODED "decoded format=raw+xz\n"
#define COMMITTED "committed manifest=" HEX64 " content=" HEX64 " virtual=512 data=512\n"

struct launcher {
	char dir[32];
	char path[64];
};

static struct launcher launcher_say(const char *lines)
{
	struct launcher l = {.dir = "/tmp/import-XXXXXX"};
	FILE *f;

	assert_non_null(mkdtemp(l.dir));
	snprintf(l.path, sizeof l.path, "%s/darkroom-import", l.dir);
	f = fopen(l.path, "we");
	assert_non_null(f);
	fprintf(f, "#!/bin/sh\ncat >&4 <<'END'\n%sEND\n", lines);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(l.path, 0700), 0);
	assert_int_equal(setenv("DARKROOM_LIBEXEC", l.dir, 1), 0);
	return l;
}

static bool go_on(void *arg, const struct import_facts *facts)
{
	(void)arg;
	(void)facts;
	return true;
}

static int import(const char *lines, struct import_result *ret, struct dr_err *err)
{
	const struct import_order order = {.url = "http://source/",
					   .checksum = "",
					   .ports = "80",
					   .store = "dir:/nowhere",
					   .spool = "/tmp",
					   .domain = "d",
					   .lease = "job-1",
					   .threads = 1};
	struct launcher l = launcher_say(lines);
	int rc = import_run(&order, go_on, NULL, ret, err);

	unlink(l.path);
	rmdir(l.dir);
	return rc;
}

static void three_good_voices_make_an_import(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct import_result got;

	(void)state;
	assert_int_equal(import(DECODED FETCHED COMMITTED "ok\n", &got, &err), 0);
	assert_string_equal(got.format, "raw+xz");
	assert_string_equal(got.checksum, "sha256:" HEX64);
	assert_int_equal(got.source_bytes, 512);
}

static void a_missing_voice_makes_none(void **state)
{
	static const char *const less[] = {DECODED COMMITTED "ok\n", DECODED FETCHED "ok\n",
					   DECODED FETCHED COMMITTED, ""};

	(void)state;
	for (size_t i = 0; i < sizeof less / sizeof *less; i++) {
		struct dr_err err = DR_ERR_INIT;
		struct import_result got;

		assert_int_equal(import(less[i], &got, &err), -1);
		assert_int_equal(err.code, DR_IO);
	}
}

static void a_checksum_is_a_digest_or_nothing(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct import_result got;

	(void)state;
	assert_int_equal(import(DECODED "fetched bytes=512 sha256=%22%0aevil\n" COMMITTED "ok\n",
				&got, &err),
			 -1);
	assert_string_equal(got.checksum, "");
}

static void a_format_is_a_word_or_nothing(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct import_result got;

	(void)state;
	assert_int_equal(import("decoded format=raw%0aERROR%20what=fire\n" FETCHED COMMITTED "ok\n",
				&got, &err),
			 0);
	assert_string_equal(got.format, "");
}

static void an_alarm_reaches_the_log_as_words_and_numbers_or_not_at_all(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct import_result got;

	(void)state;
	assert_int_equal(import("alarm cause=forbidden-call signal=31 pid=4711\n"
				"fail code=corrupt reason=decoder-crashed msg=so\n",
				&got, &err),
			 -1);
	assert_string_equal(got.alarm, "cause=forbidden-call signal=31 pid=4711");
	assert_string_equal(err.reason, "decoder-crashed");
	dr_err_clear(&err);
	assert_int_equal(import("alarm cause=x%0aERROR signal=31 pid=4711\n", &got, &err), -1);
	assert_string_equal(got.alarm, "");
}

static void a_line_that_never_ends_is_the_end(void **state)
{
	char lines[4096];
	struct dr_err err = DR_ERR_INIT;
	struct import_result got;

	(void)state;
	memset(lines, 'x', sizeof lines);
	memcpy(lines + sizeof lines - 5, "\nok\n", 5);
	assert_int_equal(import(lines, &got, &err), -1);
}

static ssize_t read_zeros(void *arg, void *buf, size_t len, uint64_t pos, struct dr_err *err)
{
	(void)pos;
	(void)err;
	(void)arg;
	memset(buf, 0, len);
	return (ssize_t)len;
}

static ssize_t read_damaged(void *arg, void *buf, size_t len, uint64_t pos, struct dr_err *err)
{
	(void)arg;
	(void)buf;
	(void)len;
	(void)pos;
	return dr_fail(err, DR_CORRUPT, "a damaged chunk");
}

/* given: an import of 4096 bytes that this process has; the launcher says how many came, and what
 * its order was. */
static int given(ssize_t (*read_source)(void *, void *, size_t, uint64_t, struct dr_err *),
		 const char *words, struct import_result *ret, struct dr_err *err)
{
	const struct import_source source = {.bytes = 4096, .read = read_source};
	const struct import_order order = {.url = "http://orbit/?temp_url_sig=secret",
					   .source = &source,
					   .ports = "80",
					   .store = "dir:/nowhere",
					   .spool = "/tmp",
					   .domain = "d",
					   .lease = "job-1",
					   .threads = 1};
	struct launcher l = launcher_say("");
	FILE *f = fopen(l.path, "we");
	int rc;

	assert_non_null(f);
	fputs(words, f);
	assert_int_equal(fclose(f), 0);
	rc = import_run(&order, go_on, NULL, ret, err);
	unlink(l.path);
	rmdir(l.dir);
	return rc;
}

static void a_source_of_our_own_comes_through_a_pipe_and_its_url_is_not_told(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct import_result got;

	(void)state;
	assert_int_equal(given(read_zeros,
			       "#!/bin/sh\norder=$(cat <&3)\ncase $order in *secret*) exit;; esac\n"
			       "echo $order | grep -q 'source=given fetch.bytes=4096' || exit\n"
			       "echo fetched bytes=$(wc -c <&6) sha256=" HEX64 " >&4\n"
			       "printf '%s\\n' '" DECODED "" COMMITTED "ok' >&4\n",
			       &got, &err),
			 0);
	assert_int_equal(got.source_bytes, 4096);
}

static void what_our_own_source_fails_of_is_the_verdict(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct import_result got;

	(void)state;
	assert_int_equal(given(read_damaged,
			       "#!/bin/sh\nwc -c <&6 >&2\n"
			       "echo fail code=io reason= msg=early >&4\n",
			       &got, &err),
			 -1);
	assert_int_equal(err.code, DR_CORRUPT);
	assert_string_equal(err.msg, "a damaged chunk");
}

static void a_launcher_that_does_not_read_our_own_source_is_no_reason_to_wait(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct import_result got;

	(void)state;
	assert_int_equal(given(read_zeros, "#!/bin/sh\necho fail code=limit reason=r msg=m >&4\n",
			       &got, &err),
			 -1);
	assert_string_equal(err.reason, "r");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_of_our_own_comes_through_a_pipe_and_its_url_is_not_told),
		cmocka_unit_test(what_our_own_source_fails_of_is_the_verdict),
		cmocka_unit_test(a_launcher_that_does_not_read_our_own_source_is_no_reason_to_wait),
		cmocka_unit_test(three_good_voices_make_an_import),
		cmocka_unit_test(a_missing_voice_makes_none),
		cmocka_unit_test(a_checksum_is_a_digest_or_nothing),
		cmocka_unit_test(a_format_is_a_word_or_nothing),
		cmocka_unit_test(an_alarm_reaches_the_log_as_words_and_numbers_or_not_at_all),
		cmocka_unit_test(a_line_that_never_ends_is_the_end),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
