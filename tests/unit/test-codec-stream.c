/* SPDX-License-Identifier: Apache-2.0
 *
 * What all codecs share: ownership, failures from below, closing early, the self-test. */
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#include "codec-samples.h"
#include "codec/input.h"
#include "codec/pieces.h"

#include "util/banned.h"

/* A stream that fails after some bytes, or ends, and tells when it is closed. */
struct probe {
	struct stream base;
	const uint8_t *p;
	size_t left;
	bool fails;
	bool *closed;
};

static ssize_t probe_read(struct stream *s, void *buf, size_t len, struct dr_err *err)
{
	struct probe *p = (struct probe *)s;

	if (p->left == 0)
		return p->fails ? dr_refuse(err, DR_REMOTE, "source-failed", "no more") : 0;
	len = len < p->left ? len : p->left;
	memcpy(buf, p->p, len);
	p->p += len;
	p->left -= len;
	return (ssize_t)len;
}

static void probe_close(struct stream *s)
{
	struct probe *p = (struct probe *)s;

	*p->closed = true;
	free(p);
}

static struct stream *probe_new(const void *data, size_t len, bool fails, bool *closed)
{
	static const struct stream_ops ops = {
		.name = "probe", .read = probe_read, .close = probe_close};
	struct probe *p = calloc(1, sizeof *p);

	assert_non_null(p);
	stream_init(&p->base, &ops);
	p->p = data;
	p->left = len;
	p->fails = fails;
	p->closed = closed;
	*closed = false;
	return &p->base;
}

static const struct codec_limits limits = {
	.memory_bytes = 128 << 20, .parallel_bytes = 192 << 20, .length_proven = true};

static void make_lz4(struct buf *file, struct buf *disk)
{
	const LZ4F_preferences_t prefs = {.frameInfo = {.blockMode = LZ4F_blockIndependent}};
	size_t n;

	sample_disk(disk, 8 * MIB, 1);
	n = LZ4F_compressFrameBound(disk->len, &prefs);
	*file = (struct buf)BUF_INIT;
	assert_non_null(buf_reserve(file, n));
	file->len = LZ4F_compressFrame(file->p, n, disk->p, disk->len, &prefs);
	assert_false(LZ4F_isError(file->len));
}

static void a_failure_below_is_passed_on(void **state)
{
	/* The beginnings of files, so that more is wanted. */
	static const char *const heads[] = {"\x04\x22\x4D\x18", "\xFD\x37zXZ", "\x1F\x8B\x08",
					    "\x28\xB5\x2F\xFD", "BZh9",        "\x50\x2A\x4D\x18"};

	(void)state;
	for (unsigned kind = CODEC_LZ4; kind <= CODEC_SKIPPABLE; kind++) {
		for (size_t len = 0; len <= strlen(heads[kind]); len++) {
			struct dr_err err = DR_ERR_INIT;
			struct stream *s = NULL;
			uint8_t byte;
			bool closed;

			assert_int_equal(codec_open(&s, (enum codec_kind)kind,
						    probe_new(heads[kind], len, true, &closed),
						    &limits, NULL, NULL, &err),
					 0);
			assert_int_equal(stream_read(s, &byte, 1, &err), -1);
			assert_string_equal(err.reason, "source-failed");
			assert_false(closed);
			stream_close(s);
			assert_true(closed);
		}
	}
}

static void a_codec_may_be_closed_while_the_crew_is_at_work(void **state)
{
	struct workers *crew = NULL;
	struct dr_err err = DR_ERR_INIT;
	struct buf file, disk;

	(void)state;
	make_lz4(&file, &disk);
	assert_int_equal(workers_new(&crew, 2, &err), 0);
	for (size_t want = 0; want < 4; want++) {
		struct stream *s = NULL;
		uint8_t got[3];
		bool closed;

		assert_int_equal(codec_open(&s, CODEC_LZ4,
					    probe_new(file.p, file.len, false, &closed), &limits,
					    crew, NULL, &err),
				 0);
		if (want > 0) {
			assert_int_equal(stream_read(s, got, want, &err), want);
			assert_memory_equal(got, disk.p, want);
		}
		stream_close(s);
		assert_true(closed);
	}
	workers_free(crew);
	buf_done(&file);
	buf_done(&disk);
}

static void the_budget_and_the_cancel_flag_of_the_stream_hold(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	atomic_bool cancel = false;
	struct buf file, disk;
	struct stream *s = NULL;
	uint8_t got[512];
	bool closed;

	(void)state;
	make_lz4(&file, &disk);
	assert_int_equal(codec_open(&s, CODEC_LZ4, probe_new(file.p, file.len, false, &closed),
				    &limits, NULL, NULL, &err),
			 0);
	s->cancel = &cancel;
	s->budget = 1024;
	assert_int_equal(stream_read_full(s, got, sizeof got, &err), 512);
	atomic_store(&cancel, true);
	assert_int_equal(stream_read(s, got, sizeof got, &err), -1);
	assert_int_equal(err.code, DR_CANCELLED);
	err = (struct dr_err)DR_ERR_INIT;
	atomic_store(&cancel, false);
	assert_int_equal(stream_read_full(s, got, sizeof got, &err), 512);
	assert_int_equal(stream_read(s, got, sizeof got, &err), -1);
	assert_string_equal(err.reason, "too-large");
	stream_close(s);
	buf_done(&file);
	buf_done(&disk);
}

static void every_codec_passes_its_self_test(void **state)
{
	struct dr_err err = DR_ERR_INIT;

	(void)state;
	if (codec_warm_up(&err) < 0)
		fail_msg("%s", err.msg);
}

static void classes_lead_to_codecs(void **state)
{
	static const struct {
		enum detect_class class;
		const char *name;
	} pairs[] = {
		{DETECT_LZ4, "lz4"},
		{DETECT_LZ4_LEGACY, "lz4"},
		{DETECT_ZSTD, "zstd"},
		{DETECT_XZ, "xz"},
		{DETECT_GZIP, "gzip"},
		{DETECT_BZIP2, "bzip2"},
		{DETECT_SKIPPABLE, "skippable"},
	};
	enum codec_kind kind;

	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		assert_true(codec_for_class(pairs[i].class, &kind));
		assert_string_equal(codec_name(kind), pairs[i].name);
	}
	assert_false(codec_for_class(DETECT_RAW, &kind));
	assert_false(codec_for_class(DETECT_QCOW2, &kind));
}

static void input_keeps_headers_contiguous_and_counts(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct buf disk;
	struct input in;
	uint8_t *copy;
	size_t off = 0;
	bool closed;

	(void)state;
	sample_disk(&disk, 3 * INPUT_BYTES + 77, 1);
	copy = malloc(disk.len);
	assert_non_null(copy);
	assert_int_equal(input_init(&in, probe_new(disk.p, disk.len, false, &closed), &err), 0);
	/* Small and large takes, and looks across the end of the buffer. */
	for (size_t n = 1; off < disk.len; n = n * 3 % 700001 + 1) {
		size_t look = n < INPUT_BYTES ? n : INPUT_BYTES;
		ssize_t have = input_fill(&in, look, &err);

		assert_true(have >= 0);
		if ((size_t)have > look)
			have = (ssize_t)look;
		assert_int_equal(have, look < disk.len - off ? look : disk.len - off);
		assert_memory_equal(input_bytes(&in), disk.p + off, (size_t)have);
		have = input_take(&in, copy + off, n < disk.len - off ? n : disk.len - off, &err);
		assert_int_equal(have, n < disk.len - off ? n : disk.len - off);
		off += (size_t)have;
		assert_int_equal(in.taken, off);
	}
	assert_memory_equal(copy, disk.p, disk.len);
	assert_int_equal(input_fill(&in, 1, &err), 0);
	assert_int_equal(input_take(&in, copy, 1, &err), 0);
	input_done(&in);
	assert_true(closed);
	free(copy);
	buf_done(&disk);
}

static int count_bytes(struct piece *p, struct dr_err *err)
{
	(void)err;
	p->out_len = p->in_len;
	memset(p->out, (int)p->in_len, p->out_len);
	return 0;
}

static void pieces_stay_in_order_and_within_the_budget(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	struct workers *crew = NULL;
	struct pieces ps;
	struct piece *p;
	size_t pushed = 0, taken = 0;

	(void)state;
	assert_int_equal(workers_new(&crew, 3, &err), 0);
	assert_int_equal(pieces_init(&ps, crew, sizeof *p, 1000, &err), 0);
	while (taken < 50) {
		/* The larger pieces fit once, the smaller ones several times. */
		while (pushed < 50 && pieces_take(&ps, 100 + pushed * 7, 50, 10, &p, &err) == 1) {
			p->in_len = pushed % 50;
			p->decode = count_bytes;
			pieces_push(&ps, true);
			pushed++;
			assert_true(ps.held <= 1000);
		}
		assert_true(pushed > taken);
		assert_int_equal(pieces_wait(&ps, &err), 0);
		p = pieces_first(&ps);
		assert_int_equal(p->out_len, taken % 50);
		for (size_t i = 0; i < p->out_len; i++)
			assert_int_equal(p->out[i], p->out_len);
		pieces_drop(&ps);
		taken++;
	}
	assert_null(pieces_first(&ps));
	/* A piece over the budget is granted when it is alone. */
	assert_int_equal(pieces_take(&ps, 5000, 50, 0, &p, &err), 1);
	pieces_push(&ps, false);
	assert_int_equal(pieces_take(&ps, 1, 1, 0, &p, &err), 0);
	pieces_done(&ps);
	workers_free(crew);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_failure_below_is_passed_on),
		cmocka_unit_test(a_codec_may_be_closed_while_the_crew_is_at_work),
		cmocka_unit_test(the_budget_and_the_cancel_flag_of_the_stream_hold),
		cmocka_unit_test(every_codec_passes_its_self_test),
		cmocka_unit_test(classes_lead_to_codecs),
		cmocka_unit_test(input_keeps_headers_contiguous_and_counts),
		cmocka_unit_test(pieces_stay_in_order_and_within_the_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
