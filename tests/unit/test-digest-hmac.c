/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "digest/hmac.h"
#include "unit.h"
#include "util/buf.h"

/* RFC 2202 sections 2 and 3, RFC 4231 section 4: test case 2, and 6 with its key over a block. */
static void published_values(void **state)
{
	static const struct {
		enum hash_kind kind;
		const char *key;
		size_t repeat;
		const char *message, *hex;
	} cases[] = {
		{HASH_MD5, "Jefe", 1, "what do ya want for nothing?",
		 "750c783e6ab0b503eaa86e310a5db738"},
		{HASH_SHA1, "Jefe", 1, "what do ya want for nothing?",
		 "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{HASH_SHA256, "Jefe", 1, "what do ya want for nothing?",
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{HASH_SHA512, "Jefe", 1, "what do ya want for nothing?",
		 "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
		 "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
		{HASH_SHA256, "\xaa", 131, "Test Using Larger Than Block-Size Key - Hash Key First",
		 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct dr_err err = DR_ERR_INIT;
		dr_autobuf struct buf key = BUF_INIT;
		uint8_t raw[HASH_MAX_BYTES];
		char hex[HASH_MAX_HEX];

		for (size_t n = 0; n < cases[i].repeat; n++)
			buf_puts(&key, cases[i].key);
		assert_int_equal(hmac_of(cases[i].kind, buf_str(&key), key.len, cases[i].message,
					 strlen(cases[i].message), raw, &err),
				 0);
		hex_encode(raw, hash_bytes(cases[i].kind), hex);
		assert_string_equal(hex, cases[i].hex);
	}
}

static void nothing_has_a_value_too(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	uint8_t raw[HASH_MAX_BYTES];
	char hex[HASH_MAX_HEX];

	(void)state;
	assert_int_equal(hmac_of(HASH_SHA256, "k", 1, "", 0, raw, &err), 0);
	hex_encode(raw, 32, hex);
	assert_string_equal(hex,
			    "8bb990c40a7d61cb97597a942125025be50ac8beb74436e3735b98893a7f6620");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_values),
		cmocka_unit_test(nothing_has_a_value_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
