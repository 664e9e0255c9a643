/* SPDX-License-Identifier: Apache-2.0
 *
 * The operator's configuration: a file, and before the first newline one --set. What is accepted
 * can be checked and its lists taken apart, and what it denies is what the file says; what is not
 * is explained. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/config.h"
#include "util/cleanup.h"
#include "util/str.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const char *text)
{
	char **list = config_list(text);

	assert(list);
	for (size_t i = 0; list[i]; i++)
		assert(list[i][0] && !strpbrk(list[i], ", \t"));
	config_list_free(list);
}

/* denied: [owned by caller] what "deny = …" says in a file that says nothing more about it, and no
 * comment; NULL otherwise. */
static char *denied(const char *text)
{
	static const char before[] = "[import]\ndeny = ";
	const char *at = strstr(text, before), *end;

	if (!at || (at > text && at[-1] != '\n') || strstr(at + sizeof before - 1, "deny") ||
	    strchr(at, ';'))
		return NULL;
	at += sizeof before - 1;
	end = at + strcspn(at, "\n");
	return end > at && (uint8_t)at[0] > ' ' && (uint8_t)end[-1] > ' '
		       ? strndup(at, (size_t)(end - at))
		       : NULL;
}

static void load(struct config *c, const uint8_t *p, size_t len)
{
	dr_autofree char *text = strndup((const char *)p, len);
	dr_autofree char *deny = text ? denied(text) : NULL;
	dr_autofd int fd = memfd_create("conf", MFD_CLOEXEC);
	struct dr_err err = DR_ERR_INIT;
	char path[40];

	assert(text && fd >= 0 && (len == 0 || write(fd, p, len) == (ssize_t)len));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (config_load(c, path, &err) < 0)
		assert(dr_err_is_set(&err) && err.msg[0]);
	else
		assert(!deny || strcmp(c->import_deny, deny) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	dr_autofree char *line = NULL;
	struct dr_err err = DR_ERR_INIT;
	struct config c = {0};
	size_t n = 0;

	assert(config_init(&c, "/tmp", &err) == 0);
	while (n < size && data[n] != '\n')
		n++;
	line = strndup((const char *)data, n);
	assert(line);
	if (config_set(&c, line, &err) < 0)
		assert(dr_err_is_set(&err) && err.msg[0]);
	dr_err_clear(&err);
	load(&c, data + n, size - n);
	if (config_check(&c, &err) < 0)
		assert(dr_err_is_set(&err) && err.msg[0]);
	check_list(c.import_allow);
	check_list(c.import_deny);
	check_list(c.import_ports);
	config_done(&c);
	return 0;
}
