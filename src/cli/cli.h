/* SPDX-License-Identifier: Apache-2.0
 *
 * cli: the tenant's command `brightbox` (api.md section 6), a client over HTTP only.
 *
 *   main -> cli_main -> a command of command.h -> session (requests), view (output)
 *
 * One thread, one command per process. Tables and values go to stdout, remarks and errors to
 * stderr. */
#ifndef DR_CLI_CLI_H
#define DR_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>

#include "cli/args.h"
#include "cli/config.h"
#include "cli/session.h"

/* Exit codes, as scripts around the seed's command expect them (api.md section 5). */
enum cli_exit {
	CLI_OK = 0,
	CLI_FAILED = 1,
	CLI_REFUSED = 111,     /* the credentials were not accepted */
	CLI_INTERRUPTED = 130, /* Ctrl-C while waiting */
	CLI_RENEWED = 222,     /* the tokens are new: run the command again */
};

struct cli {
	bool simple;
	bool json;
	bool insecure;
	struct config *config;   /* owned */
	struct session *session; /* owned; NULL until cli_session() */
	int exit;                /* what a command that did not fail ends with */
};

/* cli_session: the session of the selected section, opened on first use. */
int cli_session(struct cli *cli, struct session **ret, struct dr_err *err) DR_MUST_CHECK;

/* cli_refuse: say that the credentials were not accepted, and end with CLI_REFUSED. */
void cli_refuse(struct cli *cli);

/* cli_main: the whole program. */
int cli_main(int argc, char **argv);

/* One field of a listing or of `show`. */
struct field {
	const char *name;
	/* text: append what is shown of the object; NULL: its member `name` as it is */
	void (*text)(const json_t *object, struct buf *out);
	bool optional; /* `show` leaves it out when it is empty */
};

struct field_list {
	const struct field *items;
	size_t count;
};

#define FIELDS(array)                                    \
	{                                                \
		(array), sizeof(array) / sizeof *(array) \
	}

/* view_list: an array of objects as a table (or simple, or as the JSON it is). */
int view_list(const struct cli *cli, struct field_list fields, const json_t *rows,
	      struct dr_err *err) DR_MUST_CHECK;
/* view_rows: as view_list, for a command that acted on the objects: one alone is one as JSON too.
 */
int view_rows(const struct cli *cli, struct field_list fields, const json_t *rows,
	      struct dr_err *err) DR_MUST_CHECK;
/* view_show: an array of objects, field by field. */
int view_show(const struct cli *cli, struct field_list fields, const json_t *rows,
	      struct dr_err *err) DR_MUST_CHECK;
/* view_member: append a member's value: text, number, true or false; nothing for null or none. */
void view_member(const json_t *object, const char *name, struct buf *out);
/* view_text: a member that is a string, or "". */
const char *view_text(const json_t *object, const char *name);
/* view_number: a member that is an integer, or 0. */
json_int_t view_number(const json_t *object, const char *name);

/* resource_find_all: one object per word of the command line. An unknown id is an error, before
 * anything is done with the others; its message is `complaint` followed by the id. */
int resource_find_all(struct cli *cli, const char *collection, unsigned flags,
		      const struct args *args, const char *complaint, json_t **ret,
		      struct dr_err *err) DR_MUST_CHECK;
/* resource_find_known: likewise, but unknown ids only earn that line on stderr. */
int resource_find_known(struct cli *cli, const char *collection, unsigned flags,
			const struct args *args, const char *complaint, json_t **ret,
			struct dr_err *err) DR_MUST_CHECK;
/* resource_act: `method` on collection/id[/verb] without a body; *ret (NULL: not wanted) the
 * answer. */
int resource_act(struct session *s, const char *method, const char *collection, const char *id,
		 const char *verb, unsigned flags, json_t **ret, struct dr_err *err) DR_MUST_CHECK;
/* resource_sort_by_age: oldest first, by `created_at`. */
int resource_sort_by_age(json_t **rows, struct dr_err *err) DR_MUST_CHECK;
/* resource_sort: into the order of `compare`, which sees two objects; equal ones keep their order.
 */
int resource_sort(json_t **rows, int (*compare)(const json_t *a, const json_t *b),
		  struct dr_err *err) DR_MUST_CHECK;
/* resource_age: `created_at` in milliseconds since 1970; 0 when there is none. */
int64_t resource_age(const json_t *object);
/* resource_alone: a new array with this one object (borrowed). */
json_t *resource_alone(json_t *object);

#endif
