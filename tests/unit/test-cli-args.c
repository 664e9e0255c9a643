/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/args.h"
#include "cli/command.h"
#include "must.h"

static const struct option options[] = {
	{'n', "name", "NAME", ""}, {'a', "all", NULL, ""},           {0, "server", "ID", ""},
	{0, "format", "FORM", ""}, {0, "form", NULL, "a beginning"}, {'q', "quiet", NULL, ""},
};
static const struct option_list list = OPTIONS(options);

#define MAX_WORDS 8

struct parsed {
	struct args args;
	char text[200]; /* the words point into it */
};

/* parse: words separated by blanks; '_' stands for an empty one. */
static int parse(struct parsed *p, struct args *outer, enum args_words how, const char *line,
		 struct dr_err *err)
{
	char *argv[MAX_WORDS];
	char *rest = p->text, *word;
	size_t argc = 0;

	snprintf(p->text, sizeof p->text, "%s", line);
	while ((word = strsep(&rest, " ")))
		argv[argc++] = strcmp(word, "_") == 0 ? word + 1 : word;
	return args_parse(&p->args, list, outer, how, argc, argv, err);
}

static void values_come_glued_behind_an_equals_sign_or_as_the_next_word(void **state)
{
	static const char *const lines[] = {"--name value", "--name=value", "-n value",  "-nvalue",
					    "--na value",   "--n=value",    "-aqn value"};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		must(parse(&p, NULL, ARGS_ALL_WORDS, lines[i], &err));
		assert_string_equal(args_get(&p.args, "name"), "value");
		assert_int_equal(p.args.count, 0);
		args_done(&p.args);
	}
	must(parse(&p, NULL, ARGS_ALL_WORDS, "--name=", &err));
	assert_string_equal(args_get(&p.args, "name"), "");
	assert_null(args_get(&p.args, "all"));
	args_done(&p.args);
	must(parse(&p, NULL, ARGS_ALL_WORDS, "-n _ --name=a=b", &err));
	assert_string_equal(args_get(&p.args, "name"), "a=b");
	args_done(&p.args);
}

static void a_whole_name_wins_over_longer_ones(void **state)
{
	struct parsed p;

	(void)state;
	must(parse(&p, NULL, ARGS_ALL_WORDS, "--form", &err));
	assert_non_null(args_get(&p.args, "form"));
	assert_null(args_get(&p.args, "format"));
	args_done(&p.args);
	must_fail(DR_INVALID, parse(&p, NULL, ARGS_ALL_WORDS, "--for", &err));
}

static void a_letter_of_no_option_stands_for_the_long_one_it_begins(void **state)
{
	struct parsed p;

	(void)state;
	must(parse(&p, NULL, ARGS_ALL_WORDS, "-s srv-aaaaa", &err));
	assert_string_equal(args_get(&p.args, "server"), "srv-aaaaa");
	args_done(&p.args);
	must_fail(DR_INVALID, parse(&p, NULL, ARGS_ALL_WORDS, "-f", &err));
}

static void words_and_options_mix_until_two_dashes(void **state)
{
	struct parsed p;

	(void)state;
	must(parse(&p, NULL, ARGS_ALL_WORDS, "one -a two - -- -n three", &err));
	assert_non_null(args_get(&p.args, "all"));
	assert_int_equal(p.args.count, 5);
	assert_string_equal(p.args.words[0], "one");
	assert_string_equal(p.args.words[2], "-");
	assert_string_equal(p.args.words[3], "-n");
	args_done(&p.args);
}

static void a_level_may_stop_at_its_first_word(void **state)
{
	struct parsed p;

	(void)state;
	must(parse(&p, NULL, ARGS_STOP_AT_WORD, "-n x -a command -q", &err));
	assert_int_equal(p.args.used, 3);
	assert_null(args_get(&p.args, "quiet"));
	args_done(&p.args);
}

static void what_is_not_ours_may_be_of_the_level_outside(void **state)
{
	struct args outer = {.list = command_globals};
	struct parsed p;

	(void)state;
	must(parse(&p, &outer, ARGS_ALL_WORDS, "--json --client=me --name=x", &err));
	assert_non_null(args_get(&outer, "json"));
	assert_string_equal(args_get(&outer, "client"), "me");
	assert_string_equal(args_get(&p.args, "name"), "x");
	args_done(&p.args);
	must_fail(DR_INVALID, parse(&p, &outer, ARGS_ALL_WORDS, "-k", &err));
}

static void help_is_understood_unless_it_is_something_else(void **state)
{
	static const char *const lines[] = {"-h", "--help", "--he", "-ah"};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		must(parse(&p, NULL, ARGS_ALL_WORDS, lines[i], &err));
		assert_true(p.args.help);
		args_done(&p.args);
	}
}

static void mistakes_are_refused(void **state)
{
	static const char *const lines[] = {"--bogus", "-x", "--name", "-n", "--all=yes", "--=x"};
	struct parsed p;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		must_fail(DR_INVALID, parse(&p, NULL, ARGS_ALL_WORDS, lines[i], &err));
}

static void commands_stand_in_the_order_ambiguity_lists_them(void **state)
{
	const struct command *c, *next;

	(void)state;
	for (size_t i = 0; (c = command_at(i)) && (next = command_at(i + 1)); i++)
		assert_true(strcmp(c->name, next->name) < 0);
}

static void an_exact_command_wins_over_longer_ones(void **state)
{
	const struct command *c = NULL;

	(void)state;
	must(command_find("config", &c, &err));
	assert_string_equal(c->name, "config");
	must(command_find("firewall-policy", &c, &err));
	assert_string_equal(c->name, "firewall-policies");
	must(command_find("firewall-p", &c, &err));
	assert_string_equal(c->name, "firewall-policies");
	must_fail(DR_INVALID, command_find("firewall", &c, &err));
	must_fail(DR_INVALID, command_find("", &c, &err));
}

static void every_default_subcommand_exists(void **state)
{
	const struct subcommand *sub;
	const struct command *c;
	size_t used;

	(void)state;
	for (size_t i = 0; (c = command_at(i)); i++) {
		if (!c->subs)
			continue;
		must(command_sub(c, NULL, &sub, &used, &err));
		assert_int_equal(used, 0);
		if (c->sub_default)
			assert_string_equal(sub->name, c->sub_default);
		else
			assert_null(sub->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_glued_behind_an_equals_sign_or_as_the_next_word),
		cmocka_unit_test(a_whole_name_wins_over_longer_ones),
		cmocka_unit_test(a_letter_of_no_option_stands_for_the_long_one_it_begins),
		cmocka_unit_test(words_and_options_mix_until_two_dashes),
		cmocka_unit_test(a_level_may_stop_at_its_first_word),
		cmocka_unit_test(what_is_not_ours_may_be_of_the_level_outside),
		cmocka_unit_test(help_is_understood_unless_it_is_something_else),
		cmocka_unit_test(mistakes_are_refused),
		cmocka_unit_test(commands_stand_in_the_order_ambiguity_lists_them),
		cmocka_unit_test(an_exact_command_wins_over_longer_ones),
		cmocka_unit_test(every_default_subcommand_exists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
