/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cmd_images.h"
#include "cli/download.h"
#include "cli/image.h"
#include "cli/remote.h"
#include "cli/text.h"
#include "util/str.h"

#include "util/banned.h"

/* choose_file: what was asked for, a name in the directory that was asked for, or a name here. */
static int choose_file(const char *asked, const char *id, enum download_format format, char **ret,
		       struct dr_err *err)
{
	dr_autobuf struct buf name = BUF_INIT;
	struct stat st;
	bool exists = asked && stat(asked, &st) == 0;

	if (exists && !S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return dr_fail(err, DR_INVALID, "%s is not a regular file", asked);
	if (asked)
		buf_puts(&name, asked);
	if (exists && S_ISDIR(st.st_mode) && asked[strlen(asked) - 1] != '/')
		buf_putc(&name, '/');
	if (!asked || (exists && S_ISDIR(st.st_mode)))
		buf_printf(&name, "%s.%s", id, download_format_name(format));
	*ret = buf_steal(&name);
	return *ret ? 0 : dr_fail_nomem(err);
}

static int check_image(const json_t *image, const char *id, struct dr_err *err)
{
	const char *status = view_text(image, "status");

	if (!text_id(view_text(image, "owner")))
		return dr_fail(err, DR_REMOTE, "the service names no owner of %s", id);
	if (!dr_streq(status, "available") && !dr_streq(status, "deprecated"))
		return dr_fail(err, DR_CONFLICT, "image %s has nothing to download: it is %.40s",
			       id, status);
	return 0;
}

int images_download(struct cli *cli, const struct args *args, struct dr_err *err)
{
	const char *id = args->count > 0 ? args->words[0] : NULL;
	const char *asked = args->count > 1 ? args->words[1] : NULL;
	const char *wanted = args_get(args, "format");
	const char *digest;
	struct download_request req = {.id = id, .format = DOWNLOAD_LZ4};
	dr_autobuf struct buf url = BUF_INIT;
	dr_autofree char *origin = NULL;
	dr_autofree char *file = NULL;
	json_auto json_t *image = NULL;
	struct session *s;
	int found;

	if (!id)
		return dr_fail(err, DR_INVALID, "You must specify the image you want to download");
	if (args->count > 2)
		return dr_fail(err, DR_INVALID, "You can download one image at a time");
	if (wanted && !download_format_parse(wanted, &req.format))
		return dr_fail(err, DR_INVALID, "The format must be lz4, raw or qcow2");
	if (dr_streq(asked, "-") && isatty(STDOUT_FILENO))
		return dr_fail(err, DR_INVALID, "an image is nothing for a terminal");
	if (!dr_streq(asked, "-") && choose_file(asked, id, req.format, &file, err) < 0)
		return -1;
	if (cli_session(cli, &s, err) < 0 ||
	    remote_origin_of(cli->config, session_api_origin(s), &origin, err) < 0)
		return -1;
	found = session_find(s, IMAGE_COLLECTION, id, SESSION_ACCOUNT, &image, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return dr_fail(err, DR_NOT_FOUND, "Couldn't find image %.80s", id);
	if (check_image(image, id, err) < 0)
		return -1;
	digest = view_text(image, "digest");
	buf_printf(&url, "%s/v1/%s/images/%s", origin, view_text(image, "owner"), id);
	if (req.format != DOWNLOAD_LZ4)
		buf_printf(&url, "?format=%s", download_format_name(req.format));
	req.url = buf_str(&url);
	req.file = file;
	req.digest = *digest ? digest : NULL;
	return download_run(s, &req, err);
}
