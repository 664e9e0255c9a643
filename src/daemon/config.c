/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/config.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define FETCH_WAIT_MAX_S 3600

enum value_kind { V_TEXT, V_COUNT, V_SIZE, V_SECONDS, V_BOOL };

struct key {
	const char *name; /* "section.key" */
	enum value_kind kind;
	size_t at; /* offset in struct config */
	const char *initial;
	const char *meaning;
};

#define AT(member) offsetof(struct config, member)

static const struct key keys[] = {
	{"http.listen", V_TEXT, AT(http_listen), "127.0.0.1:8877",
	 "HOST:PORT of the API and Orbit; port 0 picks one"},
	{"http.public_url", V_TEXT, AT(http_public_url), "",
	 "origin that clients use, when it is not the Host header's, and of our temporary URLs"},
	{"http.workers", V_COUNT, AT(http_workers), "0",
	 "threads that run requests; 0 = 4 and 2 per processor"},
	{"http.connections", V_COUNT, AT(http_connections), "4096", "connections at once"},
	{"http.idle_seconds", V_SECONDS, AT(http_idle_seconds), "60",
	 "an idle connection is closed after this"},
	{"import.allow", V_TEXT, AT(import_allow), "",
	 "private ranges imports may reach: CIDR (every port) or CIDR:port, comma-separated"},
	{"import.deny", V_TEXT, AT(import_deny), "",
	 "further ranges imports may not reach: CIDR, comma-separated"},
	{"import.ports", V_TEXT, AT(import_ports), "80,443,8080,8443",
	 "ports of sources that import.allow does not name"},
	{"import.nat64", V_BOOL, AT(import_nat64), "false",
	 "IPv4 sources are reached through 64:ff9b::/96"},
	{"import.attempts", V_COUNT, AT(import_attempts), "5",
	 "requests for one source, when it breaks off or is in trouble"},
	{"import.backoff_seconds", V_SECONDS, AT(import_backoff_seconds), "1",
	 "wait before the second attempt; doubles up to 30 s; 0 = none"},
	{"import.connect_seconds", V_SECONDS, AT(import_connect_seconds), "10",
	 "a source must have accepted a connection after this"},
	{"import.first_byte_seconds", V_SECONDS, AT(import_first_byte_seconds), "30",
	 "... and have begun to answer after this"},
	{"import.concurrent", V_COUNT, AT(import_concurrent), "0",
	 "imports running at once; 0 = one per processor"},
	{"import.per_account", V_COUNT, AT(import_per_account), "2",
	 "imports of one account running at once"},
	{"import.threads", V_COUNT, AT(import_threads), "0",
	 "decoding and hashing threads of one import; 0 = one per processor, at most 8"},
	{"import.hurry", V_BOOL, AT(import_hurry), "true",
	 "compress less well while the processors are what an import waits for"},
	{"import.upload_bytes", V_SIZE, AT(import_upload_bytes), "256G", "largest source file"},
	{"import.spool_reserve", V_SIZE, AT(import_spool_reserve), "256M",
	 "space that imports leave on the file system of DATA/spool; at most a sixteenth of it"},
	{"import.virtual_bytes", V_SIZE, AT(import_virtual_bytes), "2T", "largest disk"},
	{"import.stall_seconds", V_SECONDS, AT(import_stall_seconds), "60",
	 "a source that sends less than 64 KiB in this time has stalled"},
	{"import.total_seconds", V_SECONDS, AT(import_total_seconds), "6h",
	 "one import may take this long"},
	{"import.cpu_seconds", V_SECONDS, AT(import_cpu_seconds), "2d",
	 "processor time of one decoder, whatever it delivers"},
	{"import.decoder_cpu", V_SECONDS, AT(import_decoder_cpu), "30",
	 "processor time of a decoder to begin with; 0 = only import.cpu_seconds"},
	{"import.decoder_cpu_data", V_SECONDS, AT(import_decoder_cpu_data), "40",
	 "... and for each GiB of data it has delivered"},
	{"import.decoder_cpu_holes", V_SECONDS, AT(import_decoder_cpu_holes), "2",
	 "... and for each GiB of zeros"},
	{"import.decoder_stall_seconds", V_SECONDS, AT(import_decoder_stall_seconds), "120",
	 "a decoder that could work and moves nothing for this long is stopped"},
	{"import.decoder_memory", V_SIZE, AT(import_decoder_memory), "128M",
	 "window or dictionary a compressed file may need"},
	{"import.decoder_address", V_SIZE, AT(import_decoder_address), "384M",
	 "address space of one decoder beyond its start"},
	{"import.require_sandbox", V_BOOL, AT(import_require_sandbox), "true",
	 "false: import even where the decoder's walls do not hold; for developers only"},
	{"account.stored_bytes", V_SIZE, AT(account_stored_bytes), "0",
	 "data an account may store in images; 0 = unlimited"},
	{"store.url", V_TEXT, AT(store_url), "", "where chunks live; dir:DATA/store"},
	{"store.dedup", V_TEXT, AT(store_dedup), "account",
	 "deduplicate within an account, or global"},
	{"store.collect_interval", V_SECONDS, AT(store_collect_seconds), "1h",
	 "unused chunks and objects are collected this often; 0 = never"},
	{"store.collect_grace", V_SECONDS, AT(store_grace_seconds), "1h",
	 "unused chunks younger than this are kept"},
	{"orbit.object_bytes", V_SIZE, AT(orbit_object_bytes), "5G",
	 "largest single object; larger ones are made of segments"},
	{"orbit.account_bytes", V_SIZE, AT(orbit_account_bytes), "0",
	 "what an account's own objects may hold; 0 = unlimited"},
	{"orbit.tempurl_sha1", V_BOOL, AT(orbit_tempurl_sha1), "true",
	 "temporary URLs may be signed with SHA-1; fog signs no other way"},
	{"orbit.tempurl_days", V_COUNT, AT(orbit_tempurl_days), "0",
	 "temporary URLs may be good for so many days; 0 = for ever"},
	{"orbit.expire_interval", V_SECONDS, AT(orbit_expire_seconds), "10",
	 "objects whose time has come are deleted this often; 0 = never"},
	{"catalogue.url", V_TEXT, AT(catalogue_url), "",
	 "where the catalogue lives; sqlite:DATA/catalogue.sqlite"},
	{"sftp.listen", V_TEXT, AT(sftp_listen), "127.0.0.1:8822",
	 "HOST:PORT of the SFTP server; port 0 = any free one; off = none"},
	{"sftp.sessions", V_COUNT, AT(sftp_sessions), "256", "SFTP connections at once"},
	{"sftp.sessions_per_address", V_COUNT, AT(sftp_sessions_per_address), "64",
	 "... from one address"},
	{"sftp.sessions_per_account", V_COUNT, AT(sftp_sessions_per_account), "64",
	 "... to one account"},
	{"sftp.threads", V_COUNT, AT(sftp_threads), "0", "threads that answer them; 0 = 6"},
	{"sftp.idle_seconds", V_SECONDS, AT(sftp_idle_seconds), "10m",
	 "an idle SFTP connection is closed after this"},
	{"sftp.login_seconds", V_SECONDS, AT(sftp_login_seconds), "60",
	 "... and one that has not logged in after this"},
	{"sftp.delay_seconds", V_SECONDS, AT(sftp_delay_seconds), "2",
	 "wait before a wrong login is answered"},
	{"sftp.tries", V_COUNT, AT(sftp_tries), "20",
	 "wrong logins of a name or from an address, before neither is looked at"},
	{"sftp.lockout_seconds", V_SECONDS, AT(sftp_lockout_seconds), "5m", "... for this long"},
	{"log.level", V_TEXT, AT(log_level), "info", "debug, info, warn or error"},
	{"log.requests", V_BOOL, AT(log_requests), "false", "log a line for every request"},
};

#define MOST_SECONDS 1000000 /* of an import's limits: what they are multiplied by is large */
#define KEYS (sizeof keys / sizeof *keys)

static int expects(const struct key *k, const char *what, struct dr_err *err)
{
	return dr_fail(err, DR_INVALID, "%s takes %s", k->name, what);
}

static int put(struct config *c, const struct key *k, const char *value, struct dr_err *err)
{
	void *at = (char *)c + k->at;
	char *copy;

	switch (k->kind) {
	case V_TEXT:
		copy = strdup(value);
		if (!copy)
			return dr_fail_nomem(err);
		free(*(char **)at);
		*(char **)at = copy;
		return 0;
	case V_COUNT:
		return dr_parse_u64(value, 0, 1000000, at) ? 0 : expects(k, "a number", err);
	case V_SIZE:
		return dr_parse_size(value, at) ? 0 : expects(k, "a size such as 512M or 2T", err);
	case V_SECONDS:
		return dr_parse_seconds(value, at)
			       ? 0
			       : expects(k, "a time such as 90, 10m or 6h", err);
	case V_BOOL:
		return dr_parse_bool(value, at) ? 0 : expects(k, "true or false", err);
	}
	return -1;
}

static int put_by_name(struct config *c, const char *name, const char *value, struct dr_err *err)
{
	dr_autobuf struct buf quoted = BUF_INIT;

	for (size_t i = 0; i < KEYS; i++)
		if (strcmp(keys[i].name, name) == 0)
			return put(c, &keys[i], value, err);
	dr_quote(&quoted, name, 60);
	return dr_fail(err, DR_INVALID, "%s is no setting; `darkroomd serve --help` lists them",
		       buf_str(&quoted));
}

int config_init(struct config *c, const char *data, struct dr_err *err)
{
	dr_autobuf struct buf url = BUF_INIT;

	memset(c, 0, sizeof *c);
	c->data = realpath(data, NULL);
	if (!c->data)
		return dr_fail_errno(err, "%s", data);
	for (size_t i = 0; i < KEYS; i++)
		if (put(c, &keys[i], keys[i].initial, err) < 0)
			return -1;
	buf_printf(&url, "dir:%s/store", c->data);
	if (put_by_name(c, "store.url", buf_str(&url), err) < 0)
		return -1;
	buf_clear(&url);
	buf_printf(&url, "sqlite:%s/catalogue.sqlite", c->data);
	return put_by_name(c, "catalogue.url", buf_str(&url), err);
}

void config_done(struct config *c)
{
	for (size_t i = 0; i < KEYS; i++)
		if (keys[i].kind == V_TEXT)
			free(*(char **)((char *)c + keys[i].at));
	free(c->data);
	memset(c, 0, sizeof *c);
}

int config_set(struct config *c, const char *assignment, struct dr_err *err)
{
	const char *eq = strchr(assignment, '=');
	dr_autofree char *name = NULL;

	if (!eq)
		return dr_fail(err, DR_INVALID, "--set takes section.key=value");
	name = strndup(assignment, (size_t)(eq - assignment));
	if (!name)
		return dr_fail_nomem(err);
	return put_by_name(c, name, eq + 1, err);
}

static uint64_t seconds_at(const struct config *c, const struct key *k)
{
	uint64_t v;

	memcpy(&v, (const char *)c + k->at, sizeof v);
	return v;
}

static int check_sftp(const struct config *c, struct dr_err *err)
{
	if (c->sftp_sessions < 1 || c->sftp_sessions > 4096 || c->sftp_sessions_per_address < 1 ||
	    c->sftp_sessions_per_account < 1 || c->sftp_tries < 1 || c->sftp_threads > 64)
		return dr_fail(
			err, DR_INVALID,
			"sftp.sessions takes 1 to 4096, sftp.threads at most 64, "
			"sftp.sessions_per_address, sftp.sessions_per_account and sftp.tries "
			"1 or more");
	if (c->sftp_idle_seconds < 1 || c->sftp_idle_seconds > 86400 || c->sftp_login_seconds < 1 ||
	    c->sftp_login_seconds > 3600 || c->sftp_delay_seconds > 60)
		return dr_fail(err, DR_INVALID,
			       "sftp.idle_seconds takes 1 s to 1 d, sftp.login_seconds 1 s to 1 h, "
			       "sftp.delay_seconds at most 60");
	return 0;
}

int config_check(const struct config *c, struct dr_err *err)
{
	static const char *const levels[] = {"debug", "info", "warn", "error"};
	bool known = false;

	for (size_t i = 0; i < 4; i++)
		known |= strcmp(c->log_level, levels[i]) == 0;
	if (!known)
		return dr_fail(err, DR_INVALID, "log.level takes debug, info, warn or error");
	if (strcmp(c->store_dedup, "account") != 0 && strcmp(c->store_dedup, "global") != 0)
		return dr_fail(err, DR_INVALID, "store.dedup takes account or global");
	if (c->import_attempts < 1 || c->import_attempts > 100)
		return dr_fail(err, DR_INVALID, "import.attempts takes 1 to 100");
	if (c->import_connect_seconds < 1 || c->import_connect_seconds > FETCH_WAIT_MAX_S ||
	    c->import_first_byte_seconds < 1 || c->import_first_byte_seconds > FETCH_WAIT_MAX_S ||
	    c->import_backoff_seconds > FETCH_WAIT_MAX_S)
		return dr_fail(err, DR_INVALID,
			       "import.connect_seconds and import.first_byte_seconds take 1 s to "
			       "1 h, import.backoff_seconds at most 1 h");
	if (c->import_per_account == 0)
		return dr_fail(err, DR_INVALID, "import.per_account takes 1 or more");
	if (c->import_stall_seconds == 0 || c->import_total_seconds == 0 ||
	    c->import_decoder_stall_seconds == 0)
		return dr_fail(err, DR_INVALID,
			       "import.stall_seconds, import.total_seconds and "
			       "import.decoder_stall_seconds take 1 or more");
	for (size_t i = 0; i < KEYS; i++)
		if (keys[i].kind == V_SECONDS && dr_starts(keys[i].name, "import.") &&
		    seconds_at(c, &keys[i]) > MOST_SECONDS)
			return dr_fail(err, DR_INVALID, "%s takes at most %d seconds", keys[i].name,
				       MOST_SECONDS);
	if (c->import_concurrent > 256 || c->import_threads > 64)
		return dr_fail(err, DR_INVALID,
			       "import.concurrent takes at most 256, import.threads at most 64");
	return check_sftp(c, err);
}

char **config_list(const char *text)
{
	size_t count = 1;
	char **list;
	size_t n;

	for (const char *s = text; *s; s++)
		count += *s == ',' || *s == ' ';
	list = calloc(count + 1, sizeof *list);
	for (size_t i = 0; list && *text;) {
		n = strcspn(text, ", \t");
		if (n > 0 && !(list[i++] = strndup(text, n))) {
			config_list_free(list);
			return NULL;
		}
		text += n + (text[n] != 0);
	}
	return list;
}

void config_list_free(char **list)
{
	for (size_t i = 0; list && list[i]; i++)
		free(list[i]);
	free(list);
}

void config_explain(FILE *out)
{
	for (size_t i = 0; i < KEYS; i++)
		fprintf(out, "  %-28s %s%s%s%s\n", keys[i].name, keys[i].meaning,
			keys[i].initial[0] ? " (" : "", keys[i].initial,
			keys[i].initial[0] ? ")" : "");
}
