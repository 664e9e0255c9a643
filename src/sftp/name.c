/* SPDX-License-Identifier: Apache-2.0 */
#include "sftp/name.h"

#include <string.h>

#include "util/str.h"

#include "util/banned.h"

bool login_name_parse(const char *text, struct login_name *ret)
{
	const char *colon = strrchr(text, ':');
	const size_t n = colon ? (size_t)(colon - text) : strlen(text);

	memset(ret, 0, sizeof *ret);
	if (n == 0 || n >= sizeof ret->who || !dr_text_valid(text, n) || (colon && !colon[1]))
		return false;
	memcpy(ret->who, text, n);
	return !colon || dr_copy(ret->account, sizeof ret->account, colon + 1);
}

/* word: the length of the word at s. */
static size_t word(const char *s)
{
	return strcspn(s, " \t\r\n");
}

bool key_listed(const char *keys, const char *key)
{
	const size_t type_len = word(key);
	const char *blob = key + type_len + (key[type_len] != 0);
	const size_t blob_len = strlen(blob);

	if (type_len == 0 || blob_len == 0)
		return false;
	for (const char *s = keys; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		const char *second;

		s += strspn(s, " \t\r");
		if (word(s) != type_len || strncmp(s, key, type_len) != 0)
			continue;
		second = s + type_len + strspn(s + type_len, " \t");
		if (word(second) == blob_len && strncmp(second, blob, blob_len) == 0)
			return true;
	}
	return false;
}
