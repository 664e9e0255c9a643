/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/args.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "util/str.h"

#include "util/banned.h"

#define NOT_FOUND ((size_t)-1)
#define AMBIGUOUS ((size_t)-2)

/* by_name: the option whose long name is, or alone begins with, name[0 .. len). */
static size_t by_name(struct option_list list, const char *name, size_t len)
{
	size_t found = NOT_FOUND;

	for (size_t i = 0; i < list.count; i++) {
		if (strncmp(list.items[i].name, name, len) != 0)
			continue;
		if (list.items[i].name[len] == 0)
			return i;
		found = found == NOT_FOUND ? i : AMBIGUOUS;
	}
	return found;
}

static size_t by_letter(struct option_list list, char letter)
{
	for (size_t i = 0; i < list.count; i++)
		if (list.items[i].letter == letter)
			return i;
	return by_name(list, &letter, 1);
}

/* accept: option i of `a` with its value, from behind a '=' or glued on (`value`), or the next
 * word. */
static int accept(struct args *a, size_t i, const char *value, const char *next, struct dr_err *err)
{
	const struct option *o = &a->list.items[i];

	if (!o->value && value)
		return dr_fail(err, DR_INVALID, "option --%s takes no value", o->name);
	if (!o->value) {
		a->values[i] = "";
		return 0;
	}
	if (value || next)
		a->values[i] = value ? value : next;
	else
		return dr_fail(err, DR_INVALID, "option --%s needs a value", o->name);
	return value ? 0 : 1;
}

/* long_option: 1 when the next element of argv was its value. */
static int long_option(struct args *a, struct args *outer, const char *text, const char *next,
		       struct dr_err *err)
{
	size_t len = strcspn(text, "=");
	const char *value = text[len] ? text + len + 1 : NULL;
	size_t i = by_name(a->list, text, len);

	if (i == NOT_FOUND && outer) {
		i = by_name(outer->list, text, len);
		if (i != NOT_FOUND && i != AMBIGUOUS)
			return accept(outer, i, value, next, err);
	}
	if (i == NOT_FOUND && len > 0 && !value && strncmp("help", text, len) == 0) {
		a->help = true;
		return 0;
	}
	if (i == AMBIGUOUS)
		return dr_fail(err, DR_INVALID, "Ambiguous option --%.*s", (int)len, text);
	if (i == NOT_FOUND)
		return dr_fail(err, DR_INVALID, "Unknown option --%.*s", (int)len, text);
	return accept(a, i, value, next, err);
}

/* short_options: the letters of one element. 1 when the next element was the last one's value. */
static int short_options(struct args *a, const char *text, const char *next, struct dr_err *err)
{
	for (; *text; text++) {
		size_t i = by_letter(a->list, *text);

		if (i == NOT_FOUND && *text == 'h') {
			a->help = true;
			continue;
		}
		if (i == AMBIGUOUS)
			return dr_fail(err, DR_INVALID, "Ambiguous option -%c", *text);
		if (i == NOT_FOUND)
			return dr_fail(err, DR_INVALID, "Unknown option -%c", *text);
		if (a->list.items[i].value)
			return accept(a, i, text[1] ? text + 1 : NULL, next, err);
		a->values[i] = "";
	}
	return 0;
}

int args_parse(struct args *ret, struct option_list list, struct args *outer, enum args_words words,
	       size_t argc, char **argv, struct dr_err *err)
{
	args_auto struct args a = {.list = list};
	bool options = true;
	size_t i = 0;

	assert(list.count <= ARGS_MAX_OPTIONS);
	a.words = calloc(argc + 1, sizeof *a.words);
	if (!a.words)
		return dr_fail_nomem(err);
	for (; i < argc; i++) {
		const char *text = argv[i];
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		int took_next = 0;

		if (options && dr_streq(text, "--")) {
			options = false;
		} else if (options && dr_starts(text, "--")) {
			took_next = long_option(&a, outer, text + 2, next, err);
		} else if (options && text[0] == '-' && text[1]) {
			took_next = short_options(&a, text + 1, next, err);
		} else if (words == ARGS_STOP_AT_WORD) {
			break;
		} else {
			a.words[a.count++] = text;
		}
		if (took_next < 0)
			return -1;
		i += (size_t)took_next;
	}
	a.used = i;
	*ret = a;
	a.words = NULL;
	return 0;
}

void args_done(struct args *a)
{
	free(a->words);
	a->words = NULL;
}

const char *args_get(const struct args *a, const char *name)
{
	size_t i = by_name(a->list, name, strlen(name));

	assert(i < a->list.count);
	return a->values[i];
}
