/* SPDX-License-Identifier: Apache-2.0 */
#include <lzma.h>
#include <string.h>

#include "codec-samples.h"

#include "util/banned.h"

static void encode(lzma_stream *strm, struct buf *file, const void *p, size_t len, size_t bound)
{
	lzma_ret rc = LZMA_OK;

	strm->next_in = p;
	strm->avail_in = len;
	strm->next_out = buf_reserve(file, bound);
	strm->avail_out = bound;
	assert_non_null(strm->next_out);
	while (rc == LZMA_OK)
		rc = lzma_code(strm, LZMA_FINISH);
	assert_int_equal(rc, LZMA_STREAM_END);
	file->len += bound - strm->avail_out;
	lzma_end(strm);
}

/* One stream of one block whose header says no sizes. */
static void add_stream(struct buf *file, const void *p, size_t len, uint32_t preset,
		       lzma_check check)
{
	size_t bound = lzma_stream_buffer_bound(len);
	lzma_stream strm = LZMA_STREAM_INIT;

	assert_int_equal(lzma_easy_encoder(&strm, preset, check), LZMA_OK);
	encode(&strm, file, p, len, bound);
}

/* One stream of several blocks with sizes in their headers, as "xz -T" writes it. */
static void add_blocks(struct buf *file, const void *p, size_t len, uint64_t block_size)
{
	size_t bound = lzma_stream_buffer_bound(len) + (len / block_size + 1) * 1024;
	const lzma_mt mt = {.threads = 1, .block_size = block_size, .check = LZMA_CHECK_CRC64};
	lzma_stream strm = LZMA_STREAM_INIT;

	assert_int_equal(lzma_stream_encoder_mt(&strm, &mt), LZMA_OK);
	encode(&strm, file, p, len, bound);
}

static void add_zeros(struct buf *file, size_t n)
{
	buf_be(file, 0, n);
}

/* The CRC32 that follows the n bytes at off, after they were changed. */
static void fix_crc(struct buf *file, size_t off, size_t n)
{
	uint32_t crc = lzma_crc32(file->p + off, n, 0);

	for (unsigned i = 0; i < 4; i++)
		file->p[off + n + i] = (uint8_t)(crc >> (8 * i));
}

static void every_check_and_preset_round_trips(void **state)
{
	static const lzma_check checks[] = {LZMA_CHECK_NONE, LZMA_CHECK_CRC32, LZMA_CHECK_CRC64,
					    LZMA_CHECK_SHA256};
	struct buf disk;

	(void)state;
	sample_disk(&disk, 100 * 512, 1);
	for (uint32_t i = 0; i < 4; i++) {
		dr_autobuf struct buf file = BUF_INIT;

		add_stream(&file, disk.p, disk.len, 2 * i, checks[i]);
		law_round_trip(CODEC_XZ, &file, &disk);
	}
	buf_done(&disk);
}

static void delta_and_branch_filters_are_understood(void **state)
{
	static const lzma_vli branch[] = {LZMA_FILTER_X86,  LZMA_FILTER_POWERPC,  LZMA_FILTER_IA64,
					  LZMA_FILTER_ARM,  LZMA_FILTER_ARMTHUMB, LZMA_FILTER_SPARC,
					  LZMA_FILTER_ARM64};
	lzma_options_delta delta = {.type = LZMA_DELTA_TYPE_BYTE, .dist = 4};
	lzma_options_lzma lzma2;
	struct buf disk;

	(void)state;
	assert_false(lzma_lzma_preset(&lzma2, 0));
	sample_disk(&disk, 64 * 512, 2);
	for (size_t i = 0; i < sizeof branch / sizeof branch[0]; i++) {
		lzma_filter filters[] = {{LZMA_FILTER_DELTA, &delta},
					 {branch[i], NULL},
					 {LZMA_FILTER_LZMA2, &lzma2},
					 {LZMA_VLI_UNKNOWN, NULL}};
		dr_autobuf struct buf file = BUF_INIT;
		size_t bound = lzma_stream_buffer_bound(disk.len), n = 0;
		uint8_t *to = buf_reserve(&file, bound);

		assert_int_equal(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, disk.p,
							   disk.len, to, &n, bound),
				 LZMA_OK);
		file.len = n;
		law_round_trip(CODEC_XZ, &file, &disk);
	}
	buf_done(&disk);
}

static void sized_blocks_go_to_the_crew(void **state)
{
	static const struct reading serial = {0}, parallel = {.threads = 2};
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf disk, got;

	(void)state;
	sample_disk(&disk, MIB, 3);
	add_blocks(&file, disk.p, disk.len, 64 << 10);
	law_round_trip(CODEC_XZ, &file, &disk);
	assert_int_equal(decode(CODEC_XZ, file.p, file.len, &serial, &got, &facts, &err), 0);
	assert_int_equal(facts.parallel, 0);
	buf_done(&got);
	assert_int_equal(decode(CODEC_XZ, file.p, file.len, &parallel, &got, &facts, &err), 0);
	assert_int_equal(facts.parallel, 16);
	assert_int_equal(facts.frames, 1);
	assert_false(facts.no_checksum);
	buf_done(&got);
	buf_done(&disk);
}

/* Blocks of both sorts in one file keep their order. */
static void sized_and_unsized_blocks_mix(void **state)
{
	static const struct reading parallel = {.threads = 2};
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf disk, got;

	(void)state;
	sample_disk(&disk, MIB, 4);
	add_blocks(&file, disk.p, 300000, 64 << 10);
	add_stream(&file, disk.p + 300000, 300000, 0, LZMA_CHECK_CRC32);
	add_zeros(&file, 4);
	add_blocks(&file, disk.p + 600000, disk.len - 600000, 100000);
	law_round_trip(CODEC_XZ, &file, &disk);
	assert_int_equal(decode(CODEC_XZ, file.p, file.len, &parallel, &got, &facts, &err), 0);
	assert_int_equal(facts.frames, 3);
	assert_int_equal(facts.parallel, 5 + 5);
	buf_done(&got);
	buf_done(&disk);
}

static void blocks_over_the_budget_are_decoded_by_the_reader(void **state)
{
	/* A block of 64 KiB with its dictionary of 256 KiB fits, two do not. */
	static const struct reading tight = {.threads = 2, .parallel_bytes = MIB / 2};
	/* Two at a time fit, so not all slots are used. */
	static const struct reading two = {.threads = 4, .parallel_bytes = MIB};
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf disk, got;

	(void)state;
	sample_disk(&disk, MIB, 5);
	add_blocks(&file, disk.p, disk.len, 64 << 10);
	assert_int_equal(decode(CODEC_XZ, file.p, file.len, &tight, &got, &facts, &err), 0);
	assert_int_equal(facts.parallel, 0);
	assert_memory_equal(got.p, disk.p, disk.len);
	buf_done(&got);
	assert_int_equal(decode(CODEC_XZ, file.p, file.len, &two, &got, &facts, &err), 0);
	assert_int_equal(facts.parallel, 16);
	assert_int_equal(got.len, disk.len);
	assert_memory_equal(got.p, disk.p, disk.len);
	buf_done(&got);
	buf_done(&disk);
}

/* Two streams, padding between and after: every place where the file may end is noted. */
static void make_padded(struct buf *file, struct buf *disk, size_t ends[8])
{
	size_t n = 0;

	*file = (struct buf)BUF_INIT;
	sample_disk(disk, 1024, 6);
	add_blocks(file, disk->p, 512, 256);
	ends[n++] = file->len;
	add_zeros(file, 4);
	ends[n++] = file->len;
	add_zeros(file, 4);
	ends[n++] = file->len;
	add_stream(file, disk->p + 512, 512, 0, LZMA_CHECK_CRC32);
	ends[n++] = file->len;
	add_zeros(file, 8);
	ends[n++] = file->len - 4;
	ends[n] = 0;
}

static void padding_of_four_zeros_stands_between_and_after_streams(void **state)
{
	struct buf file, disk;
	size_t ends[8];

	(void)state;
	make_padded(&file, &disk, ends);
	law_round_trip(CODEC_XZ, &file, &disk);
	buf_done(&file);
	buf_done(&disk);
}

static void other_padding_is_corrupt(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 7);
	add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC32);
	add_zeros(&file, 3);
	law_refused(CODEC_XZ, &file, "corrupt");
	add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC32);
	law_refused(CODEC_XZ, &file, "corrupt");
	/* Padding may not come first. */
	buf_clear(&file);
	add_zeros(&file, 4);
	add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC32);
	law_refused(CODEC_XZ, &file, "corrupt");
	buf_done(&disk);
}

static void cut_files_are_truncated_at_every_byte(void **state)
{
	struct buf file, disk;
	size_t ends[8];

	(void)state;
	make_padded(&file, &disk, ends);
	for (size_t len = 0, i = 0; len <= file.len; len++) {
		static const struct reading hows[] = {{0}, {.fragment = 1, .threads = 1}};
		bool whole = len == file.len;
		/* One to three bytes of padding are the wrong number of them. */
		bool padding = (len > ends[0] && len < ends[2]) || len > ends[3];

		while (ends[i] && ends[i] < len)
			i++;
		whole |= len > 0 && ends[i] == len;
		for (size_t k = 0; k < 2; k++) {
			struct codec_facts facts;
			struct dr_err err;
			struct buf got;
			int rc = decode(CODEC_XZ, file.p, len, &hows[k], &got, &facts, &err);

			assert_int_equal(rc, whole ? 0 : -1);
			if (!whole)
				assert_string_equal(err.reason, len == 0  ? "empty"
								: padding ? "corrupt"
									  : "truncated");
			buf_done(&got);
		}
	}
	buf_done(&file);
	buf_done(&disk);
}

static void every_flipped_bit_is_noticed(void **state)
{
	struct buf file, disk;
	size_t ends[8];

	(void)state;
	make_padded(&file, &disk, ends);
	assert_int_equal(law_flips(CODEC_XZ, &file, &disk), 8 * file.len);
	buf_done(&file);
	buf_done(&disk);
}

static void what_follows_the_last_stream_must_be_a_stream(void **state)
{
	static const char *const rests[] = {"\x1f\x8b\x08", "\xfd\x37zXY", "some text"};
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 8);
	for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
		dr_autobuf struct buf file = BUF_INIT;

		add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC32);
		add_zeros(&file, 4);
		buf_puts(&file, rests[i]);
		law_refused(CODEC_XZ, &file, "trailing-data");
	}
	buf_done(&disk);
}

static void a_stream_without_check_is_a_fact(void **state)
{
	static const struct reading how = {0};
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf disk, got;

	(void)state;
	sample_disk(&disk, 512, 8);
	add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_NONE);
	add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC64);
	assert_int_equal(decode(CODEC_XZ, file.p, file.len, &how, &got, &facts, &err), 0);
	assert_true(facts.no_checksum);
	buf_done(&got);
	buf_done(&disk);
}

static void checks_that_cannot_be_verified_are_refused(void **state)
{
	static const uint8_t known[] = {0, 1, 4, 10};
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 8);
	for (uint8_t id = 0; id < 16; id++) {
		dr_autobuf struct buf file = BUF_INIT;

		if (memchr(known, id, sizeof known))
			continue;
		add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC64);
		file.p[7] = id;
		fix_crc(&file, 6, 2);
		law_refused(CODEC_XZ, &file, "unsupported-check");
	}
	buf_done(&disk);
}

static void flags_of_the_future_are_refused(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 8);
	add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC64);
	file.p[6] = 1;
	fix_crc(&file, 6, 2);
	law_refused(CODEC_XZ, &file, "format-unsupported");
	/* the reserved bits of a block's flags */
	for (unsigned bit = 2; bit < 6; bit++) {
		buf_clear(&file);
		add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC64);
		file.p[13] |= (uint8_t)(1U << bit);
		fix_crc(&file, 12, 8);
		law_refused(CODEC_XZ, &file, "format-unsupported");
	}
	buf_done(&disk);
}

static void filters_that_are_not_known_are_refused(void **state)
{
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 8);
	/* The block header begins at 12: size, flags, filter id, size of properties, properties. */
	for (uint8_t id = 0x20; id < 0x30; id++) {
		dr_autobuf struct buf file = BUF_INIT;

		if (id == LZMA_FILTER_LZMA2)
			continue;
		add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC64);
		assert_int_equal(file.p[14], LZMA_FILTER_LZMA2);
		file.p[14] = id;
		fix_crc(&file, 12, 8);
		law_refused(CODEC_XZ, &file, "unsupported-filter");
	}
	buf_done(&disk);
}

/* A chain that ends in delta decodes nothing. */
static void chains_that_make_no_sense_are_refused(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 8);
	add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC64);
	file.p[14] = LZMA_FILTER_DELTA;
	fix_crc(&file, 12, 8);
	law_refused(CODEC_XZ, &file, "unsupported-filter");
	buf_done(&disk);
}

static void a_dictionary_over_the_limit_is_refused_with_both_numbers(void **state)
{
	static const struct reading small = {.memory_bytes = 64 * MIB};
	static const struct reading enough = {.memory_bytes = 66 * MIB};
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf disk, got;

	(void)state;
	sample_disk(&disk, 512, 8);
	add_stream(&file, disk.p, disk.len, 9, LZMA_CHECK_CRC64);
	assert_int_equal(decode(CODEC_XZ, file.p, file.len, &small, &got, &facts, &err), -1);
	assert_string_equal(err.reason, "needs-memory");
	assert_non_null(strstr(err.msg, " 67108864 "));
	assert_int_equal(err.code, DR_LIMIT);
	buf_done(&got);
	assert_int_equal(decode(CODEC_XZ, file.p, file.len, &enough, &got, &facts, &err), 0);
	buf_done(&got);
	/* 1.5 GiB for a few bytes: only the header is believed. */
	file.p[16] = 37;
	fix_crc(&file, 12, 8);
	law_refused(CODEC_XZ, &file, "needs-memory");
	buf_done(&disk);
}

static void an_index_that_lies_is_corrupt(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;
	size_t index;

	(void)state;
	sample_disk(&disk, 512, 8);
	add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC32);
	/* Indicator, number of records, unpadded size (2 bytes), uncompressed size 512 (2 bytes),
	 * padding to 8, CRC32; the footer of 12 bytes follows. */
	index = file.len - 12 - 12;
	assert_int_equal(file.p[index], 0);
	assert_int_equal(file.p[index + 4], 0x80);
	file.p[index + 4] = 0x81;
	fix_crc(&file, index, 8);
	law_refused(CODEC_XZ, &file, "corrupt");
	buf_done(&disk);
}

static void a_footer_that_lies_is_corrupt(void **state)
{
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 8);
	/* CRC32, backward size (4), flags (2), magic: first the size, then the check id. */
	for (size_t off = 4; off <= 9; off += 5) {
		dr_autobuf struct buf file = BUF_INIT;
		uint8_t *footer;
		uint32_t crc;

		add_stream(&file, disk.p, disk.len, 0, LZMA_CHECK_CRC32);
		footer = file.p + file.len - 12;
		footer[off] ^= 5;
		crc = lzma_crc32(footer + 4, 6, 0);
		for (unsigned i = 0; i < 4; i++)
			footer[i] = (uint8_t)(crc >> (8 * i));
		law_refused(CODEC_XZ, &file, "corrupt");
	}
	buf_done(&disk);
}

/* Block headers that announce sizes near 2^63 are neither believed nor added up carelessly. */
static void absurd_sizes_in_block_headers_do_no_harm(void **state)
{
	static const struct {
		lzma_vli packed, plain;
	} sizes[] = {
		{100, LZMA_VLI_MAX},
		{LZMA_VLI_MAX - 1100, 512},
		{LZMA_VLI_MAX - 1100, LZMA_VLI_MAX},
		{(uint64_t)1 << 40, (uint64_t)1 << 40},
	};
	lzma_options_lzma lzma2;
	lzma_filter filters[] = {{LZMA_FILTER_LZMA2, &lzma2}, {LZMA_VLI_UNKNOWN, NULL}};

	(void)state;
	assert_false(lzma_lzma_preset(&lzma2, 0));
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		lzma_stream_flags flags = {.check = LZMA_CHECK_CRC32};
		lzma_block block = {.check = LZMA_CHECK_CRC32,
				    .filters = filters,
				    .compressed_size = sizes[i].packed,
				    .uncompressed_size = sizes[i].plain};
		dr_autobuf struct buf file = BUF_INIT;

		assert_int_equal(lzma_stream_header_encode(&flags, buf_reserve(&file, 12)),
				 LZMA_OK);
		file.len = 12;
		assert_int_equal(lzma_block_header_size(&block), LZMA_OK);
		assert_int_equal(
			lzma_block_header_encode(&block, buf_reserve(&file, block.header_size)),
			LZMA_OK);
		file.len += block.header_size;
		law_refused(CODEC_XZ, &file, "truncated");
	}
}

static void no_data_at_all_is_empty(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;

	(void)state;
	law_refused(CODEC_XZ, &file, "empty");
	add_stream(&file, "", 0, 0, LZMA_CHECK_CRC32);
	law_refused(CODEC_XZ, &file, "empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_check_and_preset_round_trips),
		cmocka_unit_test(delta_and_branch_filters_are_understood),
		cmocka_unit_test(sized_blocks_go_to_the_crew),
		cmocka_unit_test(sized_and_unsized_blocks_mix),
		cmocka_unit_test(blocks_over_the_budget_are_decoded_by_the_reader),
		cmocka_unit_test(padding_of_four_zeros_stands_between_and_after_streams),
		cmocka_unit_test(other_padding_is_corrupt),
		cmocka_unit_test(cut_files_are_truncated_at_every_byte),
		cmocka_unit_test(every_flipped_bit_is_noticed),
		cmocka_unit_test(what_follows_the_last_stream_must_be_a_stream),
		cmocka_unit_test(a_stream_without_check_is_a_fact),
		cmocka_unit_test(checks_that_cannot_be_verified_are_refused),
		cmocka_unit_test(flags_of_the_future_are_refused),
		cmocka_unit_test(filters_that_are_not_known_are_refused),
		cmocka_unit_test(chains_that_make_no_sense_are_refused),
		cmocka_unit_test(a_dictionary_over_the_limit_is_refused_with_both_numbers),
		cmocka_unit_test(an_index_that_lies_is_corrupt),
		cmocka_unit_test(a_footer_that_lies_is_corrupt),
		cmocka_unit_test(absurd_sizes_in_block_headers_do_no_harm),
		cmocka_unit_test(no_data_at_all_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
