/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "store/chunk.h"
#include "unit.h"

static void fill(uint8_t *p, size_t len, bool random)
{
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = random || i % 128 < 64 ? (uint8_t)x : 'a';
	}
}

static void what_shrinks_is_compressed_and_what_does_not_is_plain(void **state)
{
	static const size_t sizes[] = {1, 4, 12, 13, 512, 4096, STORE_CHUNK_BYTES};
	dr_autofree uint8_t *plain = malloc(STORE_CHUNK_BYTES);
	dr_autobuf struct buf stored = BUF_INIT;
	dr_autobuf struct buf back = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (int random = 0; random < 2; random++) {
			fill(plain, sizes[i], random);
			assert_int_equal(chunk_encode(plain, sizes[i], 0, &stored, &err), 0);
			assert_int_equal(chunk_decode(stored.p, stored.len, &back, &err), 0);
			assert_int_equal(back.len, sizes[i]);
			assert_memory_equal(back.p, plain, sizes[i]);
			if (random || sizes[i] < 512)
				assert_int_equal(stored.len, sizes[i] + CHUNK_OVERHEAD_BYTES);
			else
				assert_true(stored.len < sizes[i]);
			assert_int_equal(stored.p[3] >> 7, stored.len > sizes[i]);
		}
	}
}

static void every_flipped_bit_is_noticed(void **state)
{
	dr_autobuf struct buf stored = BUF_INIT;
	dr_autobuf struct buf back = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	struct store_chunk_info info;
	uint8_t plain[1024];

	(void)state;
	fill(plain, sizeof plain, false);
	assert_int_equal(chunk_encode(plain, sizeof plain, 0, &stored, &err), 0);
	for (size_t bit = 0; bit < 8 * stored.len; bit++) {
		bool flag = bit == 31; /* "stored plain": the check word does not cover it */

		stored.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(chunk_verify(stored.p, stored.len, &info), flag);
		if (!flag) {
			assert_int_equal(chunk_decode(stored.p, stored.len, &back, &err), -1);
			assert_int_equal(err.code, DR_CORRUPT);
			dr_err_clear(&err);
		} else if (chunk_decode(stored.p, stored.len, &back, &err) == 0) {
			assert_int_not_equal(back.len, sizeof plain);
		}
		stored.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t n = 0; n < stored.len; n++)
		assert_false(chunk_verify(stored.p, n, &info));
	assert_true(chunk_verify(stored.p, stored.len, &info));
}

/* Data that a faulty or hostile writer sealed with a right check word. */
static void sealed_nonsense_is_corrupt(void **state)
{
	dr_autobuf struct buf stored = BUF_INIT;
	dr_autobuf struct buf back = BUF_INIT;
	dr_autofree uint8_t *plain = calloc(1, STORE_CHUNK_BYTES);
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	/* A plain block of zeros: clear the flag, and the zeros are read as LZ4 tokens. */
	assert_non_null(plain);
	plain[0] = 0xF0; /* a run of literals that goes past the end */
	fill(plain + 1, 63, true);
	assert_int_equal(chunk_encode(plain, 64, 0, &stored, &err), 0);
	assert_int_equal(stored.p[3], 0x80);
	stored.p[3] = 0;
	assert_int_equal(chunk_decode(stored.p, stored.len, &back, &err), -1);
	assert_int_equal(err.code, DR_CORRUPT);
}

static void zeros_have_one_encoding_for_ever(void **state)
{
	static const uint8_t of_512[] = {12,   0,    0,    0, 0x1F, 0, 1, 0,
					 0xFF, 0xE8, 0x50, 0, 0,    0, 0, 0};
	static const size_t sizes[] = {
		512, 1024, 4096, 65536, STORE_CHUNK_BYTES - 512, STORE_CHUNK_BYTES};
	dr_autobuf struct buf stored = BUF_INIT;
	dr_autobuf struct buf back = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		assert_int_equal(chunk_encode_zeros(sizes[i], &stored, &err), 0);
		assert_int_equal(chunk_decode(stored.p, stored.len, &back, &err), 0);
		assert_int_equal(back.len, sizes[i]);
		for (size_t j = 0; j < back.len; j++)
			assert_int_equal(back.p[j], 0);
		if (sizes[i] == 512)
			assert_memory_equal(stored.p, of_512, sizeof of_512);
	}
	assert_int_equal(stored.len, 4122 + CHUNK_OVERHEAD_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_shrinks_is_compressed_and_what_does_not_is_plain),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(sealed_nonsense_is_corrupt),
		cmocka_unit_test(zeros_have_one_encoding_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
