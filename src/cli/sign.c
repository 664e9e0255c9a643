/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sign.h"

#include <stdlib.h>
#include <string.h>

#include "cli/prompt.h"
#include "digest/hmac.h"
#include "util/io.h"

#include "util/banned.h"

#define KEY_BYTES 24

static const char *const key_names[SIGN_KEYS] = {"X-Account-Meta-Temp-Url-Key",
						 "X-Account-Meta-Temp-Url-Key-2"};

int sign_keys_load(struct remote *r, struct sign_keys *ret, struct dr_err *err)
{
	const struct remote_call call = {.method = "HEAD"};
	dr_autobuf struct buf reply = BUF_INIT;

	*ret = (struct sign_keys){{NULL, NULL}};
	if (remote_done(r, remote_web(r), &call, &reply, err) < 0)
		return -1;
	for (size_t i = 0; i < SIGN_KEYS; i++) {
		const char *value = web_header(remote_web(r), key_names[i]);

		if (!value || !*value)
			continue;
		ret->key[i] = strdup(value);
		if (!ret->key[i])
			return dr_fail_nomem(err);
	}
	return 0;
}

/* put_header: nothing for a key that stays. */
static void put_header(struct buf *out, const char *name, const char *value)
{
	/* With a semicolon libcurl sends the header empty. */
	if (value)
		buf_printf(out, "%s%s%s", name, *value ? ": " : ";", value);
}

int sign_keys_store(struct remote *r, const char *first, const char *second, struct dr_err *err)
{
	dr_autobuf struct buf one = BUF_INIT;
	dr_autobuf struct buf two = BUF_INIT;
	dr_autobuf struct buf reply = BUF_INIT;
	const char *headers[SIGN_KEYS + 1] = {NULL};
	const struct remote_call call = {.method = "POST", .headers = headers};
	size_t n = 0;

	put_header(&one, key_names[0], first);
	put_header(&two, key_names[1], second);
	if (buf_check(&one, err) < 0 || buf_check(&two, err) < 0)
		return -1;
	if (first)
		headers[n++] = buf_str(&one);
	if (second)
		headers[n] = buf_str(&two);
	return remote_done(r, remote_web(r), &call, &reply, err) < 0 ? -1 : 0;
}

void sign_keys_done(struct sign_keys *k)
{
	for (size_t i = 0; i < SIGN_KEYS; i++)
		secret_free(k->key[i]);
}

int sign_key_random(char **ret, struct dr_err *err)
{
	uint8_t noise[KEY_BYTES];

	*ret = malloc(2 * KEY_BYTES + 1);
	if (!*ret)
		return dr_fail_nomem(err);
	dr_random(noise, sizeof noise);
	hex_encode(noise, sizeof noise, *ret);
	return 0;
}

int sign_key(struct remote *r, char **ret, bool *made, struct dr_err *err)
{
	sign_keys_auto struct sign_keys keys = {{NULL, NULL}};

	*made = false;
	*ret = NULL;
	if (sign_keys_load(r, &keys, err) < 0)
		return -1;
	for (size_t i = 0; i < SIGN_KEYS && !*ret; i++)
		*ret = DR_STEAL(keys.key[i]);
	if (*ret)
		return 0;
	if (sign_key_random(ret, err) < 0)
		return -1;
	*made = true;
	return sign_keys_store(r, *ret, NULL, err);
}

int sign_make(const char *origin, const char *path, const char *key, const struct sign_url *url,
	      struct buf *ret, struct dr_err *err)
{
	const char *name = url->name ? url->name : "";
	dr_autobuf struct buf text = BUF_INIT;
	uint8_t mac[HASH_MAX_BYTES];
	char hex[HASH_MAX_HEX];

	if (url->ip)
		buf_printf(&text, "ip=%s\n", url->ip);
	buf_printf(&text, "%s\n%lld\n%s%s/%s/%s", url->method, (long long)url->expires,
		   url->prefix ? "prefix:" : "", path, url->container, name);
	if (buf_check(&text, err) < 0 ||
	    hmac_of(HASH_SHA256, key, strlen(key), text.p, text.len, mac, err) < 0)
		return -1;
	hex_encode(mac, hash_bytes(HASH_SHA256), hex);
	buf_printf(ret, "%s%s/", origin, path);
	remote_encode(ret, url->container);
	buf_putc(ret, '/');
	remote_encode(ret, name);
	buf_printf(ret, "?temp_url_sig=%s&temp_url_expires=%lld", hex, (long long)url->expires);
	if (url->prefix) {
		buf_puts(ret, "&temp_url_prefix=");
		remote_encode(ret, name);
	}
	if (url->ip) {
		buf_puts(ret, "&temp_url_ip_range=");
		remote_encode(ret, url->ip);
	}
	return buf_check(ret, err);
}
