/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroomd: init, serve, admin, inspect. */
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/daemon.h"
#include "util/str.h"

#include "util/banned.h"

static const char overview[] =
	"darkroomd: an image library for clouds\n"
	"\n"
	"  darkroomd init --data DIR [--json]          make a data directory, an account, a user "
	"and a client\n"
	"  darkroomd serve --data DIR [options]        run the server\n"
	"  darkroomd admin NOUN VERB [ARG...] --data DIR [--json]\n"
	"                                              accounts, users, clients, images, jobs, the "
	"store\n"
	"  darkroomd inspect FILE [--json] [--decode OUT]\n"
	"                                              what the importer makes of a local file\n"
	"\n"
	"  --help after any command says more; --version prints the version.\n"
	"  The manual: man darkroomd\n";

static const char init_help[] =
	"darkroomd init --data DIR [--account NAME] [--email EMAIL] [--json]\n"
	"\n"
	"Makes the data directory DIR (it must not exist or be empty) with a catalogue and a "
	"store,\n"
	"and in it an account, a user and an API client with full rights. Prints their ids and\n"
	"secrets once: only hashes are kept.\n"
	"\n"
	"  --account NAME   the account's name (Default account)\n"
	"  --email EMAIL    the user's e-mail (owner@darkroom.invalid)\n"
	"  --json           print {account_id, client_id, secret, email, password}\n";

static const char serve_help[] =
	"darkroomd serve --data DIR [--config FILE] [--listen HOST:PORT] [--set "
	"section.key=value]...\n"
	"\n"
	"Serves the API, Orbit and SFTP and runs imports. Prints one line on standard output when\n"
	"it accepts requests:  ready http=HOST:PORT sftp=HOST:PORT\n"
	"SIGTERM drains: running requests finish, imports go back to the queue, exit status 0.\n"
	"\n"
	"  --listen HOST:PORT  the same as --set http.listen=HOST:PORT\n"
	"  --sftp HOST:PORT    the same as --set sftp.listen=HOST:PORT; off = no SFTP server\n"
	"  --config FILE       instead of DIR/darkroom.conf (INI: [section], key = value)\n"
	"  --set s.k=v         one setting; may be repeated; wins over the file\n"
	"\n"
	"Settings and their defaults:\n";

static const char inspect_help[] =
	"darkroomd inspect FILE [--json] [--decode OUT]\n"
	"\n"
	"Runs a local file through the decoder, in the same sandbox as an import, and says what it "
	"is:\n"
	"compression, disk format, sizes, digest, warnings; or why it would be refused.\n"
	"Exit status 0 when it would be accepted, 1 when it would be refused, 2 on other errors.\n"
	"\n"
	"  --decode OUT   also write the raw disk to OUT (sparse; must not exist)\n"
	"  --json         the same as one JSON object\n"
	"  --data DIR     with the limits of the server there, instead of the defaults\n"
	"  --set s.k=v    one setting, such as import.decoder_cpu=10m; may be repeated\n";

enum {
	OPT_DATA = 256,
	OPT_CONFIG,
	OPT_LISTEN,
	OPT_SFTP,
	OPT_SET,
	OPT_JSON,
	OPT_ACCOUNT,
	OPT_EMAIL,
	OPT_DECODE,
	OPT_GROUP,
	OPT_NAME,
	OPT_NOW,
	OPT_FULL,
	OPT_STORED,
	OPT_ORBIT,
	OPT_VIRTUAL,
	OPT_UPLOAD,
	OPT_IMPORTS,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"data", required_argument, NULL, OPT_DATA},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"sftp", required_argument, NULL, OPT_SFTP},
	{"set", required_argument, NULL, OPT_SET},
	{"json", no_argument, NULL, OPT_JSON},
	{"account", required_argument, NULL, OPT_ACCOUNT},
	{"email", required_argument, NULL, OPT_EMAIL},
	{"decode", required_argument, NULL, OPT_DECODE},
	{"group", required_argument, NULL, OPT_GROUP},
	{"name", required_argument, NULL, OPT_NAME},
	{"now", no_argument, NULL, OPT_NOW},
	{"full", no_argument, NULL, OPT_FULL},
	{"stored-bytes", required_argument, NULL, OPT_STORED},
	{"orbit-bytes", required_argument, NULL, OPT_ORBIT},
	{"virtual-bytes", required_argument, NULL, OPT_VIRTUAL},
	{"upload-bytes", required_argument, NULL, OPT_UPLOAD},
	{"imports", required_argument, NULL, OPT_IMPORTS},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

unsigned daemon_processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

int complain(const struct dr_err *err)
{
	fprintf(stderr, "darkroomd: %s\n", err->msg);
	return 1;
}

int options_config(const struct options *o, struct config *ret, struct dr_err *err)
{
	dr_autobuf struct buf path = BUF_INIT;
	struct stat st;

	memset(ret, 0, sizeof *ret);
	if (!o->data)
		return dr_fail(err, DR_INVALID, "--data DIR is needed");
	if (stat(o->data, &st) != 0)
		return dr_fail(err, DR_NOT_FOUND,
			       "%s does not exist; make it with: darkroomd init --data %s", o->data,
			       o->data);
	if (config_init(ret, o->data, err) < 0)
		return -1;
	buf_printf(&path, "%s/darkroom.conf", ret->data);
	if (config_load(ret, o->config ? o->config : buf_str(&path), err) < 0) {
		if (o->config || err->code != DR_NOT_FOUND)
			return -1;
		dr_err_clear(err);
	}
	for (unsigned i = 0; i < o->set_count; i++)
		if (config_set(ret, o->set[i], err) < 0)
			return -1;
	if (o->listen) {
		buf_clear(&path);
		buf_printf(&path, "http.listen=%s", o->listen);
		if (config_set(ret, buf_str(&path), err) < 0)
			return -1;
	}
	if (o->sftp) {
		buf_clear(&path);
		buf_printf(&path, "sftp.listen=%s", o->sftp);
		if (config_set(ret, buf_str(&path), err) < 0)
			return -1;
	}
	return config_check(ret, err);
}

static int print_help(const char *command)
{
	if (dr_streq(command, "init")) {
		fputs(init_help, stdout);
	} else if (dr_streq(command, "serve")) {
		fputs(serve_help, stdout);
		config_explain(stdout);
	} else if (dr_streq(command, "admin")) {
		daemon_admin_help(stdout);
	} else if (dr_streq(command, "inspect")) {
		fputs(inspect_help, stdout);
	} else {
		fputs(overview, stdout);
	}
	return 0;
}

/* take_option: 0 taken, 1 help was asked for, -1 unknown. */
static int take_option(struct options *o, int opt)
{
	const char **const text[] = {
		[OPT_DATA - OPT_DATA] = &o->data,
		[OPT_CONFIG - OPT_DATA] = &o->config,
		[OPT_LISTEN - OPT_DATA] = &o->listen,
		[OPT_SFTP - OPT_DATA] = &o->sftp,
		[OPT_ACCOUNT - OPT_DATA] = &o->account,
		[OPT_EMAIL - OPT_DATA] = &o->email,
		[OPT_DECODE - OPT_DATA] = &o->decode,
		[OPT_GROUP - OPT_DATA] = &o->group,
		[OPT_NAME - OPT_DATA] = &o->name,
		[OPT_STORED - OPT_DATA] = &o->stored_bytes,
		[OPT_ORBIT - OPT_DATA] = &o->orbit_bytes,
		[OPT_VIRTUAL - OPT_DATA] = &o->virtual_bytes,
		[OPT_UPLOAD - OPT_DATA] = &o->upload_bytes,
		[OPT_IMPORTS - OPT_DATA] = &o->imports,
	};

	switch (opt) {
	case OPT_HELP:
		return 1;
	case OPT_JSON:
		o->json = true;
		return 0;
	case OPT_NOW:
		o->now = true;
		return 0;
	case OPT_FULL:
		o->full = true;
		return 0;
	case OPT_SET:
		if (o->set_count == sizeof o->set / sizeof *o->set)
			return -1;
		o->set[o->set_count++] = optarg;
		return 0;
	default:
		break;
	}
	if (opt < OPT_DATA || (size_t)(opt - OPT_DATA) >= sizeof text / sizeof *text ||
	    !text[opt - OPT_DATA])
		return -1;
	*text[opt - OPT_DATA] = optarg;
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct options *o);
	} commands[] = {{"init", daemon_init},
			{"serve", daemon_serve},
			{"admin", daemon_admin},
			{"inspect", daemon_inspect}};
	struct options o = {0};
	bool help = false;
	int opt, rc;

	/* Options may stand in any place: getopt_long() moves the other words behind them. */
	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (opt == OPT_VERSION) {
			printf("darkroomd %s\n", DR_VERSION);
			return 0;
		}
		rc = take_option(&o, opt);
		if (rc < 0) {
			fputs("Try: darkroomd --help\n", stderr);
			return 2;
		}
		help |= rc == 1;
	}
	for (; optind < argc && o.word_count < sizeof o.words / sizeof *o.words; optind++)
		o.words[o.word_count++] = argv[optind];
	if (help || o.word_count == 0 || strcmp(o.words[0], "help") == 0)
		return print_help(o.word_count == 0                 ? NULL
				  : strcmp(o.words[0], "help") == 0 ? o.words[1]
								    : o.words[0]);
	if (o.word_count > 1 &&
	    (strcmp(o.words[0], "init") == 0 || strcmp(o.words[0], "serve") == 0)) {
		fprintf(stderr,
			"darkroomd: %s takes options only, not %s\nTry: darkroomd %s --help\n",
			o.words[0], o.words[1], o.words[0]);
		return 2;
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, o.words[0]) == 0)
			return commands[i].run(&o);
	fprintf(stderr, "darkroomd: %s is no command\nTry: darkroomd --help\n", o.words[0]);
	return 2;
}
