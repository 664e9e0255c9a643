/* SPDX-License-Identifier: Apache-2.0
 *
 * What would surprise somebody who boots a disk: never a refusal (hardening.md section 1.2).
 * GPT: UEFI specification 2.10 section 5.3; all with sectors of 512 bytes. */
#include <string.h>

#include "detect/detect.h"
#include "util/checked.h"
#include "util/rd.h"

#include "util/banned.h"

#define SECTOR_BYTES 512
#define MBR_TABLE 446
#define MBR_ENTRIES 4
#define MBR_TYPE_GPT 0xEE
#define GPT_ENTRY_MIN 128

struct mbr {
	bool signature;  /* 55 AA at 510 */
	bool volume;     /* a file system's boot sector: there is no table in it */
	bool protective; /* an entry covers a GPT */
	bool used;       /* an entry is in use */
	uint64_t end;    /* the first sector after the last ordinary partition */
};

/* A BIOS parameter block where boot loaders have code or zeros. NTFS and exFAT say so by name; FAT
 * is known by a jump and plausible geometry. */
static bool is_volume(const uint8_t *sector)
{
	unsigned bytes = sector[11] | (unsigned)sector[12] << 8;
	unsigned cluster = sector[13];
	bool jump = sector[0] == 0xE9 || (sector[0] == 0xEB && sector[2] == 0x90);

	if (memcmp(sector + 3, "NTFS    ", 8) == 0 || memcmp(sector + 3, "EXFAT   ", 8) == 0)
		return true;
	return jump && bytes >= 512 && bytes <= 4096 && (bytes & (bytes - 1)) == 0 &&
	       cluster != 0 && (cluster & (cluster - 1)) == 0 && sector[21] >= 0xF0;
}

static struct mbr read_mbr(const struct detect_head *head)
{
	struct mbr m = {0};
	struct rd r = rd_init(head->p, head->len);

	(void)rd_bytes(&r, MBR_TABLE);
	for (unsigned i = 0; i < MBR_ENTRIES; i++) {
		const uint8_t *chs = rd_bytes(&r, 8);
		uint64_t first = rd_le32(&r), count = rd_le32(&r);

		if (!rd_ok(&r) || chs[4] == 0)
			continue;
		m.used = true;
		if (chs[4] == MBR_TYPE_GPT)
			m.protective = true;
		else if (first + count > m.end)
			m.end = first + count;
	}
	m.signature = rd_le16(&r) == 0xAA55 && rd_ok(&r);
	m.volume = m.signature && is_volume(head->p);
	if (!m.signature || m.volume)
		m = (struct mbr){.signature = m.signature, .volume = m.volume};
	return m;
}

/* The last sector that the GPT's partitions, as far as the head reaches, use. */
static uint64_t gpt_last_sector(const struct detect_head *head, struct rd header)
{
	uint64_t table, last = 0, off;
	uint32_t count, size;

	(void)rd_bytes(&header, 72 - 8);
	table = rd_le64(&header);
	count = rd_le32(&header);
	size = rd_le32(&header);
	if (!rd_ok(&header) || size < GPT_ENTRY_MIN || !dr_mul_u64(table, SECTOR_BYTES, &off))
		return 0;
	for (uint32_t i = 0; i < count && dr_range_within(off, size, head->len); i++, off += size) {
		static const uint8_t unused[16];
		struct rd entry = rd_init(head->p + off, size);
		const uint8_t *type = rd_bytes(&entry, sizeof unused);
		uint64_t end;

		(void)rd_bytes(&entry, 24); /* the partition's id and its first sector */
		end = rd_le64(&entry);
		if (type && memcmp(type, unused, sizeof unused) != 0 && end > last)
			last = end;
	}
	return last;
}

static bool is_gpt(const uint8_t *sector)
{
	return memcmp(sector, "EFI PART", 8) == 0;
}

void detect_boot_warnings(const struct detect_head *head, const uint8_t *tail, size_t tail_len,
			  uint64_t total, const char *ret[static 4])
{
	struct mbr mbr = read_mbr(head);
	struct rd header = rd_init(head->p, head->len);
	uint64_t sectors = total / SECTOR_BYTES;
	const uint8_t *magic;
	unsigned n = 0;
	bool gpt;

	(void)rd_bytes(&header, SECTOR_BYTES);
	magic = rd_bytes(&header, 8);
	gpt = magic && is_gpt(magic);
	if (gpt ? !mbr.protective : !mbr.volume && !mbr.used)
		ret[n++] = gpt ? "no-boot-record: a GPT without its protective MBR"
			       : "no-boot-record: there is no partition table";
	if (mbr.end > sectors || (gpt && gpt_last_sector(head, header) >= sectors && sectors > 0))
		ret[n++] = "partition-beyond-end: a partition ends beyond the end of the disk";
	if (gpt && (tail_len < SECTOR_BYTES || !is_gpt(tail + tail_len - SECTOR_BYTES)))
		ret[n++] = "partition-beyond-end: the GPT's backup header is missing at the end";
	ret[n] = NULL;
}
