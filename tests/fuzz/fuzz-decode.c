/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole decoder: detection, codecs, formats and the spool, as an import runs them. */
#include "../unit/decode-memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dr_err err = DR_ERR_INIT;
	struct decode_facts facts;
	struct memory_sink *sink = memory_sink_new(NULL, 0);
	struct memory_decode md = {
		.p = data,
		.len = size,
		.declare = true,
		.limits = {(uint64_t)64 << 20, (uint64_t)8 << 20, (uint64_t)8 << 20}};

	if (memory_decode(&md, sink, &facts, &err) == 0 && sink->pos != facts.virtual_bytes)
		abort();
	free(sink);
	return 0;
}
