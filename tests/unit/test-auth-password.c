/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "auth/auth_internal.h"
#include "must.h"
#include "util/str.h"

#include "util/banned.h"

static int set_up(void **state)
{
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	return auth_init(&err);
}

static void a_password_fits_its_hash_and_no_other(void **state)
{
	char hash[160];
	char again[160];
	bool right = false;

	(void)state;
	must(auth_password_hash("correct horse", hash, &err));
	assert_true(dr_starts(hash, "$argon2id$"));
	must(auth_password_hash("correct horse", again, &err));
	assert_string_not_equal(hash, again); /* salted */
	must(password_check(hash, "correct horse", &right, &err));
	assert_true(right);
	must(password_check(hash, "correct horsf", &right, &err));
	assert_false(right);
	must(password_check(hash, "", &right, &err));
	assert_false(right);
}

static void nobodys_password_is_never_right(void **state)
{
	bool right = true;

	(void)state;
	must(password_check(NULL, "", &right, &err));
	assert_false(right);
	must(password_check("not a hash", "x", &right, &err));
	assert_false(right);
}

static void lengths_have_bounds(void **state)
{
	char text[PASSWORD_BYTES + 2];
	char hash[160];
	bool right = true;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[PASSWORD_BYTES + 1] = 0;
	must_fail(DR_INVALID, auth_password_hash("", hash, &err));
	must_fail(DR_INVALID, auth_password_hash(text, hash, &err));
	text[PASSWORD_BYTES] = 0;
	must(auth_password_hash(text, hash, &err));
	must(password_check(hash, text, &right, &err));
	assert_true(right);
	/* not cut to what fits */
	text[PASSWORD_BYTES] = 'x';
	must(password_check(hash, text, &right, &err));
	assert_false(right);
}

static void *check_once(void *arg)
{
	struct dr_err err = DR_ERR_INIT;
	atomic_int *answers = (atomic_int *)arg;
	bool right = true;

	if (password_check(NULL, "x", &right, &err) == 0 && !right)
		atomic_fetch_add(answers, 1);
	return NULL;
}

static void more_logins_than_turns_wait_and_all_get_one(void **state)
{
	pthread_t threads[3 * PASSWORD_HASHES];
	atomic_int answers = 0;

	(void)state;
	for (size_t i = 0; i < 3 * PASSWORD_HASHES; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, check_once, &answers), 0);
	for (size_t i = 0; i < 3 * PASSWORD_HASHES; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(answers, 3 * PASSWORD_HASHES);
}

static void secrets_and_tokens_have_their_forms_and_differ(void **state)
{
	char token[TOKEN_TEXT], token2[TOKEN_TEXT];
	char secret[SECRET_TEXT], secret2[SECRET_TEXT];

	(void)state;
	auth_new_token(token);
	auth_new_token(token2);
	assert_int_equal(strspn(token, "0123456789abcdef"), 40);
	assert_int_equal(strlen(token), 40);
	assert_string_not_equal(token, token2);
	auth_new_secret(secret);
	auth_new_secret(secret2);
	assert_int_equal(strspn(secret, "0123456789abcdefghijklmnopqrstuvwxyz"), 15);
	assert_int_equal(strlen(secret), 15);
	assert_string_not_equal(secret, secret2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_password_fits_its_hash_and_no_other),
		cmocka_unit_test(nobodys_password_is_never_right),
		cmocka_unit_test(lengths_have_bounds),
		cmocka_unit_test(more_logins_than_turns_wait_and_all_get_one),
		cmocka_unit_test(secrets_and_tokens_have_their_forms_and_differ),
	};

	return cmocka_run_group_tests_name("auth-password", tests, set_up, NULL);
}
