/* SPDX-License-Identifier: Apache-2.0
 *
 * detect: what some bytes are. Content decides, never a name (hardening.md section 1.1).
 * All signatures are checked; exactly one class may match. Pure functions, any thread. */
#ifndef DR_DETECT_DETECT_H
#define DR_DETECT_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define DETECT_HEAD_BYTES ((size_t)68 << 10)
#define DETECT_TAIL_BYTES ((size_t)1024)

/* lz4 and zstd frames begin with a magic of four bytes, little-endian. Both formats share the
 * skippable frames, of which this much is passed in a row. */
#define DETECT_MAGIC_LZ4 0x184D2204U
#define DETECT_MAGIC_LZ4_LEGACY 0x184C2102U
#define DETECT_MAGIC_ZSTD 0xFD2FB528U
#define DETECT_MAGIC_SKIPPABLE 0x184D2A50U /* and the 15 after it */
#define DETECT_SKIP_FRAMES 64U
#define DETECT_SKIP_BYTES ((uint64_t)64 << 20)

static inline bool detect_magic_skippable(uint32_t magic)
{
	return (magic & ~0xfU) == DETECT_MAGIC_SKIPPABLE;
}

enum detect_class {
	DETECT_RAW,
	DETECT_LZ4,
	DETECT_LZ4_LEGACY,
	DETECT_SKIPPABLE, /* a skippable frame: lz4 or zstd, the next magic decides */
	DETECT_ZSTD,
	DETECT_XZ,
	DETECT_GZIP,
	DETECT_BZIP2,
	DETECT_QCOW2,
};

enum detect_level {
	DETECT_OUTER,        /* the upload itself: codecs, qcow2 and raw are fine */
	DETECT_DECOMPRESSED, /* below one codec: qcow2 and raw */
	DETECT_DISK,         /* decoded from a qcow2: only raw */
};

struct detect_head {
	const uint8_t *p;
	size_t len;           /* DETECT_HEAD_BYTES, fewer only when the input is that short */
	bool whole;           /* the input ends with the head */
	uint64_t total_bytes; /* of the input, when announced; 0 = unknown */
};

/* detect_head_class: the class of an input by its head, or a refusal in the words of the table in
 * section 1.1 (format-vmdk, nested-compression, ambiguous-format, not-an-image, empty …).
 * DETECT_SKIPPABLE is resolved as far as the head reaches: the class of the first real frame, or
 * DETECT_SKIPPABLE when it lies beyond.
 * A web page is told from a disk that begins with the same letters by being under 1 MiB, which
 * shows only when the head is whole or total_bytes is set.
 *   0, or -1: UNSUPPORTED, CORRUPT or INVALID with a reason. */
int detect_head_class(const struct detect_head *head, enum detect_level level,
		      enum detect_class *ret, struct dr_err *err) DR_MUST_CHECK;

/* detect_head_optical: ISO 9660 or UDF. Such a head is DETECT_RAW when it can boot as a disk (then
 * the disk's kind is "iso") and refused as format-iso otherwise (section 1.6). */
bool detect_head_optical(const struct detect_head *head);

/* detect_tail_check: the signatures that stand at the end: fixed VHD footer, DMG "koly".
 *   tail, len  the last min(1024, total) bytes.
 *   class      what the head says.
 *   0, or -1: UNSUPPORTED format-vhd or format-dmg; ambiguous-format when the class is not raw. */
int detect_tail_check(const uint8_t *tail, size_t len, enum detect_class class, struct dr_err *err)
	DR_MUST_CHECK;

/* detect_boot_warnings: what would surprise somebody who boots this disk (section 1.2), as
 * "code: sentence" with the codes no-boot-record and partition-beyond-end. NULL-terminated static
 * strings; at most 3 and the NULL are written.
 *   head of the decoded disk; tail its last bytes (GPT backup header); total its length. */
void detect_boot_warnings(const struct detect_head *head, const uint8_t *tail, size_t tail_len,
			  uint64_t total, const char *ret[static 4]);

const char *detect_class_name(enum detect_class c); /* "raw" "lz4" "lz4-legacy" "zstd" "qcow2" … */

#endif
