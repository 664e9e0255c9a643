/* SPDX-License-Identifier: Apache-2.0
 *
 * The SSH server's keys. They are made and looked at by darkroom-sftp, the only program with an SSH
 * library in it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/sftp_front.h"
#include "ingest/helper.h"
#include "util/cleanup.h"
#include "util/io.h"
#include "util/spec.h"

#include "util/banned.h"

#define KEY_BYTES 16384

static const char *const types[] = {"ed25519", "rsa"};

static int open_directory(const char *data, struct dr_err *err)
{
	dr_autobuf struct buf path = BUF_INIT;
	int fd;

	buf_printf(&path, "%s/ssh", data);
	if (mkdir(buf_str(&path), 0700) != 0 && errno != EEXIST)
		return dr_fail_errno(err, "cannot make %s", buf_str(&path));
	fd = open(buf_str(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? dr_fail_errno(err, "cannot open %s", buf_str(&path)) : fd;
}

/* ask_helper: what darkroom-sftp answers to a work order of one line. */
static int ask_helper(const char *key, const char *value, struct buf *ret, struct dr_err *err)
{
	dr_autobuf struct buf spec = BUF_INIT;
	struct helper_start hs = {.program = "darkroom-sftp",
				  .ring_in = -1,
				  .ring_out = -1,
				  .scratch = -1,
				  .drop_user = true};
	int pipe_fds[2], status = -1, rc;
	pid_t pid;

	spec_put(&spec, key, value);
	hs.spec = buf_str(&spec);
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return dr_fail_errno(err, "pipe");
	hs.report = pipe_fds[1];
	pid = helper_spawn(&hs, err);
	explicit_bzero(spec.p, spec.len);
	close(pipe_fds[1]);
	rc = pid < 0 ? -1 : dr_read_all(pipe_fds[0], ret, err);
	close(pipe_fds[0]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && status == 0)
		return rc;
	return dr_fail(err, DR_IO, "darkroom-sftp cannot make or read a host key");
}

static void name_of(size_t i, struct buf *ret)
{
	buf_clear(ret);
	buf_printf(ret, "host_%s", types[i]);
}

int host_keys_make(const char *data, struct dr_err *err)
{
	dr_autofd int dir = open_directory(data, err);
	dr_autobuf struct buf name = BUF_INIT;
	int made = 0;

	if (dir < 0)
		return -1;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		dr_autobuf struct buf key = BUF_INIT_MAX(KEY_BYTES);
		int rc;

		name_of(i, &name);
		if (faccessat(dir, buf_str(&name), F_OK, 0) == 0)
			continue;
		rc = ask_helper("make_key", types[i], &key, err);
		if (rc == 0)
			rc = dr_write_file(dir, buf_str(&name), key.p, key.len, 0600, err);
		explicit_bzero(key.p, key.len);
		if (rc < 0)
			return dr_while(err, "host key");
		made++;
	}
	return made;
}

int host_keys_each(const char *data,
		   void (*fn)(void *arg, const char *type, const char *fingerprint), void *arg,
		   struct dr_err *err)
{
	dr_autofd int dir = open_directory(data, err);
	dr_autobuf struct buf name = BUF_INIT;

	if (dir < 0)
		return -1;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		dr_autobuf struct buf key = BUF_INIT_MAX(KEY_BYTES);
		dr_autobuf struct buf print = BUF_INIT_MAX(KEY_BYTES);
		struct dr_err e = DR_ERR_INIT;
		int rc;

		name_of(i, &name);
		rc = dr_read_file(dir, buf_str(&name), &key, &e);
		if (rc < 0 && e.code == DR_NOT_FOUND)
			continue;
		if (rc == 0)
			rc = ask_helper("print_key", buf_str(&key), &print, &e);
		if (key.p)
			explicit_bzero(key.p, key.len);
		if (rc < 0) {
			*err = e;
			return dr_while(err, "host key %s", types[i]);
		}
		fn(arg, types[i], buf_str(&print));
	}
	return 0;
}
