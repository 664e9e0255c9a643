/* SPDX-License-Identifier: Apache-2.0 */
#include "detect/detect.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "util/checked.h"
#include "util/rd.h"

#include "util/banned.h"

#define SECTOR_BYTES 512
#define PAGE_MAX_BYTES ((uint64_t)1 << 20)
#define OPTICAL_FIRST 0x8000
#define OPTICAL_STEP 2048

#define ACCEPTED \
	"accepted are raw and qcow2 disks, plain or compressed with lz4, xz, gzip, zstd or bzip2"
#define CONVERT "convert it with \"qemu-img convert -O qcow2\""

static bool bytes_at(const struct detect_head *h, size_t off, const void *p, size_t len)
{
	return dr_range_within(off, len, h->len) && memcmp(h->p + off, p, len) == 0;
}

/* bzip2: a level, then the mark of a block or of the end of the stream. */
static bool is_bzip2(const struct detect_head *h)
{
	return h->len >= 10 && h->p[3] >= '1' && h->p[3] <= '9' &&
	       (bytes_at(h, 4, "\x31\x41\x59\x26\x53\x59", 6) ||
		bytes_at(h, 4, "\x17\x72\x45\x38\x50\x90", 6));
}

static bool qcow_version_is(const struct detect_head *h, uint32_t min, uint32_t max)
{
	struct rd r = rd_init(h->p, h->len);
	uint32_t version;

	(void)rd_be32(&r);
	version = rd_be32(&r);
	return rd_ok(&r) && version >= min && version <= max;
}

static bool is_qcow1(const struct detect_head *h)
{
	return qcow_version_is(h, 1, 1);
}

static bool is_qcow2(const struct detect_head *h)
{
	return qcow_version_is(h, 2, 3);
}

static bool is_qcow_other(const struct detect_head *h)
{
	return qcow_version_is(h, 0, 0) || qcow_version_is(h, 4, UINT32_MAX);
}

static bool is_skippable(const struct detect_head *h)
{
	return (h->p[0] & 0xf0) == 0x50;
}

/* Versions 0.1 and 0.2 to 0.7. */
static bool is_old_zstd(const struct detect_head *h)
{
	return h->p[0] == 0x1E || (h->p[0] >= 0x22 && h->p[0] <= 0x27);
}

/* A VMDK descriptor need not begin with its usual first line: what qemu (block/vmdk.c, vmdk_probe)
 * believes is comment and blank lines, then a version line. */
static bool is_vmdk_text(const struct detect_head *h)
{
	size_t i = 0;
	const uint8_t *nl;

	while (i < h->len && (h->p[i] == '#' || h->p[i] == ' ')) {
		nl = memchr(h->p + i, '\n', h->len - i);
		if (!nl)
			return false;
		i = (size_t)(nl - h->p) + 1;
	}
	return bytes_at(h, i, "version=", 8) && h->len - i >= 10 && h->p[i + 8] >= '1' &&
	       h->p[i + 8] <= '3' && (h->p[i + 9] == '\n' || h->p[i + 9] == '\r');
}

/* The two bytes of compress are common in code, so its flags must make sense, too. */
static bool is_compress(const struct detect_head *h)
{
	unsigned bits = h->len > 2 ? h->p[2] & 0x1fU : 0;

	return bits >= 9 && bits <= 16 && (h->p[2] & 0x60U) == 0;
}

/* The old binary cpio: a name of sane length that ends in NUL. */
static bool is_cpio_binary(const struct detect_head *h)
{
	struct rd r = rd_init(h->p, h->len);
	size_t name;

	(void)rd_bytes(&r, 20);
	name = rd_le16(&r);
	return rd_ok(&r) && name > 1 && dr_range_within(26, name, h->len) &&
	       h->p[26 + name - 1] == 0;
}

/* lzma-alone has no magic: usual properties, a dictionary of 2^n or 2^n + 2^(n-1) bytes, a length
 * that is unknown or below 256 GiB (as liblzma insists), and the range coder's first byte 0. */
static bool is_lzma_alone(const struct detect_head *h)
{
	struct rd r = rd_init(h->p, h->len);
	uint32_t dict;
	uint64_t length;

	(void)rd_u8(&r);
	dict = rd_le32(&r);
	length = rd_le64(&r);
	if (rd_u8(&r) != 0 || !rd_ok(&r) || dict < 4096)
		return false;
	if (dict != UINT32_MAX && (dict & (dict - 1)) != 0 &&
	    (dict / 3 * 3 != dict || ((dict / 3) & (dict / 3 - 1)) != 0))
		return false;
	return length == UINT64_MAX || length < (uint64_t)1 << 38;
}

/* "<!doctype", "<html", "<?xml" or "{" after blanks, and too small for a disk. */
static bool is_page(const struct detect_head *h)
{
	static const char *const starts[] = {"<!doctype", "<html", "<?xml", "{"};
	uint64_t total = h->whole ? h->len : h->total_bytes;
	size_t i = bytes_at(h, 0, "\xef\xbb\xbf", 3) ? 3 : 0;

	if (total == 0 || total >= PAGE_MAX_BYTES)
		return false;
	while (i < h->len && memchr(" \t\r\n", h->p[i], 4))
		i++;
	for (size_t k = 0; k < sizeof starts / sizeof starts[0]; k++) {
		size_t n = strlen(starts[k]);

		if (h->len - i >= n && strncasecmp((const char *)h->p + i, starts[k], n) == 0)
			return true;
	}
	return false;
}

/* The volume recognition sequence (ECMA-167 2/8 and 3/9): descriptors of 2 KiB from 32 KiB on.
 * CD001 is ISO 9660; NSR02 and NSR03 are UDF, which may stand alone after BEA01. */
static bool is_optical(const struct detect_head *h)
{
	for (size_t off = OPTICAL_FIRST; dr_range_within(off, 6, h->len); off += OPTICAL_STEP) {
		const uint8_t *id = h->p + off + 1;

		if (memcmp(id, "CD001", 5) == 0 || memcmp(id, "NSR02", 5) == 0 ||
		    memcmp(id, "NSR03", 5) == 0)
			return true;
		if (memcmp(id, "BEA01", 5) != 0 && memcmp(id, "BOOT2", 5) != 0)
			return false;
	}
	return false;
}

/* What a signature stands for; several may stand for the same. */
enum kind_id {
	KIND_LZ4,
	KIND_LZ4_LEGACY,
	KIND_SKIPPABLE,
	KIND_ZSTD,
	KIND_XZ,
	KIND_GZIP,
	KIND_BZIP2,
	KIND_QCOW2,
	KIND_QCOW1,
	KIND_QCOW_OTHER,
	KIND_QED,
	KIND_VMDK,
	KIND_VHD,
	KIND_VHDX,
	KIND_VDI,
	KIND_PARALLELS,
	KIND_BOCHS,
	KIND_CLOOP,
	KIND_LUKS,
	KIND_OLD_ZSTD,
	KIND_LZMA,
	KIND_LZIP,
	KIND_COMPRESS,
	KIND_ZIP,
	KIND_7Z,
	KIND_RAR,
	KIND_TAR,
	KIND_CPIO,
	KIND_SQUASHFS,
	KIND_PAGE,
	KIND_OPTICAL,
};

/* The columns of the table in section 1.1. */
struct kind {
	const char *what;
	const char *reason; /* refused with this word; NULL: it is of `class` */
	const char *advice; /* ends the sentence of the refusal */
	enum detect_class class;
	bool nested_image; /* inside another layer: nested-image */
};

#define REFUSED(name, word, hint) .what = (name), .reason = (word), .advice = (hint)
#define UNSUPPORTED(name) REFUSED(name, "format-unsupported", ACCEPTED)
#define FOREIGN(name, word) REFUSED(name, word, CONVERT)

static const struct kind kinds[] = {
	[KIND_LZ4] = {.what = "an lz4 frame", .class = DETECT_LZ4},
	[KIND_LZ4_LEGACY] = {.what = "a legacy lz4 frame", .class = DETECT_LZ4_LEGACY},
	[KIND_SKIPPABLE] = {.what = "a skippable lz4 or zstd frame", .class = DETECT_SKIPPABLE},
	[KIND_ZSTD] = {.what = "a zstd frame", .class = DETECT_ZSTD},
	[KIND_XZ] = {.what = "xz data", .class = DETECT_XZ},
	[KIND_GZIP] = {.what = "gzip data", .class = DETECT_GZIP},
	[KIND_BZIP2] = {.what = "bzip2 data", .class = DETECT_BZIP2},
	[KIND_QCOW2] = {.what = "a qcow2 image", .class = DETECT_QCOW2, .nested_image = true},
	[KIND_QCOW1] = {REFUSED("an old qcow image (version 1)", "format-qcow1",
				"convert to qcow2"),
			.nested_image = true},
	[KIND_QCOW_OTHER] = {REFUSED("a qcow image of unknown version", "qcow2-version",
				     "versions 2 and 3 are accepted")},
	[KIND_QED] = {FOREIGN("a QED image", "format-qed"), .nested_image = true},
	[KIND_VMDK] = {FOREIGN("a VMDK image", "format-vmdk")},
	[KIND_VHD] = {FOREIGN("a VHD image", "format-vhd")},
	[KIND_VHDX] = {FOREIGN("a VHDX image", "format-vhdx")},
	[KIND_VDI] = {FOREIGN("a VDI image", "format-vdi")},
	[KIND_PARALLELS] = {FOREIGN("a Parallels image", "format-parallels")},
	[KIND_BOCHS] = {FOREIGN("a Bochs image", "format-bochs")},
	[KIND_CLOOP] = {FOREIGN("a cloop image", "format-cloop")},
	[KIND_LUKS] = {REFUSED("a LUKS volume", "format-luks",
			       "encrypted disk; cannot boot without a key")},
	[KIND_OLD_ZSTD] = {UNSUPPORTED("a zstd frame from before version 1.0")},
	[KIND_LZMA] = {UNSUPPORTED("an lzma file")},
	[KIND_LZIP] = {UNSUPPORTED("an lzip file")},
	[KIND_COMPRESS] = {UNSUPPORTED("a compress (.Z) file")},
	[KIND_ZIP] = {UNSUPPORTED("a zip archive")},
	[KIND_7Z] = {UNSUPPORTED("a 7z archive")},
	[KIND_RAR] = {UNSUPPORTED("a rar archive")},
	[KIND_TAR] = {UNSUPPORTED("a tar archive")},
	[KIND_CPIO] = {UNSUPPORTED("a cpio archive")},
	[KIND_SQUASHFS] = {UNSUPPORTED("a squashfs file system")},
	[KIND_PAGE] = {REFUSED("a web page or an error message", "not-an-image",
			       "the source sent a web page, not a disk")},
	[KIND_OPTICAL] = {REFUSED("an optical-disc image", "format-iso",
				  "it cannot boot as a disk")},
};

struct signature {
	enum kind_id kind;
	size_t off;
	const char *bytes;
	size_t len;
	bool (*also)(const struct detect_head *h); /* must hold, too; NULL: the bytes suffice */
};

#define AT(offset, str) .off = (offset), .bytes = (str), .len = sizeof(str) - 1

static const struct signature signatures[] = {
	{KIND_LZ4, AT(0, "\x04\x22\x4D\x18")},
	{KIND_LZ4_LEGACY, AT(0, "\x02\x21\x4C\x18")},
	{KIND_SKIPPABLE, AT(1, "\x2A\x4D\x18"), is_skippable},
	{KIND_ZSTD, AT(0, "\x28\xB5\x2F\xFD")},
	{KIND_XZ, AT(0, "\xFD\x37\x7A\x58\x5A\x00")},
	{KIND_GZIP, AT(0, "\x1F\x8B\x08")},
	{KIND_BZIP2, AT(0, "BZh"), is_bzip2},
	{KIND_QCOW2, AT(0, "QFI\xFB"), is_qcow2},
	{KIND_QCOW1, AT(0, "QFI\xFB"), is_qcow1},
	{KIND_QCOW_OTHER, AT(0, "QFI\xFB"), is_qcow_other},
	{KIND_QED, AT(0, "QED\0")},
	{KIND_VMDK, AT(0, "KDMV")},
	{KIND_VMDK, AT(0, "COWD")},
	{KIND_VMDK, AT(0, "# Disk DescriptorFile")},
	{KIND_VMDK, AT(0, ""), is_vmdk_text},
	{KIND_VHD, AT(0, "conectix")},
	{KIND_VHDX, AT(0, "vhdxfile")},
	{KIND_VDI, AT(0x40, "\x7F\x10\xDA\xBE")},
	{KIND_PARALLELS, AT(0, "WithoutFreeSpace")},
	{KIND_PARALLELS, AT(0, "WithouFreSpacExt")},
	{KIND_BOCHS, AT(0, "Bochs Virtual HD Image")},
	{KIND_CLOOP, AT(0, "#!/bin/sh\n#V2.0 Format")},
	{KIND_LUKS, AT(0, "LUKS\xBA\xBE")},
	{KIND_OLD_ZSTD, AT(1, "\xB5\x2F\xFD"), is_old_zstd},
	{KIND_LZMA, AT(0, "\x5D"), is_lzma_alone},
	{KIND_LZIP, AT(0, "LZIP")},
	{KIND_COMPRESS, AT(0, "\x1F\x9D"), is_compress},
	{KIND_ZIP, AT(0, "PK\x03\x04")},
	{KIND_ZIP, AT(0, "PK\x05\x06")},
	{KIND_ZIP, AT(0, "PK\x07\x08")},
	{KIND_7Z, AT(0, "7z\xBC\xAF\x27\x1C")},
	{KIND_RAR, AT(0, "Rar!\x1A\x07")},
	{KIND_TAR, AT(257, "ustar")},
	{KIND_CPIO, AT(0, "070701")},
	{KIND_CPIO, AT(0, "070702")},
	{KIND_CPIO, AT(0, "070707")},
	{KIND_CPIO, AT(0, "\xC7\x71"), is_cpio_binary},
	{KIND_SQUASHFS, AT(0, "hsqs")},
	{KIND_PAGE, AT(0, ""), is_page},
	{KIND_OPTICAL, AT(OPTICAL_FIRST, ""), is_optical},
};

static bool matches(const struct signature *sig, const struct detect_head *h)
{
	return bytes_at(h, sig->off, sig->bytes, sig->len) && (!sig->also || sig->also(h));
}

static int first_frame_class(uint32_t magic, enum detect_class *ret)
{
	switch (magic) {
	case DETECT_MAGIC_LZ4:
		*ret = DETECT_LZ4;
		return 0;
	case DETECT_MAGIC_LZ4_LEGACY:
		*ret = DETECT_LZ4_LEGACY;
		return 0;
	case DETECT_MAGIC_ZSTD:
		*ret = DETECT_ZSTD;
		return 0;
	default:
		return -1;
	}
}

/* lz4 and zstd share skippable frames; the first other frame tells them apart. */
static int resolve_skippable(const struct detect_head *h, enum detect_class *ret,
			     struct dr_err *err)
{
	uint64_t bytes = 0;
	size_t pos = 0;
	unsigned frames;

	for (frames = 0; pos < h->len; frames++) {
		struct rd r = rd_init(h->p + pos, h->len - pos);
		uint32_t magic = rd_le32(&r), size;

		if (rd_ok(&r) && !detect_magic_skippable(magic)) {
			if (first_frame_class(magic, ret) == 0)
				return 0;
			return dr_refuse(err, DR_CORRUPT, "trailing-data",
					 "what follows %u skippable frames is neither lz4 nor zstd",
					 frames);
		}
		size = rd_le32(&r);
		bytes += size;
		if (frames >= DETECT_SKIP_FRAMES || bytes > DETECT_SKIP_BYTES)
			return dr_refuse(err, DR_UNSUPPORTED, "format-unsupported",
					 "more than %u skippable frames, or more than %llu bytes "
					 "in them, before any data",
					 DETECT_SKIP_FRAMES, (unsigned long long)DETECT_SKIP_BYTES);
		if (!rd_ok(&r) || size > rd_left(&r)) {
			if (h->whole)
				return dr_refuse(err, DR_CORRUPT, "truncated",
						 "the file ends inside skippable frame %u",
						 frames + 1);
			break;
		}
		pos += 8 + (size_t)size;
	}
	if (h->whole)
		return dr_refuse(err, DR_INVALID, "empty", "%u skippable frames and no data",
				 frames);
	*ret = DETECT_SKIPPABLE;
	return 0;
}

/* The verdict on one kind: the columns of the table in section 1.1. */
static int judge(const struct kind *k, const struct detect_head *h, enum detect_level level,
		 enum detect_class *ret, struct dr_err *err)
{
	bool page = k == &kinds[KIND_PAGE];

	if (k->nested_image && (level == DETECT_DISK || (level != DETECT_OUTER && k->reason)))
		return dr_refuse(err, DR_UNSUPPORTED, "nested-image",
				 "the disk inside is itself %s", k->what);
	if (k->reason)
		return dr_refuse(err, page ? DR_INVALID : DR_UNSUPPORTED, k->reason,
				 "this is %s; %s", k->what, k->advice);
	if (!k->nested_image && level != DETECT_OUTER)
		return dr_refuse(err, DR_UNSUPPORTED, "nested-compression",
				 "what is inside is again compressed: %s; one layer is accepted",
				 k->what);
	if (k->class == DETECT_SKIPPABLE)
		return resolve_skippable(h, ret, err);
	*ret = k->class;
	return 0;
}

static int refuse_ambiguous(const char *one, const char *other, struct dr_err *err)
{
	return dr_refuse(err, DR_UNSUPPORTED, "ambiguous-format",
			 "this looks like %s and like %s at once", one, other);
}

/* find_kind: the one kind whose signatures match, NULL for none; more are ambiguous. */
static int find_kind(const struct detect_head *h, const struct kind **ret, struct dr_err *err)
{
	const struct kind *hit = NULL, *other;

	for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
		if (!matches(&signatures[i], h))
			continue;
		other = &kinds[signatures[i].kind];
		if (hit && hit != other)
			return refuse_ambiguous(hit->what, other->what, err);
		hit = other;
	}
	*ret = hit;
	return 0;
}

/* Section 1.6: an optical disc that also carries a boot sector boots as a disk. */
static bool boots_as_disk(const struct detect_head *h)
{
	return bytes_at(h, 510, "\x55\xAA", 2);
}

int detect_head_class(const struct detect_head *head, enum detect_level level,
		      enum detect_class *ret, struct dr_err *err)
{
	const struct kind *kind = NULL;

	if (head->len == 0)
		return dr_refuse(err, DR_INVALID, "empty", "there are no bytes");
	if (find_kind(head, &kind, err) < 0)
		return -1;
	if (kind == &kinds[KIND_OPTICAL] && boots_as_disk(head))
		kind = NULL;
	if (kind)
		return judge(kind, head, level, ret, err);
	if (head->whole && head->len < SECTOR_BYTES)
		return dr_refuse(err, DR_CORRUPT, "truncated",
				 "%zu bytes are less than one %d-byte sector and too few to tell "
				 "a format; the file was probably cut short",
				 head->len, SECTOR_BYTES);
	*ret = DETECT_RAW;
	return 0;
}

bool detect_head_optical(const struct detect_head *head)
{
	return is_optical(head);
}

/* What the signature of a class stands for; never DETECT_RAW, which has none. */
static const char *class_what(enum detect_class class)
{
	size_t i = 0;

	while (kinds[i].reason || kinds[i].class != class)
		i++;
	return kinds[i].what;
}

int detect_tail_check(const uint8_t *tail, size_t len, enum detect_class class, struct dr_err *err)
{
	const uint8_t *last = len >= SECTOR_BYTES ? tail + len - SECTOR_BYTES : NULL;
	bool vhd = last && memcmp(last, "conectix", 8) == 0;
	bool dmg = last && memcmp(last, "koly", 4) == 0;

	if ((vhd || dmg) && class != DETECT_RAW)
		return refuse_ambiguous(class_what(class), vhd ? "a fixed VHD" : "a DMG image",
					err);
	if (vhd)
		return dr_refuse(err, DR_UNSUPPORTED, "format-vhd",
				 "this is a fixed VHD: a raw disk plus a footer of %d bytes; drop "
				 "the footer with \"truncate -s -%d FILE\"",
				 SECTOR_BYTES, SECTOR_BYTES);
	if (dmg)
		return dr_refuse(err, DR_UNSUPPORTED, "format-dmg", "this is a DMG image; %s",
				 CONVERT);
	return 0;
}

const char *detect_class_name(enum detect_class c)
{
	static const char *const names[] = {
		[DETECT_RAW] = "raw",
		[DETECT_LZ4] = "lz4",
		[DETECT_LZ4_LEGACY] = "lz4-legacy",
		[DETECT_SKIPPABLE] = "skippable",
		[DETECT_ZSTD] = "zstd",
		[DETECT_XZ] = "xz",
		[DETECT_GZIP] = "gzip",
		[DETECT_BZIP2] = "bzip2",
		[DETECT_QCOW2] = "qcow2",
	};

	assert((size_t)c < sizeof names / sizeof names[0]);
	return names[c];
}
