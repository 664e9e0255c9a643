/* SPDX-License-Identifier: Apache-2.0
 *
 * Manifests of static large objects, as clients put them. What is accepted, and settled against
 * objects of some size, is printed and read back as it was; what was printed once cannot be
 * damaged into a part that is outside its object. */
#include <assert.h>
#include <string.h>

#include "orbit/slo.h"
#include "util/str.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST 20
#define MD5 "d41d8cd98f00b204e9800998ecf8427e"

/* settle: as if every segment were found. False when one cannot be. */
static bool settle(struct slo *m)
{
	for (size_t i = 0; i < m->count; i++) {
		struct slo_segment *s = &m->segments[i];
		const uint64_t bytes = s->bytes == UINT64_MAX ? 1000 : s->bytes;

		assert(s->object[0] && s->path[s->container_len] == '/' && s->container_len > 0);
		if (!slo_settle(s, bytes))
			return false;
		s->bytes = bytes;
		memcpy(s->etag, MD5, sizeof MD5);
		assert(!s->ranged || (s->first <= s->last && s->last < bytes));
		assert(slo_length(s) <= bytes);
	}
	return true;
}

static void assert_same(const struct slo *a, const struct slo *b)
{
	assert(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct slo_segment *x = &a->segments[i], *y = &b->segments[i];

		assert(strcmp(x->path, y->path) == 0 && x->bytes == y->bytes);
		assert(x->container_len == y->container_len && x->ranged == y->ranged);
		assert(strcmp(x->etag, y->etag) == 0 && slo_length(x) == slo_length(y));
		assert(!x->ranged || x->first == y->first);
	}
}

static void as_put(const char *text, size_t len)
{
	dr_autobuf struct buf errors = BUF_INIT, printed = BUF_INIT;
	dr_slo m = {0}, again = {0};
	struct dr_err err = DR_ERR_INIT;

	if (slo_parse(text, len, MOST, &m, &errors, &err) < 0) {
		assert(m.count == 0);
		assert(err.code == DR_INVALID || err.code == DR_LIMIT);
		return;
	}
	assert(errors.len == 0 && m.count <= MOST);
	if (!settle(&m))
		return;
	assert(slo_print(&m, &printed, &err) == 0);
	assert(slo_read(buf_str(&printed), printed.len, &again, &err) == 0);
	assert_same(&m, &again);
}

static void as_stored(const char *text, size_t len)
{
	dr_slo m = {0};
	struct dr_err err = DR_ERR_INIT;

	if (slo_read(text, len, &m, &err) < 0) {
		assert(err.code == DR_CORRUPT);
		return;
	}
	for (size_t i = 0; i < m.count; i++) {
		const struct slo_segment *s = &m.segments[i];

		assert(!s->ranged || (s->first <= s->last && s->last < s->bytes));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	as_put((const char *)data, size);
	as_stored((const char *)data, size);
	return 0;
}
