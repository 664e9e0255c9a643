/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/env.h"
#include "cli/say.h"
#include "cli/table.h"
#include "cli/text.h"

#include "util/banned.h"

const char *view_text(const json_t *object, const char *name)
{
	const char *s = json_string_value(json_object_get(object, name));

	return s ? s : "";
}

json_int_t view_number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

void view_member(const json_t *object, const char *name, struct buf *out)
{
	const json_t *v = json_object_get(object, name);

	if (json_is_string(v))
		text_clean(out, json_string_value(v));
	else if (json_is_integer(v))
		buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else if (json_is_boolean(v))
		buf_puts(out, json_is_true(v) ? "true" : "false");
}

static int fill(struct table *t, struct field_list fields, const json_t *rows, bool show,
		struct dr_err *err)
{
	for (size_t i = 0; i < fields.count; i++)
		t->names[i] = fields.items[i].name;
	for (size_t r = 0; r < t->rows; r++) {
		const json_t *object = json_array_get(rows, r);

		for (size_t i = 0; i < fields.count; i++) {
			dr_autobuf struct buf text = BUF_INIT;
			const struct field *f = &fields.items[i];

			if (f->text)
				f->text(object, &text);
			else
				view_member(object, f->name, &text);
			if (buf_check(&text, err) < 0)
				return -1;
			if (show && f->optional && text.len == 0)
				continue;
			table_set(t, r, i, buf_steal(&text));
		}
	}
	return 0;
}

static int print_json(const json_t *j, struct dr_err *err)
{
	if (json_dumpf(j, stdout, JSON_INDENT(2)) < 0 || fputc('\n', stdout) == EOF)
		return dr_fail(err, DR_IO, "the JSON could not be written");
	return 0;
}

static int print(const struct buf *text, struct dr_err *err)
{
	if (buf_check(text, err) < 0)
		return -1;
	if (fwrite(buf_str(text), 1, text->len, stdout) != text->len)
		return dr_fail_errno(err, "write to standard output");
	return 0;
}

static int print_list(const struct cli *cli, struct field_list fields, const json_t *rows,
		      struct dr_err *err)
{
	dr_autobuf struct buf text = BUF_INIT;
	table_auto struct table t = {0};
	size_t widths[TABLE_MAX_COLUMNS];
	size_t screen = env_screen();

	if (table_init(&t, fields.count, json_array_size(rows), err) < 0 ||
	    fill(&t, fields, rows, false, err) < 0)
		return -1;
	if (cli->simple) {
		table_simple_list(&t, &text);
	} else {
		if (t.rows > 0 && !table_widths(&t, screen, widths))
			say_warn("the screen is too narrow for a table, listing row by row");
		table_list(&t, screen, &text);
	}
	return print(&text, err);
}

int view_list(const struct cli *cli, struct field_list fields, const json_t *rows,
	      struct dr_err *err)
{
	return cli->json ? print_json(rows, err) : print_list(cli, fields, rows, err);
}

static const json_t *one_or_all(const json_t *rows)
{
	return json_array_size(rows) == 1 ? json_array_get(rows, 0) : rows;
}

int view_rows(const struct cli *cli, struct field_list fields, const json_t *rows,
	      struct dr_err *err)
{
	return cli->json ? print_json(one_or_all(rows), err) : print_list(cli, fields, rows, err);
}

int view_show(const struct cli *cli, struct field_list fields, const json_t *rows,
	      struct dr_err *err)
{
	dr_autobuf struct buf text = BUF_INIT;
	table_auto struct table t = {0};

	if (cli->json)
		return print_json(one_or_all(rows), err);
	if (table_init(&t, fields.count, json_array_size(rows), err) < 0 ||
	    fill(&t, fields, rows, true, err) < 0)
		return -1;
	if (cli->simple)
		table_simple_show(&t, &text);
	else
		table_show(&t, &text);
	return print(&text, err);
}
