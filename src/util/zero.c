/* SPDX-License-Identifier: Apache-2.0 */
#include "util/zero.h"

#include <stdint.h>
#include <string.h>

#include "util/banned.h"

#define STEP 64

bool dr_all_zero(const void *p, size_t len)
{
	const uint8_t *b = p;

	/* The first bytes by hand, the rest against itself shifted by them. */
	for (size_t i = 0; i < STEP && i < len; i++)
		if (b[i])
			return false;
	return len <= STEP || memcmp(b, b + STEP, len - STEP) == 0;
}
