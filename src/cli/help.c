/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/text.h"

#include "util/banned.h"

#define PROGRAM "brightbox"
#define TERM_WIDTH 26

/* put_term: a term and its explanation, aligned; a long term gets a line of its own. */
static void put_term(const char *term, const char *text)
{
	int width = (int)text_length(term);

	if (width > TERM_WIDTH)
		printf("    %s\n    %*s  %s\n", term, TERM_WIDTH, "", text);
	else
		printf("    %s%*s  %s\n", term, TERM_WIDTH - width, "", text);
}

static void put_options(const char *title, struct option_list list)
{
	printf("\n%s\n", title);
	for (size_t i = 0; i < list.count; i++) {
		const struct option *o = &list.items[i];
		dr_autobuf struct buf term = BUF_INIT;

		if (o->letter)
			buf_printf(&term, "-%c, ", o->letter);
		buf_printf(&term, "--%s%s%s", o->name, o->value ? "=" : "",
			   o->value ? o->value : "");
		put_term(buf_str(&term), o->help);
	}
	put_term("-h, --help", "Show this help");
}

void help_program(void)
{
	const struct command *c;

	printf("NAME\n    " PROGRAM " - the image library's command\n\n"
	       "SYNOPSIS\n    " PROGRAM
	       " [global options] command [subcommand] [options] [arguments]\n\n"
	       "VERSION\n    %s\n",
	       DR_VERSION);
	put_options("GLOBAL OPTIONS", command_globals);
	printf("\nCOMMANDS\n");
	for (size_t i = 0; (c = command_at(i)); i++)
		if (c->summary)
			put_term(c->name, c->summary);
	printf("\nAny beginning of a command or option that fits no other will do: `image` for\n"
	       "`images`. `" PROGRAM " help COMMAND [SUBCOMMAND]` tells more.\n");
}

void help_command(const struct command *c)
{
	if (!c->subs[0].name) {
		help_sub(c, &c->subs[0]);
		return;
	}
	printf("NAME\n    %s - %s\n\n"
	       "SYNOPSIS\n    " PROGRAM
	       " [global options] %s [subcommand] [options] [arguments]\n\n"
	       "SUBCOMMANDS\n",
	       c->name, c->summary, c->name);
	for (size_t i = 0; i < c->sub_count; i++)
		put_term(c->subs[i].name, c->subs[i].summary);
	printf("\nWithout a subcommand it is `%s`.\n", c->sub_default);
}

void help_sub(const struct command *c, const struct subcommand *sub)
{
	const char *name = sub->name ? sub->name : "";

	printf("NAME\n    %s%s%s - %s\n\n", c->name, *name ? " " : "", name, sub->summary);
	printf("SYNOPSIS\n    " PROGRAM " [global options] %s%s%s%s%s%s\n", c->name,
	       *name ? " " : "", name, sub->options.count ? " [options]" : "",
	       *sub->words ? " " : "", sub->words);
	put_options("OPTIONS", sub->options);
	if (sub->details)
		printf("\n%s", sub->details);
}
