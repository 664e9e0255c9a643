/* SPDX-License-Identifier: Apache-2.0
 *
 * The spool with a window so small that little files pass through all its states: kept, released,
 * written and dropped. Takes the place of the library's. */
#include "stream/spool.h"

#undef SPOOL_PAGE_BYTES
#undef SPOOL_PAGES
#define SPOOL_PAGE_BYTES ((size_t)512)
#define SPOOL_PAGES 4U

#include "../../src/stream/spool.c"
