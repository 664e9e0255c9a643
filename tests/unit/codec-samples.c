/* SPDX-License-Identifier: Apache-2.0 */
#include "codec-samples.h"

#include <stdlib.h>
#include <string.h>

#include "util/banned.h"

void sample_disk(struct buf *ret, size_t len, unsigned seed)
{
	static const char text[] = "GRUB Geom Hard Disk Read Error /boot/vmlinuz root=/dev/vda1 ";
	uint32_t x = seed * 2654435761U + 1;
	uint8_t *p;

	*ret = (struct buf)BUF_INIT_MAX(256 * MIB);
	p = buf_reserve(ret, len);
	assert_non_null(p);
	ret->len = len;
	for (size_t i = 0; i < len;) {
		size_t run;

		x = x * 1664525U + 1013904223U;
		run = (x >> 8) % (len / 8 + 2);
		run = run > len - i ? len - i : run;
		for (size_t k = 0; k < run; k++) {
			x = x * 1664525U + 1013904223U;
			p[i + k] = run % 3 == 0 ? 0
				   : run % 3 == 1
					   ? (uint8_t)text[(i + k + x % 2) % (sizeof text - 1)]
					   : (uint8_t)(x >> 24);
		}
		i += run;
	}
}

void sample_text(struct buf *ret)
{
	*ret = (struct buf)BUF_INIT;
	while (ret->len < 512)
		buf_puts(ret, ret->len % 96 ? "LILO boot: Linux" : "GRUB loading 1.5");
	assert_int_equal(ret->len, 512);
}

int decode(enum codec_kind kind, const void *p, size_t len, const struct reading *how,
	   struct buf *ret, struct codec_facts *facts, struct dr_err *err)
{
	const struct codec_limits lim = {
		.memory_bytes = how->memory_bytes ? how->memory_bytes : 128 * MIB,
		.parallel_bytes = how->parallel_bytes ? how->parallel_bytes : 192 * MIB,
		.length_proven = !how->length_unknown,
	};
	const size_t step = how->read ? how->read : MIB;
	struct stream *in = NULL, *s = NULL;
	struct workers *crew = NULL;
	ssize_t n = -1;

	*ret = (struct buf)BUF_INIT_MAX(256 * MIB);
	*err = (struct dr_err)DR_ERR_INIT;
	if (how->threads)
		assert_int_equal(workers_new(&crew, how->threads, err), 0);
	assert_int_equal(stream_mem_open(&in, p, len, err), 0);
	in->fragment = how->fragment;
	if (codec_open(&s, kind, in, &lim, crew, facts, err) == 0) {
		do {
			uint8_t *to = buf_reserve(ret, step);

			assert_non_null(to);
			n = stream_read(s, to, step, err);
			ret->len += n > 0 ? (size_t)n : 0;
		} while (n > 0);
		stream_close(s);
	}
	workers_free(crew);
	assert_true(n == 0 || err->reason[0] != '\0');
	return (int)n;
}

static const struct reading readings[] = {
	{0},
	{.fragment = 7, .read = 4096},
	{.fragment = 4096, .read = 7},
	{.threads = 2},
	{.threads = 1, .fragment = 4096, .read = 100000},
};
#define READINGS (sizeof readings / sizeof readings[0])

static void check_disk(enum codec_kind kind, const struct buf *file, const struct buf *disk,
		       const struct reading *how)
{
	struct codec_facts facts;
	struct dr_err err;
	struct buf got;
	int rc = decode(kind, file->p, file->len, how, &got, &facts, &err);

	if (rc < 0)
		fail_msg("%s: %s: %s", codec_name(kind), err.reason, err.msg);
	assert_int_equal(got.len, disk->len);
	assert_memory_equal(got.p, disk->p, disk->len);
	buf_done(&got);
}

void law_round_trip(enum codec_kind kind, const struct buf *file, const struct buf *disk)
{
	static const struct reading bytewise = {.fragment = 1, .read = 1};

	for (size_t i = 0; i < READINGS; i++) {
		bool tiny = readings[i].fragment == 7 || readings[i].read == 7;

		if (!tiny || disk->len <= 2 * MIB)
			check_disk(kind, file, disk, &readings[i]);
	}
	if (disk->len <= MIB / 4)
		check_disk(kind, file, disk, &bytewise);
}

static void check_prefix(enum codec_kind kind, const struct buf *file, size_t len, bool whole)
{
	static const struct reading hows[] = {{0}, {.fragment = 1, .read = 7}};
	struct codec_facts facts;
	struct dr_err err;
	struct buf got;

	for (size_t i = 0; i < 2; i++) {
		int rc = decode(kind, file->p, len, &hows[i], &got, &facts, &err);

		if ((rc == 0) != whole)
			fail_msg("%s, %zu of %zu bytes: %d %s", codec_name(kind), len, file->len,
				 rc, err.msg);
		if (!whole)
			assert_string_equal(err.reason, len == 0 ? "empty" : "truncated");
		buf_done(&got);
	}
}

void law_truncation(enum codec_kind kind, const struct buf *file, const size_t *whole)
{
	for (size_t len = 0; len < file->len; len++) {
		while (*whole && *whole < len)
			whole++;
		check_prefix(kind, file, len, *whole == len && len > 0);
	}
	check_prefix(kind, file, file->len, true);
}

size_t law_flips(enum codec_kind kind, const struct buf *file, const struct buf *disk)
{
	static const struct reading how = {.read = 4096};
	struct codec_facts facts;
	struct dr_err err;
	struct buf got;
	size_t refused = 0;

	for (size_t bit = 0; bit < 8 * file->len; bit++) {
		file->p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		if (decode(kind, file->p, file->len, &how, &got, &facts, &err) < 0) {
			refused++;
		} else {
			assert_int_equal(got.len, disk->len);
			assert_memory_equal(got.p, disk->p, disk->len);
		}
		buf_done(&got);
		file->p[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	return refused;
}

void law_refused(enum codec_kind kind, const struct buf *file, const char *reason)
{
	struct codec_facts facts;
	struct dr_err err;
	struct buf got;

	for (size_t i = 0; i < READINGS; i++) {
		if (decode(kind, file->p, file->len, &readings[i], &got, &facts, &err) == 0)
			fail_msg("%s: decoded, where %s was due", codec_name(kind), reason);
		if (strcmp(err.reason, reason) != 0)
			fail_msg("%s: \"%s: %s\", where %s was due", codec_name(kind), err.reason,
				 err.msg, reason);
		buf_done(&got);
	}
}
