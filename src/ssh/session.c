/* SPDX-License-Identifier: Apache-2.0 */
#include "ssh/session.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <string.h>
#include <unistd.h>

#include "ssh/protocol.h"
#include "ssh/wall.h"
#include "util/log.h"
#include "util/str.h"

#include "util/banned.h"

#define CONNECTION_FD 3
#define GATE_FD 4
#define INPUT_BYTES ((size_t)256 << 10)
#define FAREWELL_SECONDS 5

struct session {
	const struct door_config *cfg;
	ssh_session ssh;
	ssh_event event;
	ssh_channel channel;
	struct ssh_channel_callbacks_struct channel_callbacks;
	struct protocol *protocol;
	bool gone;      /* darkroomd does not want it any more */
	bool logged_in; /* so says darkroomd, and so was answered */
	bool sftp;      /* the subsystem was asked for */
	uint8_t packet[GATE_PACKET_BYTES];
};

/* ---- what is offered: nothing older than it must be ---- */

static const struct offer {
	enum ssh_bind_options_e option;
	const char *names;
} offers[] = {
	{SSH_BIND_OPTIONS_KEY_EXCHANGE,
	 "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384"},
	{SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, "ssh-ed25519,rsa-sha2-512,rsa-sha2-256"},
	{SSH_BIND_OPTIONS_CIPHERS_C_S, "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,"
				       "aes128-gcm@openssh.com,aes256-ctr,aes128-ctr"},
	{SSH_BIND_OPTIONS_CIPHERS_S_C, "chacha20-poly1305@openssh.com,aes256-gcm@openssh.com,"
				       "aes128-gcm@openssh.com,aes256-ctr,aes128-ctr"},
	{SSH_BIND_OPTIONS_HMAC_C_S, "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
				    "hmac-sha2-256,hmac-sha2-512"},
	{SSH_BIND_OPTIONS_HMAC_S_C, "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,"
				    "hmac-sha2-256,hmac-sha2-512"},
	{SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES,
	 "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,"
	 "rsa-sha2-512,rsa-sha2-256"},
};

static int fail_bind(ssh_bind bind, const char *what, struct dr_err *err)
{
	return dr_fail(err, DR_IO, "%s: %s", what, ssh_get_error(bind));
}

static int add_key(ssh_bind bind, const char *text, struct dr_err *err)
{
	ssh_key key = NULL;

	if (ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, &key) != SSH_OK)
		return dr_fail(err, DR_INVALID, "a host key cannot be read");
	/* The key is the bind's from here on. */
	return ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) == SSH_OK
		       ? 0
		       : fail_bind(bind, "host key", err);
}

int session_bind(ssh_bind *ret, const char *const *host_keys, struct dr_err *err)
{
	const bool no = false;
	const int rsa_bits = 2048;
	ssh_bind bind = ssh_bind_new();
	int rc = 0;

	if (!bind)
		return dr_fail_nomem(err);
	/* Not the files of this host's own libssh. */
	if (ssh_bind_options_set(bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no) != SSH_OK ||
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_BANNER, "darkroom") != SSH_OK ||
	    ssh_bind_options_set(bind, SSH_BIND_OPTIONS_RSA_MIN_SIZE, &rsa_bits) != SSH_OK)
		rc = fail_bind(bind, "options", err);
	for (size_t i = 0; i < sizeof offers / sizeof *offers && rc == 0; i++)
		if (ssh_bind_options_set(bind, offers[i].option, offers[i].names) != SSH_OK)
			rc = fail_bind(bind, offers[i].names, err);
	for (size_t i = 0; host_keys[i] && rc == 0; i++)
		rc = add_key(bind, host_keys[i], err);
	if (rc < 0)
		ssh_bind_free(bind);
	else
		*ret = bind;
	return rc;
}

/* ---- through the gate ---- */

static int ask_gate(void *arg, const struct gate_request *rq, uint8_t *packet,
		    struct gate_answer *ret, int *ret_fd, struct dr_err *err)
{
	struct session *s = arg;
	int rc = gate_ask(GATE_FD, rq, packet, ret, ret_fd, err);

	s->gone |= rc < 0;
	return rc;
}

/* login: what darkroomd makes of it. */
static int login(struct session *s, enum gate_op op, const char *user, const char *secret,
		 const char *key, unsigned flags)
{
	struct dr_err err = DR_ERR_INIT;
	struct gate_request rq = {.op = op, .flags = flags};
	struct gate_answer a;
	int rc;

	/* What is too long is wrong, and costs what wrong costs. */
	if (!dr_copy(rq.path, sizeof rq.path, user) || !dr_copy(rq.other, GATE_SECRET_TEXT, secret))
		rq.path[0] = 0;
	rq.data = (const uint8_t *)key;
	rq.len = strlen(key);
	rc = ask_gate(s, &rq, s->packet, &a, NULL, &err);
	explicit_bzero(&rq, sizeof rq);
	if (rc < 0 || a.status != GATE_OK)
		return SSH_AUTH_DENIED;
	if (op == GATE_LOGIN_SECRET || (flags & GATE_PROVEN)) {
		s->logged_in = true;
		alarm(0);
	}
	return SSH_AUTH_SUCCESS;
}

static int on_password(ssh_session ssh, const char *user, const char *password, void *arg)
{
	(void)ssh;
	return login(arg, GATE_LOGIN_SECRET, user, password, "", 0);
}

static int on_key(ssh_session ssh, const char *user, struct ssh_key_struct *key, char state,
		  void *arg)
{
	dr_autobuf struct buf text = BUF_INIT;
	char *base64 = NULL;
	unsigned flags = 0;

	(void)ssh;
	if (state == SSH_PUBLICKEY_STATE_VALID)
		flags = GATE_PROVEN;
	else if (state != SSH_PUBLICKEY_STATE_NONE)
		return SSH_AUTH_DENIED;
	if (ssh_pki_export_pubkey_base64(key, &base64) != SSH_OK)
		return SSH_AUTH_DENIED;
	buf_printf(&text, "%s %s", ssh_key_type_to_char(ssh_key_type(key)), base64);
	ssh_string_free_char(base64);
	return login(arg, GATE_LOGIN_KEY, user, "", buf_str(&text), flags);
}

/* ---- the one channel and its one subsystem ---- */

static int on_subsystem(ssh_session ssh, ssh_channel channel, const char *name, void *arg)
{
	struct session *s = arg;

	(void)ssh;
	if (channel != s->channel || s->sftp || strcmp(name, "sftp") != 0)
		return 1;
	s->sftp = true;
	return 0;
}

static ssh_channel on_channel(ssh_session ssh, void *arg)
{
	struct session *s = arg;

	if (s->channel || !s->logged_in)
		return NULL;
	s->channel = ssh_channel_new(ssh);
	if (!s->channel)
		return NULL;
	/* Everything else that a channel may be asked for is refused by libssh. */
	s->channel_callbacks.userdata = s;
	s->channel_callbacks.channel_subsystem_request_function = on_subsystem;
	ssh_callbacks_init(&s->channel_callbacks);
	ssh_set_channel_callbacks(s->channel, &s->channel_callbacks);
	return s->channel;
}

static int send_to_client(void *arg, const void *p, size_t len, struct dr_err *err)
{
	struct session *s = arg;
	int n = ssh_channel_write(s->channel, p, (uint32_t)len);

	if (n < 0 || (size_t)n != len)
		return dr_fail(err, DR_REMOTE, "the client is gone");
	/* It waited idle_seconds for the client to read, and then kept the rest in memory. */
	return ssh_get_status(s->ssh) & SSH_WRITE_PENDING
		       ? dr_fail(err, DR_REMOTE, "the client does not read")
		       : 0;
}

static bool closed(struct session *s)
{
	return s->gone || (ssh_get_status(s->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR));
}

/* wait: for something from the client. False: nothing came for so long, or it is gone. */
static bool wait_for_client(struct session *s)
{
	return ssh_event_dopoll(s->event, (int)(s->cfg->idle_seconds * 1000)) == SSH_OK &&
	       !closed(s);
}

/* serve: until the client closes the channel or leaves. */
static int serve(struct session *s, uint8_t *input, struct dr_err *err)
{
	int n;

	while (wait_for_client(s)) {
		while ((n = ssh_channel_read_nonblocking(s->channel, input, INPUT_BYTES, 0)) > 0)
			if (protocol_feed(s->protocol, input, (size_t)n, err) < 0)
				return -1;
		if (n < 0 || ssh_channel_is_eof(s->channel) || ssh_channel_is_closed(s->channel))
			break;
	}
	return 0;
}

static int run_sftp(struct session *s, struct dr_err *err)
{
	const struct protocol_io io = {ask_gate, send_to_client, s};
	dr_autofree uint8_t *input = malloc(INPUT_BYTES);
	int rc;

	if (!input)
		return dr_fail_nomem(err);
	if (protocol_new(&s->protocol, &io, err) < 0)
		return -1;
	rc = serve(s, input, err);
	protocol_free(s->protocol);
	/* It is the client's to hang up; whatever it does instead, this is the end. */
	alarm(FAREWELL_SECONDS);
	if (closed(s))
		return rc;
	ssh_channel_request_send_exit_status(s->channel, rc == 0 ? 0 : 1);
	ssh_channel_send_eof(s->channel);
	ssh_channel_close(s->channel);
	while (ssh_event_dopoll(s->event, -1) == SSH_OK && !closed(s))
		;
	return rc;
}

static int talk(struct session *s, struct dr_err *err)
{
	struct ssh_server_callbacks_struct callbacks = {
		.userdata = s,
		.auth_password_function = on_password,
		.auth_pubkey_function = on_key,
		.channel_open_request_session_function = on_channel,
	};

	ssh_callbacks_init(&callbacks);
	ssh_set_server_callbacks(s->ssh, &callbacks);
	ssh_set_auth_methods(s->ssh, SSH_AUTH_METHOD_PASSWORD | SSH_AUTH_METHOD_PUBLICKEY);
	if (ssh_handle_key_exchange(s->ssh) != SSH_OK)
		return dr_fail(err, DR_REMOTE, "no key exchange");
	s->event = ssh_event_new();
	if (!s->event || ssh_event_add_session(s->event, s->ssh) != SSH_OK)
		return dr_fail_nomem(err);
	while (!s->sftp)
		if (!wait_for_client(s))
			return 0;
	return run_sftp(s, err);
}

static int set_up(struct session *s, ssh_bind bind, struct dr_err *err)
{
	const long patience = s->cfg->idle_seconds;

	s->ssh = ssh_new();
	if (!s->ssh)
		return dr_fail_nomem(err);
	if (ssh_options_set(s->ssh, SSH_OPTIONS_COMPRESSION_C_S, "none") != SSH_OK ||
	    ssh_options_set(s->ssh, SSH_OPTIONS_COMPRESSION_S_C, "none") != SSH_OK ||
	    ssh_options_set(s->ssh, SSH_OPTIONS_TIMEOUT, &patience) != SSH_OK ||
	    ssh_bind_accept_fd(bind, s->ssh, CONNECTION_FD) != SSH_OK)
		return dr_fail(err, DR_IO, "cannot set up a session: %s", ssh_get_error(bind));
	return wall_lower(GATE_FD, s->cfg->object_bytes, err);
}

_Noreturn void session_run(ssh_bind bind, const struct door_config *cfg, int connection, int gate)
{
	struct session *s = calloc(1, sizeof *s);
	struct dr_err err = DR_ERR_INIT;
	int high;

	if (!s)
		_exit(2);
	s->cfg = cfg;
	/* The two may stand in each other's place. */
	high = dup(gate);
	if (dup2(connection, CONNECTION_FD) < 0 || dup2(high, GATE_FD) < 0)
		_exit(2);
	/* Whoever does not log in is cut off, wherever it stands. */
	alarm(cfg->login_seconds);
	if (set_up(s, bind, &err) < 0) {
		dr_log(DR_ERROR, "what=sftp-session error=\"%s\"", err.msg);
		_exit(2);
	}
	if (talk(s, &err) < 0)
		dr_log(DR_DEBUG, "what=sftp-session error=\"%s\"", err.msg);
	if (!(ssh_get_status(s->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR)))
		ssh_disconnect(s->ssh);
	_exit(0);
}
