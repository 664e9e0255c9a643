/* SPDX-License-Identifier: Apache-2.0 */
#include <lz4.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "codec-samples.h"

#include "util/banned.h"

static const LZ4F_preferences_t everything = {
	.frameInfo = {.blockSizeID = LZ4F_max64KB,
		      .blockMode = LZ4F_blockIndependent,
		      .blockChecksumFlag = LZ4F_blockChecksumEnabled,
		      .contentChecksumFlag = LZ4F_contentChecksumEnabled}};

static void add_frame(struct buf *file, const void *p, size_t len, const LZ4F_preferences_t *prefs)
{
	LZ4F_preferences_t with_size = *prefs;
	size_t n;
	uint8_t *to;

	if (with_size.frameInfo.contentSize)
		with_size.frameInfo.contentSize = len;
	n = LZ4F_compressFrameBound(len, &with_size);
	to = buf_reserve(file, n);
	assert_non_null(to);
	n = LZ4F_compressFrame(to, n, p, len, &with_size);
	assert_false(LZ4F_isError(n));
	file->len += n;
}

static void add_skippable(struct buf *file, size_t len)
{
	uint8_t *to;

	buf_le(file, 0x184D2A57, 4);
	buf_le(file, len, 4);
	to = buf_reserve(file, len + 1);
	assert_non_null(to);
	memset(to, 'S', len);
	file->len += len;
}

static void add_legacy(struct buf *file, const uint8_t *p, size_t len)
{
	const size_t block = 8 * MIB;

	buf_le(file, 0x184C2102, 4);
	for (size_t off = 0; off < len; off += block) {
		size_t part = len - off < block ? len - off : block;
		int bound = LZ4_compressBound((int)part), n;
		char *tmp = malloc((size_t)bound);

		assert_non_null(tmp);
		n = LZ4_compress_default((const char *)p + off, tmp, (int)part, bound);
		assert_true(n > 0);
		buf_le(file, (uint64_t)n, 4);
		buf_append(file, tmp, (size_t)n);
		free(tmp);
	}
}

static void every_frame_layout_round_trips(void **state)
{
	static const size_t lengths[] = {1, 512, 65536, 65537, 3 * MIB + 512};
	struct buf disk;

	(void)state;
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		sample_disk(&disk, lengths[i], (unsigned)i);
		for (unsigned v = 0; v < 32; v++) {
			dr_autobuf struct buf file = BUF_INIT;
			LZ4F_preferences_t prefs = {
				.frameInfo = {.blockSizeID = v & 1 ? LZ4F_max64KB : LZ4F_max1MB,
					      .blockMode = v & 2 ? LZ4F_blockLinked
								 : LZ4F_blockIndependent,
					      .blockChecksumFlag = v & 4 ? 1 : 0,
					      .contentChecksumFlag = v & 8 ? 1 : 0,
					      .contentSize = v & 16 ? 1 : 0}};

			if (lengths[i] > MIB && v % 5 != 0)
				continue;
			add_frame(&file, disk.p, disk.len, &prefs);
			law_round_trip(CODEC_LZ4, &file, &disk);
		}
		buf_done(&disk);
	}
}

static void independent_blocks_go_to_the_crew_and_linked_ones_do_not(void **state)
{
	static const struct reading how = {.threads = 2};
	LZ4F_preferences_t prefs = everything;
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf disk, got;

	(void)state;
	sample_disk(&disk, 5 * MIB, 3);
	add_frame(&file, disk.p, disk.len, &prefs);
	assert_int_equal(decode(CODEC_LZ4, file.p, file.len, &how, &got, &facts, &err), 0);
	assert_int_equal(facts.parallel, 80);
	assert_int_equal(facts.frames, 1);
	buf_done(&got);
	prefs.frameInfo.blockMode = LZ4F_blockLinked;
	buf_clear(&file);
	add_frame(&file, disk.p, disk.len, &prefs);
	assert_int_equal(decode(CODEC_LZ4, file.p, file.len, &how, &got, &facts, &err), 0);
	assert_int_equal(facts.parallel, 0);
	buf_done(&got);
	buf_done(&disk);
}

static void large_blocks_are_decoded_within_a_small_budget(void **state)
{
	static const struct reading how = {.threads = 2, .parallel_bytes = MIB};
	LZ4F_preferences_t prefs = {
		.frameInfo = {.blockSizeID = LZ4F_max4MB, .blockMode = LZ4F_blockIndependent}};
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf disk, got;

	(void)state;
	sample_disk(&disk, 13 * MIB, 4);
	add_frame(&file, disk.p, disk.len, &prefs);
	assert_int_equal(decode(CODEC_LZ4, file.p, file.len, &how, &got, &facts, &err), 0);
	assert_int_equal(got.len, disk.len);
	assert_memory_equal(got.p, disk.p, disk.len);
	buf_done(&got);
	buf_done(&disk);
}

/* Blocks of zeros take a way of their own. */
static void zeros_and_nearly_zeros_round_trip(void **state)
{
	static const size_t lengths[] = {13, 512, 65536, 65537, 4 * MIB, 4 * MIB + 1};
	struct buf disk = BUF_INIT;

	(void)state;
	assert_non_null(buf_reserve(&disk, 4 * MIB + 1));
	for (size_t i = 0; i < 6 * 8; i++) {
		dr_autobuf struct buf file = BUF_INIT;
		LZ4F_preferences_t prefs = {
			.frameInfo = {.blockSizeID = i & 1 ? LZ4F_max64KB : LZ4F_max4MB,
				      .blockMode = LZ4F_blockIndependent,
				      .blockChecksumFlag = LZ4F_blockChecksumEnabled,
				      .contentChecksumFlag = LZ4F_contentChecksumEnabled},
			.compressionLevel = i & 2 ? 9 : 0};

		disk.len = lengths[i / 8];
		memset(disk.p, 0, disk.len);
		if (i & 4)
			disk.p[disk.len * 2 / 3] = 1;
		add_frame(&file, disk.p, disk.len, &prefs);
		law_round_trip(CODEC_LZ4, &file, &disk);
	}
	disk.len = 4 * MIB + 1;
	memset(disk.p, 0, disk.len);
	for (size_t len = 4 * MIB; len <= disk.len; len++) {
		dr_autobuf struct buf file = BUF_INIT;

		disk.len = len;
		add_legacy(&file, disk.p, len);
		law_round_trip(CODEC_LZ4, &file, &disk);
	}
	buf_done(&disk);
}

static void damaged_blocks_of_zeros_are_corrupt(void **state)
{
	static const LZ4F_preferences_t prefs = {
		.frameInfo = {.blockSizeID = LZ4F_max64KB,
			      .blockMode = LZ4F_blockIndependent,
			      .blockChecksumFlag = LZ4F_blockChecksumEnabled,
			      .contentSize = 1}};
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk = BUF_INIT;

	(void)state;
	assert_non_null(buf_reserve(&disk, 512));
	memset(disk.p, 0, 512);
	disk.len = 512;
	add_frame(&file, disk.p, disk.len, &prefs);
	assert_int_equal(law_flips(CODEC_LZ4, &file, &disk), 8 * file.len);
	buf_done(&disk);
}

/* A small file of everything: skippable and empty frames, all checksums, linked blocks. The
 * lengths at which it may end are noted. */
static void make_mixed(struct buf *file, struct buf *disk, size_t ends[8])
{
	LZ4F_preferences_t plain = {.frameInfo = {.blockMode = LZ4F_blockLinked, .contentSize = 1}};
	size_t n = 0;

	*file = (struct buf)BUF_INIT;
	sample_disk(disk, 1024, 9);
	add_skippable(file, 5);
	add_frame(file, disk->p, 512, &everything);
	ends[n++] = file->len;
	add_skippable(file, 0);
	ends[n++] = file->len;
	add_frame(file, disk->p, 0, &everything);
	ends[n++] = file->len;
	add_frame(file, disk->p + 512, 512, &plain);
	ends[n++] = file->len;
	add_skippable(file, 3);
	ends[n] = 0;
}

static void frames_of_all_sorts_are_one_disk(void **state)
{
	struct buf file, disk;
	size_t ends[8];

	(void)state;
	make_mixed(&file, &disk, ends);
	law_round_trip(CODEC_LZ4, &file, &disk);
	law_round_trip(CODEC_SKIPPABLE, &file, &disk);
	buf_done(&file);
	buf_done(&disk);
}

static void cut_files_are_truncated_at_every_byte(void **state)
{
	struct buf file, disk;
	size_t ends[8];

	(void)state;
	make_mixed(&file, &disk, ends);
	/* Up to the end of the first skippable frame there is nothing: another word is due. */
	for (size_t len = 0; len < 13; len++) {
		static const struct reading how = {.fragment = 1};
		struct codec_facts facts;
		struct dr_err err;
		struct buf got;

		assert_int_equal(decode(CODEC_LZ4, file.p, len, &how, &got, &facts, &err), -1);
		assert_string_equal(err.reason, len == 0 ? "empty" : "truncated");
		buf_done(&got);
	}
	memmove(file.p, file.p + 13, file.len - 13);
	file.len -= 13;
	for (size_t i = 0; ends[i]; i++)
		ends[i] -= 13;
	law_truncation(CODEC_LZ4, &file, ends);
	buf_done(&file);
	buf_done(&disk);
}

static void flipped_bits_never_change_the_disk(void **state)
{
	static const struct {
		LZ4F_blockMode_t mode;
		unsigned block_sum, content_sum;
	} ways[] = {
		{LZ4F_blockIndependent, 1, 1},
		{LZ4F_blockLinked, 1, 0},
		{LZ4F_blockIndependent, 0, 1},
	};
	size_t refused;
	struct buf disk;

	(void)state;
	sample_text(&disk);
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		dr_autobuf struct buf file = BUF_INIT;
		LZ4F_preferences_t prefs = {
			.frameInfo = {.blockMode = ways[i].mode,
				      .blockChecksumFlag = ways[i].block_sum ? 1 : 0,
				      .contentChecksumFlag = ways[i].content_sum ? 1 : 0,
				      .contentSize = 1}};

		add_frame(&file, disk.p, disk.len, &prefs);
		refused = law_flips(CODEC_LZ4, &file, &disk);
		/* Without block checksums another coding of the same bytes is as good. */
		if (ways[i].block_sum)
			assert_int_equal(refused, 8 * file.len);
		else
			assert_true(refused > 7 * file.len);
	}
	buf_done(&disk);
}

static void legacy_frames_decode_alone_and_mixed(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;

	(void)state;
	sample_disk(&disk, 20 * MIB, 5);
	add_legacy(&file, disk.p, disk.len);
	law_round_trip(CODEC_LZ4, &file, &disk);
	buf_clear(&file);
	add_legacy(&file, disk.p, 9 * MIB);
	add_skippable(&file, 100);
	add_legacy(&file, disk.p + 9 * MIB, 512);
	add_frame(&file, disk.p + 9 * MIB + 512, MIB, &everything);
	add_legacy(&file, disk.p, 0);
	add_legacy(&file, disk.p + 10 * MIB + 512, 10 * MIB - 512);
	law_round_trip(CODEC_LZ4, &file, &disk);
	buf_done(&disk);
}

static void legacy_frames_need_a_known_length(void **state)
{
	static const struct reading unknown = {.length_unknown = true};
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf disk, got;

	(void)state;
	sample_disk(&disk, 4096, 6);
	add_legacy(&file, disk.p, disk.len);
	assert_int_equal(decode(CODEC_LZ4, file.p, file.len, &unknown, &got, &facts, &err), -1);
	assert_string_equal(err.reason, "length-unknown");
	buf_done(&got);
	buf_done(&disk);
}

static void cut_legacy_frames_are_truncated_inside_blocks(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 6);
	add_legacy(&file, disk.p, disk.len);
	/* With no block the frame is whole, and empty; that is another word. */
	for (size_t len = 1; len < file.len; len++) {
		static const struct reading how = {.fragment = 1};
		struct codec_facts facts;
		struct dr_err err;
		struct buf got;

		assert_int_equal(decode(CODEC_LZ4, file.p, len, &how, &got, &facts, &err), -1);
		assert_string_equal(err.reason, len == 4 ? "empty" : "truncated");
		buf_done(&got);
	}
	buf_done(&disk);
}

static void damaged_legacy_frames_are_corrupt(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;
	size_t body;

	(void)state;
	sample_disk(&disk, 4096, 6);
	/* A block larger than 8 MiB can become. */
	buf_le(&file, 0x184C2102, 4);
	buf_le(&file, (uint64_t)LZ4_compressBound(8 << 20) + 1, 4);
	law_refused(CODEC_LZ4, &file, "corrupt");
	buf_clear(&file);
	buf_le(&file, 0x184C2102, 4);
	buf_le(&file, 0x7FFFFFFF, 4);
	law_refused(CODEC_LZ4, &file, "corrupt");
	/* A block that does not decode. */
	buf_clear(&file);
	add_legacy(&file, disk.p, disk.len);
	file.p[8] ^= 0x0f;
	law_refused(CODEC_LZ4, &file, "corrupt");
	/* A short block that is not the last. */
	buf_clear(&file);
	add_legacy(&file, disk.p, disk.len);
	body = file.len - 4;
	assert_non_null(buf_reserve(&file, body));
	memcpy(file.p + file.len, file.p + 4, body);
	file.len += body;
	law_refused(CODEC_LZ4, &file, "corrupt");
	/* An empty block. */
	buf_clear(&file);
	buf_le(&file, 0x184C2102, 4);
	buf_le(&file, 0, 4);
	law_refused(CODEC_LZ4, &file, "corrupt");
	buf_done(&disk);
}

/* A frame header with its checksum right, whatever its flags say. */
static void put_header(struct buf *file, uint8_t flg, uint8_t bd, uint64_t extra, size_t extra_len)
{
	buf_clear(file);
	buf_le(file, 0x184D2204, 4);
	buf_putc(file, (char)flg);
	buf_putc(file, (char)bd);
	buf_le(file, extra, extra_len);
	buf_le(file, XXH32(file->p + 4, 2 + extra_len, 0) >> 8 & 0xff, 1);
}

static void headers_with_unknown_meaning_are_corrupt(void **state)
{
	static const struct {
		uint8_t flg, bd;
	} bad[] = {
		{0x20, 0x40}, {0xA0, 0x40}, {0xE0, 0x40},               /* version */
		{0x62, 0x40}, {0x60, 0xC0}, {0x60, 0x41}, {0x60, 0x48}, /* reserved bits */
		{0x60, 0x00}, {0x60, 0x10}, {0x60, 0x30},               /* block maximum */
	};
	dr_autobuf struct buf file = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		put_header(&file, bad[i].flg, bad[i].bd, 0, 0);
		buf_le(&file, 0, 4);
		law_refused(CODEC_LZ4, &file, "corrupt");
	}
	put_header(&file, 0x60, 0x40, 0, 0);
	file.p[6] ^= 1;
	buf_le(&file, 0, 4);
	law_refused(CODEC_LZ4, &file, "corrupt");
}

/* Linked blocks look back within their frame only. */
static void a_frame_may_not_refer_to_the_one_before(void **state)
{
	/* A literal, a match of four bytes that begins eight bytes back, five literals. */
	static const char block[] = "\x10"
				    "a"
				    "\x08\0\x50"
				    "bcdef";
	const LZ4F_preferences_t linked = {.frameInfo = {.blockMode = LZ4F_blockLinked}};
	dr_autobuf struct buf head = BUF_INIT, file = BUF_INIT;
	struct buf disk;

	(void)state;
	put_header(&head, 0x40, 0x40, 0, 0);
	buf_le(&head, sizeof block - 1, 4);
	buf_append(&head, block, sizeof block - 1);
	buf_le(&head, 0, 4);
	sample_disk(&disk, 100000, 1); /* a frame of one block is never linked */
	add_frame(&file, disk.p, disk.len, &linked);
	buf_append(&file, head.p, head.len);
	law_refused(CODEC_LZ4, &file, "corrupt");
	buf_done(&disk);
}

static void a_dictionary_is_refused(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;

	(void)state;
	put_header(&file, 0x61, 0x40, 77, 4);
	buf_le(&file, 0, 4);
	law_refused(CODEC_LZ4, &file, "needs-dictionary");
}

static void blocks_larger_than_their_maximum_are_corrupt(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf zeros = BUF_INIT;
	char packed[512];
	int n;

	(void)state;
	put_header(&file, 0x60, 0x40, 0, 0);
	buf_le(&file, 65537, 4);
	law_refused(CODEC_LZ4, &file, "corrupt");
	put_header(&file, 0x60, 0x40, 0, 0);
	buf_le(&file, 0x80000000U | 65537, 4);
	law_refused(CODEC_LZ4, &file, "corrupt");
	put_header(&file, 0x60, 0x40, 0, 0);
	buf_le(&file, 0x7FFFFFFF, 4);
	law_refused(CODEC_LZ4, &file, "corrupt");
	/* Small in the file, and one byte too many on the disk. */
	assert_non_null(buf_reserve(&zeros, 65537));
	memset(zeros.p, 0, 65537);
	n = LZ4_compress_default((const char *)zeros.p, packed, 65537, sizeof packed);
	assert_true(n > 0);
	put_header(&file, 0x60, 0x40, 0, 0);
	buf_le(&file, (uint64_t)n, 4);
	buf_append(&file, packed, (size_t)n);
	buf_le(&file, 0, 4);
	law_refused(CODEC_LZ4, &file, "corrupt");
	buf_done(&zeros);
}

static void a_content_size_that_lies_is_corrupt(void **state)
{
	struct buf disk, file;

	(void)state;
	sample_disk(&disk, 512, 2);
	for (unsigned flip = 1; flip <= 2; flip++) {
		LZ4F_preferences_t prefs = {.frameInfo = {.contentSize = 1}};

		file = (struct buf)BUF_INIT;
		add_frame(&file, disk.p, disk.len, &prefs);
		file.p[6] ^= (uint8_t)flip;
		file.p[14] = (uint8_t)(XXH32(file.p + 4, 10, 0) >> 8);
		law_refused(CODEC_LZ4, &file, "corrupt");
		buf_done(&file);
	}
	buf_done(&disk);
}

static void what_follows_the_last_frame_must_be_a_frame(void **state)
{
	static const char *const rests[] = {"\x05", "\x04\x22\x4D\x19", "\x28\xB5\x2F\xFD",
					    "some text"};
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 2);
	for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
		dr_autobuf struct buf file = BUF_INIT;

		add_frame(&file, disk.p, disk.len, &everything);
		buf_puts(&file, rests[i]);
		law_refused(CODEC_LZ4, &file, "trailing-data");
	}
	buf_done(&disk);
}

static void skippable_frames_are_bounded(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 2);
	for (unsigned i = 0; i < 64; i++)
		add_skippable(&file, i);
	add_frame(&file, disk.p, 256, &everything);
	for (unsigned i = 0; i < 64; i++)
		add_skippable(&file, i);
	add_frame(&file, disk.p + 256, 256, &everything);
	law_round_trip(CODEC_LZ4, &file, &disk);
	buf_clear(&file);
	for (unsigned i = 0; i < 65; i++)
		add_skippable(&file, i);
	add_frame(&file, disk.p, 512, &everything);
	law_refused(CODEC_LZ4, &file, "format-unsupported");
	/* A length is judged before that many bytes are awaited. */
	buf_clear(&file);
	buf_le(&file, 0x184D2A50, 4);
	buf_le(&file, 64 * MIB + 1, 4);
	law_refused(CODEC_LZ4, &file, "format-unsupported");
	buf_done(&disk);
}

static void no_data_at_all_is_empty(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;

	(void)state;
	law_refused(CODEC_LZ4, &file, "empty");
	add_skippable(&file, 12);
	law_refused(CODEC_LZ4, &file, "empty");
	law_refused(CODEC_SKIPPABLE, &file, "empty");
	add_frame(&file, "", 0, &everything);
	law_refused(CODEC_LZ4, &file, "empty");
	law_refused(CODEC_SKIPPABLE, &file, "empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frame_layout_round_trips),
		cmocka_unit_test(independent_blocks_go_to_the_crew_and_linked_ones_do_not),
		cmocka_unit_test(large_blocks_are_decoded_within_a_small_budget),
		cmocka_unit_test(zeros_and_nearly_zeros_round_trip),
		cmocka_unit_test(damaged_blocks_of_zeros_are_corrupt),
		cmocka_unit_test(frames_of_all_sorts_are_one_disk),
		cmocka_unit_test(cut_files_are_truncated_at_every_byte),
		cmocka_unit_test(flipped_bits_never_change_the_disk),
		cmocka_unit_test(legacy_frames_decode_alone_and_mixed),
		cmocka_unit_test(legacy_frames_need_a_known_length),
		cmocka_unit_test(cut_legacy_frames_are_truncated_inside_blocks),
		cmocka_unit_test(damaged_legacy_frames_are_corrupt),
		cmocka_unit_test(headers_with_unknown_meaning_are_corrupt),
		cmocka_unit_test(a_frame_may_not_refer_to_the_one_before),
		cmocka_unit_test(a_dictionary_is_refused),
		cmocka_unit_test(blocks_larger_than_their_maximum_are_corrupt),
		cmocka_unit_test(a_content_size_that_lies_is_corrupt),
		cmocka_unit_test(what_follows_the_last_frame_must_be_a_frame),
		cmocka_unit_test(skippable_frames_are_bounded),
		cmocka_unit_test(no_data_at_all_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
