/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/env.h"
#include "cli/text.h"
#include "util/io.h"
#include "util/num.h"
#include "util/str.h"

#include "util/banned.h"

#define FILE_MODE 0600
#define DIR_MODE 0700
#define TOKEN_MAX 4096

static const char *const token_suffixes[] = {
	[CONFIG_ACCESS_TOKEN] = ".oauth_token",
	[CONFIG_REFRESH_TOKEN] = ".refresh_token",
};

static char *path_join(const char *dir, const char *name)
{
	dr_autobuf struct buf path = BUF_INIT;

	buf_printf(&path, "%s/%s", dir, name);
	return buf_steal(&path);
}

static int read_ini(struct config *c, struct dr_err *err)
{
	dr_autobuf struct buf text = BUF_INIT;
	struct dr_err why = DR_ERR_INIT;

	if (dr_read_file(AT_FDCWD, c->path, &text, &why) < 0 && why.code != DR_NOT_FOUND) {
		*err = why;
		return -1;
	}
	if (ini_parse(&c->ini, buf_str(&text), text.len, err) < 0)
		return dr_while(err, "Config problem in %s", c->path);
	return 0;
}

int config_open(struct config **ret, const char *client, const char *account, struct dr_err *err)
{
	DR_CLEANUP(config_freep) struct config *c = calloc(1, sizeof *c);
	const char *home = env_get("HOME");

	if (!c)
		return dr_fail_nomem(err);
	c->dir = path_join(home ? home : ".", ".brightbox");
	c->path = c->dir ? path_join(c->dir, "config") : NULL;
	if (!c->path)
		return dr_fail_nomem(err);
	if (mkdir(c->dir, DIR_MODE) != 0 && errno != EEXIST)
		return dr_fail_errno(err, "create %s", c->dir);
	if (read_ini(c, err) < 0)
		return -1;
	if (account && !(c->account = strdup(account)))
		return dr_fail_nomem(err);
	if (!client)
		client = config_default_client(c);
	if (client && config_select(c, client, err) < 0)
		return -1;
	*ret = DR_STEAL(c);
	return 0;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	free(c->dir);
	free(c->path);
	ini_free(c->ini);
	free(c->client);
	free(c->account);
	free(c);
}

int config_save(struct config *c, struct dr_err *err)
{
	dr_autobuf struct buf text = BUF_INIT;
	dr_autofree char *real = realpath(c->path, NULL);

	ini_write(c->ini, &text);
	if (buf_check(&text, err) < 0)
		return -1;
	return dr_write_file(AT_FDCWD, real ? real : c->path, buf_str(&text), text.len, FILE_MODE,
			     err);
}

int config_select(struct config *c, const char *section, struct dr_err *err)
{
	char *name = strdup(section);

	if (!name)
		return dr_fail_nomem(err);
	free(c->client);
	c->client = name;
	return 0;
}

const char *config_get(const struct config *c, const char *key)
{
	return c->client ? ini_get(c->ini, c->client, key) : NULL;
}

const char *config_value(const struct config *c, const char *key)
{
	const char *value = config_get(c, key);

	return value && *value ? value : NULL;
}

int config_set(struct config *c, const char *key, const char *value, struct dr_err *err)
{
	assert(c->client);
	return ini_set(c->ini, c->client, key, value, err);
}

const char *config_account(const struct config *c)
{
	return c->account ? c->account : config_value(c, "default_account");
}

const char *config_default_client(const struct config *c)
{
	const char *name = ini_get(c->ini, "core", "default_client");

	return name && *name ? name : NULL;
}

const char *config_client(const struct config *c, size_t n)
{
	const char *name;

	/* "alias" is a section older clients kept beside "core". */
	for (size_t i = 0; (name = ini_section(c->ini, i)); i++)
		if (!dr_streq(name, "core") && !dr_streq(name, "alias") && n-- == 0)
			return name;
	return NULL;
}

const char *config_find(const struct config *c, const char *alias)
{
	const char *name;

	for (size_t i = 0; (name = config_client(c, i)); i++)
		if (dr_streq(name, alias) || dr_streq(ini_get(c->ini, name, "alias"), alias))
			return name;
	return NULL;
}

/* suffix_of: the number n of "stem_n" in [1, 2^32); 0 when the name has no such form. `stem_len`:
 * without it. */
static uint64_t suffix_of(const char *name, size_t *stem_len)
{
	const char *mark = strrchr(name, '_');
	uint64_t n = 0;

	*stem_len = strlen(name);
	if (!mark || !dr_parse_u64(mark + 1, 1, UINT32_MAX, &n))
		return 0;
	*stem_len = (size_t)(mark - name);
	return n;
}

int config_free_name(const struct config *c, const char *name, char **ret, struct dr_err *err)
{
	dr_autobuf struct buf text = BUF_INIT;
	uint64_t highest = 0, n;
	const char *other;
	size_t stem, len;

	suffix_of(name, &stem);
	for (size_t i = 0; (other = config_client(c, i)); i++) {
		n = suffix_of(other, &len);
		if (len == stem && strncmp(other, name, stem) == 0 && n > highest)
			highest = n;
	}
	if (ini_has(c->ini, name))
		buf_printf(&text, "%.*s_%llu", (int)stem, name, (unsigned long long)highest + 1);
	else
		buf_puts(&text, name);
	*ret = buf_steal(&text);
	return *ret ? 0 : dr_fail_nomem(err);
}

char *config_file(const struct config *c, const char *suffix)
{
	dr_autobuf struct buf name = BUF_INIT;

	assert(c->client);
	buf_puts(&name, c->dir);
	buf_putc(&name, '/');
	for (const char *s = c->client; *s; s++)
		buf_putc(&name, *s == '/' ? '_' : *s);
	buf_puts(&name, suffix);
	return buf_steal(&name);
}

int config_token_load(const struct config *c, enum config_token kind, char **ret,
		      struct dr_err *err)
{
	dr_autobuf struct buf text = BUF_INIT_MAX(TOKEN_MAX);
	dr_autofree char *path = config_file(c, token_suffixes[kind]);
	struct dr_err why = DR_ERR_INIT;
	size_t len;

	*ret = NULL;
	if (!path)
		return dr_fail_nomem(err);
	if (dr_read_file(AT_FDCWD, path, &text, &why) < 0) {
		if (why.code == DR_NOT_FOUND)
			return 0;
		*err = why;
		return -1;
	}
	/* What is no plain word must not get into a request's header. */
	len = strcspn(buf_str(&text), "\r\n");
	for (size_t i = 0; i < len; i++)
		if (text.p[i] <= ' ' || text.p[i] >= 0x7F)
			return 0;
	if (len > 0 && !(*ret = strndup(buf_str(&text), len)))
		return dr_fail_nomem(err);
	return 0;
}

int config_token_store(const struct config *c, enum config_token kind, const char *token,
		       struct dr_err *err)
{
	dr_autofree char *path = config_file(c, token_suffixes[kind]);

	if (!path)
		return dr_fail_nomem(err);
	return dr_write_file(AT_FDCWD, path, token, strlen(token), FILE_MODE, err);
}

void config_token_forget(const struct config *c)
{
	for (size_t i = 0; i < sizeof token_suffixes / sizeof *token_suffixes; i++) {
		dr_autofree char *path = config_file(c, token_suffixes[i]);

		if (path)
			unlink(path);
	}
}

void config_remember(const struct config *c, const char *id)
{
	dr_autofree char *cache = path_join(c->dir, "cache");
	dr_autofree char *path = NULL;
	int fd;

	if (!cache || !text_id(id) || !(path = path_join(cache, id)))
		return;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, FILE_MODE);
	if (fd < 0 && errno == ENOENT && mkdir(cache, DIR_MODE) == 0)
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, FILE_MODE);
	if (fd >= 0)
		close(fd);
}
