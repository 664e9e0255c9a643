/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroomd admin doctor: is this installation able to do its work? */
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/admin.h"
#include "daemon/sftp_front.h"
#include "ingest/helper.h"
#include "ingest/selftest.h"
#include "util/cleanup.h"
#include "util/io.h"

#include "util/banned.h"

#define LOW_SPACE ((uint64_t)1 << 30)

struct diagnosis {
	json_t *rows;
	unsigned failures;
};

static void note(struct diagnosis *d, const char *what, const char *verdict, const char *detail)
{
	json_array_append_new(d->rows, json_pack("{s:s, s:s, s:s}", "check", what, "verdict",
						 verdict, "detail", detail));
	d->failures += strcmp(verdict, "FAIL") == 0;
}

static void verdict(struct diagnosis *d, const char *what, int rc, const struct dr_err *err)
{
	note(d, what, rc < 0 ? "FAIL" : "ok", rc < 0 ? err->msg : "");
}

static void check_helpers(struct diagnosis *d)
{
	static const char *const programs[] = {"darkroom-import", "darkroom-fetch",
					       "darkroom-read",   "darkroom-decode",
					       "darkroom-commit", "darkroom-sftp"};
	char path[4096];

	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
		struct dr_err err = DR_ERR_INIT;

		verdict(d, programs[i], helper_path(programs[i], path, &err), &err);
	}
}

static void note_key(void *arg, const char *type, const char *fingerprint)
{
	dr_autobuf struct buf what = BUF_INIT;

	buf_printf(&what, "SFTP host key, %s", type);
	note(arg, buf_str(&what), "ok", fingerprint);
}

static void check_host_keys(struct diagnosis *d, const struct config *c)
{
	struct dr_err err = DR_ERR_INIT;

	if (host_keys_each(c->data, note_key, d, &err) < 0)
		verdict(d, "SFTP host keys", -1, &err);
}

/* check_walls: as at every start of the server, which imports nothing when it fails. */
static void check_walls(struct diagnosis *d, const struct config *c)
{
	struct dr_err err = DR_ERR_INIT;
	const int rc = selftest_run(&err);

	verdict(d, "walls of the decoder", rc, &err);
	if (!c->import_require_sandbox)
		note(d, "import.require_sandbox", "warn", "off: imports run without walls, too");
}

/* check_decoder: a small disk through the real decoder in its sandbox. */
static void check_decoder(struct diagnosis *d, const struct config *c)
{
	static const char sector[512] = "a disk of one sector";
	struct dr_err err = DR_ERR_INIT;
	uint64_t bytes = 0;
	int fd = memfd_create("sample", MFD_CLOEXEC);
	int rc = fd < 0 ? dr_fail_errno(&err, "memfd_create")
			: dr_write_all(fd, sector, sizeof sector, &err);

	if (rc == 0)
		rc = inspect_fd(c, fd, sizeof sector, &bytes, &err);
	if (rc == 0 && bytes != sizeof sector)
		rc = dr_fail(&err, DR_IO, "the sandboxed decoder gave back %llu bytes of 512",
			     (unsigned long long)bytes);
	verdict(d, "decoder in its sandbox", rc, &err);
	note(d, "helpers run as", geteuid() == 0 ? "ok" : "warn",
	     geteuid() == 0 ? "nobody" : "the daemon's own user: only root can give them another");
}

static void check_spool(struct diagnosis *d, const struct config *c)
{
	dr_autobuf struct buf path = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	dr_autofd int fd = -1;

	buf_printf(&path, "%s/spool", c->data);
	fd = helper_scratch(buf_str(&path), &err);
	verdict(d, "spool", fd < 0 ? dr_while(&err, "%s", buf_str(&path)) : 0, &err);
}

static void check_space(struct diagnosis *d, const struct config *c)
{
	struct statvfs vfs;
	char text[64];
	uint64_t left;

	if (statvfs(c->data, &vfs) != 0) {
		note(d, "space", "FAIL", "cannot ask the file system");
		return;
	}
	left = (uint64_t)vfs.f_bavail * vfs.f_frsize;
	snprintf(text, sizeof text, "%llu MiB free", (unsigned long long)(left >> 20));
	note(d, "space", left < LOW_SPACE ? "warn" : "ok", text);
}

static void check_private(struct diagnosis *d, const struct config *c)
{
	struct stat st;

	if (stat(c->data, &st) != 0 || (st.st_mode & 077) != 0)
		note(d, "data directory", "FAIL", "others can read it: chmod 700");
	else
		note(d, "data directory", "ok", c->data);
}

int admin_doctor(struct admin *a, const char *const *words, struct dr_err *err)
{
	struct diagnosis d = {.rows = json_array()};
	struct dr_err store = DR_ERR_INIT;

	(void)words;
	check_private(&d, &a->cfg);
	note(&d, "catalogue", "ok", a->cfg.catalogue_url);
	verdict(&d, "store", admin_store(a, &store), &store);
	check_spool(&d, &a->cfg);
	check_space(&d, &a->cfg);
	check_helpers(&d);
	check_host_keys(&d, &a->cfg);
	check_walls(&d, &a->cfg);
	check_decoder(&d, &a->cfg);
	admin_print(a, d.rows);
	if (d.failures)
		return dr_fail(err, DR_IO, "%u of the checks failed", d.failures);
	return 0;
}
