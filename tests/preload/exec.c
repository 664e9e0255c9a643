/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "preload.h"

extern char **environ;

/* ours: what the programs we are put into must know. */
static bool ours(const char *entry)
{
	return strncmp(entry, "LD_PRELOAD=", 11) == 0 || strncmp(entry, "DR_", 3) == 0;
}

char **exec_environment(const char *name, char *const *envp)
{
	size_t n = 0, at = 0;
	char **ret;

	if (strcmp(name, "darkroom-import") != 0 && strcmp(name, "darkroom-commit") != 0)
		return (char **)(uintptr_t)envp;
	for (size_t i = 0; envp[i]; i++)
		n++;
	for (size_t i = 0; environ[i]; i++)
		n++;
	ret = calloc(n + 1, sizeof *ret);
	if (!ret)
		return (char **)(uintptr_t)envp;
	for (size_t i = 0; envp[i]; i++)
		ret[at++] = envp[i];
	for (size_t i = 0; environ[i]; i++)
		if (ours(environ[i]))
			ret[at++] = environ[i];
	return ret;
}
