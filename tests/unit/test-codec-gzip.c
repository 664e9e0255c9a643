/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <zlib.h>

#include "codec-samples.h"

#include "util/banned.h"

#define FHCRC 0x02
#define FEXTRA 0x04
#define FNAME 0x08
#define FCOMMENT 0x10

static void add_body(struct buf *file, const void *p, size_t len)
{
	z_stream z = {0};
	uint8_t *to;
	size_t bound;

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
	bound = deflateBound(&z, len) + 16;
	to = buf_reserve(file, bound);
	assert_non_null(to);
	memcpy(&z.next_in, &p, sizeof p);
	z.avail_in = (unsigned)len;
	z.next_out = to;
	z.avail_out = (unsigned)bound;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	file->len += bound - z.avail_out;
	deflateEnd(&z);
	buf_le(file, crc32(0, p, (unsigned)len), 4);
	buf_le(file, len, 4);
}

/* A header with the fields that `flags` name, text of `text` characters each. */
static void add_header(struct buf *file, unsigned flags, size_t text)
{
	size_t start = file->len;

	buf_append(file, "\x1f\x8b\x08", 3);
	buf_putc(file, (char)flags);
	buf_append(file, "\1\2\3\4\0\3", 6);
	if (flags & FEXTRA) {
		buf_le(file, text < 65535 ? text : 65535, 2);
		for (size_t i = 0; i < text && i < 65535; i++)
			buf_putc(file, 0);
	}
	for (unsigned flag = FNAME; flag <= FCOMMENT; flag *= 2) {
		if (!(flags & flag))
			continue;
		for (size_t i = 0; i < text; i++)
			buf_putc(file, 'n');
		buf_putc(file, 0);
	}
	if (flags & FHCRC)
		buf_le(file, crc32(0, file->p + start, (unsigned)(file->len - start)) & 0xffff, 2);
}

static void add_member(struct buf *file, const void *p, size_t len)
{
	add_header(file, 0, 0);
	add_body(file, p, len);
}

static void members_are_one_disk(void **state)
{
	static const struct reading how = {0};
	dr_autobuf struct buf file = BUF_INIT;
	struct codec_facts facts;
	struct dr_err err;
	struct buf disk, got;

	(void)state;
	sample_disk(&disk, MIB, 1);
	add_member(&file, disk.p, 100000);
	add_member(&file, disk.p, 0);
	add_member(&file, disk.p + 100000, disk.len - 100000);
	law_round_trip(CODEC_GZIP, &file, &disk);
	assert_int_equal(decode(CODEC_GZIP, file.p, file.len, &how, &got, &facts, &err), 0);
	assert_int_equal(facts.frames, 3);
	buf_done(&got);
	buf_done(&disk);
}

static void optional_header_fields_are_passed(void **state)
{
	struct buf disk;

	(void)state;
	sample_disk(&disk, 1024, 2);
	for (unsigned flags = 0; flags < 32; flags++) {
		dr_autobuf struct buf file = BUF_INIT;

		add_header(&file, flags, 20);
		add_body(&file, disk.p, disk.len);
		law_round_trip(CODEC_GZIP, &file, &disk);
		buf_clear(&file);
		add_header(&file, flags, 65536);
		add_body(&file, disk.p, disk.len);
		law_round_trip(CODEC_GZIP, &file, &disk);
	}
	buf_done(&disk);
}

static void header_fields_over_64_kib_are_corrupt(void **state)
{
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 2);
	for (unsigned flag = FNAME; flag <= FCOMMENT; flag *= 2) {
		dr_autobuf struct buf file = BUF_INIT;

		add_header(&file, flag, 65537);
		add_body(&file, disk.p, disk.len);
		law_refused(CODEC_GZIP, &file, "corrupt");
	}
	buf_done(&disk);
}

static void headers_with_unknown_meaning_are_corrupt(void **state)
{
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 2);
	for (unsigned flag = 0x20; flag <= 0x80; flag *= 2) {
		dr_autobuf struct buf file = BUF_INIT;

		add_header(&file, flag, 0);
		add_body(&file, disk.p, disk.len);
		law_refused(CODEC_GZIP, &file, "corrupt");
	}
	for (unsigned second = 0; second < 2; second++) {
		dr_autobuf struct buf file = BUF_INIT;
		size_t start;

		if (second)
			add_member(&file, disk.p, disk.len);
		start = file.len;
		add_member(&file, disk.p, disk.len);
		file.p[start + 2] = 7; /* the method */
		law_refused(CODEC_GZIP, &file, "corrupt");
	}
	buf_done(&disk);
}

static void wrong_checksums_and_lengths_are_corrupt(void **state)
{
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 2);
	for (size_t back = 1; back <= 8; back++) {
		dr_autobuf struct buf file = BUF_INIT;

		add_member(&file, disk.p, disk.len);
		file.p[file.len - back] ^= 0x10;
		law_refused(CODEC_GZIP, &file, "corrupt");
		/* Also when a good member follows. */
		add_member(&file, disk.p, disk.len);
		law_refused(CODEC_GZIP, &file, "corrupt");
	}
	for (size_t off = 4; off < 10; off++) {
		dr_autobuf struct buf file = BUF_INIT;

		add_header(&file, FHCRC, 0);
		add_body(&file, disk.p, disk.len);
		file.p[off] ^= 0x10;
		law_refused(CODEC_GZIP, &file, "corrupt");
	}
	buf_done(&disk);
}

static void zeros_after_the_last_member_are_accepted(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct buf disk;

	(void)state;
	sample_disk(&disk, 512, 3);
	add_member(&file, disk.p, disk.len);
	for (size_t n = 1; n < 1500; n += 499) {
		buf_be(&file, 0, 1);
		for (size_t i = 0; i < n; i++)
			buf_putc(&file, 0);
		law_round_trip(CODEC_GZIP, &file, &disk);
	}
	/* But nothing after them, and nothing else. */
	add_member(&file, disk.p, disk.len);
	law_refused(CODEC_GZIP, &file, "trailing-data");
	buf_clear(&file);
	add_member(&file, disk.p, disk.len);
	buf_puts(&file, "x");
	law_refused(CODEC_GZIP, &file, "trailing-data");
	buf_done(&disk);
}

static void make_members(struct buf *file, struct buf *disk, size_t ends[8])
{
	*file = (struct buf)BUF_INIT;
	sample_disk(disk, 1024, 4);
	add_header(file, FEXTRA | FNAME | FHCRC, 3);
	add_body(file, disk->p, 512);
	ends[0] = file->len;
	add_member(file, disk->p + 512, 512);
	ends[1] = 0;
}

static void cut_files_are_truncated_at_every_byte(void **state)
{
	struct buf file, disk;
	size_t ends[8];

	(void)state;
	make_members(&file, &disk, ends);
	law_truncation(CODEC_GZIP, &file, ends);
	buf_done(&file);
	buf_done(&disk);
}

static void flipped_bits_never_change_the_disk(void **state)
{
	struct buf file, disk;
	size_t ends[8];

	(void)state;
	make_members(&file, &disk, ends);
	/* Time and system in a header without checksum mean nothing to us. */
	assert_true(law_flips(CODEC_GZIP, &file, &disk) > 7 * file.len);
	buf_done(&file);
	buf_done(&disk);
}

static void no_data_at_all_is_empty(void **state)
{
	dr_autobuf struct buf file = BUF_INIT;

	(void)state;
	law_refused(CODEC_GZIP, &file, "empty");
	add_member(&file, "", 0);
	law_refused(CODEC_GZIP, &file, "empty");
	buf_putc(&file, 0);
	law_refused(CODEC_GZIP, &file, "empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_one_disk),
		cmocka_unit_test(optional_header_fields_are_passed),
		cmocka_unit_test(header_fields_over_64_kib_are_corrupt),
		cmocka_unit_test(headers_with_unknown_meaning_are_corrupt),
		cmocka_unit_test(wrong_checksums_and_lengths_are_corrupt),
		cmocka_unit_test(zeros_after_the_last_member_are_accepted),
		cmocka_unit_test(cut_files_are_truncated_at_every_byte),
		cmocka_unit_test(flipped_bits_never_change_the_disk),
		cmocka_unit_test(no_data_at_all_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
