/* SPDX-License-Identifier: Apache-2.0
 *
 * The disk in a qcow2 file, by the shortest way through its tables: one cluster at a time, straight
 * from the specification, without anything of src/format. Only for files that were accepted. */
#ifndef DR_FUZZ_QCOW2_REFERENCE_H
#define DR_FUZZ_QCOW2_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* reference_agrees: the file p[0 .. len) holds exactly this disk, and all of it lies inside. */
bool reference_agrees(const uint8_t *p, size_t len, const uint8_t *disk, uint64_t disk_bytes);
/* reference_shares: two compressed clusters of this file have bytes of it in common. Whether that
 * is noticed may depend on what the spool has dropped by then. */
bool reference_shares(const uint8_t *p, size_t len);

#endif
