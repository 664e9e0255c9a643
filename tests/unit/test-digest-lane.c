/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "digest/lane.h"
#include "unit.h"

#define TOTAL (3 * LANE_BYTES + 4321)

static uint8_t *some_bytes(void)
{
	uint8_t *p = malloc(TOTAL);
	uint32_t x = 1;

	assert_non_null(p);
	for (size_t i = 0; i < TOTAL; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
	}
	return p;
}

static void hex_of(enum hash_kind kind, const void *p, size_t len, char ret[static HASH_MAX_HEX])
{
	struct dr_err err = DR_ERR_INIT;
	struct hash *h = NULL;

	assert_int_equal(hash_new(&h, kind, &err), 0);
	hash_update(h, p, len);
	hash_final_hex(h, ret);
	hash_free(h);
}

/* The caller's buffer is overwritten after each update: what was given is what is hashed. */
static void lane_hashes_what_was_given_in_order(void **state)
{
	static const size_t steps[] = {1, 511, 4096, 70000, 131072, 300000, LANE_BYTES + 7};
	struct dr_err err = DR_ERR_INIT;
	struct hash *sha = NULL, *md5 = NULL;
	struct lane *lane = NULL;
	char expected[HASH_MAX_HEX], got[HASH_MAX_HEX];
	uint8_t *bytes = some_bytes(), *scratch = malloc(2 * LANE_BYTES);
	size_t n, at = 0;

	(void)state;
	assert_non_null(scratch);
	assert_int_equal(hash_new(&sha, HASH_SHA256, &err), 0);
	assert_int_equal(hash_new(&md5, HASH_MD5, &err), 0);
	assert_int_equal(lane_new(&lane, sha, md5, &err), 0);
	for (size_t i = 0; at < TOTAL; at += n, i++) {
		n = steps[i % (sizeof steps / sizeof *steps)];
		if (n > TOTAL - at)
			n = TOTAL - at;
		memcpy(scratch, bytes + at, n);
		lane_update(lane, scratch, n);
		memset(scratch, 0xAA, n);
	}
	lane_sync(lane);
	hash_final_hex(sha, got);
	hex_of(HASH_SHA256, bytes, TOTAL, expected);
	assert_string_equal(got, expected);
	hash_final_hex(md5, got);
	hex_of(HASH_MD5, bytes, TOTAL, expected);
	assert_string_equal(got, expected);
	lane_free(lane);
	hash_free(sha);
	hash_free(md5);
	free(bytes);
	free(scratch);
}

static void lane_goes_on_after_a_look_in_between(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct hash *sha = NULL, *copy = NULL;
	struct lane *lane = NULL;
	char expected[HASH_MAX_HEX], got[HASH_MAX_HEX];
	uint8_t *bytes = some_bytes();

	(void)state;
	assert_int_equal(hash_new(&sha, HASH_SHA256, &err), 0);
	assert_int_equal(lane_new(&lane, sha, NULL, &err), 0);
	lane_sync(lane);
	lane_update(lane, bytes, 1000);
	lane_sync(lane);
	assert_int_equal(hash_copy(&copy, sha, &err), 0);
	hash_final_hex(copy, got);
	hex_of(HASH_SHA256, bytes, 1000, expected);
	assert_string_equal(got, expected);
	lane_update(lane, bytes + 1000, TOTAL - 1000);
	lane_sync(lane);
	hash_final_hex(sha, got);
	hex_of(HASH_SHA256, bytes, TOTAL, expected);
	assert_string_equal(got, expected);
	hash_free(copy);
	lane_free(lane);
	hash_free(sha);
	free(bytes);
}

static void lane_ends_with_bytes_unasked_for(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct hash *sha = NULL;
	struct lane *lane = NULL;
	uint8_t *bytes = some_bytes();

	(void)state;
	assert_int_equal(hash_new(&sha, HASH_SHA256, &err), 0);
	assert_int_equal(lane_new(&lane, sha, NULL, &err), 0);
	lane_update(lane, bytes, TOTAL);
	lane_free(lane);
	lane_free(NULL);
	hash_free(sha);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lane_hashes_what_was_given_in_order),
		cmocka_unit_test(lane_goes_on_after_a_look_in_between),
		cmocka_unit_test(lane_ends_with_bytes_unasked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
