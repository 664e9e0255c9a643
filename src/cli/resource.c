/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/say.h"
#include "cli/text.h"

#include "util/banned.h"

static int find_words(struct cli *cli, const char *collection, unsigned flags,
		      const struct args *args, json_t *rows, const char **missing,
		      struct dr_err *err)
{
	struct session *s;

	if (!rows)
		return dr_fail_nomem(err);
	if (cli_session(cli, &s, err) < 0)
		return -1;
	for (size_t i = 0; i < args->count; i++) {
		json_t *object = NULL;
		int found = session_find(s, collection, args->words[i], flags, &object, err);

		if (found < 0)
			return -1;
		if (found == 0)
			missing[i] = args->words[i];
		else if (json_array_append_new(rows, object) < 0)
			return dr_fail_nomem(err);
	}
	return 0;
}

int resource_find_all(struct cli *cli, const char *collection, unsigned flags,
		      const struct args *args, const char *complaint, json_t **ret,
		      struct dr_err *err)
{
	dr_autofree const char **missing = calloc(args->count + 1, sizeof *missing);
	json_auto json_t *rows = json_array();

	if (!missing)
		return dr_fail_nomem(err);
	if (find_words(cli, collection, flags, args, rows, missing, err) < 0)
		return -1;
	for (size_t i = 0; i < args->count; i++)
		if (missing[i])
			return dr_fail(err, DR_NOT_FOUND, "%s%.80s", complaint, missing[i]);
	*ret = DR_STEAL(rows);
	return 0;
}

int resource_find_known(struct cli *cli, const char *collection, unsigned flags,
			const struct args *args, const char *complaint, json_t **ret,
			struct dr_err *err)
{
	dr_autofree const char **missing = calloc(args->count + 1, sizeof *missing);
	json_auto json_t *rows = json_array();

	if (!missing)
		return dr_fail_nomem(err);
	if (find_words(cli, collection, flags, args, rows, missing, err) < 0)
		return -1;
	for (size_t i = 0; i < args->count; i++)
		if (missing[i])
			say("%s%s", complaint, missing[i]);
	*ret = DR_STEAL(rows);
	return 0;
}

int resource_act(struct session *s, const char *method, const char *collection, const char *id,
		 const char *verb, unsigned flags, json_t **ret, struct dr_err *err)
{
	dr_autobuf struct buf path = BUF_INIT;

	assert(text_id(id));
	buf_printf(&path, "%s/%s%s%s", collection, id, verb ? "/" : "", verb ? verb : "");
	return session_call(s, method, buf_str(&path), flags, NULL, ret, err);
}

int64_t resource_age(const json_t *object)
{
	int64_t ms;

	return text_time_ms(view_text(object, "created_at"), &ms) ? ms : 0;
}

struct place {
	json_t *object; /* borrowed */
	size_t index;   /* where it stood */
};

struct order {
	int (*compare)(const json_t *a, const json_t *b);
};

static int compare_places(const void *a, const void *b, void *arg)
{
	const struct place *x = a, *y = b;
	int order = ((const struct order *)arg)->compare(x->object, y->object);

	return order ? order : (x->index > y->index) - (x->index < y->index);
}

int resource_sort(json_t **rows, int (*compare)(const json_t *a, const json_t *b),
		  struct dr_err *err)
{
	size_t n = json_array_size(*rows);
	dr_autofree struct place *places = calloc(n + 1, sizeof *places);
	json_auto json_t *sorted = json_array();
	struct order order = {compare};

	if (!places || !sorted)
		return dr_fail_nomem(err);
	for (size_t i = 0; i < n; i++)
		places[i] = (struct place){json_array_get(*rows, i), i};
	qsort_r(places, n, sizeof *places, compare_places, &order);
	for (size_t i = 0; i < n; i++)
		if (json_array_append(sorted, places[i].object) < 0)
			return dr_fail_nomem(err);
	json_decref(*rows);
	*rows = DR_STEAL(sorted);
	return 0;
}

static int by_age(const json_t *a, const json_t *b)
{
	int64_t x = resource_age(a), y = resource_age(b);

	return (x > y) - (x < y);
}

int resource_sort_by_age(json_t **rows, struct dr_err *err)
{
	return resource_sort(rows, by_age, err);
}

json_t *resource_alone(json_t *object)
{
	return json_pack("[O]", object);
}
