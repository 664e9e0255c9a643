/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "detect/detect.h"
#include "unit.h"

#include "util/banned.h"

#define SECTOR 512
#define DISK_BYTES ((size_t)256 << 10)

static uint8_t disk[DISK_BYTES];

static int clear_disk(void **state)
{
	(void)state;
	memset(disk, 0, sizeof disk);
	return 0;
}

static void put_le(size_t off, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		disk[off + i] = (uint8_t)(v >> (8 * i));
}

static void put_partition(unsigned i, uint8_t type, uint32_t first, uint32_t count)
{
	size_t at = 446 + 16 * (size_t)i;

	disk[at + 4] = type;
	put_le(at + 8, first, 4);
	put_le(at + 12, count, 4);
	put_le(510, 0xAA55, 2);
}

/* A GPT whose one partition ends at `last`. */
static void put_gpt(uint64_t last)
{
	put_partition(0, 0xEE, 1, UINT32_MAX);
	memcpy(disk + SECTOR, "EFI PART", 8);
	put_le(SECTOR + 72, 2, 8);
	put_le(SECTOR + 80, 128, 4);
	put_le(SECTOR + 84, 128, 4);
	put_le(1024 + 5 * 128, 0x1234, 8);
	put_le(1024 + 5 * 128 + 40, last, 8);
	memcpy(disk + DISK_BYTES - SECTOR, "EFI PART", 8);
}

/* The codes of the warnings for the first `total` bytes of the disk, joined by blanks. */
static void expect(size_t total, const char *want)
{
	const struct detect_head head = {.p = disk,
					 .len = total < DETECT_HEAD_BYTES ? total
									  : DETECT_HEAD_BYTES,
					 .whole = total <= DETECT_HEAD_BYTES};
	size_t tail_len = total < DETECT_TAIL_BYTES ? total : DETECT_TAIL_BYTES;
	const char *got[4] = {NULL};
	char codes[200] = "";

	detect_boot_warnings(&head, disk + total - tail_len, tail_len, total, got);
	for (size_t i = 0; i < 3 && got[i]; i++) {
		size_t used = strlen(codes);

		assert_non_null(strchr(got[i], ':'));
		snprintf(codes + used, sizeof codes - used, "%s%.*s", i ? " " : "",
			 (int)strcspn(got[i], ":"), got[i]);
	}
	assert_string_equal(codes, want);
}

static void a_blank_disk_has_no_boot_record(void **state)
{
	(void)state;
	expect(DISK_BYTES, "no-boot-record");
	expect(512, "no-boot-record");
	/* The mark alone is no table. */
	put_le(510, 0xAA55, 2);
	expect(DISK_BYTES, "no-boot-record");
}

static void a_table_within_the_disk_is_fine(void **state)
{
	(void)state;
	put_partition(0, 0x83, 8, 100);
	put_partition(3, 0x82, 108, (uint32_t)(DISK_BYTES / SECTOR) - 108);
	expect(DISK_BYTES, "");
	/* One sector was cut off. */
	expect(DISK_BYTES - SECTOR, "partition-beyond-end");
}

static void partition_numbers_that_overflow_are_beyond_the_end(void **state)
{
	(void)state;
	put_partition(1, 0x83, UINT32_MAX, UINT32_MAX);
	expect(DISK_BYTES, "partition-beyond-end");
}

static void a_file_system_without_table_is_no_partition_table(void **state)
{
	(void)state;
	/* What would be the first entry is boot code of a FAT volume. */
	memcpy(disk, "\xEB\x3C\x90MSDOS5.0", 11);
	put_le(11, 512, 2);
	disk[13] = 4;
	disk[21] = 0xF8;
	put_partition(0, 0x20, UINT32_MAX, UINT32_MAX);
	expect(DISK_BYTES, "");
	clear_disk(NULL);
	memcpy(disk, "\xEB\x52\x90NTFS    ", 11);
	put_partition(0, 0x20, UINT32_MAX, UINT32_MAX);
	expect(DISK_BYTES, "");
	clear_disk(NULL);
	memcpy(disk, "\xEB\x76\x90\x45XFAT   ", 11);
	put_partition(0, 0x20, UINT32_MAX, UINT32_MAX);
	expect(DISK_BYTES, "");
	/* A boot loader jumps, too, but has no geometry there. */
	clear_disk(NULL);
	memcpy(disk, "\xEB\x63\x90", 3);
	put_partition(0, 0x83, 1, 10000000);
	expect(DISK_BYTES, "partition-beyond-end");
}

static void a_gpt_needs_its_backup_and_room(void **state)
{
	(void)state;
	put_gpt(DISK_BYTES / SECTOR - 34);
	expect(DISK_BYTES, "");
	expect(DISK_BYTES - SECTOR, "partition-beyond-end");
	put_gpt(DISK_BYTES / SECTOR);
	expect(DISK_BYTES, "partition-beyond-end");
	expect(DISK_BYTES - SECTOR, "partition-beyond-end partition-beyond-end");
	put_gpt(UINT64_MAX);
	expect(DISK_BYTES, "partition-beyond-end");
}

static void a_gpt_without_protective_mbr_has_no_boot_record(void **state)
{
	(void)state;
	put_gpt(100);
	put_le(510, 0, 2);
	expect(DISK_BYTES, "no-boot-record");
	expect(DISK_BYTES - SECTOR, "no-boot-record partition-beyond-end");
	put_partition(0, 0x83, 1, 100);
	expect(DISK_BYTES, "no-boot-record");
}

static void absurd_gpt_numbers_do_no_harm(void **state)
{
	static const uint64_t tables[] = {
		0, 2, 135, UINT64_MAX, UINT64_MAX / 512, UINT64_MAX / 512 + 1};
	static const uint32_t sizes[] = {0, 1, 127, 128, 129, 1 << 16, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
			clear_disk(NULL);
			put_gpt(100);
			put_le(SECTOR + 72, tables[i], 8);
			put_le(SECTOR + 80, UINT32_MAX, 4);
			put_le(SECTOR + 84, sizes[k], 4);
			/* What a table of other places and sizes says is anybody's guess. */
			if (sizes[k] != 128 && sizes[k] != 129)
				expect(DISK_BYTES, "");
			else
				detect_boot_warnings(
					&(struct detect_head){.p = disk, .len = DETECT_HEAD_BYTES},
					disk + DISK_BYTES - 1024, 1024, DISK_BYTES,
					(const char *[4]){NULL});
		}
	}
}

static void short_heads_are_read_within_their_bounds(void **state)
{
	(void)state;
	put_gpt(UINT64_MAX);
	for (size_t len = 0; len < 1200; len++) {
		/* A block of its own lets sanitizers see the first byte past the end. */
		uint8_t *copy = malloc(len ? len : 1);
		const struct detect_head head = {.p = copy, .len = len, .whole = true};
		const char *got[4];

		assert_non_null(copy);
		memcpy(copy, disk, len);
		detect_boot_warnings(&head, copy, 0, len, got);
		assert_true(got[0] || len >= 512);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_blank_disk_has_no_boot_record, clear_disk),
		cmocka_unit_test_setup(a_table_within_the_disk_is_fine, clear_disk),
		cmocka_unit_test_setup(partition_numbers_that_overflow_are_beyond_the_end,
				       clear_disk),
		cmocka_unit_test_setup(a_file_system_without_table_is_no_partition_table,
				       clear_disk),
		cmocka_unit_test_setup(a_gpt_needs_its_backup_and_room, clear_disk),
		cmocka_unit_test_setup(a_gpt_without_protective_mbr_has_no_boot_record, clear_disk),
		cmocka_unit_test_setup(absurd_gpt_numbers_do_no_harm, clear_disk),
		cmocka_unit_test_setup(short_heads_are_read_within_their_bounds, clear_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
