/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/env.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/num.h"

#include "util/banned.h"

#define SCREEN_BATCH 80 /* what terminfo says of a terminal nobody sees */
#define SCREEN_UNKNOWN 120
#define SCREEN_MAX 10000

const char *env_get(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static bool number(const char *name, uint64_t *ret)
{
	const char *value = env_get(name);

	return value && dr_parse_u64(value, 1, SCREEN_MAX, ret);
}

static size_t columns_of(int fd)
{
	struct winsize size;

	return fd >= 0 && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* batch_columns: what `tput cols` prints: COLUMNS alone, else the terminal of stderr or the
 * controlling one. */
static size_t batch_columns(void)
{
	dr_autofd int tty = -1;
	uint64_t asked;
	size_t columns;

	if (number("COLUMNS", &asked))
		return (size_t)asked;
	columns = columns_of(STDERR_FILENO);
	if (columns)
		return columns;
	tty = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	columns = columns_of(tty);
	return columns ? columns : SCREEN_BATCH;
}

size_t env_screen(void)
{
	uint64_t columns, lines;
	size_t seen;

	if (number("COLUMNS", &columns) && number("LINES", &lines))
		return (size_t)columns;
	if (!isatty(STDIN_FILENO))
		return env_get("TERM") ? batch_columns() : SCREEN_UNKNOWN;
	seen = columns_of(STDIN_FILENO);
	return seen ? seen : SCREEN_UNKNOWN;
}
