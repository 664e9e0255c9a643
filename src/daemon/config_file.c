/* SPDX-License-Identifier: Apache-2.0
 *
 * darkroom.conf, line by line. A line is one setting however long it is, and nothing continues it:
 * what denies addresses must not be cut short without a word. */
#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "daemon/config.h"
#include "util/io.h"

#include "util/banned.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)

/* trim: cuts off the blanks around it. */
static char *trim(char *s)
{
	char *end = s + strlen(s);

	while (end > s && isspace((unsigned char)end[-1]))
		*--end = 0;
	while (isspace((unsigned char)*s))
		s++;
	return s;
}

/* cut_comment: from a semicolon behind a blank on. */
static void cut_comment(char *s)
{
	for (size_t i = 1; s[0] && s[i]; i++)
		if (s[i] == ';' && isspace((unsigned char)s[i - 1]))
			s[i] = 0;
}

static int load_line(struct config *c, char *line, const char **section, struct dr_err *err)
{
	dr_autobuf struct buf assignment = BUF_INIT_MAX(2 * FILE_MAX_BYTES);
	char *end;

	cut_comment(line);
	line = trim(line);
	if (!*line || *line == ';' || *line == '#')
		return 0;
	if (*line == '[') {
		end = strchr(line, ']');
		if (!end || end[1])
			return dr_fail(err, DR_INVALID, "not a [section]");
		*end = 0;
		*section = trim(line + 1);
		return 0;
	}
	end = line + strcspn(line, "=:");
	if (!*end)
		return dr_fail(err, DR_INVALID, "not a setting; one stands on one line");
	*end = 0;
	if (!**section)
		return dr_fail(err, DR_INVALID, "a setting stands under its [section]");
	buf_printf(&assignment, "%s.%s=", *section, trim(line));
	buf_puts(&assignment, trim(end + 1));
	if (buf_check(&assignment, err) < 0)
		return -1;
	return config_set(c, buf_str(&assignment), err);
}

int config_load(struct config *c, const char *path, struct dr_err *err)
{
	dr_autobuf struct buf b = BUF_INIT_MAX(FILE_MAX_BYTES);
	const char *section = "";
	char *text, *line;

	if (dr_read_file(AT_FDCWD, path, &b, err) < 0)
		return -1;
	if (b.len > 0 && memchr(b.p, 0, b.len))
		return dr_fail(err, DR_INVALID, "%s is not a text file", path);
	text = (char *)b.p;
	for (unsigned n = 1; (line = strsep(&text, "\n")); n++)
		if (load_line(c, line, &section, err) < 0)
			return dr_while(err, "%s line %u", path, n);
	return 0;
}
