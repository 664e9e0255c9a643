/* SPDX-License-Identifier: Apache-2.0
 *
 * What the mutators share: a small generator of random numbers, and libFuzzer's own mutator. */
#ifndef DR_FUZZ_MUTATE_H
#define DR_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

/* Given by libFuzzer, called by libFuzzer. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

/* mutate_random: splitmix64; below `n` (> 0). */
static inline uint64_t mutate_random(uint64_t *state, uint64_t n)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return (z ^ z >> 31) % n;
}

#endif
