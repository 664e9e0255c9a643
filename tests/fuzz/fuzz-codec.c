/* SPDX-License-Identifier: Apache-2.0
 *
 * A compressed file, decoded twice: the first byte picks the codec and how it is read, then again
 * in the plainest way. Both must agree on the verdict and, when it is good, on every byte; and what
 * is accepted must be what the codec's own library makes of the file (codec-reference.c). */
#include <stdlib.h>
#include <xxhash.h>

#include "codec-reference.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUTPUT_MAX ((uint64_t)20 << 20)
#define OUTPUT_MAX_SLOW ((uint64_t)64 << 10)
#define READ_MAX ((size_t)256 << 10)

struct verdict {
	bool good;
	XXH64_hash_t hash;
};

struct how {
	enum codec_kind kind;
	size_t fragment; /* of the input */
	size_t read;     /* 1..READ_MAX */
	unsigned threads;
	uint64_t output_max;
};

static struct verdict decode(const uint8_t *p, size_t len, const struct how *how)
{
	const struct codec_limits lim = {
		.memory_bytes = 8 << 20, .parallel_bytes = 4 << 20, .length_proven = true};
	XXH64_state_t *hash = XXH64_createState();
	struct stream *in = NULL, *s = NULL;
	struct dr_err err = DR_ERR_INIT;
	struct workers *crew = NULL;
	struct codec_facts facts;
	struct verdict v = {0};
	uint8_t *buf = malloc(how->read);
	ssize_t n = -1;

	if (!hash || !buf || (how->threads && workers_new(&crew, how->threads, &err) < 0) ||
	    stream_mem_open(&in, p, len, &err) < 0)
		abort();
	in->fragment = how->fragment;
	XXH64_reset(hash, 0);
	if (codec_open(&s, how->kind, in, &lim, crew, &facts, &err) < 0)
		abort();
	s->budget = how->output_max;
	while ((n = stream_read(s, buf, how->read, &err)) > 0)
		XXH64_update(hash, buf, (size_t)n);
	if ((n < 0) != (err.code != DR_OK) || (n == 0 && s->bytes == 0))
		abort();
	/* Not an allocation that failed, nor a library that surprised its caller. */
	if (err.code == DR_NO_MEMORY || err.code == DR_IO || (n < 0 && err.reason[0] == 0))
		abort();
	v = (struct verdict){.good = n == 0, .hash = XXH64_digest(hash)};
	stream_close(s);
	workers_free(crew);
	XXH64_freeState(hash);
	free(buf);
	return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t reads[] = {READ_MAX, 1, 7, 4096};
	static const size_t fragments[] = {0, 1, 4096, 100};
	struct verdict a, b;
	struct how how;

	if (size < 1)
		return 0;
	/* 3 bits codec, 2 bits read size, 2 bits fragments, 1 bit crew. */
	how = (struct how){.kind = (enum codec_kind)((data[0] & 7U) % (CODEC_SKIPPABLE + 1U)),
			   .read = reads[data[0] >> 3 & 3],
			   .fragment = fragments[data[0] >> 5 & 3],
			   .threads = data[0] >> 7};
	how.output_max = how.read < 4096 ? OUTPUT_MAX_SLOW : OUTPUT_MAX;
	a = decode(data + 1, size - 1, &how);
	how.read = READ_MAX;
	how.fragment = 0;
	how.threads = !how.threads;
	b = decode(data + 1, size - 1, &how);
	if (a.good != b.good || (a.good && a.hash != b.hash))
		abort();
	if (a.good && !reference_agrees(how.kind, data + 1, size - 1, a.hash))
		abort();
	return 0;
}
