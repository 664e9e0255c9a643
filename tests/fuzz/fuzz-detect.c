/* SPDX-License-Identifier: Apache-2.0
 *
 * The beginning of an upload or of a disk. The first byte picks the level and what is known of the
 * length. */
#include <stdlib.h>

#include "detect/detect.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *warnings[4] = {NULL};
	struct dr_err err = DR_ERR_INIT;
	enum detect_class class;
	struct detect_head head;
	size_t tail;

	if (size < 1)
		return 0;
	head = (struct detect_head){.p = data + 1, .len = size - 1};
	if (head.len > DETECT_HEAD_BYTES)
		head.len = DETECT_HEAD_BYTES;
	head.whole = data[0] & 4 || head.len < DETECT_HEAD_BYTES;
	head.total_bytes = data[0] & 8 ? size - 1 : 0;
	if (detect_head_class(&head, (enum detect_level)((data[0] & 3U) % 3U), &class, &err) < 0) {
		if (err.reason[0] == '\0' || err.msg[0] == '\0')
			abort();
	} else if ((data[0] & 3U) % 3U == DETECT_DISK && class != DETECT_RAW) {
		abort();
	}
	(void)detect_head_optical(&head);
	tail = size - 1 < DETECT_TAIL_BYTES ? size - 1 : DETECT_TAIL_BYTES;
	err = (struct dr_err)DR_ERR_INIT;
	if (detect_tail_check(data + size - tail, tail, DETECT_RAW, &err) < 0 &&
	    err.reason[0] == '\0')
		abort();
	detect_boot_warnings(&head, data + size - tail, tail, size - 1, warnings);
	return 0;
}
