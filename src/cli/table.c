/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"
#include "util/str.h"

#include "util/banned.h"

#define ID_WIDTH 9
#define MIN_WIDTH 3
#define CUT_MARK "..."

int table_init(struct table *t, size_t columns, size_t rows, struct dr_err *err)
{
	assert(columns > 0 && columns <= TABLE_MAX_COLUMNS);
	*t = (struct table){.columns = columns, .rows = rows};
	t->cells = calloc(rows ? rows : 1, columns * sizeof *t->cells);
	return t->cells ? 0 : dr_fail_nomem(err);
}

void table_done(struct table *t)
{
	for (size_t i = 0; t->cells && i < t->rows * t->columns; i++)
		free(t->cells[i]);
	free(t->cells);
	t->cells = NULL;
}

void table_set(struct table *t, size_t row, size_t column, char *text)
{
	assert(row < t->rows && column < t->columns);
	free(t->cells[row * t->columns + column]);
	t->cells[row * t->columns + column] = text;
}

static const char *cell(const struct table *t, size_t row, size_t column)
{
	const char *s = t->cells[row * t->columns + column];

	return s ? s : "";
}

/* width_of: code points of a cell as printed: tab, CR and LF take two. */
static size_t width_of(const char *s)
{
	size_t n = text_length(s);

	for (; *s; s++)
		n += *s == '\t' || *s == '\r' || *s == '\n';
	return n;
}

static long sum(const long *w, size_t n)
{
	long total = 0;

	for (size_t i = 0; i < n; i++)
		total += w[i];
	return total;
}

/* floor_div: Ruby's integer division, b > 0. */
static long floor_div(long a, long b)
{
	return a >= 0 ? a / b : -((-a + b - 1) / b);
}

/* shrink_long: cut the columns above the average, again and again, until all fit (6.4, step 2).
 * False when no column is above it. */
static bool shrink_long(long *w, size_t n, long room)
{
	long total, longs, count, limit;

	while ((total = sum(w, n)) > room) {
		double mean = (double)total / (double)n;

		longs = count = 0;
		for (size_t i = 0; i < n; i++) {
			if ((double)w[i] > mean) {
				longs += w[i];
				count++;
			}
		}
		if (count == 0)
			return false;
		limit = longs / count * room / total;
		for (size_t i = 0; i < n; i++)
			if (w[i] > limit)
				w[i] = limit;
	}
	return true;
}

/* shrink_all: in proportion to the natural widths, or all alike (6.4, step 2, in brackets). */
static void shrink_all(long *w, const long *natural, size_t n, long room)
{
	double total = (double)sum(natural, n);
	bool fits;

	for (size_t i = 0; i < n; i++)
		w[i] = (long)((double)natural[i] / total * (double)room);
	fits = sum(w, n) <= room;
	for (size_t i = 0; i < n; i++)
		fits = fits && w[i] > MIN_WIDTH;
	for (size_t i = 0; !fits && i < n; i++)
		w[i] = room / (long)n;
}

/* spread: hand out what is left (or missing) over the columns that are not at their natural width,
 * in alphabetical order (6.4, step 4). */
static void spread(const struct table *t, long *w, const long *natural, long room)
{
	size_t order[TABLE_MAX_COLUMNS];
	size_t k = 0, at;
	long spare = room - sum(w, t->columns), given = 0;

	for (size_t i = 0; i < t->columns; i++) {
		if (w[i] == natural[i])
			continue;
		for (at = k++; at > 0 && strcmp(t->names[order[at - 1]], t->names[i]) > 0; at--)
			order[at] = order[at - 1];
		order[at] = i;
	}
	for (size_t i = 0; i < k; i++) {
		long share = floor_div(spare - given, (long)(k - i));
		long wanted = natural[order[i]] - w[order[i]];
		long more = wanted < share ? wanted : share;

		given += more;
		w[order[i]] += more;
	}
}

bool table_widths(const struct table *t, size_t screen, size_t widths[static TABLE_MAX_COLUMNS])
{
	long natural[TABLE_MAX_COLUMNS];
	long w[TABLE_MAX_COLUMNS];
	size_t n = t->columns;
	long room = (long)screen - (long)(2 * n + 1);

	for (size_t i = 0; i < n; i++) {
		natural[i] = (long)text_length(t->names[i]);
		for (size_t r = 0; r < t->rows; r++)
			if (natural[i] < (long)width_of(cell(t, r, i)))
				natural[i] = (long)width_of(cell(t, r, i));
		w[i] = natural[i];
	}
	if ((long)n * MIN_WIDTH > room)
		return false;
	if (!shrink_long(w, n, room))
		shrink_all(w, natural, n, room);
	for (size_t i = 0; i < n; i++)
		if (dr_streq(t->names[i], "id"))
			w[i] = ID_WIDTH;
	spread(t, w, natural, room);
	for (size_t i = 0; i < n; i++)
		widths[i] = w[i] > 0 ? (size_t)w[i] : 0;
	return true;
}

/* visible: a cell with tab, CR and LF as two characters each. */
static void visible(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '\t')
			buf_puts(out, "\\t");
		else if (*s == '\r')
			buf_puts(out, "\\r");
		else if (*s == '\n')
			buf_puts(out, "\\n");
		else
			buf_putc(out, *s);
	}
}

static void pad(struct buf *out, size_t n, char c)
{
	for (; n > 0; n--)
		buf_putc(out, c);
}

static void put_cell(struct buf *out, const char *text, size_t width)
{
	dr_autobuf struct buf shown = BUF_INIT;
	size_t length, mark = 0;

	visible(&shown, text);
	length = text_length(buf_str(&shown));
	if (length > width) {
		mark = width < 5 ? 0 : strlen(CUT_MARK);
		buf_append(out, buf_str(&shown), text_prefix(buf_str(&shown), width - mark));
		if (mark)
			buf_puts(out, CUT_MARK);
		return;
	}
	buf_puts(out, buf_str(&shown));
	pad(out, width - length, ' ');
}

static void put_border(struct buf *out, const size_t *widths, size_t n)
{
	size_t dashes = 2 * n;

	for (size_t i = 0; i < n; i++)
		dashes += widths[i];
	pad(out, dashes, '-');
	buf_putc(out, '\n');
}

static void put_line(struct buf *out, const char *const *cells, const size_t *widths, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, i == 0 ? " " : "  ");
		put_cell(out, cells[i] ? cells[i] : "", widths[i]);
	}
	buf_putc(out, '\n');
}

void table_list(const struct table *t, size_t screen, struct buf *out)
{
	size_t widths[TABLE_MAX_COLUMNS];

	if (t->rows > 0 && !table_widths(t, screen, widths)) {
		table_vertical(t, out);
		return;
	}
	buf_putc(out, '\n');
	if (t->rows == 0)
		return;
	put_line(out, t->names, widths, t->columns);
	put_border(out, widths, t->columns);
	for (size_t r = 0; r < t->rows; r++)
		put_line(out, (const char *const *)&t->cells[r * t->columns], widths, t->columns);
	put_border(out, widths, t->columns);
	buf_putc(out, '\n');
}

static size_t longest_name(const struct table *t)
{
	size_t longest = 0;

	for (size_t i = 0; i < t->columns; i++)
		if (text_length(t->names[i]) > longest)
			longest = text_length(t->names[i]);
	return longest;
}

static void put_record(const struct table *t, size_t row, struct buf *out)
{
	size_t longest = longest_name(t);

	for (size_t i = 0; i < t->columns; i++) {
		if (!t->cells[row * t->columns + i])
			continue;
		pad(out, longest - text_length(t->names[i]), ' ');
		buf_printf(out, "%s: %s\n", t->names[i], cell(t, row, i));
	}
}

void table_vertical(const struct table *t, struct buf *out)
{
	size_t stars = longest_name(t) + longest_name(t) / 2;

	if (stars < MIN_WIDTH)
		stars = MIN_WIDTH;
	for (size_t r = 0; r < t->rows; r++) {
		pad(out, stars, '*');
		buf_printf(out, " %zu. row ", r + 1);
		pad(out, stars, '*');
		buf_putc(out, '\n');
		put_record(t, r, out);
	}
}

void table_show(const struct table *t, struct buf *out)
{
	if (t->rows == 0)
		buf_putc(out, '\n');
	for (size_t r = 0; r < t->rows; r++) {
		put_record(t, r, out);
		if (t->rows > 1)
			buf_putc(out, '\n');
	}
}

void table_simple_list(const struct table *t, struct buf *out)
{
	for (size_t r = 0; r < t->rows; r++) {
		for (size_t i = 0; i < t->columns; i++)
			buf_printf(out, "%s%s", i == 0 ? "" : "\t", cell(t, r, i));
		buf_putc(out, '\n');
	}
}

void table_simple_show(const struct table *t, struct buf *out)
{
	for (size_t r = 0; r < t->rows; r++)
		for (size_t i = 0; i < t->columns; i++)
			if (t->cells[r * t->columns + i])
				buf_printf(out, "%s\t%s\n", t->names[i], cell(t, r, i));
}
