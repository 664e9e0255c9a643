/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/table: the four layouts of api.md sections 6.4 and 6.5, to the byte.
 *
 *   list    a header between dashes, cells padded and cut so that lines fit the screen
 *   show    one right-aligned "key: value" line per field, records followed by an empty line
 *           when there are several
 *   simple  the same two, tab separated and never cut
 *
 * Cells are UTF-8 without control characters but tab, CR and LF (text_clean). */
#ifndef DR_CLI_TABLE_H
#define DR_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "util/buf.h"

#define TABLE_MAX_COLUMNS 32

struct table {
	size_t columns; /* 1..TABLE_MAX_COLUMNS */
	const char *names[TABLE_MAX_COLUMNS];
	size_t rows;
	char **cells; /* owned, rows * columns; NULL: the record has no such field (show only) */
};

/* table_init: `rows` rows of empty (NULL) cells. */
int table_init(struct table *t, size_t columns, size_t rows, struct dr_err *err) DR_MUST_CHECK;
void table_done(struct table *t);
/* table_set: `text` is owned by the table from the call on. */
void table_set(struct table *t, size_t row, size_t column, char *text);

/* table_widths: the column widths on a screen of `screen` columns; false when there are too many
 * columns for it (more than a third of the room), and the listing has to be vertical. */
bool table_widths(const struct table *t, size_t screen, size_t widths[static TABLE_MAX_COLUMNS]);

void table_list(const struct table *t, size_t screen, struct buf *out);
/* table_vertical: the listing for screens that are too narrow. */
void table_vertical(const struct table *t, struct buf *out);
void table_show(const struct table *t, struct buf *out);
void table_simple_list(const struct table *t, struct buf *out);
void table_simple_show(const struct table *t, struct buf *out);

#define table_auto DR_CLEANUP(table_done)

#endif
