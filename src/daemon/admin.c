/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/admin.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/wire.h"
#include "library/library.h"
#include "orbit/orbit.h"
#include "util/clock.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

static const char *text_of(const json_t *v, char *room, size_t size)
{
	if (json_is_string(v))
		return json_string_value(v);
	if (json_is_integer(v))
		snprintf(room, size, "%lld", (long long)json_integer_value(v));
	else
		snprintf(room, size, "%s",
			 json_is_true(v)    ? "true"
			 : json_is_false(v) ? "false"
					    : "");
	return room;
}

static void print_record(json_t *j)
{
	const char *key;
	json_t *v;
	char room[32];
	int width = 0;

	json_object_foreach(j, key, v) width = (int)strlen(key) > width ? (int)strlen(key) : width;
	json_object_foreach(j, key, v)
		printf("%*s: %s\n", width, key, text_of(v, room, sizeof room));
}

/* print_table: one row per object, the columns those of the first. */
static void print_table(json_t *rows)
{
	json_t *first = json_array_get(rows, 0);
	const char *key;
	json_t *unused, *row;
	char room[32];
	size_t i;

	json_object_foreach(first, key, unused)
		printf("%s%s", key,
		       json_object_iter_next(first, json_object_key_to_iter(key)) ? "\t" : "\n");
	json_array_foreach(rows, i, row) json_object_foreach(first, key, unused)
		printf("%s%s", text_of(json_object_get(row, key), room, sizeof room),
		       json_object_iter_next(first, json_object_key_to_iter(key)) ? "\t" : "\n");
}

void admin_print(const struct admin *a, json_t *j)
{
	if (a->o->json) {
		json_dumpf(j, stdout, JSON_INDENT(1));
		putchar('\n');
	} else if (json_is_array(j)) {
		print_table(j);
	} else {
		print_record(j);
	}
	json_decref(j);
}

int admin_store(struct admin *a, struct dr_err *err)
{
	return a->store ? 0 : wire_store_open(&a->store, a->cfg.store_url, err);
}

static json_t *time_json(int64_t t)
{
	char text[DR_TIME_TEXT];

	if (t == 0)
		return json_null();
	dr_time_iso(t, text);
	return json_string(text);
}

/* account_json: NULL: *err says why. */
static json_t *account_json(struct admin *a, const struct account *acc, struct dr_err *err)
{
	uint64_t orbit_bytes;

	if (orbit_account_quota(a->catalogue, acc->id, &orbit_bytes, err) < 0)
		return NULL;
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I}", "id", acc->id, "name", acc->name,
		"status", acc->status, "created_at", time_json(acc->created_at), "stored_bytes",
		(json_int_t)acc->limits.stored_bytes, "orbit_bytes", (json_int_t)orbit_bytes,
		"virtual_bytes", (json_int_t)acc->limits.virtual_bytes, "upload_bytes",
		(json_int_t)acc->limits.upload_bytes, "imports", (json_int_t)acc->limits.imports);
}

static int print_account(struct admin *a, const struct account *acc, struct dr_err *err)
{
	json_t *row = account_json(a, acc, err);

	if (!row)
		return dr_fail_nomem(err); /* unless it says otherwise already */
	admin_print(a, row);
	return 0;
}

static int account_create(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct account acc = {0};

	if (!dr_copy(acc.name, sizeof acc.name, words[0]) ||
	    !dr_text_valid(words[0], strlen(words[0])))
		return dr_fail(err, DR_INVALID, "NAME is at most 255 characters of UTF-8 text");
	dr_copy(acc.status, sizeof acc.status, "active");
	if (catalogue_account_create(a->catalogue, &acc, err) < 0)
		return -1;
	admin_print(a, json_pack("{s:s, s:s}", "id", acc.id, "name", acc.name));
	return 0;
}

static int account_list(struct admin *a, const char *const *words, struct dr_err *err)
{
	dr_autofree struct account *list = NULL;
	json_t *rows = json_array();
	size_t n = 0;

	(void)words;
	if (catalogue_account_list(a->catalogue, &list, &n, err) < 0) {
		json_decref(rows);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if (json_array_append_new(rows, account_json(a, &list[i], err)) < 0) {
			json_decref(rows);
			return dr_fail_nomem(err);
		}
	}
	admin_print(a, rows);
	return 0;
}

static int account_limits(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct account acc;
	uint64_t orbit_bytes = 0;
	bool change = false;

	if (catalogue_account_get(a->catalogue, words[0], &acc, err) < 0)
		return -1;
	const struct {
		const char *option, *given;
		uint64_t *to;
	} limits[] = {{"--orbit-bytes", a->o->orbit_bytes, &orbit_bytes},
		      {"--stored-bytes", a->o->stored_bytes, &acc.limits.stored_bytes},
		      {"--virtual-bytes", a->o->virtual_bytes, &acc.limits.virtual_bytes},
		      {"--upload-bytes", a->o->upload_bytes, &acc.limits.upload_bytes},
		      {"--imports", a->o->imports, &acc.limits.imports}};
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
		if (!limits[i].given)
			continue;
		if (!dr_parse_size(limits[i].given, limits[i].to))
			return dr_fail(err, DR_INVALID,
				       "%s takes a number such as 500G; 0 is the default",
				       limits[i].option);
		change = true;
	}
	if (change && catalogue_account_set_limits(a->catalogue, acc.id, &acc.limits, err) < 0)
		return -1;
	if (a->o->orbit_bytes &&
	    orbit_account_set_quota(a->catalogue, acc.id, orbit_bytes, err) < 0)
		return -1;
	return print_account(a, &acc, err);
}

static int user_create(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct user u = {0};
	char hash[160], password[TOKEN_TEXT];
	struct account acc;

	if (!a->o->account)
		return dr_fail(err, DR_INVALID, "user create needs --account ACC");
	if (!dr_copy(u.email, sizeof u.email, words[0]) || !strchr(words[0], '@') ||
	    !dr_text_valid(words[0], strlen(words[0])))
		return dr_fail(err, DR_INVALID, "EMAIL is at most 255 characters, with an @");
	dr_copy(u.name, sizeof u.name, a->o->name ? a->o->name : words[0]);
	auth_new_token(password);
	password[20] = 0;
	if (catalogue_account_get(a->catalogue, a->o->account, &acc, err) < 0) {
		if (err->code == DR_NOT_FOUND)
			err->code = DR_INVALID; /* what was not found is not EMAIL */
		return dr_while(err, "%s", a->o->account);
	}
	if (auth_password_hash(password, hash, err) < 0 ||
	    catalogue_user_create(a->catalogue, &u, hash, acc.id, err) < 0)
		return -1;
	admin_print(a, json_pack("{s:s, s:s, s:s, s:s}", "id", u.id, "account_id", acc.id, "email",
				 u.email, "password", password));
	return 0;
}

static int user_password(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct user u;
	char hash[160], password[ADMIN_PASSWORD_TEXT];
	int rc;

	if (catalogue_user_for_login(a->catalogue, words[0], &u, hash, err) < 0)
		return -1;
	rc = admin_read_password(password, err);
	if (rc == 0)
		rc = auth_password_hash(password, hash, err);
	explicit_bzero(password, sizeof password);
	if (rc < 0 || catalogue_user_set_password(a->catalogue, u.id, hash, err) < 0)
		return -1;
	admin_print(a, json_pack("{s:s, s:s, s:s}", "id", u.id, "email", u.email, "password",
				 "changed"));
	return 0;
}

static int client_create(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct api_client cl = {0};
	struct account acc;
	char secret[SECRET_TEXT];
	uint8_t hash[SECRET_HASH_BYTES];
	const char *group = a->o->group ? a->o->group : "full";

	if (strcmp(group, "full") != 0 && strcmp(group, "storage") != 0)
		return dr_fail(err, DR_INVALID, "--group takes full or storage");
	if (catalogue_account_get(a->catalogue, words[0], &acc, err) < 0)
		return -1;
	dr_copy(cl.account, sizeof cl.account, acc.id);
	dr_copy(cl.name, sizeof cl.name, a->o->name ? a->o->name : "");
	cl.storage_only = strcmp(group, "storage") == 0;
	auth_new_secret(secret);
	auth_secret_hash(secret, hash);
	if (catalogue_client_create(a->catalogue, &cl, hash, err) < 0)
		return -1;
	admin_print(a, json_pack("{s:s, s:s, s:s, s:s}", "id", cl.id, "account_id", acc.id,
				 "permissions_group", group, "secret", secret));
	return 0;
}

static int client_reset(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct api_client cl;
	char secret[SECRET_TEXT];
	uint8_t hash[SECRET_HASH_BYTES];

	if (catalogue_client_get(a->catalogue, words[0], &cl, hash, err) < 0)
		return -1;
	auth_new_secret(secret);
	auth_secret_hash(secret, hash);
	if (catalogue_client_set_secret(a->catalogue, cl.id, hash, err) < 0)
		return -1;
	admin_print(a, json_pack("{s:s, s:s}", "id", cl.id, "secret", secret));
	return 0;
}

static int image_official(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct library l = {.catalogue = a->catalogue};
	bool official;

	if (!dr_parse_bool(words[1], &official))
		return dr_fail(err, DR_INVALID, "image official takes ID true or ID false");
	if (library_image_set_official(&l, words[0], official, err) < 0)
		return -1;
	admin_print(a, json_pack("{s:s, s:b}", "id", words[0], "official", official));
	return 0;
}

static int image_licence(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct library l = {.catalogue = a->catalogue};

	if (library_image_set_licence(&l, words[0], words[1], err) < 0)
		return -1;
	admin_print(a, json_pack("{s:s, s:s}", "id", words[0], "licence_name", words[1]));
	return 0;
}

static int job_list(struct admin *a, const char *const *words, struct dr_err *err)
{
	dr_autofree struct job *jobs = NULL;
	json_t *rows = json_array();
	size_t n = 0;

	(void)words;
	if (catalogue_job_list(a->catalogue, &jobs, &n, err) < 0) {
		json_decref(rows);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		/* The query of a source's URL is a secret: it may be a temporary URL. */
		jobs[i].url[strcspn(jobs[i].url, "?")] = 0;
		json_array_append_new(
			rows,
			json_pack("{s:I, s:s, s:s, s:s, s:i, s:i, s:o, s:o, s:s, s:s}", "id",
				  (json_int_t)jobs[i].id, "state", job_state_name(jobs[i].state),
				  "image", jobs[i].image, "account", jobs[i].account, "attempts",
				  (int)jobs[i].attempts, "failures", (int)jobs[i].failures,
				  "created_at", time_json(jobs[i].created_at), "finished_at",
				  time_json(jobs[i].finished_at), "url", jobs[i].url, "last_error",
				  jobs[i].last_error));
	}
	admin_print(a, rows);
	return 0;
}

static int job_change(struct admin *a, const char *word, const char *said,
		      int (*change)(struct catalogue *c, int64_t id, struct dr_err *err),
		      struct dr_err *err)
{
	int64_t id;

	if (!dr_parse_i64(word, 1, INT64_MAX, &id))
		return dr_fail(err, DR_INVALID, "a job's id is a number; see: admin job list");
	if (change(a->catalogue, id, err) < 0)
		return -1;
	admin_print(a, json_pack("{s:I, s:s}", "id", (json_int_t)id, "job", said));
	return 0;
}

static int job_cancel(struct admin *a, const char *const *words, struct dr_err *err)
{
	return job_change(a, words[0], "cancelled", catalogue_job_cancel, err);
}

static int job_retry(struct admin *a, const char *const *words, struct dr_err *err)
{
	return job_change(a, words[0], "queued", catalogue_job_retry, err);
}

static const struct admin_command {
	const char *noun, *verb, *args;
	unsigned count;
	admin_run *run;
	const char *help;
} commands[] = {
	{"account", "create", "NAME", 1, account_create, "a new account"},
	{"account", "list", "", 0, account_list, "every account and its limits"},
	{"account", "limits",
	 "ACC [--stored-bytes N] [--orbit-bytes N] [--virtual-bytes N] [--upload-bytes N] "
	 "[--imports N]",
	 1, account_limits, "show or set limits; 0 = the configured default"},
	{"user", "create", "EMAIL --account ACC [--name NAME]", 1, user_create,
	 "a new user; prints the password once"},
	{"user", "password", "EMAIL|USR", 1, user_password,
	 "a new password, read from standard input; ends the user's tokens"},
	{"client", "create", "ACC [--group full|storage] [--name NAME]", 1, client_create,
	 "a new API client; prints the secret once"},
	{"client", "reset", "CLI", 1, client_reset, "a new secret for a client; printed once"},
	{"image", "official", "ID true|false", 2, image_official,
	 "mark an image as the operator's own"},
	{"image", "licence", "ID NAME", 2, image_licence, "set the licence name of an image"},
	{"job", "list", "", 0, job_list, "the newest 1000 jobs"},
	{"job", "cancel", "JOB", 1, job_cancel, "stop an import; its image fails"},
	{"job", "retry", "JOB", 1, job_retry, "run a failed import again"},
	{"store", "collect", "[--now]", 0, admin_store_collect,
	 "remove what nothing refers to; --now also what is young"},
	{"store", "check", "[--full]", 0, admin_store_check,
	 "check images and users' objects; --full reads every byte"},
	{"doctor", "", "", 0, admin_doctor, "check this installation"},
};

void daemon_admin_help(FILE *out)
{
	fputs("darkroomd admin NOUN VERB [ARG...] --data DIR [--json]\n"
	      "\n"
	      "Works on the data directory, also while the server runs. --json prints JSON.\n\n",
	      out);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %s%s%s%s%s\n        %s\n", commands[i].noun,
			*commands[i].verb ? " " : "", commands[i].verb,
			*commands[i].args ? " " : "", commands[i].args, commands[i].help);
}

static const struct admin_command *find(const struct options *o, unsigned *ret_first,
					struct dr_err *err)
{
	const char *noun = o->word_count > 1 ? o->words[1] : "";
	const char *verb = o->word_count > 2 ? o->words[2] : "";

	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		const struct admin_command *c = &commands[i];

		if (strcmp(c->noun, noun) != 0 || (c->verb[0] && strcmp(c->verb, verb) != 0))
			continue;
		*ret_first = c->verb[0] ? 3 : 2;
		if (o->word_count - *ret_first == c->count)
			return c;
		dr_fail(err, DR_INVALID, "usage: darkroomd admin %s %s %s --data DIR", c->noun,
			c->verb, c->args);
		return NULL;
	}
	dr_fail(err, DR_INVALID, "admin%s%s%s%s is no command; see: darkroomd admin --help",
		*noun ? " " : "", noun, *verb ? " " : "", verb);
	return NULL;
}

int daemon_admin(const struct options *o)
{
	struct admin a = {.o = o};
	struct dr_err err = DR_ERR_INIT;
	unsigned first = 0;
	const struct admin_command *c = find(o, &first, &err);
	int rc;

	if (!c) {
		complain(&err);
		return 2;
	}
	umask(077);
	rc = options_config(o, &a.cfg, &err);
	if (rc == 0)
		rc = wire_catalogue_open(&a.catalogue, a.cfg.catalogue_url, &err);
	if (rc == 0)
		rc = auth_init(&err);
	if (rc == 0) {
		rc = c->run(&a, o->words + first, &err);
		if (rc < 0 && err.code == DR_NOT_FOUND && c->count > 0)
			dr_while(&err, "%s", o->words[first]);
	}
	store_close(a.store);
	catalogue_close(a.catalogue);
	config_done(&a.cfg);
	return rc < 0 ? complain(&err) : 0;
}
