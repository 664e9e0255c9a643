/* SPDX-License-Identifier: Apache-2.0
 *
 * util/cleanup: owning locals. Initialise where declared; give ownership away with DR_STEAL. */
#ifndef DR_UTIL_CLEANUP_H
#define DR_UTIL_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DR_CLEANUP(fn) __attribute__((cleanup(fn)))

static inline void dr_freep(void *p)
{
	free(*(void **)p);
}

static inline void dr_closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void dr_fclosep(FILE **f)
{
	if (*f)
		fclose(*f);
}

#define dr_autofree DR_CLEANUP(dr_freep)
#define dr_autofd DR_CLEANUP(dr_closep)
#define dr_autofile DR_CLEANUP(dr_fclosep)

/* DR_STEAL: the value of pointer p; p becomes NULL. DR_STEAL_FD: likewise for descriptors, -1. */
#define DR_STEAL(p)                            \
	__extension__({                        \
		__typeof__(p) *dr_pp_ = &(p);  \
		__typeof__(p) dr_v_ = *dr_pp_; \
		*dr_pp_ = NULL;                \
		dr_v_;                         \
	})
#define DR_STEAL_FD(fd)              \
	__extension__({              \
		int *dr_pp_ = &(fd); \
		int dr_v_ = *dr_pp_; \
		*dr_pp_ = -1;        \
		dr_v_;               \
	})

/* DR_DEFINE_CLEANUP(struct thing, thing_free): defines thing_freep for DR_CLEANUP(thing_freep). */
#define DR_DEFINE_CLEANUP(type, fn)        \
	static inline void fn##p(type **p) \
	{                                  \
		if (*p)                    \
			fn(*p);            \
	}                                  \
	struct dr_swallow_semicolon_

#endif
