/* SPDX-License-Identifier: Apache-2.0
 *
 * The self-test of the decoder's walls, against the real decoder, one without walls, and programs
 * that are no decoder at all. Arguments: darkroom-decode, unwalled-decode. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ingest/allowance.h"
#include "ingest/probe.h"
#include "ingest/selftest.h"
#include "unit.h"
#include "util/cleanup.h"

struct programs {
	const char *decoder, *unwalled;
};

/* selftest_with: the given program as darkroom-decode. */
static int selftest_with(const char *program, struct dr_err *err)
{
	char dir[] = "/tmp/selftest-XXXXXX";
	char name[64];
	int rc;

	assert_non_null(mkdtemp(dir));
	snprintf(name, sizeof name, "%s/darkroom-decode", dir);
	assert_int_equal(symlink(program, name), 0);
	assert_int_equal(setenv("DARKROOM_LIBEXEC", dir, 1), 0);
	rc = selftest_run(err);
	unlink(name);
	rmdir(dir);
	return rc;
}

static void the_walls_of_the_real_decoder_hold(void **state)
{
	const struct programs *p = *state;
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(selftest_with(p->decoder, &err), 0);
	assert_string_equal(err.msg, "");
}

static void missing_walls_are_noticed_and_named(void **state)
{
	const struct programs *p = *state;
	struct dr_err err = DR_ERR_INIT;

	assert_int_equal(selftest_with(p->unwalled, &err), -1);
	assert_string_equal(err.msg, "the decoder's walls do not hold: the probe open was carried "
				     "out");
}

static void a_program_that_does_not_try_is_no_proof(void **state)
{
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	assert_int_equal(selftest_with("/bin/true", &err), -1);
	assert_non_null(strstr(err.msg, "the probe nothing ended with status 0"));
}

static void only_the_kernels_word_counts_as_a_kill(void **state)
{
	enum probe_end end;

	(void)state;
	assert_true(probe_end_of(CLD_KILLED, SIGSYS, &end) && end == PROBE_KILLED);
	assert_true(probe_end_of(CLD_DUMPED, SIGSYS, &end) && end == PROBE_KILLED);
	assert_false(probe_end_of(CLD_EXITED, SIGSYS, &end));
	assert_false(probe_end_of(CLD_KILLED, SIGKILL, &end));
	assert_false(probe_end_of(CLD_EXITED, 0, &end));
	assert_true(probe_end_of(CLD_EXITED, probe_run("nothing", 0), &end));
	assert_int_equal(end, PROBE_HARMLESS);
	assert_int_equal(probe_run("no such probe", 0), -1);
}

/* hardening.md section 1.5: 30 s + 40 s per GiB that is not holes + 2 s per GiB of holes. */
static void the_allowance_grows_with_what_arrived(void **state)
{
	const uint64_t gib = (uint64_t)1 << 30;
	const struct allowance a = ALLOWANCE_INIT;
	const struct allowance none = {0, 40, 2};
	const struct allowance most = {1000000, 1000000, 1000000};

	(void)state;
	assert_int_equal(allowance_ms(&a, 0, 0), 30000);
	assert_int_equal(allowance_ms(&a, gib, 0), 70000);
	assert_int_equal(allowance_ms(&a, gib / 2, 10 * gib), 70000);
	assert_int_equal(allowance_ms(&none, 0, 0), UINT64_MAX);
	/* The most that the settings and a disk can be: 256 TiB of each. */
	assert_int_equal(allowance_ms(&most, (uint64_t)1 << 48, (uint64_t)1 << 48),
			 (1 + 2 * 262144) * (uint64_t)1000000000);
}

static void the_allowance_is_compared_with_the_clock_of_the_process(void **state)
{
	const struct allowance usual = ALLOWANCE_INIT;
	const struct allowance none_left = {1, 0, 0};
	struct dr_err err = DR_ERR_INIT;
	volatile uint64_t spun = 0;
	pid_t gone;

	(void)state;
	while (allowance_used_ms(getpid()) <= 1000)
		spun++;
	assert_int_equal(allowance_check(&usual, getpid(), 0, 0, &err), 0);
	assert_int_equal(allowance_check(&none_left, getpid(), 0, 0, &err), -1);
	assert_string_equal(err.reason, "decoder-timeout");
	assert_non_null(strstr(err.msg, " 1 seconds, 0 for each GiB of data"));
	gone = fork();
	if (gone == 0)
		_exit(0);
	assert_int_equal(waitpid(gone, NULL, 0), gone);
	assert_int_equal(allowance_used_ms(gone), 0);
}

int main(int argc, char **argv)
{
	dr_autofree char *decoder = NULL;
	dr_autofree char *unwalled = NULL;
	struct programs p;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(the_walls_of_the_real_decoder_hold, &p),
		cmocka_unit_test_prestate(missing_walls_are_noticed_and_named, &p),
		cmocka_unit_test(a_program_that_does_not_try_is_no_proof),
		cmocka_unit_test(only_the_kernels_word_counts_as_a_kill),
		cmocka_unit_test(the_allowance_grows_with_what_arrived),
		cmocka_unit_test(the_allowance_is_compared_with_the_clock_of_the_process),
	};

	if (argc != 3)
		return 2;
	/* They are linked to from elsewhere. */
	decoder = realpath(argv[1], NULL);
	unwalled = realpath(argv[2], NULL);
	if (!decoder || !unwalled)
		return 2;
	p = (struct programs){decoder, unwalled};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
