/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon/config: what can be configured, its defaults, and the three ways to say it:
 * DATA/darkroom.conf (or --config FILE), then --set section.key=value, in this order. An unknown
 * key is an error. */
#ifndef DR_DAEMON_CONFIG_H
#define DR_DAEMON_CONFIG_H

#include <stdio.h>

#include "util/buf.h"

struct config {
	char *data; /* owned, like every string here: the data directory, absolute */
	/* [http] */
	char *http_listen, *http_public_url;
	uint64_t http_workers, http_connections, http_idle_seconds;
	/* [import] */
	char *import_allow, *import_deny, *import_ports;
	bool import_nat64;
	uint64_t import_attempts, import_backoff_seconds;
	uint64_t import_connect_seconds, import_first_byte_seconds;
	uint64_t import_concurrent, import_per_account, import_threads;
	uint64_t import_upload_bytes, import_virtual_bytes, import_spool_reserve;
	uint64_t import_stall_seconds, import_total_seconds, import_cpu_seconds;
	uint64_t import_decoder_memory, import_decoder_address, import_decoder_stall_seconds;
	uint64_t import_decoder_cpu, import_decoder_cpu_data, import_decoder_cpu_holes;
	bool import_require_sandbox, import_hurry;
	/* [account] */
	uint64_t account_stored_bytes;
	/* [store] */
	char *store_url, *store_dedup;
	uint64_t store_collect_seconds, store_grace_seconds;
	/* [orbit] */
	uint64_t orbit_object_bytes, orbit_account_bytes, orbit_tempurl_days;
	uint64_t orbit_expire_seconds;
	bool orbit_tempurl_sha1;
	/* [catalogue] */
	char *catalogue_url;
	/* [sftp] */
	char *sftp_listen;
	uint64_t sftp_sessions, sftp_sessions_per_address, sftp_sessions_per_account;
	uint64_t sftp_threads, sftp_idle_seconds, sftp_login_seconds;
	uint64_t sftp_delay_seconds, sftp_tries, sftp_lockout_seconds;
	/* [log] */
	char *log_level;
	bool log_requests;
};

/* config_init: the defaults for a data directory. config_done frees. */
int config_init(struct config *c, const char *data, struct dr_err *err) DR_MUST_CHECK;
void config_done(struct config *c);
/* config_load: an INI file; NOT_FOUND when absent. */
int config_load(struct config *c, const char *path, struct dr_err *err) DR_MUST_CHECK;
/* config_set: "section.key=value". INVALID names the key and what it takes. */
int config_set(struct config *c, const char *assignment, struct dr_err *err) DR_MUST_CHECK;
/* config_check: rules that span keys, after everything was set. */
int config_check(const struct config *c, struct dr_err *err) DR_MUST_CHECK;
/* config_list: "a, b c" -> NULL-terminated owned array of owned strings; free with
 * config_list_free. */
char **config_list(const char *text);
void config_list_free(char **list);
/* config_explain: every key with its default and one line of meaning. */
void config_explain(FILE *out);

#endif
