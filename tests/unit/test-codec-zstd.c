/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zstd.h>

#include "codec-samples.h"

#include "util/banned.h"

struct layout {
	int level;
	int window_log; /* 0: the level's */
	bool checksum;
	bool no_size; /* the length is not announced */
};

static void add_frame(struct buf *file, const void *p, size_t len, const struct layout *how)
{
	ZSTD_CCtx *ctx = ZSTD_createCCtx();
	size_t bound = ZSTD_compressBound(len) + 64;
	ZSTD_outBuffer out = {.dst = buf_reserve(file, bound), .size = bound};
	ZSTD_inBuffer in = {.src = p, .size = len};

	assert_non_null(ctx);
	assert_non_null(out.dst);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, how->level);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, how->checksum);
	if (how->window_log)
		ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, how->window_log);
	if (how->no_size)
		ZSTD_compressStream2(ctx, &out, &in, ZSTD_e_flush);
	assert_int_equal(ZSTD_compressStream2(ctx, &out, &in, ZSTD_e_end), 0);
	file->len += out.pos;
	ZSTD_freeCCtx(ctx);
}

static const struct layout plain = {.level = 3, .checksum = true};

static void add_skippable(struct buf *file, size_t len)
{
	buf_le(file, 0x184D2A50, 4);
	buf_le(file, len, 4);
	for (size_t i = 0; i < len; i++)
		buf_putc(file, 'S');
}

static void every_frame_layout_round_trips(void **state)
{
	static const struct layout layouts[] = {
		{.level = 1},
		{.level = 3, .checksum = true},
		{.level = 3, .no_size = true, .checksum = true},
		{.level = 19, .window_log = 10, .no_size = true},
	};
	static const size_t lengths[] = {1, 255, 256, 512, 65791, 65792, 2 * MIB};
	struct buf disk;

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		sample_disk(&disk, lengths[i], (unsigned)i);
		for (size_t k = 0; k < sizeof layouts / sizeof layouts[0]; k++) {
			dr_autobuf struct buf file = BUF_INIT;

			if (lengths[i] > MIB && layouts[k].level == 19)
				continue;
			add_frame(&file, disk.p, disk.len, &layouts[k]);
			law_round_trip(CODEC_ZSTD, &file, &disk);
		}
		buf_done(&disk);
	}
}

static void make_mixed(struct buf *file, struct buf *disk, size_t ends[8])
{
	static const struct layout streamed = {.level = 1, .no_size = true};
	size_t n = 0;

	*file = (struct buf)BUF_INIT;
	sample_disk(disk, 1024, 9);
	add_frame(file, disk->p, 512, &plain);
	ends[n++] = file->len;
	add_skippable(file, 0);
	ends[n++] = file->len;
	add_frame(file, disk->p, 0, &plain);
	ends[n++] = file->len;
	add_frame(file, disk->p + 512, 512, &streamed);
	ends[n++] = file->len;
	add_skippable(file, 9);
	ends[n] = 0;
}

static void frames_of_all_sorts_are_one_disk(void **state)
{
	static const struct reading how = {0};
	dr_autobuf struct buf lead = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf file, disk, got;
	size_t ends[8];

	(void)state;
	make_mixed(&file, &disk, ends);
	law_round_trip(CODEC_ZSTD, &file, &disk);
	assert_int_equal(decode(CODEC_ZSTD, file.p, file.len, &how, &got, &facts, &err), 0);
	assert_int_equal(facts.frames, 3);
	buf_done(&got);
	/* With skippable frames in front, which lz4 has, too. */
	add_skippable(&lead, 100000);
	buf_append(&lead, file.p, file.len);
	law_round_trip(CODEC_ZSTD, &lead, &disk);
	law_round_trip(CODEC_SKIPPABLE, &lead, &disk);
	buf_done(&file);
	buf_done(&disk);
}

static void cut_files_are_truncated_at_every_byte(void **state)
{
	struct buf file, disk;
	size_t ends[8];

	(void)state;
	make_mixed(&file, &disk, ends);
	law_truncation(CODEC_ZSTD, &file, ends);
	buf_done(&file);
	buf_done(&disk);
}

static void flipped_bits_never_change_the_disk(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;

	(void)state;
	sample_text(&disk);
	add_frame(&file, disk.p, disk.len, &plain);
	assert_true(law_flips(CODEC_ZSTD, &file, &disk) > 7 * file.len);
	buf_done(&disk);
}

/* Magic, frame header descriptor, window descriptor, one raw block of 512 bytes. */
static void put_frame(struct buf *file, uint8_t descriptor, uint8_t window)
{
	buf_clear(file);
	buf_le(file, 0xFD2FB528, 4);
	buf_putc(file, (char)descriptor);
	buf_putc(file, (char)window);
	buf_le(file, 512 << 3 | 1, 3);
	for (size_t i = 0; i < 512; i++)
		buf_putc(file, (char)i);
}

static void a_window_over_the_limit_is_refused_with_both_numbers(void **state)
{
	static const struct reading how = {0}, small = {.memory_bytes = 100 * MIB};
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf got;

	(void)state;
	put_frame(&file, 0, (27 - 10) << 3);
	assert_int_equal(decode(CODEC_ZSTD, file.p, file.len, &how, &got, &facts, &err), 0);
	buf_done(&got);
	assert_int_equal(decode(CODEC_ZSTD, file.p, file.len, &small, &got, &facts, &err), -1);
	assert_string_equal(err.reason, "needs-memory");
	assert_non_null(strstr(err.msg, " 134217728 "));
	assert_non_null(strstr(err.msg, " 104857600 "));
	buf_done(&got);
	put_frame(&file, 0, (26 - 10) << 3 | 4); /* 96 MiB */
	assert_int_equal(decode(CODEC_ZSTD, file.p, file.len, &small, &got, &facts, &err), 0);
	buf_done(&got);
	put_frame(&file, 0, (27 - 10) << 3 | 1);
	law_refused(CODEC_ZSTD, &file, "needs-memory");
	put_frame(&file, 0, (31 - 10) << 3);
	law_refused(CODEC_ZSTD, &file, "needs-memory");
	put_frame(&file, 0, 0xff);
	law_refused(CODEC_ZSTD, &file, "needs-memory");
	/* A single segment is its own window: content size 2^64 - 1. */
	buf_clear(&file);
	buf_le(&file, 0xFD2FB528, 4);
	buf_le(&file, 0xE0, 1);
	buf_le(&file, UINT64_MAX, 8);
	law_refused(CODEC_ZSTD, &file, "needs-memory");
}

static void a_dictionary_is_refused(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;

	(void)state;
	for (uint8_t flag = 1; flag <= 3; flag++) {
		buf_clear(&file);
		buf_le(&file, 0xFD2FB528, 4);
		buf_putc(&file, (char)flag);
		buf_putc(&file, 0x50);
		buf_le(&file, 77, flag == 3 ? 4 : flag);
		buf_le(&file, 1, 3);
		law_refused(CODEC_ZSTD, &file, "needs-dictionary");
	}
}

static void the_reserved_bit_is_corrupt(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;

	(void)state;
	put_frame(&file, 0x08, 0x50);
	law_refused(CODEC_ZSTD, &file, "corrupt");
}

static void a_content_size_that_lies_is_corrupt(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;

	(void)state;
	for (unsigned size = 511; size <= 513; size += 2) {
		/* Single segment, content size in two bytes, which count from 256. */
		buf_clear(&file);
		buf_le(&file, 0xFD2FB528, 4);
		buf_le(&file, 0x60, 1);
		buf_le(&file, size - 256, 2);
		buf_le(&file, 512 << 3 | 1, 3);
		for (size_t i = 0; i < 512; i++)
			buf_putc(&file, (char)i);
		law_refused(CODEC_ZSTD, &file, "corrupt");
	}
}

static void what_follows_the_last_frame_must_be_a_frame(void **state)
{
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 2);
	for (unsigned i = 0; i < 6; i++) {
		static const char rests[][5] = {"\0",
						"\0\0\0\0",
						"\x27\xB5\x2F\xFD",
						"\x04\x22\x4D\x18",
						"\x1e\xB5\x2F\xFD",
						"text"};
		dr_autobuf struct buf file = BUF_INIT;

		add_frame(&file, disk.p, disk.len, &plain);
		buf_append(&file, rests[i], i == 0 ? 1 : 4);
		law_refused(CODEC_ZSTD, &file, "trailing-data");
	}
	buf_done(&disk);
}

static void skippable_frames_are_bounded(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 2);
	for (unsigned i = 0; i < 65; i++)
		add_skippable(&file, 1);
	add_frame(&file, disk.p, disk.len, &plain);
	law_refused(CODEC_ZSTD, &file, "format-unsupported");
	law_refused(CODEC_SKIPPABLE, &file, "format-unsupported");
	buf_done(&disk);
}

static void no_data_at_all_is_empty(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;

	(void)state;
	law_refused(CODEC_ZSTD, &file, "empty");
	add_skippable(&file, 12);
	law_refused(CODEC_ZSTD, &file, "empty");
	add_frame(&file, "", 0, &plain);
	law_refused(CODEC_ZSTD, &file, "empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_layout_round_trips),
		cmocka_unit_test(frames_of_all_sorts_are_one_disk),
		cmocka_unit_test(cut_files_are_truncated_at_every_byte),
		cmocka_unit_test(flipped_bits_never_change_the_disk),
		cmocka_unit_test(a_window_over_the_limit_is_refused_with_both_numbers),
		cmocka_unit_test(a_dictionary_is_refused),
		cmocka_unit_test(the_reserved_bit_is_corrupt),
		cmocka_unit_test(a_content_size_that_lies_is_corrupt),
		cmocka_unit_test(what_follows_the_last_frame_must_be_a_frame),
		cmocka_unit_test(skippable_frames_are_bounded),
		cmocka_unit_test(no_data_at_all_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
