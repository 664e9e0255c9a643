/* SPDX-License-Identifier: Apache-2.0
 *
 * The work order that one of our processes reads from another: what is accepted, written again,
 * reads the same. */
#include <assert.h>
#include <string.h>

#include "util/spec.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void same(const struct spec *a, const struct spec *b)
{
	const char *key, *value, *key2, *value2;
	size_t n;

	for (n = 0; spec_line(a, n, &key, &value); n++) {
		assert(spec_line(b, n, &key2, &value2));
		assert(strcmp(key, key2) == 0 && strcmp(value, value2) == 0);
		assert(spec_get(a, key, NULL) == spec_nth(a, key, 0));
		(void)spec_get_u64(a, key, 0);
	}
	assert(!spec_line(b, n, &key2, &value2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	DR_CLEANUP(spec_freep) struct spec *s = NULL;
	DR_CLEANUP(spec_freep) struct spec *again = NULL;
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	const char *key, *value;

	if (spec_parse(&s, (const char *)data, size, &err) < 0) {
		assert(dr_err_is_set(&err) && err.msg[0]);
		return 0;
	}
	for (size_t n = 0; spec_line(s, n, &key, &value); n++) {
		assert(key[0] && !strpbrk(key, "=\n"));
		spec_put(&b, key, value);
	}
	assert(buf_ok(&b));
	assert(spec_parse(&again, buf_str(&b), b.len, &err) == 0);
	same(s, again);
	return 0;
}
