/* SPDX-License-Identifier: Apache-2.0
 *
 * qcow2 files through the spool and the decoder. The first byte chooses how the file arrives and
 * who decodes it; a second time it comes in the plainest way. Both must agree on the verdict and on
 * the disk, and the disk of an accepted file must be the one that a plain walk through its tables
 * finds (qcow2-reference.c). The extents' contract is asserted on the way. */
#include <stdlib.h>
#include <string.h>

#include "../unit/qcow2img.h"
#include "qcow2-reference.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static bool good(const struct img_outcome *o)
{
	return !dr_err_is_set(&o->err);
}

/* What is used for a second time is refused when it is gone, which depends on how fast who was. */
static bool gone(const struct img_outcome *o)
{
	return strcmp(o->err.reason, "qcow2-overlap") == 0 || strcmp(o->err.reason, "corrupt") == 0;
}

static void must_agree(const struct img_outcome *a, const struct img_outcome *b, bool skipped)
{
	must(good(a) == good(b));
	/* What is not read is not missed before the end, where another rule may be broken. */
	if (!skipped)
		must((gone(a) && gone(b)) || strcmp(a->err.reason, b->err.reason) == 0);
	if (!good(a))
		return;
	must(a->size == b->size && a->warning_count == b->warning_count);
	must(skipped || memcmp(a->disk, b->disk, a->size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t fragments[] = {0, 100, 1, 4096};
	struct img_run plain = {.cap = (uint64_t)32 << 20, .max_upload = (uint64_t)16 << 20};
	struct img_run run = plain;
	struct img_outcome a, b;

	if (size == 0)
		return 0;
	/* 1 bit fragments, 1 bit skip, 1 bit more fragments, 2 bits crew. */
	run.fragment = fragments[(data[0] & 1U) | (data[0] >> 1 & 2U)];
	run.skip = data[0] & 2;
	run.threads = data[0] >> 3 & 3;
	if (run.fragment == 1 && size > 8192)
		run.fragment = 100;
	a = img_decode(data + 1, size - 1, &run);
	b = img_decode(data + 1, size - 1, &plain);
	if (good(&a) == good(&b) || !(gone(&a) || gone(&b)) ||
	    !reference_shares(data + 1, size - 1))
		must_agree(&a, &b, run.skip);
	if (good(&b))
		must(reference_agrees(data + 1, size - 1, b.disk, b.size));
	img_outcome_free(&a);
	img_outcome_free(&b);
	return 0;
}
