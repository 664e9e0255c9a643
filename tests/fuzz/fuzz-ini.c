/* SPDX-License-Identifier: Apache-2.0
 *
 * The tenant's configuration file, and after a zero byte a change to it: section, key and value,
 * each ended by a zero. A file is written as it was read; a value that was set is there, before and
 * after the file has been written and read again, and nothing else of its section has changed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ini.h"

#include "util/banned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ini *reread(const struct ini *ini)
{
	dr_autobuf struct buf b = BUF_INIT;
	struct dr_err err = DR_ERR_INIT;
	struct ini *again = NULL;

	ini_write(ini, &b);
	assert(buf_ok(&b));
	assert(ini_parse(&again, buf_str(&b), b.len, &err) == 0);
	return again;
}

static void is_written_as_read(const struct ini *ini, const char *text, size_t len)
{
	dr_autobuf struct buf b = BUF_INIT;

	ini_write(ini, &b);
	assert(b.len == len + (len > 0 && text[len - 1] != '\n'));
	assert(memcmp(buf_str(&b), text, len) == 0);
}

static void must_have(const struct ini *ini, const char *section, const char *key,
		      const char *value)
{
	const char *got = ini_get(ini, section, key);

	assert(ini_has(ini, section) && got && strcmp(got, value) == 0);
}

static void change(struct ini *ini, const char *section, const char *key, const char *value)
{
	DR_CLEANUP(ini_freep) struct ini *again = NULL;
	struct dr_err err = DR_ERR_INIT;
	const char *name;

	if (ini_set(ini, section, key, value, &err) == 0) {
		must_have(ini, section, key, value);
		again = reread(ini);
		must_have(again, section, key, value);
	}
	ini_unset(ini, section, key);
	assert(!ini_get(ini, section, key));
	ini_remove(ini, section);
	assert(!ini_has(ini, section));
	for (size_t n = 0; (name = ini_section(ini, n)); n++)
		assert(ini_has(ini, name) && strcmp(name, section) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 4), *word[3];
	DR_CLEANUP(ini_freep) struct ini *ini = NULL;
	struct dr_err err = DR_ERR_INIT;
	size_t len;

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	memset(text + size, 0, 4);
	len = strlen(text);
	if (ini_parse(&ini, text, len, &err) == 0) {
		is_written_as_read(ini, text, len);
		word[0] = text + len + (len < size);
		for (int i = 1; i < 3; i++) {
			word[i] = word[i - 1] + strlen(word[i - 1]);
			word[i] += word[i] < text + size;
		}
		change(ini, word[0], word[1], word[2]);
	} else {
		assert(dr_err_is_set(&err) && err.msg[0]);
	}
	free(text);
	return 0;
}
