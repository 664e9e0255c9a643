/* SPDX-License-Identifier: Apache-2.0
 *
 * qcow2 files through the spool and the decoder. The first byte chooses how the file arrives; the
 * extents' contract is asserted on the way, and a decoder that reads past what it was given is
 * AddressSanitizer's. */
#include <stddef.h>
#include <stdint.h>

#include "../unit/qcow2img.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct img_run run = {.cap = (uint64_t)64 << 20, .max_upload = (uint64_t)16 << 20};
	struct img_outcome o;

	if (size == 0)
		return 0;
	run.fragment = data[0] & 1 ? 100 : 0;
	run.skip = data[0] & 2;
	o = img_decode(data + 1, size - 1, &run);
	img_outcome_free(&o);
	return 0;
}
