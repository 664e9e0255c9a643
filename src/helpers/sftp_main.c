/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroom-sftp: the SSH server in front of darkroomd (ssh/door.h). Work orders:
 *   make_key=ed25519|rsa    writes a new host key to the report descriptor
 *   print_key=KEY           writes its fingerprint there
 *   host_key=KEY …          serves, on the listening socket and with the control socket it finds */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ingest/helper.h"
#include "ssh/door.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/log.h"
#include "util/spec.h"

#include "util/banned.h"

#define MOST_KEYS 8

static int serve(const struct spec *s, struct dr_err *err)
{
	const char *keys[MOST_KEYS + 1] = {NULL};
	struct door_config cfg = {
		.listener = HELPER_FD_RING_IN,
		.control = HELPER_FD_RING_OUT,
		.host_keys = keys,
		.sessions = (unsigned)spec_get_u64(s, "sessions", 1),
		.sessions_per_address = (unsigned)spec_get_u64(s, "sessions_per_address", 1),
		.idle_seconds = (unsigned)spec_get_u64(s, "idle_seconds", 600),
		.login_seconds = (unsigned)spec_get_u64(s, "login_seconds", 30),
		.object_bytes = spec_get_u64(s, "object_bytes", 0),
	};

	for (size_t i = 0; i < MOST_KEYS; i++)
		keys[i] = spec_nth(s, "host_key", i);
	return door_run(&cfg, err);
}

static int answer(char *text, struct dr_err *err)
{
	dr_autofree char *owned = text;

	return dr_write_all(HELPER_FD_REPORT, owned, strlen(owned), err);
}

static int run(const struct spec *s, struct dr_err *err)
{
	const char *type = spec_get(s, "make_key", NULL);
	const char *key = spec_get(s, "print_key", NULL);
	char *text = NULL;

	if (type)
		return door_make_key(type, &text, err) < 0 ? -1 : answer(text, err);
	if (key)
		return door_key_print(key, &text, err) < 0 ? -1 : answer(text, err);
	return serve(s, err);
}

int main(void)
{
	DR_CLEANUP(spec_freep) struct spec *spec = NULL;
	struct dr_err err = DR_ERR_INIT;

	signal(SIGPIPE, SIG_IGN);
	if (spec_read_fd(&spec, HELPER_FD_SPEC, &err) == 0 && run(spec, &err) == 0)
		return 0;
	dr_log(DR_ERROR, "what=sftp-listener error=\"%s\"", err.msg);
	return 1;
}
