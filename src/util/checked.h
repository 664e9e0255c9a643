/* SPDX-License-Identifier: Apache-2.0
 *
 * util/checked: arithmetic on foreign numbers. true = fits, and *ret holds the result. */
#ifndef DR_UTIL_CHECKED_H
#define DR_UTIL_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool dr_add_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

static inline bool dr_mul_u64(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

static inline bool dr_add_size(size_t a, size_t b, size_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

static inline bool dr_mul_size(size_t a, size_t b, size_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

/* dr_shl_u64: v << bits, when neither the shift count nor the result overflows. */
static inline bool dr_shl_u64(uint64_t v, unsigned bits, uint64_t *ret)
{
	if (bits >= 64 || (bits > 0 && v >> (64 - bits)))
		return false;
	*ret = v << bits;
	return true;
}

/* dr_range_within: [off, off + len) lies inside [0, size). */
static inline bool dr_range_within(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

/* dr_div_up: ceil(a / b), b > 0, without overflow. */
static inline uint64_t dr_div_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

static inline uint64_t dr_min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline size_t dr_min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* dr_to_size: u64 -> size_t when it fits. */
static inline bool dr_to_size(uint64_t v, size_t *ret)
{
	*ret = (size_t)v;
	return *ret == v;
}

#endif
