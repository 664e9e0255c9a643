/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "detect/detect.h"
#include "unit.h"

#include "util/banned.h"

/* A head of 68 KiB of zeros with some bytes set. */
static uint8_t disk[DETECT_HEAD_BYTES];

static void put(size_t off, const void *p, size_t len)
{
	memcpy(disk + off, p, len);
}

static int clear_disk(void **state)
{
	(void)state;
	memset(disk, 0, sizeof disk);
	return 0;
}

static void expect_class(enum detect_level level, enum detect_class want)
{
	const struct detect_head head = {.p = disk, .len = sizeof disk};
	struct dr_err err = DR_ERR_INIT;
	enum detect_class got;

	if (detect_head_class(&head, level, &got, &err) < 0)
		fail_msg("%s: %s", err.reason, err.msg);
	assert_string_equal(detect_class_name(got), detect_class_name(want));
}

static void expect_reason(enum detect_level level, const char *want)
{
	const struct detect_head head = {.p = disk, .len = sizeof disk};
	struct dr_err err = DR_ERR_INIT;
	enum detect_class got;

	if (detect_head_class(&head, level, &got, &err) == 0)
		fail_msg("taken as %s, where %s was due", detect_class_name(got), want);
	assert_string_equal(err.reason, want);
	assert_true(err.msg[0] != '\0');
}

struct row {
	size_t off;
	const char *bytes;
	size_t len;
	const char *outer;  /* a class, or a refusal */
	const char *nested; /* below another layer */
};

#define BYTES(s) (s), sizeof(s) - 1
#define LZMA_HEAD "\x5D\0\0\x80\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0"
#define CPIO_HEAD "\xC7\x71\1\2\3\4\5\6\7\10\1\2\3\4\5\6\7\10\1\2\3\0\0\0\0\0a.\0"

/* The table of hardening.md section 1.1, row by row. */
static const struct row codecs[] = {
	{0, BYTES("\x04\x22\x4D\x18"), "lz4", "nested-compression"},
	{0, BYTES("\x02\x21\x4C\x18"), "lz4-legacy", "nested-compression"},
	{0, BYTES("\x28\xB5\x2F\xFD"), "zstd", "nested-compression"},
	{0, BYTES("\xFD\x37\x7A\x58\x5A\x00"), "xz", "nested-compression"},
	{0, BYTES("\x1F\x8B\x08"), "gzip", "nested-compression"},
	{0, BYTES("BZh1\x31\x41\x59\x26\x53\x59"), "bzip2", "nested-compression"},
	{0, BYTES("BZh9\x17\x72\x45\x38\x50\x90"), "bzip2", "nested-compression"},
};

static const struct row refused[] = {
	{0, BYTES("QED\0"), "format-qed", "nested-image"},
	{0, BYTES("QFI\xFB\0\0\0\1"), "format-qcow1", "nested-image"},
	{0, BYTES("QFI\xFB\0\0\0\0"), "qcow2-version", "qcow2-version"},
	{0, BYTES("QFI\xFB\0\0\0\4"), "qcow2-version", "qcow2-version"},
	{0, BYTES("QFI\xFB\xff\xff\xff\xff"), "qcow2-version", "qcow2-version"},
	{0, BYTES("KDMV"), "format-vmdk", "format-vmdk"},
	{0, BYTES("COWD"), "format-vmdk", "format-vmdk"},
	{0, BYTES("# Disk DescriptorFile"), "format-vmdk", "format-vmdk"},
	{0, BYTES("# x\n   \n#\nversion=1\n"), "format-vmdk", "format-vmdk"},
	{0, BYTES("version=3\r\n"), "format-vmdk", "format-vmdk"},
	{0, BYTES("conectix"), "format-vhd", "format-vhd"},
	{0, BYTES("vhdxfile"), "format-vhdx", "format-vhdx"},
	{0x40, BYTES("\x7F\x10\xDA\xBE"), "format-vdi", "format-vdi"},
	{0, BYTES("WithoutFreeSpace"), "format-parallels", "format-parallels"},
	{0, BYTES("WithouFreSpacExt"), "format-parallels", "format-parallels"},
	{0, BYTES("Bochs Virtual HD Image"), "format-bochs", "format-bochs"},
	{0, BYTES("#!/bin/sh\n#V2.0 Format\n"), "format-cloop", "format-cloop"},
	{0, BYTES("LUKS\xBA\xBE\0\1"), "format-luks", "format-luks"},
	{0, BYTES("LUKS\xBA\xBE\0\2"), "format-luks", "format-luks"},
	{0, BYTES(LZMA_HEAD), "format-unsupported", "format-unsupported"},
	{0, BYTES("LZIP\1"), "format-unsupported", "format-unsupported"},
	{0, BYTES("\x1F\x9D\x90"), "format-unsupported", "format-unsupported"},
	{0, BYTES("PK\3\4"), "format-unsupported", "format-unsupported"},
	{0, BYTES("PK\5\6"), "format-unsupported", "format-unsupported"},
	{0, BYTES("PK\7\10"), "format-unsupported", "format-unsupported"},
	{0, BYTES("7z\xBC\xAF\x27\x1C"), "format-unsupported", "format-unsupported"},
	{0, BYTES("Rar!\x1A\x07\x01\x00"), "format-unsupported", "format-unsupported"},
	{257, BYTES("ustar\0"), "format-unsupported", "format-unsupported"},
	{257, BYTES("ustar  "), "format-unsupported", "format-unsupported"},
	{0, BYTES("070701"), "format-unsupported", "format-unsupported"},
	{0, BYTES("070702"), "format-unsupported", "format-unsupported"},
	{0, BYTES("070707"), "format-unsupported", "format-unsupported"},
	{0, BYTES(CPIO_HEAD), "format-unsupported", "format-unsupported"},
	{0, BYTES("hsqs"), "format-unsupported", "format-unsupported"},
	{0, BYTES("\x1E\xB5\x2F\xFD"), "format-unsupported", "format-unsupported"},
	{0, BYTES("\x22\xB5\x2F\xFD"), "format-unsupported", "format-unsupported"},
	{0, BYTES("\x27\xB5\x2F\xFD"), "format-unsupported", "format-unsupported"},
	{0x8001, BYTES("CD001"), "format-iso", "format-iso"},
};

/* Close to a signature, and none. */
static const struct row raw[] = {
	{0, BYTES(""), NULL, NULL},
	{1, BYTES("\x04\x22\x4D\x18"), NULL, NULL},
	{0, BYTES("\x03\x22\x4D\x18"), NULL, NULL},
	{0, BYTES("\x1F\x8B\x07"), NULL, NULL},
	{0, BYTES("BZh0\x31\x41\x59\x26\x53\x59"), NULL, NULL},
	{0, BYTES("BZh9\x31\x41\x59\x26\x53\x58"), NULL, NULL},
	{0, BYTES("QFI\xFA\0\0\0\2"), NULL, NULL},
	{0, BYTES("# a comment\nand more\n"), NULL, NULL},
	{0, BYTES("version=4\n"), NULL, NULL},
	{0, BYTES("\x1F\x9D\xE0"), NULL, NULL},
	{0, BYTES("\x5D\0\0\x81\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0"), NULL, NULL},
	{0, BYTES("\x5D\0\0\x80\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"), NULL, NULL},
	{0, BYTES("\x5D\0\0\x80\0\0\0\0\0\0\1\0\0\0"), NULL, NULL},
	{0, BYTES("\xC7\x71"), NULL, NULL},
	{0, BYTES("\x21\xB5\x2F\xFD"), NULL, NULL},
	{0x8801, BYTES("CD001"), NULL, NULL},
	{0, BYTES("conectiX"), NULL, NULL},
};

static void compressed_uploads_are_decoded_once(void **state)
{
	for (size_t i = 0; i < sizeof codecs / sizeof codecs[0]; i++) {
		const struct row *r = &codecs[i];
		const struct detect_head head = {.p = disk, .len = sizeof disk};
		struct dr_err err = DR_ERR_INIT;
		enum detect_class got;

		clear_disk(state);
		put(r->off, r->bytes, r->len);
		assert_int_equal(detect_head_class(&head, DETECT_OUTER, &got, &err), 0);
		assert_string_equal(detect_class_name(got), r->outer);
		expect_reason(DETECT_DECOMPRESSED, r->nested);
		expect_reason(DETECT_DISK, r->nested);
	}
}

static void foreign_formats_are_refused_by_name(void **state)
{
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		const struct row *r = &refused[i];

		clear_disk(state);
		put(r->off, r->bytes, r->len);
		expect_reason(DETECT_OUTER, r->outer);
		expect_reason(DETECT_DECOMPRESSED, r->nested);
		expect_reason(DETECT_DISK, r->nested);
	}
}

static void anything_else_is_raw(void **state)
{
	for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++) {
		clear_disk(state);
		put(raw[i].off, raw[i].bytes, raw[i].len);
		expect_class(DETECT_OUTER, DETECT_RAW);
		expect_class(DETECT_DECOMPRESSED, DETECT_RAW);
		expect_class(DETECT_DISK, DETECT_RAW);
	}
}

static void qcow2_may_stand_below_one_codec_but_not_in_qcow2(void **state)
{
	(void)state;
	for (char version = 2; version <= 3; version++) {
		put(0, "QFI\xFB\0\0\0", 7);
		put(7, &version, 1);
		expect_class(DETECT_OUTER, DETECT_QCOW2);
		expect_class(DETECT_DECOMPRESSED, DETECT_QCOW2);
		expect_reason(DETECT_DISK, "nested-image");
	}
}

static void two_formats_at_once_are_ambiguous(void **state)
{
	(void)state;
	/* A qcow2 header in the unused 32 KiB of an ISO, bootable or not. */
	put(0, "QFI\xFB\0\0\0\3", 8);
	put(0x8001, "CD001", 5);
	expect_reason(DETECT_OUTER, "ambiguous-format");
	put(510, "\x55\xAA", 2);
	expect_reason(DETECT_OUTER, "ambiguous-format");
	/* A VDI mark inside a compressed-looking head. */
	clear_disk(NULL);
	put(0, "\x1F\x8B\x08", 3);
	put(0x40, "\x7F\x10\xDA\xBE", 4);
	expect_reason(DETECT_OUTER, "ambiguous-format");
	clear_disk(NULL);
	put(0, "\x50\x2A\x4D\x18", 4);
	put(257, "ustar", 5);
	expect_reason(DETECT_OUTER, "ambiguous-format");
}

static void a_partition_table_is_no_format(void **state)
{
	(void)state;
	put(0, "conectix", 8);
	put(510, "\x55\xAA", 2);
	put(512, "EFI PART", 8);
	expect_reason(DETECT_OUTER, "format-vhd");
	put(0, "\xEB\x63\x90\0\0\0\0\0", 8);
	expect_class(DETECT_OUTER, DETECT_RAW);
}

static void optical_discs_need_a_boot_sector(void **state)
{
	const struct detect_head head = {.p = disk, .len = sizeof disk};

	(void)state;
	assert_false(detect_head_optical(&head));
	/* UDF alone: BEA01, then NSR03. */
	put(0x8001, "BEA01", 5);
	expect_class(DETECT_OUTER, DETECT_RAW);
	put(0x8801, "NSR03", 5);
	expect_reason(DETECT_OUTER, "format-iso");
	put(0x8801, "NSR02", 5);
	expect_reason(DETECT_OUTER, "format-iso");
	assert_true(detect_head_optical(&head));
	put(510, "\x55\xAA", 2);
	expect_class(DETECT_OUTER, DETECT_RAW);
	expect_class(DETECT_DISK, DETECT_RAW);
	assert_true(detect_head_optical(&head));
}

static int judge_short(const void *p, size_t len, uint64_t total, struct dr_err *err)
{
	const struct detect_head head = {
		.p = p, .len = len, .whole = total == 0, .total_bytes = total};
	enum detect_class got;
	int rc;

	*err = (struct dr_err)DR_ERR_INIT;
	rc = detect_head_class(&head, DETECT_OUTER, &got, err);
	return rc < 0 ? -1 : (int)got;
}

static void web_pages_are_told_from_disks_by_their_size(void **state)
{
	static const char *const pages[] = {
		"<!DOCTYPE html><title>404</title>",
		"<html>",
		" \r\n\t<HTML lang=en>",
		"<?xml version=\"1.0\"?>",
		"{\"error\": 1}",
		"\xef\xbb\xbf<!doctype html>",
	};
	struct dr_err err;

	(void)state;
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
		assert_int_equal(judge_short(pages[i], strlen(pages[i]), 0, &err), -1);
		assert_string_equal(err.reason, "not-an-image");
		assert_int_equal(err.code, DR_INVALID);
		memset(disk, 0, sizeof disk);
		put(0, pages[i], strlen(pages[i]));
		/* Announced as large as a page, as a disk, and not at all. */
		assert_int_equal(judge_short(disk, sizeof disk, (1 << 20) - 1, &err), -1);
		assert_string_equal(err.reason, "not-an-image");
		assert_int_equal(judge_short(disk, sizeof disk, 1 << 20, &err), DETECT_RAW);
		assert_int_equal(judge_short(disk, sizeof disk, 0, &err), -1);
		expect_class(DETECT_OUTER, DETECT_RAW);
	}
}

static void short_inputs_are_empty_truncated_or_raw(void **state)
{
	struct dr_err err;

	(void)state;
	assert_int_equal(judge_short(disk, 0, 0, &err), -1);
	assert_string_equal(err.reason, "empty");
	for (size_t len = 1; len < 512; len++) {
		assert_int_equal(judge_short(disk, len, 0, &err), -1);
		assert_string_equal(err.reason, "truncated");
	}
	assert_int_equal(judge_short(disk, 512, 0, &err), DETECT_RAW);
	/* Too little of a magic to know it. */
	assert_int_equal(judge_short("\xFD\x37zXZ", 5, 0, &err), -1);
	assert_string_equal(err.reason, "truncated");
	assert_int_equal(judge_short("QFI\xFB\0\0\0", 7, 0, &err), -1);
	assert_string_equal(err.reason, "truncated");
	assert_int_equal(judge_short("\x04\x22\x4D\x18", 4, 0, &err), DETECT_LZ4);
}

static size_t put_skippable(size_t off, uint32_t len)
{
	const uint8_t head[8] = {0x5a,
				 0x2a,
				 0x4d,
				 0x18,
				 (uint8_t)len,
				 (uint8_t)(len >> 8),
				 (uint8_t)(len >> 16),
				 (uint8_t)(len >> 24)};

	put(off, head, sizeof head);
	return off + 8 + len;
}

static void skippable_frames_lead_to_what_follows_them(void **state)
{
	static const struct {
		const char *magic;
		enum detect_class class;
	} next[] = {
		{"\x04\x22\x4D\x18", DETECT_LZ4},
		{"\x02\x21\x4C\x18", DETECT_LZ4_LEGACY},
		{"\x28\xB5\x2F\xFD", DETECT_ZSTD},
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		put(put_skippable(put_skippable(0, 100), 0), next[i].magic, 4);
		expect_class(DETECT_OUTER, next[i].class);
		expect_reason(DETECT_DECOMPRESSED, "nested-compression");
	}
	put(put_skippable(put_skippable(0, 100), 0), "text", 4);
	expect_reason(DETECT_OUTER, "trailing-data");
	/* Beyond the head. */
	put_skippable(0, 64 << 20);
	expect_class(DETECT_OUTER, DETECT_SKIPPABLE);
	put_skippable(0, (64 << 20) + 1);
	expect_reason(DETECT_OUTER, "format-unsupported");
}

static void skippable_frames_are_bounded(void **state)
{
	size_t off = 0;

	(void)state;
	for (unsigned i = 0; i < 64; i++)
		off = put_skippable(off, 3);
	put(off, "\x28\xB5\x2F\xFD", 4);
	expect_class(DETECT_OUTER, DETECT_ZSTD);
	off = put_skippable(off, 3);
	put(off, "\x28\xB5\x2F\xFD", 4);
	expect_reason(DETECT_OUTER, "format-unsupported");
}

static void skippable_frames_alone_are_empty_or_truncated(void **state)
{
	size_t len = put_skippable(put_skippable(0, 600), 20);
	struct dr_err err;

	(void)state;
	assert_int_equal(judge_short(disk, len, 0, &err), -1);
	assert_string_equal(err.reason, "empty");
	assert_int_equal(judge_short(disk, len - 1, 0, &err), -1);
	assert_string_equal(err.reason, "truncated");
	assert_int_equal(judge_short(disk, 608 + 7, 0, &err), -1);
	assert_string_equal(err.reason, "truncated");
}

static void footers_of_other_formats_are_refused(void **state)
{
	struct dr_err err = DR_ERR_INIT;
	uint8_t tail[1024] = {0};

	(void)state;
	assert_int_equal(detect_tail_check(tail, sizeof tail, DETECT_RAW, &err), 0);
	assert_int_equal(detect_tail_check(tail, 0, DETECT_RAW, &err), 0);
	memcpy(tail, "conectix", 8);
	assert_int_equal(detect_tail_check(tail, sizeof tail, DETECT_RAW, &err), 0);
	assert_int_equal(detect_tail_check(tail, 512, DETECT_RAW, &err), -1);
	assert_string_equal(err.reason, "format-vhd");
	assert_non_null(strstr(err.msg, "truncate -s -512"));
	err = (struct dr_err)DR_ERR_INIT;
	memcpy(tail + 512, "koly", 4);
	assert_int_equal(detect_tail_check(tail, sizeof tail, DETECT_RAW, &err), -1);
	assert_string_equal(err.reason, "format-dmg");
}

static void a_footer_of_another_format_behind_a_known_one_is_ambiguous(void **state)
{
	static const struct {
		enum detect_class class;
		const char *what;
	} heads[] = {{DETECT_LZ4, "lz4"},
		     {DETECT_LZ4_LEGACY, "legacy"},
		     {DETECT_SKIPPABLE, "skippable"},
		     {DETECT_ZSTD, "zstd"},
		     {DETECT_XZ, "xz"},
		     {DETECT_GZIP, "gzip"},
		     {DETECT_BZIP2, "bzip2"},
		     {DETECT_QCOW2, "qcow2"}};
	uint8_t tail[1024] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		struct dr_err err = DR_ERR_INIT;

		memset(tail, 0, sizeof tail);
		assert_int_equal(detect_tail_check(tail, sizeof tail, heads[i].class, &err), 0);
		memcpy(tail + 512, i % 2 ? "koly" : "conectix", i % 2 ? 4 : 8);
		assert_int_equal(detect_tail_check(tail, sizeof tail, heads[i].class, &err), -1);
		assert_string_equal(err.reason, "ambiguous-format");
		assert_non_null(strstr(err.msg, heads[i].what));
		assert_non_null(strstr(err.msg, i % 2 ? "DMG" : "VHD"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compressed_uploads_are_decoded_once),
		cmocka_unit_test(foreign_formats_are_refused_by_name),
		cmocka_unit_test(anything_else_is_raw),
		cmocka_unit_test_setup(qcow2_may_stand_below_one_codec_but_not_in_qcow2,
				       clear_disk),
		cmocka_unit_test_setup(two_formats_at_once_are_ambiguous, clear_disk),
		cmocka_unit_test_setup(a_partition_table_is_no_format, clear_disk),
		cmocka_unit_test_setup(optical_discs_need_a_boot_sector, clear_disk),
		cmocka_unit_test_setup(web_pages_are_told_from_disks_by_their_size, clear_disk),
		cmocka_unit_test_setup(short_inputs_are_empty_truncated_or_raw, clear_disk),
		cmocka_unit_test_setup(skippable_frames_lead_to_what_follows_them, clear_disk),
		cmocka_unit_test_setup(skippable_frames_are_bounded, clear_disk),
		cmocka_unit_test_setup(skippable_frames_alone_are_empty_or_truncated, clear_disk),
		cmocka_unit_test(footers_of_other_formats_are_refused),
		cmocka_unit_test(a_footer_of_another_format_behind_a_known_one_is_ambiguous),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
