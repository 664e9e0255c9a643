/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cmd_orbit.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/fetch.h"
#include "cli/interrupt.h"
#include "cli/prompt.h"
#include "cli/remote.h"
#include "cli/say.h"
#include "cli/sign.h"
#include "cli/text.h"
#include "cli/upload.h"
#include "util/clock.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define EXPIRES_SECONDS ((uint64_t)24 * 3600)
#define EXPIRES_MAX ((uint64_t)366 * 24 * 3600 * 100)

/* ---- ls ---- */

static void name_text(const json_t *row, struct buf *out)
{
	const char *name = view_text(row, "name");

	text_name(out, *name ? name : view_text(row, "subdir"));
}

static void time_text(const json_t *row, struct buf *out)
{
	const char *text = view_text(row, "last_modified");
	dr_autobuf struct buf second = BUF_INIT;

	buf_printf(&second, "%.*s", (int)strcspn(text, "."), text);
	text_name(out, buf_str(&second));
	if (*text)
		buf_putc(out, 'Z');
}

static const struct field container_columns[] = {
	{"name", name_text, false},
	{"count", NULL, false},
	{"bytes", NULL, false},
};

static const struct field object_columns[] = {
	{"name", name_text, false},    {"bytes", NULL, false}, {"last_modified", time_text, false},
	{"content_type", NULL, false}, {"hash", NULL, false},
};

#define SHORT_COLUMNS 3 /* without -l */

struct ls {
	struct cli *cli;
	struct field_list fields;
	json_t *rows; /* owned; NULL: each page is printed as it comes */
};

static int ls_page(void *arg, const json_t *page, struct dr_err *err)
{
	struct ls *ls = arg;

	if (!ls->rows)
		return view_list(ls->cli, ls->fields, page, err);
	for (size_t i = 0; i < json_array_size(page); i++)
		if (json_array_append(ls->rows, json_array_get(page, i)) < 0)
			return dr_fail_nomem(err);
	return 0;
}

int orbit_ls(struct cli *cli, const struct args *args, struct dr_err *err)
{
	DR_CLEANUP(remote_closep) struct remote *r = NULL;
	place_auto struct place p = {NULL, NULL};
	json_auto json_t *rows = NULL;
	struct ls ls = {.cli = cli, .fields = FIELDS(container_columns)};
	struct remote_listing listing = {.page = ls_page, .arg = &ls};

	if (args->count > 1)
		return dr_fail(err, DR_INVALID, "You can list one container at a time");
	if (args->count == 1 && place_parse(&p, args->words[0], err) < 0)
		return -1;
	if (p.container) {
		ls.fields = (struct field_list){object_columns, SHORT_COLUMNS};
		if (args_get(args, "long"))
			ls.fields.count = sizeof object_columns / sizeof *object_columns;
		listing.container = p.container;
		listing.prefix = p.name;
		listing.delimiter = args_get(args, "recursive") ? NULL : "/";
	}
	if (!cli->simple || cli->json) { /* a table is as wide as its widest cell */
		ls.rows = rows = json_array();
		if (!rows)
			return dr_fail_nomem(err);
	}
	if (remote_open(&r, cli, err) < 0 || remote_list(r, remote_web(r), &listing, err) < 0)
		return -1;
	return rows ? view_list(cli, ls.fields, rows, err) : 0;
}

/* ---- put, get ---- */

static const char *base_name(const char *file)
{
	const char *slash = strrchr(file, '/');

	return slash ? slash + 1 : file;
}

/* choose_name: the file's own, when none or a directory of them was given. */
static int choose_name(struct place *p, const char *file, struct dr_err *err)
{
	dr_autobuf struct buf name = BUF_INIT;
	size_t len = p->name ? strlen(p->name) : 0;

	if (len > 0 && p->name[len - 1] != '/')
		return 0;
	if (dr_streq(file, "-") || !*base_name(file))
		return dr_fail(err, DR_INVALID, "You must specify the name of the object");
	buf_printf(&name, "%s%s", p->name ? p->name : "", base_name(file));
	if (!dr_utf8_valid(buf_str(&name), name.len))
		return dr_fail(err, DR_INVALID,
			       "The file's name is not UTF-8: you must specify the object's");
	free(p->name);
	p->name = buf_steal(&name);
	return p->name ? 0 : dr_fail_nomem(err);
}

static void report_put(const struct upload_request *req, const struct upload_facts *f)
{
	dr_autobuf struct buf size = BUF_INIT;
	dr_autobuf struct buf sent = BUF_INIT;

	text_bytes(&size, f->bytes);
	text_bytes(&sent, f->sent_bytes);
	say("Uploaded %s to %s/%s: %s%s%s%s, the MD5 is right",
	    dr_streq(req->file, "-") ? "standard input" : req->file, req->container, req->name,
	    buf_str(&size), f->sent_bytes < f->bytes ? ", of which " : "",
	    f->sent_bytes < f->bytes ? buf_str(&sent) : "",
	    f->sent_bytes < f->bytes ? " were still to be sent" : "");
}

int orbit_put(struct cli *cli, const struct args *args, struct dr_err *err)
{
	DR_CLEANUP(remote_closep) struct remote *r = NULL;
	place_auto struct place p = {NULL, NULL};
	const char *segment = args_get(args, "segment-size");
	struct upload_request req = {.segment_bytes = 0};
	struct upload_facts facts;
	struct interrupt in;
	int rc;

	if (args->count != 2)
		return dr_fail(err, DR_INVALID, "You must specify the file and where to put it");
	if (segment &&
	    (!dr_parse_size(segment, &req.segment_bytes) ||
	     req.segment_bytes < UPLOAD_SEGMENT_MIN || req.segment_bytes > UPLOAD_SEGMENT_MAX))
		return dr_fail(err, DR_INVALID, "Segments can have 1M to 5G");
	if (place_parse(&p, args->words[1], err) < 0 || choose_name(&p, args->words[0], err) < 0 ||
	    remote_open(&r, cli, err) < 0 || interrupt_hold(&in, err) < 0)
		return -1;
	req.file = args->words[0];
	req.container = p.container;
	req.name = p.name;
	rc = upload_run(r, &in, &req, &facts, err);
	if (rc < 0 && err->code == DR_CANCELLED && !dr_streq(req.file, "-"))
		say("Stopped. What is there is kept: repeat the command to go on from there");
	interrupt_release(&in);
	if (rc == 0)
		report_put(&req, &facts);
	return rc;
}

/* choose_file: what was asked for, a name in the directory that was asked for, or a name here. */
static int choose_file(const char *asked, const char *name, char **ret, struct dr_err *err)
{
	dr_autobuf struct buf file = BUF_INIT;
	struct stat st;
	bool exists = asked && stat(asked, &st) == 0;
	bool directory = exists && S_ISDIR(st.st_mode);

	if (exists && !directory && !S_ISREG(st.st_mode))
		return dr_fail(err, DR_INVALID, "%s is not a regular file", asked);
	if (asked)
		buf_puts(&file, asked);
	if (directory && asked[strlen(asked) - 1] != '/')
		buf_putc(&file, '/');
	if (!asked || directory)
		buf_puts(&file, base_name(name));
	if ((!asked || directory) &&
	    (dr_streq(base_name(name), "..") || dr_streq(base_name(name), ".")))
		return dr_fail(err, DR_INVALID, "You must specify the file");
	*ret = buf_steal(&file);
	return *ret ? 0 : dr_fail_nomem(err);
}

int orbit_get(struct cli *cli, const struct args *args, struct dr_err *err)
{
	DR_CLEANUP(remote_closep) struct remote *r = NULL;
	place_auto struct place p = {NULL, NULL};
	dr_autofree char *file = NULL;
	dr_autobuf struct buf size = BUF_INIT;
	const char *asked = args->count > 1 ? args->words[1] : NULL;
	struct fetch_request req;
	struct fetch_facts facts;
	struct interrupt in = {.fd = -1};
	int rc;

	if (args->count == 0 || args->count > 2)
		return dr_fail(err, DR_INVALID, "You must specify the object and a file");
	if (place_parse(&p, args->words[0], err) < 0)
		return -1;
	if (!p.name || p.name[strlen(p.name) - 1] == '/')
		return dr_fail(err, DR_INVALID, "'%.80s' is no object: container/name is one",
			       args->words[0]);
	if (dr_streq(asked, "-") && isatty(STDOUT_FILENO))
		return dr_fail(err, DR_INVALID, "an object is nothing for a terminal");
	if (!dr_streq(asked, "-") && choose_file(asked, p.name, &file, err) < 0)
		return -1;
	/* Nothing is kept of what goes to standard output, and whoever reads there may have
	 * stopped: a signal then simply ends it. */
	if (remote_open(&r, cli, err) < 0 || (file && interrupt_hold(&in, err) < 0))
		return -1;
	req = (struct fetch_request){p.container, p.name, file};
	rc = fetch_run(r, &in, &req, &facts, err);
	if (rc < 0 && file && facts.bytes > 0 && err->code != DR_CORRUPT)
		say("What is there is kept in %s.part: repeat the command to go on from there",
		    file);
	if (file)
		interrupt_release(&in);
	if (rc < 0)
		return -1;
	text_bytes(&size, facts.bytes);
	say("Downloaded %s to %s: %s, %s", args->words[0], file ? file : "standard output",
	    buf_str(&size),
	    facts.proven ? "the MD5 is right"
			 : "only the length is checked: the service has no MD5 of it");
	return 0;
}

/* ---- tempurl, key ---- */

/* is_range: an address, or the first of those that begin alike: 192.0.2.0/24. */
static bool is_range(const char *text)
{
	const size_t n = strcspn(text, "/");
	char address[INET6_ADDRSTRLEN] = "";
	uint8_t bytes[16];
	uint64_t all, prefix;

	if (n >= sizeof address)
		return false;
	memcpy(address, text, n);
	all = inet_pton(AF_INET, address, bytes) == 1    ? 32
	      : inet_pton(AF_INET6, address, bytes) == 1 ? 128
							 : 0;
	prefix = all;
	if (all == 0 || (text[n] && !dr_parse_u64(text + n + 1, 0, all, &prefix)))
		return false;
	for (uint64_t i = prefix; i < all; i++)
		if (bytes[i / 8] >> (7 - i % 8) & 1)
			return false;
	return true;
}

static int choose_url(struct sign_url *url, const struct place *p, const struct args *args,
		      struct dr_err *err)
{
	static const char *const methods[] = {"GET", "PUT", "HEAD", "POST", "DELETE"};
	const char *method = args_get(args, "method");
	const char *expires = args_get(args, "expires");
	uint64_t seconds = EXPIRES_SECONDS;

	*url = (struct sign_url){.container = p->container, .name = p->name};
	url->method = method ? NULL : methods[0];
	for (size_t i = 0; method && i < sizeof methods / sizeof *methods; i++)
		if (strcasecmp(method, methods[i]) == 0)
			url->method = methods[i];
	if (!url->method)
		return dr_fail(err, DR_INVALID,
			       "The method must be GET, PUT, HEAD, POST or DELETE");
	if (expires &&
	    (!dr_parse_seconds(expires, &seconds) || seconds == 0 || seconds > EXPIRES_MAX))
		return dr_fail(err, DR_INVALID,
			       "--expires takes a time from now: 90s, 30m, 24h or 7d");
	url->expires = dr_wall() + (int64_t)seconds;
	url->prefix = args_get(args, "prefix") != NULL;
	url->ip = args_get(args, "ip");
	if (url->ip && !is_range(url->ip))
		return dr_fail(err, DR_INVALID,
			       "--ip takes an address, or a range by its first one: 192.0.2.7, "
			       "192.0.2.0/24");
	if (!p->name && !url->prefix)
		return dr_fail(err, DR_INVALID,
			       "'%.80s' is no object: container/name is one; --prefix takes "
			       "containers",
			       args->words[0]);
	return 0;
}

int orbit_tempurl(struct cli *cli, const struct args *args, struct dr_err *err)
{
	DR_CLEANUP(remote_closep) struct remote *r = NULL;
	place_auto struct place p = {NULL, NULL};
	secret_auto char *key = NULL;
	dr_autobuf struct buf text = BUF_INIT;
	struct sign_url url;
	bool made;

	if (args->count != 1)
		return dr_fail(err, DR_INVALID, "You must specify the object");
	if (place_parse(&p, args->words[0], err) < 0 || choose_url(&url, &p, args, err) < 0 ||
	    remote_open(&r, cli, err) < 0 || sign_key(r, &key, &made, err) < 0)
		return -1;
	if (made)
		say("The account had no key for temporary URLs: a random one was set");
	if (sign_make(remote_origin(r), remote_path(r), key, &url, &text, err) < 0)
		return -1;
	puts(buf_str(&text));
	return 0;
}

/* rotate: `fresh` becomes the first key, the first the second. */
static int rotate(struct remote *r, const struct sign_keys *keys, const char *fresh,
		  struct dr_err *err)
{
	if (sign_keys_store(r, fresh, keys->key[0] ? keys->key[0] : NULL, err) < 0)
		return -1;
	say("The first key is new%s",
	    !keys->key[0]   ? ""
	    : !keys->key[1] ? "; the old one is the second, and its URLs go on working"
			    : "; the old one is the second, and its URLs go on working. "
			      "The URLs of the old second one no longer work");
	return 0;
}

static int show_keys(const struct cli *cli, const struct sign_keys *keys, struct dr_err *err)
{
	static const struct field columns[] = {{"key", NULL, false}, {"set", NULL, false}};
	static const struct field_list fields = FIELDS(columns);
	json_auto json_t *rows =
		json_pack("[{si, sb}, {si, sb}]", "key", 1, "set", keys->key[0] != NULL, "key", 2,
			  "set", keys->key[1] != NULL);

	return rows ? view_list(cli, fields, rows, err) : dr_fail_nomem(err);
}

int orbit_key(struct cli *cli, const struct args *args, struct dr_err *err)
{
	DR_CLEANUP(remote_closep) struct remote *r = NULL;
	sign_keys_auto struct sign_keys keys = {{NULL, NULL}};
	sign_keys_auto struct sign_keys after = {{NULL, NULL}};
	secret_auto char *fresh = NULL;
	bool set = args_get(args, "set"), random = args_get(args, "rotate"),
	     clear = args_get(args, "clear");

	if (args->count > 0 || set + random + clear > 1)
		return dr_fail(err, DR_INVALID, "Give one of --set, --rotate and --clear at most");
	if (remote_open(&r, cli, err) < 0 || sign_keys_load(r, &keys, err) < 0)
		return -1;
	if (set && prompt_line("New key for temporary URLs : ", true, &fresh, err) < 0)
		return -1;
	if (set && (!*fresh || !dr_text_valid(fresh, strlen(fresh))))
		return dr_fail(err, DR_INVALID, "that is no key");
	if (random && sign_key_random(&fresh, err) < 0)
		return -1;
	if (fresh && rotate(r, &keys, fresh, err) < 0)
		return -1;
	if (clear && sign_keys_store(r, "", "", err) < 0)
		return -1;
	return sign_keys_load(r, &after, err) < 0 ? -1 : show_keys(cli, &after, err);
}

static const struct option ls_options[] = {
	{'l', "long", NULL, "Show type and hash of objects, too"},
	{'r', "recursive", NULL, "Show what is below slashes, too"},
};

static const struct option put_options[] = {
	{'S', "segment-size", "SIZE", "Cut into segments of this size, 1M to 5G; 64M by default"},
};

static const struct option rm_options[] = {
	{'r', "recursive", NULL, "Containers with their objects, or all objects that begin so"},
};

static const struct option tempurl_options[] = {
	{'m', "method", "METHOD", "GET (default; permits HEAD too), PUT, HEAD, POST or DELETE"},
	{'e', "expires", "TIME", "How long it works: 90s, 30m, 24h (default), 7d"},
	{'p', "prefix", NULL, "For every object whose name begins so"},
	{0, "ip", "ADDRESS", "From this address or range only"},
};

static const struct option key_options[] = {
	{0, "set", NULL, "Ask for a key; it becomes the first, and the first the second"},
	{0, "rotate", NULL, "The same with a random key"},
	{0, "clear", NULL, "Take both away: no temporary URL of the account works any more"},
};

static const struct subcommand subs[] = {
	{"get",
	 "CONTAINER/NAME [FILE]",
	 "Download an object",
	 "FILE defaults to the last part of the name; - is standard output.\n"
	 "An interrupted download goes on where it stopped when the command is repeated.\n",
	 {NULL, 0},
	 orbit_get},
	{"key", "", "Show or change the keys that temporary URLs are signed with", NULL,
	 OPTIONS(key_options), orbit_key},
	{"ls", "[CONTAINER[/PREFIX]]", "List containers or objects", NULL, OPTIONS(ls_options),
	 orbit_ls},
	{"put", "FILE CONTAINER[/NAME]", "Upload a file",
	 "- is standard input. A name that ends in / gets the file's behind it.\n"
	 "Containers are made when they are missing. Large files are sent in segments, side by "
	 "side,\n"
	 "and go on where they stopped when the command is repeated.\n",
	 OPTIONS(put_options), orbit_put},
	{"rm", "CONTAINER[/NAME]...", "Remove objects or empty containers", NULL,
	 OPTIONS(rm_options), orbit_rm},
	{"tempurl", "CONTAINER/NAME", "Print a temporary URL: access without credentials",
	 "It is signed with the account's key. An account without one gets a random one.\n",
	 OPTIONS(tempurl_options), orbit_tempurl},
};

const struct command command_orbit = {
	.name = "orbit",
	.summary = "Store and fetch objects, and share them by temporary URLs",
	.subs = subs,
	.sub_count = sizeof subs / sizeof *subs,
	.sub_default = "ls",
};
