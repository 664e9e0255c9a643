/* SPDX-License-Identifier: Apache-2.0
 *
 * The whole decoder: detection, codecs, formats and the spool, as an import runs them. The first
 * byte chooses how the file arrives, and a codec that it is decoded from once more: neither may
 * change what the disk is, nor whether there is one. */
#include "../unit/decode-memory.h"
#include "wrap.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define COMPARED ((uint64_t)2 << 20)

struct outcome {
	struct dr_err err;
	struct decode_facts facts;
	uint8_t *disk; /* owned: its first bytes */
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

struct how {
	size_t fragment;
	unsigned threads;
	bool undeclared; /* the source does not say how long the file is */
};

static struct outcome decode(const uint8_t *p, size_t len, const struct how *how)
{
	struct outcome o = {.disk = calloc(1, COMPARED)};
	struct memory_sink *sink = memory_sink_new(o.disk, COMPARED);
	struct memory_decode md = {.p = p,
				   .len = len,
				   .declare = !how->undeclared,
				   .fragment = how->fragment,
				   .threads = how->threads,
				   .limits = {.virtual_bytes = (uint64_t)64 << 20,
					      .memory_bytes = (uint64_t)8 << 20,
					      .parallel_bytes = (uint64_t)8 << 20}};
	int rc;

	must(o.disk != NULL);
	rc = memory_decode(&md, sink, &o.facts, &o.err);
	if (rc == 0)
		must(sink->pos == o.facts.virtual_bytes && o.facts.virtual_bytes > 0 &&
		     sink->announced == sink->pos && o.facts.virtual_bytes % 512 == 0);
	else
		must(o.err.reason[0] != 0 && o.err.msg[0] != 0);
	must((rc == 0) == !dr_err_is_set(&o.err));
	free(sink);
	return o;
}

/* Bytes that two compressed clusters share may be gone for the second, or not yet; fuzz-qcow2 makes
 * sure that such a verdict falls on nobody else. */
static bool gone(const struct outcome *o)
{
	return strcmp(o->err.reason, "qcow2-overlap") == 0 ||
	       strstr(o->err.msg, "compressed cluster");
}

static void must_agree(const struct outcome *a, const struct outcome *b)
{
	if (gone(a) || gone(b))
		return;
	must(dr_err_is_set(&a->err) == dr_err_is_set(&b->err));
	if (dr_err_is_set(&a->err))
		return;
	must(a->facts.virtual_bytes == b->facts.virtual_bytes);
	must(memcmp(a->disk, b->disk,
		    a->facts.virtual_bytes < COMPARED ? a->facts.virtual_bytes : COMPARED) == 0);
}

/* A raw disk or a qcow2 image in a codec is what it is without, and the codec says where it ends;
 * more than one codec is refused. */
static void check_wrapped(const struct outcome *plain, enum wrap kind, const uint8_t *p, size_t len,
			  const struct how *how)
{
	size_t n;
	uint8_t *file = wrap_make(kind, p, len, &n);
	struct outcome o = decode(file, n, how);

	if (strchr(plain->facts.format, '+'))
		must(dr_err_is_set(&o.err));
	/* Compressed bytes may happen to bear another signature where one is looked for. */
	else if (strcmp(o.err.reason, "ambiguous-format") != 0)
		must_agree(plain, &o);
	free(o.disk);
	free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t fragments[] = {100, 4096, 777, 1};
	struct how how = {0};
	struct outcome a, b;
	enum wrap kind;

	if (size < 2)
		return 0;
	/* 3 bits codec, 2 bits fragments, 1 bit crew, 1 bit whether the length of the codec's file
	 * is announced. */
	kind = (enum wrap)((data[0] & 7U) % (WRAP_BZIP2 + 1U));
	how.threads = data[0] >> 5 & 1;
	a = decode(data + 1, size - 1, &how);
	how.threads = !how.threads;
	how.fragment = fragments[data[0] >> 3 & 3];
	b = decode(data + 1, size - 1, &how);
	must_agree(&a, &b);
	how.undeclared = data[0] & 0x40;
	if (kind != WRAP_NONE)
		check_wrapped(&a, kind, data + 1, size - 1, &how);
	free(a.disk);
	free(b.disk);
	return 0;
}
