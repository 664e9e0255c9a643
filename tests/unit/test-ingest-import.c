/* SPDX-License-Identifier: Apache-2.0
 *
 * What the daemon believes of its launcher, whose lines hold what a broken helper may have said.
 * The launcher is a shell script here. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_good_voices_make_an_import),
		cmocka_unit_test(a_missing_voice_makes_none),
		cmocka_unit_test(a_checksum_is_a_digest_or_nothing),
		cmocka_unit_test(a_format_is_a_word_or_nothing),
		cmocka_unit_test(an_alarm_reaches_the_log_as_words_and_numbers_or_not_at_all),
		cmocka_unit_test(a_line_that_never_ends_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
