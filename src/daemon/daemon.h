/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon: the program's commands. Each returns the exit status. */
#ifndef DR_DAEMON_DAEMON_H
#define DR_DAEMON_DAEMON_H

#include "daemon/config.h"

/* Options shared by the commands; strings borrowed from argv. */
struct options {
	const char *data;
	const char *config;
	const char *listen;
	const char *sftp;
	const char *set[64];
	unsigned set_count;
	bool json;
	/* init */
	const char *account, *email;
	/* inspect */
	const char *decode;
	/* admin */
	const char *group, *name;
	bool now, full;
	const char *stored_bytes, *orbit_bytes, *virtual_bytes, *upload_bytes, *imports;
	/* words that are no options */
	const char *words[16];
	unsigned word_count;
};

/* options_config: data directory, its darkroom.conf or --config, --set. [config owned by caller] */
int options_config(const struct options *o, struct config *ret, struct dr_err *err) DR_MUST_CHECK;
/* complain: "darkroomd: message" on standard error; returns 1. */
int complain(const struct dr_err *err);

int daemon_init(const struct options *o);
int daemon_serve(const struct options *o);
int daemon_admin(const struct options *o);
int daemon_inspect(const struct options *o);
void daemon_admin_help(FILE *out);
/* inspect_fd: run an open file (owned from the call on) through the sandboxed decoder, with the
 * limits of an import. 0 and the size of the disk, or -1 with the refusal (err->reason set) or what
 * went wrong. */
int inspect_fd(const struct config *cfg, int fd, uint64_t bytes, uint64_t *ret_virtual_bytes,
	       struct dr_err *err) DR_MUST_CHECK;

/* daemon_split_listen: "HOST:PORT", "[::1]:PORT"; INVALID names the setting `key`. */
int daemon_split_listen(const char *key, const char *text, char host[static 256], uint16_t *ret,
			struct dr_err *err) DR_MUST_CHECK;

/* daemon_processors: for defaults. */
unsigned daemon_processors(void);

#endif
