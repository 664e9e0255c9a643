/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/table.h"
#include "must.h"

#define COLUMNS(...)                                            \
	sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *), \
	{                                                       \
		__VA_ARGS__                                     \
	}

static const struct table_case {
	size_t screen;
	size_t columns;
	const char *names[8];
	size_t rows;
	const char *cells[16]; /* NULL: no such field */
	const char *expected;
} listings[] = {
	/* What the seed's own command printed for these cells. */
	/* clang-format off */
	{120, COLUMNS("id", "owner", "type", "created_on", "status", "size", "name"), 2, {
		"img-a1b2c", "brightbox", "official", "2023-01-03", "public", "2252",
		"ubuntu-jammy-22.04-amd64-server (x86_64)",
		"img-b2c3d", "acc-abcde", "upload", "2023-01-04", "private", "2048",
		"arch-latest (x86_64)",
	},
	"\n"
	" id         owner      type      created_on  status   size  name                                    \n"
	"-----------------------------------------------------------------------------------------------------\n"
	" img-a1b2c  brightbox  official  2023-01-03  public   2252  ubuntu-jammy-22.04-amd64-server (x86_64)\n"
	" img-b2c3d  acc-abcde  upload    2023-01-04  private  2048  arch-latest (x86_64)                    \n"
	"-----------------------------------------------------------------------------------------------------\n"
	"\n"},
	{80, COLUMNS("id", "owner", "type", "created_on", "status", "size", "name"), 2, {
		"img-a1b2c", "brightbox", "official", "2023-01-03", "public", "2252",
		"ubuntu-jammy-22.04-amd64-server (x86_64)",
		"img-b2c3d", "acc-abcde", "upload", "2023-01-04", "private", "2048",
		"arch-latest (x86_64)",
	},
	"\n"
	" id         owner      type      created_on  status   size  name              \n"
	"-------------------------------------------------------------------------------\n"
	" img-a1b2c  brightbox  official  2023-01-03  public   2252  ubuntu-jammy-22...\n"
	" img-b2c3d  acc-abcde  upload    2023-01-04  private  2048  arch-latest (x8...\n"
	"-------------------------------------------------------------------------------\n"
	"\n"},
	{60, COLUMNS("id", "owner", "type", "created_on", "status", "size", "name"), 2, {
		"img-a1b2c", "brightbox", "official", "2023-01-03", "public", "2252",
		"ubuntu-jammy-22.04-amd64-server (x86_64)",
		"img-b2c3d", "acc-abcde", "upload", "2023-01-04", "private", "2048",
		"arch-latest (x86_64)",
	},
	"\n"
	" id         owner   type     cre...  status   size  name  \n"
	"-----------------------------------------------------------\n"
	" img-a1b2c  bri...  offi...  202...  public   2252  ubu...\n"
	" img-b2c3d  acc...  upload   202...  private  2048  arc...\n"
	"-----------------------------------------------------------\n"
	"\n"},
	{40, COLUMNS("id", "owner", "type", "created_on", "status", "size", "name"), 2, {
		"img-a1b2c", "brightbox", "official", "2023-01-03", "public", "2252",
		"ubuntu-jammy-22.04-amd64-server (x86_64)",
		"img-b2c3d", "acc-abcde", "upload", "2023-01-04", "private", "2048",
		"arch-latest (x86_64)",
	},
	"\n"
	" id         own  typ  cr  sta  siz  na\n"
	"---------------------------------------\n"
	" img-a1b2c  bri  off  20  pub  225  ub\n"
	" img-b2c3d  acc  upl  20  pri  204  ar\n"
	"---------------------------------------\n"
	"\n"},
	{80, COLUMNS("alias", "client_id", "secret", "api_url", "auth_url"), 1, {
		"cli-aaaaa", "cli-aaaaa", "secret123456789", "https://api.gb1.brightbox.com",
		"https://api.gb1.brightbox.com",
	},
	"\n"
	" alias      client_id  secret           api_url             auth_url          \n"
	"-------------------------------------------------------------------------------\n"
	" cli-aaaaa  cli-aaaaa  secret123456789  https://api.gb1...  https://api.gb1...\n"
	"-------------------------------------------------------------------------------\n"
	"\n"},
	{46, COLUMNS("id", "a", "b"), 1, {
		"longer-id-12", "ééééééééééééééééééééééééé世", "a\tb\nc\rd",
	},
	"\n"
	" id           a                   b         \n"
	"---------------------------------------------\n"
	" longer-i...  ééééééééééééééé...  a\\tb\\nc\\rd\n"
	"---------------------------------------------\n"
	"\n"},
	{30, COLUMNS("aa", "bb", "cc"), 1, {
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",
		"zzzzzzzzzzzzzzzzzzzzzzzzzzzzzz",
	},
	"\n"
	" aa       bb        cc      \n"
	"-----------------------------\n"
	" xxxx...  yyyyy...  zzzzz...\n"
	"-----------------------------\n"
	"\n"},
	{80, COLUMNS("id", "handle"), 1, {
		"zon-1", "gb1-a",
	},
	"\n"
	" id     handle\n"
	"---------------\n"
	" zon-1  gb1-a \n"
	"---------------\n"
	"\n"},
	/* clang-format on */
};

static struct table make(const struct table_case *c)
{
	struct table t;

	must(table_init(&t, c->columns, c->rows, &err));
	for (size_t i = 0; i < c->columns; i++)
		t.names[i] = c->names[i];
	for (size_t i = 0; i < c->rows * c->columns; i++)
		if (c->cells[i])
			table_set(&t, i / c->columns, i % c->columns, strdup(c->cells[i]));
	return t;
}

static void expect(const struct table_case *c, void (*print)(const struct table *, struct buf *))
{
	struct buf out = BUF_INIT;
	struct table t = make(c);

	if (print)
		print(&t, &out);
	else
		table_list(&t, c->screen, &out);
	assert_string_equal(buf_str(&out), c->expected);
	buf_done(&out);
	table_done(&t);
}

static void listings_are_the_seeds_to_the_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof listings / sizeof *listings; i++)
		expect(&listings[i], NULL);
}

static void a_listing_of_nothing_is_an_empty_line(void **state)
{
	static const struct table_case none = {80, COLUMNS("id", "name"), 0, {NULL}, "\n"};
	static const struct table_case simple = {80, COLUMNS("id", "name"), 0, {NULL}, ""};

	(void)state;
	expect(&none, NULL);
	expect(&simple, table_simple_list);
}

static void a_screen_too_narrow_gives_rows_under_stars(void **state)
{
	static const struct table_case c = {
		15,
		COLUMNS("id", "size", "name"),
		2,
		{"img-aaaaa", "1", "a\tb", "img-bbbbb", "22", ""},
		"****** 1. row ******\n"
		"  id: img-aaaaa\n"
		"size: 1\n"
		"name: a\tb\n"
		"****** 2. row ******\n"
		"  id: img-bbbbb\n"
		"size: 22\n"
		"name: \n",
	};

	(void)state;
	expect(&c, NULL);
}

static void show_aligns_keys_and_parts_several_records(void **state)
{
	static const struct table_case one = {
		80,
		COLUMNS("id", "description"),
		1,
		{"img-aaaaa", ""},
		"         id: img-aaaaa\n"
		"description: \n",
	};
	static const struct table_case two = {
		80,
		COLUMNS("id", "description"),
		2,
		{"img-aaaaa", "two\nlines", "img-bbbbb", NULL},
		"         id: img-aaaaa\n"
		"description: two\nlines\n"
		"\n"
		"         id: img-bbbbb\n"
		"\n",
	};

	(void)state;
	expect(&one, table_show);
	expect(&two, table_show);
}

static void simple_output_is_tab_separated_and_whole(void **state)
{
	static const struct table_case list = {
		10,
		COLUMNS("id", "name"),
		2,
		{"img-aaaaa", "a long name", "img-bbbbb", ""},
		"img-aaaaa\ta long name\n"
		"img-bbbbb\t\n",
	};
	static const struct table_case show = {
		10,
		COLUMNS("id", "name"),
		2,
		{"img-aaaaa", "a long name", "img-bbbbb", NULL},
		"id\timg-aaaaa\n"
		"name\ta long name\n"
		"id\timg-bbbbb\n",
	};

	(void)state;
	expect(&list, table_simple_list);
	expect(&show, table_simple_show);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listings_are_the_seeds_to_the_byte),
		cmocka_unit_test(a_listing_of_nothing_is_an_empty_line),
		cmocka_unit_test(a_screen_too_narrow_gives_rows_under_stars),
		cmocka_unit_test(show_aligns_keys_and_parts_several_records),
		cmocka_unit_test(simple_output_is_tab_separated_and_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
