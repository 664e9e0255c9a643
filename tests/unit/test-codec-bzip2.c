/* SPDX-License-Identifier: Apache-2.0 */
#include <bzlib.h>
#include <string.h>

#include "codec-samples.h"

#include "util/banned.h"

static void add_stream(struct buf *file, uint8_t *p, size_t len, int level)
{
	unsigned n = (unsigned)(len + len / 50 + 1000);
	uint8_t *to = buf_reserve(file, n);

	assert_non_null(to);
	assert_int_equal(
		BZ2_bzBuffToBuffCompress((char *)to, &n, (char *)p, (unsigned)len, level, 0, 0),
		BZ_OK);
	file->len += n;
}

static void streams_are_one_disk(void **state)
{
	static const struct reading how = {0};
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf disk, got;

	(void)state;
	sample_disk(&disk, MIB, 1);
	add_stream(&file, disk.p, 300000, 1);
	add_stream(&file, disk.p, 0, 5);
	add_stream(&file, disk.p + 300000, disk.len - 300000, 9);
	law_round_trip(CODEC_BZIP2, &file, &disk);
	assert_int_equal(decode(CODEC_BZIP2, file.p, file.len, &how, &got, &facts, &err), 0);
	assert_int_equal(facts.frames, 3);
	buf_done(&got);
	buf_done(&disk);
}

static void make_streams(struct buf *file, struct buf *disk, size_t ends[8])
{
	*file = (struct buf)BUF_INIT;
	sample_disk(disk, 1024, 4);
	add_stream(file, disk->p, 512, 1);
	ends[0] = file->len;
	add_stream(file, disk->p + 512, 512, 9);
	ends[1] = 0;
}

static void cut_files_are_truncated_at_every_byte(void **state)
{
	struct buf file, disk;
	size_t ends[8];

	(void)state;
	make_streams(&file, &disk, ends);
	law_truncation(CODEC_BZIP2, &file, ends);
	buf_done(&file);
	buf_done(&disk);
}

static void flipped_bits_never_change_the_disk(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;

	(void)state;
	sample_text(&disk);
	add_stream(&file, disk.p, disk.len, 1);
	/* The level and the bits that fill the last byte may be others. */
	assert_true(law_flips(CODEC_BZIP2, &file, &disk) > 7 * file.len);
	buf_done(&disk);
}

static void what_follows_the_last_stream_must_be_a_stream(void **state)
{
	static const char rests[][5] = {"\0", "\0\0\0\0", "BZx9", "BZh0", "text"};
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 2);
	for (unsigned i = 0; i < sizeof rests / sizeof rests[0]; i++) {
		dr_autobuf struct buf file = BUF_INIT;

		add_stream(&file, disk.p, disk.len, 9);
		buf_append(&file, rests[i], i == 0 ? 1 : 4);
		law_refused(CODEC_BZIP2, &file, "trailing-data");
	}
	buf_done(&disk);
}

static void damaged_streams_are_corrupt(void **state)
{
	/* In the mark of a block, in its CRC, in its data. */
	static const size_t offsets[] = {5, 11, 40, 200};
	struct buf disk;

	(void)state;
	sample_disk(&disk, 4096, 2);
	for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
		dr_autobuf struct buf file = BUF_INIT;

		add_stream(&file, disk.p, disk.len, 9);
		file.p[offsets[i]] ^= 0x10;
		law_refused(CODEC_BZIP2, &file, "corrupt");
	}
	buf_done(&disk);
}

static void no_data_at_all_is_empty(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	uint8_t nothing = 0;

	(void)state;
	law_refused(CODEC_BZIP2, &file, "empty");
	add_stream(&file, &nothing, 0, 9);
	law_refused(CODEC_BZIP2, &file, "empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_one_disk),
		cmocka_unit_test(cut_files_are_truncated_at_every_byte),
		cmocka_unit_test(flipped_bits_never_change_the_disk),
		cmocka_unit_test(what_follows_the_last_stream_must_be_a_stream),
		cmocka_unit_test(damaged_streams_are_corrupt),
		cmocka_unit_test(no_data_at_all_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
